"""Names and shapes shared by the storage room: where the copies live, what a record is, what status looks like."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Literal

from aurora_mysql.storage.copy_health import SlowRules
from aurora_mysql.storage.volume_size import VolumeLimits, VolumeSize

CopyState = Literal["ok", "behind", "repairing", "missing", "full", "corrupt", "slow"]


@lru_cache(maxsize=4096)
def file_in(directory: Path, name: str) -> Path:
    """`directory` / `name`, made once: pathlib takes longer than some of the calls that need it."""
    return directory / name


@dataclass(frozen=True, slots=True)
class CopyLayout:
    """Where one copy of the redo log lives."""

    id: int
    az: str
    path: Path


def default_layout(data_dir: Path | str) -> list[CopyLayout]:
    """Six copies, two in each of three availability zones, under `data_dir`/volume."""
    root = Path(data_dir) / "volume"
    return [
        CopyLayout(number, zone, root / zone / f"copy-{number}")
        for number, zone in enumerate(("az-a", "az-a", "az-b", "az-b", "az-c", "az-c"), start=1)
    ]


@dataclass(slots=True)
class Record:
    """One record of the redo log; `payload` means nothing to storage. `cpl` marks the last part of a commit."""

    lsn: int
    epoch: int
    cpl: bool
    payload: bytes


@dataclass(frozen=True, slots=True)
class VolumeOptions:
    """Sizes and times of a volume; the defaults suit local disks.

    `max_queued_bytes` bounds what waits while the write quorum is lost; `copy_queue_bytes` how far one slow copy
    may fall behind in memory before it is refilled from its peers instead. A scrub begins `scrub_interval_s` after the
    one before has ended; at 0 `scrub_bytes_per_s` there is none. Batches from `seal_aside_bytes` on are encrypted by a
    copy's thread: the event loop has no time for it. A copy that is behind keeps at most `hold_bytes` of log from being
    collected. `slow` says when a copy is left out for being slow.
    """

    segment_bytes: int = 16 << 20
    batch_bytes: int = 8 << 20
    max_queued_bytes: int = 64 << 20
    copy_queue_batches: int = 256
    copy_queue_bytes: int = 32 << 20
    retry_interval_s: float = 0.25
    watch_interval_s: float = 0.5
    scrub_interval_s: float = 600.0
    scrub_bytes_per_s: int = 16 << 20
    seal_aside_bytes: int = 64 << 10
    hold_bytes: int = 1 << 30
    limits: VolumeLimits = field(default_factory=VolumeLimits)
    slow: SlowRules = field(default_factory=SlowRules)


@dataclass(frozen=True, slots=True)
class VolumeState:
    """What on_state tells: can the volume take writes, and if it can't, why (`full`: for want of disk space)."""

    writable: bool
    fenced: bool = False
    epoch: int = 0
    live_copies: int = 0
    reason: str = ""
    full: bool = False


@dataclass(frozen=True, slots=True)
class CopyStatus:
    """One copy as `status` shows it; `scl` is its highest gap-free LSN, `bytes` what its segments hold on disk,
    `filled_percent` how far a copy is that is being filled from its peers (100: it isn't), `latency_ms` what a synced
    write took lately (None: nothing was written)."""

    id: int
    az: str
    path: Path
    scl: int
    state: CopyState
    bytes: int
    filled_percent: float = 100.0
    latency_ms: float | None = None


@dataclass(frozen=True, slots=True)
class ScrubStatus:
    """`rounds` that were completed, copies found damaged since the volume was opened, and where the scrubber is:
    `copy` 0 means that it rests; `checked_bytes` are of this round."""

    rounds: int = 0
    damaged: int = 0
    copy: int = 0
    checked_bytes: int = 0


@dataclass(frozen=True, slots=True)
class VolumeStatus:
    """The volume as `status` shows it; `size_bytes` is the log once (the largest copy), `usage` the database against
    its ceiling; `membership` counts the changes of the copies, and `change` tells of the one under way."""

    vdl: int
    epoch: int
    size_bytes: int
    writable: bool
    copies: Sequence[CopyStatus] = field(default_factory=tuple)
    scrub: ScrubStatus = field(default_factory=ScrubStatus)
    membership: int = 0
    change: str = ""
    usage: VolumeSize = field(default_factory=VolumeSize)


OnVdl = Callable[[int], None]
OnState = Callable[[VolumeState], None]
