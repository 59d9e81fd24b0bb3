"""An engine over a volume in memory that runs SELECT statements through the query planner."""

from __future__ import annotations

from typing import Any

from sqlglot import exp, parse_one

import aurora_mysql.sql.dialect
from aurora_mysql.sql.plan import PlanContext
from aurora_mysql.sql.query import plan_select
from tests.support.schema_session import SchemaSession


def parse(sql: str) -> exp.Expression:
    assert aurora_mysql.sql.dialect
    return parse_one(sql, dialect="mysql")


class QuerySession:
    """`select(sql)` gives the rows; the schema session underneath makes tables."""

    def __init__(self, schema: SchemaSession) -> None:
        self.schema, self.ctx, self.engine = schema, schema.ctx, schema.engine
        self.columns: list[Any] = []

    def context(self, sql: str) -> PlanContext:
        return PlanContext(self.engine.catalog, self.ctx.database, self.ctx, self.engine, self.schema.services, sql)

    async def select(self, sql: str) -> list[tuple[Any, ...]]:
        self.ctx.warnings.clear()
        plan = plan_select(parse(sql), self.context(sql))
        tx = self.engine.begin(self.ctx, autocommit=True)
        try:
            result: Any = await plan.run(self.ctx, tx, ())
            self.columns = getattr(result, "columns", [])
            rows = getattr(result, "rows", [])
            if isinstance(rows, list):
                return [tuple(r) for r in rows]
            return [tuple(r) async for batch in rows for r in batch]
        finally:
            await tx.rollback()
