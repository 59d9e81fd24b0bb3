"""EXPLAIN: MySQL's table from the statement, TREE and JSON from DuckDB's plan."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import duckdb
from sqlglot import exp

from aurora_mysql.catalog.model import ColumnType, Index, Table
from aurora_mysql.catalog.physical import duckdb_type
from aurora_mysql.engine.transaction import Transaction
from aurora_mysql.errors import mysql_error, unsupported
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.plan import Plan, PlanContext
from aurora_mysql.sql.query.failures import mysql_failure
from aurora_mysql.sql.query.relations import materialise
from aurora_mysql.sql.query.select import SelectSql, translate_select
from aurora_mysql.sql.query.sources import bind_sources
from aurora_mysql.sql.result import Result, ResultColumn, ResultSet, Value
from aurora_mysql.sql.result_types import character_bytes, from_type

if TYPE_CHECKING:
    from aurora_mysql.sql.instance_services import InstanceServices

_TEXT = ColumnType("varchar", 255, charset="utf8mb4", collation="utf8mb4_0900_ai_ci")
_HEADINGS: list[tuple[str, ColumnType]] = [
    ("id", ColumnType("bigint", unsigned=True)),
    ("select_type", _TEXT),
    ("table", _TEXT),
    ("partitions", _TEXT),
    ("type", _TEXT),
    ("possible_keys", _TEXT),
    ("key", _TEXT),
    ("key_len", _TEXT),
    ("ref", _TEXT),
    ("rows", ColumnType("bigint", unsigned=True)),
    ("filtered", ColumnType("double")),
    ("Extra", _TEXT),
]


@dataclass(slots=True)
class Step:
    """One line of the table; `rows` is found out at run time for a base table. `writes_only`: rows are put into it,
    none are read."""

    number: int | None
    select_type: str
    name: str | None
    table: Table | None = None
    access: str | None = None
    possible: str | None = None
    key: Index | None = None
    extra: str | None = None
    writes_only: bool = False


@dataclass
class ExplainPlan:
    """See :class:`aurora_mysql.sql.plan.Plan`. `select` is what is read, None when nothing is; `title` tells what a
    statement does with it that is no query."""

    services: InstanceServices
    select: SelectSql | None
    steps: list[Step]
    form: str
    analyze: bool
    title: str = ""
    columns: list[ResultColumn] | None = None
    writes: bool = False
    is_ddl: bool = False
    needs_transaction: bool = True
    cacheable: bool = False

    def __post_init__(self) -> None:
        if self.form == "TRADITIONAL":
            self.columns = [from_type(name, kind) for name, kind in _HEADINGS]
        else:
            self.columns = [from_type("EXPLAIN", ColumnType("longtext", charset="utf8mb4"))]

    async def run(self, ctx: SessionContext, tx: Transaction | None, params: Sequence[Value]) -> Result:
        assert tx is not None and self.columns is not None
        try:
            if self.form == "TRADITIONAL":
                return ResultSet(self.columns, [await self._line(s, tx) for s in self.steps])
            plan = "" if self.select is None else await self._duckdb_plan(self.select, ctx, tx, params)
            if self.form == "TREE":
                return ResultSet(self.columns, [("\n".join(part for part in (self.title, plan) if part),)])
            lines = [await self._line(s, tx) for s in self.steps]
            return ResultSet(self.columns, [(json_document(lines, plan),)])
        except duckdb.Error as error:
            raise mysql_failure(error) from error

    async def _line(self, step: Step, tx: Transaction) -> tuple[Any, ...]:
        rows: int | None = None
        if step.access in ("const", "eq_ref"):
            rows = 1
        elif step.writes_only:
            rows = None
        elif step.table is not None:
            found = await tx.query(f"SELECT count(*) FROM {step.table.physical_name}", tables=[step.table])
            rows = int(found.rows[0][0])
        key = None if step.key is None else step.key.name
        length = None if step.key is None or step.table is None else str(_key_bytes(step.table, step.key))
        ref = "const" if step.access == "const" else None
        filtered = None if rows is None else 100.0
        return (
            step.number, step.select_type, step.name, None, step.access, step.possible, key, length, ref, rows,
            filtered, step.extra,
        )  # fmt: skip

    async def _duckdb_plan(
        self, select: SelectSql, ctx: SessionContext, tx: Transaction, params: Sequence[Value]
    ) -> str:
        values = bind_sources(select.sources, ctx, tx, params)
        relations = materialise(select.relations, ctx, self.services)
        options = [o for o, on in (("ANALYZE", self.analyze), ("FORMAT JSON", self.form == "JSON")) if on]
        prefix = f"EXPLAIN ({', '.join(options)}) " if options else "EXPLAIN "
        found = await tx.query(prefix + select.sql, values, tables=select.tables, relations=relations)
        return "\n".join(str(row[-1]) for row in found.rows)


def plan_explain(ast: exp.Expression, pc: PlanContext, *, form: str = "TRADITIONAL", analyze: bool = False) -> Plan:
    """EXPLAIN of the query `ast` (an exp.Describe around it is opened, its FORMAT counts).

    `form` is TRADITIONAL, TREE or JSON. EXPLAIN ANALYZE runs the query and answers as TREE.

    Raises:
        MySQLError: 1064 for what is no query, 1791 for an unknown format; as SELECT.
    """
    if isinstance(ast, exp.Describe):
        style = ast.args.get("style")
        analyze = analyze or str(style or "").upper() == "ANALYZE"
        named = ast.args.get("format")
        if named is not None:
            form = str(named.name if isinstance(named, exp.Expression) else named)
        ast = ast.this
    form = form.upper()
    if form not in ("TRADITIONAL", "TREE", "JSON"):
        raise mysql_error(1791, form)
    if not isinstance(ast, exp.Query):
        raise mysql_error(1064, "EXPLAIN", 1)
    steps = _steps(ast, pc)
    select = translate_select(ast, pc)
    if analyze and select.stored:
        raise unsupported("EXPLAIN ANALYZE with stored functions")
    return ExplainPlan(pc.services, select, steps, "TREE" if analyze and form == "TRADITIONAL" else form, analyze)


def json_document(lines: Sequence[tuple[Any, ...]], plan: str) -> str:
    """FORMAT=JSON: MySQL's shape, and how DuckDB goes about it under "execution_plan"."""
    tables = []
    for line in lines:
        number, kind, name, _, access, possible, key, length, ref, rows, filtered, extra = line
        table: dict[str, Any] = {"table_name": name, "access_type": access}
        if kind in ("INSERT", "REPLACE", "UPDATE", "DELETE"):
            table = {kind.lower(): True, **table}
        if possible is not None:
            table["possible_keys"] = possible.split(",")
        if key is not None:
            table |= {"key": key, "key_length": length}
        if ref is not None:
            table["ref"] = [ref]
        if rows is not None:
            table |= {"rows_examined_per_scan": rows, "filtered": f"{filtered:.2f}"}
        if extra is not None:
            table["message" if name is None else "extra"] = extra
        tables.append((number, {k: v for k, v in table.items() if v is not None}))
    block: dict[str, Any] = {"select_id": 1}
    first = [table for number, table in tables if number == tables[0][0]]
    if len(first) == 1:
        block["table"] = first[0]
    else:
        block["nested_loop"] = [{"table": table} for table in first]
    rest = [{"select_id": number, "table": table} for number, table in tables if number != tables[0][0]]
    if rest:
        block["subqueries"] = [{"query_block": inner} for inner in rest]
    document: dict[str, Any] = {"query_block": block}
    if plan:
        document["execution_plan"] = json.loads(plan)
    return json.dumps(document, indent=2)


def plan_explain_write(ast: exp.Expression, verb: str, pc: PlanContext, *, form: str) -> Plan:
    """EXPLAIN of an INSERT, REPLACE, UPDATE or DELETE that was planned, and so checked, before: `ast` is its tree.

    Raises:
        MySQLError: as SELECT.
    """
    target = ast.find(exp.Table)
    assert target is not None, "a write has a target"
    read = _read_by(ast)
    steps = [] if read is None else _steps(read, pc)
    if verb in ("INSERT", "REPLACE"):
        steps.insert(0, Step(1, verb, target.name, access="ALL", writes_only=True))
    else:
        written = {node.name.lower() for node in _written(ast)}
        single = len(steps) == 1
        for step in steps:
            if single or str(step.name).lower() in written:
                step.select_type = verb
        if single and verb == "DELETE" and not any(ast.args.get(part) for part in ("where", "limit", "order")):
            steps[0].name, steps[0].access, steps[0].extra = None, None, "Deleting all rows"
    title = f"-> {verb.capitalize()}{' into' if verb in ('INSERT', 'REPLACE') else ''} {target.name}"
    select = None if read is None else translate_select(read, pc)
    return ExplainPlan(pc.services, select, steps, form, False, title)


def _read_by(ast: exp.Expression) -> Any:
    """The query of a write: the rows that it changes, or puts in."""
    if isinstance(ast, exp.Insert):
        source = ast.args.get("expression")
        return source if isinstance(source, exp.Query) and not isinstance(source, exp.Values) else None
    using = ast.args.get("using")
    table: Any = (using[0] if using else ast.this).copy()
    joins = table.args.pop("joins", None) or []
    parts = {name: ast.args[name].copy() for name in ("where", "order", "limit") if ast.args.get(name)}
    return exp.Select(expressions=[exp.Star()], from_=exp.From(this=table), joins=joins, **parts)


def _written(ast: exp.Expression) -> list[exp.Expression]:
    """Names and aliases of the tables that a write of several tables changes."""
    if isinstance(ast, exp.Delete):
        return list(ast.args.get("tables") or ([ast.this] if ast.args.get("using") else []))
    columns = [item.this for item in ast.expressions if isinstance(item, exp.EQ)]
    return [column.args["table"] for column in columns if column.args.get("table") is not None]


def _steps(ast: exp.Expression, pc: PlanContext) -> list[Step]:
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
    """Whether an equality names a whole unique key of the table."""
    equal: set[str] = set()
    constant: set[str] = set()
    for condition in select.find_all(exp.EQ):
        for side, other in ((condition.this, condition.expression), (condition.expression, condition.this)):
            if isinstance(side, exp.Column) and side.table in ("", step.name) and table.column(side.name) is not None:
                equal.add(side.name.lower())
                if isinstance(other, exp.Literal):
                    constant.add(side.name.lower())
    possible = [i for i in table.indexes if i.columns[0].lower() in equal]
    step.possible = ",".join(i.name for i in possible) or None
    for index in possible:
        if index.unique and {c.lower() for c in index.columns} <= equal:
            step.key = index
            step.access = "const" if {c.lower() for c in index.columns} <= constant else "eq_ref"
            if step.access == "const" and step.extra == "Using where":
                step.extra = None
            return


_BYTES = {"tinyint": 1, "smallint": 2, "mediumint": 3, "int": 4, "bigint": 8, "date": 3, "datetime": 5, "year": 1}


def _key_bytes(table: Table, index: Index) -> int:
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
