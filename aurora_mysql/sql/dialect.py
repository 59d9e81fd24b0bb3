"""sqlglot's MySQL parser, told to leave function calls alone.

sqlglot maps many MySQL functions to nodes shared by all dialects and loses what differs (``CHAR(65,66)`` drops
arguments, ``ISNULL(a)`` becomes a bare parenthesis, ``UTC_TIMESTAMP()`` local time). Here every ordinary call stays
``exp.Anonymous(name, arguments)``; only calls with a syntax of their own keep their nodes. The parser class is
compiled and can't be subclassed, so its tables are edited in place, once, at import of this module.
"""

from __future__ import annotations

from typing import Any

from sqlglot import exp
from sqlglot.dialects.mysql import MySQL
from sqlglot.tokens import TokenType  # type: ignore[attr-defined]

from aurora_mysql.sql.json_table_grammar import parse_json_table
from aurora_mysql.sql.match_grammar import parse_match

#: Calls with a syntax of their own, which keep sqlglot's parsers.
_SPECIAL_SYNTAX = {"CAST", "CHAR", "CONVERT", "EXTRACT", "GROUP_CONCAT", "POSITION", "SUBSTR", "SUBSTRING", "TRIM"}
_SPECIAL_SYNTAX |= {"VALUES", "MATCH", "JSON_TABLE", "WEIGHT_STRING"}

#: The key in a Cast node's meta that tells a typed literal from CAST().
TYPED_LITERAL = "typed_literal"

#: Aggregates and window functions that sqlglot must know to parse DISTINCT, OVER and IGNORE NULLS rightly.
_KEPT = {"COUNT"}


def _typed_literal(_: Any, literal: Any, kind: Any) -> Any:
    """DATE'...', TIME'...', TIMESTAMP'...': a cast, marked so, since a wrong one is an error and not NULL."""
    node = exp.Cast(this=literal, to=kind)
    node.meta[TYPED_LITERAL] = True
    return node


def _install() -> None:
    parser = MySQL.Parser
    for name in list(parser.FUNCTIONS):
        if name not in _KEPT:
            del parser.FUNCTIONS[name]
    for name in list(parser.FUNCTION_PARSERS):
        if name not in _SPECIAL_SYNTAX:
            del parser.FUNCTION_PARSERS[name]
    parser.NO_PAREN_FUNCTIONS.clear()
    parser.FUNCTION_PARSERS["JSON_TABLE"] = parse_json_table
    parser.FUNCTION_PARSERS["MATCH"] = parse_match
    for kind in (exp.DataType.Type.DATE, exp.DataType.Type.TIME, exp.DataType.Type.TIMESTAMPTZ):
        parser.TYPE_LITERAL_PARSERS[kind] = _typed_literal  # type: ignore[assignment]
    # What stands for || as concatenation (sql_mode.CONCATENATION) binds as tightly as MySQL's.
    parser.EXPONENT[TokenType.AMP_GT] = exp.DPipe
    parser.COLUMN_OPERATORS[TokenType.ARROW] = lambda _, this, path: exp.Anonymous(
        this="json_extract", expressions=[this, path]
    )
    parser.COLUMN_OPERATORS[TokenType.DARROW] = lambda _, this, path: exp.Anonymous(
        this="json_unquote", expressions=[exp.Anonymous(this="json_extract", expressions=[this, path])]
    )


_install()
