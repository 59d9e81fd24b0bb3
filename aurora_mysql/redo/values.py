"""Storage values that msgpack has no type for, as msgpack extensions."""

from __future__ import annotations

import struct
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgpack

from aurora_mysql.catalog.zero_date import ZeroDate
from aurora_mysql.errors import CorruptRecordError

_DECIMAL, _DATE, _DATETIME, _TIMEDELTA, _ZERO_DATE = 16, 17, 18, 19, 20

#: Extension codes of this module.
VALUE_EXTENSIONS = frozenset({_DECIMAL, _DATE, _DATETIME, _TIMEDELTA, _ZERO_DATE})

_EPOCH = datetime(1970, 1, 1)
_I32 = struct.Struct(">i")
_I64 = struct.Struct(">q")
_DELTA = struct.Struct(">iii")
_ZERO = struct.Struct(">HBBq")
_ExtType = msgpack.ExtType


def _extension(code: int, data: bytes) -> Any:
    """An ExtType, without the checks of its arguments that take longer than all else here."""
    return tuple.__new__(_ExtType, (code, data))


def pack_value(value: Any) -> Any:
    """msgpack `default` hook.

    Raises:
        TypeError: `value` is not a storage value (a datetime with a time zone included).
    """
    kind = type(value)
    if kind is Decimal:
        return _extension(_DECIMAL, str(value).encode("ascii"))
    if kind is datetime:
        if value.tzinfo is not None:
            raise TypeError("stored datetimes have no time zone")
        delta = value - _EPOCH
        return _extension(_DATETIME, _I64.pack((delta.days * 86400 + delta.seconds) * 1_000_000 + delta.microseconds))
    if kind is date:
        return _extension(_DATE, _I32.pack(value.toordinal()))
    if kind is timedelta:
        return _extension(_TIMEDELTA, _DELTA.pack(value.days, value.seconds, value.microseconds))
    if kind is ZeroDate:
        clock = -1 if value.clock is None else value.clock
        return _extension(_ZERO_DATE, _ZERO.pack(value.year, value.month, value.day, clock))
    for base in (datetime, date, timedelta, Decimal):
        if isinstance(value, base):
            raise TypeError(f"{kind.__name__} is a subclass of {base.__name__}: not a storage value")
    if isinstance(value, (bytearray, memoryview)):
        return bytes(value)
    raise TypeError(f"{kind.__name__} is not a storage value")


def unpack_value(code: int, data: bytes) -> Any:
    """msgpack `ext_hook`.

    Raises:
        CorruptRecordError: not an extension that :func:`pack_value` makes.
    """
    try:
        if code == _DECIMAL:
            return Decimal(data.decode("ascii"))
        if code == _DATETIME:
            return _EPOCH + timedelta(microseconds=_I64.unpack(data)[0])
        if code == _DATE:
            return date.fromordinal(_I32.unpack(data)[0])
        if code == _TIMEDELTA:
            days, seconds, micros = _DELTA.unpack(data)
            return timedelta(days, seconds, micros)
        if code == _ZERO_DATE:
            year, month, day, clock = _ZERO.unpack(data)
            return ZeroDate(year, month, day, None if clock < 0 else clock)
    except (ArithmeticError, ValueError, struct.error) as error:
        raise CorruptRecordError(f"malformed value of extension {code}") from error
    raise CorruptRecordError(f"unknown extension {code}")
