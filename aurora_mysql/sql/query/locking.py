"""SELECT ... FOR UPDATE / FOR SHARE: which rows to lock, and how."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlglot import exp

from aurora_mysql.engine.transaction import Transaction
from aurora_mysql.errors import mysql_error
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.plan import PlanContext
from aurora_mysql.sql.query.relations import materialise
from aurora_mysql.sql.query.rows_query import RowsSql, translate_rows_query
from aurora_mysql.sql.query.stored_functions import Rounds
from aurora_mysql.sql.result import Value

#: Rounds of reading and locking before a locking read gives up on a table that changes all the time.
MAX_ROUNDS = 20


@dataclass(frozen=True, slots=True)
class LockWish:
    """`mode` X or S; `of`: table aliases, empty for all. `implied`: the statement writes what it reads, so it locks at
    the levels that keep ranges."""

    mode: str
    nowait: bool = False
    skip_locked: bool = False
    of: tuple[str, ...] = ()
    implied: bool = False


def lock_wish(ast: exp.Expression) -> LockWish | None:
    """The locking clause of a statement. Of several clauses the first decides how to wait."""
    locks = ast.args.get("locks") or []
    if not locks:
        return None
    wait = locks[0].args.get("wait")
    of = tuple(t.name for lock in locks for t in lock.args.get("expressions") or [])
    update = any(lock.args.get("update") for lock in locks)
    return LockWish("X" if update else "S", wait is True, wait is False, of)


def rows_to_lock(ast: exp.Select, wish: LockWish, pc: PlanContext) -> RowsSql | None:
    """A query for the keys of the rows that the SELECT reads; None when it reads no base table."""
    source = ast.args.get("from_")
    if source is None:
        return None
    limit = ast.args.get("limit")
    plain = not any(ast.args.get(k) for k in ("group", "distinct", "having"))
    made = translate_rows_query(
        source.copy(),
        ast.args.get("where"),
        ast.args.get("order") if plain and _by_columns(ast) else None,
        None if wish.skip_locked or not plain or not _by_columns(ast) or ast.args.get("offset") else limit,
        [],
        pc,
        joins=ast.args.get("joins") or [],
        targets=wish.of or None,
        with_=ast.args.get("with_"),
        keys_only=True,
    )
    return made if made.targets else None


def _by_columns(ast: exp.Select) -> bool:
    """ORDER BY names table columns only, and no aggregate stands in the select list."""
    from aurora_mysql.sql.query.aggregates import contains_aggregate

    if any(contains_aggregate(e) for e in ast.expressions):
        return False
    aliases = {e.alias.lower() for e in ast.expressions if isinstance(e, exp.Alias)}
    order = ast.args.get("order")
    return order is None or all(
        isinstance(o.this, exp.Column) and o.this.name.lower() not in aliases for o in order.expressions
    )


async def lock_rows(
    rows: RowsSql,
    wish: LockWish,
    ctx: SessionContext,
    tx: Transaction,
    params: Sequence[Value],
    services: Any,
    limit: int | None = None,
) -> set[tuple[int, tuple[Any, ...]]]:
    """Lock what `rows` finds until nothing new appears; returns (target number, key) of the locked rows.

    The ranges that were searched are kept free of new rows, unless rows may be skipped. `limit`: how many rows a
    SKIP LOCKED wants.

    Raises:
        MySQLError: 1205, 1213, 3572, 1836.
    """
    locked: set[tuple[int, tuple[Any, ...]]] = set()
    if rows.searched is not None and not wish.skip_locked:
        ranges = rows.searched.bind(params, ctx)
        await tx.lock_ranges(rows.searched.table, ranges, mode=wish.mode, nowait=wish.nowait)
        if tx.has_whole_table(rows.searched.table, wish.mode):
            return locked  # all of its rows
    calls = Rounds(rows, ctx, tx, services)
    for _ in range(MAX_ROUNDS):
        relations = materialise(rows.relations, ctx, services)
        find = partial(tx.query, rows.sql, tables=rows.tables, latest=True, relations=relations)
        found = await calls.settled(params, find)
        found_rows = rows.in_key_order(found.rows)
        if wish.skip_locked:
            return await _lock_free_rows(rows, found_rows, wish, tx, limit)
        fresh = False
        for number, target in enumerate(rows.targets):
            end = target.start + len(target.table.key_positions)
            keys = dict.fromkeys(tuple(row[target.start : end]) for row in found_rows)
            wanted = [k for k in keys if None not in k and (number, k) not in locked]
            if wanted:
                await tx.lock_keys(target.table, wanted, mode=wish.mode, nowait=wish.nowait)
                locked |= {(number, k) for k in wanted}
                fresh = True
        if not fresh:
            return locked
    raise mysql_error(1205)


async def _lock_free_rows(
    rows: RowsSql, found: Sequence[Sequence[Any]], wish: LockWish, tx: Transaction, limit: int | None
) -> set[tuple[int, tuple[Any, ...]]]:
    """SKIP LOCKED: lock row by row, in order, until `limit` rows could be locked; the rest is left to others."""
    locked: set[tuple[int, tuple[Any, ...]]] = set()
    count = 0
    for row in found:
        if limit is not None and count >= limit:
            break
        good = True
        for number, target in enumerate(rows.targets):
            key = tuple(row[target.start : target.start + len(target.table.key_positions)])
            if None in key or (number, key) in locked:
                continue
            if await tx.lock_keys(target.table, [key], mode=wish.mode, skip_locked=True):
                locked.add((number, key))
            else:
                good = False
        count += good
    return locked
