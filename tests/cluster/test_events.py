"""Events run by themselves, on the writer alone, whichever instance that is."""

from __future__ import annotations

import pytest

from tests.support.cluster import Cluster, wait_for

pytestmark = pytest.mark.cluster


def count(cluster: Cluster, what: str) -> int:
    return int(cluster.query(f"SELECT COUNT(*) FROM ev.l WHERE w = '{what}'")[0][0])


def names(cluster: Cluster) -> set[str]:
    return {row[0] for row in cluster.query("SELECT event_name FROM information_schema.events")}


def test_events_run_end_and_survive_a_failover(cluster: Cluster) -> None:
    cluster.query("CREATE DATABASE ev")
    cluster.query("CREATE TABLE ev.l (id INT AUTO_INCREMENT PRIMARY KEY, w VARCHAR(80), by_whom VARCHAR(80))")
    cluster.query(
        "CREATE EVENT ev.often ON SCHEDULE EVERY 1 SECOND DO BEGIN DECLARE n INT; SELECT COUNT(*) INTO n FROM ev.l; "
        "INSERT INTO l (w, by_whom) VALUES ('often', @@aurora_server_id); SELECT 'nobody reads this'; END"
    )
    cluster.query("CREATE EVENT ev.once ON SCHEDULE AT NOW() + INTERVAL 1 SECOND DO INSERT INTO l (w) VALUES ('once')")
    cluster.query(
        "CREATE EVENT ev.kept ON SCHEDULE AT NOW() + INTERVAL 1 SECOND ON COMPLETION PRESERVE "
        "DO INSERT INTO l (w) VALUES ('kept')"
    )
    cluster.query("CREATE EVENT ev.off ON SCHEDULE EVERY 1 SECOND DISABLE DO INSERT INTO l (w) VALUES ('off')")
    cluster.query("CREATE EVENT ev.wrong ON SCHEDULE EVERY 1 SECOND DO INSERT INTO nothing VALUES (1)")
    wait_for(lambda: count(cluster, "often") >= 2, 20, "two runs of a recurring event")
    wait_for(lambda: names(cluster) == {"often", "kept", "off", "wrong"}, 20, "the one-time event to be gone")
    wait_for(
        lambda: (
            cluster.query("SELECT status FROM information_schema.events WHERE event_name = 'kept'") == [("DISABLED",)]
        ),
        20,
        "the preserved event to be disabled",
    )
    assert (count(cluster, "once"), count(cluster, "kept"), count(cluster, "off")) == (1, 1, 0)
    cluster.query("DROP EVENT ev.wrong")

    before = cluster.writer()
    done = cluster.cli("failover")
    assert done.returncode == 0, done.stderr
    after = cluster.writer()
    assert after != before
    wait_for(
        lambda: cluster.query(f"SELECT 1 FROM ev.l WHERE w = 'often' AND by_whom = '{after}' LIMIT 1"),
        20,
        "the new writer to run the event",
    )
    cluster.query("SET GLOBAL event_scheduler = OFF")
    cluster.query("ALTER EVENT ev.off ENABLE")
    cluster.query("DO SLEEP(1.5)")
    assert count(cluster, "off") == 0
    cluster.query("SET GLOBAL event_scheduler = ON")
    wait_for(lambda: count(cluster, "off"), 20, "an event of a scheduler that was turned on")
    cluster.query("DROP DATABASE ev")
    assert names(cluster) == set()
