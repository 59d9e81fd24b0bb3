"""One socket: frames, sequence numbers, TLS, back-pressure, and the order of phases.

Phases go GREETED -> LOGIN -> COMMAND -> CLOSED and never back. Once CLOSED, nothing more is read or written: a refused
login can't reach a command, and a demoted instance can't acknowledge.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import time
from collections.abc import Coroutine
from enum import IntEnum
from typing import TYPE_CHECKING, Any, cast

from aurora_mysql import MYSQL_VERSION
from aurora_mysql.errors import MySQLError, mysql_error
from aurora_mysql.redo.direct_write import write_through
from aurora_mysql.session import packets
from aurora_mysql.session.auth import new_scramble
from aurora_mysql.session.client_packets import is_tls_request
from aurora_mysql.session.constants import CLIENT_SSL, MAX_FRAME, SERVER_CAPABILITIES
from aurora_mysql.session.eager import run_eagerly
from aurora_mysql.session.login import log_in
from aurora_mysql.session.tls import TlsChannel
from aurora_mysql.session.wire import frames

if TYPE_CHECKING:
    from aurora_mysql.session.commands import CommandHandler
    from aurora_mysql.session.server import SqlServer

log = logging.getLogger(__name__)

#: How long a closing socket may take to send what is left, and a killed command to end, before it is cut off.
LINGER_S = 1.0


class Phase(IntEnum):
    GREETED = 0
    LOGIN = 1
    COMMAND = 2
    CLOSED = 3


class Connection(asyncio.Protocol):
    """A client connection. All methods run on the event loop."""

    def __init__(self, server: SqlServer) -> None:
        self.server = server
        self.loop = server.loop
        self.connection_id = server.services.processes.next_id()
        self.phase = Phase.GREETED
        self.handler: CommandHandler | None = None
        self.scramble = b""
        self.peer_host = ""
        self.opened_s = self.idle_since_s = self.loop.time()
        self.write_paused_since_s: float | None = None
        self.max_packet_bytes = server.settings.max_login_packet_bytes
        self.sequence = 0  # of the next packet we send
        self.busy = False
        self._status = server.services.status
        self._expected = 1  # of the next packet we read
        self._buffer = bytearray()
        self._parts: list[bytes] = []
        self._parts_bytes = 0
        self._reading_paused = False
        self._waiter: asyncio.Future[bytes] | None = None
        self._drain_waiter: asyncio.Future[None] | None = None
        self._tls: TlsChannel | None = None
        self._transport: asyncio.Transport | None = None
        self._descriptor = -1
        self._task: asyncio.Task[None] | None = None
        self._session_ended = False
        self._eager = False

    # --- transport events ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=self.server.settings.write_buffer_bytes)
        peer = transport.get_extra_info("peername")
        self.peer_host = peer[0] if isinstance(peer, tuple) and peer else ""
        sock = transport.get_extra_info("socket")
        if sock is not None:
            self._descriptor = sock.fileno()
            # Finds clients whose machine vanished; their locks must not stay for ever.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        refusal = self.server.connection_opened(self)
        if refusal is not None:
            self.send(packets.error(refusal, greeted=False))
            self.close()
            return
        self.scramble = new_scramble()
        capabilities = SERVER_CAPABILITIES | (CLIENT_SSL if self.server.tls_context is not None else 0)
        plugin = self.server.settings.default_authentication_plugin
        self.send(packets.greeting(MYSQL_VERSION, self.connection_id, self.scramble, capabilities, plugin))

    def connection_lost(self, exc: Exception | None) -> None:
        aborted = self.phase != Phase.CLOSED
        self.phase = Phase.CLOSED
        self._transport = None
        self._buffer.clear()
        self._wake(ConnectionResetError("client went away"))
        self.server.connection_closed(self, aborted=aborted)
        if self.busy:
            if self.handler is not None:
                self.handler.ctx.interrupt(whole_connection=True)
        else:
            self._end_session()

    def data_received(self, data: bytes) -> None:
        if self.phase == Phase.CLOSED:
            return
        if self._tls is not None:
            plain = self._decrypt(data)
            if not plain:
                return
            data = plain
        size = len(data)
        self._status["Bytes_received"] += size
        if (
            size > 4
            and not self.busy
            and not self._buffer
            and not self._parts
            and self.phase == Phase.COMMAND
            and (length := data[0] | data[1] << 8 | data[2] << 16) == size - 4
            and data[3] == 0
            and length < MAX_FRAME
            and length <= self.max_packet_bytes
        ):
            # One whole command and nothing else: nearly every call.
            self.sequence = 1
            self._command(data[4:])
            return
        self._buffer += data
        self.process()

    def eof_received(self) -> bool:
        return False

    def pause_writing(self) -> None:
        self.write_paused_since_s = self.loop.time()

    def resume_writing(self) -> None:
        self.write_paused_since_s = None
        waiter = self._drain_waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    # --- reading ---

    def process(self) -> None:
        """Handle what the buffer holds, as far as the running command lets it."""
        while self.phase != Phase.CLOSED:
            if self.busy and self._waiter is None:
                if len(self._buffer) > self._read_ahead_bytes() and not self._reading_paused:
                    self._reading_paused = True
                    assert self._transport is not None
                    self._transport.pause_reading()
                return
            payload = self._next_payload()
            if payload is None:
                if self._reading_paused and self._transport is not None:
                    self._reading_paused = False
                    self._transport.resume_reading()
                return
            if self._waiter is not None:
                waiter, self._waiter = self._waiter, None
                if not waiter.done():
                    waiter.set_result(payload)
            elif self.phase == Phase.COMMAND:
                self._command(payload)
            else:
                self._first_packet(payload)

    def _read_ahead_bytes(self) -> int:
        settings = self.server.settings
        return settings.pipeline_bytes if self.phase == Phase.COMMAND else settings.max_login_packet_bytes

    def _next_payload(self) -> bytes | None:
        """The next whole payload, or None when more bytes are needed or the connection was closed for bad ones."""
        buffer = self._buffer
        while len(buffer) >= 4:
            length = buffer[0] | buffer[1] << 8 | buffer[2] << 16
            if length + self._parts_bytes > self.max_packet_bytes:
                self._too_long()
                return None
            if buffer[3] != self._expected:
                self.sequence = buffer[3] + 1 & 0xFF
                self.close(mysql_error(1156))
                return None
            end = 4 + length
            if len(buffer) < end:
                return None
            with memoryview(buffer) as view:
                payload = bytes(view[4:end])
            del buffer[:end]
            self._expected = self._expected + 1 & 0xFF
            if length == MAX_FRAME:
                self._parts.append(payload)
                self._parts_bytes += length
                continue
            if self._parts:
                self._parts.append(payload)
                payload = b"".join(self._parts)
                self._parts.clear()
                self._parts_bytes = 0
            self.sequence = self._expected
            return payload
        return None

    def _too_long(self) -> None:
        if self.phase != Phase.COMMAND:
            log.info("connection %d from %s: oversized packet before login", self.connection_id, self.peer_host)
            self.close()
            return
        self.sequence = self._expected + 1 & 0xFF
        self.close(mysql_error(1153))

    async def receive(self) -> bytes:
        """The client's next packet within the running login or command.

        Raises:
            ConnectionError: the client is gone, or the connection was closed on our side.
        """
        if self.phase == Phase.CLOSED:
            raise ConnectionResetError("connection closed")
        self._expected = self.sequence
        waiter: asyncio.Future[bytes] = self.loop.create_future()
        self._waiter = waiter
        self.process()
        return await waiter

    def _decrypt(self, data: bytes) -> bytes:
        assert self._tls is not None
        try:
            plain: bytes = self._tls.feed(data)
        except ssl.SSLError as exc:
            if self.phase != Phase.COMMAND:
                log.info("connection %d from %s: TLS failed: %s", self.connection_id, self.peer_host, exc.reason)
            pending = self._tls.pending()
            if pending and self._transport is not None:
                self._transport.write(pending)
            self._tls = None
            self.close()
            return b""
        pending = self._tls.pending()
        if pending and self._transport is not None:
            self._transport.write(pending)
        return plain

    # --- phases ---

    def _first_packet(self, payload: bytes) -> None:
        """A TLS request, or the handshake response that starts the login."""
        if is_tls_request(payload) and self._tls is None and self.server.tls_context is not None:
            self._tls = TlsChannel(self.server.tls_context)
            rest = bytes(self._buffer)
            self._buffer.clear()
            if rest:
                self.data_received(rest)
            return
        self.phase = Phase.LOGIN
        self.start(log_in(self, payload))

    def logged_in(self, handler: CommandHandler) -> None:
        """The login is complete: commands may come.

        Raises:
            ConnectionError: the client went away meanwhile.
        """
        if self.phase == Phase.CLOSED:
            raise ConnectionResetError("connection closed")
        self.handler = handler
        self.phase = Phase.COMMAND
        self.server.session_opened(self)

    def _command(self, payload: bytes) -> None:
        handler = self.handler
        assert handler is not None
        try:
            answer = handler.dispatch(payload)
            if answer is not None:
                self.write(answer)
                self._expected = 0
                self.idle_since_s = self.loop.time()
                handler.ctx.command_started_s = time.time()
                return
        except MySQLError as exc:
            self.send_error(exc)
        except Exception:
            self.send_internal_error()
        if not self.busy:
            self.command_done()

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Run the rest of a command (or the login) as a task; nothing else is read from the client meanwhile."""
        self.busy = True
        self._task = self.loop.create_task(self._run(work))

    def start_eagerly(self, work: Coroutine[Any, Any, None]) -> None:
        """As :meth:`start`, but what needs no waiting is done when this returns."""
        self.busy = self._eager = True
        try:
            self._task = run_eagerly(self.loop, self._run(work))
        finally:
            self._eager = False

    def answer_later(self) -> None:
        """The running command's answer comes by :meth:`answer`; nothing else is read from the client meanwhile."""
        self.busy = True

    def answer(self, outcome: bytes | Exception) -> None:
        """The packets that answer the command, or why it has failed."""
        self.sequence = 1
        try:
            if isinstance(outcome, bytes):
                self.write(outcome)
            elif isinstance(outcome, MySQLError):
                self.send_error(outcome)
            else:
                self.send_internal_error(outcome)
        finally:
            self.busy = False
            self.command_done()
        if self.phase == Phase.COMMAND and (self._buffer or self._reading_paused):
            self.process()

    async def _run(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except MySQLError as exc:
            self.send_error(exc)
        except ConnectionError:
            self.close()
        except Exception:
            self.send_internal_error()
        finally:
            self.busy = False
            self._task = None
            if not self._eager:
                self.command_done()
        if self._eager:
            return  # whoever dispatched the command goes on
        if self.phase == Phase.COMMAND and (self._buffer or self._reading_paused):
            self.process()

    def command_done(self) -> None:
        """The answer is complete: the session sleeps until the next command."""
        self._expected = 0
        self.idle_since_s = self.loop.time()
        handler = self.handler
        if handler is not None:
            handler.sleep()
        if self.phase == Phase.CLOSED:
            self._end_session()
        elif self.phase != Phase.COMMAND or (handler is not None and handler.ctx.killed):
            self.close()  # a login that did not end in a session, or a killed session

    # --- writing ---

    @property
    def secure(self) -> bool:
        return self._tls is not None

    @property
    def tls(self) -> TlsChannel | None:
        return self._tls

    def send(self, payload: bytes) -> None:
        """One packet, at once."""
        data, self.sequence = frames(payload, self.sequence)
        self.write(data)

    def send_error(self, exc: MySQLError) -> None:
        codec = self.handler.results_codec() if self.handler is not None else "utf-8"
        self.send(packets.error(exc, codec))

    def send_internal_error(self, error: Exception | None = None) -> None:
        """For an exception nobody expected (None: the one being handled): the log gets all of it, the client that it
        happened."""
        log.error("connection %d: command failed unexpectedly", self.connection_id, exc_info=error or True)
        self.send_error(mysql_error(1815, "unexpected failure, see the server's log"))

    def write(self, data: bytes | bytearray) -> None:
        """Packets that already have their headers; a bytearray must not be changed afterwards."""
        transport = self._transport
        if transport is None or self.phase == Phase.CLOSED:
            return
        self._status["Bytes_sent"] += len(data)
        if self._tls is not None:
            data = self._tls.encrypt(data)
        write_through(transport, self._descriptor, data)

    async def drain(self) -> None:
        """Wait until the client has taken enough of what was written.

        Raises:
            ConnectionError: it is gone.
        """
        if self.phase == Phase.CLOSED:
            raise ConnectionResetError("connection closed")
        if self.write_paused_since_s is None:
            return
        self._drain_waiter = self.loop.create_future()
        try:
            await self._drain_waiter
        finally:
            self._drain_waiter = None

    @property
    def write_paused(self) -> bool:
        return self.write_paused_since_s is not None

    # --- the end ---

    def close(self, error: MySQLError | None = None) -> None:
        """Tell the client `error`, if given, and close. Nothing is read or written after this."""
        if self.phase == Phase.CLOSED:
            return
        if error is not None:
            self.send_error(error)
        aborted = self.phase != Phase.COMMAND
        self.phase = Phase.CLOSED
        self._buffer.clear()
        self._parts.clear()
        transport = self._transport
        if transport is not None:
            if self._tls is not None and self._tls.established:
                goodbye = self._tls.close_notify()
                if goodbye:
                    transport.write(goodbye)
            transport.close()
            self.loop.call_later(LINGER_S, transport.abort)
        self._wake(ConnectionAbortedError("connection closed"))
        self.server.connection_closed(self, aborted=aborted)
        if not self.busy:
            self._end_session()

    def disconnect(self, error: MySQLError | None = None) -> None:
        """Close from outside: stop what runs, drop the socket now. `error` is only told between commands."""
        if self.phase == Phase.CLOSED:
            return
        running = self.busy and self.handler is not None
        if not self.busy:
            self.sequence = 0
        self.close(None if self.busy else error)
        if running and self.handler is not None:
            self.handler.ctx.interrupt(whole_connection=True)

    def killed(self) -> None:
        """KILL reached the session (its on_kill callback)."""
        handler = self.handler
        if handler is None or not handler.ctx.killed or self.phase == Phase.CLOSED:
            return
        if not self.busy:
            self.close()
            return
        # The statement ends with 1317 and the socket closes after it; should it not end, the socket closes anyway.
        self._wake(ConnectionAbortedError("connection killed"))
        self.loop.call_later(LINGER_S, self.close)

    def _wake(self, exc: ConnectionError) -> None:
        for waiter in (self._waiter, self._drain_waiter):
            if waiter is not None and not waiter.done():
                waiter.set_exception(exc)
        self._waiter = None

    def _end_session(self) -> None:
        """Give back what the session holds; exactly once, when no command runs any more."""
        if self._session_ended or self.handler is None:
            return
        self._session_ended = True
        self.server.end_session(self.handler)
