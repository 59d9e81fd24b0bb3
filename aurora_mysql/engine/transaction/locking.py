"""Locking reads by key, table locks, and the ranges that are kept free of new rows."""

from __future__ import annotations

from collections.abc import Sequence

from aurora_mysql.catalog.model import Table
from aurora_mysql.engine.gaps import Entering, KeyRange, gap_resource, key_range
from aurora_mysql.engine.keys import Key, TableKeys
from aurora_mysql.engine.transaction.rows import TransactionRows
from aurora_mysql.errors import MySQLError
from aurora_mysql.redo.record import KeyValues, Row


class TransactionLocks(TransactionRows):
    """InnoDB's locks: rows by key, gaps, tables."""

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

    async def lock_table(self, table: Table, mode: str) -> None:
        """Table lock: IS/IX (taken by row locks by themselves), S or X (where keys can't be named)."""
        if table.temporary:
            return
        self._check_writer(table, mode)
        await self.use_table(table)
        await self._acquire(("t", table.id), mode)

    def has_whole_table(self, table: Table, mode: str) -> bool:
        """A lock on the table covers locks in `mode` on its rows."""
        return self.owner.held.get(("t", table.id)) in (mode, "X")

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
