"""Triggers of one table: what fires when a row of it is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aurora_mysql.catalog.model import HIDDEN_KEY, Table, Trigger
from aurora_mysql.catalog.values import converter
from aurora_mysql.catalog.zero_date import DateRules
from aurora_mysql.engine.transaction import Transaction
from aurora_mysql.errors import MySQLError, ProgramError, mysql_error
from aurora_mysql.redo.record import Row
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.functions.temporal import zone
from aurora_mysql.sql.plan import PlanContext
from aurora_mysql.sql.query.sources import session_zone
from aurora_mysql.sql.result import Value
from aurora_mysql.sql.routines.interpreter import Interpreter, RowAccess
from aurora_mysql.sql.routines.program import entered, trigger_program

if TYPE_CHECKING:
    import datetime as dt


class TableTriggers:
    """The triggers of `table`, by timing and event."""

    def __init__(self, table: Table, pc: PlanContext) -> None:
        self._table, self._pc = table, pc
        found = () if table.temporary else pc.catalog.triggers_of.get((table.database, table.name), ())
        self._by_event: dict[tuple[str, str], list[Trigger]] = {}
        for trigger in found:
            self._by_event.setdefault((trigger.timing, trigger.event), []).append(trigger)

    def __bool__(self) -> bool:
        return bool(self._by_event)

    def has(self, timing: str, event: str) -> bool:
        return (timing, event) in self._by_event

    async def fire(
        self, timing: str, event: str, old: Row | None, new: Row | None, ctx: SessionContext, tx: Transaction
    ) -> Row:
        """Run the triggers of one moment. Rows hold storage values; gives `new`, as BEFORE triggers changed it.

        Raises:
            ProgramError: what a trigger raises: the statement then fails.
        """
        rows = _Rows(self._table, old, new, timing, event, ctx)
        for trigger in self._by_event.get((timing, event), ()):
            program = trigger_program(trigger)
            services = self._pc.services
            assert services.run_inner is not None
            run = Interpreter(services.run_inner, ctx, tx, {}, rows)
            key = ("TRIGGER", trigger.database, trigger.name)
            table = (self._table.database, self._table.name)
            # What the client is told of its own statement is not changed by those in here.
            before = ctx.last_insert_id, ctx.row_count, ctx.found_rows, ctx.id_from_function, list(ctx.warnings)
            ctx.busy_tables.append(table)
            try:
                with entered(ctx, services.engine.catalog, key, trigger.creation):
                    async for _ in run.run(program.body):
                        raise mysql_error(1415, "trigger")
            except MySQLError as error:
                raise ProgramError(error.errno, error.sqlstate, error.message) from None
            finally:
                ctx.busy_tables.pop()
                ctx.last_insert_id, ctx.row_count, ctx.found_rows, ctx.id_from_function, ctx.warnings[:] = before
        return rows.new_row


def refuse_busy(table: Table, ctx: SessionContext) -> None:
    """Raise 1442 when a trigger writes the table whose rows are just being written."""
    if ctx.busy_tables and (table.database, table.name) in ctx.busy_tables:
        raise mysql_error(1442, table.name)


class _Rows(RowAccess):
    def __init__(
        self, table: Table, old: Row | None, new: Row | None, timing: str, event: str, ctx: SessionContext
    ) -> None:
        self._table, self._timing, self._event, self._ctx = table, timing, event, ctx
        self._old = old
        self._new = None if new is None else list(new)
        self._zone = zone(session_zone(ctx))

    @property
    def new_row(self) -> Row:
        return () if self._new is None else tuple(self._new)

    def _position(self, row: str, column: str) -> int:
        position = self._table.position.get(column.lower())
        if position is None or self._table.columns[position].name == HIDDEN_KEY:
            raise mysql_error(1054, column, row.upper())
        return position

    def get(self, row: str, column: str) -> Value:
        values = self._old if row == "old" else self._new
        if values is None:
            raise mysql_error(1363, row.upper(), f"on {self._event}")
        position = self._position(row, column)
        value = values[position]
        if self._table.columns[position].type.name == "timestamp" and value is not None:
            return _local(value, self._zone)
        return value

    async def set_new(self, column: str, value: Value) -> None:
        if self._new is None:
            raise mysql_error(1363, "NEW", f"on {self._event}")
        if self._timing != "BEFORE":
            raise mysql_error(1362, "NEW", "after ")
        position = self._position("new", column)
        mode = self._ctx.variables.get("sql_mode")
        strict = mode is None or "STRICT_" in str(mode)
        convert = converter(
            self._table.columns[position],
            strict=strict,
            zone=self._zone,
            table=self._table.name,
            dates=DateRules.of_mode(mode),
        )
        self._new[position] = None if value is None else convert(value, 1, self._ctx.warn)


def _local(value: dt.datetime, to: dt.tzinfo | None) -> dt.datetime:
    from datetime import UTC

    return value if to is None else value.replace(tzinfo=UTC).astimezone(to).replace(tzinfo=None)
