"""`aurora-mysql key`: make a key file, show and rotate the keys of a cluster, and show the password they seal."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aurora_mysql.cluster.actions import add_action
from aurora_mysql.cluster.cluster_key import keyrings_of, provider_apart_from, unlock_cluster
from aurora_mysql.cluster.config import ClusterConfig
from aurora_mysql.cluster.data_dir import ClusterState, DataDir
from aurora_mysql.cluster.key_rotation import keyrings_of_key, rotate
from aurora_mysql.encryption.keyring import unlock
from aurora_mysql.encryption.local_key import create_key_file
from aurora_mysql.errors import AuroraError, ConfigError

LoadConfig = Callable[[argparse.Namespace], ClusterConfig]
AddCommand = Callable[..., argparse.ArgumentParser]


class KeyCommands:
    def __init__(self, load_config: LoadConfig) -> None:
        self._load_config = load_config

    def add_to(self, command: AddCommand) -> None:
        """Declare the commands with `command(name, run, description)`."""
        key = command("key", None, "Make, show and rotate the keys of encrypted clusters.")
        actions = key.add_subparsers(required=True, metavar="ACTION")

        def action(name: str, run: Any, text: str) -> argparse.ArgumentParser:
            return add_action(actions, name, text, run)

        create = action("create", self.create, "Generate a key file for its owner alone. Keep a copy elsewhere.")
        create.add_argument("path", type=Path, help="a new file, outside of every data directory")
        show = action("show", self.show, "Show which keys open the cluster and its snapshots, and whether they work.")
        show.add_argument("--json", action="store_true", help="as one JSON document")
        rotation = action(
            "rotate",
            self.rotate,
            "Wrap the cluster's root key, and those of snapshots under the same key, with another key. No data is"
            " written anew, and a running cluster goes on.",
        )
        rotation.add_argument("--key", help="the new key: local:/path or kms:... (default: the same KMS key, anew)")
        rotation.add_argument("--keep-old", action="store_true", help="the old key goes on opening the cluster, too")
        action("admin-password", self.password, "Show the administrator's first password.")

    def create(self, options: argparse.Namespace) -> int:
        path = options.path.expanduser().absolute()
        key_id = create_key_file(path)
        print(f"key {key_id}: local:{path}")
        print("without this file nothing that is encrypted with it can ever be read: keep a copy of it in a safe place")
        return 0

    def show(self, options: argparse.Namespace) -> int:
        config, directory, state = self._cluster(options)
        keyrings = keyrings_of(directory)
        documents: list[dict[str, Any]] = []
        for root_id in keyrings.root_ids():
            found = keyrings.read(root_id)
            if not found:
                continue
            reason = ""
            try:
                unlock(found, also=config.encryption_key)
            except AuroraError as error:
                reason = str(error)
            documents.append(
                {
                    "root_key": root_id,
                    "of": "cluster" if root_id == state.root_key_id else "snapshots",
                    "keys": [wrap.key for wrap in found[0].wraps],
                    "usable": not reason,
                    "reason": reason,
                }
            )
        if options.json:
            print(json.dumps(documents, indent=2))
        for item in () if options.json else documents:
            usable = "usable" if item["usable"] else f"not usable: {item['reason']}"
            print(f"{item['of']:<10} root key {item['root_key']}  {', '.join(item['keys'])}  {usable}")
        if not documents and not options.json:
            print("nothing here is encrypted")
        return 0

    def rotate(self, options: argparse.Namespace) -> int:
        config, directory, state = self._cluster(options)
        if not state.root_key_id:
            raise ConfigError(f"{directory.root} is not encrypted")
        keyrings = keyrings_of(directory)
        old = keyrings.newest(state.root_key_id).key
        if options.key is None and old.startswith("local:"):
            raise ConfigError("name the new key with --key (`aurora-mysql key create` makes one)")
        provider = provider_apart_from(directory.root, options.key or old)
        roots = {state.root_key_id, *keyrings_of_key(keyrings, old)}
        for root_id in sorted(roots):
            rotate(keyrings, root_id, provider, keep_old=options.keep_old, also=config.encryption_key)
        also = f"; {old} still does" if options.keep_old and old != provider.name else ""
        print(f"{provider.name} opens this cluster now{also} ({len(roots)} root keys, no data was written)")
        return 0

    def password(self, options: argparse.Namespace) -> int:
        config, directory, state = self._cluster(options)
        print(directory.password(unlock_cluster(directory, state, key=config.encryption_key)))
        return 0

    def _cluster(self, options: argparse.Namespace) -> tuple[ClusterConfig, DataDir, ClusterState]:
        config = self._load_config(options)
        directory = DataDir(config.data_dir)
        return config, directory, directory.load()
