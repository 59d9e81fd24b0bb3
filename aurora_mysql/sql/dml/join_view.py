"""INSERT and UPDATE through a view that joins: the statement is rewritten to the join of its base tables.

Such a view can be written when it is a plain SELECT over base tables and over views of this kind or over one table. A
statement may change one of its tables only. WITH CHECK OPTION makes the conditions, those of the joins included,
something that each changed row must meet together with the rows that it is joined to.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar

from sqlglot import exp

from aurora_mysql.catalog.model import Catalog, Table, View
from aurora_mysql.errors import mysql_error, unsupported
from aurora_mysql.sql.dml.view_target import PLAIN_SELECT, need_view, table_node
from aurora_mysql.sql.plan import Plan, PlanContext

_DEPTH = 32
_Node = TypeVar("_Node", bound=exp.Expression)


@dataclass
class JoinOfView:
    """What a view reads: `joins` of base tables under names of their own (`tables`), the first without a condition.

    `columns`: the view's column, lower case -> its expression over them; `names` as the view shows them; `where`: its
    conditions, outermost first, with the view that they come from.
    """

    tables: dict[str, Table] = field(default_factory=dict)
    joins: list[exp.Join] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    columns: dict[str, exp.Expression] = field(default_factory=dict)
    where: list[tuple[View, exp.Expression]] = field(default_factory=list)
    outer: bool = False


def join_of_view(view: View, catalog: Catalog, depth: int = 0) -> JoinOfView | None:
    """What writes to `view` may write to; None when it is not updatable."""
    from aurora_mysql.sql.parse import parse_one_mysql

    select = parse_one_mysql(view.definition, [])
    if not isinstance(select, exp.Select) or depth > _DEPTH or select.args.get("operation_modifiers"):
        return None
    if any(value for name, value in select.args.items() if name not in PLAIN_SELECT and name != "joins"):
        return None
    source = select.args.get("from_")
    aggregates = select.find(exp.AggFunc, exp.Window, exp.Star, exp.Subquery, exp.Exists, exp.Anonymous)
    if source is None or (aggregates is not None and not _plain(select)):
        return None
    reader = _Reader(view, catalog, depth)
    factors = [source.this, *(join.this for join in select.args.get("joins") or [])]
    inner = source.this.args.get("joins") or []
    if inner or not all(isinstance(f, exp.Table) and not f.args.get("joins") for f in factors):
        return None
    if not reader.add(source.this, None):
        return None
    if not all(reader.add(join.this, join) for join in select.args.get("joins") or []):
        return None
    return reader.finish(select)


def _plain(select: exp.Select) -> bool:
    """No aggregate, window, subquery or star: calls of functions are all that is left."""
    from aurora_mysql.sql.query.aggregates import contains_aggregate

    return select.find(exp.Window, exp.Star, exp.Subquery, exp.Exists) is None and not contains_aggregate(select)


class _Reader:
    """Reads the FROM clause of `view` from left to right."""

    def __init__(self, view: View, catalog: Catalog, depth: int) -> None:
        self._view, self._catalog, self._depth = view, catalog, depth
        self._found = JoinOfView()
        #: Name in this view, lower case -> what its columns stand for.
        self._factors: dict[str, dict[str, exp.Expression]] = {}
        self._own: list[exp.Expression] = []
        self._below: list[tuple[View, exp.Expression]] = []

    def add(self, node: exp.Expression, join: exp.Join | None) -> bool:
        """Take one table or view; False when what it is can't be written."""
        side = str(join.args.get("side") or "").upper() if join is not None else ""
        if join is not None and (join.args.get("using") or join.args.get("method") or side not in ("", "LEFT")):
            return False
        key = (node.args["db"].name if node.args.get("db") else self._view.database, node.name)
        table = self._catalog.tables.get(key)
        alias = node.alias_or_name
        if table is not None:
            name = self._name(alias)
            self._found.tables[name] = table
            self._factors[alias.lower()] = {
                c.name.lower(): exp.column(c.name, table=name, quoted=True) for c in table.user_columns
            }
            on = join.args.get("on") if join is not None else None
            condition = None if on is None else self.resolved(on)
            if side and condition is not None:
                self._found.outer = True
                self._found.joins.append(exp.Join(this=table_node(table, name), side="LEFT", on=condition))
            else:
                self._found.joins.append(exp.Join(this=table_node(table, name)))
                self._own += [] if condition is None else [condition]
            return True
        below = self._catalog.views.get(key)
        inner = None if below is None or side else join_of_view(below, self._catalog, self._depth + 1)
        if inner is None:
            return False
        renamed = {name: self._name(name) for name in inner.tables}
        for name, base in inner.tables.items():
            self._found.tables[renamed[name]] = base
        self._found.joins += [_renamed(j, renamed) for j in inner.joins]
        self._found.outer = self._found.outer or inner.outer
        self._factors[alias.lower()] = {name: _renamed(e, renamed) for name, e in inner.columns.items()}
        self._below += [(v, _renamed(e, renamed)) for v, e in inner.where]
        if join is not None and join.args.get("on") is not None:
            self._own.append(self.resolved(join.args["on"]))
        return True

    def _name(self, alias: str) -> str:
        """A name for a base table that no other has."""
        name, number = alias, 1
        while name.lower() in {n.lower() for n in self._found.tables}:
            number += 1
            name = f"{alias}#{number}"
        return name

    def resolved(self, node: exp.Expression) -> exp.Expression:
        """`node` over the base tables."""
        factors = self._factors

        def replace(found: exp.Expression) -> exp.Expression:
            if isinstance(found, exp.Column):
                owners = [factors.get(found.table.lower(), {})] if found.table else list(factors.values())
                columns = [o[found.name.lower()] for o in owners if found.name.lower() in o]
                if len(columns) == 1:
                    return (
                        exp.Paren(this=columns[0].copy())
                        if not isinstance(columns[0], exp.Column)
                        else columns[0].copy()
                    )
            return found

        return node.copy().transform(replace)

    def finish(self, select: exp.Select) -> JoinOfView | None:
        found, view = self._found, self._view
        items = [self.resolved(i.this if isinstance(i, exp.Alias) else i) for i in select.expressions]
        if len(items) != len(view.columns):
            return None
        found.names = list(view.columns)
        found.columns = {name.lower(): item for name, item in zip(view.columns, items, strict=True)}
        where = select.args.get("where")
        own = [self.resolved(where.this)] if where is not None else []
        found.where = [(view, condition) for condition in [*own, *self._own]] + self._below
        return found


def _operand(node: exp.Expression) -> exp.Expression:
    """A copy of `node` that may stand anywhere in an expression."""
    return node.copy() if isinstance(node, exp.Column) else exp.Paren(this=node.copy())


def _renamed(node: _Node, names: dict[str, str]) -> _Node:
    """`node` with its base tables under other names."""
    copy = node.copy()
    for column in copy.find_all(exp.Column):
        if column.table in names:
            column.set("table", exp.to_identifier(names[column.table], quoted=True))
    for table in copy.find_all(exp.Table):
        alias = table.args.get("alias")
        if alias is not None and alias.name in names:
            table.set("alias", exp.TableAlias(this=exp.to_identifier(names[alias.name], quoted=True)))
    return copy


@dataclass
class JoinViewWrite:
    """A statement that was rewritten. :meth:`finish` is for its plan."""

    view: View
    base: JoinOfView
    needed_before: set[tuple[str, str, str]]

    def finish(self, plan: Plan, pc: PlanContext) -> Plan:
        """`plan`, needing privileges on the view instead of the base tables."""
        need_view(pc, self.view, {(t.database, t.name) for t in self.base.tables.values()}, self.needed_before)
        return plan


def rewrite(tree: exp.Expression, target: exp.Table, view: View, base: JoinOfView, pc: PlanContext) -> JoinViewWrite:
    """Make `tree`, whose target is `view`, one over its base tables.

    Raises:
        MySQLError: 1393, 1394, 1395, 1348, 1054, 1221; 1235 for an INSERT that a CHECK OPTION would have to judge.
    """
    write = JoinViewWrite(view, base, set(pc.privileges))
    full = f"{view.database}.{view.name}"
    if isinstance(tree, exp.Delete):
        raise mysql_error(1395, full)
    if isinstance(tree, exp.Insert):
        _insert(tree, full, view, base)
    else:
        _update(tree, target, full, base)
    return write


def _owner(columns: list[exp.Column], full: str) -> str:
    owners = {c.table for c in columns}
    if len(owners) != 1:
        raise mysql_error(1393, full)
    return owners.pop()


def _assignable(name: str, base: JoinOfView) -> exp.Column:
    column = base.columns.get(name.lower())
    if column is None:
        raise mysql_error(1054, name, "field list")
    if not isinstance(column, exp.Column):
        raise mysql_error(1348, name)
    return column.copy()


def _insert(tree: exp.Insert, full: str, view: View, base: JoinOfView) -> None:
    if not isinstance(tree.this, exp.Schema):
        raise mysql_error(1394, full)
    if base.outer or tree.args.get("conflict") is not None or tree.meta.get("replace"):
        raise mysql_error(1471, view.name, "INSERT")
    if _checked(base):
        raise unsupported("INSERT into a view that joins WITH CHECK OPTION")
    columns = [_assignable(node.name, base) for node in tree.this.expressions]
    table = base.tables[_owner(columns, full)]
    tree.set("this", exp.Schema(this=table_node(table), expressions=[c.this for c in columns]))


def _update(tree: exp.Expression, target: exp.Table, full: str, base: JoinOfView) -> None:
    for part in ("order", "limit"):
        if tree.args.get(part) is not None:
            raise mysql_error(1221, "UPDATE", "ORDER BY" if part == "order" else "LIMIT")
    names = {target.name.lower(), target.alias.lower(), ""}
    assigned = []
    for item in tree.expressions:
        column = _assignable(item.this.name, base)
        item.set("this", column)
        assigned.append(column)
    _owner(assigned, full)
    kept = {id(c) for c in assigned}
    for column in list(tree.find_all(exp.Column)):
        expression = base.columns.get(column.name.lower())
        if id(column) in kept or column.table.lower() not in names or expression is None:
            continue
        if column.table or column.find_ancestor(exp.Select) is None:
            column.replace(_operand(expression))
    first, *others = [j.copy() for j in base.joins]
    source = first.this
    source.set("joins", others)
    tree.set("this", source)
    conditions = [exp.Paren(this=c.copy()) for _, c in base.where]
    where = tree.args.get("where")
    if where is not None:
        conditions.insert(0, exp.Paren(this=where.this))
    if conditions:
        tree.set("where", exp.Where(this=exp.and_(*conditions, copy=False) if len(conditions) > 1 else conditions[0]))
    tree.meta["view_checks"] = _checked(base)


def _checked(base: JoinOfView) -> list[tuple[str, exp.Expression]]:
    """The conditions that a changed row must go on to meet, with the views that want it."""
    found = []
    cascaded = False
    seen: list[View] = []
    for view, condition in base.where:
        if view not in seen:
            cascaded = cascaded or any(v.check_option == "CASCADED" for v in seen)
            seen.append(view)
        if cascaded or view.check_option != "NONE":
            found.append((f"{view.database}.{view.name}", condition))
    return found
