"""Nothing acknowledged is lost: a ledger under kill -9, SIGSTOP, and the death of every process."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from tests.support.cluster import Cluster, wait_for
from tests.support.ledger import Ledger

pytestmark = pytest.mark.fault

#: Rounds here; scripts/bench/failover runs the long series.
ROUNDS = 3


def check_everywhere(cluster: Cluster, ledger: Ledger) -> None:
    cluster.wait_all_available()
    cluster.wait_level()
    for name in cluster.endpoints:
        if name.startswith("instance"):
            ledger.check(lambda name=name: cluster.connect(name), where=name)


def test_the_writer_dies_or_hangs(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path)
    try:
        cluster.start()
        ledger = Ledger(cluster.connect, workers=4)
        ledger.create()
        ledger.start()
        ledger.wait_for_commit_after(time.monotonic(), 20)
        for number in range(ROUNDS):
            cluster.wait_all_available()
            pid = cluster.announced()[cluster.writer()]
            moment_s = time.monotonic()
            os.kill(pid, signal.SIGSTOP if number % 2 else signal.SIGKILL)
            ledger.wait_for_commit_after(moment_s + 0.05, 20)
        ledger.stop()
        ledger.assert_no_unexpected_error()
        assert ledger.acknowledged > 0
        check_everywhere(cluster, ledger)
    finally:
        cluster.close()


def test_every_process_dies_at_once(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path)
    try:
        cluster.start()
        ledger = Ledger(cluster.connect, workers=4)
        ledger.create()
        ledger.start()
        ledger.wait_for_commit_after(time.monotonic(), 20)
        for _ in range(2):
            cluster.kill_everything()
            began_s = time.monotonic()
            cluster.start()
            ledger.wait_for_commit_after(began_s, 30)
        ledger.stop()
        ledger.assert_no_unexpected_error()
        check_everywhere(cluster, ledger)
    finally:
        cluster.close()


def test_a_restarted_supervisor_adopts_what_runs(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path, readers=1)
    try:
        cluster.start()
        before = cluster.announced()
        cluster.kill("supervisor")
        wait_for(lambda: "supervisor" not in cluster.announced(), 5, "the supervisor to end")
        assert cluster.query("SELECT 1") == [(1,)]
        cluster.start()
        after = cluster.announced()
        assert {k: v for k, v in after.items() if k != "supervisor"} == {
            k: v for k, v in before.items() if k != "supervisor"
        }
        assert cluster.stop() == 0
        assert not cluster.announced()
    finally:
        cluster.close()
