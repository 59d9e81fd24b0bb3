"""CHECK constraints against rows that exist already (ALTER TABLE ... ADD CHECK)."""

from __future__ import annotations

import asyncio

from aurora_mysql.catalog.model import Check, Table
from aurora_mysql.errors import mysql_error, unsupported
from aurora_mysql.sql.ddl.alter_definition import Altered
from aurora_mysql.sql.ddl.plan import Run
from aurora_mysql.sql.plan import PlanContext


async def refuse_violated_check(run: Run, table: Table, altered: Altered, check: Check) -> None:
    """3819 when a row of `table` violates `check`; 1235 when the check is about a column changed along with it."""
    from aurora_mysql.sql.parse import parse_one_mysql
    from aurora_mysql.sql.query import bind_sources, translate_select

    engine = run.engine
    sql = f"SELECT 1 FROM `{table.database}`.`{table.name}` WHERE NOT ({check.expression}) LIMIT 1"
    for column in altered.table.columns:
        if f"`{column.name}`" in check.expression and table.column(column.name) is None:
            raise unsupported("a check on a column that the same ALTER TABLE adds or renames")
    pc = PlanContext(engine.catalog, table.database, run.ctx, engine, run.services, sql)
    select = translate_select(parse_one_mysql(sql, []), pc)
    values = bind_sources(select.sources, run.ctx, None, [])
    cursor = engine.duck.borrow()
    try:
        rows = await asyncio.get_running_loop().run_in_executor(
            engine.executor, lambda: cursor.execute(select.sql, values).fetchall()
        )
    finally:
        engine.duck.give_back(cursor, reusable=False)
    if rows:
        raise mysql_error(3819, check.name)
