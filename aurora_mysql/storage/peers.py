"""What a copy, or a reader, gets from the other copies of the volume that its writer has open."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from aurora_mysql.errors import CorruptRecordError, FencedError, StorageError
from aurora_mysql.storage.copy import LocalCopy
from aurora_mysql.storage.history import EpochHistory
from aurora_mysql.storage.layout import CopyState, Record
from aurora_mysql.storage.membership import Membership
from aurora_mysql.storage.quorum import READ_QUORUM

log = logging.getLogger(__name__)


class Peer(Protocol):
    """A copy as the others see it."""

    @property
    def id(self) -> int: ...
    @property
    def live(self) -> bool: ...
    @property
    def state(self) -> CopyState: ...
    @property
    def copy(self) -> LocalCopy: ...
    @property
    def scl(self) -> int: ...
    @property
    def awaited(self) -> bool: ...
    def prove(self) -> None: ...


class Copies(Protocol):
    """What is needed of the volume."""

    @property
    def history(self) -> EpochHistory: ...
    @property
    def membership(self) -> Membership: ...
    @property
    def sources(self) -> frozenset[int]: ...
    def writers(self) -> Sequence[Peer]: ...


class Peers:
    """For any thread."""

    def __init__(self, volume: Copies) -> None:
        self._volume = volume
        self._collected = 0

    def to_collect(self, below_lsn: int, hold_bytes: int) -> int:
        """Below which LSN the log goes, when nothing but the copies needs it up to `below_lsn`. A copy that comes back
        goes on where it ended, unless it lacks more than `hold_bytes` by then."""
        lacking = [w.scl + 1 for w in self._volume.writers() if w.awaited and w.scl + 1 < below_lsn]
        if lacking:
            sizes = self._segment_sizes()
            held = (lsn for lsn in lacking if _bytes_between(sizes, lsn, below_lsn) <= hold_bytes)
            below_lsn = min([below_lsn, *held])
        self._collected = max(self._collected, below_lsn)
        return below_lsn

    def _segment_sizes(self) -> list[tuple[int, int]]:
        """(start LSN, bytes) of the segments of a copy that takes part, ascending."""
        for writer in self._volume.writers():
            if writer.live:
                with contextlib.suppress(OSError):
                    return writer.copy.segment_sizes(self._volume.history)
        return []

    @property
    def collected_lsn(self) -> int:
        """What this writer has collected: nothing below is missed in any copy."""
        return self._collected

    def log_start(self, without: int) -> int:
        """Where the log starts, for copy `without` to be formatted and refilled.

        Raises:
            StorageError: fewer than three other copies take part. What is left of the copy may then still be needed,
                and a copy that is empty because nobody could fill it must never count as complete.
        """
        live = [writer for writer in self._volume.writers() if writer.live and writer.id != without]
        starts = {
            writer.id: names[0].start_lsn for writer in live if (names := writer.copy.segments(self._volume.history))
        }
        if not self._volume.membership.can_read(starts):
            raise StorageError(f"copy {without} waits for {READ_QUORUM} others to be refilled from")
        return min(starts.values())

    def prove(self, without: int) -> None:
        """Before copy `without`, fenced and filled, is called complete: no later writer can have acknowledged through
        what it was before. Such a writer would have three of its other copies, and three of them obey this one.

        Raises:
            StorageError: that can't be shown now. FencedError: there is a later writer.
        """
        obeying = set()
        for writer in self._volume.writers():
            if writer.id == without:
                continue
            try:
                writer.prove()
                obeying.add(writer.id)
            except FencedError:
                raise
            except (StorageError, OSError) as error:
                log.warning("copy %d can't be asked: %s", writer.id, error)
        if not self._volume.membership.meets_later_writers(obeying):
            raise StorageError(f"copy {without} waits for {READ_QUORUM} others that obey this writer")

    def _peers(self, without: int) -> list[Peer]:
        live = [w for w in self._volume.writers() if w.live and w.id != without]
        rest = [
            w
            for w in self._volume.writers()
            if not w.live
            and w.id in self._volume.sources
            and w.id != without
            and w.state in ("repairing", "behind", "full", "slow")
        ]
        return live + rest

    def read(
        self, from_lsn: int, to_lsn: int, without: int, opened: Callable[[Record], Record] | None = None
    ) -> Iterator[Record]:
        """Records in order, as they are stored or `opened`, from whichever copies have them; ends early when none has
        the next."""
        wanted = from_lsn
        progress = True
        while wanted <= to_lsn and progress:
            progress = False
            for writer in self._peers(without):
                try:
                    for record in writer.copy.read(self._volume.history, wanted, to_lsn):
                        yield record if opened is None else opened(record)
                        wanted = record.lsn + 1
                        progress = True
                except (OSError, CorruptRecordError) as error:
                    log.warning("copy %d can't be read: %s", writer.id, error)
                if wanted > to_lsn:
                    return

    def needed_from(self) -> int:
        """Every copy must have the log from here on: what a collection left, else where the first copy begins."""
        recorded, starts = [self._collected], []
        for writer in self._volume.writers():
            if not writer.live:
                continue
            try:
                recorded.append(writer.copy.needed_from())
                starts += [name.start_lsn for name in writer.copy.segments(self._volume.history)[:1]]
            except OSError as error:
                log.warning("copy %d can't be read: %s", writer.id, error)
        return max(recorded) or min(starts, default=1)


def _bytes_between(sizes: Sequence[tuple[int, int]], from_lsn: int, to_lsn: int) -> int:
    """What the segments with records from_lsn..to_lsn-1 take; the last may go on behind them."""
    ends = [*(start for start, _ in sizes[1:]), to_lsn]
    return sum(size for (start, size), end in zip(sizes, ends, strict=False) if end > from_lsn and start < to_lsn)
