"""What the storage room needs of a file system, as an interface: the local one here, a simulated one in the tests.

Only what the room's promises rest on is in it, so that an implementation can say exactly what survives a power loss:
bytes after `sync`, names after `sync_directory`.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Protocol

OpenMode = Literal["read", "write", "create", "replace"]
#: What a full disk says.
NO_SPACE = (errno.ENOSPC, errno.EDQUOT)

_FLAGS: dict[OpenMode, int] = {
    "read": os.O_RDONLY,
    "write": os.O_RDWR,
    "create": os.O_RDWR | os.O_CREAT,
    "replace": os.O_RDWR | os.O_CREAT | os.O_TRUNC,
}


class Watch(Protocol):
    """The bytes a file has now, for the price of one call. It stays with the file, not with the file's name."""

    def read(self) -> bytes: ...
    def close(self) -> None: ...


class File(Protocol):
    """An open file. Every method raises OSError when the disk fails."""

    def read_at(self, size: int, at: int) -> bytes: ...
    def write_at(self, data: bytes | memoryview, at: int) -> int:
        """Write at offset `at`; returns how many bytes were taken."""
        ...

    def write_synced(self, pieces: Sequence[bytes], at: int) -> int:
        """write_at of the pieces and sync in one call; returns how many bytes were taken."""
        ...

    def sync(self) -> None:
        """What was written is durable."""
        ...

    def drop_cache(self) -> None:
        """The next reads come from the medium (a hint): memory may hold what a failed sync never wrote."""
        ...

    def allocate(self, size: int) -> None:
        """Reserve `size` bytes, zeros where nothing was written."""
        ...

    def lock(self, timeout_s: float) -> bool:
        """Keep other openers' `lock` waiting until this file is closed; False when that took too long."""
        ...

    def size(self) -> int: ...
    def identity(self) -> int: ...
    def close(self) -> None: ...


class Disk(Protocol):
    """Files by path. Every method raises OSError: FileNotFoundError and NotADirectoryError as the system does."""

    def open(self, path: Path, mode: OpenMode) -> File: ...
    def watch(self, path: Path, size: int) -> Watch: ...
    def names(self, directory: Path) -> list[str]: ...
    def exists(self, path: Path) -> bool: ...
    def size(self, path: Path) -> int: ...
    def identity(self, path: Path) -> int:
        """A number that another file at the same path doesn't have."""
        ...

    def make_directory(self, path: Path) -> None: ...
    def rename(self, old: Path, new: Path) -> None: ...
    def remove(self, path: Path) -> None:
        """Remove a file; nothing happens when it isn't there."""
        ...

    def sync_directory(self, path: Path) -> None:
        """The names in `path` are durable."""
        ...

    def entropy(self, size: int) -> bytes:
        """Random bytes, for names and nonces."""
        ...


class LocalFile:
    __slots__ = ("_fd",)

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def read_at(self, size: int, at: int) -> bytes:
        return os.pread(self._fd, size, at)

    def write_at(self, data: bytes | memoryview, at: int) -> int:
        return os.pwrite(self._fd, data, at)

    def write_synced(self, pieces: Sequence[bytes], at: int) -> int:
        try:
            return os.pwritev(self._fd, pieces, at, os.RWF_DSYNC)
        except OSError as error:
            if error.errno != errno.EOPNOTSUPP:
                raise
            return 0  # this file system needs two calls

    def sync(self) -> None:
        os.fdatasync(self._fd)

    def drop_cache(self) -> None:
        os.posix_fadvise(self._fd, 0, 0, os.POSIX_FADV_DONTNEED)

    def allocate(self, size: int) -> None:
        os.posix_fallocate(self._fd, 0, size)

    def lock(self, timeout_s: float) -> bool:
        deadline_s = time.monotonic() + timeout_s
        while True:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
            if time.monotonic() > deadline_s:
                return False
            time.sleep(0.002)

    def size(self) -> int:
        return os.fstat(self._fd).st_size

    def identity(self) -> int:
        return os.fstat(self._fd).st_ino

    def close(self) -> None:
        os.close(self._fd)


class _LocalWatch:
    """Not a memory map: the end of a file that somebody truncates would be SIGBUS to the process."""

    def __init__(self, fd: int, size: int) -> None:
        self._fd, self._size = fd, size

    def read(self) -> bytes:
        return os.pread(self._fd, self._size, 0)

    def close(self) -> None:
        os.close(self._fd)


class LocalDisk:
    """The file system of this machine."""

    def open(self, path: Path, mode: OpenMode) -> File:
        return LocalFile(os.open(path, _FLAGS[mode] | os.O_CLOEXEC, 0o600))

    def watch(self, path: Path, size: int) -> Watch:
        return _LocalWatch(os.open(path, os.O_RDONLY | os.O_CLOEXEC), size)

    def names(self, directory: Path) -> list[str]:
        return os.listdir(directory)

    def exists(self, path: Path) -> bool:
        return path.exists()

    def size(self, path: Path) -> int:
        return path.stat().st_size

    def identity(self, path: Path) -> int:
        return path.stat().st_ino

    def make_directory(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True)

    def rename(self, old: Path, new: Path) -> None:
        old.rename(new)

    def remove(self, path: Path) -> None:
        path.unlink(missing_ok=True)

    def sync_directory(self, path: Path) -> None:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def entropy(self, size: int) -> bytes:
        return secrets.token_bytes(size)


LOCAL_DISK = LocalDisk()


def read_file(disk: Disk, path: Path) -> bytes:
    """A small file as a whole."""
    file = disk.open(path, "read")
    try:
        return file.read_at(max(1, file.size()), 0)
    finally:
        file.close()


def write_all(file: File, data: bytes, at: int) -> None:
    """write_at until everything is taken."""
    view = memoryview(data)
    while view:
        done = file.write_at(view, at)
        view, at = view[done:], at + done


def write_atomically(disk: Disk, path: Path, data: bytes) -> None:
    """Replace `path` by `data`, durably: after a crash it is the old file or the new one."""
    temporary = path.with_name(f"{path.name}.{disk.entropy(4).hex()}.tmp")
    try:
        file = disk.open(temporary, "replace")
        try:
            write_all(file, data, 0)
            file.sync()
        finally:
            file.close()
        disk.rename(temporary, path)
    except OSError:
        with contextlib.suppress(OSError):
            disk.remove(temporary)
        raise
    disk.sync_directory(path.parent)
