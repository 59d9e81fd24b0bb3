"""INSERT of one row of plain values into a plain table: the commonest write, without leaving the loop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aurora_mysql.catalog.model import Column
from aurora_mysql.catalog.values import Converter
from aurora_mysql.engine.transaction import Transaction
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.dml.table_writer import TableWriter
from aurora_mysql.sql.query.row_expression import RowFunction
from aurora_mysql.sql.result import Ok, Value

#: Which of the statement's literals a column gets, or what computes its value.
Source = int | RowFunction


class OneRowInsert:
    """Made with the plan. :meth:`run` gives None whenever anything is not as usual; the long way then does all of it.

    Args:
        sources: for each column of `targets`, which of the statement's values it gets, or what computes it.
    """

    def __init__(self, writer: TableWriter, targets: Sequence[Column], sources: Sequence[Source]) -> None:
        self._writer, self._table = writer, writer.table
        positions = [self._table.position[column.name.lower()] for column in targets]
        self._given = [
            (source, position, column.nullable)
            for source, position, column in zip(sources, positions, targets, strict=True)
        ]
        auto = writer.auto_position
        self._auto_source: Source | None = next((s for s, p, _ in self._given if p == auto), None)
        self._given = [entry for entry in self._given if entry[1] != auto]
        self._missing = [
            (p, c) for p, c in enumerate(writer.columns) if p not in positions and p != writer.auto_position
        ]
        self._auto_is_key = writer.auto is not None and self._table.key_columns == (writer.auto.name,)
        #: The row before it gets its values, and the converters that its defaults went through.
        self._blank: list[Any] = []
        self._blank_for: Sequence[Converter] = ()

    @classmethod
    def of(
        cls, writer: TableWriter, targets: Sequence[Column], sources: Sequence[Source | None]
    ) -> OneRowInsert | None:
        """None when a value is neither a literal nor computed from nothing."""
        known = [source for source in sources if source is not None]
        return cls(writer, targets, known) if len(known) == len(sources) else None

    @staticmethod
    def fits(writer: TableWriter, targets: Sequence[Column]) -> bool:
        """Whether rows of `targets` need no more than conversions, and their key to be free, as far as the table's
        definition tells. CHECKs may still be added to the writer: by a view that the statement goes through."""
        table = writer.table
        if writer.triggers or writer.generated or table.foreign_keys or table.temporary:
            return False
        if any(index is not table.key_index for index in writer.unique):
            return False
        missing = [c for c in writer.columns if c not in targets and not c.auto_increment]
        return all(writer.constant_default(column) is not None for column in missing)

    def run(self, ctx: SessionContext, tx: Transaction, params: Sequence[Value]) -> Ok | None:
        """Lock and buffer the row.

        Raises:
            MySQLError: what conversions raise.
        """
        writer = self._writer
        if ctx.busy_tables or writer.checks or tx.writable_now(self._table) is None:
            return None
        converters = writer.converters(ctx)
        if converters is not self._blank_for:
            self._prepare(converters, ctx)
        warn, warnings = ctx.warn, len(ctx.warnings)
        row = self._blank.copy()
        for source, position, nullable in self._given:
            value = params[source] if isinstance(source, int) else source((), params, ctx)
            if value is not None:
                row[position] = converters[position](value, 1, warn)
            elif not nullable:
                return self._give_up(ctx, warnings)
        auto = writer.auto_position
        first_id = insert_id = 0
        if auto is not None:
            auto_source = self._auto_source
            if auto_source is None:
                value = None
            else:
                value = params[auto_source] if isinstance(auto_source, int) else auto_source((), params, ctx)
            if value is None or (value in (0, "0") and self._zero_generates(ctx)):
                value = first_id = insert_id = writer.engine.next_auto_increment(self._table)
            number = row[auto] = converters[auto](value, 1, warn)
            if not first_id and isinstance(number, int) and number > 0:
                writer.engine.bump_auto_increment(self._table, number)
                insert_id = number
        if not tx.insert_now(self._table, tuple(row), fresh=bool(first_id) and self._auto_is_key):
            return self._give_up(ctx, warnings)
        ctx.id_from_function = 0
        if first_id:
            ctx.last_insert_id = first_id
        return Ok(1, insert_id)

    @staticmethod
    def _give_up(ctx: SessionContext, warnings: int) -> None:
        """The long way will warn again."""
        del ctx.warnings[warnings:]

    @staticmethod
    def _zero_generates(ctx: SessionContext) -> bool:
        return "NO_AUTO_VALUE_ON_ZERO" not in str(ctx.variables.get("sql_mode", ""))

    def _prepare(self, converters: Sequence[Converter], ctx: SessionContext) -> None:
        blank: list[Any] = [None] * len(self._writer.columns)
        for position, column in self._missing:
            constant = self._writer.constant_default(column)
            value = None if constant is None else constant[0]
            blank[position] = None if value is None else converters[position](value, 1, ctx.warn)
        self._blank, self._blank_for = blank, converters
