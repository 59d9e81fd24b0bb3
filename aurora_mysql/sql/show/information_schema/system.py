"""performance_schema and mysql, as far as clients read them."""

from __future__ import annotations

import time
from typing import Any

from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.instance_services import InstanceServices
from aurora_mysql.sql.show.information_schema.instance import process_rows
from aurora_mysql.sql.show.virtual import Rows, VirtualRelation, big, columns_of, integer, longtext, text

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


def _users(ctx: SessionContext, services: InstanceServices) -> list[Row]:
    return [
        (u.host, u.user, "ANY" if u.require_ssl else "", u.plugin, "Y" if u.password_expired else "N",
         "Y" if u.locked else "N")
        for u in services.engine.catalog.users.values()
    ]  # fmt: skip


def _databases(ctx: SessionContext, services: InstanceServices) -> list[Row]:
    return [
        (g.host, g.database, g.user, "Y" if {"SELECT", "ALL", "ALL PRIVILEGES"} & g.privileges else "N")
        for g in services.engine.catalog.grants.values()
        if g.database and not g.table
    ]


MYSQL: dict[str, VirtualRelation] = {
    "user": VirtualRelation(
        columns_of("Host", "User", "ssl_type", "plugin", "password_expired", "account_locked"), _users
    ),
    "db": VirtualRelation(columns_of("Host", "Db", "User", "Select_priv"), _databases),
}
