"""LOAD DATA LOCAL INFILE: the file's bytes come over the connection."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from aurora_mysql.errors import MySQLError, mysql_error
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.result import LocalInfile, Ok

if TYPE_CHECKING:
    from aurora_mysql.session.connection import Connection

log = logging.getLogger(__name__)


async def receive_infile(connection: Connection, ctx: SessionContext, request: LocalInfile) -> Ok:
    """Ask for the file, feed it to the statement, and return the statement's answer.

    A statement that fails early still takes the rest of the file off the wire: the client sends it in any case.

    Raises:
        MySQLError: the statement's error, 3948 when the client didn't offer to send files, 1317 when killed.
        ConnectionError: the client went away.
    """
    if not ctx.local_infile:
        raise mysql_error(3948)
    connection.send(b"\xfb" + request.filename.encode("utf-8", "surrogateescape"))
    failure: MySQLError | None = None
    while chunk := await connection.receive():
        if failure is None and ctx.kill_query:
            failure = mysql_error(1317)
        if failure is None:
            try:
                await request.consume(chunk)
            except MySQLError as exc:
                failure = exc
            except Exception:
                log.exception("connection %d: LOAD DATA failed unexpectedly", ctx.connection_id)
                failure = mysql_error(1815, "unexpected failure, see the server's log")
    if failure is not None:
        raise failure
    result = await request.consume(None)
    assert isinstance(result, Ok)
    return result
