"""The SQL server of an instance: listeners, the registry of connections, timeouts, and the orderly end."""

from __future__ import annotations

import asyncio
import logging
import resource
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from aurora_mysql.catalog.model import User
from aurora_mysql.errors import MySQLError, mysql_error
from aurora_mysql.session.auth import Authenticator
from aurora_mysql.session.commands import CommandHandler
from aurora_mysql.session.connection import Connection
from aurora_mysql.session.constants import STATUS_IN_TRANS
from aurora_mysql.session.executor_api import ExecutorLike
from aurora_mysql.session.login import apply_charset
from aurora_mysql.session.results import ColumnsPlanCache
from aurora_mysql.session.settings import SessionSettings
from aurora_mysql.session.tls import LoginKey, server_context
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.instance_services import InstanceServices

log = logging.getLogger(__name__)

BACKLOG = 1024
#: Descriptors for everything that is not a client connection.
SPARE_DESCRIPTORS = 512


@dataclass(frozen=True, slots=True)
class ServerStats:
    """Counts as of now."""

    sessions: int
    half_open: int
    running: int
    prepared_statements: int
    bytes_sent: int
    refused: int
    evicted: int
    listeners: tuple[tuple[str, int], ...]


class SqlServer:
    """Make it on the running event loop; everything happens on that loop.

    Raises (constructor):
        ConfigError: certificates or keys can't be used or made.
    """

    def __init__(self, executor: ExecutorLike, services: InstanceServices, settings: SessionSettings) -> None:
        self.executor = executor
        self.services = services
        self.settings = settings
        self.loop = asyncio.get_running_loop()
        self.tls_context = server_context(settings)
        self.column_plans = ColumnsPlanCache()
        self.prepared_count = 0
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="login")
        login_key = LoginKey(settings.data_dir, settings.secrets_key)
        self.authenticator = Authenticator(
            executor.find_account, login_key, settings.default_authentication_plugin, self._pool
        )
        self._is_administrator: Callable[[User], bool] | None = getattr(executor, "is_administrator", None)
        self._listeners: dict[tuple[str, int], asyncio.Server] = {}
        self._half_open: OrderedDict[Connection, None] = OrderedDict()
        self._sessions: dict[int, Connection] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._refused = 0
        self._evicted = 0
        self._draining = False
        self._sweeper: asyncio.TimerHandle | None = None

    # --- listeners ---

    async def add_listener(self, host: str, port: int, *, reuse_port: bool = False) -> int:
        """Accept clients on (`host`, `port`); port 0 takes a free one. Returns the port.

        Raises:
            OSError: the address is in use or not ours.
        """
        self._raise_descriptor_limit()
        server = await self.loop.create_server(
            lambda: Connection(self), host, port, backlog=BACKLOG, reuse_port=reuse_port or None
        )
        actual: int = server.sockets[0].getsockname()[1]
        self._listeners[host, actual] = server
        self._draining = False
        if self._sweeper is None:
            self._sweeper = self.loop.call_later(self.settings.sweep_s, self._sweep)
        log.info("listening on %s:%d", host, actual)
        return actual

    async def remove_listener(self, host: str, port: int) -> None:
        """Accept no more clients there; connections made through it live on. Unknown addresses are ignored."""
        server = self._listeners.pop((host, port), None)
        if server is not None:
            # Not wait_closed(): it would wait for the connections too.
            server.close()
            await asyncio.sleep(0)
            log.info("stopped listening on %s:%d", host, port)

    def _raise_descriptor_limit(self) -> None:
        wanted = self.settings.max_connections + self.settings.max_half_open + SPARE_DESCRIPTORS
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft == resource.RLIM_INFINITY or soft >= wanted:
            return
        new = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        if new < wanted:
            log.warning("only %d file descriptors allowed, %d may be needed", new, wanted)
        resource.setrlimit(resource.RLIMIT_NOFILE, (new, hard))

    # --- registry (called by connections) ---

    def connection_opened(self, connection: Connection) -> MySQLError | None:
        """A client is there; returns the error to refuse it with, if it can't get in anyway."""
        self.services.status["Connections"] += 1
        if self._draining:
            return mysql_error(1053)
        if len(self._sessions) > self.settings.max_connections:
            self._refused += 1
            return mysql_error(1040)
        self._half_open[connection] = None
        if len(self._half_open) > self.settings.max_half_open:
            oldest = next(iter(self._half_open))
            self._evicted += 1
            oldest.close()
        return None

    def admits(self, user: User) -> bool:
        """May `user`, who is authenticated, have a session now? One place above the limit is an administrator's."""
        count = len(self._sessions)
        limit = self.settings.max_connections
        admitted = count < limit or (count == limit and self.is_administrator(user))
        if not admitted:
            self._refused += 1
        return admitted

    def is_administrator(self, user: User) -> bool:
        return self._is_administrator is not None and self._is_administrator(user)

    def session_opened(self, connection: Connection) -> None:
        self._half_open.pop(connection, None)
        self._sessions[connection.connection_id] = connection

    def connection_closed(self, connection: Connection, *, aborted: bool) -> None:
        """The socket is closed or closing. Called once or twice for a connection."""
        if connection in self._half_open:
            del self._half_open[connection]
            self.services.status["Aborted_connects"] += 1
        elif self._sessions.pop(connection.connection_id, None) is not None and aborted:
            self.services.status["Aborted_clients"] += 1

    def begin_session(self, handler: CommandHandler) -> None:
        """Enter the process list and listen for KILL."""
        self.services.processes.add(handler.ctx)
        handler.ctx.on_kill.append(handler.connection.killed)

    def renew_session(self, handler: CommandHandler, collation_id: int) -> None:
        """After COM_RESET_CONNECTION: what a login would have set is set again."""
        ctx = handler.ctx
        apply_charset(ctx, collation_id)
        if handler.connection.killed not in ctx.on_kill:
            ctx.on_kill.append(handler.connection.killed)
        handler.adopt_limits()

    async def replace_session(self, handler: CommandHandler, ctx: SessionContext) -> None:
        """COM_CHANGE_USER: the old session ends, `ctx` takes its connection id."""
        old = handler.ctx
        await self.executor.close_session(old)
        ctx.killed = ctx.kill_query = old.killed
        handler.ctx = ctx
        processes = self.services.processes
        processes.remove(ctx.connection_id)
        processes.add(ctx)
        processes.total_connections -= 1  # it is the same connection
        ctx.on_kill.append(handler.connection.killed)

    def end_session(self, handler: CommandHandler) -> None:
        """Roll back and leave the process list, in the background."""
        handler.statements.clear()
        task = self.loop.create_task(self._end_session(handler.ctx))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def _end_session(self, ctx: SessionContext) -> None:
        try:
            await self.executor.close_session(ctx)
        except Exception:
            log.exception("connection %d: session did not close cleanly", ctx.connection_id)
        finally:
            if self.services.processes.get(ctx.connection_id) is ctx:
                self.services.processes.remove(ctx.connection_id)

    # --- timeouts ---

    def _sweep(self) -> None:
        self._sweeper = self.loop.call_later(self.settings.sweep_s, self._sweep)
        now_s = self.loop.time()
        for connection in list(self._half_open):
            if now_s - connection.opened_s < self.settings.connect_timeout_s:
                break  # they are in order of arrival
            log.info(
                "connection %d from %s: no login within %g s",
                connection.connection_id,
                connection.peer_host,
                self.settings.connect_timeout_s,
            )
            connection.close()
        for connection in list(self._sessions.values()):
            paused_s = connection.write_paused_since_s
            if paused_s is not None and now_s - paused_s > self.settings.net_write_timeout_s:
                connection.disconnect()
                continue
            if connection.busy or connection.handler is None or now_s - connection.idle_since_s < 1.0:
                continue
            if now_s - connection.idle_since_s > connection.handler.wait_timeout_s():
                connection.disconnect(mysql_error(4031))

    # --- the end ---

    def close_sessions(
        self, predicate: Callable[[SessionContext], bool] | None = None, error: MySQLError | None = None
    ) -> int:
        """Close sessions now: sockets drop, running statements are interrupted, nothing more is acknowledged.

        `error` is told to sessions between commands. Without `predicate` all sessions go, and unfinished logins too.
        Returns the number of connections closed.
        """
        victims = [
            connection
            for connection in self._sessions.values()
            if predicate is None or (connection.handler is not None and predicate(connection.handler.ctx))
        ]
        if predicate is None:
            victims += list(self._half_open)
        for connection in victims:
            connection.disconnect(error)
        return len(victims)

    async def drain(self, timeout_s: float) -> None:
        """Stop: no new clients; idle sessions close at once, others at the end of their transaction or statement, all
        of them after `timeout_s`. Returns when every session has ended."""
        self._draining = True
        for host, port in list(self._listeners):
            await self.remove_listener(host, port)
        for connection in list(self._half_open):
            connection.disconnect(mysql_error(1053))
        deadline_s = self.loop.time() + timeout_s
        while self._sessions:
            for connection in list(self._sessions.values()):
                handler = connection.handler
                if not connection.busy and handler is not None:
                    in_transaction = self.executor.status_flags(handler.ctx) & STATUS_IN_TRANS
                    if not in_transaction:
                        connection.disconnect(mysql_error(1053))
            if not self._sessions or self.loop.time() >= deadline_s:
                break
            await asyncio.sleep(0.02)
        self.close_sessions(error=mysql_error(1053))
        await self._sessions_ended(max(1.0, timeout_s))
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None

    async def _sessions_ended(self, timeout_s: float) -> None:
        """Interrupted statements need a moment to notice; their sessions roll back after that."""
        deadline_s = self.loop.time() + timeout_s
        while self.loop.time() < deadline_s and len(self.services.processes):
            await asyncio.sleep(0.005)
        if len(self.services.processes):
            log.warning("%d sessions still roll back at the end of drain", len(self.services.processes))

    async def stop(self, timeout_s: float = 5.0) -> None:
        """Drain, then give back threads."""
        await self.drain(timeout_s)
        self._pool.shutdown(wait=False)

    # --- what it can tell ---

    def stats(self) -> ServerStats:
        return ServerStats(
            sessions=len(self._sessions),
            half_open=len(self._half_open),
            running=sum(1 for connection in self._sessions.values() if connection.busy),
            prepared_statements=self.prepared_count,
            bytes_sent=self.services.status["Bytes_sent"],
            refused=self._refused,
            evicted=self._evicted,
            listeners=tuple(self._listeners),
        )

    def statistics_text(self) -> str:
        """COM_STATISTICS, as ``mysqladmin status`` shows it."""
        uptime_s = max(1, int(time.time() - self.services.cluster.started_s))
        status = self.services.status
        questions = status["Questions"]
        return (
            f"Uptime: {uptime_s}  Threads: {len(self._sessions)}  Questions: {questions}  "
            f"Slow queries: {status['Slow_queries']}  Opens: {status['Opened_tables']}  "
            f"Flush tables: {status['Flush_commands']}  Open tables: {status['Open_tables']}  "
            f"Queries per second avg: {questions / uptime_s:.3f}"
        )
