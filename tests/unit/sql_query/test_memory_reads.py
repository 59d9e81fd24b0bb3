"""What memory answers at once, inside transactions and out of them, is what DuckDB answers at the same moment."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from aurora_mysql.catalog.model import Table, User
from aurora_mysql.engine.engine import Engine
from aurora_mysql.redo.record import Row
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.query import plan_select
from aurora_mysql.sql.query.memory_select import MemorySelect
from aurora_mysql.sql.query.point import PointSelect
from tests.support.query_session import QuerySession, parse
from tests.support.schema_session import SchemaSession, with_session

CREATE = "CREATE TABLE r (id INT PRIMARY KEY, k INT, v INT NOT NULL, KEY by_k (k))"
KEYS = 200
VALUES = 12

RANGES = [
    "SELECT * FROM r WHERE id BETWEEN {a} AND {b} ORDER BY id",
    "SELECT id, v FROM r WHERE id IN ({a}, {b}, {c}) ORDER BY id",
    "SELECT SUM(v), COUNT(k) FROM r WHERE id BETWEEN {a} AND {b}",
    "SELECT * FROM r WHERE k = {k} ORDER BY id",
    "SELECT * FROM r WHERE k IN ({k}, {l}) ORDER BY k, id",
    "SELECT COUNT(k), SUM(id) FROM r WHERE k BETWEEN {k} AND 5 OR k BETWEEN 4 AND {l}",
]


@lru_cache
def encoder(positions: tuple[int, ...]) -> Callable[[Row], tuple[Any, ...]]:
    """Equal ones are one, so that pages keep what they make."""
    return lambda row: tuple(row[at] for at in positions)


class Reader:
    """A session that may have a transaction open."""

    def __init__(self, schema: SchemaSession, number: int) -> None:
        self.engine: Engine = schema.engine
        self.ctx = SessionContext(number, User("admin"), database="d")
        self.number = number

    async def run(self, plan: Any) -> list[tuple[Any, ...]]:
        """The long way of `plan`, in the open transaction or one of its own."""
        tx = self.ctx.transaction or self.engine.begin(self.ctx, autocommit=True)
        try:
            result: Any = await plan.run(self.ctx, tx, ())
            return [tuple(row) for row in result.rows]
        finally:
            if self.ctx.transaction is None:
                await tx.rollback()

    def at_once(self, plan: MemorySelect | PointSelect) -> list[tuple[Any, ...]] | None:
        read = plan.reader(self.engine, lambda positions: encoder(tuple(positions)))
        assert read is not None
        rows = read(self.ctx, ())
        return None if rows is None else list(rows)


async def write_something(engine: Engine, ctx: SessionContext, table: Table, dice: random.Random) -> None:
    tx = engine.begin(ctx)
    for key in dice.sample(range(KEYS), dice.randint(1, 12)):
        old = await tx.get_for_update(table, (key,))
        if old is None:
            tx.insert(table, (key, dice.choice([None, dice.randrange(VALUES)]), dice.randrange(100)))
        elif dice.random() < 0.2:
            tx.delete(table, old)
        else:
            tx.update(table, old, (key, dice.choice([old[1], dice.randrange(VALUES), None]), dice.randrange(100)))
    await tx.commit()


async def compare(reader: Reader, q: QuerySession, dice: random.Random, served: dict[str, int]) -> None:
    a, b, c = sorted(dice.choices(range(KEYS), k=3))
    k, other = sorted(dice.choices(range(VALUES), k=2))
    for text in RANGES:
        sql = text.format(a=a, b=b, c=c, k=k, l=other)
        plan = plan_select(parse(sql), q.context(sql))
        assert isinstance(plan, MemorySelect), sql
        short = reader.at_once(plan)
        long = await reader.run(plan)
        general = await reader.run(plan.general)
        assert long == general, sql
        if short is not None:
            served[text] = served.get(text, 0) + 1
            assert short == general, sql
    sql = f"SELECT id, k, v FROM r WHERE id = {b}"
    point = plan_select(parse(sql), q.context(sql))
    assert isinstance(point, PointSelect)
    sql = f"SELECT id, k, v FROM r WHERE id BETWEEN {b} AND {b}"
    other_plan = plan_select(parse(sql), q.context(sql))
    assert isinstance(other_plan, MemorySelect)
    one = reader.at_once(point)
    if one is not None:
        served["point"] = served.get("point", 0) + 1
        assert one == await reader.run(other_plan.general)


@pytest.mark.parametrize("seed", range(6))
def test_random_histories(seed: int, tmp_path: Path) -> None:
    dice = random.Random(seed)
    served: dict[str, int] = {}

    async def main(schema: SchemaSession) -> None:
        await schema.run(CREATE)
        await schema.rows("r", [(n, dice.choice([None, n % VALUES]), n) for n in range(0, KEYS, 2)])
        q = QuerySession(schema)
        table = schema.engine.catalog.tables["d", "r"]
        readers = [Reader(schema, number) for number in range(10, 13)]
        own_keys = itertools.count(KEYS)
        for _ in range(25):
            if dice.random() < 0.7:
                await write_something(schema.engine, schema.ctx, table, dice)
            reader = dice.choice(readers)
            tx = reader.ctx.transaction
            step = dice.random()
            if tx is None and step < 0.6:
                level = dice.choice(["REPEATABLE-READ", "READ-COMMITTED"])
                reader.ctx.transaction = schema.engine.begin(reader.ctx, isolation=level)
            elif tx is not None and step < 0.2:
                tx.insert(table, (next(own_keys), dice.randrange(VALUES), 1))
            elif tx is not None and step < 0.5:
                reader.ctx.transaction = None
                await tx.rollback()
            if dice.random() < 0.2:
                await schema.engine.apply_queue.wait(schema.engine.visible_lsn)
            await compare(dice.choice(readers), q, dice, served)
            await asyncio.sleep(0)
        for reader in readers:
            if reader.ctx.transaction is not None:
                await reader.ctx.transaction.rollback()

    with_session(tmp_path, main)
    assert len(served) == len(RANGES) + 1, "every kind of read was answered from memory at least once"
