"""Pages of neighbouring rows of a table with one integer key: all rows of a stretch of keys, with their recent past.

A page knows every row whose key is in its stretch, so it also knows which keys do not exist, and answers ranges. What
commits change in it is kept as undo while an open read view may still need it: the page then serves the past as well.
Belongs to the event loop.
"""

from __future__ import annotations

import asyncio
import sys
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from aurora_mysql.redo.record import Row

PAGE_BITS = 6
PAGE_KEYS = 1 << PAGE_BITS
_MOST_UNDO = 512

#: Wider ranges of keys are DuckDB's.
MOST_RANGE_KEYS = 1024

#: The LSN of a reader without a read view: it sees what is newest.
NEWEST = sys.maxsize


class Ordered(Protocol):
    """What keys can do."""

    def __lt__(self, other: Any, /) -> bool: ...


#: Of a table's key: an integer, or several.
K = TypeVar("K", bound=Ordered)

#: Makes something of each row (its packet, what it sorts by); a page keeps what it made until the row changes.
Derive = Callable[[Sequence[Row]], Sequence[Any]]

#: Things derived of each row that one page keeps, and what keeping one takes beside itself.
_MOST_DERIVED = 8
_KEPT_BYTES = 100
_NOTHING = object()


class Home(Protocol):
    """What holds pages, and counts what they take."""

    size_bytes: int
    use: MemoryUse


@dataclass(slots=True)
class MemoryUse:
    """What the evictable part of the row store takes. `trim` makes room when it is too much."""

    limit_bytes: int
    trim: Callable[[Home], None]
    bytes: int = 0


def estimate_row_bytes(row: Row) -> int:
    """Memory of a stored row, roughly: tuple, dict entries, values."""
    total = 200 + 40 * len(row)
    for value in row:
        if isinstance(value, str | bytes):
            total += len(value)
    return total


class KeyPage(Generic[K]):
    """All rows of one stretch of keys, as of the newest visible commit.

    Invariant: `at(lsn)` is exact for every `since_lsn` <= lsn; earlier states are unknown.
    """

    __slots__ = (
        "_derived", "_derived_bytes", "_ordered", "_undo", "changed_lsn", "home", "rows", "since_lsn", "size_bytes",
        "used",
    )  # fmt: skip

    def __init__(self, rows: dict[K, Row], since_lsn: int, size_bytes: int, home: Home | None = None) -> None:
        self.rows = rows
        self.since_lsn = self.changed_lsn = since_lsn
        self.size_bytes = size_bytes
        self.home = home
        self.used = True
        self._undo: deque[tuple[int, K, Row | None]] | None = None
        self._ordered: list[K] | None = None
        self._derived: dict[Derive, dict[K, Any]] | None = None
        self._derived_bytes = 0

    def change(self, lsn: int, key: K, row: Row | None, oldest_view_lsn: int | None) -> None:
        """The commit `lsn` made `row` the newest image of `key` (None: deleted). `oldest_view_lsn`: of the open read
        views, None without any."""
        rows = self.rows
        old = rows.get(key)
        if oldest_view_lsn is None:
            self._undo = None
            self.since_lsn = lsn
        else:
            undo = self._undo
            if undo is None:
                undo = self._undo = deque()
            undo.append((lsn, key, old))
            while undo and (undo[0][0] <= oldest_view_lsn or len(undo) > _MOST_UNDO):
                self.since_lsn = max(self.since_lsn, undo.popleft()[0])
        self.changed_lsn = lsn
        if self._derived:
            self._forget_derived(key)
        if row is None:
            if rows.pop(key, None) is not None:
                self._ordered = None
                self._resize(-estimate_row_bytes(old or ()))
        else:
            if old is None:
                self._ordered = None
                self._resize(estimate_row_bytes(row))
            rows[key] = row

    def row_at(self, key: K, lsn: int) -> tuple[bool, Row | None]:
        """(known, row): the row as a view of `lsn` sees it; not known when the page doesn't reach back so far."""
        if lsn < self.since_lsn:
            return False, None
        if lsn < self.changed_lsn:
            for changed_lsn, changed_key, old in self._undo or ():
                if changed_lsn > lsn and changed_key == key:
                    return True, old
        return True, self.rows.get(key)

    @property
    def ordered(self) -> list[K]:
        """The keys of its rows, ascending."""
        if self._ordered is None:
            self._ordered = sorted(self.rows)
        return self._ordered

    def between(self, low: K, high: K, lsn: int | None) -> list[tuple[K, Row]] | None:
        """Key and row of low <= key <= high in key order, as a view of `lsn` (None: the newest) sees them; None when
        the page doesn't reach back so far."""
        if lsn is not None and lsn < self.since_lsn:
            return None
        rows = self.rows
        if lsn is not None and lsn < self.changed_lsn:
            rows = dict(rows)
            for changed_lsn, key, old in reversed(self._undo or ()):
                if changed_lsn <= lsn:
                    break
                if old is None:
                    rows.pop(key, None)
                else:
                    rows[key] = old
            ordered = sorted(rows)
        else:
            ordered = self.ordered
        return [(key, rows[key]) for key in ordered[bisect_left(ordered, low) : bisect_right(ordered, high)]]

    def derived(self, make: Derive, keys: Sequence[K]) -> list[Any]:
        """What `make` makes of the newest rows with `keys`, all of which there are; each is kept until it changes."""
        kept = self._derived
        if kept is None:
            kept = self._derived = {}
        made = kept.get(make)
        if made is None:
            if len(kept) >= _MOST_DERIVED:
                self._forget_derived()
            made = kept[make] = {}
        try:
            return list(map(made.__getitem__, keys))
        except KeyError:
            rows = self.rows
            missing = [key for key in keys if key not in made]
            items = make([rows[key] for key in missing])
            made.update(zip(missing, items, strict=True))
            found = list(map(made.__getitem__, keys))
            added = sum(map(sys.getsizeof, items)) + _KEPT_BYTES * len(missing)
            self._derived_bytes += added
            self._resize(added)
            return found

    def _forget_derived(self, key: K | None = None) -> None:
        """The row with `key` has changed; None: all of them go."""
        kept = self._derived
        if not kept:
            return
        if key is None:
            freed = self._derived_bytes
            kept.clear()
        else:
            freed = 0
            for made in kept.values():
                item = made.pop(key, _NOTHING)
                if item is not _NOTHING:
                    freed += sys.getsizeof(item) + _KEPT_BYTES
        if freed:
            self._derived_bytes -= freed
            self._resize(-freed)

    def _resize(self, by_bytes: int) -> None:
        """It takes more or less memory than before; that may make others leave."""
        home = self.home
        if home is None:
            return
        self.size_bytes += by_bytes
        home.size_bytes += by_bytes
        home.use.bytes += by_bytes
        if by_bytes > 0 and home.use.bytes > home.use.limit_bytes:
            home.use.trim(home)


class RowsFound:
    """Rows of a read, in order: of pages as they are now, by key, and rows of the past."""

    __slots__ = ("_parts", "count")

    def __init__(self) -> None:
        #: A page and keys in it, or rows.
        self._parts: list[tuple[KeyPage[Any] | None, Sequence[Any], Sequence[Row]]] = []
        self.count = 0

    @classmethod
    def of(cls, rows: list[Row]) -> RowsFound:
        """Rows in the order of the answer."""
        found = cls()
        found.add_rows(rows)
        return found

    def add_rows(self, rows: list[Row]) -> None:
        self._parts.append((None, (), rows))
        self.count += len(rows)

    def add_key(self, page: KeyPage[K], key: K) -> None:
        """A row that the page has now."""
        self._parts.append((page, (key,), ()))
        self.count += 1

    def head(self, most: int) -> RowsFound:
        """The first `most` of them."""
        if most >= self.count:
            return self
        found = RowsFound()
        for page, keys, rows in self._parts:
            left = most - found.count
            if left <= 0:
                break
            found._parts.append((page, keys[:left], rows[:left]))
            found.count += min(left, len(keys) + len(rows))
        return found

    def tail(self, most: int) -> RowsFound:
        """The last `most` of them."""
        if most >= self.count:
            return self
        parts: list[tuple[KeyPage[Any] | None, Sequence[Any], Sequence[Row]]] = []
        left = most
        for page, keys, rows in reversed(self._parts):
            if left <= 0:
                break
            parts.append((page, keys[-left:], rows[-left:]))
            left -= len(keys) + len(rows)
        found = RowsFound()
        found._parts, found.count = parts[::-1], most
        return found

    def add_page(self, page: KeyPage[K], low: K, high: K, lsn: int) -> bool:
        """The page's rows with low <= key <= high as a view of `lsn` sees them; False when it does not know them."""
        if lsn >= page.changed_lsn:
            ordered = page.ordered
            keys = ordered[bisect_left(ordered, low) : bisect_right(ordered, high)]
            if keys:
                self._parts.append((page, keys, ()))
                self.count += len(keys)
            return True
        past = page.between(low, high, lsn)
        if past is None:
            return False
        self.add_rows([row for _, row in past])
        return True

    def gather(self, make: Derive) -> list[Any]:
        """What `make` makes of each row, in order."""
        found: list[Any] = []
        for page, keys, rows in self._parts:
            found += make(rows) if page is None else page.derived(make, keys)
        return found

    def rows(self) -> list[Row]:
        """The rows themselves."""
        found: list[Row] = []
        for page, keys, rows in self._parts:
            found += rows if page is None else map(page.rows.__getitem__, keys)
        return found


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


class Load(Protocol):
    """A read of DuckDB that will become pages."""

    overtaken: bool


L = TypeVar("L", bound=Load)
P = TypeVar("P", bound=KeyPage[Any])


class TablePages(Generic[P, L]):
    """What one table has in pages, and what is being loaded; it counts what they take."""

    __slots__ = ("loading", "size_bytes", "use")

    def __init__(self, use: MemoryUse) -> None:
        self.use = use
        self.loading: dict[Any, L] = {}
        self.size_bytes = 0

    def held(self) -> Collection[P]:
        """All pages."""
        raise NotImplementedError

    def forget(self) -> None:
        """Hold no page any more."""
        raise NotImplementedError

    def clear(self) -> None:
        """A bulk change made everything old, what is being loaded included."""
        for load in self.loading.values():
            load.overtaken = True
        self.loading.clear()
        self.drop()

    def drop(self) -> None:
        """Give up every page."""
        for page in self.held():
            page.home = None
        self.forget()
        self._count(-self.size_bytes)

    def _count(self, by_bytes: int) -> None:
        self.size_bytes += by_bytes
        self.use.bytes += by_bytes

    def _gone(self, page: P) -> int:
        """`page` is not held any more; the bytes that it took."""
        page.home = None
        self._count(-page.size_bytes)
        return page.size_bytes


class KeyPages(TablePages[KeyPage[int], PageLoad]):
    """The pages of one table with an integer key, by number."""

    __slots__ = ("pages",)

    def __init__(self, use: MemoryUse) -> None:
        super().__init__(use)
        self.pages: dict[int, KeyPage[int]] = {}

    def held(self) -> Collection[KeyPage[int]]:
        return self.pages.values()

    def forget(self) -> None:
        self.pages.clear()

    def find(self, key: int) -> KeyPage[int] | None:
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
            self.pages[number] = KeyPage(page_rows, since_lsn, size_bytes, self)
            self._count(size_bytes)

    def evict(self) -> int:
        """Drop the oldest page that was not used since it was last passed over; its bytes, 0 when there is none."""
        pages = self.pages
        for _ in range(len(pages)):
            number = next(iter(pages))
            page = pages.pop(number)
            if page.used:
                page.used = False
                pages[number] = page
                continue
            return self._gone(page)
        return self._gone(pages.pop(next(iter(pages)))) if pages else 0
