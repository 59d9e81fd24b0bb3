"""Certificates: generated once, the user's own, and the ones that can't be used."""

from __future__ import annotations

import shutil
import ssl
from pathlib import Path

import pymysql
import pytest

from aurora_mysql.errors import ConfigError
from aurora_mysql.session.settings import SessionSettings
from aurora_mysql.session.tls import LoginKey, kept_secret, server_context
from tests.support.fake_sql import FakeServer
from tests.support.raw_client import RawClient


def test_instances_share_what_was_generated_first(tmp_path: Path) -> None:
    server_context(SessionSettings(tmp_path))
    first = (tmp_path / "server.pem").read_bytes()
    server_context(SessionSettings(tmp_path))
    assert (tmp_path / "server.pem").read_bytes() == first
    assert LoginKey(tmp_path).public_pem == LoginKey(tmp_path).public_pem
    assert sorted(p.name for p in tmp_path.iterdir()) == ["login-key.pem", "server.pem"]


def test_the_slower_of_two_writers_keeps_the_first_file(tmp_path: Path) -> None:
    path = tmp_path / "key"

    def slow() -> bytes:
        path.write_bytes(b"first")
        return b"second"

    assert kept_secret(path, slow).read_bytes() == b"first"
    assert [p.name for p in tmp_path.iterdir()] == ["key"]


def test_users_certificate(tmp_path: Path) -> None:
    own, data = tmp_path / "own", tmp_path / "data"
    server_context(SessionSettings(own))
    shutil.copy(own / "server.pem", tmp_path / "mine.pem")
    server = FakeServer(data, tls_cert=tmp_path / "mine.pem", tls_key=tmp_path / "mine.pem")
    try:
        context = ssl.create_default_context(cafile=str(tmp_path / "mine.pem"))
        pymysql.connect(host="127.0.0.1", port=server.port, user="empty", password="", ssl=context).close()
        assert not (data / "server.pem").exists()
    finally:
        server.close()


@pytest.mark.parametrize("content", [None, b"no certificate"])
def test_unusable_certificate(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "bad.pem").write_bytes(content)
    with pytest.raises(ConfigError, match=r"bad\.pem"):
        server_context(SessionSettings(tmp_path, tls_cert=tmp_path / "bad.pem"))


def test_unwritable_directory(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ConfigError, match=r"server\.pem"):
        server_context(SessionSettings(tmp_path / "file"))


def test_without_tls_the_request_is_a_bad_handshake(tmp_path: Path) -> None:
    server = FakeServer(tmp_path, tls=False)
    try:
        client = RawClient(server.port)
        client.read()
        client.send(b"\x05\xae\x03\x00" + bytes(28))
        assert client.read()[1:3] == (1043).to_bytes(2, "little")
    finally:
        server.close()


def test_garbage_instead_of_a_client_hello(server: FakeServer) -> None:
    client = RawClient(server.port)
    client.read()
    client.send((0x0800 | 0x0200).to_bytes(4, "little") + bytes(28))
    client.raw(b"this is not TLS at all" * 10)
    while client.read():
        pass  # an alert, then the end
    RawClient(server.port).log_in()
