"""The state of one client connection as the SQL layer sees it (no protocol, no socket)."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from aurora_mysql.catalog.model import Catalog, User
from aurora_mysql.engine.temporary import TemporaryTables

if TYPE_CHECKING:
    from aurora_mysql.engine.locks import LockOwner
    from aurora_mysql.engine.transaction import Transaction
    from aurora_mysql.sql.functions.diagnostics import Diagnostics
    from aurora_mysql.sql.functions.stored_calls import CallResults


@dataclass(slots=True)
class Warning_:
    level: str
    errno: int
    message: str


@dataclass
class SessionContext:
    """One session. Owned by the event loop; never touched from another thread.

    Attributes:
        connection_id: what CONNECTION_ID() and the process list show.
        user: the authenticated account. `login_user`/`login_host` are what the client gave (USER()).
        database: current database, '' when none.
        roles: active roles, as SET ROLE chose them; those of them that every account has are `mandatory_roles`.
        variables: session system variables that differ from the globals, lower case.
        user_variables: @name -> value, lower case.
        transaction: the open explicit (or autocommit=0) transaction, None in between.
        seen_lsn: highest LSN whose effects this session has seen; its reads never go before it.
        killed: set by KILL; `kill_query` by KILL QUERY or the client's disappearance. `on_kill` callbacks interrupt
            what is running (a lock wait, a DuckDB query); the statement then fails with 1317.
        id_from_function: what LAST_INSERT_ID(expression) was given in the running statement; the OK packet tells it.
        programs: (kind, database, name) of the stored programs that are running, outermost first.
        busy_tables: (database, table) whose triggers are running.
        stored_calls: what is known of the stored functions that the query being bound calls.
        found_rows_flag: CLIENT_FOUND_ROWS was negotiated: UPDATE counts matched rows, not changed ones.
        multi_statements: CLIENT_MULTI_STATEMENTS is on.
        local_infile: CLIENT_LOCAL_FILES is on.
        program_name, client_library: what the client's connection attributes say of it.
        takes_packed: the protocol in which the running command's rows go out, so that they may come packed; else empty.
        diagnostics: where functions that run inside DuckDB warn this session; None until one may.
        table_locks: (database, table) -> READ, WRITE or RELATED (by foreign key), of LOCK TABLES.
        named_locks: how often GET_LOCK has given each name.
        lock_owner: who holds these locks, once there is one.
    """

    connection_id: int
    user: User
    login_user: str = ""
    login_host: str = ""
    database: str = ""
    roles: tuple[tuple[str, str], ...] = ()
    mandatory_roles: frozenset[tuple[str, str]] = frozenset()
    variables: dict[str, Any] = field(default_factory=dict)
    user_variables: dict[str, Any] = field(default_factory=dict)
    transaction: Transaction | None = None
    autocommit: bool = True
    next_isolation: str | None = None
    next_read_only: bool | None = None
    seen_lsn: int = 0
    last_insert_id: int = 0
    id_from_function: int = 0
    row_count: int = -1
    found_rows: int = 0
    warnings: list[Warning_] = field(default_factory=list)
    prepared_sql: dict[str, str] = field(default_factory=dict)
    found_rows_flag: bool = False
    multi_statements: bool = False
    local_infile: bool = False
    takes_packed: Literal["", "text", "binary"] = ""
    tls: bool = False
    program_name: str = ""
    client_library: str = ""
    connected_at_s: float = field(default_factory=time.time)
    command: str = "Sleep"
    state: str = ""
    info: str | None = None
    command_started_s: float = field(default_factory=time.time)
    killed: bool = False
    kill_query: bool = False
    on_kill: list[Callable[[], None]] = field(default_factory=list)
    table_locks: dict[tuple[str, str], str] = field(default_factory=dict)
    named_locks: dict[str, int] = field(default_factory=dict)
    lock_owner: LockOwner | None = None
    call_results: dict[int, Any] = field(default_factory=dict)
    programs: list[tuple[str, str, str]] = field(default_factory=list)
    busy_tables: list[tuple[str, str]] = field(default_factory=list)
    stored_calls: CallResults | None = None
    status: dict[str, int] = field(default_factory=dict)
    diagnostics: Diagnostics | None = None
    temporary: TemporaryTables = field(default_factory=TemporaryTables)
    _shadowed: tuple[Catalog, int, Catalog] | None = None

    def catalog_over(self, base: Catalog) -> Catalog:
        """`base` with this session's temporary tables in front of tables and views of their names."""
        temporary = self.temporary
        if not temporary:
            return base
        found = self._shadowed
        if found is None or found[0] is not base or found[1] != temporary.version:
            catalog = replace(
                base,
                tables={**base.tables, **temporary.tables},
                views={k: v for k, v in base.views.items() if k not in temporary.tables},
            )
            self._shadowed = found = (base, temporary.version, catalog)
        return found[2]

    def warn(self, level: str, errno: int, message: str) -> None:
        """Add to the diagnostics area (bounded by max_error_count = 1024)."""
        if len(self.warnings) < 1024:
            self.warnings.append(Warning_(level, errno, message))

    def interrupt(self, *, whole_connection: bool) -> None:
        """KILL (whole_connection) or KILL QUERY: mark, and run the callbacks of what is in progress."""
        self.kill_query = True
        self.killed = self.killed or whole_connection
        for callback in list(self.on_kill):
            callback()
