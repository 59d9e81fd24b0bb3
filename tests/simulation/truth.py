"""What the simulated clients know, and the promises that are checked against it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from aurora_mysql.storage.layout import Record
from aurora_mysql.storage.membership import Membership


class Violation(AssertionError):
    """A promise of the volume was broken."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What somebody read and was told to be durable; compared when everything is known."""

    who: str
    vdl: int
    records: tuple[Record, ...]


class Truth:
    """The log as it was acknowledged. LSN -> (payload, whether it ends a commit)."""

    def __init__(self) -> None:
        self.log: dict[int, tuple[bytes, bool]] = {}
        self.vdl = 0
        self.first_lsn = 1
        self.acknowledged = 0
        self._owners: dict[int, str] = {}
        self._opened: dict[int, int] = {}
        self._reached: dict[int, int] = {}
        self._claims: list[Claim] = []
        self._memberships: dict[int, Membership] = {}
        self._newest: dict[int, int] = {}

    def opened(self, who: str, epoch: int, vdl: int) -> None:
        """`who` was given the volume in `epoch`, recovered to `vdl`."""
        for earlier, acknowledged in self._reached.items():
            # A later epoch may have gone on while this one, that is over by now, was still on its way.
            if earlier < epoch and vdl < acknowledged:
                raise Violation(
                    f"{who} recovered to {vdl}, but {acknowledged} was acknowledged: acknowledged records are lost"
                )
        if epoch in self._opened:
            raise Violation(f"{who} opened epoch {epoch} a second time")
        self._opened[epoch] = self._reached[epoch] = vdl

    def members(self, who: str, epoch: int, membership: Membership) -> None:
        """`who` goes by `membership`, which is in force."""
        known = self._memberships.setdefault(membership.number, membership)
        if known != membership:
            raise Violation(f"{who} has {membership} as the copies, but they were {known}")
        for earlier, number in self._newest.items():
            if earlier < epoch and membership.number < number:
                raise Violation(f"{who} goes by copies {membership.number}, but {number} was in force: it was undone")
        self._newest[epoch] = max(membership.number, self._newest.get(epoch, 0))

    def replacements(self) -> int:
        """How many copies were replaced."""
        six = [{place.path for place in m.copies} for _, m in sorted(self._memberships.items()) if m.phase == "stable"]
        return sum(before != after for before, after in pairwise(six))

    def recovered(self, who: str, record: Record) -> None:
        """`who` reads `record` as durable."""
        self._add(who, record.lsn, (record.payload, record.cpl))

    def announce(self, who: str, epoch: int, vdl: int, records: Iterable[tuple[int, tuple[bytes, bool]]]) -> None:
        """`who` acknowledges everything up to `vdl`; `records` are those since its last announcement."""
        for later, at in self._opened.items():
            if later > epoch and vdl > at:
                raise Violation(f"{who} acknowledges {vdl} in epoch {epoch}, but epoch {later} began after {at}")
        if self._owners.setdefault(epoch, who) != who:
            raise Violation(f"{who} and {self._owners[epoch]} both acknowledge in epoch {epoch}")
        for lsn, content in records:
            self._add(who, lsn, content)
            self.acknowledged += 1
        if not self.log.get(vdl, (b"", False))[1]:
            raise Violation(f"{who} acknowledges {vdl}, where no commit ends")
        self.vdl = max(self.vdl, vdl)
        self._reached[epoch] = vdl

    def _add(self, who: str, lsn: int, content: tuple[bytes, bool]) -> None:
        known = self.log.setdefault(lsn, content)
        if known != content:
            raise Violation(f"fork at LSN {lsn}: {known[0]!r} was durable, {who} has {content[0]!r}")

    def claim(self, claim: Claim) -> None:
        self._claims.append(claim)

    def check_log(self, records: list[Record]) -> None:
        """The whole log, read at the end: nothing lost, nothing twice, commits whole."""
        for lsn, record in enumerate(records, self.first_lsn):
            if record.lsn != lsn:
                raise Violation(f"record {lsn} is missing, the next is {record.lsn}")
            self._add("the reader at the end", record.lsn, (record.payload, record.cpl))
        end = self.first_lsn + len(records) - 1
        if end < self.vdl:
            raise Violation(f"the log ends at {end}, but {self.vdl} was acknowledged")
        payloads = [record.payload for record in records]
        if len(set(payloads)) != len(payloads):
            raise Violation("a record is in the log twice")
        self._check_commits(records)
        for claim in self._claims:
            if claim.vdl > end:
                raise Violation(f"{claim.who} was told that {claim.vdl} is durable; the log ends at {end}")
            for record in claim.records:
                self._add(claim.who, record.lsn, (record.payload, record.cpl))

    def _check_commits(self, records: list[Record]) -> None:
        """Payloads are b"<writer>/<commit>/<part>/<parts>/..."; a commit's parts stand together, in order."""
        wanted: tuple[bytes, int] | None = None
        for record in records:
            writer, commit, part, parts, _ = record.payload.split(b"/", 4)
            name, number, last = writer + commit, int(part), int(part) == int(parts) - 1
            if record.cpl != last or (number > 0 and wanted != (name, number)) or (number == 0 and wanted is not None):
                if wanted is None and number > 0 and record is records[0]:
                    pass  # the beginning was collected
                else:
                    raise Violation(f"commit {name!r} is in parts at LSN {record.lsn}")
            wanted = None if last else (name, number + 1)
        if wanted is not None:
            raise Violation("the log ends inside a commit")
