"""A volume that reaches its ceiling: rows are refused with 1114, reads and deletes go on; room counts."""

from __future__ import annotations

import os
from pathlib import Path

import pymysql
import pytest

from tests.support.cluster import Cluster, wait_for

pytestmark = pytest.mark.fault

CONFIG = """
[volume]
segment_bytes = 1048576
group_bytes = 8388608
max_bytes = 33554432
checkpoint_interval_s = 1.0
"""


def usage(cluster: Cluster) -> dict[str, int]:
    found: dict[str, int] = cluster.status()["volume"]["usage"]
    return found


def insert(cluster: Cluster) -> int:
    """0, or the error."""
    try:
        cluster.query(f"INSERT INTO d.t (v) VALUES (x'{os.urandom(1_000_000).hex()}')")
    except pymysql.err.MySQLError as error:
        return int(error.args[0])
    return 0


def test_the_ceiling(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path, readers=1, config=CONFIG)
    try:
        cluster.start()
        first = usage(cluster)
        assert (first["groups"], first["group_bytes"], first["max_bytes"]) == (1, 8 << 20, 32 << 20)
        cluster.query("CREATE DATABASE d")
        cluster.query("CREATE TABLE d.t (id INT PRIMARY KEY AUTO_INCREMENT, v LONGBLOB)")
        wait_for(lambda: insert(cluster) == 1114, 120, "the ceiling")
        wait_for(lambda: insert(cluster) == 1114 and usage(cluster)["data_bytes"] > 16 << 20, 30, "a checkpoint")
        full = usage(cluster)
        assert full["groups"] == 4 and full["left_bytes"] < 1 << 20
        shown = dict(cluster.query("SHOW VOLUME STATUS"))
        assert int(shown["Volume_max_bytes"]) == 32 << 20
        counters = dict(cluster.query("SHOW GLOBAL STATUS LIKE 'Aurora_volume%'"))
        left = (32 << 20) - int(counters["Aurora_volume_bytes_used"])
        assert int(counters["Aurora_volume_bytes_left_total"]) == max(0, left)
        assert cluster.cli("status").stdout.count("left of 32.0 MiB") == 1
        for endpoint in ("cluster", "reader"):
            assert cluster.query("SELECT COUNT(*) FROM d.t WHERE id <= 3", endpoint) == [(3,)]
        cluster.query("DELETE FROM d.t WHERE id > 3")
        assert cluster.query("SELECT COUNT(*) FROM d.t") == [(3,)]
        cluster.query("TRUNCATE TABLE d.t")
        wait_for(lambda: insert(cluster) == 0, 60, "room")
        assert usage(cluster)["groups"] < 4
        cluster.wait_level()
        assert cluster.query("SELECT COUNT(*) FROM d.t", "reader") == cluster.query("SELECT COUNT(*) FROM d.t")
    finally:
        cluster.close()
