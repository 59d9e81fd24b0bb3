"""Heavy reads that the writer hands to a reader: the same answers, as fresh, and KILL, errors and losses as ever."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import mysql.connector
import pymysql
import pytest

from aurora_mysql.cluster.handed_reads import REQUEST
from aurora_mysql.redo.frames import frame
from tests.support.cluster import PASSWORD, Cluster, wait_for

pytestmark = pytest.mark.cluster

#: Takes a good while on any machine; `{}` is more of its condition.
HEAVY = "SELECT COUNT(*), SUM(a.v * b.v * c.v), MAX(a.id) FROM t a, t b, t c WHERE a.v + b.v + c.v < 450 {}"
ROWS = 200


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    made = Cluster(tmp_path_factory.mktemp("handed"), readers=1)
    try:
        made.start()
        made.wait_all_available()
        made.query("CREATE DATABASE d")
        made.query("CREATE TABLE d.t (id INT PRIMARY KEY, v DECIMAL(15,2) NOT NULL, word VARCHAR(20))")
        rows = ", ".join(f"({i}, {i}.25, {'NULL' if i % 9 == 0 else repr(f'wörd {i}')})" for i in range(ROWS))
        made.query(f"INSERT INTO d.t VALUES {rows}")
        yield made
        made.assert_clean_logs()
    finally:
        made.close()


def session(cluster: Cluster, *, offload: bool = True) -> pymysql.cursors.Cursor:
    cursor = cluster.connect(database="d", autocommit=True).cursor()
    cursor.execute("SET aurora_offload_reads = %s", ("ON" if offload else "OFF",))
    return cursor


def rows_of(cursor: Any, sql: str) -> list[tuple[Any, ...]]:
    cursor.execute(sql)
    return list(cursor.fetchall())


def handed(cluster: Cluster) -> int:
    found = cluster.query("SHOW GLOBAL STATUS LIKE 'Aurora_offloaded_reads'")
    return int(found[0][1]) if found else 0


def test_the_second_run_of_a_heavy_read_goes_to_a_reader(cluster: Cluster) -> None:
    cursor, before = session(cluster), handed(cluster)
    here = rows_of(cursor, HEAVY.format("AND 1 = 1"))
    assert handed(cluster) == before
    assert rows_of(cursor, HEAVY.format("AND 1 = 1")) == here
    assert handed(cluster) == before + 1
    assert rows_of(session(cluster, offload=False), HEAVY.format("AND 1 = 1")) == here
    cursor.execute("BEGIN")
    assert rows_of(cursor, HEAVY.format("AND 1 = 1")) == here
    assert handed(cluster) == before + 1


def test_it_sees_what_was_committed_just_before(cluster: Cluster) -> None:
    cursor = session(cluster)
    sql = HEAVY.format("AND a.id >= 0")
    rows_of(cursor, sql)
    before = handed(cluster)
    for number in range(3):
        cursor.execute(f"INSERT INTO t VALUES ({1000 + number}, 0.01, 'new')")
        assert rows_of(cursor, sql)[0][2] == 1000 + number
    assert handed(cluster) == before + 3
    cursor.execute("DELETE FROM t WHERE id >= 1000")
    assert rows_of(cursor, sql)[0][2] == ROWS - 1
    cursor.execute("ALTER TABLE t ADD COLUMN more INT")
    assert rows_of(cursor, sql)[0][2] == ROWS - 1


def test_many_rows_and_prepared_statements(cluster: Cluster) -> None:
    many = "SELECT a.id, b.v, c.word, a.v / b.id FROM t a, t b, t c WHERE a.id * b.id * c.id % 199 = 7 ORDER BY 1, 2, 3"
    host, port = cluster.endpoints["cluster"]
    login = {"host": host, "port": port, "user": "admin", "password": PASSWORD, "database": "d", "autocommit": True}
    connection = mysql.connector.connect(**login)
    try:
        prepared = connection.cursor(prepared=True)
        prepared.execute("SET aurora_offload_reads = ON")
        text = session(cluster)
        answers: list[list[tuple[Any, ...]]] = []
        for _ in range(2):
            for cursor in (text, prepared):
                before = handed(cluster)
                cursor.execute(many)
                answers.append(list(cursor.fetchall()))
                last = handed(cluster) - before
        assert last == 1
        assert len(answers[0]) > 20_000 and all(answer == answers[0] for answer in answers)
    finally:
        connection.close()


def test_warnings_and_errors_are_those_of_here(cluster: Cluster) -> None:
    cursor = session(cluster)
    zero = "(SELECT 1 / (MIN(id) - MIN(id)) FROM t)"
    sql = f"SELECT COUNT(*), {zero} FROM t a, t b, t c WHERE a.v + b.v + c.v < 450"
    warnings = []
    for _ in range(2):
        before = handed(cluster)
        assert rows_of(cursor, sql)[0][1] is None
        warnings.append({row[1:] for row in rows_of(cursor, "SHOW WARNINGS")})
    assert handed(cluster) == before + 1
    assert warnings[0] == warnings[1] == {(1365, "Division by 0")}
    # Known as long, and then too wide for the 64 bits that are tried first, there as here.
    wide = "SELECT SUM(a.v * b.v * {}) FROM t a, t b, t c WHERE a.v + b.v + c.v < 450"
    ((narrow,),) = rows_of(cursor, wide.format(1_000_000_000))
    assert rows_of(cursor, wide.format(9_999_999_999)) == [(narrow / 1_000_000_000 * 9_999_999_999,)]
    failing = "SELECT SUM(a.id * b.id * c.id * {}) FROM t a, t b, t c"
    rows_of(cursor, failing.format(1))
    with pytest.raises(pymysql.err.OperationalError) as caught:
        rows_of(cursor, failing.format(9223372036854775807))
    assert caught.value.args[0] == 1690


def test_kill_query(cluster: Cluster) -> None:
    cursor = session(cluster)
    sql = HEAVY.format("AND a.id < {}")
    rows_of(cursor, sql.format(50))
    endless = "SELECT COUNT(*) FROM t a, t b, t c, t d, t e WHERE a.v + b.v + c.v + d.v + e.v < {}"
    number = cursor.connection.thread_id()
    ends: list[Any] = []

    def run(bound: int) -> None:
        try:
            rows_of(cursor, endless.format(bound))
        except pymysql.err.MySQLError as error:
            ends.append(error.args[0])

    before = handed(cluster)
    for bound in (900, 901):  # the first is killed here; what follows is known to be long
        thread = threading.Thread(target=run, args=(bound,))
        thread.start()
        time.sleep(0.5)  # past the moment from which it counts as long
        cluster.query(f"KILL QUERY {number}")
        thread.join(20)
        assert not thread.is_alive()
    assert ends == [1317, 1317]
    assert handed(cluster) == before  # no row had come
    assert rows_of(cursor, "SELECT COUNT(*) FROM t") == [(ROWS,)]


def test_without_the_token_nothing_is_told(cluster: Cluster) -> None:
    """Whoever finds the port can ask nothing."""
    reader = next(i["id"] for i in cluster.status()["instances"] if i["role"] == "reader")
    pid = cluster.announced()[reader]
    inodes = set(_sockets(pid))
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    ports = [int(f[1].split(":")[1], 16) for f in lines if f[3] == "0A" and f[9] in inodes]

    async def ask(port: int) -> bytes:
        stream, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            request = {"token": "none", "sql": "SELECT 1", "lsn": 0, "version": 0, "params": [], "tokens": []}
            writer.write(frame(REQUEST, {**request, "tables": [], "columns": [], "binary": False}))
            async with asyncio.timeout(10):
                return await stream.read()
        except OSError:
            return b""
        finally:
            writer.close()

    assert ports
    for port in ports:
        if port not in {p for _, p in cluster.endpoints.values()}:
            assert asyncio.run(ask(port)) == b""


def _sockets(pid: int) -> Iterator[str]:
    """Inodes of the process's sockets."""
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        try:
            kind, _, inode = str(descriptor.readlink()).partition(":")
        except FileNotFoundError:
            continue  # closed meanwhile
        if kind == "socket":
            yield inode.strip("[]")


def test_a_reader_that_stands_still_or_dies_is_no_loss(cluster: Cluster) -> None:
    cursor = session(cluster)
    sql = HEAVY.format("AND b.id >= 0")
    here = rows_of(cursor, sql)
    reader = next(i["id"] for i in cluster.status()["instances"] if i["role"] == "reader")
    cluster.kill(reader, signal.SIGKILL)
    assert rows_of(cursor, sql) == here
    assert here[0][0] > 0 and isinstance(here[0][1], Decimal)
    wait_for(lambda: all(i["state"] == "available" for i in cluster.status()["instances"]), 60, "the reader's return")
    cluster.wait_level(30)
    before = handed(cluster)

    def goes_there() -> bool:
        assert rows_of(cursor, sql) == here
        return handed(cluster) > before

    wait_for(goes_there, 30, "a read at the reader")
