"""INSERT, REPLACE, INSERT ... SELECT, ON DUPLICATE KEY UPDATE, IGNORE."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

from sqlglot import exp

from aurora_mysql.catalog.model import HIDDEN_KEY, Column, Table
from aurora_mysql.engine.keys import INTEGER_TYPES
from aurora_mysql.engine.transaction import Transaction
from aurora_mysql.errors import mysql_error, unsupported
from aurora_mysql.redo.column_rows import ColumnRows
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.dml.one_row import OneRowInsert
from aurora_mysql.sql.dml.proposed_row import ProposedRow
from aurora_mysql.sql.dml.reads import note_table_reads
from aurora_mysql.sql.dml.row_inserter import BATCH_ROWS, DEFAULT, InsertRules, PutColumns, RowInserter
from aurora_mysql.sql.dml.row_value import RowExpression
from aurora_mysql.sql.dml.table_writer import TableWriter, generated_error, is_strict
from aurora_mysql.sql.plan import Plan, PlanContext, Write
from aurora_mysql.sql.query import plan_select, resolve_table
from aurora_mysql.sql.query.statement import SelectPlan
from aurora_mysql.sql.result import Ok, Result, ResultColumn, ResultSet, Value


def plan_insert(ast: exp.Expression, pc: PlanContext) -> Plan:
    """Plan INSERT or REPLACE (``ast.meta["replace"]``), with ``ast.meta["ignore"]``.

    Raises:
        MySQLError: 1146, 1054, 1110, 1136, 1235 and what expressions raise.
    """
    target, names = ast.this, None
    if isinstance(target, exp.Schema):
        names = [node.name for node in target.expressions]
        target = target.this
    if not isinstance(target, exp.Table):
        raise unsupported("this INSERT target")
    table = resolve_table(target, pc)
    pc.need("INSERT", table.database, table.name)
    if ast.meta.get("replace"):
        pc.need("DELETE", table.database, table.name)
    columns = _columns(table, names)
    pc.need_columns("INSERT", table.database, table.name, (c.name for c in columns))
    source = ast.args.get("expression")
    plan = InsertPlan(table, columns, pc, replace=bool(ast.meta.get("replace")), ignore=bool(ast.meta.get("ignore")))
    conflict = ast.args.get("conflict")
    if conflict is not None:
        pc.need("UPDATE", table.database, table.name)
        pc.need_columns("UPDATE", table.database, table.name, (i.this.name for i in conflict.expressions))
        proposed = ProposedRow(
            table, target.alias_or_name, columns, ast.meta.get("row_alias"), ast.meta.get("row_columns")
        )
        assignments = [(item.this, proposed.renamed(item.expression)) for item in conflict.expressions]
        note_table_reads(pc, table, target.alias_or_name, [value for _, value in assignments])
        if isinstance(source, exp.Select):
            source = proposed.select_more(source, [value for _, value in assignments])
    if isinstance(source, exp.Values):
        rows = [row.expressions if isinstance(row, exp.Tuple) else [row] for row in source.expressions]
        if rows == [[]] and not names:
            plan.targets = []
        for number, row in enumerate(rows, start=1):
            if len(row) != len(plan.targets):
                raise mysql_error(1136, number)
        plan.params_per_row = ast.meta.get("params_per_row", 0)
        plan.rows = [[_source(node, table, pc) for node in row] for row in rows]
        if plan.writer.generated:
            plan.pass_over_generated()
    elif isinstance(source, exp.Query):
        query: Any = source
        plan.query = plan_select(query, pc, for_write=True)
        if conflict is not None:
            proposed.describe_more(plan.query.columns or [])
            plan.more = proposed.more
        if plan.query.columns is not None and len(plan.query.columns) != len(columns) + plan.more:
            raise mysql_error(1136, 1)
        for column in columns:
            plan.writer.refuse_generated(column)
        if isinstance(plan.query, SelectPlan):
            plan.query.latest = True
    else:
        raise mysql_error(1064, "", 1)
    if conflict is not None:
        plan.update = [_assignment(name, value, table, proposed.both(), pc) for name, value in assignments]
    elif len(plan.rows) == 1 and not plan.replace and not plan.ignore and OneRowInsert.fits(plan.writer, plan.targets):
        sources = [source.constant if isinstance(source, RowExpression) else source for source in plan.rows[0]]
        if len(sources) == len(plan.targets):
            plan.one_row = OneRowInsert.of(plan.writer, plan.targets, sources, plan.params_per_row)
    return plan


def _columns(table: Table, names: list[str] | None) -> list[Column]:
    if names is None or not names:
        return list(table.visible_columns)
    found: list[Column] = []
    for name in names:
        column = table.column(name)
        if column is None or column.name == HIDDEN_KEY:
            raise mysql_error(1054, name, "field list")
        if column in found:
            raise mysql_error(1110, name)
        found.append(column)
    return found


def _source(node: exp.Expression, table: Table, pc: PlanContext) -> Any:
    if isinstance(node, exp.Literal) and node.meta.get("param") is not None:
        return int(node.meta["param"])
    return None if is_default(node) else RowExpression(node, table, pc)


def is_default(node: exp.Expression) -> bool:
    """DEFAULT as a value of its own."""
    return isinstance(node, exp.Var | exp.Column) and node.name.upper() == "DEFAULT" and not node.args.get("table")


def _assignment(
    name: exp.Expression, value: exp.Expression, table: Table, both: Table, pc: PlanContext
) -> tuple[int, RowExpression | None]:
    """(position, value) of one ``column = value`` of ON DUPLICATE KEY UPDATE; None for DEFAULT."""
    column = table.column(name.name)
    if column is None or column.name == HIDDEN_KEY:
        raise mysql_error(1054, name.name, "field list")
    expression = None if is_default(value) else RowExpression(value, both, pc)
    return table.position[column.name.lower()], expression


#: Bytes of a query's result that are checked and inserted together.
_PART_BYTES = 64 << 20
#: The same where they can only be taken together; an Arrow array of texts holds twice as much.
_LARGEST_PART_BYTES = 1 << 30

#: Columns in which a number and its text are stored alike.
_NUMBERS = INTEGER_TYPES | {"decimal", "float", "double"}


@runtime_checkable
class GivesColumns(Protocol):
    """A query that can give its rows as columns."""

    async def run_columns(
        self, ctx: SessionContext, tx: Transaction, params: Sequence[Value]
    ) -> Result | ColumnRows: ...


class InsertPlan:
    """See :class:`aurora_mysql.sql.plan.Plan`."""

    writes = True
    is_ddl = False
    needs_transaction = True
    cacheable = True

    def __init__(self, table: Table, columns: list[Column], pc: PlanContext, *, replace: bool, ignore: bool) -> None:
        self.table, self.pc = table, pc
        self.writer = TableWriter(table, pc)
        self.columns: list[ResultColumn] | None = None
        self.targets = columns
        self.replace, self.ignore = replace, ignore
        self.rows: list[list[Any]] = []
        self.params_per_row = 0
        self.query: Plan | None = None
        self.update: list[tuple[int, RowExpression | None]] | None = None
        self.more = 0
        #: Takes rows that are columns, in the transaction's place.
        self.put_columns: PutColumns | None = None
        self.one_row: OneRowInsert | None = None
        #: Generated columns that are given values, one entry for each row.
        self.given_generated: list[list[Column]] = []

    def pass_over_generated(self) -> None:
        """Values for generated columns have no effect where they are not refused: MariaDB's dumps are full of them."""
        generated = [(p, c) for p, c in enumerate(self.targets) if c.generated is not None]
        for sources in self.rows:
            self.given_generated.append([c for p, c in generated if sources[p] is not None])
            for position, _ in generated:
                sources[position] = None

    @property
    def at_once(self) -> Write | None:
        """See :class:`aurora_mysql.sql.plan.WritePlan`."""
        return None if self.one_row is None else self.one_row.at_once

    async def run(self, ctx: SessionContext, tx: Transaction | None, params: Sequence[Value]) -> Result:
        assert tx is not None
        if self.one_row is not None:
            done = self.one_row.inside(ctx, tx, params)
            if done is not None:
                return done
        if any(self.given_generated) and is_strict(ctx):
            self.writer.refuse_generated(next(c for columns in self.given_generated for c in columns))
        await tx.use_table(self.table)
        ctx.id_from_function = 0
        several = self.query is not None or len(self.rows) > 1 or len(params) > self.params_per_row > 0
        rules = InsertRules(self.targets, self.replace, self.ignore, self.update)
        run = RowInserter(self.pc, self.writer, rules, ctx, tx, params, several=several)
        if self.put_columns is not None:
            run.put_columns = self.put_columns
        if self.query is not None:
            await self._selected(run, params)
        else:
            await self._given(run, params)
        return self._done(run, ctx, several=several)

    async def run_columns(
        self, ctx: SessionContext, tx: Transaction, texts: Sequence[Any], numbers: Sequence[bool]
    ) -> Ok | None:
        """Insert many rows of literals that are given as columns of texts, as the statement with these rows would.

        `numbers` tells which columns have literals that are no strings. None, and nothing is inserted, when that can't
        be done so: the statement has then to be run.
        """
        if self.query is not None or self.update is not None or self.more or len(texts) != len(self.targets):
            return None
        if any(self.given_generated):
            return None
        if any(given and c.type.name not in _NUMBERS for given, c in zip(numbers, self.targets, strict=True)):
            return None
        await tx.use_table(self.table)
        ctx.id_from_function = 0
        rules = InsertRules(self.targets, self.replace, self.ignore)
        run = RowInserter(self.pc, self.writer, rules, ctx, tx, (), several=True)
        run.rows_to_come = len(texts[0])
        if not await run.columns(texts):
            return None
        return self._done(run, ctx, several=True)

    @staticmethod
    def _done(run: RowInserter, ctx: SessionContext, *, several: bool) -> Ok:
        if run.first_id:
            ctx.last_insert_id = run.first_id
        info = f"Records: {run.number}  Duplicates: {run.duplicates}  Warnings: {len(ctx.warnings)}"
        insert_id = run.first_id or ctx.id_from_function or run.last_id
        return Ok(run.affected, insert_id, info if several else "")

    async def _selected(self, run: RowInserter, params: Sequence[Value]) -> None:
        """Rows of the query, all of which are read before the first is written."""
        assert self.query is not None
        query = self.query
        if isinstance(query, GivesColumns) and run.takes_columns and not self.more:
            result: Any = await query.run_columns(run.ctx, run.tx, params)
        else:
            result = await query.run(run.ctx, run.tx, params)
        if isinstance(result, ColumnRows):
            await self._columns_selected(run, result)
            return
        assert isinstance(result, ResultSet)
        if isinstance(result.rows, Sequence):
            rows = result.rows
        else:
            rows = [row async for batch in result.rows for row in batch]
        if self.more:
            width = len(self.targets)
            for row in rows:
                await run.row(row[:width], row[width:])
            return
        for start in range(0, len(rows), BATCH_ROWS):
            await run.rows(rows[start : start + BATCH_ROWS])

    async def _columns_selected(self, run: RowInserter, selected: ColumnRows) -> None:
        """Rows of the query as columns: as such as long as nothing needs a judgement, then row by row."""
        size_bytes = max(1, selected.table.nbytes)
        part_bytes = _PART_BYTES if self.put_columns is None else _LARGEST_PART_BYTES
        step = max(BATCH_ROWS, len(selected) * part_bytes // size_bytes)
        for start in range(0, len(selected), step):
            part = selected[start : start + step]
            assert isinstance(part, ColumnRows)
            if await run.columns([part.column(position) for position in range(part.table.num_columns)]):
                continue
            for row in range(start, len(selected), step):
                rest = selected[row : row + step]
                assert isinstance(rest, ColumnRows)
                rows = await run.tx.rows_of(rest)
                for first in range(0, len(rows), BATCH_ROWS):
                    await run.rows(rows[first : first + BATCH_ROWS])
            return

    async def _given(self, run: RowInserter, params: Sequence[Value]) -> None:
        step = self.params_per_row
        # Shapes don't tell how many rows there are: the literals do.
        count = len(params) // step if step else 1
        run.rows_to_come = len(self.rows) * count
        if step and len(self.rows) == 1 and all(type(source) is int for source in self.rows[0]):
            sources = self.rows[0]
            shifts = range(0, count * step, step)
            await run.rows([[params[source + shift] for source in sources] for shift in shifts])
            return
        for number in range(count):
            shift = number * step
            own = params[shift : shift + step] if step else params
            for position, sources in enumerate(self.rows):
                for column in self.given_generated[position] if self.given_generated else ():
                    run.ctx.warn("Warning", 3105, generated_error(column, self.table).message)
                values: list[Any] = []
                for source in sources:
                    if type(source) is int:
                        values.append(params[source + shift])
                    elif source is None:
                        values.append(DEFAULT)
                    else:
                        values.append(await self._evaluated(run, source, own, values))
                await run.row(values)

    @staticmethod
    async def _evaluated(
        run: RowInserter, source: RowExpression, params: Sequence[Value], before: Sequence[Value]
    ) -> Value:
        """An expression among the values; it sees the columns to its left."""
        row: list[Value] = [None] * len(run.writer.columns)
        for position, value in zip(run.positions, before, strict=False):
            row[position] = None if value is DEFAULT else value
        return await source.value(tuple(row), params, run.ctx, run.tx)
