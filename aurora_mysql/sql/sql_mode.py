"""What sql_mode changes about the reading of a statement: quotes, ``||`` and NOT.

Everything behind reads one language: names between double quotes become names between backticks in the text itself;
``||`` that concatenates and NOT that binds like ``!`` become operators of their own among the pieces.
"""

from __future__ import annotations

import re

from aurora_mysql.errors import unsupported
from aurora_mysql.sql.fingerprint import Statement, split

#: The operator that stands for ``||`` as concatenation; no client can write it as one piece.
CONCATENATION = "&>"

_QUOTED = re.compile(
    r"""'(?:[^'\\]|\\.|'')*'|`(?:[^`]|``)*`|--(?=\s)[^\n]*|\#[^\n]*|/\*(?![!+]).*?\*/|"(?P<name>(?:[^"]|"")*)\"""",
    re.DOTALL,
)
#: After these, or at the beginning, NOT is an operator before its operand.
_BEFORE_OPERAND = frozenset(
    ("SELECT", "WHERE", "AND", "OR", "XOR", "ON", "HAVING", "WHEN", "THEN", "ELSE", "NOT", "DISTINCT", "BETWEEN", "IF",
     "BY", "SET", "RETURN", "CASE", "IN", "LIKE", "DIV", "MOD", "BINARY",
     "(", ",", "=", "<", ">", "<=", ">=", "<>", "!=", "<=>", ":=", "+", "-", "*", "/", "%", "!", "&&", "||", "&", "|",
     CONCATENATION)
)  # fmt: skip
_STORED = frozenset(("VIEW", "TABLE", "PROCEDURE", "FUNCTION", "TRIGGER", "EVENT"))


def split_in_mode(sql: str, mode: str) -> list[Statement]:
    """The statements of a text as a session with this sql_mode means them.

    Raises:
        MySQLError: 1064; 1235 for ``||`` as concatenation in what would be stored as text.
    """
    if "ANSI_QUOTES" in mode and '"' in sql:
        sql = plain_quotes(sql)
    statements = split(sql, backslash="NO_BACKSLASH_ESCAPES" not in mode)
    if "PIPES_AS_CONCAT" in mode and "||" in sql:
        for statement in statements:
            _concatenate(statement)
    if "REAL_AS_FLOAT" in mode:
        for statement in statements:
            statement.pieces[:] = ["FLOAT" if p.upper() == "REAL" else p for p in statement.pieces]
    if "HIGH_NOT_PRECEDENCE" in mode:
        for statement in statements:
            _bind_not(statement)
    return statements


def plain_quotes(sql: str) -> str:
    """`sql` with its double-quoted names in backticks (ANSI_QUOTES)."""

    def plain(found: re.Match[str]) -> str:
        name = found.group("name")
        if name is None:
            return found.group()
        return "`" + name.replace('""', '"').replace("`", "``") + "`"

    return _QUOTED.sub(plain, sql)


def _concatenate(statement: Statement) -> None:
    pieces = statement.pieces
    if "||" not in pieces:
        return
    if statement.verb in ("CREATE", "ALTER") and _STORED & {p.upper() for p in pieces}:
        raise unsupported("|| as concatenation in a definition: write CONCAT()")
    statement.pieces[:] = [
        CONCATENATION if piece == "||" and place not in statement.literals else piece
        for place, piece in enumerate(pieces)
    ]


def _bind_not(statement: Statement) -> None:
    pieces = statement.pieces
    for place, piece in enumerate(pieces):
        if piece.upper() != "NOT" or place in statement.literals:
            continue
        before = pieces[place - 1].upper() if place else ""
        if place == 0 or (before in _BEFORE_OPERAND and place - 1 not in statement.literals):
            pieces[place] = "!"
