"""Single-row writes: the short way (locks free, row in memory) says and leaves what the long way does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aurora_mysql.engine.transaction import Transaction
from aurora_mysql.errors import MySQLError
from aurora_mysql.sql.admin.variables import SystemVariables
from aurora_mysql.sql.executor import Executor
from tests.support.outcomes import Outcome, outcomes_of
from tests.support.schema_session import SchemaSession, with_session

TABLES = (
    "CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, n TINYINT NOT NULL DEFAULT 7, s VARCHAR(3) DEFAULT 'x')",
    "CREATE TABLE u (id INT PRIMARY KEY, code INT, UNIQUE KEY (code))",
    "CREATE TABLE checked (id INT PRIMARY KEY, n INT CHECK (n > 0))",
    "CREATE TABLE keyless (n INT)",
    "CREATE TABLE child (id INT PRIMARY KEY, t_id INT, FOREIGN KEY (t_id) REFERENCES t (id))",
    "CREATE VIEW v AS SELECT id, n, s FROM t WHERE n < 50 WITH CHECK OPTION",
)

#: Statement, and whether it goes the short way.
STATEMENTS = (
    ("INSERT INTO u VALUES (1, 10)", False),
    ("INSERT INTO u VALUES (2, 10)", False),
    ("INSERT INTO keyless VALUES (5)", True),
    ("INSERT INTO t (id, n, s) VALUES (0, 1, 'a')", True),
    ("INSERT INTO t (n, s) VALUES (2, 'b')", True),
    ("INSERT INTO t (id, n) VALUES (NULL, 3)", True),
    ("SELECT LAST_INSERT_ID()", False),
    ("INSERT INTO t VALUES (9, 4, NULL)", False),
    ("INSERT INTO t VALUES (9, 4, 'd')", False),
    ("INSERT INTO t (n) VALUES (5)", True),
    ("INSERT INTO t (n) VALUES (500)", False),
    ("INSERT INTO t (n, s) VALUES (1, 'long')", False),
    ("INSERT INTO t (n, s) VALUES (NULL, 'e')", False),
    ("INSERT INTO v (id, n, s) VALUES (30, 60, 'v')", False),
    ("INSERT INTO v (id, n, s) VALUES (30, 40, 'v')", False),
    ("INSERT INTO checked VALUES (1, 0)", False),
    ("SELECT * FROM t WHERE id = 1", False),
    ("UPDATE checked SET n = 0 WHERE id = 1", False),
    ("UPDATE u SET code = 11 WHERE id = 1", False),
    ("INSERT INTO child VALUES (1, 1)", False),
    ("INSERT INTO child VALUES (2, 999)", False),
    ("UPDATE child SET t_id = 999 WHERE id = 1", False),
    ("DELETE FROM t WHERE id = 1", False),
    ("DROP TABLE child", False),
    ("SELECT * FROM t WHERE id = 1", False),
    ("UPDATE t SET n = n + 1 WHERE id = 1", True),
    ("UPDATE t SET n = 2 WHERE id = 1", True),
    ("UPDATE t SET n = 500 WHERE id = 1", False),
    ("UPDATE t SET n = NULL WHERE id = 1", False),
    ("UPDATE v SET n = 60 WHERE id = 1", False),
    ("UPDATE t SET id = 77 WHERE id = 2", False),
    ("UPDATE t SET s = 'no' WHERE id = 50", True),
    ("BEGIN", False),
    ("INSERT INTO t VALUES (50, 1, 'x')", True),
    ("UPDATE t SET s = 'y' WHERE id = 50", True),
    ("SAVEPOINT a", False),
    ("DELETE FROM t WHERE id = 50", True),
    ("UPDATE t SET s = 'z' WHERE id = 50", True),
    ("INSERT INTO t VALUES (50, 2, 'n')", True),
    ("ROLLBACK TO a", False),
    ("COMMIT", False),
    ("DELETE FROM t WHERE id = 50", True),
    ("DELETE FROM t WHERE id = 51", True),
    ("SELECT * FROM t ORDER BY id", False),
    ("SELECT * FROM u ORDER BY id", False),
    ("SELECT * FROM keyless", False),
    ("SELECT * FROM checked", False),
)


def outcomes(path: Path) -> list[Outcome]:
    return outcomes_of(path, (*TABLES, *(sql for sql, _ in STATEMENTS)))


def test_the_short_way_is_as_the_long_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    short = outcomes(tmp_path / "short")
    monkeypatch.setattr(Transaction, "writable_now", lambda *_: None)
    long = outcomes(tmp_path / "long")
    assert short == long


def test_what_goes_the_short_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    use_table = Transaction.use_table

    async def long_way(self: Transaction, *arguments: Any) -> None:
        done.append("long")
        await use_table(self, *arguments)

    monkeypatch.setattr(Transaction, "use_table", long_way)

    async def work(session: SchemaSession) -> None:
        session.services.variables = SystemVariables(session.services.cluster, session.engine, {})
        executor = Executor(session.services)
        for sql in TABLES:
            _ = [r async for r in executor.execute(session.ctx, sql)]
        for sql, short in STATEMENTS:
            done.clear()
            try:
                _ = [r async for r in executor.execute(session.ctx, sql)]
            except MySQLError:
                assert not short, sql
            if sql.startswith(("INSERT", "UPDATE", "DELETE")) and short:
                assert not done, f"{sql} went the long way"

    with_session(tmp_path, work)
