"""The history of epochs: which writer's records count at which LSN.

Each writer opens an epoch at a start LSN. From there on only its records count; records of older epochs at that LSN or
above are void for ever, so a tail that recovery cut off can't come back with a copy that returns.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace

from aurora_mysql.storage.membership import Membership


@dataclass(frozen=True, slots=True)
class EpochHistory:
    """Pairs (epoch, start_lsn), both growing (starts may repeat: an epoch that wrote nothing), and who the copies are
    (None: those that the volume was made with).

    The whole travels as one value. A copy takes that of the highest version it is given, never a mix, because a writer
    that failed while opening may have left its own entry on some copies only.
    """

    entries: tuple[tuple[int, int], ...] = ((0, 1),)
    membership: Membership | None = None

    @property
    def version(self) -> tuple[int, int]:
        """Grows with every writer, and with every change of the copies by one writer."""
        return self.epoch, 0 if self.membership is None else self.membership.number

    @property
    def epoch(self) -> int:
        """The epoch opened last."""
        return self.entries[-1][0]

    @property
    def start_lsn(self) -> int:
        """Where the last epoch starts: everything below was durable when it was opened."""
        return self.entries[-1][1]

    def epoch_at(self, lsn: int) -> int:
        """The one epoch whose record counts at `lsn`."""
        starts = [start for _, start in self.entries]
        at = bisect_right(starts, lsn)
        return self.entries[at - 1][0] if at else self.entries[0][0]

    def end_of(self, epoch: int) -> int | None:
        """First LSN at which records of `epoch` are void; 0 for an epoch that isn't part of this history."""
        for number, (known, _) in enumerate(self.entries):
            if known == epoch:
                return self.entries[number + 1][1] if number + 1 < len(self.entries) else None
        return 0

    def counts(self, lsn: int, epoch: int) -> bool:
        """Whether a record of `epoch` at `lsn` is part of the log."""
        return self.epoch_at(lsn) == epoch

    def void_segment(self, writer_epoch: int, start_lsn: int) -> bool:
        """Whether all of a segment that `writer_epoch` began at `start_lsn` lies above a later truncation."""
        return any(epoch > writer_epoch and start <= start_lsn for epoch, start in self.entries)

    def opened(self, epoch: int, start_lsn: int) -> EpochHistory:
        """This history with a new last epoch; entries that then cover no LSN are left out."""
        kept = tuple(entry for entry in self.entries if entry[1] < start_lsn)
        return EpochHistory((*kept, (epoch, start_lsn)), self.membership)

    def with_membership(self, membership: Membership) -> EpochHistory:
        return replace(self, membership=membership)
