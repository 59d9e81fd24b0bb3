"""Leaves of neighbouring rows of a table whose key has several integer columns: the counterpart of key pages.

Keys of several columns have no stretches of equal width, so a leaf covers what one ordered read of DuckDB brought: from
where the read began to behind its last row, or to the end. Inside it every key is known, those that don't exist, too:
rows that are appended behind the last one of a customer, an order, a day fall into a leaf that is there already.
Belongs to the event loop.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aurora_mysql.engine.key_pages import KeyPage, MemoryUse, RowsFound, TablePages
from aurora_mysql.redo.record import Row

#: Key values, all integers; as a bound also fewer than the key has columns: then below all that begin like it.
IntKey = tuple[int, ...]

#: Rows of one load: what finding them costs grows little with their number.
LOAD_ROWS = 256
#: Of a new leaf, at most.
LEAF_ROWS = 128
#: A leaf with more is cut in two.
MOST_LEAF_ROWS = 192
_ALIGNED = 63
_INTEGERS = {int}


def after(key: IntKey) -> IntKey:
    """The bound behind `key` and all that begin like it."""
    return (*key[:-1], key[-1] + 1)


class KeyLeaf(KeyPage[IntKey]):
    """All rows with `low` <= key < `stop` (None: to the end)."""

    __slots__ = ("low", "stop")

    def __init__(
        self,
        low: IntKey,
        stop: IntKey | None,
        rows: dict[IntKey, Row],
        since_lsn: int,
        size_bytes: int,
        home: KeyLeaves | None,
    ) -> None:
        super().__init__(rows, since_lsn, size_bytes, home)
        self.low, self.stop = low, stop

    def cut(self, home: KeyLeaves) -> KeyLeaf:
        """The upper half of the rows, with their past, as a leaf of its own; what is left ends before it."""
        self._forget_derived()
        ordered = self.ordered
        middle = ordered[len(ordered) // 2]
        rows = self.rows
        size_bytes = self.size_bytes // 2
        upper = KeyLeaf(
            middle, self.stop, {key: rows.pop(key) for key in ordered[len(ordered) // 2 :]}, self.since_lsn, 0, home
        )
        upper.changed_lsn, upper.used, upper.size_bytes = self.changed_lsn, self.used, size_bytes
        self.size_bytes -= size_bytes
        self.stop = middle
        self._ordered = None
        if self._undo:
            upper._undo = deque(entry for entry in self._undo if entry[1] >= middle)
            self._undo = deque(entry for entry in self._undo if entry[1] < middle)
        return upper


@dataclass(slots=True, eq=False)
class LeafLoad:
    """A read of the rows from `start` on in progress; `changed` are rows that commits or the applier touched meanwhile.
    `overtaken`: a bulk change came meanwhile, the result is of no use."""

    start: IntKey
    done: asyncio.Future[Any]
    changed: dict[IntKey, Row | None] = field(default_factory=dict)
    overtaken: bool = False


class KeyLeaves(TablePages[KeyLeaf, LeafLoad]):
    """The leaves of one table, by their lower bounds; they don't overlap."""

    __slots__ = ("_lows", "key_columns", "leaves")

    def __init__(self, use: MemoryUse, key_columns: int) -> None:
        super().__init__(use)
        self.key_columns = key_columns
        self._lows: list[IntKey] = []
        self.leaves: list[KeyLeaf] = []

    def held(self) -> Collection[KeyLeaf]:
        return self.leaves

    def forget(self) -> None:
        self.leaves.clear()
        self._lows.clear()

    def _covering(self, key: IntKey) -> KeyLeaf | None:
        at = bisect_right(self._lows, key) - 1
        if at < 0:
            return None
        leaf = self.leaves[at]
        return leaf if leaf.stop is None or key < leaf.stop else None

    def find(self, key: IntKey) -> KeyLeaf | None:
        """The leaf that knows `key`."""
        leaf = self._covering(key)
        if leaf is not None:
            leaf.used = True
        return leaf

    def between(
        self, low: IntKey, high: IntKey, lsn: int, most_rows: int, enough: int | None = None
    ) -> RowsFound | IntKey | None:
        """Rows with low <= key <= high, in key order, as a view of `lsn` sees them; of many perhaps only the first,
        but `enough` of them. A key: the first that no leaf knows. None: more than `most_rows`, or a past that is gone.
        """
        found = RowsFound()
        at = low
        while True:
            leaf = self.find(at)
            if leaf is None:
                return at
            if not found.add_page(leaf, low, high, lsn):
                return None
            if enough is not None and found.count >= enough:
                return found
            if found.count > most_rows:
                return None
            if leaf.stop is None or leaf.stop > high:
                return found
            at = leaf.stop

    def change(self, lsn: int, key: IntKey, row: Row | None, oldest_view_lsn: int | None) -> None:
        """A commit's new image of a key."""
        self.touched(key, row)
        leaf = self._covering(key)
        if leaf is None:
            return
        leaf.change(lsn, key, row, oldest_view_lsn)
        if leaf.home is not None and len(leaf.rows) > MOST_LEAF_ROWS:
            self._insert(leaf.cut(self))

    def touched(self, key: IntKey, row: Row | None) -> None:
        """`row` is the newest image of `key`: a load in progress may have read an older one."""
        for load in self.loading.values():
            load.changed[key] = row

    def start_of(self, key: IntKey) -> IntKey:
        """Where the load for a missing `key` begins: a little below it, since neighbours are often wanted together,
        but not in a leaf that is there. A bound that is no whole key is where a search begins: nothing below is wanted.
        """
        if len(key) < self.key_columns:
            return key
        aligned = key[-1] & ~_ALIGNED
        start = key[:-1] if not aligned else (*key[:-1], aligned)
        at = bisect_right(self._lows, key) - 1
        if at >= 0:
            stop = self.leaves[at].stop
            if stop is not None and stop > start:
                return stop
        return start

    def begin(self, load: LeafLoad) -> None:
        self.loading[load.start] = load

    def end(
        self,
        load: LeafLoad,
        rows: Sequence[tuple[IntKey, Row]] | None,
        dirty: Mapping[IntKey, Row | None],
        since_lsn: int,
        row_bytes: int,
    ) -> None:
        """`rows` are what DuckDB had from the load's start on, at most LOAD_ROWS of them; None when the load failed.
        `dirty` is what is newer than that."""
        if self.loading.get(load.start) is load:
            del self.loading[load.start]
        if rows is None or load.overtaken or self._covering(load.start) is not None:
            return
        low = load.start
        stop = after(rows[-1][0]) if len(rows) >= LOAD_ROWS else None
        next_at = bisect_left(self._lows, low)
        if next_at < len(self._lows) and (stop is None or self._lows[next_at] < stop):
            stop = self._lows[next_at]
        found = {key: row for key, row in rows if stop is None or key < stop}
        for newer in (load.changed, dirty):
            for key, row in newer.items():
                if key < low or (stop is not None and key >= stop):
                    continue
                if row is None:
                    found.pop(key, None)
                else:
                    found[key] = row
        ordered = sorted(found)
        bounds = [low, *ordered[LEAF_ROWS::LEAF_ROWS]]
        for number, bound in enumerate(bounds):
            keys = ordered[number * LEAF_ROWS : (number + 1) * LEAF_ROWS]
            next_bound = bounds[number + 1] if number + 1 < len(bounds) else stop
            size_bytes = 400 + len(keys) * row_bytes
            part = {key: found[key] for key in keys}
            self._insert(KeyLeaf(bound, next_bound, part, since_lsn, size_bytes, self))
            self._count(size_bytes)

    def _insert(self, leaf: KeyLeaf) -> None:
        at = bisect_left(self._lows, leaf.low)
        self._lows.insert(at, leaf.low)
        self.leaves.insert(at, leaf)

    def evict(self) -> int:
        """Drop leaves that were not used since they were last passed over, a sixteenth of all, or any if all were;
        their bytes, 0 when there are none."""
        wanted = len(self.leaves) // 16 + 1
        kept: list[KeyLeaf] = []
        freed_bytes = 0
        for leaf in self.leaves:
            if wanted and not leaf.used:
                wanted -= 1
                freed_bytes += self._gone(leaf)
            else:
                leaf.used = False
                kept.append(leaf)
        if not freed_bytes and kept:
            freed_bytes = self._gone(kept.pop(len(kept) // 2))
        self.leaves = kept
        self._lows = [leaf.low for leaf in kept]
        return freed_bytes


def all_integers(key: Iterable[Any]) -> bool:
    """Whether a key can be looked for in leaves: values of other types compare otherwise."""
    return set(map(type, key)) == _INTEGERS
