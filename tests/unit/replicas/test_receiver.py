"""Readers follow the writer through everything: late joins, big commits, lost connections, schema changes."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from aurora_mysql.errors import StorageError
from aurora_mysql.redo.codec import encode_commit
from aurora_mysql.redo.frames import HELLO, PROTOCOL_VERSION, frame, read_frame
from aurora_mysql.redo.record import Commit, TableChange
from replicas.receiver import UnreachableError
from tests.support.redo_cluster import TOKEN, MemoryReader, Node, new_volume, run, until


async def pair(root: Path, **stream: Any) -> tuple[Node, Node]:
    """A writer with a table and a row, and a reader that follows it."""
    new_volume(root)
    writer, reader = await Node(root, "instance-1").open(), await Node(root, "instance-2").open()
    await writer.promote()
    if stream:
        assert writer.stream is not None and writer.volume is not None
        await writer.stream.stop()
        await writer.serve(writer.volume.epoch, **stream)
    await writer.create_table()
    await writer.insert(1)
    reader.follow(writer)
    await level(writer, reader)
    return writer, reader


async def level(writer: Node, reader: Node) -> None:
    await until(lambda: reader.engine.visible_lsn == writer.engine.visible_lsn)


def test_commits_and_schema_changes_arrive(tmp_path: Path) -> None:
    async def work() -> None:
        writer, reader = await pair(tmp_path)
        await asyncio.gather(*(writer.insert(i) for i in range(2, 300)))
        await level(writer, reader)
        assert await reader.ids() == list(range(1, 300))
        assert reader.engine.catalog == writer.engine.catalog
        await until(lambda: reader.lag.summary().samples >= 298)
        assert reader.lag.summary().p99_ms > 0
        await until(lambda: bool(reader.receiver.topology))
        assert reader.receiver.topology[0][:2] == ["instance-1", "MASTER_SESSION_ID"]
        assert writer.stream is not None
        followers = writer.stream.followers
        await until(lambda: followers["instance-2"].visible_lsn == writer.engine.visible_lsn)
        follower = followers["instance-2"]
        assert (follower.cpu_percent, follower.session_id) == (1.5, reader.receiver.session_id)
        assert follower.lag_ms is not None and follower.lag_ms > 0
        await reader.crash()
        await until(lambda: "instance-2" not in followers)
        await writer.crash()

    run(work)


def test_a_reader_that_joins_late_catches_up_from_the_volume(tmp_path: Path) -> None:
    async def work() -> None:
        writer, reader = await pair(tmp_path)
        late = await Node(tmp_path, "instance-3").open()
        late.follow(writer)
        await level(writer, late)
        assert await late.ids() == [1]
        # Its own stream begins here: what came before is in the volume only.
        assert writer.stream is not None and writer.volume is not None
        await writer.stream.stop()
        await writer.insert(2)
        await writer.serve(writer.volume.epoch)
        await writer.insert(3)
        for node in (reader, late):
            node.follow(writer)
            await level(writer, node)
            assert await node.ids() == [1, 2, 3]
        for node in (late, reader, writer):
            await node.crash()

    run(work)


def test_a_commit_of_many_parts_is_visible_as_a_whole(tmp_path: Path) -> None:
    async def work() -> None:
        writer, reader = await pair(tmp_path, frame_bytes=2000)
        assert writer.stream is not None
        before = reader.engine.visible_lsn
        rows = [(i, str(i * 7919) * 4) for i in range(1000, 3000)]
        commit = Commit(lsn=0, commit_time_us=1, changes=[TableChange(1, rows)])
        parts = encode_commit(commit, part_bytes=3000)
        assert len(parts) > 5
        seen: set[int] = set()
        # Durable by hand: the engine's own part size is larger than what a test should write.
        writer.stream.publish(before + len(parts), parts)
        while not seen or max(seen) == before:
            seen.add(reader.engine.visible_lsn)
            await asyncio.sleep(0)
        assert seen == {before, before + len(parts)}
        assert len(await reader.ids()) == 2001
        await reader.crash()
        await writer.crash()

    run(work)


def test_a_slow_follower_is_sent_away_and_comes_back(tmp_path: Path) -> None:
    async def work() -> None:
        writer, reader = await pair(tmp_path, ring_bytes=4000, backlog_bytes=20_000)
        assert writer.stream is not None
        # A peer that asks for everything and then never reads.
        _lazy, lazy_writer = await asyncio.open_connection("127.0.0.1", writer.port, limit=1024)
        hello = {"token": TOKEN, "version": PROTOCOL_VERSION, "id": "lazy", "session_id": "s", "from_lsn": 3}
        lazy_writer.write(frame(HELLO, hello))
        await until(lambda: "lazy" in writer.stream.followers)  # type: ignore[union-attr]
        number = 10
        while "lazy" in writer.stream.followers:
            async with asyncio.timeout(5):
                await asyncio.gather(*(writer.insert(number + i, value="y" * 50 + str(i)) for i in range(500)))
            number += 500
        await level(writer, reader)
        assert await reader.ids() == [1, *range(10, number)]
        lazy_writer.close()
        await reader.crash()
        await writer.crash()

    run(work)


def test_strangers_get_nothing(tmp_path: Path) -> None:
    async def work() -> None:
        writer, reader = await pair(tmp_path)
        good = {"token": TOKEN, "version": PROTOCOL_VERSION, "id": "x", "session_id": "s", "from_lsn": 1}
        for sent in (
            frame(HELLO, {**good, "token": "wrong"}),
            frame(HELLO, {**good, "token": "żółw"}),
            frame(HELLO, {**good, "version": 99}),
            frame(HELLO, {"id": "x"}),
            frame(HELLO, [1, 2]),
            frame(HELLO, {**good, "from_lsn": None}),
            frame(3, good),
            b"\xff\xff\xff\x7f\x01",
            b"\x02\x00\x00\x00\x01\xc1\xc1",
        ):
            stream, sink = await asyncio.open_connection("127.0.0.1", writer.port)
            sink.write(sent)
            assert await stream.read() == b"", sent
            sink.close()
        assert writer.stream is not None and list(writer.stream.followers) == ["instance-2"]
        await writer.insert(2)
        await level(writer, reader)
        await reader.crash()
        await writer.crash()

    run(work)


def test_a_cancelled_schema_change_is_not_applied_twice(tmp_path: Path) -> None:
    async def work() -> None:
        new_volume(tmp_path)
        writer, reader = await Node(tmp_path, "instance-1").open(), await Node(tmp_path, "instance-2").open()
        await writer.promote()
        entered = asyncio.Event()
        wait = reader.engine.apply_queue.wait

        async def noticed(lsn: int) -> None:
            entered.set()
            await wait(lsn)

        reader.engine.apply_queue.wait = noticed  # type: ignore[method-assign]
        reader.follow(writer)
        await writer.create_table()
        await entered.wait()
        reader.receiver.follow(0, 0)
        reader.follow(writer)
        await writer.insert(5)
        await level(writer, reader)
        assert await reader.ids() == [5]
        assert reader.engine.failure is None
        await reader.crash()
        await writer.crash()

    run(work)


def test_a_gap_is_refused(tmp_path: Path) -> None:
    async def work() -> None:
        writer, reader = await pair(tmp_path)
        assert writer.stream is not None
        lsn = writer.engine.visible_lsn
        parts = encode_commit(Commit(commit_time_us=1, changes=[TableChange(1, [(77, "z")])]))
        connected = reader.receiver.connected
        writer.stream.publish(lsn + 2, parts)
        await until(lambda: not reader.receiver.connected)
        assert connected and reader.engine.visible_lsn == lsn
        await reader.crash()
        await writer.crash()

    run(work)


def test_an_instance_the_log_does_not_reach_is_lost(tmp_path: Path) -> None:
    async def work() -> None:
        new_volume(tmp_path)
        writer = await Node(tmp_path, "instance-1").open()
        await writer.promote()
        await writer.create_table()
        assert writer.stream is not None and writer.volume is not None
        await writer.stream.stop()
        await writer.serve(writer.volume.epoch)
        reader = Node(tmp_path, "instance-2")
        memory = reader.reader = MemoryReader()
        memory.add(3, encode_commit(Commit()))
        await reader.open()
        with pytest.raises(UnreachableError):
            await reader.receiver.catch_up(3)
        reader.follow(writer)
        await until(lambda: bool(reader.lost))
        assert reader.engine.visible_lsn == 0
        await reader.crash()
        # Ahead of the writer: this state is of another history.
        ahead = await Node(tmp_path, "instance-3").open()
        ahead.engine.visible_lsn = 1000
        ahead.follow(writer)
        await until(lambda: bool(ahead.lost))
        assert "beyond" in ahead.lost[0]
        await ahead.crash()
        await writer.crash()

    run(work)


def test_catching_up_refuses_holes_and_half_commits(tmp_path: Path) -> None:
    async def work() -> None:
        reader = Node(tmp_path, "instance-2")
        memory = reader.reader = MemoryReader()
        await reader.open()
        one = encode_commit(Commit(commit_time_us=1))
        memory.add(1, one)
        memory.add(3, one)
        with pytest.raises(StorageError, match="skips"):
            await reader.receiver.catch_up(3)
        del memory.records[1:]
        rows = [(i, str(i * 7919) * 3) for i in range(500)]
        parts = encode_commit(Commit(changes=[TableChange(1, rows)]), part_bytes=2000)
        memory.add(1 + len(parts), parts)
        with pytest.raises(StorageError, match="does not end a commit"):
            await reader.receiver.catch_up(2)
        assert reader.engine.visible_lsn == 1
        with pytest.raises(StorageError, match="no record"):
            await reader.receiver.catch_up(100)
        await reader.crash()

    run(work)


def test_frames_are_bounded() -> None:
    async def work() -> None:
        stream = asyncio.StreamReader()
        stream.feed_data(frame(1, b"x" * 100))
        with pytest.raises(StorageError):
            await read_frame(stream, limit_bytes=50)

    run(work)
