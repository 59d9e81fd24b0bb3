"""The plan of a SELECT statement."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import duckdb
from sqlglot import exp

from aurora_mysql.catalog.zero_date import ZeroDate
from aurora_mysql.engine.transaction import STREAM_BATCH_ROWS, ProjectedStream, QueryStream, Transaction
from aurora_mysql.engine.waiting import in_task
from aurora_mysql.errors import StalePlanError, mysql_error, unsupported
from aurora_mysql.redo.column_rows import ColumnRows
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.plan import Plan, PlanContext
from aurora_mysql.sql.query.assignments import AssigningPlan, Assignments, assigned_names
from aurora_mysql.sql.query.builder import SessionCall
from aurora_mysql.sql.query.failures import mysql_failure
from aurora_mysql.sql.query.handed import handed_over, may_be_handed_over
from aurora_mysql.sql.query.locking import LockWish, lock_rows, lock_wish, rows_to_lock
from aurora_mysql.sql.query.memory_select import memory_select
from aurora_mysql.sql.query.packing import packing
from aurora_mysql.sql.query.point import point_select
from aurora_mysql.sql.query.relations import materialise
from aurora_mysql.sql.query.rows_query import RowsSql
from aurora_mysql.sql.query.select import SelectSql, translate_select
from aurora_mysql.sql.query.sources import bind_sources
from aurora_mysql.sql.query.stored_functions import Rounds
from aurora_mysql.sql.result import Ok, PackedResult, PackedRows, Result, ResultColumn, ResultSet, Value
from aurora_mysql.sql.transaction_verbs import reads_lock

if TYPE_CHECKING:
    from aurora_mysql.sql.instance_services import InstanceServices

_Batch = TypeVar("_Batch", list[Any], PackedRows)

#: Results and tables from here on make rows worth packing.
PACKED_FROM_ROWS = 10_000


@dataclass
class SelectPlan:
    """See :class:`aurora_mysql.sql.plan.Plan`. `latest`: part of a write, so it reads the newest committed state.
    `exact`: where `select` is :attr:`SelectSql.narrowed`, the plan whose query is not; it runs instead from when the
    narrowed one was `too_narrow`."""

    services: InstanceServices
    select: SelectSql
    columns: list[ResultColumn] | None
    lock: LockWish | None = None
    locked_rows: RowsSql | None = None
    hidden_keys: int = 0
    cut: Callable[[Sequence[Value]], tuple[int, int | None]] | None = None
    count_all: bool = False
    into: list[str] = field(default_factory=list)
    cacheable: bool = True
    writes: bool = False
    is_ddl: bool = False
    needs_transaction: bool = True
    latest: bool = False
    exact: SelectPlan | None = None
    too_narrow: bool = False
    #: Whether the last execution took long.
    long: bool = False
    #: Rows of the last execution, None before there was one.
    last_rows: int | None = None

    async def run_packed(self, ctx: SessionContext, tx: Transaction | None, params: Sequence[Value]) -> Result:
        """As :meth:`run`, for a client that takes packed rows; it gets them when there may be many."""
        assert tx is not None
        if self.exact is not None and (self.too_narrow or not tx.autocommit):
            return await self.exact.run_packed(ctx, tx, params)
        plain = self._locks(tx) is not None or self.cut is not None or self.into or self.latest
        if (
            plain
            or self.select.sleep_s
            or self.select.calls
            or self.select.stored
            or not ((self.long and may_be_handed_over(self.services, ctx, tx)) or await self._maybe_many(tx))
        ):
            return await self.run(ctx, tx, params)
        try:
            with self._expecting(tx):
                result = await self._run_packing(ctx, tx, params)
        except duckdb.Error as error:
            if self.exact is not None and self._may_be_too_narrow(error):
                return await self.exact.run_packed(ctx, tx, params)
            raise mysql_failure(error) from error
        return await self.run(ctx, tx, params) if result is None else result

    async def _maybe_many(self, tx: Transaction) -> bool:
        """Whether packing, which costs a moment at the start, may pay: by the last result, else by the tables."""
        if self.last_rows is not None:
            return self.last_rows >= PACKED_FROM_ROWS
        sizes = self.services.engine.table_sizes
        for table in self.select.tables:
            if await sizes.rows(table) >= PACKED_FROM_ROWS:
                return True
        return tx.rows_written >= PACKED_FROM_ROWS

    async def run_columns(self, ctx: SessionContext, tx: Transaction, params: Sequence[Value]) -> Result | ColumnRows:
        """As :meth:`run`, for a statement that takes columns; it gets them when there may be many rows."""
        select = self.select
        plain = self.cut is not None or self.into or select.sleep_s or select.calls or select.stored
        if plain or not await self._maybe_many(tx):
            return await self.run(ctx, tx, params)
        lock = self._locks(tx)
        if lock is not None and self.locked_rows is not None:
            await lock_rows(self.locked_rows, lock, ctx, tx, params, self.services)
        try:
            found = await tx.query_columns(
                select.sql,
                bind_sources(select.sources, ctx, tx, params),
                tables=select.tables,
                latest=self.latest or self.lock is not None,
                relations=materialise(select.relations, ctx, self.services),
            )
        except duckdb.Error as error:
            raise mysql_failure(error) from error
        if self._takes_dates_for_ordered():
            raise StalePlanError("the order of dates")
        rows = found if isinstance(found, ColumnRows) else found.rows
        self.last_rows = ctx.found_rows = len(rows)
        assert self.columns is not None
        return rows if isinstance(rows, ColumnRows) else ResultSet(self.columns, rows)

    async def _run_packing(self, ctx: SessionContext, tx: Transaction, params: Sequence[Value]) -> Result | None:
        """None when a column's type can't be packed."""
        select, columns = self.select, self.columns
        assert columns is not None
        stream = None
        if self.long and may_be_handed_over(self.services, ctx, tx):
            stream = await handed_over(select, columns, self.services, ctx, tx, params)
        if stream is None:
            made = packing(columns, binary=ctx.takes_packed == "binary")
            stream = await tx.query_projected(
                select.sql,
                bind_sources(select.sources, ctx, tx, params),
                tables=select.tables,
                project=made.project,
                finish=made.finish,
                batch_rows=made.batch_rows,
                relations=materialise(select.relations, ctx, self.services),
            )
        if stream is None:
            return None
        if self._takes_dates_for_ordered():
            async for _ in stream:
                pass
            raise StalePlanError("the order of dates")
        if stream.whole:
            self.last_rows = ctx.found_rows = 0 if stream.first is None else len(stream.first)
            return ResultSet(columns, []) if stream.first is None else PackedResult(columns, stream.first)
        return PackedResult(columns, self._counted(ctx, stream, aiter(stream)))

    async def run(self, ctx: SessionContext, tx: Transaction | None, params: Sequence[Value]) -> Result:
        assert tx is not None
        if self.exact is not None and (self.too_narrow or not tx.autocommit):
            return await self.exact.run(ctx, tx, params)
        try:
            if self.select.sleep_s:
                await _sleep(ctx, self.select.sleep_s)
            for call in self.select.calls:
                await _call(call, ctx, tx, params, self.services)
            locking = self._locks(tx)
            with self._expecting(tx):
                if locking is not None or self.cut is not None or self.into:
                    return await self._run_whole(ctx, tx, params)
                return await self._run_streaming(ctx, tx, params)
        except duckdb.Error as error:
            if self.exact is not None and self._may_be_too_narrow(error):
                return await self.exact.run(ctx, tx, params)
            raise mysql_failure(error) from error

    @contextmanager
    def _expecting(self, tx: Transaction) -> Iterator[None]:
        """Tell the transaction how long the last execution took, and keep how long this one does."""
        tx.expects_long, tx.took_long = self.long, False
        try:
            yield
        finally:
            self.long, tx.expects_long = tx.took_long, False

    def _may_be_too_narrow(self, error: duckdb.Error) -> bool:
        """Whether the narrowed query may have failed for want of digits; it is not tried again, then. No row has left
        yet: all sums are made before. (In an open transaction the exact query runs at once: a query that fails ends
        DuckDB's part of the read view.)"""
        if isinstance(error, duckdb.OutOfRangeException | duckdb.ConversionException):
            self.too_narrow = True
            return True
        return False

    def _locks(self, tx: Transaction) -> LockWish | None:
        """The rows' locks. What a write reads is locked where the condition names what to lock."""
        lock = self.lock
        if lock is None or not lock.implied:
            return lock
        rows = self.locked_rows
        return lock if tx.locks_ranges and rows is not None and rows.searched is not None else None

    async def _run_streaming(self, ctx: SessionContext, tx: Transaction, params: Sequence[Value]) -> Result:
        select, columns = self.select, self.columns
        assert columns is not None
        relations = materialise(select.relations, ctx, self.services)
        start = partial(tx.query_stream, select.sql, tables=select.tables, latest=self.latest, relations=relations)
        calls = Rounds(select, ctx, tx, self.services)
        if select.stored:
            few = await calls.settled(params, lambda values: _few_rows(start, values))
            if few is not None:
                if self._takes_dates_for_ordered():
                    raise StalePlanError("the order of dates")
                ctx.found_rows = len(few)
                return ResultSet(columns, few)
        stream = await start(calls.bind(params))
        batches = aiter(stream)
        first = await anext(batches, None)
        if self._takes_dates_for_ordered():
            await stream.aclose()
            raise StalePlanError("the order of dates")
        if first is None or len(first) < STREAM_BATCH_ROWS:
            rows: Any = first or []
            self.last_rows = ctx.found_rows = len(rows)
            return ResultSet(columns, rows)
        return ResultSet(columns, self._counted(ctx, stream, batches, first, calls))

    async def _counted(
        self,
        ctx: SessionContext,
        stream: QueryStream | ProjectedStream[PackedRows],
        batches: AsyncIterator[_Batch],
        first: _Batch | None = None,
        calls: Rounds | None = None,
    ) -> AsyncIterator[_Batch]:
        """The batches, `first` before them; FOUND_ROWS() and the next execution know how many rows there were.
        `calls` holds what stored functions gave, as long as the query runs."""
        total = 0
        try:
            if first is not None:
                total = len(first)
                yield first
            async for batch in batches:
                total += len(batch)
                yield batch
        except duckdb.Error as error:
            raise mysql_failure(error) from error
        finally:
            self.last_rows = ctx.found_rows = total
            await stream.aclose()
            del calls

    def _takes_dates_for_ordered(self) -> bool:
        """What the plan took for granted of its tables' dates (:mod:`aurora_mysql.engine.date_facts`) does not hold
        any more, now that their rows are there: it has to be made again."""
        tables = self.services.engine.date_facts.tables
        return bool(tables) and any(t.id in tables and t.id not in self.select.unordered for t in self.select.tables)

    async def _run_whole(self, ctx: SessionContext, tx: Transaction, params: Sequence[Value]) -> Result:
        select, columns = self.select, self.columns
        assert columns is not None
        locked = None
        lock = self._locks(tx)
        if lock is not None and self.locked_rows is not None:
            limit = None
            if lock.skip_locked and self.cut is not None:
                offset, count = self.cut(params)
                limit = None if count is None else offset + count
            locked = await lock_rows(self.locked_rows, lock, ctx, tx, params, self.services, limit)
        relations = materialise(select.relations, ctx, self.services)
        latest = self.latest or self.lock is not None
        find = partial(tx.query, select.sql, tables=select.tables, latest=latest, relations=relations)
        found = await Rounds(select, ctx, tx, self.services).settled(params, find)
        if self._takes_dates_for_ordered():
            raise StalePlanError("the order of dates")
        rows: list[Any] = found.rows
        if self.hidden_keys:
            assert self.locked_rows is not None and locked is not None
            rows = self._only_locked(rows, len(columns), locked)
        total = len(rows)
        if self.cut is not None:
            offset, count = self.cut(params)
            rows = rows[offset:] if count is None else rows[offset : offset + count]
        ctx.found_rows = total if self.count_all else len(rows)
        if not self.into:
            return ResultSet(columns, rows)
        if len(rows) > 1:
            raise mysql_error(1172)
        for name, value in zip(self.into, rows[0] if rows else (), strict=False):
            ctx.user_variables[name.lower()] = str(value) if isinstance(value, ZeroDate) else value
        if not rows:
            ctx.warn("Warning", 1329, "No data - zero rows fetched, selected, or processed")
        return Ok(affected_rows=len(rows), warnings=0 if rows else 1)

    def _only_locked(self, rows: list[Any], width: int, locked: set[tuple[int, tuple[Any, ...]]]) -> list[Any]:
        """SKIP LOCKED: rows whose keys (behind the visible columns) are all locked by us."""
        assert self.locked_rows is not None
        kept = []
        for row in rows:
            at, good = width, True
            for number, target in enumerate(self.locked_rows.targets):
                size = len(target.table.key_positions)
                key = tuple(row[at : at + size])
                at += size
                good = good and (None in key or (number, key) in locked)
            if good:
                kept.append(row[:width])
        return kept


async def _call(
    call: SessionCall, ctx: SessionContext, tx: Transaction, params: Sequence[Value], services: InstanceServices
) -> None:
    """GET_LOCK and the like: the arguments are computed, then the function may wait."""
    arguments = []
    for sql, sources in call.arguments:
        rows = (await tx.query(sql, bind_sources(sources, ctx, tx, params), tables=[])).rows
        arguments.append(rows[0][0])
    ctx.call_results[call.number] = await call.run(services.engine, ctx, arguments)


async def _sleep(ctx: SessionContext, seconds: float) -> None:
    """SLEEP(): KILL ends it with 1317."""
    killed = asyncio.Event()
    wake = killed.set
    ctx.on_kill.append(wake)
    await in_task()
    try:
        await asyncio.wait_for(killed.wait(), seconds)
    except TimeoutError:
        return
    finally:
        ctx.on_kill.remove(wake)
    raise mysql_error(1317)


async def _few_rows(
    start: Callable[[list[Value]], Awaitable[QueryStream]], values: list[Value]
) -> list[tuple[Any, ...]] | None:
    """Run a query to its end: its rows, None if there are more than one batch of them."""
    stream = await start(values)
    found: list[tuple[Any, ...]] | None = []
    async for batch in stream:
        found = None if found is None or found or len(batch) == STREAM_BATCH_ROWS else batch
    return found


def plan_select(ast: exp.Expression, pc: PlanContext, *, for_write: bool = False) -> Plan:
    """The plan of a SELECT, set operation, VALUES or TABLE statement.

    `for_write`: its rows go into a table (INSERT ... SELECT), which InnoDB locks shared at the levels that keep ranges.
    ``INTO @a, @b`` is taken from the tree, or from ``ast.meta["into"]`` (variable names), where the parser of
    statements puts what sqlglot can't parse.

    Raises:
        MySQLError: as :func:`aurora_mysql.sql.query.translate_select`.
    """
    if isinstance(ast, exp.Select) and assigned_names(ast):
        return _assigning(ast, pc)
    wish = lock_wish(ast)
    if wish is None and isinstance(ast, exp.Select):
        if for_write:
            wish = LockWish("S", implied=True)
        elif reads_lock(pc.services, pc.ctx):
            wish = LockWish("S")
    into = _into(ast)
    if not into:
        point = point_select(ast, pc, wish)
        if point is not None:
            return point
    original = ast.copy() if isinstance(ast, exp.Select) else ast
    modifiers = {str(m).upper() for m in ast.args.get("operation_modifiers") or []}
    count_all = "SQL_CALC_FOUND_ROWS" in modifiers
    skipping = wish is not None and wish.skip_locked and isinstance(ast, exp.Select)
    cut = _cut(ast, pc) if count_all or skipping else None
    if cut is not None:
        ast.set("limit", None)
        ast.set("offset", None)
    locked = None
    if wish is not None and isinstance(ast, exp.Select):
        locked = rows_to_lock(ast, wish, pc)
    hidden = 0
    if skipping and locked is not None:
        if any(ast.args.get(k) for k in ("group", "distinct")):
            raise unsupported("SKIP LOCKED with GROUP BY or DISTINCT")
        for target in locked.targets:
            for name in target.table.key_columns:
                column = exp.column(
                    exp.to_identifier(name, quoted=True), table=exp.to_identifier(target.alias, quoted=True)
                )
                ast.append("expressions", exp.alias_(column, "key"))
                hidden += 1
    # What runs before the query would run twice.
    simple = wish is None and cut is None and not into
    select = translate_select(ast, pc, narrow=simple)
    again = select.narrowed and not (select.sleep_s or select.calls or select.stored)
    exact = translate_select(ast, pc) if select.narrowed else None
    if exact is not None and not again:
        select, exact = exact, None
    columns = select.columns[: len(select.columns) - hidden] if hidden else select.columns
    if into and len(into) != len(columns):
        raise mysql_error(1222)
    plan = SelectPlan(
        pc.services,
        select,
        columns,
        lock=wish,
        locked_rows=locked,
        hidden_keys=hidden,
        cut=cut,
        count_all=count_all,
        into=into,
        cacheable=select.cacheable,
        exact=None if exact is None else SelectPlan(pc.services, exact, columns),
    )
    if not into and not count_all:
        in_memory = memory_select(original, pc, plan, wish)
        if in_memory is not None:
            return in_memory
    return plan


def _assigning(ast: exp.Select, pc: PlanContext) -> Plan:
    """A SELECT that assigns user variables: its columns are those of the whole, its rows those of the parts."""
    columns = translate_select(ast, pc).columns
    into = _into(ast)
    if into:
        raise unsupported("SELECT ... INTO with assignments in the select list")
    assignments = Assignments.take(ast)
    return AssigningPlan(plan_select(ast, pc), assignments, columns)


def _into(ast: exp.Expression) -> list[str]:
    names = list(ast.meta.get("into") or [])
    into = ast.args.get("into")
    if into is None:
        return names
    first = into.this.this if into.this is not None else None
    if not isinstance(first, exp.Parameter):
        raise unsupported("SELECT ... INTO OUTFILE")
    names.append(first.name)
    joins = ast.args.get("joins") or []
    names += [j.this.this.name for j in joins if isinstance(j.this.this, exp.Parameter)]
    ast.set("joins", [j for j in joins if not isinstance(j.this.this, exp.Parameter)])
    ast.set("into", None)
    return names


def _cut(ast: exp.Expression, pc: PlanContext) -> Callable[[Sequence[Value]], tuple[int, int | None]]:
    """LIMIT and OFFSET applied here instead of in DuckDB."""

    def reader(key: str) -> Callable[[Sequence[Value]], int | None]:
        node = ast.args.get(key)
        if node is None:
            return lambda params: None
        value = node.args.get("expression")
        if not isinstance(value, exp.Literal) or value.is_string or not str(value.this).isdigit():
            raise mysql_error(1064, "LIMIT", 1)
        index = value.meta.get("param")
        number = int(value.this)
        if index is None:
            return lambda params: number
        return lambda params: int(params[index])

    limit, offset = reader("limit"), reader("offset")
    return lambda params: (offset(params) or 0, limit(params))
