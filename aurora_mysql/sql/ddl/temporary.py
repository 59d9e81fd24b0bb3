"""Schema statements on temporary tables: they change the session, nothing else."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence

from aurora_mysql.catalog.model import Catalog, Table
from aurora_mysql.engine.temporary import next_temporary_id
from aurora_mysql.errors import mysql_error
from aurora_mysql.redo.record import TableChange
from aurora_mysql.sql.ddl.alter_definition import alter_definition
from aurora_mysql.sql.ddl.build import keep_text_defaults, refuse_zero_defaults
from aurora_mysql.sql.ddl.create import build_table, like_table
from aurora_mysql.sql.ddl.fill import insert_selected, run_select, with_selected_columns
from aurora_mysql.sql.ddl.parse_alter import AlterSpec
from aurora_mysql.sql.ddl.plan import Run, note
from aurora_mysql.sql.ddl.spec import TableSpec
from aurora_mysql.sql.result import Ok, Result

Name = tuple[str, str]


def temporary_table(run: Run, name: Name) -> Table | None:
    """The session's temporary table `name`."""
    return run.ctx.temporary.tables.get((name[0] or run.database, name[1]))


def _add(run: Run, table: Table) -> None:
    run.ctx.temporary.add(table, run.engine.temporary_rows(table), run.engine.forget_table)


async def create_temporary(run: Run, spec: TableSpec) -> Result:
    """CREATE TEMPORARY TABLE, also LIKE and AS SELECT."""
    from aurora_mysql.sql.ddl.tables import with_functional_keys

    database = run.writable_schema(spec.database)
    key = (database.name, spec.name)
    if key in run.ctx.temporary.tables:
        if spec.if_not_exists:
            return await note(run, 1050, spec.name)
        raise mysql_error(1050, spec.name)
    if spec.foreign_keys:
        raise mysql_error(1215)
    selected = None
    if spec.select:
        selected = await run_select(run, spec.select)
        spec = with_selected_columns(spec, selected)
    alone = Catalog(next_table_id=next_temporary_id())
    if spec.like is not None:
        source = temporary_table(run, spec.like) or run.table(*spec.like)
        table = like_table(source, database.name, spec.name, alone)
    else:
        keep_text_defaults(run, spec.columns)
        table = build_table(with_functional_keys(run, spec, database), database, alone, fk_checked=False)
        refuse_zero_defaults(run, table.columns)
    table = dataclasses.replace(table, temporary=True)
    _add(run, table)
    if selected is None:
        return Ok()
    rows = run.ctx.temporary.rows_of(table.id)
    assert rows is not None, "it was just added"
    try:
        return (await insert_selected(run, spec, rows, selected))[0]
    except BaseException:
        run.ctx.temporary.remove(key)
        raise


async def drop_temporary(run: Run, names: Sequence[Name], if_exists: bool) -> Result:
    """DROP TEMPORARY TABLE."""
    keys = [(run.schema_of(database), name) for database, name in names]
    missing = [f"{database}.{name}" for database, name in keys if (database, name) not in run.ctx.temporary.tables]
    if missing and not if_exists:
        raise mysql_error(1051, ",".join(missing))
    for shown in missing:
        await note(run, 1051, shown)
    for key in keys:
        run.ctx.temporary.remove(key)
    return Ok(warnings=len(missing))


async def truncate_temporary(run: Run, table: Table) -> Result:
    _add(
        run,
        dataclasses.replace(
            table, id=next_temporary_id(), auto_increment=1, create_time_us=time.time_ns() // 1000
        ),
    )  # fmt: skip
    return Ok()


async def alter_temporary(run: Run, table: Table, spec: AlterSpec) -> Result:
    """ALTER TABLE, CREATE INDEX and DROP INDEX: the rows are copied into a new table in memory."""
    from aurora_mysql.sql.ddl.alter import Rebuild, refuse_violated_checks, with_functional_actions
    from aurora_mysql.sql.ddl.generated import fill_generated, refuse_duplicates

    key = (table.database, table.name)
    spec = with_functional_actions(run, table, spec)
    altered = alter_definition(table, spec, Catalog(tables={key: table}), fk_checked=False)
    if altered.new_foreign_keys:
        raise mysql_error(1215)
    target = altered.target or key
    if target != key and target in run.ctx.temporary.tables:
        raise mysql_error(1050, target[1])
    old = run.ctx.temporary.rows_of(table.id)
    assert old is not None, "a temporary table has rows"
    source = f"aurora_alter_{table.id}"
    plan = Rebuild(run, table, altered, source=source)
    cursor = run.engine.duck.borrow()
    try:
        cursor.register(source, old.arrow())
        counted = plan.rows(cursor)
        plan.validate(cursor)
        rows = plan.fetch(cursor)
    finally:
        cursor.unregister(source)
        run.engine.duck.give_back(cursor)
    counter = run.engine.auto_increment_value(table)
    if altered.auto_increment is not None:
        counter = max(altered.auto_increment, 1)
    new = dataclasses.replace(
        altered.table,
        id=next_temporary_id(),
        database=target[0],
        name=target[1],
        auto_increment=max(counter, len(rows) + 1),
    )
    rows = await fill_generated(run, new, await plan.with_defaults(rows))
    refuse_duplicates(new, rows)
    await refuse_violated_checks(run, new, altered, rows)
    run.ctx.temporary.remove(key)
    _add(run, new)
    run.ctx.temporary.apply([TableChange(new.id, upserts=rows)])
    return Ok(affected_rows=counted, info=f"Records: {counted}  Duplicates: 0  Warnings: {len(run.ctx.warnings)}")
