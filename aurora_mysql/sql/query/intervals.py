"""Moments that are moved by an interval, and the units of intervals."""

from __future__ import annotations

import re
from typing import Any

from sqlglot import exp

from aurora_mysql.errors import mysql_error
from aurora_mysql.sql.query import calendar, types
from aurora_mysql.sql.query.expression import WARN, Ex, double, integer, number, text
from aurora_mysql.sql.query.expression import moment as any_moment
from aurora_mysql.sql.query.expression import real_moment as moment
from aurora_mysql.sql.query.function_table import node, raw
from aurora_mysql.sql.query.scope import Scope

_DATE_UNITS = {"YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "YEAR_MONTH"}
_UNITS = _DATE_UNITS | {"HOUR", "MINUTE", "SECOND", "MICROSECOND", "DAY_HOUR", "DAY_MINUTE", "DAY_SECOND"}
_UNITS |= {"DAY_MICROSECOND", "HOUR_MINUTE", "HOUR_SECOND", "HOUR_MICROSECOND", "MINUTE_SECOND"}
_UNITS |= {"MINUTE_MICROSECOND", "SECOND_MICROSECOND"}
_WHOLE = re.compile(r"-?[0-9]{1,9}")
#: Units in which a text such as '90' is as good as the number, and how many of them are a year, at least.
_PER_YEAR = {"YEAR": 1, "QUARTER": 4, "MONTH": 12, "WEEK": 52, "DAY": 365, "HOUR": 8760, "MINUTE": 525600}
_WRITTEN_DATE = re.compile(r"CAST\('([0-9]{4})-[0-9]{2}-[0-9]{2}' AS DATE\)")


def unit_name(value: Any) -> str:
    name = str(value.name).upper().removeprefix("SQL_TSI_")
    if name not in _UNITS:
        raise mysql_error(1064, value.name, 1)
    return name


def _shift(tr: Any, e: Ex, amount: Ex, unit: str, sign: int) -> Ex:
    if amount.t.kind == "null" or e.t.kind == "null":
        whole_days = e.t.kind == "date" and unit in _DATE_UNITS
        t = types.STRING if not e.t.temporal else types.DATE if whole_days else types.datetime(e.t.scale)
        return Ex(f"CAST(NULL AS {types.duckdb_type(t)})", t)
    stays = False
    if amount.is_literal and unit in _PER_YEAR and _WHOLE.fullmatch(str(amount.value)):
        # INTERVAL '90' DAY: a number, so that the rows need no function.
        # Beyond these years DuckDB has no timestamps, and MySQL has none long before.
        most = 20_000 * _PER_YEAR[unit]
        count = max(-most, min(int(tr.constant(amount)), most))
        amount, stays = Ex(f"CAST({count} AS BIGINT)", types.INT), _stays_within_years(e, count, unit)
    # Only whole and fractional seconds add digits; a text or a double may have any number of them.
    digits = amount.t.scale if amount.t.kind == "decimal" else 6 if amount.t.kind in ("double", "string") else 0
    fraction = 6 if "MICROSECOND" in unit else min(digits, 6) if unit == "SECOND" else 0
    # A number is rounded to whole units, of a text only its digits count.
    whole = amount.t.numeric and "_" not in unit and unit != "SECOND"
    how = text(Ex(integer(amount), types.INT) if whole else amount)
    start = moment(e)
    if e.t.zero:
        start = f"CASE WHEN {calendar.on_calendar(e.sql, e.t.kind)} THEN CAST({e.sql} AS TIMESTAMP) "
        start += f"WHEN {e.sql} IS NOT NULL THEN my_no_date({any_moment(e)}, {e.t.kind == 'date'}, {WARN}) END"
    end = f"'{unit}', {sign}, {WARN})"
    if unit in ("YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "HOUR", "MINUTE", "SECOND") and amount.t.integral:
        native = {"YEAR": "to_years", "QUARTER": "to_quarters", "MONTH": "to_months", "WEEK": "to_weeks"}
        native |= {"DAY": "to_days", "HOUR": "to_hours", "MINUTE": "to_minutes", "SECOND": "to_seconds"}
        value = number(amount).sql
        if unit in ("YEAR", "QUARTER", "MONTH", "WEEK", "DAY"):
            value = f"TRY_CAST({value} AS INTEGER)"
        interval = f"{native[unit]}({value})"
        if e.t.kind == "date" and unit in _DATE_UNITS:
            moved = f"({start} {'+' if sign > 0 else '-'} {interval})"
            moved = moved if stays else _within_years(moved)
            return Ex(f"CAST({moved} AS DATE)", types.DATE)
        if e.t.kind in ("date", "datetime"):
            moved = f"({start} {'+' if sign > 0 else '-'} {interval})"
            moved = moved if stays else _within_years(moved)
            return Ex(moved, types.datetime(e.t.scale))
    if e.t.kind == "date":
        moved = f"my_date_add({start}, {how}, {end}"
        if unit in _DATE_UNITS:
            return Ex(f"CAST({moved} AS DATE)", types.DATE)
        return Ex(moved, types.datetime(fraction))
    if e.t.kind == "datetime":
        return Ex(f"my_date_add({start}, {how}, {end}", types.datetime(max(e.t.scale, fraction)))
    if e.t.kind == "time":
        if unit in _DATE_UNITS and unit not in ("DAY", "WEEK"):
            return Ex(f"my_date_add({moment(e)}, {how}, {end}", types.datetime(e.t.scale))
        return Ex(f"my_time_add({e.sql}, {how}, {end}", types.time(max(e.t.scale, fraction)))
    source = f"my_number_digits({double(e)}, {WARN})" if e.t.numeric else text(e)
    return Ex(f"my_date_add_text({source}, {how}, {end}", types.STRING, dated=True)


def _stays_within_years(e: Ex, count: int, unit: str) -> bool:
    """Whether a date that is written out, and so far moved, needs no look at its year: a constant for DuckDB, which it
    compares with what it knows of whole blocks of rows."""
    written = _WRITTEN_DATE.fullmatch(e.sql)
    if written is None:
        return False
    years = abs(count) // _PER_YEAR[unit] + 1
    return int(written[1]) - years >= 1 and int(written[1]) + years <= 9999


def _within_years(moved: str) -> str:
    """NULL and a warning beyond the year 9999."""
    return f"CASE WHEN year({moved}) BETWEEN 1 AND 9999 THEN {moved} ELSE my_date_overflow({moved}, {WARN}) END"


@node("date_arithmetic")
def _date_arithmetic(tr: Any, parts: Any, scope: Scope) -> Ex:
    other, interval, sign = parts
    amount = interval.this
    if isinstance(amount, exp.Literal) and amount.is_string and "param" not in amount.meta:
        # The parser makes a string of a (negative) number that is written in place.
        amount = exp.Literal(this=amount.this, is_string=re.fullmatch(r"-?\d+(\.\d+)?", amount.this) is None)
    value = tr.expr(amount.this, scope) if isinstance(amount, exp.Paren) else tr.expr(_signed(amount), scope)
    return _shift(tr, tr.expr(other, scope), value, unit_name(interval.args["unit"]), sign)


def _signed(amount: exp.Expression) -> exp.Expression:
    """A negative literal as the negation that it is elsewhere."""
    if isinstance(amount, exp.Literal) and not amount.is_string and amount.this.startswith("-"):
        return exp.Neg(this=exp.Literal.number(amount.this[1:]))
    return amount


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
