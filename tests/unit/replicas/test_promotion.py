"""Becoming the writer: nothing durable is lost, the old writer is fenced, a failure leaves a reader."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from aurora_mysql.errors import MySQLError, QuorumLostError
from aurora_mysql.storage.layout import VolumeState, default_layout
from tests.support.redo_cluster import Node, new_volume, run, until


async def two(root: Path) -> tuple[Node, Node]:
    new_volume(root)
    first, second = await Node(root, "instance-1").open(), await Node(root, "instance-2").open()
    await first.promote()
    await first.create_table()
    second.follow(first)
    return first, second


def test_a_reader_takes_over_with_everything_durable(tmp_path: Path) -> None:
    async def work() -> None:
        first, second = await two(tmp_path)
        await first.insert(1)
        await until(lambda: second.engine.visible_lsn == first.engine.visible_lsn)
        # The reader hears nothing more, the writer goes on: the volume has what the stream did not bring.
        await second.receiver.stop()
        await asyncio.gather(*(first.insert(i) for i in range(2, 50)))
        lsn, epoch = first.engine.visible_lsn, first.volume.epoch  # type: ignore[union-attr]
        await first.crash()
        await second.promote(min_epoch=epoch + 5)
        assert second.volume is not None and second.volume.epoch >= epoch + 5
        assert second.engine.visible_lsn == lsn and second.engine.is_writer
        assert await second.insert(50) == lsn + 1
        assert await second.ids() == list(range(1, 51))
        # The first comes back as a reader of the second.
        again = await Node(tmp_path, "instance-1").open()
        again.follow(second)
        await until(lambda: again.engine.visible_lsn == second.engine.visible_lsn)
        assert await again.ids() == list(range(1, 51))
        await again.crash()
        await second.crash()

    run(work)


def test_the_old_writer_is_fenced_and_acknowledges_nothing(tmp_path: Path) -> None:
    async def work() -> None:
        first, second = await two(tmp_path)
        await first.insert(1)
        await second.promote()
        committing = asyncio.create_task(first.insert(2))
        await until(lambda: bool(first.fenced))
        assert not committing.done()
        first.engine.become_reader()
        with pytest.raises(MySQLError) as caught:
            await committing
        assert caught.value.errno == 1836
        await second.insert(3)
        assert await second.ids() == [1, 3]
        assert not second.fenced
        await first.crash()
        await second.crash()

    run(work)


def test_without_a_read_quorum_it_stays_a_reader_that_follows(tmp_path: Path) -> None:
    async def work() -> None:
        first, second = await two(tmp_path)
        await first.insert(1)
        hidden = default_layout(tmp_path)[:4]
        for copy in hidden:
            copy.path.rename(copy.path.with_name(copy.path.name + ".away"))
        with pytest.raises(QuorumLostError):
            await second.promote()
        assert not second.engine.is_writer
        assert second.receiver.target[0] == first.port
        for copy in hidden:
            shutil.rmtree(copy.path, ignore_errors=True)  # the writer may have begun a new one
            copy.path.with_name(copy.path.name + ".away").rename(copy.path)
        await second.crash()
        await first.crash()

    run(work)


def test_commits_wait_while_the_write_quorum_is_away(tmp_path: Path) -> None:
    async def work() -> None:
        first, second = await two(tmp_path)
        assert first.volume is not None
        report = first.volume._on_state  # as the volume's threads call it
        await asyncio.to_thread(report, VolumeState(False, reason="copies are away"))
        committing = asyncio.create_task(first.insert(1))
        await asyncio.to_thread(lambda: None)
        for _ in range(20):
            await asyncio.sleep(0)
        assert not committing.done()
        await asyncio.to_thread(report, VolumeState(True))
        await committing
        assert await first.ids() == [1]
        await second.crash()
        await first.crash()

    run(work)


def test_a_cancelled_promotion_lets_the_volume_go(tmp_path: Path) -> None:
    async def work() -> None:
        new_volume(tmp_path)
        node = await Node(tmp_path, "instance-1").open()
        task = asyncio.create_task(node.promote())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not node.engine.is_writer
        await node.promote()
        await node.create_table()
        await node.insert(1)
        assert await node.ids() == [1]
        await node.crash()

    run(work)
