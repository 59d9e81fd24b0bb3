"""Simple expressions over one row, evaluated in Python with MySQL's exact semantics: the way of single-row DML.

Only what is certain is compiled: integers, exact decimals, doubles, texts as they are, NOW(). Everything else is None,
and the caller goes through DuckDB.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Any

from sqlglot import exp

from aurora_mysql.catalog.collation import collation_key
from aurora_mysql.catalog.model import Table
from aurora_mysql.catalog.wide_decimal import is_wide
from aurora_mysql.errors import mysql_error
from aurora_mysql.redo.record import Row
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.fingerprint import FEW_DIGITS
from aurora_mysql.sql.plan import PlanContext
from aurora_mysql.sql.query.expression import CONNECTION_COLLATION
from aurora_mysql.sql.query.sources import local, session_zone, statement_time
from aurora_mysql.sql.result import Value

RowFunction = Callable[[Row, Sequence[Value], SessionContext], Value]

_INTEGERS = {"tinyint", "smallint", "mediumint", "int", "bigint"}
_TEXTS = {"char", "varchar", "tinytext", "text", "mediumtext", "longtext"}
_EXACT = Context(prec=76)
MAX_DIGITS = 38
_NUMBERS = {"int", "uint", "decimal", "double", "null"}


@dataclass(slots=True)
class _Part:
    """`kind`: int uint decimal double string null, or other (a value that can only be passed on); `whole` and `scale`
    are the digits of a number; `collation` is a string column's."""

    kind: str
    run: RowFunction
    whole: int = 20
    scale: int = 0
    collation: str | None = None


def compile_row_expression(node: exp.Expression, table: Table, pc: PlanContext) -> RowFunction | None:
    """A function of (row, params, ctx) that computes `node` over a row of `table` (storage values), or None when this
    needs DuckDB. Values are as for clients: a TIMESTAMP is session-local time. Raises 1690 at run time."""
    part = _compile(node, table, pc)
    return None if part is None else part.run


def _compile(node: exp.Expression, table: Table, pc: PlanContext) -> _Part | None:
    if isinstance(node, exp.Paren):
        return _compile(node.this, table, pc)
    if isinstance(node, exp.Null):
        return _Part("null", lambda row, params, ctx: None)
    if isinstance(node, exp.Boolean):
        truth = 1 if node.this else 0
        return _Part("int", lambda row, params, ctx: truth, 1)
    if isinstance(node, exp.Literal):
        return _literal(node, pc)
    if isinstance(node, exp.Column):
        return _column(node, table, pc)
    if isinstance(node, exp.Neg):
        inner = _compile(node.this, table, pc)
        return None if inner is None else _binary("-", _Part("int", lambda row, params, ctx: 0, 1), inner)
    if isinstance(node, exp.Add | exp.Sub | exp.Mul):
        left, right = _compile(node.this, table, pc), _compile(node.expression, table, pc)
        if left is None or right is None:
            return None
        return _binary({exp.Add: "+", exp.Sub: "-", exp.Mul: "*"}[type(node)], left, right)
    if isinstance(node, exp.IntDiv | exp.Mod):
        return _integer_division(node, table, pc)
    if isinstance(node, exp.Anonymous):
        return _call(node, table, pc)
    if isinstance(node, exp.If):
        return _if(node, table, pc)
    return _condition(node, table, pc)


_COMPARISONS: dict[type, Callable[[Any, Any], bool]] = {
    exp.EQ: operator.eq,
    exp.NEQ: operator.ne,
    exp.LT: operator.lt,
    exp.LTE: operator.le,
    exp.GT: operator.gt,
    exp.GTE: operator.ge,
}


def _condition(node: exp.Expression, table: Table, pc: PlanContext) -> _Part | None:
    """Comparisons and logic: 1, 0 or NULL."""
    if isinstance(node, exp.Between):
        low = exp.GTE(this=node.this, expression=node.args["low"])
        return _condition(
            exp.And(this=low, expression=exp.LTE(this=node.this, expression=node.args["high"])), table, pc
        )
    if isinstance(node, exp.Is) and isinstance(node.expression, exp.Null):
        inner = _compile(node.this, table, pc)
        if inner is None:
            return None
        run = inner.run
        return _Part("int", lambda row, params, ctx: int(run(row, params, ctx) is None), 1)
    if isinstance(node, exp.Not):
        inner = _truth(node.this, table, pc)
        return None if inner is None else _Part("int", _with_nulls(inner.run, inner.run, lambda x, _: int(not x)), 1)
    if not isinstance(node, exp.And | exp.Or) and type(node) not in _COMPARISONS:
        return None
    if isinstance(node, exp.And | exp.Or):
        left, right = _truth(node.this, table, pc), _truth(node.expression, table, pc)
        return None if left is None or right is None else _Part("int", _logic(node, left.run, right.run), 1)
    left, right = _compile(node.this, table, pc), _compile(node.expression, table, pc)
    if left is None or right is None:
        return None
    return _comparison(type(node), left, right, pc)


def _truth(node: exp.Expression, table: Table, pc: PlanContext) -> _Part | None:
    part = _compile(node, table, pc)
    return part if part is not None and part.kind in _NUMBERS else None


def _logic(node: exp.Expression, left: RowFunction, right: RowFunction) -> RowFunction:
    decides = isinstance(node, exp.Or)

    def run(row: Row, params: Sequence[Value], ctx: SessionContext) -> Value:
        x = left(row, params, ctx)
        if x is not None and bool(x) == decides:
            return int(decides)
        y = right(row, params, ctx)
        if y is not None and bool(y) == decides:
            return int(decides)
        return None if x is None or y is None else int(not decides)

    return run


def _comparison(kind: type, a: _Part, c: _Part, pc: PlanContext) -> _Part | None:
    compare, kinds = _COMPARISONS[kind], {a.kind, c.kind}
    if kinds <= _NUMBERS:
        if "double" in kinds:
            return _Part("int", _with_nulls(a.run, c.run, lambda x, y: int(compare(float(x), float(y)))), 1)
        return _Part("int", _with_nulls(a.run, c.run, lambda x, y: int(compare(x, y))), 1)
    if kinds != {"string"} or kind not in (exp.EQ, exp.NEQ) or a.collation or c.collation:
        return None
    collation = str(pc.ctx.variables.get("collation_connection", CONNECTION_COLLATION))

    def equal(x: Any, y: Any) -> int:
        return int(compare(collation_key(x, collation), collation_key(y, collation)))

    return _Part("int", _with_nulls(a.run, c.run, equal), 1)


def _if(node: exp.If, table: Table, pc: PlanContext) -> _Part | None:
    condition = _truth(node.this, table, pc)
    branches = [_compile(node.args[key], table, pc) for key in ("true", "false") if node.args.get(key) is not None]
    if condition is None or len(branches) != 2 or branches[0] is None or branches[1] is None:
        return None
    kinds = {branches[0].kind, branches[1].kind} - {"null"}
    if kinds not in ({"int"}, {"uint"}, {"string"}):
        return None
    test, yes, no = condition.run, branches[0].run, branches[1].run
    return _Part(
        next(iter(kinds)), lambda row, params, ctx: (yes if test(row, params, ctx) else no)(row, params, ctx), 20
    )


def _integer_division(node: exp.Expression, table: Table, pc: PlanContext) -> _Part | None:
    """``a DIV 2`` and ``a % 2``: of an integer, by a literal that is not zero."""
    part, divisor = _compile(node.this, table, pc), node.expression
    if part is None or part.kind != "int" or not isinstance(divisor, exp.Literal) or divisor.is_string:
        return None
    pc.bake(divisor)
    by = int(divisor.this) if str(divisor.this).isdigit() else 0
    if not 0 < by < 2**63:
        return None
    remainder = isinstance(node, exp.Mod)

    def divide(x: Any, _: Any) -> int:
        quotient = abs(x) // by if x >= 0 else -(abs(x) // by)
        return int(x - quotient * by if remainder else quotient)

    return _Part("int", _with_nulls(part.run, part.run, divide), 20)


def _literal(node: exp.Literal, pc: PlanContext) -> _Part | None:
    index, text = node.meta.get("param"), str(node.this)
    if node.is_string:
        if index is None:
            return _Part("string", lambda row, params, ctx: text)
        return _Part("string", lambda row, params, ctx: params[index])
    if text.isdigit():
        if len(text) > 18:
            return None
        if index is None:
            number = int(text)
            return _Part("int", lambda row, params, ctx: number, len(text))
        return _Part("int", lambda row, params, ctx: params[index], 18)
    if "e" in text.lower() or len(text) > MAX_DIGITS:
        return None
    whole, _, fraction = text.partition(".")
    if index is not None and len(whole) <= FEW_DIGITS and len(fraction) <= FEW_DIGITS:
        # All literals of its kind are as short.
        return _Part("decimal", lambda row, params, ctx: params[index], FEW_DIGITS, FEW_DIGITS)
    pc.bake(node)
    value = Decimal(text)
    return _Part("decimal", lambda row, params, ctx: value, max(len(whole.lstrip("0")), 1), len(fraction))


def _column(node: exp.Column, table: Table, pc: PlanContext) -> _Part | None:
    if not isinstance(node.this, exp.Identifier):
        return None
    position = table.position.get(node.name.lower())
    if position is None or (node.table and node.table.lower() != table.name.lower()):
        return None
    column = table.columns[position]
    kind = column.type.name

    def value(row: Row, params: Sequence[Value], ctx: SessionContext) -> Value:
        return row[position]

    if kind in _INTEGERS:
        return _Part("uint" if column.type.unsigned else "int", value)
    if is_wide(column.type):
        return None
    if kind == "decimal":
        precision, scale = column.type.length or 10, column.type.scale or 0
        return _Part("decimal", value, precision - scale, scale)
    if kind == "double":
        return _Part("double", value)
    if kind in _TEXTS:
        return _Part("string", value, collation=column.type.collation)
    if kind == "timestamp" and session_zone(pc.ctx) != "UTC":
        return None
    return _Part("other", value)


def _binary(op: str, a: _Part, c: _Part) -> _Part | None:
    kinds = {a.kind, c.kind}
    if not kinds <= {"int", "uint", "decimal", "double", "null"}:
        return None
    if "null" in kinds:
        return _Part("null", lambda row, params, ctx: None)
    left, right = a.run, c.run
    if "double" in kinds:
        return _Part("double", _with_nulls(left, right, _double(op)))
    if "decimal" in kinds:
        if op == "*":
            whole, scale = a.whole + c.whole, a.scale + c.scale
        else:
            whole, scale = max(a.whole, c.whole) + 1, max(a.scale, c.scale)
        if whole + scale > MAX_DIGITS or scale > 30:
            return None
        return _Part("decimal", _with_nulls(left, right, _decimal(op)), whole, scale)
    unsigned = "uint" in kinds
    low, high = (0, 2**64 - 1) if unsigned else (-(2**63), 2**63 - 1)
    name = "BIGINT UNSIGNED" if unsigned else "BIGINT"

    def integer(x: Any, y: Any) -> Any:
        result = x + y if op == "+" else x - y if op == "-" else x * y
        if not low <= result <= high:
            raise mysql_error(1690, name, f"({x} {op} {y})")
        return result

    return _Part("uint" if unsigned else "int", _with_nulls(left, right, integer))


def _with_nulls(left: RowFunction, right: RowFunction, combine: Callable[[Any, Any], Any]) -> RowFunction:
    def run(row: Row, params: Sequence[Value], ctx: SessionContext) -> Value:
        x, y = left(row, params, ctx), right(row, params, ctx)
        return None if x is None or y is None else combine(x, y)

    return run


def _decimal(op: str) -> Callable[[Any, Any], Decimal]:
    function = {"+": _EXACT.add, "-": _EXACT.subtract, "*": _EXACT.multiply}[op]
    return lambda x, y: function(Decimal(x), Decimal(y))


def _double(op: str) -> Callable[[Any, Any], float]:
    def combine(x: Any, y: Any) -> float:
        a, c = float(x), float(y)
        result = a + c if op == "+" else a - c if op == "-" else a * c
        if not math.isfinite(result):
            raise mysql_error(1690, "DOUBLE", f"({x} {op} {y})")
        return result

    return combine


def _call(node: exp.Anonymous, table: Table, pc: PlanContext) -> _Part | None:
    name = str(node.this).lower()
    arguments: list[_Part] = []
    if name in ("now", "current_timestamp", "localtime", "localtimestamp") and not node.expressions:

        def now(row: Row, params: Sequence[Value], ctx: SessionContext) -> Value:
            return local(statement_time(ctx), ctx).replace(microsecond=0)

        return _Part("other", now)
    if name == "last_insert_id":
        return _last_insert_id(node, table, pc)
    if name not in ("concat", "ifnull", "coalesce") or not node.expressions:
        return None
    for argument in node.expressions:
        part = _compile(argument, table, pc)
        if part is None:
            return None
        arguments.append(part)
    functions = [p.run for p in arguments]
    kinds = {p.kind for p in arguments} - {"null"}
    if name == "concat":
        if not kinds <= {"string", "int", "uint"}:
            return None

        def concat(row: Row, params: Sequence[Value], ctx: SessionContext) -> Value:
            texts = [f(row, params, ctx) for f in functions]
            return None if None in texts else "".join(map(str, texts))

        return _Part("string", concat)
    if kinds not in ({"int"}, {"uint"}, {"string"}):
        return None

    def coalesce(row: Row, params: Sequence[Value], ctx: SessionContext) -> Value:
        for function in functions:
            value = function(row, params, ctx)
            if value is not None:
                return value
        return None

    return _Part(next(iter(kinds)), coalesce)


def _last_insert_id(node: exp.Anonymous, table: Table, pc: PlanContext) -> _Part | None:
    """With an argument: its value, which is remembered as if it had been generated."""
    if not node.expressions:
        return _Part("uint", lambda row, params, ctx: ctx.last_insert_id)
    inner = _compile(node.expressions[0], table, pc)
    if inner is None or inner.kind not in ("int", "uint") or len(node.expressions) > 1:
        return None
    argument = inner.run

    def remember(row: Row, params: Sequence[Value], ctx: SessionContext) -> Value:
        value = argument(row, params, ctx)
        ctx.last_insert_id = ctx.id_from_function = value or 0
        return value

    return _Part("uint", remember)


__all__ = ["RowFunction", "compile_row_expression"]
