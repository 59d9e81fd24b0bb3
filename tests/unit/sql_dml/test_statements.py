"""DML through the executor: each script is statements with their answers, in order."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from aurora_mysql.errors import MySQLError
from aurora_mysql.sql import planning as planning_module
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
    "on duplicate key update: other columns, several keys, LAST_INSERT_ID": [
        (
            "CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, a INT, b VARCHAR(9), c INT NOT NULL DEFAULT 5,"
            " UNIQUE ua (a), UNIQUE ub (b))",
            0,
        ),
        ("INSERT INTO t (a, b) VALUES (1, 'x'), (2, 'y'), (3, 'z')", (3, 1)),
        ("INSERT INTO t (a, b) VALUES (1, 'y') ON DUPLICATE KEY UPDATE c = 100", 2),
        ("INSERT INTO t (a, b) VALUES (9, 'Y') ON DUPLICATE KEY UPDATE a = VALUES(a), b = CONCAT(b, '!')", 2),
        ("INSERT INTO t (a, b) VALUES (3, 'n') ON DUPLICATE KEY UPDATE id = LAST_INSERT_ID(id), c = 7", (2, 3)),
        ("SELECT LAST_INSERT_ID()", [(3,)]),
        ("INSERT INTO t (a, b) VALUES (3, 'n') AS new (p, q) ON DUPLICATE KEY UPDATE c = p + 1, b = q", 2),
        ("INSERT INTO t (a, b) VALUES (3, 'n') ON DUPLICATE KEY UPDATE c = DEFAULT", 2),
        ("SELECT a, b, c FROM t ORDER BY id", [(1, "x", 100), (9, "y!", 5), (3, "n", 5)]),
        ("CREATE TABLE s (a INT, extra INT)", 0),
        ("INSERT INTO s VALUES (1, 11), (3, 33), (4, 44)", 3),
        ("INSERT INTO t (a) SELECT s.a FROM s ON DUPLICATE KEY UPDATE c = s.extra + t.a", 5),
        ("SELECT a, c FROM t ORDER BY a", [(1, 12), (3, 36), (4, 5), (9, 5)]),
        ("UPDATE t SET c = LAST_INSERT_ID(c + 1) WHERE a = 9", (1, 6)),
        ("SELECT LAST_INSERT_ID()", [(6,)]),
    ],
    "generated values as InnoDB reserves them": [
        (KEYED, 0),
        ("INSERT INTO t (a, n) VALUES ('p', 1)", (1, 1)),
        ("INSERT IGNORE INTO t (a, n) VALUES ('p', 1), ('q', 1), ('r', 1)", (2, 2)),
        ("INSERT INTO t (a, n) VALUES ('s', 1)", (1, 5)),
        ("INSERT INTO t (a, n) SELECT CONCAT(a, a), n FROM t", (4, 6)),
        ("INSERT INTO t (a, n) VALUES ('v', 1)", (1, 13)),
        ("SELECT a, id FROM t WHERE id < 6 ORDER BY id", [("p", 1), ("q", 2), ("r", 3), ("s", 5)]),
    ],
    "modifiers, WITH and targets with stars": [
        (KEYED, 0),
        ("INSERT INTO t (id, a, n) VALUES (1, 'a', 1), (2, 'b', 2), (3, 'c', 3), (4, 'd', 4)", 4),
        ("UPDATE LOW_PRIORITY IGNORE t SET a = 'same', n = 9 WHERE id > 2", 1),
        ("UPDATE IGNORE t SET n = NULL WHERE id = 1", 1),
        ("WITH x AS (SELECT 2 AS id) UPDATE t SET n = 20 WHERE id IN (SELECT id FROM x)", 1),
        ("SELECT id, n FROM t WHERE id < 3 ORDER BY id", [(1, 0), (2, 20)]),
        ("WITH x AS (SELECT 2 AS id) DELETE FROM t WHERE id IN (SELECT id FROM x)", 1),
        ("DELETE LOW_PRIORITY QUICK IGNORE FROM t WHERE id = 1", 1),
        ("DELETE t.* FROM t JOIN (SELECT 3 AS id) x USING (id)", 1),
        ("DELETE FROM t USING t JOIN (SELECT 4 AS id) x USING (id)", 1),
    ],
    "cascades: counted once, over levels, with other keys of the child": [
        ("CREATE TABLE tree (id INT PRIMARY KEY, up INT, FOREIGN KEY (up) REFERENCES tree (id) ON DELETE CASCADE)", 0),
        ("INSERT INTO tree VALUES (1, NULL), (2, 1), (3, 2), (4, NULL)", 4),
        ("INSERT INTO tree VALUES (6, 7), (7, NULL)", "1452"),
        ("DELETE FROM tree WHERE id < 4", 1),
        ("SELECT id FROM tree", [(4,)]),
        ("CREATE TABLE p (id INT PRIMARY KEY)", 0),
        (
            "CREATE TABLE c (id INT PRIMARY KEY, p INT, UNIQUE (p),"
            " FOREIGN KEY (p) REFERENCES p (id) ON UPDATE CASCADE ON DELETE SET NULL)",
            0,
        ),
        ("INSERT INTO p VALUES (1), (2)", 2),
        ("INSERT INTO c VALUES (1, 1), (2, 2)", 2),
        ("UPDATE p SET id = 5 WHERE id = 1", 1),
        ("SELECT id, p FROM c ORDER BY id", [(1, 5), (2, 2)]),
        ("SET foreign_key_checks = 0", 0),
        ("INSERT INTO c VALUES (3, 99)", 1),
        ("DELETE FROM p WHERE id = 5", 1),
        ("SET foreign_key_checks = 1", 0),
        ("UPDATE c SET id = 4 WHERE id = 3", "1452"),
        ("INSERT INTO p VALUES (6)", 1),
        ("UPDATE p SET id = 99 WHERE id = 2", "1761"),
    ],
    "bytes that are no text, and JSON in order": [
        ("CREATE TABLE b (id INT PRIMARY KEY AUTO_INCREMENT, d BLOB, j JSON)", 0),
        ("INSERT INTO b (d) VALUES (_binary '\udcff\\0\udcfe'), ('\udcff')", (2, 1)),
        ("SELECT id, HEX(d) FROM b WHERE d = _binary '\udcff' OR d > '\udcff' ORDER BY id", [(1, "FF00FE"), (2, "FF")]),
        ("UPDATE b SET d = _binary '\udcc3', j = '[1]' WHERE id = 1", 1),
        ("INSERT INTO b (j) VALUES ('10'), ('-2.5'), ('9'), ('\"9\"'), ('null'), ('{}'), ('true')", (7, 3)),
        (
            "SELECT j FROM b ORDER BY j, id",
            [(None,), ("null",), ("-2.5",), ("9",), ("10",), ('"9"',), ("{}",), ("[1]",), ("true",)],
        ),
        ("SELECT EXISTS((SELECT id, d FROM b) INTERSECT (SELECT id, d FROM b))", [(1,)]),
    ],
    "many rows at once": [
        (KEYED, 0),
        ("INSERT INTO t (a, n) VALUES " + ", ".join(f"('k{i}', {i})" for i in range(100)), (100, 1)),
        ("INSERT INTO t (a, n) VALUES " + ", ".join(f"('m{i % 90}', {i})" for i in range(100)), "1062"),
        ("INSERT INTO t (a, n) VALUES " + ", ".join(f"('K{i}', {i})" for i in range(90, 120)), "1062"),
        ("INSERT IGNORE INTO t (a, n) VALUES " + ", ".join(f"('K{i}', {i})" for i in range(90, 120)), 20),
        ("REPLACE INTO t (a, n) VALUES " + ", ".join(f"('k{i}', {-i})" for i in range(30)), 60),
        ("SELECT COUNT(*), SUM(n) FROM t", [(120, 6270)]),
        ("CREATE TABLE copy LIKE t", 0),
        ("INSERT INTO copy SELECT * FROM t", 120),
        ("INSERT INTO copy SELECT * FROM t", "1062"),
        ("SELECT COUNT(*), SUM(n) FROM copy", [(120, 6270)]),
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


def test_a_long_statement_is_parsed_beside_the_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Rows that don't look alike: the parser sees them all.
    rows = ", ".join(f"({i}, 'x')" if i % 2 else f"({i}, CONCAT('x', {i}))" for i in range(2000))
    threads: list[int] = []
    parse = planning_module.parse_shape

    def seen(*arguments: Any) -> Any:
        threads.append(threading.get_ident())
        return parse(*arguments)

    async def work(session: SchemaSession) -> None:
        session.services.variables = SystemVariables(session.services.cluster, session.engine, {})
        executor = Executor(session.services)
        await answer(executor, session, "CREATE TABLE t (id INT PRIMARY KEY, a VARCHAR(10))")
        monkeypatch.setattr(planning_module, "parse_shape", seen)
        result = await answer(executor, session, f"INSERT INTO t VALUES {rows}")
        assert isinstance(result, Ok) and result.affected_rows == 2000
        assert await answer(executor, session, "SELECT COUNT(*), MAX(a) FROM t") == [(2000, "x998")]
        assert threads and threading.get_ident() not in threads
        wrong = await answer(executor, session, f"INSERT INTO t VALUES {rows}, (1")
        assert isinstance(wrong, MySQLError) and wrong.errno == 1064

    with_session(tmp_path, work)
