"""DML through the executor: each script is statements with their answers, in order."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from aurora_mysql.errors import MySQLError
from aurora_mysql.sql.admin.variables import SystemVariables
from aurora_mysql.sql.executor import Executor
from aurora_mysql.sql.result import Ok, ResultSet
from tests.support.schema_session import SchemaSession, with_session

#: (statement, answer): an int is affected rows, (affected, insert id) a pair, a list rows, a str "errno".
Script = Sequence[tuple[str, Any]]

KEYED = (
    "CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, a VARCHAR(10) DEFAULT 'x', n INT NOT NULL, UNIQUE KEY u (a))"
)

SCRIPTS: dict[str, Script] = {
    "auto_increment and duplicates": [
        (KEYED, 0),
        ("INSERT INTO t (a, n) VALUES ('p', 1), ('q', -2)", (2, 1)),
        ("INSERT INTO t SET a = 'r', n = 1 + 1", (1, 3)),
        ("INSERT INTO t (a, n) VALUES ('P', 1)", "1062"),
        ("INSERT INTO t (a) VALUES ('s')", "1364"),
        ("INSERT INTO t (a, n) VALUES ('s', NULL)", "1048"),
        ("INSERT INTO t (a, n) VALUES ('much too long', 1)", "1406"),
        ("INSERT INTO t (a, n) VALUES ('s')", "1136"),
        ("INSERT IGNORE INTO t (a, n) VALUES ('P', 1), ('w', 9)", 1),
        ("REPLACE INTO t (a, n) VALUES ('w', 10)", 2),
        ("INSERT INTO t (a, n) VALUES ('w', 3) ON DUPLICATE KEY UPDATE n = n + VALUES(n)", 2),
        ("INSERT INTO t (a, n) VALUES ('w', 3) AS new ON DUPLICATE KEY UPDATE n = n + new.n", 2),
        ("SELECT a, n FROM t ORDER BY a", [("p", 1), ("q", -2), ("r", 2), ("w", 16)]),
    ],
    "updates see earlier assignments and count changes": [
        (KEYED, 0),
        ("INSERT INTO t (id, a, n) VALUES (1, 'a', 1), (2, 'b', 2), (3, 'c', 3)", 3),
        ("UPDATE t SET n = n + 1 WHERE id = 1", 1),
        ("UPDATE t SET n = 2 WHERE id = 1", 0),
        ("UPDATE t SET n = n * 10, a = CONCAT(a, n) WHERE n > 1 ORDER BY id DESC LIMIT 2", 2),
        ("SELECT id, a, n FROM t ORDER BY id", [(1, "a", 2), (2, "b20", 20), (3, "c30", 30)]),
        ("UPDATE t SET id = 2 WHERE id = 1", "1062"),
        ("UPDATE t SET id = 7 WHERE id = 1", 1),
        ("UPDATE t SET n = NULL", "1048"),
        ("SELECT id FROM t ORDER BY id", [(2,), (3,), (7,)]),
        ("DELETE FROM t WHERE id = 7", 1),
        ("DELETE FROM t ORDER BY id LIMIT 1", 1),
        ("SELECT id FROM t", [(3,)]),
    ],
    "foreign keys and checks": [
        ("CREATE TABLE p (id INT PRIMARY KEY)", 0),
        (
            "CREATE TABLE c (id INT PRIMARY KEY, p INT, CHECK (p > 0), FOREIGN KEY (p) REFERENCES p (id)"
            " ON DELETE CASCADE)",
            0,
        ),
        ("CREATE TABLE r (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES p (id))", 0),
        ("INSERT INTO p VALUES (1), (2)", 2),
        ("INSERT INTO c VALUES (1, 1), (2, NULL)", 2),
        ("INSERT INTO c VALUES (3, 9)", "1452"),
        ("INSERT INTO c VALUES (3, -1)", "3819"),
        ("INSERT INTO r VALUES (1, 2)", 1),
        ("DELETE FROM p WHERE id = 2", "1451"),
        ("DELETE FROM p WHERE id = 1", 1),
        ("SELECT id FROM c", [(2,)]),
    ],
    "a failing statement leaves the transaction as it was": [
        (KEYED, 0),
        ("BEGIN", 0),
        ("INSERT INTO t (id, a, n) VALUES (1, 'a', 1)", 1),
        ("INSERT INTO t (id, a, n) VALUES (2, 'b', 1), (1, 'c', 1)", "1062"),
        ("SAVEPOINT s", 0),
        ("DELETE FROM t", 1),
        ("SELECT COUNT(*) FROM t", [(0,)]),
        ("ROLLBACK TO SAVEPOINT s", 0),
        ("SELECT id FROM t", [(1,)]),
        ("COMMIT", 0),
        ("SELECT id FROM t", [(1,)]),
    ],
    "joins, selects and tables without a key": [
        (KEYED, 0),
        ("CREATE TABLE h (a INT, b VARCHAR(5))", 0),
        ("INSERT INTO h VALUES (1, 'a'), (1, 'a'), (NULL, 'b')", 3),
        ("INSERT INTO t (a, n) SELECT DISTINCT b, 5 FROM h", 2),
        ("UPDATE t JOIN h ON h.b = t.a SET t.n = t.n + h.a WHERE h.a IS NOT NULL", 1),
        ("SELECT a, n FROM t ORDER BY a", [("a", 6), ("b", 5)]),
        ("DELETE h FROM h JOIN t ON t.a = h.b WHERE t.n = 6", 2),
        ("SELECT * FROM h", [(None, "b")]),
    ],
}


async def answer(executor: Executor, session: SchemaSession, sql: str) -> Any:
    try:
        (result,) = [r async for r in executor.execute(session.ctx, sql)]
    except MySQLError as error:
        return error
    if isinstance(result, ResultSet):
        assert isinstance(result.rows, list)
        return [tuple(row) for row in result.rows]
    return result


@pytest.mark.parametrize("name", list(SCRIPTS))
def test_script(tmp_path: Path, name: str) -> None:
    async def work(session: SchemaSession) -> None:
        session.services.variables = SystemVariables(session.services.cluster, session.engine, {})
        executor = Executor(session.services)
        for sql, expected in SCRIPTS[name]:
            found = await answer(executor, session, sql)
            if isinstance(expected, str):
                assert isinstance(found, MySQLError) and found.errno == int(expected), (sql, found)
            elif isinstance(expected, list):
                assert found == expected, sql
            elif isinstance(expected, tuple):
                assert isinstance(found, Ok) and (found.affected_rows, found.insert_id) == expected, (sql, found)
            else:
                assert isinstance(found, Ok) and found.affected_rows == expected, (sql, found)

    with_session(tmp_path, work)
