"""The columns of a view, from the types of its SELECT."""

from __future__ import annotations

from aurora_mysql.catalog.model import Column, ColumnType, View
from aurora_mysql.errors import MySQLError
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.instance_services import InstanceServices
from aurora_mysql.sql.plan import PlanContext
from aurora_mysql.sql.result import ResultColumn

_NAMES = {
    1: "tinyint", 2: "smallint", 3: "int", 4: "float", 5: "double", 7: "timestamp", 8: "bigint", 9: "mediumint",
    10: "date", 11: "time", 12: "datetime", 13: "year", 16: "bit", 245: "json", 246: "decimal", 253: "varchar",
    254: "char", 252: "text",
}  # fmt: skip


def column_of_result(result: ResultColumn) -> Column:
    """A column that looks like `result`."""
    name = _NAMES.get(result.type_code, "varchar")
    binary = result.collation_id == 63
    if name in ("varchar", "char", "text"):
        if binary:
            name = {"varchar": "varbinary", "char": "binary", "text": "blob"}[name]
            return Column(result.name, ColumnType(name, result.length_bytes), nullable=not result.flags & 1)
        length = None if name == "text" else max(result.length_bytes // 4, 0)
        kind = ColumnType(name, length, charset="utf8mb4", collation="utf8mb4_0900_ai_ci")
        return Column(result.name, kind, nullable=not result.flags & 1)
    scale = result.decimals if name in ("decimal", "datetime", "timestamp", "time") else None
    length = None
    if name == "decimal":
        length = max(result.length_bytes - 1 - (1 if scale else 0), 1)
    return Column(result.name, ColumnType(name, length, scale, bool(result.flags & 32)), nullable=not result.flags & 1)


def view_columns(view: View, ctx: SessionContext, services: InstanceServices) -> list[Column]:
    """The view's columns; none when it has become invalid (as information_schema shows it then)."""
    from aurora_mysql.sql.parse import parse_one_mysql
    from aurora_mysql.sql.query import translate_select

    engine = services.engine
    pc = PlanContext(engine.catalog, view.database, ctx, engine, services, view.definition)
    try:
        results = translate_select(parse_one_mysql(view.definition, []), pc).columns
    except MySQLError as error:
        ctx.warn("Warning", 1356, f"View '{view.database}.{view.name}' is invalid: {error.message}")
        return []
    found = []
    for name, result in zip(view.columns, results, strict=False):
        column = column_of_result(result)
        found.append(Column(name, column.type, nullable=column.nullable))
    return found
