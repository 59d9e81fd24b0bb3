"""SELECT is needed for the columns that a write reads: in its condition, its order, what it assigns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sqlglot import exp

from aurora_mysql.catalog.model import Table, View
from aurora_mysql.sql.plan import PlanContext, Privilege
from aurora_mysql.sql.query.from_clause import lookup


def note_reads(tree: exp.Expression, pc: PlanContext) -> None:
    """Record for which columns of its tables and views the UPDATE or DELETE `tree` needs SELECT. What subqueries read
    is recorded where they are translated.

    Raises:
        MySQLError: 1046, 1049, 1146.
    """
    source = tree.this
    using = tree.args.get("using")
    if using and not tree.args.get("tables"):
        source = using[0]
    if not isinstance(source, exp.Table):
        return
    joins = source.args.get("joins") or []
    tables = {
        node.alias_or_name.lower(): lookup(node.name, node.db, pc.database, pc)
        for node in (source, *(join.this for join in joins))
        if isinstance(node, exp.Table)
    }
    values = [item.expression for item in tree.expressions] if isinstance(tree, exp.Update) else []
    read = [*values, *(tree.args.get(part) for part in ("where", "order")), *(join.args.get("on") for join in joins)]
    for column in _columns(read):
        for alias, table in tables.items():
            if not isinstance(table, Table | View) or column.table.lower() not in ("", alias):
                continue
            if column.name.lower() in _names(table):
                pc.need_columns("SELECT", table.database, table.name, (column.name,))
                break


def note_table_reads(pc: PlanContext, table: Table, alias: str, values: Iterable[exp.Expression]) -> None:
    """Record for which columns of `table` SELECT is needed by what ON DUPLICATE KEY UPDATE assigns."""
    for column in _columns(values):
        if column.table.lower() in ("", alias.lower()) and column.name.lower() in _names(table):
            pc.need_columns("SELECT", table.database, table.name, (column.name,))


def _names(table: Table | View) -> set[str]:
    if isinstance(table, View):
        return {name.lower() for name in table.columns}
    return {column.name.lower() for column in table.user_columns}


def _columns(nodes: Iterable[exp.Expression | None]) -> Iterator[exp.Column]:
    for node in nodes:
        for column in node.find_all(exp.Column) if node is not None else ():
            if column.find_ancestor(exp.Query) is None:
                yield column


def spare_targets(pc: PlanContext, targets: Iterable[Table], needed_before: set[Privilege]) -> None:
    """Of the tables that a statement writes it needs no SELECT but for the columns it reads; what was needed of them
    since `needed_before` was recorded by reading their rows."""
    for table in targets:
        need = ("SELECT", table.database, table.name)
        if need not in needed_before:
            pc.privileges.discard(need)
