"""Log files: one line per event, with time, level and who."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
from typing import Any, TextIO

from aurora_mysql.redaction import redacted, redacted_traceback


class LineFormatter(logging.Formatter):
    """``2026-01-31T12:00:00.123Z INFO instance-1 replicas.receiver: text``; tracebacks are joined by `` | ``.

    With `confidential` nothing that may be a row's value is written: no statements, no messages of unforeseen errors.
    """

    def __init__(self, who: str, *, confidential: bool = False) -> None:
        self._confidential = confidential
        super().__init__(f"%(asctime)s.%(msecs)03dZ %(levelname)s {who} %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S")
        self.converter = time.gmtime

    def format(self, record: logging.LogRecord) -> str:
        if self._confidential:
            record = logging.makeLogRecord(record.__dict__)
            if isinstance(record.args, tuple):
                record.args = tuple(map(redacted, record.args))
            elif record.args:
                record.args = {key: redacted(value) for key, value in record.args.items()}
            if record.exc_info and record.exc_info[1] is not None:
                record.exc_text = redacted_traceback(record.exc_info[1])
        return super().format(record).replace("\n", " | ")


def keep_unforeseen_confidential() -> None:
    """What the interpreter would print of errors that nobody caught goes to the log instead, without their messages."""
    log = logging.getLogger(__name__)

    def thread_failed(args: threading.ExceptHookArgs) -> None:
        log.error("a thread has ended by an error", exc_info=args.exc_value)

    sys.excepthook = lambda _, error, __: log.critical("this process ends by an error", exc_info=error)
    threading.excepthook = thread_failed
    sys.unraisablehook = lambda args: log.error("an error was passed over", exc_info=args.exc_value)


def loop_failed(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """An event loop's exception handler that does not print the tasks and futures of `context`: they hold values."""
    logging.getLogger("asyncio").error("%s", context.get("message", ""), exc_info=context.get("exception"))


def set_up_logging(who: str, level: str, stream: TextIO, *, confidential: bool = False) -> None:
    """Send every logger of this process to `stream`."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(LineFormatter(who, confidential=confidential))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.getLogger("asyncio").setLevel(logging.WARNING)
