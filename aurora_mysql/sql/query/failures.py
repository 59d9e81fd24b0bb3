"""DuckDB's run-time errors as MySQL's."""

from __future__ import annotations

import re

import duckdb

from aurora_mysql.errors import ERRORS, MySQLError, mysql_error

#: error('AURORA:<number>:<argument>') in translated text.
_OWN = re.compile(r"AURORA:(\d+):([^\n]*)")
_OVERFLOW = re.compile(r"(?:Overflow|out of range|Could not cast value)[^\n]*")
#: A MySQLError that a Python function raised inside DuckDB prints as "(number, 'state', ...)" or with its text.
_RAISED = re.compile(r"MySQLError: (?:ERROR )?\(?(\d{4})[^:]*:? ?(.*)")


def mysql_failure(error: duckdb.Error) -> MySQLError:
    """What to tell the client instead of `error`."""
    text = str(error)
    own = _OWN.search(text)
    if own is not None:
        values = (own[2], "expression") if own[1] == "1690" else (own[2],)
        return mysql_error(int(own[1]), *values)
    raised = _RAISED.search(text)
    if raised is not None and int(raised[1]) in ERRORS:
        number = int(raised[1])
        return MySQLError(number, ERRORS[number][0], raised[2].strip())
    if "More than one row returned by a subquery" in text:
        return mysql_error(1242)
    if isinstance(error, duckdb.OutOfMemoryException):
        return mysql_error(1041)
    if isinstance(error, duckdb.OutOfRangeException | duckdb.ConversionException) and _OVERFLOW.search(text):
        kind = "DECIMAL" if "DECIMAL" in text else "BIGINT UNSIGNED" if "UINT64" in text else "BIGINT"
        if "DOUBLE" in text and "DECIMAL" not in text and "INT" not in text:
            kind = "DOUBLE"
        return mysql_error(1690, kind, "expression")
    return mysql_error(1815, " ".join(text.split())[:200])
