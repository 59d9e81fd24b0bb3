"""What the row store gets from DuckDB: pages of neighbouring rows, secondary indexes."""

from __future__ import annotations

import asyncio
import logging
from array import array
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from functools import partial
from typing import Any, TypeVar

import duckdb

from aurora_mysql.catalog.physical import quote
from aurora_mysql.engine.apply_queue import ApplyQueue
from aurora_mysql.engine.fetched import fetch_all
from aurora_mysql.engine.hash_index import Entries, HashIndex, Positions, entries_of
from aurora_mysql.engine.key_leaves import LOAD_ROWS, IntKey, LeafLoad
from aurora_mysql.engine.key_pages import PageLoad
from aurora_mysql.engine.keys import TableKeys
from aurora_mysql.engine.materialisation import Materialisation
from aurora_mysql.engine.row_store import RowStore, TableRows
from aurora_mysql.engine.secondary import IndexName, SecondaryIndex
from aurora_mysql.redo.record import Row

_T = TypeVar("_T")

log = logging.getLogger(__name__)

#: Values and keys of an index, None when there are more than wanted.
_Entries = tuple["array[int]", "array[int]"] | None


class StoreLoads:
    """Loads into one row store, on worker threads; their results arrive on the event loop."""

    def __init__(self, store: RowStore, duck: Materialisation, executor: Executor, apply_queue: ApplyQueue) -> None:
        self._store, self._duck, self._executor, self._apply_queue = store, duck, executor, apply_queue

    async def pages(self, stored: TableRows, numbers: Sequence[int] | range) -> None:
        """Bring pages of a table with an integer key into the row store; waits also for loads that others began.

        Raises:
            duckdb.Error: DuckDB could not read them.
        """
        pages = stored.pages
        assert pages is not None
        loop = asyncio.get_running_loop()
        while stored.bulk_lsn > self._apply_queue.applied_lsn:
            await self._apply_queue.wait(stored.bulk_lsn)
        for stretch in pages.missing(numbers):
            load = PageLoad(stretch, loop.create_future())
            pages.begin(load)
            load.done = loop.run_in_executor(self._executor, self._read_stretch, stored.keys, load.low, load.high)
            load.done.add_done_callback(partial(self._pages_read, stored, load))
        for load in {id(x): x for n in numbers if (x := pages.loading.get(n)) is not None}.values():
            await asyncio.shield(load.done)

    def _read_stretch(self, keys: TableKeys, low: int, high: int) -> list[Row]:
        table = keys.table
        names = ", ".join(quote(c.name) for c in table.columns)
        key = quote(table.key_columns[0])
        sql = f"SELECT {names} FROM vol.main.{table.physical_name} WHERE {key} BETWEEN $1 AND $2"
        rows: list[Row] = self._with_cursor(lambda cursor: fetch_all(cursor.execute(sql, [low, high])))
        return rows

    def _pages_read(self, stored: TableRows, load: PageLoad, done: asyncio.Future[list[Row]]) -> None:
        failed = done.cancelled() or done.exception() is not None
        self._store.end_load(stored, load, None if failed else done.result())

    async def leaf(self, stored: TableRows, key: IntKey) -> None:
        """Bring the leaf that covers `key`, or as many of its first columns, into the row store; waits also for a load
        that another one began.

        Raises:
            duckdb.Error: DuckDB could not read it.
        """
        leaves = stored.leaves
        assert leaves is not None
        while stored.bulk_lsn > self._apply_queue.applied_lsn:
            await self._apply_queue.wait(stored.bulk_lsn)
        start = leaves.start_of(key)
        load = leaves.loading.get(start)
        if load is None:
            loop = asyncio.get_running_loop()
            load = LeafLoad(start, loop.create_future())
            leaves.begin(load)
            load.done = loop.run_in_executor(self._executor, self._read_from, stored.keys, start)
            load.done.add_done_callback(partial(self._leaf_read, stored, load))
        await asyncio.shield(load.done)

    def _read_from(self, keys: TableKeys, start: IntKey) -> list[Row]:
        """The first rows whose key is at or behind `start`, in key order."""
        table = keys.table
        names = ", ".join(quote(c.name) for c in table.columns)
        columns = [quote(name) for name in table.key_columns]
        # The first comparison, which the others imply, lets DuckDB skip whole row groups.
        behind = f"{columns[len(start) - 1]} >= ${len(start)}"
        for number in range(len(start) - 1, 0, -1):
            behind = f"({columns[number - 1]} > ${number} OR ({columns[number - 1]} = ${number} AND {behind}))"
        sql = (
            f"SELECT {names} FROM vol.main.{table.physical_name} WHERE {columns[0]} >= $1 AND {behind}"
            f" ORDER BY {', '.join(columns)} LIMIT {LOAD_ROWS}"
        )
        rows: list[Row] = self._with_cursor(lambda cursor: fetch_all(cursor.execute(sql, list(start))))
        return rows

    def _leaf_read(self, stored: TableRows, load: LeafLoad, done: asyncio.Future[list[Row]]) -> None:
        failed = done.cancelled() or done.exception() is not None
        self._store.end_leaf_load(stored, load, None if failed else done.result())

    def index(self, stored: TableRows, name: IndexName) -> None:
        """Build an index of a table, in the background."""
        if stored.bulk_lsn > self._apply_queue.applied_lsn:
            return
        index = self._store.begin_index(stored, name)
        loop, most = asyncio.get_running_loop(), self._store.most_index_rows
        reading: asyncio.Future[Any]
        if isinstance(name, int):
            reading = loop.run_in_executor(self._executor, self._read_entries, stored.keys, name, most)
        else:
            reading = loop.run_in_executor(self._executor, self._read_hashes, stored.keys, name, most)
        reading.add_done_callback(partial(self._entries_read, stored, index))

    def _read_entries(self, keys: TableKeys, position: int, most: int) -> _Entries:
        table = keys.table
        value, key = quote(table.columns[position].name), quote(table.key_columns[0])
        name = f"vol.main.{table.physical_name}"

        def read(cursor: duckdb.DuckDBPyConnection) -> _Entries:
            counted = cursor.execute(f"SELECT count(*) FROM {name}").fetchone()
            assert counted is not None
            if counted[0] > most:
                return None
            found = cursor.execute(
                f"SELECT CAST({value} AS BIGINT) AS v, CAST({key} AS BIGINT) AS k FROM {name} "
                f"WHERE {value} IS NOT NULL ORDER BY v, k"
            ).fetchnumpy()
            values, row_keys = array("q"), array("q")
            values.frombytes(found["v"].astype("<i8").tobytes())
            row_keys.frombytes(found["k"].astype("<i8").tobytes())
            return values, row_keys

        return self._with_cursor(read)

    def _read_hashes(self, keys: TableKeys, positions: Positions, most: int) -> Entries | None:
        """The entries of a hash index, None when there are more than `most` (which is meant for narrower ones)."""
        table = keys.table
        name = f"vol.main.{table.physical_name}"
        columns = [quote(table.columns[position].name) for position in positions]
        key = [quote(column) for column in table.key_columns]

        def read(cursor: duckdb.DuckDBPyConnection) -> Entries | None:
            counted = cursor.execute(f"SELECT count(*) FROM {name}").fetchall()
            if counted[0][0] * (1 + len(key)) > most * 2:
                return None
            selected = ", ".join(f"{column} AS c{number}" for number, column in enumerate((*columns, *key)))
            given = " AND ".join(f"{column} IS NOT NULL" for column in columns)
            return entries_of(
                table, positions, cursor.sql(f"SELECT {selected} FROM {name} WHERE {given}").to_arrow_table()
            )

        return self._with_cursor(read)

    def _entries_read(self, stored: TableRows, index: SecondaryIndex | HashIndex, done: asyncio.Future[Any]) -> None:
        error = None if done.cancelled() else done.exception()
        if error is not None:
            log.warning("an index of %s could not be read: %s", stored.keys.table.name, error)
        failed = done.cancelled() or error is not None
        self._store.end_index(stored, index, None if failed else done.result(), failed=failed)

    def _with_cursor(self, work: Callable[[duckdb.DuckDBPyConnection], _T]) -> _T:
        cursor = self._duck.borrow()
        try:
            return work(cursor)
        finally:
            self._duck.give_back(cursor)
