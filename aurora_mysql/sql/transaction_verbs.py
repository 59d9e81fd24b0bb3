"""BEGIN, COMMIT, ROLLBACK, SAVEPOINT, SET TRANSACTION, LOCK TABLES: what they mean for a session."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from aurora_mysql.errors import mysql_error, unsupported
from aurora_mysql.sql import table_locks
from aurora_mysql.sql.admin import privileges
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.fingerprint import Statement
from aurora_mysql.sql.instance_services import InstanceServices
from aurora_mysql.sql.plan import LATER, Later, Told, Write
from aurora_mysql.sql.result import Ok, Value

if TYPE_CHECKING:
    from aurora_mysql.engine.transaction import Transaction

VERBS = frozenset(("BEGIN", "START", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "LOCK", "UNLOCK"))

_IN_TRANS = 1
_IN_TRANS_READONLY = _IN_TRANS | 8192

#: Nobody changes it.
_OK = Ok()

_LEVELS = ("READ-UNCOMMITTED", "READ-COMMITTED", "REPEATABLE-READ", "SERIALIZABLE")


def isolation_of(services: InstanceServices, ctx: SessionContext) -> str:
    """The level of the next transaction."""
    return ctx.next_isolation or str(services.variables.of_session("transaction_isolation", ctx))


def read_only_of(services: InstanceServices, ctx: SessionContext) -> bool:
    """Whether the next transaction is READ ONLY."""
    if ctx.next_read_only is not None:
        return ctx.next_read_only
    return bool(services.variables.of_session("transaction_read_only", ctx))


def reads_lock(services: InstanceServices, ctx: SessionContext) -> bool:
    """Plain SELECTs take shared locks: SERIALIZABLE, but not for an autocommitted SELECT (which is serial alone), nor
    on a reader, where nothing is locked."""
    if not services.engine.is_writer:
        return False
    if ctx.transaction is not None:
        return ctx.transaction.isolation == "SERIALIZABLE"
    return not ctx.autocommit and isolation_of(services, ctx) == "SERIALIZABLE"


def begin(
    services: InstanceServices, ctx: SessionContext, *, read_only: bool | None = None, isolation: str | None = None
) -> None:
    """Open the session's transaction."""
    if read_only is None:
        read_only = read_only_of(services, ctx)
    if isolation is None:
        isolation = isolation_of(services, ctx)
    ctx.transaction = services.engine.begin(ctx, isolation=isolation, read_only=read_only)
    ctx.next_isolation = ctx.next_read_only = None


async def commit(ctx: SessionContext) -> None:
    """Commit what is open, if anything is. A failed commit has rolled back."""
    transaction, ctx.transaction = ctx.transaction, None
    if transaction is not None:
        await transaction.commit()


async def rollback(ctx: SessionContext) -> None:
    transaction, ctx.transaction = ctx.transaction, None
    if transaction is not None:
        await transaction.rollback()


async def run_verb(services: InstanceServices, ctx: SessionContext, statement: Statement) -> Ok:
    """Carry out one of :data:`VERBS`.

    Raises:
        MySQLError: 1064, 1305 (no such savepoint), 1235, and what a commit raises.
    """
    engine = services.engine
    words = [piece.upper() for piece in statement.pieces]
    verb = words[0]
    if verb == "BEGIN" or (verb == "START" and words[1:2] == ["TRANSACTION"]):
        await _start(services, ctx, statement, words[1:] if verb == "BEGIN" else words[2:])
    elif verb == "COMMIT" or (verb == "ROLLBACK" and "TO" not in words):
        await _end(services, ctx, statement, words)
    elif verb == "SAVEPOINT" and len(words) == 2:
        if ctx.transaction is None and not ctx.autocommit:
            begin(services, ctx)
        if ctx.transaction is not None:
            ctx.transaction.savepoint(_name(statement))
    elif verb == "ROLLBACK" or (verb == "RELEASE" and words[1:2] == ["SAVEPOINT"]):
        if ctx.transaction is None:
            raise mysql_error(1305, "SAVEPOINT", _name(statement))
        if verb == "ROLLBACK":
            ctx.transaction.rollback_to_savepoint(_name(statement))
        else:
            ctx.transaction.release_savepoint(_name(statement))
    elif verb == "UNLOCK" and words[1:] in (["TABLES"], ["TABLE"]):
        if ctx.table_locks:
            await commit(ctx)
        table_locks.unlock_tables(engine, ctx)
        table_locks.thaw(engine, ctx)
    elif verb == "LOCK" and words[1:2] in (["TABLES"], ["TABLE"]):
        wishes = table_locks.parse_lock_tables(statement.text, ctx)
        if engine.freeze.held_by(ctx) and any(mode == "WRITE" for _, _, mode in wishes):
            raise mysql_error(1223)
        await commit(ctx)
        await table_locks.lock_tables(engine, ctx, wishes)
    elif verb in ("LOCK", "UNLOCK") and words[1:2] == ["INSTANCE"]:
        raise unsupported(f"{verb} INSTANCE")
    elif verb == "START" and words[1:2] in (["SLAVE"], ["REPLICA"], ["GROUP_REPLICATION"]):
        raise unsupported(f"START {words[1]}")
    else:
        raise mysql_error(1064, statement.text[:80], 1)
    return Ok()


def at_once(services: InstanceServices, statement: Statement, *, read_only: bool) -> Write | None:
    """What carries out a plain BEGIN, COMMIT or ROLLBACK without waiting; None for any other statement. `read_only` is
    what transactions of the session are."""
    words = " ".join(piece.upper() for piece in statement.pieces)
    if words in ("BEGIN", "BEGIN WORK", "START TRANSACTION"):

        def begin_at_once(ctx: SessionContext, params: Sequence[Value], isolation: str, told: Told) -> Ok | None:
            if ctx.table_locks or (ctx.transaction is not None and not ctx.transaction.end_at_once()):
                return None
            ctx.transaction = None
            begin(services, ctx, read_only=read_only, isolation=isolation)
            return _OK

        return begin_at_once
    if words in ("COMMIT", "COMMIT WORK"):

        def commit_at_once(
            ctx: SessionContext, params: Sequence[Value], isolation: str, told: Told
        ) -> Ok | Later | None:
            over = True if ctx.transaction is None else ctx.transaction.commit_at_once(partial(told, _OK))
            if over is None:
                return None
            ctx.transaction = None
            return _OK if over else LATER

        return commit_at_once
    if words in ("ROLLBACK", "ROLLBACK WORK"):

        def end_at_once(ctx: SessionContext, params: Sequence[Value], isolation: str, told: Told) -> Ok | None:
            if ctx.transaction is not None and not ctx.transaction.end_at_once():
                return None
            ctx.transaction = None
            return _OK

        return end_at_once
    return None


def transaction_flags(transaction: Transaction) -> int:
    """The protocol's status flags of an open transaction."""
    return _IN_TRANS_READONLY if transaction.read_only else _IN_TRANS


async def _start(services: InstanceServices, ctx: SessionContext, statement: Statement, words: list[str]) -> None:
    if words == ["WORK"]:
        words = []
    text = " ".join(words)
    read_only: bool | None = None
    snapshot = False
    for part in filter(None, (p.strip() for p in text.split(","))):
        if part in ("READ ONLY", "READ WRITE") and read_only is not None:
            raise mysql_error(1064, statement.text[:80], 1)
        if part == "READ ONLY":
            read_only = True
        elif part == "READ WRITE":
            read_only = False
        elif part == "WITH CONSISTENT SNAPSHOT":
            snapshot = True
        else:
            raise mysql_error(1064, statement.text[:80], 1)
    await commit(ctx)
    table_locks.unlock_tables(services.engine, ctx)
    begin(services, ctx, read_only=read_only)
    if snapshot and ctx.transaction is not None:
        await ctx.transaction.start_snapshot()


async def _end(services: InstanceServices, ctx: SessionContext, statement: Statement, words: list[str]) -> None:
    rest = [w for w in words[1:] if w != "WORK"]
    text = " ".join(rest)
    chain = text.startswith("AND CHAIN")
    if text not in ("", "AND CHAIN", "AND NO CHAIN", "RELEASE", "NO RELEASE", "AND NO CHAIN RELEASE"):
        raise mysql_error(1064, statement.text[:80], 1)
    before = ctx.transaction
    if words[0] == "COMMIT":
        await commit(ctx)
    else:
        await rollback(ctx)
    if chain:
        if before is not None:
            ctx.next_isolation, ctx.next_read_only = before.isolation, before.read_only
        begin(services, ctx)
    if text.endswith("RELEASE") and not text.endswith("NO RELEASE"):
        ctx.killed = True


def _name(statement: Statement) -> str:
    return statement.pieces[-1].strip("`").replace("``", "`").lower()


def set_transaction(services: InstanceServices, ctx: SessionContext, statement: Statement) -> Ok | None:
    """``SET [SESSION | GLOBAL] TRANSACTION ...``; None when the statement is another SET.

    Raises:
        MySQLError: 1568 inside a transaction, 1227 (GLOBAL), 1064.
    """
    words = [piece.upper() for piece in statement.pieces]
    scope = words[1] if len(words) > 1 and words[1] in ("SESSION", "LOCAL", "GLOBAL") else ""
    rest = words[2:] if scope else words[1:]
    if rest[:1] != ["TRANSACTION"]:
        return None
    if scope == "GLOBAL":
        privileges.check(services.engine.catalog, ctx, [("SYSTEM_VARIABLES_ADMIN", "", "")])
    where = "global" if scope == "GLOBAL" else "session"
    if not scope and ctx.transaction is not None:
        raise mysql_error(1568)
    for part in " ".join(rest[1:]).split(","):
        words_of = part.split()
        if words_of[:2] == ["ISOLATION", "LEVEL"] and "-".join(words_of[2:]) in _LEVELS:
            level = "-".join(words_of[2:])
            if scope:
                services.variables.set("transaction_isolation", level, ctx, where)
            else:
                ctx.next_isolation = level
        elif words_of in (["READ", "ONLY"], ["READ", "WRITE"]):
            if scope:
                services.variables.set("transaction_read_only", int(words_of[1] == "ONLY"), ctx, where)
            else:
                ctx.next_read_only = words_of[1] == "ONLY"
        else:
            raise mysql_error(1064, statement.text[:80], 1)
    return Ok()
