"""Sealed redo records open where they were written, and nowhere else."""

from __future__ import annotations

import os
from typing import Any

import pytest

from aurora_mysql.encryption import redo_cipher
from aurora_mysql.encryption.redo_cipher import HEAD_BYTES, OVERHEAD_BYTES, PLAIN_REDO, SealedRedo
from aurora_mysql.encryption.root_key import RootKey
from aurora_mysql.errors import AuroraError, CorruptRecordError, KeyUnavailableError

ROOT = RootKey.generate()


def sealed(payload: bytes, lsn: int = 7, epoch: int = 2, cpl: bool = True) -> bytes:
    sealer = SealedRedo(ROOT, "c").sealer(os.urandom)
    assert sealer is not None
    return sealer.seal(lsn, epoch, cpl, payload)


@pytest.mark.parametrize("size", [0, 1, 200, (256 << 10) - 1, 256 << 10, (256 << 10) + 1, (1 << 20) + 5])
def test_what_is_sealed_opens(size: int) -> None:
    payload = os.urandom(size)
    stored = sealed(payload)
    assert len(stored) == size + OVERHEAD_BYTES
    assert SealedRedo(ROOT, "c").open(7, 2, True, stored) == payload
    assert size < 16 or payload not in stored


@pytest.mark.parametrize(
    "place",
    [
        {"lsn": 8},
        {"epoch": 3},
        {"cpl": False},
        {"cluster": "d"},
        {"root": RootKey.generate()},
    ],
    ids=lambda place: next(iter(place)),
)
def test_it_opens_nowhere_else(place: dict[str, Any]) -> None:
    stored = sealed(b"row")
    cipher = SealedRedo(place.get("root", ROOT), place.get("cluster", "c"))
    with pytest.raises(CorruptRecordError):
        cipher.open(place.get("lsn", 7), place.get("epoch", 2), place.get("cpl", True), stored)


def test_every_changed_bit_is_noticed() -> None:
    stored = sealed(b"a row")
    for at in range(len(stored)):
        changed = bytearray(stored)
        changed[at] ^= 1
        with pytest.raises(CorruptRecordError):
            SealedRedo(ROOT, "c").open(7, 2, True, bytes(changed))


def test_plain_and_sealed_are_not_mistaken_for_each_other() -> None:
    with pytest.raises(CorruptRecordError, match="not encrypted"):
        SealedRedo(ROOT, "c").open(7, 2, True, b"\x01\x00plain")
    with pytest.raises(KeyUnavailableError, match="no key"):
        PLAIN_REDO.open(7, 2, True, sealed(b"x"))
    assert PLAIN_REDO.open(7, 2, True, b"\x01\x00plain") == b"\x01\x00plain"


def test_writers_never_share_a_data_key() -> None:
    """Also not two that claim the same epoch and write the same LSN."""
    stored = [sealed(b"same") for _ in range(3)]
    assert len({one[1:HEAD_BYTES] for one in stored}) == 3
    assert len({one[HEAD_BYTES:] for one in stored}) == 3


def test_a_writer_takes_a_new_data_key_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redo_cipher, "SEGMENT_BYTES", 1000)
    cipher = SealedRedo(ROOT, "c")
    sealer = cipher.sealer(os.urandom)
    assert sealer is not None
    stored = [sealer.seal(lsn, 1, True, bytes(400)) for lsn in range(1, 10)]
    assert len({one[1:HEAD_BYTES] for one in stored}) == 3
    for lsn, one in enumerate(stored, 1):
        assert cipher.open(lsn, 1, True, one) == bytes(400)


def test_errors_say_nothing_of_the_content() -> None:
    with pytest.raises(AuroraError) as raised:
        SealedRedo(ROOT, "c").open(8, 2, True, sealed(b"a secret row"))
    assert "secret" not in str(raised.value)
    assert ROOT.secret.hex() not in repr(ROOT)
