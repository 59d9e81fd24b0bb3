"""KEY_COLUMN_USAGE, TABLE_CONSTRAINTS, REFERENTIAL_CONSTRAINTS, CHECK_CONSTRAINTS."""

from __future__ import annotations

from typing import Any

from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.ddl.expressions import in_parentheses
from aurora_mysql.sql.instance_services import InstanceServices
from aurora_mysql.sql.show.information_schema.objects import visible_tables
from aurora_mysql.sql.show.virtual import VirtualRelation, big, columns_of, integer, longtext

Row = tuple[Any, ...]


def _key_column_usage(ctx: SessionContext, services: InstanceServices) -> list[Row]:
    rows: list[Row] = []
    for t in visible_tables(ctx, services):
        for index in t.indexes:
            if index.unique:
                for n, column in enumerate(index.columns, 1):
                    rows.append(
                        ("def", t.database, index.name, "def", t.database, t.name, column, n, None, None, None, None)
                    )
        for fk in t.foreign_keys:
            for n, (column, referenced) in enumerate(zip(fk.columns, fk.ref_columns, strict=True), 1):
                rows.append(
                    ("def", t.database, fk.name, "def", t.database, t.name, column, n, n, fk.ref_database,
                     fk.ref_table, referenced)
                )  # fmt: skip
    return rows


def _table_constraints(ctx: SessionContext, services: InstanceServices) -> list[Row]:
    rows: list[Row] = []
    for t in visible_tables(ctx, services):
        found = [(i.name, "PRIMARY KEY" if i.name == "PRIMARY" else "UNIQUE", "YES") for i in t.indexes if i.unique]
        found += [(fk.name, "FOREIGN KEY", "YES") for fk in t.foreign_keys]
        found += [(c.name, "CHECK", "YES" if c.enforced else "NO") for c in t.checks]
        rows += [("def", t.database, name, t.database, t.name, kind, enforced) for name, kind, enforced in found]
    return rows


def _referential(ctx: SessionContext, services: InstanceServices) -> list[Row]:
    catalog = services.engine.catalog
    rows: list[Row] = []
    for t in visible_tables(ctx, services):
        for fk in t.foreign_keys:
            parent = catalog.table(fk.ref_database, fk.ref_table)
            wanted = [c.lower() for c in fk.ref_columns]
            key = next(
                (
                    i.name
                    for i in (parent.indexes if parent is not None else ())
                    if i.unique and [c.lower() for c in i.columns] == wanted
                ),
                None,
            )
            rows.append(
                ("def", t.database, fk.name, "def", fk.ref_database, key, "NONE", fk.on_update, fk.on_delete, t.name,
                 fk.ref_table)
            )  # fmt: skip
    return rows


def _checks(ctx: SessionContext, services: InstanceServices) -> list[Row]:
    return [
        ("def", t.database, c.name, in_parentheses(c.expression))
        for t in visible_tables(ctx, services)
        for c in t.checks
    ]


RELATIONS: dict[str, VirtualRelation] = {
    "key_column_usage": VirtualRelation(
        columns_of("CONSTRAINT_CATALOG", "CONSTRAINT_SCHEMA", "CONSTRAINT_NAME", "TABLE_CATALOG", "TABLE_SCHEMA",
                   "TABLE_NAME", "COLUMN_NAME", ("ORDINAL_POSITION", integer()),
                   ("POSITION_IN_UNIQUE_CONSTRAINT", big()), "REFERENCED_TABLE_SCHEMA", "REFERENCED_TABLE_NAME",
                   "REFERENCED_COLUMN_NAME"),
        _key_column_usage,
    ),
    "table_constraints": VirtualRelation(
        columns_of("CONSTRAINT_CATALOG", "CONSTRAINT_SCHEMA", "CONSTRAINT_NAME", "TABLE_SCHEMA", "TABLE_NAME",
                   "CONSTRAINT_TYPE", "ENFORCED"),
        _table_constraints,
    ),
    "referential_constraints": VirtualRelation(
        columns_of("CONSTRAINT_CATALOG", "CONSTRAINT_SCHEMA", "CONSTRAINT_NAME", "UNIQUE_CONSTRAINT_CATALOG",
                   "UNIQUE_CONSTRAINT_SCHEMA", "UNIQUE_CONSTRAINT_NAME", "MATCH_OPTION", "UPDATE_RULE", "DELETE_RULE",
                   "TABLE_NAME", "REFERENCED_TABLE_NAME"),
        _referential,
    ),
    "check_constraints": VirtualRelation(
        columns_of("CONSTRAINT_CATALOG", "CONSTRAINT_SCHEMA", "CONSTRAINT_NAME", ("CHECK_CLAUSE", longtext())), _checks
    ),
}  # fmt: skip
