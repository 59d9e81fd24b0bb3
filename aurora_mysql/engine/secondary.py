"""Secondary indexes in memory: which rows may have a value in an integer column (for several: hash_index.py).

An index names candidates; whoever asks checks each in the row itself, as its read view sees it. So an entry may be out
of date, but none may be missing: an old value stays when a commit changes it, until the index is built anew. What is
missing is the time before the index was built: views older than `since_lsn` can't use it.

Built from DuckDB by need, in another thread; commits meanwhile are noted. Belongs to the event loop.
"""

from __future__ import annotations

import itertools
from array import array
from bisect import bisect_left, bisect_right, insort
from collections.abc import Sequence

from aurora_mysql.engine.hash_index import HashIndex, Positions
from aurora_mysql.redo.record import Row

#: The column of an index, or its columns, by position in the row.
IndexName = int | Positions

#: A read of more candidates is DuckDB's.
MOST_CANDIDATES = 4096
#: Uses before an index is built.
_USES_BEFORE = 3
_USES_BEFORE_RETRY = 10_000
#: Entries that came by commits, beside this many or a quarter of the others: then it is built anew.
_MANY_NEW = 4096
ENTRY_BYTES = 16
_NEW_ENTRY_BYTES = 200


class SecondaryIndex:
    """Candidates by value of the column at `position`; keys are those of a table with one integer key.

    `since_lsn` is 0 until the index is built; views of that LSN and later may use it.
    """

    __slots__ = (
        "_keys", "_new", "_values", "key_position", "new_count", "position", "since_lsn", "size_bytes", "used",
    )  # fmt: skip

    def __init__(self, position: int, key_position: int) -> None:
        self.position = position
        self.key_position = key_position
        self.since_lsn = 0
        self.used = 0
        self.size_bytes = 500
        self._values, self._keys = array("q"), array("q")
        self._new: dict[int, list[int]] = {}
        self.new_count = 0

    def add(self, row: Row) -> int:
        """`row` is a newest image; returns by how many bytes the index has grown."""
        value, key = row[self.position], row[self.key_position]
        if value is None:
            return 0
        values = self._values
        start = bisect_left(values, value)
        if start < len(values) and values[start] == value:
            stop = bisect_right(values, value, start)
            at = bisect_left(self._keys, key, start, stop)
            if at < stop and self._keys[at] == key:
                return 0
        keys = self._new.get(value)
        if keys is None:
            self._new[value] = [key]
        else:
            at = bisect_left(keys, key)
            if at < len(keys) and keys[at] == key:
                return 0
            insort(keys, key)
        self.new_count += 1
        self.size_bytes += _NEW_ENTRY_BYTES
        return _NEW_ENTRY_BYTES

    def build(self, entries: tuple[array[int], array[int]], since_lsn: int) -> None:
        """All values and keys of DuckDB, by value, then key."""
        self._values, self._keys = entries
        self.since_lsn = max(since_lsn, 1)
        self.size_bytes += ENTRY_BYTES * len(self._values)

    @property
    def most_new(self) -> int:
        """When so many entries have come by commits, it should be built anew."""
        return max(_MANY_NEW, len(self._values) // 4)

    def keys_between(self, low: int, high: int) -> tuple[Sequence[int], bool] | None:
        """Keys of the rows that may have a value from `low` to `high`; whether they are without duplicates and in the
        order of (value, key), as far as their entries are up to date. None: there are too many."""
        start = bisect_left(self._values, low)
        stop = bisect_right(self._values, high, start)
        if stop - start > MOST_CANDIDATES:
            return None
        keys: Sequence[int] = self._keys[start:stop]
        new = self._new
        if not new:
            return keys, True
        if high - low < len(new):
            more = [found for value in range(low, high + 1) if (found := new.get(value)) is not None]
        else:
            more = [found for value, found in new.items() if low <= value <= high]
        if not more:
            return keys, True
        every = dict.fromkeys(keys)
        for part in more:
            every.update(dict.fromkeys(part))
        return (list(every), False) if len(every) <= MOST_CANDIDATES else None


class SecondaryIndexes:
    """The indexes of one table, by position of their columns."""

    __slots__ = ("_asked", "building", "hashed", "ready")

    _clock = itertools.count(1)

    def __init__(self) -> None:
        self.ready: dict[int, SecondaryIndex] = {}
        self.hashed: dict[Positions, HashIndex] = {}
        self.building: dict[IndexName, SecondaryIndex | HashIndex] = {}
        self._asked: dict[IndexName, int] = {}

    def use(self) -> int:
        """A mark of the use that happens now; later ones are higher, over all tables."""
        return next(SecondaryIndexes._clock)

    def every(self) -> list[SecondaryIndex | HashIndex]:
        """All that may be used."""
        return [*self.ready.values(), *self.hashed.values()]

    def put(self, index: SecondaryIndex | HashIndex) -> None:
        """`index` may be used from now on."""
        if isinstance(index, HashIndex):
            self.hashed[index.position] = index
        else:
            self.ready[index.position] = index

    def take(self, name: IndexName) -> SecondaryIndex | HashIndex | None:
        """Forget an index; what it was."""
        return self.ready.pop(name, None) if isinstance(name, int) else self.hashed.pop(name, None)

    def wants(self, position: IndexName) -> bool:
        """Note that a read could use an index that is not there; whether it should be built."""
        asked = self._asked[position] = self._asked.get(position, 0) + 1
        return asked >= _USES_BEFORE and position not in self.building

    def refuse(self, position: IndexName) -> None:
        """The table is too large for an index. It may be smaller one day."""
        self._asked[position] = -_USES_BEFORE_RETRY

    def add(self, row: Row) -> int:
        """A commit's newest image of a row; returns by how many bytes the ready indexes have grown."""
        for index in self.building.values():
            index.add(row)
        grown = 0
        outgrown = None
        for index in self.every():
            grown += index.add(row)
            if index.new_count > 2 * index.most_new:
                outgrown = index  # nobody has used it for long, else it would have been built anew
        if outgrown is not None:
            grown -= outgrown.size_bytes
            self.take(outgrown.position)
            self._asked.pop(outgrown.position, None)
        return grown

    @property
    def are_kept(self) -> bool:
        """Commits must be told to them."""
        return bool(self.ready or self.hashed or self.building)

    @property
    def size_bytes(self) -> int:
        return sum(index.size_bytes for index in self.every())

    def drop(self) -> int:
        """Forget everything, also what is being built; the bytes that are free now."""
        freed = self.size_bytes
        self.ready.clear()
        self.hashed.clear()
        self.building.clear()
        self._asked.clear()
        return freed
