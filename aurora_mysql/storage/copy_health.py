"""Which copies are too slow to take part, without I/O and without a clock.

Commits don't wait for a slow copy: four of six acknowledge. But as long as it takes part, its queue keeps what it has
not written, and the end of a writer waits for it. So a copy whose synced writes take many times as long as those of its
peers, for some time, is left out, asked by small writes whether it is fast again, and then refilled and readmitted.

Invariant: no copy is left out that the write quorum needs. A slow copy is better than none: where others are lost, it
is called back.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

#: A verdict needs so many stretches of time in a row.
_STRETCHES = 5
#: Fewer peers don't say what is usual.
_LEAST_PEERS = 3
#: A copy that is slow again soon after its return waits twice as long, up to so many times.
_MOST_PATIENCE = 64
_SOON = 20.0


@dataclass(frozen=True, slots=True)
class SlowRules:
    """A copy is slow when its writes take longer than `floor_s` and `ratio` times the median of its peers, all through
    `after_s` (0: never); and fast again below half of that for as long. Seconds."""

    after_s: float = 5.0
    ratio: float = 10.0
    floor_s: float = 0.02


@dataclass(frozen=True, slots=True)
class SlowCopy:
    """A verdict: seconds that a write of `copy` takes, and one of its peers."""

    copy: int
    took_s: float
    peers_s: float

    def __str__(self) -> str:
        return f"a write takes {1000 * self.took_s:.1f} ms, with its peers {1000 * self.peers_s:.1f} ms"


class CopyHealth:
    """For one thread at a time; times are those of one clock that never goes back."""

    def __init__(self, rules: SlowRules) -> None:
        self._rules = rules
        self._stretch_s = rules.after_s / _STRETCHES
        self._due_s: float | None = None
        self._sums: dict[int, list[float]] = {}  # of this stretch: how many writes, and their seconds
        self._usual_s: dict[int, float] = {}
        self._suspected: dict[int, int] = {}  # for how many stretches in a row
        self._left_out: set[int] = set()
        self._fast_since_s: dict[int, float] = {}  # of copies that are left out
        self._patience: dict[int, int] = {}
        self._returned_s: dict[int, float] = {}

    def took(self, copy: int, seconds: float, now_s: float) -> bool:
        """`copy` took so long for a write. Returns whether it is time to judge."""
        entry = self._sums.get(copy)
        if entry is None:
            self._sums[copy] = [1, seconds]
        else:
            entry[0] += 1
            entry[1] += seconds
        if self._due_s is None:
            self._due_s = now_s + self._stretch_s
        return now_s >= self._due_s and self._rules.after_s > 0

    def overflowed(self, copy: int) -> None:
        """`copy` fell too far behind and was left out at once. It may have been a hiccup: one fast probe brings it
        back, but a slow one shows that it is slow."""
        self._left_out.add(copy)
        self._fast_since_s.pop(copy, None)
        self._patience[copy] = 0

    def judge(
        self,
        now_s: float,
        live: Collection[int],
        pending: Mapping[int, float],
        can_write: Callable[[Collection[int]], bool],
    ) -> list[SlowCopy]:
        """End a stretch of time: the copies that are to be left out from now on.

        Args:
            live: the copies that take part.
            pending: since how many seconds those are writing that have a write under way.
            can_write: whether such copies are a write quorum.
        """
        seen = {copy: total / count for copy, (count, total) in self._sums.items() if copy in live}
        for copy, seconds in pending.items():
            # A write that doesn't end tells as much as one that took so long.
            if copy in live and (copy in seen or seconds > self._stretch_s):
                seen[copy] = max(seconds, seen.get(copy, 0.0))
        self._sums.clear()
        self._due_s = now_s + self._stretch_s
        self._usual_s.update(seen)
        slow: list[SlowCopy] = []
        for copy, took_s in seen.items():
            peers = [other_s for other, other_s in seen.items() if other != copy]
            if len(peers) < _LEAST_PEERS:
                continue
            peers_s = statistics.median(peers)
            if took_s > max(self._rules.floor_s, self._rules.ratio * peers_s):
                self._suspected[copy] = self._suspected.get(copy, 0) + 1
                slow.append(SlowCopy(copy, took_s, peers_s))
            else:
                self._suspected.pop(copy, None)
        if not can_write(set(live) - {verdict.copy for verdict in slow}):
            return []  # commits would wait for one of them all the same
        left_out = [verdict for verdict in slow if self._suspected[verdict.copy] >= _STRETCHES]
        for verdict in left_out:
            self._begin_to_wait(verdict.copy, now_s)
        return left_out

    def _begin_to_wait(self, copy: int, now_s: float) -> None:
        self._left_out.add(copy)
        self._suspected.pop(copy, None)
        self._fast_since_s.pop(copy, None)
        returned_s = self._returned_s.get(copy)
        soon = returned_s is not None and now_s - returned_s < _SOON * self._rules.after_s
        self._patience[copy] = min(_MOST_PATIENCE, 2 * max(1, self._patience.get(copy, 1))) if soon else 1

    def probed(self, copy: int, seconds: float, now_s: float) -> bool:
        """`copy` took so long for a small write. Returns whether it may come back, if it is left out. The others are
        asked as well meanwhile: a machine that is slow by now must not keep it out."""
        self._usual_s[copy] = seconds
        if copy not in self._left_out:
            return False
        peers = [usual_s for other, usual_s in self._usual_s.items() if other not in self._left_out]
        peers_s = statistics.median(peers) if len(peers) >= _LEAST_PEERS else 0.0
        if seconds > max(self._rules.floor_s, self._rules.ratio * peers_s) / 2:
            self._fast_since_s.pop(copy, None)
            self._patience[copy] = max(1, self._patience.get(copy, 1))
            return False
        since_s = self._fast_since_s.setdefault(copy, now_s)
        return now_s - since_s >= self._rules.after_s * self._patience.get(copy, 1)

    @property
    def asks(self) -> bool:
        """Whether a copy is left out, so that what is usual is to be known."""
        return bool(self._left_out)

    def returned(self, copy: int, now_s: float) -> None:
        """`copy` takes part again."""
        if copy in self._left_out:
            self._left_out.discard(copy)
            self._fast_since_s.pop(copy, None)
            if self._patience.get(copy):
                self._returned_s[copy] = now_s

    def forget(self, copies: Collection[int]) -> None:
        """Copies that are no more."""
        for known in (self._sums, self._usual_s, self._suspected, self._fast_since_s, self._patience, self._returned_s):
            for copy in copies:
                known.pop(copy, None)
        self._left_out.difference_update(copies)

    def latency_ms(self, copy: int) -> float | None:
        """What a write of `copy` took lately, in milliseconds; None before anything was written."""
        seconds = self._usual_s.get(copy)
        return None if seconds is None else round(1000 * seconds, 3)
