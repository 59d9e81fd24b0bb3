"""DELETE, from one table or through a join."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from aurora_mysql.catalog.model import Table
from aurora_mysql.engine.transaction import Transaction
from aurora_mysql.errors import MySQLError, unsupported
from aurora_mysql.redo.record import Row
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.dml import foreign_keys
from aurora_mysql.sql.dml.locked_rows import locked_rows
from aurora_mysql.sql.dml.one_row import OneRowDelete
from aurora_mysql.sql.dml.reads import spare_targets
from aurora_mysql.sql.dml.row_changes import delete_row
from aurora_mysql.sql.dml.some_rows import SomeRowsDelete
from aurora_mysql.sql.dml.table_writer import ignorable
from aurora_mysql.sql.plan import Plan, PlanContext, Write
from aurora_mysql.sql.query import RowsSql, resolve_table, translate_rows_query
from aurora_mysql.sql.query.key_access import Access
from aurora_mysql.sql.query.memory_select import written_rows_access
from aurora_mysql.sql.query.point import key_sources
from aurora_mysql.sql.result import Ok, Result, ResultColumn, Value
from aurora_mysql.sql.routines.triggers import TableTriggers, refuse_busy


class DeletePlan:
    """See :class:`aurora_mysql.sql.plan.Plan`. `targets`: (table, where its row starts in the query's row)."""

    writes = True
    is_ddl = False
    needs_transaction = True

    def __init__(self, pc: PlanContext, *, ignore: bool) -> None:
        self.pc, self.ignore = pc, ignore
        self.targets: list[tuple[Table, int]] = []
        self.columns: list[ResultColumn] | None = None
        self.keys: list[int | tuple[Value]] | None = None
        self.query: RowsSql | None = None
        #: The rows of `query` from memory.
        self.access: Access | None = None
        self.cacheable = True
        #: Rows that are found in memory are deleted without a look at others, unless somebody must be waited for.
        self.one_row: OneRowDelete | None = None

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
        for table, _ in self.targets:
            refuse_busy(table, ctx)
        rows: list[Row]
        if self.keys is not None:
            key = tuple([params[k] if isinstance(k, int) else k[0] for k in self.keys])
            found = await tx.get_for_update(self.targets[0][0], key)
            if found is None:
                tx.unlock_absent(self.targets[0][0], key)
            rows = [] if found is None else [found]
        else:
            assert self.query is not None
            rows = await locked_rows(self.query, self.pc.services, ctx, tx, params, self.access)
        affected = 0
        for table, start in self.targets:
            done: set[tuple[Value, ...]] = set()
            triggers = TableTriggers(table, self.pc)
            cascades = foreign_keys.has_children(self.pc, ctx, table) or len(self.targets) > 1 or bool(triggers)
            for row in rows:
                old = tuple(row[start : start + len(table.columns)])
                key = tuple(old[p] for p in table.key_positions)
                if None in key or key in done:
                    continue
                done.add(key)
                if cascades:
                    # An earlier row may have taken this one along, or changed it.
                    current = await tx.get_for_update(table, key)
                    if current is None:
                        continue
                    old = current
                mark = tx.statement_mark()
                try:
                    await delete_row(self.pc, table, triggers, ctx, tx, old)
                except MySQLError as error:
                    if not self.ignore or not ignorable(error):
                        raise
                    tx.rollback_to_mark(mark)
                    ctx.warn("Warning", error.errno, error.message)
                    continue
                affected += 1
        return Ok(affected)


def plan_delete(ast: exp.Expression, pc: PlanContext) -> Plan:
    """Plan a DELETE; ``DELETE t1, t2 FROM ...`` and ``DELETE FROM t1, t2 USING ...`` as well.

    Raises:
        MySQLError: 1146, 1109, 1288 and what expressions raise; 1235.
    """
    with_ = ast.args.get("with_")
    source = ast.this
    names: list[str] | None = None
    using = ast.args.get("using")
    if ast.args.get("tables"):
        names = [node.name for node in ast.args["tables"]]
    elif using:
        names = [source.name, *(join.this.name for join in source.args.get("joins") or [])]
        source = using[0]
    if not isinstance(source, exp.Table):
        raise unsupported("DELETE from this source")
    joins = source.args.get("joins") or []
    where, order, limit = ast.args.get("where"), ast.args.get("order"), ast.args.get("limit")
    plan = DeletePlan(pc, ignore=bool(ast.meta.get("ignore")))
    reaches_others: object = True
    if names is None and not joins:
        bare = exp.Table(this=source.this.copy(), db=source.args["db"].copy() if source.args.get("db") else None)
        table = resolve_table(bare, pc)
        pc.need("DELETE", table.database, table.name)
        plan.targets = [(table, 0)]
        if where is not None and order is None and limit is None and table.key_index is not None:
            plan.keys = key_sources(where.this, table, source.alias_or_name)
            name = (table.database, table.name)
            reaches_others = table.temporary or TableTriggers(table, pc) or name in pc.engine.catalog.referencing
            if plan.keys is not None and not plan.ignore and not reaches_others:
                plan.one_row = OneRowDelete(pc.engine, table, plan.keys)
            if plan.keys is None:
                plan.access = written_rows_access(where.this, source, table, pc)
        names = [source.alias_or_name]
    if plan.keys is None:
        inner = source.copy()
        inner.set("joins", None)
        needed = set(pc.privileges)
        query = translate_rows_query(inner, where, order, limit, [], pc, joins=joins, targets=names, with_=with_)
        if not ast.args.get("tables") and not using and not joins:
            spare_targets(pc, (target.table for target in query.targets), needed)
        plan.query, plan.cacheable = query, query.cacheable
        plan.targets = [(target.table, target.start) for target in query.targets]
        if plan.access is not None and not plan.ignore and not reaches_others:
            plan.one_row = SomeRowsDelete(pc.engine, plan.targets[0][0], plan.access, query.searched)
        for target in query.targets:
            pc.need("DELETE", target.table.database, target.table.name)
    return plan
