"""Texts seen before: from a statement's text to its cached plan without tokenising it.

One regular expression cuts the literals out; what is left, verbatim, is the key. An entry is made only after the full
tokeniser has looked at the same text and lifted exactly the same literals, and only if no quote or comment is left in
the key, so another text with this key can't be read in another way.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from aurora_mysql.sql.fingerprint import FEW_DIGITS, Statement
from aurora_mysql.sql.plan_cache import CachedPlan
from aurora_mysql.sql.result import Value

#: A number or a text that nothing in front of it makes part of a name. It begins with a set of characters, so that the
#: places where one may stand are found without trying the rest.
_LITERAL = re.compile(
    r"([\d'](?<![\w$.@`'].)(?:(?<=\d)\d{0,17}(?:\.\d{1,10})?(?![\w$.])|(?<=')[^'\\]*'(?!')))", re.DOTALL
)
_UNSURE = re.compile(r"['\"\\#;?]|--|/\*|\*/")
_LONGEST_CHARS = 4096


#: The parts of a text between its literals, with a mark of each literal's kind, and the literals.
Cut = tuple[tuple[str, ...], list[Value]]


@dataclass(frozen=True)
class KnownStatement:
    """What serves every text with the same key: a plan, or the `statement` of a verb without one; and its counter.
    `nulls`: where the plan's parameters have a NULL, which is no literal of the text."""

    found: CachedPlan | None
    verb: str
    counter: str
    statement: Statement | None = None
    nulls: tuple[int, ...] = ()

    def params(self, literals: Sequence[Value]) -> Sequence[Value]:
        """The plan's parameters, given the literals of a text."""
        if not self.nulls:
            return literals
        values = list(literals)
        for at in self.nulls:
            values.insert(at, None)
        return values


def cut(sql: str) -> Cut | None:
    """A text's key and its literals; None when it is long (the text would be kept in the cache)."""
    if len(sql) > _LONGEST_CHARS:
        return None
    parts = _LITERAL.split(sql)
    literals: list[Value] = []
    for i in range(1, len(parts), 2):
        text = parts[i]
        if text[0] == "'":
            literals.append(text[1:-1])
            parts[i] = "s"
        elif "." in text:
            literals.append(Decimal(text))
            # As fingerprint's kinds of decimals: a plan for few digits is not for many.
            parts[i] = "d" if text.index(".") <= FEW_DIGITS else "D"
        else:
            literals.append(int(text))
            parts[i] = "i"
    return tuple(parts), literals


def nulls_of(lifted: Sequence[Value]) -> tuple[int, ...]:
    """Where a plan's parameters have a NULL."""
    return tuple(at for at, value in enumerate(lifted) if value is None)


class KnownStatements:
    """Bounded; when it is full, it starts anew (a hot text is back after one execution).

    `environment` is all a plan depends on beside the text, as in the plan cache's key.
    """

    def __init__(self, limit: int = 5000) -> None:
        self._limit = limit
        self._plans: dict[Hashable, KnownStatement] = {}
        self.hits = 0

    def get(self, key: Hashable, environment: Hashable) -> KnownStatement | None:
        known = self._plans.get((key, environment))
        if known is not None:
            self.hits += 1
        return known

    def learn(self, key: Hashable, environment: Hashable, statement: KnownStatement) -> None:
        if len(self._plans) >= self._limit:
            self._plans.clear()
        self._plans[key, environment] = statement


def same_values(some: Sequence[Value], others: Sequence[Value]) -> bool:
    """Equal one by one, types as well."""
    return len(some) == len(others) and all(type(a) is type(b) and a == b for a, b in zip(some, others, strict=True))


def trustworthy(key: Sequence[str], literals: Sequence[Value], lifted: Sequence[Value]) -> bool:
    """Whether the full tokeniser found the same literals in the text (beside NULLs, which stand in the key), and
    nothing in the key leaves a doubt."""
    return same_values(literals, [value for value in lifted if value is not None]) and all(
        not _UNSURE.search(part) and part.count("`") % 2 == 0 for part in key[::2]
    )
