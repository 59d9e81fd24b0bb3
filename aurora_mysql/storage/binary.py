"""The bytes of the volume on disk (specified in FORMAT.md, section Volume): headers, records, fence and history."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from zlib import crc32

from aurora_mysql.errors import CorruptRecordError, VolumeFormatError
from aurora_mysql.storage.history import EpochHistory
from aurora_mysql.storage.layout import Record
from aurora_mysql.storage.membership import Membership

FORMAT_VERSION = 1
#: Of an epoch history that says who the copies are.
MEMBERSHIP_VERSION = 2
#: Of a segment that was made ahead.
AHEAD_VERSION = 2

_FENCE = struct.Struct("<4sHHQ16sI")
_SEGMENT = struct.Struct("<4sHHQQQII")
_BATCH = struct.Struct("<4sHHQQIIQQII")
_RECORD = struct.Struct("<IB")
_HISTORY = struct.Struct("<4sHHI")
_ENTRY = struct.Struct("<QQ")
_START = struct.Struct("<4sHHQ")
_CRC = struct.Struct("<I")

FENCE_BYTES = _FENCE.size
SEGMENT_HEADER_BYTES = 64
BATCH_HEADER_BYTES = _BATCH.size
RECORD_HEAD_BYTES = _RECORD.size
BATCH_MAGIC = b"ARB1"
CPL_FLAG = 1


@dataclass(frozen=True, slots=True)
class Fence:
    """A copy's promise: acknowledge nobody but the writer that holds this (epoch, nonce)."""

    epoch: int
    nonce: bytes
    encoded: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "encoded", self._encode())

    def encode(self) -> bytes:
        return self.encoded

    def _encode(self) -> bytes:
        head = _FENCE.pack(b"AFN1", FORMAT_VERSION, 0, self.epoch, self.nonce, 0)[:-4]
        return head + _CRC.pack(crc32(head))

    @classmethod
    def decode(cls, data: bytes) -> Fence:
        """Raises CorruptRecordError on a bad checksum, VolumeFormatError on a newer format."""
        if len(data) < FENCE_BYTES:
            raise CorruptRecordError("fence is too short")
        magic, version, _, epoch, nonce, crc = _FENCE.unpack_from(data)
        if magic != b"AFN1" or crc != crc32(data[: FENCE_BYTES - 4]):
            raise CorruptRecordError("fence fails its checksum")
        check_version(version)
        return cls(epoch, nonce)


@dataclass(frozen=True, slots=True)
class SegmentHeader:
    """First bytes of a segment file. `previous_start` chains to the segment before it in this copy (0: none). One that
    was made `ahead` says that the copy has everything below it only when it has a batch."""

    writer_epoch: int
    start_lsn: int
    previous_start: int
    seed: int
    ahead: bool = False

    def encode(self) -> bytes:
        version = AHEAD_VERSION if self.ahead else FORMAT_VERSION
        head = _SEGMENT.pack(b"ASG1", version, 0, self.writer_epoch, self.start_lsn, self.previous_start, self.seed, 0)[
            :-4
        ]
        return (head + _CRC.pack(crc32(head))).ljust(SEGMENT_HEADER_BYTES, b"\0")

    @classmethod
    def decode(cls, data: bytes) -> SegmentHeader:
        """Raises CorruptRecordError on a bad checksum, VolumeFormatError on a newer format."""
        if len(data) < _SEGMENT.size:
            raise CorruptRecordError("segment header is too short")
        magic, version, _, epoch, start, previous, seed, crc = _SEGMENT.unpack_from(data)
        if magic != b"ASG1" or crc != crc32(data[: _SEGMENT.size - 4]):
            raise CorruptRecordError("segment header fails its checksum")
        check_version(version, AHEAD_VERSION)
        return cls(epoch, start, previous, seed, version == AHEAD_VERSION)


@dataclass(frozen=True, slots=True)
class BatchHeader:
    """What was written with one fdatasync: `count` records of `epoch` from `first_lsn` on; `vdl` as known then."""

    epoch: int
    first_lsn: int
    count: int
    body_bytes: int
    vdl: int
    body_crc: int

    @property
    def last_lsn(self) -> int:
        return self.first_lsn + self.count - 1

    def encode(self, seed: int) -> bytes:
        """`seed` is the segment's: a header copied from elsewhere (say, inside a payload) doesn't verify."""
        return sealed_header(self.unsealed(), seed)

    def unsealed(self) -> bytes:
        """What the header is in every segment; :func:`sealed_header` makes it that of one."""
        return _BATCH.pack(
            BATCH_MAGIC,
            FORMAT_VERSION,
            0,
            self.epoch,
            self.first_lsn,
            self.count,
            self.body_bytes,
            self.vdl,
            self.first_lsn - 1,
            self.body_crc,
            0,
        )[:-4]

    @classmethod
    def decode(cls, data: bytes | memoryview, at: int, seed: int) -> BatchHeader | None:
        """The header at offset `at`, or None when there is no valid one."""
        if len(data) - at < BATCH_HEADER_BYTES:
            return None
        magic, _version, _, epoch, first, count, size, vdl, _previous, body_crc, crc = _BATCH.unpack_from(data, at)
        if magic != BATCH_MAGIC or crc != crc32(data[at : at + BATCH_HEADER_BYTES - 4], seed):
            return None
        return cls(epoch, first, count, size, vdl, body_crc)


def sealed_header(unsealed: bytes, seed: int) -> bytes:
    """See :meth:`BatchHeader.encode`."""
    return unsealed + _CRC.pack(crc32(unsealed, seed))


def encode_body(records: Iterable[tuple[bytes, bool]]) -> bytes:
    """Records as length (u32), flags (u8), payload."""
    pieces: list[bytes] = []
    for payload, cpl in records:
        pieces.append(_RECORD.pack(len(payload), CPL_FLAG if cpl else 0))
        pieces.append(payload)
    return b"".join(pieces)


def decode_body(header: BatchHeader, body: bytes) -> Iterator[Record]:
    """The records of a batch whose checksum was verified."""
    at, lsn = 0, header.first_lsn
    for _ in range(header.count):
        size, flags = _RECORD.unpack_from(body, at)
        at += _RECORD.size
        yield Record(lsn, header.epoch, bool(flags & CPL_FLAG), body[at : at + size])
        at += size
        lsn += 1


def encode_history(history: EpochHistory) -> bytes:
    version = FORMAT_VERSION if history.membership is None else MEMBERSHIP_VERSION
    body = _HISTORY.pack(b"AEH1", version, 0, len(history.entries))
    body += b"".join(_ENTRY.pack(*entry) for entry in history.entries)
    if history.membership is not None:
        body += json.dumps(history.membership.to_json()).encode()
    return body + _CRC.pack(crc32(body))


def decode_history(data: bytes) -> EpochHistory:
    """Raises CorruptRecordError on a bad checksum, VolumeFormatError on a newer format."""
    if len(data) < _HISTORY.size + 4 or data[:4] != b"AEH1" or _CRC.unpack(data[-4:])[0] != crc32(data[:-4]):
        raise CorruptRecordError("epoch history fails its checksum")
    _, version, _, count = _HISTORY.unpack_from(data)
    check_version(version, MEMBERSHIP_VERSION)
    entries = tuple(_ENTRY.unpack_from(data, _HISTORY.size + n * _ENTRY.size) for n in range(count))
    if version < MEMBERSHIP_VERSION:
        return EpochHistory(entries)
    return EpochHistory(entries, Membership.from_json(json.loads(data[_HISTORY.size + count * _ENTRY.size : -4])))


def encode_start(lsn: int) -> bytes:
    body = _START.pack(b"AST1", FORMAT_VERSION, 0, lsn)
    return body + _CRC.pack(crc32(body))


def decode_start(data: bytes) -> int:
    """Raises CorruptRecordError on a bad checksum, VolumeFormatError on a newer format."""
    if len(data) != _START.size + 4 or data[:4] != b"AST1" or _CRC.unpack(data[-4:])[0] != crc32(data[:-4]):
        raise CorruptRecordError("start of the log fails its checksum")
    _, version, _, lsn = _START.unpack_from(data)
    check_version(version)
    return int(lsn)


def encode_identity(cluster_id: str, copy: int, az: str) -> bytes:
    identity = {"format": FORMAT_VERSION, "cluster_id": cluster_id, "copy": copy, "az": az}
    return json.dumps({**identity, "crc32": crc32(json.dumps(identity).encode())}).encode()


def decode_identity(data: bytes) -> tuple[int, str, int]:
    """(format, cluster id, copy id). The checksum keeps a flipped bit from looking like another cluster or a newer
    format, which would be refused instead of repaired. Files of the first release have none.

    Raises:
        ValueError, KeyError, TypeError: it can't be read.
    """
    identity = json.loads(data)
    crc = identity.pop("crc32", None)
    if crc is not None and crc != crc32(json.dumps(identity).encode()):
        raise ValueError("wrong checksum")
    if crc is None and set(identity) - {"format", "cluster_id", "copy", "az"}:
        raise ValueError("unknown keys")
    return int(identity["format"]), str(identity["cluster_id"]), int(identity["copy"])


def check_version(version: int, known: int = FORMAT_VERSION) -> None:
    """Raises VolumeFormatError when the files were written by a newer release."""
    if version > known:
        raise VolumeFormatError(
            f"the volume has format {version}; this release reads up to format {known}: use a newer release"
        )
