"""SELECTs that memory answers: rows by key, key range or index, of one table or a join; ORDER BY, LIMIT, DISTINCT,
simple aggregates; locking reads as well."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlglot import exp

from aurora_mysql.catalog.model import Table
from aurora_mysql.engine.engine import Engine
from aurora_mysql.engine.key_pages import Derive, RowsFound
from aurora_mysql.engine.transaction import Transaction
from aurora_mysql.errors import mysql_error
from aurora_mysql.redo.record import Row
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.plan import EncoderOf, PlanContext, Read, ReadPlan
from aurora_mysql.sql.query.derived import SORTABLE, Fold, Place, each, fold, picker, row_keys_of, sort_keys_of
from aurora_mysql.sql.query.key_access import Access, FindAtOnce, KeyAccess, key_access
from aurora_mysql.sql.query.key_range import RangeAccess, range_access
from aurora_mysql.sql.query.key_sets import Bound, integer
from aurora_mysql.sql.query.lock_ranges import SearchedRanges, searched_ranges
from aurora_mysql.sql.query.locking import MAX_ROUNDS, LockWish
from aurora_mysql.sql.query.memory_join import join_access
from aurora_mysql.sql.query.named_columns import NamedColumns
from aurora_mysql.sql.query.sources import pads_char
from aurora_mysql.sql.result import Result, ResultColumn, ResultSet, Value

_SELECT_ARGS = {
    "expressions", "from_", "joins", "where", "order", "distinct", "kind", "operation_modifiers", "limit", "offset",
    "locks",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Locking:
    """What a locking read locks: the rows of `table` that it finds, and the ranges that it `searched`."""

    table: Table
    wish: LockWish
    searched: SearchedRanges | None


@dataclass
class MemorySelect:
    """See :class:`aurora_mysql.sql.plan.Plan`. `general` is the same statement through DuckDB, for what memory can't
    answer; its columns are ours. `order` and `distinct` give what rows sort by and are told apart by (`backwards`: they
    are found in the opposite order); `limit` and `offset` are of what comes out."""

    access: Access
    general: ReadPlan
    columns: list[ResultColumn] | None
    positions: Sequence[int] = ()
    folds: list[Fold] = field(default_factory=list)
    distinct: Derive | None = None
    order: list[tuple[Derive, bool]] = field(default_factory=list)
    backwards: bool = False
    limit: Bound | None = None
    offset: Bound | None = None
    locking: Locking | None = None
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
        if self.locking is None:
            rows = await self.access.rows(ctx, tx, params, enough=self._enough(params))
        else:
            rows = await self._locked(self.locking, ctx, tx, params)
        if rows is None:
            return None
        found = RowsFound.of(rows)
        if self.folds:
            values = [self._folded(found)]
        elif self.locking is not None and self.limit is not None:
            values = list(picker(self.positions)(rows))  # they are arranged already
        else:
            values = list(self._arranged(found, picker(self.positions), params))
        ctx.found_rows = len(values)
        return ResultSet(self.columns, values)

    async def _locked(
        self, locking: Locking, ctx: SessionContext, tx: Transaction, params: Sequence[Value]
    ) -> list[Row] | None:
        """The rows that the statement gives, locked and as they are now. What was waited for is looked at again."""
        table, wish = locking.table, locking.wish
        if locking.searched is not None:
            ranges = locking.searched.bind(params, ctx)
            await tx.lock_ranges(table, ranges, mode=wish.mode, nowait=wish.nowait)
        locked: set[tuple[Value, ...]] = set()
        key_at = table.key_positions
        for _ in range(MAX_ROUNDS):
            rows = await self.access.rows(ctx, tx, params, latest=True, enough=self._enough(params))
            if rows is None:
                return None
            if self.limit is not None:
                rows = list(self._arranged(RowsFound.of(rows), list, params))
            keys = [tuple([row[at] for at in key_at]) for row in rows]
            fresh = [key for key in keys if key not in locked]
            if not fresh:
                return rows
            await tx.lock_keys(table, fresh, mode=wish.mode, nowait=wish.nowait)
            locked.update(fresh)
        raise mysql_error(1205)

    def _locked_at_once(self, locking: Locking) -> FindAtOnce | None:
        """As :meth:`_locked`, where nothing must be waited for, in an open transaction."""
        table, searched = locking.table, locking.searched
        if locking.wish.mode != "X":
            return None

        def find(ctx: SessionContext, params: Sequence[Value], enough: int | None) -> RowsFound | None:
            transaction = ctx.transaction
            if transaction is None:
                return None
            if self.limit is None:
                rows = locked_now(table, self.access, searched, ctx, transaction, params)
                return None if rows is None else RowsFound.of(rows)
            memory = transaction.memory_now(table)
            found = None if memory is None else self.access.now(memory, ctx, params, enough)
            if found is None:
                return None
            wanted = self._arranged(RowsFound.of(found), list, params)
            if not transaction.lock_rows_now(table, wanted):
                return None
            # As they were found: they are arranged when they are encoded.
            kept = set(map(id, wanted))
            return RowsFound.of([row for row in found if id(row) in kept])

        return find

    def reader(self, engine: Engine, encoder: EncoderOf) -> Read | None:
        """See :class:`aurora_mysql.sql.plan.MemoryPlan`."""
        find = self.access.at_once(engine) if self.locking is None else self._locked_at_once(self.locking)
        if find is None:
            return None
        if self.folds:
            encode = encoder(range(len(self.folds)))

            def read_folded(ctx: SessionContext, params: Sequence[Value]) -> Sequence[Any] | None:
                found = find(ctx, params, None)
                return None if found is None else (encode(self._folded(found)),)

            return read_folded
        encode_rows, enough = each(encoder(self.positions)), self._enough

        def read(ctx: SessionContext, params: Sequence[Value]) -> Sequence[Any] | None:
            found = find(ctx, params, enough(params))
            return None if found is None else self._arranged(found, encode_rows, params)

        return read

    def _enough(self, params: Sequence[Value]) -> int | None:
        """How many of the first rows decide the answer; None for all."""
        if self.limit is None or self.order or self.backwards or self.distinct is not None:
            return None
        return self.limit(params) + (0 if self.offset is None else self.offset(params))

    def _folded(self, found: RowsFound) -> tuple[Value, ...]:
        rows = found.rows()
        return tuple([fold.reduce(fold.values(rows)) for fold in self.folds])

    def _arranged(self, found: RowsFound, make: Derive, params: Sequence[Value]) -> Sequence[Any]:
        """What `make` makes of the rows, sorted, without duplicates and cut as the statement wants."""
        enough = self._enough(params)
        if enough is not None:
            found = found.head(enough)
        if self.backwards:
            if self.limit is not None:
                found = found.tail(self.limit(params) + (0 if self.offset is None else self.offset(params)))
            items: Sequence[Any] = found.gather(make)[::-1]
        else:
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


def memory_select(
    ast: exp.Expression, pc: PlanContext, general: ReadPlan, lock: LockWish | None
) -> MemorySelect | None:
    """The plan when `ast` reads base tables in a way that memory can answer, else None. `general` is the plan through
    DuckDB."""
    if pads_char(pc.ctx) or general.columns is None:
        return None
    if type(ast) is not exp.Select or any(v for k, v in ast.args.items() if k not in _SELECT_ARGS):
        return None
    source, where = ast.args.get("from_"), ast.args.get("where")
    if source is None or where is None or ast.args.get("operation_modifiers"):
        return None
    nodes = [source.this, *(join.this for join in ast.args.get("joins") or ())]
    tables: list[tuple[str, Table]] = []
    for node in nodes:
        table = _base_table(node, pc)
        if table is None:
            return None
        tables.append(((node.alias or node.name).lower(), table))
    if len({alias for alias, _ in tables}) < len(tables):
        return None
    names = NamedColumns(tables, pc)
    access: Access | None
    if len(tables) > 1:
        access = None if lock is not None else join_access(ast, names, pc)
    else:
        access = range_access(where.this, names) or key_access(where.this, names, pc)
    if access is None:
        return None
    plan = MemorySelect(access, general, general.columns)
    if not _take_limit(ast, plan) or not _take_items(ast, plan, names):
        return None
    if lock is not None:
        if lock.skip_locked or lock.implied or lock.of or plan.distinct is not None or plan.offset is not None:
            return None
        table = tables[0][1]
        searched = searched_ranges(where, table, tables[0][0]) if plan.limit is None else None
        plan.locking = Locking(table, lock, searched)
    return plan


def locked_now(
    table: Table,
    access: Access,
    searched: SearchedRanges | None,
    ctx: SessionContext,
    tx: Transaction,
    params: Sequence[Value],
) -> list[Row] | None:
    """The rows that `access` finds, locked for writing, with what was `searched` kept free of new ones; None when
    something must be waited for or is not in memory. Locks may have been taken then, which the long way wants as well.
    """
    memory = tx.memory_now(table)
    if memory is None or (searched is not None and not tx.keep_ranges_now(table, searched.bind(params, ctx))):
        return None
    rows = access.now(memory, ctx, params)
    return rows if rows is not None and tx.lock_rows_now(table, rows) else None


def written_rows_access(where: exp.Expression, node: exp.Table, table: Table, pc: PlanContext) -> Access | None:
    """How the rows that an UPDATE or DELETE of one table is about are found in memory; None when DuckDB must."""
    if pads_char(pc.ctx) or table.temporary:
        return None
    names = NamedColumns([((node.alias or node.name).lower(), table)], pc)
    return range_access(where, names) or key_access(where, names, pc)


def _base_table(node: exp.Expression, pc: PlanContext) -> Table | None:
    if type(node) is not exp.Table or not isinstance(node.this, exp.Identifier):
        return None
    if any(node.args.get(k) for k in node.args if k not in ("this", "alias", "db")):
        return None
    return pc.catalog.tables.get((node.db or pc.database, node.name))


def _take_limit(ast: exp.Select, plan: MemorySelect) -> bool:
    """False when LIMIT or OFFSET is no number."""
    for name in ("limit", "offset"):
        node = ast.args.get(name)
        if node is not None:
            bound = None if node.args.get("expression") is None else integer(node.args["expression"])
            if bound is None or not isinstance(node, exp.Limit | exp.Offset):
                return False
            setattr(plan, name, bound)
    return plan.offset is None or plan.limit is not None


def _take_items(ast: exp.Select, plan: MemorySelect, names: NamedColumns) -> bool:
    """The select list, DISTINCT and ORDER BY; False when memory can't make them."""
    folds = [fold(item.unalias(), names.place) for item in ast.expressions]
    if all(folds):
        if ast.args.get("order") or ast.args.get("distinct") or plan.limit is not None:
            return False
        plan.folds = [found for found in folds if found is not None]
        return True
    places: list[Place] = []
    for item in ast.expressions:
        found = names.places(item.unalias())
        if found is None:
            return False
        places += found
    plan.positions = [position for _, position in places]
    distinct = ast.args.get("distinct")
    if distinct is not None:
        if distinct.args.get("on") or not all(column.type.name in SORTABLE for column, _ in places):
            return False
        plan.distinct = row_keys_of(places)
    order = ast.args.get("order")
    wanted: list[tuple[Place, bool]] = []
    key = _key_places(names)
    headings = {item.alias.lower() for item in ast.expressions if isinstance(item, exp.Alias)}
    for ordered in order.expressions if order is not None else ():
        place = names.place(ordered.this)
        if place is None or place[0].type.name not in SORTABLE or (distinct is not None and place not in places):
            return False
        if not ordered.this.table and ordered.this.name.lower() in headings:
            return False  # it may be another column's heading
        wanted.append((place, bool(ordered.args.get("desc"))))
        if [place] == key:
            break  # it decides
    descending = _natural(plan.access, wanted, key)
    if descending is None or (descending and distinct is not None):
        plan.order = [(sort_keys_of(place), descends) for place, descends in wanted]
    else:
        plan.backwards = descending
    return True


def _key_places(names: NamedColumns) -> list[Place]:
    """The key of the only table; nothing of several."""
    if len(names.tables) > 1:
        return []
    table = names.tables[0][1]
    return [(table.columns[position], position) for position in table.key_positions]


def _natural(access: Access, wanted: list[tuple[Place, bool]], key: list[Place]) -> bool | None:
    """Whether rows are found in the wanted order (False) or in the opposite one (True); None: in neither."""
    natural = key
    if isinstance(access, RangeAccess) and access.position is not None:
        natural = [(access.table.columns[access.position], access.position), *key]
    if isinstance(access, KeyAccess):
        natural = [place for place in natural if place[1] not in access.constant]
        wanted = [(place, descends) for place, descends in wanted if place[1] not in access.constant]
    for descending in (False, True):
        if wanted == [(place, descending) for place in natural[: len(wanted)]]:
            return descending and bool(wanted)
    return None
