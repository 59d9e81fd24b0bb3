"""Values as the text protocol shows them, and whole rows of them.

An encoder takes a value and gives its length-encoded text, 0xFB for NULL. Encoders are chosen once per column, so that
a row costs one call per value.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from aurora_mysql.catalog.value_text import format_fixed
from aurora_mysql.catalog.wide_decimal import SCALE, in_scale
from aurora_mysql.catalog.zero_date import ZeroDate
from aurora_mysql.errors import mysql_error
from aurora_mysql.session.constants import (
    FLAG_ZEROFILL,
    TYPE_BIT,
    TYPE_DATETIME,
    TYPE_DOUBLE,
    TYPE_FLOAT,
    TYPE_INT24,
    TYPE_LONG,
    TYPE_LONGLONG,
    TYPE_NEWDECIMAL,
    TYPE_SHORT,
    TYPE_TIME,
    TYPE_TIMESTAMP,
    TYPE_TINY,
    TYPE_YEAR,
)
from aurora_mysql.session.wire import PREFIX, lenenc_bytes, lenenc_int
from aurora_mysql.sql.result import ResultColumn

Encoder = Callable[[Any], bytes]

NULL = b"\xfb"
#: DECIMALS of a column without a fixed number of decimals (floats).
NOT_FIXED_DECIMALS = 31

_INT_TYPES = frozenset((TYPE_TINY, TYPE_SHORT, TYPE_LONG, TYPE_INT24, TYPE_LONGLONG))


def format_double(value: float) -> str:
    """A DOUBLE as MySQL prints it: shortest text that reads back the same, exponent from 1e15 on and below 1e-15.

    Raises:
        MySQLError: 1690 for infinity and NaN.
    """
    text = repr(value)
    magnitude = abs(value)
    if "e" not in text and magnitude < 1e15:
        return text[:-2] if text.endswith(".0") else text
    return _from_digits(text)


def format_float(value: float) -> str:
    """A FLOAT (single precision): six significant digits."""
    return _from_digits(f"{value:.5e}")


def _from_digits(text: str) -> str:
    """Re-print a Python float text (with or without exponent) by MySQL's my_gcvt rules."""
    sign = ""
    if text.startswith("-"):
        sign, text = "-", text[1:]
    mantissa, _, exponent_text = text.partition("e")
    if not mantissa[0].isdigit():  # inf and nan do not exist in MySQL: the computation overflowed
        raise mysql_error(1690, "DOUBLE", "expression")
    whole, _, fraction = mantissa.partition(".")
    digits = whole + fraction
    point = len(whole) + int(exponent_text or 0)
    stripped = digits.lstrip("0")
    point -= len(digits) - len(stripped)
    digits = stripped.rstrip("0")
    if not digits:
        return sign + "0"
    if point < -14 or point > 15:
        body = digits[0] + ("." + digits[1:] if len(digits) > 1 else "")
        return f"{sign}{body}e{point - 1}"
    if point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    if point >= len(digits):
        return sign + digits + "0" * (point - len(digits))
    return f"{sign}{digits[:point]}.{digits[point:]}"


def format_time(value: timedelta, decimals: int) -> str:
    """``[-]HH:MM:SS[.ffffff]`` with `decimals` fractional digits."""
    total_us = value.days * 86_400_000_000 + value.seconds * 1_000_000 + value.microseconds
    sign = ""
    if total_us < 0:
        sign, total_us = "-", -total_us
    total_s, us = divmod(total_us, 1_000_000)
    minutes, s = divmod(total_s, 60)
    hours, m = divmod(minutes, 60)
    text = f"{sign}{hours:02d}:{m:02d}:{s:02d}"
    return f"{text}.{us:06d}"[: len(text) + 1 + decimals] if decimals else text


def format_datetime(value: datetime, decimals: int) -> str:
    """``YYYY-MM-DD HH:MM:SS[.ffffff]`` with `decimals` fractional digits."""
    text = f"{value.year:04d}-{value.month:02d}-{value.day:02d} {value.hour:02d}:{value.minute:02d}:{value.second:02d}"
    return f"{text}.{value.microsecond:06d}"[: 20 + decimals] if decimals else text


def to_text(value: Any, column: ResultColumn, codec: str) -> bytes:
    """Any value that is not None, as text in `codec`; the slow and complete way."""
    kind = value.__class__
    if kind is str:
        return encode_str(value, codec)
    if kind is bytes:
        return bytes(value)
    if kind is bool:
        return b"1" if value else b"0"
    if kind is int:
        return _int_text(value, column)
    if isinstance(value, float):
        return _float_text(float(value), column).encode()
    if isinstance(value, Decimal):
        text = format(value, "f")
        if column.decimals < SCALE and column.type_code == TYPE_NEWDECIMAL and text.find(".") == len(text) - SCALE - 1:
            # Wide decimals have thirty decimals inside.
            text = format(in_scale(value, column.decimals), "f")
        return text.encode()
    if isinstance(value, datetime):
        return format_datetime(value, _fraction_digits(column)).encode()
    if isinstance(value, ZeroDate):
        return _zero_date_text(value, column).encode()
    if isinstance(value, date):
        text = value.isoformat()
        return (text + " 00:00:00" if column.type_code in (TYPE_DATETIME, TYPE_TIMESTAMP) else text).encode()
    if isinstance(value, timedelta):
        return format_time(value, _fraction_digits(column)).encode()
    if isinstance(value, time):
        delta = timedelta(hours=value.hour, minutes=value.minute, seconds=value.second, microseconds=value.microsecond)
        return format_time(delta, _fraction_digits(column)).encode()
    if isinstance(value, bytearray | memoryview):
        return bytes(value)
    return encode_str(str(value), codec)


def _zero_date_text(value: ZeroDate, column: ResultColumn) -> str:
    if column.type_code in (TYPE_DATETIME, TYPE_TIMESTAMP):
        value = value.datetime()
    return value.text(_fraction_digits(column))


def encode_str(value: str, codec: str) -> bytes:
    """Text in the client's character set; what it lacks becomes '?', surrogates become the bytes they stand for."""
    try:
        return value.encode(codec)
    except UnicodeEncodeError:
        if codec == "utf-8":
            return value.encode(codec, "surrogateescape" if _only_escapes(value) else "replace")
        return value.encode(codec, "replace")


def _only_escapes(value: str) -> bool:
    return all("\udc80" <= c <= "\udcff" for c in value if "\ud800" <= c <= "\udfff")


def _fraction_digits(column: ResultColumn) -> int:
    return column.decimals if 0 < column.decimals <= 6 else 0


def _int_text(value: int, column: ResultColumn) -> bytes:
    if column.type_code == TYPE_BIT:
        return value.to_bytes(max(1, (column.length_bytes + 7) // 8), "big")
    if column.type_code == TYPE_YEAR:
        return b"%04d" % value
    text = b"%d" % value
    return text.rjust(column.length_bytes, b"0") if column.flags & FLAG_ZEROFILL else text


def _float_text(value: float, column: ResultColumn) -> str:
    if column.type_code in (TYPE_FLOAT, TYPE_DOUBLE) and 0 < column.decimals < NOT_FIXED_DECIMALS:
        return format_fixed(value, column.decimals)
    return format_float(value) if column.type_code == TYPE_FLOAT else format_double(value)


def column_encoder(column: ResultColumn, codec: str) -> Encoder:
    """The encoder of one column: a fast way for the expected Python type, :func:`to_text` for any other."""

    def general(value: Any) -> bytes:
        return NULL if value is None else lenenc_bytes(to_text(value, column, codec))

    if column.type_code in _INT_TYPES and not column.flags & FLAG_ZEROFILL:

        def integer(value: Any) -> bytes:
            if value.__class__ is int:
                text = b"%d" % value
                return PREFIX[len(text)] + text
            return general(value)

        return integer
    if column.type_code in (
        TYPE_BIT,
        TYPE_YEAR,
        TYPE_TIME,
        TYPE_DATETIME,
        TYPE_TIMESTAMP,
        TYPE_FLOAT,
        TYPE_DOUBLE,
    ):
        return general
    if codec != "utf-8":
        return general

    def text(value: Any) -> bytes:
        kind = value.__class__
        data: bytes
        if kind is str:
            try:
                data = value.encode()
            except UnicodeEncodeError:
                return general(value)
        elif kind is bytes:
            data = value
        else:
            return general(value)
        n = len(data)
        return PREFIX[n] + data if n < 251 else lenenc_int(n) + data

    return text


def row_encoders(columns: Sequence[ResultColumn], codec: str) -> list[Encoder]:
    return [column_encoder(column, codec) for column in columns]
