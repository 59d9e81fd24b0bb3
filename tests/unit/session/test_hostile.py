"""Clients that misbehave get a closed socket, and others don't notice."""

from __future__ import annotations

import resource
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pymysql
import pytest

from aurora_mysql.errors import mysql_error
from tests.support.fake_sql import FakeServer
from tests.support.raw_client import RawClient, login_packet


def errno_of(packet: bytes) -> int:
    assert packet[:1] == b"\xff", packet
    return int.from_bytes(packet[1:3], "little")


@pytest.fixture
def strict(tmp_path: Path) -> Iterator[FakeServer]:
    fake = FakeServer(tmp_path, connect_timeout_s=0.1, sweep_s=0.02, max_connections=2, max_half_open=50)
    yield fake
    fake.close()


def log_in(
    server: FakeServer, user: str = "native", **more: object
) -> pymysql.connections.Connection[pymysql.cursors.Cursor]:
    passwords = {"native": "n4tive", "app": "s3cret", "admin": "adm"}
    return pymysql.connect(host="127.0.0.1", port=server.port, user=user, password=passwords[user], **more)  # type: ignore[arg-type]


def test_refused_login_never_reaches_a_command(server: FakeServer) -> None:
    client = RawClient(server.port)
    assert errno_of(client.log_in("native", b"x" * 20)) == 1045
    client.send(b"\x03SELECT 1", 0)
    assert client.read() == b""
    assert server.executor.ran == []


def test_query_pipelined_behind_a_refused_login(server: FakeServer) -> None:
    client = RawClient(server.port)
    client.read()
    login = login_packet("native", b"x" * 20)
    query = b"\x03SELECT 1"
    client.raw(len(login).to_bytes(3, "little") + b"\1" + login + len(query).to_bytes(3, "little") + b"\0" + query)
    while client.read():
        pass
    assert server.executor.ran == []


def test_query_pipelined_behind_a_good_login_runs(server: FakeServer) -> None:
    client = RawClient(server.port)
    client.read()
    login = login_packet("empty_native")
    query = b"\x03DO 1"
    packed = len(login).to_bytes(3, "little") + b"\1" + login
    client.raw(packed + (len(query).to_bytes(3, "little") + b"\0" + query) * 3)
    assert [client.read()[:1] for _ in range(4)] == [b"\0"] * 4
    assert server.executor.ran == ["DO 1"] * 3


@pytest.mark.parametrize("user", ["app", "nobody"])
def test_unknown_users_meet_the_same_exchange(server: FakeServer, user: str) -> None:
    client = RawClient(server.port)
    switch = client.log_in(user, b"x" * 20)
    assert switch.startswith(b"\xfecaching_sha2_password\0")
    client.send(b"y" * 32)
    assert client.read() == b"\1\4"
    client.send(b"\2")
    assert client.read().startswith(b"\1-----BEGIN PUBLIC KEY-----")
    client.send(b"z" * 256)
    assert errno_of(client.read()) == 1045
    assert client.read() == b""


@pytest.mark.parametrize(
    "first",
    [
        b"\xff\xff\xff\1" + b"x" * 1000,  # a part of a packet of many frames
        b"\xff\xff\xff\x3f",  # 1 GiB, read as one number
        (70_000).to_bytes(3, "little") + b"\1",
    ],
)
def test_oversized_packet_before_login(server: FakeServer, first: bytes) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    client = RawClient(server.port)
    client.read()
    client.raw(first)
    assert client.read() == b""
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000


@pytest.mark.parametrize("payload", [b"", b"\1", b"\0" * 31, b"\xff" * 200, b"\x00\x82\x08\x00" + b"\0" * 28 + b"user"])
def test_malformed_handshake(server: FakeServer, payload: bytes) -> None:
    client = RawClient(server.port)
    client.read()
    client.send(payload)
    answer = client.read()
    assert errno_of(answer) in (1043, 1045)
    assert client.read() == b""


def test_half_open_connections_time_out(strict: FakeServer) -> None:
    client = RawClient(strict.port)
    client.read()
    assert client.read() == b""


def test_half_open_connections_are_bounded_and_disturb_nobody(tmp_path: Path) -> None:
    server = FakeServer(tmp_path, max_half_open=1000, max_connections=10)
    try:
        clients = [RawClient(server.port) for _ in range(1000)]
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with log_in(server) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            assert cursor.fetchall() == ((1,),)
        clients += [RawClient(server.port) for _ in range(300)]
        clients[-1].read()
        stats = server.run(server.server.stats)
        assert stats.half_open <= 1000
        assert stats.evicted >= 299
        # the oldest went first
        assert clients[0].read() != b""
        assert clients[0].read() == b""
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000
        for client in clients:
            client.close()
    finally:
        server.close()


def test_wrong_sequence_number(server: FakeServer) -> None:
    client = RawClient(server.port)
    assert client.log_in()[:1] == b"\0"
    client.send(b"\x03SELECT 1", 5)
    assert errno_of(client.read()) == 1156
    assert client.read() == b""


def test_packet_above_max_allowed_packet(server: FakeServer) -> None:
    server.executor.variables["max_allowed_packet"] = 100_000
    client = RawClient(server.port)
    assert client.log_in()[:1] == b"\0"
    client.raw(b"\xff\xff\xff\0")
    assert errno_of(client.read()) == 1153
    assert client.read() == b""


def test_unknown_command(server: FakeServer) -> None:
    client = RawClient(server.port)
    client.log_in()
    assert errno_of(client.command(b"\x7f")) == 1047
    assert errno_of(client.command(b"")) == 1047
    assert client.command(b"\x0e")[:1] == b"\0"


@pytest.mark.parametrize(
    "payload", [b"\x17", b"\x17\1\0\0\0", b"\x1c\1", b"\x19", b"\x18\1\0", b"\x1b", b"\x0c\1", b"\x04abc", b"\x11"]
)
def test_truncated_commands_do_no_harm(server: FakeServer, payload: bytes) -> None:
    client = RawClient(server.port)
    client.log_in()
    client.send(payload, 0)
    if payload[0] not in (0x18, 0x19):
        assert errno_of(client.read()) in (1835, 1243)
    if payload[0] != 0x11:
        assert client.command(b"\x0e")[:1] == b"\0"


def test_a_bug_in_a_command_is_told_and_survived(server: FakeServer, caplog: pytest.LogCaptureFixture) -> None:
    client = RawClient(server.port)
    client.log_in()
    assert errno_of(client.command(b"\x03BOOM")) == 1815
    assert client.command(b"\x0e")[:1] == b"\0"
    assert [r.levelname for r in caplog.records if r.exc_info] == ["ERROR"]


def test_vanished_client_stops_its_query(server: FakeServer) -> None:
    client = RawClient(server.port)
    client.log_in()
    client.send(b"\x03SLEEP", 0)
    assert server.executor.sleeping.wait(5)
    client.close()
    assert server.executor.interrupted.wait(5)
    assert server.executor.session_ended.wait(5)
    server.wait_until(lambda: len(server.services.processes) == 0)
    assert len(server.executor.closed) == 1


def test_vanished_client_stops_its_stream(server: FakeServer) -> None:
    client = RawClient(server.port)
    client.log_in()
    client.send(b"\x03STREAM 100000", 0)
    client.read()
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    assert server.executor.stream_closed.wait(5)
    assert server.executor.session_ended.wait(5)


def test_slow_reader_holds_the_stream_back(server: FakeServer) -> None:
    client = RawClient(server.port)
    client.log_in()
    client.send(b"\x03STREAM 2000", 0)  # 200 MB
    server.wait_until(lambda: any(c.write_paused for c in server.server._sessions.values()))
    assert server.executor.stream_fetched < 200
    client.close()
    assert server.executor.stream_closed.wait(5)


def test_slow_reader_is_cut_off(tmp_path: Path) -> None:
    server = FakeServer(tmp_path, net_write_timeout_s=0.05, sweep_s=0.02)
    try:
        client = RawClient(server.port)
        client.log_in()
        client.send(b"\x03STREAM 2000", 0)
        assert server.executor.stream_closed.wait(5)
        assert server.executor.session_ended.wait(5)
    finally:
        server.close()


def test_pipelining_is_bounded(tmp_path: Path) -> None:
    server = FakeServer(tmp_path, pipeline_bytes=10_000)
    try:
        client = RawClient(server.port)
        client.log_in()
        client.send(b"\x03SLEEP", 0)
        assert server.executor.sleeping.wait(5)
        client.socket.settimeout(0.3)
        with pytest.raises(TimeoutError):
            for _ in range(1000):
                client.socket.sendall(b"\x0a\0\0\0\x03" + b"x" * 9 + b"\1\0\0\0\x0e" * 2000)
    finally:
        server.close()


def test_max_connections_keeps_one_place_for_an_administrator(strict: FakeServer) -> None:
    with log_in(strict), log_in(strict):
        with pytest.raises(pymysql.err.OperationalError) as caught:
            log_in(strict)
        assert caught.value.args[0] == 1040
        with log_in(strict, "admin"), pytest.raises(pymysql.err.OperationalError) as caught:
            log_in(strict, "admin")
        assert caught.value.args[0] == 1040
    strict.wait_until(lambda: not strict.server._sessions)
    log_in(strict).close()


def test_a_refusal_before_the_greeting_has_no_sqlstate(strict: FakeServer) -> None:
    with log_in(strict), log_in(strict), log_in(strict, "admin"):
        assert RawClient(strict.port).read() == b"\xff\x10\x04Too many connections"


def test_wait_timeout(strict: FakeServer) -> None:
    strict.executor.variables["wait_timeout"] = 1
    client = RawClient(strict.port)
    client.log_in()
    assert errno_of(client.read()) == 4031
    assert client.sequence == 0
    assert client.read() == b""


def test_kill_closes_the_socket(server: FakeServer) -> None:
    victim, killer = RawClient(server.port), RawClient(server.port)
    victim.log_in()
    killer.log_in()
    number = next(iter(server.services.processes)).connection_id
    victim.send(b"\x03SLEEP", 0)
    assert server.executor.sleeping.wait(5)
    assert killer.command(b"\x0c" + struct.pack("<I", number))[:1] == b"\0"
    assert errno_of(victim.read()) == 1317
    assert victim.read() == b""


def test_kill_of_an_idle_session(server: FakeServer) -> None:
    victim, killer = RawClient(server.port), RawClient(server.port)
    victim.log_in()
    number = next(iter(server.services.processes)).connection_id
    killer.log_in()
    assert killer.command(f"\x03KILL {number}".encode())[:1] == b"\0"
    assert victim.read() == b""
    assert errno_of(killer.command(b"\x03KILL 99999")) == 1094


def test_demotion_closes_everything_at_once(server: FakeServer) -> None:
    idle, busy, half_open = RawClient(server.port), RawClient(server.port), RawClient(server.port)
    idle.log_in()
    busy.log_in()
    half_open.read()
    busy.send(b"\x03SLEEP", 0)
    assert server.executor.sleeping.wait(5)
    assert server.run(lambda: server.server.close_sessions(error=mysql_error(1053))) == 3
    assert errno_of(idle.read()) == 1053
    assert idle.read() == busy.read() == b""
    assert server.executor.interrupted.wait(5)
    server.wait_until(lambda: len(server.executor.closed) == 2)


def test_failed_change_user_closes(server: FakeServer) -> None:
    client = RawClient(server.port)
    client.log_in()
    assert client.command(b"\x11native\0\0\0\x21\0mysql_native_password\0").startswith(b"\xfe")
    client.send(b"x" * 20)
    assert errno_of(client.read()) == 1045
    client.send(b"\x03DO 1", 0)
    assert client.read() == b""
    assert server.executor.ran == []


def test_drain_waits_for_transactions(tmp_path: Path) -> None:
    server = FakeServer(tmp_path)
    idle, in_transaction = RawClient(server.port), RawClient(server.port)
    idle.log_in()
    in_transaction.log_in()
    in_transaction.command(b"\x03BEGIN")

    async def start() -> None:
        server.draining = server._loop.create_task(server.server.drain(10))  # type: ignore[attr-defined]

    server.call(start)
    assert errno_of(idle.read()) == 1053
    assert in_transaction.command(b"\x03SELECT 1") == b"\1"
    for _ in range(4):
        in_transaction.read()
    assert in_transaction.command(b"\x03COMMIT")[:1] == b"\0"
    assert errno_of(in_transaction.read()) == 1053
    server.wait_until(lambda: server.draining.done())  # type: ignore[attr-defined]
    server.close()
