"""INSERT, UPDATE and DELETE through a view: the statement is rewritten to its base table.

A view can be written when it is a plain SELECT from one table or such a view; `join_view` has those that join. Its
columns stand for expressions over the base table; only bare columns can be assigned. WITH CHECK OPTION becomes a
condition that every written row must meet.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlglot import exp

from aurora_mysql.catalog.model import Catalog, Table, View
from aurora_mysql.errors import mysql_error
from aurora_mysql.sql.dml.insert import InsertPlan
from aurora_mysql.sql.dml.table_writer import TableWriter
from aurora_mysql.sql.dml.update import UpdatePlan
from aurora_mysql.sql.plan import Plan, PlanContext

if TYPE_CHECKING:
    from aurora_mysql.sql.dml.join_view import JoinViewWrite

#: The parts of a SELECT that a view that is written may have.
PLAIN_SELECT = {"kind", "hint", "expressions", "from_", "where", "operation_modifiers"}


@dataclass
class BaseOfView:
    """`columns`: the view's column, lower case -> its expression over `table`; `names` as the view shows them; `where`
    are its conditions, outermost first, with the view they come from."""

    table: Table
    names: list[str]
    columns: dict[str, exp.Expression]
    where: list[tuple[View, exp.Expression | None]] = field(default_factory=list)


def base_of_view(view: View, catalog: Catalog, depth: int = 0) -> BaseOfView | None:
    """What writes to `view` write to, None when it is not updatable."""
    from aurora_mysql.sql.parse import parse_one_mysql

    select = parse_one_mysql(view.definition, [])
    if not isinstance(select, exp.Select) or depth > 32:
        return None
    if any(value for name, value in select.args.items() if name not in PLAIN_SELECT) or select.args.get(
        "operation_modifiers"
    ):
        return None
    source = select.args["from_"].this if select.args.get("from_") is not None else None
    if not isinstance(source, exp.Table) or source.args.get("joins") or select.find(exp.AggFunc, exp.Window):
        return None
    key = (source.db or view.database, source.name)
    inner: BaseOfView | None
    table = catalog.tables.get(key)
    if table is not None:
        names = [c.name for c in table.visible_columns]
        columns: dict[str, exp.Expression] = {
            c.name.lower(): exp.column(c.name, quoted=True) for c in table.user_columns
        }
        inner = BaseOfView(table, names, columns)
    else:
        below = catalog.views.get(key)
        inner = None if below is None else base_of_view(below, catalog, depth + 1)
    if inner is None:
        return None
    found: list[exp.Expression] = []
    for item in select.expressions:
        if isinstance(item, exp.Star) or (isinstance(item, exp.Column) and isinstance(item.this, exp.Star)):
            found += [inner.columns[name.lower()].copy() for name in inner.names]
        else:
            found.append(_inside(item.this if isinstance(item, exp.Alias) else item, inner))
    if len(found) != len(view.columns):
        return None
    columns = {name.lower(): node for name, node in zip(view.columns, found, strict=True)}
    where = select.args.get("where")
    condition = None if where is None else _inside(where.this, inner)
    return BaseOfView(inner.table, list(view.columns), columns, [(view, condition), *inner.where])


def _inside(node: exp.Expression, base: BaseOfView) -> exp.Expression:
    """`node`, which speaks of the columns of `base`, over its table."""

    def replace(found: exp.Expression) -> exp.Expression:
        if isinstance(found, exp.Column):
            column = base.columns.get(found.name.lower())
            if column is not None:
                return column.copy()
        return found

    return node.copy().transform(replace)


def _qualified(node: exp.Expression, alias: str) -> exp.Expression:
    copy = node.copy()
    for column in list(copy.find_all(exp.Column)):
        if not column.table:
            column.set("table", exp.to_identifier(alias, quoted=True))
    return copy


def need_view(
    pc: PlanContext, view: View, bases: Collection[tuple[str, str]], needed_before: set[tuple[str, str, str]]
) -> None:
    """What was needed of the base tables since `needed_before` is needed of `view`; instead, if it is its definer's."""
    for need in pc.privileges - needed_before:
        if need[1:] in bases:
            pc.privileges.add((need[0], view.database, view.name))
            if view.security == "DEFINER":
                pc.privileges.discard(need)
    if view.security == "DEFINER":
        for database, name in bases:
            if ("SELECT", database, name) not in pc.privileges:
                # The statement names the view's columns; those of the table are the definer's business.
                pc.columns.pop(("SELECT", database, name), None)


@dataclass
class ViewWrite:
    """A statement that was rewritten. :meth:`finish` is for its plan."""

    view: View
    base: BaseOfView
    needed_before: set[tuple[str, str, str]]

    def finish(self, plan: Plan, pc: PlanContext) -> Plan:
        """`plan` with the CHECK OPTION, needing privileges on the view instead of the base table."""
        need_view(pc, self.view, {(self.base.table.database, self.base.table.name)}, self.needed_before)
        writers: list[TableWriter] = []
        if isinstance(plan, InsertPlan):
            writers = [plan.writer]
        elif isinstance(plan, UpdatePlan):
            writers = [target.writer for target in plan.targets]
        cascaded = False
        for view, condition in self.base.where:
            if condition is not None and (cascaded or view.check_option != "NONE"):
                for writer in writers:
                    writer.add_view_check(f"{view.database}.{view.name}", condition)
            cascaded = cascaded or view.check_option == "CASCADED"
        return plan


def through_view(tree: exp.Expression, pc: PlanContext) -> ViewWrite | JoinViewWrite | None:
    """Rewrite `tree` when its only target is a view; None when it is not.

    Raises:
        MySQLError: 1288 and 1471 for a view that can't be written, 1348 for a column that is an expression.
    """
    target = tree.this.this if isinstance(tree.this, exp.Schema) else tree.this
    if not isinstance(target, exp.Table) or target.args.get("joins") or tree.args.get("tables"):
        return None
    key = (target.db or pc.database, target.name)
    view = pc.catalog.views.get(key)
    if view is None or key in pc.catalog.tables:
        return None
    base = base_of_view(view, pc.catalog)
    word = tree.key.upper()
    if base is None:
        from aurora_mysql.sql.dml.join_view import join_of_view, rewrite

        joined = join_of_view(view, pc.catalog)
        if joined is not None:
            return rewrite(tree, target, view, joined, pc)
        raise mysql_error(1471 if word == "INSERT" else 1288, target.alias_or_name, word)
    write = ViewWrite(view, base, set(pc.privileges))
    if word == "INSERT":
        _insert(tree, target, base)
    else:
        _change(tree, target, base)
    return write


def table_node(table: Table, alias: str = "") -> exp.Table:
    return exp.Table(
        this=exp.to_identifier(table.name, quoted=True),
        db=exp.to_identifier(table.database, quoted=True),
        alias=exp.TableAlias(this=exp.to_identifier(alias, quoted=True)) if alias else None,
    )


def _assignable(name: str, base: BaseOfView) -> exp.Column:
    column = base.columns.get(name.lower())
    if column is None:
        raise mysql_error(1054, name, "field list")
    if not isinstance(column, exp.Column):
        raise mysql_error(1348, name)
    return column.copy()


def _insert(tree: exp.Expression, target: exp.Table, base: BaseOfView) -> None:
    names = [node.name for node in tree.this.expressions] if isinstance(tree.this, exp.Schema) else []
    columns = [_assignable(name, base).this for name in names or base.names]
    tree.set("this", exp.Schema(this=table_node(base.table), expressions=columns))
    conflict = tree.args.get("conflict")
    for item in conflict.expressions if conflict is not None else ():
        item.set("this", _assignable(item.this.name, base))
        item.set("expression", _inside(item.expression, base))


def _change(tree: exp.Expression, target: exp.Table, base: BaseOfView) -> None:
    alias = target.alias
    names = {target.name.lower(), alias.lower()}
    shown = alias or base.table.name
    for item in tree.expressions if isinstance(tree, exp.Update) else ():
        item.set("this", _qualified(_assignable(item.this.name, base), shown))
    assigned = {id(item.this) for item in tree.expressions} if isinstance(tree, exp.Update) else set()
    for column in list(tree.find_all(exp.Column)):
        if id(column) in assigned or (column.table and column.table.lower() not in names):
            continue
        expression = base.columns.get(column.name.lower())
        nested = column.find_ancestor(exp.Select) is not None
        if expression is not None and (column.table or not nested):
            column.replace(_qualified(expression, shown))
    tree.set("this", table_node(base.table, alias))
    conditions = [exp.Paren(this=_qualified(c, shown)) for _, c in base.where if c is not None]
    where = tree.args.get("where")
    if where is not None:
        conditions.insert(0, exp.Paren(this=where.this))
    if conditions:
        tree.set("where", exp.Where(this=exp.and_(*conditions, copy=False) if len(conditions) > 1 else conditions[0]))


__all__ = ["BaseOfView", "ViewWrite", "base_of_view", "through_view"]
