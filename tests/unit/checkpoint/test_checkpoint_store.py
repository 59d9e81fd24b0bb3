"""Chunks and manifests survive the loss of a zone, damage, and interrupted or concurrent publishers."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import threading
from pathlib import Path

import pytest

from aurora_mysql.errors import StorageError
from aurora_mysql.storage.checkpoint import CheckpointStore
from aurora_mysql.storage.chunks import CHUNK_BYTES, ChunkStore
from aurora_mysql.storage.places import LocalPlace

ZONES = ("az-a", "az-b", "az-c")


def chunk_files(root: Path) -> list[Path]:
    return sorted(path for zone in ZONES for path in (root / zone / "chunks").glob("??/*"))


def content(seed: int, chunks: int) -> bytes:
    """Some bytes that compress; the last chunk is short."""
    return b"".join(bytes((seed + i,)) * CHUNK_BYTES for i in range(chunks)) + b"end"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(content(1, 3))
    return path


def publish(root: Path, source: Path, *contents: tuple[int, bytes]) -> CheckpointStore:
    store = CheckpointStore(root, "c")
    for lsn, data in contents:
        source.write_bytes(data)
        store.publish(source, lsn)
    return store


def test_a_chunk_is_in_every_zone_once(tmp_path: Path) -> None:
    store = ChunkStore([LocalPlace(tmp_path / zone) for zone in ZONES])
    name = store.put(b"abc")
    assert store.put(b"abc") == name == store.codec.name(b"abc")
    assert [path.name for path in chunk_files(tmp_path)] == [name] * 3
    assert store.get(name) == b"abc"
    with pytest.raises(StorageError):
        store.get(store.codec.name(b"other"))


@pytest.mark.parametrize("damage", [b"", b"no frame", None])
def test_a_bad_chunk_is_read_elsewhere_and_repaired(tmp_path: Path, damage: bytes | None) -> None:
    store = ChunkStore([LocalPlace(tmp_path / zone) for zone in ZONES])
    name = store.put(b"abc" * 1000)
    files = chunk_files(tmp_path)
    good = files[0].read_bytes()
    for path in files[:2]:
        path.unlink() if damage is None else path.write_bytes(damage)
    assert store.get(name) == b"abc" * 1000
    assert [path.read_bytes() for path in files] == [good] * 3
    other = store.put(b"xyz")
    files[2].write_bytes(next(p for p in chunk_files(tmp_path) if p.name == other).read_bytes())
    assert store.scrub([name]) == []  # a whole chunk under a wrong name is bad too
    assert files[2].read_bytes() == good


def test_what_is_bad_everywhere_is_told_and_written_anew(tmp_path: Path) -> None:
    store = ChunkStore([LocalPlace(tmp_path / zone) for zone in ZONES])
    name = store.put(b"abc")
    for path in chunk_files(tmp_path):
        path.write_bytes(b"bad")
    with pytest.raises(StorageError):
        store.get(name)
    assert store.scrub([name]) == [name]
    assert store.put(b"abc") == name
    assert store.get(name) == b"abc"


def test_two_zones_are_enough_one_is_not(tmp_path: Path) -> None:
    store = ChunkStore([LocalPlace(tmp_path / zone) for zone in ZONES])
    (tmp_path / "az-a").write_text("no directory")
    name = store.put(b"abc")
    assert store.get(name) == b"abc"
    (tmp_path / "az-b" / "chunks").rename(tmp_path / "az-b" / "gone")
    (tmp_path / "az-b" / "chunks").write_text("no directory")
    with pytest.raises(StorageError, match="only 1 of 3 places"):
        store.put(b"more")


def test_a_checkpoint_comes_back_and_successors_share_chunks(tmp_path: Path, source: Path) -> None:
    store = publish(tmp_path, source, (10, content(1, 3)), (20, content(1, 3)[:-3] + b"END"))
    assert [c.lsn for c in store.all()] == [20, 10]
    assert store.oldest_lsn() == 10
    assert len(chunk_files(tmp_path)) == 3 * 5  # three shared, two tails
    target = tmp_path / "restored"
    restored = store.restore(target)
    assert restored is not None and (restored.lsn, restored.size_bytes) == (20, 3 * CHUNK_BYTES + 3)
    assert target.read_bytes() == content(1, 3)[:-3] + b"END"


def test_old_checkpoints_and_their_chunks_go(tmp_path: Path, source: Path) -> None:
    store = publish(tmp_path, source, (10, content(1, 1)))
    assert store.oldest_lsn() == 0
    stray = tmp_path / "az-b" / "chunks" / "ab" / "abcd.0a0b.tmp"
    stray.parent.mkdir(exist_ok=True)
    stray.write_bytes(b"left by a crash")
    publish(tmp_path, source, (20, content(50, 1)), (30, content(90, 1)))
    assert [c.lsn for c in store.all()] == [30, 20]
    kept = {name for c in store.all() for name in c.chunks}
    assert {path.name for path in chunk_files(tmp_path)} == kept
    for zone in ZONES:
        assert sorted(p.name for p in (tmp_path / zone / "checkpoints").iterdir()) == [
            f"{20:020d}.json",
            f"{30:020d}.json",
        ]


def test_the_newest_whole_checkpoint_is_restored(tmp_path: Path, source: Path) -> None:
    store = publish(tmp_path, source, (10, content(1, 2)), (20, content(50, 2)))
    lost = next(c for c in store.all() if c.lsn == 20).chunks[1]
    for path in chunk_files(tmp_path):
        if path.name == lost:
            path.unlink()
    target = tmp_path / "restored"
    restored = store.restore(target)
    assert restored is not None and restored.lsn == 10
    assert target.read_bytes() == content(1, 2)
    assert store.scrub() == [lost]
    shutil.rmtree(tmp_path / "az-a")
    shutil.rmtree(tmp_path / "az-b" / "checkpoints")
    again = store.restore(target)
    assert again is not None and again.lsn == 10
    assert store.scrub() == [lost]
    assert (tmp_path / "az-a" / "checkpoints" / f"{10:020d}.json").exists()
    assert CheckpointStore(tmp_path, "another cluster").restore(target) is None


def test_damaged_and_newer_manifests_don_t_count(tmp_path: Path, source: Path) -> None:
    store = publish(tmp_path, source, (10, b"ten"), (20, b"twenty"))
    names = [tmp_path / zone / "checkpoints" / f"{20:020d}.json" for zone in ZONES]
    document = json.loads(names[0].read_text())
    names[0].write_text("{")
    names[1].write_text(json.dumps({**document, "crc32": 1}))
    assert store.all()[0].lsn == 20
    names[2].write_text(json.dumps({**document, "format_version": 99}))
    assert [c.lsn for c in store.all()] == [10]
    assert store.oldest_lsn() == 0


def test_a_failed_publication_leaves_the_earlier_checkpoints(tmp_path: Path, source: Path) -> None:
    store = publish(tmp_path, source, (10, b"ten"))
    for zone in ZONES[:2]:
        (tmp_path / zone / "checkpoints").rename(tmp_path / zone / "moved")
        (tmp_path / zone / "checkpoints").write_text("no directory")
    source.write_bytes(b"twenty")
    with pytest.raises(StorageError):
        store.publish(source, 20)
    for zone in ZONES[:2]:
        (tmp_path / zone / "checkpoints").unlink()
        (tmp_path / zone / "moved").rename(tmp_path / zone / "checkpoints")
    restored = store.restore(tmp_path / "restored")
    assert restored is not None
    assert (tmp_path / "restored").read_bytes() in (b"ten", b"twenty")


def test_an_unwritable_target_is_an_error(tmp_path: Path, source: Path) -> None:
    store = publish(tmp_path, source, (10, b"ten"))
    with pytest.raises(StorageError, match="can't be restored"):
        store.restore(tmp_path / "absent" / "file")


def test_publishers_take_turns(tmp_path: Path, source: Path) -> None:
    store = CheckpointStore(tmp_path, "c")
    descriptor = os.open(tmp_path / "checkpoints.lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    thread = threading.Thread(target=store.publish, args=(source, 10))
    thread.start()
    thread.join(0.05)
    assert thread.is_alive() and not chunk_files(tmp_path)
    os.close(descriptor)
    thread.join(10)
    assert store.all()[0].lsn == 10
