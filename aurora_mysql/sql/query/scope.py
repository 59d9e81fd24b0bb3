"""Names in force where an expression stands: relations, select aliases, grouping, common table expressions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from aurora_mysql.catalog.model import Column, Table
from aurora_mysql.errors import MySQLError, mysql_error
from aurora_mysql.sql.query.expression import Ex
from aurora_mysql.sql.query.types import T

if TYPE_CHECKING:
    from aurora_mysql.sql.plan import PlanContext


@dataclass(slots=True)
class RelationColumn:
    """A column that a relation offers. `sql` is its full DuckDB reference."""

    name: str
    sql: str
    t: T
    collated: bool = False
    key_sql: str = ""
    column: Column | None = None
    relation: Relation | None = None
    invisible: bool = False


@dataclass(slots=True)
class Relation:
    """A table, view, derived table or CTE under its alias in one FROM clause. `nullable`: an outer join may leave it
    without a row; `level_sql`: the recursion depth of the CTE that is being defined."""

    alias: str
    database: str
    sql_alias: str
    columns: list[RelationColumn]
    table: Table | None = None
    #: (database, name) of the table or view whose columns need a privilege; None for what needs none.
    guarded: tuple[str, str] | None = None
    nullable: bool = False
    level_sql: str = ""

    def find(self, name: str) -> RelationColumn | None:
        lowered = name.lower()
        return next((c for c in self.columns if c.name.lower() == lowered), None)


@dataclass(slots=True)
class FoundNames:
    """What the names of a query mean, by the id() of the node: a column; the items of a SELECT with stars opened
    (expression, name, None) or (None, name, column); the pairs of columns that USING or NATURAL makes equal."""

    columns: dict[int, RelationColumn] = field(default_factory=dict)
    entries: dict[int, list[tuple[exp.Expression | None, str, RelationColumn | None]]] = field(default_factory=dict)
    merged: dict[int, list[tuple[RelationColumn, RelationColumn]]] = field(default_factory=dict)


@dataclass(slots=True)
class Grouping:
    """GROUP BY: the grouping expressions (see :func:`same_names`), and the columns that they determine. `spared`:
    columns that were named in GROUP BY, but need not be."""

    nodes: list[tuple[exp.Expression, Ex]]
    texts: dict[str, Ex] = field(default_factory=dict)
    determined: set[str] = field(default_factory=set)
    spared: set[str] = field(default_factory=set)
    implicit: bool = False
    strict: bool = True
    rollup: bool = False

    def of(self, node: exp.Expression, scope: Scope) -> Ex | None:
        """What stands for `node` in a group if it is grouped by, and no bare column."""
        if isinstance(node, exp.Column):
            return None
        alike = [(grouped, ex) for grouped, ex in self.nodes if type(grouped) is type(node)]
        if not alike:
            return None
        named = same_names(node, scope)
        return next((ex for grouped, ex in alike if grouped == named), None)


@dataclass(slots=True)
class CommonTable:
    """A CTE: the DuckDB name and its columns."""

    sql_name: str
    columns: list[tuple[str, T, bool]]
    level: bool = False


@dataclass
class Scope:
    """Names of one SELECT; `parent` are the names of the enclosing one. `relevance`: the order in which rows of a
    full-text search come."""

    parent: Scope | None = None
    database: str = ""
    relations: list[Relation] = field(default_factory=list)
    star: list[RelationColumn] = field(default_factory=list)
    merged: dict[str, RelationColumn] = field(default_factory=dict)
    ctes: dict[str, CommonTable] = field(default_factory=dict)
    clause: str = "field list"
    aliases: dict[str, Ex] = field(default_factory=dict)
    alias_first: bool = False
    group: Grouping | None = None
    aggregate_depth: int = 0
    aggregates_allowed: bool = False
    item_number: int = 0
    windows: dict[str, exp.Window] = field(default_factory=dict)
    barrier: bool = False
    window_order: list[str] = field(default_factory=list)
    relevance: list[str] = field(default_factory=list)

    def common_table(self, name: str) -> CommonTable | None:
        scope: Scope | None = self
        while scope is not None:
            found = scope.ctes.get(name.lower())
            if found is not None:
                return found
            scope = scope.parent
        return None

    def add(self, relation: Relation) -> None:
        """Raises 1066 for an alias used twice."""
        for other in self.relations:
            if other.alias.lower() == relation.alias.lower() and other.database == relation.database:
                raise mysql_error(1066, relation.alias)
        for column in relation.columns:
            column.relation = relation
        self.relations.append(relation)

    def find(self, name: str, table: str, database: str) -> RelationColumn | None:
        """The column here (not in parents). Raises 1052."""
        lowered = name.lower()
        if not table:
            merged = self.merged.get(lowered)
            if merged is not None:
                return merged
        found = []
        for relation in self.relations:
            if table and relation.alias.lower() != table.lower():
                continue
            if database and relation.database != database:
                continue
            column = relation.find(name)
            if column is not None:
                found.append(column)
        if len(found) > 1:
            raise mysql_error(1052, f"{table}.{name}" if table else name, self.clause)
        return found[0] if found else None


def same_names(node: exp.Expression, scope: Scope) -> exp.Expression:
    """A copy of `node` in which the columns of `scope` are named one way, whether they were written with their table or
    without. A name that ORDER BY or HAVING may take for an item's stays."""
    copy = node.copy()
    for column in list(copy.find_all(exp.Column)):
        if not isinstance(column.this, exp.Identifier) or column.find_ancestor(exp.Query) is not None:
            continue
        if not column.table and scope.alias_first and column.name.lower() in scope.aliases:
            continue
        try:
            found = scope.find(column.name, column.table, column.db)
        except MySQLError:
            continue  # ambiguous: whoever translates it says so
        if found is not None:
            column.set("this", exp.to_identifier(found.sql, quoted=True))
            column.set("table", None)
            column.set("db", None)
    return copy


def note_read(pc: PlanContext, column: RelationColumn) -> None:
    """Record that the statement reads `column`, for whom only some columns are granted."""
    relation = column.relation
    if relation is not None and relation.guarded is not None:
        pc.need_columns("SELECT", *relation.guarded, (column.name,))


def display_name(node: exp.Column) -> str:
    parts: list[Any] = [node.args.get("db"), node.args.get("table"), node.this]
    return ".".join(p.name for p in parts if p is not None)
