"""Rows as packets of the binary protocol, made of Arrow columns with numpy: nothing is done row by row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from aurora_mysql.catalog.zero_date import FIRST_DAY, LAST_DAY, of_day_number
from aurora_mysql.sql.query.row_text import value_text
from aurora_mysql.sql.result import HEADER_BYTES, PackedRows, ResultColumn

_TINY, _SHORT, _LONG, _FLOAT, _DOUBLE, _LONGLONG, _INT24, _YEAR = 1, 2, 3, 4, 5, 8, 9, 13
_INT_BYTES = {_TINY: 1, _SHORT: 2, _YEAR: 2, _LONG: 4, _INT24: 4, _LONGLONG: 8}
_DATES, _TIME = frozenset((7, 10, 12, 14)), 11
_INTEGERS = frozenset(("BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"))
#: The marks of lengths, and how many bytes follow them.
_LONG_LENGTHS = ((0xFC, 2, 1 << 16), (0xFD, 3, 1 << 24), (0xFE, 8, 1 << 62))
_DAY_US = 86_400_000_000
_FIRST_US, _BEYOND_US = FIRST_DAY * _DAY_US, (LAST_DAY + 1) * _DAY_US


def row_struct(columns: Sequence[ResultColumn], types: Sequence[str]) -> list[str] | None:
    """The select list over a query's columns ``c1``, ``c2``, ... of `types` that makes a struct of what
    :func:`pack_structs` takes; None when a column has a type that it does not know."""
    fields = []
    for number, (column, kind) in enumerate(zip(columns, types, strict=False), start=1):
        value = _field(f"c{number}", column, kind.upper())
        if value is None:
            return None
        fields.append(f"f{number} := {value}")
    return [f"struct_pack({', '.join(fields)})"]


def _field(sql: str, column: ResultColumn, kind: str) -> str | None:
    code = column.type_code
    if code in _INT_BYTES:
        # Eight bytes take any number as it is.
        return f"CAST({sql} AS BIGINT)" if kind in _INTEGERS else sql if kind == "UBIGINT" else None
    if code in (_FLOAT, _DOUBLE):
        return f"CAST({sql} AS DOUBLE)" if kind in ("FLOAT", "DOUBLE") else None
    if code in _DATES:
        return f"CAST({sql} AS TIMESTAMP)" if kind in ("DATE", "TIMESTAMP") else None
    text = None if code == _TIME else value_text(sql, column, kind)
    return None if text is None else text.sql


@dataclass(slots=True)
class _Part:
    """A column's bytes in each row: `sizes` of them, of `fixed` (a row of bytes for each, left-aligned) first, then of
    `data`, the texts one after another."""

    sizes: Any
    fixed: Any
    fixed_sizes: Any
    data: Any = None


def pack_structs(structs: Any, columns: Sequence[ResultColumn]) -> PackedRows:
    """The rows of a batch: `structs` is the Arrow array of what :func:`row_struct` made for `columns`."""
    count, width = len(structs), len(columns)
    bitmap = HEADER_BYTES + 1
    start = bitmap + (width + 9) // 8
    sizes = np.full(count, start, dtype=np.int64)
    parts, missing = [], []
    for column, values in zip(columns, structs.flatten(), strict=True):
        part = _part(column, values)
        there = values.is_valid().to_numpy(zero_copy_only=False)
        part.sizes = np.where(there, part.sizes, 0)
        sizes += part.sizes
        parts.append(part)
        missing.append(~there)
    bounds = np.concatenate(([0], np.cumsum(sizes)))
    data = bytearray(int(bounds[-1]))
    out = np.frombuffer(data, dtype=np.uint8)
    at = bounds[:-1] + start
    for number, (part, null) in enumerate(zip(parts, missing, strict=True), start=2):
        out[bounds[:-1][null] + bitmap + number // 8] |= 1 << number % 8
        _place(out, at, part, ~null)
        at = at + part.sizes
    return PackedRows(data, bounds)


def _place(out: Any, at: Any, part: _Part, there: Any) -> None:
    for byte in range(part.fixed.shape[1]):
        rows = there & (part.fixed_sizes > byte)
        out[at[rows] + byte] = part.fixed[rows, byte]
    if part.data is not None:
        sizes = np.where(there, part.sizes - part.fixed_sizes, 0)
        first = np.cumsum(sizes) - sizes
        out[np.repeat(at + part.fixed_sizes - first, sizes) + np.arange(len(part.data))] = part.data


def _part(column: ResultColumn, values: Any) -> _Part:
    if column.type_code in _INT_BYTES:
        return _integers(pc.fill_null(values, 0).to_numpy(), _INT_BYTES[column.type_code])
    if column.type_code in (_FLOAT, _DOUBLE):
        kind = np.dtype("<f4" if column.type_code == _FLOAT else "<f8")
        return _fixed(pc.fill_null(values, 0.0).to_numpy().astype(kind))
    if column.type_code in _DATES:
        return _moments(pc.fill_null(values.cast(pa.int64()), 0).to_numpy())
    return _texts(values)


def _fixed(numbers: Any) -> _Part:
    size = numbers.dtype.itemsize
    rows = np.ascontiguousarray(numbers).view(np.uint8).reshape(len(numbers), size)
    sizes = np.full(len(numbers), size, dtype=np.int64)
    return _Part(sizes, rows, sizes)


def _integers(numbers: Any, size: int) -> _Part:
    if size < 8 and len(numbers):
        # An undeclared sign must not lose values, as in the encoder of single rows.
        least, most = int(numbers.min()), int(numbers.max())
        if least < -(1 << 8 * size - 1) or most >= 1 << 8 * size:
            raise OverflowError(f"a number between {least} and {most} does not fit its column")
    part = _fixed(numbers.astype(np.dtype("<u8") if numbers.dtype.kind == "u" else np.dtype("<i8")))
    sizes = np.full(len(numbers), size, dtype=np.int64)
    return _Part(sizes, part.fixed[:, :size], sizes)


def _moments(micros: Any) -> _Part:
    """A length, then year, month, day; hour, minute, second unless all are zero; microseconds unless zero."""
    rows = np.zeros((len(micros), 12), dtype=np.uint8)
    clock = micros % _DAY_US
    days = (micros // _DAY_US).astype("datetime64[D]")
    months = days.astype("datetime64[M]")
    years = months.astype("datetime64[Y]").astype(np.int64) + 1970
    rows[:, 1], rows[:, 2] = years & 0xFF, years >> 8
    rows[:, 3] = months.astype(np.int64) % 12 + 1
    rows[:, 4] = (days - months.astype("datetime64[D]")).astype(np.int64) + 1
    seconds, fraction = clock // 1_000_000, clock % 1_000_000
    rows[:, 5], rows[:, 6], rows[:, 7] = seconds // 3600, seconds // 60 % 60, seconds % 60
    for byte in range(4):
        rows[:, 8 + byte] = fraction >> 8 * byte & 0xFF
    sizes = np.where(clock == 0, 4, np.where(fraction == 0, 7, 11))
    for row in np.flatnonzero((micros < _FIRST_US) | (micros >= _BEYOND_US)).tolist():
        # Dates that no calendar has.
        day = of_day_number(int(micros[row] // _DAY_US))
        rows[row, 1:5] = (day.year & 0xFF, day.year >> 8, day.month, day.day)
        if day.is_zero and not clock[row]:
            sizes[row] = 0
    rows[:, 0] = sizes
    return _Part(sizes + 1, rows, sizes + 1)


def _texts(values: Any) -> _Part:
    values = pc.fill_null(values, b"" if pa.types.is_binary(values.type) else "")
    _, offset_buffer, data_buffer = values.buffers()
    offsets = np.frombuffer(offset_buffer, dtype=np.int32)[values.offset : values.offset + len(values) + 1]
    sizes = np.diff(offsets).astype(np.int64)
    data = np.frombuffer(b"" if data_buffer is None else data_buffer, dtype=np.uint8)[offsets[0] : offsets[-1]]
    longest = int(sizes.max(initial=0))
    lead = np.zeros((len(sizes), 1 if longest <= 250 else 9), dtype=np.uint8)
    lead[:, 0] = np.minimum(sizes, 250)
    lead_sizes = np.ones(len(sizes), dtype=np.int64)
    least = 251
    for mark, size, beyond in _LONG_LENGTHS:
        rows = np.flatnonzero((sizes >= least) & (sizes < beyond)) if longest >= least else ()
        if len(rows):
            lead[rows, 0] = mark
            lead_sizes[rows] = 1 + size
            for byte in range(size):
                lead[rows, 1 + byte] = sizes[rows] >> 8 * byte & 0xFF
        least = beyond
    return _Part(lead_sizes + sizes, lead, lead_sizes, data)
