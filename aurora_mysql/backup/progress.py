"""Progress of long work, for who waits at a terminal or reads a log."""

from __future__ import annotations

import sys
import time
from typing import TextIO

_EVERY_S = {True: 0.1, False: 2.0}
_BAR = 30


class Progress:
    """Counts work towards `total` (0: unknown); shows a bar on a terminal, a line every two seconds elsewhere."""

    def __init__(self, label: str, total: int, *, unit: str = "", stream: TextIO | None = None) -> None:
        self._label, self._total, self._unit = label, total, unit
        self._stream = stream if stream is not None else sys.stderr
        self._terminal = self._stream.isatty()
        self._done = 0
        self._shown_s = time.monotonic()
        self._lines = 0

    def add(self, count: int = 1) -> None:
        self._done += count
        now_s = time.monotonic()
        if now_s - self._shown_s >= _EVERY_S[self._terminal]:
            self._shown_s = now_s
            self._show()

    def finish(self) -> None:
        """Show the end, unless it went so fast that nothing was shown before."""
        if self._lines:
            self._total = self._total or self._done
            self._show()
            if self._terminal:
                self._stream.write("\n")
                self._stream.flush()

    def _show(self) -> None:
        self._lines += 1
        share = min(self._done / self._total, 1.0) if self._total else 0.0
        count = f"{self._done}{f' of {self._total}' if self._total else ''}{f' {self._unit}' if self._unit else ''}"
        if self._terminal:
            filled = round(_BAR * share)
            self._stream.write(f"\r{self._label} [{'#' * filled}{' ' * (_BAR - filled)}] {100 * share:3.0f}%  {count} ")
        else:
            self._stream.write(f"{self._label}: {100 * share:.0f}% ({count})\n")
        self._stream.flush()
