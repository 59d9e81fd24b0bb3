"""How a MySQL table is laid out in DuckDB: types, hidden collation-key columns, key indexes.

Physical columns of a table = its logical columns, in order and under their own (quoted) names, then one hidden
``__k_<column>`` VARCHAR for every case-insensitive column that is part of a unique key or of the row key. A row
in memory and in the redo log has logical columns only; the applier adds the hidden ones.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from aurora_mysql.catalog.collation import collation_key, is_binary_collation, minds_accents, pads_space
from aurora_mysql.catalog.model import COLLATION_KEY_PREFIX, Column, ColumnType, Table
from aurora_mysql.catalog.wide_decimal import is_wide, units
from aurora_mysql.errors import unsupported

_INTEGER = {"tinyint", "smallint", "mediumint", "int", "bigint", "year"}
_TEXT = {"char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set"}
_BINARY = {"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"}


def quote(name: str) -> str:
    """`name` as a DuckDB identifier."""
    return '"' + name.replace('"', '""') + '"'


def duckdb_type(column_type: ColumnType) -> str:
    """The DuckDB storage type of a MySQL type.

    Every integer type but BIGINT UNSIGNED is a BIGINT (ranges are checked where rows are computed, and arithmetic
    then follows MySQL's 64-bit rules); TIME is INTERVAL because it exceeds 24 hours; BIT is UBIGINT; TIMESTAMP is
    kept in UTC.

    Raises:
        MySQLError: 1235 for spatial types.
    """
    name = column_type.name
    if name == "bigint" and column_type.unsigned:
        return "UBIGINT"
    if name in _INTEGER:
        return "BIGINT"
    if name == "bit":
        return "UBIGINT"
    if name == "decimal":
        precision = column_type.length if column_type.length is not None else 10
        if is_wide(column_type):
            return "BIGNUM"
        return f"DECIMAL({precision},{column_type.scale or 0})"
    if name == "float":
        return "FLOAT"
    if name == "double":
        return "DOUBLE"
    if name in _TEXT:
        return "VARCHAR"
    if name == "json":
        return "VARCHAR"
    if name in _BINARY:
        return "BLOB"
    if name == "date":
        return "DATE"
    if name in {"datetime", "timestamp"}:
        return "TIMESTAMP"
    if name == "time":
        return "INTERVAL"
    raise unsupported(f"column type {name.upper()}")


def duckdb_collation(column_type: ColumnType) -> str | None:
    """The DuckDB collation that makes its own comparison, grouping and ordering follow the MySQL collation."""
    if column_type.name not in _TEXT or is_binary_collation(column_type.collation):
        return None
    if column_type.collation is not None and minds_accents(column_type.collation):
        return None if column_type.collation.endswith("_cs") else "NOCASE"
    return "NOCASE.NOACCENT"


def needs_collation_key(column: Column) -> bool:
    """True when equality of this column's values is not equality of their bytes; also for what can't be bound as a
    parameter."""
    return is_wide(column.type) or (
        column.type.name in _TEXT
        and (not is_binary_collation(column.type.collation) or pads_space(column.type.collation))
    )


def physical_key(value: Any, collation: str | None) -> Any:
    """What the hidden key column of a column holds for `value`."""
    if isinstance(value, str):
        return collation_key(value, collation)
    return units(value) if isinstance(value, Decimal) else value


def collation_key_columns(table: Table) -> list[Column]:
    """Logical columns that have a hidden ``__k_`` column: indexed in a unique key (or the row key)."""
    wanted = {c.lower() for index in table.indexes if index.unique for c in index.columns}
    wanted |= {c.lower() for c in table.key_columns}
    return [c for c in table.columns if c.name.lower() in wanted and needs_collation_key(c)]


def key_column_name(table: Table, column: str) -> str:
    """The physical column that identifies `column`'s value bytewise: itself, or its hidden key column."""
    logical = table.column(column)
    assert logical is not None, f"{column} is not in {table.name}"
    return COLLATION_KEY_PREFIX + logical.name if needs_collation_key(logical) else logical.name


def create_table_statements(table: Table) -> list[str]:
    """DuckDB statements that create the empty physical table and its key indexes.

    DuckDB constraints are not used: uniqueness, NOT NULL and foreign keys are checked before the redo is written,
    and the applier must never fail. Indexes are plain (not unique) and only serve look-ups by key.
    """
    parts = []
    for column in table.columns:
        collation = duckdb_collation(column.type)
        parts.append(
            f"{quote(column.name)} {duckdb_type(column.type)}" + (f" COLLATE {collation}" if collation else "")
        )
    parts += [f"{quote(COLLATION_KEY_PREFIX + c.name)} VARCHAR" for c in collation_key_columns(table)]
    statements = [f"CREATE TABLE {table.physical_name} ({', '.join(parts)})"]
    for number, index in enumerate(table.indexes):
        if index.unique and all(p.length is None for p in index.parts):
            statements.append(index_statement(table, number, index.columns))
    if table.key_index is None:
        statements.append(index_statement(table, len(table.indexes), table.key_columns))
    return statements


def index_statement(table: Table, number: int, columns: tuple[str, ...]) -> str:
    names = ", ".join(quote(key_column_name(table, c)) for c in columns)
    return f"CREATE INDEX {table.physical_name}_i{number} ON {table.physical_name} ({names})"
