"""Columns of texts, or of a query's values, as columns of storage values, when none needs a judgement.

What a load or a query brings is nearly always exactly what the column stores. Anything else (a rounding, a warning, an
error) is left to the converters that go row by row, so that both ways give the same rows, warnings and errors.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from aurora_mysql.catalog.model import Column
from aurora_mysql.catalog.values import INTEGER_RANGES, TEXT_BYTES, Converter
from aurora_mysql.engine.arrow_rows import arrow_type
from aurora_mysql.errors import MySQLError

_FLOAT_LIMIT = 3.4028234663852886e38
_FIRST, _LAST = dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31, 23, 59, 59, 999999)
_FIRST_TIMESTAMP, _LAST_TIMESTAMP = dt.datetime(1970, 1, 1, 0, 0, 1), dt.datetime(2038, 1, 19, 3, 14, 7, 999999)


def typed(column: Column, texts: Any, convert: Converter, *, utc: bool) -> Any:
    """The storage values of `texts` (an Arrow array of strings or of what a query gave: bytes, numbers, dates), as an
    Arrow array of the column's type; None when a value must be judged, or is NULL where none may be.

    `convert` is the column's converter; `utc` tells that the session's time zone is UTC.
    """
    if texts.null_count and not column.nullable:
        return None
    kind = arrow_type(column.type)
    if texts.null_count == len(texts):
        return pa.nulls(len(texts), kind)
    if texts.type not in (pa.string(), pa.binary()):
        return values_as_stored(column, texts, kind, utc=utc)
    if texts.type == pa.binary() and not pa.types.is_binary(kind):
        return None
    maker = _MAKERS.get(column.type.name)
    found = None
    if maker is not None and (column.type.name != "timestamp" or utc):
        try:
            found = maker(column, texts, kind)
        except pa.ArrowInvalid:
            found = None
    return _each(texts, convert, kind) if found is None else found


def values_as_stored(column: Column, values: Any, kind: Any, *, utc: bool) -> Any:
    """As :func:`typed`, of numbers, dates and moments: only what is the same in both types."""
    name, given = column.type.name, values.type
    if name == "timestamp" and not utc:
        return None
    if not any(name in names and any(is_type(given) for is_type in types) for names, types in _ALIKE):
        return None
    if pa.types.is_boolean(given):
        values = pc.cast(values, pa.int64())
    try:
        if pa.types.is_decimal(kind) and not pa.types.is_decimal(given):
            values = pc.cast(values, pa.decimal128(20 if pa.types.is_unsigned_integer(given) else 19, 0))
        found = pc.cast(values, kind)
    except pa.ArrowInvalid:
        return None
    if name == "decimal":
        return found if not column.type.unsigned or pc.min_max(found)["min"].as_py() >= 0 else None
    if pa.types.is_floating(kind):
        plain = column.type.length is None and column.type.scale is None and not column.type.unsigned
        return found if plain and pc.all(pc.is_finite(found), min_count=0).as_py() else None
    if pa.types.is_integer(kind):
        low, high = INTEGER_RANGES[name, column.type.unsigned]
        return found if _within(found, pa.scalar(low, kind), pa.scalar(high, kind)) else None
    if name == "date":
        return found if _within(found, pa.scalar(_FIRST.date(), kind), pa.scalar(_LAST.date(), kind)) else None
    first, last = (_FIRST_TIMESTAMP, _LAST_TIMESTAMP) if name == "timestamp" else (_FIRST, _LAST)
    unit = 10 ** (6 - (column.type.scale or 0))
    micros = pc.cast(found, pa.int64())
    whole = pc.all(pc.equal(pc.multiply(pc.divide(micros, unit), unit), micros), min_count=0).as_py()
    return found if whole and _within(found, pa.scalar(first, kind), pa.scalar(last, kind)) else None


_INTEGER_NAMES = {name for name, _ in INTEGER_RANGES}
#: Names of column types, and the kinds of Arrow values that they may store as they are.
_ALIKE: tuple[tuple[set[str], tuple[Callable[[Any], bool], ...]], ...] = (
    (_INTEGER_NAMES, (pa.types.is_integer, pa.types.is_boolean)),
    ({"decimal"}, (pa.types.is_integer, pa.types.is_decimal)),
    ({"double"}, (pa.types.is_floating,)),
    ({"float"}, (pa.types.is_float32,)),
    ({"date"}, (pa.types.is_date,)),
    ({"datetime", "timestamp"}, (pa.types.is_date, pa.types.is_timestamp)),
)


class _NeedsJudgement(Exception):
    """A converter had something to say."""


def _each(texts: Any, convert: Converter, kind: Any) -> Any:
    """By the converter, once for each different value."""

    def warn(*_: object) -> None:
        raise _NeedsJudgement

    encoded = texts.dictionary_encode()
    try:
        values = [convert(text, 1, warn) for text in encoded.dictionary.to_pylist()]
        if None in values:
            return None
        return pa.array(values, type=kind).take(encoded.indices)
    except (MySQLError, _NeedsJudgement, pa.ArrowException):
        return None


def _has(texts: Any, part: str) -> bool:
    return bool(pc.any(pc.match_substring(texts, part), min_count=0).as_py())


def _within(values: Any, low: Any, high: Any) -> bool:
    """Compared by Arrow: Python has no dates before the year 1."""
    inside = pc.and_(pc.greater_equal(values, low), pc.less_equal(values, high))
    return bool(pc.all(inside, min_count=0).as_py())


def _integers(column: Column, texts: Any, kind: Any) -> Any:
    if _has(texts, "x") or _has(texts, "X"):  # Arrow reads hexadecimal numbers
        return None
    values = pc.cast(texts, kind)
    low, high = INTEGER_RANGES[column.type.name, column.type.unsigned]
    return values if _within(values, pa.scalar(low, kind), pa.scalar(high, kind)) else None


def _decimals(column: Column, texts: Any, kind: Any) -> Any:
    if _has(texts, "e") or _has(texts, "E"):  # Arrow overflows unnoticed
        return None
    values = pc.cast(texts, kind)
    return values if not column.type.unsigned or pc.min_max(values)["min"].as_py() >= 0 else None


def _floats(column: Column, texts: Any, kind: Any) -> Any:
    if column.type.length is not None or column.type.scale is not None or column.type.unsigned:
        return None
    values = pc.cast(texts, pa.float64())
    if not pc.all(pc.is_finite(values), min_count=0).as_py():
        return None
    if kind == pa.float32():
        return pc.cast(values, kind, safe=False) if _within(values, -_FLOAT_LIMIT, _FLOAT_LIMIT) else None
    return values


def _texts(column: Column, texts: Any, kind: Any) -> Any:
    name = column.type.name
    if column.type.charset not in (None, "utf8mb4") and (
        column.type.charset == "binary" or not pc.all(pc.string_is_ascii(texts), min_count=0).as_py()
    ):
        return None
    if name in ("char", "varchar"):
        if name == "char":
            texts = pc.utf8_rtrim(texts, " ")
        longest = column.type.length if column.type.length is not None else 1
        size = pc.max(pc.utf8_length(texts)).as_py()
    else:
        longest, size = TEXT_BYTES[name], pc.max(pc.binary_length(texts)).as_py()
    return texts if size <= longest else None


def _bytes(column: Column, texts: Any, kind: Any) -> Any:
    longest = column.type.length if column.type.name == "varbinary" else TEXT_BYTES[column.type.name]
    values = pc.cast(texts, kind)
    return values if longest is not None and pc.max(pc.binary_length(values)).as_py() <= longest else None


def _dates(column: Column, texts: Any, kind: Any) -> Any:
    if pc.min_max(pc.binary_length(texts)).as_py() != {"min": 10, "max": 10}:
        return None
    values = pc.cast(texts, kind)
    return values if _within(values, pa.scalar(_FIRST.date(), kind), pa.scalar(_LAST.date(), kind)) else None


def _moments(column: Column, texts: Any, kind: Any) -> Any:
    sizes = pc.min_max(pc.binary_length(texts)).as_py()
    if sizes["min"] < 10 or sizes["max"] > 26 or _has(texts, "T"):
        return None
    values = pc.cast(texts, kind)
    first, last = (_FIRST_TIMESTAMP, _LAST_TIMESTAMP) if column.type.name == "timestamp" else (_FIRST, _LAST)
    if not _within(values, pa.scalar(first, kind), pa.scalar(last, kind)):
        return None
    scale = column.type.scale or 0
    if sizes["max"] > 19 + (scale + 1 if scale else 0):
        return None  # it may have to be rounded
    return values


_MAKERS: dict[str, Callable[[Column, Any, Any], Any]] = {
    **{name: _integers for name, _ in INTEGER_RANGES},
    "decimal": _decimals,
    "double": _floats,
    "float": _floats,
    "datetime": _moments,
    "timestamp": _moments,
    "date": _dates,
    **{name: _texts for name in ("char", "varchar", "tinytext", "text", "mediumtext", "longtext")},
    **{name: _bytes for name in ("varbinary", "tinyblob", "blob", "mediumblob", "longblob")},
}
