"""Session state that clients with CLIENT_SESSION_TRACK are told of in OK packets."""

from __future__ import annotations

from typing import Any

from aurora_mysql.session import packets
from aurora_mysql.sql.context import SessionContext

#: MySQL's default for session_track_system_variables, but for autocommit, which is not kept in `variables`.
TRACKED_VARIABLES = (
    "time_zone",
    "character_set_client",
    "character_set_results",
    "character_set_connection",
)


class SessionTracker:
    """Notices what changed since it was last asked."""

    __slots__ = ("_autocommit", "_ctx", "_database", "_values")

    def __init__(self, ctx: SessionContext) -> None:
        self._ctx = ctx
        self._database = ctx.database
        self._autocommit = ctx.autocommit
        self._values = self._current()

    def _current(self) -> list[Any]:
        get = self._ctx.variables.get
        return [get(name) for name in TRACKED_VARIABLES]

    def changes(self) -> bytes:
        """State blocks of the changes; b'' when nothing changed."""
        ctx = self._ctx
        values = self._current()
        if ctx.database == self._database and ctx.autocommit == self._autocommit and values == self._values:
            return b""
        blocks: list[bytes] = []
        if ctx.autocommit != self._autocommit:
            self._autocommit = ctx.autocommit
            blocks.append(packets.tracked_variable("autocommit", "ON" if ctx.autocommit else "OFF"))
        for name, old, new in zip(TRACKED_VARIABLES, self._values, values, strict=True):
            if old != new:
                blocks.append(packets.tracked_variable(name, "" if new is None else str(new)))
        self._values = values
        if ctx.database != self._database:
            self._database = ctx.database
            blocks.append(packets.tracked_schema(ctx.database))
        return b"".join(blocks)
