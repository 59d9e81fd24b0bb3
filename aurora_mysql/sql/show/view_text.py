"""A view's SELECT as MySQL 8.0 prints it: every name qualified, every item with its name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlglot import exp

from aurora_mysql.catalog.model import View
from aurora_mysql.errors import MySQLError
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.instance_services import InstanceServices
from aurora_mysql.sql.plan import PlanContext
from aurora_mysql.sql.query.scope import FoundNames, RelationColumn
from aurora_mysql.sql.show.expression_text import Unprintable, print_expression
from aurora_mysql.sql.show.type_text import backtick


def view_text(view: View, ctx: SessionContext, services: InstanceServices, *, qualified: bool) -> tuple[str, bool]:
    """The definition, and whether it names its columns as the view does (so that no list of them is needed).

    `qualified`: with the databases of its tables, as information_schema has it. An invalid view is shown as written.
    """
    from aurora_mysql.sql.parse import parse_one_mysql
    from aurora_mysql.sql.query import translate_select

    engine = services.engine
    names = FoundNames()
    pc = PlanContext(engine.catalog, view.database, ctx, engine, services, view.definition)
    pc.found_names = names
    try:
        tree = parse_one_mysql(view.definition, [])
        headings = [c.name for c in translate_select(tree, pc).columns]
        foreign = any(t.db and t.db != view.database for t in tree.find_all(exp.Table))
        text = _Printer(names, view.database, qualified or foreign).query(tree)
    except (MySQLError, Unprintable):
        return view.definition, False
    return text, list(view.columns) == headings


_SET_OPERATIONS: dict[type[exp.Expression], str] = {
    exp.Union: "union",
    exp.Except: "except",
    exp.Intersect: "intersect",
}


class _Printer:
    def __init__(self, names: FoundNames, database: str, qualified: bool) -> None:
        self.names, self.database, self.qualified = names, database, qualified
        #: Names of the common tables in force.
        self.common: list[str] = []

    # --- queries ---------------------------------------------------------------------------------------------

    def query(self, node: exp.Expression) -> str:
        known = len(self.common)
        prefix = self._with(node)
        try:
            if isinstance(node, exp.Select):
                return prefix + self._select(node)
            if isinstance(node, exp.SetOperation):
                return prefix + self._set_operation(node)
            if isinstance(node, exp.Subquery | exp.Paren) and not node.args.get("alias"):
                return f"{prefix}({self.query(node.this)}){self._tail(node, {})}"
        finally:
            del self.common[known:]
        raise Unprintable

    def _with(self, node: exp.Expression) -> str:
        with_ = node.args.get("with_")
        if with_ is None:
            return ""
        recursive = bool(with_.args.get("recursive"))
        found = []
        for cte in with_.expressions:
            alias = cte.args["alias"]
            if recursive:
                self.common.append(alias.name.lower())
            found.append(f"{self._alias(alias)} as ({self.query(cte.this)})")
            if not recursive:
                self.common.append(alias.name.lower())
        return f"with {'recursive ' if recursive else ''}{','.join(found)} "

    def _set_operation(self, node: exp.SetOperation) -> str:
        word = _SET_OPERATIONS.get(type(node))
        if word is None:
            raise Unprintable
        right = self.query(node.expression)
        if isinstance(node.expression, exp.SetOperation):
            right = f"({right})"
        text = f"{self.query(node.this)} {word}{'' if node.args.get('distinct') else ' all'} {right}"
        return text + self._tail(node, {})

    def _select(self, node: exp.Select) -> str:
        for part in ("hint", "windows", "locks", "operation_modifiers", "into", "kind"):
            if node.args.get(part):
                raise Unprintable
        entries = self.names.entries.get(id(node))
        if entries is None:
            raise Unprintable
        items: dict[str, str] = {}
        shown = []
        for item, name, column in entries:
            text = self.owned(column) if column is not None else self.expr(item)
            items.setdefault(name.lower(), text)
            # Names that nobody gave don't matter in the subquery of an expression.
            named = not isinstance(node.parent, exp.Subquery | exp.Exists) or _derived(node) or _aliased(node, name)
            shown.append(f"{text} AS {backtick(name)}" if named else text)
        text = f"select {'distinct ' if node.args.get('distinct') is not None else ''}{','.join(shown)}"
        source = node.args.get("from_")
        if source is not None:
            text += f" from {self._joined(self._factor(source.this), node.args.get('joins') or [])}"
        where = node.args.get("where")
        if where is not None:
            text += f" where {self.expr(where.this)}"
        group = node.args.get("group")
        if group is not None:
            text += f" group by {','.join(self._sorted_by(e, shown) for e in group.expressions)}"
            text += " with rollup" if group.args.get("rollup") else ""
        having = node.args.get("having")
        if having is not None:
            text += f" having {self.expr(having.this)}"
        return text + self._tail(node, items, shown)

    def _tail(self, node: exp.Expression, items: dict[str, str], shown: Sequence[str] = ()) -> str:
        """ORDER BY and LIMIT."""
        text = ""
        order = node.args.get("order")
        if order is not None:
            text += f" order by {self._order(order, items, shown)}"
        limit, offset = node.args.get("limit"), node.args.get("offset")
        if limit is not None:
            count = limit.args.get("expression")
            start = None if offset is None else offset.args.get("expression")
            text += f" limit {'' if start is None else f'{self.expr(start)},'}{self.expr(count)}"
        return text

    def _order(self, order: exp.Expression, items: dict[str, str], shown: Sequence[str] = ()) -> str:
        found = []
        for ordered in order.expressions:
            node = ordered.this if isinstance(ordered, exp.Ordered) else ordered
            desc = " desc" if isinstance(ordered, exp.Ordered) and ordered.args.get("desc") else ""
            if isinstance(node, exp.Column) and not node.table and id(node) not in self.names.columns:
                # The name of an item: a column that is one is printed as the column.
                item = items.get(node.name.lower(), "")
                same = item.endswith(f".{backtick(node.name)}")
                found.append((item if same else backtick(node.name)) + desc)
            else:
                found.append(self._sorted_by(node, shown) + desc)
        return ",".join(found)

    def _sorted_by(self, node: exp.Expression, shown: Sequence[str]) -> str:
        """What a GROUP BY or ORDER BY names; a number stands for the item at that place."""
        if isinstance(node, exp.Literal) and not node.is_string and node.this.isdigit():
            position = int(node.this)
            if 0 < position <= len(shown):
                return shown[position - 1].rpartition(" AS `")[0]
            return str(position)
        return self.expr(node)

    # --- FROM ------------------------------------------------------------------------------------------------

    def _joined(self, text: str, joins: Sequence[exp.Expression]) -> str:
        """A factor of FROM that is printed already, with its joins."""
        for join in joins:
            right = self._factor(join.this)
            side = str(join.args.get("side") or "").lower()
            word = "straight_join" if "STRAIGHT" in str(join.args.get("kind") or "").upper() else "join"
            if side == "right":
                text, right = right, text
            text += f" left {word} {right}" if side else f" {word} {right}"
            on = join.args.get("on")
            pairs = self.names.merged.get(id(join))
            if pairs:
                equal = [f"({self.owned(a)} = {self.owned(b)})" for a, b in pairs]
                text += f" on({equal[0] if len(equal) == 1 else '(' + ' and '.join(equal) + ')'})"
            elif on is not None:
                text += f" on({self.expr(on)})"
            text = f"({text})"
        return text

    def _factor(self, node: exp.Expression) -> str:
        joins = node.args.get("joins") or []
        alias = node.args.get("alias")
        if isinstance(node, exp.Table) and isinstance(node.this, exp.Identifier):
            common = not node.db and node.name.lower() in self.common
            database = f"{backtick(node.db or self.database)}." if self.qualified and not common else ""
            text = f"{database}{backtick(node.name)}"
            if alias is not None and alias.name != node.name:
                text += f" {backtick(alias.name)}"
        elif isinstance(node, exp.Lateral) and alias is not None:
            text = f"lateral ({self.query(node.this.this)}) {self._alias(alias)}"
        elif isinstance(node, exp.Subquery) and alias is not None:
            text = f"({self.query(node.this)}) {self._alias(alias)}"
        elif isinstance(node, exp.Subquery | exp.Paren) and node.this is not None:
            text = self._factor(node.this)
        else:
            raise Unprintable
        return self._joined(text, joins)

    def _alias(self, alias: exp.Expression) -> str:
        columns = alias.args.get("columns") or []
        listed = f" ({','.join(backtick(c.name) for c in columns)})" if columns else ""
        return backtick(alias.name) + listed

    # --- expressions -----------------------------------------------------------------------------------------

    def owned(self, column: RelationColumn) -> str:
        relation = column.relation
        if relation is None:
            return backtick(column.name)
        table = relation.table
        text = f"{backtick(relation.alias)}.{backtick(column.name)}"
        bare = table is not None and relation.alias == table.name
        return f"{backtick(relation.database)}.{text}" if self.qualified and bare else text

    def expr(self, node: Any) -> str:
        return print_expression(self, node)

    def order(self, order: exp.Expression) -> str:
        """The terms of an ORDER BY that knows no select items."""
        return self._order(order, {})

    def list(self, nodes: Sequence[exp.Expression]) -> str:
        return ",".join(self.expr(n) for n in nodes)


def _derived(node: exp.Select) -> bool:
    return isinstance(node.parent, exp.Subquery) and isinstance(node.parent.parent, exp.From | exp.Join | exp.Lateral)


def _aliased(node: exp.Select, name: str) -> bool:
    return any(isinstance(item, exp.Alias) and item.alias == name for item in node.expressions)
