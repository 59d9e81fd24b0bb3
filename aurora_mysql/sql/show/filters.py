"""LIKE and WHERE of SHOW statements, evaluated on finished rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from aurora_mysql.catalog.collation import collation_key
from aurora_mysql.errors import mysql_error
from aurora_mysql.sql.lexer import TokenCursor

Row = Sequence[Any]
Getter = Callable[[Row], Any]
Filter = Callable[[Row], bool]


def like_pattern(pattern: str) -> re.Pattern[str]:
    """MySQL LIKE, case-insensitive, backslash escapes."""
    out = []
    i = 0
    while i < len(pattern):
        c = pattern[i]
        if c == "\\" and i + 1 < len(pattern):
            i += 1
            out.append(re.escape(pattern[i]))
        else:
            out.append(".*" if c == "%" else "." if c == "_" else re.escape(c))
        i += 1
    return re.compile("".join(out), re.IGNORECASE | re.DOTALL)


def parse_where(cur: TokenCursor, names: Sequence[str]) -> Filter:
    """The condition after WHERE over columns `names`: comparisons, LIKE, REGEXP, IN, IS NULL, BETWEEN, AND, OR, NOT."""
    value = _or(cur, {n.lower(): i for i, n in enumerate(names)})
    return lambda row: bool(value(row))


def _or(cur: TokenCursor, names: dict[str, int]) -> Getter:
    left = _and(cur, names)
    while cur.accept_word("OR") or cur.accept_op("||"):
        left = _either(left, _and(cur, names))
    return left


def _either(left: Getter, right: Getter) -> Getter:
    return lambda row: left(row) or right(row)


def _and(cur: TokenCursor, names: dict[str, int]) -> Getter:
    left = _not(cur, names)
    while cur.accept_word("AND") or cur.accept_op("&&"):
        left = _both(left, _not(cur, names))
    return left


def _both(left: Getter, right: Getter) -> Getter:
    return lambda row: left(row) and right(row)


def _not(cur: TokenCursor, names: dict[str, int]) -> Getter:
    if cur.accept_word("NOT") or cur.accept_op("!"):
        inner = _not(cur, names)

        def negated(row: Row) -> Any:
            value = inner(row)
            return None if value is None else not value

        return negated
    return _predicate(cur, names)


def _predicate(cur: TokenCursor, names: dict[str, int]) -> Getter:
    left = _operand(cur, names)
    if cur.accept_word("IS"):
        negative = cur.accept_word("NOT")
        cur.expect_word("NULL")
        return lambda row: (left(row) is None) != negative
    negative = cur.accept_word("NOT")
    if cur.accept_word("LIKE"):
        pattern = like_pattern(cur.expect_string())
        return lambda row: (pattern.fullmatch(str(left(row) or "")) is not None) != negative
    if cur.accept_any("REGEXP", "RLIKE"):
        found = re.compile(cur.expect_string(), re.IGNORECASE)
        return lambda row: (found.search(str(left(row) or "")) is not None) != negative
    if cur.accept_word("IN"):
        cur.expect_op("(")
        options = [_operand(cur, names)]
        while cur.accept_op(","):
            options.append(_operand(cur, names))
        cur.expect_op(")")
        return lambda row: any(_compare(left(row), o(row)) == 0 for o in options) != negative
    if cur.accept_word("BETWEEN"):
        low = _operand(cur, names)
        cur.expect_word("AND")
        high = _operand(cur, names)
        return lambda row: (
            ((_compare(left(row), low(row)) or 0) >= 0 >= (_compare(left(row), high(row)) or 0)) != negative
        )
    operator = cur.accept_op("=", "<>", "!=", "<", "<=", ">", ">=", "<=>")
    if operator is None:
        return left
    right = _operand(cur, names)
    test = _TESTS[operator]

    def compared(row: Row) -> Any:
        order = _compare(left(row), right(row))
        return None if order is None else test(order)

    return compared


_TESTS: dict[str, Callable[[int], bool]] = {
    "=": lambda o: o == 0,
    "<=>": lambda o: o == 0,
    "<>": lambda o: o != 0,
    "!=": lambda o: o != 0,
    "<": lambda o: o < 0,
    "<=": lambda o: o <= 0,
    ">": lambda o: o > 0,
    ">=": lambda o: o >= 0,
}


def _compare(left: Any, right: Any) -> int | None:
    if left is None or right is None:
        return None
    if isinstance(left, int | float | Decimal) or isinstance(right, int | float | Decimal):
        a, b = _number(left), _number(right)
        return (a > b) - (a < b)
    x, y = collation_key(str(left), "utf8mb4_0900_ai_ci"), collation_key(str(right), "utf8mb4_0900_ai_ci")
    return (x > y) - (x < y)


def _number(value: Any) -> float:
    if isinstance(value, int | float | Decimal):
        return float(value)
    match = re.match(r"\s*[+-]?\d*\.?\d+", str(value))
    return float(match.group()) if match else 0.0


def _operand(cur: TokenCursor, names: dict[str, int]) -> Getter:
    if cur.accept_op("("):
        inner = _or(cur, names)
        cur.expect_op(")")
        return inner
    negative = cur.accept_op("-") is not None
    token = cur.next()
    if token.kind in ("string", "number", "hex", "bit"):
        constant = -token.value if negative else token.value
        return lambda row: constant
    if token.kind not in ("word", "ident"):
        cur.position -= 1
        raise cur.syntax_error()
    name = str(token.value)
    if token.kind == "word" and token.upper in ("NULL", "TRUE", "FALSE"):
        fixed = {"NULL": None, "TRUE": 1, "FALSE": 0}[token.upper]
        return lambda row: fixed
    if token.kind == "word" and token.upper in ("UPPER", "LOWER", "UCASE", "LCASE") and cur.accept_op("("):
        argument = _operand(cur, names)
        cur.expect_op(")")
        upper = token.upper in ("UPPER", "UCASE")
        return lambda row: str(argument(row)).upper() if upper else str(argument(row)).lower()
    while cur.accept_op("."):
        name = cur.expect_ident()
    position = names.get(name.lower())
    if position is None:
        raise mysql_error(1054, name, "where clause")
    return lambda row: row[position]
