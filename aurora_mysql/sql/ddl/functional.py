"""Functional key parts: an expression becomes a hidden generated column, and the key is over that column."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from aurora_mysql.catalog.model import FUNCTIONAL_PREFIX, Catalog, Column, ColumnType, Table
from aurora_mysql.errors import mysql_error
from aurora_mysql.sql.ddl.expressions import canonical
from aurora_mysql.sql.ddl.plan import Run
from aurora_mysql.sql.ddl.spec import EXPRESSION, ColumnSpec, KeySpec
from aurora_mysql.sql.plan import PlanContext


def is_functional(key: KeySpec) -> bool:
    return any(column.startswith(EXPRESSION) for column, _, _ in key.parts)


def with_hidden_columns(
    run: Run, table: Table, keys: Sequence[KeySpec], taken: Sequence[str]
) -> tuple[list[KeySpec], list[ColumnSpec]]:
    """`keys` without expressions, and the columns to add for them. `table` has the columns that the expressions may
    name; `taken` are the key names in use.

    Raises:
        MySQLError: 1054, 3756, 3757, 3758, and what the expression itself violates.
    """
    done: list[KeySpec] = []
    added: list[ColumnSpec] = []
    used = {name.lower() for name in taken} | {k.name.lower() for k in keys if k.name}
    for key in keys:
        if not is_functional(key):
            done.append(key)
            continue
        if key.kind == "PRIMARY":
            raise mysql_error(3756)
        name = key.name or _free_name(used)
        used.add(name.lower())
        parts: list[tuple[str, int | None, bool]] = []
        for number, (column, length, descending) in enumerate(key.parts):
            if column.startswith(EXPRESSION):
                hidden = _hidden_column(run, table, name, number, column[len(EXPRESSION) :])
                added.append(hidden)
                column = hidden.name
            parts.append((column, length, descending))
        done.append(dataclasses.replace(key, name=name, parts=parts))
    return done, added


def _free_name(used: set[str]) -> str:
    number, name = 1, "functional_index"
    while name in used:
        number += 1
        name = f"functional_index_{number}"
    return name


def _hidden_column(run: Run, table: Table, key: str, number: int, expression: str) -> ColumnSpec:
    text = canonical(expression, table.columns, lambda name: mysql_error(1054, name, "functional index"))
    if text.startswith("`") and text.endswith("`") and text.count("`") == 2:
        raise mysql_error(3758)
    kind = expression_type(run, table, text)
    if kind.name in (
        "tinytext",
        "text",
        "mediumtext",
        "longtext",
        "tinyblob",
        "blob",
        "mediumblob",
        "longblob",
        "json",
    ):
        raise mysql_error(3757)
    return ColumnSpec(
        f"{FUNCTIONAL_PREFIX}{key}!{number}!0",
        kind,
        charset=kind.charset,
        collation=kind.collation,
        generated=text,
        invisible=True,
    )


def expression_type(run: Run, table: Table, expression: str) -> ColumnType:
    """The type of `expression` over the columns of `table`."""
    from aurora_mysql.sql.parse import parse_one_mysql
    from aurora_mysql.sql.query import translate_select
    from aurora_mysql.sql.query.types import result_type

    name = table.name.replace("`", "``")
    sql = f"SELECT {expression} FROM `{name}`"
    catalog = Catalog(tables={(table.database, table.name): table})
    pc = PlanContext(catalog, table.database, run.ctx, run.engine, run.services, sql)
    (output,) = translate_select(parse_one_mysql(sql, []), pc).outputs
    return result_type(output.t)


def hidden_columns_of(columns: Sequence[Column], parts: Sequence[str]) -> set[str]:
    """Lower-case names of the hidden columns among `parts`."""
    known = {c.name.lower() for c in columns}
    return {p.lower() for p in parts if p.startswith(FUNCTIONAL_PREFIX) and p.lower() in known}
