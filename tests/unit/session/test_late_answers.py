"""Writes are answered when they are durable: the order of answers, and what may happen to a session meanwhile."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from aurora_mysql.catalog.model import User
from aurora_mysql.errors import QuorumLostError
from aurora_mysql.session import constants as c
from aurora_mysql.session.commands import CommandHandler
from aurora_mysql.session.connection import Connection, Phase
from aurora_mysql.session.login import apply_charset
from aurora_mysql.session.server import SqlServer
from aurora_mysql.session.settings import SessionSettings
from aurora_mysql.sql.admin.variables import SystemVariables
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.executor import Executor
from tests.support.engine_world import until
from tests.support.schema_session import SchemaSession, with_session

UPDATE = "UPDATE t SET n = n + 1 WHERE id = 1"


class Socket(asyncio.Transport):
    """What a connection writes."""

    def __init__(self) -> None:
        super().__init__()
        self.data = b""
        self.closed = False

    def is_closing(self) -> bool:
        return self.closed

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def write(self, data: Any) -> None:
        self.data += bytes(data)

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True


class Client:
    """A session that has logged in, without a network."""

    def __init__(self, server: SqlServer) -> None:
        self.socket = Socket()
        self.connection = Connection(server)
        self.connection.connection_made(self.socket)
        self.socket.data = b""
        self.ctx = SessionContext(self.connection.connection_id, User("admin"), database="d")
        apply_charset(self.ctx, 255)
        handler = CommandHandler(self.connection, self.ctx, c.CLIENT_DEPRECATE_EOF | c.CLIENT_SESSION_TRACK, 255)
        self.connection.logged_in(handler)
        server.begin_session(handler)
        handler.adopt_limits()

    def send(self, *texts: str) -> None:
        """All at once."""
        payloads = [b"\x03" + text.encode() for text in texts]
        self.connection.data_received(b"".join(len(p).to_bytes(3, "little") + b"\0" + p for p in payloads))

    def answers(self) -> list[bytes]:
        """The packets that came; each of one statement without rows begins with number 1."""
        packets, data = [], self.socket.data
        while data:
            end = 4 + int.from_bytes(data[:3], "little")
            packets.append(data[3:end])
            data = data[end:]
        self.socket.data = b""
        return packets

    async def ask(self, text: str) -> list[bytes]:
        self.send(text)
        await until(lambda: not self.connection.busy)
        return self.answers()


async def settled() -> None:
    """Whatever can happen in the next turns of the loop has happened."""
    for _ in range(20):
        await asyncio.sleep(0)


def serve(path: Path, work: Callable[[SqlServer, SchemaSession, Client], Awaitable[None]]) -> None:
    async def main(session: SchemaSession) -> None:
        session.services.variables = SystemVariables(session.services.cluster, session.engine, {})
        settings = SessionSettings(path, tls=False)
        server = SqlServer(Executor(session.services), session.services, settings)
        client = Client(server)
        await client.ask("CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, n INT)")
        for text in ("INSERT INTO t (n) VALUES (1)", "INSERT INTO t (n) VALUES (1)", UPDATE, UPDATE):
            assert (await client.ask(text))[0][:2] == b"\1\0"
        await work(server, session, client)
        await server.stop()
        assert not session.engine.transactions and not len(session.engine.locks)

    with_session(path, main)


def test_an_answer_waits_for_the_volume_and_the_next_command_for_the_answer(tmp_path: Path) -> None:
    async def work(server: SqlServer, session: SchemaSession, client: Client) -> None:
        session.volume.holding = True
        status = session.services.status
        questions, updates = status["Questions"], status["Com_update"]
        client.send(
            UPDATE, "SELECT n FROM t WHERE id = 1", UPDATE, "INSERT INTO t (n) VALUES (7)", "SELECT ROW_COUNT()"
        )
        await until(lambda: session.volume.next > session.volume.vdl)
        assert client.answers() == [] and client.connection.busy
        assert (client.ctx.command, client.ctx.info) == ("Query", UPDATE)
        session.volume.let_go()
        await until(lambda: session.volume.next > session.volume.vdl)
        first, *rows = client.answers()
        assert first[:3] == b"\1\0\1" and b"Rows matched: 1  Changed: 1  Warnings: 0" in first
        assert rows[0][0] == 1 and any(b"\x014" in row for row in rows), "the read sees the write before it"
        session.volume.let_go()
        await until(lambda: session.volume.next > session.volume.vdl)
        assert client.answers()[0][:3] == b"\1\0\1"
        session.volume.holding = False
        session.volume.let_go()
        await until(lambda: not client.connection.busy)
        assert client.answers()[0][:4] == b"\1\0\1\3", "the insert id"
        assert client.ctx.command == "Sleep" and client.ctx.info is None
        assert status["Questions"] == questions + 5 and status["Com_update"] == updates + 2

    serve(tmp_path, work)


def test_commits_of_transactions_are_answered_late_as_well(tmp_path: Path) -> None:
    async def work(server: SqlServer, session: SchemaSession, client: Client) -> None:
        for _ in range(2):
            for text in ("BEGIN", UPDATE, "COMMIT"):
                await client.ask(text)
        session.volume.holding = True
        client.send("BEGIN", UPDATE, "COMMIT", "SELECT 1")
        await until(lambda: session.volume.next > session.volume.vdl)
        begun, updated = client.answers()
        assert int.from_bytes(begun[4:6], "little") & 1 and int.from_bytes(updated[4:6], "little") & 1
        assert client.ctx.transaction is None and len(session.engine.transactions) == 1
        session.volume.holding = False
        session.volume.let_go()
        await until(lambda: not client.connection.busy)
        committed = client.answers()[0]
        assert committed[:4] == b"\1\0\0\0" and not int.from_bytes(committed[4:6], "little") & 1

    serve(tmp_path, work)


def test_a_failed_commit_is_an_error_and_the_session_goes_on(tmp_path: Path) -> None:
    async def work(server: SqlServer, session: SchemaSession, client: Client) -> None:
        session.volume.refuse = QuorumLostError("no quorum")
        client.send(UPDATE, "SELECT n FROM t WHERE id = 1")
        await until(lambda: len(client.socket.data) > 0 and not client.connection.busy)
        error, *rows = client.answers()
        assert error[:2] == b"\1\xff" and int.from_bytes(error[2:4], "little") == 1180
        assert any(b"\x013" in row for row in rows), "nothing was written"
        session.volume.refuse = None
        assert (await client.ask(UPDATE))[0][:3] == b"\1\0\1"

    serve(tmp_path, work)


def test_a_client_that_leaves_while_its_commit_is_on_its_way(tmp_path: Path) -> None:
    async def work(server: SqlServer, session: SchemaSession, client: Client) -> None:
        other = Client(server)
        for _ in range(2):
            await other.ask(UPDATE)
        session.volume.holding = True
        other.send(UPDATE)
        await until(lambda: session.volume.next > session.volume.vdl)
        other.connection.connection_lost(None)
        await settled()
        assert len(session.engine.transactions) == 1 and session.services.processes.get(other.ctx.connection_id)
        session.volume.holding = False
        session.volume.let_go()
        await until(lambda: session.services.processes.get(other.ctx.connection_id) is None)
        assert any(b"\x016" in row for row in await client.ask("SELECT n FROM t WHERE id = 1"))

    serve(tmp_path, work)


def test_a_session_that_is_killed_while_its_commit_is_on_its_way(tmp_path: Path) -> None:
    """The commit can't be taken back, so it is told; then the session ends. KILL QUERY comes too late."""

    async def work(server: SqlServer, session: SchemaSession, client: Client) -> None:
        other = Client(server)
        for _ in range(2):
            await other.ask(UPDATE)
        for kill, closed in (("KILL QUERY", False), ("KILL", True)):
            session.volume.holding = True
            other.send(UPDATE, "SELECT 1")
            await until(lambda: session.volume.next > session.volume.vdl)
            await client.ask(f"{kill} {other.ctx.connection_id}")
            await settled()
            assert other.answers() == [] and len(session.engine.transactions) == 1
            session.volume.holding = False
            session.volume.let_go()
            await until(lambda: not other.connection.busy)
            told = other.answers()
            assert told[0][:3] == b"\1\0\1" and (len(told) == 1) == closed
            assert (other.connection.phase == Phase.CLOSED) == closed

    serve(tmp_path, work)


def test_a_pipeline_of_writes_is_bounded(tmp_path: Path) -> None:
    """While an answer is due, a client can't make the server read without end."""

    async def work(server: SqlServer, session: SchemaSession, client: Client) -> None:
        server.settings.pipeline_bytes = 1000
        session.volume.holding = True
        client.send(*[UPDATE] * 100)
        assert client.connection._reading_paused
        await until(lambda: session.volume.next > session.volume.vdl)
        session.volume.holding = False
        session.volume.let_go()
        await until(lambda: not client.connection.busy)
        assert [packet[:3] for packet in client.answers()] == [b"\1\0\1"] * 100
        assert not client.connection._reading_paused

    serve(tmp_path, work)


def test_prepared_writes_with_texts(tmp_path: Path) -> None:
    async def work(server: SqlServer, session: SchemaSession, client: Client) -> None:
        def execute(text: str, key: int) -> None:
            types = struct.pack("<HH", c.TYPE_STRING, c.TYPE_LONG)
            body = b"\x17" + struct.pack("<IBI", 1, 0, 1) + b"\0\1" + types
            body += bytes([len(text)]) + text.encode() + struct.pack("<i", key)
            client.connection.data_received(len(body).to_bytes(3, "little") + b"\0" + body)

        await client.ask("ALTER TABLE t ADD COLUMN s VARCHAR(3)")
        payload = b"\x16UPDATE t SET s = ? WHERE id = ?"
        client.connection.data_received(len(payload).to_bytes(3, "little") + b"\0" + payload)
        await until(lambda: not client.connection.busy)
        for number, key in enumerate((1, 1, 2, 1, 9)):
            client.answers()
            execute(f"v{number}", key)
            if number > 2:
                assert client.connection.busy == (key == 1), "it takes the short way once it is known"
            await until(lambda: not client.connection.busy)
            assert client.answers()[0][:3] == bytes((1, 0, key != 9))
        execute("long", 1)
        await until(lambda: not client.connection.busy)
        assert int.from_bytes(client.answers()[0][2:4], "little") == 1406
        assert any(b"\x02v3" in row for row in await client.ask("SELECT s FROM t WHERE id = 1"))

    serve(tmp_path, work)
