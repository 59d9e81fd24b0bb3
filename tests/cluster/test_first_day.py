"""What a user does on the first day: connect, write, read elsewhere, look around, stop."""

from __future__ import annotations

import shutil
import subprocess

import pymysql
import pytest

from tests.support.cluster import PASSWORD, Cluster, wait_for

pytestmark = pytest.mark.cluster


def test_write_to_the_cluster_endpoint_read_from_the_reader_endpoint(cluster: Cluster) -> None:
    cluster.query("CREATE DATABASE shop")
    cluster.query("CREATE TABLE shop.item (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(40), price DECIMAL(8,2))")
    cluster.query("INSERT INTO shop.item (name, price) VALUES ('tea', 3.50), ('coffee', 4)")
    rows = wait_for(lambda: cluster.query("SELECT name, price FROM shop.item ORDER BY id", "reader"), 5, "the rows")
    assert [(n, str(p)) for n, p in rows] == [("tea", "3.50"), ("coffee", "4.00")]
    with pytest.raises(pymysql.err.MySQLError) as caught:
        cluster.query("DELETE FROM shop.item", "reader")
    assert caught.value.args[0] == 1836


def test_topology_is_what_drivers_expect(cluster: Cluster) -> None:
    sql = "SELECT SERVER_ID, SESSION_ID, REPLICA_LAG_IN_MILLISECONDS FROM information_schema.replica_host_status"
    for endpoint in ("cluster", "reader"):
        rows = wait_for(lambda e=endpoint: found if len(found := cluster.query(sql, e)) == 3 else None, 5, "rows")
        writers = [row for row in rows if row[1] == "MASTER_SESSION_ID"]
        assert len(writers) == 1 and writers[0][2] == 0
        assert all(row[2] > 0 for row in rows if row not in writers)
    (mine,) = cluster.query("SELECT @@aurora_server_id, @@innodb_read_only")
    assert mine == (cluster.writer(), 0)


def test_status_document(cluster: Cluster) -> None:
    document = cluster.status()
    assert {"endpoints", "instances", "volume"} <= set(document)
    assert [i["role"] for i in document["instances"]].count("writer") == 1
    assert len(document["volume"]["copies"]) == 6
    assert {copy["state"] for copy in document["volume"]["copies"]} == {"ok"}


@pytest.mark.skipif(shutil.which("mysql") is None, reason="the mysql command line client is not installed")
def test_the_mysql_command_line(cluster: Cluster) -> None:
    host, port = cluster.endpoints["cluster"]
    done = subprocess.run(
        ["mysql", "-h", host, "-P", str(port), "-uadmin", f"-p{PASSWORD}", "-e", "SELECT 1+1 AS two; SHOW DATABASES"],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[:2] == ["two", "2"]


def test_an_ordered_failover_and_back(cluster: Cluster) -> None:
    before = cluster.writer()
    done = cluster.cli("failover")
    assert done.returncode == 0, done.stderr
    after = cluster.writer()
    assert after != before
    cluster.query("CREATE TABLE IF NOT EXISTS shop.after_failover (id INT PRIMARY KEY)")
    cluster.wait_all_available()
    assert cluster.cli("failover", "--target", "nobody").returncode == 1
    assert cluster.cli("failover", "--target", before).returncode == 0
    assert cluster.writer() == before
    cluster.wait_all_available()


def test_readers_come_and_go(cluster: Cluster) -> None:
    done = cluster.cli("reader", "add")
    assert done.returncode == 0, done.stderr
    cluster.wait_all_available()
    added = done.stdout.split()[0]
    host, port = cluster.status()["endpoints"]["instances"][added].split(":")
    cluster.endpoints[added] = (host, int(port))
    cluster.wait_level()
    assert cluster.query("SELECT COUNT(*) FROM shop.item", added) == [(2,)]
    assert cluster.cli("reader", "remove", added).returncode == 0
    assert len(cluster.status()["instances"]) == 3


def test_privileges_hold_on_every_instance(cluster: Cluster) -> None:
    cluster.query("CREATE USER 'ann'@'%' IDENTIFIED BY 'secret'")
    cluster.query("GRANT SELECT ON shop.* TO 'ann'@'%'")
    cluster.wait_level()
    for endpoint in ("cluster", "reader"):
        connection = cluster.connect(endpoint, user="ann", password="secret", database="shop")
        with connection.cursor() as cursor:
            cursor.execute("SELECT COUNT(*) FROM item")
            for sql in ("INSERT INTO item (name) VALUES ('x')", "CREATE USER bob", "SELECT * FROM mysql.user"):
                with pytest.raises(pymysql.err.MySQLError) as caught:
                    cursor.execute(sql)
                assert caught.value.args[0] in (1142, 1044, 1227), sql
        connection.close()
    with pytest.raises(pymysql.err.OperationalError) as refused:
        cluster.connect(user="ann", password="wrong")
    assert refused.value.args[0] == 1045
