"""Expressions over decimals of more than 38 digits: type kind "wide", BIGNUMs in units of 10^-30."""

from __future__ import annotations

from decimal import Decimal

from aurora_mysql.catalog.wide_decimal import MOST_DIGITS, SCALE, units
from aurora_mysql.sql.query import types
from aurora_mysql.sql.query.expression import Ex, all_digits, number
from aurora_mysql.sql.query.types import T

#: div_precision_increment.
_MORE_DECIMALS = 4


def wide(precision: int, scale: int) -> T:
    """As MySQL cuts a result's digits: to 30 decimals and 65 in all."""
    scale = min(scale, SCALE)
    return T("wide", max(min(precision, MOST_DIGITS), scale, 1), scale)


def literal(raw: str) -> Ex:
    """A number with more digits than DuckDB has."""
    whole, _, fraction = raw.partition(".")
    fraction = fraction[:SCALE]
    value = Decimal(f"{whole or '0'}.{fraction}" if fraction else whole)
    t = wide(len(whole.lstrip("0")) + len(fraction), len(fraction))
    return Ex(f"CAST('{units(value)}' AS BIGNUM)", t, value=raw)


def as_wide(e: Ex) -> str:
    """An exact number as BIGNUM."""
    n = number(e)
    if n.t.kind == "wide":
        return n.sql
    if n.t.kind in ("double", "float"):
        return f"my_wide({all_digits(n)})"
    scale = n.t.scale if n.t.kind == "decimal" else 0
    digits = f"CAST({n.sql} AS VARCHAR)"
    if scale:
        digits = f"replace({digits}, '.', '')"
    return f"CAST({digits} || '{'0' * (SCALE - scale)}' AS BIGNUM)"


def is_wide(*operands: Ex) -> bool:
    return any(e.t.kind == "wide" for e in operands)


def arithmetic(op: str, x: Ex, y: Ex) -> Ex:
    """+ - * of exact numbers, one of them wide."""
    (whole1, scale1), (whole2, scale2) = types.as_decimal(x.t), types.as_decimal(y.t)
    # A quotient has more digits than it shows: they count, and are not shown.
    shown1, shown2 = (e.t.decimals if e.t.kind == "decimal" else s for e, s in ((x, scale1), (y, scale2)))
    if op == "*":
        digits = min(scale1 + scale2, SCALE)
        t = wide(whole1 + whole2 + shown1 + shown2, shown1 + shown2)
        return Ex(f"my_wide_product({as_wide(x)}, {as_wide(y)}, {digits})", t)
    scale = max(shown1, shown2)
    return Ex(f"({as_wide(x)} {op} {as_wide(y)})", wide(max(whole1, whole2) + 1 + scale, scale))


def quotient(x: Ex, y: Ex, digits: int) -> Ex:
    """x / y with `digits` decimals, of which as many are shown as x has and four more."""
    (whole1, scale1), (_, scale2) = types.as_decimal(x.t), types.as_decimal(y.t)
    scale = min((x.t.decimals if x.t.kind == "decimal" else scale1) + _MORE_DECIMALS, SCALE)
    t = wide(whole1 + scale2 + scale, scale)
    return Ex(f"my_wide_quotient({as_wide(x)}, {as_wide(y)}, {min(max(digits, scale), SCALE)})", t)


def remainder(x: Ex, y: Ex) -> Ex:
    (whole1, scale1), (whole2, scale2) = types.as_decimal(x.t), types.as_decimal(y.t)
    scale = max(scale1, scale2)
    return Ex(f"my_wide_remainder({as_wide(x)}, {as_wide(y)})", wide(max(whole1, whole2) + scale, scale))


def average(n: Ex, distinct: str, over: str) -> Ex:
    t = wide(n.t.precision + _MORE_DECIMALS, n.t.scale + _MORE_DECIMALS)
    count = f"CAST(CAST(count({distinct}{n.sql}){over} AS VARCHAR) || '{'0' * SCALE}' AS BIGNUM)"
    return Ex(f"my_wide_quotient(sum({distinct}{n.sql}){over}, {count}, {t.scale})", t)


def rounded(n: Ex, places: str, how: str, scale: int) -> Ex:
    """ROUND and its kin; `places` is DuckDB text, `scale` how many decimals the result shows."""
    whole = n.t.precision - n.t.scale + 1
    return Ex(f"my_wide_round({n.sql}, {places}, '{how}')", wide(whole + scale, scale))
