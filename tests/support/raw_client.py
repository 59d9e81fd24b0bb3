"""A MySQL client that can misbehave: raw packets on a socket."""

from __future__ import annotations

import socket
import struct

from aurora_mysql.session import constants as c

CAPABILITIES = (
    c.CLIENT_PROTOCOL_41 | c.CLIENT_SECURE_CONNECTION | c.CLIENT_PLUGIN_AUTH | c.CLIENT_MULTI_STATEMENTS | (1 << 17)
)


class RawClient:
    """`sequence` is the number of the last packet read."""

    def __init__(self, port: int, timeout_s: float = 10.0) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout_s)
        self.sequence = 0

    def read(self) -> bytes:
        """One packet's payload; b'' when the server closed."""
        header = self._exactly(4)
        if not header:
            return b""
        self.sequence = header[3]
        return self._exactly(int.from_bytes(header[:3], "little"))

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            try:
                piece = self.socket.recv(size - len(data))
            except ConnectionResetError:
                return b""
            if not piece:
                return b""
            data += piece
        return data

    def send(self, payload: bytes, sequence: int | None = None) -> None:
        number = self.sequence + 1 if sequence is None else sequence
        self.raw((len(payload) | (number & 0xFF) << 24).to_bytes(4, "little") + payload)

    def raw(self, data: bytes) -> None:
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the server closed first, which is what such tests look for

    def command(self, payload: bytes) -> bytes:
        """Send a command, return the first packet of the answer."""
        self.send(payload, 0)
        return self.read()

    def log_in(self, user: str = "empty_native", response: bytes = b"", capabilities: int = CAPABILITIES) -> bytes:
        """Handshake up to the server's verdict (empty passwords only, or wrong ones)."""
        self.read()
        self.send(login_packet(user, response, capabilities))
        return self.read()

    def close(self) -> None:
        self.socket.close()


def login_packet(user: str, response: bytes = b"", capabilities: int = CAPABILITIES) -> bytes:
    return (
        struct.pack("<IIB23x", capabilities, 1 << 24, 255)
        + user.encode()
        + b"\0"
        + bytes((len(response),))
        + response
        + b"mysql_native_password\0"
    )
