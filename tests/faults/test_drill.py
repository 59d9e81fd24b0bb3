"""The drill of scripts/bench/faults, short: no client sees an error, and six copies are whole again by themselves."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.support.cluster import Cluster
from tests.support.fault_drill import CONFIG, Ballast, Drill, check_everywhere, small_disk
from tests.support.ledger import Ledger

pytestmark = pytest.mark.fault


def test_every_fault_in_turn(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path, readers=1, config=CONFIG)
    try:
        cluster.start()
        assert cluster.stop() == 0
        with small_disk(cluster) as has_disk:
            try:
                cluster.start()
                ledger = Ledger(cluster.connect, workers=4, pace_s=0.02)
                ledger.create()
                ballast = Ballast(cluster, 400_000)
                ballast.start()
                ledger.start()
                ledger.wait_for_commit_after(time.monotonic(), 30)
                drill = Drill(cluster, ledger, calm_s=1.0)
                phases = [drill.delete_a_copy, drill.flip_bytes, drill.slow_a_disk, drill.remove_a_zone]
                if has_disk:
                    phases.append(drill.fill_a_disk)
                for phase in (*phases, drill.az_plus_one):
                    figures = phase()
                    assert not figures.errors, figures
                ledger.stop()
                ballast.stop()
                check_everywhere(cluster, ledger)
            finally:
                cluster.close()
    finally:
        cluster.close()
