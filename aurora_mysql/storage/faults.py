"""Disk faults on demand: a Disk that fails or dawdles for a while, for administrators who rehearse and for tests."""

from __future__ import annotations

import errno
import os
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aurora_mysql.storage.disk import Disk, File, OpenMode, Watch
from aurora_mysql.storage.write_ring import Done


@dataclass(frozen=True, slots=True)
class DiskFault:
    """Until `until_s` (monotonic), `percent` of the calls below `directories` fail with `error`, or are held up for
    `delay_ms` (from, to) when that is given."""

    directories: tuple[str, ...]
    percent: float
    until_s: float
    error: int = errno.EIO
    delay_ms: tuple[float, float] | None = None


class FaultBoard:
    """The faults of one process; empty, it costs next to nothing. Any thread may use it."""

    def __init__(self) -> None:
        self._faults: tuple[DiskFault, ...] = ()

    def add(
        self,
        directories: Sequence[Path],
        percent: float,
        seconds: float,
        *,
        error: int = errno.EIO,
        delay_ms: tuple[float, float] | None = None,
    ) -> None:
        """From now on, for `seconds`."""
        places = tuple(f"{directory}/" for directory in directories)
        fault = DiskFault(places, percent, time.monotonic() + seconds, error, delay_ms)
        self._faults = (*self.active(), fault)

    def active(self) -> tuple[DiskFault, ...]:
        now_s = time.monotonic()
        return tuple(fault for fault in self._faults if fault.until_s > now_s)

    def clear(self) -> None:
        self._faults = ()

    def concerns(self, path: str) -> bool:
        """Whether a call on `path` may be struck now."""
        return bool(self._faults) and any(path.startswith(fault.directories) for fault in self.active())

    def strike(self, path: str, *, takes_space: bool = False) -> None:
        """What happens to a call on `path` now; a full disk fails only those that take space.

        Raises:
            OSError: it fails.
        """
        if not self._faults:
            return
        for fault in self._faults:
            if fault.until_s <= time.monotonic():
                self._faults = self.active()
            elif fault.error == errno.ENOSPC and not takes_space:
                continue
            elif path.startswith(fault.directories) and random.random() * 100 < fault.percent:
                if fault.delay_ms is None:
                    raise OSError(fault.error, f"{os.strerror(fault.error)} (simulated)", path)
                time.sleep(random.uniform(*fault.delay_ms) / 1000)


class FaultyFile:
    __slots__ = ("_board", "_file", "_path")

    def __init__(self, file: File, path: str, board: FaultBoard) -> None:
        self._file, self._path, self._board = file, path, board

    def read_at(self, size: int, at: int) -> bytes:
        self._board.strike(self._path)
        return self._file.read_at(size, at)

    def write_at(self, data: bytes | memoryview, at: int) -> int:
        self._board.strike(self._path, takes_space=True)
        return self._file.write_at(data, at)

    def write_synced(self, pieces: Sequence[bytes], at: int) -> int:
        self._board.strike(self._path, takes_space=True)
        return self._file.write_synced(pieces, at)

    def begin_synced(self, pieces: Sequence[bytes], at: int, done: Done) -> bool:
        return not self._board.concerns(self._path) and self._file.begin_synced(pieces, at, done)

    def sync(self) -> None:
        self._board.strike(self._path)
        self._file.sync()

    def drop_cache(self) -> None:
        self._file.drop_cache()

    def allocate(self, size: int) -> None:
        self._board.strike(self._path, takes_space=True)
        self._file.allocate(size)

    def lock(self, timeout_s: float) -> bool:
        return self._file.lock(timeout_s)

    def size(self) -> int:
        return self._file.size()

    def identity(self) -> int:
        return self._file.identity()

    def close(self) -> None:
        self._file.close()


class FaultyDisk:
    """`disk` with the faults of `board`."""

    def __init__(self, disk: Disk, board: FaultBoard) -> None:
        self._disk, self._board = disk, board

    def open(self, path: Path, mode: OpenMode) -> File:
        self._board.strike(str(path), takes_space=mode in ("create", "replace"))
        return FaultyFile(self._disk.open(path, mode), str(path), self._board)

    def watch(self, path: Path, size: int) -> Watch:
        self._board.strike(str(path))
        return self._disk.watch(path, size)

    def names(self, directory: Path) -> list[str]:
        self._board.strike(f"{directory}/")
        return self._disk.names(directory)

    def exists(self, path: Path) -> bool:
        return self._disk.exists(path)

    def size(self, path: Path) -> int:
        self._board.strike(str(path))
        return self._disk.size(path)

    def identity(self, path: Path) -> int:
        self._board.strike(str(path))
        return self._disk.identity(path)

    def make_directory(self, path: Path) -> None:
        self._board.strike(f"{path}/", takes_space=True)
        self._disk.make_directory(path)

    def rename(self, old: Path, new: Path) -> None:
        self._board.strike(str(new))
        self._disk.rename(old, new)

    def remove(self, path: Path) -> None:
        self._board.strike(str(path))
        self._disk.remove(path)

    def sync_directory(self, path: Path) -> None:
        self._board.strike(f"{path}/")
        self._disk.sync_directory(path)

    def entropy(self, size: int) -> bytes:
        return self._disk.entropy(size)
