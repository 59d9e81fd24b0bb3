"""Numbers as MySQL reads, prints and converts them."""

from __future__ import annotations

import random
import re
import zlib
from decimal import ROUND_HALF_UP, Decimal

from aurora_mysql.sql.functions.registry import udf

_LEADING_NUMBER = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)")
_LEADING_INTEGER = re.compile(r"\s*([+-]?\d+)")
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@udf("my_num", ["VARCHAR"], "DOUBLE")
def leading_number(text: str) -> float:
    """The number a string starts with, 0 when there is none."""
    found = _LEADING_NUMBER.match(text)
    return float(found.group(1)) if found else 0.0


@udf("my_dec", ["VARCHAR", "BIGINT", "BIGINT"], "VARCHAR")
def leading_decimal(text: str, precision: int, scale: int) -> str:
    """CAST(string AS DECIMAL(p,s)) as text: rounded half up, clamped to the range."""
    found = _LEADING_NUMBER.match(text)
    value = Decimal(found.group(1)) if found else Decimal(0)
    limit = Decimal(10) ** (precision - scale) - Decimal(1).scaleb(-scale)
    value = max(-limit, min(limit, value))
    return str(value.quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP))


@udf("my_int", ["VARCHAR"], "BIGINT")
def leading_integer(text: str) -> int:
    """CAST(string AS SIGNED): the integer prefix, clamped."""
    found = _LEADING_INTEGER.match(text)
    value = int(found.group(1)) if found else 0
    if value > 2**63 - 1:
        # A too large number keeps its 64 bits: CAST('18446744073709551615' AS SIGNED) is -1.
        value = min(value, 2**64 - 1) - 2**64
    return max(value, -(2**63))


@udf("my_uint", ["VARCHAR"], "UBIGINT")
def leading_unsigned(text: str) -> int:
    """CAST(string AS UNSIGNED): the integer prefix, negative ones as 64-bit two's complement."""
    found = _LEADING_INTEGER.match(text)
    value = int(found.group(1)) if found else 0
    return min(value, 2**64 - 1) if value >= 0 else max(value, -(2**63)) + 2**64


def double_text(value: float) -> str:
    """A DOUBLE as MySQL prints it: shortest digits that round-trip, no trailing '.0', exponent from 1e15."""
    if value == 0:
        return "0"
    digits = repr(value)
    _mantissa, _, exponent_text = digits.partition("e")
    number = Decimal(digits)
    exponent = int(exponent_text) if exponent_text else number.adjusted()
    if -15 <= exponent < 15:
        text = format(number, "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    sign = "-" if value < 0 else ""
    digits_only = "".join(str(d) for d in number.as_tuple().digits).rstrip("0") or "0"
    body = digits_only[0] + ("." + digits_only[1:] if len(digits_only) > 1 else "")
    return f"{sign}{body}e{number.adjusted()}"


@udf("my_dstr", ["DOUBLE"], "VARCHAR")
def my_dstr(value: float) -> str:
    return double_text(value)


@udf("my_fstr", ["FLOAT"], "VARCHAR")
def my_fstr(value: float) -> str:
    """A FLOAT prints with six significant digits."""
    return double_text(float(f"{value:.6g}"))


@udf("my_conv", ["VARCHAR", "BIGINT", "BIGINT"], "VARCHAR")
def conv(text: str, from_base: int, to_base: int) -> str | None:
    signed = to_base < 0
    source, target = abs(from_base), abs(to_base)
    if not 2 <= source <= 36 or not 2 <= target <= 36:
        return None
    body = text.strip().upper()
    negative = body.startswith("-")
    value = 0
    for character in body.lstrip("+-"):
        digit = _DIGITS.find(character)
        if digit < 0 or digit >= source:
            break
        value = value * source + digit
    value = min(value, 2**64 - 1)
    if negative:
        value = (-value) % 2**64
    sign = ""
    if signed and value >= 2**63:
        value, sign = 2**64 - value, "-"
    out = ""
    while value:
        value, digit = divmod(value, target)
        out = _DIGITS[digit] + out
    return sign + (out or "0")


@udf("my_format", ["VARCHAR", "BIGINT"], "VARCHAR")
def number_format(text: str, decimals: int) -> str:
    """FORMAT(): grouped thousands, fixed decimals, half up."""
    value = Decimal(text).quantize(Decimal(1).scaleb(-max(0, min(decimals, 30))), ROUND_HALF_UP)
    return f"{value:,f}"


@udf("my_crc32", ["BLOB"], "UBIGINT")
def crc32(data: bytes) -> int:
    return zlib.crc32(data)


@udf("my_rand_seed", ["BIGINT", "BIGINT"], "DOUBLE")
def rand_seed(seed: int, row: int) -> float:
    """MySQL's generator: RAND(seed) gives the same sequence for the same seed; `row` counts from 0."""
    limit = 0x3FFFFFFF
    seed &= 0xFFFFFFFF
    seed1 = (seed * 0x10001 + 55555555) & 0xFFFFFFFF
    seed2 = (seed * 0x10000001) & 0xFFFFFFFF
    seed1, seed2 = seed1 % limit, seed2 % limit
    for _ in range(row + 1):
        seed1 = (seed1 * 3 + seed2) % limit
        seed2 = (seed1 + seed2 + 33) % limit
    return seed1 / limit


def random_float() -> float:
    return random.random()


@udf("my_bit_count", ["UBIGINT"], "BIGINT")
def bit_count(value: int) -> int:
    return value.bit_count()


@udf("my_pow", ["DOUBLE", "DOUBLE"], "DOUBLE")
def power(base: float, exponent: float) -> float | None:
    try:
        result = base**exponent
    except (OverflowError, ZeroDivisionError):
        return None
    return None if isinstance(result, complex) else float(result)
