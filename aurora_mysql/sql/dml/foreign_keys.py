"""Foreign keys: a child needs its parent, a parent's end reaches its children."""

from __future__ import annotations

from collections.abc import Sequence

from aurora_mysql.catalog.model import ForeignKey, Table
from aurora_mysql.engine.transaction import Transaction
from aurora_mysql.errors import mysql_error
from aurora_mysql.redo.record import Row
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.ddl.alter import foreign_key_text
from aurora_mysql.sql.dml.table_writer import TableWriter
from aurora_mysql.sql.plan import PlanContext
from aurora_mysql.sql.result import Value

_DEPTH = 15


def enforced(ctx: SessionContext) -> bool:
    return bool(ctx.variables.get("foreign_key_checks", True))


def _values(table: Table, columns: Sequence[str], row: Row) -> tuple[Value, ...]:
    return tuple(row[table.position[c.lower()]] for c in columns)


async def need_parents(pc: PlanContext, ctx: SessionContext, tx: Transaction, table: Table, row: Row) -> None:
    """Lock (shared) the parents of `row`. Raises 1452 when one is missing."""
    if not table.foreign_keys or not enforced(ctx):
        return
    for fk in table.foreign_keys:
        values = _values(table, fk.columns, row)
        if None in values:
            continue
        parent = pc.engine.catalog.table(fk.ref_database, fk.ref_table)
        own = parent is not None and parent.id == table.id and _values(table, fk.ref_columns, row) == values
        if not own and (parent is None or await _parent(tx, parent, fk, values) is None):
            raise mysql_error(1452, foreign_key_text(table, fk))


async def _parent(tx: Transaction, parent: Table, fk: ForeignKey, values: tuple[Value, ...]) -> Row | None:
    by_name = dict(zip((c.lower() for c in fk.ref_columns), values, strict=True))
    key = [c.lower() for c in parent.key_columns]
    if set(key) == set(by_name):
        return await tx.get_for_update(parent, tuple(by_name[c] for c in key), mode="S")
    rows = await tx.find_by_columns(parent, fk.ref_columns, values)
    for row in rows:
        locked = await tx.get_for_update(parent, _values(parent, parent.key_columns, row), mode="S")
        if locked is not None and _values(parent, fk.ref_columns, locked) == values:
            return locked
    return None


async def parent_changes(
    pc: PlanContext, ctx: SessionContext, tx: Transaction, table: Table, old: Row, new: Row | None, depth: int = 0
) -> None:
    """Before `old` goes (`new` None) or changes: do what its children's foreign keys say.

    Raises:
        MySQLError: 1451 for RESTRICT and NO ACTION, and below 15 cascades.
    """
    children = pc.engine.catalog.referencing.get((table.database, table.name))
    if not children or table.temporary or not enforced(ctx):
        return
    for child, fk in children:
        values = _values(table, fk.ref_columns, old)
        if None in values or (new is not None and _values(table, fk.ref_columns, new) == values):
            continue
        rows = await tx.find_by_columns(child, fk.columns, values)
        for found in rows:
            row = await tx.get_for_update(child, _values(child, child.key_columns, found))
            if row is None or _values(child, fk.columns, row) != values:
                continue
            if child.id == table.id and row == old and new is None:
                continue
            action = fk.on_delete if new is None else fk.on_update
            if action not in ("CASCADE", "SET NULL") or depth >= _DEPTH:
                raise mysql_error(1451, foreign_key_text(child, fk))
            if action == "CASCADE" and new is None:
                await parent_changes(pc, ctx, tx, child, row, None, depth + 1)
                tx.delete(child, row)
                continue
            changed = list(row)
            wanted = (None,) * len(values) if action == "SET NULL" else _values(table, fk.ref_columns, new or old)
            for column, value in zip(fk.columns, wanted, strict=True):
                changed[child.position[column.lower()]] = value
            await parent_changes(pc, ctx, tx, child, row, tuple(changed), depth + 1)
            tx.update(child, row, await TableWriter(child, pc).generate(tuple(changed), ctx, tx))
