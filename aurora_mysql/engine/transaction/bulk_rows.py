"""Many new rows at once, as columns: one lock, one look at each unique index, no row by itself."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import pyarrow as pa

from aurora_mysql.catalog.model import Index, Table
from aurora_mysql.catalog.wide_decimal import is_wide
from aurora_mysql.engine.new_columns import index_values, taken
from aurora_mysql.engine.transaction.unique_values import TransactionUnique
from aurora_mysql.redo.column_rows import ColumnRows


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
        # Nobody else writes the table from here on; what was committed before must be in DuckDB to be seen.
        wanted_lsn = engine.row_store.last_lsn(table.id)
        if wanted_lsn > engine.applied_lsn:
            await engine.apply_queue.wait(wanted_lsn)
        keys = engine.keys_of(table)
        if keys.has_hidden_key:
            first = engine.next_auto_increment(table, len(rows))
            numbers = pa.array(range(first, first + len(rows)), type=pa.int64())
            rows = ColumnRows(rows.table.append_column(table.columns[-1].name, numbers))
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
        self._buffer.put_columns(keys, rows)
        return True
