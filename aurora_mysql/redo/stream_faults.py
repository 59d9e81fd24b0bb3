"""Failures of readers on demand: for a while a reader gets nothing, or not everything, from the writer."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class _Fault:
    reader: str | None  # None: every one
    percent: float
    until_s: float


class StreamFaults:
    """The faults of one writer's redo stream; without any it costs next to nothing."""

    def __init__(self) -> None:
        self._faults: tuple[_Fault, ...] = ()

    def add(self, reader: str | None, percent: float, seconds: float) -> None:
        """From now on, for `seconds`, `percent` of what is sent to `reader` (None: to all) ends its connection, and as
        many of its attempts to connect are in vain."""
        now_s = time.monotonic()
        active = tuple(fault for fault in self._faults if fault.until_s > now_s)
        self._faults = (*active, _Fault(reader, percent, now_s + seconds))

    def strike(self, reader: str) -> bool:
        """Whether what is to be sent to `reader` now fails."""
        if not self._faults:
            return False
        now_s = time.monotonic()
        self._faults = tuple(fault for fault in self._faults if fault.until_s > now_s)
        return any(fault.reader in (None, reader) and random.random() * 100 < fault.percent for fault in self._faults)
