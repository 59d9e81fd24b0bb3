"""What the engine knows of a client's session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from aurora_mysql.engine.locks import Interruptible

if TYPE_CHECKING:
    from aurora_mysql.engine.temporary import TemporaryTables
    from aurora_mysql.engine.transaction import Transaction


class ClientSession(Interruptible, Protocol):
    """A session, as :class:`aurora_mysql.sql.context.SessionContext` describes its attributes."""

    transaction: Transaction | None
    autocommit: bool
    variables: dict[str, Any]
    seen_lsn: int
    table_locks: dict[tuple[str, str], str]
    temporary: TemporaryTables
