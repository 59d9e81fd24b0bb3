"""Log files: one line per event, with time, level and who."""

from __future__ import annotations

import logging
import time
from typing import TextIO


class LineFormatter(logging.Formatter):
    """``2026-01-31T12:00:00.123Z INFO instance-1 replicas.receiver: text``; tracebacks are joined by `` | ``."""

    def __init__(self, who: str) -> None:
        super().__init__(f"%(asctime)s.%(msecs)03dZ %(levelname)s {who} %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S")
        self.converter = time.gmtime

    def format(self, record: logging.LogRecord) -> str:
        return super().format(record).replace("\n", " | ")


def set_up_logging(who: str, level: str, stream: TextIO) -> None:
    """Send every logger of this process to `stream`."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(LineFormatter(who))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.getLogger("asyncio").setLevel(logging.WARNING)
