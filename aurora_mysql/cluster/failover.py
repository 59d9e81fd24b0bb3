"""What failover decides, without I/O: who is hung, who becomes the writer, who listens where."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["ok", "hung", "stalled"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """An instance that could be promoted. `lsn`: the highest LSN it has applied (visible to its readers)."""

    id: str
    lsn: int
    tier: int


def choose_writer(candidates: Sequence[Candidate]) -> str | None:
    """The instance to promote: highest LSN, then lowest promotion tier, then id; None without candidates.

    Losing nothing doesn't hang on the choice (every durable record is in the volume): the one that is furthest has
    the least to catch up.
    """
    if not candidates:
        return None
    return min(candidates, key=lambda c: (-c.lsn, c.tier, c.id)).id


@dataclass(frozen=True, slots=True)
class Assignment:
    """Which shared endpoints an instance listens on."""

    cluster_endpoint: bool
    reader_endpoint: bool


def assign_endpoints(instances: Sequence[str], writer: str | None) -> dict[str, Assignment]:
    """Endpoints of the live `instances`: the cluster endpoint is the writer's; the reader endpoint is shared by the
    readers and served by the writer when there is none."""
    readers = [instance for instance in instances if instance != writer]
    return {instance: Assignment(instance == writer, instance != writer or not readers) for instance in instances}


class HangDetector:
    """Judges one instance by its heartbeats.

    A stopped process that doesn't beat for `hang_s` is hung. One that the kernel would let run gets `silence_s`: a
    busy machine can starve a healthy process for seconds, and killing it then makes matters worse. An instance that
    beats while its event loop stands still for `stall_s` is stalled. Silence is only evidence while the judge itself
    was awake: after a gap between two looks the clock starts again, else a supervisor that was stopped and continued
    would kill a healthy writer.
    """

    def __init__(self, *, hang_s: float, silence_s: float, stall_s: float) -> None:
        self._hang_s = hang_s
        self._silence_s = max(silence_s, hang_s)
        self._stall_s = stall_s
        self._heard_s: float | None = None
        self._looked_s: float | None = None
        self._loop_age_s = 0.0

    def heard(self, now_s: float, loop_age_s: float) -> None:
        """A heartbeat came; `loop_age_s`: time since the sender's event loop last turned."""
        self._heard_s = now_s
        self._loop_age_s = loop_age_s

    def judge(self, now_s: float, stopped: Callable[[], bool]) -> Verdict:
        """What to think of it at `now_s`; `stopped` (is its process stopped?) is asked only of a silent one."""
        awake = self._looked_s is not None and now_s - self._looked_s <= self._hang_s / 2
        self._looked_s = now_s
        if self._heard_s is None:
            return "ok"
        if not awake:
            self._heard_s = max(self._heard_s, now_s)
            return "ok"
        silent_s = now_s - self._heard_s
        if silent_s > self._silence_s or (silent_s > self._hang_s and stopped()):
            return "hung"
        return "stalled" if self._loop_age_s > self._stall_s else "ok"


class RestartBackoff:
    """How long to wait before an instance is started again: at once after a long life, longer after each short one."""

    def __init__(self, *, first_s: float = 0.1, most_s: float = 10.0, healthy_s: float = 10.0) -> None:
        self._first_s, self._most_s, self._healthy_s = first_s, most_s, healthy_s
        self._next_s = 0.0

    def after(self, lived_s: float) -> float:
        """Seconds to wait, given how long the process lived."""
        if lived_s >= self._healthy_s:
            self._next_s = 0.0
        wait_s = self._next_s
        self._next_s = min(max(self._next_s * 2, self._first_s), self._most_s)
        return wait_s
