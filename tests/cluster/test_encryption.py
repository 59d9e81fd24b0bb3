"""Encryption at rest, as an operator and a thief see it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from tests.support.cluster import ROOT, Cluster, wait_for
from tests.support.planted import Planted, Watcher

pytestmark = pytest.mark.cluster

CONFIG = """
[volume]
checkpoint_interval_s = 2.0
segment_bytes = 1048576
[engine]
memory_limit_bytes = 67108864
"""


def key_file(path: Path) -> str:
    made = command("key", "create", str(path))
    assert made.returncode == 0, made.stderr
    return f"local:{path}"


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "aurora_mysql.cluster.cli", *arguments],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        timeout=60,
    )


def encrypted(directory: Path, key: str, *, readers: int = 1, more: str = "") -> Cluster:
    config = f'{CONFIG}[encryption]\nenabled = true\nkey = "{key}"\ncheck_interval_s = 0.3\n{more}'
    return Cluster(directory, readers=readers, config=config)


def done(cluster: Cluster, *arguments: str) -> str:
    result = cluster.cli(*arguments)
    assert result.returncode == 0, result.stderr
    return result.stdout


def plant(cluster: Cluster, planted: Planted) -> None:
    cluster.query("CREATE DATABASE s")
    for table in ("kept", "dropped"):
        cluster.query(
            f"CREATE TABLE s.{table}"
            " (id INT PRIMARY KEY AUTO_INCREMENT, v VARCHAR(60) UNIQUE, n BIGINT, b VARBINARY(60))"
        )
        connection = cluster.connect(autocommit=True)
        with connection.cursor() as cursor:
            for text, number in zip(planted.texts, planted.numbers, strict=True):
                cursor.execute(f"INSERT INTO s.{table} (v, n, b) VALUES (%s, %s, %s)", (text, number, text.encode()))
        connection.close()
    # More of it, so that a sort does not fit into memory.
    cluster.query("CREATE TABLE s.seq (i INT PRIMARY KEY)")
    cluster.query(f"INSERT INTO s.seq VALUES {', '.join(f'({i})' for i in range(260))}")


SORT = (
    "SELECT COUNT(*), MAX(x) FROM (SELECT CONCAT(a.v, b.i, c.i, a.v) AS x FROM s.kept a, s.seq b, s.seq c"
    " ORDER BY x LIMIT 800000 OFFSET 5) t"
)


def test_the_scan_finds_what_is_not_encrypted(tmp_path: Path) -> None:
    planted = Planted(5)
    cluster = Cluster(tmp_path, readers=0, config=CONFIG)
    try:
        cluster.start()
        plant(cluster, planted)
        cluster.stop()  # DuckDB's file has everything then
        found = "\n".join(planted.in_files(cluster.data_dir))
        assert "utf-8" in found
        for place in ("copy-1/seg-", "copy-6/seg-", "materialisation.duckdb"):
            assert place in found
    finally:
        cluster.close()


def checkpointed(cluster: Cluster) -> bool:
    return any((cluster.data_dir / "volume" / "az-a" / "checkpoints").glob("*.json"))


def test_no_file_of_an_encrypted_cluster_holds_a_value(tmp_path: Path) -> None:
    planted = Planted(12)
    key = key_file(tmp_path / "keys" / "one.key")
    cluster = encrypted(tmp_path / "source", key)
    clone: Cluster | None = None
    watchers: list[Watcher] = []
    try:
        cluster.start()
        assert cluster.status()["encryption"] == {"enabled": True, "key": key, "state": "available", "reason": ""}
        instances = cluster.data_dir / "instances"
        watchers = [Watcher(planted, instances, pattern) for pattern in ("*/spill/*", "*/backtrack/*")]
        plant(cluster, planted)
        before = time.time()
        time.sleep(0.01)  # the next commit's time is above this one
        cluster.query("DROP TABLE s.dropped")
        cluster.query("UPDATE s.kept SET b = REVERSE(b) WHERE id % 2 = 0")
        assert cluster.query(SORT)[0][0] == 800_000
        # Statements that fail with values in them, some of which a log tells of.
        for sql in (
            f"INSERT INTO s.kept (v) VALUES ('{planted.texts[0]}')",
            f"SELECT '{planted.texts[1]}' FROM s.nothing",
            f"SELECT JSON_EXTRACT('{planted.texts[2]}', '$')",
            f"SELECT '{planted.texts[3]}' REGEXP '('",
        ):
            with pytest.raises(Exception, match=r"\d{4}"):
                cluster.query(sql)
        wait_for(lambda: checkpointed(cluster), 30, "a checkpoint")
        # Back to before the table was dropped: the past is materialised aside.
        done(cluster, "backtrack", "--to", f"{before:.6f}")
        rows = cluster.query("SELECT v, n FROM s.dropped ORDER BY id")
        assert rows == list(zip(planted.texts, planted.numbers, strict=True))
        done(cluster, "snapshot", "create", "one")
        done(cluster, "snapshot", "export", "one", str(tmp_path / "exported"))
        cluster.kill_everything()
        for watcher in watchers:
            watcher.stop()
            assert watcher.found == []
        assert planted.in_files(cluster.data_dir, tmp_path / "exported") == []
        # They saw what lives for a moment only: spilled data, and the past aside.
        assert any("storage" in name for name in watchers[0].names)
        assert "past.duckdb" in watchers[1].names
        cluster.start()
        assert cluster.query("SELECT v, n FROM s.dropped ORDER BY id") == rows
        # A clone shares the chunks, and is encrypted.
        done(cluster, "clone", "--target-dir", str(tmp_path / "clone" / "data"))
        clone = Cluster(tmp_path / "clone", readers=0)
        clone.start()
        assert clone.query("SELECT v, n FROM s.dropped ORDER BY id") == rows
        assert clone.status()["encryption"]["enabled"]
        clone.query("INSERT INTO s.kept (v) VALUES ('more')")
        clone.stop()
        assert planted.in_files(clone.data_dir, cluster.data_dir) == []
        cluster.stop()
        cluster.assert_clean_logs()
        clone.assert_clean_logs()
    finally:
        for watcher in watchers:
            watcher.stop()
        cluster.close()
        if clone is not None:
            clone.close()


def test_a_key_that_is_missed_stops_the_cluster_until_it_is_back(tmp_path: Path) -> None:
    key = key_file(tmp_path / "keys" / "one.key")
    cluster = encrypted(tmp_path / "source", key)
    path, away = tmp_path / "keys" / "one.key", tmp_path / "away.key"
    try:
        cluster.start()
        cluster.query("CREATE DATABASE s")
        cluster.query("CREATE TABLE s.t (i INT PRIMARY KEY)")
        cluster.query("INSERT INTO s.t VALUES (1)")
        path.rename(away)

        def stopped() -> bool:
            return set(cluster.announced()) == {"supervisor"}

        wait_for(stopped, 30, "the instances to stop")
        status = cluster.status()
        assert status["encryption"]["state"] == "inaccessible-encryption-credentials-recoverable"
        assert str(path) in status["encryption"]["reason"]
        assert {item["state"] for item in status["instances"]} == {"stopped"}
        refused = cluster.cli("snapshot", "create", "x")
        assert (refused.returncode, "one.key" in refused.stderr) == (5, True)
        assert cluster.cli("reader", "add").returncode == 1
        away.rename(path)
        cluster.wait_all_available()
        assert cluster.status()["encryption"]["state"] == "available"
        assert cluster.query("SELECT i FROM s.t") == [(1,)]
        cluster.query("INSERT INTO s.t VALUES (2)")
        assert "the cluster stops" in cluster.logs()
        # Stopped once more, and asked to end meanwhile: the exit code tells why.
        path.rename(away)
        wait_for(stopped, 30, "the instances to stop")
        assert cluster.stop() == 5
        # A start without the key says so, with the same code, and changes nothing.
        stolen = tmp_path / "stolen"
        shutil.copytree(cluster.data_dir, stolen)
        started = command("start", "--data-dir", str(stolen), "--port", "0", "--reader-port", "0")
        assert started.returncode == 5
        assert "No such file" in started.stderr and str(path) in started.stderr
        # A key that is another one opens nothing, either.
        other = key_file(tmp_path / "other.key")
        started = command("start", "--data-dir", str(stolen), "--key", other, "--port", "0", "--reader-port", "0")
        assert started.returncode == 5
        assert "is wanted" in started.stderr
        assert command("snapshot", "create", "--data-dir", str(stolen)).returncode == 5
        # The same key at another place opens it.
        assert command("key", "show", "--data-dir", str(stolen)).stdout.count("not usable") == 1
        away.rename(path)
        cluster.start()
        assert cluster.query("SELECT i FROM s.t ORDER BY i") == [(1,), (2,)]
    finally:
        cluster.close()


def test_a_cluster_with_its_key_in_kms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    client = boto3.client("kms", endpoint_url=f"http://{host}:{port}", region_name="eu-west-1")
    key = f"kms:{client.create_key()['KeyMetadata']['KeyId']}?region=eu-west-1&endpoint=http://{host}:{port}"
    local = key_file(tmp_path / "one.key")
    cluster = encrypted(tmp_path / "source", key, readers=0, more="grace_s = 2.0\n")
    try:
        cluster.start()
        cluster.query("CREATE DATABASE s")
        assert cluster.status()["encryption"]["key"] == key
        # KMS does not answer: the cluster goes on for a while, then stops.
        server.stop()
        wait_for(lambda: set(cluster.announced()) == {"supervisor"}, 30, "the instances to stop")
        assert "KMS key" in cluster.status()["encryption"]["reason"]
        assert cluster.cli("key", "rotate", "--key", local).returncode == 5
        server = ThreadedMotoServer("127.0.0.1", port=port, verbose=False)
        server.start()
        cluster.wait_all_available()
        # Away from KMS, which is asked no more then.
        done(cluster, "key", "rotate", "--key", local)
        server.stop()
        cluster.query("CREATE DATABASE t")
        cluster.stop()
        cluster.start()
        assert ("t",) in cluster.query("SHOW DATABASES")
        assert cluster.status()["encryption"]["key"] == local
    finally:
        cluster.close()
        server.stop()


def test_encryption_is_for_ever_and_a_copied_snapshot_the_way_into_it(tmp_path: Path) -> None:
    planted = Planted(5)
    one, two = key_file(tmp_path / "keys" / "one.key"), key_file(tmp_path / "keys" / "two.key")
    plain = Cluster(tmp_path / "plain", readers=0, config=CONFIG)
    into = Cluster(tmp_path / "into", readers=0)
    again = Cluster(tmp_path / "again", readers=0)
    try:
        plain.start()
        plant(plain, planted)
        rows = plain.query("SELECT v, n FROM s.kept ORDER BY id")
        done(plain, "snapshot", "create", "one")
        plain.stop()
        turned = plain.cli("start", "--encrypted", "--key", one, "--port", "0", "--reader-port", "0")
        assert (turned.returncode, "stays so" in turned.stderr) == (1, True)
        direct = plain.cli("snapshot", "restore", "one", "--target-dir", str(tmp_path / "direct"), "--key", one)
        assert (direct.returncode, "encrypted copy first" in direct.stderr) == (1, True)
        assert plain.cli("snapshot", "copy", "one", "sealed", "--encrypted").returncode == 1
        done(plain, "snapshot", "copy", "one", "sealed", "--encrypted", "--key", one)
        done(plain, "snapshot", "restore", "sealed", "--target-dir", str(into.data_dir))
        into.start()
        assert into.query("SELECT v, n FROM s.kept ORDER BY id") == rows
        into.query("INSERT INTO s.kept (v) VALUES ('more')")
        assert into.status()["encryption"]["key"] == one
        assert planted.in_files(into.data_dir) == []
        # A new key for the same data: nothing of it is written, and the running cluster does not notice.
        chunks = {path.name: path.stat().st_mtime_ns for path in into.data_dir.glob("volume/az-a/chunks/*/*")}
        done(into, "key", "rotate", "--key", two)
        assert json.loads(done(into, "key", "show", "--json"))[0]["keys"] == [two]
        assert {path.name: path.stat().st_mtime_ns for path in into.data_dir.glob("volume/az-a/chunks/*/*")} == chunks
        (tmp_path / "keys" / "one.key").unlink()
        into.query("INSERT INTO s.kept (v) VALUES ('still more')")
        # Restored with a key of its own, everything is encrypted anew.
        three = key_file(tmp_path / "keys" / "three.key")
        now = f"{time.time():.6f}"
        done(into, "restore", "--to", now, "--target-dir", str(again.data_dir), "--key", three)
        into.stop()
        (tmp_path / "keys" / "two.key").unlink()
        again.start()
        assert again.query("SELECT v, n FROM s.kept WHERE n IS NOT NULL ORDER BY id") == rows
        assert again.query("SELECT COUNT(*) FROM s.kept") == [(7,)]
        assert done(again, "key", "admin-password") == "pw\n"
        assert planted.in_files(again.data_dir, into.data_dir) == []
        shared = {path.name for path in again.data_dir.glob("volume/az-a/chunks/*/*")} & set(chunks)
        assert not shared
    finally:
        for cluster in (plain, into, again):
            cluster.close()
