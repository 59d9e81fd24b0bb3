"""The bytes on disk: what is written comes back, damage and newer formats are told apart."""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Callable
from pathlib import Path
from zlib import crc32

import pytest

from aurora_mysql.errors import CorruptRecordError, VolumeFormatError
from aurora_mysql.storage.binary import (
    BATCH_HEADER_BYTES,
    BatchHeader,
    Fence,
    SegmentHeader,
    decode_body,
    decode_history,
    decode_identity,
    decode_start,
    encode_body,
    encode_history,
    encode_identity,
    encode_start,
)
from aurora_mysql.storage.history import EpochHistory
from aurora_mysql.storage.layout import default_layout
from aurora_mysql.storage.membership import Membership

FENCE = Fence(7, bytes(range(16)))
SEGMENT = SegmentHeader(3, 100, 50, 12345)
AHEAD = dataclasses.replace(SEGMENT, ahead=True)
HISTORY = EpochHistory(((1, 1), (3, 40)))

CASES: list[tuple[str, bytes, Callable[[bytes], object], object]] = [
    ("fence", FENCE.encode(), Fence.decode, FENCE),
    ("segment", SEGMENT.encode(), SegmentHeader.decode, SEGMENT),
    ("segment made ahead", AHEAD.encode(), SegmentHeader.decode, AHEAD),
    ("history", encode_history(HISTORY), decode_history, HISTORY),
    ("start", encode_start(77), decode_start, 77),
]
NAMES = [case[0] for case in CASES]


@pytest.mark.parametrize(("name", "data", "decode", "value"), CASES, ids=NAMES)
def test_round_trip(name: str, data: bytes, decode: Callable[[bytes], object], value: object) -> None:
    assert decode(data) == value


@pytest.mark.parametrize(("name", "data", "decode", "value"), CASES, ids=NAMES)
def test_every_flipped_bit_is_noticed(name: str, data: bytes, decode: Callable[[bytes], object], value: object) -> None:
    used = len(data.rstrip(b"\0"))
    for at in range(used):
        for bit in range(8):
            damaged = bytearray(data)
            damaged[at] ^= 1 << bit
            with pytest.raises(CorruptRecordError):
                decode(bytes(damaged))


@pytest.mark.parametrize(("name", "data", "decode", "value"), CASES, ids=NAMES)
def test_a_torn_file_is_noticed(name: str, data: bytes, decode: Callable[[bytes], object], value: object) -> None:
    for size in (0, 1, 4, 11):
        with pytest.raises(CorruptRecordError):
            decode(data[:size])


@pytest.mark.parametrize(("name", "data", "decode", "value"), CASES, ids=NAMES)
def test_a_newer_format_is_refused_and_not_repaired(
    name: str, data: bytes, decode: Callable[[bytes], object], value: object
) -> None:
    body = data.rstrip(b"\0") if name.startswith("segment") else data
    newer = body[:4] + struct.pack("<H", 3) + body[6:-4]
    with pytest.raises(VolumeFormatError, match="format 3"):
        decode((newer + struct.pack("<I", crc32(newer))).ljust(len(data), b"\0"))


def test_identity_with_a_flipped_bit_is_damage_and_no_other_cluster() -> None:
    data = encode_identity("cluster", 3, "az-b")
    assert decode_identity(data) == (1, "cluster", 3)
    for at in range(len(data)):
        for bit in range(8):
            damaged = bytearray(data)
            damaged[at] ^= 1 << bit
            try:
                assert decode_identity(bytes(damaged)) == (1, "cluster", 3)  # white space or so
            except (ValueError, KeyError, TypeError):
                continue


def test_identity_of_the_first_release_is_read() -> None:
    assert decode_identity(b'{"format": 1, "cluster_id": "c", "copy": 2, "az": "az-a"}') == (1, "c", 2)


def test_a_history_with_the_copies_is_read() -> None:
    layout = default_layout("/data")
    members = Membership.initial(layout, Path("/data")).replacing(6, None, Path("/new/g"))
    history = HISTORY.with_membership(members)
    assert decode_history(encode_history(history)) == history
    assert history.version == (HISTORY.epoch, 1)


def test_batches_verify_with_the_segments_seed_only() -> None:
    body = encode_body([(b"one", False), (b"", True)])
    header = BatchHeader(4, 10, 2, len(body), 9, crc32(body))
    data = header.encode(99)
    assert len(data) == BATCH_HEADER_BYTES
    assert BatchHeader.decode(data, 0, 99) == header
    assert BatchHeader.decode(data, 0, 98) is None
    assert BatchHeader.decode(data[:-1], 0, 99) is None
    assert header.last_lsn == 11
    records = [(r.lsn, r.epoch, r.cpl, r.payload) for r in decode_body(header, body)]
    assert records == [(10, 4, False, b"one"), (11, 4, True, b"")]
