"""Who is in the cluster, as information_schema.replica_host_status shows it on every instance."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from aurora_mysql.redo.stream import Follower
from aurora_mysql.sql.cluster_view import ReplicaStatus
from replicas.lag import LagMeter

WRITER_SESSION = "MASTER_SESSION_ID"
_LEAST_MS = LagMeter.LEAST_MS
_SILENCE_US = 1_000_000


def writer_row(instance_id: str, cpu_percent: float, now_us: int) -> ReplicaStatus:
    return ReplicaStatus(instance_id, WRITER_SESSION, cpu_percent, 0.0, now_us)


def rows_of(writer: ReplicaStatus, followers: Iterable[Follower], members: Sequence[str]) -> list[ReplicaStatus]:
    """The writer and every connected reader that belongs to the cluster (all, while `members` is not known).

    A reader that has not measured its lag yet has no row. The lag of one that has gone silent is at least its silence.
    """
    rows = [writer]
    for follower in sorted(followers, key=lambda f: f.id):
        if follower.id == writer.server_id or (members and follower.id not in members) or follower.lag_ms is None:
            continue
        silent_us = writer.last_update_us - follower.heard_us
        lag_ms = max(follower.lag_ms, _LEAST_MS, silent_us / 1000 if silent_us > _SILENCE_US else 0.0)
        rows.append(ReplicaStatus(follower.id, follower.session_id, follower.cpu_percent, lag_ms, follower.heard_us))
    return rows


def to_wire(rows: Iterable[ReplicaStatus]) -> list[list[Any]]:
    return [[r.server_id, r.session_id, r.cpu_percent, r.lag_ms, r.last_update_us] for r in rows]


def from_wire(rows: Iterable[Sequence[Any]]) -> list[ReplicaStatus]:
    return [ReplicaStatus(*row) for row in rows]


def with_own_row(rows: Sequence[ReplicaStatus], own: ReplicaStatus) -> list[ReplicaStatus]:
    """What the writer told, with this reader's own row as it is now."""
    return [*(r for r in rows if r.server_id != own.server_id), own]
