"""Statements with their answers, in order, through the executor of one engine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from aurora_mysql.errors import MySQLError
from aurora_mysql.sql.admin.variables import SystemVariables
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.executor import Executor
from aurora_mysql.sql.result import Ok, Result, ResultSet
from tests.support.schema_session import SchemaSession, with_session

#: (statement, answer): an int is affected rows, (affected, insert id) a pair, a list rows, a str "errno".
Script = Sequence[tuple[str, Any]]


async def run_text(executor: Executor, ctx: SessionContext, sql: str) -> AsyncIterator[Result]:
    """As the session layer runs a text: a statement seen before takes the short way."""
    work = executor.known(ctx, sql)
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
