"""Date and time functions."""

from __future__ import annotations

from typing import Any

from sqlglot import exp

from aurora_mysql.errors import mysql_error
from aurora_mysql.sql.query import types
from aurora_mysql.sql.query.expression import Ex, clock, day, double, integer, moment, number, text, text_literal
from aurora_mysql.sql.query.function_table import function, node, raw
from aurora_mysql.sql.query.operators import arithmetic
from aurora_mysql.sql.query.scope import Scope
from aurora_mysql.sql.query.sources import Now, session_zone
from aurora_mysql.sql.query.types import T

_DATE_UNITS = {"YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "YEAR_MONTH"}
_UNITS = _DATE_UNITS | {"HOUR", "MINUTE", "SECOND", "MICROSECOND", "DAY_HOUR", "DAY_MINUTE", "DAY_SECOND"}
_UNITS |= {"DAY_MICROSECOND", "HOUR_MINUTE", "HOUR_SECOND", "HOUR_MICROSECOND", "MINUTE_SECOND"}
_UNITS |= {"MINUTE_MICROSECOND", "SECOND_MICROSECOND"}


def unit_name(value: Any) -> str:
    name = str(value.name).upper().removeprefix("SQL_TSI_")
    if name not in _UNITS:
        raise mysql_error(1064, value.name, 1)
    return name


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
def _date(_: Any, a: list[Ex]) -> Ex:
    return Ex(f"my_date({a[0].sql})" if a[0].t.kind == "string" else day(a[0]), types.DATE)


@function("time", low=1)
def _time(_: Any, a: list[Ex]) -> Ex:
    digits = a[0].t.scale if a[0].t.temporal else 6 if "." in str(a[0].value) else 0
    return Ex(clock(a[0]), types.time(digits))


@function("timestamp", low=1, high=2)
def _timestamp(_: Any, a: list[Ex]) -> Ex:
    sql = moment(a[0])
    if len(a) > 1:
        sql = f"({sql} + {clock(a[1])})"
    digits = a[0].t.scale if a[0].t.temporal else 6 if "." in str(a[0].value) else 0
    return Ex(sql, types.datetime(digits))


def _shift(tr: Any, e: Ex, amount: Ex, unit: str, sign: int) -> Ex:
    if amount.t.kind == "null" or e.t.kind == "null":
        return Ex("NULL", types.NULL)
    digits = amount.t.scale if amount.t.kind == "decimal" else 6 if amount.t.kind in ("double", "string") else 0
    fraction = (
        6 if "MICROSECOND" in unit else min(digits, 6) if unit.endswith("SECOND") and amount.t.kind != "string" else 0
    )
    if amount.t.kind == "string" and amount.is_literal and unit.endswith("SECOND") and "." in str(amount.value):
        tr.constant(amount)
        fraction = 6
    how = text(amount)
    if unit in ("YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "HOUR", "MINUTE", "SECOND") and amount.t.integral:
        native = {"YEAR": "to_years", "QUARTER": "to_quarters", "MONTH": "to_months", "WEEK": "to_weeks"}
        native |= {"DAY": "to_days", "HOUR": "to_hours", "MINUTE": "to_minutes", "SECOND": "to_seconds"}
        value = number(amount).sql
        if unit in ("YEAR", "QUARTER", "MONTH", "WEEK", "DAY"):
            value = f"CAST({value} AS INTEGER)"
        interval = f"{native[unit]}({value})"
        if e.t.kind == "date" and unit in _DATE_UNITS:
            return Ex(f"CAST({e.sql} {'+' if sign > 0 else '-'} {interval} AS DATE)", types.DATE)
        if e.t.kind in ("date", "datetime"):
            return Ex(f"({moment(e)} {'+' if sign > 0 else '-'} {interval})", types.datetime(e.t.scale))
    if e.t.kind == "date":
        moved = f"my_date_add({moment(e)}, {how}, '{unit}', {sign})"
        if unit in _DATE_UNITS:
            return Ex(f"CAST({moved} AS DATE)", types.DATE)
        return Ex(moved, types.datetime(fraction))
    if e.t.kind == "datetime":
        return Ex(f"my_date_add({e.sql}, {how}, '{unit}', {sign})", types.datetime(max(e.t.scale, fraction)))
    if e.t.kind == "time":
        if unit in _DATE_UNITS and unit not in ("DAY", "WEEK"):
            return Ex(f"my_date_add({moment(e)}, {how}, '{unit}', {sign})", types.datetime(e.t.scale))
        return Ex(f"my_time_add({e.sql}, {how}, '{unit}', {sign})", types.time(max(e.t.scale, fraction)))
    if e.t.numeric:
        return Ex(f"my_date_add({moment(e)}, {how}, '{unit}', {sign})", types.datetime(fraction))
    return Ex(f"my_date_add_text({text(e)}, {how}, '{unit}', {sign})", types.STRING)


@node("date_arithmetic")
def _date_arithmetic(tr: Any, parts: Any, scope: Scope) -> Ex:
    other, interval, sign = parts
    return _shift(tr, tr.expr(other, scope), tr.expr(interval.this, scope), unit_name(interval.args["unit"]), sign)


@raw("date_add", "adddate")
def _date_add(tr: Any, nodes: list[exp.Expression], scope: Scope) -> Ex:
    return _date_shift(tr, nodes, scope, 1, "ADDDATE")


@raw("date_sub", "subdate")
def _date_sub(tr: Any, nodes: list[exp.Expression], scope: Scope) -> Ex:
    return _date_shift(tr, nodes, scope, -1, "SUBDATE")


def _date_shift(tr: Any, nodes: list[exp.Expression], scope: Scope, sign: int, name: str) -> Ex:
    if len(nodes) != 2:
        raise mysql_error(1582, name)
    if isinstance(nodes[1], exp.Interval):
        return _date_arithmetic(tr, (nodes[0], nodes[1], sign), scope)
    return _shift(tr, tr.expr(nodes[0], scope), tr.expr(nodes[1], scope), "DAY", sign)


@raw("timestampadd")
def _timestampadd(tr: Any, nodes: list[exp.Expression], scope: Scope) -> Ex:
    if len(nodes) != 3:
        raise mysql_error(1582, "TIMESTAMPADD")
    return _shift(tr, tr.expr(nodes[2], scope), tr.expr(nodes[1], scope), unit_name(nodes[0]), 1)


@raw("timestampdiff")
def _timestampdiff(tr: Any, nodes: list[exp.Expression], scope: Scope) -> Ex:
    if len(nodes) != 3:
        raise mysql_error(1582, "TIMESTAMPDIFF")
    first, second = moment(tr.expr(nodes[1], scope)), moment(tr.expr(nodes[2], scope))
    return Ex(f"my_timestampdiff('{unit_name(nodes[0])}', {first}, {second})", types.INT)


@function("datediff", low=2)
def _datediff(_: Any, a: list[Ex]) -> Ex:
    return Ex(f"date_diff('day', {day(a[1])}, {day(a[0])})", types.INT)


@function("timediff", low=2)
def _timediff(_: Any, a: list[Ex]) -> Ex:
    digits = 6 if any(i.t.scale or "." in str(i.value) for i in a) else 0
    is_time = [i.t.kind == "time" or (i.t.kind == "string" and i.is_literal and "-" not in str(i.value)[1:]) for i in a]
    if all(is_time):
        sql = f"({clock(a[0])} - {clock(a[1])})"
    else:
        sql = f"({moment(a[0])} - {moment(a[1])})"
    return Ex(f"my_clamp_time(CAST(epoch({sql}) AS DOUBLE))", types.time(digits))


@function("addtime", low=2)
def _addtime(_: Any, a: list[Ex]) -> Ex:
    return _time_sum(a, "+")


@function("subtime", low=2)
def _subtime(_: Any, a: list[Ex]) -> Ex:
    return _time_sum(a, "-")


def _time_sum(a: list[Ex], op: str) -> Ex:
    digits = max(i.t.scale if i.t.temporal else 6 if "." in str(i.value) else 0 for i in a)
    first = a[0]
    if first.t.kind in ("datetime", "date"):
        return Ex(f"({moment(first)} {op} {clock(a[1])})", types.datetime(digits))
    if first.t.kind == "string" and first.is_literal and "-" in str(first.value)[1:]:
        out = Ex(f"({moment(first)} {op} {clock(a[1])})", types.datetime(digits))
        return Ex(text(out), types.STRING)
    out = Ex(f"({clock(first)} {op} {clock(a[1])})", types.time(digits))
    return out if first.t.kind == "time" else Ex(text(out), types.STRING)


_PARTS = {
    "year": "year({})",
    "month": "month({})",
    "dayofmonth": "day({})",
    "day": "day({})",
    "quarter": "quarter({})",
    "dayofyear": "dayofyear({})",
    "dayofweek": "(dayofweek({}) + 1)",
    "weekday": "(isodow({}) - 1)",
    "to_days": "(date_diff('day', DATE '1970-01-01', CAST({} AS DATE)) + 719528)",
}


def _part(name: str, template: str) -> None:
    @function(name, low=1)
    def _one(_: Any, a: list[Ex]) -> Ex:
        source = a[0].sql if a[0].t.kind in ("date", "datetime") else moment(a[0])
        return Ex(f"CAST({template.format(source)} AS BIGINT)", types.INT)


for _name, _template in _PARTS.items():
    _part(_name, _template)


def _time_part(name: str) -> None:
    @function(name, low=1)
    def _one(_: Any, a: list[Ex]) -> Ex:
        if a[0].t.kind in ("date", "datetime"):
            template = {"hour": "hour({})", "minute": "minute({})", "second": "second({})"}
            if name == "microsecond":
                return Ex(f"(microsecond({moment(a[0])}) % 1000000)", types.INT)
            return Ex(f"CAST({template[name].format(moment(a[0]))} AS BIGINT)", types.INT)
        return Ex(f"my_hms({clock(a[0])}, '{name.upper()}')", types.INT)


for _name in ("hour", "minute", "second", "microsecond"):
    _time_part(_name)


@function("dayname", low=1)
def _dayname(_: Any, a: list[Ex]) -> Ex:
    return Ex(f"dayname({moment(a[0])})", types.STRING)


@function("monthname", low=1)
def _monthname(_: Any, a: list[Ex]) -> Ex:
    return Ex(f"monthname({moment(a[0])})", types.STRING)


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
    return Ex(f"last_day({day(a[0])})", types.DATE)


@function("from_days", low=1)
def _from_days(_: Any, a: list[Ex]) -> Ex:
    return Ex(f"(DATE '1970-01-01' + CAST({integer(a[0])} - 719528 AS INTEGER))", types.DATE)


@function("to_seconds", low=1)
def _to_seconds(_: Any, a: list[Ex]) -> Ex:
    return Ex(f"CAST(floor(epoch({moment(a[0])})) + 719528 * 86400 AS BIGINT)", types.INT)


@function("makedate", low=2)
def _makedate(_: Any, a: list[Ex]) -> Ex:
    return Ex(f"my_makedate({integer(a[0])}, {integer(a[1])})", types.DATE)


@function("maketime", low=3)
def _maketime(_: Any, a: list[Ex]) -> Ex:
    digits = a[2].t.scale if a[2].t.kind == "decimal" else 0
    return Ex(f"my_maketime({integer(a[0])}, {integer(a[1])}, {double(a[2])})", types.time(digits))


@function("sec_to_time", low=1)
def _sec_to_time(_: Any, a: list[Ex]) -> Ex:
    digits = min(a[0].t.scale, 6) if a[0].t.kind == "decimal" else 6 if a[0].t.textual or a[0].t.kind == "double" else 0
    return Ex(f"my_clamp_time({double(a[0])})", types.time(digits))


@function("time_to_sec", low=1)
def _time_to_sec(_: Any, a: list[Ex]) -> Ex:
    return Ex(f"CAST(trunc(epoch({clock(a[0])})) AS BIGINT)", types.INT)


@function("date_format", low=2)
def _date_format(_: Any, a: list[Ex]) -> Ex:
    return Ex(f"my_date_format({moment(a[0])}, {text(a[1])})", types.STRING)


@function("time_format", low=2)
def _time_format(_: Any, a: list[Ex]) -> Ex:
    return Ex(f"my_time_format({clock(a[0])}, {text(a[1])})", types.STRING)


@function("str_to_date", low=2)
def _str_to_date(tr: Any, a: list[Ex]) -> Ex:
    pattern = tr.constant(a[1])
    sql = f"my_str_to_date({text(a[0])}, {text(a[1])})"
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
        ("TIME", "USA"): "%h:%i:%s %p",
        ("TIME", "ISO"): "%H:%i:%s",
        ("TIME", "EUR"): "%H.%i.%s",
    }
    name = tr.constant(tr.expr(nodes[1], scope))
    found = formats.get((nodes[0].name.upper(), str(name).upper()))
    return Ex("NULL", types.NULL) if found is None else Ex(text_literal(found), types.STRING)


@function("unix_timestamp", low=0, high=1)
def _unix_timestamp(tr: Any, a: list[Ex]) -> Ex:
    zone = session_zone(tr.b.pc.ctx)
    if not a:
        return Ex(f"CAST(epoch({_now(tr, 0, utc=True).sql}) AS BIGINT)", types.INT)
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
def _convert_tz(_: Any, a: list[Ex]) -> Ex:
    digits = a[0].t.scale if a[0].t.kind == "datetime" else 0
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
    if e.t.kind == "time" or (e.t.kind == "string" and time_unit and "-" not in str(e.value)[1:]):
        return Ex(f"my_extract_time({clock(e)}, '{unit}')", types.INT)
    return Ex(f"my_extract({moment(e)}, '{unit}')", types.INT)


def date_minus(a: Ex, c: Ex) -> Ex:
    """Dates subtract as numbers."""
    return arithmetic("-", a, c)


__all__ = ["T", "date_minus", "unit_name"]
