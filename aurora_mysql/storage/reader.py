"""Reading the volume without being its writer; usable by any process while another writes."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from aurora_mysql.encryption.redo_cipher import PLAIN_REDO, RedoCipher
from aurora_mysql.errors import CorruptRecordError, QuorumLostError, VolumeFormatError
from aurora_mysql.storage.copy import LocalCopy, MissingCopyError
from aurora_mysql.storage.disk import LOCAL_DISK, Disk
from aurora_mysql.storage.history import EpochHistory
from aurora_mysql.storage.layout import CopyLayout, Record, default_layout, file_in
from aurora_mysql.storage.membership import Membership
from aurora_mysql.storage.quorum import READ_QUORUM
from aurora_mysql.storage.recovery import CopyExtent, CopyReport, authoritative_history, decide
from aurora_mysql.storage.segment import SegmentFile
from aurora_mysql.storage.whereabouts import Whereabouts, WhereaboutsFile

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Found:
    """A copy that can be read, as it is now."""

    copy: LocalCopy
    history: EpochHistory
    complete: bool

    @property
    def report(self) -> CopyReport:
        return CopyReport(self.copy.id, self.complete, self.history)


class VolumeReader:
    """Changes nothing on disk. Every call looks at the copies anew, so copies may come and go.

    Args:
        layout: the six copies that the volume was made with. whereabouts: where to look for those that replaced them.
    """

    def __init__(
        self,
        data_dir: Path | str,
        layout: list[CopyLayout] | None = None,
        cluster_id: str | None = None,
        disk: Disk = LOCAL_DISK,
        cipher: RedoCipher = PLAIN_REDO,
        whereabouts: Whereabouts | None = None,
    ) -> None:
        self._disk, self._root, self._cluster_id = disk, Path(data_dir), cluster_id
        self._cipher = cipher
        layout = layout or default_layout(data_dir)
        self._initial = Membership.initial(layout, self._root)
        self._whereabouts = whereabouts or WhereaboutsFile(layout)

    def _find(self) -> tuple[list[_Found], EpochHistory]:
        """The copies that count and can be read, and the newest history, which says who counts.

        Raises:
            QuorumLostError: too few of them are complete. VolumeFormatError: one is another cluster's or newer.
        """
        hinted = (CopyLayout(place.id, place.az, self._root / place.path) for place in self._whereabouts.known())
        waiting = deque(dict.fromkeys([*self._initial.places(self._root), *hinted]))
        asked, found, refused = set(waiting), dict[CopyLayout, _Found](), dict[CopyLayout, VolumeFormatError]()
        while waiting:
            copy = LocalCopy(waiting.popleft(), self._cluster_id, self._disk)
            try:
                copy.check_identity()
                one = found[copy.layout] = _Found(copy, copy.read_history(), copy.is_complete())
            except VolumeFormatError as error:
                refused[copy.layout] = error
                continue
            except (MissingCopyError, CorruptRecordError, OSError) as error:
                log.debug("copy %d can't be used: %s", copy.id, error)
                continue  # the writer repairs copies; a reader goes on with the others
            named = () if one.history.membership is None else one.history.membership.places(self._root)
            new = [place for place in named if place not in asked]
            asked.update(new)
            waiting.extend(new)
        complete = [one.history for one in found.values() if one.complete]
        newest = max(complete, key=lambda history: history.version, default=EpochHistory())
        members = list((newest.membership or self._initial).places(self._root))
        for place in members:
            if place in refused:
                raise refused[place]
        usable = [found[place] for place in members if place in found]
        if not self._members(newest).can_read({one.copy.id for one in usable if one.complete}):
            number = sum(one.complete for one in usable)
            raise QuorumLostError(
                f"only {number} of the 6 copies of the volume are complete and can be read, {READ_QUORUM} are needed"
            )
        return usable, newest

    def _members(self, history: EpochHistory) -> Membership:
        return history.membership or self._initial

    def unusable(self) -> list[CopyLayout]:
        """The copies that count but can't be read, or have to be filled first.

        Raises:
            QuorumLostError, VolumeFormatError: the volume as a whole can't be read.
        """
        usable, newest = self._find()
        good = {one.copy.layout for one in usable if one.complete}
        return [place for place in self._members(newest).places(self._root) if place not in good]

    def _readable(self) -> tuple[list[LocalCopy], EpochHistory, bool]:
        """The copies in the order to read them, the history, and whether a write quorum has it.

        A writer puts its history on four copies before it acknowledges anything, so three complete ones include it.
        With fewer, an older history could make void records count.
        """
        usable, newest = self._find()
        having = {one.copy.id for one in usable if one.complete and one.history.entries == newest.entries}
        ordered = sorted(usable, key=lambda one: not one.complete)
        return [one.copy for one in ordered], newest, self._members(newest).can_write(having)

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
                    with SegmentFile(file_in(copy.path, name.file_name()), self._disk) as segment:
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
        usable, _ = self._find()
        history = authoritative_history([one.report for one in usable], self._initial)
        extents = []
        for one in usable:
            if not one.complete:
                continue
            try:
                scl, last_cpl, damaged = one.copy.extent(history)
            except OSError:
                continue  # it fails just now
            if not damaged:
                extents.append(CopyExtent(one.copy.id, scl, last_cpl))
        return decide(extents, history, history.epoch + 1, self._initial).vdl

    def first_lsn(self) -> int:
        """The lowest LSN that can be read, or that will be written first."""
        return min((start for start, _ in self.segment_sizes()), default=self._readable()[1].start_lsn)

    def segment_sizes(self) -> list[tuple[int, int]]:
        """(start LSN, bytes) of the segments of the copy that reaches back farthest, ascending."""
        copies, history, _ = self._readable()
        longest: list[tuple[int, int]] = []
        for copy in copies:
            try:
                sizes = copy.segment_sizes(history)
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
