"""MySQL's command line tools against a cluster: dumps that come back the same, scripts, administration, load."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pymysql
import pytest

from tests.support.cluster import PASSWORD, Cluster
from tests.support.mariadb import MariaDb

pytestmark = [
    pytest.mark.client,
    pytest.mark.skipif(shutil.which("mysqldump") is None, reason="needs MySQL's or MariaDB's client tools"),
]

SCHEMA = """
CREATE TABLE every_type (
  id INT UNSIGNED NOT NULL AUTO_INCREMENT, ti TINYINT, flag TINYINT(1) DEFAULT 1, si SMALLINT UNSIGNED, mi MEDIUMINT,
  bi BIGINT UNSIGNED, de DECIMAL(12,4) NOT NULL DEFAULT 0.5, fl FLOAT, db DOUBLE, bt BIT(9), ch CHAR(10),
  vc VARCHAR(100) CHARACTER SET latin1 DEFAULT 'x''y', bn BINARY(4), vb VARBINARY(20), tt TINYTEXT, tx TEXT,
  bl BLOB, en ENUM('a','b','c''d') DEFAULT 'b', se SET('x','y','z'), da DATE,
  dt DATETIME(3) DEFAULT CURRENT_TIMESTAMP(3), ts TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  tm TIME(2), yr YEAR, js JSON,
  PRIMARY KEY (id), UNIQUE KEY u1 (ti, si), KEY k1 (vc(10)), KEY k2 (da DESC), CONSTRAINT c1 CHECK (de >= 0)
) COMMENT='all types';
INSERT INTO every_type (ti,si,mi,bi,de,fl,db,bt,ch,vc,bn,vb,tt,tx,bl,en,se,da,dt,ts,tm,yr,js) VALUES
 (1,2,3,18446744073709551615,1.25,1.5,2.5e10,b'101010101','abc','latin é',x'00010203',x'ff00fe','t','te\\'xt\\n\\\\',
  x'00ff27225c0a','c''d','x,z','2024-02-29','2024-01-02 03:04:05.678','2024-01-02 03:04:05','-12:34:56.78',1999,
  '{"a": [1, 2, {"b": null}]}'),
 (NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE parent (id INT PRIMARY KEY, name VARCHAR(20) NOT NULL COMMENT 'n');
CREATE TABLE child (id INT PRIMARY KEY AUTO_INCREMENT, pid INT, KEY kp (pid),
  CONSTRAINT fk_child FOREIGN KEY (pid) REFERENCES parent (id) ON DELETE CASCADE ON UPDATE SET NULL) AUTO_INCREMENT=100;
INSERT INTO parent VALUES (1,'one'),(2,'two');
INSERT INTO child (pid) VALUES (1),(2),(NULL);
CREATE VIEW v1 AS SELECT p.id, p.name, COUNT(c.id) AS n FROM parent p LEFT JOIN child c ON c.pid = p.id
  GROUP BY p.id, p.name;
DELIMITER ;;
CREATE TRIGGER `tr1` BEFORE INSERT ON `parent` FOR EACH ROW BEGIN
  SET NEW.name = LOWER(NEW.name);
END;;
CREATE FUNCTION f1(a INT, b INT) RETURNS INT DETERMINISTIC RETURN a + b;;
CREATE PROCEDURE p1(IN x INT, OUT y INT) COMMENT 'it''s' READS SQL DATA
BEGIN
  DECLARE i INT DEFAULT 0;
  WHILE i < x DO SET i = i + 1; END WHILE;
  SET y = i;
END;;
CREATE EVENT e1 ON SCHEDULE EVERY 1 DAY STARTS '2037-01-01 00:00:00' COMMENT 'c' DO INSERT INTO parent VALUES (9, 'x');;
CREATE EVENT e2 ON SCHEDULE AT '2037-05-05 01:02:03' ON COMPLETION PRESERVE DISABLE DO BEGIN
  DELETE FROM parent;
END;;
DELIMITER ;
CREATE VIEW v2 AS SELECT f1(id, 1) AS x, UPPER(name) AS u, IF(id > 1, 'a', NULL) AS i FROM parent
  WHERE name LIKE 't%' AND id IN (1, 2) ORDER BY id DESC LIMIT 5;
CREATE VIEW v3 AS SELECT id, name FROM parent WHERE id > 0 WITH LOCAL CHECK OPTION;
CREATE TABLE article (id INT PRIMARY KEY, title VARCHAR(50), body TEXT, FULLTEXT KEY ft (title, body));
INSERT INTO article VALUES (1, 'first', 'some words'), (2, NULL, '');
CREATE TABLE computed (
  id INT PRIMARY KEY, js JSON, jn JSON NOT NULL DEFAULT ('{}') COMMENT 'j', lt LONGTEXT CHECK (json_valid(lt)),
  n INT DEFAULT 3 COMMENT 'n' CHECK (n > 0 AND n < 100), a INT, b INT GENERATED ALWAYS AS (a * 2 + 1) VIRTUAL,
  c VARCHAR(30) AS (CONCAT(a, '-', 'x''y')) STORED COMMENT 'c',
  d DATE AS (DATE_ADD('2020-01-01', INTERVAL a DAY)) STORED,
  e INT AS (IF(a > 2 OR a IS NULL, JSON_VALUE(js, '$.a'), NULL)) VIRTUAL,
  f VARCHAR(9) AS (CASE WHEN a BETWEEN 1 AND 5 THEN 'low' ELSE UPPER(LEFT(c, 3)) END) STORED,
  g INT DEFAULT (a + 1), u CHAR(36) DEFAULT (UUID()),
  KEY (b), UNIQUE KEY (c), CONSTRAINT named CHECK (a <> 9), CHECK (n <> a OR n IS NULL)
);
INSERT INTO computed (id, js, jn, lt, a) VALUES
 (1, '{"b":1,  "a":[1,2,{"x":null}],"a":3}', '[]', '"x"', 1), (2, NULL, '{"a":"é\\\\n"}', NULL, 2),
 (3, '1.50', 'true', ' {} ', NULL);
CREATE VIEW j1 AS SELECT *, JSON_EXTRACT(js, '$.a') AS x FROM computed WHERE a > 1 OR b IN (1, 2);
CREATE VIEW j2 AS SELECT a.id, b.b + 1 AS z, CASE a.a WHEN 1 THEN 'x' ELSE 'y' END AS w FROM computed a
  JOIN computed b ON a.id = b.id AND a.b < b.b + 1 LEFT JOIN computed c ON c.id = b.id ORDER BY 1;
CREATE VIEW j3 AS SELECT id FROM computed UNION SELECT a FROM computed
  UNION ALL SELECT (SELECT MAX(x.b) FROM computed x WHERE x.id = y.id) FROM computed y;
CREATE VIEW j4 AS WITH q AS (SELECT id, COUNT(*) OVER (PARTITION BY a ORDER BY id DESC) AS n FROM computed)
  SELECT q.id, t.n FROM q, (SELECT 1 AS n) t WHERE EXISTS (SELECT 1 FROM computed WHERE computed.id = q.id)
  AND q.id NOT LIKE 'a%' AND NOT q.id IS NULL;
"""
#: Everything that a dump may hold.
EVERYTHING = ("--routines", "--triggers", "--events")
#: What MySQL 8's own mysqldump writes around a table.
MYSQL_8_DUMP = """
/*!50503 SET NAMES utf8mb4 */;
/*!40103 SET @OLD_TIME_ZONE=@@TIME_ZONE */;
/*!40103 SET TIME_ZONE='+00:00' */;
/*!40014 SET @OLD_UNIQUE_CHECKS=@@UNIQUE_CHECKS, UNIQUE_CHECKS=0 */;
/*!40014 SET @OLD_FOREIGN_KEY_CHECKS=@@FOREIGN_KEY_CHECKS, FOREIGN_KEY_CHECKS=0 */;
/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */;
/*!40111 SET @OLD_SQL_NOTES=@@SQL_NOTES, SQL_NOTES=0 */;
SET @MYSQLDUMP_TEMP_LOG_BIN = @@SESSION.SQL_LOG_BIN;
SET @@SESSION.SQL_LOG_BIN= 0;
SET @@GLOBAL.GTID_PURGED=/*!80000 '+'*/ '';
CREATE DATABASE /*!32312 IF NOT EXISTS*/ `eight` /*!40100 DEFAULT CHARACTER SET utf8mb4 */
 /*!80016 DEFAULT ENCRYPTION='N' */;
USE `eight`;
DROP TABLE IF EXISTS `t`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!50503 SET character_set_client = utf8mb4 */;
CREATE TABLE `t` (`id` int NOT NULL AUTO_INCREMENT, `s` varchar(9) DEFAULT NULL, PRIMARY KEY (`id`)) ENGINE=InnoDB
 AUTO_INCREMENT=3 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_ai_ci;
/*!40101 SET character_set_client = @saved_cs_client */;
/*!40000 ALTER TABLE `t` DISABLE KEYS */;
INSERT INTO `t` VALUES (0,'zero'),(2,_binary 'bin');
/*!40000 ALTER TABLE `t` ENABLE KEYS */;
/*!50003 SET @saved_sql_mode       = @@sql_mode */ ;
DELIMITER ;;
/*!50003 CREATE*/ /*!50017 DEFINER=`admin`@`%`*/ /*!50003 TRIGGER `tr` BEFORE INSERT ON `t` FOR EACH ROW BEGIN
  SET NEW.s = 'triggered';
END */;;
DELIMITER ;
/*!50001 CREATE ALGORITHM=UNDEFINED */
/*!50013 DEFINER=`admin`@`%` SQL SECURITY DEFINER */
/*!50001 VIEW `v` AS select `t`.`s` AS `s` from `t` */;
/*!40103 SET TIME_ZONE=@OLD_TIME_ZONE */;
/*!40101 SET SQL_MODE=@OLD_SQL_MODE */;
/*!40111 SET SQL_NOTES=@OLD_SQL_NOTES */;
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    found = Cluster(tmp_path_factory.mktemp("tools"), readers=1)
    try:
        found.start()
        yield found
        found.assert_clean_logs()
    finally:
        found.close()


def tool(cluster: Cluster, name: str, *arguments: str, text: str | None = None, check: bool = True) -> str:
    """Run a client program; its output. Fails when the program does."""
    host, port = cluster.endpoints["cluster"]
    command = [name, "--no-defaults", f"--host={host}", f"--port={port}", "--user=admin", *arguments]
    environment = {**os.environ, "MYSQL_PWD": PASSWORD}
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=120, env=environment)
    assert not check or done.returncode == 0, f"{command}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout + ("" if check else done.stderr)


def dump(cluster: Cluster, *arguments: str) -> str:
    return tool(cluster, "mysqldump", "--skip-dump-date", "--skip-comments", "--hex-blob", *arguments)


@pytest.mark.parametrize(
    "options",
    [
        ("--skip-lock-tables", "--skip-add-locks"),
        ("--single-transaction", "--skip-add-locks", "--complete-insert", "--skip-extended-insert"),
    ],
)
def test_a_dump_comes_back_the_same(cluster: Cluster, options: tuple[str, ...]) -> None:
    for name in ("one", "two"):
        tool(cluster, "mysql", text=f"DROP DATABASE IF EXISTS {name}; CREATE DATABASE {name} CHARSET utf8mb4 "
                                    "COLLATE utf8mb4_general_ci")  # fmt: skip
    tool(cluster, "mysql", "--default-character-set=utf8mb4", "one", text=SCHEMA)
    first = dump(cluster, *EVERYTHING, *options, "one")
    for part in ("CREATE TABLE `every_type`", "PROCEDURE `p1`", "TRIGGER `tr1`", "EVENT `e2`", "FUNCTION `f1`"):
        assert part in first
    tool(cluster, "mysql", "two", text=first)
    assert dump(cluster, *EVERYTHING, *options, "two") == first
    counts = cluster.query("SELECT (SELECT COUNT(*) FROM two.every_type), (SELECT COUNT(*) FROM two.v1)")
    assert counts == [(2, 2)]


@pytest.mark.skipif(not MariaDb.available(), reason="needs a MariaDB to come from and to go back to")
def test_a_database_of_mariadb_goes_through_us_and_back(cluster: Cluster, tmp_path: Path) -> None:
    """Everything, to the byte: MariaDB's JSON columns, which are texts with a check, keep their texts."""
    peer = MariaDb(tmp_path / "mariadb")

    def there(name: str, *arguments: str, text: str | None = None) -> str:
        command = [name, "--no-defaults", "--host=127.0.0.1", f"--port={peer.port}", "--user=admin", *arguments]
        done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout

    options = ("--skip-dump-date", "--skip-comments", "--hex-blob", *EVERYTHING, "trip")
    create = "DROP DATABASE IF EXISTS trip; CREATE DATABASE trip CHARSET utf8mb4 COLLATE utf8mb4_general_ci"
    try:
        peer.start()
        peer.query("CREATE USER admin@'%'")
        peer.query("GRANT ALL ON *.* TO admin@'%'")
        there("mysql", text=create)
        there("mysql", "--default-character-set=utf8mb4", "trip", text=SCHEMA)
        before = there("mysqldump", *options)
        tool(cluster, "mysql", text=create)
        tool(cluster, "mysql", "trip", text=before)
        ours = dump(cluster, *EVERYTHING, "trip")
        there("mysql", text=create)
        there("mysql", "trip", text=ours)
        assert there("mysqldump", *options) == before
    finally:
        peer.close()


def test_dump_of_databases_and_of_rows(cluster: Cluster) -> None:
    tool(cluster, "mysql", text="DROP DATABASE IF EXISTS rows_; CREATE DATABASE rows_; USE rows_;"
         "CREATE TABLE t (id INT PRIMARY KEY, s VARCHAR(9)); INSERT INTO t VALUES (1,'a'),(2,NULL)")  # fmt: skip
    options = ("--skip-lock-tables", "--skip-add-locks", "--databases", "rows_")
    whole = dump(cluster, *options)
    assert "CREATE DATABASE /*!32312 IF NOT EXISTS*/ `rows_`" in whole
    tool(cluster, "mysql", text="DROP DATABASE rows_")
    tool(cluster, "mysql", text=whole)
    assert dump(cluster, *options) == whole
    some = dump(cluster, "--skip-lock-tables", "--no-create-info", "--compact", "--where=id > 1", "rows_", "t")
    assert re.findall(r"\(.*\)", some) == ["(2,NULL)"]


def test_a_dump_of_all_databases_comes_back(cluster: Cluster) -> None:
    tool(cluster, "mysql", text="DROP DATABASE IF EXISTS whole; CREATE DATABASE whole; USE whole; CREATE TABLE t "
         "(id INT PRIMARY KEY); INSERT INTO t VALUES (1), (2); CREATE VIEW v AS SELECT id FROM t")  # fmt: skip
    first = dump(cluster, "--all-databases", *EVERYTHING)
    assert "CREATE TABLE `t`" in first and "INSERT INTO `user`" not in first
    tool(cluster, "mysql", text="DROP DATABASE whole")
    tool(cluster, "mysql", text=first)
    assert cluster.query("SELECT id FROM whole.v ORDER BY id") == [(1,), (2,)]
    assert "general_log" in {name for (name,) in cluster.query("SHOW TABLES FROM mysql")}


def test_what_other_servers_have(cluster: Cluster) -> None:
    """Asked for what is not here, the right number comes, and the connection goes on."""
    for sql, errno in {
        "XA START 'x'": 1235, "XA END 'x'": 1399, "XA PREPARE 'x'": 1399, "XA COMMIT 'x'": 1397,
        "HANDLER nothing.here OPEN": 1146, "HANDLER mysql.user OPEN": 1031, "HANDLER t READ FIRST": 1109,
        "SHUTDOWN": 1235, "RESTART": 3707, "START REPLICA": 1235, "STOP SLAVE": 1235, "PURGE BINARY LOGS TO 'x'": 1235,
        "CHANGE REPLICATION SOURCE TO SOURCE_HOST='x'": 1235, "BINLOG 'x'": 1235, "LOAD INDEX INTO CACHE t": 1235,
        "EXPLAIN FOR CONNECTION 1": 1235, "CLONE LOCAL DATA DIRECTORY = '/x'": 1235, "HELP": 1064,
        "ANALYZE TABLE t UPDATE HISTOGRAM ON a": 1235,
    }.items():  # fmt: skip
        with pytest.raises(pymysql.MySQLError) as caught:
            cluster.query(sql)
        assert caught.value.args[0] == errno, sql
    for sql, columns in {
        "HELP 'select'": ["name", "is_it_category"],
        "XA RECOVER": ["formatID", "gtrid_length", "bqual_length", "data"],
        "SHOW BINLOG EVENTS": ["Log_name", "Pos", "Event_type", "Server_id", "End_log_pos", "Info"],
        "SHOW PROFILE": ["Status", "Duration"],
    }.items():
        with cluster.connect() as connection, connection.cursor() as cursor:
            assert cursor.execute(sql) == 0
            assert [column[0] for column in cursor.description] == columns
    with cluster.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SHOW REPLICA STATUS")
        assert {"Seconds_Behind_Source", "Replica_IO_Running"} <= {column[0] for column in cursor.description}
    tool(cluster, "mysqladmin", "flush-logs")


def test_a_dump_of_mysql_8_is_taken(cluster: Cluster) -> None:
    tool(cluster, "mysql", text=MYSQL_8_DUMP)
    assert cluster.query("SELECT id, s FROM eight.t ORDER BY id") == [(0, "zero"), (2, "bin")]
    cluster.query("INSERT INTO eight.t (s) VALUES ('x')")
    assert cluster.query("SELECT * FROM eight.v ORDER BY s") == [("bin",), ("triggered",), ("zero",)]


def test_scripts(cluster: Cluster, tmp_path: Path) -> None:
    inner = tmp_path / "inner.sql"
    inner.write_text("SELECT 'sourced' AS a;\n")
    script = (
        "CREATE DATABASE IF NOT EXISTS scripts; USE scripts; -- a comment; with a semicolon\n"
        "CREATE TABLE IF NOT EXISTS t (a INT, b VARCHAR(20)); DELETE FROM t; # another\n"
        "INSERT INTO t VALUES (1, 'semi;colon'), (2, NULL);\n"
        f"source {inner}\n"
        "DELIMITER //\nDROP PROCEDURE IF EXISTS p//\n"
        "CREATE PROCEDURE p() BEGIN SELECT a FROM t; SELECT b FROM t; END//\n"
        "DELIMITER ;\nCALL p();\nSELECT * FROM t ORDER BY a\\G\nSELECT @@autocommit;\nstatus\n"
    )
    assert tool(cluster, "mysql", "--batch", text=script).startswith(
        "a\nsourced\na\n1\n2\nb\nsemi;colon\nNULL\n*************************** 1. row"
    )
    table = tool(cluster, "mysql", "--table", "-e", "SELECT 1 AS one, 'x' AS two")
    assert re.search(r"\| one +\| two +\|", table) and re.search(r"\| +1 \| x +\|", table)
    failed = tool(cluster, "mysql", "--force", text="SELECT 1; SELECT nope; SELECT 2;", check=False)
    assert "ERROR 1054" in failed and failed.count("\n2\n") == 1
    assert tool(cluster, "mysql", "--xml", "-e", "SELECT 'é' AS x").count('<field name="x">é</field>') == 1


def test_administration(cluster: Cluster) -> None:
    assert "mysqld is alive" in tool(cluster, "mysqladmin", "ping")
    status = tool(cluster, "mysqladmin", "status")
    assert re.search(r"Uptime: \d+ .*Threads: \d+ .*Questions: \d+", status)
    assert "Questions" in tool(cluster, "mysqladmin", "extended-status")
    assert "max_connections" in tool(cluster, "mysqladmin", "variables")
    assert "Server version" in tool(cluster, "mysqladmin", "version")
    assert "admin" in tool(cluster, "mysqladmin", "processlist")
    with cluster.connect() as victim:
        tool(cluster, "mysqladmin", "kill", str(victim.thread_id()))
        left = {row[0] for row in cluster.query("SHOW PROCESSLIST")}
        assert victim.thread_id() not in left
    tool(cluster, "mysqladmin", "create", "made")
    assert cluster.query("SHOW DATABASES LIKE 'made'") == [("made",)]
    tool(cluster, "mysqladmin", "--force", "drop", "made")
    assert cluster.query("SHOW DATABASES LIKE 'made'") == []
    for command in ("flush-tables", "flush-privileges", "flush-status", "reload", "refresh"):
        tool(cluster, "mysqladmin", command)


def test_checks_and_catalogue(cluster: Cluster) -> None:
    tool(cluster, "mysql", text="CREATE DATABASE IF NOT EXISTS shown; USE shown; CREATE TABLE IF NOT EXISTS t "
         "(id INT PRIMARY KEY, s VARCHAR(9)); REPLACE INTO t VALUES (1, 'a'), (2, 'b')")  # fmt: skip
    for option in ("--check", "--analyze"):
        assert re.search(r"shown\.t\s+OK", tool(cluster, "mysqlcheck", option, "shown"))
    optimized = tool(cluster, "mysqlcheck", "--optimize", "shown")
    assert re.search(r"shown\.t\s+note +: Table does not support optimize.*\s+status +: OK", optimized)
    everything = tool(cluster, "mysqlcheck", "--all-databases", "--check-upgrade")
    assert "shown.t" in everything and "Error" not in everything
    assert "shown" in tool(cluster, "mysqlshow")
    assert re.search(r"\| t +\|", tool(cluster, "mysqlshow", "shown"))
    assert re.search(r"\| s +\| varchar\(9\)", tool(cluster, "mysqlshow", "--keys", "shown", "t"))
    assert re.search(r"\| t +\| +2 \| +2 \|", tool(cluster, "mysqlshow", "--count", "shown"))


def test_import_and_load(cluster: Cluster, tmp_path: Path) -> None:
    tool(cluster, "mysql", text="CREATE DATABASE IF NOT EXISTS load_; USE load_; DROP TABLE IF EXISTS people;"
         "CREATE TABLE people (id INT PRIMARY KEY, name VARCHAR(20))")  # fmt: skip
    file = tmp_path / "people.csv"
    file.write_text('id,name\n1,"a, b"\n2,c\n2,again\n')
    shown = tool(
        cluster, "mysqlimport", "--local", "--fields-terminated-by=,", "--fields-optionally-enclosed-by=\"",
        "--ignore-lines=1", "--replace", "load_", str(file),
    )  # fmt: skip
    assert "Records: 3  Deleted: 1" in shown
    assert cluster.query("SELECT name FROM load_.people ORDER BY id") == [("a, b",), ("again",)]
    slapped = tool(
        cluster, "mysqlslap", "--concurrency=4", "--iterations=2", "--auto-generate-sql", "--number-of-queries=80",
        "--auto-generate-sql-load-type=mixed", "--create-schema=slap",
    )  # fmt: skip
    assert "Average number of seconds to run all queries" in slapped
