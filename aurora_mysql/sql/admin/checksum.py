"""CHECKSUM TABLE: one number for a table's rows, whatever their order. Equal tables have equal ones; they are not those
of MySQL, which depend on how it stores rows."""

from __future__ import annotations

from aurora_mysql.catalog.model import Catalog, ColumnType, Table
from aurora_mysql.errors import mysql_error
from aurora_mysql.sql.admin.action import ActionPlan
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.lexer import TokenCursor
from aurora_mysql.sql.plan import Plan, PlanContext
from aurora_mysql.sql.result import Result, ResultSet
from aurora_mysql.sql.result_types import from_type


def plan_checksum(cur: TokenCursor, pc: PlanContext) -> Plan:
    """From after CHECKSUM. QUICK gives NULL, as InnoDB keeps no checksums."""
    if not cur.accept_any("TABLE", "TABLES"):
        raise cur.syntax_error()
    names = [cur.expect_name()]
    while cur.accept_op(","):
        names.append(cur.expect_name())
    quick = cur.accept_any("QUICK", "EXTENDED") == "QUICK"
    cur.expect_end()
    for database, table in names:
        if not (database or pc.database):
            raise mysql_error(1046)
        pc.need("SELECT", database or pc.database, table)
    number = ColumnType("bigint", unsigned=True)
    columns = [from_type("Table", ColumnType("varchar", 512)), from_type("Checksum", number)]

    async def run(ctx: SessionContext) -> Result:
        catalog = ctx.catalog_over(pc.engine.catalog)
        rows: list[tuple[str, int | None]] = []
        for database, name in names:
            schema = database or pc.database
            table = catalog.table(schema, name)
            if table is None:
                ctx.warn("Error", 1146, mysql_error(1146, schema, name).message)
            value = None if table is None or quick else await _checksum(pc, catalog, table, ctx)
            rows.append((f"{schema}.{name}", value))
        return ResultSet(columns, rows)

    return ActionPlan(run, columns=columns)


def checksum_query(table: Table) -> str:
    """The query whose only value is the checksum of `table`."""
    parts = []
    for column in table.user_columns:
        name = "`" + column.name.replace("`", "``") + "`"
        parts.append(f"IF({name} IS NULL, 'N', CONCAT(LENGTH({name}), ':', {name}))")
    full = ".".join("`" + name.replace("`", "``") + "`" for name in (table.database, table.name))
    return f"SELECT COALESCE(SUM(CRC32(CONCAT({', '.join(parts)}))), 0) % 4294967296 FROM {full}"


async def _checksum(pc: PlanContext, catalog: Catalog, table: Table, ctx: SessionContext) -> int:
    from aurora_mysql.sql.parse import parse_one_mysql
    from aurora_mysql.sql.query import plan_select

    sql = checksum_query(table)
    inner = PlanContext(catalog, table.database, ctx, pc.engine, pc.services, sql)
    plan = plan_select(parse_one_mysql(sql, []), inner)
    own = pc.engine.begin(ctx, isolation="READ-COMMITTED", autocommit=ctx.transaction is None)
    try:
        result = await plan.run(ctx, ctx.transaction or own, ())
        assert isinstance(result, ResultSet)
        rows = result.rows if isinstance(result.rows, list) else [r async for batch in result.rows for r in batch]  # type: ignore[union-attr]
    finally:
        await own.rollback()
    return int(rows[0][0])
