"""Schema statements together with the rows they act on."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from tests.support.scripts import Script, run_script

SCRIPTS: dict[str, Script] = {
    "a temporary table hides another one, and obeys transactions": [
        ("CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(9))", 0),
        ("INSERT INTO t VALUES (1, 'base')", 1),
        ("CREATE TEMPORARY TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, v VARCHAR(9), UNIQUE KEY u (v))", 0),
        ("CREATE TEMPORARY TABLE t (a INT)", "1050"),
        ("CREATE TEMPORARY TABLE IF NOT EXISTS t (a INT)", 0),
        ("SELECT COUNT(*) FROM t", [(0,)]),
        ("INSERT INTO t (v) VALUES ('a'), ('b')", (2, 1)),
        ("INSERT INTO t (v) VALUES ('A')", "1062"),
        ("BEGIN", 0),
        ("UPDATE t SET v = 'c' WHERE v = 'b'", 1),
        ("SAVEPOINT s", 0),
        ("DELETE FROM t WHERE id = 1", 1),
        ("SELECT id, v FROM t ORDER BY id", [(2, "c")]),
        ("ROLLBACK TO SAVEPOINT s", 0),
        ("INSERT INTO t (v) VALUES ('b')", (1, 4)),
        ("SELECT v FROM t WHERE id = 4", [("b",)]),
        ("ROLLBACK", 0),
        ("SELECT id, v FROM t ORDER BY id", [(1, "a"), (2, "b")]),
        ("SELECT x.v, y.v FROM t x JOIN t y ON x.id < y.id", [("a", "b")]),
        ("ALTER TABLE t ADD n INT NOT NULL DEFAULT (CHAR_LENGTH(v) * 2), RENAME TO tt", 2),
        ("SELECT * FROM tt ORDER BY id", [(1, "a", 2), (2, "b", 2)]),
        ("SELECT * FROM t", [(1, "base")]),
        ("TRUNCATE TABLE tt", 0),
        ("INSERT INTO tt (v) VALUES ('z')", (1, 1)),
        ("DROP TABLE tt, t", 0),
        ("SELECT * FROM tt", "1146"),
        ("SELECT * FROM t", "1146"),
        ("DROP TEMPORARY TABLE tt", "1051"),
        ("DROP TEMPORARY TABLE IF EXISTS tt", 0),
    ],
    "create table from a query": [
        ("CREATE TABLE s (id INT PRIMARY KEY AUTO_INCREMENT, v VARCHAR(9) NOT NULL DEFAULT 'x', d DECIMAL(6,2))", 0),
        ("INSERT INTO s (v, d) VALUES ('a', 1.5), ('b', 2)", (2, 1)),
        ("CREATE TABLE c AS SELECT id, v, d * 2 AS dd, CONCAT(v, '!') AS w FROM s", 2),
        ("SELECT * FROM c ORDER BY id", [(1, "a", Decimal("3.00"), "a!"), (2, "b", Decimal("4.00"), "b!")]),
        ("CREATE TABLE c SELECT 1", "1050"),
        ("CREATE TABLE IF NOT EXISTS c SELECT 1", 0),
        ("CREATE TABLE k (n INT PRIMARY KEY AUTO_INCREMENT, v CHAR(1)) SELECT v, d FROM s", 2),
        ("SELECT n, v, d FROM k ORDER BY n", [(1, "a", Decimal("1.50")), (2, "b", Decimal("2.00"))]),
        ("INSERT INTO k (v) VALUES ('z')", (1, 4)),
        ("CREATE TABLE u (v CHAR(1) PRIMARY KEY) SELECT 'q' AS v UNION ALL SELECT 'Q'", "1062"),
        ("SELECT * FROM u", "1146"),
        ("CREATE TABLE u (v CHAR(1) PRIMARY KEY) IGNORE SELECT 'q' AS v UNION ALL SELECT 'Q'", 1),
        ("CREATE TEMPORARY TABLE m SELECT v, COUNT(*) AS n FROM s GROUP BY v", 2),
        ("SELECT SUM(n) FROM m", [(Decimal(2),)]),
        ("CREATE TABLE long_text SELECT REPEAT('x', 300) AS r", 1),
        ("SELECT LENGTH(r) FROM long_text", [(300,)]),
    ],
    "full-text and functional keys": [
        (
            "CREATE TABLE f (id INT PRIMARY KEY, t TEXT, v VARCHAR(20), FULLTEXT KEY ft (t, v), KEY fx ((id + 1)), "
            "UNIQUE KEY fu ((LOWER(v))))",
            0,
        ),
        ("INSERT INTO f VALUES (1, 'some text', 'Abc')", 1),
        ("INSERT INTO f VALUES (2, 'x', 'ABC')", "1062"),
        ("SELECT * FROM f", [(1, "some text", "Abc")]),
        ("ALTER TABLE f RENAME COLUMN v TO w", "3837"),
        ("ALTER TABLE f DROP KEY fu, ADD KEY g ((id * 2), v), DROP KEY ft", 0),
        ("INSERT INTO f VALUES (2, 'x', 'ABC')", 1),
        (
            "SHOW CREATE TABLE f",
            [
                (
                    "f",
                    "CREATE TABLE `f` (\n  `id` int NOT NULL,\n  `t` text,\n  `v` varchar(20) DEFAULT NULL,\n"
                    "  PRIMARY KEY (`id`),\n  KEY `fx` (((`id` + 1))),\n  KEY `g` (((`id` * 2)),`v`)\n) "
                    "ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_ai_ci",
                )
            ],
        ),
        ("CREATE TABLE n (a INT, KEY ((a)))", "3758"),
        ("CREATE TABLE n (a TEXT, PRIMARY KEY ((LENGTH(a))))", "3756"),
        ("CREATE TABLE n (a INT, FULLTEXT KEY (a))", "1283"),
    ],
    "names swap, and strictness decides about NULLs": [
        ("CREATE TABLE a (id INT PRIMARY KEY, v INT)", 0),
        ("CREATE TABLE b (id INT PRIMARY KEY, v INT)", 0),
        ("INSERT INTO a VALUES (1, NULL)", 1),
        ("RENAME TABLE a TO c, b TO a, c TO b", 0),
        ("RENAME TABLE a TO d, b TO a", 0),
        ("SELECT * FROM a", [(1, None)]),
        ("ALTER TABLE a MODIFY v INT NOT NULL", "1138"),
        ("SET sql_mode = ''", 0),
        ("ALTER TABLE a MODIFY v INT NOT NULL", 1),
        ("SELECT * FROM a", [(1, 0)]),
    ],
    "what tools read": [
        ("CREATE TABLE r (id INT PRIMARY KEY, v VARCHAR(9), KEY ((UPPER(v))))", 0),
        ("INSERT INTO r VALUES (1, 'a'), (2, 'b')", 2),
        ("SELECT TABLE_ROWS <= 2 FROM information_schema.TABLES WHERE TABLE_NAME = 'r'", [(1,)]),
        (
            "SELECT INDEX_NAME, COLUMN_NAME, EXPRESSION FROM information_schema.STATISTICS WHERE TABLE_NAME = 'r' "
            "ORDER BY 1",
            [("functional_index", None, "upper(`v`)"), ("PRIMARY", "id", None)],
        ),
        ("SELECT COLUMN_NAME FROM information_schema.COLUMNS WHERE TABLE_NAME = 'r' ORDER BY 1", [("id",), ("v",)]),
        ("BEGIN", 0),
        ("UPDATE r SET v = 'z' WHERE id = 2", 1),
        (
            "SELECT trx_state, trx_rows_modified, trx_tables_locked FROM information_schema.innodb_trx",
            [("RUNNING", 1, 1)],
        ),
        (
            "SELECT OBJECT_NAME, INDEX_NAME, LOCK_MODE, LOCK_DATA FROM performance_schema.data_locks "
            "WHERE LOCK_TYPE = 'RECORD'",
            [("r", "PRIMARY", "X,REC_NOT_GAP", "2")],
        ),
        ("ROLLBACK", 0),
        ("SELECT COUNT(*) FROM performance_schema.data_locks", [(0,)]),
        ("SELECT * FROM sys.innodb_lock_waits", []),
        ("SELECT COUNT(*) FROM information_schema.optimizer_trace", [(0,)]),
        ("SELECT Name FROM mysql.time_zone_name WHERE Name = 'Europe/Berlin'", [("Europe/Berlin",)]),
    ],
    "CASE takes JSON for its text": [
        ("CREATE TABLE j (d JSON)", 0),
        ("""INSERT INTO j VALUES ('{"a": null, "b": 1, "c": true}')""", 1),
        (
            "SELECT CASE JSON_EXTRACT(d, '$.a') WHEN 'null' THEN NULL ELSE 'x' END, "
            "CASE JSON_EXTRACT(d, '$.b') WHEN 'null' THEN NULL ELSE 'x' END, "
            "CASE JSON_EXTRACT(d, '$.c') WHEN 'null' THEN NULL WHEN TRUE THEN 'yes' ELSE 'no' END FROM j",
            [(None, "x", "yes")],
        ),
    ],
    "writing through views": [
        ("CREATE TABLE b (id INT PRIMARY KEY AUTO_INCREMENT, v VARCHAR(9), n INT DEFAULT 5)", 0),
        ("CREATE VIEW w AS SELECT id AS i, v, n * 2 AS d, n FROM b WHERE n >= 5 WITH CHECK OPTION", 0),
        (
            "CREATE OR REPLACE ALGORITHM=MERGE DEFINER=CURRENT_USER SQL SECURITY DEFINER VIEW ww AS SELECT i,v FROM w",
            0,
        ),
        ("INSERT INTO ww (v) VALUES ('a'), ('b')", (2, 1)),
        ("INSERT INTO w (i, v, n) VALUES (9, 'q', 4)", "1369"),
        ("INSERT INTO w (d) VALUES (4)", "1348"),
        ("UPDATE w SET v = CONCAT(v, d) WHERE i = 1", 1),
        ("UPDATE w x SET x.n = x.i + 10 WHERE x.v LIKE 'b%'", 1),
        ("UPDATE w SET n = 1 WHERE i = 2", "1369"),
        ("UPDATE w SET d = 1", "1348"),
        ("INSERT INTO b (id, v, n) VALUES (7, 'hidden', 1)", 1),
        ("DELETE FROM ww WHERE v = 'hidden'", 0),
        ("SELECT * FROM b ORDER BY id", [(1, "a10", 5), (2, "b", 12), (7, "hidden", 1)]),
        ("DELETE FROM w WHERE i = 2", 1),
        ("SELECT i, d FROM w", [(1, 10)]),
        ("CREATE VIEW s (n) AS SELECT COUNT(*) FROM b", 0),
        ("UPDATE s SET n = 1", "1288"),
        ("DELETE FROM s", "1288"),
        ("INSERT INTO s VALUES (1)", "1471"),
        (
            "SELECT TABLE_NAME, IS_UPDATABLE FROM information_schema.VIEWS ORDER BY 1",
            [("s", "NO"), ("w", "YES"), ("ww", "YES")],
        ),
        ("CREATE VIEW star AS SELECT x.*, 1 AS one FROM b x WHERE id * 1 = 1", 0),
        ("ALTER TABLE b ADD extra INT FIRST", 0),
        ("SELECT * FROM star", [(1, "a10", 5, 1)]),
        ("CREATE TEMPORARY TABLE tm (a INT)", 0),
        ("CREATE VIEW tv AS SELECT * FROM tm", "1352"),
        ("CREATE TABLE c (a INT CHECK (b > 0), b INT)", "3813"),
    ],
    "generated columns follow their row": [
        ("CREATE TABLE p (id INT PRIMARY KEY)", 0),
        ("INSERT INTO p VALUES (5), (6), (7)", 3),
        (
            "CREATE TABLE g (id INT PRIMARY KEY, a INT, b INT AS (a + 1), c INT AS (b * 10) STORED, "
            "k VARCHAR(9) AS (CONCAT('k', a)) UNIQUE, FOREIGN KEY (a) REFERENCES p (id) ON UPDATE CASCADE)",
            0,
        ),
        ("INSERT INTO g (id, a) VALUES (1, 5), (2, NULL)", 2),
        ("INSERT INTO g VALUES (3, 6, DEFAULT, DEFAULT, DEFAULT)", 1),
        ("INSERT INTO g VALUES (4, 6, 7, DEFAULT, DEFAULT)", "3105"),
        ("INSERT INTO g (id, a) VALUES (4, 6)", "1062"),
        ("UPDATE g SET b = 1", "3105"),
        ("UPDATE g SET a = 7 WHERE id = 1", 1),
        ("SELECT * FROM g ORDER BY id", [(1, 7, 8, 80, "k7"), (2, None, None, None, None), (3, 6, 7, 70, "k6")]),
        ("DELETE FROM g WHERE k = 'k6'", 1),
        ("INSERT INTO p VALUES (8)", 1),
        ("UPDATE p SET id = 9 WHERE id = 7", 1),
        ("SELECT * FROM g WHERE id = 1", [(1, 9, 10, 100, "k9")]),
        ("ALTER TABLE g ADD d INT AS (c + 1) VIRTUAL, ADD CHECK (d > 200)", "3819"),
        ("ALTER TABLE g ADD d INT AS (c + 1) VIRTUAL", 0),
        ("SELECT id, d FROM g ORDER BY id", [(1, 101), (2, None)]),
        ("ALTER TABLE g DROP COLUMN c", "3108"),
        ("ALTER TABLE g MODIFY b INT AS (a + 2)", 2),
        ("SELECT a, b, c, d FROM g WHERE id = 1", [(9, 11, 110, 111)]),
        ("ALTER TABLE g MODIFY b INT AS (a + 2) STORED", "3106"),
        ("INSERT INTO g (id, a) VALUES (9, 8) ON DUPLICATE KEY UPDATE a = VALUES(a)", 1),
        ("INSERT INTO g (id, a) VALUES (9, 5) ON DUPLICATE KEY UPDATE a = VALUES(a)", 2),
        ("SELECT b, k FROM g WHERE id = 9", [(7, "k5")]),
    ],
    "what MariaDB's dumps have and MySQL does not": [
        ("SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO'", 0),
        (
            "CREATE TABLE d (id INT PRIMARY KEY, a INT, b INT AS (a + 1), t TEXT NOT NULL DEFAULT 'x''y', "
            "u CHAR(36) DEFAULT uuid(), j LONGTEXT CHECK (json_valid(j)))",
            0,
        ),
        ("SHOW WARNINGS", [("Warning", 1101, "BLOB, TEXT, GEOMETRY or JSON column 't' can't have a default value")]),
        ("INSERT INTO d VALUES (1, 5, 99, 'v', 'u', '[1]'), (2, 6, NULL, 'w', 'u', NULL)", 2),
        (
            "SHOW WARNINGS",
            [("Warning", 3105, "The value specified for generated column 'b' in table 'd' is not allowed.")] * 2,
        ),
        ("INSERT INTO d (id, a) VALUES (3, 7)", 1),
        ("SELECT id, b, t, CHAR_LENGTH(u) FROM d", [(1, 6, "v", 1), (2, 7, "w", 1), (3, 8, "x'y", 36)]),
        ("INSERT INTO d VALUES (4, 5, 99, 'v', 'u', '[1')", "3819"),
        ("SET sql_mode = DEFAULT", 0),
        ("INSERT INTO d VALUES (4, 5, 99, 'v', 'u', '[1]')", "3105"),
        ("INSERT INTO d VALUES (4, 5, 99, 'v', 'u', '[1]'), (5, 5, 99, 'v', 'u', '[1]')", "3105"),
        ("INSERT INTO d SELECT 9, 5, 99, 'v', 'u', '[1]'", "3105"),
    ],
}


@pytest.mark.parametrize("name", list(SCRIPTS))
def test_script(tmp_path: Path, name: str) -> None:
    run_script(tmp_path, SCRIPTS[name])
