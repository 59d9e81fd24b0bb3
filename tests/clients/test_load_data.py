"""LOAD DATA and SELECT ... INTO OUTFILE with a real client and real files."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pymysql
import pytest

from tests.support.cluster import Cluster

pytestmark = pytest.mark.client

TABLE = """CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(20), amount DECIMAL(8,2) NOT NULL DEFAULT 9,
    at DATETIME, raw VARBINARY(10), note VARCHAR(50) DEFAULT 'none')"""


@pytest.fixture(scope="module")
def server_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, server_files: Path) -> Iterator[Cluster]:
    config = f'[sessions]\nsecure_file_dir = "{server_files}"\n'
    found = Cluster(tmp_path_factory.mktemp("load"), readers=1, config=config)
    try:
        found.start()
        found.query("CREATE DATABASE app")
        yield found
        found.assert_clean_logs()
    finally:
        found.close()


@pytest.fixture
def connection(cluster: Cluster) -> Iterator[pymysql.connections.Connection[Any]]:
    found = cluster.connect(database="app", autocommit=True, local_infile=True)
    found.cursor().execute("DROP TABLE IF EXISTS t")
    found.cursor().execute(TABLE)
    yield found
    found.close()


def rows(connection: pymysql.connections.Connection[Any], sql: str) -> list[tuple[Any, ...]]:
    cursor = connection.cursor()
    cursor.execute(sql)
    return list(cursor.fetchall())


def run(connection: pymysql.connections.Connection[Any], sql: str) -> tuple[int, str]:
    cursor = connection.cursor()
    cursor.execute(sql)
    message = cursor._result.message or b""
    return cursor.rowcount, message.decode()[1:]


def test_a_client_file_with_everything(connection: pymysql.connections.Connection[Any], tmp_path: Path) -> None:
    file = tmp_path / "in.csv"
    file.write_bytes(
        b"id,name,amount,at,x\r\n"
        b'1,"a, b",1.50,2024-01-02 03:04:05,q\r\n'
        b'2,\\N,2.25,2024-02-02,"say ""x"""\r\n'
        b"3,bad,oops,2024-02-02,z\r\n"
        b"1,again,1,2024-01-01,z\r\n"
        b"4,short\r\n"
        b'5,"two\r\nlines",1,2024-01-01,z,more\r\n'
    )
    done = run(
        connection,
        f"LOAD DATA LOCAL INFILE '{file}' INTO TABLE t FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '\"' "
        "LINES TERMINATED BY '\\r\\n' IGNORE 1 LINES (id, name, amount, at, @x) SET note = CONCAT(@x, '/', id)",
    )
    assert done[0] == 5 and done[1].startswith("Records: 6  Deleted: 0  Skipped: 1  ")
    warnings = rows(connection, "SHOW WARNINGS")
    assert sorted(number for _, number, _ in warnings) == [1062, 1261, 1261, 1262, 1366], warnings
    assert rows(connection, "SELECT id, name, amount, at, note FROM t ORDER BY id") == [
        (1, "a, b", Decimal("1.50"), dt.datetime(2024, 1, 2, 3, 4, 5), "q/1"),
        (2, None, Decimal("2.25"), dt.datetime(2024, 2, 2), 'say "x"/2'),
        (3, "bad", Decimal("0.00"), dt.datetime(2024, 2, 2), "z/3"),
        (4, "short", Decimal("0.00"), None, None),
        (5, "two\r\nlines", Decimal("1.00"), dt.datetime(2024, 1, 1), "z/5"),
    ]


def test_replace_is_strict_and_all_or_nothing(connection: pymysql.connections.Connection[Any], tmp_path: Path) -> None:
    file = tmp_path / "in.txt"
    file.write_text("1\tone\t1\n2\ttwo\tx\n")
    cursor = connection.cursor()
    cursor.execute("INSERT INTO t (id, name) VALUES (1, 'old')")
    cursor.execute("BEGIN")
    cursor.execute("INSERT INTO t (id, name) VALUES (9, 'kept')")
    with pytest.raises(pymysql.err.DataError, match="1366"):
        cursor.execute(f"LOAD DATA LOCAL INFILE '{file}' REPLACE INTO TABLE t (id, name, amount)")
    cursor.execute("COMMIT")
    assert rows(connection, "SELECT id, name FROM t ORDER BY id") == [(1, "old"), (9, "kept")]
    file.write_text("1\tone\t1\n2\ttwo\t2\n")
    done = run(connection, f"LOAD DATA LOCAL INFILE '{file}' REPLACE INTO TABLE t (id, name, amount)")
    assert done == (3, "Records: 2  Deleted: 1  Skipped: 0  Warnings: 0")
    assert rows(connection, "SELECT ROW_COUNT()") == [(3,)]


def test_out_and_in_again(
    connection: pymysql.connections.Connection[Any], server_files: Path, cluster: Cluster
) -> None:
    values = "(1, 'tab\\tline\\n\\\\', 1.5, '2024-01-02', x'00ff0a09', ''), (2, NULL, -2, NULL, NULL, 'é,\"')"
    run(connection, f"INSERT INTO t VALUES {values}")
    before = rows(connection, "SELECT * FROM t ORDER BY id")
    for number, clauses in enumerate(("", "FIELDS TERMINATED BY ',' ENCLOSED BY '\"' ESCAPED BY '\\\\'")):
        name = f"out{number}"
        assert run(connection, f"SELECT * FROM t INTO OUTFILE '{name}' {clauses}")[0] == 2
        assert (server_files / name).exists()
        run(connection, "DELETE FROM t")
        assert run(connection, f"LOAD DATA INFILE '{name}' INTO TABLE t {clauses}")[0] == 2
        assert rows(connection, "SELECT * FROM t ORDER BY id") == before
        with pytest.raises(pymysql.err.OperationalError, match="1086"):
            run(connection, f"SELECT * FROM t INTO OUTFILE '{name}'")
    run(connection, "SELECT raw INTO DUMPFILE 'raw' FROM t WHERE id = 1")
    assert (server_files / "raw").read_bytes() == b"\x00\xff\n\t"
    for sql in ("LOAD DATA INFILE '/etc/hostname' INTO TABLE t", "SELECT 1 INTO OUTFILE '../x'"):
        with pytest.raises(pymysql.err.OperationalError, match="1290"):
            run(connection, sql)
    with pytest.raises(pymysql.Error, match="13,"):
        run(connection, "LOAD DATA INFILE 'nothing' INTO TABLE t")
    cluster.query("CREATE USER IF NOT EXISTS u IDENTIFIED BY 'p'")
    cluster.query("GRANT ALL ON app.* TO u")
    with cluster.connect(user="u", password="p", database="app") as other, pytest.raises(pymysql.Error, match="1227"):
        other.cursor().execute("SELECT 1 INTO OUTFILE 'not mine'")


def test_a_bulk_load_is_seen_by_keys_by_scans_and_by_readers(
    connection: pymysql.connections.Connection[Any], tmp_path: Path, cluster: Cluster
) -> None:
    run(connection, "CREATE TABLE IF NOT EXISTS big (id INT PRIMARY KEY, name VARCHAR(20), UNIQUE (name))")
    run(connection, "INSERT INTO big VALUES (-1, 'first'), (7, 'to be replaced')")
    file = tmp_path / "big.txt"
    file.write_text("".join(f"{i}\tname {i}\n" for i in range(60_000)))
    assert run(connection, f"LOAD DATA LOCAL INFILE '{file}' REPLACE INTO TABLE big")[0] == 60_001
    assert rows(connection, "SELECT name FROM big WHERE id = 7") == [("name 7",)]
    assert rows(connection, "SELECT name FROM big WHERE id = 59999") == [("name 59999",)]
    assert rows(connection, "SELECT COUNT(*), SUM(id) FROM big") == [(60_001, Decimal(59_999 * 30_000 - 1))]
    with pytest.raises(pymysql.err.IntegrityError, match="1062"):
        run(connection, "INSERT INTO big VALUES (100000, 'NAME 33')")
    assert run(connection, "UPDATE big SET name = 'changed' WHERE id = 5")[0] == 1
    assert rows(connection, "SELECT name FROM big WHERE id = 5") == [("changed",)]
    cluster.wait_level()
    assert cluster.query("SELECT COUNT(*) FROM app.big", "reader") == [(60_001,)]
    assert cluster.query("SELECT name FROM app.big WHERE id = 5", "reader") == [("changed",)]


def test_a_load_as_columns_counts_and_fills_as_one_by_rows(
    connection: pymysql.connections.Connection[Any], tmp_path: Path, cluster: Cluster
) -> None:
    """Files of this size go in as columns: generated numbers, defaults, escapes, a bad line, duplicates."""
    file = tmp_path / "in.txt"
    lines = [f"name {i}\t{i}.5\t2024-01-{i % 28 + 1:02d} 01:02:03\t\\N\n" for i in range(3000)]
    lines[17] = "tab\\tnew\\nline\t1.5\t\\N\traw\\0\n"
    file.write_text("".join(lines))
    load = f"LOAD DATA LOCAL INFILE '{file}' INTO TABLE t (name, amount, at, raw)"
    assert run(connection, load) == (3000, "Records: 3000  Deleted: 0  Skipped: 0  Warnings: 0")
    assert rows(connection, "SELECT LAST_INSERT_ID(), COUNT(*), MIN(id), MAX(id) FROM t") == [(1, 3000, 1, 3000)]
    assert rows(connection, "SELECT * FROM t WHERE id = 18") == [
        (18, "tab\tnew\nline", Decimal("1.50"), None, b"raw\0", "none")
    ]
    lines[100] = "more than twenty characters\t1\t2024-01-01\t\\N\n"
    lines[101] = "name\tx\t2024-01-01\n"
    file.write_text("".join(lines))
    assert run(connection, load)[1] == "Records: 3000  Deleted: 0  Skipped: 0  Warnings: 3"
    assert sorted(w[1] for w in rows(connection, "SHOW WARNINGS")) == [1261, 1265, 1366]
    assert rows(connection, "SELECT name, amount FROM t WHERE name = 'name'") == [("name", Decimal("0.00"))]

    file.write_text("".join(f"{i}\tn{i}\n" for i in range(10_000, 13_000)) + "1\tdouble\n11000\tdouble\n13001\tlast")
    done = run(connection, f"LOAD DATA LOCAL INFILE '{file}' INTO TABLE t (id, name)")
    assert done == (3001, "Records: 3003  Deleted: 0  Skipped: 2  Warnings: 2")
    assert rows(connection, "SELECT COUNT(*), MAX(id) FROM t") == [(9001, 13_001)]


def test_a_load_with_foreign_keys_is_what_its_rows_are(
    connection: pymysql.connections.Connection[Any], tmp_path: Path, cluster: Cluster
) -> None:
    """Parents are looked up for a whole block; what has none is told for its row, and the others are locked."""
    run(connection, "CREATE TABLE mother (id INT PRIMARY KEY, name VARCHAR(9))")
    run(connection, "CREATE TABLE kind (a VARCHAR(9), b INT, PRIMARY KEY (a, b))")
    run(
        connection,
        "CREATE TABLE child (id INT PRIMARY KEY, mother INT, a VARCHAR(9), b INT,"
        " FOREIGN KEY (mother) REFERENCES mother (id), FOREIGN KEY (a, b) REFERENCES kind (a, b))",
    )
    mothers, children = tmp_path / "mothers", tmp_path / "children"
    mothers.write_text("".join(f"{i}<f>m{i}<l>" for i in range(6000)))
    lines = [f"{i}|{i * 7 % 6000}|Kind|{i % 3}|\n" for i in range(7000)]
    lines[5] = "5|\\N|x|\\N|\n"
    children.write_text("".join(lines))
    run(connection, "INSERT INTO kind VALUES ('kind', 0), ('kind', 1), ('KIND', 2)")
    cursor = connection.cursor()
    cursor.execute("BEGIN")
    ends = "FIELDS TERMINATED BY '<f>' LINES TERMINATED BY '<l>'"
    assert run(connection, f"LOAD DATA LOCAL INFILE '{mothers}' INTO TABLE mother {ends}")[0] == 6000
    ends = "FIELDS TERMINATED BY '|' LINES TERMINATED BY '|\\n'"
    load = f"LOAD DATA LOCAL INFILE '{children}' INTO TABLE child {ends}"
    assert run(connection, load) == (7000, "Records: 7000  Deleted: 0  Skipped: 0  Warnings: 0")
    with cluster.connect(database="app", autocommit=True) as other:
        other.cursor().execute("SET innodb_lock_wait_timeout = 1")
        with pytest.raises(pymysql.Error, match="1205"):
            other.cursor().execute("DELETE FROM kind WHERE b = 2")
    cursor.execute("COMMIT")
    assert rows(connection, "SELECT COUNT(*), COUNT(mother), SUM(b) FROM child") == [(7000, 6999, Decimal(6997))]
    with pytest.raises(pymysql.err.IntegrityError, match="1451"):
        run(connection, "DELETE FROM mother WHERE id = 7")
    run(connection, "DELETE FROM child")
    lines[3000] = "3000|6000|Kind|1|\n"
    lines[4000] = "4000|1|Kind|3|\n"
    children.write_text("".join(lines))
    assert run(connection, load) == (6998, "Records: 7000  Deleted: 0  Skipped: 2  Warnings: 2")
    assert [w[1] for w in rows(connection, "SHOW WARNINGS")] == [1452, 1452]
    assert rows(connection, "SELECT COUNT(*) FROM child WHERE id IN (3000, 4000)") == [(0,)]
    run(connection, "DELETE FROM child")
    with pytest.raises(pymysql.err.IntegrityError, match="1452"):
        run(connection, "INSERT INTO child VALUES " + ",".join(f"({i},{i},'kind',0)" for i in range(5000, 6100)))
    assert rows(connection, "SELECT COUNT(*) FROM child") == [(0,)]
    cluster.wait_level()


def test_a_load_as_columns_within_a_transaction(
    connection: pymysql.connections.Connection[Any], tmp_path: Path, cluster: Cluster
) -> None:
    file = tmp_path / "in.txt"
    file.write_text("".join(f"{i}\tn{i}\n" for i in range(1, 6001)))
    cursor = connection.cursor()
    cursor.execute("BEGIN")
    cursor.execute("SAVEPOINT before_load")
    assert run(connection, f"LOAD DATA LOCAL INFILE '{file}' INTO TABLE t (id, name)")[0] == 6000
    cursor.execute("SAVEPOINT after_load")
    assert rows(connection, "SELECT COUNT(*), SUM(id) FROM t") == [(6000, Decimal(6000 * 6001 // 2))]
    assert cluster.query("SELECT COUNT(*) FROM app.t") == [(0,)]
    assert run(connection, "DELETE FROM t WHERE id > 10")[0] == 5990
    assert run(connection, "UPDATE t SET name = 'changed' WHERE id = 3")[0] == 1
    cursor.execute("ROLLBACK TO after_load")
    assert rows(connection, "SELECT name FROM t WHERE id IN (3, 6000) ORDER BY id") == [("n3",), ("n6000",)]
    cursor.execute("ROLLBACK TO before_load")
    assert rows(connection, "SELECT COUNT(*) FROM t") == [(0,)]
    assert run(connection, f"LOAD DATA LOCAL INFILE '{file}' INTO TABLE t (id, name)")[0] == 6000
    cursor.execute("COMMIT")
    cluster.wait_level()
    for endpoint in ("cluster", "reader"):
        assert cluster.query("SELECT COUNT(*), SUM(id), MAX(name) FROM app.t", endpoint) == [
            (6000, Decimal(6000 * 6001 // 2), "n999")
        ]


def test_a_long_insert_is_what_its_rows_are(connection: pymysql.connections.Connection[Any], cluster: Cluster) -> None:
    """Statements of this length are scanned instead of tokenised; what is not plain goes the usual way."""
    names = [f"it\\'s {i}" if i % 7 else "tab\\t\\\\" for i in range(3000)]
    values = [f"('{name}',{i}.25,'2024-01-{i % 28 + 1:02d} 01:02:03')" for i, name in enumerate(names)]
    insert = "INSERT INTO t (name, amount, at) VALUES "
    assert run(connection, insert + ",".join(values)) == (3000, "Records: 3000  Duplicates: 0  Warnings: 0")
    assert rows(connection, "SELECT LAST_INSERT_ID(), COUNT(*), MIN(id), MAX(id) FROM t") == [(1, 3000, 1, 3000)]
    assert rows(connection, "SELECT name, amount, at, note FROM t WHERE id IN (1, 2) ORDER BY id") == [
        ("tab\t\\", Decimal("0.25"), dt.datetime(2024, 1, 1, 1, 2, 3), "none"),
        ("it's 1", Decimal("1.25"), dt.datetime(2024, 1, 2, 1, 2, 3), "none"),
    ]
    with pytest.raises(pymysql.err.DataError, match="'name' at row 2990"):
        run(connection, insert + ",".join([*values[:2989], "('more than twenty characters',1,NULL)", *values[2990:]]))
    assert rows(connection, "SELECT COUNT(*) FROM t") == [(3000,)]
    assert run(connection, insert + ",".join([*values[:2990], "(UPPER('x'),1 + 1,NOW())"]))[0] == 2991
    ids = "INTO t (id, name) VALUES " + ",".join(f"({i},'name {i}')" for i in range(100_000, 104_000))
    assert run(connection, f"INSERT {ids}")[0] == 4000
    with pytest.raises(pymysql.err.IntegrityError, match="1062"):
        run(connection, f"INSERT {ids},(104000,'x')")
    assert run(connection, f"INSERT IGNORE {ids},(104000,'x')")[0] == 1
    assert run(connection, f"REPLACE {ids}")[0] == 8000
    cluster.wait_level()
    assert cluster.query("SELECT COUNT(*), MAX(id) FROM app.t", "reader") == [(3000 + 2991 + 4001, 104_000)]
