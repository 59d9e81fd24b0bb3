"""What a log may say where no row may be read from it: the logs of an encrypted cluster."""

from __future__ import annotations

import traceback

from aurora_mysql.errors import AuroraError, MySQLError


class StatementText(str):
    """A statement, or a part of one: it may hold values of rows."""


def redacted(value: object) -> object:
    """`value` as a log line's argument: of statements their length is left, of errors that may quote values what kind
    they are. Errors of our own speak of files, records and processes, unless another error is their cause."""
    if isinstance(value, StatementText):
        return f"(a statement of {len(value)} characters)"
    if not isinstance(value, BaseException):
        return value
    if isinstance(value, MySQLError):
        return f"error {value.errno}"
    if isinstance(value, OSError):
        return value.strerror or type(value).__name__
    if isinstance(value, AuroraError) and _harmless(value.__cause__) and _harmless(value.__context__):
        return str(value)
    return type(value).__name__


def redacted_traceback(error: BaseException) -> str:
    """Where it happened and what kinds of error they are, without their messages."""
    lines: list[str] = []
    found: BaseException | None = error
    while found is not None:
        kind, told = type(found).__name__, str(redacted(found))
        lines.append(kind if told == kind else f"{kind}: {told}")
        frames = traceback.extract_tb(found.__traceback__)
        lines += [f"  {frame.filename}:{frame.lineno} in {frame.name}" for frame in frames]
        found = found.__cause__ or found.__context__
    return "\n".join(lines)


def _harmless(error: BaseException | None) -> bool:
    return error is None or (
        isinstance(error, AuroraError | OSError) and not isinstance(error, MySQLError) and _harmless(error.__cause__)
    )
