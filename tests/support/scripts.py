"""Statements with their answers, in order, through the executor of one engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from aurora_mysql.errors import MySQLError
from aurora_mysql.sql.admin.variables import SystemVariables
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.executor import Executor
from aurora_mysql.sql.known_statements import Cut, cut
from aurora_mysql.sql.plan import LATER, EncoderOf
from aurora_mysql.sql.result import Ok, Result, ResultColumn, ResultSet
from aurora_mysql.sql.shortcuts import Shortcut, begun, done, ended
from tests.support.schema_session import SchemaSession, with_session

#: (statement, answer): an int is affected rows, (affected, insert id) a pair, a list rows, a str "errno".
Script = Sequence[tuple[str, Any]]


class PlainEncoding:
    """Rows as they are, for shortcuts."""

    def encoder_of(self, columns: Sequence[ResultColumn]) -> EncoderOf:
        return lambda positions: lambda row: tuple([row[at] for at in positions])

    def finish(self, shortcut: Shortcut) -> Shortcut:
        return shortcut


PLAIN = PlainEncoding()


async def run_shortcut(executor: Executor, ctx: SessionContext, found: Cut) -> Result | None:
    """The answer at once, if the text has a shortcut that serves it now; what is to be durable is waited for."""
    table = executor.shortcuts(ctx, PLAIN)
    shortcut = None if table is None else table.of_text(ctx, found[0])
    if shortcut is None:
        return None
    status = executor.services.status
    if isinstance(shortcut, Shortcut):
        rows = shortcut.run(ctx, found[1])
        if rows is None:
            return None
        done(shortcut, ctx, len(rows), status)
        return ResultSet(shortcut.columns, list(rows))
    told: asyncio.Future[tuple[Ok, Exception | None]] = asyncio.get_running_loop().create_future()
    ok = shortcut.run(ctx, found[1], lambda *outcome: told.set_result(outcome))
    if ok is None:
        return None
    begun(shortcut, ctx, status)
    ok, error = await told if ok is LATER else (ok, None)
    error = ended(ctx, ok, error)
    if error is not None:
        raise error
    return ok


async def run_text(executor: Executor, ctx: SessionContext, sql: str) -> AsyncIterator[Result]:
    """As the session layer runs a text: a statement seen before takes the short ways."""
    found = cut(sql)
    at_once = None if found is None else await run_shortcut(executor, ctx, found)
    if at_once is not None:
        yield at_once
        return
    work = executor.known(ctx, sql, found)
    if work is not None:
        yield await work
        return
    async for result in executor.execute(ctx, sql):
        yield result


async def answer(executor: Executor, session: SchemaSession, sql: str) -> Any:
    try:
        (result,) = [r async for r in run_text(executor, session.ctx, sql)]
    except MySQLError as error:
        return error
    if isinstance(result, ResultSet):
        assert isinstance(result.rows, list)
        return [tuple(row) for row in result.rows]
    return result


def run_script(path: Path, script: Script) -> None:
    """Run `script` on a fresh engine in `path` and compare every answer."""

    async def work(session: SchemaSession) -> None:
        session.services.variables = SystemVariables(session.services.cluster, session.engine, {})
        executor = Executor(session.services)
        for sql, expected in script:
            found = await answer(executor, session, sql)
            if isinstance(expected, str):
                assert isinstance(found, MySQLError) and found.errno == int(expected), (sql, found)
            elif isinstance(expected, list):
                assert found == expected, (sql, found)
            elif isinstance(expected, tuple):
                assert isinstance(found, Ok) and (found.affected_rows, found.insert_id) == expected, (sql, found)
            else:
                assert isinstance(found, Ok) and found.affected_rows == expected, (sql, found)

    with_session(path, work)
