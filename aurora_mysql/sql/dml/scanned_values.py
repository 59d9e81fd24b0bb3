"""The rows of a long INSERT ... VALUES as columns of texts, found by numpy instead of a tokeniser.

Dumps and bulk inserts send statements of a megabyte that are nothing but quoted strings, plain numbers and NULLs.
:func:`scan` reads exactly these; for anything else it gives None, and the statement goes the usual way.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from aurora_mysql.sql.lexer import unescape

_NAME = r"(?:`[^`]+`|[A-Za-z_][A-Za-z0-9_$]*)"
_HEAD = re.compile(
    rf"\s*(?:INSERT|REPLACE)\s+(?:IGNORE\s+)?INTO\s+{_NAME}(?:\.{_NAME})?\s*(?:\({_NAME}(?:\s*,\s*{_NAME})*\)\s*)?"
    r"VALUES\s*(?=\()",
    re.IGNORECASE,
)
_NUMBER = r"^-?[0-9]+(\.[0-9]+)?$"
_QUOTE, _COMMA, _OPEN, _CLOSE, _BACKSLASH = 39, 44, 40, 41, 92
#: White space that may stand between rows and around values, this much at most.
_SPACES, _MOST_SPACES = (32, 9, 10, 13), 4


@dataclass(slots=True)
class ScannedValues:
    """`first` is the statement with its first row only; `columns` are all rows' values as Arrow arrays of strings,
    `numbers` tells which of them have values that are not quoted."""

    first: str
    columns: list[Any]
    numbers: list[bool]


def scan(sql: str) -> ScannedValues | None:
    """The rows of `sql`, when it is one INSERT or REPLACE of rows of literals. Backslashes escape."""
    head = _HEAD.match(sql)
    if head is None:
        return None
    try:
        body = sql[head.end() :].rstrip().removesuffix(";").rstrip().encode()
    except UnicodeEncodeError:
        return None
    data = np.frombuffer(body, dtype=np.uint8)
    quotes = _quotes(data, body)
    if quotes is None:
        return None
    marks = np.flatnonzero((data == _COMMA) | (data == _OPEN) | (data == _CLOSE))
    marks = marks[np.searchsorted(quotes, marks) % 2 == 0]
    closes = np.flatnonzero(data[marks] == _CLOSE)
    if not len(closes) or marks[-1] != len(data) - 1:
        return None
    # A row is "(", its commas, ")", and a comma but for the last one.
    period = int(closes[0]) + 2
    marks = np.append(marks, len(data))
    if len(marks) % period:
        return None
    rows = marks.reshape(-1, period)
    kinds = np.append(data, np.uint8(_COMMA))[rows]
    pattern = [_OPEN, *[_COMMA] * (period - 3), _CLOSE, _COMMA]
    if not (kinds == np.array(pattern, dtype=np.uint8)).all() or not _rows_touch(data, rows):
        return None
    columns, numbers = [], []
    for place in range(period - 2):
        found = _column(data, quotes, rows[:, place] + 1, rows[:, place + 1])
        if found is None:
            return None
        columns.append(found[0])
        numbers.append(found[1])
    first = sql[: head.end()] + body[: int(rows[0, -2]) + 1].decode()
    return ScannedValues(first, columns, numbers)


def _quotes(data: Any, body: bytes) -> Any:
    """Where strings begin and end, in turn; None when one does not end or has a doubled quote."""
    quotes = np.flatnonzero(data == _QUOTE)
    if b"\\" in body:
        slashes = np.flatnonzero(data == _BACKSLASH)
        begins = np.append(True, np.diff(slashes) > 1)
        run_start = slashes[begins][np.cumsum(begins) - 1]
        escaped = slashes[(slashes - run_start) % 2 == 0] + 1
        quotes = np.setdiff1d(quotes, escaped, assume_unique=True)
    if len(quotes) % 2 or (quotes[1::2][:-1] + 1 == quotes[2::2]).any():
        return None
    return quotes


def _rows_touch(data: Any, rows: Any) -> bool:
    """Nothing but some white space stands between rows."""
    for left, right in ((rows[:-1, -2], rows[:-1, -1]), (rows[:-1, -1], rows[1:, 0])):
        gap = right - left - 1
        if gap.max(initial=0) > _MOST_SPACES:
            return False
        for step in range(1, int(gap.max(initial=0)) + 1):
            if not np.isin(data[left[gap >= step] + step], _SPACES).all():
                return False
    return bool(rows[0, 0] == 0)


def _column(data: Any, quotes: Any, start: Any, end: Any) -> tuple[Any, bool] | None:
    """The values between `start` and `end`, and whether some are not quoted."""
    for _ in range(_MOST_SPACES):
        start = start + (np.isin(data[start], _SPACES) & (start < end))
        end = end - (np.isin(data[end - 1], _SPACES) & (start < end))
    if (start >= end).any():
        return None
    quoted = data[start] == _QUOTE
    if quoted.any():
        opens = np.searchsorted(quotes, start[quoted])
        if opens.max() + 1 >= len(quotes) or (quotes[opens + 1] != end[quoted] - 1).any():
            return None
    null = ~quoted & (end - start == 4)
    for step, letter in enumerate(b"null"):
        null[null] = data[start[null] + step] | 32 == letter
    start = np.where(quoted, start + 1, start)
    sizes = np.where(null, 0, np.where(quoted, end - 1, end) - start)
    offsets = np.zeros(len(sizes) + 1, dtype=np.int64)
    np.cumsum(sizes, out=offsets[1:])
    taken = data[np.repeat(start - offsets[:-1], sizes) + np.arange(int(offsets[-1]))]
    validity = pa.py_buffer(np.packbits(~null, bitorder="little")) if null.any() else None
    texts = pa.StringArray.from_buffers(
        len(sizes), pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(taken), validity, int(null.sum())
    )
    plain = ~quoted & ~null
    if plain.any() and not pc.all(pc.match_substring_regex(texts.filter(pa.array(plain)), _NUMBER)).as_py():
        return None
    if (taken == _BACKSLASH).any():
        marked = pc.fill_null(pc.match_substring(texts, "\\"), False)
        fixed = [unescape(text) for text in texts.filter(marked).to_pylist()]
        texts = pc.replace_with_mask(texts, marked, pa.array(fixed, type=pa.string()))
    return texts, bool(plain.any())
