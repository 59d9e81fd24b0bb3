"""Where an instance begins, whatever is left of its file; and the checkpoints it may begin from."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from aurora_mysql.engine.engine import Engine
from aurora_mysql.errors import StorageError
from aurora_mysql.sql.functions import bootstrap
from aurora_mysql.storage.checkpoint import CheckpointStore
from replicas.checkpointer import Checkpointer
from replicas.seeding import FILE_NAME, mark_unusable, open_engine
from tests.support.redo_cluster import CLUSTER_ID, OPTIONS, Node, new_volume, run


def store(root: Path) -> CheckpointStore:
    return CheckpointStore(root / "volume", CLUSTER_ID)


async def begin(root: Path, name: str, *, first_lsn: int = 1) -> Engine:
    return await open_engine(
        root / "instances" / name,
        instance_id=name,
        options=OPTIONS,
        bootstrap=bootstrap,
        checkpoints=store(root),
        first_lsn=first_lsn,
    )


def with_writer(root: Path, work: Callable[[Node], Awaitable[None]]) -> None:
    async def main() -> None:
        new_volume(root)
        writer = await Node(root, "instance-1").open()
        await writer.promote()
        await writer.create_table()
        await writer.insert(1, 2, 3)
        try:
            await work(writer)
        finally:
            await writer.crash()

    run(main)


def test_an_empty_directory_begins_at_nothing_without_a_checkpoint(tmp_path: Path) -> None:
    async def work(writer: Node) -> None:
        engine = await begin(tmp_path, "instance-2")
        assert engine.visible_lsn == 0
        await engine.close()
        with pytest.raises(StorageError, match="no checkpoint reaches"):
            await begin(tmp_path, "instance-3", first_lsn=2)

    with_writer(tmp_path, work)


def test_checkpoints_are_taken_while_writes_go_on_and_lead_on(tmp_path: Path) -> None:
    async def work(writer: Node) -> None:
        checkpointer = Checkpointer(writer.engine, store(tmp_path))
        assert await checkpointer.take() == 0  # one checkpoint alone: the log stays whole
        first = store(tmp_path).all()[0].lsn
        assert await checkpointer.take() == 0 and len(store(tmp_path).all()) == 1  # nothing new, nothing done

        async def write() -> None:
            for i in range(10, 60):
                await writer.insert(i)

        writing = asyncio.create_task(write())
        await writer.insert(9)
        assert await checkpointer.take() == first
        await writing
        assert await checkpointer.take() == store(tmp_path).all()[1].lsn > first
        newest = store(tmp_path).all()[0].lsn
        assert newest == writer.engine.visible_lsn
        await writer.insert(60)
        engine = await begin(tmp_path, "instance-2", first_lsn=newest + 1)
        assert engine.visible_lsn == newest
        node = await Node(tmp_path, "instance-2").open(engine)
        await node.receiver.catch_up(writer.engine.visible_lsn)
        assert await node.ids() == [1, 2, 3, 9, *range(10, 61)]
        assert node.engine.catalog == writer.engine.catalog
        assert not (writer.engine.directory / "checkpoint.copy").exists()
        await node.crash()

    with_writer(tmp_path, work)


def test_the_own_file_is_used_when_the_log_leads_on(tmp_path: Path) -> None:
    async def work(writer: Node) -> None:
        node = await Node(tmp_path, "instance-2").open(await begin(tmp_path, "instance-2"))
        await node.receiver.catch_up(writer.engine.visible_lsn)
        lsn = await node.engine.checkpoint()
        await node.crash()
        engine = await begin(tmp_path, "instance-2")
        assert engine.visible_lsn == lsn > 0
        await engine.close()
        # The log has moved on: the file is of no use, the checkpoint is.
        await writer.insert(4)
        await Checkpointer(writer.engine, store(tmp_path)).take()
        engine = await begin(tmp_path, "instance-2", first_lsn=lsn + 2)
        assert engine.visible_lsn == lsn + 1
        await engine.close()

    with_writer(tmp_path, work)


@pytest.mark.parametrize("damage", ["garbage", "empty", "header", "marked"])
def test_an_unusable_file_is_replaced_by_the_checkpoint(tmp_path: Path, damage: str) -> None:
    async def work(writer: Node) -> None:
        await Checkpointer(writer.engine, store(tmp_path)).take()
        engine = await begin(tmp_path, "instance-2")
        await engine.close()
        directory = tmp_path / "instances" / "instance-2"
        file = directory / FILE_NAME
        if damage == "garbage":
            file.write_bytes(b"no database at all" * 1000)
        elif damage == "empty":
            file.write_bytes(b"DUCK")
        elif damage == "header":
            data = bytearray(file.read_bytes())
            data[: 3 * 4096] = bytes(3 * 4096)
            file.write_bytes(data)
        else:
            mark_unusable(directory, "it failed")
            file.with_name(FILE_NAME + ".wal").write_bytes(b"old")
        engine = await begin(tmp_path, "instance-2")
        assert engine.visible_lsn == writer.engine.visible_lsn
        assert sorted(path.name for path in directory.iterdir()) == [FILE_NAME, "spill"]
        await engine.close()

    with_writer(tmp_path, work)
