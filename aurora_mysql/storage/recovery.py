"""What recovery decides, without I/O: from the reports of the copies that were fenced to the VDL and a new history.

Why it is right. A writer's record was acknowledged to somebody only if at least 4 of 6 copies had it; each of these
copies had, after its sync, still the writer's fence. Recovery first raises the fence of n >= 3 trusted copies and only
then reads them, so nothing can be acknowledged through them any more. 4 + 3 > 6: at least one of the n has the record
(at least n - 2 of them do, since only two may lack it). We keep everything the copy with the longest valid log has, up
to its last whole commit: a superset of what may have been acknowledged. Keeping more is allowed, since what was never
acknowledged may turn out either way, and it makes the outcome not depend on a copy whose last batch rotted.

The same argument carries the history: a copy gets the entry of epoch e only after it was itself filled up to the
entry's start, and a writer acknowledges only through copies that have the entry. So if e acknowledged anything, one of
the n has its entry and all the records below its start. If none has it, e acknowledged nothing and is left out.

Who the copies are is part of the history, and the argument holds for it as well (see membership.py): a copy that was
replaced is in no quorum of the version that is found.

Copies that are being refilled, or whose middle is damaged, may lack what they once acknowledged: they aren't trusted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aurora_mysql.errors import QuorumLostError
from aurora_mysql.storage.history import EpochHistory
from aurora_mysql.storage.membership import Membership
from aurora_mysql.storage.quorum import READ_QUORUM


@dataclass(frozen=True, slots=True)
class CopyReport:
    """One fenced copy. `trusted`: it has everything it ever acknowledged. `history` is the copy's own."""

    id: int
    trusted: bool
    history: EpochHistory


@dataclass(frozen=True, slots=True)
class CopyExtent:
    """How far one trusted copy's log reaches when read with the authoritative history: gap-free LSN, last CPL."""

    id: int
    scl: int
    last_cpl: int


@dataclass(frozen=True, slots=True)
class Decision:
    """The recovered volume: durable up to `vdl`, everything above void; `behind` are copies to repair first."""

    vdl: int
    history: EpochHistory
    behind: tuple[int, ...]


def authoritative_history(reports: Sequence[CopyReport], initial: Membership) -> EpochHistory:
    """The history of the highest version that any trusted copy has; `initial` are the copies the volume was made with.

    Raises:
        QuorumLostError: of the copies that it names, too few are trusted.
    """
    trusted = [report for report in reports if report.trusted]
    newest = max((report.history for report in trusted), key=lambda history: history.version, default=EpochHistory())
    membership = newest.membership or initial
    ids = membership.ids() & {report.id for report in trusted}
    if not membership.can_read(ids):
        raise QuorumLostError(
            f"only {len(ids)} complete copies of the volume can be read, recovery needs {READ_QUORUM} of 6"
        )
    return newest


def decide(extents: Sequence[CopyExtent], history: EpochHistory, epoch: int, initial: Membership) -> Decision:
    """The VDL to open `epoch` with, from the extents of a recovery quorum of trusted copies.

    Raises:
        QuorumLostError: they are fewer.
    """
    membership = history.membership or initial
    members = [extent for extent in extents if extent.id in membership.ids()]
    if not membership.can_read([extent.id for extent in members]):
        raise QuorumLostError(f"only {len(members)} copies could be read, recovery needs {READ_QUORUM} of 6")
    vdl = max(history.start_lsn - 1, *(extent.last_cpl for extent in members))
    behind = tuple(extent.id for extent in members if extent.scl < vdl)
    return Decision(vdl, history.opened(epoch, vdl + 1), behind)
