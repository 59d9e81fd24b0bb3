"""What can't work gets one clear message and a non-zero exit, and changes nothing."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.cluster import ROOT, Cluster

pytestmark = pytest.mark.fault


def start(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-m",
        "aurora_mysql.cluster.cli",
        "start",
        "--port",
        "0",
        "--reader-port",
        "0",
        *arguments,
    ]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=30, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )


def refused(done: subprocess.CompletedProcess[str], text: str) -> None:
    assert done.returncode == 1
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1 and text in lines[0], done.stderr


def test_a_wrong_key(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text("[cluster]\nreadrs = 1\n")
    refused(start("--config", str(path), "--data-dir", str(tmp_path / "d")), "did you mean 'readers'?")
    assert not (tmp_path / "d").exists()


def test_a_port_in_use(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = start("--data-dir", str(tmp_path / "d"), "--port", str(port))
    refused(done, f"cannot listen on 127.0.0.1:{port} (cluster endpoint)")


def test_copies_of_another_cluster_and_too_few_copies(tmp_path: Path) -> None:
    one, other = Cluster(tmp_path / "one", readers=0), Cluster(tmp_path / "other", readers=0)
    try:
        for cluster in (one, other):
            cluster.start()
            assert cluster.stop() == 0
        mine, foreign = one.data_dir / "volume" / "az-a" / "copy-1", other.data_dir / "volume" / "az-a" / "copy-1"
        mine.rename(tmp_path / "kept")
        shutil.copytree(foreign, mine)
        refused(start("--data-dir", str(one.data_dir)), "belongs to cluster")
        shutil.rmtree(mine)
        (tmp_path / "kept").rename(mine)
        one.start()
        assert one.stop() == 0
        for copy in list((other.data_dir / "volume").glob("az-*/copy-*"))[:4]:
            shutil.rmtree(copy)
        refused(start("--data-dir", str(other.data_dir)), "only 2 of the 6 copies")
    finally:
        one.close()
        other.close()
