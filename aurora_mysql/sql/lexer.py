"""MySQL's lexical rules: text to tokens, and a cursor to parse them by hand.

Only statements that sqlglot does not parse for us go this way (DDL, SHOW, SET, accounts ...), so this is written for
exactness, not for speed. Version comments are opened by :mod:`prelex` before; any comment met here is dropped.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from aurora_mysql.errors import MySQLError, mysql_error

#: How much of the statement a 1064 shows (MySQL cuts there as well).
NEAR_CHARACTERS = 80

_TOKEN = re.compile(
    r"""
    (?P<space>\s+|--(?=[\s\x00-\x1f]|\Z)[^\n]*|\#[^\n]*|/\*.*?\*/)
  | (?P<hex>[xX]'[0-9A-Fa-f]*'|0x[0-9A-Fa-f]+(?![\w$]))
  | (?P<bit>[bB]'[01]*'|0b[01]+(?![\w$]))
  | (?P<number>(?:\d+\.\d*|\.\d+)(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|\d+(?![\w$]))
  | (?P<national>[nN](?='))
  | (?P<word>[\w$]+)
  | (?P<quote>['"`])
  | (?P<sysvar>@@(?:(?:[gG][lL][oO][bB][aA][lL]|[sS][eE][sS][sS][iI][oO][nN]|[lL][oO][cC][aA][lL]
        |[pP][eE][rR][sS][iI][sS][tT](?:_[oO][nN][lL][yY])?)\s*\.\s*)?(?:`[^`]+`|[\w$]+)(?:\.(?:`[^`]+`|[\w$]+))?)
  | (?P<uservar>@(?:[\w$.]+)?)
  | (?P<param>\?)
  | (?P<null>\\N)
  | (?P<op><=>|->>|->|:=|<<|>>|<=|>=|<>|!=|\|\||&&|[-+*/%=<>!~^&|(),.;:{}\[\]])
    """,
    re.VERBOSE | re.DOTALL,
)

_STRING_END = {
    "'": re.compile(r"(?:[^'\\]|\\.|'')*'", re.DOTALL),
    '"': re.compile(r'(?:[^"\\]|\\.|"")*"', re.DOTALL),
}
_STRING_END_NO_ESCAPE = {"'": re.compile(r"(?:[^']|'')*'"), '"': re.compile(r'(?:[^"]|"")*"')}
_IDENT_END = {"`": re.compile(r"(?:[^`]|``)*`"), '"': re.compile(r'(?:[^"]|"")*"')}

_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES = {
    "0": "\0", "b": "\b", "n": "\n", "r": "\r", "t": "\t", "Z": "\x1a", "%": "\\%", "_": "\\_",
}  # fmt: skip


def unescape(body: str, quote: str = "'", *, backslash: bool = True) -> str:
    """The value of a string literal's `body` (the text between its quotes)."""
    if quote in body:
        body = _undouble(body, quote, backslash=backslash)
    if backslash and "\\" in body:
        return _ESCAPE.sub(lambda m: _ESCAPES.get(m.group(1), m.group(1)), body)
    return body


def _undouble(body: str, quote: str, *, backslash: bool) -> str:
    if not backslash or "\\" not in body:
        return body.replace(quote * 2, quote)
    # An escaped quote before a doubled one: walk, so that \'' is read as \' and an end that can't be here.
    return re.sub(rf"(\\.)|{quote}{quote}", lambda m: m.group(1) or quote, body, flags=re.DOTALL)


@dataclass(slots=True)
class Token:
    """One token.

    Attributes:
        kind: word, ident (quoted identifier), string, number, hex, bit, op, param (?), uservar (@x), sysvar (@@x).
        text: as written. start, end: where, in the source.
        value: word: as written; ident: the name; string: str (bytes after _binary); number: int, Decimal or float;
            hex: bytes; bit: int; uservar: the name; sysvar: lower-case name with its scope, as 'global.x'.
    """

    kind: str
    text: str
    start: int
    end: int
    value: Any

    @property
    def upper(self) -> str:
        return self.text.upper()


def syntax_error(sql: str, position: int) -> MySQLError:
    """1064 at `position` of `sql`, worded as MySQL does: the rest of the text, and the line."""
    line = sql.count("\n", 0, position) + 1
    return mysql_error(1064, sql[position : position + NEAR_CHARACTERS], line)


def tokenize(sql: str, *, ansi_quotes: bool = False, backslash_escapes: bool = True) -> list[Token]:
    """All tokens of `sql`, without comments; neighbouring strings are one.

    Raises:
        MySQLError: 1064 for an unfinished string or comment, or a character that starts no token.
    """
    tokens: list[Token] = []
    position = 0
    length = len(sql)
    while position < length:
        match = _TOKEN.match(sql, position)
        if match is None:
            raise syntax_error(sql, position)
        kind = match.lastgroup or ""
        end = match.end()
        if kind == "space":
            position = end
            continue
        if kind == "op" and sql.startswith("/*", position):
            raise syntax_error(sql, position)
        text = match.group()
        value: Any = text
        if kind in ("quote", "national"):
            quote = sql[end] if kind == "national" else text
            kind, value, end = _quoted(sql, end + (kind == "national"), quote, ansi_quotes, backslash_escapes, position)
        elif kind == "number":
            value = _number(text)
        elif kind == "hex":
            digits = text[2:].rstrip("'")
            value = bytes.fromhex(digits if len(digits) % 2 == 0 else "0" + digits)
        elif kind == "bit":
            value = int(text[2:].rstrip("'") or "0", 2)
        elif kind == "uservar":
            value = text[1:]
            if not value and end < length and sql[end] in "'\"`":
                _, value, end = _quoted(sql, end + 1, sql[end], True, backslash_escapes, position)
            elif not value:
                kind, value = "op", text
        elif kind == "sysvar":
            value = re.sub(r"[\s`]", "", text[2:]).lower()
        elif kind == "null":
            kind, value = "word", "NULL"
        _append(tokens, Token(kind, sql[position:end], position, end, value), sql)
        position = end
    return tokens


def _quoted(
    sql: str, start: int, quote: str, ansi_quotes: bool, backslash: bool, token_start: int
) -> tuple[str, str, int]:
    """Kind, value and end of what begins after an opening `quote` at `start`."""
    if quote == "`" or (quote == '"' and ansi_quotes):
        match = _IDENT_END[quote].match(sql, start)
        kind = "ident"
    else:
        match = (_STRING_END if backslash else _STRING_END_NO_ESCAPE)[quote].match(sql, start)
        kind = "string"
    if match is None:
        raise syntax_error(sql, token_start)
    body = match.group()[:-1]
    value = body.replace(quote * 2, quote) if kind == "ident" else unescape(body, quote, backslash=backslash)
    return kind, value, match.end()


def _number(text: str) -> int | float | Decimal:
    if "e" in text or "E" in text:
        return float(text)
    return Decimal(text) if "." in text else int(text)


def _append(tokens: list[Token], token: Token, sql: str) -> None:
    if tokens and token.kind in ("string", "hex", "bit"):
        last = tokens[-1]
        if last.kind == "string" and token.kind == "string" and isinstance(last.value, str):
            tokens[-1] = Token("string", sql[last.start : token.end], last.start, token.end, last.value + token.value)
            return
        if last.kind == "word" and last.text[0] == "_" and len(last.text) > 3:
            # A character set introducer: the text is Unicode already, only _binary changes what it is.
            value = token.value
            if last.text.lower() == "_binary" and isinstance(value, str):
                value = value.encode("utf-8", "surrogateescape")
            elif last.text.lower() != "_binary" and isinstance(value, bytes):
                value = value.decode("utf-8", "replace")
            tokens[-1] = Token("string", sql[last.start : token.end], last.start, token.end, value)
            return
    tokens.append(token)


class TokenCursor:
    """A position in a list of tokens, with the small steps that recursive-descent parsing needs."""

    def __init__(self, tokens: Sequence[Token], sql: str) -> None:
        self.tokens = tokens
        self.sql = sql
        self.position = 0

    @classmethod
    def of(cls, sql: str, *, ansi_quotes: bool = False, backslash_escapes: bool = True) -> TokenCursor:
        return cls(tokenize(sql, ansi_quotes=ansi_quotes, backslash_escapes=backslash_escapes), sql)

    @property
    def at_end(self) -> bool:
        return self.position >= len(self.tokens)

    def peek(self, ahead: int = 0) -> Token | None:
        """The token `ahead` of the next one, or None beyond the end."""
        index = self.position + ahead
        return self.tokens[index] if 0 <= index < len(self.tokens) else None

    def next(self) -> Token:
        """Take a token; 1064 at the end."""
        token = self.peek()
        if token is None:
            raise self.syntax_error()
        self.position += 1
        return token

    def peek_word(self, *words: str) -> bool:
        """True when the next tokens are exactly this sequence of keywords (upper case)."""
        for ahead, word in enumerate(words):
            token = self.peek(ahead)
            if token is None or token.kind != "word" or token.upper != word:
                return False
        return True

    def peek_any(self, *words: str) -> bool:
        """True when the next token is one of these keywords."""
        token = self.peek()
        return token is not None and token.kind == "word" and token.upper in words

    def accept_word(self, *words: str) -> bool:
        """Take this sequence of keywords if it is next (``accept_word("IF", "EXISTS")``)."""
        if self.peek_word(*words):
            self.position += len(words)
            return True
        return False

    def accept_any(self, *words: str) -> str | None:
        """Take one of these keywords; its upper-case text, or None."""
        token = self.peek()
        if token is not None and token.kind == "word" and token.upper in words:
            self.position += 1
            return token.upper
        return None

    def expect_word(self, *words: str) -> None:
        if not self.accept_word(*words):
            raise self.syntax_error()

    def peek_op(self, *ops: str) -> bool:
        token = self.peek()
        return token is not None and token.kind == "op" and token.text in ops

    def accept_op(self, *ops: str) -> str | None:
        """Take one of these operators; its text, or None."""
        token = self.peek()
        if token is not None and token.kind == "op" and token.text in ops:
            self.position += 1
            return token.text
        return None

    def expect_op(self, *ops: str) -> str:
        found = self.accept_op(*ops)
        if found is None:
            raise self.syntax_error()
        return found

    def accept_ident(self) -> str | None:
        """Take an identifier (bare word or quoted); its name, or None."""
        token = self.peek()
        if token is None or token.kind not in ("word", "ident"):
            return None
        self.position += 1
        return str(token.value)

    def expect_ident(self) -> str:
        found = self.accept_ident()
        if found is None:
            raise self.syntax_error()
        return found

    def expect_name(self) -> tuple[str, str]:
        """``[database.]name`` as (database or '', name)."""
        first = self.expect_ident()
        if self.accept_op("."):
            return first, self.expect_ident()
        return "", first

    def accept_string(self) -> str | None:
        token = self.peek()
        if token is None or token.kind != "string":
            return None
        self.position += 1
        return token.value if isinstance(token.value, str) else token.value.decode("utf-8", "replace")

    def expect_string(self) -> str:
        found = self.accept_string()
        if found is None:
            raise self.syntax_error()
        return found

    def expect_integer(self) -> int:
        token = self.peek()
        if token is None or token.kind != "number" or not isinstance(token.value, int):
            raise self.syntax_error()
        self.position += 1
        return token.value

    def expect_end(self) -> None:
        """1064 when anything but closing semicolons is left."""
        while self.accept_op(";"):
            pass
        if not self.at_end:
            raise self.syntax_error()

    def rest(self) -> str:
        """The source from the next token on."""
        token = self.peek()
        return "" if token is None else self.sql[token.start :]

    def text_between(self, start: int, end: int) -> str:
        """Source of tokens [start, end), as positions of this cursor."""
        return "" if start >= end else self.sql[self.tokens[start].start : self.tokens[end - 1].end]

    def skip_parentheses(self) -> str:
        """Take a balanced ``( ... )``; the source between the parentheses."""
        self.expect_op("(")
        start = self.position
        depth = 1
        while True:
            token = self.next()
            if token.kind == "op" and token.text == "(":
                depth += 1
            elif token.kind == "op" and token.text == ")":
                depth -= 1
                if depth == 0:
                    return self.text_between(start, self.position - 1)

    def syntax_error(self) -> MySQLError:
        """1064 at the next token."""
        token = self.peek()
        return syntax_error(self.sql, len(self.sql) if token is None else token.start)
