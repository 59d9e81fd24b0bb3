"""A cluster whose checkpoints and snapshots are in an object store."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support.cluster import Cluster, wait_for
from tests.support.marked_load import MarkedLoad, digest
from tests.support.object_store import object_store

pytestmark = pytest.mark.cluster


def test_chunks_live_in_an_object_store(tmp_path: Path) -> None:
    with object_store() as objects:
        url = objects.medium("one").url
        where = f'[chunk_store]\nurl = "{url}"\nendpoint = "{objects.endpoint}"\nallow_http = true\n'
        config = "[volume]\ncheckpoint_interval_s = 2.0\nsegment_bytes = 1048576\n" + where
        cluster = Cluster(tmp_path / "source", readers=1, config=config)
        others: list[Cluster] = []
        try:
            cluster.start()
            load = MarkedLoad(cluster.connect)
            load.create()
            load.start()
            load.run_for(60)
            mark = load.mark()
            manifests = {name for name in objects.names("one") if name.startswith("checkpoints/")}
            wait_for(
                lambda: len({n for n in objects.names("one") if n.startswith("checkpoints/")} - manifests) >= 2,
                30,
                "two more checkpoints in the store",
            )
            load.run_for(30)
            result = cluster.cli("snapshot", "create", "kept")
            assert result.returncode == 0, result.stderr
            load.stop()
            after = digest(cluster.connect)
            assert not list((cluster.data_dir / "volume").glob("az-?/chunks"))

            # An instance that has lost everything comes back from the store, not from the whole log.
            cluster.kill_everything()
            shutil.rmtree(cluster.data_dir / "instances")
            cluster.start()
            assert digest(cluster.connect) == after
            assert "restored the checkpoint at LSN" in cluster.logs()

            # The past, from the store into a new cluster's own directories.
            for name, arguments in {
                "restored": ("restore", "--to", mark.text),
                "snapshot": ("snapshot", "restore", "kept"),
            }.items():
                target = tmp_path / name / "data"
                result = cluster.cli(*arguments, "--target-dir", str(target))
                assert result.returncode == 0, result.stderr
                others.append(Cluster(tmp_path / name, readers=0))
                others[-1].start()
            assert digest(others[0].connect) == mark.digest
            result = cluster.cli("backtrack", "--to", mark.text)
            assert result.returncode == 0, result.stderr
            assert digest(cluster.connect) == mark.digest

            # Another cluster is not let in, and the first start leaves nothing that a second one stumbles over.
            stranger = Cluster(tmp_path / "stranger", readers=0, config=config)
            others.append(stranger)
            for _ in range(2):
                with pytest.raises(AssertionError, match="belongs to cluster"):
                    stranger.start()

            # The store is only needed for checkpoints: without it the cluster goes on.
            objects.server.stop()
            cluster.query("INSERT INTO past.item (id, note) VALUES (1000000, 'without the store')")
            wait_for(lambda: "checkpoint by" in cluster.logs(), 60, "a checkpoint that failed")
            assert cluster.query("SELECT note FROM past.item WHERE id = 1000000") == [("without the store",)]
            cluster.assert_clean_logs()
        finally:
            for each in (cluster, *others):
                each.close()
