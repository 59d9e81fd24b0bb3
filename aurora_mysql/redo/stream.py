"""The writer's end of the redo stream: durable records to every reader, with VDL and topology, as they come.

A follower that is too slow, or asks for records the ring no longer has, is sent away (GONE) and catches up from the
volume: the writer never waits for a reader.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import socket
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from aurora_mysql.errors import StorageError
from aurora_mysql.redo.frames import ACK, GONE, HEARTBEAT, HELLO, PROTOCOL_VERSION, REDO, WELCOME, frame, read_frame

log = logging.getLogger(__name__)

HEARTBEAT_S = 0.1
_RING_BYTES = 64 << 20
_BACKLOG_BYTES = 32 << 20


@dataclass(slots=True)
class Follower:
    """A connected reader and what it last acknowledged."""

    id: str
    writer: asyncio.StreamWriter = field(repr=False)
    visible_lsn: int = 0
    lag_ms: float = 0.0
    cpu_percent: float = 0.0
    session_id: str = ""
    heard_us: int = 0


class RedoStreamServer:
    """See the module. `topology` gives the rows that heartbeats carry (lists, as replicas.topology makes them)."""

    def __init__(self, token: str, *, epoch: int, vdl: int, topology: Callable[[], Sequence[Sequence[Any]]]) -> None:
        self._token = token
        self._topology = topology
        self._server: asyncio.Server | None = None
        self._ring: deque[tuple[int, bytes]] = deque()
        self._ring_bytes = 0
        self._first_lsn = vdl + 1
        self._pending: list[list[Any]] = []
        self._flush_scheduled = False
        self._beat: asyncio.Task[None] | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self.epoch = epoch
        self.vdl = vdl
        self.followers: dict[str, Follower] = {}

    async def start(self, host: str = "127.0.0.1") -> int:
        """Listen on a free port; returns it."""
        self._server = await asyncio.start_server(self._accept, host, 0)
        self._beat = asyncio.create_task(self._heartbeats())
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def stop(self) -> None:
        """Close every connection at once."""
        if self._server is not None:
            self._server.close()
        tasks = [*self._connections, *([self._beat] if self._beat is not None else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def publish(self, last_lsn: int, parts: Sequence[bytes]) -> None:
        """A commit became durable: `parts` are its records, the last one with `last_lsn`. In LSN order."""
        first = last_lsn - len(parts) + 1
        for offset, payload in enumerate(parts):
            self._pending.append([first + offset, self.epoch, first + offset == last_lsn, payload])
        self.vdl = last_lsn
        if not self._flush_scheduled:
            self._flush_scheduled = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        self._flush_scheduled = False
        if not self._pending:
            return
        data = frame(REDO, [self.vdl, self._pending])
        last_lsn = self._pending[-1][0]
        self._pending = []
        self._ring.append((last_lsn, data))
        self._ring_bytes += len(data)
        while self._ring_bytes > _RING_BYTES and len(self._ring) > 1:
            dropped_lsn, dropped = self._ring.popleft()
            self._ring_bytes -= len(dropped)
            self._first_lsn = dropped_lsn + 1
        self._send(data)

    def _send(self, data: bytes) -> None:
        for follower in list(self.followers.values()):
            if follower.writer.transport.get_write_buffer_size() > _BACKLOG_BYTES:
                log.warning("reader %s is too slow for the stream; it catches up from the volume", follower.id)
                follower.writer.transport.abort()
                del self.followers[follower.id]
            else:
                follower.writer.write(data)

    async def _heartbeats(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            rows = [list(row) for row in self._topology()]
            self._send(frame(HEARTBEAT, [self.vdl, self.epoch, time.time_ns() // 1000, rows]))

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        follower: Follower | None = None
        try:
            async with asyncio.timeout(5):
                kind, hello = await read_frame(reader)
            if kind != HELLO or not hmac.compare_digest(str(hello["token"]), self._token):
                return
            if hello["version"] != PROTOCOL_VERSION:
                log.error("reader %s speaks stream version %s", hello["id"], hello["version"])
                return
            writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._flush()
            from_lsn = int(hello["from_lsn"])
            if from_lsn < self._first_lsn:
                writer.write(frame(GONE, [self.vdl, self.epoch]))
                await writer.drain()
                return
            writer.write(frame(WELCOME, [self.vdl, self.epoch]))
            for last_lsn, data in self._ring:
                if last_lsn >= from_lsn:
                    writer.write(data)
            follower = Follower(hello["id"], writer, session_id=hello["session_id"])
            self.followers[follower.id] = follower
            log.info("reader %s follows from LSN %d", follower.id, from_lsn)
            while True:
                kind, body = await read_frame(reader)
                if kind == ACK:
                    follower.visible_lsn, follower.lag_ms, follower.cpu_percent = body
                    follower.heard_us = time.time_ns() // 1000
        except (OSError, asyncio.IncompleteReadError, TimeoutError, StorageError, asyncio.CancelledError):
            # Only stop() cancels; a task that ends as cancelled would be reported as an error by the stream library.
            log.debug("a stream connection ended")
        finally:
            self._connections.discard(task)
            if follower is not None and self.followers.get(follower.id) is follower:
                del self.followers[follower.id]
            if task.cancelling():
                writer.transport.abort()
            else:
                writer.close()
