"""sysbench's scripts run without an error, and leave every instance with the same rows."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from tests.support.cluster import PASSWORD, Cluster
from tests.support.sysbench import OLTP_SCRIPTS, Server, assert_equal_tables, run

pytestmark = [
    pytest.mark.client,
    pytest.mark.skipif(shutil.which("sysbench") is None, reason="sysbench is not installed"),
]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    found = Cluster(tmp_path_factory.mktemp("sysbench"), readers=2)
    try:
        found.start()
        yield found
        found.assert_clean_logs()
    finally:
        found.close()


def test_every_script_runs_and_the_instances_agree(cluster: Cluster) -> None:
    """scripts/bench/sysbench runs the same for longer, at more thread counts."""
    host, port = cluster.endpoints["cluster"]
    instances = [(n, lambda n=n: cluster.connect(n)) for n in cluster.endpoints if n.startswith("instance")]
    server = Server(host, port, "admin", PASSWORD, "sb")
    cluster.query("CREATE DATABASE sb")
    run(server, "oltp_read_write", "prepare", table_size=1000)
    for number, script in enumerate(OLTP_SCRIPTS):
        figures = run(server, script, "run", threads=4, seconds=1, prepared=number % 2 == 0, table_size=1000)
        assert figures.rate > 0, script
    cluster.wait_level()
    assert assert_equal_tables(instances, "sb") > 3000
    bulk = Server(host, port, "admin", PASSWORD, "bulk")
    cluster.query("CREATE DATABASE bulk")
    run(bulk, "bulk_insert", "prepare", threads=2)
    assert run(bulk, "bulk_insert", "run", threads=2, seconds=1).rate > 0
    cluster.wait_level()
    assert assert_equal_tables(instances, "bulk") > 1000
