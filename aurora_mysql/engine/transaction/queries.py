"""DuckDB queries of a transaction: in its read view or the newest state, with its own writes laid over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Generic, TypeVar

import duckdb

from aurora_mysql.catalog.model import Table
from aurora_mysql.catalog.physical import quote
from aurora_mysql.engine.fetched import bindable, fetched
from aurora_mysql.engine.snapshot import Overlay, QueryResult, Snapshot, describe, install_overlay
from aurora_mysql.engine.transaction.read_view import TransactionView
from aurora_mysql.engine.transaction.row_write import RowWrite
from aurora_mysql.engine.transaction.state import TransactionState
from aurora_mysql.redo.column_rows import ColumnRows
from aurora_mysql.redo.record import Row

_T = TypeVar("_T")

#: Rows per batch of a streamed result.
STREAM_BATCH_ROWS = 2048

#: DuckDB's types whose values Arrow has as they are.
_PLAIN_TYPES = frozenset(
    (
        *("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"),
        *("BOOLEAN", "FLOAT", "DOUBLE", "VARCHAR", "BLOB", "DATE", "TIMESTAMP"),
    )
)

#: How the texts of errors begin that come through Arrow.
_ARROW_ERRORS: dict[str, type[duckdb.Error]] = {
    "INTERRUPT Error": duckdb.InterruptException,
    "Out of Range Error": duckdb.OutOfRangeException,
    "Conversion Error": duckdb.ConversionException,
    "Out of Memory Error": duckdb.OutOfMemoryException,
}


class QueryStream:
    """A result fetched in batches. Exhaust it or call :meth:`aclose`; the transaction reads nothing else meanwhile."""

    def __init__(self, names: list[str], types: list[str], batches: AsyncIterator[list[tuple[Any, ...]]]) -> None:
        self.names = names
        self.types = types
        self._batches = batches

    def __aiter__(self) -> AsyncIterator[list[tuple[Any, ...]]]:
        return self._batches

    async def aclose(self) -> None:
        await self._batches.aclose()  # type: ignore[attr-defined]


class ProjectedStream(Generic[_T]):
    """Batches of one computed column, made on worker threads. `rows` is how many came so far. Exhaust it or call
    :meth:`aclose`; the transaction reads nothing else meanwhile. `whole`: the first batch is all there is."""

    def __init__(self, first: _T | None, whole: bool, batches: AsyncIterator[_T]) -> None:
        self.first = first
        self.whole = whole
        self._batches = batches

    def __aiter__(self) -> AsyncIterator[_T]:
        return self._batches

    async def aclose(self) -> None:
        await self._batches.aclose()  # type: ignore[attr-defined]


class TransactionQueries(TransactionView):
    """What DuckDB answers."""

    async def query(
        self,
        sql: str,
        params: Sequence[Any] = (),
        *,
        tables: Sequence[Table],
        latest: bool = False,
        relations: Mapping[str, Any] | None = None,
    ) -> QueryResult:
        """Run a DuckDB SELECT over `tables` (named ``t<id>``) with $1..$n bound to `params`.

        It sees this transaction's snapshot and own writes; with `latest`, the newest committed state and own writes.
        `relations` are Arrow tables that the statement names beside them (information_schema and the like).

        Raises:
            MySQLError: 1317 when killed. duckdb.Error: as DuckDB refused.
        """

        def run(cursor: duckdb.DuckDBPyConnection) -> QueryResult:
            cursor.execute(sql, list(params))
            names, types = describe(cursor)
            return QueryResult(names, types, fetched(cursor.fetchall(), types))

        async with self._reading(tables, latest, relations) as cursor:
            return await self._call(cursor, run)

    async def query_columns(
        self,
        sql: str,
        params: Sequence[Any] = (),
        *,
        tables: Sequence[Table],
        latest: bool = False,
        relations: Mapping[str, Any] | None = None,
    ) -> QueryResult | ColumnRows:
        """As :meth:`query`, as columns where each type of the result has an Arrow type that holds just its values."""

        def run(cursor: duckdb.DuckDBPyConnection) -> QueryResult | ColumnRows:
            relation = cursor.sql(sql, params=list(params))
            types = [str(kind) for kind in relation.types]
            if all(kind in _PLAIN_TYPES or kind.startswith("DECIMAL") for kind in types):
                return ColumnRows(relation.to_arrow_table())
            return QueryResult(relation.columns, types, fetched(relation.fetchall(), types))

        async with self._reading(tables, latest, relations) as cursor:
            return await self._call(cursor, run)

    async def rows_of(self, columns: ColumnRows) -> list[Row]:
        """The rows of :meth:`query_columns`, as :meth:`query` gives them."""

        def run(cursor: duckdb.DuckDBPyConnection) -> list[Row]:
            relation = cursor.from_arrow(columns.table)
            return fetched(relation.fetchall(), [str(kind) for kind in relation.types])

        return await self._with_cursor(run)

    async def query_stream(
        self,
        sql: str,
        params: Sequence[Any] = (),
        *,
        tables: Sequence[Table],
        latest: bool = False,
        relations: Mapping[str, Any] | None = None,
    ) -> QueryStream:
        """As :meth:`query`, in batches, so that a large result never stands in memory as Python rows."""
        reading = self._reading(tables, latest, relations)
        cursor = await reading.__aenter__()

        def start(cursor: duckdb.DuckDBPyConnection) -> tuple[list[str], list[str], list[tuple[Any, ...]]]:
            cursor.execute(sql, list(params))
            names, types = describe(cursor)
            return names, types, fetched(cursor.fetchmany(STREAM_BATCH_ROWS), types)

        try:
            names, types, first = await self._call(cursor, start)
        except BaseException as error:
            await reading.__aexit__(type(error), error, error.__traceback__)
            raise

        async def batches() -> AsyncIterator[list[tuple[Any, ...]]]:
            rows = first
            try:
                while rows:
                    yield rows
                    if len(rows) < STREAM_BATCH_ROWS:
                        break
                    rows = await self._call(cursor, lambda c: fetched(c.fetchmany(STREAM_BATCH_ROWS), types))
            finally:
                await reading.__aexit__(None, None, None)

        if len(first) < STREAM_BATCH_ROWS:
            # The whole result is here: the cursor goes back at once.
            await reading.__aexit__(None, None, None)
            return QueryStream(names, types, _one_batch(first))
        return QueryStream(names, types, batches())

    async def query_projected(
        self,
        sql: str,
        params: Sequence[Any] = (),
        *,
        tables: Sequence[Table],
        project: Callable[[list[str]], Sequence[str] | None],
        finish: Callable[[Any], _T],
        batch_rows: int,
        relations: Mapping[str, Any] | None = None,
    ) -> ProjectedStream[_T] | None:
        """As :meth:`query_stream`, of one column that is computed from the query's: `project` gives select lists, each
        over the one before, given the types of the query's columns. None, and nothing is read, when it gives None.

        `finish` makes a batch of an Arrow array; it runs on a worker thread. The batch after the one that is being
        consumed is made meanwhile, so two of them are in memory.
        """
        reading = self._reading(tables, False, relations)
        cursor = await reading.__aenter__()
        loop = asyncio.get_running_loop()

        def step(reader: Any) -> _T | None:
            try:
                batch = reader.read_next_batch()
            except StopIteration:
                return None
            except OSError as error:
                raise _duckdb_error(str(error)) from None
            return finish(batch.column(0)) if batch.num_rows else step(reader)

        def start(cursor: duckdb.DuckDBPyConnection) -> tuple[Any, _T | None, _T | None] | None:
            relation = cursor.sql(sql, params=list(params))
            projections = project([str(kind) for kind in relation.types])
            if projections is None:
                return None
            for projection in projections:
                relation = relation.project(projection)
            reader = relation.to_arrow_reader(batch_rows)
            try:
                first = step(reader)
                second = None if first is None else step(reader)
            except BaseException:
                reader.close()
                raise
            if second is None:
                reader.close()
            return reader, first, second

        try:
            started = await self._call(cursor, start)
        except BaseException as error:
            await reading.__aexit__(type(error), error, error.__traceback__)
            raise
        if started is None or started[2] is None:
            # The whole result is here: the cursor goes back at once.
            await reading.__aexit__(None, None, None)
            return None if started is None else ProjectedStream(started[1], True, _none())
        reader, first, second = started

        async def batches() -> AsyncIterator[_T]:
            coming: asyncio.Future[_T | None] | None = None
            try:
                assert first is not None
                yield first
                batch = second
                while batch is not None:
                    coming = loop.create_task(self._call(cursor, lambda _: step(reader)))
                    yield batch
                    batch = await coming
            finally:
                if coming is not None and not coming.done():
                    await asyncio.wait([coming])
                    coming.exception()
                await loop.run_in_executor(self._engine.executor, reader.close)
                await reading.__aexit__(None, None, None)

        return ProjectedStream(first, False, batches())

    async def find_by_columns(self, table: Table, columns: Sequence[str], values: Sequence[Any]) -> list[Row]:
        """Newest committed and own rows whose `columns` equal `values` (foreign key children)."""
        condition = " AND ".join(f"{quote(c)} = ${i + 1}" for i, c in enumerate(columns))
        names = ", ".join(quote(c.name) for c in table.columns)
        result = await self.query(
            f"SELECT {names} FROM {table.physical_name} WHERE {condition}",
            [bindable(v) for v in values],
            tables=[table],
            latest=True,
        )
        return result.rows

    @asynccontextmanager
    async def _reading(
        self, tables: Sequence[Table], latest: bool, relations: Mapping[str, Any] | None = None
    ) -> AsyncIterator[duckdb.DuckDBPyConnection]:
        async with self._reading_tables(tables, latest) as cursor:
            for name, relation in (relations or {}).items():
                cursor.register(name, relation)
            try:
                yield cursor
            finally:
                for name in relations or ():
                    cursor.unregister(name)

    @asynccontextmanager
    async def _reading_tables(self, tables: Sequence[Table], latest: bool) -> AsyncIterator[duckdb.DuckDBPyConnection]:
        engine = self._engine
        for table in tables:
            await self.use_table(table)
        if self._consistent and not latest:
            snapshot = await self._view(*tables)
            await self._refresh_overlays(snapshot, tables)
            yield snapshot.cursor
            return
        wanted = max((engine.row_store.last_lsn(t.id) for t in tables), default=0)
        if wanted > engine.applied_lsn:
            await engine.apply_queue.wait(wanted)
        dirty = self.isolation == "READ-UNCOMMITTED" and not latest
        writers: list[TransactionState | RowWrite] = [*engine.transactions.values()] if dirty else [self]
        own = [t for t in tables if t.temporary or any(tx.writes_to(t) for tx in writers)]
        cursor = await self._borrow_with_overlay(own, writers)
        try:
            yield cursor
        finally:
            if own:
                engine.executor.submit(self._end_cursor, cursor, [t.id for t in own])
            else:
                engine.duck.give_back(cursor)

    async def _borrow_with_overlay(
        self, own: Sequence[Table], writers: Sequence[TransactionState | RowWrite]
    ) -> duckdb.DuckDBPyConnection:
        """A cursor that sees the uncommitted rows of `writers` in the tables `own`."""
        engine = self._engine
        if not own:
            return engine.duck.borrow()
        overlays = [
            (t, engine.layout_of(t), {k: r for tx in writers for k, r in tx.own_rows(t)}, self._base(t)) for t in own
        ]

        def prepare() -> duckdb.DuckDBPyConnection:
            cursor = engine.duck.borrow()
            cursor.execute("BEGIN")
            for table, layout, images, base in overlays:
                install_overlay(cursor, table, layout, images, base)
            return cursor

        return await asyncio.get_running_loop().run_in_executor(engine.executor, prepare)

    async def _refresh_overlays(self, snapshot: Snapshot, tables: Sequence[Table]) -> None:
        engine = self._engine
        wanted = []
        for table in tables:
            own = self._buffer.tables.get(table.id)
            base = self._base(table)
            version = (0 if own is None else own.version, 0 if base is None else base.version)
            overlay = snapshot.overlays.get(table.id)
            if overlay is not None and overlay.version == version:
                continue
            images = {**snapshot.images(engine.keys_of(table)), **dict(self._buffer.rows(table.id))}
            if images or overlay is not None or base is not None:
                wanted.append((table, engine.layout_of(table), images, base))
                snapshot.overlays[table.id] = Overlay(version)
        if wanted:

            def install(cursor: duckdb.DuckDBPyConnection) -> None:
                for table, layout, images, base in wanted:
                    install_overlay(cursor, table, layout, images, base)

            await self._call(snapshot.cursor, install)


def _duckdb_error(text: str) -> duckdb.Error:
    """DuckDB's error, which Arrow passes on as text."""
    for prefix, kind in _ARROW_ERRORS.items():
        if text.startswith(prefix):
            return kind(text)
    return duckdb.Error(text)


async def _none() -> AsyncIterator[Any]:
    return
    yield


async def _one_batch(rows: list[tuple[Any, ...]]) -> AsyncIterator[list[tuple[Any, ...]]]:
    if rows:
        yield rows
