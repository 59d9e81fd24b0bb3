"""The clauses that LOAD DATA and SELECT ... INTO OUTFILE share: CHARACTER SET, FIELDS, LINES."""

from __future__ import annotations

from aurora_mysql.catalog.charsets import charset_named
from aurora_mysql.errors import mysql_error
from aurora_mysql.sql.dml.delimited import Delimiters
from aurora_mysql.sql.lexer import TokenCursor

#: Python codecs of character sets that have no converter of their own here.
_BINARY_CODEC = "utf-8"


def parse_charset(cursor: TokenCursor) -> str | None:
    """``CHARACTER SET name`` if it is next: the Python codec. Raises 1115."""
    if not (cursor.accept_word("CHARACTER", "SET") or cursor.accept_word("CHARSET")):
        return None
    charset = charset_named(cursor.accept_string() or cursor.expect_ident())
    return {"binary": _BINARY_CODEC, "utf8mb3": "utf-8", "utf8": "utf-8"}.get(charset.codec, charset.codec)


def parse_delimiters(cursor: TokenCursor) -> Delimiters:
    """The FIELDS and LINES clauses, as far as they are there. Raises 1064, 1083."""
    field_end, enclosed, optionally, escaped, line_start, line_end = "\t", "", False, "\\", "", "\n"
    if cursor.accept_any("FIELDS", "COLUMNS"):
        some = False
        while True:
            if cursor.accept_word("TERMINATED", "BY"):
                field_end = _text(cursor)
            elif cursor.peek_word("OPTIONALLY", "ENCLOSED", "BY") or cursor.peek_word("ENCLOSED", "BY"):
                optionally = bool(cursor.accept_any("OPTIONALLY"))
                cursor.expect_word("ENCLOSED", "BY")
                enclosed = _text(cursor)
            elif cursor.accept_word("ESCAPED", "BY"):
                escaped = _text(cursor)
            else:
                break
            some = True
        if not some:
            raise cursor.syntax_error()
    if cursor.accept_word("LINES"):
        some = False
        while True:
            if cursor.accept_word("STARTING", "BY"):
                line_start = _text(cursor)
            elif cursor.accept_word("TERMINATED", "BY"):
                line_end = _text(cursor)
            else:
                break
            some = True
        if not some:
            raise cursor.syntax_error()
    if len(enclosed) > 1 or len(escaped) > 1:
        raise mysql_error(1083)
    return Delimiters(field_end, enclosed, optionally, escaped, line_start, line_end)


def _text(cursor: TokenCursor) -> str:
    token = cursor.next()
    if token.kind == "hex":
        return bytes(token.value).decode("latin-1")
    if token.kind == "bit":
        return chr(token.value)
    if token.kind != "string":
        cursor.position -= 1
        raise cursor.syntax_error()
    return token.value if isinstance(token.value, str) else bytes(token.value).decode("latin-1")
