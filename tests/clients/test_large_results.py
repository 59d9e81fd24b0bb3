"""Large results, which come packed from DuckDB: the same as MariaDB's to the byte, and a session among others."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mysql.connector
import pymysql
import pytest

from tests.support.cluster import PASSWORD, Cluster, wait_for
from tests.support.mariadb import MariaDb

pytestmark = pytest.mark.client

#: Every type, and the rows that show their edges; many copies of them make a large table.
TABLE = """CREATE TABLE every (
  id INT NOT NULL PRIMARY KEY AUTO_INCREMENT, t TINYINT, su SMALLINT UNSIGNED, m MEDIUMINT, z INT(6) ZEROFILL, b BIGINT,
  bu BIGINT UNSIGNED, de DECIMAL(12,3), ds DECIMAL(4,4), f FLOAT, d DOUBLE, d2 DOUBLE(10,2), bi BIT(11), y YEAR,
  da DATE, dt DATETIME, d6 DATETIME(6), ts TIMESTAMP(3) NULL, ti TIME, t2 TIME(2), c CHAR(20), v VARCHAR(200), tx TEXT,
  bn BINARY(4), vb VARBINARY(300), bl BLOB, e ENUM('one','two','it''s'), s SET('a','b','c')
) DEFAULT CHARSET=utf8mb4"""
ROWS = (
    "NULL, " + ", ".join(["NULL"] * 27),
    "NULL, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1901, '1000-01-01', '1000-01-01', '1000-01-01', '1971-01-01', 0, 0, "
    "'', '', '', '', '', '', 'one', ''",
    "NULL, -128, 65535, -8388608, 7, -9223372036854775808, 18446744073709551615, -999999999.999, -0.9999, -1.5e30, "
    "-1.7976931348623157e308, -99999999.99, b'11111111111', 2155, '9999-12-31', '9999-12-31 23:59:59', "
    "'9999-12-31 23:59:59.999999', '2038-01-01 00:00:00.001', '-838:59:59', '838:59:58.99', 'ends  ', "
    "'it''s ~ } | \\t é 漢 😀', REPEAT('long ', 200), X'00FF7F0A', REPEAT(X'FE', 260), REPEAT(X'7E7F00', 90), "
    "'it''s', 'a,c'",
    "NULL, 127, 1, 1, 1234567, 9223372036854775807, 1, 0.1, 0.5, 123456.789, 0.000012345, 3.145, b'101', 2024, "
    "'2024-02-29', '2024-02-29 01:02:03', '2024-02-29 01:02:03.5', '2024-02-29 01:02:03.25', '01:02:03', '01:02:03.4', "
    "'x', REPEAT('é', 200), REPEAT('x', 130), 'abcd', 'v', 'b', 'two', 'b'",
    f"NULL, {', '.join(['NULL'] * 13)}, '0000-00-00', '2024-00-15 01:02:03', '2024-01-00 00:00:00.25', "
    f"'0000-00-00 00:00:00', {', '.join(['NULL'] * 10)}",
)
#: Not copied: values whose lengths take three bytes.
WIDE = (
    f"NULL, {', '.join(['NULL'] * 21)}, REPEAT('é', 30000), NULL, NULL, REPEAT(X'7F00', 30000), 'one', 'c'",
    f"NULL, {', '.join(['NULL'] * 21)}, REPEAT('y', 17000), NULL, NULL, REPEAT(X'FF', 16384), 'two', 'b,c'",
)
COPIES = 3000
_ZERO_DATES = "SET time_zone = '+00:00', sql_mode = ''"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    # What is tested is the result, not how soon a busy machine looks hung.
    config = "[failover]\nhang_timeout_s = 10.0\n"
    found = Cluster(tmp_path_factory.mktemp("large"), readers=0, config=config)
    try:
        found.start()
        fill(found.connect(autocommit=True))
        yield found
        found.assert_clean_logs()
    finally:
        found.close()


def fill(connection: pymysql.connections.Connection[Any]) -> None:
    with connection.cursor() as cursor:
        for sql in ("CREATE DATABASE app", "USE app", TABLE, "CREATE TABLE few LIKE every", _ZERO_DATES):
            cursor.execute(sql)
        cursor.execute("CREATE TABLE n (i INT PRIMARY KEY)")
        cursor.execute(f"INSERT INTO n VALUES {','.join(f'({i})' for i in range(COPIES))}")
        for row in ROWS:
            cursor.execute(f"INSERT INTO few VALUES ({row})")
        cursor.execute("ALTER TABLE few DROP COLUMN id")
        cursor.execute("INSERT INTO every SELECT NULL, few.* FROM few CROSS JOIN n ORDER BY n.i, few.z")
        for row in WIDE:
            cursor.execute(f"INSERT INTO every VALUES ({row})")
    connection.close()


def printed(port: int, user: str, password: str, sql: str, *more: str) -> bytes:
    """What the mysql client prints: every byte of every value."""
    login = ["--host=127.0.0.1", f"--port={port}", f"--user={user}", f"--password={password}", "--protocol=tcp"]
    command = ["mysql", *login, "--default-character-set=utf8mb4", "--batch", "--raw", "--quick", *more, "app"]
    done = subprocess.run([*command, "-e", f"SET time_zone = '+00:00'; {sql}"], capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def ours(cluster: Cluster, sql: str, *more: str) -> bytes:
    return printed(cluster.endpoints["cluster"][1], "admin", PASSWORD, sql, *more)


@pytest.mark.skipif(not MariaDb.available(), reason="no MariaDB to compare with")
def test_every_type_is_sent_as_mariadb_sends_it(cluster: Cluster, tmp_path: Path) -> None:
    peer = MariaDb(tmp_path / "mariadb")
    try:
        peer.start()
        fill(peer.connect())
        sql = "SELECT * FROM every ORDER BY id"
        expected = printed(peer.port, "root", "", sql).splitlines()
    finally:
        peer.close()
    for found in (ours(cluster, sql), ours(cluster, sql, "--ssl")):
        lines = found.splitlines()
        assert [pair for pair in zip(lines, expected, strict=False) if pair[0] != pair[1]][:1] == []
        assert len(lines) == len(expected)


def test_text_and_binary_rows_agree(cluster: Cluster) -> None:
    """Other character sets and prepared statements take another way through the server."""
    connection = cluster.connect(database="app", charset="latin1", autocommit=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, c, e FROM every ORDER BY id")
        assert len(cursor.fetchall()) == COPIES * len(ROWS) + len(WIDE)
    connection.close()


def test_kill_query_ends_a_result_that_is_being_sent(cluster: Cluster) -> None:
    reading = cluster.connect(database="app", autocommit=True, cursorclass=pymysql.cursors.SSCursor)
    with reading.cursor() as cursor:
        cursor.execute("SELECT a.*, b.i FROM every a CROSS JOIN n b")
        assert len(cursor.fetchmany(5)) == 5
        cluster.query(f"KILL QUERY {reading.thread_id()}")
        with pytest.raises(pymysql.err.OperationalError) as raised:
            cursor.fetchall()
        assert raised.value.args[0] == 1317
    with reading.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM every")
        assert cursor.fetchall() == [(COPIES * len(ROWS) + len(WIDE),)]
    reading.close()


def test_a_client_that_reads_slowly_costs_little_and_may_leave(cluster: Cluster) -> None:
    pid = cluster.announced()[cluster.writer()]

    def resident_mib() -> int:
        return int(Path(f"/proc/{pid}/status").read_text().partition("VmRSS:")[2].split()[0]) >> 10

    before_mib = resident_mib()
    readers = [cluster.connect(database="app", autocommit=True, cursorclass=pymysql.cursors.SSCursor) for _ in range(4)]
    cursors = [reader.cursor() for reader in readers]  # kept: one that is collected reads to the end
    for cursor in cursors:
        # About ten gigabytes each, of which nobody reads more than a few rows.
        cursor.execute("SELECT a.*, b.i FROM every a CROSS JOIN n b")
    for _ in range(20):
        assert cluster.query("SELECT i FROM app.n WHERE i = 7") == [(7,)]
    assert resident_mib() - before_mib < 400
    numbers = {reader.thread_id() for reader in readers}
    for reader in readers:
        reader._result.unbuffered_active = False  # type: ignore[union-attr]  # else it reads on when it is collected
        reader._force_close()
    wait_for(lambda: not numbers & {row[0] for row in cluster.query("SHOW PROCESSLIST")}, 20, "the sessions to end")


def test_rows_of_the_transaction_itself(cluster: Cluster) -> None:
    connection = cluster.connect(database="app")
    with connection.cursor() as cursor:
        cursor.execute("START TRANSACTION")
        cursor.execute("SELECT COUNT(*) FROM every")
        cursor.execute("UPDATE every SET v = 'mine' WHERE id <= 10")
        cursor.execute("DELETE FROM every WHERE id = 11")
        for _ in range(2):
            cursor.execute("SELECT id, v FROM every ORDER BY id")
            found = cursor.fetchall()
            assert len(found) == COPIES * len(ROWS) + len(WIDE) - 1
            assert found[:10] == tuple((number, "mine") for number in range(1, 11))
            assert found[10][0] == 12
        connection.rollback()
        cursor.execute("SELECT id FROM every ORDER BY id")
        assert cursor.fetchmany(11)[-1] == (11,)
        cursor.execute("SELECT FOUND_ROWS()")
        assert cursor.fetchall() == ((COPIES * len(ROWS) + len(WIDE),),)
    connection.close()


def test_a_failure_midway_is_the_last_thing_that_is_sent(cluster: Cluster) -> None:
    connection = cluster.connect(database="app", autocommit=True, cursorclass=pymysql.cursors.SSCursor)
    with connection.cursor() as cursor:
        with pytest.raises(pymysql.err.OperationalError) as raised:
            cursor.execute("SELECT id, EXP(IF(id > 11000, 710, 1)) FROM every ORDER BY id")
            cursor.fetchall()
        assert raised.value.args[0] == 1690
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        assert cursor.fetchall() == [(1,)]
    connection.close()


def test_prepared_statements_give_the_rows_that_are_encoded_one_by_one(cluster: Cluster) -> None:
    """Those with a TIME column are; the others come packed."""
    host, port = cluster.endpoints["cluster"]
    connection = mysql.connector.connect(
        host=host, port=port, user="admin", password=PASSWORD, database="app", use_pure=True, time_zone="+00:00"
    )
    packed = "id, t, su, m, z, b, bu, de, ds, f, d, d2, bi, da, dt, d6, ts, c, v, tx, bn, vb, bl, e, s"
    try:
        cursor = connection.cursor(prepared=True)
        found = []
        for columns in (packed, f"{packed}, ti"):
            # Dates that Python does not have are more than the driver can read, as is YEAR.
            cursor.execute(f"SELECT {columns} FROM every WHERE (dt IS NULL OR MONTH(dt) > %s) ORDER BY id", (0,))
            found.append(cursor.fetchall())
        assert len(found[0]) > 4 * COPIES - 10
        assert found[0] == [row[:-1] for row in found[1]]
    finally:
        connection.close()
