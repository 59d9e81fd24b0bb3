"""The `aurora-mysql` command."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from aurora_mysql.cluster.backup_commands import BackupCommands, join_times
from aurora_mysql.cluster.config import ClusterConfig, load_config
from aurora_mysql.cluster.control import ControlClient, ControlError
from aurora_mysql.cluster.copy_commands import CopyCommands
from aurora_mysql.cluster.data_dir import DataDir
from aurora_mysql.cluster.key_commands import KeyCommands
from aurora_mysql.cluster.status_text import status_text
from aurora_mysql.errors import AuroraError, KeyUnavailableError

_DEFAULT_CONFIG = Path("conf/cluster.toml")
EXIT_NO_KEY = 5


def main(arguments: list[str] | None = None) -> int:
    """Entry point; returns the exit code (0 done, 1 failed, 2 wrong usage, 5 the key can't be used)."""
    options = _parser().parse_args(join_times(sys.argv[1:] if arguments is None else arguments))
    try:
        result: int = options.run(options)
        sys.stdout.flush()
        return result
    except KeyUnavailableError as error:
        print(f"aurora-mysql: {error}", file=sys.stderr)
        return EXIT_NO_KEY
    except AuroraError as error:
        print(f"aurora-mysql: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # Who reads has seen enough (`aurora-mysql status | head`); the interpreter must not try to write the rest.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="aurora-mysql", description="An open cluster that does what Aurora MySQL does."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: Any, text: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text)
        sub.set_defaults(run=run)
        sub.add_argument("--config", type=Path, help="configuration file (default: conf/cluster.toml if it is there)")
        sub.add_argument("--data-dir", type=Path, help="data directory (default: ./data)")
        return sub

    start = command("start", _start, "Run the cluster in the foreground; SIGTERM or Ctrl-C stops it in order.")
    start.add_argument("--port", type=int, help="port of the cluster endpoint; 0 picks a free one")
    start.add_argument("--reader-port", type=int, help="port of the reader endpoint; 0 picks a free one")
    start.add_argument("--readers", type=int, help="number of readers, 0 to 15")
    start.add_argument("--encrypted", action="store_true", default=None, help="of a new cluster: encrypt all of it")
    start.add_argument("--key", help="the key-management key: local:/path/to/file.key or kms:KEY[?region=...]")
    status = command("status", _status, "Show endpoints, instances and volume.")
    status.add_argument("--json", action="store_true", help="as one JSON document")
    failover = command("failover", _failover, "Make a reader the writer, in order.")
    failover.add_argument("--target", metavar="ID", help="the reader to promote (default: the best one)")
    reader = command("reader", _reader, "Add or remove a reader.")
    reader.add_argument("action", choices=("add", "remove"))
    reader.add_argument("id", nargs="?", help="the reader to remove (default: the last one)")
    CopyCommands(_ask).add_to(command)
    BackupCommands(_config, _ask).add_to(command)
    KeyCommands(_config).add_to(command)
    return parser


def _config(options: argparse.Namespace) -> ClusterConfig:
    path = options.config or (_DEFAULT_CONFIG if _DEFAULT_CONFIG.is_file() else None)
    overrides = {"data_dir": options.data_dir, "admin_password": os.environ.get("AURORA_MYSQL_ADMIN_PASSWORD")}
    for name, setting in (("encrypted", "encrypted"), ("key", "encryption_key")):
        overrides[setting] = getattr(options, name, None) if options.run is _start else None
    overrides["port"] = getattr(options, "port", None)
    overrides["reader_port"] = getattr(options, "reader_port", None)
    return load_config(path, overrides)


def _start(options: argparse.Namespace) -> int:
    from aurora_mysql.cluster.start import start

    stop = asyncio.Event()

    async def run() -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        await start(_config(options), readers=options.readers, stop=stop)

    asyncio.run(run())
    return 0


def _ask(options: argparse.Namespace, op: str, *, timeout_s: float = 120.0, **args: Any) -> Any:
    directory = DataDir(_config(options).data_dir)
    directory.load()
    found = directory.announced("supervisor")
    if found is None:
        raise ControlError(f"no supervisor runs on {directory.root}; start it with `aurora-mysql start`")

    async def ask() -> Any:
        client = await ControlClient.connect(found["control_port"], directory.token())
        try:
            return await client.call(op, timeout_s=timeout_s, **args)
        finally:
            client.close()

    return asyncio.run(ask())


def _status(options: argparse.Namespace) -> int:
    document = _ask(options, "status")
    if options.json:
        print(json.dumps(document, indent=2))
        return 0
    print(status_text(document))
    return 0


def _failover(options: argparse.Namespace) -> int:
    answer = _ask(options, "failover", target=options.target)
    print(f"{answer['writer']} is the writer (after {answer['elapsed_ms']} ms)")
    return 0


def _reader(options: argparse.Namespace) -> int:
    if options.action == "add":
        if options.id is not None:
            raise ControlError("`reader add` takes no id; ids are given by the cluster")
        answer = _ask(options, "reader_add")
        print(f"{answer['id']} on {answer['endpoint']}")
    else:
        answer = _ask(options, "reader_remove", id=options.id)
        print(f"{answer['id']} removed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
