"""How MySQL prints values as text: numbers, temporal values, key entries."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

_MICRO = dt.timedelta(microseconds=1)


def format_double(value: float) -> str:
    """`value` as MySQL prints a DOUBLE: shortest digits, an exponent from 1e15 and below 1e-15."""
    if math.isnan(value) or math.isinf(value):
        return str(value)
    if value == 0:
        return "-0" if math.copysign(1, value) < 0 else "0"
    sign, digits, exponent = Decimal(repr(value)).as_tuple()
    assert isinstance(exponent, int)
    text = "".join(map(str, digits)).rstrip("0")
    exponent += len(digits) - len(text)
    point = len(text) + exponent
    prefix = "-" if sign else ""
    if not -14 <= point <= 15:
        mantissa = text[0] + ("." + text[1:] if len(text) > 1 else "")
        return f"{prefix}{mantissa}e{point - 1}"
    if point <= 0:
        return f"{prefix}0.{'0' * -point}{text}"
    if point >= len(text):
        return prefix + text + "0" * (point - len(text))
    return f"{prefix}{text[:point]}.{text[point:]}"


def format_fixed(value: float, decimals: int) -> str:
    """`value` as MySQL prints a DOUBLE that has a fixed number of decimals. Beyond 15 digits before the point only
    those are shown that tell the number from its neighbours; zeros stand for the others."""
    if math.isfinite(value) and abs(value) >= 1e15:
        return f"{Decimal(repr(value)):.{decimals}f}"
    return f"{value:.{decimals}f}"


def format_decimal(value: Decimal) -> str:
    return format(value, "f")


def format_datetime(value: dt.datetime, scale: int | None = None) -> str:
    """``YYYY-MM-DD hh:mm:ss`` with `scale` fractional digits; None prints six when there are any."""
    text = f"{value.year:04d}-{value.month:02d}-{value.day:02d} {value.hour:02d}:{value.minute:02d}:{value.second:02d}"
    return text + _fraction(value.microsecond, scale)


def format_time(value: dt.timedelta, scale: int | None = None) -> str:
    """``[-]hh:mm:ss`` with `scale` fractional digits; None prints six when there are any."""
    micros = value // _MICRO
    sign = "-" if micros < 0 else ""
    seconds, micros = divmod(abs(micros), 1_000_000)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    return f"{sign}{hour:02d}:{minute:02d}:{second:02d}" + _fraction(micros, scale)


def _fraction(micros: int, scale: int | None) -> str:
    if scale is None:
        return f".{micros:06d}" if micros else ""
    return "." + f"{micros:06d}"[:scale] if scale else ""


def to_text(value: Any) -> str:
    """`value` (not None) as MySQL converts it to a string; bytes are read as UTF-8, latin1 where they are not."""
    kind = type(value)
    if kind is str:
        return value  # type: ignore[no-any-return]
    if kind is bool:
        return "1" if value else "0"
    if kind is int:
        return str(value)
    if isinstance(value, float):
        return format_double(value)
    if isinstance(value, Decimal):
        return format_decimal(value)
    if isinstance(value, dt.datetime):
        return format_datetime(value)
    if isinstance(value, dt.date):
        return f"{value.year:04d}-{value.month:02d}-{value.day:02d}"
    if isinstance(value, dt.timedelta):
        return format_time(value)
    if isinstance(value, dt.time):
        return format_time(dt.timedelta(hours=value.hour, minutes=value.minute, seconds=value.second,
                                        microseconds=value.microsecond))  # fmt: skip
    if isinstance(value, bytes | bytearray | memoryview):
        raw = bytes(value)
        try:
            return raw.decode()
        except UnicodeDecodeError:
            return raw.decode("latin1")
    return str(value)


def render_key(values: Sequence[Any]) -> str:
    """The text of a duplicate key entry in error 1062: values joined by '-', at most 64 characters."""
    parts = []
    for value in values:
        if value is None:
            parts.append("NULL")
        elif isinstance(value, bytes | bytearray | memoryview):
            parts.append("".join(chr(b) if 32 <= b < 127 else f"\\x{b:02X}" for b in bytes(value)))
        else:
            parts.append(to_text(value))
    text = "-".join(parts)
    return text if len(text) <= 64 else text[:61] + "..."
