"""FLUSH TABLES WITH READ LOCK: while a session holds it, no write statement starts and no commit becomes visible."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aurora_mysql.engine.locks import LockManager, LockOwner
from aurora_mysql.errors import mysql_error

if TYPE_CHECKING:
    from aurora_mysql.engine.client_session import ClientSession

_RESOURCE = ("global",)


class Freeze:
    """The instance's one global read lock. Several sessions may hold it at once."""

    def __init__(self, locks: LockManager) -> None:
        self._locks = locks

    async def take(self, owner: LockOwner, timeout_s: float) -> None:
        """Freeze. Commits that are on their way to the volume are not waited for: see :meth:`pass_through`.

        Raises:
            MySQLError: 1205, 1213, 1317.
        """
        await self._locks.acquire(owner, _RESOURCE, "S", timeout_s)

    def let_go(self, owner: LockOwner) -> None:
        self._locks.release(owner, _RESOURCE)

    @property
    def is_wanted(self) -> bool:
        """Somebody holds the lock, or waits for it."""
        return self._locks.is_held(_RESOURCE)

    def held_by(self, ctx: ClientSession) -> bool:
        return any(holder.session is ctx for holder in self._locks.holders(_RESOURCE))

    async def pass_through(self, owner: LockOwner, ctx: ClientSession, timeout_s: float) -> None:
        """Before a write or a commit: wait until nothing is frozen. Costs nothing when nothing is.

        Raises:
            MySQLError: 1223 when the session itself froze the instance; 1205, 1213, 1317.
        """
        if not self.is_wanted:
            return
        if self.held_by(ctx):
            raise mysql_error(1223)
        await self._locks.acquire(owner, _RESOURCE, "IX", timeout_s)
        self._locks.release(owner, _RESOURCE)
