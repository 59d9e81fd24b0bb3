"""What the past costs and what of it is kept: decisions without I/O.

A state of the past is a checkpoint at or before it plus the redo from there on. So the redo after the oldest kept
checkpoint is kept, and every instant since that checkpoint can be reached.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

#: Always kept: the older one is there for the day the newer can't be read.
NEWEST_KEPT = 2

#: Of an instant's age, how much redo at most stands between it and the checkpoint before it (or one interval).
REPLAY_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Retention:
    """How far back one can return.

    `window_s` is the time that restore or backtrack may ask for, whichever is longer; `redo_limit_bytes` bounds the
    redo that is kept for it in each copy (0: no bound). Where the bound is met first, the window is shorter.
    """

    window_s: float = 0.0
    redo_limit_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Point:
    """A checkpoint: everything up to `lsn`, whose last commit was made at `time_us` (Unix microseconds)."""

    lsn: int
    time_us: int


def choose_kept(points: Sequence[Point], now_us: int, window_us: int, floor_lsn: int = 0) -> set[int]:
    """The LSNs of the checkpoints to keep.

    The newest two stay in any case. Of the others: the newest one that is as old as the window (from there on every
    instant in the window can be reached) and later ones, thinned out so that restoring an instant replays at most half
    of its age of redo. What lies below `floor_lsn` goes: its redo is more than may be kept.
    """
    ordered = sorted(points, key=lambda point: point.lsn)
    newest, older = ordered[-NEWEST_KEPT:], ordered[:-NEWEST_KEPT]
    begin_us = now_us - window_us
    reaching = [point for point in ordered if point.time_us <= begin_us]
    base_lsn = reaching[-1].lsn if reaching else 0
    kept = {point.lsn for point in newest}
    wanted = [point for point in older if point.lsn >= base_lsn and point.lsn >= floor_lsn]
    before: Point | None = None
    for point, after in itertools.pairwise([*wanted, *newest[:1]]):
        gap_us = after.time_us - before.time_us if before is not None else None
        if gap_us is not None and gap_us <= (now_us - after.time_us) * REPLAY_SHARE:
            continue
        kept.add(point.lsn)
        before = point
    return kept


def floor_of_log(segments: Sequence[tuple[int, int]], limit_bytes: int) -> int:
    """The lowest LSN from which the log takes at most `limit_bytes`; 0 when all of it does, or without a limit.

    `segments` are (start LSN, bytes), ascending. The last segment never counts as too much.
    """
    if limit_bytes <= 0:
        return 0
    total = 0
    for at in range(len(segments) - 1, -1, -1):
        total += segments[at][1]
        if total > limit_bytes and at < len(segments) - 1:
            return segments[at + 1][0]
    return 0


def reachable_from_us(kept: Sequence[Point]) -> int | None:
    """The earliest instant that can be restored: that of the oldest kept checkpoint; None: the log is whole, so its
    first commit is."""
    return min((point.time_us for point in kept), default=None) if len(kept) >= NEWEST_KEPT else None
