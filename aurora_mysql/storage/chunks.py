"""A content-addressed store of compressed chunks, the same in each of three availability zones.

A chunk is named by the BLAKE2b digest of its plain bytes: successive checkpoints of a file share what did not change,
and a reader can tell a damaged chunk and take another zone's.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterable
from pathlib import Path

import zstandard

from aurora_mysql.errors import StorageError

log = logging.getLogger(__name__)

CHUNK_BYTES = 1 << 20


class ChunkStore:
    """Chunks below ``<zone>/chunks/ab/<digest>``. A put is durable on every zone that could take it, at least two."""

    def __init__(self, zones: list[Path]) -> None:
        self._zones = [zone / "chunks" for zone in zones]

    @staticmethod
    def digest(data: bytes) -> str:
        return hashlib.blake2b(data, digest_size=20).hexdigest()

    def put(self, data: bytes) -> str:
        """Store `data`; returns its digest. Raises StorageError when fewer than two zones could take it."""
        name = self.digest(data)
        packed: bytes | None = None
        stored = 0
        for zone in self._zones:
            path = zone / name[:2] / name
            try:
                if not path.exists():
                    if packed is None:
                        packed = zstandard.compress(data, 1)
                    path.parent.mkdir(parents=True, exist_ok=True)
                    write_durably(path, packed)
                stored += 1
            except OSError as error:
                log.warning("chunk not stored in %s: %s", zone, error)
        if stored < 2:
            raise StorageError(f"only {stored} zones could store a chunk")
        return name

    def get(self, name: str) -> bytes:
        """The chunk, from the first zone where it is whole; others are repaired. Raises StorageError."""
        bad: list[Path] = []
        for zone in self._zones:
            path = zone / name[:2] / name
            try:
                packed = path.read_bytes()
                data = zstandard.decompress(packed, max_output_size=CHUNK_BYTES)
                if self.digest(data) != name:
                    raise ValueError("wrong digest")
            except (OSError, zstandard.ZstdError, ValueError):
                bad.append(path)
                continue
            for other in bad:
                try:
                    other.parent.mkdir(parents=True, exist_ok=True)
                    write_durably(other, packed)
                except OSError as error:
                    log.warning("chunk not repaired at %s: %s", other, error)
            return data
        raise StorageError(f"chunk {name} is in no zone")

    def keep_only(self, names: Iterable[str]) -> int:
        """Delete every chunk that is not in `names`; returns how many files went."""
        keep, gone = set(names), 0
        for zone in self._zones:
            for path in zone.glob("??/*"):
                if path.name not in keep:
                    path.unlink(missing_ok=True)
                    gone += 1
        return gone


def write_durably(path: Path, data: bytes) -> None:
    """Write a new file so that it is whole or not there."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
