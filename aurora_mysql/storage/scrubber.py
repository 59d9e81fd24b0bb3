"""Background scrubbing: every record of every copy is read from its medium and checked, at a bounded rate.

What nobody reads for months rots unseen; by the time a recovery or a refill needs it, the other copies may have rotted,
too. A copy that fails is taken out of the quorum and refilled from its peers, as long as four others take part.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Protocol

from aurora_mysql.errors import CorruptRecordError, StorageError
from aurora_mysql.storage.copy import LocalCopy
from aurora_mysql.storage.history import EpochHistory
from aurora_mysql.storage.layout import ScrubStatus, VolumeOptions
from aurora_mysql.storage.peers import Peers
from aurora_mysql.storage.runtime import Runtime, Worker

log = logging.getLogger(__name__)

#: Each batch counts as at least so many bytes: what a small one costs is not its bytes.
_LEAST_BYTES = 4096
_PAUSE_S = 0.01


class Scrubbed(Protocol):
    """A copy as the scrubber sees it."""

    @property
    def id(self) -> int: ...
    @property
    def live(self) -> bool: ...
    @property
    def scl(self) -> int: ...
    @property
    def copy(self) -> LocalCopy: ...


class Scrubbing(Protocol):
    """What the scrubber needs of the volume."""

    @property
    def history(self) -> EpochHistory: ...
    def writers(self) -> Sequence[Scrubbed]: ...
    @property
    def peers(self) -> Peers: ...
    def take_out(self, copy: int, reason: str) -> bool: ...


class Scrubber:
    """Runs on a thread of its own from `start` to `stop`."""

    def __init__(self, volume: Scrubbing, options: VolumeOptions, runtime: Runtime) -> None:
        self._volume, self._options, self._runtime = volume, options, runtime
        self._bell = runtime.bell()
        self._worker: Worker | None = None
        self._stop = False
        self._unreadable: dict[int, int] = {}
        self._rounds = self._damaged = self._copy = self._checked_bytes = 0

    def start(self) -> None:
        if self._options.scrub_bytes_per_s > 0:
            self._worker = self._runtime.spawn(self._run, "volume-scrubber")

    def stop(self) -> None:
        self._stop = True
        self._bell.ring()
        if self._worker is not None:
            self._worker.join(5.0)

    def status(self) -> ScrubStatus:
        return ScrubStatus(self._rounds, self._damaged, self._copy, self._checked_bytes)

    def _run(self) -> None:
        while not self._stop:
            if self._bell.wait(self._options.scrub_interval_s):
                continue
            self._checked_bytes = 0
            for copy in self._volume.writers():
                if copy.live and not self._stop:
                    self._copy = copy.id
                    self._check(copy)
            self._copy = 0
            self._rounds += 1

    def _check(self, copy: Scrubbed) -> None:
        needed_from = self._volume.peers.needed_from()
        try:
            debt_bytes = 0
            for size in copy.copy.scrub(self._volume.history, needed_from, copy.scl):
                self._checked_bytes += size
                debt_bytes += max(size, _LEAST_BYTES)
                pause_s = debt_bytes / self._options.scrub_bytes_per_s
                if pause_s >= _PAUSE_S:
                    debt_bytes = 0
                    if self._stop or self._bell.wait(pause_s) or not copy.live:
                        return
            self._unreadable.pop(copy.id, None)
        except CorruptRecordError as error:
            if copy.live and needed_from == self._volume.peers.needed_from():  # else it was collected meanwhile
                self._found(copy.id, str(error))
        except (StorageError, OSError) as error:
            # Once may be a passing failure, which the copy's own thread meets as well; twice is a bad place.
            self._unreadable[copy.id] = self._unreadable.get(copy.id, 0) + 1
            log.warning("copy %d can't be scrubbed: %s", copy.id, error)
            if self._unreadable[copy.id] > 1:
                self._found(copy.id, str(error))

    def _found(self, copy: int, reason: str) -> None:
        if self._volume.take_out(copy, reason):
            self._damaged += 1
            self._unreadable.pop(copy, None)
        else:
            log.error("copy %d is damaged (%s) and is repaired when four others take part", copy, reason)
