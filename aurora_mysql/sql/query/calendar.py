"""DuckDB text over DATE and TIMESTAMP values that may be zero dates (see :mod:`aurora_mysql.catalog.zero_date`).

Each function takes a DuckDB expression `x` of the kind "date" or "datetime". Over a column that holds none, DuckDB's
statistics decide the conditions before a row is read.
"""

from __future__ import annotations

from aurora_mysql.catalog.zero_date import BEYOND, YEAR_ZERO

_DAY_US = 86_400_000_000
#: What a calendar has, by kind.
_RANGES = {
    "date": ("DATE '0001-01-01'", "DATE '9999-12-31'"),
    "datetime": ("TIMESTAMP '0001-01-01 00:00:00'", "TIMESTAMP '9999-12-31 23:59:59.999999'"),
}


def on_calendar(x: str, kind: str) -> str:
    """Whether it is a real date."""
    low, high = _RANGES[kind]
    return f"({x} BETWEEN {low} AND {high})"


def only_real(x: str, kind: str) -> str:
    """`x`, NULL for a zero date: what functions of the calendar work on."""
    return f"CASE WHEN {on_calendar(x, kind)} THEN {x} END"


def _day_number(x: str, kind: str) -> str:
    if kind == "date":
        return f"CAST({x} - DATE '1970-01-01' AS BIGINT)"
    return f"CAST(CAST({x} AS DATE) - DATE '1970-01-01' AS BIGINT)"


def _counted(x: str, kind: str) -> str:
    """(year * 13 + month) * 32 + day of a zero date."""
    low, _ = _RANGES[kind]
    return f"({_day_number(x, kind)} - CASE WHEN {x} < {low} THEN {YEAR_ZERO} ELSE {BEYOND} END)"


def part(x: str, kind: str, name: str) -> str:
    """The `name` (year, month or day) as an integer; zero parts are 0."""
    counted = _counted(x, kind)
    zero = {"year": f"{counted} // 416", "month": f"({counted} // 32) % 13", "day": f"{counted} % 32"}[name]
    return f"CASE WHEN {on_calendar(x, kind)} THEN {name}({x}) ELSE {zero} END"


def number(x: str, kind: str) -> str:
    """YYYYMMDD."""
    year, month, day = (part(x, kind, name) for name in ("year", "month", "day"))
    return (
        f"CASE WHEN {on_calendar(x, kind)} THEN year({x}) * 10000 + month({x}) * 100 + day({x}) "
        f"ELSE ({year}) * 10000 + ({month}) * 100 + ({day}) END"
    )


def text(x: str, kind: str) -> str:
    """YYYY-MM-DD."""
    year, month, day = (part(x, kind, name) for name in ("year", "month", "day"))
    return (
        f"CASE WHEN {on_calendar(x, kind)} THEN CAST({x if kind == 'date' else f'CAST({x} AS DATE)'} AS VARCHAR) "
        f"ELSE printf('%04d-%02d-%02d', {year}, {month}, {day}) END"
    )


def order(x: str, kind: str) -> str:
    """A BIGINT that sorts as MySQL sorts the dates, whatever their kind."""
    clock = "0" if kind == "date" else f"(epoch_us({x}) - epoch_us(date_trunc('day', {x})))"
    counted = f"((year({x}) * 13 + month({x})) * 32 + day({x}))"
    return f"(CASE WHEN {on_calendar(x, kind)} THEN {counted} ELSE {_counted(x, kind)} END * {_DAY_US} + {clock})"


def is_zero(x: str, kind: str) -> str:
    """Whether it is '0000-00-00' (the time of day aside)."""
    return f"({_day_number(x, kind)} = {YEAR_ZERO})"
