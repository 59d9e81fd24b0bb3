"""User variables that a SELECT assigns in its select list: ``SELECT @n := @n + 1, id FROM t``.

MySQL computes such items row by row in the order of the list, so DuckDB can't: it gives the parts without variables as
columns of their own (the largest such parts), and the rest is computed here on every row.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, localcontext

from sqlglot import exp

from aurora_mysql.catalog.collation import collation_key
from aurora_mysql.engine.transaction import Transaction
from aurora_mysql.errors import mysql_error, unsupported
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.functions.numeric import double_text, leading_number
from aurora_mysql.sql.plan import Plan
from aurora_mysql.sql.query.expression import CONNECTION_COLLATION
from aurora_mysql.sql.result import Result, ResultColumn, ResultSet, Value

#: Computes one value from a row of DuckDB's and the session.
Step = Callable[[Sequence[Value], SessionContext], Value]

_DIV_DECIMALS = 4


def assigned_names(select: exp.Select) -> set[str]:
    """The variables that the select list assigns (lower case)."""
    return {
        assignment.this.name.lower()
        for item in select.expressions
        for assignment in item.find_all(exp.PropertyEQ)
        if isinstance(assignment.this, exp.Parameter)
    }


@dataclass
class Assignments:
    """The items of a select list, each as a step over the row of the inner query."""

    steps: list[Step]

    @staticmethod
    def take(select: exp.Select) -> Assignments:
        """Replace the select list of `select` by what DuckDB shall compute.

        Raises:
            MySQLError: 1235 where a row-by-row evaluation is not possible (DISTINCT, functions not known here).
        """
        if select.args.get("distinct") is not None:
            raise unsupported("assigning user variables in a SELECT DISTINCT")
        names = assigned_names(select)
        inner: list[exp.Expression] = []
        maker = _Maker(inner, names)
        steps = [maker.step(item.this if isinstance(item, exp.Alias) else item) for item in select.expressions]
        select.set("expressions", inner or [exp.alias_(exp.Literal.number(1), "unused")])
        return Assignments(steps)

    def row(self, row: Sequence[Value], ctx: SessionContext) -> list[Value]:
        return [step(row, ctx) for step in self.steps]


@dataclass
class AssigningPlan:
    """See :class:`aurora_mysql.sql.plan.Plan`. `inner` gives the rows that the assignments are computed on."""

    inner: Plan
    assignments: Assignments
    columns: list[ResultColumn] | None
    cacheable: bool = False
    writes: bool = False
    is_ddl: bool = False
    needs_transaction: bool = True

    async def run(self, ctx: SessionContext, tx: Transaction | None, params: Sequence[Value]) -> Result:
        result = await self.inner.run(ctx, tx, params)
        assert isinstance(result, ResultSet) and self.columns is not None
        if isinstance(result.rows, Sequence):
            return ResultSet(self.columns, [self.assignments.row(r, ctx) for r in result.rows])
        return ResultSet(self.columns, self._batches(ctx, result.rows))

    async def _batches(
        self, ctx: SessionContext, batches: AsyncIterator[Sequence[Sequence[Value]]]
    ) -> AsyncIterator[Sequence[Sequence[Value]]]:
        async for batch in batches:
            yield [self.assignments.row(r, ctx) for r in batch]


class _Maker:
    """Compiles the items; `inner` collects what DuckDB computes."""

    def __init__(self, inner: list[exp.Expression], names: set[str]) -> None:
        self.inner, self.names = inner, names

    def step(self, node: exp.Expression) -> Step:
        if not self._live(node):
            position = len(self.inner)
            self.inner.append(exp.Alias(this=node.copy(), alias=exp.to_identifier(f"part_{position}", quoted=True)))
            return lambda row, ctx: row[position]
        if isinstance(node, exp.Paren):
            return self.step(node.this)
        if isinstance(node, exp.Parameter):
            name = node.name.lower()
            return lambda row, ctx: ctx.user_variables.get(name)
        if isinstance(node, exp.PropertyEQ):
            return self._assign(node)
        if isinstance(node, exp.Neg):
            return _apply(lambda a: _arithmetic("-", 0, a), self.step(node.this))
        for kind, operator in _ARITHMETIC.items():
            if isinstance(node, kind):
                return _apply(_operation(operator), self.step(node.this), self.step(node.expression))
        for kind, test in _COMPARISONS.items():
            if isinstance(node, kind):
                return _apply(_comparison(test), self.step(node.this), self.step(node.expression))
        if isinstance(node, exp.NullSafeEQ):
            return _apply(_null_safe, self.step(node.this), self.step(node.expression))
        if isinstance(node, exp.Not):
            return _apply(lambda a: None if a is None else int(not _truth(a)), self.step(node.this))
        if isinstance(node, exp.And | exp.Or):
            return self._connector(node)
        if isinstance(node, exp.Is) and isinstance(node.expression, exp.Null):
            return _apply(lambda a: int(a is None), self.step(node.this))
        if isinstance(node, exp.If):
            return self._choice([(node.this, node.args["true"])], node.args.get("false"), None)
        if isinstance(node, exp.Case):
            branches = [(b.this, b.args["true"]) for b in node.args["ifs"]]
            return self._choice(branches, node.args.get("default"), node.this)
        if isinstance(node, exp.Concat):
            return _apply(_concat, *map(self.step, node.expressions))
        if isinstance(node, exp.Anonymous) and str(node.this).lower() in _FUNCTIONS:
            return _apply(_FUNCTIONS[str(node.this).lower()], *map(self.step, node.expressions))
        raise unsupported("assigning user variables in this expression")

    def _live(self, node: exp.Expression) -> bool:
        """Does its value hang on an assignment of this statement? (Subqueries are DuckDB's in any case.)"""
        if isinstance(node, exp.PropertyEQ):
            return True
        if isinstance(node, exp.Parameter):
            return node.name.lower() in self.names
        return any(self._live(c) for c in node.iter_expressions() if not isinstance(c, exp.Query))

    def _assign(self, node: exp.PropertyEQ) -> Step:
        if not isinstance(node.this, exp.Parameter):
            raise mysql_error(1064, ":=", 1)
        name, value = node.this.name.lower(), self.step(node.expression)

        def assign(row: Sequence[Value], ctx: SessionContext) -> Value:
            found = value(row, ctx)
            found = int(found) if isinstance(found, bool) else found
            ctx.user_variables[name] = found
            return found

        return assign

    def _connector(self, node: exp.Expression) -> Step:
        left, right = self.step(node.this), self.step(node.expression)
        decisive = isinstance(node, exp.Or)

        def connect(row: Sequence[Value], ctx: SessionContext) -> Value:
            first = left(row, ctx)
            if first is not None and _truth(first) == decisive:
                return int(decisive)
            second = right(row, ctx)
            if second is not None and _truth(second) == decisive:
                return int(decisive)
            return None if first is None or second is None else int(not decisive)

        return connect

    def _choice(
        self,
        branches: list[tuple[exp.Expression, exp.Expression]],
        default: exp.Expression | None,
        subject: exp.Expression | None,
    ) -> Step:
        tests = [(self.step(c), self.step(v)) for c, v in branches]
        otherwise = None if default is None else self.step(default)
        against = None if subject is None else self.step(subject)

        def choose(row: Sequence[Value], ctx: SessionContext) -> Value:
            value = None if against is None else against(row, ctx)
            for condition, result in tests:
                found = condition(row, ctx)
                if against is None:
                    taken = found is not None and _truth(found)
                else:
                    taken = value is not None and found is not None and _order(value, found) == 0
                if taken:
                    return result(row, ctx)
            return None if otherwise is None else otherwise(row, ctx)

        return choose


def _apply(function: Callable[..., Value], *steps: Step) -> Step:
    return lambda row, ctx: function(*(s(row, ctx) for s in steps))


def _number(value: Value) -> int | float | Decimal:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int | float | Decimal):
        return value
    if isinstance(value, dt.datetime):
        return int(value.strftime("%Y%m%d%H%M%S"))
    if isinstance(value, dt.date):
        return int(value.strftime("%Y%m%d"))
    if isinstance(value, dt.timedelta):
        seconds = int(abs(value).total_seconds())
        number = seconds // 3600 * 10000 + seconds // 60 % 60 * 100 + seconds % 60
        return -number if value < dt.timedelta(0) else number
    return leading_number(value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value))[0]


def _truth(value: Value) -> bool:
    return _number(value) != 0


def _text(value: Value) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, float):
        return double_text(value)
    return format(value, "f") if isinstance(value, Decimal) else str(int(value) if isinstance(value, bool) else value)


def _operation(operator: str) -> Callable[[Value, Value], Value]:
    return lambda a, b: None if a is None or b is None else _arithmetic(operator, a, b)


def _arithmetic(operator: str, a: Value, b: Value) -> Value:
    x, y = _number(a), _number(b)
    if operator in ("/", "DIV", "%") and not y:
        return None
    if isinstance(x, float) or isinstance(y, float):
        u, v = float(x), float(y)
        if operator == "DIV":
            return int(Decimal(repr(u)) / Decimal(repr(v)))
        result = {"+": u + v, "-": u - v, "*": u * v}.get(operator)
        return result if result is not None else u / v if operator == "/" else u - v * int(u / v)
    if operator == "/":
        scale = (-int(x.as_tuple().exponent) if isinstance(x, Decimal) else 0) + _DIV_DECIMALS
        with localcontext() as exact:
            exact.prec = 130
            return (Decimal(x) / Decimal(y)).quantize(Decimal(1).scaleb(-min(scale, 30)), ROUND_HALF_UP)
    if isinstance(x, int) and isinstance(y, int):
        if operator in ("DIV", "%"):
            quotient = abs(x) // abs(y) * (1 if (x < 0) == (y < 0) else -1)
            return quotient if operator == "DIV" else x - quotient * y
        whole = x + y if operator == "+" else x - y if operator == "-" else x * y
        if not -(2**63) <= whole < 2**64:
            raise mysql_error(1690, "BIGINT", f"({x} {operator} {y})")
        return whole
    with localcontext() as exact:
        exact.prec = 130
        u_, v_ = Decimal(x), Decimal(y)
        if operator == "DIV":
            return int(u_ / v_)
        return u_ + v_ if operator == "+" else u_ - v_ if operator == "-" else u_ * v_ if operator == "*" else u_ % v_


def _order(a: Value, b: Value) -> int:
    if isinstance(a, str) and isinstance(b, str):
        x, y = collation_key(a, CONNECTION_COLLATION), collation_key(b, CONNECTION_COLLATION)
        return (x > y) - (x < y)
    if type(a) is type(b) and not isinstance(a, str | bool):
        return int(a > b) - int(a < b)
    u, v = _number(a), _number(b)
    return (u > v) - (u < v)


def _comparison(test: Callable[[int], bool]) -> Callable[[Value, Value], Value]:
    return lambda a, b: None if a is None or b is None else int(test(_order(a, b)))


def _null_safe(a: Value, b: Value) -> Value:
    return int(a is None and b is None) if a is None or b is None else int(_order(a, b) == 0)


def _concat(*values: Value) -> Value:
    return None if any(v is None for v in values) else "".join(map(_text, values))


def _if(condition: Value, true: Value, false: Value) -> Value:
    return true if condition is not None and _truth(condition) else false


def _first(*values: Value) -> Value:
    return next((v for v in values if v is not None), None)


def _extreme(sign: int) -> Callable[..., Value]:
    def pick(*values: Value) -> Value:
        if any(v is None for v in values):
            return None
        best = values[0]
        for value in values[1:]:
            if _order(value, best) * sign > 0:
                best = value
        return best

    return pick


_ARITHMETIC: dict[type, str] = {
    exp.Add: "+", exp.Sub: "-", exp.Mul: "*", exp.Div: "/", exp.IntDiv: "DIV", exp.Mod: "%",
}  # fmt: skip
_COMPARISONS: dict[type, Callable[[int], bool]] = {
    exp.EQ: lambda o: o == 0,
    exp.NEQ: lambda o: o != 0,
    exp.LT: lambda o: o < 0,
    exp.LTE: lambda o: o <= 0,
    exp.GT: lambda o: o > 0,
    exp.GTE: lambda o: o >= 0,
}
_FUNCTIONS: dict[str, Callable[..., Value]] = {
    "if": _if,
    "ifnull": _first,
    "coalesce": _first,
    "concat": _concat,
    "greatest": _extreme(1),
    "least": _extreme(-1),
    "isnull": lambda a: int(a is None),
    "nullif": lambda a, b: None if a is not None and b is not None and _order(a, b) == 0 else a,
}

__all__ = ["AssigningPlan", "Assignments", "assigned_names"]
