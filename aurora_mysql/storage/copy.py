"""One local copy of the redo log: a directory with its identity, its fence, its epoch history and its segments."""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import json
import mmap
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

from aurora_mysql.errors import CorruptRecordError, FencedError, StorageError, VolumeFormatError
from aurora_mysql.storage.binary import (
    BATCH_HEADER_BYTES,
    FENCE_BYTES,
    FORMAT_VERSION,
    SEGMENT_HEADER_BYTES,
    Fence,
    SegmentHeader,
    decode_body,
    decode_history,
    encode_history,
)
from aurora_mysql.storage.history import EpochHistory
from aurora_mysql.storage.layout import CopyLayout, Record
from aurora_mysql.storage.segment import SegmentFile, SegmentName

_LOCK_WAIT_S = 1.0


class MissingCopyError(StorageError):
    """The copy's directory, or its identity, isn't there."""


def sync_directory(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def write_atomically(path: Path, data: bytes) -> None:
    """Replace `path` by `data`, durably."""
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}.tmp")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.write(fd, data)
        os.fsync(fd)
    finally:
        os.close(fd)
    temporary.rename(path)
    sync_directory(path.parent)


class FenceWatch:
    """The fence file that is at `path` now, mapped: it shows what others write into it without a system call.

    It goes on showing that file when another takes its place; whoever relies on it must notice that by other means.
    """

    def __init__(self, path: Path) -> None:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            self._map = mmap.mmap(fd, FENCE_BYTES, prot=mmap.PROT_READ)
        finally:
            os.close(fd)

    def holds(self, fence: Fence) -> bool:
        """Whether the file is `fence`, byte for byte."""
        return self._map[:FENCE_BYTES] == fence.encoded

    def close(self) -> None:
        self._map.close()


class LocalCopy:
    """Everything about a copy but appending to it (see appender.py). Methods raise OSError when the disk fails."""

    def __init__(self, layout: CopyLayout, cluster_id: str | None) -> None:
        self.layout = layout
        self.id = layout.id
        self.path = layout.path
        self.cluster_id = cluster_id

    # -- identity -----------------------------------------------------------------------------------------------

    def format(self, cluster_id: str, history: EpochHistory, fence: Fence, *, refilling_for: int | None) -> None:
        """Make the directory a copy without records. With `refilling_for` it is marked as not to be trusted yet.

        The identity file comes last: a directory without it doesn't exist as a copy.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        if refilling_for is not None:
            self.mark_refilling(refilling_for)
        for name in self.segments():
            (self.path / name.file_name()).unlink(missing_ok=True)
        write_atomically(self.path / "fence", fence.encode().ljust(64, b"\0"))
        self.write_history(history)
        identity = {"format": FORMAT_VERSION, "cluster_id": cluster_id, "copy": self.id, "az": self.layout.az}
        write_atomically(self.path / "copy.json", json.dumps(identity).encode())
        sync_directory(self.path.parent)
        self.cluster_id = cluster_id

    def check_identity(self) -> None:
        """Raises MissingCopyError, CorruptRecordError (unreadable) or VolumeFormatError (newer, or another's)."""
        try:
            raw = (self.path / "copy.json").read_bytes()
        except (FileNotFoundError, NotADirectoryError) as error:
            raise MissingCopyError(f"copy {self.id} is missing: {self.path}") from error
        try:
            identity = json.loads(raw)
            version, cluster, number = int(identity["format"]), str(identity["cluster_id"]), int(identity["copy"])
        except (ValueError, KeyError, TypeError) as error:
            raise CorruptRecordError(f"{self.path / 'copy.json'} can't be read: {error}") from error
        if version > FORMAT_VERSION:
            raise VolumeFormatError(
                f"{self.path} has volume format {version}; this release reads up to format {FORMAT_VERSION}: "
                "use a newer release"
            )
        if self.cluster_id is not None and cluster != self.cluster_id:
            raise VolumeFormatError(f"{self.path} belongs to cluster {cluster}, not to {self.cluster_id}")
        if number != self.id:
            raise VolumeFormatError(f"{self.path} is copy {number}, but the layout says copy {self.id}")

    def mark_refilling(self, epoch: int) -> None:
        """From now on, until mark_complete, the copy may lack what it acknowledged before."""
        write_atomically(self.path / f"refilling-{epoch:010d}", b"")

    def mark_complete(self, epoch: int) -> None:
        """The writer of `epoch` has filled the copy. Marks of later writers stay."""
        for path in self.path.glob("refilling-*"):
            number = path.name[10:]
            if number.isdigit() and int(number) <= epoch:
                path.unlink(missing_ok=True)
        sync_directory(self.path)

    def is_complete(self) -> bool:
        return not any(name.startswith("refilling-") and name[10:].isdigit() for name in os.listdir(self.path))

    # -- fence and history --------------------------------------------------------------------------------------

    def read_fence(self) -> Fence:
        with open(self.path / "fence", "rb") as file:
            return Fence.decode(file.read(FENCE_BYTES))

    def raise_fence(self, fence: Fence) -> None:
        """Promise the copy to `fence`, durably, unless it is promised to an equal or higher epoch of somebody else.

        Raises:
            FencedError: it is; nothing changed.
        """
        fd = os.open(self.path / "fence", os.O_RDWR | os.O_CLOEXEC)
        try:
            deadline = time.monotonic() + _LOCK_WAIT_S
            while True:
                with contextlib.suppress(BlockingIOError):
                    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                if time.monotonic() > deadline:
                    raise StorageError(f"the fence of copy {self.id} is locked by another process")
                time.sleep(0.002)
            held = Fence.decode(os.pread(fd, FENCE_BYTES, 0))
            if held == fence:
                return
            if held.epoch >= fence.epoch:
                raise FencedError(f"copy {self.id} is promised to epoch {held.epoch}")
            os.pwrite(fd, fence.encode(), 0)
            os.fdatasync(fd)
        finally:
            os.close(fd)

    def read_history(self) -> EpochHistory:
        """The history of the highest epoch in this copy. Raises CorruptRecordError when there is none."""
        for name in sorted((name for name in os.listdir(self.path) if _is_history(name)), reverse=True):
            with contextlib.suppress(CorruptRecordError, FileNotFoundError):
                return decode_history((self.path / name).read_bytes())
        raise CorruptRecordError(f"copy {self.id} has no readable epoch history")

    def write_history(self, history: EpochHistory) -> None:
        """Open `history.epoch` on this copy: its own file, so a slow loser can't overwrite a later writer's."""
        name = f"epochs-{history.epoch:010d}"
        write_atomically(self.path / name, encode_history(history))
        for other in os.listdir(self.path):
            if _is_history(other) and other < name:
                (self.path / other).unlink(missing_ok=True)

    # -- segments -----------------------------------------------------------------------------------------------

    def segments(self, history: EpochHistory | None = None) -> list[SegmentName]:
        """Segments in LSN order; with `history`, without those that a truncation made void."""
        try:
            names = [name for name in map(SegmentName.parse, os.listdir(self.path)) if name is not None]
        except (FileNotFoundError, NotADirectoryError):
            return []
        if history is not None:
            names = [name for name in names if not history.void_segment(name.writer_epoch, name.start_lsn)]
        return sorted(names)

    def bytes_on_disk(self) -> int:
        """What the segments take, in bytes."""
        total = 0
        for name in self.segments():
            with contextlib.suppress(FileNotFoundError):
                total += (self.path / name.file_name()).stat().st_size
        return total

    def extent(self, history: EpochHistory) -> tuple[int, int, bool]:
        """(gap-free LSN, last CPL, damaged): how far the log of this copy reaches under `history`.

        Only the last segments are read; that those before are all there shows from their chain of start LSNs.
        """
        names = self.segments(history)
        damaged = False
        last_cpl = scl = 0
        while names:
            name = names.pop()
            try:
                end, cpl, tail_damaged = self._scan(name, history)
            except (CorruptRecordError, FileNotFoundError):
                damaged = True
                scl = last_cpl = 0
                continue
            if tail_damaged:
                damaged = True
            scl = max(scl, end)
            last_cpl = max(last_cpl, cpl)
            if last_cpl:
                break
        if names and self._chain_broken(history):
            damaged = True
        return scl, last_cpl, damaged

    def _scan(self, name: SegmentName, history: EpochHistory) -> tuple[int, int, bool]:
        with SegmentFile(self.path / name.file_name()) as segment:
            scl, last_cpl, used = name.start_lsn - 1, 0, SEGMENT_HEADER_BYTES
            for header, body, at in segment.batches():
                used = at + BATCH_HEADER_BYTES + header.body_bytes
                if header.first_lsn != scl + 1:
                    break
                end = history.end_of(header.epoch)
                if end is not None and header.last_lsn >= end:
                    for record in decode_body(header, body):
                        if record.lsn < end:
                            scl = record.lsn
                            last_cpl = record.lsn if record.cpl else last_cpl
                    break
                scl = header.last_lsn
                for record in decode_body(header, body):
                    if record.cpl:
                        last_cpl = record.lsn
            else:
                return scl, last_cpl, segment.damaged_after(used)
            return scl, last_cpl, False

    def _chain_broken(self, history: EpochHistory) -> bool:
        names = self.segments(history)
        for before, name in itertools.pairwise(names):
            try:
                with SegmentFile(self.path / name.file_name()) as segment:
                    if segment.header.previous_start != before.start_lsn:
                        return True
            except (CorruptRecordError, FileNotFoundError):
                return True
        return False

    def read(self, history: EpochHistory, from_lsn: int, to_lsn: int) -> Iterator[Record]:
        """Records from_lsn..to_lsn in order, as far as this copy has them without a gap."""
        names = self.segments(history)
        at = max((number for number, name in enumerate(names) if name.start_lsn <= from_lsn), default=len(names))
        wanted = from_lsn
        for name in names[at:]:
            if name.start_lsn > wanted:
                return
            try:
                segment = SegmentFile(self.path / name.file_name())
            except (CorruptRecordError, FileNotFoundError):
                return
            with segment:
                for header, body, _ in segment.batches(wanted):
                    end = history.end_of(header.epoch)
                    if header.first_lsn > wanted or (end is not None and end <= wanted):
                        break
                    for record in decode_body(header, body):
                        if record.lsn != wanted:
                            continue
                        if wanted > to_lsn:
                            return
                        if end is not None and record.lsn >= end:
                            break
                        yield record
                        wanted += 1
                    if wanted > to_lsn:
                        return

    def remove_below(self, lsn: int, history: EpochHistory) -> None:
        """Delete whole segments whose records are all below `lsn`; the last segment always stays."""
        names = self.segments(history)
        for name, following in itertools.pairwise(names):
            if following.start_lsn > lsn:
                return
            (self.path / name.file_name()).unlink(missing_ok=True)

    def remove_void(self, history: EpochHistory, above_lsn: int) -> None:
        """Delete segments that start above `above_lsn` (never valid there) or that a truncation made void."""
        valid = {name for name in self.segments(history) if name.start_lsn <= above_lsn}
        for name in self.segments():
            if name not in valid:
                (self.path / name.file_name()).unlink(missing_ok=True)

    def new_segment(self, writer_epoch: int, start_lsn: int, previous_start: int, size: int, name: str) -> int:
        """Create and preallocate a segment file under `name`; the caller owns the returned descriptor, synced."""
        fd = os.open(self.path / name, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(fd, 0, size)
            header = SegmentHeader(writer_epoch, start_lsn, previous_start, secrets.randbits(32))
            os.pwrite(fd, header.encode(), 0)
            os.fsync(fd)
        except BaseException:
            os.close(fd)
            with contextlib.suppress(OSError):
                (self.path / name).unlink()
            raise
        return fd


def _is_history(name: str) -> bool:
    return name.startswith("epochs-") and name[7:].isdigit()


def create_volume(data_dir: Path | str, layout: list[CopyLayout], cluster_id: str, *, first_lsn: int = 1) -> None:
    """Format six empty copies of a log whose first record will be `first_lsn` (what comes before is in a checkpoint).

    Raises:
        StorageError: one of the directories already holds a copy (nothing is touched).
    """
    copies = [LocalCopy(place, None) for place in layout]
    for copy in copies:
        if (copy.path / "copy.json").exists():
            raise StorageError(f"{copy.path} already holds a copy of a volume")
    for copy in copies:
        copy.format(cluster_id, EpochHistory(((0, first_lsn),)), Fence(0, bytes(16)), refilling_for=None)
