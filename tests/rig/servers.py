"""The two servers of a comparison: ours and the reference."""

from __future__ import annotations

import getpass
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import pymysql

from tests.rig.observation import Observation, observe

#: MySQL 8.0's default, on both sides.
SQL_MODE = (
    "ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,"
    "NO_ENGINE_SUBSTITUTION"
)
#: 2023-11-14 22:13:20.500000 UTC
TIMESTAMP = "1700000000.5"
#: What MariaDB calls the collation that behaves like MySQL's default.
COLLATIONS = {"utf8mb4_0900_ai_ci": "utf8mb4_uca1400_nopad_ai_ci", "utf8mb4_0900_as_cs": "utf8mb4_uca1400_nopad_as_cs"}


class Session:
    """A connection in a database of its own, set up the same way on either side."""

    def __init__(self, address: str, user: str, password: str, *, mariadb: bool = False) -> None:
        host, _, port = address.rpartition(":")
        self.mariadb = mariadb
        self.connection: Any = pymysql.connect(
            host=host or "127.0.0.1", port=int(port), user=user, password=password, charset="utf8mb4",
            autocommit=True, read_timeout=120,
        )  # fmt: skip
        self.connection.decoders = {}

    def prepare(self, database: str) -> None:
        """A new connection and an empty `database`, with the session variables on which answers hang."""
        self.renew()
        for sql in (
            f"DROP DATABASE IF EXISTS {database}",
            f"CREATE DATABASE {database} CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_ai_ci",
            f"USE {database}",
            "SET NAMES utf8mb4 COLLATE utf8mb4_0900_ai_ci",
            "SET time_zone = '+00:00'",
            f"SET sql_mode = '{SQL_MODE}'",
            f"SET timestamp = {TIMESTAMP}",
        ):
            found = self.run(sql)
            if found.error:
                raise RuntimeError(f"{sql}: error {found.error}")

    def renew(self) -> None:
        """A new connection: nothing of what was set, opened or inserted before is seen any more."""
        if self.connection.open:
            self.connection.close()
        self.connection.connect()

    def run(self, sql: str) -> Observation:
        """Raises LostConnection."""
        if self.mariadb:
            for ours, theirs in COLLATIONS.items():
                sql = sql.replace(ours, theirs)
        return observe(self.connection, sql)

    def close(self) -> None:
        self.connection.close()


class OwnMariaDB:
    """A MariaDB in a temporary directory, for when no reference server is given. Raises RuntimeError without one."""

    def __init__(self) -> None:
        if shutil.which("mariadbd") is None:
            raise RuntimeError("no --reference, and mariadbd is not installed")
        self.directory = Path(tempfile.mkdtemp(prefix="reference-"))
        user = f"--user={getpass.getuser()}"
        data, self.socket = self.directory / "data", self.directory / "s"
        subprocess.run(
            ["mariadb-install-db", "--no-defaults", user, f"--datadir={data}",
             "--auth-root-authentication-method=normal"],
            check=True, capture_output=True,
        )  # fmt: skip
        self.port = _free_port()
        self.process = subprocess.Popen(
            ["mariadbd", "--no-defaults", user, f"--datadir={data}", f"--socket={self.socket}",
             f"--port={self.port}", "--bind-address=127.0.0.1", "--local-infile=1",
             "--event-scheduler=ON"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self.address = f"127.0.0.1:{self.port}"
        deadline_s = time.monotonic() + 60
        while True:
            try:
                Session(self.address, "root", "").close()
                return
            except pymysql.MySQLError:
                if time.monotonic() > deadline_s or self.process.poll() is not None:
                    self.close()
                    raise
                time.sleep(0.1)

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(60)
        shutil.rmtree(self.directory)


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
