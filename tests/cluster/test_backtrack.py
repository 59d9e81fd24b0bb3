"""The whole cluster goes back in time and forward again, under load, schema changes included."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pymysql
import pytest

from tests.support.cluster import ROOT, Cluster, wait_for
from tests.support.marked_load import Mark, MarkedLoad, digest

pytestmark = pytest.mark.cluster

CONFIG = "[volume]\ncheckpoint_interval_s = 3.0\nsegment_bytes = 1048576\n"
BOTH = ("past.item", "past.other")


def back(cluster: Cluster, mark: Mark | str) -> str:
    result = cluster.cli("backtrack", "--to", mark if isinstance(mark, str) else mark.text)
    assert result.returncode == 0, result.stderr
    return result.stdout


def equal_everywhere(cluster: Cluster, expected: str, tables: tuple[str, ...] = BOTH) -> None:
    cluster.wait_level()
    for name in cluster.endpoints:
        if name.startswith("instance"):
            assert digest(lambda name=name: cluster.connect(name), tables) == expected, name


def test_back_and_forward_under_load(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path, config=CONFIG)
    try:
        cluster.start()
        load = MarkedLoad(cluster.connect)
        load.create()
        cluster.query("CREATE TABLE past.other (id INT PRIMARY KEY AUTO_INCREMENT, v VARCHAR(20), UNIQUE KEY (v))")
        cluster.query("INSERT INTO past.other (v) VALUES ('a'), ('b'), ('c')")
        load.start()
        marks = []
        for _ in range(4):
            load.run_for(80)
            marks.append(load.mark(BOTH))
        load.run_for(80)
        # While sessions write: they are closed, come back, and go on from the past.
        back(cluster, marks[0])
        load.run_for(50)
        with load.held():
            for mark in (marks[2], marks[1], marks[3], marks[0], marks[3]):
                assert "0 tables came back" in back(cluster, mark)
                equal_everywhere(cluster, mark.digest)
        load.run_for(50)
        after = load.mark(BOTH)
        with load.held():
            back(cluster, marks[1])
            equal_everywhere(cluster, marks[1].digest)
            back(cluster, after)
            equal_everywhere(cluster, after.digest)
        load.stop()
        # What was logged is what a restart finds.
        cluster.kill_everything()
        cluster.start()
        cluster.wait_all_available()
        equal_everywhere(cluster, after.digest)
        window = cluster.status()["backup"]["backtrack"]
        assert window["change_records"] > 400 and window["window_actual_s"] > 0
        cluster.assert_clean_logs()
    finally:
        cluster.close()


def test_schema_changes_go_back_and_forward(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path, readers=1, config=CONFIG)
    tables = ("past.item", "past.other")
    try:
        cluster.start()
        cluster.query("CREATE DATABASE past")
        cluster.query("CREATE TABLE past.item (id INT PRIMARY KEY, v VARCHAR(20))")
        cluster.query("CREATE TABLE past.other (id INT PRIMARY KEY AUTO_INCREMENT, v VARCHAR(20))")
        connection = cluster.connect(autocommit=True)
        with connection.cursor() as cursor:
            cursor.executemany("INSERT INTO past.item VALUES (%s, %s)", [(i, f"v{i}") for i in range(7000)])
            cursor.execute("INSERT INTO past.other (v) VALUES ('a'), ('b')")
        before = Mark(time.time(), digest(cluster.connect, tables))
        time.sleep(0.01)
        for statement in (
            "DELETE FROM past.item WHERE id > 6990",
            "DROP TABLE past.other",
            "ALTER TABLE past.item ADD COLUMN w INT DEFAULT 7, ADD INDEX (w)",
            "UPDATE past.item SET w = id",
            "CREATE TABLE past.third (id INT)",
            "CREATE DATABASE fourth",
            "CREATE VIEW past.seen AS SELECT id FROM past.item",
            "CREATE USER later IDENTIFIED BY 'x'",
        ):
            cluster.query(statement)
        after = Mark(time.time(), digest(cluster.connect, ("past.item",)))
        time.sleep(0.01)
        stale = cluster.connect()
        back(cluster, before)
        with pytest.raises(pymysql.err.OperationalError), stale.cursor() as cursor:
            cursor.execute("SELECT 1")
        equal_everywhere(cluster, before.digest, tables)
        assert cluster.query("SHOW FULL TABLES FROM past") == [("item", "BASE TABLE"), ("other", "BASE TABLE")]
        assert ("fourth",) not in cluster.query("SHOW DATABASES")
        assert cluster.query("SELECT user FROM mysql.user WHERE user = 'later'") == []
        cluster.query("INSERT INTO past.other (v) VALUES ('next')")
        assert cluster.query("SELECT id FROM past.other WHERE v = 'next'")[0][0] > 2
        # Forward again, by SQL this time.
        (answer,) = cluster.query(f"CALL mysql.aurora_backtrack('{after.text}')")
        assert answer[0].endswith("Z")
        equal_everywhere(cluster, after.digest, ("past.item",))
        names = [name for name, _ in cluster.query("SHOW FULL TABLES FROM past")]
        assert names == ["item", "seen", "third"]
        assert cluster.query("SELECT count(*) FROM past.seen") == [(6991,)]
        assert cluster.query("SHOW CREATE TABLE past.item")[0][1].count("KEY") == 2
        for text, message in (("tomorrow", "is no time"), ("2001-01-01", "window begins")):
            with pytest.raises(pymysql.err.MySQLError, match=message):
                cluster.query(f"CALL mysql.aurora_backtrack('{text}')")
            assert message in cluster.cli("backtrack", "--to", text).stderr
        with pytest.raises(pymysql.err.MySQLError) as caught:
            cluster.query("CALL mysql.aurora_backtrack('now')", "reader")
        assert caught.value.args[0] == 1836
        cluster.query("CREATE USER plain IDENTIFIED BY 'p'")
        connection = cluster.connect(user="plain", password="p")
        with pytest.raises(pymysql.err.MySQLError) as caught, connection.cursor() as cursor:
            cursor.execute("CALL mysql.aurora_backtrack('now')")
        assert caught.value.args[0] == 1227
        cluster.assert_clean_logs()
    finally:
        cluster.close()


@pytest.mark.fault
def test_the_writer_dies_while_it_backtracks(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path, readers=1, config=CONFIG)
    try:
        cluster.start()
        cluster.query("CREATE DATABASE past")
        cluster.query("CREATE TABLE past.item (id INT PRIMARY KEY, v VARCHAR(100))")
        connection = cluster.connect(autocommit=True)
        with connection.cursor() as cursor:
            for first in range(0, 60_000, 6000):
                rows = [(i, f"{i}" * 10) for i in range(first, first + 6000)]
                cursor.executemany("INSERT INTO past.item VALUES (%s, %s)", rows)
        before = Mark(time.time(), digest(cluster.connect))
        time.sleep(0.01)
        cluster.query("TRUNCATE TABLE past.item")
        cluster.query("INSERT INTO past.item VALUES (1, 'only')")
        now = digest(cluster.connect)
        command = [sys.executable, "-m", "aurora_mysql.cluster.cli", "backtrack", "--to", before.text]
        running = subprocess.Popen(
            [*command, "--data-dir", str(cluster.data_dir)],
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        try:
            writer = cluster.writer()
            # The scratch table is there, the difference is not logged yet.
            sql = "SELECT count(*) FROM information_schema.tables WHERE table_schema = '#backtrack'"
            wait_for(lambda: cluster.query(sql, writer) == [(1,)], 30, "the scratch table")
            os.kill(cluster.announced()[writer], signal.SIGKILL)
            assert running.wait(30) == 1
            assert running.stderr is not None and "Traceback" not in running.stderr.read()
        finally:
            running.kill()
            running.wait()
        cluster.wait_all_available()
        wait_for(lambda: cluster.writer() != writer, 20, "a new writer")
        equal_everywhere(cluster, now, ("past.item",))
        back(cluster, before)
        equal_everywhere(cluster, before.digest, ("past.item",))
        assert cluster.query(sql) == [(0,)]
    finally:
        cluster.close()
