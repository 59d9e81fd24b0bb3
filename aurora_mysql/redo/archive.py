"""Redo outside the volume: a run of whole commits as one stream of bytes, kept in pieces by the chunk store.

The stream begins with a head and holds the records as the volume had them, so that who reads it feeds an assembler as
from the volume. Specified in FORMAT.md, "Archived redo".
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator

from aurora_mysql.errors import CorruptRecordError, VolumeFormatError
from aurora_mysql.redo.codec import CommitAssembler
from aurora_mysql.redo.record import Commit
from aurora_mysql.storage.layout import Record

_HEAD = struct.Struct("<4sHHQ")
_RECORD = struct.Struct("<IBQ")
_MAGIC = b"ARA1"
FORMAT = 1
_CPL = 1


def archive(records: Iterable[Record], first_lsn: int, piece_bytes: int) -> Iterator[bytes]:
    """The stream of `records` (from `first_lsn` on, without a gap), in pieces of `piece_bytes`, the last one shorter.

    Raises:
        CorruptRecordError: the records have a gap.
    """
    buffer = bytearray(_HEAD.pack(_MAGIC, FORMAT, 0, first_lsn))
    wanted = first_lsn
    for record in records:
        if record.lsn != wanted:
            raise CorruptRecordError(f"the redo skips from record {wanted - 1} to {record.lsn}")
        wanted += 1
        buffer += _RECORD.pack(len(record.payload), _CPL if record.cpl else 0, record.epoch)
        buffer += record.payload
        while len(buffer) >= piece_bytes:
            yield bytes(buffer[:piece_bytes])
            del buffer[:piece_bytes]
    if buffer:
        yield bytes(buffer)


def unarchive(pieces: Iterable[bytes]) -> Iterator[Record]:
    """The records of a stream.

    Raises:
        CorruptRecordError: it is cut short or no archive. VolumeFormatError: written by a newer version.
    """
    source = iter(pieces)
    buffer = bytearray()

    def fill(size: int) -> bool:
        while len(buffer) < size:
            piece = next(source, None)
            if piece is None:
                return False
            buffer.extend(piece)
        return True

    if not fill(_HEAD.size):
        raise CorruptRecordError("archived redo is cut short")
    magic, version, _, lsn = _HEAD.unpack_from(buffer)
    if magic != _MAGIC:
        raise CorruptRecordError("this is no archived redo")
    if version > FORMAT:
        raise VolumeFormatError(f"archived redo has format {version}, this version reads {FORMAT}")
    at = _HEAD.size
    while True:
        if at >= 1 << 20:
            del buffer[:at]
            at = 0
        if not fill(at + _RECORD.size):
            if len(buffer) > at:
                raise CorruptRecordError("archived redo is cut short")
            return
        length, flags, epoch = _RECORD.unpack_from(buffer, at)
        at += _RECORD.size
        if not fill(at + length):
            raise CorruptRecordError("archived redo is cut short")
        yield Record(lsn, epoch, bool(flags & _CPL), bytes(buffer[at : at + length]))
        at += length
        lsn += 1


def archived_commits(pieces: Iterable[bytes]) -> Iterator[Commit]:
    """The commits of a stream.

    Raises:
        CorruptRecordError, VolumeFormatError: as :func:`unarchive`.
    """
    assembler = CommitAssembler()
    for record in unarchive(pieces):
        commit = assembler.feed(record)
        if commit is not None:
            yield commit
