"""Statements answered at once, over the wire: byte for byte what the long way answers, and as aware of everything."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import pymysql
import pytest

from tests.support.cluster import Cluster
from tests.support.raw_client import CAPABILITIES, RawClient

pytestmark = pytest.mark.client

DEPRECATE_EOF = 1 << 24

SETUP = [
    "CREATE DATABASE app",
    "CREATE USER raw IDENTIFIED WITH mysql_native_password BY ''",
    "GRANT SELECT ON app.* TO raw",
    "CREATE TABLE app.w (a INT, b INT, n SMALLINT, d DECIMAL(6,2), PRIMARY KEY (a, b))",
    "INSERT INTO app.w VALUES (1, 1, 5, 1.5), (1, 2, 6, NULL)",
    "GRANT ALL ON app.w TO raw",
    """CREATE TABLE app.t (id INT PRIMARY KEY, k INT, s VARCHAR(400), d DECIMAL(9,2), w DATETIME(3), b VARBINARY(10),
       u BIGINT UNSIGNED, f DOUBLE, y DATE, KEY by_k (k))""",
]

TEXTS = [
    "SELECT * FROM app.t WHERE id = 7",
    "SELECT s FROM app.t WHERE id = 8",
    "SELECT s FROM app.t WHERE id = 100000",
    "SELECT id, s, w FROM app.t WHERE id BETWEEN 5 AND 500",
    "SELECT s FROM app.t WHERE id BETWEEN 1 AND 60 ORDER BY s, id",
    "SELECT DISTINCT k FROM app.t WHERE id BETWEEN 1 AND 90 ORDER BY k",
    "SELECT SUM(k), COUNT(*), MIN(k) FROM app.t WHERE id BETWEEN 1 AND 200",
    "SELECT * FROM app.t WHERE id IN (3, 9, 4, 100000) ORDER BY id DESC LIMIT 2",
    "SELECT * FROM app.t WHERE k IN (3, 5) ORDER BY id",
    "SELECT COUNT(k) FROM app.t WHERE k BETWEEN 2 AND 4 OR k BETWEEN 9 AND 11",
]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    found = Cluster(tmp_path_factory.mktemp("short"), readers=0, config="[failover]\nhang_timeout_s = 10.0\n")
    try:
        found.start()
        for sql in SETUP:
            found.query(sql)
        rows = []
        for n in range(1, 601):
            text = "NULL" if n % 11 == 0 else f"'{'é' * (n % 300)}{n}'"
            day = "NULL" if n % 7 == 0 else f"'2024-02-{n % 28 + 1:02d} 03:04:05.{n % 1000:03d}'"
            rows.append(f"({n}, {n % 13 or 'NULL'}, {text}, {n}.25, {day}, 'b{n}', {2**63 + n}, {n}.5, {day})")
        found.query(f"INSERT INTO app.t VALUES {', '.join(rows)}")
        yield found
        found.assert_clean_logs()
    finally:
        found.close()


def raw_client(cluster: Cluster, capabilities: int) -> RawClient:
    client = RawClient(cluster.endpoints["cluster"][1], 30.0)
    assert client.log_in("raw", capabilities=capabilities)[:1] == b"\0"
    return client


def answer(client: RawClient, payload: bytes, capabilities: int) -> list[tuple[int, bytes]]:
    """Every packet of the answer with its number."""
    packets = [(1, client.command(payload))]
    assert client.sequence == 1
    if packets[0][1][:1] in (b"\xff", b"\0"):
        return packets
    ends = 1 if capabilities & DEPRECATE_EOF else 2
    columns = packets[0][1][0]
    while ends:
        data = client.read()
        packets.append((client.sequence, data))
        ends -= data[:1] == b"\xfe" and len(data) < 9 and len(packets) > columns + 1
    return packets


@pytest.mark.parametrize("capabilities", [CAPABILITIES, CAPABILITIES | DEPRECATE_EOF])
@pytest.mark.parametrize("opened", [b"", b"BEGIN", b"START TRANSACTION READ ONLY"])
def test_texts_are_answered_alike(cluster: Cluster, capabilities: int, opened: bytes) -> None:
    client = raw_client(cluster, capabilities)
    if opened:
        client.command(b"\3" + opened)
    for text in TEXTS:
        first = answer(client, b"\3" + text.encode(), capabilities)
        assert [number for number, _ in first] == [n & 0xFF for n in range(1, len(first) + 1)]
        for _ in range(5):
            assert answer(client, b"\3" + text.encode(), capabilities) == first, text
    client.socket.close()


@pytest.mark.parametrize("capabilities", [CAPABILITIES, CAPABILITIES | DEPRECATE_EOF])
def test_executions_are_answered_alike(cluster: Cluster, capabilities: int) -> None:
    client = raw_client(cluster, capabilities)
    for text, values in [
        ("SELECT * FROM app.t WHERE id = ?", [7]),
        ("SELECT s, id FROM app.t WHERE id BETWEEN ? AND ? ORDER BY s, id", [5, 300]),
        ("SELECT * FROM app.t WHERE k IN (?, 5, ?) ORDER BY id", [3, 11]),
        ("SELECT COUNT(*) FROM app.t WHERE id BETWEEN 10 AND ?", [600]),
    ]:
        prepared = client.command(b"\x16" + text.encode())
        statement, columns, params = struct.unpack_from("<IHH", prepared, 1)
        for _ in range(columns + params + (0 if capabilities & DEPRECATE_EOF else 2)):
            client.read()
        head = b"\x17" + struct.pack("<IBI", statement, 0, 1) + bytes((params + 7) // 8)
        data = struct.pack(f"<{params}q", *values)
        full = head + b"\1" + struct.pack(f"<{params}H", *[8] * params) + data
        first = answer(client, full, capabilities)
        for payload in (full, head + b"\0" + data, full, head + b"\0" + data):
            assert answer(client, payload, capabilities) == first, text
        minus = head + b"\0" + struct.pack(f"<{params}q", *[-1] * params)
        assert len(answer(client, minus, capabilities)) > 1, "a negative number takes the long way"
        assert answer(client, head + b"\0" + data, capabilities) == first, text
    client.socket.close()


@pytest.mark.parametrize("capabilities", [CAPABILITIES, CAPABILITIES | DEPRECATE_EOF])
def test_changes_are_answered_alike(cluster: Cluster, capabilities: int) -> None:
    """The first time the long way, then at once: the same bytes, and the same rows afterwards."""
    client = raw_client(cluster, capabilities)
    texts = [
        "UPDATE app.w SET n = n + 1, d = d + 0.25 WHERE a = 1 AND b = 1",
        "SELECT * FROM app.w WHERE a = 1 AND b = 2 FOR UPDATE",
        "INSERT INTO app.w VALUES (2, 1, 7, NULL)",
        "UPDATE app.w SET n = 3 WHERE a = 9 AND b = 9",
        "SELECT SUM(n), COUNT(d) FROM app.w WHERE a = 1",
        "DELETE FROM app.w WHERE a = 2 AND b = 1",
        "SELECT * FROM app.w WHERE a = 1 AND b = 1",
    ]
    rounds = []
    for _ in range(4):
        client.command(b"\3BEGIN")
        rounds.append([answer(client, b"\3" + text.encode(), capabilities) for text in texts])
        client.command(b"\3ROLLBACK")
    assert rounds[1:] == rounds[:1] * 3
    client.socket.close()


def status_of(cursor: Any, name: str) -> int:
    cursor.execute(f"SHOW STATUS LIKE '{name}'")
    return int(cursor.fetchone()[1])


def test_they_are_counted_once(cluster: Cluster) -> None:
    with cluster.connect(autocommit=True) as connection, connection.cursor() as cursor:
        for _ in range(3):
            cursor.execute("SELECT s FROM app.t WHERE id = 20")
        before = status_of(cursor, "Questions"), status_of(cursor, "Com_select")
        for _ in range(10):
            cursor.execute("SELECT s FROM app.t WHERE id = 20")
        after = status_of(cursor, "Questions"), status_of(cursor, "Com_select")
        assert after[0] - before[0] == 10 + 2 and after[1] - before[1] == 10
        cursor.execute("SELECT FOUND_ROWS(), ROW_COUNT()")
        assert cursor.fetchone() is not None


def test_they_see_what_changes(cluster: Cluster) -> None:
    """Commits, definitions, privileges, table locks, settings of their own session."""
    sql = "SELECT id, k FROM app.t WHERE id = 30"
    admin = cluster.connect(autocommit=True).cursor()
    admin.execute("CREATE USER IF NOT EXISTS reader IDENTIFIED BY 'r'")
    admin.execute("GRANT SELECT ON app.t TO reader")
    connection = cluster.connect(user="reader", password="r", autocommit=True)
    cursor = connection.cursor()

    def read() -> Any:
        cursor.execute(sql)
        return cursor.fetchall()

    for _ in range(4):
        assert read() == ((30, 4),)
    admin.execute("UPDATE app.t SET k = 77 WHERE id = 30")
    assert read() == ((30, 77),)
    cursor.execute("BEGIN")
    assert read() == ((30, 77),)
    admin.execute("UPDATE app.t SET k = 78 WHERE id = 30")
    assert read() == ((30, 77),), "the read view stays"
    cursor.execute("COMMIT")
    assert read() == ((30, 78),)
    cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ UNCOMMITTED")
    admin.execute("BEGIN")
    admin.execute("UPDATE app.t SET k = 79 WHERE id = 30")
    assert read() == ((30, 79),), "a dirty read"
    admin.execute("ROLLBACK")
    cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    assert read() == ((30, 78),)
    admin.execute("LOCK TABLES app.t WRITE")
    cursor.execute("SET SESSION lock_wait_timeout = 1")
    with pytest.raises(pymysql.err.OperationalError) as caught:
        read()
    assert caught.value.args[0] == 1205
    admin.execute("UNLOCK TABLES")
    admin.execute("ALTER TABLE app.t ADD COLUMN z INT DEFAULT 5, RENAME COLUMN k TO kk")
    with pytest.raises(pymysql.err.OperationalError) as caught:
        read()
    assert caught.value.args[0] == 1054
    admin.execute("ALTER TABLE app.t RENAME COLUMN kk TO k")
    assert read() == ((30, 78),)
    assert read() == ((30, 78),)
    admin.execute("REVOKE SELECT ON app.t FROM reader")
    with pytest.raises(pymysql.err.OperationalError) as caught:
        read()
    assert caught.value.args[0] == 1142
    admin.execute("GRANT SELECT ON app.t TO reader")
    assert read() == ((30, 78),)
    assert read() == ((30, 78),)
    admin.execute(f"KILL {connection.thread_id()}")
    with pytest.raises(pymysql.err.OperationalError):
        read()
