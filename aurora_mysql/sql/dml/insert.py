"""INSERT, REPLACE, INSERT ... SELECT, ON DUPLICATE KEY UPDATE, IGNORE."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Sequence
from typing import Any

from sqlglot import exp

from aurora_mysql.catalog.model import HIDDEN_KEY, Column, Table
from aurora_mysql.engine.transaction import Transaction
from aurora_mysql.errors import MySQLError, mysql_error, unsupported
from aurora_mysql.redo.record import Row
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.dml import foreign_keys
from aurora_mysql.sql.dml.row_value import RowExpression
from aurora_mysql.sql.dml.table_writer import IGNORABLE, TableWriter
from aurora_mysql.sql.plan import Plan, PlanContext
from aurora_mysql.sql.query import plan_select, resolve_table
from aurora_mysql.sql.result import Ok, Result, ResultColumn, ResultSet, Value

_VALUES_PREFIX = "values$"


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
    source = ast.args.get("expression")
    plan = InsertPlan(table, columns, pc, replace=bool(ast.meta.get("replace")), ignore=bool(ast.meta.get("ignore")))
    conflict = ast.args.get("conflict")
    if conflict is not None:
        pc.need("UPDATE", table.database, table.name)
        plan.update = _on_duplicate(conflict, table, ast.meta.get("row_alias"), pc)
    if isinstance(source, exp.Values):
        rows = [row.expressions if isinstance(row, exp.Tuple) else [row] for row in source.expressions]
        if rows == [[]] and not names:
            plan.targets = []
        for number, row in enumerate(rows, start=1):
            if len(row) != len(plan.targets):
                raise mysql_error(1136, number)
        plan.params_per_row = ast.meta.get("params_per_row", 0)
        plan.rows = [[_source(node, table, pc) for node in row] for row in rows]
        for sources in plan.rows if plan.writer.generated else ():
            for column, given in zip(plan.targets, sources, strict=True):
                if given is not None:
                    plan.writer.refuse_generated(column)
    elif isinstance(source, exp.Query):
        query: Any = source
        plan.query = plan_select(query, pc)
        if plan.query.columns is not None and len(plan.query.columns) != len(columns):
            raise mysql_error(1136, 1)
        for column in columns:
            plan.writer.refuse_generated(column)
    else:
        raise mysql_error(1064, "", 1)
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
    if isinstance(node, exp.Var) and node.name.upper() == "DEFAULT":
        return None
    if isinstance(node, exp.Column) and node.name.upper() == "DEFAULT" and not node.table:
        return None
    return RowExpression(node, table, pc)


def _on_duplicate(
    conflict: exp.Expression, table: Table, alias: str | None, pc: PlanContext
) -> list[tuple[int, RowExpression]]:
    """Assignments over a table of twice the columns: the row that is there, then the one that was to be inserted."""
    both = dataclasses.replace(
        table,
        columns=(
            *(c for c in table.columns if c.name != HIDDEN_KEY),
            *(
                dataclasses.replace(c, name=_VALUES_PREFIX + c.name, auto_increment=False)
                for c in table.columns
                if c.name != HIDDEN_KEY
            ),
        ),
        indexes=(),
    )

    def proposed(node: exp.Expression) -> exp.Expression:
        name = None
        if isinstance(node, exp.Anonymous) and str(node.this).upper() == "VALUES" and len(node.expressions) == 1:
            name = node.expressions[0].name
        elif isinstance(node, exp.Values) and len(node.expressions) == 1:
            inner = node.expressions[0]
            name = (inner.expressions[0] if isinstance(inner, exp.Tuple) else inner).name
        elif alias and isinstance(node, exp.Column) and node.table.lower() == alias.lower():
            name = node.name
        if name is None:
            return node
        if table.column(name) is None:
            raise mysql_error(1054, name, "field list")
        return exp.column(_VALUES_PREFIX + name, quoted=True)

    found = []
    for item in conflict.expressions:
        column = table.column(item.this.name)
        if column is None:
            raise mysql_error(1054, item.this.name, "field list")
        found.append(
            (table.position[column.name.lower()], RowExpression(item.expression.transform(proposed), both, pc))
        )
    return found


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
        self.update: list[tuple[int, RowExpression]] | None = None

    async def run(self, ctx: SessionContext, tx: Transaction | None, params: Sequence[Value]) -> Result:
        assert tx is not None
        await tx.use_table(self.table)
        run = _Run(self, ctx, tx)
        if self.query is not None:
            async for values in self._selected(ctx, tx, params):
                await run.row(values)
        else:
            await self._given(run, params)
        if run.first_id:
            ctx.last_insert_id = run.first_id
        several = self.query is not None or len(self.rows) > 1 or len(params) > self.params_per_row > 0
        return run.result(several=several)

    async def _selected(
        self, ctx: SessionContext, tx: Transaction, params: Sequence[Value]
    ) -> AsyncIterator[Sequence[Value]]:
        assert self.query is not None
        result = await self.query.run(ctx, tx, params)
        assert isinstance(result, ResultSet)
        if isinstance(result.rows, Sequence):
            rows = list(result.rows)
        else:
            rows = [row async for batch in result.rows for row in batch]
        for row in rows:
            yield row

    async def _given(self, run: _Run, params: Sequence[Value]) -> None:
        step = self.params_per_row
        # Shapes don't tell how many rows there are: the literals do.
        for number in range(len(params) // step if step else 1):
            shift = number * step
            for sources in self.rows:
                values: list[Any] = []
                for source in sources:
                    if type(source) is int:
                        values.append(params[source + shift])
                    elif source is None:
                        values.append(_DEFAULT)
                    else:
                        own = params[shift : shift + step] if step else params
                        values.append(await run.evaluate(source, own, values))
                await run.row(values)


_DEFAULT: Any = object()


class _Run:
    """One execution: counts, the first generated id, and duplicates."""

    def __init__(self, plan: InsertPlan, ctx: SessionContext, tx: Transaction) -> None:
        self.plan, self.ctx, self.tx = plan, ctx, tx
        self.writer = plan.writer
        table = plan.table
        self.converters = self.writer.converters(ctx, lenient=plan.ignore)
        self.positions = [table.position[c.name.lower()] for c in plan.targets]
        given = set(self.positions)
        self.missing = [(p, c) for p, c in enumerate(self.writer.columns) if p not in given]
        self.zero_generates = "NO_AUTO_VALUE_ON_ZERO" not in str(ctx.variables.get("sql_mode", ""))
        self.number = self.affected = self.duplicates = 0
        self.first_id = self.last_id = 0

    async def evaluate(self, source: RowExpression, params: Sequence[Value], before: Sequence[Value]) -> Value:
        row = [None] * len(self.writer.columns)
        for position, value in zip(self.positions, before, strict=False):
            row[position] = None if value is _DEFAULT else value
        return await source.value(tuple(row), params, self.ctx, self.tx)

    async def row(self, given: Sequence[Value]) -> None:
        """Insert one row of values for the plan's columns."""
        self.number += 1
        writer, ctx, tx = self.writer, self.ctx, self.tx
        ignore = self.plan.ignore
        values: list[Any] = [None] * len(writer.columns)
        for position, value in zip(self.positions, given, strict=True):
            values[position] = value
        try:
            for position, column in enumerate(writer.columns):
                if values[position] is _DEFAULT:
                    values[position] = await writer.default(column, tuple(values), ctx, tx, ignore)
            for position, column in self.missing:
                values[position] = await writer.default(column, tuple(values), ctx, tx, ignore)
            fresh = self._number(values)
            row = writer.convert(values, self.converters, self.number, ctx, ignore)
            if writer.generated:
                row = await writer.generate(row, ctx, tx, number=self.number, lenient=ignore)
            if writer.auto_position is not None and not fresh:
                explicit = row[writer.auto_position]
                if isinstance(explicit, int) and explicit > 0:
                    writer.engine.bump_auto_increment(self.plan.table, explicit)
                    self.last_id = explicit
            if writer.checks:
                await writer.check(row, ctx, tx)
            await self._put(row, fresh)
        except MySQLError as error:
            if not ignore or error.errno not in IGNORABLE:
                raise
            self.duplicates += 1
            ctx.warn("Warning", error.errno, error.message)

    def _number(self, values: list[Any]) -> bool:
        """AUTO_INCREMENT: whether a value was generated."""
        position = self.writer.auto_position
        if position is None:
            return False
        value = values[position]
        if value is not None and not (self.zero_generates and value in (0, "0")):
            return False
        generated = self.writer.engine.next_auto_increment(self.plan.table)
        values[position] = generated
        return True

    async def _put(self, row: Row, fresh: bool) -> None:
        plan, writer, ctx, tx = self.plan, self.writer, self.ctx, self.tx
        table = plan.table
        auto = table.auto_increment_column
        fresh_key = fresh and auto is not None and table.key_columns == (auto.name,)
        while True:
            found = await writer.conflict(tx, row, fresh_key=fresh_key)
            if found is None:
                break
            index, other = found
            if plan.update is not None:
                await self._update(other, row)
                return
            if not plan.replace:
                raise writer.duplicate(index, row)
            await foreign_keys.parent_changes(plan.pc, ctx, tx, table, other, None)
            tx.delete(table, other)
            self.affected += 1
            self.duplicates += 1
        await foreign_keys.need_parents(plan.pc, ctx, tx, table, row)
        tx.insert(table, row)
        self.affected += 1
        if fresh and writer.auto_position is not None:
            self.first_id = self.first_id or row[writer.auto_position]

    async def _update(self, old: Row, proposed: Row) -> None:
        """ON DUPLICATE KEY UPDATE: assignments see the row as changed so far, and the proposed one."""
        plan, writer, ctx, tx = self.plan, self.writer, self.ctx, self.tx
        width = len(writer.columns)
        new = list(old)
        assert plan.update is not None
        for position, expression in plan.update:
            value = await expression.value((*new[:width], *proposed), (), ctx, tx)
            column = writer.columns[position]
            if value is None and not column.nullable:
                raise mysql_error(1048, column.name)
            new[position] = None if value is None else self.converters[position](value, self.number, ctx.warn)
        changed = writer.stamped(old, tuple(new), {position for position, _ in plan.update}, ctx)
        self.duplicates += 1
        if writer.auto_position is not None:
            self.last_id = changed[writer.auto_position]
        if changed == old:
            self.affected += 1 if ctx.found_rows_flag else 0
            return
        await replace_row(plan.pc, writer, ctx, tx, old, changed)
        self.affected += 2

    def result(self, *, several: bool) -> Ok:
        info = f"Records: {self.number}  Duplicates: {self.duplicates}  Warnings: {len(self.ctx.warnings)}"
        return Ok(self.affected, self.first_id or self.last_id, info if several else "")


async def replace_row(
    pc: PlanContext, writer: TableWriter, ctx: SessionContext, tx: Transaction, old: Row, new: Row
) -> None:
    """Put `new` for `old` (locked): unique values, checks and foreign keys hold. Raises 1062, 3819, 1451, 1452."""
    table = writer.table
    new = await writer.generate(new, ctx, tx)
    for index in writer.unique:
        values = writer.values_of(index, new)
        if values == writer.values_of(index, old):
            continue
        found = await tx.find_unique(table, index, values)
        if found is not None and found != old:
            raise writer.duplicate(index, new)
    if writer.checks:
        await writer.check(new, ctx, tx)
    await foreign_keys.need_parents(pc, ctx, tx, table, new)
    await foreign_keys.parent_changes(pc, ctx, tx, table, old, new)
    tx.update(table, old, new)
