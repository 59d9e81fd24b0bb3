"""performance_schema, mysql and sys, as far as clients read them."""

from __future__ import annotations

import time
import zoneinfo
from typing import Any

from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.instance_services import InstanceServices
from aurora_mysql.sql.show.information_schema import empty, grants, locks, sys_views
from aurora_mysql.sql.show.information_schema.grants import PRIVILEGE_COLUMNS, flags
from aurora_mysql.sql.show.information_schema.instance import process_rows
from aurora_mysql.sql.show.virtual import Rows, VirtualRelation, big, columns_of, integer, longtext, moment, text

Row = tuple[Any, ...]


def variable_text(value: Any) -> str:
    """A system variable's value as SHOW VARIABLES prints it."""
    if value is True:
        return "ON"
    if value is False:
        return "OFF"
    if value is None:
        return ""
    return f"{value:.6f}" if isinstance(value, float) else str(value)


def variable_rows(scope: str) -> Rows:
    """(name, value) of all variables in `scope` ('GLOBAL' or 'SESSION'), by name."""

    def rows(ctx: SessionContext, services: InstanceServices) -> list[Row]:
        found: list[Row] = []
        for name, value in services.variables.all(scope):
            if scope == "SESSION" and name in ctx.variables:
                value = ctx.variables[name]
            found.append((name, variable_text(value)))
        return sorted(found)

    return rows


def status_rows(scope: str) -> Rows:
    """(name, value) of the status counters, by name."""

    def rows(ctx: SessionContext, services: InstanceServices) -> list[Row]:
        values: dict[str, Any] = {**services.status, **services.cluster.status_counters()}
        values.setdefault("Uptime", int(time.time() - services.cluster.started_s))
        values.setdefault("Threads_connected", len(services.processes))
        values.setdefault("Threads_running", sum(1 for s in services.processes if s.command != "Sleep"))
        values.setdefault("Connections", services.processes.total_connections)
        values.setdefault("Max_used_connections", services.processes.max_used_connections)
        values.setdefault("Questions", 0)
        values.setdefault("Queries", 0)
        values.setdefault("Ssl_cipher", "TLS_AES_256_GCM_SHA384" if ctx.tls else "")
        values.setdefault("Ssl_version", "TLSv1.3" if ctx.tls else "")
        if scope == "SESSION":
            values.update(ctx.status)
        return sorted((name, str(value)) for name, value in values.items())

    return rows


def _pair(rows: Rows) -> VirtualRelation:
    return VirtualRelation(columns_of("VARIABLE_NAME", ("VARIABLE_VALUE", text(1024))), rows)


PERFORMANCE_SCHEMA: dict[str, VirtualRelation] = {
    "global_variables": _pair(variable_rows("GLOBAL")),
    "session_variables": _pair(variable_rows("SESSION")),
    "global_status": _pair(status_rows("GLOBAL")),
    "session_status": _pair(status_rows("SESSION")),
    "processlist": VirtualRelation(
        columns_of(("ID", big()), "USER", ("HOST", text(261)), "DB", "COMMAND", ("TIME", integer()), "STATE",
                   ("INFO", longtext())),
        process_rows,
    ),
}  # fmt: skip


def _threads(ctx: SessionContext, services: InstanceServices) -> list[Row]:
    return [
        (number, "thread/sql/one_connection", "FOREGROUND", number, user, host, database, command, seconds, state, info,
         None, "InnoDB", "YES", "YES", "SSL/TLS" if ctx.tls else "TCP/IP", None, None)
        for number, user, host, database, command, seconds, state, info in process_rows(ctx, services)
    ]  # fmt: skip


def _accounts(ctx: SessionContext, services: InstanceServices) -> list[Row]:
    counted: dict[tuple[str, str], int] = {}
    for row in process_rows(ctx, services):
        key = (row[1], str(row[2]).rpartition(":")[0] or str(row[2]))
        counted[key] = counted.get(key, 0) + 1
    return [(user, host, number, number) for (user, host), number in sorted(counted.items())]


def _user_variables(ctx: SessionContext, services: InstanceServices) -> list[Row]:
    return [
        (ctx.connection_id, name, None if value is None else str(value)) for name, value in ctx.user_variables.items()
    ]


PERFORMANCE_SCHEMA |= {
    "threads": VirtualRelation(
        columns_of(("THREAD_ID", big()), ("NAME", text(128)), "TYPE", ("PROCESSLIST_ID", big()), "PROCESSLIST_USER",
                   ("PROCESSLIST_HOST", text(255)), "PROCESSLIST_DB", "PROCESSLIST_COMMAND",
                   ("PROCESSLIST_TIME", big(False)), "PROCESSLIST_STATE", ("PROCESSLIST_INFO", longtext()),
                   ("PARENT_THREAD_ID", big()), "ROLE", "INSTRUMENTED", "HISTORY", "CONNECTION_TYPE",
                   ("THREAD_OS_ID", big()), "RESOURCE_GROUP"),
        _threads,
    ),
    "accounts": VirtualRelation(
        columns_of("USER", ("HOST", text(255)), ("CURRENT_CONNECTIONS", big(False)), ("TOTAL_CONNECTIONS", big(False))),
        _accounts,
    ),
    "user_variables_by_thread": VirtualRelation(
        columns_of(("THREAD_ID", big()), "VARIABLE_NAME", ("VARIABLE_VALUE", longtext())), _user_variables
    ),
    **locks.PERFORMANCE_SCHEMA,
    **empty.PERFORMANCE_SCHEMA,
}  # fmt: skip


def _users(ctx: SessionContext, services: InstanceServices) -> list[Row]:
    catalog = services.engine.catalog
    return [
        (u.host, u.user, *flags(catalog.grants.get((u.user, u.host, "", "")), PRIVILEGE_COLUMNS),
         "ANY" if u.require_ssl else "", 0, 0, 0, 0, u.plugin, u.auth_string, "Y" if u.password_expired else "N", None,
         None, "Y" if u.locked else "N")
        for u in catalog.users.values()
    ]  # fmt: skip


def _zones(ctx: SessionContext, services: InstanceServices) -> list[Row]:
    return [(name, number) for number, name in enumerate(sorted(zoneinfo.available_timezones()), 1)]


MYSQL: dict[str, VirtualRelation] = {
    **empty.MYSQL,
    **grants.MYSQL,
    "user": VirtualRelation(
        columns_of("Host", "User", *(f"{name}_priv" for name in PRIVILEGE_COLUMNS), "ssl_type",
                   ("max_questions", big()), ("max_updates", big()), ("max_connections", big()),
                   ("max_user_connections", big()), "plugin", ("authentication_string", longtext()), "password_expired",
                   ("password_last_changed", moment()), ("password_lifetime", integer()), "account_locked"),
        _users,
    ),
    "time_zone_name": VirtualRelation(columns_of("Name", ("Time_zone_id", big())), _zones),
}  # fmt: skip


def _sessions(ctx: SessionContext, services: InstanceServices) -> list[Row]:
    return [
        (number, number, f"{user}@{host}", database, command, state, seconds, info)
        for number, user, host, database, command, seconds, state, info in process_rows(ctx, services)
    ]


_SESSION = VirtualRelation(
    columns_of(("thd_id", big()), ("conn_id", big()), ("user", text(288)), "db", "command", "state",
               ("time", big(False)), ("current_statement", longtext())),
    _sessions,
)  # fmt: skip

SYS: dict[str, VirtualRelation] = {
    **sys_views.SYS,
    **locks.SYS,
    "processlist": _SESSION,
    "session": _SESSION,
    "version": VirtualRelation(
        columns_of("sys_version", "mysql_version"),
        lambda ctx, services: [("2.1.2", str(services.variables.get("version", ctx)))],
    ),
}
