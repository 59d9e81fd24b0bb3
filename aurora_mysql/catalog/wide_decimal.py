"""DECIMALs of more than the 38 digits that DuckDB's own type has: up to MySQL's 65.

DuckDB holds them as BIGNUM, an integer of any size, in units of 10^-30, which is MySQL's largest scale: so they
compare, sort, group, add and sum as they are, whatever their scales. Products and quotients go through functions on
texts.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Context, Decimal

from aurora_mysql.catalog.model import ColumnType

#: The most digits of DuckDB's DECIMAL, and of MySQL's.
NATIVE_DIGITS, MOST_DIGITS = 38, 65
#: Digits behind the point of a unit.
SCALE = 30

_EXACT = Context(prec=200)


def is_wide(column_type: ColumnType) -> bool:
    """Whether a column of this type is held as BIGNUM."""
    return column_type.name == "decimal" and (column_type.length or 0) > NATIVE_DIGITS


def units(value: Decimal | int) -> str:
    """`value` as the text of a BIGNUM."""
    return str(int(Decimal(value).scaleb(SCALE, context=_EXACT)))


def of_units(text: str) -> Decimal:
    """The number of a BIGNUM's text, with thirty decimals."""
    return Decimal(text).scaleb(-SCALE, context=_EXACT)


def in_scale(value: Decimal, scale: int) -> Decimal:
    """`value` with `scale` decimals, rounded half away from zero."""
    return value.quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP, context=_EXACT)
