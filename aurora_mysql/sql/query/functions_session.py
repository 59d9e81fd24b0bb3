"""Functions about the session and the instance: their values are bound at each execution."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from typing import Any

from sqlglot import exp

from aurora_mysql.errors import mysql_error, unsupported
from aurora_mysql.sql import named_locks
from aurora_mysql.sql.query import types
from aurora_mysql.sql.query.builder import SessionCall
from aurora_mysql.sql.query.expression import Ex, integer
from aurora_mysql.sql.query.function_table import function, node
from aurora_mysql.sql.query.scope import Scope


def _bound_text(name: str, *aliases: str, value: Any) -> None:
    @function(name, *aliases, low=0)
    def _one(tr: Any, _: list[Ex]) -> Ex:
        return Ex(f"CAST({tr.b.param(value)} AS VARCHAR)", types.STRING, system=True)


def _bound_number(name: str, value: Any, *, unsigned: bool = False) -> None:
    @function(name, low=0)
    def _one(tr: Any, _: list[Ex]) -> Ex:
        duck = "UBIGINT" if unsigned else "BIGINT"
        return Ex(f"CAST({tr.b.param(value)} AS {duck})", types.UINT if unsigned else types.INT)


_bound_text("database", "schema", value=lambda ctx, tx: ctx.database or None)
_bound_text(
    "user",
    "session_user",
    "system_user",
    value=lambda ctx, tx: f"{ctx.login_user or ctx.user.user}@{ctx.login_host or 'localhost'}",
)
_bound_text("current_user", value=lambda ctx, tx: f"{ctx.user.user}@{ctx.user.host}")
_bound_number("connection_id", lambda ctx, tx: ctx.connection_id)
_bound_number("row_count", lambda ctx, tx: ctx.row_count)
_bound_number("found_rows", lambda ctx, tx: ctx.found_rows)
_bound_number("uuid_short", lambda ctx, tx: uuid.uuid4().int & (2**63 - 1), unsigned=True)


@function("current_role", low=0)
def _current_role(tr: Any, _: list[Ex]) -> Ex:
    from aurora_mysql.sql.admin.roles import current_role

    engine = tr.b.pc.engine
    return Ex(f"CAST({tr.b.param(lambda ctx, tx: current_role(ctx, engine.catalog))} AS VARCHAR)", types.STRING)


@function("roles_graphml", low=0)
def _roles_graphml(tr: Any, _: list[Ex]) -> Ex:
    raise unsupported("ROLES_GRAPHML")


def _variable(tr: Any, name: str) -> Any:
    services = tr.b.pc.services
    return lambda ctx, tx: services.variables.get(name, ctx)


@function("version", low=0)
def _version(tr: Any, _: list[Ex]) -> Ex:
    return Ex(f"CAST({tr.b.param(_variable(tr, 'version'))} AS VARCHAR)", types.STRING, system=True)


@function("aurora_version", low=0)
def _aurora_version(tr: Any, _: list[Ex]) -> Ex:
    return Ex(f"CAST({tr.b.param(_variable(tr, 'aurora_version'))} AS VARCHAR)", types.STRING)


@function("random_bytes", low=1)
def _random_bytes(_: Any, a: list[Ex]) -> Ex:
    return Ex(f"my_random_bytes({integer(a[0])})", types.BINARY)


@function("uuid", low=0)
def _uuid(_: Any, __: list[Ex]) -> Ex:
    return Ex("CAST(uuid() AS VARCHAR)", types.STRING)


@function("last_insert_id", low=0, high=1)
def _last_insert_id(tr: Any, a: list[Ex]) -> Ex:
    if not a:
        return Ex(f"CAST({tr.b.param(lambda ctx, tx: ctx.last_insert_id)} AS UBIGINT)", types.UINT)
    value = tr.constant(a[0])
    if not isinstance(value, int):
        raise unsupported("LAST_INSERT_ID(expression)")

    def remember(ctx: Any, _: Any) -> int:
        ctx.last_insert_id = value
        return value

    return Ex(f"CAST({tr.b.param(remember)} AS UBIGINT)", types.UINT)


@function("benchmark", low=2)
def _benchmark(_: Any, __: list[Ex]) -> Ex:
    return Ex("CAST(0 AS BIGINT)", types.INT)


@function("sleep", low=1)
def _sleep(tr: Any, a: list[Ex]) -> Ex:
    seconds = tr.constant(a[0])
    if not a[0].is_literal or isinstance(seconds, bytes):
        raise unsupported("SLEEP of an expression")
    if seconds is None or float(seconds) < 0:
        raise mysql_error(1210, "sleep")
    tr.b.sleeps.append(float(seconds))
    return Ex("CAST(0 AS BIGINT)", types.INT)


def _session_call(name: str, low: int, run: Callable[[Any, Any, list[Any]], Awaitable[Any]]) -> None:
    """A function that acts on the session, called once before the query runs."""

    @function(name, low=low)
    def _one(tr: Any, a: list[Ex]) -> Ex:
        number = len(tr.b.calls)
        tr.b.calls.append(SessionCall(number, run, [tr.b.finish(f"SELECT {e.sql}") for e in a]))
        return Ex(f"CAST({tr.b.param(lambda ctx, tx: ctx.call_results.get(number))} AS BIGINT)", types.INT)


async def _get_lock(engine: Any, ctx: Any, a: list[Any]) -> int | None:
    return await named_locks.get_lock(engine, ctx, a[0], a[1])


async def _release_lock(engine: Any, ctx: Any, a: list[Any]) -> int | None:
    return named_locks.release_lock(engine, ctx, a[0])


async def _release_all_locks(engine: Any, ctx: Any, a: list[Any]) -> int:
    return named_locks.release_all_locks(engine, ctx)


async def _is_free_lock(engine: Any, ctx: Any, a: list[Any]) -> int:
    return named_locks.is_free_lock(engine, a[0])


async def _is_used_lock(engine: Any, ctx: Any, a: list[Any]) -> int | None:
    return named_locks.is_used_lock(engine, a[0])


_session_call("get_lock", 2, _get_lock)
_session_call("release_lock", 1, _release_lock)
_session_call("release_all_locks", 0, _release_all_locks)
_session_call("is_free_lock", 1, _is_free_lock)
_session_call("is_used_lock", 1, _is_used_lock)


@function("name_const", low=2)
def _name_const(_: Any, a: list[Ex]) -> Ex:
    return a[1]


@node("system_variable")
def _system_variable(tr: Any, n: exp.SessionParameter, _: Scope) -> Ex:
    from aurora_mysql.sql.query.literals import value_ex

    pc = tr.b.pc
    name = n.name.lower()
    scope = n.args.get("kind")
    kind = None if scope is None else str(scope).lower()
    if kind == "local":
        kind = "session"
    tr.b.cacheable = False
    value = pc.services.variables.get(name, pc.ctx, kind)
    return value_ex(tr.b, value, lambda ctx, tx: pc.services.variables.get(name, ctx, kind))


@function("default", "values", low=0, high=-1)
def _only_in_dml(_: Any, __: list[Ex]) -> Ex:
    raise mysql_error(1064, "", 1)
