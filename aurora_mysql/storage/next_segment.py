"""The segment that a copy goes on with, made while the one before is half full: no commit waits for it.

A new file costs a preallocation, and its name a sync of the directory, which takes longer than many commits. So the
name is durable ahead, too; and since a segment is named by the LSN it begins at, that LSN is chosen ahead. Until its
first batch comes such a segment promises nothing (`SegmentHeader.ahead`): a crash leaves an empty one at most.
"""

from __future__ import annotations

import contextlib
import logging

from aurora_mysql.errors import StorageError
from aurora_mysql.storage.binary import Fence, SegmentHeader
from aurora_mysql.storage.copy import LocalCopy
from aurora_mysql.storage.disk import File
from aurora_mysql.storage.layout import file_in
from aurora_mysql.storage.runtime import Runtime
from aurora_mysql.storage.segment import SegmentName

log = logging.getLogger(__name__)

#: No LSN is that high.
NEVER = 1 << 63
#: How much of what is left of a segment is used before the next one begins: records may come to be larger.
_USED_SHARE = 0.75


def start_of_next(start_lsn: int, last_lsn: int, used_bytes: int, left_bytes: int) -> int:
    """Where the next segment should begin, when records stay as large as those of this one,
    start_lsn..last_lsn in `used_bytes`."""
    records = last_lsn + 1 - start_lsn
    return last_lsn + 1 + int(records * left_bytes / max(1, used_bytes) * _USED_SHARE)


class Cuts:
    """LSNs at which a new batch begins, for a segment that was made for it. Copies that are about as full share one."""

    def __init__(self) -> None:
        self._lsns: list[int] = []

    def near(self, wanted_lsn: int, packed_lsn: int) -> int:
        """A cut above `packed_lsn`, near `wanted_lsn`: one that there is, or a new one."""
        wanted_lsn = max(wanted_lsn, packed_lsn + 1)
        self._lsns = [lsn for lsn in self._lsns if lsn > packed_lsn]
        nearest = min(self._lsns, key=lambda lsn: abs(lsn - wanted_lsn), default=NEVER)
        if abs(nearest - wanted_lsn) <= (wanted_lsn - packed_lsn) // 4:
            return nearest
        self._lsns.append(wanted_lsn)
        return wanted_lsn

    def after(self, lsn: int) -> int:
        """The first cut above `lsn`."""
        return min((cut for cut in self._lsns if cut > lsn), default=NEVER) if self._lsns else NEVER


class MadeSegment:
    """One that was ordered. The lock of NextSegment guards what became of it; `file` is open once it is named."""

    __slots__ = ("dropped", "file", "header", "named", "over", "ready", "size")

    def __init__(self, header: SegmentHeader, size: int) -> None:
        self.header, self.size = header, size
        self.file: File | None = None
        self.named = self.ready = self.dropped = self.over = False


class NextSegment:
    """Belongs to a copy's thread; the work is done on another. Invariant: once `take` has returned, nothing that was
    ordered before gets its name any more, so it can't replace a segment that is written."""

    def __init__(self, copy: LocalCopy, fence: Fence, runtime: Runtime) -> None:
        self._copy, self._fence, self._runtime = copy, fence, runtime
        self._lock = runtime.lock()
        self._ordered: MadeSegment | None = None
        self.start_lsn = NEVER  # where what was ordered begins

    def order(self, header: SegmentHeader, size: int) -> None:
        """Begin to make it; at most one is ordered at a time."""
        self._ordered = made = MadeSegment(header, size)
        self.start_lsn = header.start_lsn
        self._runtime.spawn(lambda: self._make(made), f"volume-segment-{self._copy.id}")

    def take(self, start_lsn: int, need: int) -> MadeSegment | None:
        """The segment, if it is ready, begins at `start_lsn` and has room for `need` bytes. Else it is given up."""
        made, self._ordered, self.start_lsn = self._ordered, None, NEVER
        if made is None:
            return None
        with self._lock:
            if made.ready and made.header.start_lsn == start_lsn and made.size >= need:
                return made
            made.dropped, close = True, made.over
        if made.file is not None and close:
            made.file.close()
        if made.named:
            self._remove(_name(made))
        return None

    def drop(self) -> None:
        self.take(0, NEVER)

    def _remove(self, name: SegmentName) -> None:
        try:
            self._copy.take_back(name, self._fence)
        except (StorageError, OSError) as error:
            log.info("copy %d keeps an empty segment: %s", self._copy.id, error)  # it means nothing

    def _make(self, made: MadeSegment) -> None:
        try:
            self._make_and_name(made)
        except (StorageError, OSError) as error:
            # The copy's own thread makes one when it needs it, and learns then what is wrong.
            log.info("copy %d: the next segment can't be made ahead: %s", self._copy.id, error)
        with self._lock:
            made.over = True
            close = made.dropped
        if close and made.file is not None:
            made.file.close()

    def _make_and_name(self, made: MadeSegment) -> None:
        disk, path = self._copy.disk, self._copy.path
        file, temporary = self._copy.begin_segment(made.header, made.size)
        try:
            if self._copy.read_fence() == self._fence:
                with self._lock:
                    if not made.dropped:
                        disk.rename(temporary, file_in(path, _name(made).file_name()))
                        made.file, made.named = file, True
        finally:
            if not made.named:
                file.close()
                with contextlib.suppress(OSError):
                    disk.remove(temporary)
        if made.named:
            disk.sync_directory(path)
            with self._lock:
                made.ready = not made.dropped


def _name(made: MadeSegment) -> SegmentName:
    return SegmentName(made.header.start_lsn, made.header.writer_epoch)
