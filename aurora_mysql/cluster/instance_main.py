"""The process of one instance: ``python -m aurora_mysql.cluster.instance_main --data-dir DIR --id ID``."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import sys
from pathlib import Path

import uvloop

from aurora_mysql.cluster.config import ClusterConfig
from aurora_mysql.cluster.data_dir import DataDir
from aurora_mysql.cluster.logs import keep_unforeseen_confidential, loop_failed, set_up_logging
from aurora_mysql.encryption.private_memory import keep_memory_private
from aurora_mysql.encryption.root_key import RootKey
from aurora_mysql.errors import AuroraError

log = logging.getLogger("aurora_mysql.cluster.instance_main")

_SWITCH_INTERVAL_S = 0.001


def main() -> int:
    """Run the instance; the exit code tells the supervisor's log why it ended."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--id", required=True)
    options = parser.parse_args()
    directory = DataDir(options.data_dir)
    config = ClusterConfig.from_json(json.loads((directory.run / "config.json").read_text()))
    root = RootKey.take_over(sys.stdin.buffer.readline())
    set_up_logging(options.id, config.log_level, sys.stderr, confidential=root is not None)
    if root is not None:
        keep_memory_private()
        keep_unforeseen_confidential()
    from aurora_mysql.cluster.instance import Instance

    # The event loop waits this long for a worker thread that computes in Python: it is part of every latency.
    sys.setswitchinterval(_SWITCH_INTERVAL_S)

    async def run() -> None:
        if root is not None:
            asyncio.get_running_loop().set_exception_handler(loop_failed)
        await Instance(directory, config, options.id, root).run()

    try:
        uvloop.run(run())
    except AuroraError as error:
        log.error("%s", error)
        return 1
    except Exception:
        log.exception("the instance failed")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
