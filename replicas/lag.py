"""Replica lag, measured: from a commit's request at the writer to its visibility here."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

_SAMPLES = 10_000


@dataclass(frozen=True, slots=True)
class LagSummary:
    """Percentiles (nearest rank) in ms over the newest samples; zeros without samples."""

    samples: int
    p50_ms: float
    p99_ms: float
    max_ms: float


class LagMeter:
    """Samples in a bounded ring. `lag_ms(now)` is the newest measurement, or the time since this instance last knew
    itself level with the writer when that is longer than a few heartbeats: a cut stream shows as growing lag. All
    times are Unix microseconds; the writer's and this machine's clocks are taken for one."""

    #: A reader's lag is never shown as 0: that value names the writer.
    LEAST_MS = 0.01

    def __init__(self, *, heartbeat_s: float = 0.1) -> None:
        self._samples: deque[float] = deque(maxlen=_SAMPLES)
        self._silence_us = int(heartbeat_s * 5e6)
        self._level_us = 0
        self._last_ms = self.LEAST_MS
        self.vdl = 0

    def visible(self, commit_time_us: int, now_us: int) -> None:
        """A commit requested at `commit_time_us` (writer's clock) became visible at `now_us`."""
        self._last_ms = max((now_us - commit_time_us) / 1000, self.LEAST_MS)
        self._samples.append(self._last_ms)
        self._level_us = max(self._level_us, commit_time_us)

    def heartbeat(self, vdl: int, sent_us: int, now_us: int, visible_lsn: int) -> None:
        """The writer said at `sent_us` that `vdl` is durable."""
        self.vdl = max(self.vdl, vdl)
        if visible_lsn >= vdl:
            self._level_us = max(self._level_us, sent_us)
            self._last_ms = max((now_us - sent_us) / 1000, self.LEAST_MS)

    def lag_ms(self, now_us: int) -> float | None:
        """None before anything was measured."""
        if not self._level_us:
            return None
        behind_us = now_us - self._level_us
        return behind_us / 1000 if behind_us > self._silence_us else self._last_ms

    def lag_lsn(self, visible_lsn: int) -> int:
        """Records that are durable at the writer, as far as it told, and not visible here."""
        return max(self.vdl - visible_lsn, 0)

    def forget_samples(self) -> None:
        """Summaries are of what comes from now on."""
        self._samples.clear()

    def summary(self) -> LagSummary:
        """Over at most the newest 10,000 commits."""
        ordered = sorted(self._samples)
        if not ordered:
            return LagSummary(0, 0.0, 0.0, 0.0)

        def rank(share: float) -> float:
            return ordered[math.ceil(len(ordered) * share) - 1]

        return LagSummary(len(ordered), rank(0.5), rank(0.99), ordered[-1])
