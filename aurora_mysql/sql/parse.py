"""From a shape to a syntax tree: sentinels go in for literals, and come out as nodes that know their parameter."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, TypeAlias

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, TokenError

import aurora_mysql.sql.dialect  # noqa: F401  (tells sqlglot to leave function calls alone)
from aurora_mysql.errors import mysql_error, unsupported
from aurora_mysql.sql.fingerprint import Shape, lift, split
from aurora_mysql.sql.result import Value

#: Sentinel literals: recognised by this number, made unlike anything a client writes.
_BASE = 918_273_645_000_000_000
_STRING = "\x01lit"

_INTO = re.compile(r"^@[\w$.`]+$")


def parse_one_mysql(text: str, params: Sequence[Value]) -> exp.Expression:
    """Parse one statement whose literals stay where they are.

    Raises:
        MySQLError: 1064, or 1235 for what the parser does not understand as a statement of its own.
    """
    return _parse(text, text)


#: A shape's tree, and the parameters whose values are part of it.
ParsedShape: TypeAlias = tuple[exp.Expression, set[int]]


def parse_shape(shape: Shape, text: str) -> ParsedShape:
    """The tree of a shape, and the parameters whose values are part of it (type lengths, aliases).

    Every literal node carries its parameter's index in ``meta["param"]`` and its own text again. An INSERT of
    several rows has ``meta["row_count"]`` and ``meta["params_per_row"]``.
    """
    pieces = list(shape.pieces)
    sentinels: dict[str, int] = {}
    for index, (at, kind) in enumerate(zip(shape.places, shape.kinds, strict=True)):
        value = shape.params[index]
        if kind == "v":
            kind = "s" if value is None or isinstance(value, str | bytes) else "i" if isinstance(value, int) else "d"
        number = str(_BASE + index)
        if kind == "s":
            pieces[at] = f"'{_STRING}{index}'"
            sentinels[f"{_STRING}{index}"] = index
        else:
            pieces[at] = number if kind in "iI" else number + (".5" if kind in "dD" else "e0")
            sentinels[pieces[at]] = index
    _name_interval_calls(pieces)
    into = _take_into(pieces)
    tree = _parse(" ".join(pieces), text)
    fixed: set[int] = set()
    seen: set[int] = set()
    for node in tree.walk():
        for name, value in node.args.items():
            if not isinstance(value, str) or value not in sentinels:
                continue
            index = sentinels[value]
            seen.add(index)
            node.args[name] = _text(shape.params[index])
            node.meta["param"] = index
            outer = node.parent.parent if isinstance(node.parent, exp.Neg) else node.parent
            if isinstance(node, exp.Literal) and isinstance(outer, exp.Interval):
                # The parser makes every amount a string; for MySQL '1' and 1 are different amounts.
                node.args["is_string"] = isinstance(shape.params[index], str)
            if not isinstance(node, exp.Literal) or isinstance(node.parent, exp.DataTypeParam | exp.DataType):
                fixed.add(index)
    if len(seen) != len(sentinels):
        # A literal became part of something else in the parser: take the text as it is, and cache nothing.
        tree = _parse(" ".join(_unlifted(shape)), text)
        fixed = set(range(len(shape.params)))
    if into:
        tree.meta["into"] = into
    for flag in shape.flags:
        tree.meta[flag.lower()] = True
    if shape.row_alias:
        tree.meta["row_alias"] = shape.row_alias
        tree.meta["row_columns"] = shape.row_columns
    if shape.row_params:
        tree.meta["row_count"] = shape.rows
        tree.meta["params_per_row"] = shape.row_params
    return tree, fixed


def _text(value: Value) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    if isinstance(value, float):
        text = repr(value)
        # Without an exponent it would read as an exact decimal.
        return text if "e" in text else text + "e0"
    if isinstance(value, Decimal):
        text = f"{value:f}"
        # Without a point it would read as an integer.
        return text if "." in text else text + "."
    return "" if value is None else str(value)


def _unlifted(shape: Shape) -> list[str]:
    pieces = list(shape.pieces)
    for index, at in enumerate(shape.places):
        value = shape.params[index]
        if value is None:
            pieces[at] = "NULL"
        elif isinstance(value, str):
            quoted = "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"
            # The parser makes every amount a string: parentheses tell one that was.
            pieces[at] = f"({quoted})" if at and pieces[at - 1].upper() == "INTERVAL" else quoted
        else:
            pieces[at] = _text(value)
    return pieces


def _name_interval_calls(pieces: list[str]) -> None:
    """``INTERVAL(n, a, b)`` is a function, which the parser takes for an interval: give it another name."""
    for at, piece in enumerate(pieces):
        if piece.upper() != "INTERVAL" or pieces[at + 1 : at + 2] != ["("]:
            continue
        depth = 0
        for inner in pieces[at + 1 :]:
            depth += {"(": 1, ")": -1}.get(inner, 0)
            if depth == 1 and inner == ",":
                pieces[at] = "_INTERVAL_CALL"
                break
            if not depth:
                break


def _take_into(pieces: list[str]) -> list[str]:
    """``SELECT ... INTO @a, @b``, which sqlglot doesn't know: cut out, as names."""
    upper = [p.upper() for p in pieces]
    if "INTO" not in upper or pieces[0].upper() not in ("SELECT", "WITH", "(", "TABLE", "VALUES"):
        return []
    at = upper.index("INTO")
    end = at + 1
    names: list[str] = []
    while end < len(pieces) and _INTO.match(pieces[end]):
        names.append(pieces[end][1:].strip("`").lower())
        end += 1
        if end < len(pieces) and pieces[end] == ",":
            end += 1
        else:
            break
    if names:
        del pieces[at:end]
    return names


def _parse(sql: str, text: str) -> exp.Expression:
    try:
        trees: list[Any] = sqlglot.parse(sql, dialect="mysql")
    except ParseError as error:
        details = error.errors[0] if error.errors else {}
        near = _near(text, str(details.get("highlight") or ""), str(details.get("start_context") or ""))
        raise mysql_error(1064, *near) from None
    except (TokenError, RecursionError):
        raise mysql_error(1064, text[:80], 1) from None
    if len(trees) != 1 or trees[0] is None:
        raise mysql_error(1064, text[:80], 1)
    tree: exp.Expression = trees[0]
    if isinstance(tree, exp.Update) and not tree.expressions:
        raise mysql_error(1064, "", text.count("\n") + 1)
    if isinstance(tree, exp.Command):
        raise unsupported(text[:64])
    return tree


def _near(text: str, highlight: str, before: str) -> tuple[str, int]:
    """The place in the client's text that the parser points at."""
    word = highlight.strip()
    if word and not word.startswith((_STRING, str(_BASE)[:9])) and word in text:
        occurrence = before.count(word)
        at = -1
        for _ in range(occurrence + 1):
            following = text.find(word, at + 1)
            if following < 0:
                break
            at = following
        if at >= 0:
            return text[at : at + 80], text.count("\n", 0, at) + 1
    return "", text.count("\n") + 1


def shape_of(sql: str) -> Shape:
    """The shape of a single statement (tests, tools). Raises 1064."""
    statements = split(sql)
    if len(statements) != 1:
        raise mysql_error(1064, sql[:80], 1)
    return lift(statements[0])
