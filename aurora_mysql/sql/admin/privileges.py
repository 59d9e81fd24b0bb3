"""Who may do what. Checked on every statement, against the catalog in force."""

from __future__ import annotations

from collections.abc import Iterable

from aurora_mysql.catalog.model import Catalog, Grant, User
from aurora_mysql.errors import mysql_error
from aurora_mysql.sql.admin.accounts import like
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.plan import Privilege

ALL = "ALL PRIVILEGES"

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

_SYSTEM = ("information_schema", "performance_schema")


def _grants(catalog: Catalog, user: User) -> Iterable[Grant]:
    return (g for g in catalog.grants.values() if g.user == user.user and g.host == user.host)


def _covers(grant: Grant, database: str, table: str) -> bool:
    if not grant.database:
        return True
    if grant.table:
        return grant.database == database and grant.table == table and table != ""
    return database != "" and (grant.database == database or like(grant.database, database))


def has_privilege(catalog: Catalog, user: User, privilege: str, database: str, table: str) -> bool:
    """Whether `user` holds `privilege` on the table (or the database, or globally, when names are '')."""
    if privilege == "USAGE":
        return True
    if database.lower() in _SYSTEM and privilege == "SELECT":
        return True
    for grant in _grants(catalog, user):
        if _covers(grant, database, table):
            if privilege == "GRANT OPTION":
                if grant.grant_option:
                    return True
            elif privilege in grant.privileges or (
                ALL in grant.privileges and (not grant.database or privilege in DATABASE_PRIVILEGES)
            ):
                return True
    return False


def may_see_database(catalog: Catalog, user: User, database: str) -> bool:
    """Whether USE is allowed and SHOW DATABASES lists it: any privilege in it, or SHOW DATABASES."""
    if database.lower() in _SYSTEM:
        return True
    for grant in _grants(catalog, user):
        if not grant.database:
            if grant.privileges & (DATABASE_PRIVILEGES | {ALL, "SHOW DATABASES"}):
                return True
        elif grant.database == database or like(grant.database, database):
            return True
    return False


def check(catalog: Catalog, ctx: SessionContext, privileges: Iterable[Privilege]) -> None:
    """Raise 1142, 1044 or 1227 for the first privilege that the session's user lacks; 1045 when the account is gone."""
    user = ctx.user
    if (user.user, user.host) not in catalog.users:
        raise mysql_error(1045, user.user, user.host, "YES")
    for privilege, database, table in sorted(privileges):
        if has_privilege(catalog, user, privilege, database, table):
            continue
        if table and privilege == "EXECUTE":
            raise mysql_error(1370, "execute", user.user, ctx.login_host or user.host, f"{database}.{table}")
        if table:
            raise mysql_error(1142, privilege, user.user, ctx.login_host or user.host, table)
        if database:
            raise mysql_error(1044, user.user, ctx.login_host or user.host, database)
        raise mysql_error(1227, "SUPER or " + privilege if privilege.endswith("_ADMIN") else privilege)
