"""How a writer takes the volume over: find the copies, fence them, read what they have, decide (see recovery.py)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from aurora_mysql.errors import FencedError, QuorumLostError, StorageError, VolumeFormatError
from aurora_mysql.storage.binary import Fence
from aurora_mysql.storage.copy import LocalCopy
from aurora_mysql.storage.disk import Disk
from aurora_mysql.storage.history import EpochHistory
from aurora_mysql.storage.layout import CopyLayout
from aurora_mysql.storage.membership import Membership
from aurora_mysql.storage.quorum import READ_QUORUM
from aurora_mysql.storage.recovery import CopyExtent, CopyReport, Decision, authoritative_history, decide
from aurora_mysql.storage.runtime import Runtime

log = logging.getLogger(__name__)
#: How long recovery waits for slow copies at each of its steps, once enough have answered.
_GRACE_S = 0.5


@dataclass(frozen=True, slots=True)
class Recovered:
    """What a writer begins with. `trusted` copies have everything they ever acknowledged."""

    copies: tuple[LocalCopy, ...]
    fence: Fence
    decision: Decision
    membership: Membership
    trusted: frozenset[int]


@dataclass(frozen=True, slots=True)
class _Found:
    """A copy before it is fenced; `history` is None when it can't be read."""

    held_epoch: int
    history: EpochHistory | None


class _Answer(Protocol):
    @property
    def history(self) -> EpochHistory | None: ...


A = TypeVar("A", bound=_Answer)
T = TypeVar("T")


class Opening:
    """One attempt to take the volume over.

    Args:
        root: the data directory. initial: the copies the volume was made with.
    """

    def __init__(self, root: Path, initial: Membership, cluster_id: str, disk: Disk, runtime: Runtime) -> None:
        self._root, self._initial, self._cluster_id = root, initial, cluster_id
        self._disk, self._runtime = disk, runtime
        self._refused: dict[CopyLayout, VolumeFormatError] = {}

    def run(self, hints: Iterable[CopyLayout], min_epoch: int) -> Recovered:
        """Fence earlier writers and recover, with an epoch of at least `min_epoch`.

        Raises:
            QuorumLostError: too few complete copies. VolumeFormatError: another cluster's or a newer format.
            FencedError: another writer opened at the same time and won.
        """
        hinted = (CopyLayout(place.id, place.az, self._root / place.path) for place in hints)
        start = list(dict.fromkeys([*self._initial.places(self._root), *hinted]))
        found = self._everywhere(start, _look)
        places = self._named_by(found.values())
        members = {place.id for place in places if place in found}
        if not self._newest(found.values()).can_read(members):
            raise QuorumLostError(
                f"only {len(members)} copies of the volume can be read, recovery needs {READ_QUORUM} of 6"
            )
        held_epoch = max(answer.held_epoch for answer in found.values())
        fence = Fence(max(min_epoch, held_epoch + 1), self._disk.entropy(16))
        fenced = self._everywhere(list(dict.fromkeys([*start, *found, *places])), lambda copy: _fence_copy(copy, fence))
        places = self._named_by([report for report in fenced.values() if report.trusted])
        reports = [fenced[place] for place in places if place in fenced]
        history = authoritative_history([*reports, *_strangers(fenced, places)], self._initial)
        trusted = frozenset(report.id for report in reports if report.trusted)
        copies = tuple(LocalCopy(place, self._cluster_id, self._disk) for place in places)
        extents = self._ask(
            lambda copy: _extent(copy, history), [copy for copy in copies if copy.id in trusted], READ_QUORUM
        )
        decision = decide(extents, history, fence.epoch, self._initial)
        return Recovered(copies, fence, decision, history.membership or self._initial, trusted)

    def _newest(self, answers: Iterable[_Answer]) -> Membership:
        histories = [answer.history for answer in answers if answer.history is not None]
        newest = max(histories, key=lambda history: history.version, default=EpochHistory())
        return newest.membership or self._initial

    def _named_by(self, answers: Iterable[_Answer]) -> list[CopyLayout]:
        """The copies of the newest membership among `answers`. A place that was given up may hold anything by now, but
        of a copy that counts, another cluster's or a newer format is an error."""
        places = list(self._newest(answers).places(self._root))
        for place in places:
            if place in self._refused:
                raise self._refused[place]
        return places

    def _everywhere(self, start: Sequence[CopyLayout], work: Callable[[LocalCopy], A | None]) -> dict[CopyLayout, A]:
        """The answers of the copies at `start`, and of those that the answers name, and so on."""
        answers: dict[CopyLayout, A] = {}
        asked: set[CopyLayout] = set()
        places, enough = list(start), READ_QUORUM
        while places:
            asked.update(places)
            copies = [LocalCopy(place, self._cluster_id, self._disk) for place in places]
            got = self._ask(lambda copy: self._paired(copy, work), copies, enough)
            answers.update({copy.layout: answer for copy, answer in got})
            named = (
                place
                for _, answer in got
                if answer.history is not None and answer.history.membership is not None
                for place in answer.history.membership.places(self._root)
            )
            places, enough = [place for place in dict.fromkeys(named) if place not in asked], 0
        return answers

    def _paired(self, copy: LocalCopy, work: Callable[[LocalCopy], A | None]) -> tuple[LocalCopy, A] | None:
        try:
            answer = work(copy)
        except VolumeFormatError as error:
            self._refused[copy.layout] = error
            return None
        return None if answer is None else (copy, answer)

    def _ask(self, work: Callable[[LocalCopy], T | None], asked: Sequence[LocalCopy], enough: int) -> list[T]:
        """The answers of all, or of enough while the others keep us waiting."""
        return [answer for answer in self._runtime.each(work, asked, enough, _GRACE_S) if answer is not None]


def _strangers(reports: dict[CopyLayout, CopyReport], places: Sequence[CopyLayout]) -> list[CopyReport]:
    """Copies that were replaced don't count, but what they know does."""
    ids = {place.id for place in places}
    return [report for report in reports.values() if report.id not in ids]


def _look(copy: LocalCopy) -> _Found | None:
    try:
        copy.check_identity()
        held = copy.read_fence().epoch
    except VolumeFormatError:
        raise
    except (StorageError, OSError) as error:
        log.warning("copy %d can't be opened: %s", copy.id, error)
        return None
    try:
        return _Found(held, copy.read_history())
    except VolumeFormatError:
        raise
    except (StorageError, OSError) as error:
        log.warning("copy %d has no history: %s", copy.id, error)
        return _Found(held, None)


def _fence_copy(copy: LocalCopy, fence: Fence) -> CopyReport | None:
    try:
        copy.check_identity()
        copy.raise_fence(fence)
        return CopyReport(copy.id, copy.is_complete(), copy.read_history())
    except (VolumeFormatError, FencedError):
        raise
    except (StorageError, OSError) as error:
        log.warning("copy %d can't be fenced: %s", copy.id, error)
        return None


def _extent(copy: LocalCopy, history: EpochHistory) -> CopyExtent | None:
    try:
        scl, last_cpl, damaged = copy.extent(history)
    except (StorageError, OSError) as error:
        log.warning("copy %d can't be read: %s", copy.id, error)
        return None
    return None if damaged else CopyExtent(copy.id, scl, last_cpl)
