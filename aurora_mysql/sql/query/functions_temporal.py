"""Date and time functions."""

from __future__ import annotations

import re
from typing import Any

from sqlglot import exp

from aurora_mysql.catalog.zero_date import ANY_DATE, ZeroDate, as_duckdb
from aurora_mysql.errors import mysql_error
from aurora_mysql.sql.functions.temporal_text import fraction_digits, parse_datetime, read_moment
from aurora_mysql.sql.query import calendar, types
from aurora_mysql.sql.query.builder import date_rules, may_be_zero
from aurora_mysql.sql.query.expression import (
    WARN,
    Ex,
    clock,
    double,
    integer,
    number,
    text,
    text_literal,
    zero_literal,
)
from aurora_mysql.sql.query.expression import (
    day as any_day,
)
from aurora_mysql.sql.query.expression import (
    moment as any_moment,
)
from aurora_mysql.sql.query.expression import (
    real_day as day,
)
from aurora_mysql.sql.query.expression import (
    real_moment as moment,
)
from aurora_mysql.sql.query.function_table import function, node, raw
from aurora_mysql.sql.query.intervals import unit_name
from aurora_mysql.sql.query.operators import arithmetic
from aurora_mysql.sql.query.scope import Scope
from aurora_mysql.sql.query.sources import Now, session_zone
from aurora_mysql.sql.query.types import T


def _fraction(tr: Any, a: list[Ex]) -> int:
    digits = int(tr.constant(a[0]) or 0) if a else 0
    if digits > 6:
        raise mysql_error(1426, digits, "now", 6)
    return digits


def _now(tr: Any, digits: int, *, utc: bool = False) -> Ex:
    return Ex(f"CAST({tr.b.param(Now(digits, utc))} AS TIMESTAMP)", types.datetime(digits))


@function("now", "current_timestamp", "localtime", "localtimestamp", "sysdate", low=0, high=1)
def _now_function(tr: Any, a: list[Ex]) -> Ex:
    return _now(tr, _fraction(tr, a))


@function("utc_timestamp", low=0, high=1)
def _utc_timestamp(tr: Any, a: list[Ex]) -> Ex:
    return _now(tr, _fraction(tr, a), utc=True)


@function("curdate", "current_date", low=0)
def _curdate(tr: Any, _: list[Ex]) -> Ex:
    return Ex(day(_now(tr, 0)), types.DATE)


@function("utc_date", low=0)
def _utc_date(tr: Any, _: list[Ex]) -> Ex:
    return Ex(day(_now(tr, 0, utc=True)), types.DATE)


@function("curtime", "current_time", low=0, high=1)
def _curtime(tr: Any, a: list[Ex]) -> Ex:
    digits = _fraction(tr, a)
    return Ex(clock(_now(tr, digits)), types.time(digits))


@function("utc_time", low=0, high=1)
def _utc_time(tr: Any, a: list[Ex]) -> Ex:
    digits = _fraction(tr, a)
    return Ex(clock(_now(tr, digits, utc=True)), types.time(digits))


@function("date", low=1)
def _date(tr: Any, a: list[Ex]) -> Ex:
    e = a[0]
    if e.t.temporal:
        return Ex(any_day(e), T("date", zero=e.t.zero))
    rules = date_rules(tr.b)
    return Ex(any_day(e, rules), T("date", zero=may_be_zero(rules)))


def _digits_of(tr: Any, e: Ex) -> int:
    """The fractional seconds that a date or time function keeps of its argument. A literal's are counted."""
    if e.t.temporal or e.t.kind in ("decimal", "wide"):
        return min(e.t.decimals, 6)
    if e.t.kind == "string" and e.is_literal:
        return fraction_digits(str(tr.constant(e)))
    return 6 if e.t.textual or e.t.kind == "double" else 0


@function("time", low=1)
def _time(tr: Any, a: list[Ex]) -> Ex:
    return Ex(clock(a[0]), types.time(_digits_of(tr, a[0])))


@function("timestamp", low=1, high=2)
def _timestamp(tr: Any, a: list[Ex]) -> Ex:
    digits = max(_digits_of(tr, i) for i in a)
    if len(a) > 1:
        return Ex(f"({moment(a[0])} + {clock(a[1])})", types.datetime(digits))
    rules = date_rules(tr.b)
    zero = a[0].t.zero if a[0].t.temporal else may_be_zero(rules)
    return Ex(any_moment(a[0], rules), T("datetime", scale=digits, zero=zero))


@function("datediff", low=2)
def _datediff(_: Any, a: list[Ex]) -> Ex:
    return Ex(f"date_diff('day', {day(a[1])}, {day(a[0])})", types.INT)


@function("timediff", low=2)
def _timediff(tr: Any, a: list[Ex]) -> Ex:
    digits = max(_digits_of(tr, i) for i in a)
    is_time = [i.t.kind == "time" or (i.t.kind == "string" and i.is_literal and not _is_moment(tr, i)) for i in a]
    if all(is_time):
        sql = f"({clock(a[0])} - {clock(a[1])})"
    else:
        sql = f"({moment(a[0])} - {moment(a[1])})"
    return Ex(f"my_clamp_time(CAST(epoch({sql}) AS DOUBLE), {WARN})", types.time(digits))


def _is_moment(tr: Any, e: Ex) -> bool:
    """A text literal that is a whole datetime, not a time."""
    value = str(tr.constant(e))
    return len(value.strip()) >= 12 and "-" in value[1:] and parse_datetime(value) is not None


@function("addtime", low=2)
def _addtime(tr: Any, a: list[Ex]) -> Ex:
    return _time_sum(tr, a, "+")


@function("subtime", low=2)
def _subtime(tr: Any, a: list[Ex]) -> Ex:
    return _time_sum(tr, a, "-")


def _time_sum(tr: Any, a: list[Ex], op: str) -> Ex:
    digits = max(_digits_of(tr, i) for i in a)
    first = a[0]
    if first.t.kind in ("datetime", "date"):
        return Ex(f"({moment(first)} {op} {clock(a[1])})", types.datetime(digits))
    if first.t.kind == "string" and first.is_literal and _is_moment(tr, first):
        out = Ex(f"({moment(first)} {op} {clock(a[1])})", types.datetime(6 if digits else 0))
        return Ex(text(out), types.STRING)
    total = f"my_clamp_time(CAST(epoch({clock(first)} {op} {clock(a[1])}) AS DOUBLE), {WARN})"
    if first.t.kind == "time":
        return Ex(total, types.time(digits))
    return Ex(text(Ex(total, types.time(6 if digits else 0))), types.STRING)


def _calendar_part(e: Ex, name: str) -> str:
    """YEAR, MONTH or DAY of anything: parts of zero dates count."""
    if e.t.zero:
        return calendar.part(e.sql, e.t.kind, name)
    if e.t.temporal or e.t.kind == "null":
        return f"{name}({e.sql if e.t.kind in ('date', 'datetime') else moment(e)})"
    source = any_moment(e)
    return f"my_moment_part({source}, '{name}')"


for _name, _unit in {"year": "year", "month": "month", "day": "day", "dayofmonth": "day"}.items():

    @function(_name, low=1)
    def _one_part(_: Any, a: list[Ex], unit: str = _unit) -> Ex:
        return Ex(f"CAST({_calendar_part(a[0], unit)} AS BIGINT)", types.INT)


@function("quarter", low=1)
def _quarter(_: Any, a: list[Ex]) -> Ex:
    return Ex(f"CAST(({_calendar_part(a[0], 'month')} + 2) // 3 AS BIGINT)", types.INT)


_PARTS = {
    "dayofyear": "dayofyear({})",
    "dayofweek": "(dayofweek({}) + 1)",
    "weekday": "(isodow({}) - 1)",
    "to_days": "(date_diff('day', DATE '1970-01-01', CAST({} AS DATE)) + 719528)",
}


def _part(name: str, template: str) -> None:
    @function(name, low=1)
    def _one(_: Any, a: list[Ex]) -> Ex:
        plain = a[0].t.kind in ("date", "datetime") and not a[0].t.zero
        source = a[0].sql if plain else moment(a[0])
        return Ex(f"CAST({template.format(source)} AS BIGINT)", types.INT)


for _name, _template in _PARTS.items():
    _part(_name, _template)


def _time_part(name: str) -> None:
    @function(name, low=1)
    def _one(_: Any, a: list[Ex]) -> Ex:
        if a[0].t.kind in ("date", "datetime"):
            template = {"hour": "hour({})", "minute": "minute({})", "second": "second({})"}
            if name == "microsecond":
                return Ex(f"(microsecond({any_moment(a[0])}) % 1000000)", types.INT)
            return Ex(f"CAST({template[name].format(any_moment(a[0]))} AS BIGINT)", types.INT)
        return Ex(f"my_hms({clock(a[0])}, '{name.upper()}')", types.INT)


for _name in ("hour", "minute", "second", "microsecond"):
    _time_part(_name)


@function("dayname", low=1)
def _dayname(_: Any, a: list[Ex]) -> Ex:
    return Ex(f"dayname({moment(a[0])})", types.STRING)


@function("monthname", low=1)
def _monthname(_: Any, a: list[Ex]) -> Ex:
    if not a[0].t.zero:
        return Ex(f"monthname({moment(a[0])})", types.STRING)
    return Ex(f"monthname({_first_of_month(a[0])})", types.STRING)


def _first_of_month(e: Ex) -> str:
    """The first of a date's month, also for day 0; NULL for month 0."""
    year, month = _calendar_part(e, "year"), _calendar_part(e, "month")
    return f"CASE WHEN ({month}) > 0 AND ({year}) > 0 THEN make_date({year}, {month}, 1) END"


@function("week", low=1, high=2)
def _week(tr: Any, a: list[Ex]) -> Ex:
    mode = integer(a[1]) if len(a) > 1 else str(int(tr.b.pc.ctx.variables.get("default_week_format", 0)))
    return Ex(f"my_week({moment(a[0])}, {mode})", types.INT)


@function("weekofyear", low=1)
def _weekofyear(_: Any, a: list[Ex]) -> Ex:
    return Ex(f"my_week({moment(a[0])}, 3)", types.INT)


@function("yearweek", low=1, high=2)
def _yearweek(_: Any, a: list[Ex]) -> Ex:
    return Ex(f"my_yearweek({moment(a[0])}, {integer(a[1]) if len(a) > 1 else 0})", types.INT)


@function("last_day", low=1)
def _last_day(_: Any, a: list[Ex]) -> Ex:
    return Ex(f"last_day({_first_of_month(a[0]) if a[0].t.zero else day(a[0])})", types.DATE)


@function("from_days", low=1)
def _from_days(tr: Any, a: list[Ex]) -> Ex:
    days = integer(a[0])
    found = f"DATE '1970-01-01' + CAST({days} - 719528 AS INTEGER)"
    nothing = f"WHEN {days} IS NOT NULL THEN {zero_literal('date')}" if date_rules(tr.b).zero else ""
    return Ex(f"CASE WHEN {days} > 365 THEN {found} {nothing} END", T("date", zero=1))


@function("to_seconds", low=1)
def _to_seconds(_: Any, a: list[Ex]) -> Ex:
    return Ex(f"CAST(floor(epoch({moment(a[0])})) + 62167219200 AS BIGINT)", types.INT)


@function("makedate", low=2)
def _makedate(_: Any, a: list[Ex]) -> Ex:
    return Ex(f"my_makedate({integer(a[0])}, {integer(a[1])})", types.DATE)


@function("maketime", low=3)
def _maketime(_: Any, a: list[Ex]) -> Ex:
    digits = a[2].t.scale if a[2].t.kind == "decimal" else 0
    return Ex(f"my_maketime({integer(a[0])}, {integer(a[1])}, {double(a[2])}, {WARN})", types.time(digits))


@function("sec_to_time", low=1)
def _sec_to_time(_: Any, a: list[Ex]) -> Ex:
    digits = min(a[0].t.scale, 6) if a[0].t.kind == "decimal" else 6 if a[0].t.textual or a[0].t.kind == "double" else 0
    return Ex(f"my_clamp_time({double(a[0])}, {WARN})", types.time(digits))


@function("time_to_sec", low=1)
def _time_to_sec(_: Any, a: list[Ex]) -> Ex:
    return Ex(f"CAST(trunc(epoch({clock(a[0])})) AS BIGINT)", types.INT)


@function("date_format", low=2)
def _date_format(tr: Any, a: list[Ex]) -> Ex:
    e, slow = a[0], f"my_date_format({any_moment(a[0])}, {text(a[1])})"
    native = _strftime(a[1].value) if a[1].is_literal and isinstance(a[1].value, str) else None
    if native is None or e.t.kind not in ("date", "datetime"):
        return Ex(slow, types.STRING)
    tr.constant(a[1])
    sql = f"strftime({e.sql}, {text_literal(native)})"
    if e.t.zero:
        sql = f"CASE WHEN {calendar.on_calendar(e.sql, e.t.kind)} THEN {sql} ELSE {slow} END"
    return Ex(sql, types.STRING)


#: Codes of DATE_FORMAT that DuckDB's strftime has, under its names.
_SAME_CODES = {"Y": "%Y", "m": "%m", "d": "%d", "H": "%H", "i": "%M", "s": "%S", "S": "%S", "T": "%H:%M:%S", "j": "%j"}
_SAME_CODES |= {"M": "%B", "W": "%A", "%": "%%"}


def _strftime(pattern: str) -> str | None:
    """DATE_FORMAT's pattern for DuckDB's strftime, None when it has a code of another meaning."""
    parts = re.split(r"(%.)", pattern, flags=re.DOTALL)
    if "%" in "".join(parts[::2]):
        return None
    codes = [_SAME_CODES.get(code[1]) for code in parts[1::2]]
    if None in codes:
        return None
    parts[1::2] = [code for code in codes if code is not None]
    return "".join(parts)


@function("time_format", low=2)
def _time_format(_: Any, a: list[Ex]) -> Ex:
    return Ex(f"my_time_format({clock(a[0])}, {text(a[1])})", types.STRING)


@function("str_to_date", low=2)
def _str_to_date(tr: Any, a: list[Ex]) -> Ex:
    pattern = tr.constant(a[1])
    sql = f"my_str_to_date({text(a[0])}, {text(a[1])}, {WARN})"
    if not isinstance(pattern, str):
        return Ex(sql, types.datetime(6))
    has_date = any(f"%{c}" in pattern for c in "YymcdeDMbjWaw")
    has_time = any(f"%{c}" in pattern for c in "HhIkliSsfTrp")
    if has_date and not has_time:
        return Ex(f"CAST({sql} AS DATE)", types.DATE)
    digits = 6 if "%f" in pattern else 0
    if has_time and not has_date:
        return Ex(clock(Ex(sql, types.datetime(digits))), types.time(digits))
    return Ex(sql, types.datetime(digits))


#: A stored zero date as an expression, whatever sql_mode says. Nobody can write this name.
ZERO_DATE_FUNCTION = "zero date"


@raw(ZERO_DATE_FUNCTION)
def _zero_date(_: Any, nodes: list[exp.Expression], __: Scope) -> Ex:
    value, _whole = read_moment(nodes[0].name, ANY_DATE)
    assert isinstance(value, ZeroDate), "it was made of one"
    if len(nodes[0].name) == 10:
        return Ex(f"CAST('{as_duckdb(value.date())}' AS DATE)", T("date", zero=2))
    return Ex(f"CAST('{as_duckdb(value)}' AS TIMESTAMP)", T("datetime", scale=6, zero=2))


@raw("get_format")
def _get_format(tr: Any, nodes: list[exp.Expression], scope: Scope) -> Ex:
    formats = {
        ("DATE", "USA"): "%m.%d.%Y",
        ("DATE", "JIS"): "%Y-%m-%d",
        ("DATE", "ISO"): "%Y-%m-%d",
        ("DATE", "EUR"): "%d.%m.%Y",
        ("DATE", "INTERNAL"): "%Y%m%d",
        ("DATETIME", "USA"): "%Y-%m-%d %H.%i.%s",
        ("DATETIME", "ISO"): "%Y-%m-%d %H:%i:%s",
        ("DATETIME", "EUR"): "%Y-%m-%d %H.%i.%s",
        ("DATETIME", "JIS"): "%Y-%m-%d %H:%i:%s",
        ("DATETIME", "INTERNAL"): "%Y%m%d%H%i%s",
        ("TIME", "USA"): "%h:%i:%s %p",
        ("TIME", "JIS"): "%H:%i:%s",
        ("TIME", "ISO"): "%H:%i:%s",
        ("TIME", "EUR"): "%H.%i.%s",
        ("TIME", "INTERNAL"): "%H%i%s",
    }
    name = tr.constant(tr.expr(nodes[1], scope))
    kind = nodes[0].name.upper().replace("TIMESTAMP", "DATETIME")
    found = formats.get((kind, str(name).upper()))
    return Ex("NULL", types.NULL) if found is None else Ex(text_literal(found), types.STRING)


@function("unix_timestamp", low=0, high=1)
def _unix_timestamp(tr: Any, a: list[Ex]) -> Ex:
    zone = session_zone(tr.b.pc.ctx)
    if not a:
        return Ex(f"CAST(epoch({_now(tr, 0, utc=True).sql}) AS BIGINT)", types.INT)
    if a[0].t.zero:
        plain = Ex(a[0].sql, T(a[0].t.kind, scale=a[0].t.scale, zero=0))
        real = _unix_timestamp(tr, [Ex(calendar.only_real(a[0].sql, a[0].t.kind), plain.t)])
        outside = f"NOT {calendar.on_calendar(a[0].sql, a[0].t.kind)} OR {real.sql} < 0"
        return Ex(f"CASE WHEN {outside} THEN 0 ELSE {real.sql} END", real.t)
    source = moment(a[0])
    if zone != "UTC":
        source = f"my_convert_tz({source}, {text_literal(zone)}, 'UTC')"
    digits = a[0].t.scale if a[0].t.kind == "datetime" else 0
    if a[0].t.kind == "string":
        digits = 6 if not a[0].is_literal else len(str(a[0].value).partition(".")[2][:6])
        tr.constant(a[0])
    if digits:
        t = types.decimal(12 + digits, digits)
        return Ex(f"CAST(CAST(epoch_us({source}) AS DECIMAL(20,0)) / 1000000 AS {types.duckdb_type(t)})", t)
    return Ex(f"CAST(epoch_us({source}) // 1000000 AS BIGINT)", types.INT)


@function("from_unixtime", low=1, high=2)
def _from_unixtime(tr: Any, a: list[Ex]) -> Ex:
    zone = session_zone(tr.b.pc.ctx)
    n = number(a[0])
    sql = f"make_timestamp(CAST(round({double(n)} * 1000000) AS BIGINT))"
    if zone != "UTC":
        sql = f"my_convert_tz({sql}, 'UTC', {text_literal(zone)})"
    sql = f"CASE WHEN {n.sql} >= 0 THEN {sql} END"
    if len(a) > 1:
        return Ex(f"my_date_format({sql}, {text(a[1])})", types.STRING)
    return Ex(sql, types.datetime(min(n.t.scale, 6) if n.t.kind == "decimal" else 6 if n.t.kind == "double" else 0))


@function("convert_tz", low=3)
def _convert_tz(tr: Any, a: list[Ex]) -> Ex:
    digits = _digits_of(tr, a[0])
    return Ex(f"my_convert_tz({moment(a[0])}, {text(a[1])}, {text(a[2])})", types.datetime(digits))


@function("period_add", low=2)
def _period_add(_: Any, a: list[Ex]) -> Ex:
    return Ex(f"my_period_add({integer(a[0])}, {integer(a[1])})", types.INT)


@function("period_diff", low=2)
def _period_diff(_: Any, a: list[Ex]) -> Ex:
    return Ex(f"my_period_diff({integer(a[0])}, {integer(a[1])})", types.INT)


@node("extract")
def _extract(tr: Any, n: exp.Extract, scope: Scope) -> Ex:
    e = tr.expr(n.expression, scope)
    unit = unit_name(n.this)
    time_unit = unit.split("_")[0] in ("HOUR", "MINUTE", "SECOND", "MICROSECOND")
    if e.t.kind == "time":
        return Ex(f"my_extract_time({clock(e)}, '{unit}')", types.INT)
    if not e.t.temporal and (time_unit or unit.startswith("DAY_")):
        return Ex(f"my_extract_text({text(e)}, '{unit}', {WARN})", types.INT)
    if unit in ("YEAR", "MONTH", "DAY"):
        return Ex(f"CAST({_calendar_part(e, unit.lower())} AS BIGINT)", types.INT)
    slow = f"my_extract({any_moment(e)}, '{unit}')"
    if e.t.kind not in ("date", "datetime") or unit == "WEEK":
        return Ex(slow, types.INT)
    sql = _side_by_side(moment(e) if time_unit or "_" in unit else e.sql, unit)
    if e.t.zero:
        sql = f"CASE WHEN {calendar.on_calendar(e.sql, e.t.kind)} THEN {sql} ELSE {slow} END"
    return Ex(sql, types.INT)


#: From the largest to the smallest, with DuckDB's functions (whose microseconds hold the seconds, too).
_FIELDS = {
    "YEAR": "year({})",
    "MONTH": "month({})",
    "DAY": "day({})",
    "HOUR": "hour({})",
    "MINUTE": "minute({})",
    "SECOND": "second({})",
    "MICROSECOND": "microsecond({}) % 1000000",
}


def _side_by_side(sql: str, unit: str) -> str:
    """The digits of a unit's parts: YEAR_MONTH is YYYYMM."""
    if unit == "QUARTER":
        return f"quarter({sql})"
    names = list(_FIELDS)
    first, _, last = unit.partition("_")
    chosen = names[names.index(first) : names.index(last or first) + 1]
    out = _FIELDS[chosen[0]].format(sql)
    for name in chosen[1:]:
        out = f"({out}) * {1_000_000 if name == 'MICROSECOND' else 100} + {_FIELDS[name].format(sql)}"
    return f"({out})"


def date_minus(a: Ex, c: Ex) -> Ex:
    """Dates subtract as numbers."""
    return arithmetic("-", a, c)


__all__ = ["T", "date_minus", "unit_name"]
