"""Writes of one row: named by its full key, or inserted into a plain table. The commonest writes, without leaving the
loop.

Made with the plan. Each has two ways, both of which give None whenever anything is not as usual (a lock is taken, the
row is not in memory, a warning or an error to judge), and the long way then does all of it: :meth:`OneRowWrite.inside`
puts the row into an open transaction, :meth:`OneRowWrite.alone` is a transaction of its own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from functools import partial
from typing import Any

from aurora_mysql.catalog.model import Column, Table
from aurora_mysql.catalog.values import Converter
from aurora_mysql.engine.commit_log import Done
from aurora_mysql.engine.engine import Engine
from aurora_mysql.engine.keys import Key
from aurora_mysql.engine.row_store import TableRows
from aurora_mysql.engine.transaction import Transaction
from aurora_mysql.engine.transaction.row_write import (
    Images,
    RowWrite,
    is_writable_now,
    newest_in_memory,
)
from aurora_mysql.errors import MySQLError
from aurora_mysql.redo.record import Row, RowsBefore, TableChange
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.dml.row_value import remember_id
from aurora_mysql.sql.dml.table_writer import TableWriter
from aurora_mysql.sql.plan import LATER, Later, Told
from aurora_mysql.sql.query.row_expression import RowFunction
from aurora_mysql.sql.result import Ok, Value


class _Judgement(Exception):
    """A conversion warns: the long way does it, and says it."""


def _judge(level: str, errno: int, message: str) -> None:
    raise _Judgement


class OneRowWrite(ABC):
    """See the module."""

    def __init__(self, engine: Engine, table: Table) -> None:
        self._engine, self._table = engine, table

    def at_once(self, ctx: SessionContext, params: Sequence[Value], isolation: str, told: Told) -> Ok | Later | None:
        """Run as the statement of a session, see :data:`aurora_mysql.sql.plan.Write`."""
        engine = self._engine
        if engine.log is None or engine.freeze.is_wanted:
            return None
        transaction = ctx.transaction
        if transaction is not None:
            return self.inside(ctx, transaction, params)
        return self.alone(ctx, params, isolation, told) if ctx.autocommit else None

    @abstractmethod
    def inside(self, ctx: SessionContext, tx: Transaction, params: Sequence[Value]) -> Ok | None:
        """Lock and buffer the row. What was locked when it gives None is so on the long way, too."""

    @abstractmethod
    def alone(self, ctx: SessionContext, params: Sequence[Value], isolation: str, told: Told) -> Ok | Later | None:
        """Lock the row and send it to the commit log; `told` is called when it is durable, or failed."""

    def _log(
        self,
        ctx: SessionContext,
        key: Key,
        images: Images,
        change: TableChange,
        isolation: str,
        done: Done,
    ) -> Later | None:
        write = RowWrite.entering(self._engine, ctx, self._table, isolation)
        return LATER if write is not None and write.begin(key, images, change, done) else None


#: Where the values of a full key come from: a literal's index, or the value in a tuple.
KeySources = Sequence[int | tuple[Value]]


def _key_of(sources: KeySources, params: Sequence[Value]) -> tuple[Value, ...]:
    return tuple([params[k] if isinstance(k, int) else k[0] for k in sources])


class OneRowUpdate(OneRowWrite):
    """UPDATE by full key that changes neither unique values nor foreign keys.

    Args:
        assignments: position of the column, what computes its value, whether LAST_INSERT_ID() remembers that.
    """

    def __init__(
        self, writer: TableWriter, keys: KeySources, assignments: Sequence[tuple[int, RowFunction, bool]]
    ) -> None:
        super().__init__(writer.engine, writer.table)
        self._writer, self._keys, self._assignments = writer, keys, assignments
        self._assigned = {position for position, _, _ in assignments}
        stamped = {p for p, column in enumerate(writer.columns) if column.on_update is not None} - self._assigned
        self._stamps = bool(stamped)
        self._changing = sorted(self._assigned | stamped)

    def inside(self, ctx: SessionContext, tx: Transaction, params: Sequence[Value]) -> Ok | None:
        if self._writer.checks or ctx.busy_tables:
            return None
        table = self._table
        key = _key_of(self._keys, params)
        known, old = tx.lock_row_now(table, key)
        if not known:
            return None
        ids = ctx.last_insert_id
        ctx.id_from_function = 0
        if old is None:
            tx.unlock_absent(table, key)
            return updated(ctx, 0, 0)
        new = self._image(old, params, ctx)
        if new == old:
            return updated(ctx, 1, 0)
        if new is None or not tx.update_now(table, old, new):
            ctx.last_insert_id = ids
            return None
        return updated(ctx, 1, 1)

    def alone(self, ctx: SessionContext, params: Sequence[Value], isolation: str, told: Told) -> Ok | Later | None:
        engine, table = self._engine, self._table
        stored = engine.row_store.table(table.id)
        if stored is None or self._writer.checks:
            return None
        key = stored.keys.of_values(_key_of(self._keys, params))
        known, old = newest_in_memory(engine.row_store, stored, key)
        if not known:
            return None
        ids = ctx.last_insert_id
        ctx.id_from_function = 0
        if old is None:
            return updated(ctx, 0, 0) if is_writable_now(engine, table, key) else None
        new = self._image(old, params, ctx)
        done: Ok | Later | None
        if new is None:
            done = None
        elif new == old:
            done = updated(ctx, 1, 0) if is_writable_now(engine, table, key) else None
        else:
            before: list[Any] = []
            for position in self._changing:
                if old[position] != new[position]:
                    before += (position, old[position])
            change = TableChange(table.id, (new,), (), RowsBefore((tuple(before),), ()))
            done = self._log(ctx, key, (old, new), change, isolation, partial(told, updated(ctx, 1, 1)))
        if done is None:
            ctx.last_insert_id = ids
        return done

    def _image(self, old: Row, params: Sequence[Value], ctx: SessionContext) -> Row | None:
        """`old` after the assignments."""
        writer = self._writer
        converters = writer.converters(ctx)
        new = list(old)
        try:
            for position, compute, remembers in self._assignments:
                value = compute(tuple(new), params, ctx)
                if remembers:
                    remember_id(ctx, value)
                if value is not None:
                    new[position] = converters[position](value, 1, _judge)
                elif writer.columns[position].nullable:
                    new[position] = None
                else:
                    return None
        except (MySQLError, _Judgement):
            return None
        image = tuple(new)
        return writer.stamped(old, image, self._assigned, ctx) if self._stamps else image


class OneRowDelete(OneRowWrite):
    """DELETE by full key of a row that nothing refers to."""

    def __init__(self, engine: Engine, table: Table, keys: KeySources) -> None:
        super().__init__(engine, table)
        self._keys = keys

    def inside(self, ctx: SessionContext, tx: Transaction, params: Sequence[Value]) -> Ok | None:
        if ctx.busy_tables:
            return None
        table = self._table
        key = _key_of(self._keys, params)
        known, row = tx.lock_row_now(table, key)
        if not known:
            return None
        if row is None:
            tx.unlock_absent(table, key)
            return Ok(0)
        tx.delete(table, row)
        return Ok(1)

    def alone(self, ctx: SessionContext, params: Sequence[Value], isolation: str, told: Told) -> Ok | Later | None:
        engine, table = self._engine, self._table
        stored = engine.row_store.table(table.id)
        if stored is None:
            return None
        key = stored.keys.of_values(_key_of(self._keys, params))
        known, row = newest_in_memory(engine.row_store, stored, key)
        if not known:
            return None
        if row is None:
            return Ok(0) if is_writable_now(engine, table, key) else None
        change = TableChange(table.id, (), (stored.keys.values_of_row(row),), RowsBefore(None, (row,)))
        return self._log(ctx, key, (row, None), change, isolation, partial(told, Ok(1)))


#: Which of the statement's literals a column gets, or what computes its value.
Source = int | RowFunction


class OneRowInsert(OneRowWrite):
    """INSERT of one row of plain values.

    Args:
        sources: for each column of `targets`, which of the statement's values it gets, or what computes it.
        params_per_row: how many values the statement has when it is of one row; 0: however many it has.
    """

    def __init__(
        self, writer: TableWriter, targets: Sequence[Column], sources: Sequence[Source], params_per_row: int
    ) -> None:
        super().__init__(writer.engine, writer.table)
        self._writer, self._params_per_row = writer, params_per_row
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
        #: The row before it gets its values, and the converters that its defaults went through.
        self._blank: list[Any] = []
        self._blank_for: Sequence[Converter] = ()

    @classmethod
    def of(
        cls, writer: TableWriter, targets: Sequence[Column], sources: Sequence[Source | None], params_per_row: int
    ) -> OneRowInsert | None:
        """None when a value is neither a literal nor computed from nothing."""
        known = [source for source in sources if source is not None]
        return cls(writer, targets, known, params_per_row) if len(known) == len(sources) else None

    @staticmethod
    def fits(writer: TableWriter, targets: Sequence[Column]) -> bool:
        """Whether rows of `targets` need no more than conversions, and their key to be free, as far as the table's
        definition tells. CHECKs may still be added to the writer: by a view that the statement goes through."""
        table = writer.table
        if writer.triggers or writer.generated or table.foreign_keys or table.temporary:
            return False
        if any(index is not table.key_index for index in writer.unique):
            return False
        if writer.auto is not None and table.key_columns != (writer.auto.name,):
            return False  # a duplicate would have taken a number in vain
        missing = [c for c in writer.columns if c not in targets and not c.auto_increment]
        return all(writer.constant_default(column) is not None for column in missing)

    def inside(self, ctx: SessionContext, tx: Transaction, params: Sequence[Value]) -> Ok | None:
        row = self._values(ctx, params)
        if row is None:
            return None
        if self._writer.auto is not None and tx.insertable_now(self._table) is None:
            return None  # before it takes a number
        numbered = self._number(ctx, params, row)
        if numbered is None:
            return None
        insert_id, generated = numbered
        if not tx.insert_now(self._table, tuple(row), fresh=generated):
            return None
        return self._inserted(ctx, insert_id, generated=generated)

    def alone(self, ctx: SessionContext, params: Sequence[Value], isolation: str, told: Told) -> Ok | Later | None:
        engine, table = self._engine, self._table
        stored = engine.row_store.table(table.id)
        row = self._values(ctx, params)
        if stored is None or row is None:
            return None
        # Before it takes a number.
        write = RowWrite.entering(engine, ctx, table, isolation)
        if write is None:
            return None
        logged = False
        try:
            logged = self._begin(write, stored, ctx, params, row, told)
        finally:
            if not logged:
                write.leave()
        return LATER if logged else None

    def _begin(
        self,
        write: RowWrite,
        stored: TableRows,
        ctx: SessionContext,
        params: Sequence[Value],
        row: list[Any],
        told: Told,
    ) -> bool:
        """Number, lock and log the row; False for the long way."""
        engine, table, keys = self._engine, self._table, stored.keys
        numbered = self._number(ctx, params, row)
        if numbered is None:
            return False
        insert_id, generated = numbered
        if keys.has_hidden_key:
            row.append(engine.next_auto_increment(table))
        new = tuple(row)
        key = keys.of_row(new)
        fresh = generated or keys.has_hidden_key
        if not fresh and newest_in_memory(engine.row_store, stored, key) != (True, None):
            return False
        change = TableChange(table.id, (new,), (), RowsBefore(None, ()))
        if not write.begin(key, (None, new), change, partial(told, Ok(1, insert_id))):
            return False
        self._inserted(ctx, insert_id, generated=generated)
        return True

    def _values(self, ctx: SessionContext, params: Sequence[Value]) -> list[Any] | None:
        """The row without its AUTO_INCREMENT value."""
        writer = self._writer
        if writer.checks or ctx.busy_tables or len(params) != (self._params_per_row or len(params)):
            return None
        converters = writer.converters(ctx)
        try:
            if converters is not self._blank_for:
                self._prepare(converters)
            row = self._blank.copy()
            for source, position, nullable in self._given:
                value = params[source] if isinstance(source, int) else source((), params, ctx)
                if value is not None:
                    row[position] = converters[position](value, 1, _judge)
                elif not nullable:
                    return None
        except (MySQLError, _Judgement):
            return None
        return row

    def _number(self, ctx: SessionContext, params: Sequence[Value], row: list[Any]) -> tuple[int, bool] | None:
        """Give the row its AUTO_INCREMENT value: what the OK packet tells of it, and whether it was generated."""
        writer = self._writer
        auto = writer.auto_position
        if auto is None:
            return 0, False
        engine, convert = self._engine, self._blank_for[auto]
        source = self._auto_source
        value: Value = None
        try:
            if source is not None:
                value = params[source] if isinstance(source, int) else source((), params, ctx)
            generated = value is None or (value in (0, "0") and self._zero_generates(ctx))
            # A value that can't be stored is not taken: the long way takes it, and says so.
            number = convert(engine.auto_increment_value(self._table) if generated else value, 1, _judge)
        except (MySQLError, _Judgement):
            return None
        row[auto] = number
        if generated:
            return engine.next_auto_increment(self._table), True
        if isinstance(number, int) and number > 0:
            engine.bump_auto_increment(self._table, number)
            return number, False
        return 0, False

    @staticmethod
    def _inserted(ctx: SessionContext, insert_id: int, *, generated: bool) -> Ok:
        ctx.id_from_function = 0
        if generated:
            ctx.last_insert_id = insert_id
        return Ok(1, insert_id)

    @staticmethod
    def _zero_generates(ctx: SessionContext) -> bool:
        return "NO_AUTO_VALUE_ON_ZERO" not in str(ctx.variables.get("sql_mode", ""))

    def _prepare(self, converters: Sequence[Converter]) -> None:
        blank: list[Any] = [None] * len(self._writer.columns)
        for position, column in self._missing:
            constant = self._writer.constant_default(column)
            value = None if constant is None else constant[0]
            blank[position] = None if value is None else converters[position](value, 1, _judge)
        self._blank, self._blank_for = blank, converters


def changes_no_others(writer: TableWriter, engine: Engine, positions: Collection[int]) -> bool:
    """Whether a change of these columns of a row needs no look at any other row, nor code of its own, as far as the
    table's definition tells. CHECKs may still be added to the writer: by a view that the statement goes through."""
    table = writer.table
    if writer.triggers or writer.generated or table.temporary:
        return False
    if (table.database, table.name) in engine.catalog.referencing:
        return False
    changing = {p for p, column in enumerate(writer.columns) if p in positions or column.on_update is not None}
    meaning = [*(index.columns for index in writer.unique), *(fk.columns for fk in table.foreign_keys)]
    return changing.isdisjoint(table.position[name.lower()] for columns in meaning for name in columns)


def updated(ctx: SessionContext, matched: int, changed: int) -> Ok:
    """What an UPDATE without warnings answers."""
    info = f"Rows matched: {matched}  Changed: {changed}  Warnings: 0"
    return Ok(matched if ctx.found_rows_flag else changed, ctx.id_from_function, info)
