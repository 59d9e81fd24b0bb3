"""Engines, character sets, processes, privileges, plugins and the InnoDB tables that tools look for."""

from __future__ import annotations

import time
from typing import Any

from aurora_mysql.catalog.charsets import CHARSETS, COLLATIONS
from aurora_mysql.sql.admin.privileges import accounts_of, has_privilege
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.instance_services import InstanceServices
from aurora_mysql.sql.show.information_schema.locks import INNODB_TRX
from aurora_mysql.sql.show.virtual import VirtualRelation, big, columns_of, empty, integer, longtext, text

Row = tuple[Any, ...]

ENGINES: list[Row] = [
    ("InnoDB", "DEFAULT", "Supports transactions, row-level locking, and foreign keys", "YES", "NO", "YES"),
]


def process_rows(ctx: SessionContext, services: InstanceServices) -> list[Row]:
    """(id, user, host, db, command, time_s, state, info) of the sessions the user may see."""
    catalog = services.engine.catalog
    accounts = accounts_of(catalog, ctx)
    everyone = any(has_privilege(catalog, accounts, wide, "", "") for wide in ("PROCESS", "SUPER"))
    now = time.time()
    rows: list[Row] = []
    for session in services.processes:
        if not everyone and session.user.user != ctx.user.user:
            continue
        seconds = max(int(now - session.command_started_s), 0)
        rows.append(
            (session.connection_id, session.login_user or session.user.user, session.login_host,
             session.database or None, session.command, seconds, session.state, session.info)
        )  # fmt: skip
    return rows


def _engines(ctx: SessionContext, services: InstanceServices) -> list[Row]:
    return ENGINES


def _character_sets(ctx: SessionContext, services: InstanceServices) -> list[Row]:
    return [(c.name, c.default_collation, c.description, c.max_bytes) for c in CHARSETS.values()]


def _collations(ctx: SessionContext, services: InstanceServices) -> list[Row]:
    return [
        (c.name, c.charset, c.id, "Yes" if CHARSETS[c.charset].default_collation == c.name else "", "Yes", c.sortlen,
         c.pad)
        for c in COLLATIONS.values()
    ]  # fmt: skip


def _applicability(ctx: SessionContext, services: InstanceServices) -> list[Row]:
    return [(c.name, c.charset) for c in COLLATIONS.values()]


def _plugins(ctx: SessionContext, services: InstanceServices) -> list[Row]:
    return [
        (name, "1.0", "ACTIVE", kind, "80045.0", None, None, "Oracle Corporation", "", "GPL", "FORCE")
        for name, kind in (
            ("mysql_native_password", "AUTHENTICATION"),
            ("caching_sha2_password", "AUTHENTICATION"),
            ("InnoDB", "STORAGE ENGINE"),
        )
    ]


RELATIONS: dict[str, VirtualRelation] = {
    "engines": VirtualRelation(
        columns_of("ENGINE", "SUPPORT", ("COMMENT", text(80)), "TRANSACTIONS", "XA", "SAVEPOINTS"), _engines
    ),
    "character_sets": VirtualRelation(
        columns_of("CHARACTER_SET_NAME", "DEFAULT_COLLATE_NAME", ("DESCRIPTION", text(2048)), ("MAXLEN", integer())),
        _character_sets,
    ),
    "collations": VirtualRelation(
        columns_of("COLLATION_NAME", "CHARACTER_SET_NAME", ("ID", big()), "IS_DEFAULT", "IS_COMPILED",
                   ("SORTLEN", integer()), "PAD_ATTRIBUTE"),
        _collations,
    ),
    "collation_character_set_applicability": VirtualRelation(
        columns_of("COLLATION_NAME", "CHARACTER_SET_NAME"), _applicability
    ),
    "processlist": VirtualRelation(
        columns_of(("ID", big()), "USER", ("HOST", text(261)), "DB", "COMMAND", ("TIME", integer()), "STATE",
                   ("INFO", longtext())),
        process_rows,
    ),
    "plugins": VirtualRelation(
        columns_of("PLUGIN_NAME", "PLUGIN_VERSION", "PLUGIN_STATUS", "PLUGIN_TYPE", "PLUGIN_TYPE_VERSION",
                   "PLUGIN_LIBRARY", "PLUGIN_LIBRARY_VERSION", "PLUGIN_AUTHOR", ("PLUGIN_DESCRIPTION", longtext()),
                   "PLUGIN_LICENSE", "LOAD_OPTION"),
        _plugins,
    ),
    "innodb_trx": INNODB_TRX,
    "innodb_tables": empty(("TABLE_ID", big()), ("NAME", text(655)), ("FLAG", integer()), ("N_COLS", integer())),
    "innodb_metrics": empty(("NAME", text(193)), ("SUBSYSTEM", text(193)), ("COUNT", big(False)), "STATUS"),
    "keywords": empty(("WORD", text(128)), ("RESERVED", integer())),
}  # fmt: skip
