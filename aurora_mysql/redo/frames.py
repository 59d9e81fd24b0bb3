"""Frames of the redo stream: a 4-byte length, a type byte, and a msgpack body."""

from __future__ import annotations

import asyncio
import struct
from typing import Any

import msgpack

from aurora_mysql.errors import StorageError

HELLO, WELCOME, GONE, REDO, HEARTBEAT, ACK = range(1, 7)
PROTOCOL_VERSION = 1
_HEAD = struct.Struct("<IB")
_FRAME_BYTES = 256 << 20


def frame(kind: int, body: Any) -> bytes:
    packed: bytes = msgpack.packb(body, use_bin_type=True)
    return _HEAD.pack(len(packed), kind) + packed


async def read_frame(reader: asyncio.StreamReader) -> tuple[int, Any]:
    """The next frame. Raises StorageError for a senseless length, IncompleteReadError at the end."""
    length, kind = _HEAD.unpack(await reader.readexactly(_HEAD.size))
    if length > _FRAME_BYTES:
        raise StorageError(f"a redo stream frame of {length} bytes")
    return kind, msgpack.unpackb(await reader.readexactly(length), strict_map_key=False)
