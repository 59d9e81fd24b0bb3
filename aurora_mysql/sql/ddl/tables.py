"""CREATE, DROP, TRUNCATE and RENAME of tables; databases."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence

from aurora_mysql.catalog.charsets import resolve
from aurora_mysql.catalog.model import Catalog, CatalogDelta, Database, ForeignKey, Table
from aurora_mysql.catalog.physical import create_table_statements
from aurora_mysql.errors import mysql_error
from aurora_mysql.sql.ddl.build import check_identifier, keep_text_defaults, refuse_zero_defaults
from aurora_mysql.sql.ddl.create import build_table, like_table
from aurora_mysql.sql.ddl.fill import as_changes, in_memory, insert_selected, run_select, with_selected_columns
from aurora_mysql.sql.ddl.functional import is_functional, with_hidden_columns
from aurora_mysql.sql.ddl.plan import SYSTEM_SCHEMAS, Run, note
from aurora_mysql.sql.ddl.spec import KeySpec, TableSpec
from aurora_mysql.sql.ddl.temporary import temporary_table, truncate_temporary
from aurora_mysql.sql.result import Ok, Result
from aurora_mysql.sql.show.virtual import virtual_relation

Name = tuple[str, str]


def physical_create(table: Table) -> list[str]:
    """The applier's statements for an empty `table`."""
    return [
        s.replace(f"CREATE TABLE {table.physical_name} ", f"CREATE TABLE vol.main.{table.physical_name} ", 1)
        if s.startswith("CREATE TABLE ")
        else s.replace(f" ON {table.physical_name} ", f" ON vol.main.{table.physical_name} ", 1)
        for s in create_table_statements(table)
    ]


def physical_drop(table: Table) -> str:
    return f"DROP TABLE vol.main.{table.physical_name}"


def with_functional_keys(run: Run, spec: TableSpec, database: Database) -> TableSpec:
    """`spec` with a hidden column for every expression among its keys' parts."""
    if not any(is_functional(key) for key in spec.keys):
        return spec
    plain = dataclasses.replace(spec, keys=[], foreign_keys=[], checks=[])
    for column in plain.columns:
        if column.auto_increment:
            plain.keys.append(KeySpec("KEY", "", [(column.name, None, False)]))
    over = build_table(plain, database, Catalog(next_table_id=1), fk_checked=False)
    keys, added = with_hidden_columns(run, over, spec.keys, [])
    return dataclasses.replace(spec, keys=keys, columns=[*spec.columns, *added])


async def create_table(run: Run, spec: TableSpec) -> Result:
    selected = None
    async with run.engine.with_table_exclusive(run.ctx, ()):
        catalog = run.engine.catalog
        if spec.if_not_exists and virtual_relation(run.schema_of(spec.database).lower(), spec.name) is not None:
            # Dumps of all databases make mysql.general_log and mysql.slow_log, in case that they are not there.
            return await note(run, 1050, spec.name)
        database = run.writable_schema(spec.database)
        key = (database.name, spec.name)
        if key in catalog.tables or key in catalog.views:
            if spec.if_not_exists:
                return await note(run, 1050, spec.name)
            raise mysql_error(1050, spec.name)
        if spec.like is not None:
            source = temporary_table(run, spec.like) or run.table(*spec.like)
            table = dataclasses.replace(like_table(source, database.name, spec.name, catalog), temporary=False)
        else:
            if spec.select:
                selected = await run_select(run, spec.select)
                spec = with_selected_columns(spec, selected)
            keep_text_defaults(run, spec.columns)
            table = build_table(
                with_functional_keys(run, spec, database), database, catalog, fk_checked=run.foreign_key_checks
            )
            refuse_zero_defaults(run, table.columns)
        delta = CatalogDelta(tables={key: table}, next_table_id=table.id + 1)
        parents = [p for fk in table.foreign_keys if (p := catalog.table(fk.ref_database, fk.ref_table)) is not None]
        if selected is None:
            await run.commit(delta, physical_create(table), parents)
            return Ok()
        async with in_memory(run, table) as rows:
            result, columns = await insert_selected(run, spec, rows, selected, columns=True)
            table = dataclasses.replace(table, auto_increment=run.engine.auto_increment_value(rows.table))
            delta = dataclasses.replace(delta, tables={key: table})
            await run.commit(delta, physical_create(table), parents, changes=as_changes(rows, columns, table))
        return result


async def drop_tables(run: Run, names: Sequence[Name], if_exists: bool) -> Result:
    found: list[Table] = []
    missing: list[Name] = []
    own: list[Name] = []
    catalog = run.engine.catalog
    for database, name in names:
        schema = run.schema_of(database)
        if (schema, name) in run.ctx.temporary.tables:
            own.append((schema, name))
            continue
        if schema.lower() in SYSTEM_SCHEMAS:
            run.writable_schema(schema)
        table = catalog.table(schema, name)
        if table is None:
            missing.append((schema, name))
        elif table not in found:
            found.append(table)
        else:
            raise mysql_error(1066, name)
    shown = [f"{schema}.{name}" for schema, name in missing]
    if missing and not if_exists:
        raise mysql_error(1051, ",".join(shown))
    for name in shown:
        await note(run, 1051, name)
    for key in own:
        run.ctx.temporary.remove(key)
    if found:
        refuse_referenced(run, catalog, found, 3730)
        keys = [(t.database, t.name) for t in found]
        triggers = {(t.database, t.name): None for key in keys for t in catalog.triggers_of.get(key, ())}
        delta = CatalogDelta(tables=dict.fromkeys(keys), triggers=triggers)
        await run.commit(delta, [physical_drop(t) for t in found], found)
    return Ok(warnings=len(shown))


def refuse_referenced(run: Run, catalog: Catalog, going: Sequence[Table], errno: int) -> None:
    """3730 or 1701 when a table that stays points at one that goes."""
    if not run.foreign_key_checks:
        return
    for table in going:
        for child, fk in catalog.referencing.get((table.database, table.name), []):
            if child in going or (child is table):
                continue
            if errno == 3730:
                raise mysql_error(3730, table.name, fk.name, child.name)
            raise mysql_error(1701, f"`{child.database}`.`{child.name}`, CONSTRAINT `{fk.name}`")


async def truncate_table(run: Run, name: Name) -> Result:
    own = temporary_table(run, name)
    if own is not None:
        return await truncate_temporary(run, own)
    table = run.table(*name)
    async with run.engine.with_table_exclusive(run.ctx, [table]):
        catalog = run.engine.catalog
        refuse_referenced(run, catalog, [table], 1701)
        empty = dataclasses.replace(
            table, id=catalog.next_table_id, auto_increment=1, create_time_us=time.time_ns() // 1000
        )
        delta = CatalogDelta(tables={(table.database, table.name): empty}, next_table_id=empty.id + 1)
        await run.commit(delta, [*physical_create(empty), physical_drop(table)], [table])
    return Ok()


async def rename_tables(run: Run, pairs: Sequence[tuple[Name, Name]]) -> Result:
    async with run.engine.with_table_exclusive(run.ctx, ()):
        before = run.engine.catalog
        catalog = before
        touched: dict[int, Table] = {}
        for old, new in pairs:
            source = (run.schema_of(old[0]), old[1])
            target = (run.writable_schema(new[0]).name, check_identifier(new[1]))
            run.writable_schema(old[0])
            if target in catalog.tables or target in catalog.views:
                raise mysql_error(1050, target[1])
            view = catalog.views.get(source)
            if view is not None and source not in catalog.tables:
                moved = dataclasses.replace(view, database=target[0], name=target[1])
                catalog = catalog.apply(CatalogDelta(views={source: None, target: moved}))
                continue
            table = catalog.tables.get(source)
            if table is None:
                raise mysql_error(1146, *source)
            catalog = catalog.apply(renamed(catalog, table, target))
        tables: dict[Name, Table | None] = {}
        for key in {**before.tables, **catalog.tables}:
            if before.tables.get(key) is not catalog.tables.get(key):
                tables[key] = catalog.tables.get(key)
                if key in before.tables:
                    touched[before.tables[key].id] = before.tables[key]
        views = {
            key: catalog.views.get(key)
            for key in {**before.views, **catalog.views}
            if before.views.get(key) is not catalog.views.get(key)
        }
        triggers = {k: t for k, t in catalog.triggers.items() if before.triggers.get(k) is not t}
        await run.commit(CatalogDelta(tables=tables, views=views, triggers=triggers), (), list(touched.values()))
    return Ok()


def renamed(catalog: Catalog, table: Table, target: Name) -> CatalogDelta:
    """The delta that gives `table` another name: foreign keys follow, and implicit constraint names too."""
    source = (table.database, table.name)

    def follow(fk: ForeignKey) -> ForeignKey:
        if (fk.ref_database, fk.ref_table) != source:
            return fk
        return dataclasses.replace(fk, ref_database=target[0], ref_table=target[1])

    def implicit(name: str, infix: str) -> str:
        prefix = source[1] + infix
        rest = name[len(prefix) :]
        return target[1] + infix + rest if name.startswith(prefix) and rest.isdigit() else name

    moved = dataclasses.replace(
        table,
        database=target[0],
        name=target[1],
        foreign_keys=tuple(
            dataclasses.replace(follow(fk), name=implicit(fk.name, "_ibfk_")) for fk in table.foreign_keys
        ),
        checks=tuple(dataclasses.replace(c, name=implicit(c.name, "_chk_")) for c in table.checks),
    )
    tables: dict[Name, Table | None] = {source: None, target: moved}
    for child, _ in catalog.referencing.get(source, []):
        if child is not table:
            tables[child.database, child.name] = dataclasses.replace(
                child, foreign_keys=tuple(follow(fk) for fk in child.foreign_keys)
            )
    triggers = {
        (t.database, t.name): dataclasses.replace(t, table=target[1]) for t in catalog.triggers_of.get(source, ())
    }
    if triggers and target[0] != source[0]:
        raise mysql_error(1435)
    return CatalogDelta(tables=tables, triggers=triggers)


async def create_database(
    run: Run, name: str, if_not_exists: bool, charset: str | None, collation: str | None
) -> Result:
    check_identifier(name, 1102)
    if name.lower() in SYSTEM_SCHEMAS or name in run.engine.catalog.databases:
        if name.lower() == "information_schema":
            raise mysql_error(1044, run.ctx.user.user, run.ctx.user.host, name)
        if if_not_exists:
            await note(run, 1007, name)
            return Ok(affected_rows=1, warnings=1)
        raise mysql_error(1007, name)
    resolved = resolve(charset, collation, ("utf8mb4", "utf8mb4_0900_ai_ci"))
    await run.commit(CatalogDelta(databases={name: Database(name, *resolved)}))
    return Ok(affected_rows=1)


async def alter_database(run: Run, name: str, charset: str | None, collation: str | None) -> Result:
    database = run.writable_schema(name)
    resolved = resolve(charset, collation, (database.charset, database.collation))
    await run.commit(CatalogDelta(databases={database.name: Database(database.name, *resolved)}))
    return Ok(affected_rows=1)


async def drop_database(run: Run, name: str, if_exists: bool) -> Result:
    if name.lower() in SYSTEM_SCHEMAS:
        if name.lower() == "information_schema":
            raise mysql_error(1044, run.ctx.user.user, run.ctx.user.host, name)
        raise mysql_error(3552, name)
    catalog = run.engine.catalog
    if name not in catalog.databases:
        if if_exists:
            return await note(run, 1008, name)
        raise mysql_error(1008, name)
    tables = [t for t in catalog.tables.values() if t.database == name]
    refuse_referenced(run, catalog, tables, 3730)
    views = [key for key in catalog.views if key[0] == name]
    await run.commit(
        CatalogDelta(
            databases={name: None},
            tables={(t.database, t.name): None for t in tables},
            views=dict.fromkeys(views),
            routines=dict.fromkeys(key for key in catalog.routines if key[0] == name),
            triggers=dict.fromkeys(key for key in catalog.triggers if key[0] == name),
            events=dict.fromkeys(key for key in catalog.events if key[0] == name),
        ),
        [physical_drop(t) for t in tables],
        tables,
    )
    if run.ctx.database == name:
        run.ctx.database = ""
    return Ok(affected_rows=len(tables) + len(views))
