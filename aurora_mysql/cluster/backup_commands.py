"""`aurora-mysql snapshot`, `restore`, `clone` and `backtrack`.

All but backtrack work on the data directory itself, whether the cluster runs or not: they read what is there, and no
instance has to wait for them.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aurora_mysql.backup.exported import export_snapshot, import_snapshot, open_export
from aurora_mysql.backup.founding import Founded, found_cluster, prepare_directory
from aurora_mysql.backup.progress import Progress
from aurora_mysql.backup.source import Past, PastState
from aurora_mysql.backup.times import format_instant, parse_instant
from aurora_mysql.cluster.actions import add_action
from aurora_mysql.cluster.cluster_key import (
    NewClusterKey,
    key_for_new_cluster,
    keyrings_of,
    make_key,
    unlock_cluster,
    unlock_root,
)
from aurora_mysql.cluster.config import ClusterConfig
from aurora_mysql.cluster.control import ControlError
from aurora_mysql.cluster.data_dir import ClusterState, DataDir
from aurora_mysql.cluster.status_text import size_text
from aurora_mysql.encryption.root_key import RootKey
from aurora_mysql.errors import ConfigError, KeyUnavailableError
from aurora_mysql.storage.checkpoint import Checkpoint
from aurora_mysql.storage.chunk_codec import ChunkCodec, chunks_with
from aurora_mysql.storage.chunks import ChunkStore
from aurora_mysql.storage.keyrings import Keyrings

#: Asks the running supervisor: operation, timeout in seconds, arguments.
Ask = Callable[..., Any]
LoadConfig = Callable[[argparse.Namespace], ClusterConfig]
AddCommand = Callable[..., argparse.ArgumentParser]


class BackupCommands:
    """The commands, given how to read the configuration and how to reach the supervisor."""

    def __init__(self, load_config: LoadConfig, ask: Ask) -> None:
        self._load_config = load_config
        self._ask = ask

    def add_to(self, command: AddCommand) -> None:
        """Declare the commands with `command(name, run, description)`."""
        snapshot = command("snapshot", None, "Create, list, restore, delete, export and import snapshots.")
        actions = snapshot.add_subparsers(required=True, metavar="ACTION")

        def action(name: str, run: Any, text: str) -> argparse.ArgumentParser:
            return add_action(actions, name, text, run)

        create = action("create", self.create, "Keep the present state under a name, until it is deleted.")
        create.add_argument("name", nargs="?", help="a letter, then letters, digits, '-', '_', '.' (default: the time)")
        listing = action("list", self.list, "Show the snapshots.")
        listing.add_argument("--json", action="store_true", help="as one JSON document")
        delete = action("delete", self.delete, "Delete a snapshot and the space that only it takes.")
        delete.add_argument("name")
        restore = action("restore", self.restore_snapshot, "Make a new cluster from a snapshot.")
        restore.add_argument("name", nargs="?", help="the snapshot (not with --from)")
        restore.add_argument("--from", dest="source", type=Path, metavar="DIR", help="an exported snapshot's directory")
        _add_target(restore)
        _add_keys(restore)
        copy = action("copy", self.copy, "Copy a snapshot, encrypted with another key, or for the first time.")
        copy.add_argument("name")
        copy.add_argument("new_name", metavar="NEW")
        copy.add_argument("--encrypted", action="store_true", help="the copy is encrypted, with --key")
        _add_keys(copy)
        export = action("export", self.export, "Write a snapshot to a directory that can be carried elsewhere.")
        export.add_argument("name")
        export.add_argument("directory", type=Path, help="a new directory")
        importing = action("import", self.take_in, "Take an exported snapshot into this cluster's snapshots.")
        importing.add_argument("directory", type=Path, help="the exported snapshot's directory")
        importing.add_argument("--name", help="another name for it")

        clone = command("clone", self.clone, "Make a new cluster with the present data, sharing what is stored.")
        _add_target(clone)
        back = command("backtrack", self.backtrack, "Return the running cluster to a past time, or forward again.")
        back.add_argument("--to", required=True, metavar="TIME", help=_TIME_HELP)
        to = command("restore", self.restore, "Make a new cluster with the data as of a time.")
        to.add_argument("--to", required=True, metavar="TIME", help=_TIME_HELP)
        _add_target(to)
        to.add_argument("--key", help="encrypt the new cluster with this key instead of the source's")

    # -- snapshots ----------------------------------------------------------------------------------------------

    def create(self, options: argparse.Namespace) -> int:
        _, past = self._past(options)
        name = options.name or time.strftime("snapshot-%Y%m%d-%H%M%S", time.gmtime())
        past.store.check_new_name(name)
        with past.at(None) as state:
            progress = Progress("snapshot", 0, unit="MiB of redo")
            snapshot = past.store.add_snapshot(name, state.base, _counted(state.pieces(), progress), _end(state))
            progress.finish()
        print(f"snapshot {name}: LSN {snapshot.lsn}, last commit {format_instant(snapshot.time_us)}")
        return 0

    def list(self, options: argparse.Namespace) -> int:
        _, past = self._past(options, offline=True)
        documents = [_document(snapshot) for snapshot in past.store.snapshots()]
        if options.json:
            print(json.dumps(documents, indent=2))
            return 0
        if not documents:
            print("there are no snapshots")
        for item in documents:
            size = item["file_bytes"] + item["redo_bytes"]
            print(f"{item['name']:<32}  LSN {item['lsn']:<10}  {item['time']}  {size_text(size)}")
        return 0

    def delete(self, options: argparse.Namespace) -> int:
        directory, past = self._past(options, offline=True)
        store, keyrings = past.store, keyrings_of(directory)
        root_id = store.snapshot(options.name).root
        gone = store.delete_snapshot(options.name)
        if root_id not in {directory.load().root_key_id, *(state.root for state in [*store.snapshots(), *store.all()])}:
            keyrings.remove(root_id)
        print(f"snapshot {options.name} deleted, {gone} chunk files freed")
        return 0

    def restore_snapshot(self, options: argparse.Namespace) -> int:
        if options.source is not None and options.name is not None and options.target is None:
            options.name, options.target = None, Path(options.name)
        target = _target(options)
        if (options.name is None) == (options.source is None):
            raise ConfigError("name a snapshot, or an exported one with --from DIR")
        if options.source is not None:
            snapshot, chunks = open_export(options.source)
            key, codec = _keys(options, Keyrings([options.source]), snapshot, target)
            # Where there is no cluster, there is none to take name and password from.
            return self._found("", "aurora", chunks.with_codec(codec), snapshot, target, key)
        directory, past = self._past(options, offline=True)
        snapshot = past.store.snapshot(options.name)
        key, codec = _keys(options, keyrings_of(directory), snapshot, target)
        with past.store.pinned(lambda _: snapshot):
            chunks, state = past.store.chunks.with_codec(codec), directory.load()
            try:
                root = unlock_cluster(directory, state, key=self._load_config(options).encryption_key)
                password = _password(directory, root)
            except KeyUnavailableError as error:
                # The snapshot's key is enough: its users are inside, with their passwords.
                print(f"the administrator's first password is not taken over: {error}", file=sys.stderr)
                password = ""
            return self._found(password, state.name, chunks, snapshot, target, key)

    def copy(self, options: argparse.Namespace) -> int:
        directory, past = self._past(options, offline=True)
        store, keyrings = past.store, keyrings_of(directory)
        snapshot = store.snapshot(options.name)
        store.check_new_name(options.new_name)
        progress = Progress("copy", len(set(snapshot.all_chunks)), unit="chunks")
        if not options.key and (snapshot.root or not options.encrypted):
            store.take_in(snapshot, store.chunks, options.new_name, progress.add)
        else:
            source = unlock_root(keyrings, snapshot.root, key=options.source_key or "") if snapshot.root else None
            root, keyring = make_key(directory.root, options.key or "")
            keyrings.write(keyring)
            try:
                with store.pinned(lambda _: snapshot):
                    store.copy_snapshot(
                        snapshot, options.new_name, chunks_with(source), chunks_with(root), progress.add
                    )
            except BaseException:
                keyrings.remove(root.id)
                raise
        progress.finish()
        how = f", encrypted with {options.key}" if options.key else ""
        print(f"snapshot {options.name} copied to {options.new_name}{how}")
        return 0

    def export(self, options: argparse.Namespace) -> int:
        directory, past = self._past(options, offline=True)
        snapshot = past.store.snapshot(options.name)
        prepare_directory(options.directory)
        with past.store.pinned(lambda _: snapshot):
            progress = Progress("export", len(set(snapshot.all_chunks)), unit="chunks")
            export_snapshot(past.store, snapshot, keyrings_of(directory), options.directory, progress.add)
            progress.finish()
        print(f"snapshot {options.name} exported to {options.directory}")
        return 0

    def take_in(self, options: argparse.Namespace) -> int:
        directory, past = self._past(options, offline=True)
        expected, _ = open_export(options.directory)
        progress = Progress("import", len(set(expected.all_chunks)), unit="chunks")
        snapshot = import_snapshot(past.store, keyrings_of(directory), options.directory, options.name, progress.add)
        progress.finish()
        print(f"snapshot {snapshot.name} imported")
        return 0

    def backtrack(self, options: argparse.Namespace) -> int:
        """Ask the writer, and follow what it does."""
        parse_instant(options.to, time.time_ns() // 1000)
        self._ask(options, "backtrack", to=options.to)
        shown = ""
        while True:
            state = self._ask(options, "backtrack_state")
            if state is None:
                raise ControlError("the writer has changed; nothing was committed unless it says so in its log")
            if state["state"] == "failed":
                raise ControlError(f"backtrack failed, nothing has changed: {state['error']}")
            if state["state"] == "done":
                break
            line = f"{state['phase']}: {state['done']} rows"
            if line != shown:
                print(line, file=sys.stderr, flush=True)
                shown = line
            time.sleep(0.25)
        print(
            f"the cluster is as of {state['to']} (LSN {state['lsn']}): {state['rows']} rows differed,"
            f" {state['filled_tables']} tables came back, {state['change_records']} commits since"
        )
        print(f"took {state['elapsed_s']:.1f} s, clients waited {state['paused_s']:.1f} s")
        return 0

    # -- new clusters -------------------------------------------------------------------------------------------

    def clone(self, options: argparse.Namespace) -> int:
        target = _target(options)
        directory, past = self._past(options)
        with past.at(None) as state:
            return self._found_at(directory, past, state, target, share=True, new_key="")

    def restore(self, options: argparse.Namespace) -> int:
        target = _target(options)
        config = self._load_config(options)
        now_us = time.time_ns() // 1000
        until_us = parse_instant(options.to, now_us)
        begin_us = now_us - round(config.backup_retention_s * 1e6)
        if until_us < begin_us:
            raise ConfigError(f"backups are kept since {format_instant(begin_us)} (backup_retention_s)")
        directory, past = self._past(options)
        with past.at(until_us) as state:
            return self._found_at(directory, past, state, target, share=False, new_key=options.key or "")

    def _found_at(
        self, directory: DataDir, past: Past, state: PastState, target: Path, *, share: bool, new_key: str
    ) -> int:
        key = key_for_new_cluster(keyrings_of(directory), past.key, target, key=new_key)
        name, chunks, password = directory.load().name, past.store.chunks, _password(directory, past.key)
        return self._found(password, name, chunks, state.base, target, key, state=state, share=share)

    def _found(
        self,
        password: str,
        name: str,
        chunks: ChunkStore,
        base: Checkpoint,
        target: Path,
        key: NewClusterKey,
        *,
        state: PastState | None = None,
        share: bool = False,
    ) -> int:
        began_s = time.monotonic()
        prepare_directory(target)
        progress = Progress("clone" if share else "restore", len(set(base.all_chunks)), unit="chunks")
        founded = found_cluster(
            target,
            chunks,
            base,
            state.pieces() if state is not None else None,
            _end(state) if state is not None else lambda: (base.lsn, base.time_us),
            share=share,
            progress=progress.add,
            root=key.root,
            anew=key.anew,
        )
        new = DataDir(target)
        if password:
            new.keep_password(password, key.root)
        if key.keyring is not None:
            keyrings_of(new).write(key.keyring)
        new.save(ClusterState(founded.cluster_id, name, root_key_id="" if key.root is None else key.root.id))
        progress.finish()
        _report(founded, target, time.monotonic() - began_s, wanted=share)
        return 0

    # -- inside -------------------------------------------------------------------------------------------------

    def _past(self, options: argparse.Namespace, *, offline: bool = False) -> tuple[DataDir, Past]:
        """`offline`: what is durable right now does not matter, nor is the cluster's key asked for."""
        config = self._load_config(options)
        directory = DataDir(config.data_dir)
        state = directory.load()
        key = None if offline else unlock_cluster(directory, state, key=config.encryption_key)
        vdl: int | None = None
        if not offline and directory.announced("supervisor") is not None:
            volume = self._ask(options, "status")["volume"]
            if volume is None:
                raise ControlError("the cluster has no writer now; try again")
            vdl = int(volume["vdl"])
        return directory, Past(directory.root, state.cluster_id, vdl, state.medium, key)


_TIME_HELP = (
    "2026-01-31T12:00:00.5 (UTC unless it has an offset), Unix seconds, or a time ago: -90s, -10m, -2h, -1d; every"
    " commit acknowledged until then is inside, every later one is not"
)


def join_times(arguments: list[str]) -> list[str]:
    """``--to -5m`` as ``--to=-5m``: argparse would take a time ago for an option."""
    joined: list[str] = []
    for argument in arguments:
        if joined and joined[-1] == "--to" and re.match(r"-\d", argument):
            joined[-1] = f"--to={argument}"
        else:
            joined.append(argument)
    return joined


def _password(directory: DataDir, root: RootKey | None) -> str:
    """The administrator's first password, empty where it was taken away."""
    return directory.password(root) if directory.password_path.exists() else ""


def _add_keys(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--key", help="encrypt anew, with this key: local:/path or kms:...")
    parser.add_argument("--source-key", help="where the snapshot's key is now, if not where its keyring says")


def _keys(
    options: argparse.Namespace, keyrings: Keyrings, snapshot: Checkpoint, target: Path
) -> tuple[NewClusterKey, ChunkCodec]:
    """What the new cluster is encrypted with, and how the snapshot's chunks are read."""
    source_key = options.source_key or ""
    source = unlock_root(keyrings, snapshot.root, key=source_key) if snapshot.root else None
    key = key_for_new_cluster(keyrings, source, target, key=options.key or "", source_key=source_key)
    return key, chunks_with(source)


def _add_target(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", nargs="?", type=Path, help="data directory of the new cluster")
    parser.add_argument("--target-dir", dest="target_dir", type=Path, help="the same as an option")


def _target(options: argparse.Namespace) -> Path:
    given = [path for path in (options.target, options.target_dir) if path is not None]
    if len(given) != 1:
        raise ConfigError("name one new directory for the new cluster")
    target: Path = given[0].absolute()
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ConfigError(f"{target} is not empty: give a new directory")
    return target


def _end(state: PastState) -> Callable[[], tuple[int, int]]:
    return lambda: (state.lsn, state.time_us)


def _counted(pieces: Any, progress: Progress) -> Any:
    for piece in pieces:
        yield piece
        progress.add()


def _document(snapshot: Checkpoint) -> dict[str, Any]:
    return {
        "name": snapshot.name,
        "lsn": snapshot.lsn,
        "time": format_instant(snapshot.time_us),
        "created": format_instant(snapshot.created_us),
        "cluster_id": snapshot.cluster_id,
        "file_bytes": snapshot.size_bytes,
        "redo_bytes": snapshot.redo_bytes,
    }


def _report(founded: Founded, target: Path, elapsed_s: float, *, wanted: bool) -> None:
    if wanted and not founded.shared:
        print("the chunks could not be shared (another file system?) and were copied")
    print(f"cluster {founded.cluster_id} in {target}: LSN {founded.lsn}, last commit {format_instant(founded.time_us)}")
    print(f"took {elapsed_s:.1f} s; start it with `aurora-mysql start --data-dir {target}`")
