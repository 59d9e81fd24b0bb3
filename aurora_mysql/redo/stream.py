"""The writer's end of the redo stream: durable records to every reader, with VDL and topology, as they come.

The bytes are those the volume got; they are framed once for all readers. A follower that is too slow, or asks for
records the ring no longer has, is sent away (GONE) and catches up from the volume: the writer never waits for a
reader.
"""

from __future__ import annotations

import asyncio
import hmac
import itertools
import logging
import socket
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from aurora_mysql.errors import StorageError
from aurora_mysql.redo.direct_write import write_through
from aurora_mysql.redo.frames import (
    ACK,
    GONE,
    HEARTBEAT,
    HELLO,
    PROTOCOL_VERSION,
    REDO,
    REQUEST_BYTES,
    WELCOME,
    frame,
    read_frame,
)
from aurora_mysql.redo.stream_faults import StreamFaults

log = logging.getLogger(__name__)

HEARTBEAT_S = 0.1
#: What becomes durable so soon after redo was sent is sent together: a frame costs every reader a turn of its loop, and
#: the writer a system call for each of them.
FRAMES_APART_S = 0.002
#: The topology is made anew with every n-th heartbeat.
_TOPOLOGY_BEATS = 5
_HANDSHAKE_S = 5.0
#: 15 readers and their reconnections.
_MAX_CONNECTIONS = 64


@dataclass(slots=True)
class Follower:
    """A connected reader and what it last acknowledged; `lag_ms` is None until it has measured it; at `read_port`
    it answers reads that it is handed (0: it does not)."""

    id: str
    writer: asyncio.StreamWriter = field(repr=False)
    visible_lsn: int = 0
    lag_ms: float | None = None
    cpu_percent: float = 0.0
    session_id: str = ""
    heard_us: int = 0
    descriptor: int = -1
    read_port: int = 0


class RedoStreamServer:
    """See the module. Belongs to the event loop.

    Invariants: the ring holds every record from `_first_lsn` to `vdl` that is not pending; a follower in `followers`
    has been written everything from the LSN it asked for to the last flush.

    Args:
        topology: gives the rows that heartbeats carry (lists, as replicas.topology makes them).
        ring_bytes: recent redo kept for followers that reconnect.
        backlog_bytes: unsent redo of one follower beyond which it is sent away.
        frame_bytes: redo in one frame (a longer record still is one).
    """

    def __init__(
        self,
        token: str,
        *,
        epoch: int,
        vdl: int,
        topology: Callable[[], Sequence[Sequence[Any]]],
        ring_bytes: int = 64 << 20,
        backlog_bytes: int = 32 << 20,
        frame_bytes: int = 1 << 20,
    ) -> None:
        self._token = token.encode()
        self._topology = topology
        self._limit_ring_bytes, self._backlog_bytes, self._frame_bytes = ring_bytes, backlog_bytes, frame_bytes
        self._server: asyncio.Server | None = None
        self._ring: deque[tuple[int, bytes]] = deque()
        self._ring_bytes = 0
        self._first_lsn = vdl + 1
        self._pending: list[tuple[int, int, bool, bytes]] = []
        self._flush_scheduled = False
        self._flushed_s = 0.0
        self._beat: asyncio.Task[None] | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self.epoch = epoch
        self.vdl = vdl
        self.followers: dict[str, Follower] = {}
        self.faults = StreamFaults()

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """Listen (port 0: on a free one); returns the port."""
        self._server = await asyncio.start_server(self._accept, host, port)
        self._beat = asyncio.create_task(self._heartbeats(), name="redo-heartbeats")
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

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
        for lsn, payload in enumerate(parts, start=first):
            self._pending.append((lsn, self.epoch, lsn == last_lsn, payload))
        self.vdl = last_lsn
        if not self._flush_scheduled:
            # At the end of this loop turn: commits that became durable together travel together.
            self._flush_scheduled = True
            loop = asyncio.get_running_loop()
            wait_s = self._flushed_s + FRAMES_APART_S - loop.time()
            if wait_s > 0:
                loop.call_later(wait_s, self._flush)
            else:
                loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flush_scheduled = False
        pending, self._pending = self._pending, []
        if not pending:
            return
        self._flushed_s = asyncio.get_running_loop().time()
        start = size = 0
        for i, record in enumerate(pending):
            if size and size + len(record[3]) > self._frame_bytes:
                self._send_redo(pending[start:i])
                start, size = i, 0
            size += len(record[3])
        self._send_redo(pending[start:])

    def _send_redo(self, records: list[tuple[int, int, bool, bytes]]) -> None:
        data = frame(REDO, [self.vdl, records])
        self._ring.append((records[-1][0], data))
        self._ring_bytes += len(data)
        while self._ring_bytes > self._limit_ring_bytes:
            dropped_lsn, dropped = self._ring.popleft()
            self._ring_bytes -= len(dropped)
            self._first_lsn = dropped_lsn + 1
        self._send(data)

    def _send(self, data: bytes) -> None:
        for follower in list(self.followers.values()):
            if follower.writer.transport.get_write_buffer_size() > self._backlog_bytes:
                log.warning("reader %s is too slow for the stream; it catches up from the volume", follower.id)
                self._drop(follower)
            elif self.faults.strike(follower.id):
                self._drop(follower)
            else:
                write_through(follower.writer.transport, follower.descriptor, data)

    def _drop(self, follower: Follower) -> None:
        follower.writer.transport.abort()
        if self.followers.get(follower.id) is follower:
            del self.followers[follower.id]

    async def _heartbeats(self) -> None:
        rows: list[list[Any]] = []
        for number in itertools.count():
            await asyncio.sleep(HEARTBEAT_S)
            if number % _TOPOLOGY_BEATS == 0:
                rows = [list(row) for row in self._topology()]
            self._flush()  # a heartbeat's VDL never runs ahead of the records
            self._send(frame(HEARTBEAT, [self.vdl, self.epoch, time.time_ns() // 1000, rows]))

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        if len(self._connections) >= _MAX_CONNECTIONS:
            log.warning("too many connections to the redo stream")
            writer.transport.abort()
            return
        self._connections.add(task)
        follower: Follower | None = None
        try:
            async with asyncio.timeout(_HANDSHAKE_S):
                kind, hello = await read_frame(reader, limit_bytes=REQUEST_BYTES)
            follower = self._welcome(kind, hello, writer)
            while follower is not None:
                kind, body = await read_frame(reader, limit_bytes=REQUEST_BYTES)
                if kind == ACK:
                    visible_lsn, lag_ms, cpu_percent = body
                    follower.visible_lsn = int(visible_lsn)
                    follower.lag_ms = None if lag_ms is None else float(lag_ms)
                    follower.cpu_percent = float(cpu_percent)
                    follower.heard_us = time.time_ns() // 1000
        except (StorageError, KeyError, TypeError, ValueError) as error:
            log.warning("a peer of the redo stream does not keep to the protocol: %s", error)
        except (OSError, asyncio.IncompleteReadError, TimeoutError, asyncio.CancelledError):
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

    def _welcome(self, kind: int, hello: Any, writer: asyncio.StreamWriter) -> Follower | None:
        """Answer a HELLO; the new follower, or None when the connection ends here.

        Raises:
            StorageError, KeyError, TypeError, ValueError: not a HELLO, or without the cluster's token.
        """
        if kind != HELLO or not hmac.compare_digest(str(hello["token"]).encode(), self._token):
            raise StorageError("the first frame is not a HELLO with this cluster's token")
        follower = Follower(str(hello["id"]), writer, session_id=str(hello["session_id"]))
        follower.read_port = int(hello.get("read_port", 0))
        if hello["version"] != PROTOCOL_VERSION:
            log.error("reader %s speaks stream version %s, not %d", follower.id, hello["version"], PROTOCOL_VERSION)
            return None
        if self.faults.strike(follower.id):
            return None
        from_lsn = int(hello["from_lsn"])
        connected = writer.get_extra_info("socket")
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        follower.descriptor = connected.fileno()
        self._flush()
        missed = [data for last_lsn, data in self._ring if last_lsn >= from_lsn]
        if from_lsn < self._first_lsn or from_lsn > self.vdl + 1 or sum(map(len, missed)) > self._backlog_bytes // 2:
            writer.write(frame(GONE, [self.vdl, self.epoch]))
            return None
        writer.writelines([frame(WELCOME, [self.vdl, self.epoch]), *missed])
        earlier = self.followers.get(follower.id)
        if earlier is not None:
            self._drop(earlier)
        self.followers[follower.id] = follower
        log.info("reader %s follows from LSN %d", follower.id, from_lsn)
        return follower
