"""New clusters from states of another one: any instant, with redo collected, a zone lost, and clones of clones."""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from aurora_mysql.backup.founding import Founded, found_cluster, prepare_directory
from aurora_mysql.backup.source import Past
from aurora_mysql.engine.engine import Engine
from aurora_mysql.errors import ConfigError, StorageError
from aurora_mysql.redo.codec import CommitAssembler
from aurora_mysql.sql.functions import bootstrap
from aurora_mysql.storage.checkpoint import CheckpointStore
from aurora_mysql.storage.layout import default_layout
from aurora_mysql.storage.reader import VolumeReader
from aurora_mysql.storage.retention import Retention
from aurora_mysql.storage.volume import Volume
from replicas.checkpointer import Checkpointer
from replicas.seeding import open_engine
from tests.support.redo_cluster import CLUSTER_ID, OPTIONS, Node, new_volume, run

WINDOW = Retention(window_s=3600)


def instant_us() -> int:
    time.sleep(0.0015)
    found = time.time_ns() // 1000
    time.sleep(0.0015)
    return found


def with_writer(root: Path, work: Callable[[Node], Awaitable[None]]) -> None:
    async def main() -> None:
        new_volume(root)
        writer = await Node(root, "instance-1").open()
        await writer.promote()
        await writer.create_table()
        try:
            await work(writer)
        finally:
            await writer.crash()

    run(main)


async def checkpoint(writer: Node, retention: Retention = WINDOW) -> None:
    """As the supervisor has it done: publish, then let go of redo."""
    store = CheckpointStore(writer.root / "volume", CLUSTER_ID, retention=retention)
    needed = await Checkpointer(writer.engine, store).take()
    assert writer.volume is not None
    writer.volume.collect(needed + 1)


def found(root: Path, cluster_id: str, target: Path, until_us: int | None, *, vdl: int | None, link: bool) -> Founded:
    past = Past(root, cluster_id, vdl)
    with past.at(until_us) as state:
        prepare_directory(target)
        end = lambda: (state.lsn, state.time_us)  # noqa: E731
        return found_cluster(
            target, past.store.chunks, state.base, state.pieces(), end, share=link, progress=lambda _: None
        )


async def ids(target: Path, cluster: Founded) -> list[int]:
    """The table of a founded cluster, as its first instance begins with it."""
    layout = default_layout(target)
    reader = VolumeReader(target, layout, cluster.cluster_id)
    assert (reader.first_lsn(), reader.settled_vdl()) == (cluster.lsn + 1, cluster.lsn)
    engine: Engine = await open_engine(
        target / "instances" / "instance-1",
        instance_id="instance-1",
        options=OPTIONS,
        bootstrap=bootstrap,
        checkpoints=CheckpointStore(target / "volume", cluster.cluster_id),
        first_lsn=cluster.lsn + 1,
    )
    try:
        assert engine.visible_lsn == cluster.lsn and engine.last_commit_time_us == cluster.time_us
        await engine.apply_queue.wait(engine.visible_lsn)
        return [row[0] for row in engine.duck.root.execute("SELECT id FROM t1 ORDER BY id").fetchall()]
    finally:
        await engine.close()


def test_any_instant(tmp_path: Path) -> None:
    async def work(writer: Node) -> None:
        chance = random.Random(5)
        instants: list[tuple[int, list[int]]] = []
        present: list[int] = []
        for number in range(60):
            await writer.insert(number, value="x" * chance.randrange(2000))
            present.append(number)
            if chance.random() < 0.5:
                instants.append((instant_us(), list(present)))
            if chance.random() < 0.1:
                await checkpoint(writer)
        assert len(CheckpointStore(tmp_path / "volume", CLUSTER_ID).all()) >= 3
        for number, (until_us, expected) in enumerate(chance.sample(instants, 12)):
            target = tmp_path / f"new-{number}"
            cluster = found(
                tmp_path, CLUSTER_ID, target, until_us, vdl=writer.engine.visible_lsn, link=bool(number % 2)
            )
            assert await ids(target, cluster) == expected, number
        assert not list((tmp_path / "volume" / "pins").iterdir())

    with_writer(tmp_path, work)


def test_what_retention_let_go_is_told(tmp_path: Path) -> None:
    async def work(writer: Node) -> None:
        instants = []
        for number in range(8):
            await writer.insert(number, value=random.Random(number).randbytes(200_000).hex())
            instants.append(instant_us())
            await checkpoint(writer, Retention())
        kept = CheckpointStore(tmp_path / "volume", CLUSTER_ID).all()
        assert len(kept) == 2
        assert VolumeReader(tmp_path, default_layout(tmp_path), CLUSTER_ID).first_lsn() > 1
        with pytest.raises(StorageError, match="before the earliest time that can be reached"):
            found(tmp_path, CLUSTER_ID, tmp_path / "a", instants[2], vdl=writer.engine.visible_lsn, link=False)
        cluster = found(tmp_path, CLUSTER_ID, tmp_path / "b", instants[6], vdl=writer.engine.visible_lsn, link=False)
        assert await ids(tmp_path / "b", cluster) == list(range(7))
        begin_us, begin_lsn = Past(tmp_path, CLUSTER_ID, None).begin()
        assert (begin_us, begin_lsn) == (kept[-1].time_us, kept[-1].lsn)

    with_writer(tmp_path, work)


@pytest.mark.parametrize("link", [False, True])
def test_with_a_zone_lost_and_the_cluster_down(tmp_path: Path, link: bool) -> None:
    async def work(writer: Node) -> None:
        await writer.insert(1, 2)
        await checkpoint(writer)
        await writer.insert(3)

    with_writer(tmp_path, work)

    async def later() -> None:
        shutil.rmtree(tmp_path / "volume" / "az-a")
        target = tmp_path / "new"
        cluster = found(tmp_path, CLUSTER_ID, target, None, vdl=None, link=link)
        assert not cluster.shared
        shutil.rmtree(tmp_path / "volume")
        assert await ids(target, cluster) == [1, 2, 3]

    run(later)


def test_a_clone_of_a_clone_goes_its_own_way(tmp_path: Path) -> None:
    async def work(writer: Node) -> None:
        await writer.insert(1)
        await checkpoint(writer)
        await writer.insert(2)
        first = found(tmp_path, CLUSTER_ID, tmp_path / "one", None, vdl=writer.engine.visible_lsn, link=True)
        assert first.shared
        # The first clone has redo beside its file; the second takes it along.
        second = found(tmp_path / "one", first.cluster_id, tmp_path / "two", None, vdl=None, link=True)
        assert second.lsn == first.lsn and second.shared
        await writer.insert(3)
        for text in ("a", "b", "c"):
            await writer.insert(4, value=text)
            await checkpoint(writer, Retention())
        assert await ids(tmp_path / "one", first) == [1, 2] == await ids(tmp_path / "two", second)
        shutil.rmtree(tmp_path / "one")
        shutil.rmtree(tmp_path / "two" / "instances")
        assert await ids(tmp_path / "two", second) == [1, 2]

    with_writer(tmp_path, work)


def test_a_founded_volume_takes_writes(tmp_path: Path) -> None:
    async def work(writer: Node) -> None:
        await writer.insert(1, 2)
        cluster = found(tmp_path, CLUSTER_ID, tmp_path / "new", None, vdl=writer.engine.visible_lsn, link=False)
        assert await ids(tmp_path / "new", cluster) == [1, 2]
        target = tmp_path / "new"
        layout = default_layout(target)
        for round_ in range(3):
            volume = Volume.open_for_writing(
                target, layout, cluster.cluster_id, on_vdl=lambda _: None, on_state=lambda _: None
            )
            assert volume.vdl == cluster.lsn + round_
            assert volume.append([b"payload"]) == cluster.lsn + round_ + 1
            volume.close()
        # A copy that is made anew begins where the others do.
        shutil.rmtree(layout[2].path)
        volume = Volume.open_for_writing(
            target, layout, cluster.cluster_id, on_vdl=lambda _: None, on_state=lambda _: None
        )
        deadline_s = time.monotonic() + 20
        while any(copy.state != "ok" for copy in volume.status().copies):
            assert time.monotonic() < deadline_s, volume.status()
            time.sleep(0.01)
        assert {copy.scl for copy in volume.status().copies} == {cluster.lsn + 3}
        volume.close()

    with_writer(tmp_path, work)


def test_a_used_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "file").touch()
    (tmp_path / "file").touch()
    for name in ("used", "file"):
        with pytest.raises(ConfigError):
            prepare_directory(tmp_path / name)
    prepare_directory(tmp_path / "a" / "b")


def test_a_past_state_is_whole_commits(tmp_path: Path) -> None:
    async def work(writer: Node) -> None:
        await writer.insert(1)
        before = instant_us()
        await writer.insert(*range(10, 20_000), value="x" * 300)
        past = Past(tmp_path, CLUSTER_ID, writer.engine.visible_lsn)
        for until_us, count in ((before, 2), (None, 3)):
            with past.at(until_us) as state:
                assembler = CommitAssembler()
                commits = [c for record in state.records() if (c := assembler.feed(record)) is not None]
                assert len(commits) == count and not assembler.partial
                assert (state.lsn, state.time_us) == (commits[-1].lsn, commits[-1].commit_time_us)

    with_writer(tmp_path, work)
