"""Server packets (payloads without frame headers)."""

from __future__ import annotations

import struct

from aurora_mysql.errors import MySQLError
from aurora_mysql.session import constants as c
from aurora_mysql.session.text_encoding import encode_str
from aurora_mysql.session.wire import lenenc_bytes, lenenc_int
from aurora_mysql.sql.result import ResultColumn

TRACK_SYSTEM_VARIABLE = 0
TRACK_SCHEMA = 1


def greeting(version: str, connection_id: int, scramble: bytes, capabilities: int, plugin: str) -> bytes:
    """Handshake v10. `scramble` is the 20 bytes that the client's answer depends on."""
    return b"".join(
        (
            b"\x0a",
            version.encode() + b"\0",
            struct.pack("<I", connection_id & 0xFFFFFFFF),
            scramble[:8] + b"\0",
            struct.pack("<H", capabilities & 0xFFFF),
            bytes((c.COLLATION_UTF8MB4_0900_AI_CI,)),
            struct.pack("<H", c.STATUS_AUTOCOMMIT),
            struct.pack("<H", capabilities >> 16),
            bytes((len(scramble) + 1,)),
            bytes(10),
            scramble[8:] + b"\0",
            plugin.encode() + b"\0",
        )
    )


def ok(
    status: int,
    *,
    affected_rows: int = 0,
    insert_id: int = 0,
    warnings: int = 0,
    info: bytes = b"",
    state: bytes = b"",
) -> bytes:
    """OK. `state` is the concatenation of session state blocks (only for clients with SESSION_TRACK)."""
    if not (affected_rows or insert_id or info or state):
        return b"\0\0\0" + (status | min(warnings, 0xFFFF) << 16).to_bytes(4, "little")
    if state:
        status |= c.STATUS_SESSION_STATE_CHANGED
    head = (
        b"\0"
        + lenenc_int(affected_rows)
        + lenenc_int(insert_id & 0xFFFFFFFFFFFFFFFF)
        + (status | min(warnings, 0xFFFF) << 16).to_bytes(4, "little")
    )
    if state:
        return head + lenenc_bytes(info) + lenenc_bytes(state)
    return head + lenenc_bytes(info) if info else head


def end_of_rows(status: int, warnings: int, *, deprecate_eof: bool) -> bytes:
    """What ends a result set: EOF, or an OK with EOF's header for clients that want that."""
    if deprecate_eof:
        return b"\xfe\0\0" + (status | min(warnings, 0xFFFF) << 16).to_bytes(4, "little")
    return b"\xfe" + (min(warnings, 0xFFFF) | status << 16).to_bytes(4, "little")


def eof(status: int, warnings: int = 0) -> bytes:
    """The classic EOF."""
    return b"\xfe" + (min(warnings, 0xFFFF) | status << 16).to_bytes(4, "little")


def error(exc: MySQLError, codec: str = "utf-8", *, greeted: bool = True) -> bytes:
    """ERR; the message is cut at MySQL's 512 bytes. Before the greeting clients expect no SQLSTATE in it."""
    message = encode_str(exc.message, codec)[:511]
    if codec == "utf-8" and len(message) == 511:
        message = message.decode("utf-8", "ignore").encode()
    state = b"#" + exc.sqlstate.encode() if greeted else b""
    return b"\xff" + exc.errno.to_bytes(2, "little") + state + message


def auth_switch(plugin: str, scramble: bytes) -> bytes:
    return b"\xfe" + plugin.encode() + b"\0" + scramble + b"\0"


def auth_more_data(data: bytes) -> bytes:
    return b"\x01" + data


def tracked_schema(name: str) -> bytes:
    """Session state block: the current database changed."""
    return bytes((TRACK_SCHEMA,)) + lenenc_bytes(lenenc_bytes(name.encode()))


def tracked_variable(name: str, value: str) -> bytes:
    """Session state block: a system variable changed."""
    return bytes((TRACK_SYSTEM_VARIABLE,)) + lenenc_bytes(lenenc_bytes(name.encode()) + lenenc_bytes(value.encode()))


def column_definition(column: ResultColumn, codec: str, collation: int) -> bytes:
    """Protocol 4.1 column definition. `collation` is what text columns are sent in (0: their own)."""
    names = (column.schema, column.table, column.org_table, column.name, column.org_name)
    binary = column.collation_id == c.COLLATION_BINARY
    return b"".join(
        (
            b"\x03def",
            *(lenenc_bytes(encode_str(name, codec)) for name in names),
            b"\x0c",
            struct.pack(
                "<HIBHBH",
                c.COLLATION_BINARY if binary else collation or column.collation_id,
                min(column.length_bytes, 0xFFFFFFFF),
                column.type_code,
                column.flags & 0xFFFF,
                column.decimals,
                0,
            ),
        )
    )


#: How a parameter of a prepared statement is described (its type is the client's choice).
PARAMETER_DEFINITION = column_definition(
    ResultColumn("?", c.TYPE_VAR_STRING, c.COLLATION_BINARY, 0, 128, 0), "utf-8", 0
)


def prepare_ok(statement_id: int, columns: int, params: int, warnings: int) -> bytes:
    return struct.pack("<BIHHBH", 0, statement_id, columns, params, 0, min(warnings, 0xFFFF))
