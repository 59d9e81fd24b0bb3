"""The sessions of an instance: what SHOW PROCESSLIST lists and KILL reaches."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from aurora_mysql.sql.context import SessionContext


class ProcessList:
    """Registry of live sessions by connection id. Invariant: a session is in it from login to close."""

    def __init__(self) -> None:
        self._sessions: dict[int, SessionContext] = {}
        self._ids = itertools.count(1)
        self.total_connections = 0
        self.max_used_connections = 0

    def next_id(self) -> int:
        """A connection id, never reused while this instance runs."""
        return next(self._ids)

    def add(self, context: SessionContext) -> None:
        self._sessions[context.connection_id] = context
        self.total_connections += 1
        self.max_used_connections = max(self.max_used_connections, len(self._sessions))

    def remove(self, connection_id: int) -> None:
        self._sessions.pop(connection_id, None)

    def get(self, connection_id: int) -> SessionContext | None:
        return self._sessions.get(connection_id)

    def __iter__(self) -> Iterator[SessionContext]:
        return iter(sorted(self._sessions.values(), key=lambda s: s.connection_id))

    def __len__(self) -> int:
        return len(self._sessions)
