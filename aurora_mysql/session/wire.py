"""Bytes of the protocol: length-encoded numbers and strings, frames, and a reader that fails on malformed input."""

from __future__ import annotations

from aurora_mysql.errors import MySQLError, mysql_error
from aurora_mysql.session.constants import MAX_FRAME

#: The one-byte length prefixes, ready made.
PREFIX = [bytes((n,)) for n in range(251)]


def lenenc_int(n: int) -> bytes:
    """A length-encoded integer."""
    if n < 251:
        return PREFIX[n]
    if n < 0x10000:
        return b"\xfc" + n.to_bytes(2, "little")
    if n < 0x1000000:
        return b"\xfd" + n.to_bytes(3, "little")
    return b"\xfe" + n.to_bytes(8, "little")


def lenenc_bytes(data: bytes) -> bytes:
    """A length-encoded string."""
    n = len(data)
    if n < 251:
        return PREFIX[n] + data
    return lenenc_int(n) + data


def frame(payload: bytes, sequence: int) -> bytes:
    """`payload` as one packet numbered `sequence`; it must be shorter than :data:`MAX_FRAME`."""
    return (len(payload) | (sequence & 0xFF) << 24).to_bytes(4, "little") + payload


def frames(payload: bytes, sequence: int) -> tuple[bytes, int]:
    """`payload` of any length as packets from `sequence` on; returns them and the next sequence number."""
    if len(payload) < MAX_FRAME:
        return frame(payload, sequence), sequence + 1 & 0xFF
    parts: list[bytes] = []
    for start in range(0, len(payload) + 1, MAX_FRAME):
        # A payload that is a multiple of the frame size ends with an empty frame.
        parts.append(frame(payload[start : start + MAX_FRAME], sequence))
        sequence = sequence + 1 & 0xFF
    return b"".join(parts), sequence


def malformed() -> MySQLError:
    """The error for a packet that ends too early or contradicts itself."""
    return mysql_error(1835)


class Reader:
    """Reads fields from one payload.

    Every method raises 1835 when the payload is too short.
    """

    __slots__ = ("data", "pos")

    def __init__(self, data: bytes, pos: int = 0) -> None:
        self.data = data
        self.pos = pos

    @property
    def remaining(self) -> int:
        return len(self.data) - self.pos

    def take(self, n: int) -> bytes:
        end = self.pos + n
        if n < 0 or end > len(self.data):
            raise malformed()
        piece = self.data[self.pos : end]
        self.pos = end
        return piece

    def uint(self, size: int) -> int:
        """A fixed-size little-endian unsigned integer of `size` bytes."""
        return int.from_bytes(self.take(size), "little")

    def sint(self, size: int) -> int:
        return int.from_bytes(self.take(size), "little", signed=True)

    def lenenc_int(self) -> int:
        first = self.uint(1)
        if first < 251:
            return first
        if first == 0xFC:
            return self.uint(2)
        if first == 0xFD:
            return self.uint(3)
        if first == 0xFE:
            return self.uint(8)
        raise malformed()

    def lenenc_bytes(self) -> bytes:
        return self.take(self.lenenc_int())

    def null_terminated(self) -> bytes:
        """Up to the next NUL, which is consumed."""
        end = self.data.find(b"\0", self.pos)
        if end < 0:
            raise malformed()
        piece = self.data[self.pos : end]
        self.pos = end + 1
        return piece

    def null_terminated_or_rest(self) -> bytes:
        """Up to the next NUL, or all that is left (some clients omit the last terminator)."""
        end = self.data.find(b"\0", self.pos)
        if end < 0:
            return self.rest()
        piece = self.data[self.pos : end]
        self.pos = end + 1
        return piece

    def rest(self) -> bytes:
        piece = self.data[self.pos :]
        self.pos = len(self.data)
        return piece
