"""The binary protocol of prepared statements: result rows out, parameters in."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from aurora_mysql.catalog.zero_date import ZeroDate
from aurora_mysql.session import constants as c
from aurora_mysql.session import text_encoding
from aurora_mysql.session.wire import Reader, malformed
from aurora_mysql.sql.result import ResultColumn, Value

BinaryEncoder = Callable[[Any], bytes]

_INT_SIZES = {
    c.TYPE_TINY: 1,
    c.TYPE_SHORT: 2,
    c.TYPE_YEAR: 2,
    c.TYPE_LONG: 4,
    c.TYPE_INT24: 4,
    c.TYPE_LONGLONG: 8,
}
_TEMPORAL = frozenset((c.TYPE_DATE, c.TYPE_NEWDATE, c.TYPE_DATETIME, c.TYPE_TIMESTAMP))
TEXT_PARAMS = frozenset((c.TYPE_VARCHAR, c.TYPE_VAR_STRING, c.TYPE_STRING, c.TYPE_JSON, 0xF7, 0xF8))
_BINARY_PARAMS = frozenset((c.TYPE_TINY_BLOB, c.TYPE_MEDIUM_BLOB, c.TYPE_LONG_BLOB, c.TYPE_BLOB, c.TYPE_BIT, 0xFF))
UNSIGNED_PARAM = 0x8000


def column_encoder(column: ResultColumn, codec: str) -> BinaryEncoder:
    """Encoder of the non-NULL values of one column in a binary row.

    Raises (the encoder): ValueError or OverflowError when the value does not fit the announced column type.
    """
    size = _INT_SIZES.get(column.type_code)
    if size is not None:
        return _integers(size, unsigned=bool(column.flags & c.FLAG_UNSIGNED) or column.type_code == c.TYPE_YEAR)
    if column.type_code == c.TYPE_FLOAT:
        return lambda value: struct.pack("<f", float(value))
    if column.type_code == c.TYPE_DOUBLE:
        return lambda value: struct.pack("<d", float(value))
    if column.type_code in _TEMPORAL:
        return lambda value: _datetime(value)
    if column.type_code == c.TYPE_TIME:
        return lambda value: _time(value)
    return text_encoding.column_encoder(column, codec)


def _integers(size: int, *, unsigned: bool) -> BinaryEncoder:
    least = 0 if unsigned else -(1 << 8 * size - 1)
    beyond = 1 << (8 * size if unsigned else 8 * size - 1)

    def encode(value: Any) -> bytes:
        if value.__class__ is int and least <= value < beyond:
            fits: bytes = value.to_bytes(size, "little", signed=not unsigned)
            return fits
        # An undeclared sign must not lose values: MySQL's own expression columns are as lax.
        return _integer(int(value), size, unsigned)

    return encode


def _integer(value: int, size: int, unsigned: bool) -> bytes:
    if value < 0:
        return value.to_bytes(size, "little", signed=True)
    return value.to_bytes(size, "little", signed=not unsigned and value < 1 << (8 * size - 1))


def _datetime(value: Any) -> bytes:
    if isinstance(value, str):
        parsed = _parse_temporal(value)
        if parsed is None:  # zero dates ('0000-00-00') have no Python value
            return b"\0"
        value = parsed
    if isinstance(value, datetime):
        day = struct.pack("<HBB", value.year, value.month, value.day)
        if value.microsecond:
            clock = struct.pack("<BBBI", value.hour, value.minute, value.second, value.microsecond)
        elif value.hour or value.minute or value.second:
            clock = struct.pack("<BBB", value.hour, value.minute, value.second)
        else:
            clock = b""
        return bytes((len(day) + len(clock),)) + day + clock
    if isinstance(value, ZeroDate):
        return _zero_date(value)
    if isinstance(value, date):
        return b"\4" + struct.pack("<HBB", value.year, value.month, value.day)
    raise ValueError(f"no date: {value!r}")


def _zero_date(value: ZeroDate) -> bytes:
    if value.is_zero and not value.clock:
        return b"\0"
    body = struct.pack("<HBB", value.year, value.month, value.day)
    if value.clock:
        seconds, us = divmod(value.clock, 1_000_000)
        body += struct.pack("<BBB", seconds // 3600, seconds // 60 % 60, seconds % 60)
        body += struct.pack("<I", us) if us else b""
    return bytes((len(body),)) + body


def _parse_temporal(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _time(value: Any) -> bytes:
    if isinstance(value, str):
        value = _parse_time(value)
    if isinstance(value, time):
        value = timedelta(hours=value.hour, minutes=value.minute, seconds=value.second, microseconds=value.microsecond)
    if not isinstance(value, timedelta):
        raise ValueError(f"no time: {value!r}")
    negative = value < timedelta(0)
    if negative:
        value = -value
    if not value:
        return b"\0"
    minutes, seconds = divmod(value.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    if value.microseconds:
        return struct.pack("<BBIBBBI", 12, negative, value.days, hours, minutes, seconds, value.microseconds)
    return struct.pack("<BBIBBB", 8, negative, value.days, hours, minutes, seconds)


def _parse_time(text: str) -> timedelta:
    negative = text.startswith("-")
    hours, minutes, seconds = text.lstrip("-").split(":")
    delta = timedelta(hours=int(hours), minutes=int(minutes), seconds=float(seconds))
    return -delta if negative else delta


def binary_row(row: Sequence[Value], encoders: Sequence[BinaryEncoder]) -> bytes:
    """One row: header 0, bitmap of NULLs (offset 2), values."""
    count = len(encoders)
    nulls = 0
    parts: list[bytes] = [b"", b""]
    bit = 4
    for value, encode in zip(row, encoders, strict=False):
        if value is None:
            nulls |= bit
        else:
            parts.append(encode(value))
        bit <<= 1
    parts[0] = b"\0"
    parts[1] = nulls.to_bytes((count + 9) // 8, "little")
    return b"".join(parts)


def read_parameters(
    reader: Reader, count: int, types: Sequence[int] | None, long_data: dict[int, bytearray], codec: str
) -> tuple[list[Value], Sequence[int]]:
    """Parameters of COM_STMT_EXECUTE from the NULL bitmap on.

    `types` are those remembered from the last execution, used when the client does not send them again.
    Returns the values and the types to remember.

    Raises:
        MySQLError: 1835 for malformed packets, and for a first execution without types.
    """
    bitmap = int.from_bytes(reader.take((count + 7) // 8), "little")
    if reader.uint(1):
        raw = reader.take(2 * count)
        types = struct.unpack(f"<{count}H", raw)
    if types is None or len(types) != count:
        raise malformed()
    values: list[Value] = []
    for i, code in enumerate(types):
        if i in long_data:
            data = bytes(long_data[i])
            values.append(data if code & 0xFF in _BINARY_PARAMS else data.decode(codec, "surrogateescape"))
        elif bitmap >> i & 1:
            values.append(None)
        else:
            values.append(_read_value(reader, code, codec))
    return values, types


def _read_value(reader: Reader, code: int, codec: str) -> Value:
    kind = code & 0xFF
    size = _INT_SIZES.get(kind)
    if size is not None:
        return reader.uint(size) if code & UNSIGNED_PARAM else reader.sint(size)
    if kind in TEXT_PARAMS:
        return reader.lenenc_bytes().decode(codec, "surrogateescape")
    if kind in _BINARY_PARAMS:
        return reader.lenenc_bytes()
    if kind == c.TYPE_DOUBLE:
        return struct.unpack("<d", reader.take(8))[0]
    if kind == c.TYPE_FLOAT:
        # A float parameter is compared as the decimal text it prints as, not as its binary expansion.
        return float(f"{struct.unpack('<f', reader.take(4))[0]:.9g}")
    if kind == c.TYPE_NULL:
        return None
    if kind in (c.TYPE_DECIMAL, c.TYPE_NEWDECIMAL):
        text = reader.lenenc_bytes().decode("ascii", "replace")
        try:
            return Decimal(text)
        except InvalidOperation:
            return text
    if kind in _TEMPORAL:
        return _read_datetime(reader, date_only=kind in (c.TYPE_DATE, c.TYPE_NEWDATE))
    if kind == c.TYPE_TIME:
        return _read_time(reader)
    raise malformed()


def _read_datetime(reader: Reader, *, date_only: bool) -> Value:
    size = reader.uint(1)
    if size not in (0, 4, 7, 11):
        raise malformed()
    body = Reader(reader.take(size))
    year, month, day = (body.uint(2), body.uint(1), body.uint(1)) if size >= 4 else (0, 0, 0)
    hour, minute, second = (body.uint(1), body.uint(1), body.uint(1)) if size >= 7 else (0, 0, 0)
    us = body.uint(4) if size == 11 else 0
    try:
        if date_only and size <= 4:
            return date(year, month, day)
        return datetime(year, month, day, hour, minute, second, us)
    except ValueError:
        # Zero and impossible dates travel as text: whether they are allowed is up to sql_mode.
        text = f"{year:04d}-{month:02d}-{day:02d}"
        return text if date_only and size <= 4 else f"{text} {hour:02d}:{minute:02d}:{second:02d}.{us:06d}"


def _read_time(reader: Reader) -> timedelta:
    size = reader.uint(1)
    if size not in (0, 8, 12):
        raise malformed()
    if size == 0:
        return timedelta(0)
    body = Reader(reader.take(size))
    negative = body.uint(1)
    days, hours, minutes, seconds = body.uint(4), body.uint(1), body.uint(1), body.uint(1)
    us = body.uint(4) if size == 12 else 0
    if days > 100_000:
        raise malformed()
    delta = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds, microseconds=us)
    return -delta if negative else delta
