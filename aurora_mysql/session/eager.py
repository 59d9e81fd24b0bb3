"""Coroutines run at once, as far as they go without waiting; only what waits becomes a task.

Most statements of an OLTP session are answered from memory. A task for each costs as much as the answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator
from typing import Any


class _Begun:
    """The rest of a coroutine that has been started and now waits for `future`."""

    def __init__(self, work: Coroutine[Any, Any, None], future: Any) -> None:
        self._work, self._future = work, future

    def __await__(self) -> Generator[Any, Any, None]:
        work, waited = self._work, self._future
        while True:
            try:
                sent = yield waited
            except BaseException as error:
                step, argument = work.throw, error
            else:
                step, argument = work.send, sent  # type: ignore[assignment]
            try:
                waited = step(argument)
            except StopIteration:
                return


async def _rest(begun: _Begun) -> None:
    await begun


def run_eagerly(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, None]) -> asyncio.Task[None] | None:
    """Run `work` to its first wait; the task that runs the rest, None when there is no rest.

    `work` must not need a current task before its first wait (asyncio.timeout does: see :func:`in_task`).
    """
    try:
        future = work.send(None)
    except StopIteration:
        return None
    return loop.create_task(_rest(_Begun(work, future)))
