"""Foreign keys: a child needs its parent, a parent's end reaches its children."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from aurora_mysql.catalog.model import ForeignKey, Table
from aurora_mysql.catalog.values import render_key
from aurora_mysql.engine.new_columns import referring_values
from aurora_mysql.engine.transaction import Transaction
from aurora_mysql.errors import mysql_error
from aurora_mysql.redo.column_rows import ColumnRows
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


def has_children(pc: PlanContext, ctx: SessionContext, table: Table) -> bool:
    """Whether a change of one row of `table` may reach other rows, of this table or another."""
    return enforced(ctx) and (table.database, table.name) in pc.engine.catalog.referencing


async def need_parents(
    pc: PlanContext,
    ctx: SessionContext,
    tx: Transaction,
    table: Table,
    row: Row,
    old: Row | None = None,
    *,
    cascading: ForeignKey | None = None,
    known: set[tuple[str, tuple[Value, ...]]] | None = None,
) -> None:
    """Lock (shared) the parents of `row`; of a changed row, only of the keys whose values are not those of `old`
    (InnoDB looks at all of them when the primary key changes, since every index entry is then a new one).

    `cascading` is the key through which the change came: its parent is just being written. `known` remembers, for
    the rows of one statement that only inserts, which parents were found (and are locked).

    Raises:
        MySQLError: 1452 when one is missing.
    """
    if not table.foreign_keys or not enforced(ctx):
        return
    key = table.key_columns
    moved = old is None or _values(table, key, old) != _values(table, key, row)
    for fk in table.foreign_keys:
        values = _values(table, fk.columns, row)
        if None in values or fk is cascading or not (moved or _values(table, fk.columns, old or row) != values):
            continue
        if known is not None and (fk.name, values) in known:
            continue
        parent = pc.engine.catalog.table(fk.ref_database, fk.ref_table)
        own = parent is not None and parent.id == table.id and _values(table, fk.ref_columns, row) == values
        if not own and (parent is None or await _parent(tx, parent, fk, values) is None):
            raise mysql_error(1452, foreign_key_text(table, fk))
        if known is not None and not own:
            known.add((fk.name, values))


async def columns_have_parents(
    pc: PlanContext, ctx: SessionContext, tx: Transaction, table: Table, rows: ColumnRows
) -> bool:
    """Whether all parents of new rows are there, which are locked (shared) then. No also when one is locked by others
    or may be among the rows: :func:`need_parents` tells."""
    if not enforced(ctx):
        return True
    for fk in table.foreign_keys:
        parent = pc.engine.catalog.table(fk.ref_database, fk.ref_table)
        if parent is None or parent.id == table.id:
            return False
        values = await asyncio.to_thread(referring_values, table, fk.columns, rows)
        if values.num_rows and not await tx.have_parents(parent, fk.ref_columns, values):
            return False
    return True


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
        MySQLError: 1451 for RESTRICT and NO ACTION, and below 15 cascades; 1452 and 1761 for what a cascade changes.
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
            await _unique_in_child(tx, table, old, child, row, tuple(changed))
            await need_parents(pc, ctx, tx, child, tuple(changed), row, cascading=fk)
            await parent_changes(pc, ctx, tx, child, row, tuple(changed), depth + 1)
            image = await TableWriter(child, pc).generate(tuple(changed), ctx, tx)
            await tx.enter_gap(child, image, row)
            tx.update(child, row, image)


async def _unique_in_child(tx: Transaction, parent: Table, old: Row, child: Table, row: Row, changed: Row) -> None:
    """Raise 1761 when a cascade would make a second row with a unique value."""
    for index in child.indexes:
        values = _values(child, index.columns, changed)
        if not index.unique or values == _values(child, index.columns, row):
            continue
        found = await tx.find_unique(child, index, values)
        if found is not None and found != row:
            record = render_key(_values(parent, parent.key_columns, old))
            raise mysql_error(1761, parent.name, record, child.name, index.name)
