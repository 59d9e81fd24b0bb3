"""What a translated query gives: its text and its columns."""

from __future__ import annotations

from dataclasses import dataclass

from aurora_mysql.catalog.model import Column, Table
from aurora_mysql.errors import mysql_error
from aurora_mysql.sql.query import types
from aurora_mysql.sql.query.expression import Ex, as_shown, cast_to, collated, is_ci, number
from aurora_mysql.sql.query.scope import Relation, RelationColumn
from aurora_mysql.sql.query.types import T
from aurora_mysql.sql.result import ResultColumn
from aurora_mysql.sql.result_types import BINARY, NOT_NULL, from_type, table_column

_TYPE_NULL = 6


@dataclass(slots=True)
class OutputColumn:
    """One output column, number n of which is called ``cn`` in the query's text. `column`/`table`/`alias` tell the
    base column it is."""

    name: str
    t: T
    collated: bool = False
    column: Column | None = None
    table: Table | None = None
    alias: str = ""
    nullable: bool = True

    def definition(self) -> ResultColumn:
        """Its definition in the protocol."""
        if self.t.kind == "null":
            return ResultColumn(self.name, _TYPE_NULL, 63, 0, BINARY)
        if self.column is None or self.table is None:
            return from_type(self.name, types.result_type(self.t))
        found = table_column(self.column, self.table, alias=self.alias, name=self.name)
        if self.nullable:
            found.flags &= ~NOT_NULL
        return found


@dataclass(slots=True)
class Query:
    """A DuckDB query without a trailing semicolon. `level`: it has a further column ``lvl`` (recursion depth)."""

    sql: str
    columns: list[OutputColumn]
    level: bool = False

    def relation(self, alias: str, sql_alias: str, names: list[str] | None = None) -> Relation:
        """As a relation in a FROM clause, under `sql_alias` in the text."""
        columns = [
            RelationColumn(names[i] if names else c.name, f"{sql_alias}.c{i + 1}", c.t, collated=c.collated)
            for i, c in enumerate(self.columns)
        ]
        return Relation(alias, "", sql_alias, columns)


def item_of(name: str, e: Ex) -> tuple[str, OutputColumn]:
    """The text of a select item and its column; truth values become 0 and 1."""
    if e.t.kind == "bool":
        return number(e).sql, OutputColumn(name, T("int", precision=1))
    e = as_shown(e) if e.t.shown is not None else e
    out = OutputColumn(name, e.t, collated=e.collated)
    origin = e.origin
    if origin is not None and origin.relation is not None and origin.column is not None:
        out.column, out.table, out.alias = origin.column, origin.relation.table, origin.relation.alias
        out.nullable = origin.relation.nullable or origin.column.nullable
    return e.sql, out


def converted(query: Query, targets: list[OutputColumn], alias: str) -> str:
    """`query` with its columns in the types of `targets` (a branch of a set operation or of a recursion)."""
    items, same = [], True
    for i, (column, target) in enumerate(zip(query.columns, targets, strict=True), 1):
        e = Ex(f"{alias}.c{i}", column.t, collated=column.collated)
        same_type = column.t.kind == target.t.kind and column.t.kind not in ("decimal", "null", "wide")
        if same_type or (column.t.kind == "decimal" and column.t.plain() == target.t.plain()):
            text = e.sql
        elif target.t.kind == "null":
            text = "CAST(NULL AS VARCHAR)"
        else:
            text = cast_to(e, target.t)
        if target.collated and not (column.collated and text == e.sql):
            text = collated(Ex(text, target.t))
        elif column.collated and not target.collated and text == e.sql:
            text = f"decode(encode({text}))"
        same = same and text == e.sql
        items.append(f"{text} AS c{i}")
    if same:
        return query.sql
    if query.level:
        items.append(f"{alias}.lvl AS lvl")
    return f"SELECT {', '.join(items)} FROM ({query.sql}) AS {alias}"


def unified(name: str, sides: list[OutputColumn], operation: str = "UNION") -> OutputColumn:
    """The column of a set operation. Raises 1271 for texts whose collations don't agree."""
    t = types.unify([s.t for s in sides])
    if t.conflict:
        raise mysql_error(1271, operation)
    if all(s.t == sides[0].t for s in sides):
        t = sides[0].t
    ci = t.kind == "string" and is_ci(t.collation)
    return OutputColumn(name, t, collated=ci)
