"""An instance's process as its supervisor holds it: started or adopted, watched through a pidfd, killed by it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from aurora_mysql.cluster.data_dir import DataDir
from aurora_mysql.encryption.root_key import RootKey
from aurora_mysql.errors import ConfigError


class InstanceProcess:
    """A process that may or may not be our child. `exited` is set at once when it ends (pidfd, no polling)."""

    def __init__(self, pid: int, child: subprocess.Popen[bytes] | None) -> None:
        self.pid = pid
        self.started_s = time.monotonic()
        self.exited = asyncio.Event()
        self.exit_code: int | None = None
        self._child = child
        self._pidfd: int | None = os.pidfd_open(pid)
        asyncio.get_running_loop().add_reader(self._pidfd, self._ended)

    @classmethod
    def spawn(
        cls, directory: DataDir, instance_id: str, log_path: Path, module: str, root: RootKey | None = None
    ) -> InstanceProcess:
        """Start `module` as the instance, in a session of its own: it survives the supervisor and its terminal. The
        root key of an encrypted cluster goes to its standard input, and nowhere else."""
        command = [sys.executable, "-m", module]
        command += ["--data-dir", str(directory.root), "--id", instance_id]
        environment = {key: value for key, value in os.environ.items() if key != "AURORA_MYSQL_ADMIN_PASSWORD"}
        try:
            with log_path.open("ab") as log_file:
                child = subprocess.Popen(
                    command,
                    stdin=subprocess.PIPE,
                    stdout=log_file,
                    stderr=log_file,
                    start_new_session=True,
                    env=environment,
                )
            assert child.stdin is not None
            with contextlib.suppress(BrokenPipeError), child.stdin as pipe:  # it ended already; its exit code says why
                pipe.write(b"\n" if root is None else root.hand_over())
        except OSError as error:
            raise ConfigError(f"instance {instance_id} can't be started: {error}") from None
        return cls(child.pid, child)

    @classmethod
    def adopt(cls, pid: int) -> InstanceProcess | None:
        """Watch a running process; None when it is gone."""
        try:
            return cls(pid, None)
        except ProcessLookupError:
            return None

    def signal(self, number: int) -> None:
        """Signal exactly this process (never a later one with its pid)."""
        if self._pidfd is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, number)

    def stopped(self) -> bool:
        """It was stopped by a signal or a debugger (process states T and t of proc(5)), so it can't run."""
        try:
            status = Path(f"/proc/{self.pid}/stat").read_text()
        except FileNotFoundError:
            return False
        return status.rpartition(")")[2].split()[0] in "Tt"

    def kill(self) -> None:
        self.signal(signal.SIGKILL)

    def _ended(self) -> None:
        if self._pidfd is None:
            return
        asyncio.get_running_loop().remove_reader(self._pidfd)
        os.close(self._pidfd)
        self._pidfd = None
        if self._child is not None:
            self.exit_code = self._child.wait()
        self.exited.set()

    def release(self) -> None:
        """Stop watching without ending it."""
        if self._pidfd is not None:
            asyncio.get_running_loop().remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = None
