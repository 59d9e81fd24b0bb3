"""Packet by packet: session tracking, EOF styles, cursors, long data, remembered types."""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from aurora_mysql.errors import mysql_error
from aurora_mysql.session import constants as c
from aurora_mysql.session.wire import Reader, lenenc_bytes
from aurora_mysql.sql.result import ResultSet
from tests.support.fake_sql import FakeServer, column
from tests.support.raw_client import CAPABILITIES, RawClient

DO = b"\x03DO 1"


def client_with(server: FakeServer, extra: int = 0) -> RawClient:
    client = RawClient(server.port)
    assert client.log_in(capabilities=CAPABILITIES | extra)[:1] == b"\0"
    return client


def packets_until(client: RawClient, count: int) -> list[bytes]:
    return [client.read() for _ in range(count)]


def execute(number: int, body: bytes = b"", flags: int = 0) -> bytes:
    return b"\x17" + struct.pack("<IBI", number, flags, 1) + body


def test_session_track_tells_schema_and_autocommit_once(server: FakeServer) -> None:
    client = client_with(server, c.CLIENT_SESSION_TRACK)
    reader = Reader(client.command(b"\x03USE shop"), 1)
    reader.lenenc_int(), reader.lenenc_int()
    assert reader.uint(2) & c.STATUS_SESSION_STATE_CHANGED
    reader.uint(2)
    assert reader.lenenc_bytes().startswith(b"Rows matched")
    assert reader.lenenc_bytes() == b"\1" + lenenc_bytes(lenenc_bytes(b"shop"))
    reader = Reader(client.command(b"\x03SET autocommit=0"), 1)
    reader.lenenc_int(), reader.lenenc_int(), reader.uint(4), reader.lenenc_bytes()
    assert reader.lenenc_bytes() == b"\0" + lenenc_bytes(lenenc_bytes(b"autocommit") + lenenc_bytes(b"OFF"))
    reader = Reader(client.command(DO), 1)
    reader.lenenc_int(), reader.lenenc_int()
    assert not reader.uint(2) & c.STATUS_SESSION_STATE_CHANGED


@pytest.mark.parametrize("deprecate", [False, True])
def test_ends_of_a_result_set(server: FakeServer, deprecate: bool) -> None:
    client = client_with(server, c.CLIENT_DEPRECATE_EOF if deprecate else 0)
    assert client.command(b"\x03SELECT 1") == b"\1"
    assert client.read()[:4] == b"\x03def"
    if not deprecate:
        assert client.read() == b"\xfe\0\0\2\0"
    assert client.read() == b"\x011"
    assert client.read() == (b"\xfe\0\0\2\0\0\0" if deprecate else b"\xfe\0\0\2\0")
    assert client.sequence == (4 if deprecate else 5)


def test_multi_results_carry_the_flag_of_their_own_statement(server: FakeServer) -> None:
    client = client_with(server)
    first = client.command(b"\x03BEGIN;DO 1;COMMIT")
    statuses = [int.from_bytes(p[3:5], "little") for p in (first, *packets_until(client, 2))]
    assert statuses == [2 | 1 | 8, 2 | 1 | 8, 2]


def test_empty_query(server: FakeServer) -> None:
    client = client_with(server)
    assert client.command(b"\x03")[1:3] == (1065).to_bytes(2, "little")


def test_prepare_execute_close(server: FakeServer) -> None:
    client = client_with(server)
    assert client.command(b"\x16SELECT ?, ?") == struct.pack("<BIHHBH", 0, 1, 2, 2, 0, 0)
    packets_until(client, 6)
    body = b"\0\1" + b"\x08\0\xfd\0" + struct.pack("<q", 5) + b"\2ab"
    assert client.command(execute(1, body)) == b"\2"
    packets_until(client, 3)
    assert client.read() == b"\0\0\x015\2ab"
    client.read()
    # types are remembered; a NULL now
    assert client.command(execute(1, b"\2\0" + struct.pack("<q", 6))) == b"\2"
    packets_until(client, 5)
    assert server.executor.params == [6, None]
    client.send(b"\x19" + struct.pack("<I", 1), 0)
    assert client.command(execute(1))[1:3] == (1243).to_bytes(2, "little")


def test_long_data(server: FakeServer) -> None:
    client = client_with(server)
    client.command(b"\x16INSERT ?, ?")
    packets_until(client, 3)
    for piece in (b"abc", b"def"):
        client.send(b"\x18" + struct.pack("<IH", 1, 1) + piece, 0)
    body = b"\0\1" + b"\x08\0\xfc\0" + struct.pack("<q", 5)
    assert client.command(execute(1, body))[:1] == b"\0"
    assert server.executor.params == [5, b"abcdef"]
    # an index that isn't there is told at the execution, once
    client.send(b"\x18" + struct.pack("<IH", 1, 9) + b"x", 0)
    assert client.command(execute(1, body))[1:3] == (1210).to_bytes(2, "little")
    assert client.command(execute(1, b"\0\0" + struct.pack("<q", 5) + b"\1z"))[:1] == b"\0"
    assert client.command(b"\x1a" + struct.pack("<I", 1))[:1] == b"\0"


@pytest.mark.parametrize("deprecate", [False, True])
def test_cursor(server: FakeServer, deprecate: bool) -> None:
    server.executor.answers["SELECT n"] = lambda ctx: ResultSet([column("n", 8)], [(i,) for i in range(5)])
    client = client_with(server, c.CLIENT_DEPRECATE_EOF if deprecate else 0)
    client.command(b"\x16SELECT n")
    packets_until(client, 1 if deprecate else 2)
    assert client.command(execute(1, flags=1)) == b"\1"
    client.read()

    def status_of(packet: bytes) -> int:
        assert packet[:1] == b"\xfe"
        return int.from_bytes(packet[3:5], "little")

    assert status_of(client.read()) & c.STATUS_CURSOR_EXISTS
    fetch = b"\x1c" + struct.pack("<II", 1, 3)
    assert client.command(fetch) == b"\0\0" + struct.pack("<q", 0)
    packets_until(client, 2)
    assert not status_of(client.read()) & c.STATUS_LAST_ROW_SENT
    assert client.command(DO)[:1] == b"\0"  # other commands run in between
    assert client.command(fetch) == b"\0\0" + struct.pack("<q", 3)
    client.read()
    assert status_of(client.read()) & c.STATUS_LAST_ROW_SENT
    assert client.command(fetch)[1:3] == (1421).to_bytes(2, "little")


def test_prepared_statements_are_bounded(tmp_path: Path) -> None:
    server = FakeServer(tmp_path, max_prepared_stmt_count=2)
    try:
        client = client_with(server)
        for _ in range(2):
            assert client.command(b"\x16DO 1")[:1] == b"\0"
        assert client.command(b"\x16DO 1")[1:3] == (1461).to_bytes(2, "little")
        assert client.command(b"\x1f")[:1] == b"\0"  # COM_RESET_CONNECTION forgets them
        assert client.command(b"\x16DO 1")[:1] == b"\0"
    finally:
        server.close()


def test_field_list(server: FakeServer) -> None:
    client = client_with(server)
    assert client.command(b"\x04t\0%")[:4] == b"\x03def"
    assert client.read().endswith(b"\xfb")
    assert client.read()[:1] == b"\xfe"


def test_interactive_clients_have_their_own_timeout(server: FakeServer) -> None:
    server.executor.variables["interactive_timeout"] = 77
    client = client_with(server, c.CLIENT_INTERACTIVE)  # held: an unreferenced client would close its socket
    assert next(iter(server.services.processes)).variables["wait_timeout"] == 77
    assert client.command(b"\x0e")[:1] == b"\0"


def test_listeners_come_and_go(server: FakeServer) -> None:
    port = server.call(lambda: server.server.add_listener("127.0.0.1", 0))
    client = RawClient(port)
    assert client.log_in()[:1] == b"\0"
    server.call(lambda: server.server.remove_listener("127.0.0.1", port))
    with pytest.raises(ConnectionRefusedError):
        RawClient(port)
    assert client.command(DO)[:1] == b"\0"


@pytest.mark.parametrize("size", [1, 5000])
def test_a_row_that_cannot_be_encoded(server: FakeServer, size: int) -> None:
    rows = [(1,)] * size + [("no number",)]
    server.executor.answers["SELECT n"] = lambda ctx: ResultSet([column("n", 8)], rows)
    client = client_with(server, c.CLIENT_DEPRECATE_EOF)
    client.command(b"\x16SELECT n")
    client.read()
    answer, expected = client.command(execute(1)), 1
    while answer[:1] != b"\xff":
        assert client.sequence == expected & 0xFF
        answer, expected = client.read(), expected + 1
    assert client.sequence == expected & 0xFF
    assert answer[1:3] == (1815).to_bytes(2, "little")
    assert client.command(DO)[:1] == b"\0"


def test_a_stream_that_fails_midway(server: FakeServer) -> None:
    async def rows() -> AsyncIterator[list[tuple[int]]]:
        yield [(1,), (2,)]
        raise mysql_error(1205)

    server.executor.answers["SELECT n"] = lambda ctx: ResultSet([column("n", 8)], rows())
    client = client_with(server, c.CLIENT_DEPRECATE_EOF)
    client.command(b"\x03SELECT n")
    assert [p[:2] for p in packets_until(client, 3)][1:] == [b"\x011", b"\x012"]
    assert client.read()[1:3] == (1205).to_bytes(2, "little")
    assert client.sequence == 5
