"""Many new rows at once, as columns: one lock, one look at each unique index, no row by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import duckdb
import pyarrow as pa

from aurora_mysql.catalog.model import Index, Table
from aurora_mysql.catalog.wide_decimal import is_wide
from aurora_mysql.engine.buffer import parts_of
from aurora_mysql.engine.new_columns import any_equal, any_missing, index_values, taken
from aurora_mysql.engine.transaction.unique_values import ESCALATION_LOCKS, TransactionUnique
from aurora_mysql.redo.column_rows import ColumnRows

#: Locks that are taken in one turn of the event loop.
_STEP_LOCKS = 1_000


class TransactionBulk(TransactionUnique):
    """Rows that stay columns until they are in DuckDB."""

    async def put_columns(
        self, table: Table, rows: ColumnRows, unique: Sequence[Index], *, surely_new: Index | None = None
    ) -> bool:
        """Lock the table and buffer new rows, if that needs no wait and none of their values in the `unique` indexes
        is taken. `rows` lack the hidden key, if the table has one; it is given here.

        False: nothing was buffered, the rows must go another way. That is so when others use the table, when this
        transaction has written single rows of it, when it has decimals of more than 38 digits, and when a value may be
        taken (or two rows have the same).

        Raises:
            MySQLError: 1317, 1836 on a reader, 1792.
        """
        if table.temporary or any(is_wide(column.type) for column in table.columns):
            return False
        self._check_writer(table, "X")
        await self.use_table(table)
        engine = self._engine
        own = self._buffer.tables.get(table.id)
        if own is not None and own.rows:
            return False
        if not engine.locks.try_acquire(self.owner, ("t", table.id), "X"):
            return False
        # Nobody else writes the table from here on.
        await self._applied(table)
        keys = engine.keys_of(table)
        rows = self._with_hidden_key(table, rows)
        chunks = [] if own is None else list(own.bulk)

        def conflict(cursor: duckdb.DuckDBPyConnection) -> bool:
            for index in unique:
                if index is surely_new:
                    continue
                values = index_values(table, index, rows)
                if values is None:
                    return True
                earlier = [index_values(table, index, chunk) for chunk in chunks]
                if taken(cursor, table, index, values, earlier):
                    return True
            return False

        if unique:
            found: bool = await self._with_cursor(conflict)
            if found:
                return False
        own = self._buffer.tables.get(table.id)
        if own is not None and own.rows:  # settled meanwhile, by somebody who reads uncommitted rows
            return False
        for part in parts_of(rows):
            self._buffer.put_columns(keys, part)
        return True

    async def first_columns(
        self, table: Table, rows: ColumnRows, unique: Sequence[Index], *, surely_new: Index | None = None
    ) -> ColumnRows | None:
        """The rows, with their hidden key, of a table that nobody else knows and that has no others; None as
        :meth:`put_columns` tells False. Nothing is locked or buffered."""
        if any(is_wide(column.type) for column in table.columns):
            return None

        def conflict(cursor: duckdb.DuckDBPyConnection) -> bool:
            found = (index_values(table, index, rows) for index in unique if index is not surely_new)
            return any(values is None or any_equal(cursor, values) for values in found)

        if unique:
            taken_: bool = await self._with_cursor(conflict)
            if taken_:
                return None
        return self._with_hidden_key(table, rows)

    def _with_hidden_key(self, table: Table, rows: ColumnRows) -> ColumnRows:
        if not self._engine.keys_of(table).has_hidden_key:
            return rows
        first = self._engine.next_auto_increment(table, len(rows))
        numbers = pa.array(range(first, first + len(rows)), type=pa.int64())
        return ColumnRows(rows.table.append_column(table.columns[-1].name, numbers))

    async def have_parents(self, parent: Table, columns: Sequence[str], values: Any) -> bool:
        """Lock shared, if that needs no wait, the rows of `parent` whose `columns`, its key's, have `values`, an Arrow
        table of different ones; tell whether all of them are there. False also: look row by row.

        Raises:
            MySQLError: 1317, 1836 on a reader.
        """
        own = self._buffer.tables.get(parent.id)
        names = [c.lower() for c in columns]
        key = [c.lower() for c in parent.key_columns]
        if sorted(names) != sorted(key) or (own is not None and own.rows):
            return False
        self._check_writer(parent, "S")
        await self.use_table(parent)
        ordered = [values.column(names.index(name)) for name in key]
        if not await self._share_rows(parent, ordered):
            return False
        await self._applied(parent)
        own = self._buffer.tables.get(parent.id)
        if own is not None and own.rows:
            return False
        chunks = [] if own is None else list(own.bulk)
        missing: bool = await self._with_cursor(lambda cursor: any_missing(cursor, parent, columns, values, chunks))
        return not missing

    async def _share_rows(self, table: Table, key: Sequence[Any]) -> bool:
        """Shared locks on rows, given as columns of key values; on the whole table beyond very many of them. False when
        one must be waited for."""
        acquire, owner = self._engine.locks.try_acquire, self.owner
        of_values = self._engine.keys_of(table).of_values
        count = len(key[0])
        if len(owner.held) + count > ESCALATION_LOCKS:
            return acquire(owner, ("t", table.id), "S")
        if not acquire(owner, ("t", table.id), "IS"):
            return False
        if owner.held[("t", table.id)] in ("S", "X"):
            return True
        for start in range(0, count, _STEP_LOCKS):
            part = [column.slice(start, _STEP_LOCKS).to_pylist() for column in key]
            for values in zip(*part, strict=True):
                if not acquire(owner, ("r", table.id, of_values(values)), "S"):
                    return False
            await asyncio.sleep(0)
        return True

    async def _applied(self, table: Table) -> None:
        """Wait until what was committed on the table is in DuckDB, to be seen there."""
        wanted_lsn = self._engine.row_store.last_lsn(table.id)
        if wanted_lsn > self._engine.applied_lsn:
            await self._engine.apply_queue.wait(wanted_lsn)
