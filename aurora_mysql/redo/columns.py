"""Many rows of a table column by column: what bulk changes look like inside a record.

The rows' consumers want Python tuples, so columns are plain msgpack arrays (their C coder beats Arrow's conversion
to Python values) except temporal and decimal ones, which msgpack would handle one extension at a time: temporal
columns are 64-bit integers converted by numpy (NULL is numpy's NaT), decimals are strings. A column of mixed types
stays generic.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from aurora_mysql.errors import CorruptRecordError
from aurora_mysql.redo.record import Row

#: A change with more upserts than this is written by column.
COLUMNAR_ROWS = 512

_GENERIC, _DECIMAL, _DATETIME, _DATE, _TIMEDELTA = 0, 1, 2, 3, 4
_UNIT = {_DATETIME: "<M8[us]", _DATE: "<M8[D]", _TIMEDELTA: "<m8[us]"}
_KIND: dict[type[Any], int] = {Decimal: _DECIMAL, datetime: _DATETIME, date: _DATE, timedelta: _TIMEDELTA}
_NONE = type(None)
#: What fits numpy's 64-bit microseconds with room to spare; TIME values are far inside it.
_LARGEST_DELTA = timedelta(days=36_500_000)


def pack_columns(rows: Sequence[Row]) -> list[Any]:
    """``[row count, [kind, data], ...]`` for msgpack.

    Raises:
        TypeError: a datetime has a time zone.
        ValueError: rows of different lengths.
    """
    return [len(rows), *(_pack_column(column) for column in zip(*rows, strict=True))]


def unpack_columns(packed: Sequence[Any]) -> list[Row]:
    """The rows again.

    Raises:
        CorruptRecordError: malformed.
    """
    count = packed[0]
    columns = [_unpack_column(kind, data) for kind, data in packed[1:]]
    if not columns:
        return [() for _ in range(count)]
    if any(len(column) != count for column in columns):
        raise CorruptRecordError("columns of different lengths")
    return list(zip(*columns, strict=True))


def _pack_column(column: Sequence[Any]) -> tuple[int, Any]:
    kinds = set(map(type, column))
    kinds.discard(_NONE)
    if len(kinds) != 1:
        return _GENERIC, column
    kind = _KIND.get(kinds.pop(), _GENERIC)
    if kind == _GENERIC:
        return _GENERIC, column
    if kind == _DECIMAL:
        return _DECIMAL, [None if v is None else str(v) for v in column]
    if kind == _DATETIME and any(v is not None and v.tzinfo is not None for v in column):
        raise TypeError("stored datetimes have no time zone")
    if kind == _TIMEDELTA and any(v is not None and abs(v) > _LARGEST_DELTA for v in column):
        return _GENERIC, column
    import numpy as np  # not with the module: the command line and the supervisor need no numpy

    return kind, np.array(column, dtype=_UNIT[kind]).tobytes()


def _unpack_column(kind: int, data: Any) -> Sequence[Any]:
    if kind == _GENERIC:
        return data  # type: ignore[no-any-return]
    if kind == _DECIMAL:
        make: Callable[[str], Decimal] = Decimal
        return [None if v is None else make(v) for v in data]
    unit = _UNIT.get(kind)
    if unit is None:
        raise CorruptRecordError(f"unknown column kind {kind}")
    import numpy as np

    values: list[Any] = np.frombuffer(data, dtype=unit).tolist()
    return values
