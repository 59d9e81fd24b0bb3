"""Places that keep whole objects by name: a directory on a local disk. Chunks and manifests live in places.

An object is written whole or not at all, and never changed except by being replaced; that is all the chunk store rests
on, so that an object store can stand for a disk (storage/object_place.py).
"""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

#: A link can't be made here (another file system, a file system without links, too many): copy instead.
_NO_LINK = (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.ENOSYS)


class Place(Protocol):
    """Objects by name (``chunks/ab/abcd...``). Every method raises OSError when the medium fails."""

    @property
    def requests(self) -> int:
        """How many requests at a time pay: 1 where the medium is near, more where each one waits for a network."""
        ...

    def read(self, name: str) -> bytes | None:
        """The object; None when there is none."""
        ...

    def has(self, name: str) -> bool: ...

    def write(self, name: str, data: bytes) -> None:
        """Store it durably, instead of what was there; after a failure it is the old one, the new one, or none."""
        ...

    def remove(self, name: str) -> None:
        """Afterwards there is none (nor was there one before, maybe)."""
        ...

    def names(self, prefix: str) -> Iterator[str]:
        """All names below ``prefix/``, also of what an interrupted write may have left."""
        ...

    def share(self, other: Place, name: str) -> bool:
        """Have `other`'s object here without moving its bytes; False where that can't be done or there is none."""
        ...

    def settle(self, prefix: str) -> None:
        """What was shared below ``prefix/`` is durable."""
        ...


class LocalPlace:
    """A directory. Sharing is a hard link: a file is never written again, and goes with its last name."""

    requests = 1

    def __init__(self, root: Path) -> None:
        self._root = root

    def __str__(self) -> str:
        return str(self._root)

    def read(self, name: str) -> bytes | None:
        try:
            return (self._root / name).read_bytes()
        except FileNotFoundError:
            return None

    def has(self, name: str) -> bool:
        return (self._root / name).exists()

    def write(self, name: str, data: bytes) -> None:
        write_durably(self._root / name, data)

    def remove(self, name: str) -> None:
        (self._root / name).unlink(missing_ok=True)

    def names(self, prefix: str) -> Iterator[str]:
        for directory, _, files in os.walk(self._root / prefix):
            below = Path(directory).relative_to(self._root)
            yield from (f"{below}/{file}" for file in files)

    def share(self, other: Place, name: str) -> bool:
        if not isinstance(other, LocalPlace):
            return False
        path = self._root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(other._root / name, path)
        except FileExistsError:
            return True
        except OSError as error:
            if error.errno not in (*_NO_LINK, errno.ENOENT):
                raise
            return False
        return True

    def settle(self, prefix: str) -> None:
        for directory, _, _ in os.walk(self._root / prefix):
            sync_directory(Path(directory))


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
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Names in the directory are durable."""
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
