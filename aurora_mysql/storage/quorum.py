"""The quorum rules, without I/O: who must have a record before it counts.

Six copies (V), a write counts at four (Vw), recovery needs three (Vr). Vw + Vr > V: every write quorum meets every
recovery quorum. 2 * Vw > V: no two writers can both have one.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Sequence
from itertools import chain

COPIES = 6
WRITE_QUORUM = 4
READ_QUORUM = 3


def gap_free(lsns: Iterable[int], after: int = 0) -> int:
    """SCL: the highest LSN L such that every LSN in (after, L] is in `lsns`.

    `lsns` are positions in one copy's own sequence, so for a copy of the whole log they are consecutive numbers.
    """
    have = set(lsns)
    while after + 1 in have:
        after += 1
    return after


def quorum_point(scls: Sequence[int], need: int = WRITE_QUORUM) -> int:
    """PGCL: the highest LSN that `need` of the copies have reached; 0 when there are fewer than `need`."""
    if len(scls) < need:
        return 0
    return sorted(scls, reverse=True)[need - 1]


def volume_complete_lsn(groups: Sequence[tuple[Sequence[int], int]]) -> int:
    """VCL: the highest LSN with every earlier record at quorum.

    `groups` has, for each protection group, the sorted LSNs that were sent to it and its PGCL. The first record that
    its own group hasn't completed ends the volume's completeness, so the VCL isn't the smallest PGCL.
    """
    highest = max((lsns[-1] for lsns, _ in groups if lsns), default=0)
    missing = [lsns[bisect_right(lsns, pgcl)] for lsns, pgcl in groups if bisect_right(lsns, pgcl) < len(lsns)]
    return min(missing) - 1 if missing else highest


def volume_durable_lsn(vcl: int, cpls: Sequence[int]) -> int:
    """VDL: the highest CPL at or below the VCL (`cpls` sorted); 0 when there is none."""
    at = bisect_right(cpls, vcl)
    return cpls[at - 1] if at else 0


class QuorumTracker:
    """Follows the copies' SCLs and says how far the volume is durable: to where each of `sets` has its write quorum.

    Invariant: `vdl` never goes down, even when a copy is withdrawn (lost): what was acknowledged stays so, and a lost
    copy may only come back once it is refilled to the VDL.
    """

    def __init__(self, sets: Sequence[Sequence[int]], vdl: int) -> None:
        self.vdl = vdl
        #: The LSN four copies of each set have reached, commit or not.
        self.complete_lsn = 0
        self._scls: dict[int, int] = {}
        self._cpls: deque[int] = deque()
        self.regroup(sets)

    def regroup(self, sets: Sequence[Sequence[int]]) -> bool:
        """From now on these sets count. Returns whether the VDL moved."""
        self._sets = tuple(tuple(ids) for ids in sets)
        self._scls = {copy: self._scls.get(copy, 0) for copy in dict.fromkeys(chain.from_iterable(self._sets))}
        self._count()
        return self._advance()

    def expect(self, cpl: int) -> None:
        """A commit that ends at LSN `cpl` was sent to the copies. In LSN order."""
        self._cpls.append(cpl)

    def acknowledge(self, copy: int, scl: int) -> bool:
        """`copy` has everything up to `scl` durably. Returns whether the VDL moved."""
        if scl <= self._scls.get(copy, scl):
            return False
        self._scls[copy] = scl
        if scl <= self.complete_lsn:
            return False  # the fifth and the sixth copy, nearly always
        self._count()
        return self._advance()

    def _count(self) -> None:
        scls = self._scls
        self.complete_lsn = min([quorum_point([scls[copy] for copy in ids]) for ids in self._sets])

    def _advance(self) -> bool:
        moved = False
        while self._cpls and self._cpls[0] <= self.complete_lsn:
            self.vdl = self._cpls.popleft()
            moved = True
        return moved

    def withdraw(self, copy: int) -> None:
        """`copy` is lost: what it had counts no more for records that aren't durable yet."""
        if copy in self._scls:
            self._scls[copy] = 0
            self._count()

    def scl(self, copy: int) -> int:
        return self._scls[copy]
