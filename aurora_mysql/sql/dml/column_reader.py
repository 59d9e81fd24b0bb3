"""Delimited text to columns of texts, a block of whole lines at a time: the usual shapes of LOAD DATA's files.

Arrow's CSV reader splits lines and fields; what it would read in another way than MySQL is found before, and such a
block is left to :class:`aurora_mysql.sql.dml.delimited.LineReader`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from aurora_mysql.sql.dml.delimited import Delimiters, unescaped

#: Bytes that may stand for the end of a field, where that is not one character.
_STAND_INS = [bytes([code]) for code in (*range(0x1F, 0x1B, -1), *range(1, 9))]


class ColumnReader:
    """Reads blocks; without state. `binary` are the places of fields that are bytes."""

    def __init__(self, delimiters: Delimiters, width: int, binary: Sequence[int]) -> None:
        self._d = delimiters
        self._names = [f"f{i}" for i in range(width)]
        self._binary = set(binary)
        self._field_end = delimiters.field_end.encode()
        self._line_end = delimiters.line_end.encode()
        self._line_start = delimiters.line_start.encode()
        self._escape = delimiters.escaped.encode()
        self._quote = delimiters.enclosed.encode()
        self._nulls = ([delimiters.escaped + "N"] if delimiters.escaped else []) + (
            ["NULL"] if delimiters.enclosed else []
        )
        # An escape in front of what would end a field or a line changes what the fields are.
        special = [re.escape(t) for t in (self._field_end[:1], self._line_end[:1], b"\n", b"\r", self._quote) if t]
        self._hidden_end = re.compile(re.escape(self._escape) + b"(?:" + b"|".join(special) + b")")

    @staticmethod
    def reads(d: Delimiters) -> bool:
        """Whether files of this kind can be read so at all."""
        ends = d.field_end + d.line_end + d.line_start
        marks = [c for c in (d.escaped, d.enclosed) if c]
        overlaps_itself = any(d.line_end.startswith(d.line_end[at:]) for at in range(1, len(d.line_end)))
        return (
            bool(d.field_end)
            and d.lines_stand_alone
            and not overlaps_itself
            and not set(d.field_end) & set("\r\n")
            and len(set(marks)) == len(marks)
            and all(c.isascii() and c.isprintable() and not c.isalnum() and c not in ends for c in marks)
        )

    def columns(self, block: bytes) -> list[Any] | None:
        """The fields of `block`, which ends with a line's end, as Arrow arrays; None when it is not that simple."""
        escapes = bool(self._escape) and self._escape in block
        if escapes and self._hidden_end.search(block):
            return None
        quotes = bool(self._quote) and self._quote in block
        canonical = self._with_own_ends(block, quotes)
        if canonical is None:
            return None
        lines, field_end = canonical
        if quotes and not self._quotes_are_plain(lines, field_end):
            return None
        columns = self._split(lines, field_end, quotes)
        if columns is None:
            return None
        if quotes:
            columns = [self._with_given_ends(column, field_end) for column in columns]
        return self._without_escapes(columns, block) if escapes else columns

    def _with_own_ends(self, block: bytes, quotes: bool) -> tuple[bytes, bytes] | None:
        """The lines of `block` as Arrow knows them, ending in a line feed, and the byte that ends their fields; None
        when they hold line ends of other kinds, or when not each line begins as it should."""
        end, start = self._line_end, self._line_start
        count = block.count(end)
        if start:
            # Within quotes it would be text.
            if quotes or not block.startswith(start) or block.count(end + start) != count - 1:
                return None
            block = block[len(start) :].replace(end + start, end)
        # Arrow takes every kind of line end for one, and an empty line for a whole row.
        if any(block.count(c) != count * end.count(c) for c in (b"\n", b"\r")):
            return None
        if end != b"\n":
            block = block.replace(end, b"\n")
        if len(self._names) > 1 and (block.startswith(b"\n") or b"\n\n" in block):
            return None
        field_end = self._field_end
        if (len(field_end) == 1 and field_end >= b" ") or field_end == b"\t":
            return block, field_end
        stand_in = next((byte for byte in _STAND_INS if byte not in block), None)
        return None if stand_in is None else (block.replace(field_end, stand_in), stand_in)

    def _with_given_ends(self, column: Any, field_end: bytes) -> Any:
        """Ends that are text, within quotes, as they were."""
        for own, given in ((field_end, self._field_end), (b"\n", self._line_end)):
            if own != given and pc.any(pc.match_substring(column, own.decode()), min_count=0).as_py():
                column = pc.replace_substring(column, pattern=own, replacement=given)
        return column

    def _split(self, lines: bytes, field_end: bytes, quotes: bool) -> list[Any] | None:
        """The fields; None for lines with another number of them, and for what is no UTF-8."""
        try:
            table = csv.read_csv(
                pa.BufferReader(lines),
                read_options=csv.ReadOptions(column_names=self._names, block_size=len(lines) + 1, use_threads=False),
                parse_options=csv.ParseOptions(
                    delimiter=field_end.decode(),
                    quote_char=self._d.enclosed if quotes else False,
                    double_quote=False,
                    escape_char=False,
                    newlines_in_values=quotes,
                    ignore_empty_lines=False,
                ),
                convert_options=csv.ConvertOptions(
                    column_types={
                        name: pa.binary() if i in self._binary else pa.string() for i, name in enumerate(self._names)
                    },
                    null_values=self._nulls,
                    strings_can_be_null=bool(self._nulls),
                    quoted_strings_can_be_null=False,
                ),
            )
        except pa.ArrowInvalid:
            return None
        return [column.combine_chunks() for column in table.columns]

    def _without_escapes(self, columns: list[Any], block: bytes) -> list[Any] | None:
        if not self._quote and block.count(self._escape) == sum(column.null_count for column in columns):
            return columns  # all of them are NULLs
        found = []
        for i, column in enumerate(columns):
            marked = pc.match_substring(column, self._escape if i in self._binary else self._d.escaped)
            if not pc.any(marked, min_count=0).as_py():
                found.append(column)
            elif i in self._binary:
                return None
            else:
                plain = [unescaped(text, self._d.escaped) for text in column.filter(marked).to_pylist()]
                found.append(pc.replace_with_mask(column, pc.fill_null(marked, False), pa.array(plain, pa.string())))
        return found

    def _quotes_are_plain(self, lines: bytes, field_end: bytes) -> bool:
        """Every quote opens a field at its beginning or closes it at its end, in turn."""
        data = np.frombuffer(lines, dtype=np.uint8)
        at = np.flatnonzero(data == self._quote[0])
        boundary = np.zeros(256, dtype=bool)
        boundary[[field_end[0], 10]] = True
        before = (at == 0) | boundary[data[at - 1]]
        after = boundary[data[np.minimum(at + 1, len(data) - 1)]]
        return bool(
            len(at) % 2 == 0
            and before[::2].all()
            and not after[::2].any()
            and after[1::2].all()
            and not before[1::2].any()
        )
