"""Who the six copies are, and how one of them is replaced while writes go on. Without I/O.

A change passes through two versions that need both the old six and the new six, so that nobody who knows only one of
them can be wrong about what is durable:

    stable ABCDEF -> replacing F by G -> settling on ABCDEG (or back on ABCDEF) -> stable again

A version takes effect when it is on a write quorum of what was in force before and of itself; until then the stricter
of both rules holds. While F is being replaced, writes need 4/6 of ABCDEF and of ABCDEG, recovery 3/6 of either: each
write quorum meets each recovery quorum. G counts as complete only after the version that names it has taken effect and
G was filled. Settling is decided, so recovery reads the six that stay; it still writes to both, because a recovery that
finds it can't know whether it took effect. The last version says that it did, and needs no quorum of its own.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from aurora_mysql.errors import StorageError
from aurora_mysql.storage.layout import CopyLayout
from aurora_mysql.storage.quorum import READ_QUORUM, WRITE_QUORUM

Phase = Literal["stable", "replacing", "settling"]


@dataclass(frozen=True, slots=True)
class Membership:
    """One version of the six copies. Paths are relative to the data directory where they lie in it.

    `other` is the copy that may stand at `seat` instead of the one that does: the candidate while replacing, the one
    that goes while settling. Ids are never given twice: `next_id` is above all that were.
    """

    number: int
    copies: tuple[CopyLayout, ...]
    next_id: int
    phase: Phase = "stable"
    seat: int = 0
    other: CopyLayout | None = None

    @classmethod
    def initial(cls, layout: Collection[CopyLayout], root: Path) -> Membership:
        """That of a volume whose copies were never replaced."""
        copies = tuple(dataclasses.replace(place, path=_inside(place.path, root)) for place in layout)
        return cls(0, copies, max(place.id for place in copies) + 1)

    # -- rules --------------------------------------------------------------------------------------------------

    def _sets(self) -> tuple[tuple[int, ...], ...]:
        ids = tuple(place.id for place in self.copies)
        if self.other is None:
            return (ids,)
        return ids, (*ids[: self.seat], self.other.id, *ids[self.seat + 1 :])

    @property
    def write_sets(self) -> tuple[tuple[int, ...], ...]:
        """Sets of six: what is durable is on a write quorum of each."""
        return self._sets()

    def can_write(self, ids: Collection[int]) -> bool:
        return all(len(set(six) & set(ids)) >= WRITE_QUORUM for six in self.write_sets)

    def can_read(self, ids: Collection[int]) -> bool:
        """Whether complete copies `ids` are enough for a recovery."""
        sets = self._sets() if self.phase == "replacing" else self._sets()[:1]
        return any(len(set(six) & set(ids)) >= READ_QUORUM for six in sets)

    def meets_later_writers(self, ids: Collection[int]) -> bool:
        """Whether a later writer, in whichever version of the copies it may have opened, must have fenced one of `ids`
        (which may all be but one of its copies): in each of those versions it needs four of the six that have their
        seats now, three without that one, and three of five meet three of five."""
        return len({place.id for place in self.copies} & set(ids)) >= READ_QUORUM

    # -- changes ------------------------------------------------------------------------------------------------

    def replacing(self, leaving: int, az: str | None, path: Path) -> Membership:
        """Copy `leaving` is to be replaced by a new one at `path`.

        Raises:
            StorageError: there is no such copy, or a change is under way.
        """
        if self.phase != "stable":
            raise StorageError(f"{self.describe()}; one copy at a time is replaced")
        seats = [seat for seat, place in enumerate(self.copies) if place.id == leaving]
        if not seats:
            known = ", ".join(str(place.id) for place in self.copies)
            raise StorageError(f"there is no copy {leaving}; there are {known}")
        candidate = CopyLayout(self.next_id, az or self.copies[seats[0]].az, path)
        return dataclasses.replace(
            self, number=self.number + 1, next_id=self.next_id + 1, phase="replacing", seat=seats[0], other=candidate
        )

    def settling(self, *, on_candidate: bool) -> Membership:
        """The end of a replacement is decided: the candidate stays, or else the copy that was there before.

        Raises:
            StorageError: nothing is being replaced.
        """
        if self.phase != "replacing" or self.other is None:
            raise StorageError("no copy is being replaced" if self.phase == "stable" else self.describe())
        copies, other = self.copies, self.other
        if on_candidate:
            copies, other = (*copies[: self.seat], other, *copies[self.seat + 1 :]), copies[self.seat]
        return dataclasses.replace(self, number=self.number + 1, copies=copies, other=other, phase="settling")

    def settled(self) -> Membership:
        """Settling took effect."""
        return dataclasses.replace(self, number=self.number + 1, phase="stable", other=None, seat=0)

    def describe(self) -> str:
        """For the operator."""
        if self.other is None:
            return "no copy is being replaced"
        seated = self.copies[self.seat].id
        if self.phase == "replacing":
            return f"copy {seated} is being replaced by copy {self.other.id}"
        return f"copy {self.other.id} is being let go, copy {seated} stays"

    # -- places -------------------------------------------------------------------------------------------------

    def places(self, root: Path) -> Iterator[CopyLayout]:
        """Every copy that is named, with its path as it is found from the data directory `root`."""
        for place in (*self.copies, *([] if self.other is None else [self.other])):
            yield CopyLayout(place.id, place.az, root / place.path)

    def ids(self) -> set[int]:
        return {place.id for place in (*self.copies, *([] if self.other is None else [self.other]))}

    def to_json(self) -> dict[str, Any]:
        return {
            "number": self.number,
            "copies": [place_to_json(place) for place in self.copies],
            "next_id": self.next_id,
            "phase": self.phase,
            "seat": self.seat,
            "other": None if self.other is None else place_to_json(self.other),
        }

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Membership:
        """Raises KeyError, TypeError or ValueError when it is none."""
        phase = document["phase"]
        if phase not in ("stable", "replacing", "settling"):
            raise ValueError(f"unknown phase {phase!r}")
        other = document["other"]
        return cls(
            int(document["number"]),
            tuple(map(place_from_json, document["copies"])),
            int(document["next_id"]),
            phase,
            int(document["seat"]),
            None if other is None else place_from_json(other),
        )


class MembershipChange:
    """The membership of one writer: what is in force, what is proposed, and which copies have the proposal durably."""

    def __init__(self, membership: Membership) -> None:
        self.in_force = membership
        self.proposed: Membership | None = None
        self._holders: set[int] = set()

    @property
    def newest(self) -> Membership:
        return self.proposed or self.in_force

    @property
    def write_sets(self) -> tuple[tuple[int, ...], ...]:
        """While a proposal is open, the rules of both hold."""
        sets = dict.fromkeys(self.in_force.write_sets)
        if self.proposed is not None:
            sets.update(dict.fromkeys(self.proposed.write_sets))
        return tuple(sets)

    def propose(self, membership: Membership) -> None:
        """Raises StorageError when another proposal is open."""
        if self.proposed is not None:
            raise StorageError("the last change of the copies is still under way")
        self.proposed = membership
        self._holders.clear()

    def recorded(self, copy: int, number: int) -> bool:
        """`copy` has version `number` durably. Returns whether the proposal takes effect by that."""
        if self.proposed is None or number != self.proposed.number:
            return False
        self._holders.add(copy)
        if not (self.in_force.can_write(self._holders) and self.proposed.can_write(self._holders)):
            return False
        self.in_force, self.proposed = self.proposed, None
        return True

    def withdraw(self, copy: int) -> None:
        """`copy` is lost, and what it had recorded may be lost, too."""
        self._holders.discard(copy)

    def settle(self) -> None:
        """What is in force has been on a write quorum: if it is settling, that is over."""
        if self.in_force.phase == "settling" and self.proposed is None:
            self.in_force = self.in_force.settled()


def place_to_json(place: CopyLayout) -> dict[str, Any]:
    return {"id": place.id, "az": place.az, "path": str(place.path)}


def place_from_json(document: dict[str, Any]) -> CopyLayout:
    """Raises KeyError, TypeError or ValueError when it is none."""
    return CopyLayout(int(document["id"]), str(document["az"]), Path(str(document["path"])))


def _inside(path: Path, root: Path) -> Path:
    return path.relative_to(root) if path.is_relative_to(root) else path
