"""Engines over a real volume in one process: a writer with its stream, and readers that follow it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

from aurora_mysql.catalog.model import CatalogDelta, Column, ColumnType, Database, Index, IndexPart, Table, User
from aurora_mysql.catalog.physical import create_table_statements
from aurora_mysql.engine.commit_log import InFlight
from aurora_mysql.engine.engine import Engine
from aurora_mysql.engine.options import EngineOptions
from aurora_mysql.redo.record import Commit, TableChange
from aurora_mysql.redo.stream import RedoStreamServer
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.functions import bootstrap
from aurora_mysql.storage.layout import Record, VolumeOptions, default_layout
from aurora_mysql.storage.reader import VolumeReader
from aurora_mysql.storage.volume import Volume, create_volume
from replicas.lag import LagMeter
from replicas.promotion import promote
from replicas.receiver import Receiver

TOKEN = "t0ken"
CLUSTER_ID = "c"
OPTIONS = EngineOptions(memory_limit_bytes=256 << 20, duckdb_threads=1, query_threads=1)
VOLUME_OPTIONS = VolumeOptions(segment_bytes=1 << 20)
TABLE = Table(
    1,
    "d",
    "t",
    (Column("id", ColumnType("bigint"), nullable=False), Column("v", ColumnType("varchar", 50))),
    (Index("PRIMARY", (IndexPart("id"),), unique=True),),
)


class MemoryReader:
    """A volume's records in memory; counts reads."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.reads = 0

    def first_lsn(self) -> int:
        return self.records[0].lsn if self.records else 1

    def read(self, from_lsn: int, to_lsn: int) -> Iterator[Record]:
        self.reads += 1
        return iter([r for r in self.records if from_lsn <= r.lsn <= to_lsn])

    def add(self, last_lsn: int, parts: list[bytes], epoch: int = 1) -> None:
        first = last_lsn - len(parts) + 1
        self.records += [Record(first + i, epoch, first + i == last_lsn, part) for i, part in enumerate(parts)]


class Node:
    """One instance without SQL: engine, receiver and, as the writer, volume and stream."""

    def __init__(self, root: Path, name: str) -> None:
        self.root, self.name = root, name
        self.lag = LagMeter()
        self.volume: Volume | None = None
        self.stream: RedoStreamServer | None = None
        self.port = 0
        self.fenced: list[str] = []
        self.lost: list[str] = []
        self.reader: Any = VolumeReader(root, default_layout(root), CLUSTER_ID)
        self._ids = 0

    async def open(self, engine: Engine | None = None) -> Node:
        self.engine = engine or await Engine.open(
            self.root / "instances" / self.name, instance_id=self.name, options=OPTIONS, bootstrap=bootstrap
        )
        self.receiver = Receiver(
            self.engine,
            self.reader,
            token=TOKEN,
            lag=self.lag,
            cpu_percent=lambda: 1.5,
            on_lost=self.lost.append,
        )
        return self

    async def promote(self, min_epoch: int = 0) -> None:
        self.volume = await promote(
            self.engine,
            self.receiver,
            default_layout(self.root),
            CLUSTER_ID,
            data_dir=str(self.root),
            min_epoch=min_epoch,
            options=VOLUME_OPTIONS,
            on_fenced=self.fenced.append,
        )
        await self.serve(self.volume.epoch)

    async def serve(self, epoch: int, **options: Any) -> None:
        self.stream = RedoStreamServer(
            TOKEN,
            epoch=epoch,
            vdl=self.engine.visible_lsn,
            topology=lambda: [[self.name, "MASTER_SESSION_ID", 0.5, 0.0, time.time_ns() // 1000]],
            **options,
        )
        self.engine.on_durable = self._publish
        self.port = await self.stream.start()

    def _publish(self, items: list[InFlight]) -> None:
        assert self.stream is not None
        for item in items:
            self.stream.publish(item.commit.lsn, item.parts)

    def follow(self, writer: Node) -> None:
        assert writer.volume is not None
        self.receiver.follow(writer.port, writer.volume.epoch)

    async def create_table(self) -> None:
        delta = CatalogDelta(databases={"d": Database("d")}, tables={("d", "t"): TABLE}, next_table_id=TABLE.id + 1)
        await self.engine.commit_schema(SessionContext(1, User("a")), delta, create_statements())

    async def insert(self, *ids: int, value: str = "x") -> int:
        change = TableChange(TABLE.id, [(i, value) for i in ids])
        return await self.engine.commit_log.commit(Commit(commit_time_us=time.time_ns() // 1000, changes=[change]))

    async def ids(self) -> list[int]:
        """The table as DuckDB has it once everything visible is applied."""
        await self.engine.apply_queue.wait(self.engine.visible_lsn)
        cursor = self.engine.duck.borrow()
        try:
            return [row[0] for row in cursor.execute("SELECT id FROM t1 ORDER BY id").fetchall()]
        finally:
            self.engine.duck.give_back(cursor)

    async def crash(self) -> None:
        """Go without a word: no drain, no hand-over."""
        if self.stream is not None:
            await self.stream.stop()
        await self.receiver.stop()
        if self.volume is not None:
            await asyncio.to_thread(self.volume.close)
        await self.engine.close()


def create_statements() -> list[str]:
    return list(create_table_statements(TABLE))


def new_volume(root: Path) -> None:
    create_volume(root, default_layout(root), CLUSTER_ID)


async def until(condition: Callable[[], bool], *, timeout_s: float = 20.0) -> None:
    """Turn the loop until `condition` holds."""
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.002)


def run(work: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(_run(work))


async def _run(work: Callable[[], Awaitable[None]]) -> None:
    async with asyncio.timeout(60):
        await work()
