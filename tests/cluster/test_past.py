"""Snapshots, restore to a time and clones of a cluster under load equal what its clients remember."""

from __future__ import annotations

import json
import random
import shutil
from functools import partial
from pathlib import Path

import pytest

from tests.support.cluster import Cluster, wait_for
from tests.support.marked_load import MarkedLoad, digest

pytestmark = pytest.mark.cluster

CONFIG = "[volume]\ncheckpoint_interval_s = 2.0\nsegment_bytes = 1048576\n"


def done(cluster: Cluster, *arguments: str) -> str:
    result = cluster.cli(*arguments)
    assert result.returncode == 0, result.stderr
    return result.stdout


def checkpoints(cluster: Cluster) -> int:
    return len(list((cluster.data_dir / "volume" / "az-a" / "checkpoints").glob("*.json")))


def found(directory: Path, *, readers: int = 1) -> Cluster:
    """The cluster that a command made in `directory`/data, started."""
    other = Cluster(directory, readers=readers)
    try:
        other.start()
    except BaseException:
        other.close()
        raise
    return other


def test_the_past_of_a_cluster_under_load(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path / "source", readers=1, config=CONFIG)
    others: list[Cluster] = []
    try:
        cluster.start()
        load = MarkedLoad(cluster.connect)
        load.create()
        load.start()
        marks = []
        for _ in range(5):
            load.run_for(60)
            marks.append(load.mark())
        wait_for(lambda: checkpoints(cluster) >= 3, 30, "three checkpoints")
        while len(marks) < 7:
            load.run_for(60)
            marks.append(load.mark())
        # All of this while the load goes on.
        chance = random.Random(3)
        for number, mark in enumerate(chance.sample(marks, 2)):
            directory = tmp_path / f"restored-{number}"
            done(cluster, "restore", "--to", mark.text, "--target-dir", str(directory / "data"))
            others.append(found(directory, readers=0))
            assert digest(others[-1].connect) == mark.digest
        load.run_for(30)
        done(cluster, "snapshot", "create", "later")
        now = load.mark()
        done(cluster, "snapshot", "create", "marked")
        # Nothing was written between mark and clone: the load is held from here on.
        load.stop()
        before = digest(cluster.connect)
        done(cluster, "clone", str(tmp_path / "clone" / "data"))
        clone = found(tmp_path / "clone")
        others.append(clone)
        assert digest(clone.connect) == before
        # Each goes its own way, and both can be started again.
        clone.query("DELETE FROM past.item")
        cluster.query("UPDATE past.item SET note = 'source'")
        assert clone.query("SELECT count(*) FROM past.item") == [(0,)]
        clone.kill_everything()
        clone.start()
        assert clone.query("SELECT count(*) FROM past.item") == [(0,)]
        assert clone.status()["volume"]["vdl"] > 0
        names = [item["name"] for item in json.loads(done(cluster, "snapshot", "list", "--json"))]
        assert names == ["later", "marked"]
        assert now.time_s > marks[-1].time_s
        # What the source deletes, its clones and restored clusters still have.
        done(cluster, "snapshot", "delete", "marked")
        assert "no snapshot" in cluster.cli("snapshot", "delete", "marked").stderr
        cluster.assert_clean_logs()
        for other in others:
            other.assert_clean_logs()
    finally:
        for other in others:
            other.close()
        cluster.close()


def test_a_snapshot_travels(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path / "source", readers=1, config=CONFIG)
    other = Cluster(tmp_path / "other", readers=0)
    carried: Cluster | None = None
    try:
        cluster.start()
        cluster.query("CREATE DATABASE past")
        cluster.query("CREATE TABLE past.item (id INT PRIMARY KEY, v VARCHAR(30))")
        cluster.query("CREATE USER someone IDENTIFIED BY 'secret'")
        cluster.query("GRANT SELECT ON past.* TO someone")
        connection = cluster.connect()
        with connection.cursor() as cursor:
            cursor.executemany("INSERT INTO past.item VALUES (%s, %s)", [(i, f"v{i}") for i in range(5000)])
        connection.commit()
        expected = digest(cluster.connect)
        done(cluster, "snapshot", "create", "s")
        cluster.query("DROP TABLE past.item")
        done(cluster, "snapshot", "export", "s", str(tmp_path / "carried"))
        # Straight from the directory, where there is no cluster ...
        target = tmp_path / "direct" / "data"
        done(cluster, "snapshot", "restore", "--from", str(tmp_path / "carried"), "--target-dir", str(target))
        # ... and by way of another cluster, after which source and directory may go.
        other.start()
        done(other, "snapshot", "import", str(tmp_path / "carried"), "--name", "theirs")
        cluster.stop()
        shutil.rmtree(tmp_path / "carried")
        shutil.rmtree(tmp_path / "source")
        other.stop()  # neither needs a running cluster
        done(other, "snapshot", "restore", "theirs", str(tmp_path / "again" / "data"))
        for name in ("direct", "again"):
            carried = found(tmp_path / name)
            assert digest(carried.connect) == expected
            assert digest(partial(carried.connect, user="someone", password="secret")) == expected
            carried.assert_clean_logs()
            carried.close()
    finally:
        if carried is not None:
            carried.close()
        other.close()
        cluster.close()


@pytest.mark.parametrize("damage", ["cut", "missing", "manifest"])
def test_a_damaged_export_is_refused(tmp_path: Path, damage: str) -> None:
    cluster = Cluster(tmp_path / "source", readers=0)
    other = Cluster(tmp_path / "other", readers=0)
    try:
        cluster.start()
        done(cluster, "snapshot", "create", "s")
        directory = tmp_path / "carried"
        done(cluster, "snapshot", "export", "s", str(directory))
        other.start()
        chunk = next((directory / "chunks").glob("??/*"))
        if damage == "cut":
            chunk.write_bytes(chunk.read_bytes()[:-3])
        elif damage == "missing":
            chunk.unlink()
        else:
            (directory / "manifest.json").unlink()
        for arguments in (
            ["snapshot", "import", str(directory), "--name", "t"],
            ["snapshot", "restore", "--from", str(directory), str(tmp_path / "new")],
        ):
            result = other.cli(*arguments)
            assert result.returncode == 1
            assert ("whole in no place" if damage != "manifest" else "no exported snapshot") in result.stderr
        assert json.loads(done(other, "snapshot", "list", "--json")) == []
        # A directory that was not finished is no cluster.
        assert not (tmp_path / "new" / "cluster.json").exists()
    finally:
        other.close()
        cluster.close()


def test_wrong_use_is_told(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path / "source", readers=0)
    try:
        cluster.start()
        (tmp_path / "full").mkdir()
        (tmp_path / "full" / "file").touch()
        cases = {
            ("snapshot", "restore", "none", str(tmp_path / "a")): "there is no snapshot 'none'",
            ("snapshot", "restore", str(tmp_path / "a")): "name one new directory",
            ("snapshot", "restore", "--target", str(tmp_path / "a")): "name a snapshot",
            ("snapshot", "create", "no name"): "is no name for a snapshot",
            ("clone", str(tmp_path / "full")): "is not empty",
            ("clone",): "name one new directory",
            ("restore", "--to", "tomorrow", str(tmp_path / "a")): "is no time",
            ("restore", "--to", "2200-01-01", str(tmp_path / "a")): "lies in the future",
            ("restore", "--to", "2020-01-01", str(tmp_path / "a")): "backups are kept since",
            ("restore", "--to", "-1h", str(tmp_path / "a")): "is before the earliest time",
            ("backtrack", "--to", "-1h"): "is before the earliest time",
            ("snapshot", "import", str(tmp_path / "full")): "no exported snapshot",
        }
        for arguments, message in cases.items():
            result = cluster.cli(*arguments)
            assert result.returncode == 1 and message in result.stderr, (arguments, result)
            assert "Traceback" not in result.stderr
        for command in (["snapshot"], ["snapshot", "create"], ["snapshot", "restore"], ["clone"], ["restore"]):
            assert cluster.cli(*command, "--help").returncode == 0
        assert cluster.cli("restore").returncode == 2
        assert not (tmp_path / "a").exists() or not any((tmp_path / "a").iterdir())
    finally:
        cluster.close()
