"""FROM: tables, views, derived tables, common tables, joins."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from sqlglot import exp

from aurora_mysql.catalog.model import COLLATION_KEY_PREFIX, Column, Table, View
from aurora_mysql.catalog.physical import collation_key_columns, duckdb_collation, quote
from aurora_mysql.catalog.wide_decimal import is_wide
from aurora_mysql.errors import MySQLError, mysql_error, unsupported
from aurora_mysql.sql.plan import PlanContext
from aurora_mysql.sql.query import operators, types
from aurora_mysql.sql.query.builder import VirtualUse
from aurora_mysql.sql.query.expression import Ex
from aurora_mysql.sql.query.headings import Headings
from aurora_mysql.sql.query.json_table import json_table
from aurora_mysql.sql.query.scope import Relation, RelationColumn, Scope, note_read
from aurora_mysql.sql.show.virtual import VirtualRelation, virtual_relation

if TYPE_CHECKING:
    from aurora_mysql.sql.query.select import SelectTranslator

#: Views within views; deeper is taken for a cycle.
MAX_VIEW_DEPTH = 32


@dataclass
class Tree:
    """A joined table: its text, and the names it offers."""

    sql: str
    relations: list[Relation]
    star: list[RelationColumn]
    merged: dict[str, RelationColumn] = field(default_factory=dict)


def resolve_table(node: exp.Table, pc: PlanContext) -> Table:
    """The base table that `node` names. Raises 1046, 1049, 1146; 1347 for a view."""
    found = lookup(node.name, node.db, pc.database, pc)
    if isinstance(found, Table):
        return found
    raise mysql_error(1347, node.db or pc.database, node.name, "BASE TABLE")


def lookup(name: str, db: str, current: str, pc: PlanContext) -> Table | View | VirtualRelation:
    """What `db.name` is. Raises 1046, 1049, 1146."""
    database = db or current
    if not database:
        raise mysql_error(1046)
    catalog = pc.catalog
    found = catalog.tables.get((database, name)) or catalog.views.get((database, name))
    if found is not None:
        return found
    virtual = virtual_relation(database, name)
    if virtual is not None:
        return virtual
    raise mysql_error(1146, database, name)


class FromClause:
    """Translates the FROM clause of one SELECT into `scope`."""

    def __init__(self, selects: SelectTranslator, scope: Scope) -> None:
        self.selects, self.scope = selects, scope
        self.b = selects.b

    def translate(self, source: exp.Expression | None, joins: list[exp.Join]) -> str:
        """The text after FROM, '' when there is none; fills the scope."""
        tree = None if source is None else self.factor(source, None)
        for join in joins:
            tree = self.join(tree, join)
        if tree is None:
            return ""
        scope = self.scope
        for relation in tree.relations:
            scope.add(relation)
        scope.star, scope.merged = tree.star, tree.merged
        return tree.sql

    # --- factors ---------------------------------------------------------------------------------------------

    def factor(self, node: exp.Expression, left: Tree | None) -> Tree | None:
        tree: Tree | None
        if isinstance(node, exp.Table):
            tree = self.table(node, left)
        elif isinstance(node, exp.Lateral):
            tree = self.derived(node.this, node.args.get("alias"), left)
        elif isinstance(node, exp.Values):
            tree = self.derived(node, node.args.get("alias"), None)
        elif isinstance(node, exp.Subquery | exp.Paren):
            inner = node.this
            alias = node.args.get("alias")
            if alias is not None or (isinstance(inner, exp.Query) and not isinstance(inner, exp.Subquery)):
                tree = self.derived(node if inner is None else inner, alias, None)
            else:
                tree = self.factor(inner, left)
                if tree is not None:
                    tree.sql = f"({tree.sql})" if inner.args.get("joins") else tree.sql
        else:
            raise unsupported(type(node).__name__)
        for join in node.args.get("joins") or []:
            tree = self.join(tree, join)
        return tree

    def table(self, node: exp.Table, left: Tree | None = None) -> Tree | None:
        if isinstance(node.this, exp.JSONTable):
            relations = [] if left is None else left.relations
            before = Scope(parent=self.scope.parent, relations=relations, ctes=self.scope.ctes)
            if left is not None:
                before.merged = left.merged
            return _tree(*json_table(self.selects, node.this, node.alias, before))
        if not isinstance(node.this, exp.Identifier):
            raise unsupported(node.this.sql(dialect="mysql")[:64])
        for part in ("partition", "version", "sample", "pivots", "changes"):
            if node.args.get(part):
                raise unsupported(part.upper())
        name, db = node.name, node.db
        alias = node.alias or name
        sql_alias = self.b.alias()
        if not db:
            common = self.scope.common_table(name)
            if common is not None:
                columns = [
                    RelationColumn(n, f"{sql_alias}.c{i}", t, collated=c)
                    for i, (n, t, c) in enumerate(common.columns, 1)
                ]
                relation = Relation(alias, "", sql_alias, columns)
                if common.level:
                    relation.level_sql = f"{sql_alias}.lvl"
                return _tree(f"{common.sql_name} AS {sql_alias}", relation)
            if name.lower() == "dual" and not node.args.get("this").args.get("quoted"):  # type: ignore[union-attr]
                return None
        pc = self.b.pc
        found = lookup(name, db, self.selects.database, pc)
        database = db or self.selects.database
        if isinstance(found, VirtualRelation):
            if database.lower() == "mysql":
                pc.need("SELECT", "mysql", name)
            return self.virtual(found, database, alias, sql_alias)
        guarded = not self.selects.views or self.selects.views[-1].security == "INVOKER"
        if guarded:
            pc.need("SELECT", database, name)
        if isinstance(found, View):
            tree = self.view(found, alias, sql_alias)
        else:
            tree = self.base_table(found, alias, sql_alias)
        if guarded:
            tree.relations[0].guarded = (database, name)
        return tree

    def base_table(self, table: Table, alias: str, sql_alias: str) -> Tree:
        self.b.use(table)
        keyed = {c.name for c in collation_key_columns(table) if not is_wide(c.type)}
        columns = [
            RelationColumn(
                c.name,
                f"{sql_alias}.{quote(c.name)}",
                self._type_of(c, table),
                collated=duckdb_collation(c.type) is not None,
                key_sql=f"{sql_alias}.{quote(COLLATION_KEY_PREFIX + c.name)}" if c.name in keyed else "",
                column=c,
                invisible=c.invisible,
            )
            for c in table.columns
        ]
        relation = Relation(alias, table.database, sql_alias, columns, table)
        return _tree(f"{table.physical_name} AS {sql_alias}", relation)

    def _type_of(self, column: Column, table: Table) -> types.T:
        t = types.of_column(column.type)
        return replace(t, zero=2) if t.zero and table.id in self.b.pc.engine.date_facts.tables else t

    def virtual(self, found: VirtualRelation, database: str, alias: str, sql_alias: str) -> Tree:
        name = self.b.alias("virtual")
        self.b.relations.append(VirtualUse(name, found))
        columns = [RelationColumn(n, f"{sql_alias}.{quote(n)}", types.of_column(t)) for n, t in found.columns]
        return _tree(f"{name} AS {sql_alias}", Relation(alias, database, sql_alias, columns))

    def view(self, view: View, alias: str, sql_alias: str) -> Tree:
        from aurora_mysql.sql.parse import parse_one_mysql

        selects = self.selects
        if len(selects.views) >= MAX_VIEW_DEPTH or view in selects.views:
            raise mysql_error(1356, view.database, view.name)
        ast = parse_one_mysql(view.definition, [])
        kept = selects.database, selects.headings
        selects.views.append(view)
        selects.database, selects.headings = view.database, Headings(ast, view.definition)
        try:
            query = selects.query(ast, None)
        except MySQLError as error:
            if error.errno in (1054, 1146, 1049, 1356, 1305):
                raise mysql_error(1356, view.database, view.name) from None
            raise
        finally:
            selects.views.pop()
            selects.database, selects.headings = kept
        names = list(view.columns) or [c.name for c in query.columns]
        if len(names) != len(query.columns):
            raise mysql_error(1356, view.database, view.name)
        relation = query.relation(alias, sql_alias, names)
        relation.database = view.database
        return _tree(f"({query.sql}) AS {sql_alias}", relation)

    def derived(self, node: exp.Expression, alias: exp.Expression | None, lateral: Tree | None) -> Tree:
        if alias is None or not alias.name:
            raise mysql_error(1248)
        scope = self.scope
        parent = scope.parent
        if lateral is not None:
            parent = Scope(parent=scope.parent, relations=lateral.relations, merged=lateral.merged)
        query = self.selects.query(node, parent)
        columns = alias.args.get("columns") or []
        names = [c.name for c in columns] if columns else [c.name for c in query.columns]
        if len(names) != len(query.columns):
            raise mysql_error(1353)
        seen: set[str] = set()
        for name in names:
            if name.lower() in seen:
                raise mysql_error(1060, name)
            seen.add(name.lower())
        sql_alias = self.b.alias()
        relation = query.relation(alias.name, sql_alias, names)
        return _tree(f"{'LATERAL ' if lateral is not None else ''}({query.sql}) AS {sql_alias}", relation)

    # --- joins -----------------------------------------------------------------------------------------------

    def join(self, left: Tree | None, node: exp.Join) -> Tree | None:
        right = self.factor(node.this, left)
        if left is None or right is None:
            return left or right
        side = str(node.args.get("side") or "").upper()
        kind = str(node.args.get("kind") or "").upper()
        natural = str(node.args.get("method") or "").upper() == "NATURAL"
        if kind not in ("", "INNER", "OUTER", "CROSS", "STRAIGHT_JOIN", "STRAIGHT") or side not in (
            "",
            "LEFT",
            "RIGHT",
        ):
            raise unsupported(f"{side} {kind} JOIN".strip())
        on, using = node.args.get("on"), node.args.get("using")
        if side and on is None and not using and not natural:
            raise mysql_error(1064, "", 1)
        for relation in right.relations if side == "LEFT" else left.relations if side == "RIGHT" else []:
            relation.nullable = True
        both = Scope(
            parent=self.scope.parent,
            ctes=self.scope.ctes,
            star=left.star + right.star,
            merged={**left.merged, **right.merged},
            clause="on clause",
        )
        for relation in left.relations + right.relations:
            both.add(relation)
        out = Tree("", left.relations + right.relations, both.star, both.merged)
        conditions: list[str] = []
        if natural or using:
            names = [i.name for i in using] if using else _common(left, right)
            conditions = self._merge(out, left, right, names, side, node)
        elif on is not None:
            conditions = [self.selects.tr.condition(on, both)]
        word = f"{side} JOIN" if side else "JOIN"
        if conditions:
            out.sql = f"({left.sql} {word} {right.sql} ON ({' AND '.join(conditions)}))"
        elif side:
            out.sql = f"({left.sql} {word} {right.sql} ON (TRUE))"
        else:
            out.sql = f"({left.sql} CROSS JOIN {right.sql})"
        return out

    def _merge(self, out: Tree, left: Tree, right: Tree, names: list[str], side: str, node: exp.Join) -> list[str]:
        """USING and NATURAL: equal columns appear once, first."""
        conditions, shared, gone = [], [], set()
        merged = {k: v for k, v in out.merged.items()}
        for name in names:
            a, c = _one(left, name), _one(right, name)
            conditions.append(operators.compare(self.b, "=", self._ex(a), self._ex(c)).sql)
            note_read(self.b.pc, a)
            note_read(self.b.pc, c)
            if self.b.pc.found_names is not None:
                self.b.pc.found_names.merged.setdefault(id(node), []).append((a, c))
            kept = c if side == "RIGHT" else a
            shared.append(kept)
            gone |= {id(a), id(c)}
            merged[name.lower()] = kept
        out.star = shared + [x for x in out.star if id(x) not in gone]
        out.merged = merged
        return conditions

    def _ex(self, column: RelationColumn) -> Ex:
        return self.selects.tr.column_ex(column)


def _tree(sql: str, relation: Relation) -> Tree:
    for column in relation.columns:
        column.relation = relation
    return Tree(sql, [relation], [c for c in relation.columns if not c.invisible])


def _one(tree: Tree, name: str) -> RelationColumn:
    merged = tree.merged.get(name.lower())
    if merged is not None:
        return merged
    found = [c for r in tree.relations for c in [r.find(name)] if c is not None]
    if not found:
        raise mysql_error(1054, name, "from clause")
    if len(found) > 1:
        raise mysql_error(1052, name, "from clause")
    return found[0]


def _common(left: Tree, right: Tree) -> list[str]:
    names = {c.name.lower() for c in right.star}
    return [c.name for c in left.star if c.name.lower() in names]


__all__ = ["FromClause", "Tree", "lookup", "resolve_table"]
