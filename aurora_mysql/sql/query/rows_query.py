"""The rows that a DML statement or a locking read is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlglot import exp

from aurora_mysql.catalog.model import Table
from aurora_mysql.errors import mysql_error
from aurora_mysql.redo.record import Row
from aurora_mysql.sql.plan import PlanContext
from aurora_mysql.sql.query.common_tables import with_clause
from aurora_mysql.sql.query.from_clause import FromClause
from aurora_mysql.sql.query.lock_ranges import SearchedRanges, searched_ranges
from aurora_mysql.sql.query.output import OutputColumn, Query, item_of
from aurora_mysql.sql.query.scope import Relation, Scope
from aurora_mysql.sql.query.select import SelectSql, finished, new_translator


@dataclass(slots=True)
class Target:
    """A base table in the row: its columns are items `start` .. `start + len(table.columns) - 1`."""

    table: Table
    alias: str
    start: int


@dataclass(slots=True)
class RowsSql(SelectSql):
    """`targets` come first in each row, extra items follow from `extra_start`. `searched`: what of its one table the
    condition looks through (None for joins and other sources). `ordered`: the rows come in an order that was asked for.
    """

    targets: list[Target] = field(default_factory=list)
    extra_start: int = 0
    searched: SearchedRanges | None = None
    ordered: bool = False
    keys_only: bool = False

    def in_key_order(self, rows: Sequence[Row]) -> Sequence[Row]:
        """`rows` in the order in which InnoDB would come to them and lock them: by key, if no other was asked for."""
        if self.ordered or len(rows) < 2 or not self.targets:
            return rows
        start, table = self.targets[0].start, self.targets[0].table
        key = range(len(table.key_positions)) if self.keys_only else table.key_positions
        try:
            return sorted(rows, key=lambda row: [row[start + p] for p in key])
        except TypeError:
            return rows  # NULLs of an outer join


def translate_rows_query(
    source: exp.Expression,
    where: exp.Expression | None,
    order: exp.Expression | None,
    limit: exp.Expression | None,
    extra_items: Sequence[exp.Expression],
    pc: PlanContext,
    *,
    joins: Sequence[exp.Join] = (),
    targets: Sequence[str] | None = None,
    with_: exp.Expression | None = None,
    keys_only: bool = False,
) -> RowsSql:
    """Each row of `source` (an exp.Table with its own joins, or exp.From) and `joins` that matches: all columns of the
    target tables as storage values (catalog order; TIMESTAMP in UTC), then `extra_items` as values for clients (a
    TIMESTAMP is session-local time there).

    `targets` are table names or aliases, None for every base table of the FROM clause; a target that an outer join left
    without a row has NULL in all columns. `where` is a condition or exp.Where, `order` an exp.Order, `limit` an
    exp.Limit. `keys_only` gives only the key columns of the targets. No privileges beyond SELECT on what is read are
    recorded.

    Raises:
        MySQLError: 1109 for a target that is not in the FROM clause, 1288 for one that is no base table; as SELECT.
    """
    node = exp.Select(where=where if where is None or isinstance(where, exp.Where) else exp.Where(this=where))
    selects = new_translator(node, pc)
    parent, prefix = None, ""
    if with_ is not None:
        selects.b.recursive = bool(with_.args.get("recursive"))
        parent, texts = with_clause(selects, with_, None)
        prefix = f"WITH {'RECURSIVE ' if with_.args.get('recursive') else ''}{', '.join(texts)} "
    scope = Scope(parent=parent, database=pc.database)
    inner = source.this if isinstance(source, exp.From) else source
    from_sql = FromClause(selects, scope).translate(inner, list(joins))
    found = (
        [r for r in scope.relations if r.table is not None]
        if targets is None
        else [_target(scope, name) for name in targets]
    )
    tr = selects.tr
    items: list[str] = []
    columns: list[OutputColumn] = []
    out: list[Target] = []
    for relation in found:
        table = relation.table
        assert table is not None
        out.append(Target(table, relation.alias, len(items)))
        wanted = table.key_positions if keys_only else range(len(table.columns))
        for position in wanted:
            column = relation.columns[position]
            items.append(column.sql)
            columns.append(OutputColumn(column.name, column.t, column=column.column, table=table, alias=relation.alias))
    extra_start = len(items)
    scope.clause = "field list"
    for item in extra_items:
        text, column_ = item_of("", tr.expr(item, scope))
        items.append(text)
        columns.append(column_)
    sql = f"{prefix}SELECT {', '.join(f'{t} AS c{i}' for i, t in enumerate(items, 1))} FROM {from_sql}"
    if where is not None:
        scope.clause = "where clause"
        sql += f" WHERE {tr.condition(where.this if isinstance(where, exp.Where) else where, scope)}"
    if order is not None:
        scope.clause = "order clause"
        terms = selects.order_terms(order, scope, [], False)
        if terms:
            sql += f" ORDER BY {', '.join(terms)}"
    elif limit is not None and (terms := selects.key_order(scope)):
        sql += f" ORDER BY {', '.join(terms)}"
    if limit is not None:
        sql += selects.limit(exp.Select(limit=limit))
    made = finished(selects, Query(sql, columns))
    return RowsSql(
        made.sql,
        made.sources,
        made.tables,
        made.columns,
        made.relations,
        made.cacheable,
        made.sleep_s,
        made.outputs,
        made.calls,
        made.stored,
        made.recursive,
        made.unordered,
        made.narrowed,
        out,
        extra_start,
        # A LIMIT ends the scan early, in an order that is the index's.
        searched_ranges(where, out[0].table, out[0].alias)
        if limit is None and len(scope.relations) == len(out) == 1
        else None,
        order is not None,
        keys_only,
    )


def _target(scope: Scope, name: str) -> Relation:
    for relation in scope.relations:
        if relation.alias.lower() == name.lower():
            if relation.table is None:
                raise mysql_error(1288, name, "UPDATE")
            return relation
    raise mysql_error(1109, name, "MULTI DELETE")
