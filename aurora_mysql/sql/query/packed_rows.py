"""Rows as packets of the text protocol, made by DuckDB: one string for each row, finished here with numpy.

DuckDB's strings hold UTF-8 only, so what a length-encoded value begins with is written in ASCII first: the length
below 124, or a mark. Four spare bytes in front of each row are for the packet's header.

====  ===========================================  ==============================
mark  followed by                                  becomes
====  ===========================================  ==============================
127   nothing                                      0xFB (NULL)
126   the length in 2 digits of 7 bits, low first  0xFC and 2 bytes
125   in 3 digits                                  0xFD and 3 bytes
124   in 8 digits                                  0xFE and 8 bytes
====  ===========================================  ==============================
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from aurora_mysql.sql.query.row_text import SHORT_BYTES, ValueText, value_text
from aurora_mysql.sql.result import HEADER_BYTES, PackedRows, ResultColumn

_NULL, _TWO, _THREE, _EIGHT = 127, 126, 125, SHORT_BYTES
_LIMIT_TWO, _LIMIT_THREE = 1 << 14, 1 << 21
_MARKS = tuple(bytes((mark,)) for mark in (_NULL, _TWO, _THREE, _EIGHT))


def row_projections(columns: Sequence[ResultColumn], types: Sequence[str]) -> list[str] | None:
    """Select lists to apply one after the other to a query's columns ``c1``, ``c2``, ... of `types`: the last one makes
    a row's string, a BLOB when a column is binary. None when a column has a type that it does not know.

    The texts come first: DuckDB would make a text again for every mention of it.
    """
    texts: list[str] = []
    shortened: list[str] = []
    pieces: list[str] = [f"'{' ' * HEADER_BYTES}'"]
    segments: list[str] = []
    for number, (column, kind) in enumerate(zip(columns, types, strict=False), start=1):
        name = f"c{number}"
        value = value_text(name, column, kind)
        if value is None:
            return None
        texts.append(f"{value.before or value.sql} AS {name}")
        shortened.append(f"{value.after or name} AS {name}")
        value = replace(value, sql=name)
        pieces.append(_prefix(value))
        if value.binary:
            segments.append(f"encode({_joined(pieces)})")
            segments.append(f"coalesce({value.sql}, ''::BLOB)")
            pieces = []
        else:
            # concat() takes NULL for the empty string.
            pieces.append(value.sql)
    if not segments:
        row = _joined(pieces)
    else:
        if pieces:
            segments.append(f"encode({_joined(pieces)})")
        row = " || ".join(segments)
    return [", ".join(texts), ", ".join(shortened), row]


def _joined(pieces: Sequence[str]) -> str:
    return f"concat({', '.join(pieces)})"


def _prefix(value: ValueText) -> str:
    size = f"{'octet_length' if value.binary else 'strlen'}({value.sql})"
    short = f"chr({size}::INTEGER)"
    if value.bounded:
        return f"coalesce({short}, chr({_NULL}))"

    def digits(mark: int, count: int) -> str:
        return " || ".join([f"chr({mark})", *(f"chr((({size} >> {7 * i}) & 127)::INTEGER)" for i in range(count))])

    return (
        f"CASE WHEN {size} < {_EIGHT} THEN {short} WHEN {size} IS NULL THEN chr({_NULL}) "
        f"WHEN {size} < {_LIMIT_TWO} THEN {digits(_TWO, 2)} WHEN {size} < {_LIMIT_THREE} THEN {digits(_THREE, 3)} "
        f"ELSE {digits(_EIGHT, 8)} END"
    )


def pack(strings: Any, width: int) -> PackedRows:
    """The rows of a batch: `strings` is the Arrow array of what :func:`row_projections` made for `width` columns."""
    _, offset_buffer, data_buffer = strings.buffers()
    count = len(strings)
    large = str(strings.type) in ("large_string", "large_binary")
    offsets = np.frombuffer(offset_buffer, dtype=np.int64 if large else np.int32)
    offsets = offsets[strings.offset : strings.offset + count + 1].astype(np.int64)
    first, last = int(offsets[0]), int(offsets[-1])
    data = bytearray(memoryview(data_buffer)[first:last])
    bounds = offsets - first
    if any(mark in data for mark in _MARKS):
        _finish(np.frombuffer(data, dtype=np.uint8), bounds, width)
    return PackedRows(data, bounds)


def _finish(data: Any, bounds: Any, width: int) -> None:
    """Turn the marks into bytes of the protocol, in place: one step for each column, over all rows."""
    at = bounds[:-1] + HEADER_BYTES
    for _ in range(width):
        mark = data[at].astype(np.int64)
        step = mark + 1
        if mark.max(initial=0) >= _EIGHT:
            nulls = at[mark == _NULL]
            data[nulls] = 0xFB
            step[mark == _NULL] = 1
            for kind, lead, size in ((_TWO, 0xFC, 2), (_THREE, 0xFD, 3), (_EIGHT, 0xFE, 8)):
                chosen = mark == kind
                if chosen.any():
                    step[chosen] = 1 + size + _long(data, at[chosen], lead, size)
        at = at + step
    if not np.array_equal(at, bounds[1:]):
        raise AssertionError("a packed row does not end with its last value")


def _long(data: Any, at: Any, lead: int, size: int) -> Any:
    """Rewrite long lengths at `at`, and return them."""
    length = np.zeros(len(at), dtype=np.int64)
    for digit in range(size):
        length |= data[at + 1 + digit].astype(np.int64) << (7 * digit)
    data[at] = lead
    for byte in range(size):
        data[at + 1 + byte] = (length >> (8 * byte)) & 0xFF
    return length
