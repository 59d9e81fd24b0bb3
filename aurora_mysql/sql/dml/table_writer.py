"""Rows of one table: from values to storage, checked, and into the transaction."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import sqlglot
from sqlglot import exp

from aurora_mysql.catalog.model import HIDDEN_KEY, Column, Index, Table
from aurora_mysql.catalog.values import Converter, converter, render_key
from aurora_mysql.catalog.zero_date import ZERO_DATE, ZERO_DATETIME, DateRules
from aurora_mysql.engine.transaction import Transaction
from aurora_mysql.errors import MySQLError, ProgramError, mysql_error
from aurora_mysql.redo.record import Row
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.dml.row_value import RowExpression
from aurora_mysql.sql.functions.temporal import zone
from aurora_mysql.sql.plan import PlanContext
from aurora_mysql.sql.query.sources import local, session_zone, statement_time
from aurora_mysql.sql.result import Value
from aurora_mysql.sql.routines.triggers import TableTriggers

_STRICT = ("STRICT_TRANS_TABLES", "STRICT_ALL_TABLES")
_ZERO_TEXT = {"char", "varchar", "tinytext", "text", "mediumtext", "longtext", "binary", "varbinary"}
_ZERO_TEXT |= {"tinyblob", "blob", "mediumblob", "longblob"}

#: IGNORE turns these into warnings and skips the row (or, for conversions, stores the nearest value).
IGNORABLE = frozenset((1048, 1062, 1364, 1451, 1452, 3819))


def ignorable(error: MySQLError) -> bool:
    """Whether IGNORE makes a warning of `error`."""
    return error.errno in IGNORABLE and not isinstance(error, ProgramError)


def is_strict(ctx: SessionContext) -> bool:
    mode = ctx.variables.get("sql_mode")
    return mode is None or any(word in mode for word in _STRICT)


def date_rules(ctx: SessionContext) -> DateRules:
    """What the session's sql_mode lets pass for a date."""
    return DateRules.of_mode(ctx.variables.get("sql_mode"))


class TableWriter:
    """One per plan. Conversions are made once per session setting they depend on."""

    def __init__(self, table: Table, pc: PlanContext) -> None:
        self.table = table
        self.engine = pc.engine
        self.triggers = TableTriggers(table, pc)
        self.columns = tuple(c for c in table.columns if c.name != HIDDEN_KEY)
        self.auto = table.auto_increment_column
        self.auto_position = None if self.auto is None else table.position[self.auto.name.lower()]
        self.unique = sorted(
            (index for index in table.indexes if index.unique), key=lambda index: index is not table.key_index
        )
        self._positions = {i.name: [table.position[c.lower()] for c in i.columns] for i in self.unique}
        #: By sql_mode, time_zone and whether problems are only warned of.
        self._converters: dict[tuple[Any, Any, bool], list[Converter]] = {}
        self._defaults: dict[str, Value] = {}
        self._default_expressions: dict[str, RowExpression] = {}
        self._pc = pc
        #: CHECK constraints, and CHECK OPTIONs of views (error 1369) that the statement goes through.
        self.checks: list[tuple[str, int, RowExpression]] = [
            (check.name, 3819, RowExpression(_expression(check.expression), table, pc))
            for check in table.checks
            if check.enforced
        ]
        self.generated = [
            (position, RowExpression(_expression(column.generated), table, pc))
            for position, column in enumerate(self.columns)
            if column.generated is not None
        ]
        for column in self.columns:
            if column.default is not None and column.default_is_expr:
                self._default_expressions[column.name] = RowExpression(_expression(column.default), table, pc)
            elif column.default is not None:
                self._defaults[column.name] = _default_literal(column)

    def converters(self, ctx: SessionContext, *, lenient: bool = False) -> list[Converter]:
        get = ctx.variables.get
        key = (get("sql_mode"), get("time_zone"), lenient)
        found = self._converters.get(key)
        if found is None:
            strict, tz = is_strict(ctx) and not lenient, zone(session_zone(ctx))
            dates = date_rules(ctx).noting(self._note_unordered)
            found = [
                converter(column, strict=strict, zone=tz, table=self.table.name, dates=dates) for column in self.columns
            ]
            self._converters[key] = found
        return found

    def _note_unordered(self) -> None:
        self.engine.date_facts.add(self.table.id)

    async def default(self, column: Column, row: Row, ctx: SessionContext, tx: Transaction, lenient: bool) -> Value:
        """The value of a column that is not given. Raises 1364 in strict mode when it has none."""
        expression = self._default_expressions.get(column.name)
        if expression is not None:
            return await expression.value(row, (), ctx, tx)
        if column.name in self._defaults:
            return self._defaults[column.name]
        if column.nullable or column.auto_increment or column.generated is not None:
            return None
        if column.type.name == "enum":
            return column.type.values[0]
        error = mysql_error(1364, column.name)
        if is_strict(ctx) and not lenient:
            raise error
        ctx.warn("Warning", 1364, error.message)
        return implicit(column)

    def constant_default(self, column: Column) -> list[Value] | None:
        """``[value]`` when a column that is not given always gets the same one; else None."""
        if column.name in self._default_expressions:
            return None
        if column.name in self._defaults:
            return [self._defaults[column.name]]
        return [None] if column.nullable else None

    def duplicate(self, index: Index, row: Row) -> MySQLError:
        values = [row[p] for p in self._positions[index.name]]
        return mysql_error(1062, render_key(values), f"{self.table.name}.{index.name}")

    def values_of(self, index: Index, row: Row) -> list[Value]:
        return [row[p] for p in self._positions[index.name]]

    async def conflict(
        self, tx: Transaction, row: Row, *, fresh_key: bool = False, shared: bool = False
    ) -> tuple[Index, Row] | None:
        """The first unique index in which `row` meets another one, and that one; every value is locked.

        `shared`: the other row will not be changed, so a shared lock on it is enough.
        `fresh_key`: the key was just generated, so nobody has it and locking it is enough.
        """
        for index in self.unique:
            values = self.values_of(index, row)
            if fresh_key and index is self.table.key_index and len(values) == 1:
                await tx.lock_keys(self.table, [tuple(values)])
                continue
            found = await tx.find_unique(self.table, index, values, for_insert=shared)
            if found is not None:
                return index, found
        return None

    async def check(self, row: Row, ctx: SessionContext, tx: Transaction) -> None:
        """Raise 3819 when a CHECK constraint is false (NULL passes), 1369 when a view does not show the row."""
        for name, errno, expression in self.checks:
            value = await expression.value(row, (), ctx, tx)
            if not value and (value is not None or errno == 1369):
                raise mysql_error(errno, name)

    def add_view_check(self, view: str, condition: exp.Expression) -> None:
        """Every row written must meet `condition`, that of `view` ("database.name")."""
        self.checks.append((view, 1369, RowExpression(condition.copy(), self.table, self._pc)))

    def convert(
        self,
        values: Sequence[Value],
        converters: Sequence[Converter],
        number: int,
        ctx: SessionContext,
        lenient: bool,
        *,
        nulls: bool = False,
    ) -> Row:
        """A full row (without hidden key) to storage values; `lenient` stores the implicit default for a NULL, `nulls`
        leaves each NULL as it is (a trigger may still change it).

        Raises:
            MySQLError: 1048 and what conversions raise.
        """
        warn = ctx.warn
        row = [
            None if value is None else convert(value, number, warn)
            for convert, value in zip(converters, values, strict=True)
        ]
        return tuple(row) if nulls else self.without_nulls(row, ctx, lenient=lenient)

    def without_nulls(self, row: Sequence[Value], ctx: SessionContext, *, lenient: bool) -> Row:
        """`row` with what :meth:`null` gives for each NULL that must not be. Raises 1048."""
        values: list[Value] | None = None
        for position, column in enumerate(self.columns):
            if row[position] is None and not column.nullable and column.generated is None:
                values = list(row) if values is None else values
                values[position] = self.null(column, ctx, lenient=lenient)
        return tuple(row) if values is None else tuple(values)

    async def generate(
        self, row: Row, ctx: SessionContext, tx: Transaction, *, number: int = 1, lenient: bool = False
    ) -> Row:
        """`row` (storage values) with its generated columns computed. Raises 1048 and what conversions raise."""
        if not self.generated:
            return row
        values = list(row)
        converters = self.converters(ctx, lenient=lenient)
        for position, expression in self.generated:
            value = await expression.value(tuple(values), (), ctx, tx)
            if value is None and not self.columns[position].nullable:
                raise mysql_error(1048, self.columns[position].name)
            values[position] = None if value is None else converters[position](value, number, ctx.warn)
        return tuple(values)

    def refuse_generated(self, column: Column) -> None:
        """3105 when `column`, given a value, is a generated one."""
        if column.generated is not None:
            raise generated_error(column, self.table)

    @staticmethod
    def null(column: Column, ctx: SessionContext, *, lenient: bool) -> Value:
        """What NULL becomes in `column`. Raises 1048 for a NOT NULL column, unless `lenient`."""
        if column.nullable:
            return None
        error = mysql_error(1048, column.name)
        if not lenient:
            raise error
        ctx.warn("Warning", 1048, error.message)
        return implicit(column)

    def stamped(self, old: Row, new: Row, assigned: set[int], ctx: SessionContext) -> Row:
        """`new` with ON UPDATE CURRENT_TIMESTAMP columns set, when it differs from `old`."""
        if new == old:
            return new
        row: list[Value] | None = None
        for position, column in enumerate(self.columns):
            if column.on_update is None or position in assigned:
                continue
            if row is None:
                row = list(new)
            moment = statement_time(ctx)
            now = moment.replace(tzinfo=None) if column.type.name == "timestamp" else local(moment, ctx)
            cut = 10 ** (6 - (column.type.scale or 0))
            row[position] = now.replace(microsecond=now.microsecond // cut * cut)
        return new if row is None else tuple(row)


def generated_error(column: Column, table: Table) -> MySQLError:
    """About a value for the generated `column`."""
    return mysql_error(3105, column.name, table.name)


def implicit(column: Column) -> Value:
    """What MySQL stores in a NOT NULL column that is given nothing, without strict mode."""
    name = column.type.name
    if name in _ZERO_TEXT:
        return b"" if "b" in name and "char" not in name else ""
    if name == "enum":
        return column.type.values[0]
    if name == "set":
        return ""
    if name == "date":
        return ZERO_DATE
    if name in ("datetime", "timestamp"):
        return ZERO_DATETIME
    if name == "time":
        return dt.timedelta(0)
    if name == "json":
        raise mysql_error(1364, column.name)
    return 0


def _expression(text: str) -> exp.Expression:
    import aurora_mysql.sql.dialect  # noqa: F401

    tree = sqlglot.parse_one(f"SELECT {text}", dialect="mysql")
    found: exp.Expression = tree.expressions[0]
    return found.pop()


def _default_literal(column: Column) -> Value:
    """The catalog holds source text: 'abc', 5, NULL, b'1'."""
    node = _expression(column.default or "NULL")
    if isinstance(node, exp.Null):
        return None
    if isinstance(node, exp.Neg):
        return "-" + str(node.this.this)
    if isinstance(node, exp.HexString):
        return bytes.fromhex(node.this)
    if isinstance(node, exp.BitString):
        return int(node.this or "0", 2)
    if isinstance(node, exp.Boolean):
        return int(node.this)
    return str(node.this) if isinstance(node, exp.Literal) else (column.default or "").strip("'")
