"""Faults by SQL: ALTER SYSTEM makes disks fail and dawdle; clients don't notice, and everything heals."""

from __future__ import annotations

import time
from pathlib import Path

import pymysql
import pytest

from tests.support.cluster import Cluster, wait_for
from tests.support.ledger import Ledger

pytestmark = pytest.mark.fault


def test_disks_that_fail_and_dawdle_are_not_noticed(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path, readers=1, config="[volume]\nscrub_interval_s = 0.5\nslow_copy_after_s = 0.5\n")
    try:
        cluster.start()

        def copies() -> list[str]:
            return [copy["state"] for copy in cluster.status()["volume"]["copies"]]

        def all_ok() -> bool:
            return copies() == ["ok"] * 6

        wait_for(all_ok, 30, "every copy to take part")
        assert dict(cluster.query("SHOW VOLUME STATUS"))["Disks"] == "6"
        ledger = Ledger(cluster.connect, workers=4)
        ledger.create()
        ledger.start()
        cluster.query("ALTER SYSTEM SIMULATE 100 PERCENT DISK FAILURE IN DISK 0 FOR INTERVAL 3 SECOND")
        wait_for(lambda: "copy 1 of the volume is lost" in cluster.logs(), 30, "the disk to be noticed")
        ledger.wait_for_commit_after(time.monotonic(), 20)
        wait_for(all_ok, 30, "the copy to come back")
        cluster.query(
            "ALTER SYSTEM SIMULATE 100 PERCENT DISK CONGESTION BETWEEN 1000 AND 1100 MILLISECONDS IN NODE 1 "
            "FOR INTERVAL 15 SECOND"
        )

        def shown() -> dict[str, str]:
            return dict(cluster.query("SHOW VOLUME STATUS"))

        wait_for(lambda: (shown()["Disk_2"], shown()["Disk_3"]) == ("slow", "slow"), 15, "two copies to be left out")
        ledger.wait_for_commit_after(time.monotonic(), 20)
        wait_for(all_ok, 60, "the slow copies to catch up")
        wait_for(lambda: cluster.status()["volume"]["scrub"]["rounds"] > 0, 30, "a scrub")
        ledger.stop()
        errors = {code for result in ledger.results for code in result.errors}
        assert errors <= {1213}, "transfers in opposite directions may meet; nothing else may happen to a client"
        ledger.check(cluster.connect, where="after the faults")
        assert "scrubbing" in cluster.cli("status").stdout
    finally:
        cluster.close()


def test_a_failing_reader_gets_nothing_and_catches_up(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path, readers=1)
    try:
        cluster.start()
        cluster.query("CREATE DATABASE d")
        cluster.query("CREATE TABLE d.t (id INT PRIMARY KEY)")
        cluster.wait_level()
        reader = next(i["id"] for i in cluster.status()["instances"] if i["role"] == "reader")
        began_s = time.monotonic()
        cluster.query(f'ALTER SYSTEM SIMULATE 100 PERCENT READ REPLICA FAILURE TO "{reader}" FOR INTERVAL 3 SECOND')
        cluster.query("INSERT INTO d.t VALUES (1)")  # the connection ends by this at the latest
        while time.monotonic() < began_s + 2:
            assert cluster.query("SELECT COUNT(*) FROM d.t", "reader") == [(0,)]
        wait_for(lambda: cluster.query("SELECT COUNT(*) FROM d.t", "reader") == [(1,)], 20, "the reader to catch up")
        assert time.monotonic() - began_s > 2.5
    finally:
        cluster.close()


def test_only_administrators_and_only_what_is_there(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path, readers=1)
    try:
        cluster.start()
        cluster.query("CREATE USER guest IDENTIFIED BY 'x'")
        connection = cluster.connect(user="guest", password="x", autocommit=True)
        statement = "ALTER SYSTEM SIMULATE 10 PERCENT DISK FAILURE{} FOR INTERVAL 1 SECOND"
        reader_failure = "ALTER SYSTEM SIMULATE 100 PERCENT READ REPLICA FAILURE {} FOR INTERVAL 1 SECOND"
        for sql in (statement.format(""), reader_failure.format("TO ALL")):
            with connection.cursor() as cursor, pytest.raises(pymysql.err.MySQLError) as refused:
                cursor.execute(sql)
            assert refused.value.args[0] == 1227
        for sql, endpoint, number in (
            (statement.format(" IN DISK 6"), "cluster", 1210),
            (statement.format(" IN NODE 3"), "cluster", 1210),
            (statement.format(""), "reader", 1836),
            (reader_failure.format("TO ALL"), "reader", 1836),
            (reader_failure.format("TO 'nobody'"), "cluster", 1210),
            (reader_failure.format("TO"), "cluster", 1064),
            ("ALTER SYSTEM SIMULATE 10 PERCENT DISK FAILURE", "cluster", 1064),
            ("ALTER SYSTEM CRASH EVERYTHING", "cluster", 1064),
        ):
            with pytest.raises(pymysql.err.MySQLError) as caught:
                cluster.query(sql, endpoint)
            assert caught.value.args[0] == number, (sql, caught.value)
        writer = cluster.writer()
        with pytest.raises(pymysql.err.OperationalError):
            cluster.query("ALTER SYSTEM CRASH")

        def another() -> bool:
            return any(i["role"] == "writer" and i["id"] != writer for i in cluster.status()["instances"])

        wait_for(another, 20, "another writer")
    finally:
        cluster.close()
