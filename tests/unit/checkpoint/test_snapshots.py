"""Snapshots and pins: what they name outlives every collection, wherever that is cut short."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from aurora_mysql.errors import StorageError
from aurora_mysql.storage import checkpoint as checkpoint_module
from aurora_mysql.storage.checkpoint import Checkpoint, CheckpointStore
from aurora_mysql.storage.chunks import CHUNK_BYTES, ChunkStore
from aurora_mysql.storage.places import LocalPlace
from aurora_mysql.storage.retention import Retention

ZONES = ("az-a", "az-b", "az-c")


class Killed(BaseException):
    """Nobody catches it: the process ends here."""


def files(root: Path) -> set[str]:
    return {path.name for zone in ZONES for path in (root / zone / "chunks").glob("??/*")}


def publish(root: Path, lsn: int, text: bytes, **options: object) -> CheckpointStore:
    store = CheckpointStore(root, "c", **options)  # type: ignore[arg-type]
    root.parent.mkdir(exist_ok=True)
    source = root.parent / "source"
    source.write_bytes(text * CHUNK_BYTES + text)
    store.publish(source, lsn, time_us=lsn * 1_000_000)
    return store


def newest(checkpoints: object) -> Checkpoint:
    return checkpoints[0]  # type: ignore[index,no-any-return]


def whole(store: CheckpointStore) -> None:
    """Every state that is listed can be read."""
    for state in [*store.all(), *store.snapshots()]:
        for name in state.all_chunks:
            store.chunks.get(name)


def test_a_snapshot_keeps_its_chunks_until_it_is_deleted(tmp_path: Path) -> None:
    root = tmp_path / "volume"
    store = publish(root, 10, b"a")
    with store.pinned(newest) as base:
        snapshot = store.add_snapshot("s1", base, [b"redo one", b"redo two"], lambda: (12, 12_000_000))
    assert (snapshot.lsn, snapshot.base_lsn, snapshot.time_us, snapshot.redo_bytes) == (12, 10, 12_000_000, 16)
    for lsn, text in ((20, b"b"), (30, b"c")):
        publish(root, lsn, text)
    assert [c.lsn for c in store.all()] == [30, 20]
    assert store.snapshots() == [snapshot] == [store.snapshot("s1")]
    assert b"".join(store.redo_of(snapshot)) == b"redo oneredo two"
    store.write_file(snapshot, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"a" * (CHUNK_BYTES + 1)
    assert store.delete_snapshot("s1") == 3 * 4
    assert store.snapshots() == []
    assert files(root) == {name for c in store.all() for name in c.chunks}
    with pytest.raises(StorageError, match="no snapshot 's1'"):
        store.delete_snapshot("s1")


@pytest.mark.parametrize("name", ["", "1a", "a/b", "..", "a b", "a" * 64, "ä"])
def test_bad_names(tmp_path: Path, name: str) -> None:
    store = publish(tmp_path / "volume", 10, b"a")
    with store.pinned(newest) as base, pytest.raises(StorageError, match="no name"):
        store.add_snapshot(name, base, [], lambda: (10, 1))
    with pytest.raises(StorageError):
        store.delete_snapshot(name)


def test_a_name_is_used_once(tmp_path: Path) -> None:
    store = publish(tmp_path / "volume", 10, b"a")
    with store.pinned(newest) as base:
        store.add_snapshot("s", base, [], lambda: (10, 1))
        with pytest.raises(StorageError, match="already"):
            store.add_snapshot("s", base, [], lambda: (10, 1))


def test_an_unreadable_snapshot_stops_the_collection(tmp_path: Path) -> None:
    root = tmp_path / "volume"
    store = publish(root, 10, b"a")
    with store.pinned(newest) as base:
        store.add_snapshot("s", base, [], lambda: (10, 1))
    manifests = [root / zone / "snapshots" / "s.json" for zone in ZONES]
    good = manifests[0].read_bytes()
    for path in manifests:
        path.write_bytes(b"{")
    publish(root, 20, b"b")
    publish(root, 30, b"c")
    for path in manifests[:1]:
        path.write_bytes(good)
    whole(store)
    assert store.snapshot("s").lsn == 10
    assert store.scrub() == []
    assert [path.read_bytes() for path in manifests] == [good] * 3


def test_a_pin_holds_chunks_and_redo_as_long_as_its_owner_lives(tmp_path: Path) -> None:
    root = tmp_path / "volume"
    store = publish(root, 10, b"a")
    publish(root, 20, b"b")
    with store.pinned(lambda found: found[-1]) as base:
        assert base.lsn == 10
        publish(root, 30, b"c")
        assert [c.lsn for c in store.all()] == [30, 20]
        assert store.oldest_lsn() == 10
        store.write_file(base, tmp_path / "file")
    assert store.oldest_lsn() == 20
    publish(root, 40, b"d")
    assert files(root) == {name for c in store.all() for name in c.chunks}


def test_the_pin_of_a_dead_process_goes(tmp_path: Path) -> None:
    root = tmp_path / "volume"
    store = publish(root, 10, b"a")
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        with store.pinned(newest):
            os.write(writer, b"x")
            os._exit(0)  # no time to tidy up
    os.read(reader, 1)
    os.waitpid(pid, 0)
    assert len(list((root / "pins").iterdir())) == 1
    publish(root, 20, b"b")
    publish(root, 30, b"c")
    assert store.oldest_lsn() == 20
    assert not list((root / "pins").iterdir())


def test_the_window_keeps_checkpoints_and_their_redo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "volume"
    for lsn in (10, 20, 30, 40):
        monkeypatch.setattr(checkpoint_module.time, "time_ns", lambda lsn=lsn: lsn * 10**9)
        store = publish(root, lsn, bytes((lsn,)), retention=Retention(window_s=25))
    assert [c.lsn for c in store.all()] == [40, 30, 20, 10]
    monkeypatch.setattr(checkpoint_module.time, "time_ns", lambda: 46 * 10**9)
    publish(root, 46, b"z", retention=Retention(window_s=25))
    assert [c.lsn for c in store.all()] == [46, 40, 30, 20]
    assert store.oldest_lsn() == 20
    publish(root, 47, b"y", retention=Retention(window_s=25), log_floor=lambda: 31)
    assert [c.lsn for c in store.all()] == [47, 46, 40]


@pytest.mark.parametrize("work", ["publish", "delete"])
def test_a_collection_that_is_cut_short_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, work: str
) -> None:
    """The process ends at each removal in turn: every state that is still listed is whole, and the next one tidies."""
    unlink = Path.unlink

    def act(root: Path) -> None:
        store = CheckpointStore(root, "c")
        if work == "publish":
            publish(root, 40, b"d")
        elif any(snapshot.name == "gone" for snapshot in store.snapshots()):
            store.delete_snapshot("gone")

    cut = 0
    while True:
        root = tmp_path / str(cut) / "volume"
        store = publish(root, 10, b"a")
        with store.pinned(newest) as base:
            store.add_snapshot("stays", base, [b"r"], lambda: (11, 1))
        publish(root, 20, b"b")
        with store.pinned(newest) as base:
            store.add_snapshot("gone", base, [b"s"], lambda: (21, 1))
        publish(root, 25, b"x")
        publish(root, 30, b"c")
        left = [cut]

        def dying(path: Path, missing_ok: bool = False, left: list[int] = left) -> None:
            if path.suffix != ".tmp" and "pins" not in path.parts:
                if not left[0]:
                    raise Killed
                left[0] -= 1
            unlink(path, missing_ok=missing_ok)

        monkeypatch.setattr(Path, "unlink", dying)
        try:
            act(root)
            ended = True
        except Killed:
            ended = False
        monkeypatch.setattr(Path, "unlink", unlink)
        whole(store)
        assert store.snapshot("stays").lsn == 11
        act(root)
        publish(root, 50, b"e")
        whole(store)
        states = [*store.all(), *store.snapshots()]
        assert files(root) == {name for state in states for name in state.all_chunks}
        if ended:
            break
        cut += 1
    assert cut >= 6


def test_links_share_files_and_copies_do_not(tmp_path: Path) -> None:
    source = ChunkStore([LocalPlace(tmp_path / "a" / zone) for zone in ZONES])
    name = source.put(b"abc")
    (tmp_path / "a" / "az-b" / "chunks" / name[:2] / name).unlink()
    linked = ChunkStore([LocalPlace(tmp_path / "b" / zone) for zone in ZONES])
    assert not linked.share_from(source, name)  # one zone had to be copied
    other = source.put(b"xyz")
    assert linked.share_from(source, other) and linked.share_from(source, other)
    linked.settle()
    copied = ChunkStore([LocalPlace(tmp_path / "c")])
    copied.copy_from(source, other)
    assert linked.get(name) == b"abc" and linked.get(other) == copied.get(other) == b"xyz"
    inodes = {(tmp_path / d / "az-a" / "chunks" / other[:2] / other).stat().st_ino for d in "ab"}
    assert len(inodes) == 1
    source.keep_only([])
    assert linked.get(other) == b"xyz"
    with pytest.raises(StorageError):
        linked.copy_from(source, source.codec.name(b"nothing"))


def test_a_living_pin_that_can_t_be_read_stops_the_collection(tmp_path: Path) -> None:
    root = tmp_path / "volume"
    store = publish(root, 10, b"a")
    with store.pinned(newest):
        pin = next((root / "pins").iterdir())
        pin.write_bytes(b"{")
        with pytest.raises(StorageError):
            publish(root, 20, b"b")
    descriptor = os.open(root / "checkpoints.lock", os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # nobody kept it
    os.close(descriptor)
