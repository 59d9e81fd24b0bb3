"""Files of the server's machine that statements may read and write: those in `secure_file_priv`'s directory."""

from __future__ import annotations

from pathlib import Path

from aurora_mysql.errors import mysql_error
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.plan import PlanContext


def allowed_path(name: str, pc: PlanContext, ctx: SessionContext) -> Path:
    """The file that `name` is, links resolved.

    Raises:
        MySQLError: 1290 when there is no such directory, or the file is not in it.
    """
    directory = pc.services.variables.get("secure_file_priv", ctx)
    if not directory:
        raise mysql_error(1290, "--secure-file-priv")
    base = Path(str(directory)).resolve()
    path = (base / name).resolve()
    if not path.is_relative_to(base):
        raise mysql_error(1290, "--secure-file-priv")
    return path


def existing_file(name: str, pc: PlanContext, ctx: SessionContext) -> Path:
    """A file to read. Raises 1290; 13 when it is not there, 1085 when it is no plain file."""
    path = allowed_path(name, pc, ctx)
    try:
        path.stat()
    except OSError as error:
        raise mysql_error(13, name, error.errno, error.strerror) from None
    if not path.is_file():
        raise mysql_error(1085, name)
    return path


def new_file(name: str, pc: PlanContext, ctx: SessionContext) -> Path:
    """A file to write. Raises 1290; 1086 when it is there already."""
    path = allowed_path(name, pc, ctx)
    if path.exists():
        raise mysql_error(1086, name)
    return path
