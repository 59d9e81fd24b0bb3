"""Rows for a table that does not exist yet: they go through the same writer as INSERT's, into the session's memory.

CREATE TABLE ... SELECT and rebuilds that compute values use it: the rows are then logged together with the definition,
so that other sessions and a crash see all of it or nothing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aurora_mysql.catalog.model import Column, Index, Table
from aurora_mysql.engine.buffer import parts_of
from aurora_mysql.engine.temporary import TemporaryRows, next_temporary_id
from aurora_mysql.engine.transaction import Transaction
from aurora_mysql.redo.column_rows import ColumnRows
from aurora_mysql.redo.record import RowsBefore, TableChange
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.ddl.plan import Run
from aurora_mysql.sql.ddl.spec import ColumnSpec, TableSpec
from aurora_mysql.sql.plan import PlanContext
from aurora_mysql.sql.query.output import OutputColumn
from aurora_mysql.sql.query.types import result_type
from aurora_mysql.sql.result import Ok, Result, ResultColumn, ResultSet, Value

#: No table of a database can have this name.
_UNNAMED = ("#", "#filling")


@asynccontextmanager
async def in_memory(run: Run, table: Table) -> AsyncIterator[TemporaryRows]:
    """`table` as a temporary one that no statement can name, until the block ends. The row keeper's `table` is what to
    write to."""
    own = dataclasses.replace(table, id=next_temporary_id(), temporary=True)
    rows = run.engine.temporary_rows(own)
    temporary = run.ctx.temporary
    temporary.add(own, rows, run.engine.forget_table, key=_UNNAMED)
    try:
        yield rows
    finally:
        temporary.remove(_UNNAMED)


def as_changes(rows: TemporaryRows, columns: ColumnRows | None, table: Table) -> list[TableChange]:
    """All of `rows`, or else `columns`, as the first rows of `table`."""
    if columns is not None:
        return [TableChange(table.id, part, (), RowsBefore()) for part in parts_of(columns)]
    return [TableChange(table.id, list(rows.rows.values()), (), RowsBefore())]


@dataclass
class Selected:
    """The SELECT of CREATE TABLE ... SELECT, run: its columns, and its rows as a client would see them."""

    columns: list[OutputColumn]
    rows: list[tuple[Value, ...]] | ColumnRows

    def values(self, position: int) -> Iterable[Value]:
        """Those of a column."""
        if isinstance(self.rows, ColumnRows):
            return self.rows.table.column(position).to_pylist()  # type: ignore[no-any-return]
        return [row[position] for row in self.rows]


async def run_select(run: Run, text: str) -> Selected:
    """Run the query `text` on the newest committed state.

    Raises:
        MySQLError: as a SELECT would; 1142 where the user may not read.
    """
    from aurora_mysql.sql.admin import privileges
    from aurora_mysql.sql.fingerprint import lift, split
    from aurora_mysql.sql.parse import parse_shape
    from aurora_mysql.sql.query import plan_select
    from aurora_mysql.sql.query.select import translate_select
    from aurora_mysql.sql.query.statement import SelectPlan

    statement = split(text)[0]
    shape = lift(statement)
    tree, _ = parse_shape(shape, statement.text)
    engine, ctx = run.engine, run.ctx
    pc = PlanContext(
        ctx.catalog_over(engine.catalog), run.database, ctx, engine, run.services, statement.text, shape.params
    )
    outputs = translate_select(tree.copy(), pc).outputs
    plan = plan_select(tree, pc)
    own = ctx.temporary.tables
    privileges.check(engine.catalog, ctx, [need for need in pc.privileges if need[1:] not in own], pc.needed_columns())
    transaction = engine.begin(ctx, isolation="READ-COMMITTED", autocommit=ctx.transaction is None)
    try:
        reading = ctx.transaction or transaction
        if isinstance(plan, SelectPlan):
            result: Any = await plan.run_columns(ctx, reading, shape.params)
        else:
            result = await plan.run(ctx, reading, shape.params)
        if isinstance(result, ColumnRows):
            rows: Any = result
        elif isinstance(result.rows, list):
            rows = [tuple(row) for row in result.rows]
        else:
            rows = [tuple(row) async for batch in result.rows for row in batch]
    finally:
        await transaction.rollback()
    return Selected(outputs, rows)


def with_selected_columns(spec: TableSpec, selected: Selected) -> TableSpec:
    """`spec` with the columns of its SELECT: after its own, or with its definition but in their place."""
    given = {c.name.lower(): c for c in spec.columns}
    from_select = []
    for position, output in enumerate(selected.columns):
        defined = given.pop(output.name.lower(), None)
        from_select.append(defined or _spec_of(output, selected.values, position))
    return dataclasses.replace(spec, columns=[*given.values(), *from_select])


def _spec_of(output: OutputColumn, values_at: Callable[[int], Iterable[Value]], position: int) -> ColumnSpec:
    column = output.column
    if column is None or output.table is None:
        kind = result_type(output.t)
        if output.t.kind == "null":
            kind = dataclasses.replace(kind, name="binary", length=0, charset=None, collation=None)
        elif kind.name in ("varchar", "varbinary") and output.t.declared is None:
            longest = max((len(v) for v in values_at(position) if isinstance(v, str | bytes)), default=0)
            if longest > (kind.length or 0):
                name = "longtext" if kind.name == "varchar" else "longblob"
                kind = dataclasses.replace(kind, name=name, length=None)
        return ColumnSpec(output.name, kind, charset=kind.charset, collation=kind.collation)
    spec = ColumnSpec(
        output.name,
        column.type,
        charset=column.type.charset,
        collation=column.type.collation,
        nullable=output.nullable,
        comment=column.comment,
        on_update=column.on_update,
    )
    if column.default is not None:
        spec.default = column.default
        moment = column.default.upper().startswith("CURRENT_TIMESTAMP")
        spec.default_kind = "literal" if not column.default_is_expr else "now" if moment else "expression"
    elif column.auto_increment:
        spec.default, spec.default_kind = "0", "literal"
    return spec


async def insert_selected(
    run: Run, spec: TableSpec, rows: TemporaryRows, selected: Selected, *, columns: bool = False
) -> tuple[Ok, ColumnRows | None]:
    """Put the rows of the SELECT into the table in memory, as INSERT [IGNORE | REPLACE] does. With `columns` they may
    be given back as columns instead."""
    from aurora_mysql.sql.dml.insert import InsertPlan

    engine, ctx = run.engine, run.ctx
    table = rows.table
    pc = PlanContext(engine.catalog, run.database, ctx, engine, run.services, spec.select)
    targets: list[Column] = []
    for output in selected.columns:
        column = table.column(output.name)
        assert column is not None, "the table was made from these columns"
        targets.append(column)
    plan = InsertPlan(table, targets, pc, replace=spec.replace_rows, ignore=spec.ignore_rows)
    plan.query = _Given(selected.rows)
    transaction = engine.begin(ctx, isolation="READ-COMMITTED", autocommit=True)
    kept: list[ColumnRows] = []

    async def keep(table: Table, rows: ColumnRows, unique: Sequence[Index], *, surely_new: Index | None = None) -> bool:
        # All of the rows or none: what goes by rows is not compared with them.
        if not columns or len(rows) < len(selected.rows):
            return False
        made = await transaction.first_columns(table, rows, unique, surely_new=surely_new)
        kept.extend([] if made is None else [made])
        return made is not None

    plan.put_columns = keep
    try:
        result = await plan.run(ctx, transaction, ())
        await transaction.commit()
    finally:
        await transaction.rollback()
    assert isinstance(result, Ok)
    return result, kept[0] if kept else None


class _Given:
    """A plan (see :class:`aurora_mysql.sql.plan.Plan`) that gives rows which are there already."""

    columns: list[ResultColumn] | None = None
    writes = False
    is_ddl = False
    needs_transaction = True
    cacheable = False

    def __init__(self, rows: list[tuple[Value, ...]] | ColumnRows) -> None:
        self._rows = rows

    async def run(self, ctx: SessionContext, tx: Transaction | None, params: Sequence[Value]) -> ResultSet:
        assert tx is not None
        return ResultSet([], await tx.rows_of(self._rows) if isinstance(self._rows, ColumnRows) else self._rows)

    async def run_columns(self, ctx: SessionContext, tx: Transaction, params: Sequence[Value]) -> Result | ColumnRows:
        return self._rows if isinstance(self._rows, ColumnRows) else ResultSet([], self._rows)
