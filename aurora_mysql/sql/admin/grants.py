"""GRANT and REVOKE of privileges, and SHOW GRANTS. They travel in the redo log."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from dataclasses import dataclass

from aurora_mysql.catalog.model import Catalog, CatalogDelta, Grant, routine_level, routine_of_level
from aurora_mysql.errors import MySQLError, mysql_error, unsupported
from aurora_mysql.sql.admin import roles
from aurora_mysql.sql.admin.privileges import (
    ALL,
    COLUMN_PRIVILEGES,
    DATABASE_PRIVILEGES,
    GLOBAL_PRIVILEGES,
    ROUTINE_PRIVILEGES,
    STATIC_PRIVILEGES,
    TABLE_PRIVILEGES,
    Account,
)
from aurora_mysql.sql.admin.users import account_list, schema_plan
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.lexer import TokenCursor
from aurora_mysql.sql.plan import Plan, PlanContext


@dataclass
class _Wanted:
    """What a statement grants or takes: `names` at its level, `columns` as (privilege, column)."""

    names: frozenset[str]
    columns: frozenset[tuple[str, str]]
    option: bool


def _privileges(cur: TokenCursor) -> _Wanted:
    """The privilege list before ON."""
    names: set[str] = set()
    columns: set[tuple[str, str]] = set()
    option = False
    while True:
        words: list[str] = []
        listed: list[str] = []
        while not cur.at_end and not cur.peek_op(","):
            token = cur.peek()
            if token is not None and token.kind == "word" and token.upper in ("ON", "FROM", "TO"):
                break
            if cur.accept_op("("):
                listed.append(cur.expect_ident())
                while cur.accept_op(","):
                    listed.append(cur.expect_ident())
                cur.expect_op(")")
                break
            words.append(cur.expect_ident().upper())
        name = " ".join(words)
        if name == "ALL" or name == ALL:
            name = ALL
        if listed:
            if name not in COLUMN_PRIVILEGES:
                raise mysql_error(1221, "COLUMN GRANT", "NON-COLUMN PRIVILEGES")
            columns |= {(name, column) for column in listed}
        elif name == "GRANT OPTION":
            option = True
        elif name == ALL or name in GLOBAL_PRIVILEGES:
            names.add(name)
        elif name == "PROXY":
            raise unsupported("PROXY users")
        elif name != "USAGE":
            raise cur.syntax_error()
        if not cur.accept_op(","):
            return _Wanted(frozenset(names), frozenset(columns), option)


def _level(cur: TokenCursor, pc: PlanContext) -> tuple[str, str]:
    """After ON: (database, table or routine), '' for all."""
    kind = cur.accept_any("TABLE", "FUNCTION", "PROCEDURE")
    if cur.accept_op("*"):
        if not cur.accept_op("."):
            if not pc.database:
                raise mysql_error(1046)
            return pc.database, ""
        cur.expect_op("*")
        return "", ""
    first = cur.expect_ident()
    if cur.accept_op("."):
        if kind in (None, "TABLE") and cur.accept_op("*"):
            return first, ""
        database, name = first, cur.expect_ident()
    elif pc.database:
        database, name = pc.database, first
    else:
        raise mysql_error(1046)
    return database, name if kind in (None, "TABLE") else routine_level(kind, name)


def _possible(database: str, table: str) -> frozenset[str]:
    if routine_of_level(table) is not None:
        return ROUTINE_PRIVILEGES
    return TABLE_PRIVILEGES if table else DATABASE_PRIVILEGES if database else GLOBAL_PRIVILEGES


def _check_level(wanted: _Wanted, database: str, table: str) -> None:
    if wanted.names - _possible(database, table) - {ALL}:
        raise mysql_error(1144) if table else mysql_error(1221, "DB GRANT", "GLOBAL PRIVILEGES")
    if wanted.columns and (not table or routine_of_level(table) is not None):
        raise mysql_error(1144) if table else mysql_error(1221, "COLUMN GRANT", "GLOBAL PRIVILEGES")


def _need_to_grant(pc: PlanContext, wanted: _Wanted, database: str, table: str) -> None:
    pc.need("GRANT OPTION", database, table)
    for name in _possible(database, table) if ALL in wanted.names else wanted.names:
        pc.need(name, database, table)
    for name, column in wanted.columns:
        pc.need(name, database, table)
        pc.need_columns(name, database, table, (column,))


def _refuse_unknown(catalog: Catalog, wanted: _Wanted, database: str, table: str) -> None:
    """1146, 1305 or 1054 for what is not there; CREATE may be granted on a table to come."""
    routine = routine_of_level(table)
    if routine is not None:
        if catalog.routine(database, *routine) is None:
            raise mysql_error(1305, routine[0], f"{database}.{routine[1]}")
        return
    found = catalog.tables.get((database, table))
    view = catalog.views.get((database, table))
    if found is None and view is None:
        if "CREATE" not in wanted.names:
            raise mysql_error(1146, database, table)
        return
    known = {c.name.lower() for c in found.user_columns} if found is not None else set()
    if view is not None:
        known = {name.lower() for name in view.columns}
    for _, column in sorted(wanted.columns):
        if column.lower() not in known:
            raise mysql_error(1054, column, table)


def plan_grant(cur: TokenCursor, pc: PlanContext) -> Plan:
    if not _before(cur, "ON", "TO"):
        return roles.plan_grant_roles(cur, pc)
    wanted = _privileges(cur)
    cur.expect_word("ON")
    database, table = _level(cur, pc)
    cur.expect_word("TO")
    accounts = account_list(cur, pc)
    option = wanted.option
    if cur.accept_word("WITH"):
        cur.expect_word("GRANT")
        cur.expect_word("OPTION")
        option = True
    if cur.accept_word("AS"):
        raise unsupported("GRANT ... AS")
    cur.expect_end()
    _check_level(wanted, database, table)
    _need_to_grant(pc, wanted, database, table)

    def delta(ctx: SessionContext, catalog: Catalog) -> CatalogDelta:
        if table:
            _refuse_unknown(catalog, wanted, database, table)
        grants: dict[tuple[str, str, str, str], Grant | None] = {}
        for user, host in accounts:
            if (user, host) not in catalog.users:
                raise mysql_error(1410)
            grant = granted(catalog, (user, host), (database, table), wanted.names, wanted.columns, option=option)
            if grant is not None:
                grants[user, host, database, table] = grant
        return CatalogDelta(grants=grants)

    return schema_plan(pc, delta)


def granted(
    catalog: Catalog,
    account: Account,
    level: tuple[str, str],
    names: Collection[str],
    columns: frozenset[tuple[str, str]] = frozenset(),
    *,
    option: bool = False,
) -> Grant | None:
    """What `account` has at `level` with `names` and `columns` added; None for nothing."""
    held = catalog.grants.get((*account, *level)) or Grant(*account, *level, frozenset())
    together = held.privileges | frozenset(names)
    if ALL in together:
        together = frozenset({ALL})
    found = Grant(*account, *level, together, option or held.grant_option, _joined(held.columns, columns))
    return found if together or found.grant_option or found.columns else None


def _joined(held: frozenset[tuple[str, str]], more: frozenset[tuple[str, str]]) -> frozenset[tuple[str, str]]:
    known = {(name, column.lower()) for name, column in held}
    return held | {pair for pair in more if (pair[0], pair[1].lower()) not in known}


def plan_revoke(cur: TokenCursor, pc: PlanContext) -> Plan:
    lenient = cur.accept_word("IF", "EXISTS")
    if not _before(cur, "ON", "FROM") and not cur.peek_word("ALL"):
        return roles.plan_revoke_roles(cur, pc, lenient=lenient)
    wanted = _privileges(cur)
    everything = ALL in wanted.names and wanted.option and cur.accept_word("FROM")
    database = table = ""
    if not everything:
        cur.expect_word("ON")
        database, table = _level(cur, pc)
        cur.expect_word("FROM")
    accounts = account_list(cur, pc)
    lenient_account = cur.accept_word("IGNORE", "UNKNOWN", "USER")
    cur.expect_end()
    if everything:
        pc.need("CREATE USER")
    else:
        _check_level(wanted, database, table)
        _need_to_grant(pc, wanted, database, table)

    def delta(ctx: SessionContext, catalog: Catalog) -> CatalogDelta:
        grants: dict[tuple[str, str, str, str], Grant | None] = {}
        for user, host in accounts:
            if (user, host) not in catalog.users:
                if lenient_account:
                    ctx.warn("Warning", 3162, mysql_error(3162, user, host).message)
                    continue
                raise mysql_error(1269) if everything else mysql_error(1141, user, host)
            if everything:
                grants.update({key: None for key in catalog.grants if key[:2] == (user, host)})
                continue
            held = catalog.grants.get((user, host, database, table))
            if held is None:
                error = _no_grant(user, host, table)
                if not lenient:
                    raise error
                ctx.warn("Warning", error.errno, error.message)
                continue
            grants[user, host, database, table] = _without(held, wanted)
        return CatalogDelta(grants=grants)

    return schema_plan(pc, delta)


def _no_grant(user: str, host: str, table: str) -> MySQLError:
    routine = routine_of_level(table)
    if routine is not None:
        return mysql_error(1403, user, host, routine[1])
    return mysql_error(1147, user, host, table) if table else mysql_error(1141, user, host)


def _without(held: Grant, wanted: _Wanted) -> Grant | None:
    """What is left of `held`. A privilege on a table takes those on its columns with it."""
    names = held.privileges
    if ALL in wanted.names:
        names = frozenset()
    elif ALL in names and wanted.names:
        names = _possible(held.database, held.table)
    gone = {(name, column.lower()) for name, column in wanted.columns}
    columns = frozenset(
        (name, column)
        for name, column in held.columns
        if (name, column.lower()) not in gone and name not in wanted.names and ALL not in wanted.names
    )
    keep = held.grant_option and not wanted.option
    left = dataclasses.replace(held, privileges=names - wanted.names, grant_option=keep, columns=columns)
    return left if left.privileges or keep or columns else None


def _before(cur: TokenCursor, word: str, end: str) -> bool:
    """Whether `word` stands before `end`."""
    for token in cur.tokens[cur.position :]:
        if token.kind == "word" and token.upper in (word, end):
            return token.upper == word
    return False


# -- SHOW GRANTS ----------------------------------------------------------------------------------------------------


def grants_text(
    catalog: Catalog, account: Account, using: Collection[Account], mandatory: frozenset[Account]
) -> list[str]:
    """The lines of SHOW GRANTS: of `account`, with what the roles `using` add."""
    who = f"`{account[0]}`@`{account[1]}`"
    accounts = {account, *using}
    levels: dict[tuple[str, str], list[Grant]] = {("", ""): []}
    for grant in catalog.grants.values():
        if (grant.user, grant.host) in accounts:
            levels.setdefault((grant.database, grant.table), []).append(grant)
    lines = []
    for (database, table), grants in sorted(levels.items(), key=lambda item: (item[0][0] != "", item[0])):
        names = frozenset().union(*(g.privileges for g in grants))
        columns = frozenset().union(*(g.columns for g in grants))
        option = " WITH GRANT OPTION" if any(g.grant_option for g in grants) else ""
        where = _where(database, table)
        dynamic = sorted(names - set(STATIC_PRIVILEGES) - {ALL})
        if names - set(dynamic) or columns or not dynamic or not database:
            lines.append(f"GRANT {_listed(names - set(dynamic), columns)} ON {where} TO {who}{option}")
        if dynamic:
            lines.append(f"GRANT {','.join(dynamic)} ON {where} TO {who}{option}")
    return lines + _role_lines(catalog, account, mandatory, who)


def _where(database: str, table: str) -> str:
    routine = routine_of_level(table)
    if routine is not None:
        return f"{routine[0]} `{database}`.`{routine[1]}`"
    return f"{f'`{database}`' if database else '*'}.{f'`{table}`' if table else '*'}"


def _listed(names: frozenset[str], columns: frozenset[tuple[str, str]]) -> str:
    if ALL in names:
        return ALL
    found = []
    for name in STATIC_PRIVILEGES:
        if name in names:
            found.append(name)
        listed = sorted(column for privilege, column in columns if privilege == name)
        if listed:
            found.append(f"{name} ({', '.join(f'`{c}`' for c in listed)})")
    return ", ".join(found) or "USAGE"


def _role_lines(catalog: Catalog, account: Account, mandatory: frozenset[Account], who: str) -> list[str]:
    user = catalog.users.get(account)
    plain = {(name, host) for name, host, admin in user.roles if not admin} if user is not None else set()
    plain |= mandatory - {account}
    admin = {(name, host) for name, host, is_admin in user.roles if is_admin} if user is not None else set()
    lines = []
    for found, tail in ((plain - admin, ""), (admin, " WITH ADMIN OPTION")):
        if found:
            lines.append(f"GRANT {','.join(f'`{n}`@`{h}`' for n, h in sorted(found))} TO {who}{tail}")
    return lines
