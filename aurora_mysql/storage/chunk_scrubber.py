"""Checks every chunk of every kept state in every place, a few at a time at a bounded rate, and repairs what is bad."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Protocol

from aurora_mysql.errors import StorageError
from aurora_mysql.storage.chunks import ChunkTally
from aurora_mysql.storage.runtime import THREADS, Runtime, Worker

log = logging.getLogger(__name__)

#: Chunks that are checked while nobody else may change the store: a checkpoint waits for no more than these.
_CHUNKS_AT_ONCE = 16
_JOIN_S = 5.0


class Scrubbable(Protocol):
    """What the scrubber needs of the checkpoint store."""

    def scrub_part(self, after: str, count: int, tally: ChunkTally) -> str: ...


@dataclass(frozen=True, slots=True)
class ChunkScrubStatus:
    """Whole rounds since this writer began; of the round in progress, or the last one, the bytes read, and the chunks
    that were repaired in some place and those that are whole nowhere."""

    rounds: int = 0
    checked_bytes: int = 0
    repaired: int = 0
    lost: int = 0


class ChunkScrubber:
    """A round begins `interval_s` after the last one has ended and reads at most `bytes_per_s` (0: there is none)."""

    def __init__(self, store: Scrubbable, *, interval_s: float, bytes_per_s: int, runtime: Runtime = THREADS) -> None:
        self._store, self._interval_s, self._bytes_per_s = store, interval_s, bytes_per_s
        self._runtime, self._bell = runtime, runtime.bell()
        self._stop = False
        self._rounds = 0
        self._tally = ChunkTally()
        self._worker: Worker | None = None

    def start(self) -> None:
        if self._bytes_per_s > 0:
            self._worker = self._runtime.spawn(self._run, "chunk-scrubber")

    def stop(self) -> None:
        """Ends after the chunks under way. May be called twice."""
        self._stop = True
        self._bell.ring()
        if self._worker is not None:
            self._worker.join(_JOIN_S)

    def status(self) -> ChunkScrubStatus:
        return ChunkScrubStatus(self._rounds, self._tally.checked_bytes, self._tally.repaired, len(self._tally.lost))

    def _run(self) -> None:
        while not self._stop:
            if self._bell.wait(self._interval_s):
                continue
            try:
                self._round()
            except (StorageError, OSError) as error:
                log.warning("chunks can't be checked: %s", error)

    def _round(self) -> None:
        self._tally, after, paid_bytes = ChunkTally(), "", 0
        while not self._stop:
            after = self._store.scrub_part(after, _CHUNKS_AT_ONCE, self._tally)
            if not after:
                self._rounds += 1
                return
            self._bell.wait((self._tally.checked_bytes - paid_bytes) / self._bytes_per_s)
            paid_bytes = self._tally.checked_bytes
