"""Reading the volume without being its writer; usable by any process while another writes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from aurora_mysql.errors import CorruptRecordError, QuorumLostError, VolumeFormatError
from aurora_mysql.storage.copy import LocalCopy, MissingCopyError
from aurora_mysql.storage.history import EpochHistory
from aurora_mysql.storage.layout import CopyLayout, Record, default_layout
from aurora_mysql.storage.recovery import CopyExtent, CopyReport, authoritative_history, decide
from aurora_mysql.storage.segment import SegmentFile


class VolumeReader:
    """Changes nothing on disk. Every call looks at the copies anew, so copies may come and go."""

    def __init__(
        self, data_dir: Path | str, layout: list[CopyLayout] | None = None, cluster_id: str | None = None
    ) -> None:
        self._copies = [LocalCopy(place, cluster_id) for place in layout or default_layout(data_dir)]

    def _readable(self) -> tuple[list[LocalCopy], EpochHistory]:
        found: list[tuple[LocalCopy, EpochHistory]] = []
        for copy in self._copies:
            try:
                copy.check_identity()
                found.append((copy, copy.read_history()))
            except VolumeFormatError:
                raise
            except (MissingCopyError, CorruptRecordError, OSError):
                continue  # the writer repairs copies; a reader goes on with the others
        if not found:
            raise QuorumLostError("no copy of the volume can be read")
        history = max((history for _, history in found), key=lambda history: history.epoch)
        return [copy for copy, _ in found], history

    def last_known_vdl(self) -> int:
        """An LSN that is certainly durable: the highest that any batch or history on the copies names."""
        copies, history = self._readable()
        vdl = history.start_lsn - 1
        for copy in copies:
            for name in reversed(copy.segments(history)):
                try:
                    with SegmentFile(copy.path / name.file_name()) as segment:
                        header = segment.last_header()
                except (CorruptRecordError, OSError):
                    continue
                if header is not None:
                    vdl = max(vdl, header.vdl)
                    break
        return vdl

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
            if report.trusted:
                scl, last_cpl, damaged = held[report.id].extent(history)
                if not damaged:
                    extents.append(CopyExtent(report.id, scl, last_cpl))
        return decide(extents, history, history.epoch + 1).vdl

    def first_lsn(self) -> int:
        """The lowest LSN that can be read, or that will be written first."""
        copies, history = self._readable()
        starts = (names[0].start_lsn for copy in copies if (names := copy.segments(history)))
        return min(starts, default=history.start_lsn)

    def segment_sizes(self) -> list[tuple[int, int]]:
        """(start LSN, bytes) of the segments of the copy that reaches back farthest, ascending."""
        copies, history = self._readable()
        longest: list[tuple[int, int]] = []
        for copy in copies:
            sizes = []
            for name in copy.segments(history):
                with contextlib.suppress(FileNotFoundError):
                    sizes.append((name.start_lsn, (copy.path / name.file_name()).stat().st_size))
            if sizes and (not longest or sizes[0] < longest[0]):
                longest = sizes
        return longest

    def read(self, from_lsn: int, to_lsn: int) -> Iterator[Record]:
        """Records in order; ends early where no copy has the next. The caller keeps to_lsn at or below a known VDL."""
        copies, history = self._readable()
        wanted, progress = from_lsn, True
        while wanted <= to_lsn and progress:
            progress = False
            for copy in copies:
                try:
                    for record in copy.read(history, wanted, to_lsn):
                        yield record
                        wanted, progress = record.lsn + 1, True
                except (CorruptRecordError, OSError):
                    continue
                if wanted > to_lsn:
                    return
