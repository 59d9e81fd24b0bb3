"""Long queries never hold up short ones, and few that are known to be long run at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from aurora_mysql.engine.query_gate import QueryGate, Turn
from aurora_mysql.errors import MySQLError
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.query import plan_select
from aurora_mysql.sql.query.statement import SelectPlan
from tests.support.engine_world import until
from tests.support.query_session import QuerySession, parse
from tests.support.schema_session import SchemaSession, with_session


@dataclass
class Session:
    on_kill: list[Callable[[], None]] = field(default_factory=list)


@dataclass
class Calls:
    """Calls through a gate, in the order in which they got their turns."""

    gate: QueryGate
    sessions: dict[str, Session] = field(default_factory=dict)
    turns: dict[str, Turn] = field(default_factory=dict)
    tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    async def ask(self, *names: str, long: bool = False) -> None:
        """Every name asks for a turn."""
        for name in names:
            self.sessions[name] = Session()

            async def enter(name: str = name) -> None:
                ctx = cast(Any, self.sessions[name])
                self.turns[name] = await self.gate.enter(ctx, expects_long=long)

            self.tasks[name] = asyncio.create_task(enter())
        await self.settle()

    async def settle(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)

    async def leave(self, name: str) -> bool:
        long = self.gate.leave(self.turns[name])
        await self.settle()
        return long


def with_gate(short: int, long: int, work: Callable[[Calls], Awaitable[None]], long_s: float = 1000.0) -> None:
    async def main() -> None:
        async with asyncio.timeout(30):
            await work(Calls(QueryGate(short, long, long_s)))

    asyncio.run(main())


def test_short_calls_take_turns_in_order() -> None:
    async def work(calls: Calls) -> None:
        await calls.ask("a", "b", "c", "d")
        assert list(calls.turns) == ["a", "b"]
        assert not await calls.leave("b")
        assert list(calls.turns) == ["a", "b", "c"]
        await calls.leave("a")
        assert list(calls.turns) == ["a", "b", "c", "d"]

    with_gate(2, 1, work)


def test_a_call_that_takes_long_gives_its_place_away() -> None:
    async def work(calls: Calls) -> None:
        await calls.ask("long", "next", "last")
        assert list(calls.turns) == ["long"]
        await until(lambda: "next" in calls.turns, "the next one's turn")
        assert await calls.leave("long")
        await until(lambda: "last" in calls.turns, "the last one's turn")
        assert await calls.leave("next")

    with_gate(1, 1, work, 0.01)


def test_who_has_left_does_not_grow_long() -> None:
    async def work(calls: Calls) -> None:
        await calls.ask("a")
        await calls.leave("a")
        await asyncio.sleep(0.05)  # longer than its timer
        # Its place was given back once: one long call may begin, and not a second.
        await calls.ask("x", "y", long=True)
        assert list(calls.turns) == ["a", "x"]

    with_gate(1, 1, work, 0.02)


def test_known_long_calls_wait_for_each_other_only() -> None:
    async def work(calls: Calls) -> None:
        await calls.ask("x", "y", "z", long=True)
        await calls.ask("short")
        assert list(calls.turns) == ["x", "y", "short"]
        await calls.leave("x")
        assert list(calls.turns) == ["x", "y", "short", "z"]

    with_gate(1, 2, work)


def test_killed_while_waiting() -> None:
    async def work(calls: Calls) -> None:
        await calls.ask("a", "killed", "cancelled", "b", long=True)
        for callback in calls.sessions["killed"].on_kill:
            callback()
        calls.tasks["cancelled"].cancel()
        await calls.settle()
        with pytest.raises(MySQLError) as caught:
            await calls.tasks["killed"]
        assert caught.value.errno == 1317
        assert calls.sessions["killed"].on_kill == calls.sessions["cancelled"].on_kill == []
        await calls.leave("a")
        assert list(calls.turns) == ["a", "b"]
        await calls.leave("b")
        await calls.ask("c", long=True)
        assert "c" in calls.turns

    with_gate(1, 1, work)


def test_cancelled_when_its_turn_has_come() -> None:
    async def work(calls: Calls) -> None:
        await calls.ask("a", "b")
        calls.gate.leave(calls.turns["a"])
        calls.tasks["b"].cancel()
        await calls.settle()
        await calls.ask("c")
        assert "c" in calls.turns

    with_gate(1, 1, work)


def test_a_short_query_passes_as_many_long_ones_as_there_are_threads(tmp_path: Path) -> None:
    async def work(schema: SchemaSession) -> None:
        await schema.run("CREATE TABLE t (id INT PRIMARY KEY, a INT)")
        await schema.rows("t", [(i, i % 7) for i in range(400)])
        q = QuerySession(schema)
        q.engine.gate = QueryGate(1, 1)
        sql = "SELECT COUNT(*) FROM t a, t b, t c, t d, t e WHERE a.a + b.a + c.a + d.a + e.a = 3"
        plan = plan_select(parse(sql), q.context(sql))
        assert isinstance(plan, SelectPlan)

        sessions = [SessionContext(n, schema.ctx.user, database="d") for n in (2, 3)]

        async def endless(ctx: SessionContext) -> None:
            tx = q.engine.begin(ctx, autocommit=True)
            try:
                await plan.run(ctx, tx, ())
            finally:
                await tx.rollback()

        tasks = [asyncio.create_task(endless(ctx)) for ctx in sessions]
        try:
            await until(lambda: all(ctx.on_kill for ctx in sessions), "both to run")
            assert await q.select("SELECT COUNT(*), MAX(a) FROM t WHERE a > 2") == [(228, 6)]
            assert not any(task.done() for task in tasks)
        finally:
            for ctx in sessions:
                ctx.interrupt(whole_connection=False)
            ends = await asyncio.gather(*tasks, return_exceptions=True)
        assert [getattr(end, "errno", end) for end in ends] == [1317, 1317]
        assert plan.long

    with_session(tmp_path, work)
