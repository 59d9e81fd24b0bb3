"""Rotation of the key-management key: what is stored stays, what opens it changes.

The order, for each keyring that the old key opens: unwrap with the old key; wrap with the new one, and prove that it
unwraps; store a keyring that either key opens; store one that only the new key opens. After a crash at any point each
zone has one of these, every one of them opens the data as long as both keys exist, and the command can be run again, or
run back with the old key.
"""

from __future__ import annotations

import logging

from aurora_mysql.encryption.keyring import Keyring, unlock
from aurora_mysql.encryption.providers import KeyProvider
from aurora_mysql.storage.keyrings import Keyrings

log = logging.getLogger(__name__)


def keyrings_of_key(keyrings: Keyrings, key: str) -> list[str]:
    """Root keys whose keyring the key named `key` opens, first or besides another."""
    return [
        root_id
        for root_id in keyrings.root_ids()
        if any(wrap.key == key for keyring in keyrings.read(root_id) for wrap in keyring.wraps)
    ]


def rotate(
    keyrings: Keyrings, root_id: str, provider: KeyProvider, *, keep_old: bool = False, also: str = ""
) -> Keyring:
    """Let `provider`'s key take over the keyring of `root_id`; with `keep_old` the keys of before go on opening it.
    `also` is where a key of before is now, if not where the keyring says.

    Raises:
        KeyUnavailableError: neither an old key nor `provider`'s can be used. Nothing has changed then.
        StorageError: too few zones could be written. The old key still opens what is there; run it again.
    """
    found = keyrings.read(root_id)
    root = unlock(found, also=also)
    # Above every generation that any zone has, so that what an interrupted rotation left in one zone loses.
    both = keyrings.newest(root_id).with_key(root, provider)
    keyrings.write(both)
    log.info("root key %s: %s and its keys of before open it", root_id, provider.name)
    if keep_old:
        return both
    only = both.only_first()
    keyrings.write(only)
    log.info("root key %s: only %s opens it", root_id, provider.name)
    return only
