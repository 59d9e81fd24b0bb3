"""The rows an UPDATE or DELETE is about, found and locked, as they are now."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import duckdb

from aurora_mysql.catalog.model import Table
from aurora_mysql.engine.transaction import Transaction
from aurora_mysql.errors import mysql_error
from aurora_mysql.redo.record import Row
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.instance_services import InstanceServices
from aurora_mysql.sql.query import Rounds, RowsSql, materialise, mysql_failure
from aurora_mysql.sql.query.key_access import Access
from aurora_mysql.sql.result import Value

_ROUNDS = 50


async def locked_rows(
    query: RowsSql,
    services: InstanceServices,
    ctx: SessionContext,
    tx: Transaction,
    params: Sequence[Value],
    access: Access | None = None,
) -> list[Row]:
    """Rows of `query` whose target rows are all locked and unchanged since they were read. `access` finds the same rows
    in memory, if it can.

    A row that was changed by another transaction while we waited for its lock is looked at again, so the condition
    always holds for what is then written (InnoDB re-evaluates it as well).
    """
    if query.searched is not None:
        await tx.lock_ranges(query.searched.table, query.searched.bind(params, ctx), mode="X")
    calls = Rounds(query, ctx, tx, services)
    for _ in range(_ROUNDS):
        rows: Sequence[Row] | None = None if access is None else await access.rows(ctx, tx, params, latest=True)
        if rows is None:
            try:
                relations = materialise(query.relations, ctx, services)
                find = partial(tx.query, query.sql, tables=query.tables, latest=True, relations=relations)
                result = await calls.settled(params, find)
            except duckdb.InterruptException:
                raise mysql_error(1317) from None
            except duckdb.Error as error:
                raise mysql_failure(error) from None
            rows = result.rows
        stable = True
        rows = query.in_key_order(rows)
        for row in rows:
            for target in query.targets:
                stable = await _lock(target.table, row[target.start :], tx) and stable
        if stable:
            return list(rows)
    raise mysql_error(1205)


async def _lock(table: Table, image: Row, tx: Transaction) -> bool:
    """Lock the row; whether it is still what was read."""
    width = len(table.columns)
    key = tuple(image[p] for p in table.key_positions)
    if None in key:
        return True  # an outer join found no row here
    current = await tx.get_for_update(table, key)
    return current is not None and tuple(current[:width]) == tuple(image[:width])
