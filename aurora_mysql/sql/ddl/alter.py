"""ALTER TABLE at run time: look at the data, then log a catalog change or a rebuild."""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

import duckdb

from aurora_mysql.catalog.convert_text import column_conversion, conversion_spec, source_sql, target_sql, zone_named
from aurora_mysql.catalog.model import (
    COLLATION_KEY_PREFIX,
    HIDDEN_KEY,
    Catalog,
    CatalogDelta,
    Column,
    ForeignKey,
    Index,
    Table,
)
from aurora_mysql.catalog.physical import (
    collation_key_columns,
    duckdb_type,
    key_column_name,
    needs_collation_key,
    quote,
)
from aurora_mysql.catalog.values import converter, render_key
from aurora_mysql.catalog.wide_decimal import units
from aurora_mysql.catalog.zero_date import ANY_DATE, ZeroDate, as_duckdb
from aurora_mysql.engine.fetched import fetch_all
from aurora_mysql.errors import MySQLError, mysql_error
from aurora_mysql.redo.record import Row, RowsBefore, TableChange
from aurora_mysql.sql.ddl.alter_definition import Altered, alter_definition
from aurora_mysql.sql.ddl.build import refuse_zero_defaults, storage_bytes
from aurora_mysql.sql.ddl.functional import is_functional, with_hidden_columns
from aurora_mysql.sql.ddl.generated import (
    evaluate,
    fill_generated,
    generated_columns,
    refuse_duplicates,
    refuse_violated,
)
from aurora_mysql.sql.ddl.parse_alter import AlterSpec
from aurora_mysql.sql.ddl.plan import Run
from aurora_mysql.sql.ddl.tables import physical_create, physical_drop, renamed
from aurora_mysql.sql.ddl.temporary import alter_temporary, temporary_table
from aurora_mysql.sql.lexer import tokenize
from aurora_mysql.sql.result import Ok, Result

_T = TypeVar("_T")
_TEXTUAL = {"char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set"}
_BINARY = {"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"}


async def alter_table(run: Run, spec: AlterSpec) -> Result:
    own = temporary_table(run, (spec.database, spec.name))
    if own is not None:
        return await alter_temporary(run, own, spec)
    table = run.table(spec.database, spec.name)
    async with run.engine.with_table_exclusive(run.ctx, [table]):
        if spec.keys_switched:
            run.ctx.warn("Note", 1031, mysql_error(1031, table.name).message)
        if not spec.actions and not spec.options:
            # DISABLE KEYS, FORCE: nothing to change, and no other table to lock.
            return Ok(info=f"Records: 0  Duplicates: 0  Warnings: {len(run.ctx.warnings)}")
        engine = run.engine
        catalog = engine.catalog
        spec = with_functional_actions(run, table, spec)
        altered = alter_definition(table, spec, catalog, fk_checked=run.foreign_key_checks)
        refuse_zero_defaults(run, [c for c in altered.table.columns if c not in table.columns])
        parents = [
            p for fk in altered.table.foreign_keys if (p := catalog.table(fk.ref_database, fk.ref_table)) is not None
        ]
        await engine.apply_queue.wait(engine.visible_lsn)
        rebuild = needs_rebuild(table, altered)
        told = copies_in_mysql(table, altered, strict=run.strict, foreign_key_checks=run.foreign_key_checks)
        counted = await _on_data(run, Rebuild(run, table, altered).rows) if rebuild or told else 0
        statements: list[str] = []
        changes: list[TableChange] = []
        new = altered.table
        if rebuild:
            plan = Rebuild(run, table, altered)
            await _on_data(run, plan.validate)
            new = replace(new, id=catalog.next_table_id, create_time_us=time.time_ns() // 1000)
            if plan.computes:
                rows = await fill_generated(run, new, await plan.computed_rows())
                refuse_duplicates(new, rows)
                changes = [TableChange(new.id, rows, (), RowsBefore())]
                statements = [*physical_create(new), physical_drop(table)]
            else:
                statements = [*physical_create(new), plan.copy_statement(new), physical_drop(table)]
        new = await _with_counter(run, table, new, altered, rebuild, counted)
        for name in altered.new_foreign_keys if run.foreign_key_checks else ():
            fk = next(f for f in new.foreign_keys if f.name == name)
            parent = table if (fk.ref_database, fk.ref_table) == (table.database, table.name) else catalog.table(
                fk.ref_database, fk.ref_table
            )  # fmt: skip
            if parent is not None:
                await _on_data(run, partial(_refuse_orphans, table, altered, fk, parent))
        if altered.new_checks:
            rows = list(changes[0].upserts) if changes else await _on_data(run, Rebuild(run, table, altered).fetch)
            await refuse_violated_checks(run, new, altered, rows)
        delta = _delta(run, table, new, altered)
        if rebuild:
            delta = replace(delta, next_table_id=new.id + 1)
        if delta.tables:
            await run.commit(delta, statements, [table, *(p for p in parents if p is not table)], changes)
    if not told:
        counted = 0
    return Ok(affected_rows=counted, info=f"Records: {counted}  Duplicates: 0  Warnings: {len(run.ctx.warnings)}")


def with_functional_actions(run: Run, table: Table, spec: AlterSpec) -> AlterSpec:
    """`spec` in which the expressions among the parts of added keys are hidden columns, added as well."""
    keys = [action for action in spec.actions if action.key is not None and is_functional(action.key)]
    if not keys:
        return spec
    others = replace(spec, actions=[a for a in spec.actions if a.key is None and a.foreign_key is None])
    over = alter_definition(table, others, Catalog(tables={(table.database, table.name): table}), fk_checked=False)
    done = AlterSpec(spec.database, spec.name, list(spec.actions), spec.options)
    for action in keys:
        assert action.key is not None, "these were chosen by their keys"
        (key,), added = with_hidden_columns(run, over.table, [action.key], [i.name for i in over.table.indexes])
        done.actions[done.actions.index(action)] = replace(action, key=key)
        for column in added:
            done.add("add column", column=column)
    return done


async def refuse_violated_checks(run: Run, new: Table, altered: Altered, rows: list[Row]) -> None:
    """3819 when one of `rows` (of `new`) violates a check that the statement adds or enforces."""
    wanted = {name.lower() for name in altered.new_checks}
    await refuse_violated(run, new, [c for c in new.checks if c.name.lower() in wanted], rows)


def _delta(run: Run, table: Table, new: Table, altered: Altered) -> CatalogDelta:
    catalog = run.engine.catalog
    key = (table.database, table.name)
    tables: dict[tuple[str, str], Table | None] = {key: new}
    renames = {old.lower(): name for name, old in _renames(altered).items()}
    if renames:
        for child, _ in catalog.referencing.get(key, []):
            holder = new if child is table else child
            keys = tuple(
                replace(f, ref_columns=tuple(renames.get(c.lower(), c) for c in f.ref_columns))
                if (f.ref_database, f.ref_table) == key
                else f
                for f in holder.foreign_keys
            )
            tables[child.database, child.name] = replace(holder, foreign_keys=keys)
    target = altered.target
    if target is None or target == key:
        return CatalogDelta(tables=tables)
    run.writable_schema(target[0])
    if target in catalog.tables or target in catalog.views:
        raise mysql_error(1050, target[1])
    after = catalog.apply(CatalogDelta(tables=tables))
    moved = renamed(after, after.tables[key], target)
    return CatalogDelta(tables={**tables, **moved.tables}, triggers=moved.triggers)


def _renames(altered: Altered) -> dict[str, str]:
    found = {}
    for column in altered.table.columns:
        old = altered.origin.get(column.name.lower())
        if old is not None and old != column.name:
            found[column.name] = old
    return found


async def _on_data(run: Run, work: Callable[[duckdb.DuckDBPyConnection], _T]) -> _T:
    """`work` on a cursor of the materialisation, off the loop. The table is locked, so what it sees stays true."""
    duck = run.engine.duck
    cursor = duck.borrow()
    try:
        return await asyncio.get_running_loop().run_in_executor(run.engine.executor, work, cursor)
    finally:
        duck.give_back(cursor, reusable=False)


def _layout(table: Table) -> list[tuple[str, str, str | None]]:
    return [(c.name, duckdb_type(c.type), c.type.collation) for c in table.columns]


def needs_rebuild(old: Table, altered: Altered) -> bool:
    """True when stored data, key look-ups or row identity change; else the catalog change is enough."""
    new = altered.table
    if any(source is None for source in altered.origin.values()):
        return True
    if [(c.name, c.generated) for c in old.columns] != [
        (altered.origin.get(c.name.lower()) or c.name, c.generated) for c in new.columns
    ] and (generated_columns(old) or generated_columns(new)):
        return True
    if _layout(old) != _layout(new) or old.key_columns != new.key_columns:
        return True
    uniques = [i.parts for i in old.indexes if i.unique]
    if any(i.parts not in uniques for i in new.indexes if i.unique):
        return True
    if collation_key_columns(old) != collation_key_columns(new) and [c.name for c in collation_key_columns(old)] != [
        c.name for c in collation_key_columns(new)
    ]:
        return True
    return any(
        _values_may_change(was, column)
        for column in new.columns
        if (was := old.column(altered.origin.get(column.name.lower()) or column.name)) is not None
    )


#: The most that a text takes whose length is told in one byte.
_SHORT = 256


def copies_in_mysql(old: Table, altered: Altered, *, strict: bool, foreign_key_checks: bool) -> bool:
    """True when MySQL would copy the rows one by one, and so count them as affected; what it does in place counts none,
    whatever is rebuilt here."""
    new = altered.table
    if old.primary is not None and new.primary is None:
        return True
    if altered.new_checks or (altered.new_foreign_keys and foreign_key_checks):
        return True  # the rows have to be looked at
    for column in new.columns:
        name = altered.origin.get(column.name.lower()) or column.name
        was = None if altered.origin.get(column.name.lower(), name) is None else old.column(name)
        if was is not None and was.nullable and not column.nullable and not strict:
            return True
        if was is None:
            if column.generated is not None and column.generated_stored:
                return True
        elif _values_may_change(replace(was, nullable=column.nullable), column) or was.generated != column.generated:
            return True
        elif (storage_bytes(was) > _SHORT) != (storage_bytes(column) > _SHORT):
            return True  # the length of a text takes another byte in every row
    return False


def _values_may_change(old: Column, new: Column) -> bool:
    if old.nullable and not new.nullable:
        return True
    a, b = replace(old.type, zerofill=False), replace(new.type, zerofill=False)
    if a == b:
        return False
    if a.name == b.name and a.collation == b.collation and a.charset == b.charset:
        if a.name in ("varchar", "varbinary"):
            return (b.length or 0) < (a.length or 0)
        if a.name in ("tinyint", "smallint", "mediumint", "int", "bigint") and a.unsigned == b.unsigned:
            return False
        if a.name in ("enum", "set"):
            return b.values[: len(a.values)] != a.values
    return True


_DATES = ("date", "datetime", "timestamp")


class Rebuild:
    """Copies `old` into the altered definition: first the checks in MySQL's words, then one INSERT ... SELECT."""

    def __init__(self, run: Run, old: Table, altered: Altered, *, source: str = "") -> None:
        """`source` is the relation that holds the old rows: the physical table, unless it is said."""
        self._run, self._old, self._altered = run, old, altered
        self._from = source or f"vol.main.{old.physical_name}"
        self._zone = str(run.ctx.variables.get("time_zone", "SYSTEM"))
        self._now = time.time()

    def rows(self, cursor: duckdb.DuckDBPyConnection) -> int:
        return int(cursor.execute(f"SELECT count(*) FROM {self._from}").fetchall()[0][0])

    @property
    def computes(self) -> bool:
        """True when new values come from expressions, which only the session that runs the statement can evaluate."""
        return bool(generated_columns(self._altered.table)) or bool(self._expression_defaults)

    @property
    def _expression_defaults(self) -> list[int]:
        """Positions of added columns whose default is an expression other than CURRENT_TIMESTAMP."""
        return [
            position
            for position, column in enumerate(self._altered.table.columns)
            if column.default_is_expr
            and self._source(column) is None
            and not (column.default or "").upper().startswith("CURRENT_TIMESTAMP")
        ]

    def fetch(self, cursor: duckdb.DuckDBPyConnection) -> list[Row]:
        """All rows, as storage rows of the new table; generated columns and expression defaults still NULL."""
        rows: list[Row] = fetch_all(cursor.execute(f"{self.select()} ORDER BY {self._order}"))
        return rows

    async def computed_rows(self) -> list[Row]:
        """All rows of the new table, expression defaults included."""
        return await self.with_defaults(await _on_data(self._run, self.fetch))

    async def with_defaults(self, rows: list[Row]) -> list[Row]:
        """`rows` with the values of added columns whose default is an expression."""
        run, new = self._run, self._altered.table
        for position in self._expression_defaults:
            column = new.columns[position]
            values = await evaluate(run, new, rows, [column.default or "NULL"])
            convert = converter(column, strict=run.strict, zone=zone_named(self._zone), dates=run.dates)
            rows = [
                (*row[:position], None if value is None else convert(value, number, run.ctx.warn), *row[position + 1 :])
                for number, (row, (value,)) in enumerate(zip(rows, values, strict=True), 1)
            ]
        return rows

    @property
    def _order(self) -> str:
        return ", ".join(quote(key_column_name(self._old, c)) for c in self._old.key_columns)

    def _source(self, column: Column) -> Column | None:
        name = self._altered.origin.get(column.name.lower())
        return None if name is None else self._old.column(name)

    def validate(self, cursor: duckdb.DuckDBPyConnection) -> None:
        """Raises what MySQL raises when a value does not fit its new column, and 1062 for a duplicate key."""
        run, name = self._run, self._from
        self._refuse_zero_dates(cursor)
        for column in self._altered.table.columns:
            source = self._source(column)
            if source is None or column.generated is not None:
                continue
            if source.nullable and not column.nullable:
                self._refuse_nulls(cursor, source, column)
            if source.type == column.type:
                continue
            convert = column_conversion(source.type, column, self._zone, strict=run.strict)
            cursor.execute(f"SELECT {source_sql(source)} FROM {name} ORDER BY {self._order}")
            row = 0
            while batch := cursor.fetchmany(10000):
                for (text,) in batch:
                    row += 1
                    if text is not None:
                        convert(text, row, run.ctx.warn)
        for index in self._altered.table.indexes:
            if index.unique and not self.computes:
                self._refuse_duplicates(cursor, index)

    def _refuse_zero_dates(self, cursor: duckdb.DuckDBPyConnection) -> None:
        """1292 when rows that are there would get a zero date that the mode refuses."""
        for column in self._altered.table.columns:
            added = self._source(column) is None and column.generated is None
            if not added or column.nullable or column.default is not None or column.type.name not in _DATES:
                continue
            zero = implicit_default(column)
            if self._run.strict and not self._run.dates.allow(zero) and self.rows(cursor):
                text = f"Incorrect {column.type.name} value: '{zero}' for column '{column.name}' at row 1"
                raise MySQLError(1292, "22007", text)

    def _refuse_nulls(self, cursor: duckdb.DuckDBPyConnection, source: Column, column: Column) -> None:
        """1138 when a column that becomes NOT NULL holds NULL; without strict mode, warnings (see :meth:`_item`)."""
        rows = cursor.execute(
            f"SELECT n FROM (SELECT row_number() OVER (ORDER BY {self._order}) AS n, {quote(source.name)} AS v "
            f"FROM {self._from}) WHERE v IS NULL ORDER BY n LIMIT 1024"
        ).fetchall()
        if rows and self._run.strict:
            raise mysql_error(1138)
        for (number,) in rows:
            self._run.ctx.warn("Warning", 1265, mysql_error(1265, column.name, number).message)

    def _refuse_duplicates(self, cursor: duckdb.DuckDBPyConnection, index: Index) -> None:
        new = self._altered.table
        keys = []
        for number, part in enumerate(index.parts):
            column = new.column(part.column)
            assert column is not None, "an index has columns of its table"
            expression = quote(column.name)
            if part.length is not None:
                expression = f"left({expression}, {part.length})"
            if needs_collation_key(column):
                expression = f"mysql_collation_key({expression}, '{column.type.collation}')"
            keys.append(f"{expression} AS k{number}")
        shown = ", ".join(f"any_value({quote(c)})" for c in index.columns)
        groups = ", ".join(f"k{n}" for n in range(len(keys)))
        present = " AND ".join(f"k{n} IS NOT NULL" for n in range(len(keys)))
        counted = cursor.execute(
            f"SELECT {shown} FROM (SELECT *, {', '.join(keys)} FROM ({self.select()})) WHERE {present} "
            f"GROUP BY {groups} HAVING count(*) > 1 ORDER BY {groups} LIMIT 1"
        )
        found = fetch_all(counted)
        if found:
            raise mysql_error(1062, render_key(found[0]), f"{new.name}.{index.name}")

    def select(self) -> str:
        """The rows of the old table as the new logical columns."""
        items = []
        for column in self._altered.table.columns:
            items.append(f"{self._item(column)} AS {quote(column.name)}")
        return f"SELECT {', '.join(items)} FROM {self._from}"

    def _item(self, column: Column) -> str:
        source = self._source(column)
        item = self._value(column)
        if source is not None and source.nullable and not column.nullable and column.generated is None:
            item = f"coalesce({item}, {literal(implicit_default(column), duckdb_type(column.type))})"
        return item

    def _value(self, column: Column) -> str:
        if column.name == HIDDEN_KEY:
            kept = self._old.column(HIDDEN_KEY)
            return quote(HIDDEN_KEY) if kept is not None else f"row_number() OVER (ORDER BY {self._order})"
        source = self._source(column)
        if column.generated is not None:
            return f"CAST(NULL AS {duckdb_type(column.type)})"
        if source is None:
            if column.auto_increment:
                return f"row_number() OVER (ORDER BY {self._order})"
            return literal(self._default_value(column), duckdb_type(column.type))
        if source.type == column.type or (
            not _values_may_change(source, replace(column, nullable=True))
            and duckdb_type(source.type) == duckdb_type(column.type)
        ):
            return quote(source.name)
        spec = conversion_spec(source.type, column, self._zone).replace("'", "''")
        return target_sql(f"mysql_convert({source_sql(source)}, '{spec}')", column.type)

    def _default_value(self, column: Column) -> Any:
        if column.default is None:
            return None if column.nullable else implicit_default(column)
        if column.default_is_expr:
            if not column.default.upper().startswith("CURRENT_TIMESTAMP"):
                return None
            moment = dt.datetime.fromtimestamp(self._now, dt.UTC)
            return converter(column, strict=True, zone=zone_named(self._zone))(moment, 1, self._run.ctx.warn)
        token = tokenize(column.default.lstrip("-"))[0]
        value = -token.value if column.default.startswith("-") else token.value
        convert = converter(column, strict=True, zone=zone_named(self._zone), dates=ANY_DATE)
        return convert(value, 1, self._run.ctx.warn)

    def copy_statement(self, new: Table) -> str:
        """The applier's statement that fills `new`."""
        hidden = collation_key_columns(new)
        columns = [quote(c.name) for c in new.columns]
        names = columns + [quote(COLLATION_KEY_PREFIX + c.name) for c in hidden]
        items = columns + [f"mysql_collation_key({quote(c.name)}, '{c.type.collation}')" for c in hidden]
        return (
            f"INSERT INTO vol.main.{new.physical_name} ({', '.join(names)}) "
            f"SELECT {', '.join(items)} FROM ({self.select()})"
        )


def implicit_default(column: Column) -> Any:
    """What a NOT NULL column without a default gets: zero, '' or the first ENUM member."""
    kind = column.type.name
    if kind == "enum":
        return column.type.values[0]
    if kind == "json":
        return "null"
    if kind in _TEXTUAL:
        return ""
    if kind in _BINARY:
        return b"\0" * (column.type.length or 1) if kind == "binary" else b""
    zero = {"date": "0000-00-00", "datetime": "0000-00-00 00:00:00", "timestamp": "0000-00-00 00:00:00"}.get(kind, "0")
    return converter(column, strict=True, dates=ANY_DATE)(zero, 1, lambda level, errno, message: None)


def literal(value: Any, kind: str) -> str:
    """`value` as a DuckDB literal of type `kind`."""
    if value is None:
        return f"CAST(NULL AS {kind})"
    if isinstance(value, bytes):
        return f"unhex('{value.hex()}')"
    if kind == "BIGNUM":
        return f"CAST('{units(value)}' AS BIGNUM)"
    if kind == "INTERVAL":
        return f"to_microseconds({value // dt.timedelta(microseconds=1)})"
    text = repr(value) if isinstance(value, float) else as_duckdb(value) if isinstance(value, ZeroDate) else str(value)
    return f"CAST('{text.replace(chr(39), chr(39) * 2)}' AS {kind})"


async def _with_counter(run: Run, old: Table, new: Table, altered: Altered, rebuild: bool, rows: int) -> Table:
    """`new` with the right next AUTO_INCREMENT value (also of a new hidden key)."""
    column = new.auto_increment_column
    current = run.engine.auto_increment_value(old) if old.auto_increment_column or HIDDEN_KEY in old.position else 1
    if HIDDEN_KEY in new.position and HIDDEN_KEY not in old.position:
        current = max(current, rows + 1)
    if column is not None and altered.origin.get(column.name.lower()) is None:
        current = rows + 1
    elif column is not None and (altered.auto_increment is not None or old.auto_increment_column is None):
        source = old.column(altered.origin[column.name.lower()] or column.name)
        assert source is not None, "an altered column has its origin in the old table"
        physical, name = old.physical_name, quote(source.name)

        def highest(cursor: duckdb.DuckDBPyConnection) -> int:
            found = cursor.execute(f"SELECT TRY_CAST(max({name}) AS BIGINT) FROM vol.main.{physical}").fetchall()
            return int(found[0][0] or 0)

        current = await _on_data(run, highest) + 1
    if altered.auto_increment is not None:
        current = max(current, altered.auto_increment)
    if not rebuild and altered.auto_increment is None:
        return new
    return replace(new, auto_increment=max(current, 1))


def _refuse_orphans(
    table: Table, altered: Altered, fk: ForeignKey, parent: Table, cursor: duckdb.DuckDBPyConnection
) -> None:
    """1452 when a row of `table` has no parent under the new foreign key `fk`."""
    pairs = []
    present = []
    for child_name, parent_name in zip(fk.columns, fk.ref_columns, strict=True):
        origin = altered.origin.get(child_name.lower())
        if origin is None:
            return
        child, referenced = table.column(origin), parent.column(parent_name)
        assert child is not None and referenced is not None, "the foreign key was checked against both tables"
        left, right = f"c.{quote(child.name)}", f"p.{quote(referenced.name)}"
        present.append(f"{left} IS NOT NULL")
        if needs_collation_key(child):
            left, right = (f"mysql_collation_key({x}, '{child.type.collation}')" for x in (left, right))
        pairs.append(f"{left} = {right}")
    found = cursor.execute(
        f"SELECT 1 FROM vol.main.{table.physical_name} c WHERE {' AND '.join(present)} AND NOT EXISTS "
        f"(SELECT 1 FROM vol.main.{parent.physical_name} p WHERE {' AND '.join(pairs)}) LIMIT 1"
    ).fetchall()
    if found:
        raise mysql_error(1452, foreign_key_text(table, fk))


def foreign_key_text(table: Table, fk: ForeignKey) -> str:
    """``db.t, CONSTRAINT ... FOREIGN KEY ... REFERENCES ...`` as errors 1451 and 1452 show it."""

    def names(columns: tuple[str, ...]) -> str:
        return ", ".join(f"`{c}`" for c in columns)

    target = f"`{fk.ref_table}`" if fk.ref_database == table.database else f"`{fk.ref_database}`.`{fk.ref_table}`"
    text = (
        f"`{table.database}`.`{table.name}`, CONSTRAINT `{fk.name}` FOREIGN KEY ({names(fk.columns)}) "
        f"REFERENCES {target} ({names(fk.ref_columns)})"
    )
    if fk.on_delete != "NO ACTION":
        text += f" ON DELETE {fk.on_delete}"
    return text + (f" ON UPDATE {fk.on_update}" if fk.on_update != "NO ACTION" else "")


__all__ = ["Rebuild", "alter_table", "foreign_key_text", "implicit_default", "needs_rebuild"]
