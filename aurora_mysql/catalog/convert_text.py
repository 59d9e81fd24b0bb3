"""Conversion of stored values when a column's type changes: the ``mysql_convert`` function of the materialisation.

It runs in the applier of every instance, so it is deterministic: what it does depends on its arguments only. A value
travels as text (see :func:`source_sql`), comes back as text, and is cast (see :func:`target_sql`).
"""

from __future__ import annotations

import datetime as dt
import json
import re
import zoneinfo
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from typing import Any

from aurora_mysql.catalog.model import Column, ColumnType
from aurora_mysql.catalog.physical import duckdb_type, quote
from aurora_mysql.catalog.value_text import format_datetime, format_time
from aurora_mysql.catalog.values import Warn, converter
from aurora_mysql.catalog.zero_date import ANY_DATE, ZeroDate, as_duckdb, of_fetched

_INTEGERS = {"tinyint", "smallint", "mediumint", "int", "bigint", "year", "bit"}
_NUMERIC = {*_INTEGERS, "decimal", "float", "double"} - {"year"}


def zone_named(name: str) -> dt.tzinfo:
    """The zone of a MySQL time_zone value; SYSTEM is UTC."""
    match = re.fullmatch(r"([+-])(\d\d?):(\d\d)", name)
    if match is not None:
        shift = dt.timedelta(hours=int(match[2]), minutes=int(match[3]))
        return dt.timezone(-shift if match[1] == "-" else shift)
    return dt.UTC if name.upper() in ("SYSTEM", "UTC", "") else zoneinfo.ZoneInfo(name)


def source_sql(column: Column) -> str:
    """A DuckDB expression that gives the stored value of `column` as the text ``mysql_convert`` reads."""
    name = quote(column.name)
    kind = duckdb_type(column.type)
    if kind == "BLOB":
        return f"hex({name})"
    if kind == "INTERVAL":
        return f"CAST(CAST(epoch({name}) * 1000000 AS BIGINT) AS VARCHAR)"
    if kind == "BIGNUM":
        return f"my_wide_text({name}, {column.type.scale or 0})"
    return f"CAST({name} AS VARCHAR)"


def target_sql(expression: str, column_type: ColumnType) -> str:
    """A DuckDB expression of the storage type from what ``mysql_convert`` gives."""
    kind = duckdb_type(column_type)
    if kind == "BLOB":
        return f"unhex({expression})"
    if kind == "INTERVAL":
        return f"to_microseconds(CAST({expression} AS BIGINT))"
    if kind == "BIGNUM":
        return f"my_wide({expression})"
    return expression if kind == "VARCHAR" else f"CAST({expression} AS {kind})"


def conversion_spec(old: ColumnType, new: Column, zone: str) -> str:
    """The second argument of ``mysql_convert``."""

    def fields(t: ColumnType) -> list[Any]:
        return [t.name, t.length, t.scale, t.unsigned, t.zerofill, list(t.values), t.charset, t.collation]

    return json.dumps([fields(old), fields(new.type), new.name, zone])


def _type_of(fields: list[Any]) -> ColumnType:
    name, length, scale, unsigned, zerofill, values, charset, collation = fields
    return ColumnType(name, length, scale, unsigned, zerofill, tuple(values), charset, collation)


def stored_value(text: str, old: ColumnType, zone: dt.tzinfo, *, numeric: bool) -> Any:
    """The value in `text` as MySQL would hand it to another column's store()."""
    kind = old.name
    if kind in _INTEGERS:
        return int(text)
    if kind == "decimal":
        return Decimal(text)
    if kind in ("float", "double"):
        return float(text)
    if duckdb_type(old) == "BLOB":
        return bytes.fromhex(text)
    if kind in ("date", "datetime", "timestamp"):
        return _date_value(text, kind, zone)
    if kind == "time":
        return dt.timedelta(microseconds=int(text))
    if kind == "enum" and numeric:
        return old.values.index(text) + 1 if text in old.values else 0
    if kind == "set" and numeric:
        return sum(1 << i for i, v in enumerate(old.values) if v in text.split(","))
    return text


def _date_value(text: str, kind: str, zone: dt.tzinfo) -> Any:
    try:
        if kind == "date":
            return dt.date.fromisoformat(text)
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        return of_fetched(text)
    return moment if kind == "datetime" else moment.replace(tzinfo=dt.UTC).astimezone(zone).replace(tzinfo=None)


def column_conversion(old: ColumnType, new: Column, zone: str, *, strict: bool) -> Callable[[str, int, Warn], Any]:
    """A function from :func:`source_sql`'s text to the new column's storage value."""
    tz = zone_named(zone)
    # Zero dates that are there stay, whatever sql_mode says of new ones.
    convert = converter(new, strict=strict, zone=tz, dates=ANY_DATE)
    numeric = new.type.name in _NUMERIC
    textual = new.type.name in ("char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set")

    def run(text: str, row: int, warn: Warn) -> Any:
        value = stored_value(text, old, tz, numeric=numeric)
        if textual and isinstance(value, dt.datetime):
            value = format_datetime(value, old.scale or 0)
        elif textual and isinstance(value, ZeroDate):
            value = value.text(old.scale or 0)
        elif textual and isinstance(value, dt.timedelta):
            value = format_time(value, old.scale or 0)
        return convert(value, row, warn)

    return run


def _ignore(level: str, errno: int, message: str) -> None:
    """The statement that planned the conversion has reported what is lost."""


@lru_cache(maxsize=256)
def _compiled(spec: str) -> Callable[[str, int, Warn], Any]:
    old, new, name, zone = json.loads(spec)
    return column_conversion(_type_of(old), Column(name, _type_of(new)), zone, strict=False)


def mysql_convert(text: str, spec: str) -> str | None:
    """`text` of the old type as text of the new one, nearest value where it does not fit."""
    value = _compiled(spec)(text, 1, _ignore)
    if value is None:
        return None
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dt.timedelta):
        return str(value // dt.timedelta(microseconds=1))
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, ZeroDate):
        return as_duckdb(value)
    return value.isoformat(" ") if isinstance(value, dt.datetime) else str(value)
