"""How large the volume is, and how large it may become: decisions without I/O.

What counts is the database as it is now: what its newest checkpoint takes, and the redo since. What is kept for the
past (older redo, checkpoints, snapshots) has bounds of its own, in time and in bytes, and goes by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class VolumeLimits:
    """The volume grows by protection groups of `group_bytes`, as many whole ones as `max_bytes` has room for."""

    group_bytes: int = 10 << 30
    max_bytes: int = 128 << 40

    @property
    def capacity_bytes(self) -> int:
        return max(1, self.max_bytes // self.group_bytes) * self.group_bytes

    def groups(self, used_bytes: int) -> int:
        """How many are in use."""
        return max(1, -(-used_bytes // self.group_bytes))


@dataclass(frozen=True, slots=True)
class VolumeSize:
    """`used_bytes` is the database at its last measurement (`data_bytes`) and the redo since its newest checkpoint."""

    used_bytes: int = 0
    data_bytes: int = 0
    left_bytes: int = 0
    max_bytes: int = 0
    groups: int = 1
    group_bytes: int = 0


class SizeMeter:
    """What is used: measured now and then, counted on in between. Whoever changes it holds the volume's lock."""

    def __init__(self, limits: VolumeLimits) -> None:
        self.limits = limits
        self._capacity_bytes = limits.capacity_bytes
        self._data_bytes = 0
        self.used_bytes = 0

    def measured(self, data_bytes: int, redo_bytes: int) -> None:
        self._data_bytes, self.used_bytes = data_bytes, data_bytes + redo_bytes

    @property
    def may_grow(self) -> bool:
        """Whether commits may write rows; the one that reaches the ceiling may be larger than what was left. What makes
        rows go or changes definitions is always let in: its redo counts only until the next checkpoint."""
        return self.used_bytes < self._capacity_bytes

    @property
    def wants_checkpoint(self) -> bool:
        """The ceiling is near, and a checkpoint would leave much less to count."""
        redo_bytes = self.used_bytes - self._data_bytes
        return self.used_bytes >= self._capacity_bytes * 7 // 8 and redo_bytes >= self._capacity_bytes // 16

    def now(self) -> VolumeSize:
        used, limits = self.used_bytes, self.limits
        left = max(0, self._capacity_bytes - used)
        groups = limits.groups(min(used, self._capacity_bytes))
        return VolumeSize(used, self._data_bytes, left, self._capacity_bytes, groups, limits.group_bytes)


def redo_above(segments: Sequence[tuple[int, int]], lsn: int) -> int:
    """Bytes of the segments, (start LSN, bytes) in order, that may have a record above `lsn`."""
    ends = [start for start, _ in segments[1:]] + [lsn + 2]
    return sum(size for (_, size), end in zip(segments, ends, strict=False) if end > lsn + 1)
