"""Engines in one process over a volume in memory: the test decides when a commit is durable, and who gets the redo."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from aurora_mysql.catalog.model import CatalogDelta, Column, ColumnType, Database, Index, IndexPart, Table, User
from aurora_mysql.catalog.physical import create_table_statements
from aurora_mysql.engine.commit_log import InFlight
from aurora_mysql.engine.engine import Engine
from aurora_mysql.engine.locks import LockManager, LockOwner
from aurora_mysql.engine.options import EngineOptions
from aurora_mysql.engine.transaction import Transaction
from aurora_mysql.redo.record import Commit
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.functions import bootstrap

OPTIONS = EngineOptions(memory_limit_bytes=256 << 20, duckdb_threads=1, query_threads=2, lock_wait_timeout_s=5.0)

#: id BIGINT PRIMARY KEY, code VARCHAR UNIQUE (case-insensitive), v BIGINT
ITEMS = Table(
    1,
    "d",
    "items",
    (
        Column("id", ColumnType("bigint"), nullable=False),
        Column("code", ColumnType("varchar", 50, charset="utf8mb4", collation="utf8mb4_0900_ai_ci")),
        Column("v", ColumnType("bigint")),
    ),
    (Index("PRIMARY", (IndexPart("id"),), unique=True), Index("code", (IndexPart("code"),), unique=True)),
)

#: (a INT, b INT) PRIMARY KEY, v BIGINT
LINES = Table(
    2,
    "d",
    "line",
    (
        Column("a", ColumnType("int"), nullable=False),
        Column("b", ColumnType("int"), nullable=False),
        Column("v", ColumnType("bigint")),
    ),
    (Index("PRIMARY", (IndexPart("a"), IndexPart("b")), unique=True),),
)


class MemoryVolume:
    """LSNs without a disk. While `holding`, nothing becomes durable until :meth:`let_go`."""

    epoch = 1
    may_grow = True

    def __init__(self) -> None:
        self.vdl = 0
        self.next = 0
        self.holding = False
        self.refuse: Exception | None = None
        #: How many commits it takes at once.
        self.room: int | None = None
        self.log: Any = None

    def append_group(self, commits: Sequence[Sequence[bytes]]) -> list[int]:
        if self.refuse is not None:
            raise self.refuse
        lsns = []
        for parts in commits[: self.room]:
            self.next += len(parts)
            lsns.append(self.next)
        if not self.holding:
            self.let_go()
        return lsns

    def let_go(self, lsn: int | None = None) -> None:
        """Everything (or everything up to `lsn`) is durable."""
        self.vdl = self.next if lsn is None else lsn
        self.log.vdl_advanced(self.vdl)


class World:
    """A writer, its volume, and engines that are fed by its redo."""

    def __init__(self, path: Path, options: EngineOptions) -> None:
        self.path, self.options = path, options
        self.volume = MemoryVolume()
        self.commits: list[Commit] = []
        self.followers: list[Engine] = []
        self._sessions = 0

    async def open(self) -> World:
        self.engine = await Engine.open(
            self.path / "writer", instance_id="writer", options=self.options, bootstrap=bootstrap
        )
        self.volume.log = self.engine.become_writer(self.volume)
        self.engine.on_durable = self._publish
        return self

    def _publish(self, items: list[InFlight]) -> None:
        self.commits += [item.commit for item in items]

    def session(self, **variables: Any) -> SessionContext:
        self._sessions += 1
        return SessionContext(self._sessions, User("admin"), variables=dict(variables))

    def begin(self, ctx: SessionContext | None = None, **options: Any) -> Transaction:
        return self.engine.begin(ctx or self.session(), **options)

    async def create(self, *tables: Table) -> None:
        delta = CatalogDelta(
            databases={"d": Database("d")},
            tables={(t.database, t.name): t for t in tables},
            next_table_id=max(t.id for t in tables) + 1,
        )
        statements = [s for t in tables for s in create_table_statements(t)]
        await self.engine.commit_schema(self.session(), delta, statements)

    async def drop(self, table: Table) -> None:
        delta = CatalogDelta(tables={(table.database, table.name): None})
        await self.engine.commit_schema(self.session(), delta, [f"DROP TABLE {table.physical_name}"], lock=[table])

    async def add_column(self, table: Table, column: Column) -> Table:
        wider = replace(table, columns=(*table.columns, column))
        delta = CatalogDelta(tables={(table.database, table.name): wider})
        statement = f'ALTER TABLE {table.physical_name} ADD COLUMN "{column.name}" BIGINT'
        await self.engine.commit_schema(self.session(), delta, [statement], lock=[table])
        return wider

    async def put(self, table: Table, *rows: tuple[Any, ...]) -> int:
        """Insert `rows` in a transaction of their own; its LSN."""
        tx = self.begin()
        for row in rows:
            await insert(tx, table, row)
        return await tx.commit()

    async def rows(self, engine: Engine | None = None, table: Table = ITEMS) -> list[tuple[Any, ...]]:
        """The table as DuckDB has it once everything visible is applied."""
        engine = engine or self.engine
        await engine.apply_queue.wait(engine.visible_lsn)
        cursor = engine.duck.borrow()
        try:
            names = ", ".join(f'"{c.name}"' for c in table.columns)
            return cursor.execute(f"SELECT {names} FROM {table.physical_name} ORDER BY 1").fetchall()
        finally:
            engine.duck.give_back(cursor)

    async def close(self) -> None:
        await self.engine.close()


async def insert(tx: Transaction, table: Table, row: tuple[Any, ...]) -> None:
    """Lock the key and put `row` there."""
    await tx.use_table(table)
    await tx.lock_keys(table, [tuple(row[p] for p in table.key_positions)])
    tx.insert(table, row)


def with_world(path: Path, work: Callable[[World], Awaitable[None]], **options: Any) -> None:
    """Run `work` on a fresh writer that has the table `ITEMS`."""

    async def main() -> None:
        world = await World(path, replace(OPTIONS, **options)).open()
        try:
            async with asyncio.timeout(60):
                await world.create(ITEMS)
                await work(world)
        finally:
            await world.close()

    asyncio.run(main())


def waiting(locks: LockManager) -> set[int]:
    """Ids of the owners that wait for a lock."""
    return {waiter.owner.id for _, _, _, waiter in locks.listed() if waiter is not None and not waiter.future.done()}


async def until(condition: Callable[[], Any], what: str = "the condition", timeout_s: float = 10.0) -> None:
    """Turn the loop until `condition` holds."""
    try:
        async with asyncio.timeout(timeout_s):
            while not condition():
                await asyncio.sleep(0.001)
    except TimeoutError:
        raise AssertionError(f"waited {timeout_s} s for {what}") from None


def owner(locks: LockManager, number: int, weight: int = 0) -> LockOwner:
    """A lock owner with a session of its own."""
    return LockOwner(number, SessionContext(number, User("admin")), lambda: weight)
