"""Writes of single rows that need not wait: their locks are free and their rows in memory.

Each step either does all it says or tells that the long way must be taken; that one finds the locks taken so far.
"""

from __future__ import annotations

from collections.abc import Sequence

from aurora_mysql.catalog.model import Table
from aurora_mysql.engine.gaps import Entering, KeyRange, gap_resource
from aurora_mysql.engine.key_pages import NEWEST
from aurora_mysql.engine.keys import Key
from aurora_mysql.engine.row_store import TableRows
from aurora_mysql.engine.sought import MemoryTable
from aurora_mysql.engine.transaction.row_write import newest_in_memory
from aurora_mysql.engine.transaction.unique_values import TransactionUnique
from aurora_mysql.redo.record import KeyValues, Row


class TransactionAtOnce(TransactionUnique):
    """The short way of a write."""

    def writable_now(self, table: Table) -> TableRows | None:
        """The table's rows in memory, with the locks on the table that a write of a row needs; None: wait for them, or
        learn on the long way why it can't be written."""
        known = self._writable.get(table.id)
        if known is not None and known.keys.table is table:
            return known
        engine, owner = self._engine, self.owner
        if table.temporary or self.read_only or self._ctx.table_locks:
            return None
        if not engine.is_writer or not engine.is_current(table):
            return None
        stored = engine.row_store.table(table.id)
        acquire = engine.locks.try_acquire
        if stored is None or not acquire(owner, ("m", table.id), "S") or not acquire(owner, ("t", table.id), "IX"):
            return None
        self._used_tables.add(table.id)
        self._writable[table.id] = stored
        return stored

    def lock_row_now(self, table: Table, key: KeyValues) -> tuple[bool, Row | None]:
        """(True, row or None) as :meth:`get_for_update`; (False, None) when something must be waited for."""
        stored = self.writable_now(table)
        if stored is None:
            return False, None
        normal = stored.keys.of_values(key)
        return self._latest_now(stored, normal) if self._lock_now(table, normal) else (False, None)

    def memory_now(self, table: Table) -> MemoryTable | None:
        """The newest committed and own rows of a table with a key of integers, with the locks on the table that a write
        of a row needs; None as for :meth:`writable_now`, and for other tables."""
        stored = self.writable_now(table)
        if stored is None or (stored.pages is None and stored.leaves is None):
            return None
        return MemoryTable(stored, NEWEST, self.own_images(table))

    def keep_ranges_now(self, table: Table, ranges: Sequence[KeyRange] | None) -> bool:
        """As :meth:`lock_ranges` for writing; False when something must be waited for. The caller has the locks on the
        table (:meth:`memory_now`)."""
        if ranges is None:
            return False
        engine = self._engine
        if self.locks_ranges:
            for wanted in ranges:
                engine.locks.add_gap(self.owner, gap_resource(table), wanted)
        else:
            ranges = [r for r in ranges if r.is_point]
        for other in engine.transactions.values():
            if other is not self and other.writes_to(table):
                for _, row, before in other.rows_to_come(table):
                    if any(r.covers(Entering(row, before)) for r in ranges):
                        return False
        return True

    def lock_rows_now(self, table: Table, rows: Sequence[Row]) -> bool:
        """Lock rows that were found in this turn of the loop; False when one must be waited for."""
        stored = self.writable_now(table)
        if stored is None:
            return False
        of_row = stored.keys.of_row
        return all(self._lock_now(table, of_row(row)) for row in rows)

    def insertable_now(self, table: Table) -> TableRows | None:
        """As :meth:`writable_now`, and nobody else keeps a range of the table free of new rows."""
        stored = self.writable_now(table)
        if stored is None:
            return None
        keepers = self._engine.locks.holders(gap_resource(table))
        return stored if not keepers or keepers == [self.owner] else None

    def enters_now(self, table: Table, row: Row, before: Row | None = None) -> bool:
        """Nobody else keeps the place free into which `row` comes (in place of `before`)."""
        return self._engine.locks.passes_gaps(self.owner, gap_resource(table), Entering(row, before))

    def insert_now(self, table: Table, row: Row, *, fresh: bool) -> bool:
        """Lock and buffer a new row of a table that has no unique values but its key; False when something must be
        waited for or its key is taken. `fresh`: the key was just generated, so nobody has it."""
        stored = self.writable_now(table)
        if stored is None or not self.enters_now(table, row):
            return False
        keys = stored.keys
        if keys.has_hidden_key:
            self.insert(table, row)
            return True
        normal = keys.of_row(row)
        if not fresh and self._latest_now(stored, normal) != (True, None):
            return False
        if not self._lock_now(table, normal):
            return False
        self._buffer.put(keys, row)
        return True

    def update_now(self, table: Table, old: Row, new: Row) -> bool:
        """Buffer a new image of a locked row that keeps its unique values; False when its new place must be waited
        for."""
        stored = self.writable_now(table)
        if stored is None or not self.enters_now(table, new, old):
            return False
        self._buffer.put(stored.keys, new, old)
        return True

    def _lock_now(self, table: Table, normal: Key) -> bool:
        owner = self.owner
        if owner.held[("t", table.id)] == "X":
            return True
        return self._engine.locks.try_acquire(owner, ("r", table.id, normal), "X")

    def _latest_now(self, stored: TableRows, normal: Key) -> tuple[bool, Row | None]:
        """The newest committed or own row of a key, if memory knows."""
        if self._buffer.tables:
            written, own = self._buffer.find(stored.keys.table.id, normal)
            if written:
                return True, own
        return newest_in_memory(self._engine.row_store, stored, normal)
