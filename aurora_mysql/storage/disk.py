"""What the storage room needs of a file system, as an interface: the local one here, a simulated one in the tests.

Only what the room's promises rest on is in it, so that an implementation can say exactly what survives a power loss:
bytes after `sync`, names after `sync_directory`.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import mmap
import os
import secrets
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Protocol

from aurora_mysql.storage.write_ring import Done, Handle, WriteRing

OpenMode = Literal["read", "write", "create", "replace"]
#: What a full disk says.
NO_SPACE = (errno.ENOSPC, errno.EDQUOT)

_FLAGS: dict[OpenMode, int] = {
    "read": os.O_RDONLY,
    "write": os.O_RDWR,
    "create": os.O_RDWR | os.O_CREAT,
    "replace": os.O_RDWR | os.O_CREAT | os.O_TRUNC,
}

#: What a direct write is a multiple of: as much as any medium asks for.
_BLOCK_BYTES = 4096
#: Larger writes go through the page cache.
_DIRECT_BYTES = 256 << 10


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

    def begin_synced(self, pieces: Sequence[bytes], at: int, done: Done) -> bool:
        """write_synced without waiting: `done` learns, later and on some thread, whether every byte is durable.

        For the end of a file that is appended to, one at a time. False, and nothing happens, where it can't be done;
        then, and when `done` is told False, write_synced at the same place tells why, or does it.
        """
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
    __slots__ = ("_direct", "_fd", "_ring")

    def __init__(self, fd: int, ring: WriteRing | None = None) -> None:
        self._fd, self._ring = fd, ring
        self._direct: _DirectEnd | None = None

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

    def begin_synced(self, pieces: Sequence[bytes], at: int, done: Done) -> bool:
        if self._ring is None:
            return False
        if self._direct is None:
            try:
                self._direct = _DirectEnd(self._fd, self._ring)
            except OSError:
                self._ring = None  # not with this file system
                return False
        return self._direct.begin(pieces, at, done)

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
        if self._direct is not None:
            self._direct.close()


class _DirectEnd:
    """The end of a file, written past the page cache, which takes whole blocks: the last one is written again and again
    until it is full. What it held before goes over itself unchanged, so a write that is torn between two sectors harms
    nothing that was durable. The rest of the last block becomes zeros."""

    __slots__ = ("_address", "_buffer", "_end", "_handle", "_plain_fd", "_ring", "_under_way")

    def __init__(self, fd: int, ring: WriteRing) -> None:
        """Raises OSError where the file system writes only through its cache."""
        self._plain_fd, self._ring = fd, ring
        self._handle: Handle | None = Handle(os.open(f"/proc/self/fd/{fd}", os.O_WRONLY | os.O_DIRECT | os.O_CLOEXEC))
        self._buffer = mmap.mmap(-1, _DIRECT_BYTES)
        self._address = ctypes.addressof(ctypes.c_char.from_buffer(self._buffer))
        self._end = -1  # the buffer begins with what the file has from the block's begin to here
        self._under_way = False

    def begin(self, pieces: Sequence[bytes], at: int, done: Done) -> bool:
        handle, buffer = self._handle, self._buffer
        used = at % _BLOCK_BYTES
        data = b"".join(pieces)
        end = used + len(data)
        size = -(-end // _BLOCK_BYTES) * _BLOCK_BYTES
        if handle is None or self._under_way or size > _DIRECT_BYTES:
            return False
        if used and self._end != at:
            try:
                buffer[:used] = os.pread(self._plain_fd, used, at - used)
            except (OSError, IndexError):  # it fails, or gives fewer bytes
                return False
        buffer[used:size] = data + bytes(size - end)

        def written(durable: bool) -> None:
            self._under_way = False
            if durable:
                rest = end % _BLOCK_BYTES
                if rest and size > _BLOCK_BYTES:
                    buffer[:rest] = buffer[end - rest : end]
                self._end = at - used + end
            else:
                self.close()
            done(durable)

        self._under_way = True
        if not self._ring.begin(handle, buffer, self._address, size, at - used, written):
            self._under_way = False
            return False
        return True

    def close(self) -> None:
        """No more; what is under way goes on."""
        self._handle = None


class _LocalWatch:
    """Not a memory map: the end of a file that somebody truncates would be SIGBUS to the process."""

    def __init__(self, fd: int, size: int) -> None:
        self._fd, self._size = fd, size

    def read(self) -> bytes:
        return os.pread(self._fd, self._size, 0)

    def close(self) -> None:
        os.close(self._fd)


class LocalDisk:
    """The file system of this machine. With `ring`, files can be written without waiting."""

    def __init__(self, ring: WriteRing | None = None) -> None:
        self._ring = ring

    def open(self, path: Path, mode: OpenMode) -> File:
        return LocalFile(os.open(path, _FLAGS[mode] | os.O_CLOEXEC, 0o600), self._ring)

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
