"""Protocol numbers as plain ints (mysql-mimic's enums are right but too slow for the hot path)."""

from __future__ import annotations

from typing import Final

from mysql_mimic.types import Capabilities, ColumnType, ServerStatus

CLIENT_FOUND_ROWS: Final = int(Capabilities.CLIENT_FOUND_ROWS)
CLIENT_CONNECT_WITH_DB: Final = int(Capabilities.CLIENT_CONNECT_WITH_DB)
CLIENT_LOCAL_FILES: Final = int(Capabilities.CLIENT_LOCAL_FILES)
CLIENT_PROTOCOL_41: Final = int(Capabilities.CLIENT_PROTOCOL_41)
CLIENT_INTERACTIVE: Final = int(Capabilities.CLIENT_INTERACTIVE)
CLIENT_SSL: Final = int(Capabilities.CLIENT_SSL)
CLIENT_SECURE_CONNECTION: Final = int(Capabilities.CLIENT_SECURE_CONNECTION)
CLIENT_MULTI_STATEMENTS: Final = int(Capabilities.CLIENT_MULTI_STATEMENTS)
CLIENT_PLUGIN_AUTH: Final = int(Capabilities.CLIENT_PLUGIN_AUTH)
CLIENT_CONNECT_ATTRS: Final = int(Capabilities.CLIENT_CONNECT_ATTRS)
CLIENT_PLUGIN_AUTH_LENENC: Final = int(Capabilities.CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA)
CLIENT_CAN_HANDLE_EXPIRED_PASSWORDS: Final = int(Capabilities.CLIENT_CAN_HANDLE_EXPIRED_PASSWORDS)
CLIENT_SESSION_TRACK: Final = int(Capabilities.CLIENT_SESSION_TRACK)
CLIENT_DEPRECATE_EOF: Final = int(Capabilities.CLIENT_DEPRECATE_EOF)

#: What the greeting announces (CLIENT_SSL is added when a certificate is there). Not announced on purpose:
#: compression, query attributes, optional metadata, multi-factor authentication.
SERVER_CAPABILITIES: Final = int(
    Capabilities.CLIENT_LONG_PASSWORD
    | Capabilities.CLIENT_FOUND_ROWS
    | Capabilities.CLIENT_LONG_FLAG
    | Capabilities.CLIENT_CONNECT_WITH_DB
    | Capabilities.CLIENT_NO_SCHEMA
    | Capabilities.CLIENT_ODBC
    | Capabilities.CLIENT_LOCAL_FILES
    | Capabilities.CLIENT_IGNORE_SPACE
    | Capabilities.CLIENT_PROTOCOL_41
    | Capabilities.CLIENT_INTERACTIVE
    | Capabilities.CLIENT_IGNORE_SIGPIPE
    | Capabilities.CLIENT_TRANSACTIONS
    | Capabilities.CLIENT_RESERVED
    | Capabilities.CLIENT_SECURE_CONNECTION
    | Capabilities.CLIENT_MULTI_STATEMENTS
    | Capabilities.CLIENT_MULTI_RESULTS
    | Capabilities.CLIENT_PS_MULTI_RESULTS
    | Capabilities.CLIENT_PLUGIN_AUTH
    | Capabilities.CLIENT_CONNECT_ATTRS
    | Capabilities.CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA
    | Capabilities.CLIENT_CAN_HANDLE_EXPIRED_PASSWORDS
    | Capabilities.CLIENT_SESSION_TRACK
    | Capabilities.CLIENT_DEPRECATE_EOF
)

STATUS_IN_TRANS: Final = int(ServerStatus.SERVER_STATUS_IN_TRANS)
STATUS_AUTOCOMMIT: Final = int(ServerStatus.SERVER_STATUS_AUTOCOMMIT)
STATUS_MORE_RESULTS: Final = int(ServerStatus.SERVER_MORE_RESULTS_EXISTS)
STATUS_CURSOR_EXISTS: Final = int(ServerStatus.SERVER_STATUS_CURSOR_EXISTS)
STATUS_LAST_ROW_SENT: Final = int(ServerStatus.SERVER_STATUS_LAST_ROW_SENT)
STATUS_SESSION_STATE_CHANGED: Final = int(ServerStatus.SERVER_SESSION_STATE_CHANGED)

TYPE_DECIMAL: Final = int(ColumnType.DECIMAL)
TYPE_TINY: Final = int(ColumnType.TINY)
TYPE_SHORT: Final = int(ColumnType.SHORT)
TYPE_LONG: Final = int(ColumnType.LONG)
TYPE_FLOAT: Final = int(ColumnType.FLOAT)
TYPE_DOUBLE: Final = int(ColumnType.DOUBLE)
TYPE_NULL: Final = int(ColumnType.NULL)
TYPE_TIMESTAMP: Final = int(ColumnType.TIMESTAMP)
TYPE_LONGLONG: Final = int(ColumnType.LONGLONG)
TYPE_INT24: Final = int(ColumnType.INT24)
TYPE_DATE: Final = int(ColumnType.DATE)
TYPE_TIME: Final = int(ColumnType.TIME)
TYPE_DATETIME: Final = int(ColumnType.DATETIME)
TYPE_YEAR: Final = int(ColumnType.YEAR)
TYPE_NEWDATE: Final = int(ColumnType.NEWDATE)
TYPE_VARCHAR: Final = int(ColumnType.VARCHAR)
TYPE_BIT: Final = int(ColumnType.BIT)
TYPE_JSON: Final = int(ColumnType.JSON)
TYPE_NEWDECIMAL: Final = int(ColumnType.NEWDECIMAL)
TYPE_TINY_BLOB: Final = int(ColumnType.TINY_BLOB)
TYPE_MEDIUM_BLOB: Final = int(ColumnType.MEDIUM_BLOB)
TYPE_LONG_BLOB: Final = int(ColumnType.LONG_BLOB)
TYPE_BLOB: Final = int(ColumnType.BLOB)
TYPE_VAR_STRING: Final = int(ColumnType.VAR_STRING)
TYPE_STRING: Final = int(ColumnType.STRING)

FLAG_UNSIGNED: Final = 32
FLAG_ZEROFILL: Final = 64

COLLATION_BINARY: Final = 63
COLLATION_UTF8MB4_0900_AI_CI: Final = 255

#: Largest payload of one frame; longer ones continue in the next frame.
MAX_FRAME: Final = 0xFFFFFF
