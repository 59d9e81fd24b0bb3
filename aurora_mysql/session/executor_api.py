"""What the session layer asks of the SQL layer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine, Sequence
from typing import Any, Protocol

from aurora_mysql.catalog.model import User
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.known_statements import Cut
from aurora_mysql.sql.result import Result, ResultColumn, Value
from aurora_mysql.sql.shortcuts import Encoding, Shortcuts


class PreparedLike(Protocol):
    """A prepared statement; `columns` is None or empty for a statement without rows."""

    @property
    def param_count(self) -> int: ...

    @property
    def columns(self) -> Sequence[ResultColumn] | None: ...


class ExecutorLike(Protocol):
    """One per instance. All methods run on the event loop; errors for the client are MySQLErrors.

    SQL text comes decoded from the client's character set; bytes that are not valid in it (``_binary'...'`` literals)
    are lone surrogates, as ``errors="surrogateescape"`` makes them.

    Optional method, used when it exists:
        is_administrator(user: User) -> bool: may use the one connection kept free above max_connections.
    """

    def shortcuts(self, ctx: SessionContext, encoding: Encoding) -> Shortcuts | None:
        """What the session may have answered at once, as it is now; None when nothing."""
        ...

    def known(self, ctx: SessionContext, sql: str, found: Cut | None) -> Coroutine[Any, Any, Result] | None:
        """The run of a text that is one statement seen before, else None. It needs no current task until it waits.
        `found`: what :func:`aurora_mysql.sql.known_statements.cut` makes of the text."""
        ...

    def execute(self, ctx: SessionContext, sql: str) -> AsyncIterator[Result]:
        """One result per statement of the text; an error ends the iteration."""
        ...

    async def prepare(self, ctx: SessionContext, sql: str) -> Any:
        """A :class:`PreparedLike`."""
        ...

    async def execute_prepared(self, ctx: SessionContext, prepared: Any, params: Sequence[Value]) -> Result:
        """It needs no current task until it waits."""
        ...

    async def change_database(self, ctx: SessionContext, name: str) -> None:
        """1049 or 1044 when it can't."""
        ...

    async def field_list(self, ctx: SessionContext, table: str, wildcard: str) -> Sequence[ResultColumn]: ...

    def begin_session(self, ctx: SessionContext) -> None:
        """Give a new session the global values that are not the defaults."""
        ...

    async def close_session(self, ctx: SessionContext) -> None:
        """Roll back, release every lock. Called exactly once for a session, after its last command."""
        ...

    async def reset_session(self, ctx: SessionContext) -> None:
        """COM_RESET_CONNECTION: roll back, forget session and user variables, locks, prepared statements."""
        ...

    def status_flags(self, ctx: SessionContext) -> int:
        """SERVER_STATUS_IN_TRANS, _AUTOCOMMIT and the like, as of now."""
        ...

    def find_account(self, user: str, host: str) -> User | None:
        """The account that a login from `host` meets, in MySQL's order of specificity."""
        ...

    def session_variable(self, ctx: SessionContext, name: str) -> Value:
        """A system variable as the session sees it."""
        ...
