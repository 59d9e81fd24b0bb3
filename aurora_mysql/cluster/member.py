"""One instance as the supervisor sees it: its process, its control connection, its last heartbeat."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from typing import Any

from aurora_mysql.cluster.config import InstanceSpec
from aurora_mysql.cluster.control import ControlClient, ControlError
from aurora_mysql.cluster.data_dir import DataDir
from aurora_mysql.cluster.failover import Candidate, HangDetector, RestartBackoff, Verdict
from aurora_mysql.cluster.instance_process import InstanceProcess
from aurora_mysql.encryption.root_key import RootKey

log = logging.getLogger(__name__)


class Member:
    """State of one instance. `is_writer` is the supervisor's decision, `beat` what the instance last said.

    Invariant: `control` is connected to `process` or None.
    """

    def __init__(
        self,
        spec: InstanceSpec,
        directory: DataDir,
        *,
        detector: Callable[[], HangDetector],
        module: str,
        root: RootKey | None = None,
    ) -> None:
        self.spec = spec
        self._root = root
        self.directory = directory
        self.process: InstanceProcess | None = None
        self.control: ControlClient | None = None
        self.beat: dict[str, Any] = {}
        self.is_writer = False
        self.stopping = False
        self.assigned: dict[str, Any] | None = None
        self.watcher: asyncio.Task[None] | None = None
        self._new_detector, self._module = detector, module
        self._detector = detector()
        self._backoff = RestartBackoff()

    @property
    def id(self) -> str:
        return self.spec.id

    @property
    def available(self) -> bool:
        """It runs, is connected, and serves reads."""
        return self.control is not None and not self.stopping and self.beat.get("state") == "available"

    def candidate(self) -> Candidate:
        return Candidate(self.id, int(self.beat.get("visible_lsn", 0)), self.spec.tier)

    def heard(self, beat: dict[str, Any]) -> None:
        if self.process is None or beat.get("pid") != self.process.pid:
            return
        self.beat = beat
        self._detector.heard(time.monotonic(), float(beat.get("loop_age_s", 0.0)))

    def judge(self, now_s: float) -> Verdict:
        """What its heartbeats say of it at `now_s` (monotonic)."""
        return self._detector.judge(now_s, lambda: self.process is not None and self.process.stopped())

    async def start(self) -> bool:
        """Adopt the running process, or start one; True when it was adopted."""
        found = self.directory.announced(self.id)
        self.process = InstanceProcess.adopt(found["pid"]) if found is not None else None
        adopted = self.process is not None
        if self.process is None:
            log_path = self.directory.logs / f"{self.id}.log"
            self.process = InstanceProcess.spawn(self.directory, self.id, log_path, self._module, self._root)
        self._detector = self._new_detector()
        self.beat, self.assigned = {}, None
        return adopted

    async def connect(self, heartbeat_port: int, *, timeout_s: float = 60.0) -> dict[str, Any] | None:
        """Reach the process's control server; its status, or None when the process ended first.

        Raises:
            ControlError: it runs but doesn't answer.
        """
        process = self.process
        assert process is not None
        deadline_s = time.monotonic() + timeout_s
        while not process.exited.is_set():
            found = self.directory.announced(self.id)
            if found is not None and found["pid"] == process.pid:
                client = await ControlClient.connect(found["control_port"], self.directory.token())
                status: dict[str, Any] = await client.call("hello", heartbeat_port=heartbeat_port)
                self.beat = status
                self.control = client
                return status
            if time.monotonic() > deadline_s:
                raise ControlError(f"instance {self.id} did not come up within {timeout_s:g} s")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.exited.wait(), 0.02)
        return None

    def forget_key(self) -> None:
        """The root key is not to be had in this process: it starts no process any more."""
        self._root = None

    def ended(self) -> float:
        """The process is gone: forget what belonged to it; seconds to wait before the next start."""
        assert self.process is not None
        lived_s = time.monotonic() - self.process.started_s
        if self.control is not None:
            self.control.close()
        self.control, self.process, self.beat, self.is_writer, self.assigned = None, None, {}, False, None
        return self._backoff.after(lived_s)

    def status(self) -> dict[str, Any]:
        """One entry of `instances` in `aurora-mysql status`."""
        state = self.beat.get("state", "starting") if self.process is not None else "stopped"
        return {
            "id": self.id,
            "role": "writer" if self.is_writer else "reader",
            "pid": self.process.pid if self.process is not None else None,
            "state": "stopping" if self.stopping and self.process is not None else state,
            "applied_lsn": self.beat.get("applied_lsn", 0),
            "lag_ms": 0.0 if self.is_writer else self.beat.get("lag_ms"),
        }
