"""What a transaction writes, where it falls back to, and how it ends."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from typing import Any

from aurora_mysql.catalog.model import Table
from aurora_mysql.engine.commit_log import ENCODE_ASIDE_ROWS, Done, is_large
from aurora_mysql.engine.temporary import FIRST_ID
from aurora_mysql.engine.transaction.at_once import TransactionAtOnce
from aurora_mysql.engine.transaction.bulk_rows import TransactionBulk
from aurora_mysql.engine.transaction.queries import TransactionQueries
from aurora_mysql.engine.transaction.state import Mark
from aurora_mysql.errors import mysql_error
from aurora_mysql.redo.record import Commit, Row


class Transaction(TransactionQueries, TransactionBulk, TransactionAtOnce):
    """One transaction of one session; used by one statement at a time, on the event loop.

    Attributes:
        snapshot_lsn: LSN of the read view once it exists, else 0. The view is a number until something must be read
            from DuckDB, or until DuckDB is about to move past it (:meth:`pin`).
    """

    # Writing goes into the buffer; the caller holds the locks.

    def insert_many(self, table: Table, rows: Sequence[Row]) -> None:
        for row in rows:
            self.insert(table, row)

    def update(self, table: Table, old: Row, new: Row) -> None:
        keys = self._engine.keys_of(table)
        if keys.of_row(old) != keys.of_row(new):
            self._buffer.delete(keys, old)
            self._buffer.put(keys, new)
        else:
            self._buffer.put(keys, new, old)

    def delete(self, table: Table, old: Row) -> None:
        self._buffer.delete(self._engine.keys_of(table), old)

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
            if self._snapshot is not None:
                await self._close_snapshot()
            changes = self._buffer.changes()
            temporary = [c for c in changes if c.table_id >= FIRST_ID]
            if temporary:
                changes = [c for c in changes if c.table_id < FIRST_ID]
                self._ctx.temporary.check_room({c.table_id: c.upserts for c in temporary})
            if changes:
                if engine.freeze.is_wanted:
                    await engine.freeze.pass_through(self.owner, self._ctx, self._metadata_timeout_s())
                if not engine.apply_queue.has_room:
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
        if temporary:
            self._ctx.temporary.apply(temporary)
        self._ctx.seen_lsn = max(self._ctx.seen_lsn, lsn)
        return lsn

    def commit_at_once(self, done: Done) -> bool | None:
        """As :meth:`commit`, without waiting. True: it is over, with nothing to log. False: `done` will be called, see
        :meth:`CommitLog.submit`. None: something must be waited for first, and nothing has happened."""
        engine = self._engine
        if not self._buffer or not self.active:
            return True if self.end_at_once() else None
        log = engine.log
        if log is None or not log.takes_at_once or engine.freeze.is_wanted or not engine.apply_queue.has_room:
            return None
        if any(table_id >= FIRST_ID for table_id in self._buffer.tables) or self.rows_written > ENCODE_ASIDE_ROWS:
            return None
        changes = self._buffer.changes()
        commit = Commit(changes=changes, counters=engine.counters_for([c.table_id for c in changes]))
        if is_large(commit):
            return None

        def told(error: Exception | None) -> None:
            if error is None:
                self._ctx.seen_lsn = max(self._ctx.seen_lsn, commit.lsn)
            done(error)

        log.submit(commit, self._close, told)
        self._deactivate()
        return False

    async def rollback(self) -> None:
        """Drop everything. Never fails."""
        if self.active:
            self._deactivate()
            try:
                await self._close_snapshot()
            finally:
                self._close()

    def end_at_once(self) -> bool:
        """End a transaction that has nothing to log and nothing of DuckDB to give back; False for another one."""
        if self._snapshot is not None or self._opening is not None or self._buffer.tables:
            return False
        if self.active:
            self._deactivate()
            self._close()
        return True

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
