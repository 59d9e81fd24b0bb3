"""One local copy of the redo log: a directory with its identity, its fence, its epoch history and its segments."""

from __future__ import annotations

import contextlib
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
    decode_identity,
    decode_start,
    encode_history,
    encode_identity,
    encode_start,
)
from aurora_mysql.storage.disk import LOCAL_DISK, NO_SPACE, Disk, File, read_file, write_all, write_atomically
from aurora_mysql.storage.history import EpochHistory
from aurora_mysql.storage.layout import CopyLayout, Record, file_in
from aurora_mysql.storage.segment import SegmentFile, SegmentName

_LOCK_WAIT_S = 1.0


class MissingCopyError(StorageError):
    """The copy's directory, or its identity, isn't there."""


class LocalCopy:
    """Everything about a copy but appending to it (see copy_writer.py). Methods raise OSError when the disk fails."""

    def __init__(self, layout: CopyLayout, cluster_id: str | None, disk: Disk = LOCAL_DISK) -> None:
        self.disk = disk
        self.layout = layout
        self.id = layout.id
        self.path = layout.path
        self.cluster_id = cluster_id

    # -- identity -----------------------------------------------------------------------------------------------

    def format(self, cluster_id: str, history: EpochHistory, fence: Fence, *, refilling_for: int | None) -> None:
        """Make the directory a copy without records. With `refilling_for` it is marked as not to be trusted yet.

        The fence comes first, so that nothing of a copy that obeys a later writer is touched; the identity file comes
        last: a directory without it doesn't exist as a copy.

        Raises:
            FencedError: the copy is promised to an equal or higher epoch of somebody else; nothing changed.
        """
        self.disk.make_directory(self.path)
        self.raise_fence(fence, anew=True)
        if refilling_for is not None:
            self.mark_refilling(refilling_for)
        for name in self.segments():
            self.take_back(name, fence)
        self.write_history(history)
        write_atomically(
            self.disk, file_in(self.path, "copy.json"), encode_identity(cluster_id, self.id, self.layout.az)
        )
        self.disk.sync_directory(self.path.parent)
        self.cluster_id = cluster_id

    def check_identity(self) -> None:
        """Raises MissingCopyError, CorruptRecordError (unreadable) or VolumeFormatError (newer, or another's)."""
        try:
            raw = read_file(self.disk, file_in(self.path, "copy.json"))
        except (FileNotFoundError, NotADirectoryError) as error:
            raise MissingCopyError(f"copy {self.id} is missing: {self.path}") from error
        try:
            version, cluster, number = decode_identity(raw)
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
        write_atomically(self.disk, file_in(self.path, f"refilling-{epoch:010d}"), b"")

    def mark_complete(self, epoch: int) -> None:
        """The writer of `epoch` has filled the copy. Marks of later writers stay."""
        for name in self.disk.names(self.path):
            number = name.removeprefix("refilling-")
            if number != name and number.isdigit() and int(number) <= epoch:
                self.disk.remove(file_in(self.path, name))
        self.disk.sync_directory(self.path)

    def is_complete(self) -> bool:
        return not any(name.startswith("refilling-") and name[10:].isdigit() for name in self.disk.names(self.path))

    # -- fence and history --------------------------------------------------------------------------------------

    def read_fence(self) -> Fence:
        return Fence.decode(read_file(self.disk, file_in(self.path, "fence"))[:FENCE_BYTES])

    def raise_fence(self, fence: Fence, *, anew: bool = False) -> None:
        """Promise the copy to `fence`, durably, unless it is promised to an equal or higher epoch of somebody else.

        It is overwritten in place and under a lock: whoever has the file open sees it, and of two that come at the same
        time one is refused. With `anew` a fence that isn't there or can't be read is made.

        Raises:
            FencedError: it is; nothing changed.
        """
        file = self.disk.open(file_in(self.path, "fence"), "create" if anew else "write")
        try:
            if not file.lock(_LOCK_WAIT_S):
                raise StorageError(f"the fence of copy {self.id} is locked by another process")
            held = _decode_fence(file, unreadable_is_none=anew)
            if held == fence:
                return
            if held is not None and held.epoch >= fence.epoch:
                raise FencedError(f"copy {self.id} is promised to epoch {held.epoch}")
            write_all(file, fence.encode(), 0)
            file.sync()
        finally:
            file.close()
        if anew:
            self.disk.sync_directory(self.path)

    def read_history(self) -> EpochHistory:
        """The history of the highest epoch in this copy.

        Raises:
            CorruptRecordError: it can't be read, or there is none. An older one doesn't do: it says that void records
                count.
        """
        for name in sorted((name for name in self.disk.names(self.path) if _is_history(name)), reverse=True):
            with contextlib.suppress(FileNotFoundError):  # a newer one has come
                return decode_history(read_file(self.disk, file_in(self.path, name)))
        raise CorruptRecordError(f"copy {self.id} has no readable epoch history")

    def write_history(self, history: EpochHistory) -> None:
        """Open `history.epoch` on this copy: its own file, so a slow loser can't overwrite a later writer's."""
        name = f"epochs-{history.epoch:010d}"
        write_atomically(self.disk, file_in(self.path, name), encode_history(history))
        names = self.disk.names(self.path)
        if name not in names:
            raise CorruptRecordError(f"{name} of copy {self.id} has gone again")
        for other in names:
            if _is_history(other) and other < name:
                self.disk.remove(file_in(self.path, other))

    # -- segments -----------------------------------------------------------------------------------------------

    def segments(self, history: EpochHistory | None = None) -> list[SegmentName]:
        """Segments in LSN order; with `history`, without those that a truncation made void."""
        try:
            names = [name for name in map(SegmentName.parse, self.disk.names(self.path)) if name is not None]
        except (FileNotFoundError, NotADirectoryError):
            return []
        if history is not None:
            names = [name for name in names if not history.void_segment(name.writer_epoch, name.start_lsn)]
        return sorted(names)

    def bytes_on_disk(self) -> int:
        """What the segments take, in bytes."""
        return sum(size for _, size in self.segment_sizes())

    def segment_sizes(self, history: EpochHistory | None = None) -> list[tuple[int, int]]:
        """(start LSN, bytes) of the segments, ascending; `history` as for :meth:`segments`."""
        sizes = []
        for name in self.segments(history):
            with contextlib.suppress(FileNotFoundError):
                sizes.append((name.start_lsn, self.disk.size(file_in(self.path, name.file_name()))))
        return sizes

    def extent(self, history: EpochHistory) -> tuple[int, int, bool]:
        """(gap-free LSN, last CPL, damaged): how far the log of this copy reaches under `history`.

        Segments overlap when writers took turns: one that began late may be short or empty, and the records go on in
        one before it. The newest with a record that counts decides. Only segments back to the last CPL are read; that
        those before are all there shows from their chain: whoever begins a segment has everything below it, and names
        the segment before (one that was made ahead only when it has a batch). What is read is made durable, so that it
        may be counted.
        """
        names = self.segments(history)
        if not names:
            # A log need not begin at 1. Whoever opened an epoch on this copy began a segment first: there must be one.
            return history.entries[0][1] - 1, 0, self.read_history().epoch > 0 and not self.segments()
        damaged = self._chain_broken(names)
        scl: int | None = None
        last_cpl = promised = 0
        for name in reversed(names):
            try:
                end, cpl, tail_damaged, ahead = self._scan(name, history)
            except (CorruptRecordError, FileNotFoundError):
                damaged = True
                continue
            damaged = damaged or tail_damaged
            if end >= name.start_lsn:
                scl = end if scl is None else scl
                last_cpl = cpl
            elif not ahead:
                promised = max(promised, name.start_lsn - 1)
            if last_cpl:
                break
        if scl is None:
            scl = names[0].start_lsn - 1
        return scl, last_cpl, damaged or scl < promised

    def _scan(self, name: SegmentName, history: EpochHistory) -> tuple[int, int, bool, bool]:
        with self._open_segment(name) as segment:
            segment.settle()
            ahead = segment.header.ahead
            scl, last_cpl, used = name.start_lsn - 1, 0, SEGMENT_HEADER_BYTES
            for header, body, at in segment.batches():
                used = at + BATCH_HEADER_BYTES + header.body_bytes
                if header.first_lsn != scl + 1:
                    break
                end = history.end_of(header.epoch)
                for record in decode_body(header, body):
                    if end is not None and record.lsn >= end:
                        return scl, last_cpl, False, ahead
                    scl = record.lsn
                    last_cpl = scl if record.cpl else last_cpl
            else:
                return scl, last_cpl, segment.damaged_after(used), ahead
            return scl, last_cpl, False, ahead

    def _open_segment(self, name: SegmentName) -> SegmentFile:
        return SegmentFile(file_in(self.path, name.file_name()), self.disk)

    def _chain_broken(self, names: list[SegmentName]) -> bool:
        """Whether a segment that one of the chain names is gone. Those that were collected are below the first."""
        by_start = {name.start_lsn: name for name in names}
        name = names[-1] if names else None
        while name is not None and name != names[0]:
            try:
                with self._open_segment(name) as segment:
                    before = segment.header.previous_start
            except (CorruptRecordError, FileNotFoundError):
                return True
            if before >= names[0].start_lsn and (before >= name.start_lsn or before not in by_start):
                return True
            name = by_start.get(before)
        return False

    def scrub(self, history: EpochHistory, first_lsn: int, last_lsn: int) -> Iterator[int]:
        """Check every byte of every record first_lsn..last_lsn on the medium; yields the bytes checked, in steps.

        The caller names an LSN that this copy has acknowledged, and sets the pace.

        Raises:
            CorruptRecordError: something is damaged or missing.
        """
        wanted = first_lsn
        names = self.segments(history)
        for name, after in zip(names, [*names[1:], None], strict=False):
            if name.start_lsn > last_lsn:
                break
            if name.start_lsn > wanted:
                raise CorruptRecordError(f"copy {self.id} has no record {wanted}")
            try:
                segment = self._open_segment(name)
            except FileNotFoundError:
                needed_from = self.needed_from()
                if after is not None and after.start_lsn <= needed_from:
                    wanted = max(wanted, needed_from)  # it was collected after the names were listed
                    continue
                raise CorruptRecordError(f"{name.file_name()} of copy {self.id} has gone") from None
            with segment:
                segment.settle()
                following = name.start_lsn
                for header, body, _ in segment.batches():
                    end = history.end_of(header.epoch)
                    if header.first_lsn != following or (end is not None and end <= following):
                        break
                    following = header.last_lsn + 1 if end is None else min(header.last_lsn + 1, end)
                    yield BATCH_HEADER_BYTES + len(body)
                wanted = max(wanted, following)
        if wanted <= last_lsn:
            raise CorruptRecordError(f"copy {self.id} has lost record {wanted}")

    def read(self, history: EpochHistory, from_lsn: int, to_lsn: int) -> Iterator[Record]:
        """Records from_lsn..to_lsn in order, as far as this copy has them without a gap."""
        names = self.segments(history)
        wanted, progress = from_lsn, True
        while wanted <= to_lsn and progress:
            progress = False
            for name in reversed(names):
                if name.start_lsn > wanted:
                    continue
                try:
                    segment = self._open_segment(name)
                except (CorruptRecordError, FileNotFoundError):
                    return
                with segment:
                    if not segment.counts(history):
                        continue  # short or void: the records go on in one before it
                    for record in _counting(segment, history, wanted, to_lsn):
                        yield record
                        wanted, progress = wanted + 1, True
                break

    def needed_from(self) -> int:
        """Below this LSN nothing is missed in any copy; 0 when this copy doesn't know."""
        try:
            return decode_start(read_file(self.disk, file_in(self.path, "start")))
        except (FileNotFoundError, CorruptRecordError):
            return 0

    def remove_below(self, lsn: int, history: EpochHistory) -> None:
        """Delete whole segments whose records are all below `lsn`; the last one with a batch always stays."""
        if lsn > self.needed_from():
            try:
                write_atomically(self.disk, file_in(self.path, "start"), encode_start(lsn))
            except OSError as error:
                if error.errno not in NO_SPACE:
                    raise  # on a full disk it is enough that others have it
        names = self.segments(history)
        while names and self._is_empty(names[-1]):
            del names[-1]
        for name in names[:-1]:
            with self._open_segment(name) as segment:
                last = segment.last_header()
            if name.start_lsn > lsn or (last is not None and last.last_lsn >= lsn):
                return
            self.disk.remove(file_in(self.path, name.file_name()))

    def _is_empty(self, name: SegmentName) -> bool:
        with self._open_segment(name) as segment:
            return segment.is_empty()

    def remove_void(self, history: EpochHistory, above_lsn: int, fence: Fence) -> None:
        """Delete segments of earlier writers that start above `above_lsn` (never valid there) or that a truncation made
        void, and files that never became segments. One stays in any case: a copy without any counts as damaged. Only
        the holder of `fence` may."""
        valid = {name for name in self.segments(history) if name.start_lsn <= above_lsn}
        for name in self.segments()[0 if valid else 1 :]:
            if name not in valid:
                self.take_back(name, fence)
        for left in self.disk.names(self.path):
            begun = SegmentName.parse(left[: left.find(".redo") + 5]) if left.endswith(".tmp") else None
            if begun is not None and begun.writer_epoch <= fence.epoch:
                self.disk.remove(file_in(self.path, left))

    def take_back(self, name: SegmentName, fence: Fence) -> None:
        """Remove a segment. A process that stood still since it raised `fence` must not delete what a later writer
        relies on: its own segments never, and nothing once the copy is promised to it."""
        held = self.read_fence()
        if held != fence:
            raise FencedError(f"copy {self.id} is promised to epoch {held.epoch}")
        if name.writer_epoch <= fence.epoch:
            self.disk.remove(file_in(self.path, name.file_name()))

    def new_segment(self, writer_epoch: int, start_lsn: int, previous_start: int, size: int) -> tuple[File, int]:
        """Create a preallocated segment file, durably; returns it, open, and its seed. The caller closes it."""
        header = SegmentHeader(writer_epoch, start_lsn, previous_start, self.new_seed())
        file, temporary = self.begin_segment(header, size)
        try:
            self.disk.rename(temporary, file_in(self.path, SegmentName(start_lsn, writer_epoch).file_name()))
            self.disk.sync_directory(self.path)
        except BaseException:
            file.close()
            with contextlib.suppress(OSError):
                self.disk.remove(temporary)
            raise
        return file, header.seed

    def new_seed(self) -> int:
        return int.from_bytes(self.disk.entropy(4), "little")

    def begin_segment(self, header: SegmentHeader, size: int) -> tuple[File, Path]:
        """A segment file, preallocated and durable, but under a name that nobody reads; returns it, open, and where."""
        name = SegmentName(header.start_lsn, header.writer_epoch).file_name()
        temporary = self.path / f"{name}.{self.disk.entropy(4).hex()}.tmp"
        file = self.disk.open(temporary, "replace")
        try:
            file.allocate(size)
            write_all(file, header.encode(), 0)
            file.sync()
        except BaseException:
            file.close()
            with contextlib.suppress(OSError):
                self.disk.remove(temporary)
            raise
        return file, temporary


def _decode_fence(file: File, *, unreadable_is_none: bool) -> Fence | None:
    try:
        return Fence.decode(file.read_at(FENCE_BYTES, 0))
    except CorruptRecordError:
        if unreadable_is_none:
            return None
        raise


def _counting(segment: SegmentFile, history: EpochHistory, wanted: int, to_lsn: int) -> Iterator[Record]:
    for header, body, _ in segment.batches(wanted):
        if header.first_lsn > wanted:
            return
        for record in decode_body(header, body):
            if record.lsn != wanted:
                continue
            if wanted > to_lsn or not history.counts(wanted, record.epoch):
                return
            yield record
            wanted += 1


def _is_history(name: str) -> bool:
    return name.startswith("epochs-") and name[7:].isdigit()


def create_volume(
    data_dir: Path | str, layout: list[CopyLayout], cluster_id: str, *, first_lsn: int = 1, disk: Disk = LOCAL_DISK
) -> None:
    """Format six empty copies of a log whose first record will be `first_lsn` (what comes before is in a checkpoint).

    Raises:
        StorageError: one of the directories already holds a copy (nothing is touched).
    """
    copies = [LocalCopy(place, None, disk) for place in layout]
    for copy in copies:
        if disk.exists(copy.path / "copy.json"):
            raise StorageError(f"{copy.path} already holds a copy of a volume")
    for copy in copies:
        copy.format(cluster_id, EpochHistory(((0, first_lsn),)), Fence(0, bytes(16)), refilling_for=None)
