"""An index in memory over several columns, or over texts: which rows may have given values in all of them.

As in a secondary index of one integer column (secondary.py) an entry may be out of date, but none may be missing. Here
entries are found by a hash of the values, so rows with other values may be named as well: whoever asks compares the row
itself. Belongs to the event loop, but for :func:`entries_of`.
"""

from __future__ import annotations

import time
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from aurora_mysql.catalog.model import Table
from aurora_mysql.catalog.physical import needs_collation_key, physical_key
from aurora_mysql.engine.keys import INTEGER_TYPES, Key, normaliser
from aurora_mysql.redo.record import Row

#: Columns of such an index, by position in the row.
Positions = tuple[int, ...]

#: Types whose values it can hash.
HASHED_TYPES = INTEGER_TYPES | {"char", "varchar"}

_MASK = (1 << 64) - 1
_FACTOR = 0x9E3779B97F4A7C15
#: Texts that are hashed without letting other threads run.
_TEXTS_AT_ONCE = 256
#: Entries that came by commits, beside this many or a quarter of the others: then it is built anew.
_MANY_NEW = 4096
_NEW_ENTRY_BYTES = 250


def hash_of(values: Sequence[Any]) -> int:
    """Of normalised values, none of them NULL; :func:`entries_of` computes the same for many rows at once."""
    found = 0
    for value in values:
        code = value if value.__class__ is int else hash(value)
        found = ((found ^ (code & _MASK)) * _FACTOR) & _MASK
        found ^= found >> 32
    return found


#: Hashes ascending, and beside each the key's columns; within a hash by key.
Entries = tuple["array[int]", list["array[int]"]]


def entries_of(table: Table, positions: Positions, values: pa.Table) -> Entries:
    """The entries of all rows. `values`: the index's columns, without rows that have a NULL there, then the key's."""
    hashes = np.zeros(values.num_rows, dtype=np.uint64)
    for number, position in enumerate(positions):
        column = table.columns[position]
        codes = _codes(values.column(number), column.type.collation if needs_collation_key(column) else None)
        hashes = (hashes ^ codes) * np.uint64(_FACTOR)
        hashes ^= hashes >> np.uint64(32)
    keys = [values.column(n).to_numpy().astype("<i8") for n in range(len(positions), values.num_columns)]
    order = np.lexsort((*reversed(keys), hashes))
    return _array("Q", hashes[order]), [_array("q", key[order]) for key in keys]


def _codes(column: Any, collation: str | None) -> Any:
    """What :func:`hash_of` takes for each value, as 64 bits without a sign."""
    if not pa.types.is_string(column.type):
        numbers = column.to_numpy()
        return numbers if numbers.dtype == np.uint64 else numbers.astype("<i8").view(np.uint64)
    encoded = column.combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    distinct = encoded.dictionary
    codes = np.empty(len(distinct), dtype=np.uint64)
    for start in range(0, len(distinct), _TEXTS_AT_ONCE):
        texts = distinct.slice(start, _TEXTS_AT_ONCE).to_pylist()
        if collation is not None:
            texts = [physical_key(text, collation) for text in texts]
        codes[start : start + len(texts)] = [hash(text) & _MASK for text in texts]
        time.sleep(0)  # the event loop may want its turn
    return codes[encoded.indices.to_numpy()]


def _array(code: str, values: Any) -> array[int]:
    made: array[int] = array(code)
    made.frombytes(values.tobytes())
    return made


class HashIndex:
    """Keys by the hash of the columns at `positions`; of a table whose key is one integer or several.

    `since_lsn` is 0 until the index is built; views of that LSN and later may use it.
    """

    __slots__ = (
        "_hashes", "_keys", "_new", "key_of", "new_count", "normal", "position", "since_lsn", "size_bytes",
        "used",
    )  # fmt: skip

    def __init__(self, table: Table, positions: Positions, key_of: Callable[[Row], Key]) -> None:
        self.position = positions
        self.key_of = key_of
        #: Values of the columns as they are compared.
        self.normal = normaliser(table, [table.columns[position].name for position in positions])
        self.since_lsn = 0
        self.used = 0
        self.size_bytes = 500
        self.new_count = 0
        self._hashes: array[int] = array("Q")
        self._keys: list[array[int]] = []
        self._new: dict[int, list[Key]] = {}

    def add(self, row: Row) -> int:
        """`row` is a newest image; returns by how many bytes the index has grown."""
        values = [row[position] for position in self.position]
        if None in values:
            return 0
        code, key = hash_of(self.normal(values)), self.key_of(row)
        start = bisect_left(self._hashes, code)
        if start < len(self._hashes) and self._hashes[start] == code:
            stop = bisect_right(self._hashes, code, start)
            for part, column in zip(key, self._keys, strict=True):
                start, stop = bisect_left(column, part, start, stop), bisect_right(column, part, start, stop)
            if start < stop:
                return 0
        keys = self._new.get(code)
        if keys is None:
            self._new[code] = [key]
        elif key in keys:
            return 0
        else:
            keys.append(key)
        self.new_count += 1
        self.size_bytes += _NEW_ENTRY_BYTES
        return _NEW_ENTRY_BYTES

    def build(self, entries: Entries, since_lsn: int) -> None:
        """All entries of DuckDB."""
        self._hashes, self._keys = entries
        self.since_lsn = max(since_lsn, 1)
        self.size_bytes += 8 * len(self._hashes) * (1 + len(self._keys))

    @property
    def most_new(self) -> int:
        """When so many entries have come by commits, it should be built anew."""
        return max(_MANY_NEW, len(self._hashes) // 4)

    def keys(self, values: Key, most: int) -> list[Key] | None:
        """Keys of the rows that may have the normalised `values`, ascending; None when there are more than `most`."""
        code = hash_of(values)
        start = bisect_left(self._hashes, code)
        stop = bisect_right(self._hashes, code, start)
        new = self._new.get(code, ())
        if stop - start + len(new) > most:
            return None
        keys: list[Key] = list(zip(*[column[start:stop] for column in self._keys], strict=True)) if stop > start else []
        return sorted([*keys, *new]) if new else keys
