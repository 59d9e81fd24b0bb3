"""Generated columns: what their expressions may be, and their values for rows that exist already.

Both kinds are stored, so that everything that reads rows finds their values; VIRTUAL and STORED differ in what the
catalog says.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from aurora_mysql.catalog.model import Catalog, Check, Column, ColumnType, Index, IndexPart, Table
from aurora_mysql.catalog.values import converter, render_key
from aurora_mysql.engine.keys import TableKeys
from aurora_mysql.errors import mysql_error
from aurora_mysql.redo.record import Row
from aurora_mysql.sql.ddl.fill import in_memory
from aurora_mysql.sql.ddl.plan import Run
from aurora_mysql.sql.functions.temporal import zone
from aurora_mysql.sql.plan import PlanContext
from aurora_mysql.sql.query.sources import session_zone
from aurora_mysql.sql.result import Value

_NUMBER = "#n"


def generated_columns(table: Table) -> list[int]:
    """Positions of the generated columns, in the order in which they are computed."""
    return [position for position, column in enumerate(table.columns) if column.generated is not None]


def _numbered(table: Table) -> Table:
    """`table` with a row number behind its columns as its key."""
    columns = (
        *(dataclasses.replace(c, auto_increment=False) for c in table.columns),
        Column(_NUMBER, ColumnType("bigint"), nullable=False),
    )
    indexes = (Index("PRIMARY", (IndexPart(_NUMBER),), unique=True),)
    return dataclasses.replace(table, columns=columns, indexes=indexes, foreign_keys=(), checks=())


async def evaluate(run: Run, table: Table, rows: Sequence[Row], expressions: Sequence[str]) -> list[tuple[Value, ...]]:
    """The values of `expressions` (source text) for every row of `rows`, which are storage rows of `table`."""
    from aurora_mysql.redo.record import TableChange
    from aurora_mysql.sql.parse import parse_one_mysql
    from aurora_mysql.sql.query import bind_sources, translate_select

    engine, ctx = run.engine, run.ctx
    width = len(table.columns)
    async with in_memory(run, _numbered(table)) as memory:
        memory.apply(TableChange(memory.table.id, upserts=[(*row[:width], n) for n, row in enumerate(rows)]))
        name = memory.table.name.replace("`", "``")
        catalog = Catalog(tables={(memory.table.database, memory.table.name): memory.table})
        sql = f"SELECT {', '.join(expressions)} FROM `{name}` ORDER BY `{_NUMBER}`"
        pc = PlanContext(catalog, memory.table.database, ctx, engine, run.services, sql)
        select = translate_select(parse_one_mysql(sql, []), pc)
        transaction = engine.begin(ctx, isolation="READ-COMMITTED", autocommit=True)
        try:
            values = bind_sources(select.sources, ctx, None, [])
            found = await transaction.query(select.sql, values, tables=select.tables)
        finally:
            await transaction.rollback()
    return [tuple(int(v) if isinstance(v, bool) else v for v in row) for row in found.rows]


async def fill_generated(run: Run, table: Table, rows: Sequence[Row]) -> list[Row]:
    """`rows` with the values of all generated columns of `table`.

    Raises:
        MySQLError: 1048 and what conversions raise.
    """
    done = [list(row) for row in rows]
    for position in generated_columns(table):
        column = table.columns[position]
        assert column.generated is not None, "only generated columns are asked for"
        values = await evaluate(run, table, [tuple(row) for row in done], [column.generated])
        convert = converter(
            column, strict=run.strict, zone=zone(session_zone(run.ctx)), table=table.name, dates=run.dates
        )
        for number, (row, (value,)) in enumerate(zip(done, values, strict=True), 1):
            if value is None and not column.nullable:
                raise mysql_error(1048, column.name)
            row[position] = None if value is None else convert(value, number, run.ctx.warn)
    return [tuple(row) for row in done]


async def refuse_violated(run: Run, table: Table, checks: Sequence[Check], rows: Sequence[Row]) -> None:
    """3819 when a row violates one of `checks`."""
    enforced = [check for check in checks if check.enforced]
    if not enforced or not rows:
        return
    for row in await evaluate(run, table, rows, [f"({check.expression})" for check in enforced]):
        for check, value in zip(enforced, row, strict=True):
            if value is not None and not value:
                raise mysql_error(3819, check.name)


def refuse_duplicates(table: Table, rows: Sequence[Row]) -> None:
    """1062 when two of `rows` have the same value in a unique key."""
    keys = TableKeys(table)
    functions = dict(keys.unique)
    if table.key_index is not None:
        functions[table.key_index.name] = keys.of_row
    for index in table.indexes:
        unique_of = functions.get(index.name)
        if unique_of is None:
            continue
        seen = set()
        for row in rows:
            value = unique_of(row)
            if value is None:
                continue
            if value in seen:
                shown = render_key([row[table.position[c.lower()]] for c in index.columns])
                raise mysql_error(1062, shown, f"{table.name}.{index.name}")
            seen.add(value)
