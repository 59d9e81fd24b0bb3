"""A transaction: its read view, its locks, its redo buffer. InnoDB's behaviour is the model.

Plain reads use the snapshot (REPEATABLE READ) or the newest committed state (READ COMMITTED, autocommit); writes
and locking reads use the newest committed row, under strict two-phase locks. Nothing it writes leaves its buffer
before COMMIT logs it.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import duckdb

from aurora_mysql.catalog.model import Index, Table
from aurora_mysql.catalog.physical import key_column_name, quote
from aurora_mysql.engine.buffer import RedoBuffer
from aurora_mysql.engine.gaps import Entering, KeyRange, gap_resource, key_range
from aurora_mysql.engine.key_pages import MOST_RANGE_KEYS, PAGE_BITS, KeyPage
from aurora_mysql.engine.keys import Key, TableKeys, normaliser, unique_key_function
from aurora_mysql.engine.locks import LockOwner
from aurora_mysql.engine.new_rows import any_in_duckdb, distinct_values
from aurora_mysql.engine.row_store import TableRows
from aurora_mysql.engine.snapshot import (
    Overlay,
    QueryResult,
    Snapshot,
    describe,
    install_overlay,
    open_snapshot,
    remove_overlay,
    reopen_snapshot,
)
from aurora_mysql.engine.temporary import FIRST_ID, TemporaryRows
from aurora_mysql.errors import MySQLError, StalePlanError, mysql_error
from aurora_mysql.redo.record import Commit, KeyValues, Row

if TYPE_CHECKING:
    from aurora_mysql.engine.engine import Engine
    from aurora_mysql.sql.context import SessionContext

_T = TypeVar("_T")

#: A point in a transaction: in its buffer, and in the row of its locks.
Mark = tuple[int, int]

#: What DuckDB says when a snapshot is older than a table's definition.
_LATER = re.compile(r"does not exist|not found in FROM clause|does not have a column")

_INTERRUPT_AGAIN_S = 0.02

log = logging.getLogger(__name__)

#: Rows per batch of a streamed result.
STREAM_BATCH_ROWS = 2048

#: Locks of one transaction beyond which bulk inserts ask for the whole table (a lock takes several hundred bytes).
ESCALATION_LOCKS = 200_000


class QueryStream:
    """A result fetched in batches. Exhaust it or call :meth:`aclose`; the transaction reads nothing else meanwhile."""

    def __init__(self, names: list[str], types: list[str], batches: AsyncIterator[list[tuple[Any, ...]]]) -> None:
        self.names = names
        self.types = types
        self._batches = batches

    def __aiter__(self) -> AsyncIterator[list[tuple[Any, ...]]]:
        return self._batches

    async def aclose(self) -> None:
        await self._batches.aclose()  # type: ignore[attr-defined]


class Transaction:
    """One transaction of one session; used by one statement at a time, on the event loop.

    Attributes:
        snapshot_lsn: LSN of the read view once it exists, else 0. The view is a number until something must be read
            from DuckDB, or until DuckDB is about to move past it (:meth:`pin`).
    """

    def __init__(
        self,
        engine: Engine,
        ctx: SessionContext,
        transaction_id: int,
        *,
        isolation: str,
        read_only: bool,
        autocommit: bool,
    ) -> None:
        self.id = transaction_id
        self.started_s = time.time()
        self.isolation = isolation
        self.read_only = read_only
        self.autocommit = autocommit
        self.active = True
        self._engine = engine
        self._ctx = ctx
        self.owner = LockOwner(transaction_id, ctx, lambda: self.rows_written)
        self._buffer = RedoBuffer()
        self.snapshot_lsn = 0
        self._snapshot: Snapshot | None = None
        self._opening: asyncio.Future[None] | None = None
        self._savepoints: list[tuple[str, Mark]] = []
        self._used_tables: set[int] = set()

    # --- state -----------------------------------------------------------------------------------------------

    @property
    def has_writes(self) -> bool:
        return bool(self._buffer)

    @property
    def uses_tables(self) -> bool:
        return bool(self._used_tables)

    @property
    def rows_written(self) -> int:
        return sum(len(t.rows) for t in self._buffer.tables.values())

    @property
    def is_pinned(self) -> bool:
        """DuckDB holds the read view."""
        return self._snapshot is not None

    @property
    def _consistent(self) -> bool:
        """Reads go to one snapshot for the whole transaction."""
        return not self.autocommit and self.isolation in ("REPEATABLE-READ", "SERIALIZABLE")

    @property
    def locks_ranges(self) -> bool:
        """Its locking reads and writes keep the ranges they searched free of new rows."""
        return self.isolation in ("REPEATABLE-READ", "SERIALIZABLE")

    async def use_table(self, table: Table) -> None:
        """Shared metadata lock until the end: the table's definition can't change under this transaction.

        Raises:
            StalePlanError: `table` is not the definition in force; plan again.
            MySQLError: 1100 when the session has LOCK TABLES and this one is not among them; 1205.
        """
        if table.temporary:
            self._temporary(table)
            return
        if table.id in self._used_tables:
            return
        engine = self._engine
        if self._ctx.table_locks and (table.database, table.name) not in self._ctx.table_locks:
            raise mysql_error(1100, table.name)
        if engine.is_writer:
            resource = ("m", table.id)
            if not engine.locks.try_acquire(self.owner, resource, "S"):
                await engine.locks.acquire(self.owner, resource, "S", self._metadata_timeout_s())
        if not engine.is_current(table):
            raise StalePlanError(f"{table.database}.{table.name} has changed")
        self._used_tables.add(table.id)

    # --- reading ---------------------------------------------------------------------------------------------

    async def start_snapshot(self) -> None:
        """Take the read view now (START TRANSACTION WITH CONSISTENT SNAPSHOT)."""
        if self._consistent:
            await self._take_view()

    async def query(
        self,
        sql: str,
        params: Sequence[Any] = (),
        *,
        tables: Sequence[Table],
        latest: bool = False,
        relations: Mapping[str, Any] | None = None,
    ) -> QueryResult:
        """Run a DuckDB SELECT over `tables` (named ``t<id>``) with $1..$n bound to `params`.

        It sees this transaction's snapshot and own writes; with `latest`, the newest committed state and own writes.
        `relations` are Arrow tables that the statement names beside them (information_schema and the like).

        Raises:
            MySQLError: 1317 when killed. duckdb.Error: as DuckDB refused.
        """

        def run(cursor: duckdb.DuckDBPyConnection) -> QueryResult:
            cursor.execute(sql, list(params))
            names, types = describe(cursor)
            return QueryResult(names, types, cursor.fetchall())

        async with self._reading(tables, latest, relations) as cursor:
            return await self._call(cursor, run)

    async def query_arrow(
        self,
        sql: str,
        params: Sequence[Any] = (),
        *,
        tables: Sequence[Table],
        latest: bool = False,
        relations: Mapping[str, Any] | None = None,
    ) -> Any:
        """As :meth:`query`, the result as a pyarrow.Table."""

        def run(cursor: duckdb.DuckDBPyConnection) -> Any:
            return cursor.execute(sql, list(params)).to_arrow_table()

        async with self._reading(tables, latest, relations) as cursor:
            return await self._call(cursor, run)

    async def query_stream(
        self,
        sql: str,
        params: Sequence[Any] = (),
        *,
        tables: Sequence[Table],
        latest: bool = False,
        relations: Mapping[str, Any] | None = None,
    ) -> QueryStream:
        """As :meth:`query`, in batches, so that a large result never stands in memory as Python rows."""
        reading = self._reading(tables, latest, relations)
        cursor = await reading.__aenter__()

        def start(cursor: duckdb.DuckDBPyConnection) -> tuple[list[str], list[str], list[tuple[Any, ...]]]:
            cursor.execute(sql, list(params))
            return *describe(cursor), cursor.fetchmany(STREAM_BATCH_ROWS)

        try:
            names, types, first = await self._call(cursor, start)
        except BaseException as error:
            await reading.__aexit__(type(error), error, error.__traceback__)
            raise

        async def batches() -> AsyncIterator[list[tuple[Any, ...]]]:
            rows = first
            try:
                while rows:
                    yield rows
                    if len(rows) < STREAM_BATCH_ROWS:
                        break
                    rows = await self._call(cursor, lambda c: c.fetchmany(STREAM_BATCH_ROWS))
            finally:
                await reading.__aexit__(None, None, None)

        if len(first) < STREAM_BATCH_ROWS:
            # The whole result is here: the cursor goes back at once.
            await reading.__aexit__(None, None, None)
            return QueryStream(names, types, _one_batch(first))
        return QueryStream(names, types, batches())

    async def get(self, table: Table, key: KeyValues) -> Row | None:
        """The row with these key-column values, as a plain read sees it."""
        await self.use_table(table)
        keys = self._engine.keys_of(table)
        normal = keys.of_values(key)
        own, row = self._buffer.find(table.id, normal)
        if own:
            return row
        if table.temporary or not self._consistent:
            if self.isolation == "READ-UNCOMMITTED" and not table.temporary:
                for other in self._engine.transactions.values():
                    written, row = other._buffer.find(table.id, normal)
                    if written:
                        return row
            return await self._latest(keys, normal)
        lsn = await self._take_view()
        stored = self._engine.row_store.table(table.id)
        if stored is not None and stored.pages is not None and normal[0].__class__ is int:
            page = await self._page(stored, normal[0])
            if page is not None:
                known, row = page.row_at(normal[0], lsn)
                if known:
                    return row
        elif stored is not None:
            version = stored.find(normal)
            if version is not None and version.lsn <= lsn:
                return version.row
        snapshot = await self._view(table)
        images = snapshot.images(keys)
        if normal in images:
            return images[normal]
        return await self._call(snapshot.cursor, lambda c: self._fetch_key(c, keys, normal))

    async def rows_between(self, table: Table, low: int, high: int) -> list[Row] | None:
        """Rows of a table with an integer key whose low <= key <= high, in key order, as a plain read sees them; None
        when memory can't answer (a wide range, another kind of key, a past that is gone): ask DuckDB then."""
        await self.use_table(table)
        plain = not table.temporary and self.isolation != "READ-UNCOMMITTED"
        stored = self._engine.row_store.table(table.id) if plain else None
        if stored is None or stored.pages is None or high - low >= MOST_RANGE_KEYS:
            return None
        lsn = await self._take_view() if self._consistent else None
        numbers = range(low >> PAGE_BITS, (high >> PAGE_BITS) + 1)
        pages = stored.pages
        if any(number not in pages.pages for number in numbers):
            await self._engine.load_pages(stored, numbers)
        found: list[tuple[int, Row]] = []
        for number in numbers:
            page = pages.find(number << PAGE_BITS)
            part = None if page is None else page.between(low, high, lsn)
            if part is None:
                return None
            found += part
        own = self._buffer.tables.get(table.id)
        if own is None or not own.rows:
            return [row for _, row in found]
        merged = dict(found)
        for key, row in self._buffer.rows(table.id):
            if low <= key[0] <= high:
                if row is None:
                    merged.pop(key[0], None)
                else:
                    merged[key[0]] = row
        return [merged[key] for key in sorted(merged)]

    async def _page(self, stored: TableRows, key: int) -> KeyPage | None:
        """The page of `key`, loaded if need be; None when it was evicted at once."""
        assert stored.pages is not None
        store = self._engine.row_store
        page = stored.pages.find(key)
        if page is None:
            store.misses += 1
            await self._engine.load_pages(stored, (key >> PAGE_BITS,))
            page = stored.pages.find(key)
        else:
            store.hits += 1
        return page

    def unlock_absent(self, table: Table, key: KeyValues) -> None:
        """A key that :meth:`get_for_update` locked has no row: nobody else is kept from it any more, but for an
        insertion (InnoDB locks the gap then). It stays locked if this transaction has written it."""
        keys = self._engine.keys_of(table)
        normal = keys.of_values(key)
        resource = ("r", table.id, normal)
        if self._buffer.find(table.id, normal)[0] or resource not in self.owner.held:
            return
        if self.locks_ranges:
            gap = key_range(table, table.key_columns, key, key)
            self._engine.locks.add_gap(self.owner, gap_resource(table), gap)
        self._engine.locks.release(self.owner, resource)

    async def get_for_update(
        self,
        table: Table,
        key: KeyValues,
        *,
        mode: str = "X",
        nowait: bool = False,
        skip_locked: bool = False,
    ) -> Row | None:
        """Lock the row (X or S), then give its newest committed or own image; None if there is no such row or
        it is locked and `skip_locked`.

        Raises:
            MySQLError: 1205, 1213, 1317, 3572 (`nowait`), 1836 on a reader, 1792.
        """
        keys, normal = await self._lock_key(table, key, mode, nowait=nowait, skip_locked=skip_locked)
        if normal is None:
            return None
        own, row = self._buffer.find(table.id, normal)
        return row if own else await self._latest(keys, normal)

    async def lock_keys(
        self,
        table: Table,
        keys: Sequence[KeyValues],
        *,
        mode: str = "X",
        nowait: bool = False,
        skip_locked: bool = False,
    ) -> list[KeyValues]:
        """Lock many rows by key; returns those locked (all, unless `skip_locked`)."""
        locked = []
        for key in keys:
            _, normal = await self._lock_key(table, key, mode, nowait=nowait, skip_locked=skip_locked)
            if normal is not None:
                locked.append(key)
        return locked

    async def lock_table(self, table: Table, mode: str) -> None:
        """Table lock: IS/IX (taken by row locks by themselves), S or X (where keys can't be named)."""
        if table.temporary:
            return
        self._check_writer(table, mode)
        await self.use_table(table)
        await self._acquire(("t", table.id), mode)

    async def lock_ranges(
        self, table: Table, ranges: Sequence[KeyRange] | None, *, mode: str, nowait: bool = False
    ) -> None:
        """Before rows in `ranges` are searched for locking: keep new ones out until the end, and wait for those that
        others have put there and not committed. None: no index serves the search, so it goes through the table.

        READ COMMITTED keeps nothing out; it waits for the rows that one key value names.

        Raises:
            MySQLError: 1205, 1213, 1317, 3572 (`nowait`).
        """
        if table.temporary:
            return
        self._check_writer(table, mode)
        await self.use_table(table)
        engine = self._engine
        if ranges is None:
            if self.locks_ranges:
                await self._acquire(("t", table.id), mode, nowait=nowait)
            return
        if self.locks_ranges:
            await self._acquire(("t", table.id), "IX" if mode == "X" else "IS", nowait=nowait)
            for wanted in ranges:
                engine.locks.add_gap(self.owner, gap_resource(table), wanted)
        else:
            ranges = [r for r in ranges if r.is_point]
        for other in list(engine.transactions.values()):
            if other is self or not ranges:
                continue
            for key, row, before in other.rows_to_come(table):
                if any(r.covers(Entering(row, before)) for r in ranges):
                    await self._acquire(("r", table.id, key), mode, nowait=nowait)

    async def enter_gap(self, table: Table, row: Row, before: Row | None = None) -> None:
        """Before `row` comes (in place of `before`): wait until no other transaction keeps its place free.

        Raises:
            MySQLError: 1205, 1213, 1317.
        """
        resource = gap_resource(table)
        if self._engine.locks.holders(resource):
            await self._engine.locks.pass_gaps(self.owner, resource, Entering(row, before), self._lock_timeout_s())

    def writes_to(self, table: Table) -> bool:
        own = self._buffer.tables.get(table.id)
        return own is not None and bool(own.rows)

    def rows_to_come(self, table: Table) -> list[tuple[Key, Row, Row | None]]:
        """Uncommitted rows of the table: key, image, and what the key had before."""
        own = self._buffer.tables.get(table.id)
        if own is None:
            return []
        return [(k, row, own.before.get(k)) for k, (_, row) in own.rows.items() if row is not None]

    def own_rows(self, table: Table) -> Iterator[tuple[Key, Row | None]]:
        """What this transaction has written and not committed."""
        return self._buffer.rows(table.id)

    async def find_unique(
        self, table: Table, index: Index, values: Sequence[Any], *, lock: bool = True, for_insert: bool = False
    ) -> Row | None:
        """The newest committed or own row with `values` in the unique `index`; None when there is none or a value
        is NULL. With `lock`, the value is X-locked first, so nobody else can insert or free it meanwhile.

        `for_insert`: a row that is found is only in the way, so it is locked shared, as InnoDB locks a duplicate:
        several sessions can find it at the same time.
        """
        if None in values:
            return None
        keys = self._engine.keys_of(table)
        await self.use_table(table)
        by_key = index is table.key_index or index.name == "PRIMARY"
        value: Key
        resource: tuple[Any, ...]
        if by_key:
            value = keys.of_values(values)
            resource = ("r", table.id, value)
        else:
            value = normaliser(table, index.columns)(_cut(index, values))
            resource = ("u", table.id, index.name, value)

        async def look() -> Row | None:
            if not by_key:
                return await self._find_unique_committed_or_own(keys, index, value)
            own, row = self._buffer.find(table.id, value)
            return row if own else await self._latest(keys, value)

        if not lock or table.temporary:
            return await look()
        self._check_writer(table, "X")
        await self._acquire(("t", table.id), "IX")
        # What was just read holds as long as nobody else's turn comes in between; after a wait it is read again.
        while True:
            found = await look()
            mode = "S" if found is not None and for_insert else "X"
            if not self._engine.locks.try_acquire(self.owner, resource, mode):
                await self._acquire(resource, mode)
                continue
            if found is None or by_key:
                return found
            # The row may be on its way out, or to another value.
            of_row = ("r", table.id, keys.of_row(found))
            if self._engine.locks.try_acquire(self.owner, of_row, mode):
                return found
            await self._acquire(of_row, mode)

    async def find_by_columns(self, table: Table, columns: Sequence[str], values: Sequence[Any]) -> list[Row]:
        """Newest committed and own rows whose `columns` equal `values` (foreign key children)."""
        condition = " AND ".join(f"{quote(c)} = ${i + 1}" for i, c in enumerate(columns))
        names = ", ".join(quote(c.name) for c in table.columns)
        result = await self.query(
            f"SELECT {names} FROM {table.physical_name} WHERE {condition}", values, tables=[table], latest=True
        )
        return result.rows

    # --- writing (into the buffer; the caller holds the locks) -----------------------------------------------

    def insert(self, table: Table, row: Row) -> None:
        """Buffer a new row. A hidden key is given here."""
        keys = self._engine.keys_of(table)
        if keys.has_hidden_key and (len(row) < len(table.columns) or row[-1] is None):
            row = (*row[: len(table.columns) - 1], self._engine.next_auto_increment(table))
        self._buffer.put(keys, row)

    def insert_many(self, table: Table, rows: Sequence[Row]) -> None:
        for row in rows:
            self.insert(table, row)

    async def put_new(
        self, table: Table, rows: Sequence[Row], unique: Sequence[Index], *, surely_new: Index | None = None
    ) -> bool:
        """Lock and buffer many new rows at once, if none of their values in the `unique` indexes is taken.

        False: one may be taken (or two rows have the same); nothing was buffered, look row by row. `surely_new` is an
        index whose values were just generated. A transaction that holds very many row locks gets the table's instead,
        if nobody else uses it.

        Raises:
            MySQLError: 1205, 1213, 1317, 1836 on a reader, 1792.
        """
        if not rows:
            return True
        if table.temporary:
            return False
        self._check_writer(table, "X")
        await self.use_table(table)
        engine = self._engine
        keys = engine.keys_of(table)
        await self._acquire(("t", table.id), "IX")
        if len(self.owner.held) > ESCALATION_LOCKS:
            engine.locks.try_acquire(self.owner, ("t", table.id), "X")
        whole = self.owner.held[("t", table.id)] == "X"
        wanted: list[tuple[Index, list[Key | None]]] = []
        for index in unique:
            own_key = index is table.key_index
            of_row = keys.of_row if own_key else keys.unique[index.name]
            values = [of_row(row) for row in rows]
            wanted.append((index, values))
            if not whole:
                prefix: tuple[Any, ...] = ("r", table.id) if own_key else ("u", table.id, index.name)
                for value in values:
                    if value is not None:
                        await self._acquire((*prefix, value), "X")
        store = await self._settled(table)
        for index, values in wanted:
            distinct = distinct_values(keys, index, values, self._buffer, store)
            if distinct is None:
                return False
            if index is not surely_new and await any_in_duckdb(table, index, distinct, self._with_cursor):
                return False
        if keys.has_hidden_key:
            width = len(table.columns) - 1
            first = engine.next_auto_increment(table, len(rows))
            rows = [(*row[:width], number) for number, row in enumerate(rows, start=first)]
        if engine.locks.holders(gap_resource(table)):
            for row in rows:
                await self.enter_gap(table, row)
        put = self._buffer.put
        for row in rows:
            put(keys, row)
        return True

    def update(self, table: Table, old: Row, new: Row) -> None:
        keys = self._engine.keys_of(table)
        if keys.of_row(old) != keys.of_row(new):
            self._buffer.delete(keys, old)
            self._buffer.put(keys, new)
        else:
            self._buffer.put(keys, new, old)

    def delete(self, table: Table, old: Row) -> None:
        self._buffer.delete(self._engine.keys_of(table), old)

    # --- marks -----------------------------------------------------------------------------------------------

    def statement_mark(self) -> Mark:
        """Where a failing statement falls back to."""
        return self._buffer.mark(), len(self.owner.held)

    def rollback_to_mark(self, mark: Mark) -> None:
        """Undo what came since. Locks stay, but for those that insertions took: their rows are no more."""
        images, locks = mark
        gone = self._buffer.rollback_to(images)
        if not gone:
            return
        # In the order in which they were taken; older ones are for something else.
        since = set(itertools.islice(self.owner.held, locks, None))
        for keys, key, row in gone:
            table_id = keys.table.id
            resources: list[tuple[Any, ...]] = [("r", table_id, key)]
            for name, unique_of in keys.unique.items():
                value = unique_of(row)
                if value is not None and self._buffer.find_unique(keys, name, value) is None:
                    resources.append(("u", table_id, name, value))
            for resource in resources:
                if resource in since:
                    self._engine.locks.release(self.owner, resource)

    def savepoint(self, name: str) -> None:
        """Set a savepoint; an older one of that name goes."""
        lowered = name.lower()
        self._savepoints = [s for s in self._savepoints if s[0] != lowered]
        self._savepoints.append((lowered, self.statement_mark()))

    def rollback_to_savepoint(self, name: str) -> None:
        """Undo what came after; the savepoint stays, later ones go. Raises 1305 when there is none."""
        position = self._savepoint_position(name)
        self.rollback_to_mark(self._savepoints[position][1])
        del self._savepoints[position + 1 :]

    def release_savepoint(self, name: str) -> None:
        """Forget the savepoint and those after it. Raises 1305 when there is none."""
        del self._savepoints[self._savepoint_position(name) :]

    def _savepoint_position(self, name: str) -> int:
        for position, (known, _) in enumerate(self._savepoints):
            if known == name.lower():
                return position
        raise mysql_error(1305, "SAVEPOINT", name)

    # --- the end ---------------------------------------------------------------------------------------------

    async def commit(self) -> int:
        """Log, wait until durable and visible, release. Returns the LSN, 0 when nothing was written.

        Raises:
            MySQLError: as :meth:`CommitLog.commit`; the transaction is over in any case.
        """
        if not self.active:
            return 0
        self._deactivate()
        engine = self._engine
        try:
            await self._close_snapshot()
            changes = self._buffer.changes()
            temporary = [c for c in changes if c.table_id >= FIRST_ID]
            if temporary:
                changes = [c for c in changes if c.table_id < FIRST_ID]
                self._ctx.temporary.check_room({c.table_id: c.upserts for c in temporary})
            if changes:
                await engine.freeze.pass_through(self.owner, self._ctx, self._metadata_timeout_s())
                await engine.apply_queue.room()
                log = engine.commit_log
                commit = Commit(
                    commit_time_us=time.time_ns() // 1000,
                    changes=changes,
                    counters=engine.counters_for([c.table_id for c in changes]),
                )
        except BaseException:
            self._close()
            raise
        if not changes:
            self._ctx.temporary.apply(temporary)
            self._close()
            return 0
        lsn = await log.commit(commit, self._close)
        self._ctx.temporary.apply(temporary)
        self._ctx.seen_lsn = max(self._ctx.seen_lsn, lsn)
        return lsn

    async def rollback(self) -> None:
        """Drop everything. Never fails."""
        if self.active:
            self._deactivate()
            try:
                await self._close_snapshot()
            finally:
                self._close()

    def _deactivate(self) -> None:
        """It reads no more."""
        self.active = False
        self._engine.read_views.pop(self.id, None)

    def _close(self) -> None:
        self._engine.locks.release_all(self.owner)
        self._engine.transactions.pop(self.id, None)
        snapshot, self._snapshot = self._snapshot, None
        if snapshot is not None:
            self._engine.executor.submit(self._end_cursor, snapshot.cursor, list(snapshot.overlays))

    async def _close_snapshot(self) -> None:
        snapshot, self._snapshot = self._snapshot, None
        if snapshot is not None:
            await asyncio.get_running_loop().run_in_executor(
                self._engine.executor, self._end_cursor, snapshot.cursor, list(snapshot.overlays)
            )

    def _end_cursor(self, cursor: duckdb.DuckDBPyConnection, overlaid: Sequence[int]) -> None:
        try:
            cursor.execute("ROLLBACK")
            remove_overlay(cursor, overlaid)
        except duckdb.Error:
            # The cursor is in an unknown state (interrupted, or the database closed): don't reuse it.
            self._engine.duck.give_back(cursor, reusable=False)
        else:
            self._engine.duck.give_back(cursor)

    # --- inside ----------------------------------------------------------------------------------------------

    def _temporary(self, table: Table) -> TemporaryRows:
        rows = self._ctx.temporary.rows_of(table.id)
        if rows is None or rows.table is not table:
            raise StalePlanError(f"{table.database}.{table.name} has changed")
        return rows

    def _base(self, table: Table) -> TemporaryRows | None:
        """What lies under a temporary table's own writes; None for other tables."""
        return self._temporary(table) if table.temporary else None

    def _check_writer(self, table: Table, mode: str) -> None:
        if not self._engine.is_writer:
            raise mysql_error(1836)
        if mode in ("X", "IX"):
            if self.read_only:
                raise mysql_error(1792)
            if self._ctx.table_locks.get((table.database, table.name)) == "READ":
                raise mysql_error(1099, table.name)

    def _lock_timeout_s(self) -> float:
        return float(self._ctx.variables.get("innodb_lock_wait_timeout", self._engine.options.lock_wait_timeout_s))

    def _metadata_timeout_s(self) -> float:
        return float(self._ctx.variables.get("lock_wait_timeout", self._engine.options.metadata_wait_timeout_s))

    async def _acquire(self, resource: tuple[Any, ...], mode: str, *, nowait: bool = False) -> None:
        locks = self._engine.locks
        if locks.try_acquire(self.owner, resource, mode):
            return
        if nowait:
            raise mysql_error(3572)
        await locks.acquire(self.owner, resource, mode, self._lock_timeout_s())

    async def _lock_key(
        self, table: Table, key: KeyValues, mode: str, *, nowait: bool, skip_locked: bool
    ) -> tuple[TableKeys, Key | None]:
        if not table.temporary:
            self._check_writer(table, mode)
        await self.use_table(table)
        keys = self._engine.keys_of(table)
        normal = keys.of_values(key)
        if table.temporary:
            return keys, normal
        try:
            await self._acquire(("t", table.id), "IX" if mode == "X" else "IS", nowait=nowait or skip_locked)
            if self.owner.held[("t", table.id)] not in (mode, "X"):
                await self._acquire(("r", table.id, normal), mode, nowait=nowait or skip_locked)
        except MySQLError as error:
            if skip_locked and error.errno == 3572:
                return keys, None
            raise
        return keys, normal

    async def _latest(self, keys: TableKeys, normal: Key) -> Row | None:
        """The newest committed row of a key: row store, else DuckDB (which has it, since it is not dirty)."""
        if keys.table.temporary:
            return self._temporary(keys.table).rows.get(normal)
        store = self._engine.row_store
        table = store.table(keys.table.id)
        if table is None:
            raise StalePlanError(keys.table.name)
        if table.pages is not None and normal[0].__class__ is int:
            page = table.pages.find(normal[0])
            if page is not None:
                store.hits += 1
                return page.rows.get(normal[0])
        version = table.find(normal)
        if version is None and table.bulk_lsn > self._engine.applied_lsn:
            await self._engine.apply_queue.wait(table.bulk_lsn)
            version = table.find(normal)
        if version is not None:
            store.hits += 1
            return version.row
        if table.pages is not None and normal[0].__class__ is int:
            page = await self._page(table, normal[0])
            if page is not None:
                return page.rows.get(normal[0])
        store.misses += 1
        read = store.begin_read(table, normal)
        lsn = self._engine.applied_lsn
        row = None
        try:
            row = await self._with_cursor(lambda cursor: self._fetch_key(cursor, keys, normal))
        finally:
            store.end_read(table, normal, read, lsn, row)
        # Someone may have committed this key while DuckDB was being asked.
        return row if read.valid else read.latest

    @staticmethod
    def _fetch_key(cursor: duckdb.DuckDBPyConnection, keys: TableKeys, normal: Key) -> Row | None:
        table = keys.table
        names = ", ".join(quote(c.name) for c in table.columns)
        condition = " AND ".join(
            f"{quote(key_column_name(table, c))} = ${i + 1}" for i, c in enumerate(table.key_columns)
        )
        sql = f"SELECT {names} FROM vol.main.{table.physical_name} WHERE {condition}"
        rows: list[Row] = cursor.execute(sql, list(normal)).fetchall()
        return rows[0] if rows else None

    async def _find_unique_committed_or_own(self, keys: TableKeys, index: Index, value: Key) -> Row | None:
        table = keys.table
        own = self._buffer.find_unique(keys, index.name, value)
        if own is not None:
            return own
        unique_of = keys.unique.get(index.name) or unique_key_function(table, index)
        if table.temporary:
            stored = self._temporary(table).find_unique(index.name, value)
            if stored is None:
                return None
            written, image = self._buffer.find(table.id, keys.of_row(stored))
            return stored if not written else image if image is not None and unique_of(image) == value else None
        store = await self._settled(table)

        def dirty() -> tuple[bool, Row | None]:
            """(True, the row or None) when a row that DuckDB may not have got yet has the value."""
            candidate = store.dirty_unique.get(index.name, {}).get(value)
            version = None if candidate is None else store.dirty.get(candidate)
            if candidate is None or version is None or version.row is None or unique_of(version.row) != value:
                return False, None
            written, mine = self._buffer.find(table.id, candidate)
            if not written:
                return True, version.row
            return True, mine if mine is not None and unique_of(mine) == value else None

        known, row = dirty()
        if known:
            return row
        conditions = []
        for i, part in enumerate(index.parts):
            name = quote(part.column if part.length is not None else key_column_name(table, part.column))
            conditions.append(f"{f'left({name}, {part.length})' if part.length is not None else name} = ${i + 1}")
        names = ", ".join(quote(c.name) for c in table.columns)
        sql = f"SELECT {names} FROM vol.main.{table.physical_name} WHERE {' AND '.join(conditions)}"
        while True:
            applied_lsn = self._engine.applied_lsn
            rows: list[Row] = await self._with_cursor(lambda cursor: cursor.execute(sql, list(value)).fetchall())
            # Rows that were dirty at the start may be in DuckDB alone by now, but not yet in what was read.
            unmoved = self._engine.applied_lsn == applied_lsn and store.bulk_lsn <= applied_lsn
            if unmoved or self._engine.row_store.last_lsn(table.id) <= applied_lsn:
                break
            store = await self._settled(table)
        for row in rows:
            key = keys.of_row(row)
            found, mine = self._buffer.find(table.id, key)
            current = mine if found else (store.dirty[key].row if key in store.dirty else row)
            if current is not None and unique_of(current) == value:
                return current
        # Someone may have committed it while DuckDB was being asked.
        return dirty()[1]

    async def _settled(self, table: Table) -> TableRows:
        """The row store's part of a table, when DuckDB has all that is not in it."""
        store = self._engine.row_store.table(table.id)
        if store is None:
            raise StalePlanError(table.name)
        if store.bulk_lsn > self._engine.applied_lsn:
            await self._engine.apply_queue.wait(store.bulk_lsn)
        return store

    async def _take_view(self) -> int:
        """LSN of the read view, which begins here at the latest. Never with a bulk change that DuckDB lacks: what it
        lacks is laid over it row by row."""
        if not self.snapshot_lsn:
            engine = self._engine
            while engine.row_store.bulk_lsn > engine.applied_lsn:
                await engine.apply_queue.wait(engine.row_store.bulk_lsn)
            self.snapshot_lsn = engine.visible_lsn
            engine.read_views[self.id] = self
            self._ctx.seen_lsn = max(self._ctx.seen_lsn, self.snapshot_lsn)
        return self.snapshot_lsn

    async def pin(self) -> None:
        """Let DuckDB hold the read view, since DuckDB is about to move past it. A failure costs this transaction
        later reads (1412), nobody else anything."""
        try:
            await self._open_snapshot()
        except duckdb.Error as error:
            log.warning("transaction %d: its read view is lost: %s", self.id, error)

    async def _open_snapshot(self) -> Snapshot | None:
        """None when the transaction ended meanwhile."""
        while self._snapshot is None and self.active:
            if self._opening is not None:
                await asyncio.shield(self._opening)
                continue
            engine, loop = self._engine, asyncio.get_running_loop()
            pending = [c for c in engine.apply_queue.pending if c.lsn <= self.snapshot_lsn]
            opening = self._opening = loop.create_future()
            try:
                snapshot = await loop.run_in_executor(
                    engine.executor, open_snapshot, engine.duck.borrow, self.snapshot_lsn, pending
                )
            finally:
                self._opening = None
                opening.set_result(None)
            if self.active:
                self._snapshot = snapshot
            else:
                engine.executor.submit(self._end_cursor, snapshot.cursor, [])
        return self._snapshot

    async def _view(self, *tables: Table) -> Snapshot:
        """DuckDB's part of the read view, fit for reading `tables`.

        Raises:
            MySQLError: 1412 when DuckDB is past the view and one of them has changed since.
        """
        engine = self._engine
        await self._take_view()
        snapshot = self._snapshot or await self._open_snapshot()
        if snapshot is None:
            raise mysql_error(1317)
        if snapshot.broken:
            await asyncio.get_running_loop().run_in_executor(engine.executor, reopen_snapshot, snapshot)
        if snapshot.base_lsn > snapshot.lsn and any(engine.row_store.last_lsn(t.id) > snapshot.lsn for t in tables):
            raise mysql_error(1412)
        return snapshot

    @asynccontextmanager
    async def _reading(
        self, tables: Sequence[Table], latest: bool, relations: Mapping[str, Any] | None = None
    ) -> AsyncIterator[duckdb.DuckDBPyConnection]:
        async with self._reading_tables(tables, latest) as cursor:
            for name, relation in (relations or {}).items():
                cursor.register(name, relation)
            try:
                yield cursor
            finally:
                for name in relations or ():
                    cursor.unregister(name)

    @asynccontextmanager
    async def _reading_tables(self, tables: Sequence[Table], latest: bool) -> AsyncIterator[duckdb.DuckDBPyConnection]:
        engine = self._engine
        for table in tables:
            await self.use_table(table)
        if self._consistent and not latest:
            snapshot = await self._view(*tables)
            await self._refresh_overlays(snapshot, tables)
            yield snapshot.cursor
            return
        wanted = max((engine.row_store.last_lsn(t.id) for t in tables), default=0)
        if wanted > engine.applied_lsn:
            await engine.apply_queue.wait(wanted)
        dirty = self.isolation == "READ-UNCOMMITTED" and not latest
        writers = [*engine.transactions.values()] if dirty else [self]
        own = [t for t in tables if t.temporary or any(tx.writes_to(t) for tx in writers)]
        cursor = await self._borrow_with_overlay(own, writers)
        try:
            yield cursor
        finally:
            if own:
                engine.executor.submit(self._end_cursor, cursor, [t.id for t in own])
            else:
                engine.duck.give_back(cursor)

    async def _borrow_with_overlay(
        self, own: Sequence[Table], writers: Sequence[Transaction]
    ) -> duckdb.DuckDBPyConnection:
        """A cursor that sees the uncommitted rows of `writers` in the tables `own`."""
        engine = self._engine
        if not own:
            return engine.duck.borrow()
        overlays = [
            (t, engine.layout_of(t), {k: r for tx in writers for k, r in tx.own_rows(t)}, self._base(t)) for t in own
        ]

        def prepare() -> duckdb.DuckDBPyConnection:
            cursor = engine.duck.borrow()
            cursor.execute("BEGIN")
            for table, layout, images, base in overlays:
                install_overlay(cursor, table, layout, images, base)
            return cursor

        return await asyncio.get_running_loop().run_in_executor(engine.executor, prepare)

    async def _refresh_overlays(self, snapshot: Snapshot, tables: Sequence[Table]) -> None:
        engine = self._engine
        wanted = []
        for table in tables:
            own = self._buffer.tables.get(table.id)
            base = self._base(table)
            version = (0 if own is None else own.version, 0 if base is None else base.version)
            overlay = snapshot.overlays.get(table.id)
            if overlay is not None and overlay.version == version:
                continue
            images = {**snapshot.images(engine.keys_of(table)), **dict(self._buffer.rows(table.id))}
            if images or overlay is not None or base is not None:
                wanted.append((table, engine.layout_of(table), images, base))
                snapshot.overlays[table.id] = Overlay(version)
        if wanted:

            def install(cursor: duckdb.DuckDBPyConnection) -> None:
                for table, layout, images, base in wanted:
                    install_overlay(cursor, table, layout, images, base)

            await self._call(snapshot.cursor, install)

    async def _with_cursor(self, work: Callable[[duckdb.DuckDBPyConnection], _T]) -> _T:
        cursor = self._engine.duck.borrow()
        try:
            return await self._call(cursor, work)
        finally:
            self._engine.duck.give_back(cursor)

    async def _call(self, cursor: duckdb.DuckDBPyConnection, work: Callable[[duckdb.DuckDBPyConnection], _T]) -> _T:
        """Run `work(cursor)` on a worker thread; KILL interrupts it (1317)."""
        ctx = self._ctx
        if ctx.kill_query:
            raise mysql_error(1317)
        loop = asyncio.get_running_loop()

        def interrupt() -> None:
            # DuckDB forgets an interrupt that comes before the thread has begun the query: say it until it ends.
            if not future.done():
                cursor.interrupt()
                loop.call_later(_INTERRUPT_AGAIN_S, interrupt)

        ctx.on_kill.append(interrupt)
        future = loop.run_in_executor(self._engine.executor, work, cursor)
        try:
            # Never leave while the thread still uses the cursor, whatever cancels this task.
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            interrupt()
            await asyncio.wait([future])
            raise
        except duckdb.Error as error:
            snapshot = self._snapshot
            if snapshot is not None and cursor is snapshot.cursor:
                snapshot.broken = True
                if isinstance(error, duckdb.CatalogException | duckdb.BinderException) and _LATER.search(str(error)):
                    # A table or a column that is younger than the snapshot.
                    raise mysql_error(1412) from None
            if isinstance(error, duckdb.InterruptException):
                raise mysql_error(1317) from None
            raise
        finally:
            ctx.on_kill.remove(interrupt)


def _cut(index: Index, values: Sequence[Any]) -> Sequence[Any]:
    """Values cut to the index's prefix lengths."""
    if all(p.length is None for p in index.parts):
        return values
    return [
        v[: p.length] if p.length is not None and isinstance(v, str | bytes) else v
        for v, p in zip(values, index.parts, strict=True)
    ]


async def _one_batch(rows: list[tuple[Any, ...]]) -> AsyncIterator[list[tuple[Any, ...]]]:
    if rows:
        yield rows
