"""Which key ranges a condition searches: what a locking read or a write keeps free of phantoms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from sqlglot import exp

from aurora_mysql.catalog.model import HIDDEN_KEY, Column, Table
from aurora_mysql.catalog.values import Converter, converter
from aurora_mysql.catalog.zero_date import ANY_DATE
from aurora_mysql.engine.gaps import KeyRange, Leading
from aurora_mysql.errors import MySQLError
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.functions.temporal import zone
from aurora_mysql.sql.query.sources import session_zone
from aurora_mysql.sql.result import Value

#: A value known when the statement runs; raises ValueError when the column can't hold it exactly.
_Bound = Callable[[Sequence[Value], SessionContext], Any]

#: IN lists longer than this lock the range from the least to the greatest value instead.
_MAX_POINTS = 64


@dataclass(slots=True)
class _Wanted:
    """What the conjuncts say of one column."""

    points: list[_Bound] | None = None
    low: _Bound | None = None
    high: _Bound | None = None
    low_open: bool = False
    high_open: bool = False


@dataclass(slots=True)
class SearchedRanges:
    """The leading columns of the index that serves the condition: equal ones first, then perhaps one range or list."""

    table: Table
    columns: tuple[str, ...] = ()
    equal: list[_Bound] = field(default_factory=list)
    last: _Wanted | None = None
    _leading: Leading | None = None

    def bind(self, params: Sequence[Value], ctx: SessionContext) -> list[KeyRange] | None:
        """The ranges of one execution, None for the whole table: no index serves the condition, or the index column
        can't hold a value as it is."""
        if not self.columns:
            return None
        last, leading = self.last, self._leading
        if leading is None:
            leading = self._leading = Leading(self.table, self.columns)
        try:
            prefix = [bound(params, ctx) for bound in self.equal]
            if last is None:
                return [leading.between(prefix, prefix)]
            if last.points is not None:
                points = [bound(params, ctx) for bound in last.points]
                if len(points) > _MAX_POINTS:
                    points.sort()
                    return [leading.between([*prefix, points[0]], [*prefix, points[-1]])]
                return [leading.between([*prefix, p], [*prefix, p]) for p in points]
            low = prefix if last.low is None else [*prefix, last.low(params, ctx)]
            high = prefix if last.high is None else [*prefix, last.high(params, ctx)]
        except (MySQLError, ValueError, TypeError):
            return None
        return [
            leading.between(
                low or None,
                high or None,
                low_open=last.low_open and last.low is not None,
                high_open=last.high_open and last.high is not None,
            )
        ]


def searched_ranges(where: exp.Expression | None, table: Table, alias: str) -> SearchedRanges | None:
    """The best index for the conjuncts of `where` that compare a column with literals: the one with the most equal
    leading columns, then one with a range on the next. Without one it is the whole table; None when the condition
    says something else of an indexed column, so that MySQL may well use that index."""
    wanted: dict[str, _Wanted] = {}
    node = where.this if isinstance(where, exp.Where) else where
    for part in _conjuncts(node):
        _learn(part, table, alias, wanted)
    best = SearchedRanges(table)
    best_score = (0, False)
    for index in table.indexes:
        if not index.visible or index.kind not in ("BTREE", "HASH"):
            continue
        found = SearchedRanges(table)
        names: list[str] = []
        for part_ in index.parts:
            about = wanted.get(part_.column.lower())
            if about is None or part_.length is not None or part_.column == HIDDEN_KEY:
                break
            names.append(part_.column)
            if about.points is not None and len(about.points) == 1:
                found.equal.append(about.points[0])
                continue
            found.last = about
            break
        found.columns = tuple(names)
        score = (len(found.equal), found.last is not None)
        if score > best_score:
            best, best_score = found, score
    if not best.columns and node is not None:
        leading = {index.parts[0].column.lower() for index in table.indexes}
        if any(c.name.lower() in leading for c in node.find_all(exp.Column)):
            return None
    return best


def _conjuncts(node: exp.Expression | None) -> list[exp.Expression]:
    if node is None:
        return []
    if isinstance(node, exp.Paren):
        return _conjuncts(node.this)
    if isinstance(node, exp.And):
        return _conjuncts(node.this) + _conjuncts(node.expression)
    return [node]


_FLIPPED: dict[type[exp.Expression], type[exp.Expression]] = {
    exp.GT: exp.LT,
    exp.GTE: exp.LTE,
    exp.LT: exp.GT,
    exp.LTE: exp.GTE,
    exp.EQ: exp.EQ,
}


def _learn(node: exp.Expression, table: Table, alias: str, wanted: dict[str, _Wanted]) -> None:
    if isinstance(node, exp.Between):
        column = _column(node.this, table, alias)
        low, high = _bound(column, node.args["low"]), _bound(column, node.args["high"])
        if column is not None and low is not None and high is not None:
            about = wanted.setdefault(column.name.lower(), _Wanted())
            about.low, about.high = low, high
        return
    if isinstance(node, exp.In) and node.expressions:
        column = _column(node.this, table, alias)
        bounds = [_bound(column, item) for item in node.expressions]
        points = [b for b in bounds if b is not None]
        if column is not None and len(points) == len(bounds):
            wanted.setdefault(column.name.lower(), _Wanted()).points = points
        return
    kind = type(node)
    if kind not in _FLIPPED:
        return
    left, right = node.this, node.args["expression"]
    column = _column(left, table, alias)
    if column is None:
        left, right, kind = right, left, _FLIPPED[kind]
        column = _column(left, table, alias)
    bound = _bound(column, right)
    if column is None or bound is None:
        return
    about = wanted.setdefault(column.name.lower(), _Wanted())
    if kind is exp.EQ:
        about.points = [bound]
    elif kind in (exp.GT, exp.GTE):
        about.low, about.low_open = bound, kind is exp.GT
    else:
        about.high, about.high_open = bound, kind is exp.LT


def _column(node: exp.Expression, table: Table, alias: str) -> Column | None:
    if not isinstance(node, exp.Column) or (node.table and node.table.lower() != alias.lower()):
        return None
    return table.column(node.name)


def _bound(column: Column | None, node: exp.Expression) -> _Bound | None:
    if column is None:
        return None
    negative = isinstance(node, exp.Neg)
    literal = node.this if negative else node
    if not isinstance(literal, exp.Literal):
        return None
    index = literal.meta.get("param")
    text = str(literal.this)
    fixed: Value = text if literal.is_string else Decimal(text)
    found: Column = column
    #: By time zone.
    converters: dict[str, Converter] = {}

    def value(params: Sequence[Value], ctx: SessionContext) -> Any:
        given = fixed if index is None else params[index]
        if negative:
            given = -given
        tz = session_zone(ctx)
        convert = converters.get(tz)
        if convert is None:
            convert = converters[tz] = converter(found, strict=True, zone=zone(tz), dates=ANY_DATE)
        stored = convert(given, 1, _never)
        if isinstance(stored, int) and not isinstance(given, str) and stored != given:
            raise ValueError("rounded")
        return stored

    return value


def _never(level: str, errno: int, message: str) -> None:
    """A conversion with a warning is not exact."""
    raise ValueError(message)
