"""A MariaDB server of one's own, as the peer of a measurement: durable at every commit, binlog synced."""

from __future__ import annotations

import getpass
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pymysql

from aurora_mysql.cluster.membership import free_port
from tests.support.cluster import wait_for


class MariaDb:
    """`mariadbd` in `directory` on a free loopback port, user root without a password. `options` are further arguments.
    End it with :meth:`close`."""

    def __init__(self, directory: Path, *, options: Sequence[str] = ()) -> None:
        self._directory, self._options = directory, options
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    @staticmethod
    def available() -> bool:
        return shutil.which("mariadbd") is not None and shutil.which("mariadb-install-db") is not None

    @property
    def process_id(self) -> int | None:
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        data = self._directory / "data"
        self._directory.mkdir(parents=True)
        user = f"--user={getpass.getuser()}"
        install = ["mariadb-install-db", "--no-defaults", user, f"--datadir={data}", "--skip-test-db"]
        subprocess.run([*install, "--auth-root-authentication-method=normal"], check=True, capture_output=True)
        self.port = free_port("127.0.0.1")
        arguments = [
            "mariadbd",
            "--no-defaults",
            user,
            f"--datadir={data}",
            f"--socket={self._directory / 'socket'}",
            f"--port={self.port}",
            "--bind-address=127.0.0.1",
            "--skip-name-resolve",
            "--innodb-flush-log-at-trx-commit=1",
            f"--log-bin={data / 'binlog'}",
            "--sync-binlog=1",
            "--character-set-server=utf8mb4",
            "--local-infile=1",
            "--max-connections=500",
            *self._options,
        ]
        with (self._directory / "log").open("wb") as log:
            self._process = subprocess.Popen(arguments, stdout=log, stderr=subprocess.STDOUT)
        wait_for(self._answers, 60, "MariaDB to answer")

    def _answers(self) -> bool:
        try:
            self.query("SELECT 1")
        except pymysql.err.OperationalError:
            return False
        return True

    def connect(self, **options: Any) -> pymysql.connections.Connection:
        return pymysql.connect(host="127.0.0.1", port=self.port, user="root", autocommit=True, **options)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        connection = self.connect()
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql)
                return list(cursor.fetchall())
        finally:
            connection.close()

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(10)
