"""Runs events when they are due. Only the writer has one that runs.

An event that was due while there was no writer is made up for if it is a one-time event, else its next time counts.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass

from aurora_mysql.catalog.model import CatalogDelta, Event, User
from aurora_mysql.errors import MySQLError, mysql_error
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.events.schedule import is_over, next_execution
from aurora_mysql.sql.executor import Executor
from aurora_mysql.sql.routines.interpreter import Interpreter
from aurora_mysql.sql.routines.program import entered, event_program

log = logging.getLogger(__name__)

#: How often the catalog is looked at for new events: MySQL promises a second.
_TICK_S = 0.25
#: Events that may run at the same time; those that are due beyond it wait for the next tick.
_RUNNING = 16
_Key = tuple[str, str]


@dataclass(slots=True)
class _Planned:
    """When `event` is due next. A changed definition is another object."""

    event: Event
    due_us: int | None


class EventScheduler:
    """One per instance. :meth:`start` when it becomes the writer, :meth:`stop` before it ends to be."""

    def __init__(self, executor: Executor) -> None:
        self._executor, self._services = executor, executor.services
        self._planned: dict[_Key, _Planned] = {}
        self._running: dict[asyncio.Task[None], SessionContext] = {}
        self._task: asyncio.Task[None] | None = None
        self._began_us = 0

    def start(self) -> None:
        if self._task is None:
            self._began_us = time.time_ns() // 1000
            self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """End it, and what is running (it fails with 1317)."""
        task, self._task = self._task, None
        if task is None:
            return
        task.cancel()
        for ctx in self._running.values():
            ctx.interrupt(whole_connection=True)
        await asyncio.gather(task, *self._running, return_exceptions=True)
        self._planned.clear()

    async def _run(self) -> None:
        while True:
            try:
                await self._tick(time.time_ns() // 1000)
            except MySQLError as error:
                log.warning("the event scheduler goes on after: %s", error)
            await asyncio.sleep(_TICK_S)

    async def _tick(self, now_us: int) -> None:
        events = self._services.engine.catalog.events
        if not events and not self._planned:
            return
        self._planned = {k: p for k, p in self._planned.items() if events.get(k) is p.event}
        if self._services.variables.global_value("event_scheduler") != "ON" or not self._services.engine.is_writer:
            self._planned.clear()
            return
        for key, event in events.items():
            if event.status != "ENABLED":
                continue
            planned = self._planned.get(key)
            if planned is None:
                planned = self._planned[key] = _Planned(event, self._first(event, now_us))
            if planned.due_us is None:
                await self._finish(event)
            elif planned.due_us <= now_us and len(self._running) < _RUNNING:
                planned.due_us = next_execution(event, now_us)
                self._launch(event, last=planned.due_us is None)

    def _first(self, event: Event, now_us: int) -> int | None:
        """The first time for an event that is new to this scheduler."""
        if not event.interval_unit:
            return event.at_us
        fresh = event.creation.changed_us >= self._began_us
        # An event that was just made begins at once, though its first moment is over by some milliseconds.
        return next_execution(event, min(event.starts_us - 1, now_us) if fresh else now_us)

    def _launch(self, event: Event, *, last: bool) -> None:
        account, _, host = event.creation.definer.rpartition("@")
        ctx = SessionContext(self._services.processes.next_id(), User(account, host), account, host, event.database)
        task = asyncio.create_task(self._execute(event, ctx, last))
        self._running[task] = ctx
        task.add_done_callback(lambda done: self._running.pop(done, None))

    async def _execute(self, event: Event, ctx: SessionContext, last: bool) -> None:
        services = self._services
        services.event_runs[event.database, event.name] = time.time_ns() // 1000
        ctx.variables["time_zone"] = event.time_zone
        ctx.command, ctx.state = "Connect", "executing event"
        services.processes.add(ctx)
        key = ("EVENT", event.database, event.name)
        try:
            with entered(ctx, services.engine.catalog, key, event.creation):
                # With the definer's privileges now: they may have changed since.
                async for result in Interpreter(self._executor, ctx, None, {}).run(event_program(event).body):
                    if not isinstance(result.rows, Sequence):
                        async for _ in result.rows:
                            pass
        except MySQLError as error:
            log.warning("event %s.%s: %s", event.database, event.name, error)
        finally:
            services.processes.remove(ctx.connection_id)
            await self._executor.close_session(ctx)
        if last:
            await self._finish(event)

    async def _finish(self, event: Event) -> None:
        """Nothing is to come: drop the event, or disable it if it is preserved."""
        key = (event.database, event.name)
        services = self._services
        if services.engine.catalog.events.get(key) is not event or not is_over(event, time.time_ns() // 1000):
            return
        left = dataclasses.replace(event, status="DISABLED") if event.preserve else None
        ctx = SessionContext(0, User(""), database=event.database)
        try:
            await services.engine.commit_schema(ctx, CatalogDelta(events={key: left}), ())
        except MySQLError as error:
            if error.errno != mysql_error(1836).errno:
                raise
