"""SELECT ... FOR UPDATE / FOR SHARE: which rows to lock, and how."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlglot import exp

from aurora_mysql.engine.transaction import Transaction
from aurora_mysql.errors import mysql_error
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.plan import PlanContext
from aurora_mysql.sql.query.relations import materialise
from aurora_mysql.sql.query.rows_query import RowsSql, translate_rows_query
from aurora_mysql.sql.query.sources import bind_sources
from aurora_mysql.sql.result import Value

#: Rounds of reading and locking before a locking read gives up on a table that changes all the time.
MAX_ROUNDS = 20


@dataclass(frozen=True, slots=True)
class LockWish:
    """`mode` X or S; `of`: table aliases, empty for all."""

    mode: str
    nowait: bool = False
    skip_locked: bool = False
    of: tuple[str, ...] = ()


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
    plain = not any(ast.args.get(k) for k in ("group", "distinct", "having")) and not wish.skip_locked
    made = translate_rows_query(
        source.copy(),
        ast.args.get("where"),
        ast.args.get("order") if plain and _by_columns(ast) else None,
        ast.args.get("limit") if plain and _by_columns(ast) and ast.args.get("offset") is None else None,
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
    rows: RowsSql, wish: LockWish, ctx: SessionContext, tx: Transaction, params: Sequence[Value], services: Any
) -> set[tuple[int, tuple[Any, ...]]]:
    """Lock what `rows` finds until nothing new appears; returns (target number, key) of the locked rows.

    Raises:
        MySQLError: 1205, 1213, 3572, 1836.
    """
    locked: set[tuple[int, tuple[Any, ...]]] = set()
    for _ in range(MAX_ROUNDS):
        values = bind_sources(rows.sources, ctx, tx, params)
        relations = materialise(rows.relations, ctx, services)
        found = await tx.query(rows.sql, values, tables=rows.tables, latest=True, relations=relations)
        fresh = False
        for number, target in enumerate(rows.targets):
            end = target.start + len(target.table.key_positions)
            keys = {tuple(row[target.start : end]) for row in found.rows}
            wanted = [k for k in keys if None not in k and (number, k) not in locked]
            if wanted:
                got = await tx.lock_keys(
                    target.table, wanted, mode=wish.mode, nowait=wish.nowait, skip_locked=wish.skip_locked
                )
                locked |= {(number, tuple(k)) for k in got}
                fresh = fresh or bool(got)
        if not fresh or wish.skip_locked:
            return locked
    raise mysql_error(1205)
