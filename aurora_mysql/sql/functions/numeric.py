"""Numbers as MySQL reads, prints and converts them."""

from __future__ import annotations

import math
import random
import re
import sys
import zlib
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal, localcontext

from aurora_mysql.catalog.value_text import format_fixed
from aurora_mysql.errors import mysql_error
from aurora_mysql.sql.functions.diagnostics import conversion_warning
from aurora_mysql.sql.functions.registry import udf

_LEADING_NUMBER = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)")
_LEADING_INTEGER = re.compile(r"\s*([+-]?\d+)")
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def leading_number(text: str) -> tuple[float, bool]:
    """The number a string starts with (0 when there is none), and whether it is all of the string."""
    found = _LEADING_NUMBER.match(text)
    if found is None:
        return 0.0, not text.strip()
    value = float(found.group(1))
    if math.isinf(value):
        return math.copysign(sys.float_info.max, value), False
    return value, not text[found.end() :].strip()


@udf("my_num", ["VARCHAR", "BIGINT"], "DOUBLE")
def string_number(text: str, warn: int) -> float:
    """A string where a number is wanted."""
    value, whole = leading_number(text)
    if not whole:
        conversion_warning(warn, 1292, f"Truncated incorrect DOUBLE value: '{text[:128]}'")
    return value


#: No DECIMAL has a digit so far from its point.
_FAR = 100


def _decimal_of(number: str) -> Decimal:
    """`number`, but no larger or smaller than matters for a DECIMAL: '1e999999999' has a gigabyte of digits."""
    value = Decimal(number)
    if value.adjusted() > _FAR and value:
        return Decimal(1).scaleb(_FAR).copy_sign(value)
    return value if value and value.adjusted() >= -_FAR else Decimal(0)


def leading_number_text(text: str) -> str:
    """The decimal number at the start of a text, '0' when there is none."""
    found = _LEADING_NUMBER.match(text)
    return format(_decimal_of(found.group(1)), "f") if found else "0"


@udf("my_dec", ["VARCHAR", "BIGINT", "BIGINT", "BIGINT"], "VARCHAR")
def leading_decimal(text: str, precision: int, scale: int, warn: int) -> str:
    """CAST(string AS DECIMAL(p,s)) as text: rounded half up, clamped to the range."""
    found = _LEADING_NUMBER.match(text)
    value = _decimal_of(found.group(1)) if found else Decimal(0)
    if found is None or text[found.end() :].strip():
        conversion_warning(warn, 1292, f"Truncated incorrect DECIMAL value: '{text[:128]}'")
    with localcontext() as exact:
        exact.prec = 120
        limit = Decimal(10) ** (precision - scale) - Decimal(1).scaleb(-scale)
        if abs(value) > limit:
            conversion_warning(warn, 1264, f"Out of range value for column 'CAST({text[:64]})' at row 1")
        value = max(-limit, min(limit, value))
        return format(value.quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP), "f")


@udf("my_int", ["VARCHAR", "BIGINT"], "BIGINT")
def leading_integer(text: str, warn: int) -> int:
    """CAST(string AS SIGNED): the integer prefix, clamped."""
    found = _LEADING_INTEGER.match(text)
    value = int(found.group(1)) if found else 0
    if found is None or text[found.end() :].strip() or not -(2**63) <= value < 2**64:
        conversion_warning(warn, 1292, f"Truncated incorrect INTEGER value: '{text[:128]}'")
    elif value >= 2**63:
        complaint = "Cast to signed converted positive out-of-range integer to its negative complement"
        conversion_warning(warn, 1105, complaint)
    if value > 2**63 - 1:
        # A too large number keeps its 64 bits: CAST('18446744073709551615' AS SIGNED) is -1.
        value = min(value, 2**64 - 1) - 2**64
    return max(value, -(2**63))


@udf("my_uint", ["VARCHAR", "BIGINT"], "UBIGINT")
def leading_unsigned(text: str, warn: int) -> int:
    """CAST(string AS UNSIGNED): the integer prefix, negative ones as 64-bit two's complement."""
    found = _LEADING_INTEGER.match(text)
    value = int(found.group(1)) if found else 0
    if found is None or text[found.end() :].strip() or not -(2**63) <= value < 2**64:
        conversion_warning(warn, 1292, f"Truncated incorrect INTEGER value: '{text[:128]}'")
    elif value < 0:
        conversion_warning(warn, 1105, "Cast to unsigned converted negative integer to its positive complement")
    return min(value, 2**64 - 1) if value >= 0 else max(value, -(2**63)) + 2**64


@udf("my_bits", ["VARCHAR", "BIGINT"], "UBIGINT")
def string_bits(text: str, warn: int) -> int:
    """A string in a bit operation: its integer prefix as 64 bits."""
    found = _LEADING_INTEGER.match(text)
    value = int(found.group(1)) if found else 0
    if found is None or text[found.end() :].strip() or not -(2**63) <= value < 2**64:
        conversion_warning(warn, 1292, f"Truncated incorrect INTEGER value: '{text[:128]}'")
    return min(value, 2**64 - 1) if value >= 0 else max(value, -(2**63)) + 2**64


@udf("my_hex_number", ["DOUBLE"], "VARCHAR")
def hex_of_double(value: float) -> str:
    """HEX() of a number that is no integer."""
    if not -(2.0**63) < value < 2.0**64:
        return "FFFFFFFFFFFFFFFF"
    return f"{int(value + (0.5 if value > 0 else -0.5)) % 2**64:X}"


@udf("my_round_double", ["DOUBLE", "BIGINT", "BOOLEAN"], "DOUBLE")
def round_double(value: float, places: int, half: bool) -> float:
    """ROUND() and TRUNCATE() of a DOUBLE, with MySQL's own arithmetic (my_double_round)."""
    if places > 308 or not math.isfinite(value):
        return value
    if places < -308:
        return 0.0
    power = 10.0 ** abs(places)
    scaled = value * power if places >= 0 else value / power
    if not math.isfinite(scaled):
        return value
    whole = float(round(scaled)) if half else float(math.floor(scaled) if scaled >= 0 else math.ceil(scaled))
    return whole / power if places >= 0 else whole * power


@udf("my_round_decimal", ["VARCHAR", "BIGINT", "BIGINT", "BOOLEAN"], "VARCHAR")
def round_decimal(text: str, places: int, scale: int, half_up: bool) -> str:
    """ROUND() and TRUNCATE() of a decimal to `places` that are not known when the statement is planned."""
    with localcontext() as exact:
        exact.prec = 160
        unit = Decimal(1).scaleb(-min(places, scale)) if places > -70 else Decimal(1).scaleb(70)
        return format(Decimal(text).quantize(unit, ROUND_HALF_UP if half_up else ROUND_DOWN), "f")


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


@udf("my_quotient", ["VARCHAR", "VARCHAR"], "VARCHAR")
def quotient(dividend: str, divisor: str) -> str | None:
    """DIV on decimals: the quotient without its fraction."""
    if not Decimal(divisor):
        return None
    with localcontext() as exact:
        exact.prec = 800
        return str(int(Decimal(dividend) / Decimal(divisor)))


@udf("my_decimal_quotient", ["VARCHAR", "VARCHAR", "BIGINT", "BOOLEAN"], "VARCHAR")
def decimal_quotient(dividend: str, divisor: str, scale: int, rounded: bool) -> str | None:
    """`/` on decimals, rounded half away from zero or cut at `scale` digits."""
    if not Decimal(divisor):
        return None
    with localcontext() as exact:
        exact.prec, exact.rounding = 200, ROUND_HALF_UP if rounded else ROUND_DOWN
        return format((Decimal(dividend) / Decimal(divisor)).quantize(Decimal(1).scaleb(-scale)), "f")


@udf("my_decimal_product", ["VARCHAR", "VARCHAR"], "VARCHAR")
def decimal_product(first: str, second: str) -> str:
    """`*` on decimals that are too wide for 128 bits together."""
    with localcontext() as exact:
        exact.prec = 200
        return format(Decimal(first) * Decimal(second), "f")


@udf("my_dstr", ["DOUBLE"], "VARCHAR")
def my_dstr(value: float) -> str:
    return double_text(value)


@udf("my_fixed", ["DOUBLE", "BIGINT"], "VARCHAR")
def my_fixed(value: float, decimals: int) -> str:
    return format_fixed(value, decimals)


@udf("my_fstr", ["FLOAT"], "VARCHAR")
def my_fstr(value: float) -> str:
    """A FLOAT prints with six significant digits."""
    return double_text(float(f"{value:.6g}"))


@udf("my_round_integer", ["HUGEINT", "BIGINT", "BOOLEAN"], "HUGEINT")
def round_integer(value: int, places: int, half_up: bool) -> int:
    """ROUND() and TRUNCATE() of an integer at `places` (negative: before the point)."""
    if places >= 0:
        return value
    if places < -38:
        return 0
    unit: int = 10**-places
    whole = (abs(value) + (unit // 2 if half_up else 0)) // unit * unit
    return whole if value >= 0 else -whole


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


#: Locale -> (thousands separator, decimal point), where they differ from en_US.
_SEPARATORS = {
    **dict.fromkeys(("de_de", "da_dk", "es_ar", "id_id", "tr_tr", "is_is", "de_lu", "nb_no", "pt_br"), (".", ",")),
    **dict.fromkeys(("de_at", "fr_fr", "it_it", "pt_pt", "nl_nl", "es_es", "pl_pl", "hr_hr"), ("", ",")),
    **dict.fromkeys(("ru_ru", "sv_se", "fi_fi", "cs_cz", "uk_ua", "bg_bg"), (" ", ",")),
    "de_ch": ("'", "."),
}


@udf("my_format", ["VARCHAR", "BIGINT", "VARCHAR"], "VARCHAR")
def number_format(text: str, decimals: int, locale: str) -> str:
    """FORMAT(): grouped thousands, fixed decimals, half up."""
    with localcontext() as exact:
        exact.prec = 400
        value = Decimal(text).quantize(Decimal(1).scaleb(-max(0, min(decimals, 30))), ROUND_HALF_UP)
    shown = f"{value:,f}"
    if not value:
        shown = shown.lstrip("-")
    group, point = _SEPARATORS.get(locale.lower(), (",", "."))
    return shown if point == "." else shown.replace(",", "\0").replace(".", point).replace("\0", group)


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
def power(base: float, exponent: float) -> float:
    try:
        result = math.pow(base, exponent)
    except (OverflowError, ValueError):
        raise mysql_error(1690, "DOUBLE", f"pow({base},{exponent})") from None
    return result
