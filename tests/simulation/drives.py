"""Simulated disks, one per copy: a page cache over a medium, names over a journal, and everything that disks do wrong.

What survives a power loss is what the interface in storage/disk.py promises and not more: bytes after `sync`, names
after `sync_directory`; of the rest any part, bytes in sectors, names in their order.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence
from pathlib import Path

from aurora_mysql.storage.disk import OpenMode
from aurora_mysql.storage.layout import CopyLayout
from aurora_mysql.storage.write_ring import Done
from tests.simulation.kernel import Kernel, Process

SECTOR_BYTES = 512


class Inode:
    """A file: `cache` is what is read, `medium` what a power loss leaves, `dirty` the stretches (offset, bytes) of the
    cache that it lacks."""

    __slots__ = ("cache", "dirty", "lock", "medium", "number")

    def __init__(self, number: int) -> None:
        self.number = number
        self.cache, self.medium = bytearray(), bytearray()
        self.dirty: list[tuple[int, int]] = []
        self.lock: SimFile | None = None

    def write(self, data: bytes, at: int) -> None:
        _put(self.cache, data, at)
        self.dirty.append((at, len(data)))

    def sync(self) -> None:
        for at, size in self.dirty:
            _put(self.medium, self.cache[at : at + size], at)
        self.dirty.clear()

    def lose_power(self, kernel: Kernel) -> None:
        """Each sector that was written but not synced is there or isn't."""
        for at, size in self.dirty:
            end = at + size
            while at < end:
                part = min(SECTOR_BYTES - at % SECTOR_BYTES, end - at)
                if kernel.random.random() < 0.5:
                    _put(self.medium, self.cache[at : at + part], at)
                at += part
        self.dirty.clear()
        self.cache = bytearray(self.medium)
        self.lock = None


def _put(target: bytearray, data: bytes | bytearray, at: int) -> None:
    if at > len(target):
        target.extend(bytes(at - len(target)))
    target[at : at + len(data)] = data


class Directory:
    def __init__(self) -> None:
        self.names: dict[str, Inode] = {}
        self.medium: dict[str, Inode] = {}
        self.journal: list[tuple[str, Inode | None, str]] = []  # name, its file (None: removed), renamed from

    def set(self, name: str, inode: Inode | None, source: str = "") -> None:
        _apply(self.names, name, inode, source)
        self.journal.append((name, inode, source))

    def sync(self) -> None:
        self.medium = dict(self.names)
        self.journal.clear()

    def lasting(self) -> list[tuple[str, Inode]]:
        """The files whose names a loss of power leaves, in the order of their names."""
        return [(name, inode) for name, inode in sorted(self.names.items()) if self.medium.get(name) is inode]

    def lose_power(self, kernel: Kernel) -> None:
        for name, inode, source in self.journal[: kernel.random.randint(0, len(self.journal))]:
            _apply(self.medium, name, inode, source)
        self.journal.clear()
        self.names = dict(self.medium)
        for inode in self.names.values():
            inode.lose_power(kernel)


def _apply(names: dict[str, Inode], name: str, inode: Inode | None, source: str) -> None:
    names.pop(source, None)
    if inode is None:
        names.pop(name, None)
    else:
        names[name] = inode


class Drive:
    """One copy's disk, with its state of health."""

    def __init__(self, layout: CopyLayout) -> None:
        self.id, self.layout = layout.id, layout
        self.directory: Directory | None = None
        self.directory_durable = False
        self.generation = 0
        self.latency_factor = 1.0
        self.offline = False
        self.full = False
        self.error_rate = 0.0
        self.cut_off: list[Process] = []  # processes that can't reach it

    def heal(self) -> None:
        self.offline = self.full = False
        self.error_rate, self.latency_factor = 0.0, 1.0
        self.cut_off.clear()

    def lose_power(self, kernel: Kernel) -> None:
        """The drive starts anew: open files are of no use any more."""
        self.generation += 1
        if self.directory is not None:
            if not self.directory_durable and kernel.random.random() < 0.5:
                self.directory = None
            else:
                self.directory.lose_power(kernel)

    def lose(self) -> None:
        """Everything on it is gone. Files that are open still work: nobody can find them any more."""
        self.directory, self.directory_durable = None, False


class Drives:
    """All drives of a simulation; `view` gives a process its Disk."""

    def __init__(self, kernel: Kernel, layout: Sequence[CopyLayout]) -> None:
        self.kernel = kernel
        self.all: list[Drive] = []
        self.by_path: dict[str, Drive] = {}
        self.resolved: dict[Path, tuple[Drive, str]] = {}
        self.by_parent: dict[str, Drive] = {}
        for place in layout:
            self.add(place)
        self.inodes = 0
        self.sync_s = 1e-4
        self.switch_rate = 0.5

    def add(self, place: CopyLayout) -> Drive:
        """A further drive, empty."""
        drive = Drive(place)
        self.all.append(drive)
        self.by_path[str(place.path)] = self.by_parent[str(place.path.parent)] = drive
        return drive

    def view(self, process: Process) -> SimDisk:
        return SimDisk(self, process)

    def new_inode(self) -> Inode:
        self.inodes += 1
        return Inode(self.inodes)


class SimFile:
    def __init__(self, disk: SimDisk, drive: Drive, inode: Inode) -> None:
        self._disk, self._drive, self._inode = disk, drive, inode
        self._generation = drive.generation
        self.process = disk.process
        self.closed = False

    def _step(self, cost_s: float = 0.0) -> None:
        self._disk.step(self._drive, cost_s)
        if self._drive.generation != self._generation:
            raise OSError(errno.EIO, "the drive started anew")

    def read_at(self, size: int, at: int) -> bytes:
        self._step()
        return bytes(self._inode.cache[at : at + size])

    def write_at(self, data: bytes | memoryview, at: int) -> int:
        self._step()
        self._disk.need_space(self._drive, at + len(data) > len(self._inode.cache))
        taken = len(data)
        random = self._disk.kernel.random
        if taken > 200 and random.random() < 0.05:
            taken = random.randrange(1, taken)
        self._inode.write(bytes(data[:taken]), at)
        return taken

    def write_synced(self, pieces: Sequence[bytes], at: int) -> int:
        taken = self.write_at(b"".join(pieces), at)
        self.sync()
        return taken

    def begin_synced(self, pieces: Sequence[bytes], at: int, done: Done) -> bool:
        kernel, data = self._disk.kernel, b"".join(pieces)
        if kernel.random.random() < 0.2:
            return False

        def work() -> None:
            try:
                durable = self.write_synced((data,), at) == len(data)
            except OSError:
                durable = False
            done(durable)

        kernel.spawn(self.process, work)
        return True

    def sync(self) -> None:
        try:
            self._step(self._disk.drives.sync_s)
        except OSError:
            # As Linux does it: what could not be written is forgotten, the cache keeps it, the next sync succeeds.
            if self._disk.kernel.random.random() < 0.5:
                self._inode.dirty.clear()
            raise
        self._inode.sync()

    def drop_cache(self) -> None:
        if not self._inode.dirty:
            self._inode.cache = bytearray(self._inode.medium)

    def allocate(self, size: int) -> None:
        self._step()
        self._disk.need_space(self._drive, True)
        if len(self._inode.cache) < size:
            self._inode.write(bytes(size - len(self._inode.cache)), len(self._inode.cache))

    def lock(self, timeout_s: float) -> bool:
        deadline_s = self._disk.kernel.now_s + timeout_s
        while True:
            self._step()
            holder = self._inode.lock
            if holder is None or holder is self or holder.closed or not holder.process.alive:
                self._inode.lock = self
                return True
            if self._disk.kernel.now_s > deadline_s:
                return False
            self._disk.kernel.pause(0.002)

    def size(self) -> int:
        return len(self._inode.cache)

    def identity(self) -> int:
        return self._inode.number

    def close(self) -> None:
        self.closed = True
        if self._inode.lock is self:
            self._inode.lock = None


class SimWatch:
    def __init__(self, inode: Inode, size: int) -> None:
        self._inode, self._size = inode, size

    def read(self) -> bytes:
        return bytes(self._inode.cache[: self._size])

    def close(self) -> None:
        pass


class SimDisk:
    """The Disk of one process."""

    def __init__(self, drives: Drives, process: Process) -> None:
        self.drives, self.process, self.kernel = drives, process, drives.kernel

    # -- faults -------------------------------------------------------------------------------------------------

    def step(self, drive: Drive, cost_s: float = 0.0) -> None:
        """One call: time passes, others run, the drive may fail."""
        random = self.kernel.random
        if drive.latency_factor != 1.0:
            self.kernel.pause((cost_s + 2e-5) * drive.latency_factor * random.random())
        elif cost_s or random.random() < self.drives.switch_rate:
            self.kernel.pause((cost_s + 1e-5) * random.random())
        elif not self.process.alive:
            self.kernel.pause(0.0)  # raises
        if drive.offline or self.process in drive.cut_off:
            raise OSError(errno.EIO, "the drive doesn't answer")
        if drive.error_rate and random.random() < drive.error_rate:
            raise OSError(errno.EIO, "the drive reports an error")

    def need_space(self, drive: Drive, grows: bool) -> None:
        if grows and drive.full:
            raise OSError(errno.ENOSPC, "no space left")

    # -- names --------------------------------------------------------------------------------------------------

    def _drive(self, path: Path) -> tuple[Drive, str]:
        found = self.drives.resolved.get(path)
        if found is None:
            parent, _, name = str(path).rpartition("/")
            found = self.drives.resolved[path] = self.drives.by_path[parent], name
        return found

    def _directory(self, path: Path) -> tuple[Drive, Directory, str]:
        drive, name = self._drive(path)
        self.step(drive)
        if drive.directory is None:
            raise FileNotFoundError(errno.ENOENT, "no such directory", str(path))
        return drive, drive.directory, name

    def _inode(self, path: Path) -> tuple[Drive, Inode]:
        drive, directory, name = self._directory(path)
        if name not in directory.names:
            raise FileNotFoundError(errno.ENOENT, "no such file", str(path))
        return drive, directory.names[name]

    def open(self, path: Path, mode: OpenMode) -> SimFile:
        drive, directory, name = self._directory(path)
        inode = directory.names.get(name)
        if inode is None:
            if mode not in ("create", "replace"):
                raise FileNotFoundError(errno.ENOENT, "no such file", str(path))
            self.need_space(drive, True)
            inode = self.drives.new_inode()
            directory.set(name, inode)
        elif mode == "replace":
            inode.cache, inode.medium = bytearray(), bytearray()
            inode.dirty.clear()
        return SimFile(self, drive, inode)

    def watch(self, path: Path, size: int) -> SimWatch:
        return SimWatch(self._inode(path)[1], size)

    def names(self, directory: Path) -> list[str]:
        drive = self.drives.by_path[str(directory)]
        self.step(drive)
        if drive.directory is None:
            raise FileNotFoundError(errno.ENOENT, "no such directory", str(directory))
        return list(drive.directory.names)

    def exists(self, path: Path) -> bool:
        drive, name = self._drive(path)
        return drive.directory is not None and name in drive.directory.names

    def size(self, path: Path) -> int:
        return len(self._inode(path)[1].cache)

    def identity(self, path: Path) -> int:
        return self._inode(path)[1].number

    def make_directory(self, path: Path) -> None:
        drive = self.drives.by_path[str(path)]
        self.step(drive)
        self.need_space(drive, drive.directory is None)
        if drive.directory is None:
            drive.directory, drive.directory_durable = Directory(), False

    def rename(self, old: Path, new: Path) -> None:
        _, directory, name = self._directory(new)
        source = old.name
        inode = directory.names.get(source)
        if inode is None:
            raise FileNotFoundError(errno.ENOENT, "no such file", str(old))
        directory.set(name, inode, source)

    def remove(self, path: Path) -> None:
        _, directory, name = self._directory(path)
        if name in directory.names:
            directory.set(name, None)

    def sync_directory(self, path: Path) -> None:
        drive = self.drives.by_path.get(str(path))
        if drive is None:
            drive = self.drives.by_parent[str(path)]
            self.step(drive, self.drives.sync_s)
            drive.directory_durable = drive.directory is not None
            return
        self.step(drive, self.drives.sync_s)
        if drive.directory is None:
            raise FileNotFoundError(errno.ENOENT, "no such directory", str(path))
        drive.directory.sync()

    def entropy(self, size: int) -> bytes:
        return self.kernel.random.randbytes(size)


class MediumDisk(SimDisk):
    """What a power loss would leave, looked at from outside: no time passes and nothing fails."""

    def step(self, drive: Drive, cost_s: float = 0.0) -> None:
        pass

    def _directory(self, path: Path) -> tuple[Drive, Directory, str]:
        drive, directory, name = super()._directory(path)
        view = Directory()
        view.names = directory.medium
        return drive, view, name

    def names(self, directory: Path) -> list[str]:
        drive = self.drives.by_path[str(directory)]
        return list(drive.directory.medium) if drive.directory is not None else []

    def open(self, path: Path, mode: OpenMode) -> SimFile:
        _, inode = self._inode(path)
        image = Inode(inode.number)
        image.cache = image.medium = inode.medium
        return SimFile(self, self._drive(path)[0], image)
