"""EXPLAIN of statements that write: checked as the statement would be, and nothing is written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from aurora_mysql.errors import MySQLError
from aurora_mysql.sql.admin.variables import SystemVariables
from aurora_mysql.sql.executor import Executor
from aurora_mysql.sql.result import ResultSet
from tests.support.schema_session import SchemaSession, with_session

#: statement -> (select_type, table, type, key, rows, Extra) of each line
CASES: dict[str, list[tuple[Any, ...]]] = {
    "UPDATE p SET name = 'x' WHERE id = 1": [("UPDATE", "p", "const", "PRIMARY", 1, None)],
    "UPDATE p SET name = 'x' WHERE name = 'b' ORDER BY id": [
        ("UPDATE", "p", "ALL", None, 2, "Using where; Using filesort")
    ],
    "UPDATE p a JOIN c ON c.pid = a.id SET a.name = 'z'": [
        ("UPDATE", "a", "eq_ref", "PRIMARY", 1, None),
        ("SIMPLE", "c", "ALL", None, 1, None),
    ],
    "DELETE FROM p": [("DELETE", None, None, None, 2, "Deleting all rows")],
    "DELETE FROM p WHERE name = 'a' LIMIT 1": [("DELETE", "p", "ALL", None, 2, "Using where")],
    "DELETE c FROM p JOIN c ON c.pid = p.id": [
        ("SIMPLE", "p", "eq_ref", "PRIMARY", 1, None),
        ("DELETE", "c", "ALL", None, 1, None),
    ],
    "INSERT INTO p VALUES (9, 'x')": [("INSERT", "p", "ALL", None, None, None)],
    "REPLACE INTO p VALUES (1, 'x')": [("REPLACE", "p", "ALL", None, None, None)],
    "INSERT INTO p SELECT id + 10, name FROM p": [
        ("INSERT", "p", "ALL", None, None, None),
        ("SIMPLE", "p", "ALL", None, 2, None),
    ],
}


async def rows(executor: Executor, session: SchemaSession, sql: str) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = []
    async for result in executor.execute(session.ctx, sql):
        if isinstance(result, ResultSet):
            assert isinstance(result.rows, list)
            found += result.rows
    return found


def test_explain_of_writes(tmp_path: Path) -> None:
    async def work(session: SchemaSession) -> None:
        session.services.variables = SystemVariables(session.services.cluster, session.engine, {})
        executor = Executor(session.services)
        for sql in (
            "CREATE TABLE p (id INT PRIMARY KEY, name VARCHAR(20))",
            "CREATE TABLE c (id INT PRIMARY KEY, pid INT)",
            "INSERT INTO p VALUES (1, 'a'), (2, 'b')",
            "INSERT INTO c VALUES (1, 1)",
        ):
            await rows(executor, session, sql)
        for sql, expected in CASES.items():
            found = await rows(executor, session, "EXPLAIN " + sql)
            assert [(r[1], r[2], r[4], r[6], r[9], r[11]) for r in found] == expected, sql
        for sql, errno in (
            ("EXPLAIN UPDATE nope SET a = 1", 1146),
            ("EXPLAIN UPDATE p SET nope = 1", 1054),
            ("EXPLAIN INSERT INTO p VALUES (1)", 1136),
            ("EXPLAIN ANALYZE DELETE FROM p", 1235),
            ("EXPLAIN FORMAT=XML DELETE FROM p", 1791),
        ):
            with pytest.raises(MySQLError) as refused:
                await rows(executor, session, sql)
            assert refused.value.errno == errno, sql
        ((text,),) = await rows(executor, session, "EXPLAIN FORMAT=JSON UPDATE p SET name = 'x' WHERE id = 1")
        table = json.loads(text)["query_block"]["table"]
        assert (table["update"], table["table_name"], table["key"]) == (True, "p", "PRIMARY")
        ((text,),) = await rows(executor, session, "EXPLAIN FORMAT=TREE DELETE FROM p WHERE name = 'a'")
        assert text.startswith("-> Delete p\n") and "name" in text
        assert await rows(executor, session, "SELECT * FROM p") == [(1, "a"), (2, "b")]

    with_session(tmp_path, work)
