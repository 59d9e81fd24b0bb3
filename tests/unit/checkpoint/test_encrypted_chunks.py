"""Encrypted chunks and checkpoints: no content without the key, and still checked and repaired without it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aurora_mysql.encryption.root_key import RootKey
from aurora_mysql.encryption.sealed_file import DATABASE, SealedFile
from aurora_mysql.errors import StorageError
from aurora_mysql.storage.checkpoint import CheckpointStore
from aurora_mysql.storage.chunk_codec import PLAIN_CHUNKS, SealedChunks
from aurora_mysql.storage.chunks import ChunkStore
from aurora_mysql.storage.manifest import decode_manifest, encode_manifest
from aurora_mysql.storage.places import LocalPlace

ROOT = RootKey.generate()
DATA = b"a row of somebody " * 1000


def chunk_file(zone: Path, name: str) -> Path:
    return zone / "chunks" / name[:2] / name


def test_neither_name_nor_content_tells_what_is_inside(tmp_path: Path) -> None:
    codec = SealedChunks(ROOT)
    store = ChunkStore([LocalPlace(tmp_path)], codec)
    name = store.put(DATA)
    stored = chunk_file(tmp_path, name).read_bytes()
    assert store.get(name) == DATA
    assert b"somebody" not in stored
    assert name not in (PLAIN_CHUNKS.name(DATA), SealedChunks(RootKey.generate()).name(DATA))
    # What is equal is stored once, also by another process with the same key.
    assert ChunkStore([LocalPlace(tmp_path)], SealedChunks(ROOT)).put(DATA) == name
    assert chunk_file(tmp_path, name).read_bytes() == stored
    with pytest.raises(StorageError, match="whole in no place"):
        ChunkStore([LocalPlace(tmp_path)], SealedChunks(RootKey.generate())).get(name)
    with pytest.raises(StorageError, match="whole in no place"):
        ChunkStore([LocalPlace(tmp_path)]).get(name)


def test_without_a_key_chunks_are_checked_repaired_and_copied(tmp_path: Path) -> None:
    zones = [tmp_path / zone for zone in "abc"]
    store = ChunkStore([LocalPlace(zone) for zone in zones], SealedChunks(ROOT))
    keyless = ChunkStore([LocalPlace(zone) for zone in zones])
    name, other = store.put(DATA), store.put(DATA + b"x")
    good = chunk_file(zones[0], name).read_bytes()
    chunk_file(zones[0], name).write_bytes(good[:-1] + bytes((good[-1] ^ 1,)))
    # A whole chunk of another name is not taken for this one.
    chunk_file(zones[1], name).write_bytes(chunk_file(zones[1], other).read_bytes())
    assert keyless.scrub([name, other]) == []
    assert {chunk_file(zone, name).read_bytes() for zone in zones} == {good}
    elsewhere = ChunkStore([LocalPlace(tmp_path / "d")])
    elsewhere.copy_from(keyless, name)
    assert elsewhere.with_codec(SealedChunks(ROOT)).get(name) == DATA
    for zone in zones:
        chunk_file(zone, name).write_bytes(b"ACE1")
    assert keyless.scrub([name]) == [name]


def test_a_checkpoint_of_an_encrypted_file_comes_back_encrypted(tmp_path: Path) -> None:
    data = os.urandom(100) + DATA * 20 + os.urandom(300_000)
    with SealedFile(tmp_path / "f", ROOT, DATABASE, writable=True, create=True) as file:
        file.write(data, 0)
    store = CheckpointStore(tmp_path / "volume", "c", root=ROOT)
    checkpoint = store.publish(tmp_path / "f", 5)
    assert (checkpoint.root, checkpoint.size_bytes) == (ROOT.id, len(data))
    assert store.restore(tmp_path / "g") == checkpoint
    with SealedFile(tmp_path / "g", ROOT, DATABASE) as file:
        assert file.read(1 << 22, 0) == data
    assert not any(b"somebody" in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert store.scrub() == []
    # A plain state is not taken for one of this cluster, nor the other way round.
    assert CheckpointStore(tmp_path / "volume", "c").restore(tmp_path / "h") is None
    assert CheckpointStore(tmp_path / "volume", "c", root=RootKey.generate()).restore(tmp_path / "h") is None


def test_a_snapshot_is_encrypted_by_copying_it(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(DATA)
    store = CheckpointStore(tmp_path / "volume", "c")
    base = store.publish(tmp_path / "f", 5)
    plain = store.add_snapshot("plain", base, iter([b"redo of somebody"]), lambda: (6, 60))
    heard: list[int] = []
    copy = store.copy_snapshot(plain, "sealed", PLAIN_CHUNKS, SealedChunks(ROOT), heard.append)
    assert (copy.root, copy.lsn, copy.size_bytes) == (ROOT.id, 6, len(DATA))
    assert len(heard) == 2
    sealed = CheckpointStore(tmp_path / "volume", "c", root=ROOT)
    assert b"".join(sealed.redo_of(copy)) == b"redo of somebody"
    sealed.write_file(copy, tmp_path / "g")
    with SealedFile(tmp_path / "g", ROOT, DATABASE) as file:
        assert file.read(len(DATA) + 1, 0) == DATA
    with pytest.raises(StorageError, match="unlike this cluster"):
        sealed.write_file(plain, tmp_path / "h")
    store.delete_snapshot("plain")
    assert b"".join(sealed.redo_of(sealed.snapshot("sealed"))) == b"redo of somebody"


def test_manifests_of_plain_states_stay_readable_by_older_releases(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(DATA)
    plain = CheckpointStore(tmp_path / "volume", "c").publish(tmp_path / "f", 5)
    assert b'"format_version": 2' in encode_manifest(plain)
    assert b"root" not in encode_manifest(plain)
    assert decode_manifest(encode_manifest(plain), "x") == plain
