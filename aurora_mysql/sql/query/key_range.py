"""Ranges of an integer key, answered from the row store: rows, DISTINCT, ORDER BY, simple aggregates over BETWEEN."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from typing import Any

from sqlglot import exp

from aurora_mysql.catalog.collation import collation_key
from aurora_mysql.catalog.model import Column, Table
from aurora_mysql.catalog.physical import needs_collation_key
from aurora_mysql.catalog.zero_date import ZeroDate
from aurora_mysql.engine.engine import Engine
from aurora_mysql.engine.key_pages import Derive, RowsFound
from aurora_mysql.engine.keys import INTEGER_TYPES
from aurora_mysql.engine.memory_reads import range_at_once, ranges_at_once, rows_by_value_at_once
from aurora_mysql.engine.transaction import Transaction
from aurora_mysql.redo.record import Row
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.functions.collations import sort_keys
from aurora_mysql.sql.plan import EncoderOf, PlanContext, Read, ReadPlan
from aurora_mysql.sql.query.expression import CONNECTION_COLLATION
from aurora_mysql.sql.query.key_sets import Bound, KeySet, integer, key_set
from aurora_mysql.sql.query.sources import pads_char, session_zone
from aurora_mysql.sql.result import Result, ResultColumn, ResultSet, Value

_SELECT_ARGS = {"expressions", "from_", "where", "order", "distinct", "kind", "operation_modifiers", "limit", "offset"}
#: Their Python values sort and compare as MySQL's do, given a collation key for text.
_SORTABLE = INTEGER_TYPES | {"decimal", "date", "datetime", "timestamp", "char", "varchar"}


@dataclass(frozen=True, slots=True)
class Access:
    """How rows are found: by ranges of the key, or (`position` is set) of an indexed integer column."""

    table: Table
    keys: KeySet
    position: int | None = None

    async def rows(self, tx: Transaction, params: Sequence[Value]) -> list[Row] | None:
        """As a plain read of `tx` sees them; None when memory can't answer."""
        return await tx.rows_in(self.table, self.keys.bind(params), self.position)

    def at_once(self, engine: Engine) -> Callable[[SessionContext, Sequence[Value]], RowsFound | None]:
        """The same without waiting, inside a transaction or not."""
        table, position, bind, single = self.table, self.position, self.keys.bind, self.keys.single
        if position is not None:
            return lambda ctx, params: rows_by_value_at_once(engine, ctx, table, position, bind(params))
        if single is None:
            return lambda ctx, params: ranges_at_once(engine, ctx, table, bind(params))
        low, high = single
        return lambda ctx, params: range_at_once(engine, ctx, table, low(params), high(params))


@dataclass(frozen=True, slots=True)
class Fold:
    """An aggregate: `values` of the rows, then one value of these."""

    values: Derive
    reduce: Callable[[Sequence[Any]], Value]


@dataclass
class KeyRangeSelect:
    """See :class:`aurora_mysql.sql.plan.Plan`. `general` is the same statement through DuckDB, for what memory can't
    answer; its columns are ours. `order` and `distinct` give what rows sort by and are told apart by; `limit` and
    `offset` are of what comes out."""

    access: Access
    general: ReadPlan
    columns: list[ResultColumn] | None
    positions: Sequence[int] = ()
    folds: list[Fold] = field(default_factory=list)
    distinct: Derive | None = None
    order: list[tuple[Derive, bool]] = field(default_factory=list)
    limit: Bound | None = None
    offset: Bound | None = None
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
        assert tx is not None and self.columns is not None
        rows = await self.access.rows(tx, params)
        if rows is None:
            return None
        found = RowsFound.of(rows)
        if self.folds:
            values = [self._folded(found)]
        else:
            values = list(self._arranged(found, _picker(self.positions), params))
        ctx.found_rows = len(values)
        return ResultSet(self.columns, values)

    def reader(self, engine: Engine, encoder: EncoderOf) -> Read | None:
        """See :class:`aurora_mysql.sql.plan.MemoryPlan`."""
        find = self.access.at_once(engine)
        if self.folds:
            encode = encoder(range(len(self.folds)))

            def read_folded(ctx: SessionContext, params: Sequence[Value]) -> Sequence[Any] | None:
                found = find(ctx, params)
                return None if found is None else (encode(self._folded(found)),)

            return read_folded
        encode_rows = _each(encoder(self.positions))

        def read(ctx: SessionContext, params: Sequence[Value]) -> Sequence[Any] | None:
            found = find(ctx, params)
            return None if found is None else self._arranged(found, encode_rows, params)

        return read

    def _folded(self, found: RowsFound) -> tuple[Value, ...]:
        rows = found.rows()
        return tuple([fold.reduce(fold.values(rows)) for fold in self.folds])

    def _arranged(self, found: RowsFound, make: Derive, params: Sequence[Value]) -> Sequence[Any]:
        """What `make` makes of the rows, sorted, without duplicates and cut as the statement wants."""
        items = found.gather(make)
        if self.order or self.distinct is not None:
            places: Sequence[int] = range(len(items))
            for keys_of, descending in reversed(self.order):
                places = sorted(places, key=found.gather(keys_of).__getitem__, reverse=descending)
            if self.distinct is not None:
                same = found.gather(self.distinct)
                first: dict[Any, int] = {}
                for place in places:
                    first.setdefault(same[place], place)
                places = list(first.values())
            items = [items[place] for place in places]
        if self.limit is not None:
            offset = 0 if self.offset is None else self.offset(params)
            items = items[offset : offset + self.limit(params)]
        return items


def key_range_select(ast: exp.Expression, pc: PlanContext, general: ReadPlan) -> KeyRangeSelect | None:
    """The plan when `ast` reads ranges of an integer key, or of an indexed integer column, of one base table in a way
    that memory can answer, else None. `general` is the plan through DuckDB."""
    if pads_char(pc.ctx):
        return None
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
    keys = key_set(where.this, names.column)
    if keys is None or general.columns is None:
        return None
    by_key = keys.column is key
    if not by_key and not _is_indexed(keys.column, table):
        return None
    access = Access(table, keys, None if by_key else names.position(keys.column))
    plan = KeyRangeSelect(access, general, general.columns)
    if not _take_limit(ast, plan):
        return None
    folds = [_fold(item.unalias(), names) for item in ast.expressions]
    if all(folds):
        if ast.args.get("order") or ast.args.get("distinct") or plan.limit is not None:
            return None
        plan.folds = [fold for fold in folds if fold is not None]
        return plan
    columns: list[Column] = []
    for item in ast.expressions:
        found = names.columns(item.unalias())
        if found is None:
            return None
        columns += found
    plan.positions = [names.position(column) for column in columns]
    distinct = ast.args.get("distinct")
    if distinct is not None:
        if distinct.args.get("on") or not all(c.type.name in _SORTABLE for c in columns):
            return None
        plan.distinct = row_keys_of(columns, plan.positions)
    order = ast.args.get("order")
    wanted: list[tuple[Column, bool]] = []
    for ordered in order.expressions if order is not None else ():
        column = names.column(ordered.this)
        if column is None or column.type.name not in _SORTABLE or (distinct is not None and column not in columns):
            return None
        wanted.append((column, bool(ordered.args.get("desc"))))
        if column is key:
            break  # it decides
    natural = [(key, False)] if by_key else [(keys.column, False), (key, False)]
    if wanted != natural[: len(wanted)]:
        plan.order = [(sort_keys_of(names.position(column), column), descending) for column, descending in wanted]
    return plan


def _is_indexed(column: Column, table: Table) -> bool:
    """An index begins with the column, and its values fit into 64 bits with a sign."""
    if column.type.name == "bigint" and column.type.unsigned:
        return False
    return any(
        index.visible and index.kind in ("BTREE", "HASH") and index.columns[0].lower() == column.name.lower()
        for index in table.indexes
    )


def _take_limit(ast: exp.Select, plan: KeyRangeSelect) -> bool:
    """False when LIMIT or OFFSET is no number."""
    for name in ("limit", "offset"):
        node = ast.args.get(name)
        if node is not None:
            bound = None if node.args.get("expression") is None else integer(node.args["expression"])
            if bound is None or not isinstance(node, exp.Limit | exp.Offset):
                return False
            setattr(plan, name, bound)
    return plan.offset is None or plan.limit is not None


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


def _fold(node: exp.Expression, names: _Names) -> Fold | None:
    """COUNT(*), COUNT, SUM, MIN and MAX of an integer column."""
    if isinstance(node, exp.Count) and isinstance(node.this, exp.Star) and not node.expressions:
        return Fold(_everything, len)
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
    values = _values(names.position(column))
    reduce = _REDUCE[name]
    if column.nullable:
        return Fold(values, lambda numbers: reduce([n for n in numbers if n is not None]))
    return Fold(values, reduce)


_REDUCE: dict[str, Callable[[Sequence[Any]], Value]] = {
    "COUNT": len,
    "SUM": lambda numbers: Decimal(sum(numbers)) if numbers else None,
    "MIN": lambda numbers: min(numbers, default=None),
    "MAX": lambda numbers: max(numbers, default=None),
}

# What pages keep is found by the function that made it: equal ones are one.


@lru_cache(4096)
def _each(encode: Callable[[Row], Any]) -> Derive:
    def encode_rows(rows: Sequence[Row]) -> Sequence[Any]:
        return list(map(encode, rows))

    return encode_rows


def _everything(rows: Sequence[Row]) -> Sequence[Any]:
    return rows


def _values(position: int) -> Derive:
    """The values of a column."""

    def values(rows: Sequence[Row]) -> Sequence[Any]:
        return [row[position] for row in rows]

    return values


def _picker(positions: Sequence[int]) -> Derive:
    def pick(rows: Sequence[Row]) -> Sequence[Any]:
        return [tuple([row[at] for at in positions]) for row in rows]

    return pick


def sort_keys_of(position: int, column: Column) -> Derive:
    """What rows sort by in `column`: NULL first, text by its collation."""
    kind = column.type.name
    collation = (column.type.collation or CONNECTION_COLLATION) if kind in ("char", "varchar") else None
    return _sort_keys(position, collation, column.nullable, kind in ("date", "datetime", "timestamp"))


@lru_cache(4096)
def _sort_keys(position: int, collation: str | None, nullable: bool, temporal: bool) -> Derive:
    def keys(rows: Sequence[Row]) -> Sequence[Any]:
        values: Sequence[Any] = [row[position] for row in rows]
        if collation is not None:
            values = sort_keys(values, collation)
        elif temporal:  # zero dates compare with others by their text
            values = [None if value is None else _instant_text(value) for value in values]
        return [(value is not None, value) for value in values] if nullable else values

    return keys


def _instant_text(value: Any) -> str:
    if isinstance(value, dt.datetime):
        return value.isoformat(sep=" ", timespec="microseconds")
    text: str = value.text(6) if isinstance(value, ZeroDate) else value.isoformat()
    return text


def row_keys_of(columns: Sequence[Column], positions: Sequence[int]) -> Derive:
    """What DISTINCT compares."""
    collations = [column.type.collation or "" if needs_collation_key(column) else None for column in columns]
    return _row_keys(tuple(zip(positions, collations, strict=True)))


@lru_cache(4096)
def _row_keys(parts: tuple[tuple[int, str | None], ...]) -> Derive:
    def keys(rows: Sequence[Row]) -> Sequence[Any]:
        return [
            tuple([v if (v := row[at]) is None or c is None else collation_key(v, c) for at, c in parts])
            for row in rows
        ]

    return keys
