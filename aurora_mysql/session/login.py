"""From the handshake response to a session."""

from __future__ import annotations

import ipaddress
import logging
from functools import lru_cache
from typing import TYPE_CHECKING

from aurora_mysql.catalog.model import User
from aurora_mysql.errors import MySQLError, mysql_error
from aurora_mysql.session import constants as c
from aurora_mysql.session.charsets import charset_of_collation
from aurora_mysql.session.client_packets import LoginRequest, parse_login
from aurora_mysql.sql.context import SessionContext

if TYPE_CHECKING:
    from aurora_mysql.session.connection import Connection

log = logging.getLogger(__name__)


@lru_cache(maxsize=4096)
def display_host(address: str) -> str:
    """What accounts and messages call a client: loopback addresses are 'localhost', others stay addresses."""
    try:
        return "localhost" if ipaddress.ip_address(address).is_loopback else address
    except ValueError:
        return address


async def log_in(connection: Connection, payload: bytes) -> None:
    """Run one login. On any error the client is told and the connection is closed by its caller (it never reached the
    command phase).

    Raises:
        MySQLError: what to tell the client.
        ConnectionError: the client went away.
    """
    from aurora_mysql.session.commands import CommandHandler

    server = connection.server
    host = display_host(connection.peer_host)
    try:
        request = _parse(payload, connection.secure)
        if server.settings.require_secure_transport and not connection.secure:
            raise mysql_error(3159)
        user = await server.authenticator.login(connection, request, connection.scramble, connection.peer_host, host)
        expired = check_password_age(user, request)
        if not server.admits(user):
            raise mysql_error(1040)
    except MySQLError as exc:
        log.info("connection %d from %s refused: %s", connection.connection_id, connection.peer_host, exc)
        raise
    ctx = new_context(connection, user, request)
    handler = CommandHandler(connection, ctx, request.capabilities, request.collation_id, password_expired=expired)
    server.begin_session(handler)
    try:
        if request.database:
            await server.executor.change_database(ctx, request.database)
        handler.adopt_limits()
        connection.logged_in(handler)
    except BaseException:
        server.end_session(handler)
        raise
    handler.send_ok()


def _parse(payload: bytes, secure: bool) -> LoginRequest:
    try:
        return parse_login(payload, c.SERVER_CAPABILITIES)
    except MySQLError as exc:
        raise mysql_error(1043) from exc


def check_password_age(user: User, request: LoginRequest) -> bool:
    """True when the session may only change its password.

    Raises:
        MySQLError: 1862 when the client can't handle that.
    """
    if user.password_expired and not request.capabilities & c.CLIENT_CAN_HANDLE_EXPIRED_PASSWORDS:
        raise mysql_error(1862)
    return user.password_expired


def new_context(connection: Connection, user: User, request: LoginRequest) -> SessionContext:
    """The session's state right after login."""
    ctx = SessionContext(
        connection.connection_id,
        user,
        login_user=request.user,
        login_host=display_host(connection.peer_host),
        found_rows_flag=bool(request.capabilities & c.CLIENT_FOUND_ROWS),
        multi_statements=bool(request.capabilities & c.CLIENT_MULTI_STATEMENTS),
        local_infile=bool(request.capabilities & c.CLIENT_LOCAL_FILES),
        tls=connection.secure,
        program_name=request.attributes.get("program_name", ""),
        client_library=request.attributes.get("_client_name", ""),
    )
    connection.server.executor.begin_session(ctx)
    apply_charset(ctx, request.collation_id)
    return ctx


def apply_charset(ctx: SessionContext, collation_id: int) -> None:
    """Set the session's character set variables from the client's collation, as at login."""
    charset = charset_of_collation(collation_id)
    ctx.variables["character_set_client"] = charset.charset
    ctx.variables["character_set_connection"] = charset.charset
    ctx.variables["character_set_results"] = charset.charset
    ctx.variables["collation_connection"] = charset.collation
