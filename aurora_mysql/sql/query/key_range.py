"""Rows in ranges of an integer key, or of an indexed integer column of a table with such a key, found in memory."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from aurora_mysql.catalog.model import Column, Table
from aurora_mysql.engine.engine import Engine
from aurora_mysql.engine.key_pages import RowsFound
from aurora_mysql.engine.keys import INTEGER_TYPES
from aurora_mysql.engine.memory_reads import range_at_once, ranges_at_once, rows_by_value_at_once
from aurora_mysql.engine.transaction import Transaction
from aurora_mysql.redo.record import Row
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.query.key_access import Access, FindAtOnce
from aurora_mysql.sql.query.key_sets import KeySet, key_set
from aurora_mysql.sql.query.named_columns import NamedColumns
from aurora_mysql.sql.result import Value


class RangeAccess(Access):
    """By ranges of the key, or (`position` is set) of an indexed integer column."""

    def __init__(self, table: Table, keys: KeySet, position: int | None = None) -> None:
        super().__init__()
        self.table, self.position = table, position
        self._keys = keys

    async def _rows(
        self, ctx: SessionContext, tx: Transaction, params: Sequence[Value], latest: bool, enough: int | None
    ) -> list[Row] | None:
        return await tx.rows_in(self.table, self._keys.bind(params), self.position, latest=latest)

    def at_once(self, engine: Engine) -> FindAtOnce:
        table, position, bind, single = self.table, self.position, self._keys.bind, self._keys.single
        if position is not None:
            return lambda ctx, params, _: rows_by_value_at_once(engine, ctx, table, position, bind(params))
        if single is None:
            return lambda ctx, params, _: ranges_at_once(engine, ctx, table, bind(params))
        low, high = single

        def find(ctx: SessionContext, params: Sequence[Value], _: int | None) -> RowsFound | None:
            return range_at_once(engine, ctx, table, low(params), high(params))

        return find


def range_access(where: exp.Expression, names: NamedColumns) -> RangeAccess | None:
    """When `where` is nothing but values and ranges of one integer column of the only table of `names`."""
    table = names.tables[0][1]
    if table.key_index is None or len(table.key_columns) != 1:
        return None
    key = table.column(table.key_columns[0])
    if key is None or key.type.name not in INTEGER_TYPES:
        return None
    keys = key_set(where, lambda node: None if (found := names.found(node)) is None else found[1])
    if keys is None:
        return None
    if keys.column is key:
        return RangeAccess(table, keys)
    return RangeAccess(table, keys, names.position(0, keys.column)) if _is_indexed(keys.column, table) else None


def _is_indexed(column: Column, table: Table) -> bool:
    """An index begins with the column, and its values fit into 64 bits with a sign."""
    if column.type.name == "bigint" and column.type.unsigned:
        return False
    return any(
        index.visible and index.kind in ("BTREE", "HASH") and index.columns[0].lower() == column.name.lower()
        for index in table.indexes
    )
