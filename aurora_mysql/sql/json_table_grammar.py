"""JSON_TABLE's grammar, which sqlglot knows only in part: EXISTS PATH, ON EMPTY and ON ERROR."""

from __future__ import annotations

from typing import Any

from sqlglot import exp
from sqlglot.tokens import TokenType  # type: ignore[attr-defined]


def parse_json_table(parser: Any) -> exp.JSONTable:
    """What stands between the parentheses of ``JSON_TABLE(expr, path COLUMNS (...))``."""
    document = parser._parse_bitwise()
    parser._match(TokenType.COMMA)
    path = parser._parse_string()
    return exp.JSONTable(this=document, path=path, schema=_schema(parser))


def _schema(parser: Any) -> exp.JSONSchema:
    if not parser._match_text_seq("COLUMNS"):
        parser.raise_error("Expecting COLUMNS")
    columns = parser._parse_wrapped_csv(lambda: _column(parser))
    return exp.JSONSchema(expressions=columns)


def _column(parser: Any) -> exp.JSONColumnDef:
    if parser._match_text_seq("NESTED"):
        parser._match_text_seq("PATH")
        path = parser._parse_string()
        return exp.JSONColumnDef(path=path, nested_schema=_schema(parser))
    name = parser._parse_id_var()
    if parser._match_pair(TokenType.FOR, TokenType.ORDINALITY) or parser._match_text_seq("FOR", "ORDINALITY"):
        return exp.JSONColumnDef(this=name, ordinality=True)
    column = exp.JSONColumnDef(this=name, kind=parser._parse_types(allow_identifiers=False))
    if parser._match(TokenType.EXISTS):
        column.set("exists", True)
    if not parser._match_text_seq("PATH"):
        parser.raise_error("Expecting PATH")
    column.set("path", parser._parse_string())
    while True:
        action: Any
        if parser._match_text_seq("ERROR"):
            action = exp.var("ERROR")
        elif parser._match(TokenType.NULL):
            action = exp.var("NULL")
        elif parser._match(TokenType.DEFAULT):
            action = parser._parse_string()
        else:
            return column
        if parser._match_text_seq("ON", "EMPTY") or (parser._match(TokenType.ON) and parser._match_text_seq("EMPTY")):
            column.set("on_empty", action)
        elif parser._match_text_seq("ON", "ERROR") or parser._match_text_seq("ERROR"):
            column.set("on_error", action)
        else:
            parser.raise_error("Expecting ON EMPTY or ON ERROR")
