"""Values of expressions over one row: in Python where that is exact, else through DuckDB."""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from typing import Any

from sqlglot import exp

from aurora_mysql.catalog.model import Column, Table
from aurora_mysql.catalog.wide_decimal import in_scale, is_wide
from aurora_mysql.catalog.zero_date import ZeroDate
from aurora_mysql.engine.transaction import Transaction
from aurora_mysql.redo.record import Row
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.fingerprint import bound
from aurora_mysql.sql.plan import PlanContext
from aurora_mysql.sql.query import compile_row_expression, plan_select
from aurora_mysql.sql.query.functions_temporal import ZERO_DATE_FUNCTION
from aurora_mysql.sql.query.row_expression import RowFunction
from aurora_mysql.sql.query.sources import local
from aurora_mysql.sql.result import ResultSet, Value

RowValue = Callable[[Row, Sequence[Value], SessionContext, Transaction], Awaitable[Value]]


class RowExpression:
    """`node` over rows of `table`. `fast` is the Python function, or None when each value goes through DuckDB."""

    def __init__(self, node: exp.Expression, table: Table, pc: PlanContext) -> None:
        node, self._remembers = without_memory(node)
        self._node, self._table, self._pc = node, table, pc
        self.fast = compile_row_expression(node, table, pc)
        if self.fast is None:
            pc.bake(node)

    @property
    def constant(self) -> RowFunction | None:
        """:attr:`fast`, where it looks at no column and remembers nothing: NOW(), 2 + 3."""
        names = {str(call.this).upper() for call in self._node.find_all(exp.Anonymous)}
        if self._remembers or "LAST_INSERT_ID" in names or self._node.find(exp.Column) is not None:
            return None
        return self.fast

    async def value(self, row: Row, params: Sequence[Value], ctx: SessionContext, tx: Transaction) -> Value:
        """A value as a client would see it.

        Raises:
            MySQLError: 1054 and the like; 1690.
        """
        value = self.fast(row, params, ctx) if self.fast is not None else await self._asked(row, ctx, tx)
        if self._remembers:
            remember_id(ctx, value)
        return value

    async def _asked(self, row: Row, ctx: SessionContext, tx: Transaction) -> Value:
        """The value as DuckDB computes it."""
        query = exp.Select(expressions=[exp.alias_(_plain(self._node.copy()), "v")])
        used = {c.name.lower() for c in self._node.find_all(exp.Column)}
        columns = [(c, v) for c, v in zip(self._table.columns, row, strict=False) if c.name.lower() in used]
        if columns:
            inner = exp.Select(expressions=[exp.alias_(_literal(c, v, ctx), c.name, quoted=True) for c, v in columns])
            query = query.from_(inner.subquery(self._table.name, copy=False), copy=False)
        pc = self._pc
        # Literals keep their values here: this tree is planned for one row and thrown away.
        catalog = ctx.catalog_over(pc.engine.catalog)
        context = PlanContext(catalog, ctx.database, ctx, pc.engine, pc.services, pc.sql_text, ())
        plan = plan_select(query, context)
        result = await plan.run(ctx, tx, ())
        assert isinstance(result, ResultSet) and isinstance(result.rows, list)
        value = result.rows[0][0]
        return int(value) if isinstance(value, bool) else value


def without_memory(node: exp.Expression) -> tuple[exp.Expression, bool]:
    """``LAST_INSERT_ID(x)`` as (x, True): the value is assigned and remembered."""
    if isinstance(node, exp.Paren):
        return without_memory(node.this)
    if isinstance(node, exp.Anonymous) and str(node.this).upper() == "LAST_INSERT_ID" and len(node.expressions) == 1:
        return node.expressions[0], True
    return node, False


def remember_id(ctx: SessionContext, value: Value) -> None:
    """What LAST_INSERT_ID(value) does besides giving its argument back."""
    ctx.last_insert_id = ctx.id_from_function = int(value or 0)


def _plain(node: exp.Expression) -> exp.Expression:
    for literal in node.walk():
        literal.meta.pop("param", None)
    return node


def _literal(column: Column, value: Value, ctx: SessionContext) -> exp.Expression:
    """`value` as an expression of the column's type."""
    if value is None:
        return exp.Null()
    if isinstance(value, dt.datetime):
        if column.type.name == "timestamp":
            value = local(value.replace(tzinfo=dt.UTC), ctx)
        return _cast(bound(value)[2][1:-1], "DATETIME(6)")
    if isinstance(value, dt.date):
        return _cast(value.isoformat(), "DATE")
    if isinstance(value, ZeroDate):
        return exp.Anonymous(this=ZERO_DATE_FUNCTION, expressions=[exp.Literal.string(value.text())])
    if isinstance(value, dt.timedelta):
        return _cast(bound(value)[2][1:-1], "TIME(6)")
    if isinstance(value, bytes):
        return exp.HexString(this=value.hex())
    if isinstance(value, str):
        return exp.Literal.string(value)
    if isinstance(value, Decimal) and is_wide(column.type):
        value = in_scale(value, column.type.scale or 0)
    text = bound(abs(value))[2]
    number = exp.Literal.number(text)
    negative = value < 0 if isinstance(value, int | float | Decimal) else False
    return exp.Neg(this=number) if negative else number


def _cast(text: str, to: str) -> exp.Expression:
    from sqlglot import parse_one

    made: Any = parse_one(f"SELECT CAST('x' AS {to})", dialect="mysql").find(exp.Cast)
    made.set("this", exp.Literal.string(text))
    return made.pop()  # type: ignore[no-any-return]
