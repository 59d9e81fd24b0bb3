"""A condition as a list of conjuncts, and what each says: a column equals a literal, or lies on one side of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from sqlglot import exp

from aurora_mysql.catalog.model import Column
from aurora_mysql.engine.keys import INTEGER_TYPES
from aurora_mysql.sql.query.key_sets import FLIPPED, SIDES, Bound, integer
from aurora_mysql.sql.query.point import literal_of
from aurora_mysql.sql.result import Value

#: A value of one execution.
Source = Callable[[Sequence[Value]], Any]
#: The table (by number) and the column that a node is.
Found = Callable[[exp.Expression], tuple[int, Column] | None]


@dataclass(frozen=True, slots=True, eq=False)
class Conjunct:
    """What `node` says of a column of table `table`. `source`: it equals this; `low`, `high`: it is an integer from, or
    up to, this."""

    node: exp.Expression
    table: int
    column: Column
    source: Source | None = None
    low: Bound | None = None
    high: Bound | None = None


@dataclass(frozen=True, slots=True)
class Pair:
    """Two integer columns that are equal."""

    left: tuple[int, Column]
    right: tuple[int, Column]


def conjuncts(node: exp.Expression | None) -> list[exp.Expression]:
    """The parts of a condition that all hold; none of no condition."""
    if node is None:
        return []
    if isinstance(node, exp.Where | exp.Paren):
        return conjuncts(node.this)
    if isinstance(node, exp.And):
        return conjuncts(node.this) + conjuncts(node.expression)
    return [node]


def told(node: exp.Expression, found: Found) -> Conjunct | Pair | None:
    """What a conjunct says, None when it is something else."""
    if isinstance(node, exp.Between):
        place = found(node.this)
        low, high = integer(node.args["low"]), integer(node.args["high"])
        if place is None or low is None or high is None or place[1].type.name not in INTEGER_TYPES:
            return None
        return Conjunct(node, *place, low=low, high=high)
    kind: type[exp.Expression] = type(node)
    if kind not in FLIPPED:
        return None
    left, right = node.this, node.expression
    if isinstance(left, exp.Literal):
        left, right, kind = right, left, FLIPPED[kind]
    place = found(left)
    if place is None:
        return None
    if kind is exp.EQ and isinstance(right, exp.Column):
        other = found(right)
        both = other is not None and {place[1].type.name, other[1].type.name} <= INTEGER_TYPES
        return Pair(place, other) if both and other is not None else None
    if not isinstance(right, exp.Literal):
        return None
    if kind is exp.EQ:
        value = literal_of(place[1], right)
        return None if value is None else Conjunct(node, *place, source=source_of(value))
    side, shift = SIDES[kind]
    bound = integer(right, shift) if place[1].type.name in INTEGER_TYPES else None
    if bound is None:
        return None
    return Conjunct(node, *place, low=bound) if side == "low" else Conjunct(node, *place, high=bound)


def source_of(value: int | tuple[Any]) -> Source:
    """Of a literal's index, or a value (in a tuple)."""
    if isinstance(value, int):
        return itemgetter(value)
    fixed = value[0]
    return lambda params: fixed
