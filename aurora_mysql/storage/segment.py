"""One segment file: reading its batches, finding its end, telling a torn tail from damage in the middle."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from zlib import crc32

from aurora_mysql.storage.binary import (
    BATCH_HEADER_BYTES,
    BATCH_MAGIC,
    SEGMENT_HEADER_BYTES,
    BatchHeader,
    SegmentHeader,
)
from aurora_mysql.storage.disk import LOCAL_DISK, Disk
from aurora_mysql.storage.history import EpochHistory

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True, order=True)
class SegmentName:
    """`seg-<writer epoch>-<start lsn>.redo`; ordered by where it starts, then by who wrote it."""

    start_lsn: int
    writer_epoch: int

    def file_name(self) -> str:
        return f"seg-{self.writer_epoch:010d}-{self.start_lsn:020d}.redo"

    @classmethod
    def parse(cls, name: str) -> SegmentName | None:
        return _parse_name(name)


@lru_cache(maxsize=4096)
def _parse_name(name: str) -> SegmentName | None:
    """Directories are listed over and over, and hardly a name is new."""
    if not (name.startswith("seg-") and name.endswith(".redo")):
        return None
    epoch, _, start = name[4:-5].partition("-")
    return SegmentName(int(start), int(epoch)) if epoch.isdigit() and start.isdigit() else None


class SegmentFile:
    """A segment opened for reading. Use as a context manager."""

    def __init__(self, path: Path, disk: Disk = LOCAL_DISK) -> None:
        self.path = path
        self._file = disk.open(path, "read")
        try:
            self.header = SegmentHeader.decode(self._file.read_at(SEGMENT_HEADER_BYTES, 0))
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> SegmentFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def settle(self) -> None:
        """Make what is there durable, and read it from the medium from now on.

        A process that was killed between its write and its sync leaves bytes that can be read and still be lost; a
        failed sync leaves bytes in memory that never reached the medium.
        """
        self._file.sync()
        self._file.drop_cache()

    def batches(self, from_lsn: int = 0, *, bodies: bool = True) -> Iterator[tuple[BatchHeader, bytes, int]]:
        """Valid batches that reach `from_lsn`, in order, with body (empty unless `bodies`) and offset.

        Ends at the first thing that is no valid batch; `damaged_after` says whether that is the end of the log.
        """
        at = SEGMENT_HEADER_BYTES
        window, window_at = b"", at
        while True:
            inside = at - window_at
            if len(window) - inside < BATCH_HEADER_BYTES:
                window, window_at, inside = self._file.read_at(_CHUNK, at), at, 0
            header = BatchHeader.decode(window, inside, self.header.seed)
            if header is None:
                return
            body = b""
            begin = inside + BATCH_HEADER_BYTES
            if header.last_lsn >= from_lsn and bodies:
                if len(window) - begin >= header.body_bytes:
                    body = window[begin : begin + header.body_bytes]
                else:
                    body = self._file.read_at(header.body_bytes, at + BATCH_HEADER_BYTES)
                if len(body) != header.body_bytes or crc32(body) != header.body_crc:
                    return
            if header.last_lsn >= from_lsn:
                yield header, body, at
            at += BATCH_HEADER_BYTES + header.body_bytes
            if at - window_at > len(window):
                window, window_at = b"", at

    def is_empty(self) -> bool:
        """Whether nothing was written where the first batch begins."""
        return not any(self._file.read_at(BATCH_HEADER_BYTES, SEGMENT_HEADER_BYTES))

    def counts(self, history: EpochHistory) -> bool:
        """Whether the first record counts; if it doesn't, none does."""
        first = BatchHeader.decode(self._file.read_at(BATCH_HEADER_BYTES, SEGMENT_HEADER_BYTES), 0, self.header.seed)
        return first is not None and history.counts(first.first_lsn, first.epoch)

    def damaged_after(self, offset: int) -> bool:
        """Whether a valid batch follows behind the invalid bytes at `offset`.

        Batches are written to a copy one at a time, each after the sync of the one before, so a crash can only tear the
        last: anything valid further on means that what is missing here was once acknowledged.
        """
        size = self._file.size()
        at = offset
        while at < size:
            data = self._file.read_at(_CHUNK + BATCH_HEADER_BYTES, at)
            found = data.find(BATCH_MAGIC)
            while found >= 0:
                if found + at > offset and BatchHeader.decode(data, found, self.header.seed) is not None:
                    return True
                found = data.find(BATCH_MAGIC, found + 1)
            at += _CHUNK
        return False

    def last_header(self) -> BatchHeader | None:
        """The last batch header in the file, found from the end (cheap; proves nothing about what is before it)."""
        end = self._file.size()
        if self.header.ahead and self.is_empty():
            return None
        while end > SEGMENT_HEADER_BYTES:
            begin = max(SEGMENT_HEADER_BYTES, end - _CHUNK)
            data = self._file.read_at(end - begin + BATCH_HEADER_BYTES, begin)
            if data.count(0) != len(data):
                found = data.rfind(BATCH_MAGIC)
                while found >= 0:
                    header = BatchHeader.decode(data, found, self.header.seed)
                    if header is not None:
                        return header
                    found = data.rfind(BATCH_MAGIC, 0, found)
            end = begin
        return None
