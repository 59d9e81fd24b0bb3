"""TPC-H's 22 queries on a very small database: the answers are MariaDB's."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import tpch
from tests.support.cluster import Cluster
from tests.support.mariadb import MariaDb

pytestmark = [pytest.mark.client, pytest.mark.cluster]
SCALE = 0.001


@pytest.mark.skipif(not MariaDb.available(), reason="needs mariadbd")
def test_answers_are_those_of_mariadb(tmp_path: Path) -> None:
    tables = tmp_path / "tables"
    tables.mkdir()
    tpch.generate(tables, SCALE)
    cluster, peer = Cluster(tmp_path / "cluster", readers=0), MariaDb(tmp_path / "mariadb")
    try:
        cluster.start()
        peer.start()
        rows = tpch.load(cluster.connect(local_infile=True, autocommit=True), tables)
        assert rows == tpch.load(peer.connect(local_infile=True), tables)
        us = cluster.connect(database="tpch").cursor()
        them = peer.connect(database="tpch").cursor()
        filled = 0
        for number in tpch.NUMBERS:
            for cursor in (us, them):
                cursor.execute(tpch.query(number, SCALE))
            ours, theirs = us.fetchall(), them.fetchall()
            assert tpch.difference(ours, theirs) == "", f"query {number}"
            filled += bool(theirs)
        assert filled >= 15
        cluster.assert_clean_logs()
    finally:
        cluster.close()
        peer.close()
