"""What the SQL layer may know about the cluster around it (identity, topology, volume)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from aurora_mysql.sql.context import SessionContext


@dataclass(frozen=True, slots=True)
class ReplicaStatus:
    """One row of information_schema.replica_host_status.

    `session_id` is MASTER_SESSION_ID for the writer and a UUID for a reader; `lag_ms` is exactly 0 for the writer
    and above 0 for a reader; `last_update_us` is Unix microseconds.
    """

    server_id: str
    session_id: str
    cpu_percent: float
    lag_ms: float
    last_update_us: int


class ClusterView(Protocol):
    server_id: str
    cluster_id: str
    hostname: str
    port: int
    started_s: float

    def is_writer(self) -> bool: ...

    def replica_host_status(self) -> Sequence[ReplicaStatus]:
        """Exactly one writer row; rows of removed instances are gone."""
        ...

    def status_counters(self) -> Mapping[str, Any]:
        """What SHOW GLOBAL STATUS adds: a reader's measured lag (ms) as Aurora_replica_lag_{samples,p50,p99,max}; on
        the writer Aurora_volume_bytes_used and Aurora_volume_bytes_left_total."""
        ...

    def reset_status(self) -> None:
        """FLUSH STATUS: measure anew."""
        ...

    async def backtrack(self, ctx: SessionContext, to: str) -> Mapping[str, Any]:
        """Return the cluster to the time `to` names; closes every session but `ctx`. What was done, by name: `to`,
        `rows`, `change_records`, `elapsed_s`.

        Raises:
            MySQLError: 1105 for what is no time or can't be reached, 1836 on a reader.
        """
        ...

    def volume_status(self) -> Mapping[str, Any] | None:
        """The `volume` object of `aurora-mysql status`, or None where this instance does not know it."""
        ...

    def crash(self) -> None:
        """End this instance at once, as a fault would."""
        ...

    def simulate_reader_fault(self, percent: float, seconds: float, reader: str | None) -> None:
        """For `seconds`, `percent` of what this writer sends to `reader` (None: to all readers) doesn't get there.

        Raises:
            MySQLError: 1836 on a reader, 1210 for a name that no reader has.
        """
        ...

    def simulate_disk_fault(
        self,
        percent: float,
        seconds: float,
        *,
        delay_ms: tuple[float, float] | None,
        disk: int | None,
        node: int | None,
    ) -> None:
        """For `seconds`, `percent` of the calls to a disk (numbered from 0, as SHOW VOLUME STATUS does), to a node's
        disks, or to all, fail, or take a delay between two times.

        Raises:
            MySQLError: 1836 where the volume isn't written, 1210 for a number that no disk or node has.
        """
        ...
