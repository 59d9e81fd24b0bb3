"""The key of a cluster: chosen when the cluster is made, unlocked by whoever starts it or works on its data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from aurora_mysql.cluster.data_dir import ClusterState, DataDir
from aurora_mysql.encryption.keyring import Keyring, unlock
from aurora_mysql.encryption.local_key import LocalKey
from aurora_mysql.encryption.providers import KeyProvider, open_provider
from aurora_mysql.encryption.root_key import RootKey
from aurora_mysql.errors import ConfigError
from aurora_mysql.storage.keyrings import Keyrings


def keyrings_of(directory: DataDir) -> Keyrings:
    return Keyrings.of_volume(directory.root / "volume")


def provider_apart_from(data_dir: Path, key: str) -> KeyProvider:
    """The provider of `key`, for the cluster in `data_dir`.

    Raises:
        ConfigError: `key` names none, or a file inside the data directory, with which it would be stolen.
    """
    provider = open_provider(key)
    if isinstance(provider, LocalKey) and provider.path.resolve().is_relative_to(data_dir.resolve()):
        raise ConfigError(f"{provider.path} is inside the data directory: who takes the data would take the key, too")
    return provider


def make_key(data_dir: Path, key: str) -> tuple[RootKey, Keyring]:
    """A new root key and its keyring, wrapped by the key-management key `key`. Nothing is written.

    Raises:
        ConfigError: no key is named, or one that must not be used. KeyUnavailableError: it can't be used.
    """
    if not key:
        raise ConfigError(
            "encryption needs a key: --key local:/path/to/file.key (`aurora-mysql key create` makes one), or"
            " --key kms:..."
        )
    root = RootKey.generate()
    return root, Keyring.create(root, provider_apart_from(data_dir, key))


def unlock_cluster(directory: DataDir, state: ClusterState, *, key: str = "") -> RootKey | None:
    """The root key of an encrypted cluster, None for any other. `key` is tried besides those that the keyring names:
    the file may have been moved.

    Raises:
        KeyUnavailableError: no key opens it.
    """
    if not state.root_key_id:
        return None
    return unlock_root(keyrings_of(directory), state.root_key_id, key=key)


def unlock_root(keyrings: Keyrings, root_id: str, *, key: str = "") -> RootKey:
    """Raises KeyUnavailableError when no key opens it, StorageError when there is no keyring."""
    keyrings.newest(root_id)
    return unlock(keyrings.read(root_id), also=key)


@dataclass(frozen=True, slots=True)
class NewClusterKey:
    """What a cluster that is made from the state of another is encrypted with: `anew` with a root key of its own, else
    with that of the state. `root` None: not at all."""

    root: RootKey | None = None
    keyring: Keyring | None = None
    anew: bool = False


def key_for_new_cluster(
    keyrings: Keyrings, source: RootKey | None, target: Path, *, key: str = "", source_key: str = ""
) -> NewClusterKey:
    """For a new cluster in `target`, from a state that is encrypted with `source`. With `key` it gets a root key of its
    own, wrapped by that. `source_key` is where the state's key is now; the new cluster will look for it there.

    Raises:
        ConfigError: the state is not encrypted, so the new cluster can't be. KeyUnavailableError: a key can't be used.
    """
    if source is None:
        if key:
            raise ConfigError(
                "what is not encrypted stays so when it is restored: make an encrypted copy first"
                " (`aurora-mysql snapshot copy NAME NEW --encrypted --key ...`) and restore that"
            )
        return NewClusterKey()
    if key:
        return NewClusterKey(*make_key(target, key), anew=True)
    if source_key:
        return NewClusterKey(source, Keyring.create(source, provider_apart_from(target, source_key)))
    return NewClusterKey(source, keyrings.newest(source.id))
