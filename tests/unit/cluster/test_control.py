"""The control channel: calls don't wait for each other, and one slow answer is not the end of the connection."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from aurora_mysql.cluster.control import ControlClient, ControlError, ControlServer, UnansweredError

TOKEN = "secret"


class Slow:
    """Answers `slow` when told to."""

    def __init__(self) -> None:
        self.asked, self.go = asyncio.Event(), asyncio.Event()

    async def handle(self, op: str, args: dict[str, Any]) -> Any:
        if op == "slow":
            self.asked.set()
            await self.go.wait()
        if op == "refused":
            raise ControlError("no")
        if op == "broken":
            raise ZeroDivisionError("a bug")
        return [op, args]


def run(test: Callable[[Slow, ControlServer, ControlClient], Awaitable[None]]) -> None:
    async def body() -> None:
        slow = Slow()
        server = ControlServer(slow.handle, TOKEN)
        client = await ControlClient.connect(await server.start(), TOKEN)
        try:
            async with asyncio.timeout(20):
                await test(slow, server, client)
        finally:
            client.close()
            await server.stop()

    asyncio.run(body())


def test_a_call_does_not_wait_for_another() -> None:
    async def test(slow: Slow, server: ControlServer, client: ControlClient) -> None:
        first = asyncio.create_task(client.call("slow", timeout_s=20, of=1))
        await slow.asked.wait()
        assert await client.call("quick", of=2) == ["quick", {"of": 2}]
        slow.go.set()
        assert await first == ["slow", {"of": 1}]

    run(test)


def test_a_late_answer_is_dropped_and_the_connection_serves_on() -> None:
    async def test(slow: Slow, server: ControlServer, client: ControlClient) -> None:
        with pytest.raises(UnansweredError, match=r"slow: no answer within 0\.05 s"):
            await client.call("slow", timeout_s=0.05)
        slow.go.set()
        assert await client.call("quick", of=2) == ["quick", {"of": 2}]

    run(test)


def test_a_call_that_is_cancelled_does_not_disturb_others() -> None:
    async def test(slow: Slow, server: ControlServer, client: ControlClient) -> None:
        first = asyncio.create_task(client.call("slow", timeout_s=20))
        await slow.asked.wait()
        first.cancel()
        assert await client.call("quick") == ["quick", {}]

    run(test)


def test_refusals_are_answers() -> None:
    async def test(slow: Slow, server: ControlServer, client: ControlClient) -> None:
        for op, text in (("refused", "^no$"), ("broken", "internal error: a bug")):
            with pytest.raises(ControlError, match=text) as caught:
                await client.call(op)
            assert not isinstance(caught.value, UnansweredError)

    run(test)


def test_calls_end_when_the_other_side_goes() -> None:
    async def test(slow: Slow, server: ControlServer, client: ControlClient) -> None:
        first = asyncio.create_task(client.call("slow", timeout_s=20))
        await slow.asked.wait()
        await server.stop()
        for call in (first, client.call("quick")):
            with pytest.raises(UnansweredError, match="the process went away"):
                await call

    run(test)


def test_calls_end_when_it_is_closed() -> None:
    async def test(slow: Slow, server: ControlServer, client: ControlClient) -> None:
        first = asyncio.create_task(client.call("slow", timeout_s=20))
        await slow.asked.wait()
        client.close()
        for call in (first, client.call("quick")):
            with pytest.raises(UnansweredError, match="the process went away"):
                await call

    run(test)


def test_a_wrong_token_gets_nothing() -> None:
    async def test(slow: Slow, server: ControlServer, client: ControlClient) -> None:
        assert server._server is not None
        port = server._server.sockets[0].getsockname()[1]
        other = await ControlClient.connect(port, "guessed")
        with pytest.raises(UnansweredError, match="the process went away"):
            await other.call("quick")
        other.close()

    run(test)
