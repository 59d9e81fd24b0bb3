"""Who may do what. Checked on every statement, against the catalog in force."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from aurora_mysql.catalog.model import Catalog, Grant, routine_of_level
from aurora_mysql.errors import mysql_error
from aurora_mysql.sql.admin.accounts import like
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.plan import Privilege

ALL = "ALL PRIVILEGES"

Account = tuple[str, str]
#: (privilege, database, table) -> the columns that a statement needs it for.
ColumnNeeds = Mapping[Privilege, frozenset[str]]

#: Privileges that exist at table level; those of a database add the second set; the rest is global only.
TABLE_PRIVILEGES = frozenset(
    ("SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "REFERENCES", "INDEX", "ALTER", "CREATE VIEW",
     "SHOW VIEW", "TRIGGER")
)  # fmt: skip
DATABASE_PRIVILEGES = TABLE_PRIVILEGES | {
    "CREATE TEMPORARY TABLES", "LOCK TABLES", "EXECUTE", "CREATE ROUTINE", "ALTER ROUTINE", "EVENT",
}  # fmt: skip
GLOBAL_PRIVILEGES = DATABASE_PRIVILEGES | {
    "RELOAD", "SHUTDOWN", "PROCESS", "FILE", "SHOW DATABASES", "SUPER", "REPLICATION SLAVE", "REPLICATION CLIENT",
    "CREATE USER", "CREATE TABLESPACE", "CREATE ROLE", "DROP ROLE", "CONNECTION_ADMIN", "SYSTEM_VARIABLES_ADMIN",
    "SESSION_VARIABLES_ADMIN", "ROLE_ADMIN", "BACKUP_ADMIN",
}  # fmt: skip

#: In the order in which SHOW GRANTS lists them; the others are dynamic and come behind.
STATIC_PRIVILEGES = (
    "SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "RELOAD", "SHUTDOWN", "PROCESS", "FILE", "REFERENCES",
    "INDEX", "ALTER", "SHOW DATABASES", "SUPER", "CREATE TEMPORARY TABLES", "LOCK TABLES", "EXECUTE",
    "REPLICATION SLAVE", "REPLICATION CLIENT", "CREATE VIEW", "SHOW VIEW", "CREATE ROUTINE", "ALTER ROUTINE",
    "CREATE USER", "EVENT", "TRIGGER", "CREATE TABLESPACE", "CREATE ROLE", "DROP ROLE",
)  # fmt: skip
ROUTINE_PRIVILEGES = frozenset(("EXECUTE", "ALTER ROUTINE"))
COLUMN_PRIVILEGES = frozenset(("SELECT", "INSERT", "UPDATE", "REFERENCES"))

_SYSTEM = ("information_schema", "performance_schema")


def accounts_of(catalog: Catalog, ctx: SessionContext) -> frozenset[Account]:
    """The accounts whose grants the session has: its user, the active roles that are still its own, and theirs."""
    account = (ctx.user.user, ctx.user.host)
    if not ctx.roles:
        return frozenset((account,))
    user = catalog.users.get(account)
    granted = {(name, host) for name, host, _ in user.roles} if user is not None else set()
    own = [role for role in ctx.roles if role in granted or role in ctx.mandatory_roles]
    return frozenset((account, *with_their_roles(catalog, own)))


def with_their_roles(catalog: Catalog, roles: Iterable[Account]) -> set[Account]:
    """`roles` and all that are granted to them, as far as they exist."""
    found: set[Account] = set()
    waiting = list(roles)
    while waiting:
        role = waiting.pop()
        user = catalog.users.get(role)
        if user is not None and role not in found:
            found.add(role)
            waiting += [(name, host) for name, host, _ in user.roles]
    return found


def grants_of(catalog: Catalog, accounts: frozenset[Account]) -> Iterable[Grant]:
    return (g for g in catalog.grants.values() if (g.user, g.host) in accounts)


def _covers(grant: Grant, database: str, table: str) -> bool:
    if not grant.database:
        return True
    if grant.table:
        return grant.database == database and grant.table == table and table != ""
    return database != "" and (grant.database == database or like(grant.database, database))


def has_privilege(catalog: Catalog, accounts: frozenset[Account], privilege: str, database: str, table: str) -> bool:
    """Whether `accounts` (of one session) hold `privilege` on the table or routine (or the database, or globally, when
    names are '')."""
    if privilege == "USAGE":
        return True
    if database.lower() in _SYSTEM and privilege == "SELECT":
        return True
    for grant in grants_of(catalog, accounts):
        if _covers(grant, database, table):
            if privilege == "GRANT OPTION":
                if grant.grant_option:
                    return True
            elif privilege in grant.privileges or (
                ALL in grant.privileges and (not grant.database or privilege in DATABASE_PRIVILEGES)
            ):
                return True
    return False


def privileged_columns(
    catalog: Catalog, accounts: frozenset[Account], privilege: str, database: str, table: str
) -> set[str]:
    """Columns (lower case) for which `accounts` hold `privilege` alone."""
    return {
        column.lower()
        for grant in grants_of(catalog, accounts)
        if (grant.database, grant.table) == (database, table)
        for name, column in grant.columns
        if name == privilege
    }


def may_see_database(catalog: Catalog, ctx: SessionContext, database: str) -> bool:
    """Whether USE is allowed and SHOW DATABASES lists it: any privilege in it, or SHOW DATABASES."""
    if database.lower() in _SYSTEM:
        return True
    for grant in grants_of(catalog, accounts_of(catalog, ctx)):
        if not grant.database:
            if grant.privileges & (DATABASE_PRIVILEGES | {ALL, "SHOW DATABASES"}):
                return True
        elif grant.database == database or like(grant.database, database):
            return True
    return False


def check(
    catalog: Catalog, ctx: SessionContext, privileges: Iterable[Privilege], columns: ColumnNeeds | None = None
) -> None:
    """Raise 1142, 1143, 1044, 1370 or 1227 for the first privilege that the session lacks; 1045 when its account is
    gone. `columns`: for which columns a privilege is needed, also where their table needs none; a privilege on the
    table is one on its columns."""
    user = ctx.user
    if (user.user, user.host) not in catalog.users:
        raise mysql_error(1045, user.user, user.host, "YES")
    accounts = accounts_of(catalog, ctx)
    host = ctx.login_host or user.host
    needed_of_tables = sorted(privileges)
    for privilege, database, table in needed_of_tables:
        if has_privilege(catalog, accounts, privilege, database, table):
            continue
        own = privileged_columns(catalog, accounts, privilege, database, table) if table else set()
        if own:
            needed = (columns or {}).get((privilege, database, table), frozenset())
            missing = sorted(name for name in needed if name.lower() not in own)
            if missing:
                raise mysql_error(1143, privilege, user.user, host, missing[0], table)
            if needed or privilege == "SELECT":
                continue
        routine = routine_of_level(table)
        if routine is not None:
            raise mysql_error(1370, privilege.lower(), user.user, host, f"{database}.{routine[1]}")
        if table:
            raise mysql_error(1142, privilege, user.user, host, table)
        if database:
            raise mysql_error(1044, user.user, host, database)
        raise mysql_error(1227, "SUPER or " + privilege if privilege.endswith("_ADMIN") else privilege)
    for (privilege, database, table), names in sorted((columns or {}).items()):
        if (privilege, database, table) in needed_of_tables:
            continue
        if not has_privilege(catalog, accounts, privilege, database, table):
            own = privileged_columns(catalog, accounts, privilege, database, table)
            missing = sorted(name for name in names if name.lower() not in own)
            if missing:
                raise mysql_error(1143, privilege, user.user, host, missing[0], table)
