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


class ColumnReader:
    """Reads blocks; without state. `binary` are the places of fields that are bytes."""

    def __init__(self, delimiters: Delimiters, width: int, binary: Sequence[int]) -> None:
        self._d = delimiters
        self._names = [f"f{i}" for i in range(width)]
        self._binary = set(binary)
        self._end = delimiters.field_end.encode()
        self._escape = delimiters.escaped.encode()
        self._quote = delimiters.enclosed.encode()
        self._nulls = ([delimiters.escaped + "N"] if delimiters.escaped else []) + (
            ["NULL"] if delimiters.enclosed else []
        )
        # An escape in front of what would end a field or a line changes what the fields are.
        special = [re.escape(t) for t in (self._end, b"\n", b"\r", self._quote) if t]
        self._hidden_end = re.compile(re.escape(self._escape) + b"(?:" + b"|".join(special) + b")")

    @staticmethod
    def reads(d: Delimiters) -> bool:
        """Whether files of this kind can be read so at all."""
        one_character = len(d.field_end) == 1 and d.field_end.isascii() and d.field_end not in "\r\n"
        return (
            one_character
            and d.line_end in ("\n", "\r\n")
            and not d.line_start
            and d.escaped in ("", "\\")
            and d.enclosed in ("", '"', "'")
            and len({d.field_end, d.escaped, d.enclosed} - {""}) == sum(map(bool, (d.field_end, d.escaped, d.enclosed)))
        )

    def columns(self, block: bytes) -> list[Any] | None:
        """The fields of `block`, which ends with a line's end, as Arrow arrays; None when it is not that simple."""
        if not self._lines_are_plain(block):
            return None
        escapes = bool(self._escape) and self._escape in block
        if escapes and self._hidden_end.search(block):
            return None
        quotes = bool(self._quote) and self._quote in block
        if quotes and not self._quotes_are_plain(block):
            return None
        try:
            table = csv.read_csv(
                pa.BufferReader(block),
                read_options=csv.ReadOptions(column_names=self._names, block_size=len(block) + 1, use_threads=False),
                parse_options=csv.ParseOptions(
                    delimiter=self._d.field_end,
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
            return None  # another number of fields, or no UTF-8
        columns = [column.combine_chunks() for column in table.columns]
        if not escapes:
            return columns
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

    def _lines_are_plain(self, block: bytes) -> bool:
        """Arrow takes every kind of line end for one, and an empty line for a whole row."""
        end = self._d.line_end.encode()
        if len(self._names) > 1 and (block.startswith(end) or end + end in block):
            return False
        returns = block.count(b"\r")
        if self._d.line_end == "\n":
            return not returns
        return returns == block.count(b"\n") == block.count(b"\r\n")

    def _quotes_are_plain(self, block: bytes) -> bool:
        """Every quote opens a field at its beginning or closes it at its end, in turn."""
        data = np.frombuffer(block, dtype=np.uint8)
        at = np.flatnonzero(data == self._quote[0])
        boundary = np.zeros(256, dtype=bool)
        boundary[[self._end[0], 10, 13]] = True
        before = (at == 0) | boundary[data[at - 1]]
        after = boundary[data[np.minimum(at + 1, len(data) - 1)]]
        return bool(
            len(at) % 2 == 0
            and before[::2].all()
            and not after[::2].any()
            and after[1::2].all()
            and not before[1::2].any()
        )
