"""The command as a process."""

import os
import subprocess
import sys
from pathlib import Path

from aurora_mysql.cluster.config import load_config
from aurora_mysql.cluster.data_dir import DataDir

ROOT = Path(__file__).parents[3]


def test_a_reader_that_has_seen_enough_gets_no_traceback(tmp_path: Path) -> None:
    directory = DataDir(tmp_path / "data")
    directory.save(directory.initialise(load_config(None, {"admin_password": "x"})))
    read_end, write_end = os.pipe()
    os.close(read_end)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "aurora_mysql.cluster.cli", "snapshot", "list", "--data-dir", str(directory.root)],
            stdout=write_end,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            timeout=60,
        )
    finally:
        os.close(write_end)
    assert (done.returncode, done.stderr) == (1, "")


def test_the_supervisor_and_the_command_load_no_engine() -> None:
    """They would take half a second and 60 MB longer, each time."""
    heavy = {"duckdb", "numpy", "pyarrow", "sqlglot", "uvloop"}
    code = f"import sys, aurora_mysql.cluster.cli, aurora_mysql.cluster.start; print(*({heavy!r} & set(sys.modules)))"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.split() == []
