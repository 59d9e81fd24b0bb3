"""Ranges of an integer key: memory and DuckDB must give the same answers."""

from __future__ import annotations

import datetime as dt
import random
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from aurora_mysql.sql.plan import Plan
from aurora_mysql.sql.query import plan_select
from aurora_mysql.sql.query.key_range import KeyRangeSelect
from tests.support.query_session import QuerySession, parse
from tests.support.schema_session import SchemaSession, with_session

CREATE = """CREATE TABLE r (id INT PRIMARY KEY, k INT, s VARCHAR(20), t CHAR(9) COLLATE utf8mb4_bin NOT NULL,
            d DECIMAL(8,2), w DATETIME)"""

QUERIES = [
    "SELECT s FROM r WHERE id BETWEEN {a} AND {b}",
    "SELECT * FROM r WHERE id BETWEEN {a} AND {b}",
    "SELECT id, d FROM r x WHERE x.id >= {a} AND x.id < {b} ORDER BY id DESC",
    "SELECT s, id FROM r WHERE id BETWEEN {a} AND {b} ORDER BY s, id",
    "SELECT DISTINCT s FROM r WHERE id BETWEEN {a} AND {b} ORDER BY s",
    "SELECT DISTINCT t, k FROM r WHERE id > {a} AND id <= {b} ORDER BY t, k",
    "SELECT w, id FROM r WHERE id BETWEEN {a} AND {b} ORDER BY w DESC, id",
    "SELECT SUM(k) FROM r WHERE id BETWEEN {a} AND {b}",
    "SELECT COUNT(*), COUNT(k), MIN(k), MAX(k), SUM(id) total FROM r WHERE id BETWEEN {a} AND {b}",
]


def rows(dice: random.Random) -> list[tuple[Any, ...]]:
    return [
        (
            number,
            dice.choice([None, 3, -7, 100]),
            dice.choice([None, "a", "A", "b", "Zz", "", "_x", "a_b", "a-b", "1", "[", "É"]),
            dice.choice("xXyY"),
            dice.choice([None, Decimal("1.50"), Decimal("-2.00")]),
            dice.choice([None, dt.datetime(2024, 1, 2, 3, 4, 5), dt.datetime(2023, 12, 31)]),
        )
        for number in dice.sample(range(1, 400), 150)
    ]


async def answer(q: QuerySession, plan: Plan) -> list[tuple[Any, ...]]:
    tx = q.engine.begin(q.ctx, autocommit=True)
    try:
        result: Any = await plan.run(q.ctx, tx, ())
        return [tuple(row) for row in result.rows]
    finally:
        await tx.rollback()


@pytest.mark.parametrize("query", QUERIES)
def test_memory_answers_as_duckdb_does(query: str, tmp_path: Path) -> None:
    dice = random.Random(query)

    async def main(schema: SchemaSession) -> None:
        await schema.run(CREATE)
        await schema.rows("r", rows(dice))
        q = QuerySession(schema)
        table = schema.engine.catalog.tables["d", "r"]
        for _ in range(5):
            low = dice.randrange(0, 380)
            sql = query.format(a=low, b=low + dice.randrange(0, 200))
            plan = plan_select(parse(sql), q.context(sql))
            assert isinstance(plan, KeyRangeSelect)
            found, general = await answer(q, plan), await answer(q, plan.general)
            if "ORDER BY" in sql:
                assert _folded(found) == _folded(general), sql
            else:
                assert sorted(map(repr, found)) == sorted(map(repr, general)), sql
            tx = schema.engine.begin(schema.ctx)
            for key in dice.sample(range(1, 400), 20):
                row = await tx.get_for_update(table, (key,))
                if row is not None and dice.random() < 0.5:
                    tx.delete(table, row)
                elif row is not None:
                    tx.update(table, row, (key, 5, "new", *row[3:]))
            await tx.commit()

    with_session(tmp_path, main)


def _folded(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """'a' and 'A' are the same to DISTINCT and ORDER BY: either may stand for both."""
    return [tuple(v.lower() if isinstance(v, str) and v in ("a", "A") else v for v in row) for row in rows]
