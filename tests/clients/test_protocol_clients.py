"""The session layer against real client libraries, with a scripted executor behind it."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import mysql.connector
import MySQLdb
import pymysql
import pytest
from pymysql.constants import CLIENT

from aurora_mysql.sql.result import Ok, ResultColumn, ResultSet
from tests.support.fake_sql import PASSWORDS, FakeServer, column

pytestmark = pytest.mark.client

ALL_TYPES = [
    column("i", 3),
    column("u", 8, flags=32),
    column("d", 5, decimals=31),
    column("n", 246, decimals=2),
    column("s"),
    ResultColumn("b", 252, 63),
    column("day", 10),
    column("at", 12, decimals=6),
    column("t", 11),
    column("nothing"),
]
ROW = (
    -5,
    2**64 - 1,
    1.5,
    Decimal("12.50"),
    "naïve 漢 😀",
    b"\0\xff",
    date(2024, 2, 29),
    datetime(2024, 2, 29, 12, 30, 1, 250000),
    timedelta(hours=30, seconds=1),
    None,
)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FakeServer]:
    fake = FakeServer(tmp_path)
    fake.executor.answers["SELECT types"] = lambda ctx: ResultSet(ALL_TYPES, [ROW, ROW])
    fake.executor.answers["SELECT types WHERE ?"] = lambda ctx: ResultSet(ALL_TYPES, [ROW, ROW])
    fake.executor.answers["SELECT none"] = lambda ctx: ResultSet(ALL_TYPES, [])
    fake.executor.answers["SELECT many"] = lambda ctx: ResultSet([column("n", 8)], [(i,) for i in range(25_000)])
    fake.executor.answers["SELECT wide"] = lambda ctx: ResultSet([column("w")], [("x" * 17_000_000,), ("y",)])
    yield fake
    fake.close()


def with_pymysql(server: FakeServer, user: str = "native", **more: Any) -> Any:
    return pymysql.connect(host="127.0.0.1", port=server.port, user=user, password=PASSWORDS[user], **more)


def with_connector(server: FakeServer, user: str = "native", **more: Any) -> Any:
    return mysql.connector.connect(
        host="127.0.0.1", port=server.port, user=user, password=PASSWORDS[user], use_pure=True, **more
    )


def with_mysqlclient(server: FakeServer, user: str = "native", **more: Any) -> Any:
    return MySQLdb.connect(host="127.0.0.1", port=server.port, user=user, password=PASSWORDS[user], **more)


CLIENTS = [with_pymysql, with_connector, with_mysqlclient]


@pytest.mark.parametrize("connect", CLIENTS)
@pytest.mark.parametrize("user", ["app", "native", "empty", "empty_native"])
def test_login_full_then_cached(server: FakeServer, connect: Any, user: str) -> None:
    for _ in range(2):
        connection = connect(server, user)
        cursor = connection.cursor()
        cursor.execute("SELECT USER()")
        assert list(cursor.fetchall()) == [(f"{user}@localhost",)]
        connection.close()


@pytest.mark.parametrize("user", ["app", "native", "empty"])
def test_login_over_rsa_and_plain(server: FakeServer, user: str) -> None:
    for _ in range(2):
        connection = with_pymysql(server, user, ssl_disabled=True)
        assert next(iter(server.services.processes)).tls is False
        connection.close()
        server.wait_until(lambda: not len(server.services.processes))


def test_login_over_tls_with_a_verified_certificate(server: FakeServer, tmp_path: Path) -> None:
    context = ssl.create_default_context(cafile=str(tmp_path / "server.pem"))
    connection = with_pymysql(server, "app", ssl=context)
    assert next(iter(server.services.processes)).tls is True
    connection.close()
    assert (tmp_path / "server.pem").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "login-key.pem").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("connect", CLIENTS)
def test_large_results_over_tls(server: FakeServer, connect: Any) -> None:
    tls = {"ssl": {"verify_mode": "none"}} if connect is with_pymysql else {}
    connection = connect(server, "app", **tls)
    cursor = connection.cursor()
    cursor.execute("SELECT many")
    assert [n for (n,) in cursor.fetchall()] == list(range(25_000))
    connection.close()


@pytest.mark.parametrize("connect", CLIENTS)
@pytest.mark.parametrize(
    ("user", "password", "errno"),
    [
        ("app", "wrong", 1045),
        ("native", "wrong", 1045),
        ("nobody", "x", 1045),
        ("native", "", 1045),
        ("empty", "x", 1045),
    ],
)
def test_refused(server: FakeServer, connect: Any, user: str, password: str, errno: int) -> None:
    with pytest.raises(Exception) as caught:
        _connect(connect, server, user, password)
    assert (getattr(caught.value, "errno", None) or caught.value.args[0]) == errno


def _connect(connect: Any, server: FakeServer, user: str, password: str) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PASSWORDS, user, password)
        return connect(server, user)


@pytest.mark.parametrize(
    ("user", "more", "errno"),
    [
        ("locked", {}, 3118),
        ("expired", {}, 1862),
        ("tlsonly", {"ssl_disabled": True}, 1045),
        ("app", {"database": "missing"}, 1049),
    ],
)
def test_refused_after_the_password(server: FakeServer, user: str, more: dict[str, Any], errno: int) -> None:
    with pytest.raises(pymysql.err.MySQLError) as caught:
        with_pymysql(server, user, **more)
    assert caught.value.args[0] == errno
    server.wait_until(lambda: not len(server.services.processes))


def test_secure_transport_required(tmp_path: Path) -> None:
    server = FakeServer(tmp_path, require_secure_transport=True)
    try:
        with pytest.raises(pymysql.err.MySQLError) as caught:
            with_pymysql(server, ssl_disabled=True)
        assert caught.value.args[0] == 3159
        with_pymysql(server, ssl={"verify_mode": "none"}).close()
    finally:
        server.close()


def test_expired_password_sandbox(server: FakeServer) -> None:
    connection = with_pymysql(server, "expired", client_flag=1 << 22)
    with connection.cursor() as cursor:
        with pytest.raises(pymysql.err.MySQLError) as caught:
            cursor.execute("SELECT 1")
        assert caught.value.args[0] == 1820
        cursor.execute("ALTER USER expired IDENTIFIED BY 'x'")
    connection.close()


@pytest.mark.parametrize("connect", CLIENTS)
def test_all_types_as_text(server: FakeServer, connect: Any) -> None:
    connection = connect(server, "native", charset="utf8mb4")
    cursor = connection.cursor()
    cursor.execute("SELECT types")
    rows = [tuple(row) for row in cursor.fetchall()]
    assert rows == [ROW, ROW]
    assert [d[0] for d in cursor.description] == [c.name for c in ALL_TYPES]
    cursor.execute("SELECT none")
    assert list(cursor.fetchall()) == []
    connection.close()


def test_all_types_as_binary(server: FakeServer) -> None:
    connection = with_connector(server)
    cursor = connection.cursor(prepared=True)
    for _ in range(3):
        cursor.execute("SELECT types WHERE ?", (1,))
        assert [tuple(row) for row in cursor.fetchall()] == [ROW, ROW]
    connection.close()


@pytest.mark.parametrize(
    "value",
    [
        0,
        -7,
        2**40,
        1.5,
        "text é",
        Decimal("1.25"),
        None,
        datetime(2024, 1, 2, 3, 4, 5),
        date(2024, 1, 2),
        timedelta(hours=1),
    ],
)
def test_parameters_arrive(server: FakeServer, value: Any) -> None:
    connection = with_connector(server)
    cursor = connection.cursor(prepared=True)
    for _ in range(2):
        cursor.execute("INSERT ?", (value,))
        assert server.executor.params == [value]
        assert cursor.rowcount == 1
    connection.close()


def test_prepare_error_and_count(server: FakeServer) -> None:
    connection = with_connector(server)
    cursor = connection.cursor(prepared=True)
    with pytest.raises(mysql.connector.Error) as caught:
        cursor.execute("broken ?", (1,))
    assert caught.value.errno == 1064
    cursor.execute("SELECT ?", (1,))
    cursor.fetchall()
    assert server.server.prepared_count == 1
    connection.close()
    server.wait_until(lambda: server.server.prepared_count == 0)


@pytest.mark.parametrize("connect", CLIENTS)
def test_ok_packet(server: FakeServer, connect: Any) -> None:
    connection = connect(server)
    cursor = connection.cursor()
    cursor.execute("UPDATE t")
    assert (cursor.rowcount, cursor.lastrowid) == (3, 7)
    connection.close()


@pytest.mark.parametrize("connect", CLIENTS)
def test_error_then_go_on(server: FakeServer, connect: Any) -> None:
    connection = connect(server)
    cursor = connection.cursor()
    with pytest.raises(Exception, match=r"Table 'db\.t' doesn't exist") as caught:
        cursor.execute("FAIL")
    assert (getattr(caught.value, "errno", None) or caught.value.args[0]) == 1146
    cursor.execute("SELECT 1")
    assert list(cursor.fetchall()) == [(1,)]
    connection.close()


def test_multi_statements(server: FakeServer) -> None:
    connection = with_pymysql(server, client_flag=CLIENT.MULTI_STATEMENTS)
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1; UPDATE t; SELECT 2")
        assert cursor.fetchall() == ((1,),)
        assert cursor.nextset()
        assert cursor.rowcount == 3
        assert cursor.nextset()
        assert cursor.fetchall() == ((2,),)
        assert not cursor.nextset()
        cursor.execute("SELECT 1; FAIL; SELECT 2")
        with pytest.raises(pymysql.err.ProgrammingError):
            cursor.nextset()
        cursor.execute("SELECT 3")
        assert cursor.fetchall() == ((3,),)
    connection.close()


def test_multi_statements_mysqlclient_and_set_option(server: FakeServer) -> None:
    connection = with_mysqlclient(server)
    cursor = connection.cursor()
    cursor.execute("SELECT 1; SELECT 2")
    assert cursor.fetchall() == ((1,),)
    assert cursor.nextset()
    assert cursor.fetchall() == ((2,),)
    connection.set_server_option(MySQLdb.constants.CLIENT.LONG_PASSWORD)  # 1: multi statements off
    assert "Uptime:" in connection.stat()
    connection.close()


@pytest.mark.parametrize("connect", [with_pymysql, with_mysqlclient])
def test_row_larger_than_a_frame(server: FakeServer, connect: Any) -> None:
    connection = connect(server)
    cursor = connection.cursor()
    cursor.execute("SELECT wide")
    rows = cursor.fetchall()
    assert [len(row[0]) for row in rows] == [17_000_000, 1]
    connection.close()


def test_statement_larger_than_a_frame(server: FakeServer) -> None:
    connection = with_pymysql(server, max_allowed_packet=64 * 1024 * 1024)
    with connection.cursor() as cursor:
        cursor.execute("INSERT " + "x" * 20_000_000)
        assert len(server.executor.ran[-1]) == 20_000_007
    connection.close()


def test_stream_and_unbuffered_cursor(server: FakeServer) -> None:
    connection = with_pymysql(server)
    with connection.cursor(pymysql.cursors.SSCursor) as cursor:
        cursor.execute("STREAM 50")
        assert sum(1 for _ in cursor) == 5000
    connection.close()


@pytest.mark.parametrize("connect", [with_pymysql, with_mysqlclient])
def test_local_infile(server: FakeServer, connect: Any, tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("1,a\n2,b\n3,c\n")
    connection = connect(server, local_infile=True)
    cursor = connection.cursor()
    cursor.execute(f"LOAD {path}")
    assert cursor.rowcount == 3
    path.write_text("bad")
    with pytest.raises(Exception, match="Incorrect integer value"):
        cursor.execute(f"LOAD {path}")
    cursor.execute("SELECT 1")
    assert cursor.fetchall() == ((1,),)
    connection.close()


def test_local_infile_not_offered_by_the_client(server: FakeServer) -> None:
    connection = with_pymysql(server)
    with connection.cursor() as cursor, pytest.raises(pymysql.err.MySQLError) as caught:
        cursor.execute("LOAD /etc/passwd")
    assert caught.value.args[0] == 3948
    connection.close()


def test_change_user_and_reset(server: FakeServer) -> None:
    connection = with_connector(server)
    number = connection.connection_id
    for user in ("app", "native", "empty"):
        connection.cmd_change_user(username=user, password=PASSWORDS[user], database="db1")
        cursor = connection.cursor()
        cursor.execute("SELECT USER()")
        assert cursor.fetchall() == [(f"{user}@localhost",)]
        cursor.execute("SELECT DATABASE()")
        assert cursor.fetchall() == [("db1",)]
        cursor.execute("SELECT CONNECTION_ID()")
        assert cursor.fetchall() == [(number,)]
    connection.cmd_reset_connection()
    assert server.executor.reset == [number]
    assert server.executor.closed == [number] * 3
    assert len(server.services.processes) == 1
    connection.close()


def test_change_user_mysqlclient(server: FakeServer) -> None:
    connection = with_mysqlclient(server)
    connection.change_user("app", PASSWORDS["app"], "db2")
    cursor = connection.cursor()
    cursor.execute("SELECT DATABASE()")
    assert cursor.fetchall() == (("db2",),)
    connection.close()


def test_database_ping_kill_processlist(server: FakeServer) -> None:
    connection = with_pymysql(server, database="shop")
    other = with_pymysql(server)
    with connection.cursor() as cursor:
        connection.ping(reconnect=False)
        cursor.execute("SELECT DATABASE()")
        assert cursor.fetchall() == (("shop",),)
        connection.select_db("other")
        cursor.execute("SELECT DATABASE()")
        assert cursor.fetchall() == (("other",),)
        with pytest.raises(pymysql.err.MySQLError):
            connection.select_db("missing")
        cursor.execute("SHOW PROCESSLIST")
        commands = {row[0]: (row[2], row[3]) for row in cursor.fetchall()}
        assert commands == {
            connection.thread_id(): ("Query", "SHOW PROCESSLIST"),
            other.thread_id(): ("Sleep", None),
        }
    connection.kill(other.thread_id())
    with pytest.raises(pymysql.err.OperationalError):
        other.ping(reconnect=False)
    connection.close()


def test_latin1_client(server: FakeServer) -> None:
    connection = with_pymysql(server, charset="latin1", init_command=None)
    with connection.cursor() as cursor:
        # PyMySQL says SET NAMES too, which the scripted executor ignores: the handshake's collation must do.
        cursor.execute("SELECT é€")
        assert cursor.fetchall() == (("é€",),)
        assert server.executor.ran[-1] == "SELECT é€"
    connection.close()


def test_binary_literals_survive(server: FakeServer) -> None:
    connection = with_mysqlclient(server)
    sql = b"INSERT _binary'\xff\x80\x01ok'"
    connection.query(sql)
    assert server.executor.ran[-1].encode("utf-8", "surrogateescape") == sql
    connection.close()


def test_autocommit_and_transaction_flags(server: FakeServer) -> None:
    connection = with_pymysql(server, autocommit=None)
    with connection.cursor() as cursor:
        assert connection.server_status & 2
        cursor.execute("BEGIN")
        assert connection.server_status & 1
        cursor.execute("SELECT 1")
        assert connection.server_status & 1
        cursor.execute("COMMIT")
        assert not connection.server_status & 1
    connection.close()


def test_fast_path(server: FakeServer) -> None:
    connection = with_pymysql(server)
    with connection.cursor() as cursor:
        for _ in range(3):
            cursor.execute("SELECT fast")
            assert cursor.fetchall() == ((1,),)
    assert server.executor.ran == [] or "SELECT fast" not in server.executor.ran
    connection.close()


def test_ok_alone_has_no_rows(server: FakeServer) -> None:
    server.executor.answers["DO 1"] = lambda ctx: Ok()
    connection = with_pymysql(server)
    with connection.cursor() as cursor:
        assert cursor.execute("DO 1") == 0
        assert not cursor.fetchall()
    connection.close()
