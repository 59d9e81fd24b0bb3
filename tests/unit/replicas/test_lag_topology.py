"""Lag is measured, and the topology has exactly one writer."""

from __future__ import annotations

from typing import Any, cast

from aurora_mysql.redo.stream import Follower
from replicas import topology
from replicas.lag import LagMeter

NOW = 1_700_000_000_000_000


def test_lag_before_and_after_measurements() -> None:
    meter = LagMeter()
    assert meter.lag_ms(NOW) is None
    assert meter.summary().samples == 0
    meter.visible(NOW - 4000, NOW)
    assert meter.lag_ms(NOW + 1000) == 4.0
    meter.heartbeat(10, NOW + 100_000, NOW + 100_300, visible_lsn=10)
    assert meter.lag_ms(NOW + 200_000) == 0.3
    assert (meter.lag_lsn(7), meter.lag_lsn(11)) == (3, 0)


def test_a_cut_stream_or_a_reader_that_stands_still_shows_as_growing_lag() -> None:
    meter = LagMeter()
    meter.heartbeat(10, NOW, NOW + 100, visible_lsn=10)
    assert meter.lag_ms(NOW + 2_000_000) == 2000.0
    # Heartbeats alone don't help while records are missing.
    meter.heartbeat(11, NOW + 2_000_000, NOW + 2_000_000, visible_lsn=10)
    assert meter.lag_ms(NOW + 3_000_000) == 3000.0
    meter.visible(NOW + 2_900_000, NOW + 3_000_000)
    assert meter.lag_ms(NOW + 3_000_000) == 100.0


def test_lag_is_never_zero_and_percentiles_are_nearest_rank() -> None:
    meter = LagMeter()
    meter.visible(NOW + 5, NOW)
    assert meter.lag_ms(NOW) == LagMeter.LEAST_MS
    meter.forget_samples()
    for ms in range(1, 101):
        meter.visible(NOW - ms * 1000, NOW)
    summary = meter.summary()
    assert (summary.samples, summary.p50_ms, summary.p99_ms, summary.max_ms) == (100, 50.0, 99.0, 100.0)
    for _ in range(20_000):
        meter.visible(NOW - 1000, NOW)
    assert (meter.summary().samples, meter.summary().max_ms) == (10_000, 1.0)


def follower(name: str, lag_ms: float | None, *, heard_us: int = NOW) -> Follower:
    return Follower(name, cast(Any, None), 5, lag_ms, 2.0, f"uuid-{name}", heard_us)


def test_topology_rows() -> None:
    writer = topology.writer_row("i1", 3.0, NOW)
    followers = [
        follower("i3", 2.5),
        follower("i2", 0.0, heard_us=NOW - 100_000),
        follower("i4", 1.0, heard_us=NOW - 5_000_000),
        follower("i5", None),
        follower("removed", 1.0),
        follower("i1", 1.0),
    ]
    rows = topology.rows_of(writer, followers, ["i1", "i2", "i3", "i4", "i5"])
    assert [(r.server_id, r.session_id, r.lag_ms) for r in rows] == [
        ("i1", "MASTER_SESSION_ID", 0.0),
        ("i2", "uuid-i2", 0.01),
        ("i3", "uuid-i3", 2.5),
        ("i4", "uuid-i4", 5000.0),
    ]
    assert topology.from_wire(topology.to_wire(rows)) == rows
    own = topology.rows_of(writer, [follower("i3", 9.0)], [])[1]
    assert [r.lag_ms for r in topology.with_own_row(rows, own)] == [0.0, 0.01, 5000.0, 9.0]
