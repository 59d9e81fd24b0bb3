"""COM_CHANGE_USER: a new login on the same socket."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from aurora_mysql.errors import MySQLError
from aurora_mysql.session.client_packets import parse_change_user
from aurora_mysql.session.login import check_password_age, display_host, new_context
from aurora_mysql.session.tracking import SessionTracker

if TYPE_CHECKING:
    from aurora_mysql.session.commands import CommandHandler

log = logging.getLogger(__name__)


async def change_user(handler: CommandHandler, payload: bytes) -> None:
    """Log in again; the old session ends first. A refusal closes the connection: no command follows it.

    Raises:
        ConnectionError: the client went away.
    """
    connection = handler.connection
    server = connection.server
    host = display_host(connection.peer_host)
    try:
        request = parse_change_user(payload, handler.capabilities, handler.collation_id)
        request.capabilities = handler.capabilities
        user = await server.authenticator.login(
            connection, request, connection.scramble, connection.peer_host, host, new_exchange=True
        )
        expired = check_password_age(user, request)
        handler.statements.clear()
        ctx = new_context(connection, user, request)
        ctx.multi_statements = handler.ctx.multi_statements
        await server.replace_session(handler, ctx)
        handler.password_expired = expired
        handler.collation_id = request.collation_id
        if request.database:
            await server.executor.change_database(ctx, request.database)
        handler.adopt_limits()
    except MySQLError as exc:
        log.info("connection %d from %s refused: %s", connection.connection_id, connection.peer_host, exc)
        connection.close(exc)
        return
    if handler.tracker is not None:
        handler.tracker = SessionTracker(ctx)
    handler.send_ok()
