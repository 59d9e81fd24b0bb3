"""Roles: accounts that are granted to accounts. CREATE and DROP ROLE, GRANT and REVOKE of roles, SET ROLE and SET
DEFAULT ROLE."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable

from aurora_mysql.catalog.model import Catalog, CatalogDelta, User
from aurora_mysql.errors import mysql_error
from aurora_mysql.sql.admin.action import ActionPlan
from aurora_mysql.sql.admin.privileges import Account, accounts_of, has_privilege, with_their_roles
from aurora_mysql.sql.admin.users import accept_exists, account_list, accounts_text, schema_plan, without_accounts
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.instance_services import InstanceServices
from aurora_mysql.sql.lexer import TokenCursor, tokenize
from aurora_mysql.sql.plan import Plan, PlanContext


def mandatory_roles(services: InstanceServices, ctx: SessionContext) -> frozenset[Account]:
    """The accounts of the global variable mandatory_roles."""
    text = str(services.variables.get("mandatory_roles", ctx) or "")
    if not text.strip():
        return frozenset()
    return frozenset(_accounts(TokenCursor(tokenize(text), text)))


def _accounts(cur: TokenCursor) -> Iterable[Account]:
    while True:
        name = cur.accept_string() or cur.expect_ident()
        host = "%"
        token = cur.peek()
        if token is not None and token.kind == "uservar":
            cur.next()
            host = str(token.value) or cur.accept_string() or cur.expect_ident()
        yield name, host.lower()
        if not cur.accept_op(","):
            return


def granted_roles(catalog: Catalog, account: Account, mandatory: frozenset[Account]) -> dict[Account, bool]:
    """The roles of `account`, and whether it has each with the ADMIN option."""
    user = catalog.users.get(account)
    found = {role: False for role in mandatory if role in catalog.users and role != account}
    if user is not None:
        found |= {(name, host): admin for name, host, admin in user.roles}
    return found


def activate_default_roles(ctx: SessionContext, services: InstanceServices) -> None:
    """What a login does: all roles with activate_all_roles_on_login, else the default ones."""
    catalog = services.engine.catalog
    account = (ctx.user.user, ctx.user.host)
    mandatory = mandatory_roles(services, ctx)
    granted = granted_roles(catalog, account, mandatory)
    everything = bool(services.variables.get("activate_all_roles_on_login", ctx))
    user = catalog.users.get(account)
    chosen = granted if everything else [r for r in (user.default_roles if user is not None else ()) if r in granted]
    ctx.roles, ctx.mandatory_roles = tuple(sorted(chosen)), mandatory


def current_role(ctx: SessionContext, catalog: Catalog) -> str:
    """CURRENT_ROLE(): the active roles."""
    active = [role for role in ctx.roles if role in accounts_of(catalog, ctx)]
    return ",".join(f"`{name}`@`{host}`" for name, host in active) or "NONE"


# -- statements -----------------------------------------------------------------------------------------------------


def plan_create_role(cur: TokenCursor, pc: PlanContext) -> Plan:
    """From after CREATE ROLE. A role is an account that nobody can log in to."""
    _need_either(pc, "CREATE ROLE", "CREATE USER")
    lenient = accept_exists(cur, "NOT")
    names = account_list(cur, pc)
    cur.expect_end()

    def delta(ctx: SessionContext, catalog: Catalog) -> CatalogDelta | None:
        taken = [name for name in names if name in catalog.users]
        if taken and not lenient:
            raise mysql_error(1396, "CREATE ROLE", accounts_text(taken))
        for user, host in taken:
            ctx.warn("Note", 3163, f"Authorization ID '{user}'@'{host}' already exists.")
        users: dict[Account, User | None] = {
            name: User(*name, locked=True, password_expired=True) for name in names if name not in taken
        }
        return CatalogDelta(users=users) if users else None

    return schema_plan(pc, delta)


def plan_drop_role(cur: TokenCursor, pc: PlanContext) -> Plan:
    """From after DROP ROLE."""
    _need_either(pc, "DROP ROLE", "CREATE USER")
    lenient = accept_exists(cur, "")
    names = account_list(cur, pc)
    cur.expect_end()

    def delta(ctx: SessionContext, catalog: Catalog) -> CatalogDelta | None:
        _refuse_mandatory(pc, ctx, names)
        missing = [name for name in names if name not in catalog.users]
        if missing and not lenient:
            raise mysql_error(1396, "DROP ROLE", accounts_text(missing))
        for user, host in missing:
            ctx.warn("Note", 3162, f"Authorization ID '{user}'@'{host}' does not exist.")
        return without_accounts(catalog, {name for name in names if name in catalog.users})

    return schema_plan(pc, delta)


def _need_either(pc: PlanContext, privilege: str, other: str) -> None:
    """`other` is the wider one."""
    catalog = pc.engine.catalog
    held = has_privilege(catalog, accounts_of(catalog, pc.ctx), privilege, "", "")
    pc.need(privilege if held else other)


def _refuse_mandatory(pc: PlanContext, ctx: SessionContext, names: Iterable[Account]) -> None:
    mandatory = mandatory_roles(pc.services, ctx)
    for name in names:
        if name in mandatory:
            raise mysql_error(3628, *name)


def plan_grant_roles(cur: TokenCursor, pc: PlanContext) -> Plan:
    """From after GRANT: ``role, ... TO account, ... [WITH ADMIN OPTION]``."""
    names = account_list(cur, pc)
    cur.expect_word("TO")
    accounts = account_list(cur, pc)
    admin = cur.accept_word("WITH", "ADMIN", "OPTION")
    cur.expect_end()

    def delta(ctx: SessionContext, catalog: Catalog) -> CatalogDelta:
        _refuse_without_admin(pc, ctx, catalog, names)
        for name in (*names, *accounts):
            if name not in catalog.users:
                raise mysql_error(3523, *name)
        users: dict[Account, User | None] = {}
        for account in accounts:
            for name in names:
                if account in with_their_roles(catalog, [name]):
                    raise mysql_error(4027, *name, *account)
            user = catalog.users[account]
            held = {(name, host): with_admin for name, host, with_admin in user.roles}
            held |= {name: admin or held.get(name, False) for name in names}
            users[account] = dataclasses.replace(user, roles=_as_kept(held))
        return CatalogDelta(users=users)

    return schema_plan(pc, delta)


def _as_kept(held: dict[Account, bool]) -> tuple[tuple[str, str, bool], ...]:
    return tuple((name, host, admin) for (name, host), admin in sorted(held.items()))


def plan_revoke_roles(cur: TokenCursor, pc: PlanContext, *, lenient: bool) -> Plan:
    """From after REVOKE: ``role, ... FROM account, ...``."""
    names = account_list(cur, pc)
    cur.expect_word("FROM")
    accounts = account_list(cur, pc)
    ignore = cur.accept_word("IGNORE", "UNKNOWN", "USER")
    cur.expect_end()

    def delta(ctx: SessionContext, catalog: Catalog) -> CatalogDelta:
        _refuse_without_admin(pc, ctx, catalog, names)
        _refuse_mandatory(pc, ctx, names)
        users: dict[Account, User | None] = {}
        for account in accounts:
            unknown = next((n for n in (account, *names) if n not in catalog.users), None)
            if unknown is not None:
                if not (ignore if unknown == account else lenient):
                    raise mysql_error(3523, *unknown)
                ctx.warn("Warning", 3523, mysql_error(3523, *unknown).message)
                continue
            user = catalog.users[account]
            users[account] = dataclasses.replace(
                user,
                roles=tuple(r for r in user.roles if r[:2] not in names),
                default_roles=tuple(r for r in user.default_roles if r not in names),
            )
        return CatalogDelta(users=users)

    return schema_plan(pc, delta)


def _refuse_without_admin(pc: PlanContext, ctx: SessionContext, catalog: Catalog, names: list[Account]) -> None:
    """1227 for whom neither ROLE_ADMIN, SUPER nor the ADMIN option of every role lets give roles away."""
    accounts = accounts_of(catalog, ctx)
    if any(has_privilege(catalog, accounts, wide, "", "") for wide in ("ROLE_ADMIN", "SUPER")):
        return
    own = {(n, h) for account in accounts for n, h, admin in catalog.users[account].roles if admin}
    if not own.issuperset(names):
        raise mysql_error(1227, "WITH ADMIN, ROLE_ADMIN, SUPER")


#: Given the roles that an account has, the chosen ones. Raises 3530 for one that it has not.
Choice = Callable[[Account, Iterable[Account]], tuple[Account, ...]]


def role_choice(cur: TokenCursor, pc: PlanContext) -> Choice:
    """``NONE | ALL [EXCEPT role, ...] | role, ...``."""
    if cur.accept_word("NONE"):
        return lambda account, granted: ()
    if cur.accept_word("ALL"):
        left_out = account_list(cur, pc) if cur.accept_word("EXCEPT") else []
        return lambda account, granted: tuple(sorted(role for role in granted if role not in left_out))
    names = account_list(cur, pc)

    def listed(account: Account, granted: Iterable[Account]) -> tuple[Account, ...]:
        held = set(granted)
        for name in names:
            if name not in held:
                raise mysql_error(3530, *name, *account)
        return tuple(sorted(set(names)))

    return listed


def plan_set_role(cur: TokenCursor, pc: PlanContext) -> Plan:
    """From after SET ROLE."""
    choice = None if cur.accept_word("DEFAULT") else role_choice(cur, pc)
    cur.expect_end()

    async def run(ctx: SessionContext) -> None:
        catalog = pc.engine.catalog
        account = (ctx.user.user, ctx.user.host)
        mandatory = mandatory_roles(pc.services, ctx)
        granted = granted_roles(catalog, account, mandatory)
        if choice is None:
            user = catalog.users.get(account)
            chosen = tuple(r for r in (user.default_roles if user is not None else ()) if r in granted)
        else:
            chosen = choice(account, granted)
        ctx.roles, ctx.mandatory_roles = chosen, mandatory

    return ActionPlan(run)


def plan_set_default_role(cur: TokenCursor, pc: PlanContext) -> Plan:
    """From after SET DEFAULT ROLE."""
    choice = role_choice(cur, pc)
    cur.expect_word("TO")
    accounts = account_list(cur, pc)
    cur.expect_end()
    if accounts != [(pc.ctx.user.user, pc.ctx.user.host)]:
        pc.need("CREATE USER")

    def delta(ctx: SessionContext, catalog: Catalog) -> CatalogDelta:
        return CatalogDelta(users={a: with_default_roles(pc, ctx, catalog, a, choice) for a in accounts})

    return schema_plan(pc, delta)


def with_default_roles(
    pc: PlanContext, ctx: SessionContext, catalog: Catalog, account: Account, choice: Choice, user: User | None = None
) -> User:
    """The account (`user`, if it is new or changes) with the chosen default roles."""
    user = user or catalog.users.get(account)
    if user is None:
        raise mysql_error(3523, *account)
    mandatory = mandatory_roles(pc.services, ctx)
    granted = {(n, h): a for n, h, a in user.roles} | dict.fromkeys(mandatory & catalog.users.keys(), False)
    return dataclasses.replace(user, default_roles=choice(account, granted))
