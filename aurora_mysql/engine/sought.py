"""What a read looks for in memory: a span of a key of several integers, or given values in the columns of an index."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from aurora_mysql.engine.hash_index import Positions
from aurora_mysql.engine.key_leaves import IntKey
from aurora_mysql.engine.key_pages import PAGE_BITS, KeyPage, RowsFound
from aurora_mysql.engine.keys import Key
from aurora_mysql.engine.row_store import TableRows
from aurora_mysql.redo.record import Row

#: A read of more rows is DuckDB's.
MOST_ROWS = 2048


@dataclass(frozen=True, slots=True)
class Missing:
    """Memory would know, had it what stands around these keys (or bounds of keys)."""

    keys: Sequence[Key]


#: Own rows by key: an image that the key had, and its newest one (None: it is deleted).
Own = Mapping[Key, tuple[Row, Row | None]]


class Sought(Protocol):
    """One search, bound to values."""

    def find(self, stored: TableRows, lsn: int, enough: int | None = None) -> RowsFound | Missing | None:
        """The committed rows in key order, as a view of `lsn` sees them; of many perhaps only the first `enough`. None
        when memory can't tell."""
        ...

    def among(self, own: Own) -> list[Row]:
        """The uncommitted rows that are looked for, in any order."""
        ...


@dataclass(frozen=True, slots=True)
class KeySpan:
    """Rows with `low` <= key <= `high`; bounds may be shorter than the key (key_leaves.IntKey)."""

    low: IntKey
    high: IntKey

    def find(self, stored: TableRows, lsn: int, enough: int | None = None) -> RowsFound | Missing | None:
        leaves = stored.leaves
        if leaves is None:
            return None
        found = leaves.between(self.low, self.high, lsn, MOST_ROWS, enough)
        return Missing((found,)) if isinstance(found, tuple) else found

    def among(self, own: Own) -> list[Row]:
        low, high = self.low, self.high
        return [row for key, (_, row) in own.items() if low <= key <= high and row is not None]


@dataclass(frozen=True, slots=True)
class IndexedValues:
    """Rows with `values` in the columns at `positions`, which begin an index; `normal` makes of a row's values what is
    compared with them."""

    positions: Positions
    values: Key
    normal: Callable[[Sequence[Any]], Key]

    def find(self, stored: TableRows, lsn: int, enough: int | None = None) -> RowsFound | Missing | None:
        index = stored.secondary.hashed.get(self.positions)
        if index is None or lsn < index.since_lsn:
            return None
        index.used = stored.secondary.use()
        keys = index.keys(self.values, MOST_ROWS)
        if keys is None:
            return None
        missing: list[Key] = []
        found = RowsFound()
        for key in keys:
            place = _place(stored, key)
            if place is None:
                missing.append(key)
                continue
            page, at = place
            current = lsn >= page.changed_lsn
            known, row = (True, page.rows.get(at)) if current else page.row_at(at, lsn)
            if not known:
                return None
            if row is None or not self._fits(row):
                continue
            if current:
                found.add_key(page, at)
            else:
                found.add_rows([row])
        return Missing(missing) if missing else found

    def among(self, own: Own) -> list[Row]:
        return [row for _, row in own.values() if row is not None and self._fits(row)]

    def _fits(self, row: Row) -> bool:
        return self.normal([row[position] for position in self.positions]) == self.values


def _place(stored: TableRows, key: Key) -> tuple[KeyPage[Any], Any] | None:
    """The page that knows `key`, and what it knows it by."""
    if stored.pages is not None:
        page = stored.pages.find(key[0])
        return None if page is None else (page, key[0])
    leaf = None if stored.leaves is None else stored.leaves.find(key)
    return None if leaf is None else (leaf, key)


class MemoryTable:
    """A table's rows in memory as one reader sees them: at `lsn`, with its own uncommitted ones laid over. Holds
    until the next wait."""

    __slots__ = ("_own", "lsn", "stored")

    def __init__(self, stored: TableRows, lsn: int, own: Own) -> None:
        self.stored, self.lsn, self._own = stored, lsn, own

    def rows(self, sought: Sought, enough: int | None = None) -> RowsFound | Missing | None:
        """As :meth:`Sought.find`."""
        own = self._own
        if not own:
            return sought.find(self.stored, self.lsn, enough)
        found = sought.find(self.stored, self.lsn, None if enough is None else enough + len(own))
        return found if found is None or isinstance(found, Missing) else RowsFound.of(self._with_own(found, sought))

    def _with_own(self, found: RowsFound, sought: Sought) -> list[Row]:
        own, of_row = self._own, self.stored.keys.of_row
        rows = [row for row in found.rows() if of_row(row) not in own]
        more = sought.among(own)
        if more:
            rows += more
            rows.sort(key=of_row)
        return rows

    def row(self, key: Key) -> tuple[bool, Row | None]:
        """(known, row): the row with a whole key of integers."""
        if key in self._own:
            return True, self._own[key][1]
        place = _place(self.stored, key)
        return (False, None) if place is None else place[0].row_at(place[1], self.lsn)

    def holds(self, key: Key) -> bool:
        """Memory has what stands around a whole key, if perhaps not the past of it."""
        return _place(self.stored, key) is not None


def page_numbers_of(keys: Sequence[Key]) -> list[int]:
    """The pages of a table with one integer key that hold `keys`, ascending."""
    return sorted({key[0] >> PAGE_BITS for key in keys})
