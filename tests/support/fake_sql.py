"""A SQL server whose executor is a script: for tests of the session layer alone.

The server runs on its own event loop in a thread, so that blocking client libraries can be used against it.
"""

from __future__ import annotations

import asyncio
import re
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvloop

from aurora_mysql.catalog.model import User
from aurora_mysql.catalog.passwords import native_auth_string, sha2_auth_string
from aurora_mysql.errors import mysql_error
from aurora_mysql.session.server import SqlServer
from aurora_mysql.session.settings import SessionSettings
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.processes import ProcessList
from aurora_mysql.sql.result import LocalInfile, Ok, Result, ResultColumn, ResultSet, Value

LONGLONG, VAR_STRING, BLOB = 8, 253, 252

#: user -> (password, account); one account of each kind a login can meet.
PASSWORDS = {
    "app": "s3cret",
    "native": "n4tive",
    "empty": "",
    "empty_native": "",
    "locked": "pw",
    "expired": "pw",
    "tlsonly": "pw",
    "admin": "adm",
}
ACCOUNTS = {
    "app": User("app", "%", "caching_sha2_password", sha2_auth_string("s3cret")),
    "native": User("native", "%", "mysql_native_password", native_auth_string("n4tive")),
    "empty": User("empty", "%", "caching_sha2_password", ""),
    "empty_native": User("empty_native", "%", "mysql_native_password", ""),
    "locked": User("locked", "%", "mysql_native_password", native_auth_string("pw"), locked=True),
    "expired": User("expired", "%", "mysql_native_password", native_auth_string("pw"), password_expired=True),
    "tlsonly": User("tlsonly", "%", "caching_sha2_password", sha2_auth_string("pw"), require_ssl=True),
    "admin": User("admin", "%", "mysql_native_password", native_auth_string("adm")),
}

VARIABLES: dict[str, Any] = {
    "wait_timeout": 28800,
    "interactive_timeout": 28800,
    "max_allowed_packet": 64 * 1024 * 1024,
}


@dataclass
class FakePrepared:
    sql: str
    param_count: int
    columns: list[ResultColumn]


@dataclass
class FakeCluster:
    started_s: float = 0.0


@dataclass
class FakeServices:
    processes: ProcessList = field(default_factory=ProcessList)
    status: Counter[str] = field(default_factory=Counter)
    cluster: FakeCluster = field(default_factory=FakeCluster)


def column(name: str, type_code: int = VAR_STRING, **more: Any) -> ResultColumn:
    binary = type_code not in (VAR_STRING, BLOB)
    return ResultColumn(name, type_code, 63 if binary else 255, **more)


class FakeExecutor:
    """Answers by exact text from `answers`, and a few verbs; remembers what was run."""

    def __init__(self) -> None:
        self.answers: dict[str, Callable[[SessionContext], Result]] = {}
        self.ran: list[str] = []
        self.closed: list[int] = []
        self.reset: list[int] = []
        self.received: list[bytes] = []
        self.params: list[Value] = []
        self.stream_fetched = 0
        self.stream_closed = threading.Event()
        self.sleeping = threading.Event()
        self.interrupted = threading.Event()
        self.session_ended = threading.Event()
        self.variables = dict(VARIABLES)
        self.services: FakeServices | None = None

    def find_account(self, user: str, host: str) -> User | None:
        account = ACCOUNTS.get(user)
        return account

    def is_administrator(self, user: User) -> bool:
        return user.user == "admin"

    def session_variable(self, ctx: SessionContext, name: str) -> Value:
        return ctx.variables.get(name, self.variables[name])

    def status_flags(self, ctx: SessionContext) -> int:
        return (2 if ctx.autocommit else 0) | (1 if ctx.user_variables.get("in_trans") else 0)

    async def change_database(self, ctx: SessionContext, name: str) -> None:
        if name == "missing":
            raise mysql_error(1049, name)
        ctx.database = name

    async def field_list(self, ctx: SessionContext, table: str, wildcard: str) -> Sequence[ResultColumn]:
        return [column("id", LONGLONG), column("name")]

    def begin_session(self, ctx: SessionContext) -> None:
        pass

    async def close_session(self, ctx: SessionContext) -> None:
        self.closed.append(ctx.connection_id)
        self.session_ended.set()

    async def reset_session(self, ctx: SessionContext) -> None:
        ctx.variables.clear()
        ctx.user_variables.clear()
        self.reset.append(ctx.connection_id)

    async def prepare(self, ctx: SessionContext, sql: str) -> FakePrepared:
        if sql.startswith("broken"):
            raise mysql_error(1064, sql, 1)
        columns = [column(f"p{i}") for i in range(sql.count("?"))] if sql.lower().startswith("select") else []
        answer = self.answers.get(sql)
        if answer is not None:
            result = answer(ctx)
            columns = result.columns if isinstance(result, ResultSet) else []
        return FakePrepared(sql, sql.count("?"), columns)

    async def execute_prepared(self, ctx: SessionContext, prepared: Any, params: Sequence[Value]) -> Result:
        self.params = list(params)
        self.ran.append(prepared.sql)
        if prepared.sql in self.answers:
            return self.answers[prepared.sql](ctx)
        if prepared.columns:
            return ResultSet(prepared.columns, [[None if p is None else str(p) for p in params]])
        return Ok(affected_rows=1)

    def shortcuts(self, ctx: SessionContext, encoding: object) -> None:
        return None

    def known(self, ctx: SessionContext, sql: str, found: object) -> Coroutine[Any, Any, Result] | None:
        return self._known() if sql == "SELECT fast" else None

    async def _known(self) -> Result:
        return ResultSet([column("fast", LONGLONG)], [(1,)])

    async def execute(self, ctx: SessionContext, sql: str) -> AsyncIterator[Result]:
        texts = sql.split(";") if ctx.multi_statements else [sql]
        for text in texts:
            if text.strip():
                yield await self._one(ctx, text.strip())

    async def _one(self, ctx: SessionContext, sql: str) -> Result:
        self.ran.append(sql)
        if sql in self.answers:
            return self.answers[sql](ctx)
        upper = sql.upper()
        if upper.startswith("SLEEP"):
            return await self._sleep(ctx)
        if upper.startswith("STREAM"):
            return ResultSet([column("data")], self._stream(ctx, int(sql.split()[1])))
        if upper.startswith("LOAD"):
            return LocalInfile(sql.split()[1], self._consume)
        if upper.startswith("BOOM"):
            raise RuntimeError("a bug")
        if upper.startswith("FAIL"):
            raise mysql_error(1146, "db", "t")
        if match := re.match(r"KILL (\d+)", upper):
            assert self.services is not None
            victim = self.services.processes.get(int(match[1]))
            if victim is None:
                raise mysql_error(1094, int(match[1]))
            victim.interrupt(whole_connection=True)
            return Ok()
        if upper.startswith("BEGIN"):
            ctx.user_variables["in_trans"] = True
        if upper.startswith("COMMIT"):
            ctx.user_variables.pop("in_trans", None)
        if upper == "SET AUTOCOMMIT=0":
            ctx.autocommit = False
        if upper.startswith("USE "):
            ctx.database = sql[4:]
        if upper == "SHOW PROCESSLIST":
            assert self.services is not None
            rows = [(p.connection_id, p.login_user, p.command, p.info) for p in self.services.processes]
            return ResultSet([column("Id", LONGLONG), column("User"), column("Command"), column("Info")], rows)
        if upper.startswith("SELECT CONNECTION_ID"):
            return ResultSet([column("id", LONGLONG)], [(ctx.connection_id,)])
        if upper.startswith("SELECT USER"):
            return ResultSet([column("user")], [(f"{ctx.login_user}@{ctx.login_host}",)])
        if upper.startswith("SELECT DATABASE"):
            return ResultSet([column("db")], [(ctx.database or None,)])
        if match := re.match(r"SELECT (\d+)$", upper):
            return ResultSet([column(match[1], LONGLONG)], [(int(match[1]),)])
        if upper.startswith("SELECT"):
            return ResultSet([column("text")], [(sql[7:],)])
        return Ok(affected_rows=3, insert_id=7, info="Rows matched: 3  Changed: 3  Warnings: 0", warnings=2)

    async def _sleep(self, ctx: SessionContext) -> Result:
        done = asyncio.get_running_loop().create_future()
        ctx.on_kill.append(lambda: done.done() or done.set_result(None))
        self.sleeping.set()
        await done
        ctx.on_kill.pop()
        self.interrupted.set()
        raise mysql_error(1317)

    async def _stream(self, ctx: SessionContext, batches: int) -> AsyncIterator[Sequence[Sequence[Value]]]:
        try:
            for _ in range(batches):
                self.stream_fetched += 1
                yield [("x" * 1000,)] * 100
                await asyncio.sleep(0)
        finally:
            self.stream_closed.set()

    async def _consume(self, chunk: bytes | None) -> Ok | None:
        if chunk is None:
            return Ok(affected_rows=b"".join(self.received).count(b"\n"))
        if chunk.startswith(b"bad"):
            raise mysql_error(1366, "integer", "bad", "id", 1)
        self.received.append(chunk)
        return None


class FakeServer:
    """A running SqlServer; `call` runs a coroutine function on its loop."""

    def __init__(self, data_dir: Path, **settings: Any) -> None:
        self.executor = FakeExecutor()
        self.services = FakeServices()
        self.executor.services = self.services
        self._settings = SessionSettings(data_dir, **settings)
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.server: SqlServer = self.call(self._make)
        self.port: int = self.call(lambda: self.server.add_listener("127.0.0.1", 0))

    async def _make(self) -> SqlServer:
        return SqlServer(self.executor, self.services, self._settings)  # type: ignore[arg-type]

    def call(self, function: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        future: Future[Any] = asyncio.run_coroutine_threadsafe(function(), self._loop)
        return future.result(30)

    def run(self, function: Callable[[], Any]) -> Any:
        """Run a plain function on the loop."""

        async def work() -> Any:
            return function()

        return self.call(work)

    def wait_until(self, condition: Callable[[], bool], timeout_s: float = 5.0) -> None:
        """Poll on the loop until `condition` holds."""

        async def work() -> None:
            async with asyncio.timeout(timeout_s):
                while not condition():
                    await asyncio.sleep(0.002)

        self.call(work)

    def close(self) -> None:
        self.call(lambda: self.server.stop(0.2))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()
