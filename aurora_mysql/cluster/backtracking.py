"""The one backtrack that an instance may be running, for SQL and for the command line."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any

from aurora_mysql.backup.backtrack import Backtrack, BacktrackState
from aurora_mysql.backup.source import Past
from aurora_mysql.backup.times import format_instant, parse_instant
from aurora_mysql.catalog.model import User
from aurora_mysql.cluster.control import ControlError
from aurora_mysql.errors import AuroraError, MySQLError, mysql_error
from aurora_mysql.sql.context import SessionContext

if TYPE_CHECKING:
    from aurora_mysql.cluster.instance import Instance

log = logging.getLogger(__name__)


class Backtracking:
    """Invariant: one backtrack at a time."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._running: asyncio.Task[BacktrackState] | None = None
        self._state: BacktrackState | None = None

    def start(self, to: str, ctx: SessionContext | None = None) -> asyncio.Task[BacktrackState]:
        """Begin to return to the time `to`; `ctx` is the session that asked, which stays.

        Raises:
            ConfigError: `to` is no time. ControlError: it is outside the window, this is not the writer, or one runs.
        """
        instance = self._instance
        volume = instance.volume
        if volume is None or not instance.is_writer:
            raise ControlError(f"{instance.spec.id} is not the writer")
        if self._running is not None and not self._running.done():
            raise ControlError("a backtrack is already running")
        now_us = time.time_ns() // 1000
        until_us = parse_instant(to, now_us)
        begin_us = now_us - round(instance.config.backtrack_window_s * 1e6)
        if until_us < begin_us:
            raise ControlError(f"the backtrack window begins at {format_instant(begin_us)} (backtrack_window_s)")
        engine, root = instance.engine, instance.directory.root
        session = ctx or SessionContext(0, User(instance.config.admin_user))
        backtrack = Backtrack(
            engine,
            Past(root, instance.state.cluster_id, engine.visible_lsn, instance.state.medium, instance.root),
            volume.read,
            session,
            data_dir=root,
            close_sessions=lambda: instance.server.close_sessions(lambda c: c is not session, mysql_error(1053)),
        )
        self._state = backtrack.state
        self._running = asyncio.create_task(self._run(backtrack, until_us), name="backtrack")
        self._running.add_done_callback(_seen)
        return self._running

    async def _run(self, backtrack: Backtrack, until_us: int) -> BacktrackState:
        try:
            return await backtrack.run(until_us)
        except AuroraError as error:
            log.warning("the backtrack failed: %s", error)
            raise
        except Exception:
            log.exception("the backtrack failed")
            raise

    def state(self) -> dict[str, Any] | None:
        """The running or last backtrack of this process; None when there was none."""
        return None if self._state is None else self._state.document()

    async def call(self, ctx: SessionContext, to: str) -> dict[str, Any]:
        """For a session: start, wait, and say what was done.

        Raises:
            MySQLError: 1105 with the reason.
        """
        try:
            task = self.start(to, ctx)
            return (await asyncio.shield(task)).document()
        except MySQLError:
            raise
        except AuroraError as error:
            raise MySQLError(1105, "HY000", str(error)) from None


def _seen(task: asyncio.Task[BacktrackState]) -> None:
    """Whoever polls learns of a failure from the state."""
    if not task.cancelled():
        task.exception()
