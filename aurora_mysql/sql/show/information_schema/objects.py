"""SCHEMATA, TABLES, COLUMNS, STATISTICS, VIEWS and the objects that never exist here."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

from aurora_mysql.catalog.charsets import CHARSETS
from aurora_mysql.catalog.model import FUNCTIONAL_PREFIX, Column, ColumnType, Table
from aurora_mysql.catalog.values import TEXT_BYTES
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.ddl.build import storage_bytes
from aurora_mysql.sql.ddl.expressions import in_parentheses
from aurora_mysql.sql.instance_services import InstanceServices
from aurora_mysql.sql.show.events import event_rows
from aurora_mysql.sql.show.programs import information_trigger_rows, parameter_rows, routine_rows
from aurora_mysql.sql.show.type_text import column_key, default_text, extra_text, type_text
from aurora_mysql.sql.show.virtual import (
    VirtualRelation,
    Visibility,
    big,
    columns_of,
    empty,
    integer,
    longtext,
    moment,
    text,
)

Row = tuple[Any, ...]
VIRTUAL_DATABASES = ("information_schema", "mysql", "performance_schema", "sys")
_INTEGER_DIGITS = {"tinyint": 3, "smallint": 5, "mediumint": 7, "int": 10, "bigint": 19}
_PRIVILEGES = "select,insert,update,references"


def database_names(ctx: SessionContext, services: InstanceServices) -> list[str]:
    """Every database the user may see, sorted as SHOW DATABASES does."""
    catalog = services.engine.catalog
    seen = Visibility(catalog, ctx)
    names = {*catalog.databases, *VIRTUAL_DATABASES}
    return sorted(n for n in names if seen.database(n))


def visible_tables(ctx: SessionContext, services: InstanceServices) -> Iterator[Table]:
    catalog = services.engine.catalog
    seen = Visibility(catalog, ctx)
    for key in sorted(catalog.tables):
        if seen.table(*key):
            yield catalog.tables[key]


def shown_columns(table: Table) -> list[Column]:
    return list(table.user_columns)


def local_moment(us: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(us // 1_000_000, dt.UTC).replace(tzinfo=None)


def _schemata(ctx: SessionContext, services: InstanceServices) -> list[Row]:
    databases = services.engine.catalog.databases
    rows = []
    for name in database_names(ctx, services):
        database = databases.get(name)
        charset, collation = (database.charset, database.collation) if database else _system_charset(name)
        rows.append(("def", name, charset, collation, None, "NO"))
    return rows


def _system_charset(name: str) -> tuple[str, str]:
    return ("utf8mb3", "utf8mb3_general_ci") if name == "information_schema" else ("utf8mb4", "utf8mb4_0900_ai_ci")


def _tables(ctx: SessionContext, services: InstanceServices) -> list[Row]:
    from aurora_mysql.sql.show.information_schema import RELATIONS

    engine = services.engine
    counts = engine.duck.table_rows()
    rows: list[Row] = []
    for table in visible_tables(ctx, services):
        count, average, size = table_size(table, counts)
        counter = engine.auto_increment_value(table) if table.auto_increment_column is not None else None
        rows.append(
            ("def", table.database, table.name, "BASE TABLE", table.engine, 10, "Dynamic", count, average, size, 0, 0,
             0, counter, local_moment(table.create_time_us), None, None, table.collation, None, "", table.comment)
        )  # fmt: skip
    seen = Visibility(engine.catalog, ctx)
    for view in engine.catalog.views.values():
        if seen.table(view.database, view.name):
            rows.append(("def", view.database, view.name, "VIEW", *[None] * 16, "VIEW"))
    for database, relations in RELATIONS.items():
        if not seen.database(database):
            continue
        upper = database == "information_schema"
        for name in sorted(relations):
            kind = "SYSTEM VIEW" if upper else "BASE TABLE"
            rows.append(
                ("def", database, name.upper() if upper else name, kind, None, 10, None, 0, 0, 0, 0, 0, 0,
                 None, None, None, None, None, None, "", "")
            )  # fmt: skip
    return rows


def _partitions(ctx: SessionContext, services: InstanceServices) -> list[Row]:
    """A table without partitions is one, without a name."""
    counts = services.engine.duck.table_rows()
    return [
        ("def", table.database, table.name, *[None] * 9, *table_size(table, counts), 0, 0, 0,
         local_moment(table.create_time_us), None, None, None, "", "", None)
        for table in visible_tables(ctx, services)
    ]  # fmt: skip


def table_size(table: Table, counts: Mapping[str, int]) -> tuple[int, int, int]:
    """(rows, average row length, data length), estimated: bytes as InnoDB would store them, in pages of 16 KiB."""
    rows = counts.get(table.physical_name, 0)
    width = sum(min(storage_bytes(c), 64) for c in table.user_columns) + 20
    return rows, width if rows else 0, max(-(-rows * width // 16384), 1) * 16384


def column_numbers(t: ColumnType) -> tuple[int | None, int | None, int | None, int | None, int | None]:
    """CHARACTER_MAXIMUM_LENGTH, CHARACTER_OCTET_LENGTH, NUMERIC_PRECISION, NUMERIC_SCALE, DATETIME_PRECISION."""
    if t.name in _INTEGER_DIGITS:
        extra = 1 if t.name == "bigint" and t.unsigned else 0
        return None, None, _INTEGER_DIGITS[t.name] + extra, 0, None
    if t.name == "decimal":
        return None, None, t.length if t.length is not None else 10, t.scale or 0, None
    if t.name in ("float", "double"):
        return None, None, t.length or (12 if t.name == "float" else 22), t.scale, None
    if t.name == "bit":
        return None, None, t.length or 1, None, None
    if t.name in ("datetime", "timestamp", "time"):
        return None, None, None, None, t.scale or 0
    width = CHARSETS[t.charset].max_bytes if t.charset in CHARSETS else 1
    if t.name in TEXT_BYTES:
        longest = TEXT_BYTES[t.name]
        return longest, longest, None, None, None
    if t.name in ("char", "varchar", "binary", "varbinary"):
        length = t.length if t.length is not None else 1
        return length, length * width, None, None, None
    if t.name == "enum":
        length = max(map(len, t.values), default=0)
        return length, length * width, None, None, None
    if t.name == "set":
        length = sum(map(len, t.values)) + max(len(t.values) - 1, 0)
        return length, length * width, None, None, None
    return None, None, None, None, None


def _column_row(database: str, table: str, position: int, c: Column, key: str) -> Row:
    return (
        "def", database, table, c.name, position, default_text(c), "YES" if c.nullable else "NO", c.type.name,
        *column_numbers(c.type), c.type.charset, c.type.collation, type_text(c.type), key, extra_text(c),
        _PRIVILEGES, c.comment, "" if c.generated is None else in_parentheses(c.generated), None,
    )  # fmt: skip


def _columns(ctx: SessionContext, services: InstanceServices) -> list[Row]:
    from aurora_mysql.sql.show.information_schema import RELATIONS
    from aurora_mysql.sql.show.view_columns import view_columns

    rows: list[Row] = []
    for table in visible_tables(ctx, services):
        for position, column in enumerate(shown_columns(table), 1):
            rows.append(_column_row(table.database, table.name, position, column, column_key(table, column)))
    catalog = services.engine.catalog
    seen = Visibility(catalog, ctx)
    for view in catalog.views.values():
        if seen.table(view.database, view.name):
            for position, column in enumerate(view_columns(view, ctx, services), 1):
                rows.append(_column_row(view.database, view.name, position, column, ""))
    for database, relations in RELATIONS.items():
        if seen.database(database):
            for name in sorted(relations):
                shown = name.upper() if database == "information_schema" else name
                for position, (column_name, kind) in enumerate(relations[name].columns, 1):
                    rows.append(_column_row(database, shown, position, Column(column_name, kind), ""))
    return rows


def statistics_rows(table: Table) -> Iterator[Row]:
    """(NON_UNIQUE, INDEX_NAME, SEQ, COLUMN, COLLATION, SUB_PART, NULLABLE, INDEX_TYPE, COMMENT, VISIBLE, EXPRESSION) of
    every key part."""
    for index in table.indexes:
        for number, part in enumerate(index.parts, 1):
            column = table.column(part.column)
            functional = column is not None and column.name.startswith(FUNCTIONAL_PREFIX)
            order = None if index.kind == "FULLTEXT" else "D" if part.descending else "A"
            yield (
                0 if index.unique else 1, index.name, number, None if functional else part.column, order,
                part.length, "YES" if column is not None and column.nullable else "", index.kind, index.comment,
                "YES" if index.visible else "NO",
                in_parentheses(column.generated or "") if functional and column is not None else None,
            )  # fmt: skip


def _statistics(ctx: SessionContext, services: InstanceServices) -> list[Row]:
    rows: list[Row] = []
    for table in visible_tables(ctx, services):
        for non_unique, name, seq, column, order, sub_part, nullable, kind, comment, shown, expr in statistics_rows(
            table
        ):
            rows.append(
                ("def", table.database, table.name, non_unique, table.database, name, seq, column, order, 0, sub_part,
                 None, nullable, kind, "", comment, shown, expr)
            )  # fmt: skip
    return rows


def _views(ctx: SessionContext, services: InstanceServices) -> list[Row]:
    catalog = services.engine.catalog
    seen = Visibility(catalog, ctx)
    from aurora_mysql.sql.dml import base_of_view
    from aurora_mysql.sql.dml.join_view import join_of_view
    from aurora_mysql.sql.show.view_text import view_text

    return [
        ("def", v.database, v.name, view_text(v, ctx, services, qualified=True)[0], v.check_option,
         "YES" if base_of_view(v, catalog) or join_of_view(v, catalog) else "NO", v.definer, v.security, v.charset,
         v.collation)
        for v in catalog.views.values()
        if seen.table(v.database, v.name)
    ]  # fmt: skip


RELATIONS: dict[str, VirtualRelation] = {
    "schemata": VirtualRelation(
        columns_of("CATALOG_NAME", "SCHEMA_NAME", "DEFAULT_CHARACTER_SET_NAME", "DEFAULT_COLLATION_NAME", "SQL_PATH",
                   "DEFAULT_ENCRYPTION"),
        _schemata,
    ),
    "tables": VirtualRelation(
        columns_of("TABLE_CATALOG", "TABLE_SCHEMA", "TABLE_NAME", "TABLE_TYPE", "ENGINE", ("VERSION", integer()),
                   "ROW_FORMAT", ("TABLE_ROWS", big()), ("AVG_ROW_LENGTH", big()), ("DATA_LENGTH", big()),
                   ("MAX_DATA_LENGTH", big()), ("INDEX_LENGTH", big()), ("DATA_FREE", big()),
                   ("AUTO_INCREMENT", big()), ("CREATE_TIME", moment()), ("UPDATE_TIME", moment()),
                   ("CHECK_TIME", moment()), "TABLE_COLLATION", ("CHECKSUM", big(False)), ("CREATE_OPTIONS", text(256)),
                   ("TABLE_COMMENT", text(2048))),
        _tables,
    ),
    "columns": VirtualRelation(
        columns_of("TABLE_CATALOG", "TABLE_SCHEMA", "TABLE_NAME", "COLUMN_NAME", ("ORDINAL_POSITION", big()),
                   ("COLUMN_DEFAULT", longtext()), ("IS_NULLABLE", text(3)), ("DATA_TYPE", longtext()),
                   ("CHARACTER_MAXIMUM_LENGTH", big(False)), ("CHARACTER_OCTET_LENGTH", big(False)),
                   ("NUMERIC_PRECISION", big()), ("NUMERIC_SCALE", big()), ("DATETIME_PRECISION", big()),
                   "CHARACTER_SET_NAME", "COLLATION_NAME", ("COLUMN_TYPE", longtext()), ("COLUMN_KEY", text(3)),
                   ("EXTRA", text(256)), ("PRIVILEGES", text(154)), ("COLUMN_COMMENT", longtext()),
                   ("GENERATION_EXPRESSION", longtext()), ("SRS_ID", big())),
        _columns,
    ),
    "statistics": VirtualRelation(
        columns_of("TABLE_CATALOG", "TABLE_SCHEMA", "TABLE_NAME", ("NON_UNIQUE", integer()), "INDEX_SCHEMA",
                   "INDEX_NAME", ("SEQ_IN_INDEX", big()), "COLUMN_NAME", "COLLATION", ("CARDINALITY", big(False)),
                   ("SUB_PART", big(False)), "PACKED", "NULLABLE", "INDEX_TYPE", "COMMENT",
                   ("INDEX_COMMENT", text(2048)), "IS_VISIBLE", ("EXPRESSION", longtext())),
        _statistics,
    ),
    "views": VirtualRelation(
        columns_of("TABLE_CATALOG", "TABLE_SCHEMA", "TABLE_NAME", ("VIEW_DEFINITION", longtext()), "CHECK_OPTION",
                   "IS_UPDATABLE", ("DEFINER", text(288)), "SECURITY_TYPE", "CHARACTER_SET_CLIENT",
                   "COLLATION_CONNECTION"),
        _views,
    ),
    "routines": VirtualRelation(
        columns_of(
        "SPECIFIC_NAME", "ROUTINE_CATALOG", "ROUTINE_SCHEMA", "ROUTINE_NAME", "ROUTINE_TYPE", "DATA_TYPE",
        ("CHARACTER_MAXIMUM_LENGTH", big(False)), ("CHARACTER_OCTET_LENGTH", big(False)),
        ("NUMERIC_PRECISION", integer()), ("NUMERIC_SCALE", integer()), ("DATETIME_PRECISION", integer()),
        "CHARACTER_SET_NAME", "COLLATION_NAME",
        "DTD_IDENTIFIER", "ROUTINE_BODY", ("ROUTINE_DEFINITION", longtext()), ("EXTERNAL_NAME", integer()),
        "EXTERNAL_LANGUAGE", "PARAMETER_STYLE", "IS_DETERMINISTIC", "SQL_DATA_ACCESS", "SQL_PATH", "SECURITY_TYPE",
        ("CREATED", moment()), ("LAST_ALTERED", moment()), "SQL_MODE", "ROUTINE_COMMENT", "DEFINER",
        "CHARACTER_SET_CLIENT", "COLLATION_CONNECTION", "DATABASE_COLLATION",
        ),
        routine_rows,
    ),
    "parameters": VirtualRelation(
        columns_of(
        "SPECIFIC_CATALOG", "SPECIFIC_SCHEMA", "SPECIFIC_NAME", ("ORDINAL_POSITION", big()), "PARAMETER_MODE",
        "PARAMETER_NAME", "DATA_TYPE", ("CHARACTER_MAXIMUM_LENGTH", big(False)),
        ("CHARACTER_OCTET_LENGTH", big(False)), ("NUMERIC_PRECISION", integer()), ("NUMERIC_SCALE", big(False)),
        ("DATETIME_PRECISION", integer()), "CHARACTER_SET_NAME", "COLLATION_NAME", "DTD_IDENTIFIER", "ROUTINE_TYPE",
        ),
        parameter_rows,
    ),
    "triggers": VirtualRelation(
        columns_of(
        "TRIGGER_CATALOG", "TRIGGER_SCHEMA", "TRIGGER_NAME", "EVENT_MANIPULATION", "EVENT_OBJECT_CATALOG",
        "EVENT_OBJECT_SCHEMA", "EVENT_OBJECT_TABLE", ("ACTION_ORDER", integer()), "ACTION_CONDITION",
        ("ACTION_STATEMENT", longtext()), "ACTION_ORIENTATION", "ACTION_TIMING", "ACTION_REFERENCE_OLD_TABLE",
        "ACTION_REFERENCE_NEW_TABLE", "ACTION_REFERENCE_OLD_ROW", "ACTION_REFERENCE_NEW_ROW", ("CREATED", moment(2)),
        "SQL_MODE", "DEFINER", "CHARACTER_SET_CLIENT", "COLLATION_CONNECTION", "DATABASE_COLLATION",
        ),
        information_trigger_rows,
    ),
    "events": VirtualRelation(
        columns_of(
        "EVENT_CATALOG", "EVENT_SCHEMA", "EVENT_NAME", "DEFINER", "TIME_ZONE", "EVENT_BODY",
        ("EVENT_DEFINITION", longtext()), "EVENT_TYPE", ("EXECUTE_AT", moment()), "INTERVAL_VALUE", "INTERVAL_FIELD",
        "SQL_MODE", ("STARTS", moment()), ("ENDS", moment()), "STATUS", "ON_COMPLETION", ("CREATED", moment()),
        ("LAST_ALTERED", moment()), ("LAST_EXECUTED", moment()), "EVENT_COMMENT", ("ORIGINATOR", integer()),
        "CHARACTER_SET_CLIENT", "COLLATION_CONNECTION", "DATABASE_COLLATION",
        ),
        event_rows,
    ),
    "files": empty(
        ("FILE_ID", big(False)), "FILE_NAME", "FILE_TYPE", "TABLESPACE_NAME", "TABLE_CATALOG", "TABLE_SCHEMA",
        "TABLE_NAME", "LOGFILE_GROUP_NAME", ("LOGFILE_GROUP_NUMBER", big(False)), "ENGINE", "FULLTEXT_KEYS",
        ("DELETED_ROWS", big(False)), ("UPDATE_COUNT", big(False)), ("FREE_EXTENTS", big(False)),
        ("TOTAL_EXTENTS", big(False)), ("EXTENT_SIZE", big(False)), ("INITIAL_SIZE", big(False)),
        ("MAXIMUM_SIZE", big(False)), ("AUTOEXTEND_SIZE", big(False)), ("CREATION_TIME", moment()), "STATUS", "EXTRA",
    ),
    "partitions": VirtualRelation(
        columns_of(
            "TABLE_CATALOG", "TABLE_SCHEMA", "TABLE_NAME", "PARTITION_NAME", "SUBPARTITION_NAME",
            ("PARTITION_ORDINAL_POSITION", integer()), ("SUBPARTITION_ORDINAL_POSITION", integer()), "PARTITION_METHOD",
            "SUBPARTITION_METHOD", "PARTITION_EXPRESSION", "SUBPARTITION_EXPRESSION", "PARTITION_DESCRIPTION",
            ("TABLE_ROWS", big()), ("AVG_ROW_LENGTH", big()), ("DATA_LENGTH", big()), ("MAX_DATA_LENGTH", big()),
            ("INDEX_LENGTH", big()), ("DATA_FREE", big()), ("CREATE_TIME", moment()), ("UPDATE_TIME", moment()),
            ("CHECK_TIME", moment()), ("CHECKSUM", big()), "PARTITION_COMMENT", "NODEGROUP", "TABLESPACE_NAME",
        ),
        _partitions,
    ),
}  # fmt: skip
