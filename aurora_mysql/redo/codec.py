"""Commits as redo records and back.

A record (part) is a 2-byte head (format, flags) and a body; a part of a longer commit has its number and the number of
parts in between. The body (of all parts together) is msgpack, compressed with zstd where that pays. The layout is
specified in FORMAT.md, "Redo records".
"""

from __future__ import annotations

import struct
import threading
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import msgpack
import zstandard

from aurora_mysql.errors import CorruptRecordError, VolumeFormatError
from aurora_mysql.redo.catalog_codec import decode_delta, encode_delta
from aurora_mysql.redo.column_rows import ColumnRows, pack_arrow, unpack_arrow
from aurora_mysql.redo.columns import COLUMNAR_ROWS, pack_columns, unpack_columns
from aurora_mysql.redo.record import Commit, RowsBefore, SchemaChange, TableChange
from aurora_mysql.redo.values import pack_value, unpack_value

#: First byte of every record.
FORMAT = 1

#: Largest record body by default (bytes).
PART_BYTES = 4 << 20

#: Bodies below this are never compressed (bytes).
COMPRESS_FROM_BYTES = 1024

#: A packer's buffer may stay as large as this (bytes).
_MOST_KEPT_BYTES = 4 << 20

#: Bodies from here on are decoded change by change (bytes).
_STREAM_FROM_BYTES = 1 << 20

_ZSTD, _PARTIAL, _BEFORE, _ARROW = 1, 2, 4, 8
_PART = struct.Struct(">II")
_RAW_LENGTH = struct.Struct(">Q")
_PLAIN_HEAD = bytes((FORMAT, 0))
_packb = msgpack.packb
#: msgpack's head of the body, an array of four.
_ARRAY_OF_4 = b"\x94"


class StoredRecord(Protocol):
    """What a volume or a stream hands over."""

    @property
    def lsn(self) -> int: ...

    @property
    def epoch(self) -> int: ...

    @property
    def cpl(self) -> bool: ...

    @property
    def payload(self) -> bytes: ...


class _Contexts(threading.local):
    """zstd contexts can't be shared by threads."""

    def __init__(self) -> None:
        self.renew_packer()
        self.compressor = zstandard.ZstdCompressor(level=1, write_content_size=False)
        self.decompressor = zstandard.ZstdDecompressor()

    def renew_packer(self) -> None:
        """A packer keeps its buffer, as large as the largest body was."""
        self.pack: Callable[[Any], bytes] = msgpack.Packer(default=pack_value).pack


_contexts = _Contexts()


def encode_changes(changes: Sequence[TableChange]) -> bytes:
    """The rows of a commit as they stand in its body: the costly part, which may be made on another thread.

    Raises:
        TypeError: a row has something that is not a storage value.
    """
    # One at a time: a call of the C coder can't be interrupted, and an instance that is silent for long counts as hung.
    packed = [_packb(change, default=pack_value) for change in _packable(changes)]
    head: bytes = msgpack.Packer().pack_array_header(len(packed))
    return head + b"".join(packed)


def _packable(changes: Sequence[TableChange]) -> list[Any]:
    packable: list[Any] = []
    for change in changes:
        upserts: Any = change.upserts
        columns: Any = None
        bulk = True
        if type(upserts) is ColumnRows:
            upserts, columns = None, pack_arrow(upserts)
        elif len(upserts) > COLUMNAR_ROWS:
            upserts, columns = None, pack_columns(upserts)
        else:
            bulk = False
        if change.before is not None:
            before = (change.before.upserts, change.before.deletes)
            packable.append((change.table_id, upserts, change.deletes, columns, before))
        elif bulk:
            packable.append((change.table_id, None, change.deletes, columns))
        else:
            packable.append((change.table_id, upserts, change.deletes))
    return packable


def encode_commit(commit: Commit, changes: bytes | None = None, *, part_bytes: int = PART_BYTES) -> list[bytes]:
    """The records of `commit`, in order; `lsn` and `epoch` are not part of them (the volume gives them).

    `changes` is what :func:`encode_changes` made of its changes, if that was done before.

    Raises:
        TypeError: a row has something that is not a storage value.
    """
    flags = 0
    for change in commit.changes:
        if change.before is not None:
            flags |= _BEFORE
        if type(change.upserts) is ColumnRows:
            flags |= _ARROW
    schema: tuple[Any, ...] | None = None
    if commit.schema is not None:
        schema = (encode_delta(commit.schema.delta), list(commit.schema.statements))
        if commit.schema.before is not None:
            schema += (encode_delta(commit.schema.before),)
            flags |= _BEFORE
    body: bytes
    if changes is None:
        body = _contexts.pack((commit.commit_time_us, _packable(commit.changes), commit.counters, schema))
        if len(body) > _MOST_KEPT_BYTES:
            _contexts.renew_packer()
    else:
        tail = _packb(commit.counters, default=pack_value) + _packb(schema, default=pack_value)
        body = b"".join((_ARRAY_OF_4, _packb(commit.commit_time_us), changes, tail))
    # Arrow's buffers are compressed already, and were so on another thread.
    if len(body) >= COMPRESS_FROM_BYTES and not flags & _ARROW:
        packed = _contexts.compressor.compress(body)
        if len(packed) + _RAW_LENGTH.size < len(body) * 0.9:
            body, flags = _RAW_LENGTH.pack(len(body)) + packed, flags | _ZSTD
    if len(body) <= part_bytes:
        return [(_PLAIN_HEAD if not flags else bytes((FORMAT, flags))) + body]
    count = -(-len(body) // part_bytes)
    head = bytes((FORMAT, flags | _PARTIAL))
    view = memoryview(body)
    return [b"".join((head, _PART.pack(i, count), view[i * part_bytes : (i + 1) * part_bytes])) for i in range(count)]


def decode_body(flags: int, body: bytes) -> Commit:
    """The commit of a whole body.

    Raises:
        CorruptRecordError: it is malformed.
    """
    try:
        if flags & _ZSTD:
            (length,) = _RAW_LENGTH.unpack_from(body)
            raw = _contexts.decompressor.decompress(memoryview(body)[_RAW_LENGTH.size :], max_output_size=length)
            if len(raw) != length:
                raise CorruptRecordError("a compressed record has another length than it says")
            body = raw
        if len(body) < _STREAM_FROM_BYTES:
            commit_time_us, packed_changes, counters, schema = msgpack.unpackb(
                body, ext_hook=unpack_value, use_list=False, strict_map_key=False
            )
            changes = [_change(packed) for packed in packed_changes]
        else:
            commit_time_us, changes, counters, schema = _unpack_stepwise(body)
        change = None
        if schema is not None:
            delta, statements = schema[:2]
            before = decode_delta(schema[2]) if len(schema) > 2 else None
            change = SchemaChange(decode_delta(delta), list(statements), before)
        return Commit(commit_time_us=commit_time_us, changes=changes, counters=counters, schema=change)
    except (CorruptRecordError, VolumeFormatError):
        raise
    except Exception as error:
        raise CorruptRecordError(f"malformed redo record: {error}") from error


def commit_time_of(record: StoredRecord) -> int | None:
    """When the commit that begins with `record` was made (Unix microseconds), without decoding the rest of it; None
    for a later part of a commit. A first part holds one block of the compressor at least (128 KiB), which is enough.

    Raises:
        CorruptRecordError: malformed. VolumeFormatError: written by a newer version.
    """
    payload = record.payload
    if len(payload) < 2 or payload[0] > FORMAT:
        raise VolumeFormatError(f"record {record.lsn} has a format that this version does not know")
    start = 2
    if payload[1] & _PARTIAL:
        if _PART.unpack_from(payload, 2)[0]:
            return None
        start += _PART.size
    head: bytes = payload[start : start + 16]
    try:
        if payload[1] & _ZSTD:
            source = memoryview(payload)[start + _RAW_LENGTH.size :]
            with zstandard.ZstdDecompressor().stream_reader(source) as reader:
                head = reader.read(16)
        unpacker = msgpack.Unpacker()
        unpacker.feed(head)
        unpacker.read_array_header()
        return int(unpacker.unpack())
    except (ValueError, TypeError, msgpack.OutOfData, zstandard.ZstdError, struct.error) as error:
        raise CorruptRecordError(f"record {record.lsn} is malformed: {error}") from error


def _unpack_stepwise(body: bytes) -> tuple[int, list[TableChange], dict[int, int], Any]:
    """A large body, change by change, so that no call of the C coder takes long."""
    unpacker = msgpack.Unpacker(
        ext_hook=unpack_value, use_list=False, strict_map_key=False, max_buffer_size=len(body) + 1
    )
    unpacker.feed(body)
    if unpacker.read_array_header() != 4:
        raise CorruptRecordError("a record's body has another number of parts")
    commit_time_us = unpacker.unpack()
    changes = [_change(unpacker.unpack()) for _ in range(unpacker.read_array_header())]
    counters, schema = unpacker.unpack(), unpacker.unpack()
    if unpacker.tell() != len(body):
        raise CorruptRecordError("a record's body goes on behind its end")
    return commit_time_us, changes, counters, schema


def _change(packed: Sequence[Any]) -> TableChange:
    if len(packed) == 3:
        table_id, upserts, deletes = packed
        return TableChange(table_id, upserts, deletes)
    table_id, upserts, deletes, columns = packed[:4]
    before = RowsBefore(*packed[4]) if len(packed) > 4 and packed[4] is not None else None
    if isinstance(columns, bytes):
        upserts = unpack_arrow(columns)
    elif columns is not None:
        upserts = unpack_columns(columns)
    return TableChange(table_id, upserts, deletes, before)


class CommitAssembler:
    """Puts the parts of commits together. Feed it records in LSN order; after a gap or a reconnect, :meth:`reset`."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._count = 0
        self._flags = 0
        self._epoch = 0
        self._next_lsn = 0

    @property
    def partial(self) -> bool:
        """True while a commit is incomplete."""
        return bool(self._parts)

    def reset(self) -> None:
        """Forget an incomplete commit."""
        self._parts = []

    def feed(self, record: StoredRecord) -> Commit | None:
        """The commit that `record` completes, with its LSN and epoch; None when more parts must come.

        Raises:
            CorruptRecordError: malformed, or not the part that had to follow.
            VolumeFormatError: written by a newer version.
        """
        payload = record.payload
        if len(payload) < 2:
            raise CorruptRecordError(f"record {record.lsn} is too short")
        if payload[0] != FORMAT:
            if payload[0] > FORMAT:
                raise VolumeFormatError(f"record {record.lsn} has format {payload[0]}; this version knows {FORMAT}")
            raise CorruptRecordError(f"record {record.lsn} has unknown format {payload[0]}")
        flags = payload[1]
        if flags & ~(_ZSTD | _PARTIAL | _BEFORE | _ARROW):
            raise VolumeFormatError(f"record {record.lsn} has unknown flags {flags:#x}")
        if not flags & _PARTIAL:
            if self._parts:
                raise CorruptRecordError(f"record {record.lsn} starts a commit inside another one")
            if not record.cpl:
                raise CorruptRecordError(f"record {record.lsn} is a whole commit but not a completion point")
            commit = decode_body(flags, payload[2:])
        else:
            part = self._feed_part(record, flags)
            if part is None:
                return None
            commit = part
        commit.lsn, commit.epoch = record.lsn, record.epoch
        return commit

    def _feed_part(self, record: StoredRecord, flags: int) -> Commit | None:
        payload = record.payload
        start = 2 + _PART.size
        if len(payload) <= start:
            raise CorruptRecordError(f"record {record.lsn} is too short for a part")
        number, count = _PART.unpack_from(payload, 2)
        if number != len(self._parts) or count < 2 or number >= count:
            raise CorruptRecordError(f"record {record.lsn} is part {number} of {count}; {len(self._parts)} was due")
        if number == 0:
            self._count, self._flags, self._epoch = count, flags, record.epoch
        elif (count, flags, record.epoch, record.lsn) != (self._count, self._flags, self._epoch, self._next_lsn):
            raise CorruptRecordError(f"record {record.lsn} does not belong to the commit before it")
        last = number == count - 1
        if record.cpl != last:
            raise CorruptRecordError(f"record {record.lsn}: completion point flag and part number disagree")
        self._parts.append(payload[start:])
        self._next_lsn = record.lsn + 1
        if not last:
            return None
        body = b"".join(self._parts)
        self._parts = []
        return decode_body(flags & ~_PARTIAL, body)
