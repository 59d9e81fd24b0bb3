"""Rows in several ranges of an integer key or of an indexed integer column, from the pages of a table."""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter

from aurora_mysql.engine.key_pages import PAGE_BITS, KeyPage, KeyPages, RowsFound
from aurora_mysql.engine.row_store import TableRows
from aurora_mysql.engine.secondary import MOST_CANDIDATES
from aurora_mysql.redo.record import Row

#: (lowest, highest), both included; ascending, without overlap.
Ranges = Sequence[tuple[int, int]]

#: For each range: the keys that may be in it, and whether they are distinct and in order.
Candidates = list[tuple[int, int, Sequence[int], bool]]


def merged(ranges: Sequence[tuple[int, int]]) -> Ranges:
    """Any ranges as ascending ones without overlap; empty ones go."""
    found: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if low > high:
            continue
        if found and low <= found[-1][1] + 1:
            if high > found[-1][1]:
                found[-1] = (found[-1][0], high)
        else:
            found.append((low, high))
    return found


def width_of(ranges: Ranges) -> int:
    """How many integers are in them."""
    return sum([high - low + 1 for low, high in ranges])


def page_numbers(ranges: Ranges) -> list[int]:
    """The pages of a range of keys, ascending."""
    found: dict[int, None] = {}
    for low, high in ranges:
        found.update(dict.fromkeys(range(low >> PAGE_BITS, (high >> PAGE_BITS) + 1)))
    return list(found)


def rows_in_pages(pages: KeyPages, ranges: Ranges, lsn: int) -> RowsFound | None:
    """The rows of ranges of the key, in key order, as a view of `lsn` sees them; None when a page is not there or does
    not reach back so far."""
    rows = RowsFound()
    for low, high in ranges:
        if low == high:
            page = pages.find(low)
            if page is None:
                return None
            if lsn >= page.changed_lsn:
                if low in page.rows:
                    rows.add_key(page, low)
                continue
            known, row = page.row_at(low, lsn)
            if not known:
                return None
            if row is not None:
                rows.add_rows([row])
            continue
        for number in range(low >> PAGE_BITS, (high >> PAGE_BITS) + 1):
            page = pages.find(number << PAGE_BITS)
            if page is None or not rows.add_page(page, low, high, lsn):
                return None
    return rows


def candidates_by_value(stored: TableRows, position: int, ranges: Ranges, lsn: int) -> Candidates | None:
    """Keys of the rows that a view of `lsn` may find in ranges of the column at `position`; None without an index that
    knows, and when there are very many."""
    index = stored.secondary.ready.get(position)
    if index is None or lsn < index.since_lsn:
        return None
    index.used = stored.secondary.use()
    found: Candidates = []
    total = 0
    for low, high in ranges:
        between = index.keys_between(low, high)
        if between is None:
            return None
        keys, in_order = between
        total += len(keys)
        if total > MOST_CANDIDATES:
            return None
        if keys:
            found.append((low, high, keys, in_order))
    return found


def pages_of_candidates(candidates: Candidates) -> list[int]:
    """The pages that hold them, ascending."""
    return sorted({key >> PAGE_BITS for _, _, keys, _ in candidates for key in keys})


def rows_of_candidates(stored: TableRows, position: int, candidates: Candidates, lsn: int) -> RowsFound | None:
    """Those candidates whose value is in their range, as a view of `lsn` sees them: by value, then key. None when a
    page is not there or does not reach back so far."""
    pages = stored.pages
    assert pages is not None
    by_number = pages.pages
    found = RowsFound()
    for low, high, keys, in_order in candidates:
        #: Value, key, and the page that has the row now, or the row.
        fitting: list[tuple[int, int, KeyPage[int] | None, Row]] = []
        previous = low
        for key in keys:
            page = by_number.get(key >> PAGE_BITS)
            if page is None:
                return None
            page.used = True
            current = lsn >= page.changed_lsn
            if current:
                row = page.rows.get(key)
            else:
                known, row = page.row_at(key, lsn)
                if not known:
                    return None
            if row is None:
                continue
            value = row[position]
            if value is None or not low <= value <= high:
                continue
            fitting.append((value, key, page if current else None, row))
            # An entry out of date stands where the old value was.
            in_order = in_order and previous <= value
            previous = value
        if not in_order:
            fitting.sort(key=itemgetter(0, 1))
        for _, key, page, row in fitting:
            if page is None:
                found.add_rows([row])
            else:
                found.add_key(page, key)
    return found
