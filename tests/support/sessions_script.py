"""Scripts of several sessions: what each statement answers, which one blocks, and what wakes it.

    === name of the case
    setup: CREATE TABLE t (id INT PRIMARY KEY)
    a: BEGIN
        ok
    b: SELECT * FROM t FOR UPDATE
        blocks
    a: COMMIT
        ok
        b: 1,x | 2,y
    b: wait

An outcome is ``ok`` (with the affected rows, if any), rows (sorted unless the statement orders them), ``error N`` or
``blocks``; lines ``session: outcome`` below a statement tell whose wait ended with it. ``wait`` waits for a session
that blocks. Outcomes come from a reference server (see record.py beside the scripts); those with a ``!`` are
MySQL 8.0's where that server is another one, and ``~`` marks where we differ on purpose (the note says why).
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aurora_mysql.catalog.model import CatalogDelta, Database, Grant, User
from aurora_mysql.engine.engine import Engine
from aurora_mysql.errors import MySQLError
from aurora_mysql.sql.admin.variables import SystemVariables
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.executor import Executor
from aurora_mysql.sql.functions import bootstrap
from aurora_mysql.sql.instance_services import InstanceServices
from aurora_mysql.sql.processes import ProcessList
from aurora_mysql.sql.result import Ok, ResultSet
from tests.support.engine_world import OPTIONS, MemoryVolume
from tests.support.schema_session import Cluster
from tests.support.scripts import run_text

_STEP = re.compile(r"(\w+): (.*)")


@dataclass
class Step:
    """`expected`: outcome of the statement itself, then of those it woke, as ``session: outcome``."""

    session: str
    sql: str
    expected: list[str] = field(default_factory=list)
    mark: str = ""


@dataclass
class Case:
    name: str
    steps: list[Step] = field(default_factory=list)


def load(path: Path) -> Iterator[Case]:
    case: Case | None = None
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if line.startswith("=== "):
            if case is not None:
                yield case
            case = Case(line[4:])
        elif not line.strip() or line.startswith("#"):
            continue
        elif line.startswith("    "):
            assert case is not None, number
            text = line[4:]
            step = case.steps[-1]
            if text[:1] in "!~":
                step.mark, text = text[0], text[1:].strip()
            step.expected.append(text)
        else:
            found = _STEP.fullmatch(line)
            assert found is not None and case is not None, f"{path.name}:{number}: {line}"
            case.steps.append(Step(found[1], found[2]))
    if case is not None:
        yield case


def render_rows(rows: Any, sql: str) -> str:
    """Rows on one line."""
    texts = [",".join("NULL" if v is None else v.decode() if isinstance(v, bytes) else str(v) for v in r) for r in rows]
    if "order by" not in sql.lower():
        texts.sort()
    return " | ".join(texts) if texts else "(no rows)"


def render_ok(affected: int) -> str:
    return f"ok {affected}" if affected else "ok"


class Sessions:
    """Sessions on one engine in this process. A statement blocks when its session waits for a lock."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._contexts: dict[str, SessionContext] = {}
        self._running: dict[str, asyncio.Task[str]] = {}

    async def __aenter__(self) -> Sessions:
        self.engine = await Engine.open(self._path, instance_id="instance-1", options=OPTIONS, bootstrap=bootstrap)
        volume = MemoryVolume()
        volume.log = self.engine.become_writer(volume)
        cluster = Cluster()
        self.services = InstanceServices(
            self.engine,
            cluster,  # type: ignore[arg-type]
            ProcessList(),
            SystemVariables(cluster, self.engine),  # type: ignore[arg-type]
            Counter(),
        )
        self.executor = Executor(self.services)
        grant = Grant("admin", "%", "", "", frozenset({"ALL PRIVILEGES"}), True)
        delta = CatalogDelta(
            users={("admin", "%"): User("admin")},
            grants={("admin", "%", "", ""): grant},
            databases={"txn_case": Database("txn_case")},
        )
        await self.engine.commit_schema(SessionContext(0, User("admin")), delta, ())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.engine.close()

    async def reset(self) -> None:
        """End every session and begin with an empty database again."""
        for task in self._running.values():
            task.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)
        self._running.clear()
        for ctx in self._contexts.values():
            await self.executor.close_session(ctx)
            self.services.processes.remove(ctx.connection_id)
        self._contexts.clear()
        for sql in ("DROP DATABASE txn_case", "CREATE DATABASE txn_case"):
            assert (await self._run(self.context("reset"), sql)).startswith("ok"), sql
        ctx = self._contexts.pop("reset")
        await self.executor.close_session(ctx)

    def context(self, name: str) -> SessionContext:
        ctx = self._contexts.get(name)
        if ctx is None:
            ctx = self._contexts[name] = SessionContext(
                self.services.processes.next_id(), User("admin"), database="txn_case"
            )
            self.services.processes.add(ctx)
        return ctx

    async def step(self, step: Step) -> list[str]:
        """What the statement answers (or ``blocks``), then ``session: outcome`` of those that it woke."""
        name = step.session
        if step.sql == "wait":
            return [await self._running.pop(name), *await self._woken()]
        assert name not in self._running, f"{name} is blocked"
        task = asyncio.create_task(self._run(self.context(name), step.sql))
        self._running[name] = task
        await self._settle()
        if not task.done():
            return ["blocks", *await self._woken()]
        return [self._running.pop(name).result(), *await self._woken()]

    async def _woken(self) -> list[str]:
        done = sorted(name for name, task in self._running.items() if task.done())
        return [f"{name}: {self._running.pop(name).result()}" for name in done]

    async def _settle(self) -> None:
        """Until every statement is done or waits for a lock."""
        async with asyncio.timeout(30):
            while True:
                waiters = [w for _, _, _, w in self.engine.locks.listed() if w is not None]
                waiting = {id(w.owner.session) for w in waiters if not w.future.done()}
                if all(t.done() or id(self._contexts[n]) in waiting for n, t in self._running.items()):
                    return
                await asyncio.sleep(0.001)

    async def _run(self, ctx: SessionContext, sql: str) -> str:
        outcome = "ok"
        try:
            async for result in run_text(self.executor, ctx, sql):
                if isinstance(result, ResultSet):
                    rows = result.rows
                    found = rows if isinstance(rows, list) else [r async for b in rows for r in b]  # type: ignore[union-attr]
                    outcome = render_rows(found, sql)
                elif isinstance(result, Ok):
                    outcome = render_ok(result.affected_rows)
        except MySQLError as error:
            outcome = f"error {error.errno}"
        return outcome
