"""Conditions that are nothing but values and ranges of one integer column."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from operator import itemgetter

from sqlglot import exp

from aurora_mysql.catalog.model import Column
from aurora_mysql.engine.key_ranges import Ranges, merged
from aurora_mysql.engine.keys import INTEGER_TYPES
from aurora_mysql.sql.result import Value

#: A bound's value, of the statement's literals.
Bound = Callable[[Sequence[Value]], int]
#: The column that a node names, if its stored value is what the statement compares.
ColumnOf = Callable[[exp.Expression], Column | None]

#: Which bound a comparison gives, and by how much it is off.
SIDES: dict[type[exp.Expression], tuple[str, int]] = {
    exp.GTE: ("low", 0),
    exp.GT: ("low", 1),
    exp.LTE: ("high", 0),
    exp.LT: ("high", -1),
}
#: The comparison with its sides exchanged.
FLIPPED: dict[type[exp.Expression], type[exp.Expression]] = {
    exp.GTE: exp.LTE,
    exp.GT: exp.LT,
    exp.LTE: exp.GTE,
    exp.LT: exp.GT,
    exp.EQ: exp.EQ,
}


@dataclass
class KeySet:
    """The values that a condition admits of `column`: single ones and ranges, both ends included."""

    column: Column
    points: list[Bound] = field(default_factory=list)
    ranges: list[tuple[Bound, Bound]] = field(default_factory=list)

    def bind(self, params: Sequence[Value]) -> Ranges:
        """Ascending ranges without overlap, for one execution."""
        found = [(value, value) for point in self.points for value in (point(params),)]
        found += [(low(params), high(params)) for low, high in self.ranges]
        return merged(found)

    @property
    def single(self) -> tuple[Bound, Bound] | None:
        """The bounds when it is one range."""
        return self.ranges[0] if len(self.ranges) == 1 and not self.points else None


def key_set(condition: exp.Expression, column_of: ColumnOf) -> KeySet | None:
    """None when `condition` says anything else: of another column, of no integer, or with other than literals."""
    if isinstance(condition, exp.Paren):
        return key_set(condition.this, column_of)
    if isinstance(condition, exp.Or):
        left, right = key_set(condition.this, column_of), key_set(condition.expression, column_of)
        if left is None or right is None or left.column is not right.column:
            return None
        return KeySet(left.column, left.points + right.points, left.ranges + right.ranges)
    if isinstance(condition, exp.Between):
        column = _integer_column(condition.this, column_of)
        low, high = integer(condition.args["low"]), integer(condition.args["high"])
        return None if column is None or low is None or high is None else KeySet(column, ranges=[(low, high)])
    if isinstance(condition, exp.In):
        if not condition.expressions or any(condition.args.get(k) for k in ("query", "unnest", "field")):
            return None
        column = _integer_column(condition.this, column_of)
        points = [bound for item in condition.expressions if (bound := integer(item)) is not None]
        if column is None or len(points) != len(condition.expressions):
            return None
        return KeySet(column, points)
    if isinstance(condition, exp.And):
        return _two_bounds(condition, column_of)
    if type(condition) is exp.EQ:
        column, _, value = _comparison(condition, column_of)
        bound = None if value is None else integer(value)
        return None if column is None or bound is None else KeySet(column, [bound])
    return None


def _two_bounds(condition: exp.And, column_of: ColumnOf) -> KeySet | None:
    found: dict[str, Bound] = {}
    columns: list[Column] = []
    for part in (condition.this, condition.expression):
        while isinstance(part, exp.Paren):
            part = part.this
        column, kind, value = _comparison(part, column_of)
        if column is None or value is None or kind not in SIDES:
            return None
        end, shift = SIDES[kind]
        bound = integer(value, shift)
        if bound is None or end in found:
            return None
        found[end] = bound
        columns.append(column)
    if len(found) != 2 or columns[0] is not columns[1]:
        return None
    return KeySet(columns[0], ranges=[(found["low"], found["high"])])


def _comparison(
    node: exp.Expression, column_of: ColumnOf
) -> tuple[Column | None, type[exp.Expression], exp.Expression | None]:
    """Column, kind of comparison, value; turned round where the value comes first."""
    kind: type[exp.Expression] = type(node)
    if kind not in FLIPPED:
        return None, kind, None
    left, right = node.this, node.expression
    if isinstance(left, exp.Literal):
        left, right, kind = right, left, FLIPPED[kind]
    return _integer_column(left, column_of), kind, right


def _integer_column(node: exp.Expression, column_of: ColumnOf) -> Column | None:
    column = column_of(node)
    return column if column is not None and column.type.name in INTEGER_TYPES else None


def integer(node: exp.Expression, shift: int = 0) -> Bound | None:
    """The value of an integer literal, plus `shift`."""
    if not isinstance(node, exp.Literal) or node.is_string or not str(node.this).isdigit() or len(str(node.this)) > 18:
        return None
    index = node.meta.get("param")
    if index is None:
        number = int(node.this) + shift
        return lambda params: number
    if shift:
        return lambda params: params[index] + shift
    return itemgetter(index)
