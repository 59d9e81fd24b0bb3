"""The lines of MySQL's EXPLAIN, from the statement: which tables, and by which of their keys."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import exp

from aurora_mysql.catalog.model import Index, Table
from aurora_mysql.catalog.physical import duckdb_type
from aurora_mysql.sql.plan import PlanContext
from aurora_mysql.sql.result_types import character_bytes


@dataclass(slots=True)
class Step:
    """One line of the table; how many rows is found out at run time. `access`, `possible` and `key` are what EXPLAIN
    calls type, possible_keys and key. `writes_only`: rows are put into it, none are read."""

    number: int | None
    select_type: str
    name: str | None
    table: Table | None = None
    access: str | None = None
    possible: str | None = None
    key: Index | None = None
    extra: str | None = None
    writes_only: bool = False


def steps_of(ast: exp.Expression, pc: PlanContext) -> list[Step]:
    steps: list[Step] = []
    selects = list(ast.find_all(exp.Select, bfs=False))
    union = isinstance(ast, exp.SetOperation)
    for number, select in enumerate(selects, 1):
        kind = "SIMPLE" if len(selects) == 1 else "PRIMARY" if number == 1 else "UNION" if union else "SUBQUERY"
        if kind == "SUBQUERY" and isinstance(select.parent, exp.Subquery) and select.parent.alias:
            kind = "DERIVED"
        source = select.args.get("from_")
        nodes = [] if source is None else [source.this]
        nodes += [j.this for j in select.args.get("joins") or []]
        if not nodes:
            steps.append(Step(number, kind, None, extra="No tables used"))
        extra = []
        if select.args.get("where") is not None:
            extra.append("Using where")
        if select.args.get("group") is not None or select.args.get("distinct") is not None:
            extra.append("Using temporary")
        if select.args.get("order") is not None:
            extra.append("Using filesort")
        for position, node in enumerate(nodes):
            step = Step(number, kind, node.alias_or_name or None, access="ALL")
            if isinstance(node, exp.Table):
                step.table = pc.catalog.tables.get((node.db or pc.database, node.name))
            if not position:
                step.extra = "; ".join(extra) or None
            if step.table is not None:
                _access(step, step.table, select)
            steps.append(step)
    return steps


def _access(step: Step, table: Table, select: exp.Expression) -> None:
    """Which index the conditions name: a whole unique key, else the first column of an index by a constant, else a
    range of one of integers. These are what memory finds rows by (see `key_access` and `key_range`)."""
    equal: set[str] = set()
    constant: set[str] = set()
    ranged: set[str] = set()
    for name, other in _compared(step, table, select, exp.EQ):
        equal.add(name)
        if _is_constant(other):
            constant.add(name)
    where = select.args.get("where")
    if where is not None:
        for kind in (exp.GT, exp.GTE, exp.LT, exp.LTE):
            ranged |= {name for name, other in _compared(step, table, where, kind) if _is_constant(other)}
        for condition in where.find_all(exp.Between, exp.In):
            column_name = _column_of(condition.this, step, table)
            values = condition.expressions if isinstance(condition, exp.In) else [condition.args["low"]]
            if column_name is not None and values and not isinstance(condition.parent, exp.Not):
                ranged.add(column_name)
    firsts = [(index, index.columns[0].lower()) for index in table.indexes if index.columns]
    possible = [index for index, first in firsts if first in equal or first in ranged]
    step.possible = ",".join(i.name for i in possible) or None
    for index in possible:
        columns = {c.lower() for c in index.columns}
        if index.unique and columns <= equal:
            step.key = index
            step.access = "const" if columns <= constant else "eq_ref"
            if step.access == "const" and step.extra == "Using where":
                step.extra = None
            return
    for index, first in firsts:
        if index in possible and first in constant:
            step.key, step.access = index, "ref"
            return
    for index, first in firsts:
        column = table.column(first)
        if index in possible and first in ranged and column is not None and column.type.name in _INTEGERS:
            step.key, step.access = index, "range"
            return


def _compared(
    step: Step, table: Table, tree: exp.Expression, kind: type[exp.Binary]
) -> Iterator[tuple[str, exp.Expression]]:
    """(column of the step's table, what it is compared with) of all comparisons of a kind."""
    for condition in tree.find_all(kind):
        for side, other in ((condition.this, condition.expression), (condition.expression, condition.this)):
            name = _column_of(side, step, table)
            if name is not None:
                yield name, other


def _column_of(node: exp.Expression, step: Step, table: Table) -> str | None:
    if not isinstance(node, exp.Column) or node.table not in ("", step.name) or table.column(node.name) is None:
        return None
    return node.name.lower()


def _is_constant(node: exp.Expression) -> bool:
    return isinstance(node, exp.Literal | exp.Placeholder | exp.Neg | exp.Parameter)


_INTEGERS = frozenset(("tinyint", "smallint", "mediumint", "int", "bigint"))
_BYTES = {"tinyint": 1, "smallint": 2, "mediumint": 3, "int": 4, "bigint": 8, "date": 3, "datetime": 5, "year": 1}


def key_bytes(table: Table, index: Index) -> int:
    total = 0
    for part in index.parts:
        column = table.column(part.column)
        assert column is not None
        size = _BYTES.get(column.type.name)
        if size is None:
            size = 8
            if duckdb_type(column.type) in ("VARCHAR", "BLOB"):
                size = (part.length or column.type.length or 1) * character_bytes(column.type) + 2
        total += size + (1 if column.nullable else 0)
    return total
