"""Keyrings on disk: ``keyrings/<root key id>.json`` in every zone, two of which must take what is written.

They are always beside the redo, also when chunks are in an object store: who has that store alone has no key to ask
for.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from aurora_mysql.encryption.keyring import Keyring
from aurora_mysql.errors import CorruptRecordError, StorageError
from aurora_mysql.storage.chunks import ZONE_QUORUM
from aurora_mysql.storage.medium import ZONES
from aurora_mysql.storage.places import write_durably

log = logging.getLogger(__name__)


class Keyrings:
    """The keyrings of one volume, or of one exported snapshot. Blocking."""

    @classmethod
    def of_volume(cls, volume_dir: Path) -> Keyrings:
        return cls([volume_dir / zone for zone in ZONES])

    def __init__(self, zones: Sequence[Path]) -> None:
        self._directories = [zone / "keyrings" for zone in zones]
        self._quorum = min(ZONE_QUORUM, len(zones))

    def read(self, root_id: str) -> list[Keyring]:
        """What the zones have of this root key, as far as it can be read, the highest generation first. While a
        rotation is under way, or after one was cut short, zones may differ: any that opens is right."""
        found: list[Keyring] = []
        for directory in self._directories:
            path = directory / f"{root_id}.json"
            try:
                keyring = Keyring.decode(path.read_bytes(), str(path))
            except (OSError, CorruptRecordError) as error:
                log.warning("keyring %s can't be used: %s", path, error)
                continue
            if keyring.root_id == root_id and keyring not in found:
                found.append(keyring)
        return sorted(found, key=lambda keyring: keyring.generation, reverse=True)

    def newest(self, root_id: str) -> Keyring:
        """Raises StorageError when no zone has one that can be read."""
        for keyring in self.read(root_id):
            return keyring
        raise StorageError(f"the keyring of root key {root_id} is in no zone: nothing encrypted with it can be opened")

    def write(self, keyring: Keyring) -> None:
        """
        Raises:
            StorageError: fewer than two zones could take it. What the others have may be the old one or the new one.
        """
        data, stored = keyring.encode(), 0
        for directory in self._directories:
            path = directory / f"{keyring.root_id}.json"
            try:
                if not path.exists() or path.read_bytes() != data:
                    write_durably(path, data)
                stored += 1
            except OSError as error:
                log.warning("keyring not stored in %s: %s", directory, error)
        if stored < self._quorum:
            raise StorageError(f"only {stored} zones could store the keyring")

    def remove(self, root_id: str) -> None:
        """Nothing is encrypted with this root key any more."""
        for directory in self._directories:
            (directory / f"{root_id}.json").unlink(missing_ok=True)

    def root_ids(self) -> list[str]:
        return sorted({path.stem for directory in self._directories for path in directory.glob("*.json")})
