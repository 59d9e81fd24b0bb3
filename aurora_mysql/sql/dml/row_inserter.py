"""New rows into a table, for INSERT, REPLACE and LOAD DATA: numbered, converted, checked, put into the transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from aurora_mysql.catalog.model import Column, Index, Table
from aurora_mysql.catalog.values import to_text
from aurora_mysql.catalog.wide_decimal import is_wide
from aurora_mysql.engine.arrow_rows import arrow_type
from aurora_mysql.engine.transaction import Transaction
from aurora_mysql.errors import MySQLError, mysql_error
from aurora_mysql.redo.column_rows import ColumnRows
from aurora_mysql.redo.record import Row
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.dml import foreign_keys
from aurora_mysql.sql.dml.clean_columns import clean
from aurora_mysql.sql.dml.row_changes import delete_row, replace_row
from aurora_mysql.sql.dml.row_value import RowExpression
from aurora_mysql.sql.dml.table_writer import TableWriter, ignorable, is_strict
from aurora_mysql.sql.dml.typed_columns import typed
from aurora_mysql.sql.plan import PlanContext
from aurora_mysql.sql.query.sources import session_zone
from aurora_mysql.sql.result import Value
from aurora_mysql.sql.routines.triggers import refuse_busy

#: Stands for DEFAULT among given values.
DEFAULT: Any = object()

#: Rows that are put at once. From so many on, one query tells which of their unique values are taken.
BATCH_ROWS = 5_000
_BULK_ROWS = 16
#: Rows from which on columns are inserted as such, outside an autocommitted statement and as one: they lock the table.
COLUMN_ROWS = (5_000, 500)

#: Largest portion of AUTO_INCREMENT values reserved for rows whose number is not known before.
_LARGEST_PORTION = 65_536


class PutColumns(Protocol):
    """Takes new rows, unless one of their `unique` values is taken or they must go another way: False then."""

    async def __call__(
        self, table: Table, rows: ColumnRows, unique: Sequence[Index], *, surely_new: Index | None = None
    ) -> bool: ...


@dataclass(frozen=True)
class InsertRules:
    """What an inserting statement says, besides values.

    Attributes:
        targets: the columns that are given, in order.
        update: ON DUPLICATE KEY UPDATE: (position, value), None for DEFAULT.
    """

    targets: Sequence[Column]
    replace: bool = False
    ignore: bool = False
    update: Sequence[tuple[int, RowExpression | None]] | None = None


class RowInserter:
    """One execution. Counts what happened: `number` rows seen, `affected` as the client is told, `duplicates` and
    `deleted` (by REPLACE); `first_id` is the first generated AUTO_INCREMENT value, `last_id` the last explicit one.

    `rows_to_come`, when known, is how many rows the statement has.
    """

    def __init__(
        self,
        pc: PlanContext,
        writer: TableWriter,
        rules: InsertRules,
        ctx: SessionContext,
        tx: Transaction,
        params: Sequence[Value],
        *,
        several: bool,
    ) -> None:
        refuse_busy(writer.table, ctx)
        self.pc, self.writer, self.rules = pc, writer, rules
        self.ctx, self.tx, self.params = ctx, tx, params
        table = writer.table
        # One row must not have NULL where NOT NULL is declared, whatever the mode; of several, each gets the default.
        self.nulls_lenient = rules.ignore or (several and not is_strict(ctx))
        self.converters = writer.converters(ctx, lenient=rules.ignore)
        self.positions = [table.position[c.name.lower()] for c in rules.targets]
        given = set(self.positions)
        self.missing = [(p, c) for p, c in enumerate(writer.columns) if p not in given]
        self.zero_generates = "NO_AUTO_VALUE_ON_ZERO" not in str(ctx.variables.get("sql_mode", ""))
        self.number = self.affected = self.duplicates = self.deleted = 0
        self.first_id = self.last_id = 0
        self.rows_to_come = 0
        #: Where columns go; see :meth:`TransactionBulk.put_columns`.
        self.put_columns: PutColumns = tx.put_columns
        self._portion = 1
        self._reserved: list[int] = []
        self._parents: set[tuple[str, tuple[Value, ...]]] = set()
        auto = table.auto_increment_column
        self._auto_is_key = auto is not None and table.key_columns == (auto.name,)

    # --- rows ------------------------------------------------------------------------------------------------

    async def row(self, given: Sequence[Value], more: Sequence[Value] = ()) -> None:
        """Insert one row of values for the rules' columns; `more` is what a query selected beyond them.

        Raises:
            MySQLError: 1048, 1062, 1364, 1452, 3819 and what conversions raise.
        """
        mark = self.tx.statement_mark()
        try:
            row, fresh = await self._made(given)
            await self._put(row, fresh, more)
        except MySQLError as error:
            self._pass_over(error)
            self.tx.rollback_to_mark(mark)

    async def rows(self, given: Sequence[Sequence[Value]]) -> None:
        """Insert many rows; the outcome is that of :meth:`row` for each."""
        # Other sessions get their turn between batches.
        await asyncio.sleep(0)
        if len(given) < _BULK_ROWS or self.rules.update is not None or self.writer.triggers:
            for values in given:
                await self.row(values)
            return
        made = self._made_clean(given)
        if made is None:
            made = []
            for values in given:
                try:
                    made.append(await self._made(values))
                except MySQLError as error:
                    if not self.rules.ignore:
                        # Whatever is wrong with an earlier row comes first.
                        await self._put_each(made)
                    self._pass_over(error)
        generated = bool(made) and all(fresh for _, fresh in made)
        rows = [row for row, _ in made]
        known = self.writer.table.key_index if generated and self._auto_is_key else None
        if await self._all_have_parents(rows) and await self.tx.put_new(
            self.writer.table, rows, self.writer.unique, surely_new=known
        ):
            self.affected += len(rows)
            if generated and rows and self.writer.auto_position is not None:
                self.first_id = self.first_id or rows[0][self.writer.auto_position]
        else:
            await self._put_each(made)

    @property
    def takes_columns(self) -> bool:
        """Whether :meth:`columns` may succeed: nothing has to be done for each row."""
        writer = self.writer
        wide = any(is_wide(column.type) for column in writer.columns)
        return not (wide or writer.checks or writer.generated or self.rules.update is not None or writer.triggers)

    async def columns(self, texts: Sequence[Any]) -> bool:
        """Insert many rows, given as columns of texts or of other values (Arrow arrays) for the rules' columns, if no
        value needs a judgement and nothing is in the way; the outcome is that of :meth:`rows`. False: nothing was done.

        The table is locked as a whole, so this is for so many rows that nobody else would get a turn anyway.
        """
        count = len(texts[0]) if texts else 0
        if count < COLUMN_ROWS[self.tx.autocommit] or not self.takes_columns:
            return False
        loop, writer = asyncio.get_running_loop(), self.writer
        made = await loop.run_in_executor(writer.engine.executor, self._typed, texts)
        if made is None:
            return False
        numbers: list[int] = []
        auto = writer.auto_position
        if auto is not None and made[auto] is None:
            numbers = [self._generated() for _ in range(count)]
            if clean(writer.columns[auto], numbers) is None:
                raise mysql_error(1467)
            made[auto] = pa.array(numbers, type=arrow_type(writer.columns[auto].type))
        rows = ColumnRows(pa.table(made, names=[c.name for c in writer.columns]))
        known = writer.table.key_index if numbers and self._auto_is_key else None
        parents = await foreign_keys.columns_have_parents(self.pc, self.ctx, self.tx, writer.table, rows)
        if not parents or not await self.put_columns(writer.table, rows, writer.unique, surely_new=known):
            self._reserved.extend(reversed(numbers))
            return False
        self.number += count
        self.affected += count
        if numbers:
            self.first_id = self.first_id or numbers[0]
        elif auto is not None:
            self.last_id = pc.max(made[auto]).as_py()
            writer.engine.bump_auto_increment(writer.table, self.last_id)
        return True

    def _typed(self, texts: Sequence[Any]) -> list[Any] | None:
        """All the table's columns as storage values, None for AUTO_INCREMENT values to come; None when a value needs a
        judgement. Runs on a worker thread."""
        writer, count = self.writer, len(texts[0])
        utc = session_zone(self.ctx) == "UTC"
        columns: list[Any] = [None] * len(writer.columns)
        for position, column, values in zip(self.positions, self.rules.targets, texts, strict=True):
            if position == writer.auto_position and values.null_count == count:
                continue
            columns[position] = typed(column, values, self.converters[position], utc=utc)
            if columns[position] is None:
                return None
            if position == writer.auto_position:
                least = pc.min(columns[position]).as_py()
                if columns[position].null_count or least is None or least <= 0:
                    return None
        for position, column in self.missing:
            if position == writer.auto_position:
                continue
            constant = writer.constant_default(column)
            if constant is None:
                return None
            text = pa.array([None if constant[0] is None else to_text(constant[0])], type=pa.string())
            one = typed(column, text, self.converters[position], utc=utc)
            if one is None or isinstance(constant[0], bytes):
                return None
            columns[position] = pa.repeat(one[0], count)
        return columns

    async def _all_have_parents(self, rows: Sequence[Row]) -> bool:
        """Whether all parents are there before the first of `rows` is; no if they may be among them."""
        table = self.writer.table
        if any((fk.ref_database, fk.ref_table) == (table.database, table.name) for fk in table.foreign_keys):
            return not foreign_keys.enforced(self.ctx)
        try:
            for row in rows:
                await self._parents_exist(row)
        except MySQLError as error:
            if error.errno != 1452:
                raise
            return False
        return True

    def _made_clean(self, given: Sequence[Sequence[Value]]) -> list[tuple[Row, bool]] | None:
        """The rows of :meth:`_made`, column by column, when no value needs a closer look; else None."""
        writer, count = self.writer, len(given)
        if writer.checks or writer.generated:
            return None
        columns: list[Sequence[Any] | None] = [None] * len(writer.columns)
        for position, column, values in zip(self.positions, self.rules.targets, zip(*given, strict=True), strict=True):
            if position == writer.auto_position:
                numbers = [1 if v is None else v for v in values]
                if any(v is not None for v in values) and len(set(map(type, values))) > 1:
                    return None
                columns[position] = None if values[0] is None else clean(column, numbers)
                if values[0] is None:
                    continue
                if columns[position] is None or min(columns[position] or (0,)) <= 0:
                    return None
            else:
                columns[position] = clean(column, values)
            if columns[position] is None:
                return None
        for position, column in self.missing:
            if position == writer.auto_position:
                continue
            constant = writer.constant_default(column)
            if constant is None:
                return None
            columns[position] = clean(column, constant * count) if constant[0] is not None else constant * count
            if columns[position] is None:
                return None
        auto = writer.auto_position
        fresh = auto is not None and columns[auto] is None
        if auto is not None and fresh:
            numbers = [self._generated() for _ in range(count)]
            columns[auto] = clean(writer.columns[auto], numbers)
            if columns[auto] is None:
                raise mysql_error(1467)
        elif auto is not None:
            self.last_id = max(columns[auto] or (0,))
            writer.engine.bump_auto_increment(writer.table, self.last_id)
        self.number += count
        whole: list[Sequence[Any]] = [values for values in columns if values is not None]
        return [(row, fresh) for row in zip(*whole, strict=True)]

    async def _put_each(self, made: Sequence[tuple[Row, bool]]) -> None:
        for row, fresh in made:
            try:
                await self._put(row, fresh, ())
            except MySQLError as error:
                self._pass_over(error)

    def _pass_over(self, error: MySQLError) -> None:
        if not self.rules.ignore or not ignorable(error):
            raise error
        self.duplicates += 1
        self.ctx.warn("Warning", error.errno, error.message)

    async def _made(self, given: Sequence[Value]) -> tuple[Row, bool]:
        """The row to store, and whether its AUTO_INCREMENT value was generated."""
        self.number += 1
        writer, ctx, tx = self.writer, self.ctx, self.tx
        ignore = self.rules.ignore
        values: list[Any] = [None] * len(writer.columns)
        for position, value in zip(self.positions, given, strict=True):
            values[position] = value
        for position, column in enumerate(writer.columns):
            if values[position] is DEFAULT:
                values[position] = await writer.default(column, tuple(values), ctx, tx, ignore)
        for position, column in self.missing:
            values[position] = await writer.default(column, tuple(values), ctx, tx, ignore)
        auto = writer.auto_position
        fresh = auto is not None and (values[auto] is None or (self.zero_generates and values[auto] in (0, "0")))
        if auto is not None and fresh:
            values[auto] = 1
        before = writer.triggers.has("BEFORE", "INSERT")
        row = writer.convert(values, self.converters, self.number, ctx, self.nulls_lenient, nulls=before)
        if auto is not None and fresh:
            row = (*row[:auto], 0, *row[auto + 1 :])
        if before:
            row = await writer.triggers.fire("BEFORE", "INSERT", None, row, ctx, tx)
            row = writer.without_nulls(row, ctx, lenient=self.nulls_lenient)
            fresh = fresh and auto is not None and not row[auto]
        if auto is not None and fresh:
            number = self.converters[auto](self._generated(), self.number, ctx.warn)
            row = (*row[:auto], number, *row[auto + 1 :])
        elif auto is not None:
            explicit = row[auto]
            if isinstance(explicit, int) and explicit > 0:
                writer.engine.bump_auto_increment(writer.table, explicit)
                self.last_id = explicit
        if writer.generated:
            row = await writer.generate(row, ctx, tx, number=self.number, lenient=ignore)
        if writer.checks:
            await writer.check(row, ctx, tx)
        return row, fresh

    def _generated(self) -> int:
        """The next AUTO_INCREMENT value of the statement. As InnoDB does, values are reserved for all given rows at
        once, for a query's rows in doubling portions; what is left over is lost."""
        if self._reserved:
            return self._reserved.pop()
        count = self.rows_to_come or self._portion
        self._portion = min(self._portion * 2, _LARGEST_PORTION)
        self.rows_to_come = 0
        first = self.writer.engine.next_auto_increment(self.writer.table, count)
        self._reserved = list(range(first + count - 1, first, -1))
        return first

    def _give_back(self, row: Row, fresh: bool) -> None:
        """A generated value that was not stored serves the statement's next row."""
        if fresh and self.writer.auto_position is not None:
            self._reserved.append(row[self.writer.auto_position])

    async def _parents_exist(self, row: Row) -> None:
        table = self.writer.table
        if table.foreign_keys:
            await foreign_keys.need_parents(self.pc, self.ctx, self.tx, table, row, known=self._parents)

    async def _put(self, row: Row, fresh: bool, more: Sequence[Value]) -> None:
        rules, writer, ctx, tx = self.rules, self.writer, self.ctx, self.tx
        table = writer.table
        while True:
            found = await writer.conflict(
                tx, row, fresh_key=fresh and self._auto_is_key, shared=rules.update is None and not rules.replace
            )
            if found is None:
                break
            index, other = found
            if rules.update is not None:
                self._give_back(row, fresh)
                await self._update(rules.update, other, row, more)
                return
            if not rules.replace:
                self._give_back(row, fresh)
                raise writer.duplicate(index, row)
            await delete_row(self.pc, table, writer.triggers, ctx, tx, other)
            self.affected += 1
            self.deleted += 1
            self.duplicates += 1
        await self._parents_exist(row)
        if not writer.unique:
            # Nothing of the row was locked; whoever has the whole table must still be waited for.
            await tx.lock_table(table, "IX")
        await tx.enter_gap(table, row)
        tx.insert(table, row)
        if writer.triggers.has("AFTER", "INSERT"):
            await writer.triggers.fire("AFTER", "INSERT", None, row, ctx, tx)
        self.affected += 1
        if fresh and writer.auto_position is not None:
            self.first_id = self.first_id or row[writer.auto_position]

    async def _update(
        self,
        assignments: Sequence[tuple[int, RowExpression | None]],
        old: Row,
        proposed: Row,
        more: Sequence[Value],
    ) -> None:
        """ON DUPLICATE KEY UPDATE: assignments see the row as changed so far, and the proposed one."""
        writer, ctx, tx = self.writer, self.ctx, self.tx
        width = len(writer.columns)
        new = list(old)
        for position, expression in assignments:
            column = writer.columns[position]
            if expression is None:
                value = await writer.default(column, old, ctx, tx, self.rules.ignore)
            else:
                value = await expression.value((*new[:width], *proposed, *more), self.params, ctx, tx)
            if value is None:
                new[position] = writer.null(column, ctx, lenient=self.nulls_lenient)
            else:
                new[position] = self.converters[position](value, self.number, ctx.warn)
        changed = writer.stamped(old, tuple(new), {position for position, _ in assignments}, ctx)
        self.duplicates += 1
        if writer.auto_position is not None:
            self.last_id = changed[writer.auto_position]
        if (changed != old or writer.triggers) and await replace_row(self.pc, writer, ctx, tx, old, changed):
            self.affected += 2
        else:
            self.affected += 1 if ctx.found_rows_flag else 0
