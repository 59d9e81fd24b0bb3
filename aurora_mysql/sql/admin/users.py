"""Accounts and grants: CREATE/ALTER/DROP/RENAME USER, SET PASSWORD, GRANT, REVOKE. All travel in the redo log."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from aurora_mysql.catalog.model import Catalog, CatalogDelta, Grant, User
from aurora_mysql.catalog.passwords import make_auth_string
from aurora_mysql.errors import mysql_error, unsupported
from aurora_mysql.sql.admin.action import ActionPlan
from aurora_mysql.sql.admin.privileges import ALL, DATABASE_PRIVILEGES, GLOBAL_PRIVILEGES, TABLE_PRIVILEGES
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.lexer import TokenCursor
from aurora_mysql.sql.plan import Plan, PlanContext

Account = tuple[str, str]
_PLUGINS = ("caching_sha2_password", "mysql_native_password")


def account(cur: TokenCursor, pc: PlanContext) -> Account:
    """``'user'[@'host']`` or CURRENT_USER."""
    if cur.accept_word("CURRENT_USER"):
        if cur.accept_op("("):
            cur.expect_op(")")
        return pc.ctx.user.user, pc.ctx.user.host
    string = cur.accept_string()
    name = string if string is not None else cur.expect_ident()
    token = cur.peek()
    if token is not None and token.kind == "uservar":
        cur.next()
        if token.value:
            return name, str(token.value).lower()
        host = cur.accept_string()
        return name, (host if host is not None else cur.expect_ident()).lower()
    if cur.accept_op("@"):
        host = cur.accept_string()
        return name, (host if host is not None else cur.expect_ident()).lower()
    return name, "%"


def _text(names: list[Account]) -> str:
    return ",".join(f"'{user}'@'{host}'" for user, host in names)


def _schema_plan(pc: PlanContext, delta: Callable[[SessionContext, Catalog], CatalogDelta | None]) -> Plan:
    engine = pc.engine

    async def run(ctx: SessionContext) -> None:
        async with engine.with_table_exclusive(ctx, ()):
            change = delta(ctx, engine.catalog)
            if change is not None:
                await engine.commit_schema(ctx, change, ())

    return ActionPlan(run, schema=True)


# -- accounts -------------------------------------------------------------------------------------------------------


@dataclasses.dataclass
class _Spec:
    name: Account
    plugin: str | None = None
    password: str | None = None
    auth_string: str | None = None


def _specs(cur: TokenCursor, pc: PlanContext) -> list[_Spec]:
    specs = []
    while True:
        spec = _Spec(account(cur, pc))
        if cur.accept_word("IDENTIFIED"):
            if cur.accept_word("WITH"):
                spec.plugin = (cur.accept_string() or cur.expect_ident()).lower()
                if spec.plugin not in _PLUGINS:
                    raise mysql_error(1524, spec.plugin)
            if cur.accept_word("BY"):
                if cur.accept_word("RANDOM"):
                    raise unsupported("IDENTIFIED BY RANDOM PASSWORD")
                if cur.accept_word("PASSWORD"):
                    spec.plugin, spec.auth_string = "mysql_native_password", cur.expect_string()
                else:
                    spec.password = cur.expect_string()
            elif spec.plugin is not None and cur.accept_word("AS"):
                spec.auth_string = cur.expect_string()
            elif spec.plugin is None:
                raise cur.syntax_error()
        specs.append(spec)
        if not cur.accept_op(","):
            return specs


def _options(cur: TokenCursor) -> dict[str, Any]:
    """REQUIRE, ACCOUNT, PASSWORD EXPIRE: as changes to User's fields."""
    changes: dict[str, Any] = {}
    while not cur.at_end and not cur.peek_op(";"):
        if cur.accept_word("REQUIRE"):
            word = cur.accept_any("NONE", "SSL")
            if word is None:
                raise unsupported("REQUIRE with certificate conditions")
            changes["require_ssl"] = word == "SSL"
        elif cur.accept_word("ACCOUNT"):
            word = cur.accept_any("LOCK", "UNLOCK")
            if word is None:
                raise cur.syntax_error()
            changes["locked"] = word == "LOCK"
        elif cur.accept_word("PASSWORD"):
            cur.expect_word("EXPIRE")
            if cur.accept_any("NEVER", "DEFAULT"):
                changes["password_expired"] = False
            elif cur.accept_word("INTERVAL"):
                raise unsupported("PASSWORD EXPIRE INTERVAL")
            else:
                changes["password_expired"] = True
        elif cur.accept_any("WITH", "COMMENT", "ATTRIBUTE", "DEFAULT", "FAILED_LOGIN_ATTEMPTS"):
            raise unsupported("this account option")
        else:
            raise cur.syntax_error()
    return changes


def _authenticated(user: User, spec: _Spec, default_plugin: str) -> User:
    plugin = spec.plugin or (user.plugin if user.auth_string else default_plugin)
    if spec.auth_string is not None:
        return dataclasses.replace(user, plugin=plugin, auth_string=spec.auth_string)
    if spec.password is not None:
        auth_string = make_auth_string(plugin, spec.password) if spec.password else ""
        return dataclasses.replace(user, plugin=plugin, auth_string=auth_string, password_expired=False)
    return dataclasses.replace(user, plugin=plugin) if spec.plugin else user


def plan_create_user(cur: TokenCursor, pc: PlanContext) -> Plan:
    pc.need("CREATE USER")
    lenient = _accept_exists(cur, "NOT")
    specs = _specs(cur, pc)
    changes = _options(cur)
    cur.expect_end()
    default_plugin = str(pc.services.variables.get("default_authentication_plugin", pc.ctx))

    def delta(ctx: SessionContext, catalog: Catalog) -> CatalogDelta | None:
        taken = [spec.name for spec in specs if spec.name in catalog.users]
        if taken and not lenient:
            raise mysql_error(1396, "CREATE USER", _text(taken))
        for user, host in taken:
            ctx.warn("Note", 3163, f"Authorization ID '{user}'@'{host}' already exists.")
        users: dict[Account, User | None] = {
            spec.name: dataclasses.replace(
                _authenticated(User(*spec.name, plugin=default_plugin), spec, default_plugin), **changes
            )
            for spec in specs
            if spec.name not in taken
        }
        return CatalogDelta(users=users) if users else None

    return _schema_plan(pc, delta)


def plan_alter_user(cur: TokenCursor, pc: PlanContext) -> Plan:
    lenient = _accept_exists(cur, "")
    specs = _specs(cur, pc)
    changes = _options(cur)
    cur.expect_end()
    if any(spec.name != (pc.ctx.user.user, pc.ctx.user.host) for spec in specs) or changes:
        pc.need("CREATE USER")
    default_plugin = str(pc.services.variables.get("default_authentication_plugin", pc.ctx))

    def delta(ctx: SessionContext, catalog: Catalog) -> CatalogDelta | None:
        missing = [spec.name for spec in specs if spec.name not in catalog.users]
        if missing and not lenient:
            raise mysql_error(1396, "ALTER USER", _text(missing))
        users: dict[Account, User | None] = {
            spec.name: dataclasses.replace(_authenticated(catalog.users[spec.name], spec, default_plugin), **changes)
            for spec in specs
            if spec.name in catalog.users
        }
        return CatalogDelta(users=users) if users else None

    return _schema_plan(pc, delta)


def plan_set_password(cur: TokenCursor, pc: PlanContext) -> Plan:
    """After SET PASSWORD."""
    name = (pc.ctx.user.user, pc.ctx.user.host)
    if cur.accept_word("FOR"):
        name = account(cur, pc)
        if name != (pc.ctx.user.user, pc.ctx.user.host):
            pc.need("CREATE USER")
    cur.expect_op("=")
    spec = _Spec(name, password=cur.expect_string())
    cur.expect_end()

    def delta(ctx: SessionContext, catalog: Catalog) -> CatalogDelta:
        if name not in catalog.users:
            raise mysql_error(1133)
        return CatalogDelta(users={name: _authenticated(catalog.users[name], spec, catalog.users[name].plugin)})

    return _schema_plan(pc, delta)


def plan_drop_user(cur: TokenCursor, pc: PlanContext) -> Plan:
    pc.need("CREATE USER")
    lenient = _accept_exists(cur, "")
    names = [account(cur, pc)]
    while cur.accept_op(","):
        names.append(account(cur, pc))
    cur.expect_end()

    def delta(ctx: SessionContext, catalog: Catalog) -> CatalogDelta | None:
        missing = [name for name in names if name not in catalog.users]
        if missing and not lenient:
            raise mysql_error(1396, "DROP USER", _text(missing))
        for user, host in missing:
            ctx.warn("Note", 3162, f"Authorization ID '{user}'@'{host}' does not exist.")
        gone = {name for name in names if name in catalog.users}
        grants: dict[tuple[str, str, str, str], Grant | None] = {k: None for k in catalog.grants if k[:2] in gone}
        return CatalogDelta(users=dict.fromkeys(gone), grants=grants) if gone else None

    return _schema_plan(pc, delta)


def plan_rename_user(cur: TokenCursor, pc: PlanContext) -> Plan:
    pc.need("CREATE USER")
    pairs: list[tuple[Account, Account]] = []
    while True:
        old = account(cur, pc)
        cur.expect_word("TO")
        pairs.append((old, account(cur, pc)))
        if not cur.accept_op(","):
            break
    cur.expect_end()

    def delta(ctx: SessionContext, catalog: Catalog) -> CatalogDelta:
        users: dict[Account, User | None] = {}
        grants: dict[tuple[str, str, str, str], Grant | None] = {}
        for old, new in pairs:
            if old not in catalog.users or new in catalog.users:
                raise mysql_error(1396, "RENAME USER", _text([old]))
            users[old] = None
            users[new] = dataclasses.replace(catalog.users[old], user=new[0], host=new[1])
            for key, grant in catalog.grants.items():
                if key[:2] == old:
                    grants[key] = None
                    grants[(*new, *key[2:])] = dataclasses.replace(grant, user=new[0], host=new[1])
        return CatalogDelta(users=users, grants=grants)

    return _schema_plan(pc, delta)


def _accept_exists(cur: TokenCursor, negation: str) -> bool:
    if not cur.accept_word("IF"):
        return False
    if negation:
        cur.expect_word(negation)
    cur.expect_word("EXISTS")
    return True


# -- grants ---------------------------------------------------------------------------------------------------------


def _privileges(cur: TokenCursor) -> tuple[frozenset[str], bool]:
    """The privilege list before ON: names, and whether GRANT OPTION is among them."""
    names: set[str] = set()
    option = False
    while True:
        words: list[str] = []
        while not cur.at_end and not cur.peek_op(","):
            if cur.peek_op("("):
                raise unsupported("column privileges")
            token = cur.peek()
            if token is not None and token.kind == "word" and token.upper in ("ON", "FROM", "TO"):
                break
            if token is None or token.kind != "word":
                raise unsupported("roles")
            words.append(cur.next().upper)
        name = " ".join(words)
        if name in ("ALL", ALL):
            names.add(ALL)
        elif name == "GRANT OPTION":
            option = True
        elif name == "USAGE":
            pass
        elif name in GLOBAL_PRIVILEGES:
            names.add(name)
        else:
            raise cur.syntax_error() if not name else unsupported(f"privilege or role {name}")
        if not cur.accept_op(","):
            return frozenset(names), option


def _level(cur: TokenCursor, pc: PlanContext) -> tuple[str, str]:
    """After ON: (database, table), '' for all."""
    cur.accept_word("TABLE")
    if cur.accept_any("FUNCTION", "PROCEDURE"):
        raise unsupported("privileges on routines")
    if cur.accept_op("*"):
        if not cur.accept_op("."):
            if not pc.database:
                raise mysql_error(1046)
            return pc.database, ""
        cur.expect_op("*")
        return "", ""
    first = cur.expect_ident()
    if cur.accept_op("."):
        return (first, "") if cur.accept_op("*") else (first, cur.expect_ident())
    if not pc.database:
        raise mysql_error(1046)
    return pc.database, first


def _check_level(names: frozenset[str], database: str, table: str) -> None:
    allowed = TABLE_PRIVILEGES if table else DATABASE_PRIVILEGES if database else GLOBAL_PRIVILEGES
    if names - allowed - {ALL}:
        raise mysql_error(1144) if table else mysql_error(1221, "DB GRANT", "GLOBAL PRIVILEGES")


def _accounts(cur: TokenCursor, pc: PlanContext) -> list[Account]:
    names = [account(cur, pc)]
    while cur.accept_op(","):
        names.append(account(cur, pc))
    return names


def _need_to_grant(pc: PlanContext, names: frozenset[str], database: str, table: str) -> None:
    pc.need("GRANT OPTION", database, table)
    held = DATABASE_PRIVILEGES if database else GLOBAL_PRIVILEGES
    if table:
        held = TABLE_PRIVILEGES
    for name in held if ALL in names else names:
        pc.need(name, database, table)


def plan_grant(cur: TokenCursor, pc: PlanContext) -> Plan:
    names, option = _privileges(cur)
    cur.expect_word("ON")
    database, table = _level(cur, pc)
    cur.expect_word("TO")
    accounts = _accounts(cur, pc)
    if cur.accept_word("WITH"):
        cur.expect_word("GRANT")
        cur.expect_word("OPTION")
        option = True
    if cur.accept_word("IDENTIFIED"):
        raise cur.syntax_error()
    cur.expect_end()
    _check_level(names, database, table)
    _need_to_grant(pc, names, database, table)

    def delta(ctx: SessionContext, catalog: Catalog) -> CatalogDelta:
        if table and (database, table) not in catalog.tables and (database, table) not in catalog.views:
            raise mysql_error(1146, database, table)
        grants: dict[tuple[str, str, str, str], Grant | None] = {}
        for user, host in accounts:
            if (user, host) not in catalog.users:
                raise mysql_error(1410)
            held = catalog.grants.get((user, host, database, table))
            together = names | (held.privileges if held is not None else frozenset())
            if ALL in together:
                together = frozenset({ALL})
            with_option = option or (held is not None and held.grant_option)
            if together or with_option:
                grants[user, host, database, table] = Grant(user, host, database, table, together, with_option)
        return CatalogDelta(grants=grants)

    return _schema_plan(pc, delta)


def plan_revoke(cur: TokenCursor, pc: PlanContext) -> Plan:
    names, option = _privileges(cur)
    everything = ALL in names and option and cur.accept_word("FROM")
    database = table = ""
    if not everything:
        cur.expect_word("ON")
        database, table = _level(cur, pc)
        cur.expect_word("FROM")
    accounts = _accounts(cur, pc)
    cur.expect_end()
    if everything:
        pc.need("CREATE USER")
    else:
        _check_level(names, database, table)
        _need_to_grant(pc, names, database, table)

    def delta(ctx: SessionContext, catalog: Catalog) -> CatalogDelta:
        grants: dict[tuple[str, str, str, str], Grant | None] = {}
        for user, host in accounts:
            if (user, host) not in catalog.users:
                raise mysql_error(1269) if everything else mysql_error(1141, user, host)
            if everything:
                grants.update({key: None for key in catalog.grants if key[:2] == (user, host)})
                continue
            held = catalog.grants.get((user, host, database, table))
            if held is None:
                raise mysql_error(1147, user, host, table) if table else mysql_error(1141, user, host)
            left = _without(held.privileges, names, database, table)
            keep = held.grant_option and not option
            kept = dataclasses.replace(held, privileges=left, grant_option=keep)
            grants[user, host, database, table] = kept if left or keep else None
        return CatalogDelta(grants=grants)

    return _schema_plan(pc, delta)


def _without(held: frozenset[str], names: frozenset[str], database: str, table: str) -> frozenset[str]:
    if ALL in names:
        return frozenset()
    if ALL in held and names:
        held = TABLE_PRIVILEGES if table else DATABASE_PRIVILEGES if database else GLOBAL_PRIVILEGES
    return held - names


def grants_text(catalog: Catalog, user: User) -> list[str]:
    """The lines of SHOW GRANTS."""
    who = f"`{user.user}`@`{user.host}`"
    lines = []
    grants = sorted(
        (g for g in catalog.grants.values() if (g.user, g.host) == (user.user, user.host)),
        key=lambda g: (g.database, g.table),
    )
    if not any(not grant.database for grant in grants):
        lines.append(f"GRANT USAGE ON *.* TO {who}")
    for grant in grants:
        names = ", ".join(sorted(grant.privileges)) or "USAGE"
        database = f"`{grant.database}`" if grant.database else "*"
        table = f"`{grant.table}`" if grant.table else "*"
        option = " WITH GRANT OPTION" if grant.grant_option else ""
        lines.append(f"GRANT {names} ON {database}.{table} TO {who}{option}")
    return lines
