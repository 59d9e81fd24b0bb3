"""Client packets of the login: handshake response, TLS request, COM_CHANGE_USER."""

from __future__ import annotations

from dataclasses import dataclass, field

from aurora_mysql.errors import mysql_error
from aurora_mysql.session import constants as c
from aurora_mysql.session.charsets import charset_of_collation
from aurora_mysql.session.wire import Reader

#: Enough for any client; a client's wish to store more is ignored, as MySQL does.
MAX_ATTRIBUTES = 64


@dataclass(slots=True)
class LoginRequest:
    """Who wants in, and how. `plugin` is the client's authentication plugin ('' when it names none)."""

    user: str
    auth_response: bytes
    database: str
    plugin: str
    collation_id: int
    capabilities: int
    attributes: dict[str, str] = field(default_factory=dict)


def is_tls_request(payload: bytes) -> bool:
    """True for an SSLRequest: a handshake response cut after its fixed part."""
    return len(payload) == 32 and bool(int.from_bytes(payload[:4], "little") & c.CLIENT_SSL)


def parse_login(payload: bytes, server_capabilities: int) -> LoginRequest:
    """A HandshakeResponse41.

    Raises:
        MySQLError: 1043 for anything that isn't one (also the protocol before 4.1).
    """
    reader = Reader(payload)
    capabilities = reader.uint(4)
    if not capabilities & c.CLIENT_PROTOCOL_41:
        raise mysql_error(1043)
    capabilities &= server_capabilities | c.CLIENT_SSL
    reader.uint(4)  # the client's own packet limit
    collation_id = reader.uint(1)
    reader.take(23)
    codec = charset_of_collation(collation_id).codec
    user = reader.null_terminated().decode(codec, "replace")
    if capabilities & c.CLIENT_PLUGIN_AUTH_LENENC:
        response = reader.lenenc_bytes()
    elif capabilities & c.CLIENT_SECURE_CONNECTION:
        response = reader.take(reader.uint(1))
    else:
        response = reader.null_terminated()
    database = ""
    if capabilities & c.CLIENT_CONNECT_WITH_DB and reader.remaining:
        database = reader.null_terminated_or_rest().decode(codec, "replace")
    plugin = ""
    if capabilities & c.CLIENT_PLUGIN_AUTH and reader.remaining:
        plugin = reader.null_terminated_or_rest().decode("ascii", "replace")
    attributes = _attributes(reader) if capabilities & c.CLIENT_CONNECT_ATTRS else {}
    return LoginRequest(user, response, database, plugin, collation_id, capabilities, attributes)


def parse_change_user(payload: bytes, capabilities: int, collation_id: int) -> LoginRequest:
    """COM_CHANGE_USER, `payload` from after the command byte.

    Raises:
        MySQLError: 1835 when malformed.
    """
    reader = Reader(payload)
    codec = charset_of_collation(collation_id).codec
    user = reader.null_terminated().decode(codec, "replace")
    if capabilities & c.CLIENT_SECURE_CONNECTION:
        response = reader.take(reader.uint(1))
    else:
        response = reader.null_terminated()
    database = reader.null_terminated_or_rest().decode(codec, "replace")
    plugin = ""
    attributes: dict[str, str] = {}
    if reader.remaining >= 2:
        collation_id = reader.uint(2)
        if capabilities & c.CLIENT_PLUGIN_AUTH and reader.remaining:
            plugin = reader.null_terminated_or_rest().decode("ascii", "replace")
        if capabilities & c.CLIENT_CONNECT_ATTRS:
            attributes = _attributes(reader)
    return LoginRequest(user, response, database, plugin, collation_id, capabilities, attributes)


def _attributes(reader: Reader) -> dict[str, str]:
    """Connection attributes; absent is fine, a length that overruns the packet is not."""
    found: dict[str, str] = {}
    if not reader.remaining:
        return found
    block = Reader(reader.lenenc_bytes())
    while block.remaining:
        key = block.lenenc_bytes().decode("utf-8", "replace")
        value = block.lenenc_bytes().decode("utf-8", "replace")
        if len(found) < MAX_ATTRIBUTES:
            found[key] = value
    return found
