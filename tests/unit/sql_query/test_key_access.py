"""Reads by the first columns of a key or an index, joins by key, and locking reads: memory gives what DuckDB gives."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from aurora_mysql.catalog.model import Table, User
from aurora_mysql.engine.transaction import Transaction
from aurora_mysql.redo.record import Row
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.plan import Read
from aurora_mysql.sql.query import plan_select
from aurora_mysql.sql.query.memory_select import MemorySelect
from aurora_mysql.sql.result import ResultSet
from tests.support.query_session import QuerySession, parse
from tests.support.schema_session import SchemaSession, with_session

CREATE = (
    "CREATE TABLE line (w SMALLINT, d TINYINT, o INT, n TINYINT, i INT, s VARCHAR(9), p CHAR(9) COLLATE"
    " utf8mb4_general_ci, m DECIMAL(6,2), PRIMARY KEY (w, d, o, n), KEY by_text (w, s, n), KEY by_item (i),"
    " KEY by_padded (p))",
    "CREATE TABLE stock (w SMALLINT, i INT, q INT NOT NULL, PRIMARY KEY (w, i))",
    "CREATE TABLE item (i INT PRIMARY KEY, name VARCHAR(9), grp INT, KEY by_group (grp, name))",
)

#: Several ways to find rows, in any number of transactions.
QUERIES = [
    "SELECT * FROM line WHERE w = {w} AND d = {d} AND o = {o} ORDER BY n",
    "SELECT n, s FROM line l WHERE l.w = {w} AND {d} = d AND o >= {o} AND o < {o2} ORDER BY o, n",
    "SELECT o, n FROM line WHERE w = {w} AND d = {d} ORDER BY o DESC, n DESC LIMIT 3",
    "SELECT o, n FROM line WHERE w = {w} AND d = {d} ORDER BY o, n LIMIT 1",
    "SELECT o FROM line WHERE w = {w} AND d = {d} AND o > {o} AND m < 3 ORDER BY o, n LIMIT 2, 4",
    "SELECT DISTINCT i FROM line WHERE w = {w} AND d = {d} ORDER BY i DESC",
    "SELECT SUM(m), MIN(m), MAX(o), COUNT(*), COUNT(DISTINCT s), COUNT(i) FROM line"
    " WHERE w = {w} AND d BETWEEN 1 AND {d}",
    "SELECT o, n, s FROM line WHERE w = {w} AND s = '{s}' ORDER BY s, d, o, n",
    "SELECT o, n, d FROM line WHERE w = {w} AND s = '{s}' AND n = 1 AND o > 3 ORDER BY d, o",
    "SELECT d, o, n FROM line WHERE i = {i} AND w = {w} ORDER BY d, o, n",
    "SELECT w, d, o, n FROM line WHERE p = '{s} ' ORDER BY w DESC, d, o, n",
    "SELECT o, n FROM line WHERE w = {w} AND d = {d} AND o = {o} AND n = 1 AND m > 1",
    "SELECT i FROM item WHERE grp = 1 AND name = '{s}' ORDER BY i",
    "SELECT i, name FROM item WHERE grp = 1 AND i > 5 ORDER BY i",
    "SELECT COUNT(DISTINCT stock.i) FROM line, stock WHERE line.w = {w} AND d = {d} AND o < {o2} AND o >= {o} AND"
    " stock.w = {w} AND stock.i = line.i AND q < 30",
    "SELECT o, n, q, name FROM line JOIN item USING_ ON item.i = line.i INNER JOIN stock ON stock.i = item.i AND"
    " stock.w = line.w WHERE line.w = {w} AND d = {d} ORDER BY o, n",
    "SELECT a.n, b.n FROM line a, line b WHERE a.w = {w} AND a.d = {d} AND a.o = {o} AND b.w = a.w AND b.d = a.d AND"
    " b.o = a.o ORDER BY a.n DESC, b.n",
    "SELECT q, name FROM stock, item WHERE item.i = {i} AND stock.w = {w} AND stock.i = item.i",
    "SELECT q FROM stock, item WHERE item.i = {i} AND stock.w = {w} AND stock.i = item.i AND stock.i = {i} AND q > 20",
]
QUERIES = [query.replace(" USING_", "") for query in QUERIES]
LOCKING = [
    "SELECT o, n FROM line WHERE w = {w} AND d = {d} ORDER BY o, n LIMIT 1 FOR UPDATE",
    "SELECT o, n FROM line WHERE w = {w} AND d = {d} ORDER BY o DESC, n DESC LIMIT 2 FOR SHARE",
    "SELECT * FROM line WHERE w = {w} AND d = {d} AND o = {o} ORDER BY n FOR UPDATE",
    "SELECT SUM(m) FROM line WHERE w = {w} AND d = {d} AND o >= {o} AND o < {o2} FOR UPDATE",
    "SELECT i FROM item WHERE grp = 1 AND name = '{s}' ORDER BY i FOR UPDATE",
    "SELECT i, grp FROM item WHERE i BETWEEN {i} AND 9 ORDER BY i FOR UPDATE",
]
TEXTS = ["a", "A", "b", "B ", "Zz", "", "_x", "é", "E", "ee"]


def some_line(dice: random.Random, key: tuple[int, ...]) -> tuple[Any, ...]:
    money = Decimal(dice.randrange(-500, 900)) / 100
    text, padded = dice.choice([None, *TEXTS]), dice.choice([None, *TEXTS])
    return (*key, dice.choice([None, *range(12)]), text, padded, dice.choice([None, money.quantize(Decimal("1.00"))]))


def some_key(dice: random.Random) -> tuple[int, ...]:
    return (dice.randint(1, 2), dice.randint(1, 3), dice.randint(1, 12), dice.randint(1, 4))


async def fill(schema: SchemaSession, dice: random.Random) -> None:
    for statement in CREATE:
        await schema.run(statement)
    await schema.rows("line", [some_line(dice, key) for key in sorted({some_key(dice) for _ in range(120)})])
    await schema.rows("stock", [(w, i, dice.randrange(60)) for w in (1, 2) for i in range(12) if dice.random() < 0.8])
    await schema.rows("item", [(i, dice.choice([None, *TEXTS]), dice.choice([None, 1, 2])) for i in range(11)])


async def write_something(tx: Transaction, tables: dict[str, Table], dice: random.Random) -> None:
    line, stock, item = tables["line"], tables["stock"], tables["item"]
    for _ in range(dice.randint(1, 6)):
        key = some_key(dice)
        old = await tx.get_for_update(line, key)
        if old is None:
            tx.insert(line, some_line(dice, key))
        elif dice.random() < 0.4:
            tx.delete(line, old)
        else:
            tx.update(line, old, some_line(dice, key))
    for table, key in ((stock, (dice.randint(1, 2), dice.randrange(12))), (item, (dice.randrange(12),))):
        old = await tx.get_for_update(table, key)
        values = (dice.randrange(60),) if table is stock else (dice.choice(TEXTS), dice.choice([None, 1, 2]))
        if old is None:
            tx.insert(table, (*key, *values))
        else:
            tx.update(table, old, (*key, *values))


def values_for(dice: random.Random) -> dict[str, Any]:
    low = dice.randint(0, 12)
    return {"w": dice.randint(1, 2), "d": dice.randint(1, 3), "o": low, "o2": low + dice.randint(0, 6),
            "i": dice.randrange(12), "s": dice.choice(TEXTS)}  # fmt: skip


async def built(schema: SchemaSession, tables: dict[str, Table]) -> None:
    """Until no index is being built."""
    async with asyncio.timeout(20):
        while any(
            (stored := schema.engine.row_store.table(table.id)) is not None and stored.secondary.building
            for table in tables.values()
        ):
            await asyncio.sleep(0.001)


def plan_of(q: QuerySession, sql: str) -> MemorySelect:
    plan = plan_select(parse(sql), q.context(sql))
    assert isinstance(plan, MemorySelect), sql
    return plan


def encoder(positions: Sequence[int]) -> Callable[[Row], tuple[Any, ...]]:
    return lambda row: tuple(row[at] for at in positions)


async def run(plan: Any, ctx: SessionContext, tx: Transaction) -> list[tuple[Any, ...]]:
    result: Any = await plan.run(ctx, tx, ())
    if isinstance(result.rows, list):
        return [tuple(row) for row in result.rows]
    return [tuple(row) async for batch in result.rows for row in batch]


@pytest.mark.parametrize("seed", range(8))
def test_random_histories(seed: int, tmp_path: Path) -> None:
    dice = random.Random(seed)
    short_answers: set[str] = set()
    memory_answers: set[str] = set()

    async def main(schema: SchemaSession) -> None:
        await fill(schema, dice)
        q = QuerySession(schema)
        tables = {name: schema.engine.catalog.tables["d", name] for name in ("line", "stock", "item")}
        sessions = [SessionContext(number, User("admin"), database="d") for number in range(10, 13)]
        plans: dict[str, MemorySelect] = {}
        for _ in range(30):
            step = dice.random()
            if step < 0.6:
                tx = schema.engine.begin(schema.ctx)
                try:
                    async with asyncio.timeout(0.05):  # another session may hold a lock
                        await write_something(tx, tables, dice)
                    await tx.commit()
                except TimeoutError:
                    await tx.rollback()
            if dice.random() < 0.2:
                await schema.engine.apply_queue.wait(schema.engine.visible_lsn)
            ctx = dice.choice(sessions)
            if ctx.transaction is None and step < 0.7:
                level = dice.choice(["REPEATABLE-READ", "READ-COMMITTED"])
                ctx.transaction = schema.engine.begin(ctx, isolation=level)
            elif ctx.transaction is not None and step < 0.15:
                await ctx.transaction.rollback()
                ctx.transaction = None
            elif (
                ctx.transaction is not None
                and step < 0.4
                and not any(s.transaction and s.transaction.has_writes for s in sessions)
            ):
                await write_something(ctx.transaction, tables, dice)
            for text in dice.sample(QUERIES, 7):
                sql = text.format(**values_for(dice))
                plan = plans.setdefault(sql, plan_of(q, sql))
                read = plan.reader(schema.engine, encoder)
                assert read is not None
                short = read(ctx, ())
                tx = ctx.transaction or schema.engine.begin(ctx, autocommit=True)
                general = await run(plan.general, ctx, tx)
                memory = await plan._from_memory(ctx, tx, ())
                if memory is not None:
                    memory_answers.add(text)
                    assert [tuple(row) for row in memory.rows] == general, sql
                if short is not None:
                    short_answers.add(text)
                    assert list(short) == general, sql
                if ctx.transaction is None:
                    await tx.rollback()
                await built(schema, tables)
        for ctx in sessions:
            if ctx.transaction is not None:
                await ctx.transaction.rollback()

    with_session(tmp_path, main)
    SEEN[0].update(short_answers)
    SEEN[1].update(memory_answers)


SEEN: tuple[set[str], set[str]] = (set(), set())


def test_every_query_was_answered_from_memory() -> None:
    if not SEEN[1]:
        pytest.skip("the histories did not run in this process")
    assert SEEN[0] == SEEN[1] == set(QUERIES)


async def short(read: Read | None, ctx: SessionContext, tx: Transaction, params: tuple[()]) -> ResultSet | None:
    """The answer at once."""
    ctx.transaction = tx
    rows = None if read is None else read(ctx, params)
    ctx.transaction = None
    return None if rows is None else ResultSet([], list(rows))


@pytest.mark.parametrize("text", LOCKING)
def test_locking_reads(text: str, tmp_path: Path) -> None:
    """Rows, and what is locked afterwards."""
    dice = random.Random(text)

    async def main(schema: SchemaSession) -> None:
        await fill(schema, dice)
        q = QuerySession(schema)
        tables = {name: schema.engine.catalog.tables["d", name] for name in ("line", "stock", "item")}
        from_memory = at_once = 0
        for round_ in range(12):
            tx = schema.engine.begin(schema.ctx)
            await write_something(tx, tables, dice)
            await tx.commit()
            level = dice.choice(["REPEATABLE-READ", "READ-COMMITTED"])
            sql, seed = text.format(**values_for(dice)), dice.random()
            plan, ctx = plan_of(q, sql), schema.ctx
            found = []
            read = plan.reader(schema.engine, encoder)

            for way in (plan.general.run, plan._from_memory, partial(short, read)):
                tx = schema.engine.begin(ctx, isolation=level)
                if round_ % 2:
                    await write_something(tx, tables, random.Random(seed))
                for _ in range(4):  # so that an index is built
                    result: Any = await way(ctx, tx, ())
                    await built(schema, tables)
                    if result is not None:
                        break
                assert plan.locking is not None
                gaps = {resource: set(held) for resource, held in tx.owner.gaps.items()}
                # The short way takes the table's intention lock (as InnoDB does) also when there are no rows.
                held = {resource: mode for resource, mode in tx.owner.held.items() if mode != "IX"}
                found.append((None if result is None else [tuple(row) for row in result.rows], held, gaps))
                await tx.rollback()
            general, memory, shortest = found
            if memory[0] is not None:
                from_memory += 1
                assert memory == general, sql
            if shortest[0] is not None:
                at_once += 1
                assert shortest == general, sql
        assert from_memory and (at_once or "SHARE" in text or "BETWEEN" in text)

    with_session(tmp_path, main)


def test_a_locking_read_looks_again_after_it_waited(tmp_path: Path) -> None:
    async def main(schema: SchemaSession) -> None:
        await schema.run("CREATE TABLE queue (w INT, n INT, v INT, PRIMARY KEY (w, n))")
        await schema.rows("queue", [(1, n, n) for n in range(5)])
        table = schema.engine.catalog.tables["d", "queue"]
        q = QuerySession(schema)
        plan = plan_of(q, "SELECT n FROM queue WHERE w = 1 ORDER BY n LIMIT 1 FOR UPDATE")
        first, second = schema.engine.begin(schema.ctx), schema.engine.begin(schema.ctx)
        other = SessionContext(2, User("admin"), database="d")
        second = schema.engine.begin(other)
        assert await run(plan, schema.ctx, first) == [(0,)]
        row = await first.get_for_update(table, (1, 0))
        assert row is not None
        first.delete(table, row)
        waiting = asyncio.create_task(run(plan, other, second))
        while not schema.engine.locks.waits:
            await asyncio.sleep(0)
        await first.commit()
        assert await waiting == [(1,)]
        await second.rollback()

    with_session(tmp_path, main)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT n AS o FROM line WHERE w = 1 AND d = 1 ORDER BY o",
        "SELECT * FROM line WHERE w = 1 OR d = 1",
        "SELECT * FROM line WHERE d = 1 AND o = 2",
        "SELECT * FROM line WHERE w = 1 AND s > 'a'",
        "SELECT * FROM line WHERE w = '1'",
        "SELECT * FROM line WHERE w = 1.5",
        "SELECT AVG(m) FROM line WHERE w = 1 AND d = 1",
        "SELECT o, COUNT(*) FROM line WHERE w = 1 AND d = 1 GROUP BY o",
        "SELECT o FROM line WHERE w = 1 AND d = 1 LIMIT 1, 1 FOR UPDATE",
        "SELECT o FROM line WHERE w = 1 AND d = 1 FOR UPDATE SKIP LOCKED",
        "SELECT q FROM stock LEFT JOIN item ON item.i = stock.i WHERE stock.w = 1 AND stock.i = 3",
        "SELECT q FROM stock, item WHERE stock.w = 1 AND stock.i = 3 AND item.name = 'a'",
        "SELECT q FROM stock, item WHERE stock.w = 1 AND stock.i = item.i AND q + grp > 5",
    ],
)
def test_what_is_left_to_duckdb(sql: str, tmp_path: Path) -> None:
    async def main(schema: SchemaSession) -> None:
        for statement in CREATE:
            await schema.run(statement)
        q = QuerySession(schema)
        assert not isinstance(plan_select(parse(sql), q.context(sql)), MemorySelect)

    with_session(tmp_path, main)
