"""Reading the volume without being its writer; usable by any process while another writes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from aurora_mysql.encryption.redo_cipher import PLAIN_REDO, RedoCipher
from aurora_mysql.errors import CorruptRecordError, QuorumLostError, VolumeFormatError
from aurora_mysql.storage.copy import LocalCopy, MissingCopyError
from aurora_mysql.storage.disk import LOCAL_DISK, Disk
from aurora_mysql.storage.history import EpochHistory
from aurora_mysql.storage.layout import CopyLayout, Record, default_layout
from aurora_mysql.storage.quorum import READ_QUORUM, WRITE_QUORUM
from aurora_mysql.storage.recovery import CopyExtent, CopyReport, authoritative_history, decide
from aurora_mysql.storage.segment import SegmentFile


class VolumeReader:
    """Changes nothing on disk. Every call looks at the copies anew, so copies may come and go."""

    def __init__(
        self,
        data_dir: Path | str,
        layout: list[CopyLayout] | None = None,
        cluster_id: str | None = None,
        disk: Disk = LOCAL_DISK,
        cipher: RedoCipher = PLAIN_REDO,
    ) -> None:
        self._disk, self._cipher = disk, cipher
        self._copies = [LocalCopy(place, cluster_id, disk) for place in layout or default_layout(data_dir)]

    def _readable(self) -> tuple[list[LocalCopy], EpochHistory, bool]:
        """The copies in the order to read them, the history, and whether a write quorum has it.

        A writer puts its history on four copies before it acknowledges anything, so three complete ones include it.
        With fewer, an older history could make void records count.
        """
        complete: list[tuple[LocalCopy, EpochHistory]] = []
        others: list[LocalCopy] = []
        for copy in self._copies:
            try:
                copy.check_identity()
                history = copy.read_history()
                if copy.is_complete():
                    complete.append((copy, history))
                else:
                    others.append(copy)
            except VolumeFormatError:
                raise
            except (MissingCopyError, CorruptRecordError, OSError):
                continue  # the writer repairs copies; a reader goes on with the others
        if len(complete) < READ_QUORUM:
            raise QuorumLostError(f"only {len(complete)} complete copies of the volume can be read, 3 are needed")
        newest = max((history for _, history in complete), key=lambda history: history.epoch)
        settled = sum(history == newest for _, history in complete) >= WRITE_QUORUM
        return [copy for copy, _ in complete] + others, newest, settled

    def last_known_vdl(self) -> int:
        """An LSN that is certainly durable: the highest that a batch, or the history of four copies, names."""
        copies, history, settled = self._readable()
        vdl = history.start_lsn - 1 if settled else 0
        for copy in copies:
            vdl = max(vdl, self._named_vdl(copy, history))
        return vdl

    def _named_vdl(self, copy: LocalCopy, history: EpochHistory) -> int:
        try:
            for name in reversed(copy.segments(history)):
                try:
                    with SegmentFile(copy.path / name.file_name(), self._disk) as segment:
                        header = segment.last_header()
                except CorruptRecordError:
                    continue
                if header is not None:
                    return header.vdl
        except OSError:
            pass  # it fails just now; the others know, too
        return 0

    def settled_vdl(self) -> int:
        """The VDL that a recovery would find now. Meant for a volume that nobody writes; of one in use it may name
        records whose fate is open.

        Raises:
            QuorumLostError: fewer than three complete copies.
        """
        reports, held = [], {}
        for copy in self._copies:
            try:
                copy.check_identity()
                reports.append(CopyReport(copy.id, copy.is_complete(), copy.read_history()))
                held[copy.id] = copy
            except VolumeFormatError:
                raise
            except (MissingCopyError, CorruptRecordError, OSError):
                continue
        history = authoritative_history(reports)
        extents = []
        for report in reports:
            if not report.trusted:
                continue
            try:
                scl, last_cpl, damaged = held[report.id].extent(history)
            except OSError:
                continue  # it fails just now
            if not damaged:
                extents.append(CopyExtent(report.id, scl, last_cpl))
        return decide(extents, history, history.epoch + 1).vdl

    def first_lsn(self) -> int:
        """The lowest LSN that can be read, or that will be written first."""
        return min((start for start, _ in self.segment_sizes()), default=self._readable()[1].start_lsn)

    def segment_sizes(self) -> list[tuple[int, int]]:
        """(start LSN, bytes) of the segments of the copy that reaches back farthest, ascending."""
        copies, history, _ = self._readable()
        longest: list[tuple[int, int]] = []
        for copy in copies:
            sizes = []
            try:
                for name in copy.segments(history):
                    with contextlib.suppress(FileNotFoundError):
                        sizes.append((name.start_lsn, self._disk.size(copy.path / name.file_name())))
            except OSError:
                continue  # as above
            if sizes and (not longest or sizes[0] < longest[0]):
                longest = sizes
        return longest

    def read(self, from_lsn: int, to_lsn: int) -> Iterator[Record]:
        """Records in order; ends early where no copy has the next. The caller keeps to_lsn at or below a known VDL."""
        copies, history, _ = self._readable()
        wanted, progress = from_lsn, True
        while wanted <= to_lsn and progress:
            progress = False
            for copy in copies:
                try:
                    for record in copy.read(history, wanted, to_lsn):
                        payload = self._cipher.open(record.lsn, record.epoch, record.cpl, record.payload)
                        yield Record(record.lsn, record.epoch, record.cpl, payload)
                        wanted, progress = record.lsn + 1, True
                except (CorruptRecordError, OSError):
                    continue
                if wanted > to_lsn:
                    return
