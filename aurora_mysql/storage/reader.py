"""Reading the volume without being its writer; usable by any process while another writes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from aurora_mysql.errors import CorruptRecordError, QuorumLostError, VolumeFormatError
from aurora_mysql.storage.copy import LocalCopy, MissingCopyError
from aurora_mysql.storage.history import EpochHistory
from aurora_mysql.storage.layout import CopyLayout, Record, default_layout
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

    def first_lsn(self) -> int:
        """The lowest LSN that can be read (1 until something was collected)."""
        copies, history = self._readable()
        return min((names[0].start_lsn for copy in copies if (names := copy.segments(history))), default=1)

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
