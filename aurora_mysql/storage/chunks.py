"""A content-addressed store of compressed chunks, the same in each of three availability zones.

A chunk is named by the BLAKE2b digest of its plain bytes: successive checkpoints of a file share what did not change,
and a reader can tell a damaged chunk and take another zone's.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import secrets
from collections.abc import Callable, Iterable
from pathlib import Path

import zstandard

from aurora_mysql.errors import StorageError

log = logging.getLogger(__name__)

#: Plain bytes of a chunk at most.
CHUNK_BYTES = 1 << 20

#: Zones that must hold a chunk or a manifest before it counts (of a store with one zone, that one).
ZONE_QUORUM = 2

#: A link can't be made here (another file system, a file system without links, too many): copy instead.
_NO_LINK = (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.ENOSYS)


class ChunkStore:
    """Chunks below ``<zone>/chunks/ab/<digest>``. A put is durable on every zone that could take it, at least two.

    Chunks are only ever added whole and removed whole; whoever removes (:meth:`keep_only`) keeps others from putting
    at the same time.
    """

    def __init__(self, zones: list[Path]) -> None:
        self._zones = [zone / "chunks" for zone in zones]
        self._quorum = min(ZONE_QUORUM, len(zones))

    @staticmethod
    def digest(data: bytes) -> str:
        """A chunk's name."""
        return hashlib.blake2b(data, digest_size=20).hexdigest()

    def put(self, data: bytes) -> str:
        """Store `data`; returns its digest.

        Raises:
            StorageError: fewer than two zones could take it.
        """
        name = self.digest(data)
        self._store(name, lambda: zstandard.compress(data, 1))
        return name

    def _store(self, name: str, pack: Callable[[], bytes]) -> None:
        packed: bytes | None = None
        stored = 0
        for zone in self._zones:
            path = zone / name[:2] / name
            try:
                if not path.exists():
                    if packed is None:
                        packed = pack()
                    write_durably(path, packed)
                stored += 1
            except OSError as error:
                log.warning("chunk not stored in %s: %s", zone, error)
        if stored < self._quorum:
            raise StorageError(f"only {stored} zones could store a chunk")

    def copy_from(self, source: ChunkStore, name: str) -> None:
        """Store `source`'s chunk `name` here, as it is packed there but checked.

        Raises:
            StorageError: it is whole nowhere, or fewer than two zones could take it.
        """
        self._store(name, lambda: source.get_packed(name))

    def link_from(self, source: ChunkStore, name: str) -> bool:
        """Share `source`'s files of chunk `name`, zone by zone, unchecked: a chunk's file is never written again, only
        removed, and a file goes with its last name. False, and a copy, where the file system can't.

        Raises:
            StorageError: as :meth:`copy_from`.
        """
        linked = 0
        for own, other in zip(self._zones, source._zones, strict=True):
            path = own / name[:2] / name
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                os.link(other / name[:2] / name, path)
                linked += 1
            except FileExistsError:
                linked += 1
            except OSError as error:
                if error.errno not in (*_NO_LINK, errno.ENOENT):
                    raise StorageError(f"chunk {name} can't be linked: {error}") from error
        if linked == len(self._zones):
            return True
        self.copy_from(source, name)
        return False

    def sync(self) -> None:
        """Make links durable."""
        for zone in self._zones:
            for directory in [*zone.glob("??"), zone]:
                if directory.is_dir():
                    _sync_directory(directory)

    def get(self, name: str) -> bytes:
        """The chunk, from the first zone where it is whole; zones before it are repaired.

        Raises:
            StorageError: it is whole in no zone.
        """
        return self._get(name)[0]

    def get_packed(self, name: str) -> bytes:
        """As :meth:`get`, compressed as it is stored."""
        return self._get(name)[1]

    def _get(self, name: str) -> tuple[bytes, bytes]:
        bad: list[Path] = []
        for zone in self._zones:
            path = zone / name[:2] / name
            packed = _read_packed(path)
            data = None if packed is None else _unpack(packed, name)
            if packed is None or data is None:
                bad.append(path)
                continue
            for other in bad:
                _repair(other, packed)
            return data, packed
        raise StorageError(f"chunk {name} is whole in no zone")

    def scrub(self, names: Iterable[str]) -> list[str]:
        """Check every zone's copy of `names` and repair what is bad; returns those that are whole nowhere.

        Of these the bad copies are removed, so that the next put writes them anew.
        """
        lost: list[str] = []
        for name in dict.fromkeys(names):
            whole: bytes | None = None
            bad: list[Path] = []
            for zone in self._zones:
                path = zone / name[:2] / name
                packed = _read_packed(path)
                if packed is not None and _unpack(packed, name) is not None:
                    whole = packed
                else:
                    bad.append(path)
            for path in bad:
                if whole is not None:
                    _repair(path, whole)
                else:
                    path.unlink(missing_ok=True)
            if whole is None:
                log.error("chunk %s is whole in no zone", name)
                lost.append(name)
        return lost

    def keep_only(self, names: Iterable[str]) -> int:
        """Delete every chunk that is not in `names`, and what interrupted writes left; returns how many files went."""
        keep, gone = set(names), 0
        for zone in self._zones:
            for path in zone.glob("??/*"):
                if path.name not in keep:
                    path.unlink(missing_ok=True)
                    gone += 1
        return gone


def _read_packed(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _unpack(packed: bytes, name: str) -> bytes | None:
    """The plain bytes, or None when they are not those of `name`."""
    try:
        # A bound of its own: the size in a damaged frame's header must not decide how much is allocated.
        data: bytes = zstandard.ZstdDecompressor().stream_reader(packed).read(CHUNK_BYTES + 1)
    except zstandard.ZstdError:
        return None
    return data if ChunkStore.digest(data) == name else None


def _repair(path: Path, packed: bytes) -> None:
    try:
        write_durably(path, packed)
        log.warning("chunk repaired: %s", path)
    except OSError as error:
        log.warning("chunk not repaired at %s: %s", path, error)


def write_durably(path: Path, data: bytes) -> None:
    """Write a file (its directory is made) so that after a crash it is the old one, the new one, or not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    _sync_directory(path.parent)


def _sync_directory(path: Path) -> None:
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
