"""Result sets as packets, with everything that depends only on the columns prepared once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from aurora_mysql.session import binary_encoding, packets, text_encoding
from aurora_mysql.session.charsets import RESULT_COLLATIONS, codec_of
from aurora_mysql.session.constants import MAX_FRAME
from aurora_mysql.session.wire import frame, frames, lenenc_int
from aurora_mysql.sql.result import HEADER_BYTES, PackedRows, ResultColumn

#: What a socket can be given.
Buffer = bytes | bytearray

#: Column lists whose packets are kept (a cached plan answers with the same list object every time).
CACHE_SIZE = 2048


class ColumnsPlan:
    """The packets that announce a list of columns, and the encoders of their rows, in one character set."""

    __slots__ = ("_binary", "_first", "codec", "columns", "definitions", "encoders")

    def __init__(self, columns: Sequence[ResultColumn], charset: object) -> None:
        self.columns = columns
        self.codec = codec_of(charset)
        collation = 0 if charset in (None, "utf8mb4", "binary") else RESULT_COLLATIONS.get(str(charset), 0)
        self.definitions = [packets.column_definition(column, self.codec, collation) for column in columns]
        self.encoders = text_encoding.row_encoders(columns, self.codec)
        self._binary: list[binary_encoding.BinaryEncoder] | None = None
        self._first = self._announce(1)

    def announce(self, sequence: int) -> tuple[bytes, int]:
        """Column count and definitions as packets from `sequence` on; returns them and the next number."""
        return self._first if sequence == 1 else self._announce(sequence)

    def _announce(self, sequence: int) -> tuple[bytes, int]:
        parts = [frame(lenenc_int(len(self.definitions)), sequence)]
        for definition in self.definitions:
            sequence += 1
            parts.append(frame(definition, sequence))
        return b"".join(parts), sequence + 1 & 0xFF

    def text_rows(self, rows: Sequence[Sequence[Any]], sequence: int, out: list[Buffer]) -> int:
        """Append the packets of `rows` to `out`; returns the next sequence number."""
        append = out.append
        encoders = self.encoders
        join = b"".join
        only = encoders[0] if len(encoders) == 1 else None
        for row in rows:
            if only is not None:
                payload = only(row[0])
            else:
                payload = join([encode(value) for encode, value in zip(encoders, row, strict=False)])
            size = len(payload)
            if size < MAX_FRAME:
                append((size | sequence << 24).to_bytes(4, "little"))
                append(payload)
                sequence = sequence + 1 & 0xFF
            else:
                data, sequence = frames(payload, sequence)
                append(data)
        return sequence

    def packed_rows(self, rows: PackedRows, sequence: int, out: list[Buffer]) -> int:
        """As :meth:`text_rows`, of rows that lack only the headers of their packets; they are used up."""
        count = len(rows)
        starts = rows.bounds[:-1]
        sizes = np.diff(rows.bounds) - HEADER_BYTES
        if int(sizes.max(initial=0)) >= MAX_FRAME:
            view = memoryview(rows.data)
            for start, size in zip(starts.tolist(), sizes.tolist(), strict=True):
                data, sequence = frames(bytes(view[start + HEADER_BYTES : start + HEADER_BYTES + size]), sequence)
                out.append(data)
            return sequence
        packets = np.frombuffer(rows.data, dtype=np.uint8)
        for byte in range(3):
            packets[starts + byte] = sizes >> (8 * byte) & 0xFF
        packets[starts + 3] = np.arange(sequence, sequence + count) & 0xFF
        out.append(rows.data)
        return sequence + count & 0xFF

    def binary_rows(self, rows: Sequence[Sequence[Any]], sequence: int, out: list[Buffer]) -> int:
        """The same in the binary protocol."""
        if self._binary is None:
            self._binary = [binary_encoding.column_encoder(column, self.codec) for column in self.columns]
        for row in rows:
            data, sequence = frames(binary_encoding.binary_row(row, self._binary), sequence)
            out.append(data)
        return sequence


class ColumnsPlanCache:
    """Plans by the identity of the column list.

    Invariant: an entry keeps its list alive, so that an id is never another list's; lists must not be changed once
    they were in a result.
    """

    def __init__(self) -> None:
        self._plans: dict[tuple[int, object], ColumnsPlan] = {}

    def get(self, columns: Sequence[ResultColumn], charset: object) -> ColumnsPlan:
        key = (id(columns), charset)
        plan = self._plans.get(key)
        if plan is None:
            plan = ColumnsPlan(columns, charset)
            if len(self._plans) >= CACHE_SIZE:
                # First in, first out: a hot list that falls out is back after one rebuild.
                self._plans.pop(next(iter(self._plans)))
            self._plans[key] = plan
        return plan
