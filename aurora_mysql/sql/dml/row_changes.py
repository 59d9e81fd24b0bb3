"""One row replaced or deleted, with all that hangs on it: unique values, checks, foreign keys, triggers."""

from __future__ import annotations

from aurora_mysql.catalog.model import Table
from aurora_mysql.engine.transaction import Transaction
from aurora_mysql.redo.record import Row
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.dml import foreign_keys
from aurora_mysql.sql.dml.table_writer import TableWriter
from aurora_mysql.sql.plan import PlanContext
from aurora_mysql.sql.routines.triggers import TableTriggers


async def delete_row(
    pc: PlanContext, table: Table, triggers: TableTriggers, ctx: SessionContext, tx: Transaction, old: Row
) -> None:
    """Delete `old` (locked). Raises 1451 and what triggers raise."""
    if triggers:
        await triggers.fire("BEFORE", "DELETE", old, None, ctx, tx)
    await foreign_keys.parent_changes(pc, ctx, tx, table, old, None)
    tx.delete(table, old)
    if triggers:
        await triggers.fire("AFTER", "DELETE", old, None, ctx, tx)


async def replace_row(
    pc: PlanContext, writer: TableWriter, ctx: SessionContext, tx: Transaction, old: Row, new: Row
) -> bool:
    """Put `new` for `old` (locked): unique values, checks and foreign keys hold. False when nothing changed.

    Raises:
        MySQLError: 1062, 3819, 1451, 1452 and what triggers raise.
    """
    triggers = writer.triggers
    if triggers.has("BEFORE", "UPDATE"):
        new = await triggers.fire("BEFORE", "UPDATE", old, new, ctx, tx)
        new = writer.without_nulls(new, ctx, lenient=False)
    new = await writer.generate(new, ctx, tx)
    changed = new != old
    if changed:
        await _put(pc, writer, ctx, tx, old, new)
    if triggers.has("AFTER", "UPDATE"):
        await triggers.fire("AFTER", "UPDATE", old, new, ctx, tx)
    return changed


async def _put(pc: PlanContext, writer: TableWriter, ctx: SessionContext, tx: Transaction, old: Row, new: Row) -> None:
    table = writer.table
    for index in writer.unique:
        values = writer.values_of(index, new)
        if values == writer.values_of(index, old):
            continue
        found = await tx.find_unique(table, index, values)
        if found is not None and found != old:
            raise writer.duplicate(index, new)
    if writer.checks:
        await writer.check(new, ctx, tx)
    await foreign_keys.need_parents(pc, ctx, tx, table, new, old)
    await foreign_keys.parent_changes(pc, ctx, tx, table, old, new)
    await tx.enter_gap(table, new, old)
    tx.update(table, old, new)
