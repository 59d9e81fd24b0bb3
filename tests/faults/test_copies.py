"""Copies of the redo log go away while clients write."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pymysql
import pytest

from tests.support.cluster import Cluster, wait_for
from tests.support.ledger import Ledger

pytestmark = pytest.mark.fault


def copies(cluster: Cluster) -> list[dict[str, object]]:
    found: list[dict[str, object]] = cluster.status()["volume"]["copies"]
    return found


def test_two_lost_copies_are_not_noticed_and_refilled(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path, readers=1)
    try:
        cluster.start()
        ledger = Ledger(cluster.connect, workers=4)
        ledger.create()
        ledger.start()
        ledger.wait_for_commit_after(time.monotonic(), 20)
        first, second = Path(str(copies(cluster)[0]["path"])), Path(str(copies(cluster)[3]["path"]))
        shutil.rmtree(first)
        for segment in second.glob("*.redo"):
            segment.unlink()
        ledger.wait_for_commit_after(time.monotonic() + 0.5, 20)
        wait_for(lambda: all(c["state"] == "ok" for c in copies(cluster)), 30, "both copies to be refilled")
        ledger.stop()
        assert not any(r.errors for r in ledger.results), [r.errors for r in ledger.results]
        assert first.exists()
        # The refilled copies are as good as the others: recovery from them and one more loses nothing.
        cluster.kill_everything()
        for copy in Path(cluster.data_dir / "volume").glob("az-*/copy-*"):
            if copy not in (first, second) and copy.name in ("copy-2", "copy-3", "copy-5"):
                shutil.rmtree(copy)
        cluster.start()
        ledger.check(cluster.connect, where="after recovery from three copies")
    finally:
        cluster.close()


def test_three_lost_copies_make_commits_wait_and_fail_clearly(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path, readers=1, config="[volume]\ncommit_timeout_s = 1.0\n")
    try:
        cluster.start()
        cluster.query("CREATE DATABASE d")
        cluster.query("CREATE TABLE d.t (id INT PRIMARY KEY)")
        cluster.query("INSERT INTO d.t VALUES (1)")
        lost = [Path(str(c["path"])) for c in copies(cluster)[:3]]
        aside = []
        for path in lost:
            # A file where the directory was: the copy can neither be written nor made anew.
            path.rename(path.with_name(path.name + ".aside"))
            path.write_text("not a directory")
            aside.append(path.with_name(path.name + ".aside"))
        with pytest.raises(pymysql.err.MySQLError) as caught:
            for number in range(2, 20):
                cluster.query(f"INSERT INTO d.t VALUES ({number})")
        assert caught.value.args[0] == 1180, caught.value
        assert cluster.query("SELECT COUNT(*) FROM d.t WHERE id = 1") == [(1,)]
        assert cluster.query("SELECT COUNT(*) FROM d.t WHERE id = 1", "reader") == [(1,)]
        for path, kept in zip(lost, aside, strict=True):
            path.unlink()
            kept.rename(path)

        def writes() -> bool:
            try:
                cluster.query("REPLACE INTO d.t VALUES (100)")
            except pymysql.err.MySQLError as error:
                assert error.args[0] in (1180, 1205)
                return False
            return True

        wait_for(writes, 30, "commits to be accepted again")
    finally:
        cluster.close()


def test_a_copy_is_replaced_under_load(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path, readers=1)
    try:
        cluster.start()
        ledger = Ledger(cluster.connect, workers=4)
        ledger.create()
        ledger.start()
        ledger.wait_for_commit_after(time.monotonic(), 20)
        old, new = Path(str(copies(cluster)[5]["path"])), tmp_path / "new disk"
        done = cluster.cli("copy", "replace", "6", "--path", str(new))
        assert f"copy 7 has taken the place of copy 6; {old} is no longer needed" in done.stdout, done
        assert [copy["id"] for copy in copies(cluster)] == [1, 2, 3, 4, 5, 7]
        shutil.rmtree(old)
        refused = cluster.cli("copy", "replace", "1", "--path", str(new))
        assert refused.returncode == 1
        assert "is where copy 7 is" in refused.stderr
        assert "no copy is being replaced" in cluster.cli("copy", "cancel").stderr
        ledger.wait_for_commit_after(time.monotonic(), 20)
        ledger.stop()
        assert not any(r.errors for r in ledger.results), [r.errors for r in ledger.results]
        cluster.kill_everything()
        cluster.start()
        assert str(new) in [copy["path"] for copy in copies(cluster)]
        ledger.check(cluster.connect, where="with a replaced copy")
    finally:
        cluster.close()
