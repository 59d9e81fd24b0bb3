"""sqlglot's MySQL parser, told to leave function calls alone.

sqlglot maps many MySQL functions to nodes shared by all dialects and loses what differs (``CHAR(65,66)`` drops
arguments, ``ISNULL(a)`` becomes a bare parenthesis, ``UTC_TIMESTAMP()`` local time). Here every ordinary call stays
``exp.Anonymous(name, arguments)``; only calls with a syntax of their own keep their nodes. The parser class is
compiled and can't be subclassed, so its tables are edited in place, once, at import of this module.
"""

from __future__ import annotations

from sqlglot import exp
from sqlglot.dialects.mysql import MySQL
from sqlglot.tokens import TokenType  # type: ignore[attr-defined]

#: Calls with a syntax of their own, which keep sqlglot's parsers.
_SPECIAL_SYNTAX = {"CAST", "CHAR", "CONVERT", "EXTRACT", "GROUP_CONCAT", "POSITION", "SUBSTR", "SUBSTRING", "TRIM"}
_SPECIAL_SYNTAX |= {"VALUES", "MATCH", "JSON_TABLE", "WEIGHT_STRING"}

#: Aggregates and window functions that sqlglot must know to parse DISTINCT, OVER and IGNORE NULLS rightly.
_KEPT = {"COUNT"}


def _install() -> None:
    parser = MySQL.Parser
    for name in list(parser.FUNCTIONS):
        if name not in _KEPT:
            del parser.FUNCTIONS[name]
    for name in list(parser.FUNCTION_PARSERS):
        if name not in _SPECIAL_SYNTAX:
            del parser.FUNCTION_PARSERS[name]
    parser.NO_PAREN_FUNCTIONS.clear()
    parser.COLUMN_OPERATORS[TokenType.ARROW] = lambda _, this, path: exp.Anonymous(
        this="json_extract", expressions=[this, path]
    )
    parser.COLUMN_OPERATORS[TokenType.DARROW] = lambda _, this, path: exp.Anonymous(
        this="json_unquote", expressions=[exp.Anonymous(this="json_extract", expressions=[this, path])]
    )


_install()
