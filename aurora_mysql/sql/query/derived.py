"""What is made of rows in memory: sort keys, what DISTINCT compares, aggregates.

Pages keep what was made of their rows under the function that made it, so equal functions are one.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from functools import lru_cache, reduce
from typing import Any

from sqlglot import exp

from aurora_mysql.catalog.collation import collation_key
from aurora_mysql.catalog.model import Column
from aurora_mysql.catalog.physical import needs_collation_key
from aurora_mysql.catalog.wide_decimal import is_wide
from aurora_mysql.catalog.zero_date import ZeroDate
from aurora_mysql.engine.key_pages import Derive
from aurora_mysql.engine.keys import INTEGER_TYPES
from aurora_mysql.redo.record import Row
from aurora_mysql.sql.functions.collations import sort_keys
from aurora_mysql.sql.query.expression import CONNECTION_COLLATION
from aurora_mysql.sql.result import Value

#: Their Python values sort and compare as MySQL's do, given a collation key for text.
SORTABLE = INTEGER_TYPES | {"decimal", "date", "datetime", "timestamp", "char", "varchar"}

#: A column, and where its value stands in a row.
Place = tuple[Column, int]
#: The column that a node is, if its value in memory is what a client gets.
PlaceOf = Callable[[exp.Expression], Place | None]

_EXACT = Context(prec=76)


@dataclass(frozen=True, slots=True)
class Fold:
    """An aggregate: `values` of the rows, then one value of these."""

    values: Derive
    reduce: Callable[[Sequence[Any]], Value]


def fold(node: exp.Expression, place_of: PlaceOf) -> Fold | None:
    """COUNT(*), COUNT(DISTINCT column); COUNT, SUM, MIN and MAX of an integer or decimal column."""
    if isinstance(node, exp.Count) and isinstance(node.this, exp.Star) and not node.expressions:
        return Fold(_everything, len)
    if isinstance(node, exp.Anonymous):  # our dialect leaves SUM to the translator
        name, arguments = str(node.this).upper(), node.expressions
    elif isinstance(node, exp.Count | exp.Sum | exp.Min | exp.Max) and not node.expressions:
        name, arguments = node.key.upper(), [node.this]
    else:
        return None
    if name not in ("COUNT", "SUM", "MIN", "MAX") or len(arguments) != 1:
        return None
    if isinstance(arguments[0], exp.Distinct):
        return _distinct_count(name, arguments[0], place_of)
    place = place_of(arguments[0])
    if place is None:
        return None
    column, position = place
    kind = column.type.name
    if kind not in INTEGER_TYPES and (kind != "decimal" or is_wide(column.type)):
        return None
    reduce_ = _REDUCE_DECIMALS[name] if kind == "decimal" else _REDUCE[name]
    if column.nullable:
        return Fold(_values(position), lambda numbers: reduce_([n for n in numbers if n is not None]))
    return Fold(_values(position), reduce_)


def _distinct_count(name: str, node: exp.Distinct, place_of: PlaceOf) -> Fold | None:
    place = place_of(node.expressions[0]) if name == "COUNT" and len(node.expressions) == 1 else None
    if place is None or node.args.get("on") or place[0].type.name not in SORTABLE:
        return None
    return Fold(row_keys_of([place]), lambda keys: len({key for key in keys if key[0] is not None}))


_REDUCE: dict[str, Callable[[Sequence[Any]], Value]] = {
    "COUNT": len,
    "SUM": lambda numbers: Decimal(sum(numbers)) if numbers else None,
    "MIN": lambda numbers: min(numbers, default=None),
    "MAX": lambda numbers: max(numbers, default=None),
}
_REDUCE_DECIMALS = _REDUCE | {"SUM": lambda numbers: reduce(_EXACT.add, numbers) if numbers else None}


@lru_cache(4096)
def each(encode: Callable[[Row], Any]) -> Derive:
    """`encode` of every row."""

    def encode_rows(rows: Sequence[Row]) -> Sequence[Any]:
        return list(map(encode, rows))

    return encode_rows


def _everything(rows: Sequence[Row]) -> Sequence[Any]:
    return rows


@lru_cache(4096)
def _values(position: int) -> Derive:
    """The values of a column."""

    def values(rows: Sequence[Row]) -> Sequence[Any]:
        return [row[position] for row in rows]

    return values


def picker(positions: Sequence[int]) -> Derive:
    """The values at `positions` of every row."""

    def pick(rows: Sequence[Row]) -> Sequence[Any]:
        return [tuple([row[at] for at in positions]) for row in rows]

    return pick


def sort_keys_of(place: Place) -> Derive:
    """What rows sort by in a column: NULL first, text by its collation."""
    column, position = place
    kind = column.type.name
    collation = (column.type.collation or CONNECTION_COLLATION) if kind in ("char", "varchar") else None
    return _sort_keys(position, collation, column.nullable, kind in ("date", "datetime", "timestamp"))


@lru_cache(4096)
def _sort_keys(position: int, collation: str | None, nullable: bool, temporal: bool) -> Derive:
    def keys(rows: Sequence[Row]) -> Sequence[Any]:
        values: Sequence[Any] = [row[position] for row in rows]
        if collation is not None:
            values = sort_keys(values, collation)
        elif temporal:  # zero dates compare with others by their text
            values = [None if value is None else _instant_text(value) for value in values]
        return [(value is not None, value) for value in values] if nullable else values

    return keys


def _instant_text(value: Any) -> str:
    if isinstance(value, dt.datetime):
        return value.isoformat(sep=" ", timespec="microseconds")
    text: str = value.text(6) if isinstance(value, ZeroDate) else value.isoformat()
    return text


def row_keys_of(places: Sequence[Place]) -> Derive:
    """What DISTINCT compares."""
    collations = [column.type.collation or "" if needs_collation_key(column) else None for column, _ in places]
    return _row_keys(tuple(zip([position for _, position in places], collations, strict=True)))


@lru_cache(4096)
def _row_keys(parts: tuple[tuple[int, str | None], ...]) -> Derive:
    def keys(rows: Sequence[Row]) -> Sequence[Any]:
        return [
            tuple([v if (v := row[at]) is None or c is None else collation_key(v, c) for at, c in parts])
            for row in rows
        ]

    return keys
