"""Numeric and conditional functions."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from aurora_mysql.sql.functions.numeric import leading_number
from aurora_mysql.sql.query import operators, types, wide_decimals
from aurora_mysql.sql.query.expression import (
    CONNECTION_COLLATION,
    WARN,
    Ex,
    boolean,
    cast_to,
    double,
    integer,
    moment,
    number,
    text,
    unsigned,
)
from aurora_mysql.sql.query.function_table import function
from aurora_mysql.sql.query.types import T


def _double_function(name: str, duck: str, domain: str = "") -> None:
    @function(name, low=1)
    def _one(_: Any, a: list[Ex]) -> Ex:
        x = double(a[0])
        sql = f"{duck}({x})"
        if domain:
            sql = f"CASE WHEN {x} {domain} THEN {sql} END"
        return Ex(sql, types.DOUBLE)


for _name, _duck, _domain in (
    ("sqrt", "sqrt", ">= 0"),
    ("exp", "exp", ""),
    ("sin", "sin", ""),
    ("cos", "cos", ""),
    ("tan", "tan", ""),
    ("asin", "asin", "BETWEEN -1 AND 1"),
    ("acos", "acos", "BETWEEN -1 AND 1"),
    ("degrees", "degrees", ""),
    ("radians", "radians", ""),
):
    _double_function(_name, _duck, _domain)


def _logarithm(name: str, x: str) -> Ex:
    return Ex(f"CASE WHEN {x} > 0 THEN {name}({x}) ELSE my_no_log({WARN}, {x}) END", types.DOUBLE)


@function("ln", low=1)
def _ln(_: Any, a: list[Ex]) -> Ex:
    return _logarithm("ln", double(a[0]))


@function("log2", low=1)
def _log2(_: Any, a: list[Ex]) -> Ex:
    return _logarithm("log2", double(a[0]))


@function("log10", low=1)
def _log10(_: Any, a: list[Ex]) -> Ex:
    return _logarithm("log10", double(a[0]))


@function("log", low=1, high=2)
def _log(tr: Any, a: list[Ex]) -> Ex:
    x = double(a[-1])
    if len(a) == 1:
        return _logarithm("ln", x)
    base = double(a[0])
    return operators.divide(tr.b, _logarithm("ln", x), _logarithm("ln", base))


@function("cot", low=1)
def _cot(_: Any, a: list[Ex]) -> Ex:
    x = double(a[0])
    return Ex(f"CASE WHEN {x} = 0 THEN CAST(error('AURORA:1690:DOUBLE') AS DOUBLE) ELSE cot({x}) END", types.DOUBLE)


@function("pow", "power", low=2)
def _pow(_: Any, a: list[Ex]) -> Ex:
    return Ex(f"my_pow({double(a[0])}, {double(a[1])})", types.DOUBLE)


@function("atan", "atan2", low=1, high=2)
def _atan(_: Any, a: list[Ex]) -> Ex:
    if len(a) == 1:
        return Ex(f"atan({double(a[0])})", types.DOUBLE)
    return Ex(f"atan2({double(a[0])}, {double(a[1])})", types.DOUBLE)


@function("pi", low=0)
def _pi(_: Any, __: list[Ex]) -> Ex:
    return Ex("pi()", types.T("double", scale=6))


@function("abs", low=1)
def _abs(_: Any, a: list[Ex]) -> Ex:
    n = number(a[0])
    if n.t.kind == "wide":
        return Ex(f"CASE WHEN {n.sql} < CAST('0' AS BIGNUM) THEN -{n.sql} ELSE {n.sql} END", n.t.plain())
    return n if n.t.kind == "uint" else Ex(f"abs({n.sql})", n.t.plain())


@function("sign", low=1)
def _sign(_: Any, a: list[Ex]) -> Ex:
    return Ex(f"CAST(sign({double(a[0])}) AS BIGINT)", types.INT)


@function("ceil", "ceiling", low=1)
def _ceil(_: Any, a: list[Ex]) -> Ex:
    return _whole("ceil", a[0])


@function("floor", low=1)
def _floor(_: Any, a: list[Ex]) -> Ex:
    return _whole("floor", a[0])


def _whole(name: str, e: Ex) -> Ex:
    n = number(e)
    if n.t.integral:
        return n
    if n.t.kind == "wide":
        return wide_decimals.rounded(n, "0", name, 0)
    if n.t.kind == "decimal":
        whole = n.t.precision - n.t.scale
        if whole < 18:
            return Ex(f"CAST({name}({n.sql}) AS BIGINT)", types.INT)
        t = types.decimal(whole + 1, 0)
        return Ex(f"CAST({name}({n.sql}) AS {types.duckdb_type(t)})", t)
    return Ex(f"{name}({n.sql})", types.DOUBLE)


@function("round", low=1, high=2)
def _round(tr: Any, a: list[Ex]) -> Ex:
    return _digits(tr, a, "round")


@function("truncate", low=2)
def _truncate(tr: Any, a: list[Ex]) -> Ex:
    return _digits(tr, a, "trunc")


def _digits(tr: Any, a: list[Ex], name: str) -> Ex:
    n = number(a[0])
    places: Any = 0
    if len(a) > 1:
        places = _places(tr.constant(a[1])) if a[1].is_literal else _negative_constant(tr, a[1])
    if n.t.integral:
        if isinstance(places, int) and places >= 0:
            return n
        if len(a) > 1 and a[1].t.kind == "null":
            return Ex(f"CAST(NULL AS {types.duckdb_type(n.t)})", n.t.plain())
        amount = integer(a[1]) if len(a) > 1 else "0"
        duck = types.duckdb_type(n.t)
        return Ex(
            f"CAST(my_round_integer(CAST({n.sql} AS HUGEINT), {amount}, {name == 'round'}) AS {duck})", n.t.plain()
        )
    if n.t.kind == "wide":
        amount = str(places) if isinstance(places, int) else integer(a[1])
        scale = min(max(places, 0), 30) if isinstance(places, int) else n.t.scale
        return wide_decimals.rounded(n, amount, "round" if name == "round" else "truncate", scale)
    if n.t.kind == "decimal" and isinstance(places, int):
        scale = max(0, min(places, 30))
        whole = n.t.precision - n.t.scale
        t = types.decimal(whole + scale + (1 if name == "round" else 0), scale)
        duck = types.duckdb_type(t)
        if name == "round":
            if places < 0:
                return Ex(f"CAST(round({n.sql}, {places}) AS {duck})", t)
            return Ex(f"CAST({n.sql} AS {duck})", t)
        power = 10 ** abs(places)
        if places >= n.t.scale:
            return Ex(f"CAST({n.sql} AS {duck})", t)
        if places < 0:
            return Ex(f"CAST(CAST(trunc({double(n)} / {power}) AS HUGEINT) * {power} AS {duck})", t)
        # trunc(x * 10^p) / 10^p, exactly: drop the digits beyond from the decimal itself.
        rest = (
            f"({n.sql} % CAST(1 AS DECIMAL(1,0)))"
            if places == 0
            else f"({n.sql} % CAST({1 / power:.{places}f} AS DECIMAL({places + 1},{places})))"
        )
        return Ex(f"CAST({n.sql} - {rest} AS {duck})", t)
    amount = integer(a[1]) if len(a) > 1 else "0"
    if n.t.kind == "decimal":
        t = types.decimal(n.t.precision + (1 if name == "round" else 0), n.t.scale)
        rounded = f"my_round_decimal({text(n)}, {amount}, {n.t.scale}, {name == 'round'})"
        return Ex(f"CAST({rounded} AS {types.duckdb_type(t)})", t)
    x = double(n)
    if name == "round" and len(a) == 1:
        return Ex(f"round_even({x}, 0)", T("double", scale=0))
    # MySQL announces, and shows, as many decimals as were asked for.
    t = T("double", scale=places) if isinstance(places, int) and 0 < places < 31 else types.DOUBLE
    return Ex(f"my_round_double({x}, {amount}, {name == 'round'})", t)


def _places(value: Any) -> int | None:
    """A literal number of decimals, as an integer."""
    if value is None or isinstance(value, int):
        return value
    whole = int(Decimal(leading_number(str(value))[0]).quantize(Decimal(1), ROUND_HALF_UP))
    return max(-100, min(100, whole))


def _negative_constant(tr: Any, e: Ex) -> Any:
    """-n is a negated literal: read its value from the (baked) text."""
    sql = e.sql
    if sql.startswith("(-CAST(") and sql.endswith(" AS BIGINT))"):
        inner = sql[7:-12]
        if inner.isdigit():
            return -int(inner)
        if inner.startswith("\x01") and inner.endswith("\x01"):
            source = tr.b.sources[int(inner.strip("\x01"))]
            if isinstance(source, int):
                tr.b.pc.baked.add(source)
                return -int(tr.b.pc.params[source])
    return None


@function("mod", low=2)
def _mod(tr: Any, a: list[Ex]) -> Ex:
    return operators.modulo(tr.b, a[0], a[1])


@function("rand", low=0, high=1)
def _rand(tr: Any, a: list[Ex]) -> Ex:
    if not a:
        return Ex("random()", types.DOUBLE)
    seed = tr.constant(a[0])
    if seed is None:
        return Ex(f"my_rand_seed({integer(a[0])}, 0)", types.DOUBLE)
    return Ex(f"my_rand_seed(CAST({int(seed)} AS BIGINT), row_number() OVER () - 1)", types.DOUBLE)


@function("greatest", low=2, high=-1)
def _greatest(tr: Any, a: list[Ex]) -> Ex:
    return _extreme(tr, "greatest", a)


@function("least", low=2, high=-1)
def _least(tr: Any, a: list[Ex]) -> Ex:
    return _extreme(tr, "least", a)


def _extreme(tr: Any, name: str, a: list[Ex]) -> Ex:
    if any(i.t.kind == "null" for i in a):
        t = types.unify([i.t for i in a]).plain()
        return Ex("NULL" if t.kind == "null" else f"CAST(NULL AS {types.duckdb_type(t)})", t)
    texts, t = operators.branches(tr.b, a)
    if t.kind == "bool":
        texts, t = [number(i).sql for i in a], types.INT
    guard = " OR ".join(f"{i.sql} IS NULL" for i in a)
    if t.kind == "string":
        # DuckDB's own compare without a collation.
        by_text = f"my_{name}('{t.collation or CONNECTION_COLLATION}', {', '.join(texts)})"
        dates = [i for i in a if i.t.kind in ("date", "datetime")]
        if dates:
            dated = f"CASE WHEN {guard} THEN NULL ELSE {_extreme_date(name, a, dates, by_text)} END"
            return Ex(dated, t.plain(), dated=True)
        return Ex(by_text, t.plain())
    return Ex(f"CASE WHEN {guard} THEN NULL ELSE {name}({', '.join(texts)}) END", t.plain())


def _extreme_date(name: str, a: list[Ex], dates: list[Ex], by_text: str) -> str:
    """The text of the extreme of dates and what may be dates. What is none is less than every date; when that is the
    extreme, texts are compared."""
    found = next((i for i in dates if i.t.kind == "datetime"), dates[0])
    none = "CAST('-infinity' AS TIMESTAMP)"
    moments = [moment(i) if i.t.temporal else f"COALESCE({moment(Ex(text(i), types.STRING))}, {none})" for i in a]
    extreme = f"{name}({', '.join(moments)})"
    if found.t.kind == "date":
        shown = Ex(f"CAST({extreme} AS DATE)", T("date", zero=found.t.zero))
    else:
        shown = Ex(extreme, T("datetime", scale=max(_fraction_digits(i) for i in a), zero=found.t.zero))
    return text(shown) if name == "greatest" else f"CASE WHEN {extreme} = {none} THEN {by_text} ELSE {text(shown)} END"


def _fraction_digits(e: Ex) -> int:
    """How many decimals of a second a value has that is taken for a moment."""
    if e.t.kind == "string" and e.is_literal and re.fullmatch(r"[\d :TZ+-]+(\.\d*)?", str(e.value)):
        return min(len(str(e.value).partition(".")[2]), 6)
    if e.t.textual or e.t.kind in ("double", "float"):
        return 6
    return min(e.t.decimals, 6)


@function("bit_count", low=1)
def _bit_count(_: Any, a: list[Ex]) -> Ex:
    return Ex(f"my_bit_count({unsigned(a[0])})", types.INT)


@function("ifnull", low=2)
def _ifnull(tr: Any, a: list[Ex]) -> Ex:
    return _coalesce(tr, a)


@function("coalesce", low=1, high=-1)
def _coalesce(tr: Any, a: list[Ex]) -> Ex:
    texts, t = operators.branches(tr.b, a)
    if t.kind == "null":
        return Ex("NULL", types.NULL)
    return Ex(f"COALESCE({', '.join(texts)})", t.plain())


@function("nullif", low=2)
def _nullif(tr: Any, a: list[Ex]) -> Ex:
    same = operators.compare(tr.b, "=", a[0], a[1]).sql
    return Ex(f"CASE WHEN {same} THEN NULL ELSE {a[0].sql} END", a[0].t.plain())


@function("isnull", low=1)
def _isnull(_: Any, a: list[Ex]) -> Ex:
    return Ex(f"({a[0].sql} IS NULL)", types.BOOL)


@function("interval", "_interval_call", low=2, high=-1)
def _interval(_: Any, a: list[Ex]) -> Ex:
    return Ex(f"my_interval({', '.join(double(i) for i in a)})", types.INT)


@function("_condition", low=1)
def _condition(_: Any, a: list[Ex]) -> Ex:
    return Ex(boolean(a[0]), types.BOOL)


@function("_string", low=1)
def _as_string(_: Any, a: list[Ex]) -> Ex:
    return Ex(cast_to(a[0], types.STRING), types.STRING)
