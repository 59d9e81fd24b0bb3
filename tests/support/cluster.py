"""A real cluster for tests: the supervisor and its instances as processes, on free loopback ports."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pymysql

PASSWORD = "pw"
ROOT = Path(__file__).parents[2]

#: Log lines at WARNING are told to the operator; ERROR and tracebacks in a test that doesn't expect them fail it.
_BAD_LINE = re.compile(r"^\S+ ERROR |Traceback")


class Cluster:
    """`start()` returns when the cluster is ready. Every process is ended by :meth:`close`."""

    def __init__(self, directory: Path, *, readers: int = 2, config: str = "") -> None:
        self.data_dir = directory / "data"
        self._config = directory / "cluster.toml"
        directory.mkdir(parents=True, exist_ok=True)
        self._config.write_text(config)
        self._readers = readers
        self._process: subprocess.Popen[str] | None = None
        self._lines: list[str] = []
        self._ready = threading.Event()
        self.endpoints: dict[str, tuple[str, int]] = {}

    def start(self, *, timeout_s: float = 60.0) -> float:
        """Start the supervisor; seconds until ``ready``."""
        began_s = time.monotonic()
        self._lines, self._ready = [], threading.Event()
        command = [sys.executable, "-m", "aurora_mysql.cluster.cli", "start", "--config", str(self._config)]
        command += ["--data-dir", str(self.data_dir), "--port", "0", "--reader-port", "0"]
        command += ["--readers", str(self._readers)]
        environment = {**os.environ, "AURORA_MYSQL_ADMIN_PASSWORD": PASSWORD, "PYTHONPATH": str(ROOT)}
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
        )
        threading.Thread(target=self._read, args=(self._process, self._ready), daemon=True).start()
        if not self._ready.wait(timeout_s) or "ready" not in self._lines:
            raise AssertionError(f"the cluster did not become ready: {self._lines}\n{self.logs()[-4000:]}")
        for line in self._lines:
            name, _, address = line.partition(": ")
            host, _, port = address.rpartition(":")
            if port.isdigit():
                self.endpoints[name.removeprefix("instance ").removesuffix(" endpoint")] = (host, int(port))
        return time.monotonic() - began_s

    def _read(self, process: subprocess.Popen[str], ready: threading.Event) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self._lines.append(line.strip())
            if line.strip() == "ready":
                ready.set()
        ready.set()

    def connect(self, endpoint: str = "cluster", **options: Any) -> pymysql.connections.Connection:
        host, port = self.endpoints[endpoint]
        defaults = {"user": "admin", "password": PASSWORD, "connect_timeout": 5, "read_timeout": 30}
        return pymysql.connect(host=host, port=port, **{**defaults, **options})

    def query(self, sql: str, endpoint: str = "cluster") -> list[tuple[Any, ...]]:
        connection = self.connect(endpoint, autocommit=True)
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql)
                return list(cursor.fetchall())
        finally:
            connection.close()

    def cli(self, *arguments: str, timeout_s: float = 120.0) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "aurora_mysql.cluster.cli", *arguments, "--data-dir", str(self.data_dir)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        return subprocess.run(
            command, capture_output=True, text=True, env=environment, timeout=timeout_s, cwd=self.data_dir
        )

    def status(self) -> dict[str, Any]:
        done = self.cli("status", "--json")
        assert done.returncode == 0, done.stderr
        document: dict[str, Any] = json.loads(done.stdout)
        return document

    def announced(self) -> dict[str, int]:
        """pid by process name (supervisor, instance ids) of the processes that run."""
        found = {}
        for path in (self.data_dir / "run").glob("*.json"):
            try:
                document = json.loads(path.read_text())
            except (OSError, ValueError):
                continue
            if "pid" in document and _runs(document["pid"]):
                found[path.stem] = int(document["pid"])
        return found

    def writer(self) -> str:
        return next(i["id"] for i in self.status()["instances"] if i["role"] == "writer")

    def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        os.kill(self.announced()[name], number)
        if name == "supervisor" and number == signal.SIGKILL and self._process is not None:
            self._process.wait(10)

    def kill_everything(self) -> None:
        """kill -9 for every process, the supervisor first: it would start others anew."""

        def gone() -> bool:
            running = self.announced()
            for name in sorted(running, key=lambda name: name != "supervisor"):
                try:
                    os.kill(running[name], signal.SIGKILL)
                except ProcessLookupError:
                    continue
            return not running

        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait(10)
        wait_for(gone, 10, "processes to end")

    def stop(self) -> int:
        """SIGTERM; the supervisor's exit code."""
        assert self._process is not None
        self._process.terminate()
        code = self._process.wait(60)
        return code

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self._process.kill()
        for pid in self.announced().values():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue

    def logs(self) -> str:
        return "\n".join(p.read_text(errors="replace") for p in sorted((self.data_dir / "log").glob("*.log")))

    def assert_clean_logs(self, *allowed: str) -> None:
        bad = [
            line
            for line in self.logs().splitlines()
            if _BAD_LINE.search(line) and not any(text in line for text in allowed)
        ]
        assert not bad, "\n".join(bad[:10])

    def wait_all_available(self, timeout_s: float = 30.0) -> None:
        def ready() -> bool:
            instances = self.status()["instances"]
            return all(i["state"] == "available" for i in instances) and any(i["role"] == "writer" for i in instances)

        wait_for(ready, timeout_s, "every instance to be available")

    def wait_level(self, timeout_s: float = 20.0) -> None:
        """Until every reader shows what the writer has now."""
        vdl = self.status()["volume"]["vdl"]
        wait_for(
            lambda: all(i["applied_lsn"] >= vdl for i in self.status()["instances"]), timeout_s, f"LSN {vdl} everywhere"
        )


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def wait_for(condition: Callable[[], Any], timeout_s: float, what: str, *, every_s: float = 0.02) -> Any:
    """Poll until `condition` is true. Raises AssertionError after `timeout_s`."""
    deadline_s = time.monotonic() + timeout_s
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < deadline_s, f"waited {timeout_s} s for {what}"
        time.sleep(every_s)
