"""Ranges of an integer key: memory and DuckDB must give the same answers."""

from __future__ import annotations

import asyncio
import datetime as dt
import random
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from aurora_mysql.catalog.model import Table
from aurora_mysql.sql.plan import Plan
from aurora_mysql.sql.query import plan_select
from aurora_mysql.sql.query.memory_select import MemorySelect
from tests.support.query_session import QuerySession, parse
from tests.support.schema_session import SchemaSession, with_session

CREATE = """CREATE TABLE r (id INT PRIMARY KEY, k INT, s VARCHAR(20), t CHAR(9) COLLATE utf8mb4_bin NOT NULL,
            d DECIMAL(8,2), w DATETIME, KEY by_k (k, s))"""

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
    "SELECT id, s FROM r WHERE id IN ({a}, {b}, 7, {a}, 300) ORDER BY id",
    "SELECT id FROM r WHERE id IN ({a}) OR id BETWEEN {b} AND 350 OR (id > 20 AND 40 >= id) ORDER BY s DESC, id DESC",
    "SELECT id, d FROM r WHERE {a} <= id AND id < {b} ORDER BY id DESC LIMIT 7",
    "SELECT id FROM r WHERE id BETWEEN {a} AND {b} ORDER BY id LIMIT 3, 20",
    "SELECT DISTINCT k FROM r WHERE id BETWEEN {a} AND {b} ORDER BY k LIMIT 2 OFFSET 1",
    "SELECT id, k FROM r WHERE k = 100 ORDER BY id",
    "SELECT * FROM r WHERE k IN (3, 5, 100)",
    "SELECT id, k, s FROM r WHERE k IN (3, 5) ORDER BY k, s, id",
    "SELECT id, k FROM r WHERE k BETWEEN 1 AND {a} OR k BETWEEN {b} AND {b} OR k IN (4, 5) ORDER BY k, id",
    "SELECT id FROM r WHERE k >= 3 AND k < {b} ORDER BY id DESC LIMIT 5",
    "SELECT COUNT(k), SUM(k), MIN(id), COUNT(*) FROM r WHERE k BETWEEN 0 AND 4 OR k BETWEEN 3 AND {b}",
    "SELECT DISTINCT k FROM r WHERE k IN (100, 3, {a})",
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


def at_once(q: QuerySession, plan: MemorySelect) -> list[tuple[Any, ...]] | None:
    """The shortcut's rows, None when it takes the long way."""
    columns = len(plan.columns or ())
    read = plan.reader(q.engine, lambda positions: lambda row: tuple(row[at] for at in positions))
    assert read is not None and columns
    rows = read(q.ctx, ())
    return None if rows is None else list(rows)


async def index_is_built(q: QuerySession, table: Table) -> None:
    """Until no index of the table is being built."""
    async with asyncio.timeout(20):
        while True:
            stored = q.engine.row_store.table(table.id)
            if stored is None or not stored.secondary.building:
                return
            await asyncio.sleep(0.001)


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
            assert isinstance(plan, MemorySelect)
            general = await answer(q, plan.general)
            for _ in range(4):  # memory is cold, then warm
                found = await answer(q, plan)
                assert same(found, general, sql)
                await index_is_built(q, table)
            short = at_once(q, plan)
            assert short is not None and same(short, general, sql), sql
            tx = schema.engine.begin(schema.ctx)
            for key in dice.sample(range(1, 400), 20):
                row = await tx.get_for_update(table, (key,))
                if row is not None and dice.random() < 0.5:
                    tx.delete(table, row)
                elif row is not None:
                    tx.update(table, row, (key, dice.choice([5, 3, None]), "new", *row[3:]))
            await tx.commit()

    with_session(tmp_path, main)


def same(found: list[tuple[Any, ...]], general: list[tuple[Any, ...]], sql: str) -> bool:
    if "ORDER BY" in sql:
        return _folded(found) == _folded(general)
    return sorted(map(repr, found)) == sorted(map(repr, general))


def _folded(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """'a' and 'A' are the same to DISTINCT and ORDER BY: either may stand for both."""
    return [tuple(v.lower() if isinstance(v, str) and v in ("a", "A") else v for v in row) for row in rows]
