"""EXPLAIN: MySQL's table from the statement (`explain_steps`), TREE and JSON from DuckDB's plan (`explain_tree`)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import duckdb
from sqlglot import exp

from aurora_mysql.catalog.model import ColumnType, Table
from aurora_mysql.engine.transaction import Transaction
from aurora_mysql.errors import mysql_error, unsupported
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.plan import Plan, PlanContext
from aurora_mysql.sql.query.explain_steps import Step, key_bytes, steps_of
from aurora_mysql.sql.query.explain_tree import Known, plan_tree, table_name, was_measured
from aurora_mysql.sql.query.failures import mysql_failure
from aurora_mysql.sql.query.relations import materialise
from aurora_mysql.sql.query.select import SelectSql, translate_select
from aurora_mysql.sql.query.sources import bind_sources
from aurora_mysql.sql.result import Result, ResultColumn, ResultSet, Value
from aurora_mysql.sql.result_types import from_type

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
                tree = plan_tree(plan, self._known()) if plan else ""
                return ResultSet(self.columns, [("\n".join(part for part in (self.title, tree) if part) + "\n",)])
            lines = [await self._line(s, tx) for s in self.steps]
            return ResultSet(self.columns, [(json_document(lines, plan, self._names()),)])
        except duckdb.Error as error:
            raise mysql_failure(error) from error

    async def _line(self, step: Step, tx: Transaction) -> tuple[Any, ...]:
        rows: int | None = None
        if step.access in ("const", "eq_ref"):
            rows = 1
        elif step.table is not None and not step.writes_only:
            rows = await self._rows_read(step, step.table, tx)
        key = None if step.key is None else step.key.name
        length = None if step.key is None or step.table is None else str(key_bytes(step.table, step.key))
        ref = "const" if step.access in ("const", "ref") else None
        filtered = None if rows is None else 100.0
        return (
            step.number, step.select_type, step.name, None, step.access, step.possible, key, length, ref, rows,
            filtered, step.extra,
        )  # fmt: skip

    async def _rows_read(self, step: Step, table: Table, tx: Transaction) -> int:
        """About how many rows a scan, or a look into the step's index, brings."""
        name = table.physical_name
        found = await tx.query(f"SELECT count(*) FROM {name}", tables=[table])
        rows = int(found.rows[0][0])
        if step.key is None or not rows:
            return rows
        if step.access == "range":
            return max(1, rows // 3)  # what optimizers guess of a range whose ends they don't look up
        column = '"' + step.key.columns[0].replace('"', '""') + '"'
        found = await tx.query(f"SELECT stats({column}) FROM {name} LIMIT 1", tables=[table])
        different = dict(found.rows[0][0] or {}).get("approx_unique") if found.rows else None
        return max(1, rows // int(different)) if different else rows

    async def _duckdb_plan(
        self, select: SelectSql, ctx: SessionContext, tx: Transaction, params: Sequence[Value]
    ) -> str:
        values = bind_sources(select.sources, ctx, tx, params)
        relations = materialise(select.relations, ctx, self.services)

        async def explained(option: str) -> str:
            found = await tx.query(
                f"EXPLAIN ({option}FORMAT JSON) {select.sql}", values, tables=select.tables, relations=relations
            )
            return str(found.rows[-1][-1])

        plan = await explained("ANALYZE, " if self.analyze else "")
        return plan if not self.analyze or was_measured(plan) else await explained("")

    def _names(self) -> dict[str, str]:
        """The tables' names by those that they have in DuckDB."""
        return {} if self.select is None else {table.physical_name: table.name for table in self.select.tables}

    def _known(self) -> Known:
        columns = () if self.select is None else self.select.columns
        return Known(self._names(), [column.name for column in columns], self._lookups())

    def _lookups(self) -> dict[str, str]:
        """What a plan's scans are where memory finds the rows, for a query that is not only run to be measured."""
        if self.analyze or len(self.steps) != 1:
            return {}
        (step,) = self.steps
        how = _LOOKUPS.get(step.access or "")
        if how is None or step.table is None or step.key is None:
            return {}
        return {step.table.physical_name: f"{how} on {step.name} using {step.key.name}"}


_LOOKUPS = {
    "const": "Single-row index lookup",
    "ref": "Index lookup",
    "range": "Index range scan",
}


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
    steps = steps_of(ast, pc)
    select = translate_select(ast, pc)
    if analyze and select.stored:
        raise unsupported("EXPLAIN ANALYZE with stored functions")
    return ExplainPlan(pc.services, select, steps, "TREE" if analyze and form == "TRADITIONAL" else form, analyze)


def json_document(lines: Sequence[tuple[Any, ...]], plan: str, names: Mapping[str, str]) -> str:
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
        document["execution_plan"] = _named(json.loads(plan), names)
    return json.dumps(document, indent=2)


def _named(plan: Any, names: Mapping[str, str]) -> Any:
    """DuckDB's plan with the client's names of tables."""
    if isinstance(plan, list):
        return [_named(item, names) for item in plan]
    if isinstance(plan, dict):
        return {k: table_name(v, names) if k == "Table" else _named(v, names) for k, v in plan.items()}
    return plan


def plan_explain_write(ast: exp.Expression, verb: str, pc: PlanContext, *, form: str) -> Plan:
    """EXPLAIN of an INSERT, REPLACE, UPDATE or DELETE that was planned, and so checked, before: `ast` is its tree.

    Raises:
        MySQLError: as SELECT.
    """
    target = ast.find(exp.Table)
    assert target is not None, "a write has a target"
    read = _read_by(ast)
    steps = [] if read is None else steps_of(read, pc)
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
