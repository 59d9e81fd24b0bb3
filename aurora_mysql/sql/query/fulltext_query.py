"""What is written in AGAINST: words, and the operators of BOOLEAN MODE as InnoDB reads them. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from aurora_mysql.errors import MySQLError, mysql_error

#: InnoDB's default list (information_schema.INNODB_FT_DEFAULT_STOPWORD).
STOP_WORDS = frozenset(
    [
        "a",
        "about",
        "an",
        "are",
        "as",
        "at",
        "be",
        "by",
        "com",
        "de",
        "en",
        "for",
        "from",
        "how",
        "i",
        "in",
        "is",
        "it",
        "la",
        "of",
        "on",
        "or",
        "that",
        "the",
        "this",
        "to",
        "was",
        "what",
        "when",
        "where",
        "who",
        "will",
        "with",
        "und",
        "the",
        "www",
    ]
)
MIN_LENGTH, MAX_LENGTH = 3, 84

_WORD = re.compile(r"\w+")
_TOKEN = re.compile(r'\s*(?:(?P<op>[+\-<>~()@*])|(?P<phrase>"[^"]*")|(?P<word>\w+)|(?P<other>.))', re.DOTALL)


@dataclass(slots=True)
class Term:
    """A word, or with `prefix` all words that begin with it. `operator`: one of ``+ - < > ~`` or ''."""

    word: str
    prefix: bool = False
    operator: str = ""


@dataclass(slots=True)
class Phrase:
    """Words that follow each other; with `distance`, that stand among so many neighbouring words."""

    words: list[str]
    distance: int = 0
    operator: str = ""


@dataclass(slots=True)
class Group:
    items: list[Node] = field(default_factory=list)
    operator: str = ""


Node = Term | Phrase | Group


def is_indexed(word: str) -> bool:
    """Whether an index keeps the word."""
    return MIN_LENGTH <= len(word) <= MAX_LENGTH and word.lower() not in STOP_WORDS


def words_of(text: str) -> list[str]:
    """All words of a text, in order, also those that no index keeps."""
    return _WORD.findall(text)


def parse_boolean(text: str) -> Group:
    """The query of BOOLEAN MODE. Raises 1064 as InnoDB's parser does."""
    parser = _Parser(text)
    group = parser.group()
    if parser.position < len(parser.tokens):
        raise parser.unexpected(", expecting $end")
    return group


def _syntax(text: str) -> MySQLError:
    error = mysql_error(1064, "", 1)
    return MySQLError(error.errno, error.sqlstate, text)


class _Parser:
    def __init__(self, text: str) -> None:
        self.position = 0
        self.tokens = [
            (str(found.lastgroup), found.group(str(found.lastgroup)))
            for found in _TOKEN.finditer(text)
            if found.lastgroup != "other"
        ]

    def unexpected(self, more: str = "") -> MySQLError:
        found = f"'{self.tokens[self.position][1]}'" if self.position < len(self.tokens) else "$end"
        return _syntax(f"syntax error, unexpected {found}{more}")

    def _peek(self) -> tuple[str, str]:
        return self.tokens[self.position] if self.position < len(self.tokens) else ("", "")

    def group(self) -> Group:
        group = Group()
        while True:
            kind, text = self._peek()
            if not kind or text == ")":
                return group
            operator = ""
            if kind == "op" and text in "+-<>~":
                operator = text
                self.position += 1
                kind, text = self._peek()
            item = self._item(kind, text)
            item.operator = operator
            group.items.append(item)

    def _item(self, kind: str, text: str) -> Node:
        if text == "(":
            self.position += 1
            inner = self.group()
            if self._peek()[1] != ")":
                raise self.unexpected()
            self.position += 1
            return inner
        if kind == "phrase":
            self.position += 1
            phrase = Phrase(words_of(text))
            if self._peek() == ("op", "@"):
                self.position += 1
                distance = self._peek()[1]
                if not distance.isdigit():
                    raise self.unexpected()
                self.position += 1
                phrase.distance = int(distance)
            return phrase
        if kind != "word":
            raise self.unexpected()
        self.position += 1
        prefix = self._peek() == ("op", "*")
        self.position += prefix
        return Term(text, prefix)
