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

#: Largest frame a follower accepts; the server cuts far below it (a record has at most some 4 MiB).
FRAME_BYTES = 64 << 20

#: Largest frame the server accepts: a stranger must not make it hold more.
REQUEST_BYTES = 64 << 10


def frame(kind: int, body: Any) -> bytes:
    """One frame, ready to be sent."""
    packed: bytes = msgpack.packb(body, use_bin_type=True)
    return _HEAD.pack(len(packed), kind) + packed


async def read_frame(reader: asyncio.StreamReader, *, limit_bytes: int = FRAME_BYTES) -> tuple[int, Any]:
    """The next frame's type and body.

    Raises:
        StorageError: it is longer than `limit_bytes`, or not msgpack.
        IncompleteReadError: the connection ended.
    """
    length, kind = _HEAD.unpack(await reader.readexactly(_HEAD.size))
    if length > limit_bytes:
        raise StorageError(f"a redo stream frame of {length} bytes")
    data = await reader.readexactly(length)
    try:
        return kind, msgpack.unpackb(data, strict_map_key=False)
    except (ValueError, msgpack.UnpackException) as error:
        raise StorageError(f"a malformed redo stream frame: {error}") from error
