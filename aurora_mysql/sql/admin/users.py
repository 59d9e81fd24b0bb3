"""Accounts: CREATE/ALTER/DROP/RENAME USER, SET PASSWORD. They travel in the redo log."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from aurora_mysql.catalog.model import Catalog, CatalogDelta, Grant, User
from aurora_mysql.catalog.passwords import make_auth_string
from aurora_mysql.errors import mysql_error, unsupported
from aurora_mysql.sql.admin.action import ActionPlan
from aurora_mysql.sql.admin.privileges import Account
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.lexer import TokenCursor
from aurora_mysql.sql.plan import Plan, PlanContext

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


def account_list(cur: TokenCursor, pc: PlanContext) -> list[Account]:
    names = [account(cur, pc)]
    while cur.accept_op(","):
        names.append(account(cur, pc))
    return names


def without_accounts(catalog: Catalog, gone: set[Account]) -> CatalogDelta | None:
    """What drops the accounts `gone`, their grants, and them as roles of others."""
    if not gone:
        return None
    users: dict[Account, User | None] = dict.fromkeys(gone)
    for name, user in catalog.users.items():
        if name not in gone and any(role[:2] in gone for role in user.roles):
            users[name] = dataclasses.replace(
                user,
                roles=tuple(r for r in user.roles if r[:2] not in gone),
                default_roles=tuple(r for r in user.default_roles if r not in gone),
            )
    grants: dict[tuple[str, str, str, str], Grant | None] = {k: None for k in catalog.grants if k[:2] in gone}
    return CatalogDelta(users=users, grants=grants)


def accounts_text(names: list[Account]) -> str:
    return ",".join(f"'{user}'@'{host}'" for user, host in names)


def schema_plan(pc: PlanContext, delta: Callable[[SessionContext, Catalog], CatalogDelta | None]) -> Plan:
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


def _default_role(
    cur: TokenCursor, pc: PlanContext
) -> Callable[[SessionContext, Catalog, Account, User | None, bool], User] | None:
    """``DEFAULT ROLE ...``: what makes of an account one with these default roles. CREATE USER also grants them."""
    if not cur.accept_word("DEFAULT", "ROLE"):
        return None
    from aurora_mysql.sql.admin.roles import role_choice, with_default_roles

    start = cur.position
    named = [] if cur.peek_any("NONE", "ALL") else account_list(cur, pc)
    cur.position = start
    choice = role_choice(cur, pc)

    def chosen(ctx: SessionContext, catalog: Catalog, name: Account, user: User | None, new: bool) -> User:
        if new and user is not None:
            for role in named:
                if role not in catalog.users:
                    raise mysql_error(3523, *role)
            user = dataclasses.replace(user, roles=tuple((*role, False) for role in sorted(named)))
        return with_default_roles(pc, ctx, catalog, name, choice, user)

    return chosen


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
    lenient = accept_exists(cur, "NOT")
    specs = _specs(cur, pc)
    choice = _default_role(cur, pc)
    changes = _options(cur)
    cur.expect_end()
    default_plugin = str(pc.services.variables.get("default_authentication_plugin", pc.ctx))

    def delta(ctx: SessionContext, catalog: Catalog) -> CatalogDelta | None:
        taken = [spec.name for spec in specs if spec.name in catalog.users]
        if taken and not lenient:
            raise mysql_error(1396, "CREATE USER", accounts_text(taken))
        for user, host in taken:
            ctx.warn("Note", 3163, f"Authorization ID '{user}'@'{host}' already exists.")
        users: dict[Account, User | None] = {
            spec.name: dataclasses.replace(
                _authenticated(User(*spec.name, plugin=default_plugin), spec, default_plugin), **changes
            )
            for spec in specs
            if spec.name not in taken
        }
        if choice is not None:
            users = {name: choice(ctx, catalog, name, new, True) for name, new in users.items()}
        return CatalogDelta(users=users) if users else None

    return schema_plan(pc, delta)


def plan_alter_user(cur: TokenCursor, pc: PlanContext) -> Plan:
    lenient = accept_exists(cur, "")
    specs = _specs(cur, pc)
    choice = _default_role(cur, pc)
    changes = _options(cur)
    cur.expect_end()
    if any(spec.name != (pc.ctx.user.user, pc.ctx.user.host) for spec in specs) or changes:
        pc.need("CREATE USER")
    default_plugin = str(pc.services.variables.get("default_authentication_plugin", pc.ctx))

    def delta(ctx: SessionContext, catalog: Catalog) -> CatalogDelta | None:
        missing = [spec.name for spec in specs if spec.name not in catalog.users]
        if missing and not lenient:
            raise mysql_error(1396, "ALTER USER", accounts_text(missing))
        users: dict[Account, User | None] = {
            spec.name: dataclasses.replace(_authenticated(catalog.users[spec.name], spec, default_plugin), **changes)
            for spec in specs
            if spec.name in catalog.users
        }
        if choice is not None:
            users = {name: choice(ctx, catalog, name, changed, False) for name, changed in users.items()}
        return CatalogDelta(users=users) if users else None

    return schema_plan(pc, delta)


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

    return schema_plan(pc, delta)


def plan_drop_user(cur: TokenCursor, pc: PlanContext) -> Plan:
    pc.need("CREATE USER")
    lenient = accept_exists(cur, "")
    names = account_list(cur, pc)
    cur.expect_end()

    def delta(ctx: SessionContext, catalog: Catalog) -> CatalogDelta | None:
        missing = [name for name in names if name not in catalog.users]
        if missing and not lenient:
            raise mysql_error(1396, "DROP USER", accounts_text(missing))
        for user, host in missing:
            ctx.warn("Note", 3162, f"Authorization ID '{user}'@'{host}' does not exist.")
        return without_accounts(catalog, {name for name in names if name in catalog.users})

    return schema_plan(pc, delta)


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
                raise mysql_error(1396, "RENAME USER", accounts_text([old]))
            users[old] = None
            users[new] = dataclasses.replace(catalog.users[old], user=new[0], host=new[1])
            for key, grant in catalog.grants.items():
                if key[:2] == old:
                    grants[key] = None
                    grants[(*new, *key[2:])] = dataclasses.replace(grant, user=new[0], host=new[1])
            for name, user in catalog.users.items():
                if name != old and any(role[:2] == old for role in user.roles):
                    users[name] = dataclasses.replace(
                        user,
                        roles=tuple((*new, r[2]) if r[:2] == old else r for r in user.roles),
                        default_roles=tuple(new if r == old else r for r in user.default_roles),
                    )
        return CatalogDelta(users=users, grants=grants)

    return schema_plan(pc, delta)


def accept_exists(cur: TokenCursor, negation: str) -> bool:
    if not cur.accept_word("IF"):
        return False
    if negation:
        cur.expect_word(negation)
    cur.expect_word("EXISTS")
    return True
