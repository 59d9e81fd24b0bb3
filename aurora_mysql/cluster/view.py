"""The cluster as statements on this instance see it."""

from __future__ import annotations

import dataclasses
import logging
import os
import signal
import socket
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aurora_mysql.errors import mysql_error
from aurora_mysql.sql.cluster_view import ReplicaStatus
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.storage.chunk_scrubber import ChunkScrubStatus
from aurora_mysql.storage.layout import VolumeStatus
from replicas import topology

if TYPE_CHECKING:
    from aurora_mysql.cluster.instance import Instance

log = logging.getLogger(__name__)


class CpuMeter:
    """This process's share of one CPU in percent, over the time since the last look (at least half a second)."""

    def __init__(self) -> None:
        self._seen = (time.monotonic(), sum(os.times()[:2]))
        self._percent = 0.0

    def percent(self) -> float:
        now_s = time.monotonic()
        elapsed_s = now_s - self._seen[0]
        if elapsed_s >= 0.5:
            used_s = sum(os.times()[:2])
            self._percent = round(100 * (used_s - self._seen[1]) / elapsed_s, 2)
            self._seen = (now_s, used_s)
        return self._percent


class InstanceView:
    """Implements ClusterView over one instance."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self.server_id = instance.spec.id
        self.cluster_id = instance.state.cluster_id
        self.hostname = socket.gethostname()
        self.port = instance.spec.port
        self.started_s = time.time()

    def is_writer(self) -> bool:
        return self._instance.is_writer

    def replica_host_status(self) -> Sequence[ReplicaStatus]:
        instance = self._instance
        now_us = time.time_ns() // 1000
        if instance.stream is not None:
            writer = topology.writer_row(self.server_id, instance.cpu.percent(), now_us)
            return topology.rows_of(writer, instance.stream.followers.values(), instance.members)
        receiver = instance.receiver
        if receiver is None:
            return []
        rows = topology.from_wire(receiver.topology)
        lag_ms = instance.lag.lag_ms(now_us)
        if lag_ms is None:
            return rows  # nothing was measured yet, and a lag is never made up
        own = ReplicaStatus(self.server_id, receiver.session_id, instance.cpu.percent(), lag_ms, now_us)
        return topology.with_own_row(rows, own)

    def status_counters(self) -> Mapping[str, Any]:
        lag, volume = self._instance.lag.summary(), self._instance.volume
        usage = None if volume is None else volume.usage
        return {
            **({} if usage is None else {"Aurora_volume_bytes_used": usage.used_bytes}),
            **({} if usage is None else {"Aurora_volume_bytes_left_total": usage.left_bytes}),
            "Aurora_replica_lag_samples": lag.samples,
            "Aurora_replica_lag_p50": round(lag.p50_ms, 3),
            "Aurora_replica_lag_p99": round(lag.p99_ms, 3),
            "Aurora_replica_lag_max": round(lag.max_ms, 3),
        }

    def reset_status(self) -> None:
        self._instance.lag.forget_samples()

    async def backtrack(self, ctx: SessionContext, to: str) -> Mapping[str, Any]:
        return await self._instance.backtracking.call(ctx, to)

    def volume_status(self, patience_s: float = 0.0) -> Mapping[str, Any] | None:
        volume = self._instance.volume
        scrubber = self._instance.chunk_scrubber
        chunks = ChunkScrubStatus() if scrubber is None else scrubber.status()
        return None if volume is None else volume_document(volume.status(patience_s), chunks)

    def crash(self) -> None:
        log.error("ALTER SYSTEM CRASH: this instance ends now")
        os.kill(os.getpid(), signal.SIGKILL)

    def simulate_reader_fault(self, percent: float, seconds: float, reader: str | None) -> None:
        instance = self._instance
        if instance.stream is None:
            raise mysql_error(1836)
        readers = [member for member in instance.members if member != self.server_id]
        if reader is not None and reader not in readers:
            raise mysql_error(1210, "SIMULATE")
        log.warning("simulating a failure of %d%% of the redo sent to %s for %d s", percent, reader or "all", seconds)
        instance.stream.faults.add(reader, percent, seconds)

    def simulate_disk_fault(
        self,
        percent: float,
        seconds: float,
        *,
        delay_ms: tuple[float, float] | None,
        disk: int | None,
        node: int | None,
    ) -> None:
        if self._instance.volume is None:
            raise mysql_error(1836)
        copies = self._instance.volume.status().copies
        zones = sorted({copy.az for copy in copies})
        if (disk is not None and disk >= len(copies)) or (node is not None and node >= len(zones)):
            raise mysql_error(1210, "SIMULATE")
        chosen = [
            copy
            for number, copy in enumerate(copies)
            if (disk is None or number == disk) and (node is None or copy.az == zones[node])
        ]
        log.warning("simulating a fault of %d%% of the calls to %d disks for %d s", percent, len(chosen), seconds)
        self._instance.disk_faults.add([copy.path for copy in chosen], percent, seconds, delay_ms=delay_ms)


def _free_bytes(directory: Path) -> int | None:
    """What its file system has left; None when that can't be told."""
    try:
        found = os.statvfs(directory)
    except OSError:
        return None
    return found.f_bavail * found.f_frsize


def volume_document(status: VolumeStatus, chunks: ChunkScrubStatus) -> dict[str, Any]:
    """The `volume` object of `aurora-mysql status`."""
    copies = [
        {**dataclasses.asdict(copy), "path": str(copy.path), "free_bytes": _free_bytes(copy.path)}
        for copy in status.copies
    ]
    return {
        "vdl": status.vdl,
        "epoch": status.epoch,
        "size_bytes": status.size_bytes,
        "usage": dataclasses.asdict(status.usage),
        "copies": copies,
        "scrub": dataclasses.asdict(status.scrub),
        "chunk_scrub": dataclasses.asdict(chunks),
        "membership": {"number": status.membership, "change": status.change},
    }
