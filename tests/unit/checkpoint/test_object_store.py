"""Chunks and manifests in an object store: the same promises as on disks, and whose the store is."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from aurora_mysql.errors import ConfigError, StorageError
from aurora_mysql.storage.checkpoint import CheckpointStore
from aurora_mysql.storage.chunks import CHUNK_BYTES, ChunkStore
from aurora_mysql.storage.medium import ChunkMedium
from aurora_mysql.storage.object_place import ObjectPlace
from tests.support.object_store import ObjectStore, object_store


@pytest.fixture(scope="module")
def objects() -> Iterator[ObjectStore]:
    with object_store() as store:
        yield store


@pytest.fixture
def medium(objects: ObjectStore, request: pytest.FixtureRequest) -> ChunkMedium:
    return objects.medium(request.node.name)


def content(seed: int, chunks: int) -> bytes:
    return random.Random(seed).randbytes(1000) * (chunks * CHUNK_BYTES // 1000)


def publish(root: Path, medium: ChunkMedium, lsn: int, data: bytes) -> CheckpointStore:
    store = CheckpointStore(root / "volume", "c", medium=medium)
    file = root / "file"
    file.write_bytes(data)
    store.publish(file, lsn)
    return store


def test_an_object_place_keeps_whole_objects(medium: ChunkMedium, tmp_path: Path) -> None:
    (place,) = medium.places(tmp_path)
    assert isinstance(place, ObjectPlace)
    assert place.read("a/b") is None and not place.has("a/b") and list(place.names("a")) == []
    place.write("a/b", b"one")
    place.write("a/b", b"two")
    assert place.read("a/b") == b"two" and place.has("a/b")
    assert place.create("a/c", b"three") and not place.create("a/c", b"four")
    assert sorted(place.names("a")) == ["a/b", "a/c"] and place.read("a/c") == b"three"
    place.remove("a/b")
    place.remove("a/b")
    assert sorted(place.names("a")) == ["a/c"]


def test_checkpoints_come_back_and_share_chunks(objects: ObjectStore, medium: ChunkMedium, tmp_path: Path) -> None:
    path = medium.url.rpartition("/")[2]
    first, second = content(1, 20), content(1, 20)[: 19 * CHUNK_BYTES] + b"end"
    publish(tmp_path, medium, 10, first)
    store = publish(tmp_path, medium, 20, second)
    assert [c.lsn for c in store.all()] == [20, 10]
    names = objects.names(path)
    assert len([name for name in names if name.startswith("chunks/")]) < 25
    assert [name for name in names if not name.startswith("chunks/")] == [
        "checkpoints/00000000000000000010.json",
        "checkpoints/00000000000000000020.json",
    ]
    target = tmp_path / "restored"
    restored = store.restore(target)
    assert restored is not None and restored.lsn == 20 and target.read_bytes() == second
    assert not (tmp_path / "volume" / "az-a").exists()


def test_a_damaged_object_is_told_and_written_anew(objects: ObjectStore, medium: ChunkMedium, tmp_path: Path) -> None:
    (place,) = medium.places(tmp_path)
    store = ChunkStore([place])
    name = store.put(b"abc")
    objects.overwrite(medium.url.rpartition("/")[2], f"chunks/{name[:2]}/{name}", b"bad")
    with pytest.raises(StorageError):
        store.get(name)
    assert store.scrub([name]) == [name]
    assert store.put(b"abc") == name and store.get(name) == b"abc"


def test_many_pieces_keep_their_order(medium: ChunkMedium, tmp_path: Path) -> None:
    store = ChunkStore(medium.places(tmp_path))
    pieces = [str(number).encode() * 50 for number in range(60)]
    names = list(store.put_all(iter(pieces)))
    assert names == [store.codec.name(piece) for piece in pieces]
    assert list(store.get_all(names)) == pieces
    with pytest.raises(StorageError):
        list(store.get_all([*names, store.codec.name(b"nothing")]))


def test_a_clone_in_the_same_bucket_moves_no_bytes(objects: ObjectStore, tmp_path: Path) -> None:
    source = ChunkStore(objects.medium("from").places(tmp_path))
    name = source.put(b"shared")
    target = ChunkStore(objects.medium("to").places(tmp_path))
    assert target.share_from(source, name)
    source.keep_only([])
    assert target.get(name) == b"shared" and objects.names("from") == []
    local = ChunkStore(ChunkMedium().places(tmp_path / "volume"))
    assert not local.share_from(target, name)
    assert local.get(name) == b"shared"


def test_nothing_goes_while_the_store_can_t_be_read(
    objects: ObjectStore, medium: ChunkMedium, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = publish(tmp_path, medium, 10, content(2, 2))
    before = objects.names(medium.url.rpartition("/")[2])

    def no_answer(self: ObjectPlace, name: str) -> bytes:
        raise OSError("no answer")

    monkeypatch.setattr(ObjectPlace, "read", no_answer)
    with pytest.raises(StorageError, match="only 0 of 1 places"):
        store._collect_chunks()
    with pytest.raises(StorageError, match="only 0 of 1 places"):
        store._thin_out(0)
    assert objects.names(medium.url.rpartition("/")[2]) == before


def test_a_path_belongs_to_one_cluster(medium: ChunkMedium) -> None:
    medium.claim("one")
    medium.claim("one")
    with pytest.raises(ConfigError, match="belongs to cluster one"):
        medium.claim("two")


def test_a_store_that_ignores_conditions_is_refused(medium: ChunkMedium, monkeypatch: pytest.MonkeyPatch) -> None:
    def put(self: ObjectPlace, name: str, data: bytes) -> bool:
        self.write(name, data)
        return True

    monkeypatch.setattr(ObjectPlace, "create", put)
    with pytest.raises(ConfigError, match="ignores conditional writes"):
        medium.claim("one")


@pytest.mark.parametrize("url", ["s3://no-such-bucket/x", "nonsense://x/y", "s3:"])
def test_what_can_t_be_used_is_told(objects: ObjectStore, url: str) -> None:
    with pytest.raises(ConfigError, match="chunk store"):
        ChunkMedium(url, objects.endpoint, allow_http=True).claim("c")
