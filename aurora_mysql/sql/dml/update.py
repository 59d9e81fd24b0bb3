"""UPDATE, of one table or of a join."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from sqlglot import exp

from aurora_mysql.catalog.model import HIDDEN_KEY, Table
from aurora_mysql.engine.transaction import Transaction
from aurora_mysql.errors import MySQLError, mysql_error, unsupported
from aurora_mysql.redo.record import Row
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.dml import foreign_keys
from aurora_mysql.sql.dml.locked_rows import locked_rows
from aurora_mysql.sql.dml.one_row import KeySources, OneRowUpdate, changes_no_others
from aurora_mysql.sql.dml.reads import spare_targets
from aurora_mysql.sql.dml.row_changes import replace_row
from aurora_mysql.sql.dml.row_value import remember_id, without_memory
from aurora_mysql.sql.dml.some_rows import SomeRowsUpdate
from aurora_mysql.sql.dml.table_writer import TableWriter, ignorable, is_strict
from aurora_mysql.sql.plan import Plan, PlanContext, Write
from aurora_mysql.sql.query import RowsSql, compile_row_expression, resolve_table, translate_rows_query
from aurora_mysql.sql.query.key_access import Access
from aurora_mysql.sql.query.lock_ranges import SearchedRanges
from aurora_mysql.sql.query.memory_select import written_rows_access
from aurora_mysql.sql.query.point import key_sources
from aurora_mysql.sql.query.row_expression import RowFunction
from aurora_mysql.sql.result import Ok, Result, ResultColumn, Value
from aurora_mysql.sql.routines.triggers import refuse_busy


@dataclass(slots=True)
class _Assignment:
    """`fast` computes over the row as changed so far; else the value is item `extra` of the query's row; `default`
    is DEFAULT; `remembers`: LAST_INSERT_ID(value)."""

    position: int
    fast: RowFunction | None = None
    extra: int = -1
    default: bool = False
    remembers: bool = False


@dataclass(slots=True)
class _Target:
    writer: TableWriter
    alias: str
    start: int
    assignments: list[_Assignment] = field(default_factory=list)
    assigned: set[int] = field(default_factory=set)


class UpdatePlan:
    """See :class:`aurora_mysql.sql.plan.Plan`. `keys`: the row is named by its full key, DuckDB is not asked."""

    writes = True
    is_ddl = False
    needs_transaction = True

    def __init__(self, pc: PlanContext, targets: list[_Target], *, ignore: bool) -> None:
        self.pc, self.targets, self.ignore = pc, targets, ignore
        self.columns: list[ResultColumn] | None = None
        self.keys: list[int | tuple[Value]] | None = None
        self.query: RowsSql | None = None
        #: The rows of `query` from memory.
        self.access: Access | None = None
        self.cacheable = True
        #: Items of the query's row that must be true of a changed row, by the view whose CHECK OPTION says so.
        self.view_checks: list[tuple[str, int]] = []
        #: Rows that are found in memory are changed without a look at others, unless somebody must be waited for.
        self.one_row: OneRowUpdate | None = None

    @property
    def at_once(self) -> Write | None:
        """See :class:`aurora_mysql.sql.plan.WritePlan`."""
        return None if self.one_row is None else self.one_row.at_once

    async def run(self, ctx: SessionContext, tx: Transaction | None, params: Sequence[Value]) -> Result:
        assert tx is not None
        if self.one_row is not None:
            done_at_once = self.one_row.inside(ctx, tx, params)
            if done_at_once is not None:
                return done_at_once
        for target in self.targets:
            refuse_busy(target.writer.table, ctx)
        rows: list[Row]
        if self.keys is not None:
            key = tuple([params[k] if isinstance(k, int) else k[0] for k in self.keys])
            found = await tx.get_for_update(self.targets[0].writer.table, key)
            if found is None:
                tx.unlock_absent(self.targets[0].writer.table, key)
            rows = [] if found is None else [found]
        else:
            assert self.query is not None
            rows = await locked_rows(self.query, self.pc.services, ctx, tx, params, self.access)
        ctx.id_from_function = 0
        matched = changed = 0
        for target in self.targets:
            done: set[Row] = set()
            table = target.writer.table
            cascades = foreign_keys.has_children(self.pc, ctx, table) or bool(target.writer.triggers)
            for number, row in enumerate(rows, start=1):
                old = tuple(row[target.start : target.start + len(table.columns)])
                key = tuple(old[p] for p in table.key_positions)
                if None in key or key in done:
                    continue
                done.add(key)
                matched += 1
                if cascades:
                    old = await tx.get_for_update(table, key) or old
                mark = tx.statement_mark()
                try:
                    new = await self._changed(target, old, row, number, ctx, tx, params)
                    for view, at in self.view_checks if new != old else ():
                        if not row[at]:
                            raise mysql_error(1369, view)
                    if new != old or target.writer.triggers:
                        changed += await replace_row(self.pc, target.writer, ctx, tx, old, new)
                except MySQLError as error:
                    if not self.ignore or not ignorable(error):
                        raise
                    tx.rollback_to_mark(mark)
                    ctx.warn("Warning", error.errno, error.message)
        return _told(ctx, matched, changed)

    async def _changed(
        self,
        target: _Target,
        old: Row,
        row: Row,
        number: int,
        ctx: SessionContext,
        tx: Transaction,
        params: Sequence[Value],
    ) -> Row:
        writer = target.writer
        converters = writer.converters(ctx, lenient=self.ignore)
        new = list(old)
        for assignment in target.assignments:
            position = assignment.position
            column = writer.columns[position]
            if assignment.default:
                value = await writer.default(column, old, ctx, tx, self.ignore)
            elif assignment.fast is not None:
                value = assignment.fast(tuple(new), params, ctx)
            else:
                value = row[assignment.extra]
            if assignment.remembers:
                remember_id(ctx, value)
            if value is None:
                new[position] = writer.null(column, ctx, lenient=self.ignore or not is_strict(ctx))
            else:
                new[position] = converters[position](value, number, ctx.warn)
        return writer.stamped(old, tuple(new), target.assigned, ctx)


def _told(ctx: SessionContext, matched: int, changed: int) -> Ok:
    info = f"Rows matched: {matched}  Changed: {changed}  Warnings: {len(ctx.warnings)}"
    return Ok(matched if ctx.found_rows_flag else changed, ctx.id_from_function, info)


def _short_way(
    target: _Target, found: KeySources | Access, pc: PlanContext, searched: SearchedRanges | None = None
) -> OneRowUpdate | None:
    """Of an update by full key, or of the rows of an access, if it concerns nothing but these rows."""
    assignments: list[tuple[int, RowFunction, bool]] = []
    for assignment in target.assignments:
        if assignment.fast is None or assignment.default:
            return None
        assignments.append((assignment.position, assignment.fast, assignment.remembers))
    if not changes_no_others(target.writer, pc.engine, target.assigned):
        return None
    if isinstance(found, Access):
        return SomeRowsUpdate(target.writer, found, searched, assignments)
    return OneRowUpdate(target.writer, found, assignments)


def plan_update(ast: exp.Expression, pc: PlanContext) -> Plan:
    """Plan an UPDATE.

    Raises:
        MySQLError: 1054, 1146, 1288 and what expressions raise; 1235.
    """
    source = ast.this
    with_ = ast.args.get("with_")
    if not isinstance(source, exp.Table):
        raise unsupported("UPDATE of this target")
    joins = source.args.get("joins") or []
    nodes = [source, *(join.this for join in joins)]
    tables: dict[str, Table] = {}
    for node in nodes:
        if isinstance(node, exp.Table):
            tables[node.alias_or_name] = resolve_table(_bare(node), pc)
    single = not joins and isinstance(source, exp.Table)
    targets: dict[str, _Target] = {}
    extras: list[exp.Expression] = []
    earlier: dict[tuple[str, str], exp.Expression] = {}
    for item in ast.expressions:
        alias, table = _owner(item.this, tables)
        column = table.column(item.this.name)
        if column is None or column.name == HIDDEN_KEY:
            raise mysql_error(1054, item.this.sql(dialect="mysql").replace("`", ""), "field list")
        target = targets.setdefault(alias, _Target(TableWriter(table, pc), alias, 0))
        assignment = _Assignment(table.position[column.name.lower()])
        value, assignment.remembers = without_memory(item.expression)
        if isinstance(value, exp.Var | exp.Column) and value.name.upper() == "DEFAULT":
            assignment.default = True
        else:
            target.writer.refuse_generated(column)
            if single:
                assignment.fast = compile_row_expression(_unqualified(value, source.alias_or_name), table, pc)
            if assignment.fast is None:
                # The query sees the row as it was: what an earlier assignment changed is put in its place.
                value = value.copy().transform(partial(_seen, alias=alias, earlier=earlier))
                assignment.extra = len(extras)
                extras.append(value)
        earlier[alias.lower(), column.name.lower()] = item.expression
        target.assignments.append(assignment)
        target.assigned.add(assignment.position)
    for target in targets.values():
        table = target.writer.table
        pc.need("UPDATE", table.database, table.name)
        pc.need_columns("UPDATE", table.database, table.name, (table.columns[p].name for p in target.assigned))
    plan = UpdatePlan(pc, list(targets.values()), ignore=bool(ast.meta.get("ignore")))
    for view, condition in ast.meta.get("view_checks", ()):
        plan.view_checks.append((view, len(extras)))
        extras.append(condition.copy().transform(partial(_becoming, earlier=earlier)))
    where, order, limit = ast.args.get("where"), ast.args.get("order"), ast.args.get("limit")
    if single and not extras and where is not None and order is None and limit is None:
        table = next(iter(tables.values()))
        if table.key_index is not None:
            plan.keys = key_sources(where.this, table, source.alias_or_name)
            if plan.keys is not None and not plan.ignore:
                plan.one_row = _short_way(next(iter(targets.values())), plan.keys, pc)
    if plan.keys is None:
        names, needed = list(targets), set(pc.privileges)
        query = translate_rows_query(
            _without_joins(source), where, order, limit, extras, pc, joins=joins, targets=names, with_=with_
        )
        spare_targets(pc, (target.writer.table for target in targets.values()), needed)
        plan.query, plan.cacheable = query, query.cacheable
        if single and not extras and where is not None and order is None and limit is None:
            plan.access = written_rows_access(where.this, source, next(iter(tables.values())), pc)
            if plan.access is not None and not plan.ignore:
                plan.one_row = _short_way(next(iter(targets.values())), plan.access, pc, query.searched)
        for found in query.targets:
            targets[_same(found.alias, targets)].start = found.start
        for target in targets.values():
            for assignment in target.assignments:
                if assignment.extra >= 0:
                    assignment.extra += query.extra_start
        plan.view_checks = [(view, at + query.extra_start) for view, at in plan.view_checks]
    return plan


def _bare(node: exp.Table) -> exp.Table:
    return exp.Table(this=node.this.copy(), db=node.args["db"].copy() if node.args.get("db") else None)


def _without_joins(node: exp.Table) -> exp.Table:
    copy = node.copy()
    copy.set("joins", None)
    return copy


def _same(alias: str, targets: dict[str, _Target]) -> str:
    return next(name for name in targets if name.lower() == alias.lower())


def _owner(column: exp.Expression, tables: dict[str, Table]) -> tuple[str, Table]:
    """Which table an assigned column belongs to. Raises 1054, 1052."""
    if column.text("table"):
        for alias, table in tables.items():
            if alias.lower() == column.text("table").lower():
                return alias, table
        raise mysql_error(1054, f"{column.text('table')}.{column.name}", "field list")
    found = [(alias, table) for alias, table in tables.items() if table.column(column.name) is not None]
    if not found:
        raise mysql_error(1054, column.name, "field list")
    if len(found) > 1:
        raise mysql_error(1052, column.name, "field list")
    return found[0]


def _unqualified(node: exp.Expression, alias: str) -> exp.Expression:
    def strip(inner: exp.Expression) -> exp.Expression:
        if isinstance(inner, exp.Column) and inner.table.lower() == alias.lower():
            inner.set("table", None)
        return inner

    return node.copy().transform(strip)


def _becoming(node: exp.Expression, earlier: dict[tuple[str, str], exp.Expression]) -> exp.Expression:
    """A column of a joined row, or what it is assigned."""
    if isinstance(node, exp.Column):
        value = earlier.get((node.table.lower(), node.name.lower()))
        if value is not None:
            return exp.Paren(this=value.copy())
    return node


def _seen(node: exp.Expression, alias: str, earlier: dict[tuple[str, str], exp.Expression]) -> exp.Expression:
    if isinstance(node, exp.Column) and (not node.table or node.table.lower() == alias.lower()):
        value = earlier.get((alias.lower(), node.name.lower()))
        if value is not None:
            return exp.Paren(this=value.copy())
    return node
