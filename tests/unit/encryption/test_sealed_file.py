"""An encrypted file holds what a plain one would."""

from __future__ import annotations

import os
import random
import struct
import threading
from pathlib import Path
from zlib import crc32

import pytest

from aurora_mysql.encryption.root_key import RootKey
from aurora_mysql.encryption.sealed_file import DATABASE, EXTRA_BYTES, HEAD_BYTES, SPILL, Geometry, SealedFile
from aurora_mysql.errors import CorruptRecordError, VolumeFormatError
from aurora_mysql.storage.database_file import read_pieces, write_pieces

ROOT = RootKey.generate()
SMALL = Geometry(2, 8192)


def opened(path: Path, geometry: Geometry = SMALL, root: RootKey = ROOT) -> SealedFile:
    return SealedFile(path, root, geometry, writable=True, create=True)


@pytest.mark.parametrize("geometry", [SMALL, Geometry(0, 4096), SPILL, DATABASE], ids=["small", "even", "spill", "db"])
@pytest.mark.parametrize("seed", range(3))
def test_it_reads_and_writes_as_a_plain_file(tmp_path: Path, geometry: Geometry, seed: int) -> None:
    chance, model = random.Random(seed), bytearray()
    file = opened(tmp_path / "f", geometry)
    for _ in range(250):
        at = chance.randrange(60_000)
        at -= at % chance.choice((1, 1, 4096))
        if chance.random() < 0.6:
            data = chance.randbytes(chance.choice((1, 100, 4096, 8192, 20_000)))
            assert file.write(data, at) == len(data)
            model.extend(bytes(max(0, at + len(data) - len(model))))
            model[at : at + len(data)] = data
        else:
            size = chance.randrange(1, 30_000)
            assert file.read(size, at) == bytes(model[at : at + size])
        assert file.size() == len(model)
        if chance.random() < 0.05:
            file.close()
            file = opened(tmp_path / "f", geometry)
    file.close()
    with SealedFile(tmp_path / "f", ROOT, geometry) as again:
        assert again.read(1 << 20, 0) == bytes(model)


def test_the_same_page_is_never_stored_twice_alike(tmp_path: Path) -> None:
    stored = set()
    for _ in range(3):
        with opened(tmp_path / "f") as file:
            for _ in range(3):
                file.write(bytes(4096), 0)
                stored.add((tmp_path / "f").read_bytes()[HEAD_BYTES : HEAD_BYTES + 4096 + EXTRA_BYTES])
    assert len(stored) == 9
    assert len({one[:12] for one in stored}) == 9


def test_a_changed_page_a_moved_page_and_another_key_are_noticed(tmp_path: Path) -> None:
    path = tmp_path / "f"
    with opened(path) as file:
        file.write(b"a" * 4096 + b"b" * 4096, 0)
    whole = path.read_bytes()
    page = 4096 + EXTRA_BYTES
    first, second = whole[HEAD_BYTES : HEAD_BYTES + page], whole[HEAD_BYTES + page :]
    path.write_bytes(whole[:HEAD_BYTES] + second + first)
    with SealedFile(path, ROOT, SMALL) as file, pytest.raises(CorruptRecordError, match="page 0"):
        file.read(10, 0)
    path.write_bytes(whole[:-1] + bytes((whole[-1] ^ 1,)))
    with SealedFile(path, ROOT, SMALL) as file:
        assert file.read(4096, 0) == b"a" * 4096
        with pytest.raises(CorruptRecordError, match="page 1"):
            file.read(1, 4096)
        assert file.read(8192, 0, damaged_as_zeros=True) == b"a" * 4096 + bytes(4096)
    with SealedFile(path, RootKey.generate(), SMALL) as file, pytest.raises(CorruptRecordError):
        file.read(1, 0)


def test_what_is_no_sealed_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "f"
    for content in (b"", b"plain", b"DUCK" * 100):
        path.write_bytes(content)
        with pytest.raises(CorruptRecordError, match="no encrypted file"):
            SealedFile(path, ROOT, SMALL)
    path.unlink()
    opened(path).close()

    head = bytearray(path.read_bytes())
    head[4] = 9
    head[32:36] = struct.pack("<I", crc32(bytes(head[:32])))
    path.write_bytes(bytes(head))
    with pytest.raises(VolumeFormatError, match="format 9"):
        SealedFile(path, ROOT, SMALL)


def test_threads_write_pages_side_by_side(tmp_path: Path) -> None:
    """A page that is being written at the end looks like a short one to others; that must not matter."""
    file = opened(tmp_path / "f", SPILL)
    pages = [os.urandom(32 << 10) for _ in range(64)]

    def write(start: int) -> None:
        for number in range(start, 64, 4):
            file.write(pages[number], number * (32 << 10))

    threads = [threading.Thread(target=write, args=(start,)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert file.read(64 * (32 << 10), 0) == b"".join(pages)
    file.close()


@pytest.mark.parametrize("size", [0, 100, 12288, 12288 + (256 << 10), (2 << 20) + 777])
def test_a_database_file_in_pieces(tmp_path: Path, size: int) -> None:
    data = os.urandom(size)
    pieces = [data[at : at + 300_000] for at in range(0, size, 300_000)]
    assert write_pieces(tmp_path / "f", ROOT, pieces) == size
    assert b"".join(read_pieces(tmp_path / "f", ROOT, 1 << 20)) == data
    assert size < 32 or data[:32] not in (tmp_path / "f").read_bytes()
    assert write_pieces(tmp_path / "p", None, pieces) == size
    assert (tmp_path / "p").read_bytes() == data == b"".join(read_pieces(tmp_path / "p", None, 1 << 20))
