"""WITH [RECURSIVE]."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from aurora_mysql.errors import mysql_error, unsupported
from aurora_mysql.sql.query import types
from aurora_mysql.sql.query.expression import is_ci
from aurora_mysql.sql.query.output import OutputColumn, Query, converted
from aurora_mysql.sql.query.scope import CommonTable, Scope

if TYPE_CHECKING:
    from aurora_mysql.sql.query.select import SelectTranslator


def with_clause(selects: SelectTranslator, with_: exp.Expression, parent: Scope | None) -> tuple[Scope, list[str]]:
    """The scope that knows the common tables, and their definitions' texts. Raises 1066 for a name used twice."""
    scope = Scope(parent=parent, database=selects.database)
    texts = []
    for cte in with_.expressions:
        alias = cte.args["alias"]
        name = alias.name
        if name.lower() in scope.ctes:
            raise mysql_error(1066, name)
        listed = [c.name for c in alias.args.get("columns") or []]
        sql_name = selects.b.alias("cte")
        body = cte.this
        if with_.args.get("recursive") and _names(body, name):
            query = _recursive(selects, body, name, listed, sql_name, scope)
        else:
            query = selects.query(body, scope)
        scope.ctes[name.lower()] = CommonTable(sql_name, _columns(query, listed))
        texts.append(f"{sql_name} AS ({query.sql})")
    return scope, texts


def _columns(query: Query, listed: list[str]) -> list[tuple[str, types.T, bool]]:
    names = listed or [c.name for c in query.columns]
    if len(names) != len(query.columns):
        raise mysql_error(1353)
    seen: set[str] = set()
    for name in names:
        if name.lower() in seen:
            raise mysql_error(1060, name)
        seen.add(name.lower())
    return [(n, c.t, c.collated) for n, c in zip(names, query.columns, strict=True)]


def _names(node: exp.Expression, name: str) -> bool:
    return any(t.name.lower() == name.lower() and not t.db for t in node.find_all(exp.Table))


def _recursive(
    selects: SelectTranslator, body: exp.Expression, name: str, listed: list[str], sql_name: str, scope: Scope
) -> Query:
    """A recursive common table: types come from the part that does not recurse."""
    parts: list[exp.SetOperation] = []
    seed = body
    while isinstance(seed, exp.Union) and _names(seed.expression, name):
        if any(seed.args.get(k) for k in ("order", "limit", "offset")):
            raise unsupported("ORDER BY / LIMIT over UNION in recursive Common Table Expression")
        parts.insert(0, seed)
        seed = seed.this
    if not parts or _names(seed, name):
        raise mysql_error(3573, name)
    distinct = any(p.args.get("distinct") for p in parts)
    first = selects.query(seed, scope)
    columns = []
    for column in first.columns:
        t = column.t.plain() if column.t.kind != "null" else types.STRING
        if t.kind == "float":
            t = types.DOUBLE
        columns.append(OutputColumn(column.name, t, collated=t.kind == "string" and is_ci(t.collation)))
    alias = selects.b.alias("u")
    start = converted(first, columns, alias)
    if not distinct:
        start = f"SELECT *, CAST(1 AS BIGINT) AS lvl FROM ({start}) AS {selects.b.alias('u')}"
    common = CommonTable(sql_name, _columns(Query("", columns), listed), level=not distinct)
    scope.ctes[name.lower()] = common
    steps = []
    for part in parts:
        step = selects.query(part.expression, scope)
        if len(step.columns) != len(columns):
            raise mysql_error(1222)
        steps.append(converted(step, columns, selects.b.alias("u")))
    del scope.ctes[name.lower()]
    word = "UNION" if distinct else "UNION ALL"
    tail = steps[0] if len(steps) == 1 else " UNION ALL ".join(f"({s})" for s in steps)
    return Query(f"({start}) {word} ({tail})", columns)
