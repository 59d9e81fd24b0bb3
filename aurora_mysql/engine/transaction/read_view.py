"""A transaction's read view: a number at first, a DuckDB transaction when something must be read there."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import duckdb

from aurora_mysql.catalog.model import Table
from aurora_mysql.engine.key_pages import NEWEST
from aurora_mysql.engine.row_store import TableRows
from aurora_mysql.engine.snapshot import Snapshot, open_snapshot, remove_overlay, reopen_snapshot
from aurora_mysql.engine.transaction.state import TransactionState
from aurora_mysql.errors import StalePlanError, mysql_error

_T = TypeVar("_T")

#: What DuckDB says when a snapshot is older than a table's definition.
_LATER = re.compile(r"does not exist|not found in FROM clause|does not have a column")

_INTERRUPT_AGAIN_S = 0.02

log = logging.getLogger(__name__)


class _Interrupt:
    """Ends what `future` stands for. DuckDB forgets an interrupt that comes before the thread has begun the query, so
    it is said until the query ends. A function that calls itself would keep the future's result alive."""

    __slots__ = ("_cursor", "_future", "_loop")

    def __init__(
        self, loop: asyncio.AbstractEventLoop, cursor: duckdb.DuckDBPyConnection, future: asyncio.Future[Any]
    ) -> None:
        self._loop, self._cursor, self._future = loop, cursor, future

    def __call__(self) -> None:
        if not self._future.done():
            self._cursor.interrupt()
            self._loop.call_later(_INTERRUPT_AGAIN_S, self)


class TransactionView(TransactionState):
    """The read view, and the calls of DuckDB that KILL can interrupt."""

    @property
    def is_pinned(self) -> bool:
        """DuckDB holds the read view."""
        return self._snapshot is not None

    async def start_snapshot(self) -> None:
        """Take the read view now (START TRANSACTION WITH CONSISTENT SNAPSHOT)."""
        if self._consistent:
            await self._take_view()

    async def pin(self) -> None:
        """Let DuckDB hold the read view, since DuckDB is about to move past it. A failure costs this transaction
        later reads (1412), nobody else anything."""
        try:
            await self._open_snapshot()
        except duckdb.Error as error:
            log.warning("transaction %d: its read view is lost: %s", self.id, error)

    async def _take_view(self) -> int:
        """LSN of the read view, which begins here at the latest. Never with a bulk change that DuckDB lacks: what it
        lacks is laid over it row by row."""
        if not self.snapshot_lsn:
            engine = self._engine
            while engine.row_store.bulk_lsn > engine.applied_lsn:
                await engine.apply_queue.wait(engine.row_store.bulk_lsn)
            self._begin_view()
        return self.snapshot_lsn

    def _begin_view(self) -> None:
        engine = self._engine
        self.snapshot_lsn = engine.visible_lsn
        engine.read_views[self.id] = self
        self._ctx.seen_lsn = max(self._ctx.seen_lsn, self.snapshot_lsn)

    def view_at_once(self, table: Table) -> int | None:
        """Begin a plain read of `table` as far as nothing must be waited for: its metadata lock, then the read view.

        Returns the LSN that the read sees (NEWEST when it has no view), None when it takes the long way (which finds
        the lock and the view where this has left them).
        """
        engine = self._engine
        if table.id not in self._used_tables:
            if table.temporary or self._ctx.table_locks or not engine.is_current(table):
                return None
            if engine.is_writer and not engine.locks.try_acquire(self.owner, ("m", table.id), "S"):
                return None
            self._used_tables.add(table.id)
        if self.isolation == "READ-COMMITTED":
            return NEWEST
        if self.isolation != "REPEATABLE-READ":
            return None
        if not self.snapshot_lsn:
            if engine.row_store.bulk_lsn > engine.applied_lsn:
                return None
            self._begin_view()
        return self.snapshot_lsn

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

    async def _settled(self, table: Table) -> TableRows:
        """The row store's part of a table, when DuckDB has all that is not in it."""
        store = self._engine.row_store.table(table.id)
        if store is None:
            raise StalePlanError(table.name)
        if store.bulk_lsn > self._engine.applied_lsn:
            await self._engine.apply_queue.wait(store.bulk_lsn)
        return store

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
        gate = self._engine.gate
        turn = await gate.enter(ctx, expects_long=self.expects_long)
        future = loop.run_in_executor(self._engine.executor, work, cursor)
        interrupt = _Interrupt(loop, cursor, future)
        ctx.on_kill.append(interrupt)
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
            self.took_long = gate.leave(turn) or self.took_long
