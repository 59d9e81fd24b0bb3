"""Disks that fill up: writes are refused with 1114, reads go on, and it resumes by itself when there is room."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pymysql
import pytest

from tests.support.cluster import Cluster, wait_for

pytestmark = pytest.mark.fault

ZONES = ("az-a", "az-b")


def mount(*arguments: str) -> bool:
    return subprocess.run(["mount", *arguments], capture_output=True).returncode == 0


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """A cluster four of whose copies are on two small disks."""
    found = Cluster(tmp_path, readers=1, config="[volume]\nsegment_bytes = 1048576\ncommit_timeout_s = 2.0\n")
    mounted: list[Path] = []
    try:
        found.start()
        assert found.stop() == 0
        for zone in ZONES:
            place = found.data_dir / "volume" / zone
            aside = place.with_name(zone + ".aside")
            place.rename(aside)
            place.mkdir()
            if not mount("-t", "tmpfs", "-o", "size=12m", "tmpfs", str(place)):
                pytest.skip("mounting a small disk needs privileges")
            mounted.append(place)
            shutil.copytree(aside, place, dirs_exist_ok=True)
            shutil.rmtree(aside)
        found.start()
        yield found
    finally:
        found.close()
        for place in mounted:
            subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_four_copies_on_full_disks(cluster: Cluster) -> None:
    cluster.query("CREATE DATABASE d")
    cluster.query("CREATE TABLE d.t (id INT PRIMARY KEY AUTO_INCREMENT, v LONGBLOB)")
    written = 0
    refused: list[int] = []
    while written < 200 and refused[-2:] != [1114, 1114]:
        try:
            cluster.query(f"INSERT INTO d.t (v) VALUES (x'{os.urandom(300_000).hex()}')")
            written += 1
        except pymysql.err.MySQLError as error:
            refused.append(error.args[0])
    # The commit that met the end of the disk is open until there is room; all after it are refused at once.
    assert refused in ([1114, 1114], [1180, 1114, 1114]), refused
    assert written > 10
    for endpoint in ("cluster", "reader"):
        assert cluster.query("SELECT COUNT(*) FROM d.t WHERE id <= 10", endpoint) == [(10,)]
    for zone in ZONES:
        assert mount("-o", "remount,size=200m", str(cluster.data_dir / "volume" / zone))

    def writes() -> bool:
        try:
            cluster.query("INSERT INTO d.t (v) VALUES ('after')")
        except pymysql.err.MySQLError as error:
            assert error.args[0] in (1114, 1180), error
            return False
        return True

    wait_for(writes, 30, "writes to be accepted again")
    copies = [str(copy["state"]) for copy in cluster.status()["volume"]["copies"]]
    wait_for(lambda: all(c["state"] == "ok" for c in cluster.status()["volume"]["copies"]), 30, f"copies: {copies}")
    (kept,) = cluster.query("SELECT COUNT(*) FROM d.t WHERE v <> 'after'")
    assert kept[0] >= written
    cluster.wait_level()
    assert cluster.query("SELECT COUNT(*) FROM d.t", "reader") == cluster.query("SELECT COUNT(*) FROM d.t")
