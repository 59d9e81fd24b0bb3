"""UPDATE and DELETE of the few rows that the first columns of a key or an index name, in an open transaction: without
leaving the loop, like those of one row (one_row.py), as long as their locks are free and they are in memory."""

from __future__ import annotations

from collections.abc import Sequence

from aurora_mysql.catalog.model import Table
from aurora_mysql.engine.engine import Engine
from aurora_mysql.engine.transaction import Transaction
from aurora_mysql.redo.record import Row
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.dml.one_row import OneRowDelete, OneRowUpdate, updated
from aurora_mysql.sql.dml.table_writer import TableWriter
from aurora_mysql.sql.plan import Later, Told
from aurora_mysql.sql.query.key_access import Access
from aurora_mysql.sql.query.lock_ranges import SearchedRanges
from aurora_mysql.sql.query.memory_select import locked_now
from aurora_mysql.sql.query.row_expression import RowFunction
from aurora_mysql.sql.result import Ok, Value


class SomeRowsUpdate(OneRowUpdate):
    """`searched`: what is kept free of new rows; see :class:`OneRowUpdate`."""

    def __init__(
        self,
        writer: TableWriter,
        access: Access,
        searched: SearchedRanges | None,
        assignments: Sequence[tuple[int, RowFunction, bool]],
    ) -> None:
        super().__init__(writer, (), assignments)
        self._access, self._searched = access, searched

    def inside(self, ctx: SessionContext, tx: Transaction, params: Sequence[Value]) -> Ok | None:
        if self._writer.checks or ctx.busy_tables:
            return None
        table = self._table
        rows = locked_now(table, self._access, self._searched, ctx, tx, params)
        if rows is None:
            return None
        ids = ctx.last_insert_id
        ctx.id_from_function = 0
        changes: list[tuple[Row, Row]] = []
        for old in rows:
            new = self._image(old, params, ctx)
            if new is None:
                ctx.last_insert_id = ids
                return None
            if new != old:
                changes.append((old, new))
        if not all(tx.enters_now(table, new, old) for old, new in changes):
            ctx.last_insert_id = ids
            return None
        for old, new in changes:
            tx.update_now(table, old, new)
        return updated(ctx, len(rows), len(changes))

    def alone(self, ctx: SessionContext, params: Sequence[Value], isolation: str, told: Told) -> Ok | Later | None:
        return None


class SomeRowsDelete(OneRowDelete):
    """See :class:`SomeRowsUpdate`."""

    def __init__(self, engine: Engine, table: Table, access: Access, searched: SearchedRanges | None) -> None:
        super().__init__(engine, table, ())
        self._access, self._searched = access, searched

    def inside(self, ctx: SessionContext, tx: Transaction, params: Sequence[Value]) -> Ok | None:
        if ctx.busy_tables:
            return None
        rows = locked_now(self._table, self._access, self._searched, ctx, tx, params)
        if rows is None:
            return None
        for row in rows:
            tx.delete(self._table, row)
        return Ok(len(rows))

    def alone(self, ctx: SessionContext, params: Sequence[Value], isolation: str, told: Told) -> Ok | Later | None:
        return None
