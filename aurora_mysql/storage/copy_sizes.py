"""How much the copies take on their disks, looked up aside."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping

from aurora_mysql.storage.copy import LocalCopy

#: A size is not looked up again sooner.
_FRESH_S = 0.5


class CopySizes:
    """A disk that dawdles holds up nobody who asks: each copy is looked at by a thread of its own, at most one at a
    time, and the answer is what the last look saw. For any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[int, int] = {}
        self._seen_s: dict[int, float] = {}
        self._looking: dict[int, threading.Event] = {}

    def of(self, copies: Iterable[LocalCopy], patience_s: float) -> Mapping[int, int]:
        """Bytes of the segments, by copy; 0 of what was never seen, or can't be. Waits `patience_s` for new looks."""
        now_s = time.monotonic()
        begun: list[threading.Event] = []
        for copy in copies:
            number = copy.layout.id
            with self._lock:
                if number in self._looking or now_s - self._seen_s.get(number, -_FRESH_S) < _FRESH_S:
                    continue
                ended = self._looking[number] = threading.Event()
            # Daemons: the end of the process must not wait for a disk.
            threading.Thread(target=self._look, args=(copy, ended), name=f"copy-size-{number}", daemon=True).start()
            begun.append(ended)
        for ended in begun:
            ended.wait(max(0.0, now_s + patience_s - time.monotonic()))
        with self._lock:
            return dict(self._known)

    def _look(self, copy: LocalCopy, ended: threading.Event) -> None:
        try:
            size_bytes = copy.bytes_on_disk()
        except OSError:
            size_bytes = 0  # it can't be looked at; its state says so
        with self._lock:
            self._known[copy.layout.id] = size_bytes
            self._seen_s[copy.layout.id] = time.monotonic()
            del self._looking[copy.layout.id]
        ended.set()
