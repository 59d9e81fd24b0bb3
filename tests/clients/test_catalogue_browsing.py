"""What Adminer, phpMyAdmin and MySQL Workbench ask about a database, in their words, and what they must be told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pymysql
import pytest

from tests.support.cluster import Cluster

pytestmark = pytest.mark.client

SETUP = """
CREATE DATABASE shop;
USE shop;
CREATE TABLE p (id INT UNSIGNED PRIMARY KEY AUTO_INCREMENT, n VARCHAR(20) NOT NULL COMMENT 'c', UNIQUE KEY un (n),
  KEY a (n), KEY b (n, id), CONSTRAINT ck CHECK (n <> 'q')) COMMENT 'parents';
CREATE TABLE c (id INT PRIMARY KEY, p_id INT UNSIGNED, t TEXT, KEY kp (p_id), FULLTEXT KEY ft (t),
  CONSTRAINT fk FOREIGN KEY (p_id) REFERENCES p (id) ON DELETE CASCADE);
CREATE VIEW v AS SELECT id, n FROM p;
CREATE TRIGGER tr BEFORE INSERT ON p FOR EACH ROW SET NEW.n = TRIM(NEW.n);
CREATE PROCEDURE pr(IN a INT, OUT b INT) SELECT a INTO b;
CREATE FUNCTION fu(a INT) RETURNS INT DETERMINISTIC RETURN a + 1;
CREATE EVENT ev ON SCHEDULE EVERY 1 DAY DISABLE DO DELETE FROM c;
INSERT INTO p (n) VALUES ('x'), ('y')
"""
#: (statement, rows)
ADMINER = [
    (
        "SELECT TABLE_NAME, TABLE_TYPE FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() "
        "ORDER BY TABLE_NAME",
        [("c", "BASE TABLE"), ("p", "BASE TABLE"), ("v", "VIEW")],
    ),
    (
        "SELECT TABLE_NAME AS Name, ENGINE AS Engine, TABLE_COMMENT AS Comment FROM information_schema.TABLES "
        "WHERE TABLE_SCHEMA = DATABASE() ORDER BY Name",
        [("c", "InnoDB", ""), ("p", "InnoDB", "parents"), ("v", None, "VIEW")],
    ),
    (
        "SELECT ROUTINE_NAME AS SPECIFIC_NAME, ROUTINE_NAME, ROUTINE_TYPE, DTD_IDENTIFIER FROM "
        "information_schema.ROUTINES "
        "WHERE ROUTINE_SCHEMA = DATABASE() ORDER BY ROUTINE_NAME",
        [("fu", "fu", "FUNCTION", "int"), ("pr", "pr", "PROCEDURE", None)],
    ),
    (
        "SELECT PARTITION_METHOD, PARTITION_ORDINAL_POSITION, PARTITION_EXPRESSION FROM information_schema.PARTITIONS "
        "WHERE TABLE_SCHEMA = 'shop' AND TABLE_NAME = 'p' ORDER BY PARTITION_ORDINAL_POSITION DESC LIMIT 1",
        [(None, None, None)],
    ),
    (
        "SELECT c.CONSTRAINT_NAME, CHECK_CLAUSE FROM information_schema.CHECK_CONSTRAINTS c JOIN "
        "information_schema.TABLE_CONSTRAINTS t ON c.CONSTRAINT_SCHEMA = t.CONSTRAINT_SCHEMA AND "
        "c.CONSTRAINT_NAME = t.CONSTRAINT_NAME WHERE c.CONSTRAINT_SCHEMA = 'shop' AND t.TABLE_NAME = 'p' AND "
        "CHECK_CLAUSE NOT LIKE '% IS NOT NULL'",
        1,
    ),
    (
        "SELECT TABLE_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, COLUMN_NAME, REFERENCED_COLUMN_NAME FROM "
        "information_schema.KEY_COLUMN_USAGE WHERE TABLE_SCHEMA = 'shop' AND REFERENCED_TABLE_SCHEMA = 'shop' AND "
        "REFERENCED_TABLE_NAME = 'p' ORDER BY ORDINAL_POSITION",
        [("shop", "c", "fk", "p_id", "id")],
    ),
    ("SELECT SQL_CALC_FOUND_ROWS * FROM `p` LIMIT 1", [(1, "x")]),
    ("SHOW TRIGGERS LIKE 'p'", 1),
    ("SHOW TRIGGERS WHERE `Trigger` = 'tr'", 1),
]
PHPMYADMIN = [
    (
        "SELECT *, CAST(BIN_NAME AS CHAR CHARACTER SET utf8) AS SCHEMA_NAME FROM (SELECT BINARY "
        "s.SCHEMA_NAME AS BIN_NAME, "
        "s.DEFAULT_COLLATION_NAME, COUNT(t.TABLE_SCHEMA) AS SCHEMA_TABLES, SUM(IF(t.ENGINE <> 'InnoDB', "
        "t.DATA_FREE, 0)) AS f "
        "FROM `information_schema`.SCHEMATA s LEFT JOIN `information_schema`.TABLES t ON BINARY t.TABLE_SCHEMA = "
        "BINARY s.SCHEMA_NAME WHERE s.SCHEMA_NAME = 'shop' GROUP BY BINARY s.SCHEMA_NAME, s.DEFAULT_COLLATION_NAME "
        "ORDER BY BINARY `SCHEMA_NAME` ASC LIMIT 0, 100) a ORDER BY `SCHEMA_NAME` ASC",
        [(b"shop", "utf8mb4_0900_ai_ci", 3, 0, "shop")],
    ),
    (
        "SELECT `TABLE_NAME` AS `Name`, `ENGINE` AS `Type` FROM `information_schema`.`TABLES` t WHERE `TABLE_SCHEMA` "
        "COLLATE utf8_bin IN ('shop') ORDER BY Name ASC",
        [("c", "InnoDB"), ("p", "InnoDB"), ("v", None)],
    ),
    ("SHOW FULL TABLES FROM `shop` WHERE `Table_type` IN ('VIEW', 'SYSTEM VIEW')", [("v", "VIEW")]),
    ("SHOW INDEXES FROM `shop`.`p` WHERE (Non_unique = 0)", 2),
    (
        "SELECT TRIGGER_NAME, ACTION_TIMING FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA "
        "COLLATE utf8_bin = "
        "'shop' AND EVENT_OBJECT_TABLE COLLATE utf8_bin = 'p'",
        [("tr", "BEFORE")],
    ),
    (
        "SELECT `EVENT_NAME`, `EVENT_TYPE`, `STATUS` FROM `information_schema`.`EVENTS` WHERE `EVENT_SCHEMA` COLLATE "
        "utf8_bin = 'shop'",
        [("ev", "RECURRING", "DISABLED")],
    ),
    ("SELECT 1 FROM `INFORMATION_SCHEMA`.`USER_PRIVILEGES` WHERE `PRIVILEGE_TYPE` = 'CREATE USER' LIMIT 1", [(1,)]),
    (
        "SELECT DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = 'shop' LIMIT 1",
        [("utf8mb4_0900_ai_ci",)],
    ),
]
WORKBENCH = [
    ("SELECT object_type, count FROM sys.schema_object_overview WHERE db = 'shop' ORDER BY object_type",
     [("BASE TABLE", 2), ("EVENT", 1), ("FUNCTION", 1), ("INDEX (BTREE)", 7), ("INDEX (FULLTEXT)", 1), ("PROCEDURE", 1),
      ("TRIGGER", 1), ("VIEW", 1)]),
    ("SELECT table_name, column_type, is_unsigned, max_value, auto_increment FROM sys.schema_auto_increment_columns",
     [("p", "int unsigned", 1, 4294967295, 3)]),
    ("SELECT redundant_index_name, dominant_index_name FROM sys.schema_redundant_indexes ORDER BY 1, 2",
     [("a", "b"), ("a", "un"), ("b", "un")]),
    ("SELECT sql_drop_index FROM sys.schema_redundant_indexes WHERE redundant_index_name = 'b'",
     [("ALTER TABLE `shop`.`p` DROP INDEX `b`",)]),
    ("SELECT * FROM sys.statement_analysis", 0),
    ("SELECT total_allocated FROM sys.`x$memory_global_total`", 0),
    ("SELECT st.SQL_TEXT FROM performance_schema.events_statements_current st JOIN performance_schema.threads thr ON "
     "thr.thread_id = st.thread_id WHERE thr.processlist_id = -1", 0),
]  # fmt: skip


@pytest.fixture(scope="module")
def cursor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    cluster = Cluster(tmp_path_factory.mktemp("browsing"), readers=0)
    try:
        cluster.start()
        with cluster.connect() as connection, connection.cursor() as found:
            for sql in SETUP.split(";\n"):
                found.execute(sql)
            found.execute("SET sql_quote_show_create = 1, autocommit = 1")
            yield found
        cluster.assert_clean_logs()
    finally:
        cluster.close()


@pytest.mark.parametrize(("sql", "rows"), [*ADMINER, *PHPMYADMIN, *WORKBENCH])
def test_answer(cursor: Any, sql: str, rows: list[tuple[Any, ...]] | int) -> None:
    """`rows` may be a number of rows."""
    cursor.execute(sql)
    found = list(cursor.fetchall())
    assert (len(found) if isinstance(rows, int) else found) == rows


def test_every_view_of_sys_can_be_read(cursor: Any) -> None:
    cursor.execute("SHOW TABLES FROM sys")
    names = [name for (name,) in cursor.fetchall()]
    assert {"host_summary", "schema_unused_indexes", "x$statement_analysis"} <= set(names)
    for name in names:
        cursor.execute(f"SELECT * FROM sys.`{name}` LIMIT 1")
    with pytest.raises(pymysql.MySQLError) as caught:
        cursor.execute("SELECT * FROM sys.nothing")
    assert caught.value.args[0] == 1146
