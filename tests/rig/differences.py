"""What differs between two answers, and which of it is explained."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from tests.rig.observation import Observation

_DOUBLES = (4, 5)
_JSON = 245
_FIELDS = ("name", "type", "length", "flags", "decimals", "collation", "table")
_NUMBER = re.compile(r"-?\d+(?:\.\d*)?(?:e[+-]?\d+)?")
_KEY_ORDER = re.compile(r"SELECT \* FROM \w+(?: WHERE (?:(?!\b(?:UNION|GROUP|JOIN|IN)\b).)*)?(?: LIMIT [\w ,]+)?", re.I)
RULES = Path(__file__).with_name("explained.json")


@dataclass(frozen=True, slots=True)
class Difference:
    """`what`: rows, order, affected, insert_id, warning, error, column count, or a column's field; `place` is the
    warning's number or the column's name."""

    what: str
    ours: Any
    reference: Any
    place: str = ""
    computed: bool = False

    def __str__(self) -> str:
        return f"{self.what}{' of ' + self.place if self.place else ''}: {self.ours!r}, reference {self.reference!r}"


@dataclass(frozen=True, slots=True)
class Rule:
    """A difference between MySQL 8.0 and the reference server that is no mistake, and why. Empty fields match all.

    `statement` is a regular expression over the statement; `computed` True is for columns that are no table's.
    """

    what: str
    reason: str
    ours: Any = None
    reference: Any = None
    computed: bool | None = None
    statement: str = ""
    place: str = ""

    def explains(self, found: Difference, sql: str) -> bool:
        return (
            found.what == self.what
            and self.ours in (None, found.ours)
            and self.reference in (None, found.reference)
            and self.place in ("", found.place)
            and self.computed in (None, found.computed)
            and (not self.statement or re.search(self.statement, sql, re.IGNORECASE | re.DOTALL) is not None)
        )


@lru_cache(1)
def rules() -> tuple[Rule, ...]:
    return tuple(Rule(**r) for r in json.loads(RULES.read_text()))


def unexplained(ours: Observation, reference: Observation, sql: str) -> list[Difference]:
    """The differences that no rule explains."""
    return [d for d in differences(ours, reference, sql) if not any(r.explains(d, sql) for r in rules())]


def differences(ours: Observation, reference: Observation, sql: str) -> list[Difference]:
    """Everything in which the answers differ."""
    if ours.error or reference.error:
        return [] if ours.error == reference.error else [Difference("error", ours.error, reference.error)]
    found = []
    for what in ("affected", "insert_id"):
        a, b = getattr(ours, what), getattr(reference, what)
        if a != b:
            found.append(Difference(what, a, b))
    # The order of warnings hangs on which part of an expression is computed first.
    counts = [Counter(number for _, number in x.warnings) for x in (ours, reference)]
    for number in sorted(counts[0].keys() | counts[1].keys()):
        if counts[0][number] != counts[1][number]:
            found.append(Difference("warning", counts[0][number], counts[1][number], str(number)))
    if ours.columns is None or reference.columns is None or len(ours.columns) != len(reference.columns):
        if ours.columns is not None or reference.columns is not None:
            counts = [None if x.columns is None else len(x.columns) for x in (ours, reference)]
            found.append(Difference("column count", *counts))
        return found
    for a, b in zip(ours.columns, reference.columns, strict=True):
        for field, x, y in zip(_FIELDS, a, b, strict=True):
            if x != y:
                found.append(Difference(field, x, y, b[0], not b[-1]))
    return found + _rows(ours, reference, sql)


def _rows(ours: Observation, reference: Observation, sql: str) -> list[Difference]:
    assert ours.columns is not None and reference.columns is not None
    kinds = [
        "json" if _JSON in (a[1], b[1]) else "double" if {a[1], b[1]} & set(_DOUBLES) else ""
        for a, b in zip(ours.columns, reference.columns, strict=True)
    ]
    # A DOUBLE that the reference shows with fixed decimals is compared to as many.
    digits = [
        y[4] if k == "double" and y[4] < 31 and x[4] >= 31 else None
        for x, y, k in zip(ours.columns, reference.columns, kinds, strict=True)
    ]
    a = [[_plain(v, k) for v, k in zip(row, kinds, strict=True)] for row in ours.rows]
    b = [[_plain(v, k) for v, k in zip(row, kinds, strict=True)] for row in reference.rows]
    if _same(a, b, digits):
        return []
    if _same(sorted(a, key=repr), sorted(b, key=repr), digits):
        return [Difference("order", ours.rows[:20], reference.rows[:20])] if ordered(sql) else []
    return [Difference("rows", ours.rows[:20], reference.rows[:20])]


def _plain(value: Any, kind: str) -> Any:
    if value is None or not kind:
        return value
    if kind == "json":
        try:
            return json.dumps(json.loads(value), sort_keys=True)
        except ValueError:
            return value
    return float(value) if _NUMBER.fullmatch(value) else value


def _same(a: list[list[Any]], b: list[list[Any]], digits: list[int | None]) -> bool:
    if len(a) != len(b):
        return False
    for x, y in zip(a, b, strict=True):
        for v, w, d in zip(x, y, digits, strict=True):
            if v == w:
                continue
            slack = 0.0 if d is None else 0.5000001 * 10.0**-d
            if not (isinstance(v, float) and isinstance(w, float) and math.isclose(v, w, rel_tol=1e-13, abs_tol=slack)):
                return False
    return True


def ordered(sql: str) -> bool:
    """ORDER BY outside all parentheses; or plain rows of one table, which come in the order of its key."""
    if _KEY_ORDER.fullmatch(sql):
        return True
    depth, plain = 0, []
    for piece in re.split(r"('(?:[^'\\]|\\.|'')*'|[()])", sql):
        depth += {"(": 1, ")": -1}.get(piece, 0)
        if not depth and not piece.startswith("'"):
            plain.append(piece)
    return re.search(r"order\s+by", " ".join(plain), re.IGNORECASE) is not None or sql.lstrip()[:4].upper() == "SHOW"
