"""Schema statements end to end: what SHOW CREATE TABLE says after them, and MySQL's errors."""

from __future__ import annotations

from pathlib import Path

import pytest

from aurora_mysql.errors import MySQLError
from tests.support.schema_session import SchemaSession, with_session

TAIL = ") ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_ai_ci"

SHOWN = [
    (
        "CREATE TABLE t (id INT(11) AUTO_INCREMENT PRIMARY KEY, name VARCHAR(20) NOT NULL DEFAULT 'x', b BOOL, "
        "d DECIMAL(6,2) DEFAULT 1.5, ts TIMESTAMP DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, "
        "e ENUM('a','b'), txt TEXT, UNIQUE KEY uk (name), KEY (d, b))",
        "CREATE TABLE `t` (\n  `id` int NOT NULL AUTO_INCREMENT,\n  `name` varchar(20) NOT NULL DEFAULT 'x',\n"
        "  `b` tinyint(1) DEFAULT NULL,\n  `d` decimal(6,2) DEFAULT '1.50',\n"
        "  `ts` timestamp NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,\n"
        "  `e` enum('a','b') DEFAULT NULL,\n  `txt` text,\n"
        "  PRIMARY KEY (`id`),\n  UNIQUE KEY `uk` (`name`),\n  KEY `d` (`d`,`b`)\n" + TAIL,
    ),
    (
        "CREATE TABLE t (a INT, CHECK (a > 0), `b` JSON) COMMENT='it''s'",
        "CREATE TABLE `t` (\n  `a` int DEFAULT NULL,\n  `b` json DEFAULT NULL,\n"
        "  CONSTRAINT `t_chk_1` CHECK ((`a` > 0))\n" + TAIL + " COMMENT='it''s'",
    ),
    (
        "CREATE TABLE t (a VARCHAR(5) CHARACTER SET latin1, b CHAR(3) COLLATE utf8mb4_bin) CHARSET=utf8mb4",
        "CREATE TABLE `t` (\n  `a` varchar(5) CHARACTER SET latin1 COLLATE latin1_swedish_ci DEFAULT NULL,\n"
        "  `b` char(3) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin DEFAULT NULL\n" + TAIL,
    ),
]


@pytest.mark.parametrize(("sql", "shown"), SHOWN)
def test_show_create_table(tmp_path: Path, sql: str, shown: str) -> None:
    async def work(s: SchemaSession) -> None:
        await s.run(sql)
        rows = await s.run("SHOW CREATE TABLE t")
        assert rows == [("t", shown)]

    with_session(tmp_path, work)


def test_a_text_for_mysql_and_mariadb(tmp_path: Path) -> None:
    """MariaDB's dump program gets checks of columns where MariaDB has them, in comments that only MariaDB opens."""

    async def work(s: SchemaSession) -> None:
        await s.run("CREATE TABLE t (j LONGTEXT CHECK (json_valid(j)), a INT, CONSTRAINT c CHECK (a > 0))")
        shown = (
            "CREATE TABLE `t` (\n  `j` longtext%s,\n  `a` int DEFAULT NULL,\n  CONSTRAINT `c` CHECK ((`a` > 0))%s\n"
            + TAIL
        )
        check = "CONSTRAINT `t_chk_1` CHECK (json_valid(`j`))"
        plain = (await s.run("SHOW CREATE TABLE t"))[0][1]
        assert plain == shown.replace("CONSTRAINT `c`", f"{check},\n  CONSTRAINT `c`") % ("", "")
        s.ctx.client_library, s.ctx.program_name = "libmariadb", "mysqldump"
        both = (await s.run("SHOW CREATE TABLE t"))[0][1]
        assert both == shown % (" /*M! CHECK (json_valid(`j`)) */", f"\n  /*!80016 , {check} */")

    with_session(tmp_path, work)


ERRORS = [
    ("CREATE TABLE t (a INT, a INT)", 1060),
    ("CREATE TABLE t (a INT, KEY k (a), KEY k (a))", 1061),
    ("CREATE TABLE t (a INT PRIMARY KEY, b INT PRIMARY KEY)", 1068),
    ("CREATE TABLE t (a INT, KEY (b))", 1072),
    ("CREATE TABLE t (a INT AUTO_INCREMENT)", 1075),
    ("CREATE TABLE t (a INT DEFAULT 'x')", 1067),
    ("CREATE TABLE t (a TEXT DEFAULT 'x')", 1101),
    ("CREATE TABLE t (a TEXT, KEY (a))", 1170),
    ("CREATE TABLE t (a INT NULL PRIMARY KEY)", 1171),
    ("CREATE TABLE t (a VARCHAR(16384))", 1074),
    ("CREATE TABLE t (a VARCHAR(1000), KEY (a))", 1071),
    ("CREATE TABLE t (a INT, FULLTEXT (a))", 1283),
    ("CREATE TABLE t (a INT, FOREIGN KEY (a) REFERENCES nope (id))", 1824),
    ("CREATE TABLE t (a INT) ENGINE=nope", 1286),
    ("CREATE TABLE t (a INT) CHARSET=nope", 1115),
    ("CREATE TABLE t (a DECIMAL(5,6))", 1427),
    ("CREATE TABLE t (a DATETIME(7))", 1426),
    ("CREATE TABLE nope.t (a INT)", 1049),
    ("CREATE TABLE mysql.t (a INT)", 3552),
    ("CREATE TABLE t (a INT", 1064),
    ("CREATE TABLE t (a INT) PARTITION BY HASH (a)", 1235),
    ("CREATE TEMPORARY TABLE t (a INT, FOREIGN KEY (a) REFERENCES p (id))", 1215),
    ("DROP TEMPORARY TABLE nope", 1051),
    ("CREATE TABLE t (a INT, b INT AS (now()))", 3763),
    ("CREATE TABLE t (a INT, b INT AS (c), c INT AS (a))", 3107),
    ("CREATE TABLE t (a INT PRIMARY KEY AUTO_INCREMENT, b INT AS (a))", 3109),
    ("CREATE TABLE t (a INT, b INT AS (nope))", 1054),
    ("CREATE TABLE t (a INT PRIMARY KEY AUTO_INCREMENT, CHECK (a > 0))", 3818),
    ("CREATE TABLE t (a INT PRIMARY KEY AUTO_INCREMENT, b INT DEFAULT (a))", 3768),
    ("CREATE TABLE t (a INT, b INT DEFAULT (c), c INT AS (a))", 3767),
    ("CREATE TABLE t (a INT, b INT AS (a) DEFAULT 1)", 1221),
    ("CREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW SET @a = 1", 1235),
    ("CREATE DATABASE d", 1007),
    ("DROP DATABASE nope", 1008),
    ("DROP TABLE nope", 1051),
    ("ALTER TABLE nope ADD a INT", 1146),
    (f"CREATE TABLE {'x' * 65} (a INT)", 1059),
]


@pytest.mark.parametrize(("sql", "errno"), ERRORS)
def test_errors(tmp_path: Path, sql: str, errno: int) -> None:
    async def work(s: SchemaSession) -> None:
        with pytest.raises(MySQLError) as caught:
            await s.run(sql)
        assert caught.value.errno == errno, caught.value

    with_session(tmp_path, work)


def test_alter_rebuilds_and_converts(tmp_path: Path) -> None:
    async def work(s: SchemaSession) -> None:
        await s.run("CREATE TABLE t (id INT PRIMARY KEY, a VARCHAR(10), b INT)")
        await s.rows("t", [(1, "12", 7), (2, None, 300)])
        await s.run(
            "ALTER TABLE t MODIFY a BIGINT FIRST, ADD c INT NOT NULL DEFAULT 5 AFTER id, CHANGE b bb DECIMAL(6,2)"
        )
        assert [(r[0], r[1], r[2], str(r[3])) for r in sorted(await s.read("t"), key=lambda r: r[1])] == [
            (12, 1, 5, "7.00"),
            (None, 2, 5, "300.00"),
        ]
        with pytest.raises(MySQLError) as caught:
            await s.run("ALTER TABLE t MODIFY bb TINYINT")
        assert caught.value.errno == 1264
        await s.run("ALTER TABLE t DROP c, ADD UNIQUE KEY (bb), RENAME TO u")
        assert ("d", "u") in s.engine.catalog.tables
        with pytest.raises(MySQLError) as caught:
            await s.run("ALTER TABLE u MODIFY a BIGINT NOT NULL")
        assert caught.value.errno == 1138

    with_session(tmp_path, work)


def test_unique_key_over_duplicates(tmp_path: Path) -> None:
    async def work(s: SchemaSession) -> None:
        await s.run("CREATE TABLE t (id INT PRIMARY KEY, a VARCHAR(10))")
        await s.rows("t", [(1, "x"), (2, "X")])
        with pytest.raises(MySQLError, match=r"Duplicate entry '[xX]' for key 't\.a'"):
            await s.run("ALTER TABLE t ADD UNIQUE (a)")

    with_session(tmp_path, work)


def test_foreign_keys(tmp_path: Path) -> None:
    async def work(s: SchemaSession) -> None:
        await s.run("CREATE TABLE p (id INT PRIMARY KEY)")
        await s.run("CREATE TABLE c (a INT, FOREIGN KEY (a) REFERENCES p (id) ON DELETE CASCADE)")
        shown = await s.run("SHOW CREATE TABLE c")
        assert shown is not None
        assert shown[0][1] == (
            "CREATE TABLE `c` (\n  `a` int DEFAULT NULL,\n  KEY `a` (`a`),\n  CONSTRAINT `c_ibfk_1` FOREIGN KEY (`a`) "
            "REFERENCES `p` (`id`) ON DELETE CASCADE\n" + TAIL
        )
        for sql, errno in (("DROP TABLE p", 3730), ("TRUNCATE p", 1701), ("ALTER TABLE c DROP KEY a", 1553)):
            with pytest.raises(MySQLError) as caught:
                await s.run(sql)
            assert caught.value.errno == errno
        await s.run("RENAME TABLE p TO q")
        assert s.engine.catalog.tables["d", "c"].foreign_keys[0].ref_table == "q"
        await s.run("DROP TABLE q, c")
        assert not s.engine.catalog.tables

    with_session(tmp_path, work)


def test_show(tmp_path: Path) -> None:
    async def work(s: SchemaSession) -> None:
        await s.run("CREATE TABLE t (id INT PRIMARY KEY, a VARCHAR(10) DEFAULT 'q')")
        assert await s.run("SHOW TABLES LIKE 't%'") == [("t",)]
        assert s.headings == ["Tables_in_d (t%)"]
        assert await s.run("DESC t") == [("id", "int", "NO", "PRI", None, ""), ("a", "varchar(10)", "YES", "", "q", "")]
        assert await s.run("SHOW VARIABLES WHERE Variable_name = 'aurora_version'") == [("aurora_version", "3.0.0")]
        assert [r[0] for r in await s.run("SHOW DATABASES") or []] == [
            "d", "information_schema", "mysql", "performance_schema", "sys",
        ]  # fmt: skip
        for sql in ("SHOW TABLE STATUS", "SHOW FULL COLUMNS FROM t", "SHOW INDEX FROM t", "SHOW STATUS", "SHOW ENGINES",
                    "SHOW FULL PROCESSLIST", "SHOW COLLATION", "SHOW CREATE DATABASE d", "SHOW WARNINGS",
                    "SHOW ENGINE INNODB STATUS", "SHOW VOLUME STATUS", "SHOW MASTER STATUS", "SHOW TRIGGERS",
                    "SHOW COUNT(*) WARNINGS", "SHOW OPEN TABLES", "SHOW CHARACTER SET", "SHOW PRIVILEGES",
                    "SHOW CREATE USER CURRENT_USER()", "SHOW TABLES FROM information_schema"):  # fmt: skip
            await s.run(sql)
        from aurora_mysql.sql.show.information_schema import RELATIONS

        for relations in RELATIONS.values():
            for name, relation in relations.items():
                for row in relation.rows(s.ctx, s.services):
                    assert len(row) == len(relation.columns), name

    with_session(tmp_path, work)
