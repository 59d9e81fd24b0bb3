"""Whole columns of values that need no judgement: what an application or a dump sends almost always.

:func:`clean` converts many values of one column at once, and only if each is exactly what the column stores (or the
text of it). For anything else it gives None, and the values go one by one through the column's converter, which knows
all of MySQL's roundings, warnings and errors.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Sequence
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

from aurora_mysql.catalog.model import Column
from aurora_mysql.catalog.values import INTEGER_RANGES, TEXT_BYTES

_DIGITS = re.compile(r"[-0-9,]*")
_NUMBERS = re.compile(r"[-0-9.,]*")
_MOMENTS = re.compile(r"[-0-9 :,]*")
_WIDE = Context(prec=100, rounding=ROUND_HALF_UP)
_NONE = type(None)
#: Text of these character sets may hold any character.
_ANY_CHARACTER = ("utf8mb4",)

_Column = list[Any]


def clean(column: Column, values: Sequence[Any]) -> _Column | None:
    """Storage values, or None when a value needs the column's converter."""
    maker = _MAKERS.get(column.type.name)
    if maker is None:
        return None
    kinds = set(map(type, values))
    if _NONE not in kinds:
        return maker(column, values, kinds)
    if not column.nullable:
        return None
    kinds.discard(_NONE)
    if not kinds:
        return list(values)
    found = maker(column, [v for v in values if v is not None], kinds)
    if found is None:
        return None
    given = iter(found)
    return [None if v is None else next(given) for v in values]


def _integers(column: Column, values: Sequence[Any], kinds: set[type]) -> _Column | None:
    if kinds == {str}:
        if not _DIGITS.fullmatch(",".join(values)):
            return None
        try:
            numbers = list(map(int, values))
        except ValueError:
            return None
    elif kinds == {int}:
        numbers = list(values)
    else:
        return None
    low, high = INTEGER_RANGES[column.type.name, column.type.unsigned]
    return numbers if low <= min(numbers) and max(numbers) <= high else None


def _decimals(column: Column, values: Sequence[Any], kinds: set[type]) -> _Column | None:
    precision = column.type.length if column.type.length is not None else 10
    scale = column.type.scale or 0
    limit = Decimal("9" * precision).scaleb(-scale, context=_WIDE)
    if kinds == {str}:
        if not _NUMBERS.fullmatch(",".join(values)):
            return None
        try:
            numbers = list(map(Decimal, values))
        except ArithmeticError:
            return None
    elif kinds <= {Decimal, int}:
        numbers = list(map(Decimal, values))
        if not all(n.is_finite() for n in numbers):
            return None
    else:
        return None
    if max(numbers) > limit or min(numbers) < (0 if column.type.unsigned else -limit):
        return None
    quantum = Decimal(1).scaleb(-scale)
    zero = Decimal(0).quantize(quantum)
    exact = [n.quantize(quantum, context=_WIDE) or zero for n in numbers]
    return exact if exact == numbers else None


def _texts(column: Column, values: Sequence[Any], kinds: set[type]) -> _Column | None:
    kind = column.type
    if kinds != {str} or kind.charset not in _ANY_CHARACTER:
        return None
    longest = kind.length if kind.name == "varchar" else TEXT_BYTES[kind.name] // 4
    if longest is None or max(map(len, values)) > longest:
        return None
    joined = "".join(values)
    if not joined.isascii():
        try:
            joined.encode()
        except UnicodeEncodeError:
            return None
    return list(values)


def _datetimes(column: Column, values: Sequence[Any], kinds: set[type]) -> _Column | None:
    if kinds == {str}:
        if set(map(len, values)) != {19} or not _MOMENTS.fullmatch(",".join(values)):
            return None
        try:
            return list(map(dt.datetime.fromisoformat, values))
        except ValueError:
            return None
    if kinds == {dt.datetime} and column.type.scale == 6 and all(v.tzinfo is None for v in values):
        return list(values)
    return None


def _dates(column: Column, values: Sequence[Any], kinds: set[type]) -> _Column | None:
    if kinds == {dt.date}:
        return list(values)
    if kinds != {str} or set(map(len, values)) != {10} or not _DIGITS.fullmatch(",".join(values)):
        return None
    try:
        return list(map(dt.date.fromisoformat, values))
    except ValueError:
        return None


def _doubles(column: Column, values: Sequence[Any], kinds: set[type]) -> _Column | None:
    if column.type.length is not None or column.type.unsigned:
        return None
    if kinds == {float}:
        return list(values) if all(-1e308 < v < 1e308 for v in values) else None
    if kinds != {str} or not _NUMBERS.fullmatch(",".join(values)):
        return None
    try:
        return list(map(float, values))
    except ValueError:
        return None


_MAKERS: dict[str, Callable[[Column, Sequence[Any], set[type]], _Column | None]] = {
    **{name: _integers for name, _ in INTEGER_RANGES},
    "decimal": _decimals,
    "double": _doubles,
    "datetime": _datetimes,
    "date": _dates,
    **{name: _texts for name in ("varchar", "text", "mediumtext", "longtext")},
}
