"""The grammar of MATCH ... AGAINST for sqlglot's parser, which takes only a string to search for."""

from __future__ import annotations

from typing import Any

from sqlglot import exp

_MODIFIERS = (
    ("IN", "NATURAL", "LANGUAGE", "MODE", "WITH", "QUERY", "EXPANSION"),
    ("IN", "NATURAL", "LANGUAGE", "MODE"),
    ("IN", "BOOLEAN", "MODE"),
    ("WITH", "QUERY", "EXPANSION"),
)


def parse_match(parser: Any) -> exp.Expression:
    """From after ``MATCH (``, up to the parenthesis that closes AGAINST."""
    columns = parser._parse_csv(parser._parse_column)
    if not parser._match_text_seq(")", "AGAINST", "("):
        parser.raise_error("Expecting AGAINST")
    query = parser._parse_bitwise()
    modifier = next((" ".join(words) for words in _MODIFIERS if parser._match_text_seq(*words)), None)
    return parser.expression(exp.MatchAgainst(this=query, expressions=columns, modifier=modifier))  # type: ignore[no-any-return]
