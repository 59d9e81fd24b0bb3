"""Plain reads that memory answers in one turn of the event loop: what the long way would find without a wait.

Each function gives None (or :data:`UNKNOWN`) when something must be waited for, is not in memory, or is an error: the
long way then does or says it. Nothing can come in between here, so a statement that is a transaction of its own holds
no lock; an open transaction gets its metadata lock and read view as on the long way.

The caller has excluded READ UNCOMMITTED and SERIALIZABLE.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from aurora_mysql.catalog.model import Table
from aurora_mysql.engine.key_leaves import all_integers
from aurora_mysql.engine.key_pages import MOST_RANGE_KEYS, NEWEST, PAGE_BITS, RowsFound
from aurora_mysql.engine.key_ranges import Ranges, candidates_by_value, rows_in_pages, rows_of_candidates, width_of
from aurora_mysql.engine.row_store import TableRows
from aurora_mysql.engine.sought import MemoryTable, Sought
from aurora_mysql.redo.record import Row

if TYPE_CHECKING:
    from aurora_mysql.engine.client_session import ClientSession
    from aurora_mysql.engine.engine import Engine


class Unknown(Enum):
    """Not a row and not the absence of one."""

    UNKNOWN = 0


UNKNOWN: Final = Unknown.UNKNOWN


def _stored(engine: Engine, ctx: ClientSession, table: Table) -> tuple[TableRows, int] | None:
    """The table's rows in memory, and the LSN that a plain read of the session sees."""
    transaction = ctx.transaction
    if transaction is not None:
        lsn = transaction.view_at_once(table)
        if lsn is None:
            return None
    else:
        if not ctx.autocommit or table.temporary or ctx.table_locks:
            return None
        if engine.is_writer and not engine.locks.is_free(("m", table.id), "S"):
            return None
        lsn = NEWEST
    stored = engine.row_store.table(table.id)
    return None if stored is None else (stored, lsn)


def row_at_once(engine: Engine, ctx: ClientSession, table: Table, key: tuple[Any, ...]) -> Row | Unknown | None:
    """The row with a key (None: there is none) as a plain read sees it."""
    found = _stored(engine, ctx, table)
    if found is None:
        return UNKNOWN
    stored, lsn = found
    if ctx.transaction is not None and ctx.transaction.writes_to(table):
        own, row = ctx.transaction.own_row(table, stored.keys.of_values(key))
        if own:
            return row
    if stored.pages is not None:
        page = stored.pages.find(key[0]) if key[0].__class__ is int else None
        if page is None:
            return UNKNOWN
        engine.row_store.hits += 1
        if lsn >= page.changed_lsn:
            return page.rows.get(key[0])
        known, row = page.row_at(key[0], lsn)
        return row if known else UNKNOWN
    if stored.leaves is not None:
        leaf = stored.leaves.find(key) if all_integers(key) else None
        if leaf is None:
            return UNKNOWN
        engine.row_store.hits += 1
        known, row = leaf.row_at(key, lsn)
        return row if known else UNKNOWN
    version = stored.find(stored.keys.of_values(key))
    if version is None or version.lsn > lsn:
        return UNKNOWN
    engine.row_store.hits += 1
    return version.row


def memory_at_once(engine: Engine, ctx: ClientSession, table: Table) -> MemoryTable | None:
    """What a plain read of the session can see of a table with a key of integers."""
    found = _stored(engine, ctx, table)
    if found is None or (found[0].pages is None and found[0].leaves is None):
        return None
    transaction = ctx.transaction
    engine.row_store.hits += 1
    return MemoryTable(*found, {} if transaction is None else transaction.own_images(table))


def rows_at_once(
    engine: Engine, ctx: ClientSession, table: Table, sought: Sought, enough: int | None = None
) -> RowsFound | None:
    """The rows that are looked for, in key order, as a plain read sees them; perhaps only the first `enough`."""
    memory = memory_at_once(engine, ctx, table)
    found = None if memory is None else memory.rows(sought, enough)
    return found if isinstance(found, RowsFound) else None


def range_at_once(engine: Engine, ctx: ClientSession, table: Table, low: int, high: int) -> RowsFound | None:
    """The rows of a range of an integer key, in key order, as a plain read sees them."""
    if high - low >= MOST_RANGE_KEYS:
        return None
    found = _stored(engine, ctx, table)
    if found is None or (ctx.transaction is not None and ctx.transaction.writes_to(table)):
        return None
    pages, lsn = found[0].pages, found[1]
    if pages is None:
        return None
    rows = RowsFound()
    for number in range(low >> PAGE_BITS, (high >> PAGE_BITS) + 1):
        page = pages.find(number << PAGE_BITS)
        if page is None or not rows.add_page(page, low, high, lsn):
            return None
    engine.row_store.hits += 1
    return rows


def ranges_at_once(engine: Engine, ctx: ClientSession, table: Table, ranges: Ranges) -> RowsFound | None:
    """The rows of several ranges of an integer key, in key order, as a plain read sees them."""
    found = _stored(engine, ctx, table)
    if found is None or (ctx.transaction is not None and ctx.transaction.writes_to(table)):
        return None
    pages, lsn = found[0].pages, found[1]
    if pages is None or width_of(ranges) > MOST_RANGE_KEYS:
        return None
    rows = rows_in_pages(pages, ranges, lsn)
    if rows is not None:
        engine.row_store.hits += 1
    return rows


def rows_by_value_at_once(
    engine: Engine, ctx: ClientSession, table: Table, position: int, ranges: Ranges
) -> RowsFound | None:
    """The rows whose integer column at `position` is in `ranges`, by value, then key, as a plain read sees them."""
    found = _stored(engine, ctx, table)
    if found is None or (ctx.transaction is not None and ctx.transaction.writes_to(table)):
        return None
    stored, lsn = found
    candidates = candidates_by_value(stored, position, ranges, lsn)
    if candidates is None:
        return None
    rows = rows_of_candidates(stored, position, candidates, lsn)
    if rows is not None:
        engine.row_store.hits += 1
    return rows
