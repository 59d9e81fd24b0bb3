"""What statements do to a fresh engine, to be compared with what they do another way."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from aurora_mysql.errors import MySQLError
from aurora_mysql.sql.admin.variables import SystemVariables
from aurora_mysql.sql.executor import Executor
from aurora_mysql.sql.result import Ok, ResultSet
from tests.support.schema_session import SchemaSession, with_session

#: The statement; its rows, (affected, insert id, info) or error; the warnings that it leaves.
Outcome = tuple[str, Any, list[str]]


def outcomes_of(path: Path, statements: Iterable[str]) -> list[Outcome]:
    """Of each of the statements, run one after the other."""
    found: list[Outcome] = []

    async def work(session: SchemaSession) -> None:
        session.services.variables = SystemVariables(session.services.cluster, session.engine, {})
        executor = Executor(session.services)
        for sql in statements:
            outcome: Any
            try:
                (result,) = [r async for r in executor.execute(session.ctx, sql)]
            except MySQLError as error:
                outcome = (error.errno, error.message)
            else:
                if isinstance(result, ResultSet):
                    assert isinstance(result.rows, list)
                    outcome = [tuple(row) for row in result.rows]
                else:
                    assert isinstance(result, Ok)
                    outcome = (result.affected_rows, result.insert_id, result.info)
            found.append((sql, outcome, [w.message for w in session.ctx.warnings]))

    with_session(path, work)
    return found
