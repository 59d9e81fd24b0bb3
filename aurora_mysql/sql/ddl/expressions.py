"""Expressions of CHECK constraints and generated columns: the form in which the catalog keeps them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from aurora_mysql.catalog.model import Column
from aurora_mysql.errors import MySQLError, mysql_error
from aurora_mysql.sql.lexer import Token, tokenize

#: What differs from one evaluation to the next has no place in a generated column.
_DISALLOWED = re.compile(
    r"(?i)\b(now|sysdate|current_timestamp|current_date|current_time|curdate|curtime|localtime|localtimestamp|utc_date|"
    r"utc_time|utc_timestamp|rand|uuid|uuid_short|connection_id|user|current_user|session_user|system_user|database|"
    r"schema|last_insert_id|row_count|found_rows|version|sleep|benchmark|get_lock|release_lock|load_file|values)\s*\("
    r"|\b(current_timestamp|current_date|current_time|localtime|localtimestamp|utc_date|utc_time|utc_timestamp|"
    r"current_user)\b|@|\bselect\b"
)
_COLUMN = re.compile(r"`((?:[^`]|``)+)`")


def referenced(expression: str) -> set[str]:
    """Lower-case names of the columns in a canonical `expression`."""
    return {name.replace("``", "`").lower() for name in _COLUMN.findall(_without_strings(expression))}


def _without_strings(expression: str) -> str:
    return re.sub(r"'(?:[^'\\]|\\.|'')*'", "''", expression)


def check_generated(columns: Sequence[Column]) -> None:
    """Refuse what MySQL refuses in generated columns and expression defaults.

    Raises:
        MySQLError: 3102, 3107, 3109, 3763, 3767, 3768, 3770.
    """
    later = {c.name.lower() for c in columns if c.generated is not None}
    automatic = {c.name.lower() for c in columns if c.auto_increment}
    for column in columns:
        if column.generated is None:
            names = referenced(column.default or "") if column.default_is_expr else set()
            if names & later:
                raise mysql_error(3767, column.name)
            if names & automatic:
                raise mysql_error(3768, column.name)
            if column.default_is_expr:
                refuse_stored(column.default or "", 3770, column.name)
            continue
        disallowed = _DISALLOWED.search(_COLUMN.sub("x", _without_strings(column.generated)))
        if disallowed is not None:
            function = (disallowed[1] or disallowed[2] or "").lower()
            raise mysql_error(3763, column.name, function) if function else mysql_error(3102, column.name)
        refuse_stored(column.generated, 3763, column.name)
        names = referenced(column.generated)
        if names & later:
            raise mysql_error(3107)
        if names & automatic:
            raise mysql_error(3109, column.name)
        later.discard(column.name.lower())


def canonical(expression: str, columns: Sequence[Column], unknown: Callable[[str], MySQLError]) -> str:
    """`expression` with column names quoted, keywords in lower case, and no parentheses around the whole.

    Raises:
        MySQLError: `unknown(name)` for a name that is none of `columns`.
    """
    by_name = {c.name.lower(): c.name for c in columns}
    tokens = _unwrapped(tokenize(expression))
    out: list[str] = []
    for position, token in enumerate(tokens):
        following = tokens[position + 1] if position + 1 < len(tokens) else None
        called = following is not None and following.text == "("
        text = token.text
        if token.kind == "ident" or (token.kind == "word" and token.value.lower() in by_name and not called):
            if token.value.lower() not in by_name:
                raise unknown(token.value)
            text = "`" + by_name[token.value.lower()].replace("`", "``") + "`"
        elif token.kind == "word":
            if (
                not called
                and not _KEYWORD.fullmatch(text)
                and text[0].isalpha()
                and not _literal_word(tokens, position)
            ):
                raise unknown(token.value)
            text = text.lower()
        glue = (
            not out or text in (")", ",", ".") or out[-1] in ("(", ".") or (text == "(" and _is_name(tokens, position))
        )
        out += [text] if glue else [" ", text]
    return "".join(out)


def refuse_stored(expression: str, errno: int, name: str) -> None:
    """Raise `errno` about `name` when `expression` calls a function that is none of MySQL's own."""
    from aurora_mysql.sql.query.function_table import is_native

    tokens = tokenize(expression)
    for position, token in enumerate(tokens[:-1]):
        if token.kind != "word" or tokens[position + 1].text != "(" or _KEYWORD.fullmatch(token.text):
            continue
        if not is_native(token.text):
            raise mysql_error(errno, name, token.text)


def _unwrapped(tokens: list[Token]) -> list[Token]:
    """`tokens` without parentheses that hold all of them."""
    while len(tokens) > 2 and tokens[0].text == "(" and tokens[-1].text == ")":
        depth = 0
        for token in tokens[:-1]:
            depth += {"(": 1, ")": -1}.get(token.text, 0) if token.kind == "op" else 0
            if depth == 0:
                return tokens
        tokens = tokens[1:-1]
    return tokens


def in_parentheses(expression: str) -> str:
    """A canonical expression as SHOW CREATE prints it inside the clause's own parentheses: operators get a pair."""
    tokens = tokenize(expression)
    single = len(tokens) == 1 or (
        tokens[0].kind == "word" and tokens[1].text == "(" and _closing(tokens, 1) == len(tokens) - 1
    )
    return expression if single else f"({expression})"


def _closing(tokens: Sequence[Token], opening: int) -> int:
    depth = 0
    for position in range(opening, len(tokens)):
        depth += {"(": 1, ")": -1}.get(tokens[position].text, 0) if tokens[position].kind == "op" else 0
        if depth == 0:
            return position
    return -1


_KEYWORD = re.compile(
    r"(?i)AND|OR|XOR|NOT|IN|IS|NULL|LIKE|BETWEEN|REGEXP|RLIKE|ESCAPE|TRUE|FALSE|UNKNOWN|CASE|WHEN|THEN|ELSE|END|DIV|MOD|"
    r"INTERVAL|DAY|MONTH|YEAR|HOUR|MINUTE|SECOND|WEEK|QUARTER|MICROSECOND|AS|SIGNED|UNSIGNED|CHAR|DECIMAL|DATE|"
    r"DATETIME|TIME|JSON|BINARY|COLLATE|TIMESTAMP|SOUNDS|CHARACTER|SET|_\w+|FROM|BOTH|LEADING|TRAILING|FOR|DOUBLE|FLOAT|"
    r"INTEGER|USING"
)


def _literal_word(tokens: Sequence[Token], position: int) -> bool:
    return position > 0 and tokens[position - 1].upper in ("COLLATE", "USING", "SET")


def _is_name(tokens: Sequence[Token], position: int) -> bool:
    """True when the parenthesis at `position` belongs to a function call."""
    before = tokens[position - 1]
    return before.kind == "word" and before.upper not in (
        "AND",
        "OR",
        "XOR",
        "NOT",
        "IN",
        "WHEN",
        "THEN",
        "ELSE",
    )
