"""CREATE TABLE: from its parts to the catalog's table."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping

from aurora_mysql.catalog.charsets import resolve
from aurora_mysql.catalog.model import Catalog, Database, Table
from aurora_mysql.errors import mysql_error
from aurora_mysql.sql.ddl.build import build_check, build_column, build_index, check_identifier, finish_table
from aurora_mysql.sql.ddl.expressions import referenced
from aurora_mysql.sql.ddl.foreign_keys import add_foreign_keys, next_name
from aurora_mysql.sql.ddl.spec import CheckSpec, KeySpec, TableSpec

_ENGINES = {"innodb", "myisam", "memory", "heap", "aria", "archive", "csv", "ndb", "ndbcluster", "federated"}


def build_table(spec: TableSpec, database: Database, catalog: Catalog, *, fk_checked: bool) -> Table:
    """The table that `spec` describes, with `catalog.next_table_id` as its id.

    Raises:
        MySQLError: whatever MySQL says about the definition.
    """
    name = check_identifier(spec.name)
    charset = resolve(spec.options.get("CHARSET"), spec.options.get("COLLATE"), (database.charset, database.collation))
    keys = list(spec.keys)
    for column in spec.columns:
        if column.primary:
            keys.insert(0, KeySpec("PRIMARY", "", [(column.name, None, False)]))
    for column in spec.columns:
        if column.unique:
            keys.append(KeySpec("UNIQUE", "", [(column.name, None, False)]))
    primary = {part[0].lower() for key in keys if key.kind == "PRIMARY" for part in key.parts}
    columns = tuple(build_column(c, charset, primary=c.name.lower() in primary) for c in spec.columns)
    taken = [k.name for k in keys if k.name]
    indexes = []
    for key in keys:
        index = build_index(key, columns, taken)
        if not key.name:
            taken.append(index.name)
        indexes.append(index)
    table = Table(
        id=catalog.next_table_id,
        database=database.name,
        name=name,
        columns=columns,
        indexes=tuple(indexes),
        engine=checked_engine(spec.options.get("ENGINE", "InnoDB")),
        charset=charset[0],
        collation=charset[1],
        comment=spec.options.get("COMMENT", ""),
        auto_increment=max(int(spec.options.get("AUTO_INCREMENT", "1")), 1),
        create_time_us=time.time_ns() // 1000,
        options=kept_options(spec.options),
    )
    table = finish_table(table)
    for check in [c for column in spec.columns for c in column.checks] + spec.checks:
        table = add_check(table, check, catalog)
    return add_foreign_keys(table, spec.foreign_keys, catalog, checked=fk_checked)


def add_check(table: Table, spec: CheckSpec, catalog: Catalog) -> Table:
    """`table` with one more check; 3822 when the schema has that name already, 3818 when it is about AUTO_INCREMENT.

    3813: a column's own check names another column."""
    existing = [c.name for c in table.checks]
    name = spec.name or next_name(table, "_chk_", existing)
    used = {n.lower() for n in existing}
    for (schema, other), definition in catalog.tables.items():
        if schema == table.database and other != table.name:
            used |= {c.name.lower() for c in definition.checks}
    if name.lower() in used:
        raise mysql_error(3822, name)
    check = build_check(spec, name, table.columns)
    names = referenced(check.expression)
    if spec.column and names - {spec.column.lower()}:
        raise mysql_error(3813, name)
    if any(c.auto_increment and c.name.lower() in names for c in table.columns):
        raise mysql_error(3818, name)
    return dataclasses.replace(table, checks=(*table.checks, check))


def checked_engine(name: str) -> str:
    """The engine that is used; only InnoDB's behaviour exists, so other known names become it (as dumps expect).

    Raises:
        MySQLError: 1286 for an unknown engine.
    """
    if name.lower() not in _ENGINES:
        raise mysql_error(1286, name)
    return "InnoDB"


def kept_options(options: Mapping[str, str]) -> dict[str, str]:
    """Options that SHOW CREATE TABLE prints again."""
    kept = {}
    for name in ("ROW_FORMAT", "KEY_BLOCK_SIZE", "AVG_ROW_LENGTH", "MAX_ROWS", "MIN_ROWS", "STATS_PERSISTENT"):
        if name in options and options[name].upper() not in ("DEFAULT", "0"):
            kept[name] = options[name].upper()
    return kept


def like_table(source: Table, database: str, name: str, catalog: Catalog) -> Table:
    """An empty table with `source`'s definition; foreign keys are not copied, checks get new names (as MySQL)."""
    copy = dataclasses.replace(
        source,
        id=catalog.next_table_id,
        database=database,
        name=check_identifier(name),
        foreign_keys=(),
        checks=(),
        auto_increment=1,
        create_time_us=time.time_ns() // 1000,
    )
    checks = tuple(dataclasses.replace(c, name=f"{name}_chk_{n}") for n, c in enumerate(source.checks, 1))
    return dataclasses.replace(copy, checks=checks)
