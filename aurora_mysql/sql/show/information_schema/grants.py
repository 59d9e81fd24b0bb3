"""Who was granted what, and the roles: of information_schema and of mysql."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from aurora_mysql.catalog.model import Catalog, Grant, routine_of_level
from aurora_mysql.sql.admin.privileges import (
    ALL,
    DATABASE_PRIVILEGES,
    GLOBAL_PRIVILEGES,
    ROUTINE_PRIVILEGES,
    STATIC_PRIVILEGES,
    TABLE_PRIVILEGES,
    Account,
    accounts_of,
)
from aurora_mysql.sql.admin.roles import granted_roles, mandatory_roles
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.instance_services import InstanceServices
from aurora_mysql.sql.show.plan import Row
from aurora_mysql.sql.show.virtual import VirtualRelation, columns_of, moment, text

Rows = Callable[[SessionContext, InstanceServices], list[Row]]

PRIVILEGE_COLUMNS = [
    "Select", "Insert", "Update", "Delete", "Create", "Drop", "Reload", "Shutdown", "Process", "File", "Grant",
    "References", "Index", "Alter", "Show_db", "Super", "Create_tmp_table", "Lock_tables", "Execute", "Repl_slave",
    "Repl_client", "Create_view", "Show_view", "Create_routine", "Alter_routine", "Create_user", "Event", "Trigger",
    "Create_tablespace", "Create_role", "Drop_role",
]  # fmt: skip
_DATABASE_PRIVILEGE_COLUMNS = [
    "Select", "Insert", "Update", "Delete", "Create", "Drop", "Grant", "References", "Index", "Alter",
    "Create_tmp_table", "Lock_tables", "Create_view", "Show_view", "Create_routine", "Alter_routine", "Execute",
    "Event", "Trigger",
]  # fmt: skip
_GRANTED_AS = {
    "Show_db": "SHOW DATABASES", "Create_tmp_table": "CREATE TEMPORARY TABLES", "Repl_slave": "REPLICATION SLAVE",
    "Repl_client": "REPLICATION CLIENT",
}  # fmt: skip


def flags(grant: Grant | None, columns: list[str]) -> list[str]:
    """Y or N for every privilege column."""
    if grant is None:
        return ["N"] * len(columns)
    found = []
    for column in columns:
        name = _GRANTED_AS.get(column, column.upper().replace("_", " "))
        held = grant.grant_option if column == "Grant" else ALL in grant.privileges or name in grant.privileges
        found.append("Y" if held else "N")
    return found


def _names(grant: Grant) -> list[str]:
    """The privileges of a grant one by one, USAGE for none."""
    held = grant.privileges
    if ALL in held:
        routine = routine_of_level(grant.table) is not None
        held = ROUTINE_PRIVILEGES if routine else TABLE_PRIVILEGES if grant.table else DATABASE_PRIVILEGES
        held = held if grant.database else GLOBAL_PRIVILEGES
    order = {name: number for number, name in enumerate(STATIC_PRIVILEGES)}
    return sorted(held, key=lambda name: (order.get(name, len(order)), name)) or ["USAGE"]


def _grantee(grant: Grant) -> str:
    return f"'{grant.user}'@'{grant.host}'"


def _yes(value: bool) -> str:
    return "YES" if value else "NO"


def _privileges(level: str) -> Rows:
    def rows(ctx: SessionContext, services: InstanceServices) -> list[Row]:
        found: list[Row] = []
        for grant in services.engine.catalog.grants.values():
            if (level == "user") != (not grant.database) or (level == "table") != bool(grant.table):
                continue
            if routine_of_level(grant.table) is not None or (grant.table and grant.columns and not grant.privileges):
                continue
            where = {"user": (), "schema": (grant.database,), "table": (grant.database, grant.table)}[level]
            for name in _names(grant):
                found.append((_grantee(grant), "def", *where, name, _yes(grant.grant_option)))
        return found

    return rows


def _column_privileges(ctx: SessionContext, services: InstanceServices) -> list[Row]:
    return [
        (_grantee(g), "def", g.database, g.table, column, name, _yes(g.grant_option))
        for g in services.engine.catalog.grants.values()
        for name, column in sorted(g.columns, key=lambda pair: (pair[1], pair[0]))
    ]


# -- roles ----------------------------------------------------------------------------------------------------------


def _applicable(ctx: SessionContext, services: InstanceServices) -> Iterator[tuple[Account, Account, bool, bool]]:
    """(grantee, role, ADMIN option, mandatory): of the session's account, then of its roles."""
    catalog = services.engine.catalog
    mandatory = mandatory_roles(services, ctx)
    waiting: list[Account] = [(ctx.user.user, ctx.user.host)]
    seen = set(waiting)
    while waiting:
        grantee = waiting.pop(0)
        own = granted_roles(catalog, grantee, mandatory if len(seen) == 1 else frozenset())
        for role, admin in sorted(own.items()):
            yield grantee, role, admin, role in mandatory
            if role not in seen:
                seen.add(role)
                waiting.append(role)


def _applicable_roles(*, admin_only: bool) -> Rows:
    def rows(ctx: SessionContext, services: InstanceServices) -> list[Row]:
        users = services.engine.catalog.users
        found: list[Row] = []
        for grantee, role, admin, mandatory in _applicable(ctx, services):
            user = users.get(grantee)
            default = user is not None and role in user.default_roles
            if admin or not admin_only:
                found.append(
                    (ctx.user.user, ctx.user.host, *grantee, *role, _yes(admin), _yes(default), _yes(mandatory))
                )
        return found

    return rows


def _enabled_roles(ctx: SessionContext, services: InstanceServices) -> list[Row]:
    catalog = services.engine.catalog
    account = (ctx.user.user, ctx.user.host)
    user = catalog.users.get(account)
    defaults = user.default_roles if user is not None else ()
    return [
        (*role, _yes(role in defaults), _yes(role in ctx.mandatory_roles))
        for role in sorted(accounts_of(catalog, ctx) - {account})
    ]


def _role_grants(ctx: SessionContext, services: InstanceServices) -> Iterator[Grant]:
    catalog = services.engine.catalog
    roles = accounts_of(catalog, ctx) - {(ctx.user.user, ctx.user.host)}
    return (g for g in catalog.grants.values() if (g.user, g.host) in roles and g.table)


def _of_role(grant: Grant, *objects: str, names: Iterable[str]) -> Row:
    """A row of ROLE_*_GRANTS: nobody knows who granted it."""
    privileges = ",".join(name.title() for name in names)
    return ("", "", grant.user, grant.host, "def", grant.database, *objects, privileges, _yes(grant.grant_option))


def _role_table_grants(ctx: SessionContext, services: InstanceServices) -> list[Row]:
    return [
        _of_role(g, g.table, names=_names(g))
        for g in _role_grants(ctx, services)
        if g.privileges and routine_of_level(g.table) is None
    ]


def _role_column_grants(ctx: SessionContext, services: InstanceServices) -> list[Row]:
    return [
        _of_role(g, g.table, column, names=names)
        for g in _role_grants(ctx, services)
        for column, names in _by_column(g)
    ]


def _by_column(grant: Grant) -> list[tuple[str, list[str]]]:
    found: dict[str, list[str]] = {}
    for name, column in sorted(grant.columns):
        found.setdefault(column, []).append(name)
    return sorted(found.items())


def _role_routine_grants(ctx: SessionContext, services: InstanceServices) -> list[Row]:
    return [
        _of_role(g, routine[1], names=_names(g))
        for g in _role_grants(ctx, services)
        if (routine := routine_of_level(g.table)) is not None
    ]


_APPLICABLE = columns_of(
    "USER", "HOST", "GRANTEE", "GRANTEE_HOST", "ROLE_NAME", "ROLE_HOST", "IS_GRANTABLE", "IS_DEFAULT", "IS_MANDATORY"
)
_GRANTED_BY = ("GRANTOR", "GRANTOR_HOST", "GRANTEE", "GRANTEE_HOST")

RELATIONS: dict[str, VirtualRelation] = {
    "user_privileges": VirtualRelation(
        columns_of(("GRANTEE", text(292)), "TABLE_CATALOG", "PRIVILEGE_TYPE", "IS_GRANTABLE"), _privileges("user")
    ),
    "schema_privileges": VirtualRelation(
        columns_of(("GRANTEE", text(292)), "TABLE_CATALOG", "TABLE_SCHEMA", "PRIVILEGE_TYPE", "IS_GRANTABLE"),
        _privileges("schema"),
    ),
    "table_privileges": VirtualRelation(
        columns_of(("GRANTEE", text(292)), "TABLE_CATALOG", "TABLE_SCHEMA", "TABLE_NAME", "PRIVILEGE_TYPE",
                   "IS_GRANTABLE"),
        _privileges("table"),
    ),
    "column_privileges": VirtualRelation(
        columns_of(("GRANTEE", text(292)), "TABLE_CATALOG", "TABLE_SCHEMA", "TABLE_NAME", "COLUMN_NAME",
                   "PRIVILEGE_TYPE", "IS_GRANTABLE"),
        _column_privileges,
    ),
    "applicable_roles": VirtualRelation(_APPLICABLE, _applicable_roles(admin_only=False)),
    "administrable_role_authorizations": VirtualRelation(_APPLICABLE, _applicable_roles(admin_only=True)),
    "enabled_roles": VirtualRelation(
        columns_of("ROLE_NAME", "ROLE_HOST", "IS_DEFAULT", "IS_MANDATORY"), _enabled_roles
    ),
    "role_table_grants": VirtualRelation(
        columns_of(*_GRANTED_BY, "TABLE_CATALOG", "TABLE_SCHEMA", "TABLE_NAME", "PRIVILEGE_TYPE", "IS_GRANTABLE"),
        _role_table_grants,
    ),
    "role_column_grants": VirtualRelation(
        columns_of(*_GRANTED_BY, "TABLE_CATALOG", "TABLE_SCHEMA", "TABLE_NAME", "COLUMN_NAME", "PRIVILEGE_TYPE",
                   "IS_GRANTABLE"),
        _role_column_grants,
    ),
    "role_routine_grants": VirtualRelation(
        columns_of(*_GRANTED_BY, "SPECIFIC_CATALOG", "SPECIFIC_SCHEMA", "SPECIFIC_NAME", "PRIVILEGE_TYPE",
                   "IS_GRANTABLE"),
        _role_routine_grants,
    ),
}  # fmt: skip


# -- mysql ----------------------------------------------------------------------------------------------------------


def _catalog(services: InstanceServices) -> Catalog:
    return services.engine.catalog


def _databases(ctx: SessionContext, services: InstanceServices) -> list[Row]:
    return [
        (g.host, g.database, g.user, *flags(g, _DATABASE_PRIVILEGE_COLUMNS))
        for g in _catalog(services).grants.values()
        if g.database and not g.table
    ]


def _set(names: list[str] | frozenset[str], option: bool = False) -> str:
    return ",".join(sorted(n.title() for n in names) + ["Grant"] * option)


def _table_grants(ctx: SessionContext, services: InstanceServices) -> list[Row]:
    return [
        (g.host, g.database, g.user, g.table, "", None, _set(g.privileges, g.grant_option),
         _set(frozenset(name for name, _ in g.columns)))
        for g in _catalog(services).grants.values()
        if g.table and routine_of_level(g.table) is None
    ]  # fmt: skip


def _column_grants(ctx: SessionContext, services: InstanceServices) -> list[Row]:
    return [
        (g.host, g.database, g.user, g.table, column, None, _set(names))
        for g in _catalog(services).grants.values()
        for column, names in _by_column(g)
    ]


def _routine_grants(ctx: SessionContext, services: InstanceServices) -> list[Row]:
    return [
        (g.host, g.database, g.user, routine[1], routine[0], "", _set(g.privileges, g.grant_option), None)
        for g in _catalog(services).grants.values()
        if (routine := routine_of_level(g.table)) is not None
    ]


def _global_grants(ctx: SessionContext, services: InstanceServices) -> list[Row]:
    return [
        (g.user, g.host, name, "Y" if g.grant_option else "N")
        for g in _catalog(services).grants.values()
        if not g.database
        for name in _names(g)
        if name not in STATIC_PRIVILEGES and name != "USAGE"
    ]


def _role_edges(ctx: SessionContext, services: InstanceServices) -> list[Row]:
    return [
        (host, name, u.host, u.user, "Y" if admin else "N")
        for u in _catalog(services).users.values()
        for name, host, admin in u.roles
    ]


def _default_roles(ctx: SessionContext, services: InstanceServices) -> list[Row]:
    return [(u.host, u.user, host, name) for u in _catalog(services).users.values() for name, host in u.default_roles]


MYSQL: dict[str, VirtualRelation] = {
    "db": VirtualRelation(
        columns_of("Host", "Db", "User", *(f"{name}_priv" for name in _DATABASE_PRIVILEGE_COLUMNS)), _databases
    ),
    "tables_priv": VirtualRelation(
        columns_of("Host", "Db", "User", "Table_name", "Grantor", ("Timestamp", moment()), ("Table_priv", text(256)),
                   ("Column_priv", text(256))),
        _table_grants,
    ),
    "columns_priv": VirtualRelation(
        columns_of("Host", "Db", "User", "Table_name", "Column_name", ("Timestamp", moment()),
                   ("Column_priv", text(256))),
        _column_grants,
    ),
    "procs_priv": VirtualRelation(
        columns_of("Host", "Db", "User", "Routine_name", "Routine_type", "Grantor", ("Proc_priv", text(256)),
                   ("Timestamp", moment())),
        _routine_grants,
    ),
    "global_grants": VirtualRelation(columns_of("USER", "HOST", "PRIV", "WITH_GRANT_OPTION"), _global_grants),
    "role_edges": VirtualRelation(
        columns_of("FROM_HOST", "FROM_USER", "TO_HOST", "TO_USER", "WITH_ADMIN_OPTION"), _role_edges
    ),
    "default_roles": VirtualRelation(
        columns_of("HOST", "USER", "DEFAULT_ROLE_HOST", "DEFAULT_ROLE_USER"), _default_roles
    ),
}  # fmt: skip
