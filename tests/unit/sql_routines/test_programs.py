"""Stored procedures and triggers through the executor: each script is statements with all their answers, in order."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from aurora_mysql.catalog.model import Creation, Routine, Trigger
from aurora_mysql.errors import MySQLError
from aurora_mysql.sql.admin.variables import SystemVariables
from aurora_mysql.sql.executor import Executor
from aurora_mysql.sql.fingerprint import split
from aurora_mysql.sql.result import Ok, ResultSet
from aurora_mysql.sql.routines.program import program_of, trigger_program
from tests.support.schema_session import SchemaSession, with_session

#: (statement, answers): a list of rows for each result set, an int for affected rows, "errno" for an error.
Script = Sequence[tuple[str, Sequence[Any]]]

TABLE = "CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(20) NOT NULL, n INT DEFAULT 0)"
LOG = "CREATE TABLE l (id INT PRIMARY KEY AUTO_INCREMENT, what VARCHAR(100))"
ALL = "SELECT what FROM l ORDER BY id"

SCRIPTS: dict[str, Script] = {
    "triggers of every kind": [
        (TABLE, [0]),
        (LOG, [0]),
        ("CREATE TRIGGER a BEFORE INSERT ON t FOR EACH ROW SET NEW.name = UPPER(IFNULL(NEW.name, 'none'))", [0]),
        ("CREATE TRIGGER b AFTER INSERT ON t FOR EACH ROW INSERT INTO l SET what = CONCAT('+', NEW.name, NEW.id)", [0]),
        (
            "CREATE TRIGGER c BEFORE UPDATE ON t FOR EACH ROW BEGIN IF NEW.n < 0 THEN SIGNAL SQLSTATE '45000' SET"
            " MESSAGE_TEXT = 'negative'; ELSEIF NEW.n <> OLD.n THEN SET NEW.name = CONCAT(NEW.name, '*'); END IF; END",
            [0],
        ),
        ("CREATE TRIGGER d AFTER UPDATE ON t FOR EACH ROW INSERT INTO l (what) VALUES (CONCAT('=', NEW.name))", [0]),
        ("CREATE TRIGGER e BEFORE DELETE ON t FOR EACH ROW INSERT INTO l (what) VALUES (CONCAT('-', OLD.name))", [0]),
        ("CREATE TRIGGER f AFTER DELETE ON t FOR EACH ROW FOLLOWS e SET @gone = OLD.id", ["3011"]),
        ("CREATE TRIGGER f AFTER DELETE ON t FOR EACH ROW SET @gone = OLD.id", [0]),
        ("INSERT INTO t (name) VALUES ('x'), (NULL)", [2]),
        ("SELECT LAST_INSERT_ID()", [[(1,)]]),
        ("UPDATE t SET n = 5 WHERE id = 1", [1]),
        ("UPDATE t SET n = -1", ["1644"]),
        ("UPDATE t SET n = n WHERE id = 2", [0]),
        ("REPLACE INTO t (id, name) VALUES (2, 'new')", [2]),
        ("INSERT INTO t (id, name) VALUES (2, 'q') ON DUPLICATE KEY UPDATE n = 1", [2]),
        ("DELETE FROM t WHERE id = 2", [1]),
        ("SELECT @gone", [[(2,)]]),
        (ALL, [[("+X1",), ("+NONE2",), ("=X*",), ("=NONE",), ("-NONE",), ("+NEW2",), ("=NEW*",), ("-NEW*",)]]),
        ("SELECT id, name, n FROM t", [[(1, "X*", 5)]]),
        ("DROP TRIGGER a", [0]),
        ("DROP TRIGGER a", ["1360"]),
        ("INSERT INTO t (id, name) VALUES (9, 'small')", [1]),
        ("DROP TABLE t", [0]),
        ("SELECT TRIGGER_NAME FROM information_schema.TRIGGERS", [[]]),
    ],
    "a trigger that fails takes its statement along": [
        (TABLE, [0]),
        (LOG, [0]),
        ("CREATE TRIGGER a AFTER INSERT ON t FOR EACH ROW INSERT INTO l (id, what) VALUES (NEW.n, NEW.name)", [0]),
        ("INSERT INTO t (name, n) VALUES ('a', 1), ('b', 1)", ["1062"]),
        ("SELECT COUNT(*) FROM t", [[(0,)]]),
        (ALL, [[]]),
        ("INSERT IGNORE INTO t (name, n) VALUES ('a', 1), ('b', 1), ('c', 2)", ["1062"]),
        (ALL, [[]]),
        ("CREATE TRIGGER z AFTER INSERT ON l FOR EACH ROW DELETE FROM t", [0]),
        ("INSERT INTO t (name, n) VALUES ('d', 7)", ["1442"]),
        ("CREATE TRIGGER y BEFORE INSERT ON t FOR EACH ROW SELECT 1", ["1415"]),
        ("CREATE TRIGGER x BEFORE DELETE ON t FOR EACH ROW COMMIT", ["1422"]),
        ("CREATE PROCEDURE rows_of() SELECT 1", [0]),
        ("CREATE PROCEDURE ends() COMMIT", [0]),
        ("CREATE TRIGGER y BEFORE INSERT ON t FOR EACH ROW CALL rows_of()", [0]),
        ("INSERT INTO t (name) VALUES ('e')", ["1415"]),
        ("CREATE TRIGGER x BEFORE DELETE ON t FOR EACH ROW CALL ends()", [0]),
        ("DROP TRIGGER a", [0]),
        ("DROP TRIGGER y", [0]),
        ("INSERT INTO t (name) VALUES ('g')", [1]),
        ("DELETE FROM t", ["1422"]),
        ("CREATE TRIGGER w BEFORE INSERT ON v FOR EACH ROW SET @a = 1", ["1146"]),
        ("CREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW SET @a = 1", ["1359"]),
        ("CREATE TRIGGER v BEFORE UPDATE ON t FOR EACH ROW SET OLD.n = 1", ["1362"]),
        ("RENAME TABLE l TO m", [0]),
        ("SELECT EVENT_OBJECT_TABLE FROM information_schema.TRIGGERS WHERE TRIGGER_NAME = 'z'", [[("m",)]]),
    ],
    "parameters, loops and results": [
        (
            "CREATE PROCEDURE p (IN x INT, OUT y INT, INOUT z VARCHAR(20)) BEGIN DECLARE i INT DEFAULT 0;"
            " WHILE i < x DO SET i = i + 1; END WHILE; SET y = i * 2, z = CONCAT(z, '!'); SELECT i, x; SELECT z; END",
            [0],
        ),
        ("SET @z = 'a'", [0]),
        ("CALL p(3, @y, @z)", [[(3, 3)], [("a!",)], 0]),
        ("SELECT @y, @z", [[(6, "a!")]]),
        ("CALL p(3, @y)", ["1318"]),
        ("CALL p(3, 4, @z)", ["1414"]),
        ("CALL q()", ["1305"]),
        (
            "CREATE PROCEDURE q (k INT) l1: BEGIN CASE k WHEN 1 THEN SELECT 'one'; WHEN 2 THEN LEAVE l1; ELSE SELECT"
            " 'many'; END CASE; l2: LOOP SET k = k - 1; IF k > 5 THEN ITERATE l2; END IF; LEAVE l2; END LOOP;"
            " REPEAT SET k = k - 2; UNTIL k < 0 END REPEAT; SELECT k; CALL p(k, @y, @z); END",
            [0],
        ),
        ("CALL q(1)", [[("one",)], [(-2,)], [(0, -2)], [("a!!",)], 0]),
        ("CALL q(2)", [0]),
        ("CALL q(9)", [[("many",)], [(-1,)], [(0, -1)], [("a!!!",)], 0]),
        ("CREATE PROCEDURE r () CASE 1 WHEN 2 THEN SELECT 1; END CASE", [0]),
        ("CALL r()", ["1339"]),
        ("CREATE PROCEDURE P () SELECT 1", ["1304"]),
        ("CREATE PROCEDURE IF NOT EXISTS p () SELECT 1", [0]),
        ("DROP PROCEDURE p", [0]),
        ("DROP PROCEDURE IF EXISTS p", [0]),
        ("DROP PROCEDURE p", ["1305"]),
    ],
    "variables in statements": [
        (TABLE, [0]),
        (
            "CREATE PROCEDURE p (id INT, a VARCHAR(20)) BEGIN DECLARE n INT DEFAULT 7; DECLARE v INT;"
            " INSERT INTO t (id, name, n) VALUES (id, a, n + 1); UPDATE t SET n = n * 2, name = CONCAT(a, '-', n)"
            " WHERE t.id = id; SELECT t.n, name FROM t WHERE t.id = id; SELECT COUNT(*), MAX(t.n) INTO v, @m FROM t;"
            " SELECT v, @m AS m; DELETE FROM t WHERE t.id = id; SET @o = n, n = 8; SELECT n, @o AS o; END",
            [0],
        ),
        ("CALL p(3, 'it''s')", [[(14, "it's-7")], [(1, 14)], [(8, 7)], 0]),
    ],
    "cursors and handlers": [
        (TABLE, [0]),
        ("INSERT INTO t (name) VALUES ('a'), ('b'), ('c')", [3]),
        (
            "CREATE PROCEDURE p () BEGIN DECLARE done, a, total INT DEFAULT 0; DECLARE s VARCHAR(20) DEFAULT '';"
            " DECLARE b VARCHAR(20); DECLARE c CURSOR FOR SELECT id, name FROM t ORDER BY id DESC;"
            " DECLARE CONTINUE HANDLER FOR NOT FOUND SET done = 1; OPEN c; l: LOOP FETCH c INTO a, b; IF done THEN"
            " LEAVE l; END IF; SET total = total + a, s = CONCAT(s, b); END LOOP; CLOSE c; SELECT total, s; END",
            [0],
        ),
        ("CALL p()", [[(6, "cba")], 0]),
        (
            "CREATE PROCEDURE q () BEGIN DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN GET DIAGNOSTICS CONDITION 1"
            " @e = MYSQL_ERRNO, @s = RETURNED_SQLSTATE; SELECT 'caught'; END; INSERT INTO t (id, name) VALUES (1, 'x');"
            " SELECT 'not here'; END",
            [0],
        ),
        ("CALL q()", [[("caught",)], 0]),
        ("SELECT @e, @s", [[(1062, "23000")]]),
        (
            "CREATE PROCEDURE r () BEGIN DECLARE dup CONDITION FOR SQLSTATE '23000'; DECLARE CONTINUE HANDLER FOR dup"
            " SET @seen = 'state'; DECLARE CONTINUE HANDLER FOR 1062 SET @seen = 'number'; BEGIN DECLARE EXIT HANDLER"
            " FOR 1146 RESIGNAL SET MESSAGE_TEXT = 'again'; INSERT INTO t (id, name) VALUES (1, 'x'); SELECT @seen;"
            " SELECT * FROM missing; END; SELECT 'never'; END",
            [0],
        ),
        ("CALL r()", [[("number",)], "1146"]),
        ("CREATE PROCEDURE s () SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'mine', MYSQL_ERRNO = 5000", [0]),
        ("CALL s()", ["5000"]),
        ("CREATE PROCEDURE u () BEGIN DECLARE v INT; SELECT id INTO v FROM t; END", [0]),
        ("CALL u()", ["1172"]),
    ],
    "transactions in a procedure": [
        (TABLE, [0]),
        (
            "CREATE PROCEDURE p (keep INT) BEGIN DECLARE CONTINUE HANDLER FOR 1062 SET @dup = keep; START TRANSACTION;"
            " INSERT INTO t (id, name) VALUES (10 + keep, 'a'); INSERT INTO t (id, name) VALUES (10 + keep, 'b');"
            " IF keep THEN COMMIT; ELSE ROLLBACK; END IF; END",
            [0],
        ),
        ("CALL p(1)", [0]),
        ("CALL p(0)", [0]),
        ("SELECT id, @dup FROM t", [[(11, 0)]]),
    ],
    "what a body is refused for": [
        ("CREATE PROCEDURE p () BEGIN DECLARE x, x INT; END", ["1331"]),
        ("CREATE PROCEDURE p () BEGIN LEAVE l; END", ["1308"]),
        ("CREATE PROCEDURE p () l: LOOP l: LOOP LEAVE l; END LOOP; END LOOP", ["1309"]),
        ("CREATE PROCEDURE p () RETURN 1", ["1313"]),
        ("CREATE PROCEDURE p () BEGIN OPEN c; END", ["1324"]),
        ("CREATE PROCEDURE p () BEGIN DECLARE c CURSOR FOR DELETE FROM t; END", ["1322"]),
        ("CREATE PROCEDURE p () BEGIN DECLARE c CURSOR FOR SELECT 1; DECLARE x INT; END", ["1337"]),
        ("CREATE PROCEDURE p () BEGIN DECLARE EXIT HANDLER FOR nothing SET @a = 1; END", ["1319"]),
        ("CREATE PROCEDURE p () LOCK TABLES t READ", ["1314"]),
        ("CREATE PROCEDURE p () BEGIN SELECT 1 END", ["1064"]),
        ("CREATE PROCEDURE p () BEGIN SELECT 1;", ["1064"]),
        ("CREATE FUNCTION f () RETURNS INT BEGIN END", ["1320"]),
        ("CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO RETURN 1", ["1313"]),
    ],
}  # fmt: skip


async def answers(executor: Executor, session: SchemaSession, sql: str) -> list[Any]:
    found: list[Any] = []
    try:
        async for result in executor.execute(session.ctx, sql):
            if isinstance(result, ResultSet):
                batches = [result.rows] if isinstance(result.rows, Sequence) else [b async for b in result.rows]
                found.append([tuple(row) for batch in batches for row in batch])
            else:
                assert isinstance(result, Ok)
                found.append(result.affected_rows)
    except MySQLError as error:
        found.append(str(error.errno))
    return found


@pytest.mark.parametrize("name", list(SCRIPTS))
def test_script(tmp_path: Path, name: str) -> None:
    async def work(session: SchemaSession) -> None:
        session.services.variables = SystemVariables(session.services.cluster, session.engine, {})
        executor = Executor(session.services)
        for sql, expected in SCRIPTS[name]:
            assert await answers(executor, session, sql) == list(expected), sql

    with_session(tmp_path, work)


def test_an_endless_loop_holds_up_nobody_and_can_be_killed(tmp_path: Path) -> None:
    async def work(session: SchemaSession) -> None:
        session.services.variables = SystemVariables(session.services.cluster, session.engine, {})
        executor = Executor(session.services)
        body = "BEGIN DECLARE n INT DEFAULT 0; WHILE n < 1000 DO SET n = n % 10 + 1; END WHILE; RETURN n; END"
        await answers(executor, session, f"CREATE FUNCTION spin() RETURNS INT {body}")
        running = asyncio.ensure_future(answers(executor, session, "SELECT spin()"))
        for _ in range(20):  # the loop goes on, and so do others
            await asyncio.sleep(0.005)
        assert not running.done()
        session.ctx.interrupt(whole_connection=False)
        assert await asyncio.wait_for(running, 10) == ["1317"]

    with_session(tmp_path, work)


def test_a_definition_is_one_statement_whatever_is_in_it() -> None:
    body = "BEGIN IF a THEN SELECT CASE WHEN 1 THEN 2 END; END IF; WHILE 0 DO SELECT 1; END WHILE; END"
    found = split(
        f"CREATE PROCEDURE p (a INT) {body}; CREATE TRIGGER t AFTER DELETE ON x FOR EACH ROW {body}; SELECT 1"
    )
    assert [s.verb for s in found] == ["CREATE", "CREATE", "SELECT"]
    assert found[0].text.endswith(body)
    (dumped,) = split("/*!50003 CREATE*/ /*!50017 DEFINER=`a`@`b`*/ /*!50003 TRIGGER t AFTER DELETE ON x FOR EACH ROW"
                      " BEGIN SELECT 1; END */")  # fmt: skip
    assert "*/" not in dumped.text and "/*!" not in dumped.text


def test_programs_are_parsed_once() -> None:
    routine = Routine("d", "p", "PROCEDURE", "a INT, INOUT b DECIMAL(5,2)", "SET b = a", creation=Creation("x@y"))
    assert program_of(routine) is program_of(routine)
    assert [(p.name, p.mode) for p in program_of(routine).parameters] == [("a", "IN"), ("b", "INOUT")]
    trigger = Trigger("d", "t", "x", "BEFORE", "INSERT", "SET NEW.a = 1")
    assert trigger_program(trigger) is trigger_program(trigger)
