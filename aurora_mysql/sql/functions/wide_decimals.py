"""What DuckDB's BIGNUM lacks for decimals of up to 65 digits (:mod:`aurora_mysql.catalog.wide_decimal`)."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_UP, Context, Decimal

from aurora_mysql.catalog.wide_decimal import SCALE, of_units, units
from aurora_mysql.errors import mysql_error
from aurora_mysql.sql.functions.registry import udf

_EXACT = Context(prec=300)
#: Beyond so many digits before the point no result is given.
_MOST_WHOLE_DIGITS = 81
_ROUNDINGS = {"round": ROUND_HALF_UP, "truncate": ROUND_DOWN, "floor": ROUND_FLOOR, "ceil": ROUND_CEILING}


def _checked(value: Decimal, operation: str) -> str:
    if value.adjusted() >= _MOST_WHOLE_DIGITS:
        raise mysql_error(1690, "DECIMAL", operation)
    return units(value)


def _cut(value: Decimal, scale: int, rounding: str = ROUND_HALF_UP) -> Decimal:
    unit = Decimal(1).scaleb(-scale)
    return value.quantize(unit, rounding, context=Context(prec=300, rounding=rounding))


@udf("my_wide", ["VARCHAR"], "BIGNUM")
def wide(text: str) -> str:
    """A decimal's text."""
    return units(_cut(Decimal(text), SCALE))


@udf("my_wide_text", ["BIGNUM", "BIGINT"], "VARCHAR")
def wide_text(value: str, scale: int) -> str:
    return format(_cut(of_units(value), scale), "f")


@udf("my_wide_product", ["BIGNUM", "BIGNUM", "BIGINT"], "BIGNUM")
def wide_product(first: str, second: str, scale: int) -> str:
    product = _EXACT.multiply(of_units(first), of_units(second))
    return _checked(_cut(product, scale), "expression")


@udf("my_wide_quotient", ["BIGNUM", "BIGNUM", "BIGINT"], "BIGNUM")
def wide_quotient(dividend: str, divisor: str, scale: int) -> str | None:
    by = of_units(divisor)
    if not by:
        return None
    return _checked(_cut(_EXACT.divide(of_units(dividend), by), scale), "expression")


@udf("my_wide_remainder", ["BIGNUM", "BIGNUM"], "BIGNUM")
def wide_remainder(dividend: str, divisor: str) -> str | None:
    by = of_units(divisor)
    return units(_EXACT.remainder(of_units(dividend), by)) if by else None


@udf("my_wide_round", ["BIGNUM", "BIGINT", "VARCHAR"], "BIGNUM")
def wide_round(value: str, places: int, how: str) -> str:
    """ROUND, TRUNCATE, FLOOR and CEIL at `places` (negative: before the point)."""
    return units(_cut(of_units(value), max(-100, min(places, SCALE)), _ROUNDINGS[how]))


@udf("my_wide_integer", ["BIGNUM"], "HUGEINT")
def wide_integer(value: str) -> int:
    """Rounded, and cut to what 128 bits hold."""
    return max(-(2**126), min(2**126, int(_cut(of_units(value), 0))))
