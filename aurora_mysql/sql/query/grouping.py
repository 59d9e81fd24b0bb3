"""GROUP BY: which expressions group, and which columns they determine (functional dependence)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from aurora_mysql.errors import mysql_error
from aurora_mysql.sql.plan import PlanContext
from aurora_mysql.sql.query import types
from aurora_mysql.sql.query.aggregates import contains_aggregate, position_of
from aurora_mysql.sql.query.expression import Ex, as_shown, group_key, may_be_padded
from aurora_mysql.sql.query.scope import Grouping, Scope, same_names

if TYPE_CHECKING:
    from aurora_mysql.sql.query.translator import Translator

#: (item without its alias, its alias or '')
Item = tuple[exp.Expression, str]


def only_full_group_by(pc: PlanContext) -> bool:
    """Whether the session's sql_mode has ONLY_FULL_GROUP_BY (the default has)."""
    mode = pc.ctx.variables.get("sql_mode", pc.catalog.globals.get("sql_mode"))
    return mode is None or "ONLY_FULL_GROUP_BY" in str(mode).upper()


def group_by(tr: Translator, node: exp.Select, scope: Scope, items: list[Item]) -> tuple[Grouping, list[str], bool]:
    """The grouping, the GROUP BY texts, and whether WITH ROLLUP was said. Raises 1056, 1054, 1111."""
    group = node.args["group"]
    for part in ("cube", "grouping_sets", "totals", "all"):
        if group.args.get(part):
            raise mysql_error(1064, part, 1)
    out = Grouping([], strict=only_full_group_by(tr.b.pc), rollup=bool(group.args.get("rollup")))
    texts: list[str] = []
    scope.clause = "group statement"
    for expression in group.expressions:
        target = expression
        position = position_of(tr, target, len(items), "group statement")
        if position is not None:
            target = items[position][0]
        elif isinstance(target, exp.Column) and not target.table and scope.find(target.name, "", "") is None:
            target = next((n for n, alias in items if alias.lower() == target.name.lower()), target)
        if contains_aggregate(target):
            raise mysql_error(1056, target.sql(dialect="mysql"))
        tr.b.baking += 1
        try:
            e = tr.expr(target, scope)
        finally:
            tr.b.baking -= 1
        tr.b.bake(target)
        e = as_shown(e)
        key = group_key(e)
        if e.t.kind == "null":
            key = "CAST(NULL AS VARCHAR)"
        known = Ex(key, e.t, collated=e.collated or key != e.sql, name=e.name, origin=e.origin, key_sql="")
        texts.append(key)
        # The key may lack spaces at the end: the group shows its first row's text.
        shown = Ex(f"first({e.sql})", e.t) if may_be_padded(e) and not out.rollup else known
        out.nodes.append((same_names(target, scope), shown))
        out.texts[e.sql] = known
    pairs = [(_sql(a), _sql(c)) for a, c in _equal(tr, node, scope, outer=True)]
    out.determined = _closure(tr, scope, set(out.texts), pairs)
    if not out.rollup:
        texts = _needed(tr, node, scope, out, texts)
    return out, texts, out.rollup


#: What groups cheaper comes first.
_CHEAP = ("int", "uint", "bool", "date", "decimal")


def _needed(tr: Translator, node: exp.Select, scope: Scope, group: Grouping, texts: list[str]) -> list[str]:
    """The keys without the columns that the others determine: texts make a grouping many times as dear. What is
    determined must be so for every value that groups tell apart."""
    pairs = [(_sql(a), _sql(c)) for a, c in _equal(tr, node, scope, outer=False) if _alike(a, c)]
    columns = [(sql, e) for sql, e in group.texts.items() if e.origin is not None]
    columns.sort(key=lambda pair: _CHEAP.index(pair[1].t.kind) if pair[1].t.kind in _CHEAP else len(_CHEAP))
    for sql, e in reversed(columns):
        rest = set(group.texts) - {sql}
        if rest and e.sql in texts and sql in _closure(tr, scope, rest, pairs):
            del group.texts[sql]
            group.spared.add(sql)
            texts = [text for text in texts if text != e.sql]
    return texts


def _alike(a: Ex, c: Ex) -> bool:
    """Whether texts or numbers that are equal here fall into one group, too: not 1 and '01'."""
    if a.is_literal or c.is_literal:
        return (a.t.kind == "string") == (c.t.kind == "string") and not (a.t.temporal or c.t.temporal)
    if a.t.integral and c.t.integral:
        return True
    return a.t.kind == c.t.kind and a.t.collation == c.t.collation and a.t.kind in ("string", "decimal", "date")


def _sql(e: Ex) -> str:
    """A column's text, '' for a literal."""
    return "" if e.is_literal else e.sql


def _equal(tr: Translator, node: exp.Select, scope: Scope, *, outer: bool) -> list[tuple[Ex, Ex]]:
    """Columns and literals that the query's conditions make equal; also those of outer joins, if `outer`."""
    found: list[tuple[Ex, Ex]] = []
    conditions = [node.args["where"].this] if node.args.get("where") is not None else []
    for join in node.args.get("joins") or []:
        side = str(join.args.get("side") or "").upper()
        if join.args.get("on") is not None and (not side or (outer and side != "RIGHT")):
            conditions.append(join.args["on"])
    while conditions:
        condition = conditions.pop()
        if isinstance(condition, exp.And):
            conditions += [condition.this, condition.expression]
        elif isinstance(condition, exp.Paren):
            conditions.append(condition.this)
        elif isinstance(condition, exp.EQ):
            left, right = (_known(tr, side, scope) for side in (condition.this, condition.expression))
            if left is not None and right is not None:
                found.append((left, right))
    return found


def _closure(tr: Translator, scope: Scope, known: set[str], pairs: list[tuple[str, str]]) -> set[str]:
    """Columns that have one value in each group of `known`: of a table whose key is there, or equal to such a column
    (`pairs`; '' for a literal)."""
    known = set(known)
    grown = True
    while grown:
        before = len(known)
        for left, right in pairs:
            if not left or left in known:
                known.add(right)
            if not right or right in known:
                known.add(left)
        for relation in scope.relations:
            table = relation.table
            if table is None or table.key_index is None:
                continue
            key = [relation.find(c) for c in table.key_columns]
            if all(c is not None and tr.column_ex(c).sql in known for c in key):
                known |= {tr.column_ex(c).sql for c in relation.columns}
        grown = len(known) > before
    known.discard("")
    return known


def _known(tr: Translator, node: exp.Expression, scope: Scope) -> Ex | None:
    """A column or a literal, None for anything else."""
    if isinstance(node, exp.Literal):
        return Ex("", types.STRING if node.is_string else types.INT, value=node.this)
    if isinstance(node, exp.Column) and not isinstance(node.this, exp.Star):
        column = scope.find(node.name, node.table, node.db)
        return None if column is None else tr.column_ex(column)
    return None
