"""Zero dates and decimals of 65 digits: on readers, through a dump, over a restart."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pymysql
import pytest

from tests.support.cluster import PASSWORD, Cluster, wait_for

pytestmark = pytest.mark.cluster

ROWS = """CREATE TABLE posts (id INT PRIMARY KEY AUTO_INCREMENT, at DATETIME NOT NULL DEFAULT '0000-00-00 00:00:00',
  d DATE NOT NULL DEFAULT '0000-00-00', amount DECIMAL(65,30), ts TIMESTAMP NOT NULL DEFAULT '0000-00-00 00:00:00');
INSERT INTO posts (amount) VALUES (1.5), (12345678901234567890123456789012345.5);
INSERT INTO posts (d, amount) VALUES ('2024-00-15', 3), ('2024-01-01', 4), ('2023-12-31', 5)"""
#: By date: the dates of the year 0 first, 2024-00-15 after 2023-12-31.
BY_DATE = (1, 2, 5, 3, 4)


def client(tool: str, cluster: Cluster, *arguments: str, text: str = "") -> str:
    host, port = cluster.endpoints["cluster"]
    login = ["-h", host, "-P", str(port), "-u", "admin", f"-p{PASSWORD}"]
    done = subprocess.run([tool, *login, *arguments], input=text, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def by_date(connection: Any, database: str) -> tuple[int, ...]:
    with connection.cursor() as cursor:
        cursor.execute("SET sql_mode = ''")
        cursor.execute(f"SELECT id FROM {database}.posts WHERE d < '2024-01-02' ORDER BY d, id")
        found = tuple(row[0] for row in cursor.fetchall())
        cursor.execute(f"SELECT COUNT(*), SUM(amount) FROM {database}.posts WHERE d < '2024-01-01'")
        assert [str(v) for v in cursor.fetchone()] == ["4", "12345678901234567890123456789012355." + "0" * 30]
    return found


def has_rows(cursor: Any) -> bool:
    try:
        return bool(cursor.execute("SELECT id FROM b.posts") == 5)
    except pymysql.err.ProgrammingError:
        return False  # the table is not there yet


@pytest.mark.skipif(shutil.which("mysqldump") is None, reason="needs mysqldump")
def test_zero_dates_and_wide_decimals_everywhere(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path, readers=1)
    try:
        cluster.start()
        client("mysql", cluster, text=f"CREATE DATABASE a; CREATE DATABASE b; USE a; SET sql_mode = ''; {ROWS};")
        options = ("--skip-dump-date", "--no-tablespaces", "--skip-comments")
        dump = client("mysqldump", cluster, *options, "a")
        client("mysql", cluster, "b", text=dump)
        assert client("mysqldump", cluster, *options, "b") == dump
        reader = cluster.connect("reader", autocommit=True)
        with reader.cursor() as cursor:
            wait_for(lambda: has_rows(cursor), 20, "the reader to have the rows")
        assert by_date(reader, "a") == by_date(reader, "b") == BY_DATE
        reader.close()
        cluster.stop()
        cluster.start()
        writer = cluster.connect(autocommit=True)
        with writer.cursor() as cursor:
            cursor.execute("ALTER TABLE b.posts ADD COLUMN more INT")
        assert by_date(writer, "a") == by_date(writer, "b") == BY_DATE
        writer.close()
    finally:
        cluster.close()
