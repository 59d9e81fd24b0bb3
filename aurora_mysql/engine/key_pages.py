"""Pages of neighbouring rows of a table with one integer key: all rows of a stretch of keys, with their recent past.

A page knows every row whose key is in its stretch, so it also knows which keys do not exist, and answers ranges. What
commits change in it is kept as undo while an open read view may still need it: the page then serves the past as well.
Belongs to the event loop.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aurora_mysql.redo.record import Row

PAGE_BITS = 6
PAGE_KEYS = 1 << PAGE_BITS
_MOST_UNDO = 512

#: Wider ranges of keys are DuckDB's.
MOST_RANGE_KEYS = 1024


class KeyPage:
    """All rows of one stretch of keys, as of the newest visible commit.

    Invariant: `at(lsn)` is exact for every `since_lsn` <= lsn; earlier states are unknown.
    """

    __slots__ = ("_ordered", "_undo", "changed_lsn", "rows", "since_lsn", "size_bytes", "used")

    def __init__(self, rows: dict[int, Row], since_lsn: int, size_bytes: int) -> None:
        self.rows = rows
        self.since_lsn = self.changed_lsn = since_lsn
        self.size_bytes = size_bytes
        self.used = True
        self._undo: deque[tuple[int, int, Row | None]] = deque()
        self._ordered: list[int] | None = None

    def change(self, lsn: int, key: int, row: Row | None, oldest_view_lsn: int | None) -> None:
        """The commit `lsn` made `row` the newest image of `key` (None: deleted). `oldest_view_lsn`: of the open read
        views, None without any."""
        rows, undo = self.rows, self._undo
        old = rows.get(key)
        if oldest_view_lsn is None:
            undo.clear()
            self.since_lsn = lsn
        else:
            undo.append((lsn, key, old))
            while undo and (undo[0][0] <= oldest_view_lsn or len(undo) > _MOST_UNDO):
                self.since_lsn = max(self.since_lsn, undo.popleft()[0])
        self.changed_lsn = lsn
        if row is None:
            if rows.pop(key, None) is not None:
                self._ordered = None
        else:
            if old is None:
                self._ordered = None
            rows[key] = row

    def row_at(self, key: int, lsn: int) -> tuple[bool, Row | None]:
        """(known, row): the row as a view of `lsn` sees it; not known when the page doesn't reach back so far."""
        if lsn < self.since_lsn:
            return False, None
        if lsn < self.changed_lsn:
            for changed_lsn, changed_key, old in self._undo:
                if changed_lsn > lsn and changed_key == key:
                    return True, old
        return True, self.rows.get(key)

    def between(self, low: int, high: int, lsn: int | None) -> list[tuple[int, Row]] | None:
        """Key and row of low <= key <= high in key order, as a view of `lsn` (None: the newest) sees them; None when
        the page doesn't reach back so far."""
        if lsn is not None and lsn < self.since_lsn:
            return None
        rows = self.rows
        if lsn is not None and lsn < self.changed_lsn:
            rows = dict(rows)
            for changed_lsn, key, old in reversed(self._undo):
                if changed_lsn <= lsn:
                    break
                if old is None:
                    rows.pop(key, None)
                else:
                    rows[key] = old
            ordered = sorted(rows)
        else:
            if self._ordered is None:
                self._ordered = sorted(rows)
            ordered = self._ordered
        return [(key, rows[key]) for key in ordered[bisect_left(ordered, low) : bisect_right(ordered, high)]]


@dataclass(slots=True, eq=False)
class PageLoad:
    """A load of neighbouring pages in progress; `changed` are rows that commits or the applier touched meanwhile.
    `done` is what waits for DuckDB's rows: the pages are there before whoever awaits it goes on. `overtaken`: a bulk
    change came meanwhile, the result is of no use."""

    numbers: range
    done: asyncio.Future[Any]
    changed: dict[int, Row | None] = field(default_factory=dict)
    overtaken: bool = False

    @property
    def low(self) -> int:
        return self.numbers.start << PAGE_BITS

    @property
    def high(self) -> int:
        return (self.numbers.stop << PAGE_BITS) - 1


class KeyPages:
    """The pages of one table."""

    __slots__ = ("loading", "pages", "size_bytes")

    def __init__(self) -> None:
        self.pages: dict[int, KeyPage] = {}
        self.loading: dict[int, PageLoad] = {}
        self.size_bytes = 0

    def find(self, key: int) -> KeyPage | None:
        page = self.pages.get(key >> PAGE_BITS)
        if page is not None:
            page.used = True
        return page

    def change(self, lsn: int, key: int, row: Row | None, oldest_view_lsn: int | None) -> None:
        """A commit's new image of a key."""
        number = key >> PAGE_BITS
        page = self.pages.get(number)
        if page is not None:
            page.change(lsn, key, row, oldest_view_lsn)
        elif self.loading:
            self.touched(number, key, row)

    def touched(self, number: int, key: int, row: Row | None) -> None:
        """`row` is the newest image of `key`: a load in progress may have read an older one."""
        load = self.loading.get(number)
        if load is not None:
            load.changed[key] = row

    def missing(self, numbers: Iterable[int]) -> Iterator[range]:
        """Stretches of `numbers` (ascending) that are neither here nor being loaded."""
        start = stop = None
        for number in numbers:
            if number in self.pages or number in self.loading:
                continue
            if stop == number:
                stop = number + 1
                continue
            if start is not None and stop is not None:
                yield range(start, stop)
            start, stop = number, number + 1
        if start is not None and stop is not None:
            yield range(start, stop)

    def begin(self, load: PageLoad) -> None:
        numbers = load.numbers
        for number in numbers:
            self.loading[number] = load

    def end(
        self,
        load: PageLoad,
        rows: Sequence[tuple[int, Row]] | None,
        dirty: Mapping[int, Row | None],
        since_lsn: int,
        row_bytes: int,
    ) -> None:
        """`rows` are what DuckDB had of the stretch, None when the load failed; `dirty` what is newer than that."""
        for number in load.numbers:
            if self.loading.get(number) is load:
                del self.loading[number]
        if rows is None:
            return
        found: dict[int, dict[int, Row]] = {number: {} for number in load.numbers}
        for key, row in rows:
            found[key >> PAGE_BITS][key] = row
        for newer in (load.changed, dirty):
            for key, changed in newer.items():
                if changed is None:
                    found[key >> PAGE_BITS].pop(key, None)
                else:
                    found[key >> PAGE_BITS][key] = changed
        for number, page_rows in found.items():
            size_bytes = 300 + len(page_rows) * row_bytes
            self.pages[number] = KeyPage(page_rows, since_lsn, size_bytes)
            self.size_bytes += size_bytes

    def clear(self) -> None:
        """A bulk change made everything old, what is being loaded included."""
        for load in self.loading.values():
            load.overtaken = True
        self.loading.clear()
        self.pages.clear()
        self.size_bytes = 0

    def evict_one(self) -> int:
        """Drop the oldest page that was not used since it was last passed over; its bytes, 0 when there is none."""
        pages = self.pages
        for _ in range(len(pages)):
            number = next(iter(pages))
            page = pages.pop(number)
            if page.used:
                page.used = False
                pages[number] = page
                continue
            self.size_bytes -= page.size_bytes
            return page.size_bytes
        if not pages:
            return 0
        page = pages.pop(next(iter(pages)))
        self.size_bytes -= page.size_bytes
        return page.size_bytes
