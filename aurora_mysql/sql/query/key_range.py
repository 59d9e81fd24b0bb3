"""Ranges of an integer key, answered from the row store: rows, DISTINCT, ORDER BY, simple aggregates over BETWEEN."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from operator import itemgetter
from typing import Any

from sqlglot import exp

from aurora_mysql.catalog.collation import collation_key
from aurora_mysql.catalog.model import Column, Table
from aurora_mysql.catalog.physical import needs_collation_key
from aurora_mysql.engine.engine import Engine
from aurora_mysql.engine.keys import INTEGER_TYPES
from aurora_mysql.engine.transaction import Transaction
from aurora_mysql.redo.record import Row
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.functions.collations import sort_keys
from aurora_mysql.sql.plan import PlanContext, ReadPlan
from aurora_mysql.sql.query.expression import CONNECTION_COLLATION
from aurora_mysql.sql.query.sources import session_zone
from aurora_mysql.sql.result import Result, ResultColumn, ResultSet, Value

_SELECT_ARGS = {"expressions", "from_", "where", "order", "distinct", "kind", "operation_modifiers"}
#: Their Python values sort and compare as MySQL's do, given a collation key for text.
_SORTABLE = INTEGER_TYPES | {"decimal", "date", "datetime", "timestamp", "char", "varchar"}

Bound = Callable[[Sequence[Value]], int]
Fold = Callable[[list[Row]], Value]
#: What rows sort by.
SortKeys = Callable[[list[Row]], Sequence[Any]]


@dataclass
class KeyRangeSelect:
    """See :class:`aurora_mysql.sql.plan.Plan`. `general` is the same statement through DuckDB, for what memory can't
    answer; its columns are ours."""

    table: Table
    low: Bound
    high: Bound
    general: ReadPlan
    columns: list[ResultColumn] | None
    pick: Callable[[Row], tuple[Any, ...]] | None = None
    folds: list[Fold] = field(default_factory=list)
    distinct: Callable[[tuple[Any, ...]], Any] | None = None
    order: list[tuple[SortKeys, bool]] = field(default_factory=list)
    writes: bool = False
    is_ddl: bool = False
    needs_transaction: bool = True
    cacheable: bool = True

    async def run(self, ctx: SessionContext, tx: Transaction | None, params: Sequence[Value]) -> Result:
        return await self._from_memory(ctx, tx, params) or await self.general.run(ctx, tx, params)

    async def run_packed(self, ctx: SessionContext, tx: Transaction | None, params: Sequence[Value]) -> Result:
        """As :meth:`run`, for a client that takes packed rows: what DuckDB answers may come so."""
        return await self._from_memory(ctx, tx, params) or await self.general.run_packed(ctx, tx, params)

    async def _from_memory(
        self, ctx: SessionContext, tx: Transaction | None, params: Sequence[Value]
    ) -> ResultSet | None:
        assert tx is not None
        rows = await tx.rows_between(self.table, self.low(params), self.high(params))
        return None if rows is None else self._answer(ctx, rows)

    def peek(self, ctx: SessionContext, engine: Engine, params: Sequence[Value]) -> Result | None:
        """The answer outside any transaction, None when memory does not have it."""
        rows = engine.peek_range(ctx, self.table, self.low(params), self.high(params))
        return None if rows is None else self._answer(ctx, rows)

    def _answer(self, ctx: SessionContext, rows: list[Row]) -> ResultSet:
        assert self.columns is not None
        if self.pick is None:
            ctx.found_rows = 1
            return ResultSet(self.columns, [tuple([fold(rows) for fold in self.folds])])
        for keys_of, descending in reversed(self.order):
            keys = keys_of(rows)
            rows = [rows[i] for i in sorted(range(len(rows)), key=keys.__getitem__, reverse=descending)]
        found = list(map(self.pick, rows))
        if self.distinct is not None:
            seen: dict[Any, tuple[Any, ...]] = {}
            for row in found:
                seen.setdefault(self.distinct(row), row)
            found = list(seen.values())
        ctx.found_rows = len(found)
        return ResultSet(self.columns, found)


def key_range_select(ast: exp.Expression, pc: PlanContext, general: ReadPlan) -> KeyRangeSelect | None:
    """The plan when `ast` reads a range of an integer key of one base table in a way that memory can answer, else None.
    `general` is the plan through DuckDB."""
    if type(ast) is not exp.Select or any(v for k, v in ast.args.items() if k not in _SELECT_ARGS):
        return None
    source, where = ast.args.get("from_"), ast.args.get("where")
    if source is None or where is None or type(source.this) is not exp.Table or ast.args.get("operation_modifiers"):
        return None
    node = source.this
    if any(node.args.get(k) for k in node.args if k not in ("this", "alias", "db")):
        return None
    table = pc.catalog.tables.get((node.db or pc.database, node.name))
    if table is None or table.key_index is None or len(table.key_columns) != 1:
        return None
    key = table.column(table.key_columns[0])
    if key is None or key.type.name not in INTEGER_TYPES:
        return None
    names = _Names(table, node.alias or node.name, pc)
    bounds = _bounds(where.this, key, names)
    if bounds is None or general.columns is None:
        return None
    plan = KeyRangeSelect(table, *bounds, general, general.columns)
    folds = [_fold(item.unalias(), names) for item in ast.expressions]
    if all(folds):
        if ast.args.get("order") or ast.args.get("distinct"):
            return None
        plan.folds = [fold for fold in folds if fold is not None]
        return plan
    columns: list[Column] = []
    for item in ast.expressions:
        found = names.columns(item.unalias())
        if found is None:
            return None
        columns += found
    positions = [names.position(column) for column in columns]
    plan.pick = itemgetter(*positions) if len(positions) > 1 else _one(positions[0])
    distinct = ast.args.get("distinct")
    if distinct is not None:
        if distinct.args.get("on") or not all(c.type.name in _SORTABLE for c in columns):
            return None
        plan.distinct = _row_key(columns)
    order = ast.args.get("order")
    for ordered in order.expressions if order is not None else ():
        column = names.column(ordered.this)
        if column is None or column.type.name not in _SORTABLE or (distinct is not None and column not in columns):
            return None
        if column is not key or ordered.args.get("desc"):
            plan.order.append((_sort_keys(names.position(column), column), bool(ordered.args.get("desc"))))
        elif column is key:
            break  # rows come in key order, and the key decides
    return plan


class _Names:
    """Columns by the way a statement names them."""

    def __init__(self, table: Table, alias: str, pc: PlanContext) -> None:
        self.table, self._alias = table, alias.lower()
        self._utc = session_zone(pc.ctx) == "UTC"

    def column(self, node: exp.Expression) -> Column | None:
        """The column that `node` is, if its value in the row store is what a client gets."""
        if not isinstance(node, exp.Column) or node.args.get("db") or isinstance(node.this, exp.Star):
            return None
        if node.table and node.table.lower() != self._alias:
            return None
        column = self.table.column(node.name)
        if column is None or (column.type.name == "timestamp" and not self._utc):
            return None
        return column

    def columns(self, node: exp.Expression) -> list[Column] | None:
        """The columns of a select item, as :meth:`column`; all of them for a star."""
        star = isinstance(node, exp.Star)
        if isinstance(node, exp.Column) and isinstance(node.this, exp.Star):
            star = not node.args.get("db") and node.table.lower() == self._alias
        if star:
            visible = list(self.table.visible_columns)
            return visible if self._utc or all(c.type.name != "timestamp" for c in visible) else None
        column = self.column(node)
        return None if column is None else [column]

    def position(self, column: Column) -> int:
        return self.table.position[column.name.lower()]


def _bounds(condition: exp.Expression, key: Column, names: _Names) -> tuple[Bound, Bound] | None:
    """Lowest and highest key, when `condition` is nothing but a range of the key."""
    if isinstance(condition, exp.Between):
        if names.column(condition.this) is not key:
            return None
        low, high = _integer(condition.args["low"]), _integer(condition.args["high"])
        return None if low is None or high is None else (low, high)
    if not isinstance(condition, exp.And):
        return None
    found: dict[str, Bound] = {}
    for part in (condition.this, condition.expression):
        kind = {exp.GTE: ("low", 0), exp.GT: ("low", 1), exp.LTE: ("high", 0), exp.LT: ("high", -1)}.get(type(part))
        if kind is None or names.column(part.this) is not key:
            return None
        value = _integer(part.expression, kind[1])
        if value is None or kind[0] in found:
            return None
        found[kind[0]] = value
    return (found["low"], found["high"]) if len(found) == 2 else None


def _integer(node: exp.Expression, shift: int = 0) -> Bound | None:
    """The value of an integer literal, plus `shift`."""
    if not isinstance(node, exp.Literal) or node.is_string or not str(node.this).isdigit() or len(str(node.this)) > 18:
        return None
    index = node.meta.get("param")
    if index is None:
        number = int(node.this) + shift
        return lambda params: number
    if shift:
        return lambda params: params[index] + shift
    return itemgetter(index)


def _fold(node: exp.Expression, names: _Names) -> Fold | None:
    """COUNT(*), COUNT, SUM, MIN and MAX of an integer column."""
    if isinstance(node, exp.Count) and isinstance(node.this, exp.Star) and not node.expressions:
        return len
    if isinstance(node, exp.Anonymous):  # our dialect leaves SUM to the translator
        name, arguments = str(node.this).upper(), node.expressions
    elif isinstance(node, exp.Count | exp.Sum | exp.Min | exp.Max) and not node.expressions:
        name, arguments = node.key.upper(), [node.this]
    else:
        return None
    if name not in ("COUNT", "SUM", "MIN", "MAX") or len(arguments) != 1:
        return None
    column = names.column(arguments[0])
    if column is None or column.type.name not in INTEGER_TYPES:
        return None
    at = names.position(column)
    if name == "COUNT":
        return lambda rows: sum(row[at] is not None for row in rows)
    if name == "SUM":

        def total(rows: list[Row]) -> Value:
            values = [row[at] for row in rows if row[at] is not None]
            return Decimal(sum(values)) if values else None

        return total
    best = min if name == "MIN" else max
    return lambda rows: best((row[at] for row in rows if row[at] is not None), default=None)


def _one(position: int) -> Callable[[Row], tuple[Any, ...]]:
    return lambda row: (row[position],)


def _text_key(column: Column) -> Callable[[str], str] | None:
    if not needs_collation_key(column):
        return None
    collation = column.type.collation
    return lambda text: collation_key(text, collation)


def _sort_keys(position: int, column: Column) -> SortKeys:
    """NULL first, text by its collation."""
    collation = (column.type.collation or CONNECTION_COLLATION) if column.type.name in ("char", "varchar") else None

    def keys(rows: list[Row]) -> Sequence[Any]:
        values: Sequence[Any] = [row[position] for row in rows]
        if collation is not None:
            values = sort_keys(values, collation)
        return [(value is not None, value) for value in values] if column.nullable else values

    return keys


def _row_key(columns: Sequence[Column]) -> Callable[[tuple[Any, ...]], Any]:
    """What DISTINCT compares."""
    folds = [_text_key(column) for column in columns]
    if not any(folds):
        return lambda row: row
    if len(folds) == 1:
        only = folds[0]
        assert only is not None
        return lambda row: None if row[0] is None else only(row[0])
    return lambda row: tuple([v if fold is None or v is None else fold(v) for v, fold in zip(row, folds, strict=True)])
