"""SET: user variables, system variables, NAMES, CHARACTER SET."""

from __future__ import annotations

from typing import Any

from aurora_mysql.catalog.charsets import charset_named, collation_named
from aurora_mysql.catalog.model import CatalogDelta
from aurora_mysql.errors import mysql_error
from aurora_mysql.sql import transaction_verbs as verbs
from aurora_mysql.sql.admin.action import ActionPlan
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.lexer import TokenCursor
from aurora_mysql.sql.plan import Plan, PlanContext
from aurora_mysql.sql.result import Result, ResultSet

_SCOPES = {"GLOBAL": "global", "SESSION": "session", "LOCAL": "session"}
_SCOPES |= {"PERSIST": "persist", "PERSIST_ONLY": "persist_only"}


def plan_set(cur: TokenCursor, pc: PlanContext) -> Plan:
    """Everything after SET. Assignments are carried out from left to right; values are computed first."""
    variables = pc.services.variables
    settings: list[tuple[str, str, str]] = []
    while True:
        settings.append(_one(cur, pc))
        if not cur.accept_op(","):
            break
    cur.expect_end()

    async def run(ctx: SessionContext) -> Result | None:
        values = [await _value(text, kind, pc, ctx) for kind, _, text in settings]
        for (kind, name, _), value in zip(settings, values, strict=True):
            if kind == "user":
                ctx.user_variables[name.lower()] = value
            elif kind == "names":
                _set_names(ctx, name, str(value))
            elif kind.startswith("persist"):
                kept = variables.persistable(name, value, ctx)
                # The catalog takes it to every instance, where it is the global value from then on.
                await pc.engine.commit_schema(ctx, CatalogDelta(globals={name: kept}), ())
                if kind == "persist":
                    variables.set(name, value, ctx, "global")
            else:
                if name == "autocommit" and kind == "session" and not ctx.autocommit:
                    variables.set(name, value, ctx, kind)
                    if ctx.autocommit:
                        await verbs.commit(ctx)
                    continue
                variables.set(name, value, ctx, kind)
        return None

    return ActionPlan(run)


def _one(cur: TokenCursor, pc: PlanContext) -> tuple[str, str, str]:
    """(kind, name, value text): kind is user, names, session, global, persist or persist_only."""
    token = cur.peek()
    if token is None:
        raise cur.syntax_error()
    if token.kind == "uservar":
        cur.next()
        name = str(token.value) or (cur.accept_ident() or cur.expect_string())
        cur.expect_op("=", ":=")
        return "user", name, _expression(cur)
    if token.kind == "sysvar":
        cur.next()
        scope, _, name = str(token.value).rpartition(".")
        return _system(cur, pc, scope or "session", name)
    word = cur.accept_any("GLOBAL", "SESSION", "LOCAL", "PERSIST", "PERSIST_ONLY")
    if word is not None:
        return _system(cur, pc, _SCOPES[word], cur.expect_ident())
    if cur.accept_word("NAMES"):
        return _names(cur)
    if cur.accept_word("CHARACTER"):
        cur.expect_word("SET")
        return _names(cur)
    if cur.accept_word("CHARSET"):
        return _names(cur)
    return _system(cur, pc, "session", cur.expect_ident())


def _system(cur: TokenCursor, pc: PlanContext, scope: str, name: str) -> tuple[str, str, str]:
    if scope == "local":
        scope = "session"
    if scope != "session":
        pc.need("SYSTEM_VARIABLES_ADMIN")
    cur.expect_op("=", ":=")
    return scope, name.lower(), _expression(cur)


def _names(cur: TokenCursor) -> tuple[str, str, str]:
    charset = cur.accept_string() or cur.expect_ident()
    collation = ""
    if cur.accept_word("COLLATE"):
        collation = cur.accept_string() or cur.expect_ident()
    return "names", collation.lower(), "'" + charset.lower() + "'"


def _set_names(ctx: SessionContext, collation: str, charset: str) -> None:
    known = charset_named("utf8mb4" if charset == "default" else charset)
    chosen = collation_named(collation) if collation else None
    if chosen is not None and chosen.charset != known.name:
        raise mysql_error(1253, chosen.name, known.name)
    for name in ("character_set_client", "character_set_connection", "character_set_results"):
        ctx.variables[name] = known.name
    ctx.variables["collation_connection"] = chosen.name if chosen is not None else known.default_collation


def _expression(cur: TokenCursor) -> str:
    """The source of the expression up to the next comma."""
    start = cur.position
    depth = 0
    while not cur.at_end:
        if depth == 0 and cur.peek_op(",", ";"):
            break
        token = cur.next()
        if token.kind == "op":
            depth += (token.text == "(") - (token.text == ")")
    text = cur.text_between(start, cur.position)
    if not text:
        raise cur.syntax_error()
    return text


def plan_reset_persist(cur: TokenCursor, pc: PlanContext) -> Plan:
    """Everything after RESET PERSIST: one variable, or all of them, is no longer kept. Values in force stay."""
    pc.need("SYSTEM_VARIABLES_ADMIN")
    if_exists = cur.accept_word("IF", "EXISTS")
    name = "" if cur.at_end else cur.expect_ident().lower()
    cur.expect_end()

    async def run(ctx: SessionContext) -> Result | None:
        kept = pc.engine.catalog.globals
        if name and name not in kept:
            if not if_exists:
                raise mysql_error(3615, name)
            ctx.warn("Warning", 3615, mysql_error(3615, name).message)
            return None
        gone = [name] if name else list(kept)
        if gone:
            await pc.engine.commit_schema(ctx, CatalogDelta(globals=dict.fromkeys(gone)), ())
        return None

    return ActionPlan(run)


async def _value(text: str, kind: str, pc: PlanContext, ctx: SessionContext) -> Any:
    """A bare word is itself for a system variable (ON, DEFAULT, utf8mb4); everything else is evaluated."""
    if kind != "user" and text.replace("_", "").replace("-", "").isalnum() and not text[0].isdigit():
        return None if text.upper() == "DEFAULT" else text
    return await evaluate(text, pc, ctx)


async def evaluate(text: str, pc: PlanContext, ctx: SessionContext) -> Any:
    """The value of a scalar expression, as ``SELECT <text>`` gives it. Raises 1242 for more than one row."""
    from aurora_mysql.sql.fingerprint import lift, split
    from aurora_mysql.sql.parse import parse_shape
    from aurora_mysql.sql.query import plan_select

    statement = split(f"SELECT {text}")[0]
    shape = lift(statement)
    tree, _ = parse_shape(shape, statement.text)
    inner = PlanContext(pc.engine.catalog, ctx.database, ctx, pc.engine, pc.services, statement.text, shape.params)
    plan = plan_select(tree, inner)
    tx = ctx.transaction or pc.engine.begin(ctx, autocommit=True, read_only=True)
    try:
        result = await plan.run(ctx, tx, shape.params)
        assert isinstance(result, ResultSet)
        rows = result.rows if isinstance(result.rows, list) else [r async for b in result.rows for r in b]  # type: ignore[union-attr]
    finally:
        if tx is not ctx.transaction:
            await tx.rollback()
    if len(rows) > 1:
        raise mysql_error(1242)
    value = rows[0][0] if rows else None
    return int(value) if isinstance(value, bool) else value
