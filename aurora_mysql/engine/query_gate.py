"""Which of the statements' DuckDB calls run at once: however many long ones there are, short ones find a thread.

Nobody knows before whether a query is long. So every call begins as a short one, of which a fixed number run at once;
one that is still there after a moment counts as long from then on and gives its place to the next. A plan whose last
run took long is expected to take long again: of such, few begin at once, and the others wait in their order.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aurora_mysql.engine.waiting import in_task
from aurora_mysql.errors import mysql_error

if TYPE_CHECKING:
    from aurora_mysql.engine.client_session import ClientSession

#: By default.
LONG_S = 0.05


@dataclass(slots=True)
class _Lane:
    limit: int
    running: int = 0
    waiting: deque[asyncio.Future[None]] = field(default_factory=deque)

    def begins(self) -> bool:
        """Whether there is room for one more, which then runs."""
        free = self.running < self.limit and not self.waiting
        self.running += free
        return free

    def release(self) -> None:
        self.running -= 1
        while self.waiting and self.running < self.limit:
            waiter = self.waiting.popleft()
            if not waiter.done():
                self.running += 1
                waiter.set_result(None)


@dataclass(slots=True)
class Turn:
    """A call that runs."""

    lane: _Lane
    began_s: float
    timer: asyncio.TimerHandle | None = None


class QueryGate:
    """Used on the event loop. A call that takes less than `long_s` is short. Invariant: no more than `short` calls run
    that have not taken long yet; a call that is expected to take long begins only while fewer than `long` run."""

    def __init__(self, short: int, long: int, long_s: float = LONG_S) -> None:
        self._short, self._long, self._long_s = _Lane(short), _Lane(long), long_s

    async def enter(self, ctx: ClientSession, *, expects_long: bool) -> Turn:
        """Wait for a turn; :meth:`leave` must follow.

        Raises:
            MySQLError: 1317 when the session is killed meanwhile.
        """
        lane = self._long if expects_long else self._short
        if not lane.begins():
            await in_task()
            if not lane.begins():
                await self._wait(lane, ctx)
        turn = Turn(lane, time.monotonic())
        if not expects_long:
            turn.timer = asyncio.get_running_loop().call_later(self._long_s, self._grows_long, turn)
        return turn

    async def _wait(self, lane: _Lane, ctx: ClientSession) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def killed() -> None:
            if not waiter.done():
                waiter.set_exception(mysql_error(1317))

        lane.waiting.append(waiter)
        ctx.on_kill.append(killed)
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                lane.release()
            raise
        finally:
            ctx.on_kill.remove(killed)

    def _grows_long(self, turn: Turn) -> None:
        turn.lane = self._long
        self._long.running += 1
        self._short.release()

    def leave(self, turn: Turn) -> bool:
        """The call has ended; whether it took long."""
        if turn.timer is not None:
            turn.timer.cancel()
        turn.lane.release()
        return time.monotonic() - turn.began_s >= self._long_s
