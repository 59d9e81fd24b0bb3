"""Writes of one row in the turn in which they arrive: they say, log and leave what the long way does."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from aurora_mysql.engine.commit_log import InFlight
from aurora_mysql.engine.transaction import Transaction
from aurora_mysql.errors import MySQLError, QuorumLostError
from aurora_mysql.sql.admin.variables import SystemVariables
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.executor import Executor
from aurora_mysql.sql.result import Ok, ResultSet
from aurora_mysql.sql.shortcuts import ShortcutTables
from tests.support.engine_world import until
from tests.support.schema_session import SchemaSession, with_session
from tests.support.scripts import run_text

TABLES = (
    "CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, n TINYINT NOT NULL DEFAULT 7, s VARCHAR(3) DEFAULT 'x', "
    "KEY (n))",
    "CREATE TABLE u (id INT PRIMARY KEY, code INT, v INT, UNIQUE KEY (code))",
    "CREATE TABLE line (a INT, b INT, v DECIMAL(6,2), PRIMARY KEY (a, b))",
    "CREATE TABLE named (name VARCHAR(9) PRIMARY KEY, n INT, at TIMESTAMP NULL ON UPDATE CURRENT_TIMESTAMP)",
    "CREATE TABLE keyless (n INT)",
    "CREATE TABLE checked (id INT PRIMARY KEY, n INT CHECK (n > 0))",
    "CREATE TABLE child (id INT PRIMARY KEY, t_id INT, v INT, FOREIGN KEY (t_id) REFERENCES u (id))",
    "CREATE VIEW w AS SELECT id, n, s FROM t WHERE n < 50 WITH CHECK OPTION",
)


class World:
    """Sessions over one engine; what it logged."""

    def __init__(self, session: SchemaSession) -> None:
        self.engine, self.volume = session.engine, session.volume
        session.services.variables = SystemVariables(session.services.cluster, session.engine, {})
        self.services = session.services
        self.executor = Executor(session.services)
        self.first = session.ctx
        self.logged: list[Any] = []
        self.engine.on_durable = self._durable

    def _durable(self, items: list[InFlight]) -> None:
        for item in items:
            for change in item.commit.changes:
                before = change.before
                assert before is not None
                self.logged.append(
                    (
                        change.table_id, list(change.upserts), list(change.deletes),
                        None if before.upserts is None else list(before.upserts), list(before.deletes),
                        dict(item.commit.counters),
                    )
                )  # fmt: skip

    def session(self, number: int, **variables: Any) -> SessionContext:
        # A statement that must wait gives up at once: in these tests nobody lets go meanwhile.
        variables = {"innodb_lock_wait_timeout": 0.005, "timestamp": 1_700_000_000, **variables}
        return SessionContext(number, self.first.user, database="d", variables=variables)

    async def run(self, ctx: SessionContext, sql: str) -> Any:
        """What the client is told."""
        try:
            (result,) = [r async for r in run_text(self.executor, ctx, sql)]
        except MySQLError as error:
            return error.errno, error.message
        if isinstance(result, ResultSet):
            assert isinstance(result.rows, list)
            return [tuple(row) for row in result.rows]
        assert isinstance(result, Ok)
        return result.affected_rows, result.insert_id, result.info, result.warnings


def in_world(path: Path, work: Callable[[World], Awaitable[Any]]) -> Any:
    async def main(session: SchemaSession) -> Any:
        world = World(session)
        for sql in TABLES:
            await world.run(session.ctx, sql)
        return await work(world)

    return with_session(path, main)


@pytest.fixture
def long_way(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    def switch() -> None:
        monkeypatch.setattr(ShortcutTables, "of", lambda *_: None)
        monkeypatch.setattr(Transaction, "writable_now", lambda *_: None)

    return switch


def statement(rng: random.Random) -> str:
    """One of a few shapes, so that most are known; keys and values meet often, and go wrong sometimes."""
    key, n = rng.randint(1, 6), rng.choice((0, 1, 2, 3, 99, 300))
    text = rng.choice(("a", "bb", "ccc", "toolong"))
    return rng.choice(
        (
            f"INSERT INTO t (id, n, s) VALUES ({key}, {n}, '{text}')",
            f"INSERT INTO t (id, n, s) VALUES (0, {n}, '{text}')",
            f"INSERT INTO t (n) VALUES ({n})",
            f"INSERT INTO t (n, s) VALUES ({n}, NULL)",
            f"UPDATE t SET n = n + {n} WHERE id = {key}",
            f"UPDATE t SET n = {n}, s = '{text}' WHERE id = {key}",
            f"UPDATE t SET n = LAST_INSERT_ID(n + 1) WHERE id = {key}",
            f"UPDATE t SET s = NULL WHERE id = {key}",
            f"UPDATE t SET n = NULL WHERE id = {key}",
            f"UPDATE t SET id = {key + 1} WHERE id = {key}",
            f"DELETE FROM t WHERE id = {key}",
            f"SELECT * FROM t WHERE id = {key}",
            f"SELECT * FROM t WHERE id = {key} FOR UPDATE",
            f"SELECT COUNT(*) FROM t WHERE id BETWEEN {key} AND {key + 3} FOR UPDATE",
            f"SELECT COUNT(*) FROM t WHERE n = {n}",
            f"INSERT INTO u VALUES ({key}, {n}, {n})",
            f"UPDATE u SET v = v + {n} WHERE id = {key}",
            f"UPDATE u SET code = {n} WHERE id = {key}",
            f"DELETE FROM u WHERE id = {key}",
            f"INSERT INTO line VALUES ({key}, {n}, {n})",
            f"UPDATE line SET v = v + {n} WHERE a = {key} AND b = {n}",
            f"DELETE FROM line WHERE b = {n} AND a = {key}",
            f"INSERT INTO named (name, n) VALUES ('{text}', {n})",
            f"UPDATE named SET n = {n} WHERE name = '{text.upper()}'",
            f"DELETE FROM named WHERE name = '{text}'",
            f"INSERT INTO keyless VALUES ({n})",
            f"INSERT INTO checked VALUES ({key}, {n})",
            f"UPDATE checked SET n = {n} WHERE id = {key}",
            f"INSERT INTO child VALUES ({key}, {key}, {n})",
            f"UPDATE child SET v = {n} WHERE id = {key}",
            f"INSERT INTO w (id, n, s) VALUES ({key}, {n}, '{text}')",
            f"UPDATE w SET n = {n} WHERE id = {key}",
            "BEGIN",
            "COMMIT",
            "ROLLBACK",
            "SAVEPOINT a",
            "ROLLBACK TO a",
            "SELECT LAST_INSERT_ID()",
            "SELECT ROW_COUNT()",
            "SHOW WARNINGS",
            rng.choice(("SET autocommit = 0", "SET autocommit = 1", "SET autocommit = 1", "SET autocommit = 1")),
            rng.choice(("SET SESSION TRANSACTION READ ONLY", "SET SESSION TRANSACTION READ WRITE")),
            rng.choice(("SET sql_mode = ''", "SET sql_mode = DEFAULT")),
            "SET SESSION TRANSACTION ISOLATION LEVEL "
            + rng.choice(("READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE", "READ UNCOMMITTED")),
        )
    )


def history(path: Path, seed: int, count: int) -> tuple[list[Any], list[Any], dict[str, int]]:
    """What each statement of a random script in three sessions said and left, and what was logged."""

    async def work(world: World) -> tuple[list[Any], list[Any], dict[str, int]]:
        rng = random.Random(seed)
        sessions = [world.session(number) for number in (1, 2, 3)]
        sessions[2].found_rows_flag = True
        said: list[Any] = []
        for _ in range(count):
            ctx, sql = rng.choice(sessions), statement(rng)
            # Reads and writes of sets of rows wait for the applier: what is in memory then depends on time alone.
            outcome = await world.run(ctx, sql)
            transaction = ctx.transaction
            said.append(
                (
                    ctx.connection_id, sql, outcome, [(w.errno, w.message) for w in ctx.warnings], ctx.row_count,
                    ctx.last_insert_id, transaction is not None and (transaction.isolation, transaction.rows_written),
                )
            )  # fmt: skip
        for ctx in sessions:
            await world.run(ctx, "COMMIT")
            assert ctx.transaction is None
        reader = world.session(9)
        for table in ("t", "u", "line", "named", "keyless", "checked", "child"):
            said.append(sorted(await world.run(reader, f"SELECT * FROM {table}"), key=str))
        assert not world.engine.transactions and not len(world.engine.locks)
        return said, world.logged, {k: v for k, v in world.services.status.items() if k.startswith("Com_")}

    found: tuple[list[Any], list[Any], dict[str, int]] = in_world(path, work)
    return found


@pytest.mark.parametrize("seed", range(6))
def test_random_statements_are_as_on_the_long_way(tmp_path: Path, seed: int, long_way: Callable[[], None]) -> None:
    short = history(tmp_path / "short", seed, 700)
    long_way()
    long = history(tmp_path / "long", seed, 700)
    for mine, others in zip(short[0], long[0], strict=True):
        assert mine == others
    assert short[1:] == long[1:]


def start(world: World, ctx: SessionContext, sql: str) -> asyncio.Task[Any]:
    return asyncio.create_task(world.run(ctx, sql))


async def on_its_way(world: World, ctx: SessionContext, sql: str) -> asyncio.Task[Any]:
    """A write whose commit is with the volume, which does not let it go."""
    world.volume.holding = True
    task = start(world, ctx, sql)
    await until(lambda: world.volume.next > world.volume.vdl)
    return task


WRITES = (
    "INSERT INTO t (id, n) VALUES (0, 1)",
    "INSERT INTO keyless VALUES (1)",
    "UPDATE t SET n = n + 1 WHERE id = 1",
    "DELETE FROM t WHERE id = 1",
)


@pytest.mark.parametrize("sql", WRITES)
def test_a_write_on_its_way_is_seen_as_a_transaction(tmp_path: Path, sql: str, long_way: Callable[[], None]) -> None:
    def shown(world: World) -> Any:
        (transaction,) = world.engine.transactions.values()
        table = world.engine.catalog.tables["d", "keyless" if "keyless" in sql else "t"]
        # A row without a key of its own is locked by one way and not by the other: nobody can name it.
        locks = {(r[0], mode) for r, _, mode, waiter in world.engine.locks.listed() if waiter is None}  # type: ignore[index]
        return (
            locks - {("r", "X")} if "keyless" in sql else locks, transaction.rows_written, transaction.read_only,
            transaction.isolation, transaction.writes_to(table), transaction.rows_to_come(table),
            list(transaction.own_rows(table)), transaction.own_row(table, (1,)),
        )  # fmt: skip

    async def work(world: World) -> Any:
        ctx = world.session(1)
        await world.run(ctx, sql)
        await world.run(ctx, "DELETE FROM t WHERE id < 100")
        if not sql.startswith("INSERT"):
            await world.run(ctx, "INSERT INTO t (id, n) VALUES (1, 5)")
        world.logged.clear()
        task = await on_its_way(world, ctx, sql)
        found = shown(world)
        assert not task.done() and world.logged == []
        world.volume.let_go()
        outcome = await task
        assert not world.engine.transactions and not len(world.engine.locks)
        assert ctx.seen_lsn == world.engine.visible_lsn
        return found, outcome, world.logged

    short = in_world(tmp_path / "short", work)
    long_way()
    assert short == in_world(tmp_path / "long", work)


def test_others_wait_for_a_write_on_its_way(tmp_path: Path) -> None:
    async def work(world: World) -> None:
        ctx, other, dirty = world.session(1), world.session(2), world.session(3)
        other.variables["innodb_lock_wait_timeout"] = 50
        await world.run(ctx, "INSERT INTO t (id, n) VALUES (1, 1)")
        for _ in range(2):
            await world.run(ctx, "UPDATE t SET n = 2 WHERE id = 1")
        await world.run(dirty, "SET SESSION TRANSACTION ISOLATION LEVEL READ UNCOMMITTED")
        write = await on_its_way(world, ctx, "UPDATE t SET n = 3 WHERE id = 1")
        same_row = start(world, other, "UPDATE t SET n = n + 10 WHERE id = 1")
        await until(lambda: bool([*world.engine.locks.waits_for()]))
        assert await world.run(world.session(4), "SELECT n FROM t WHERE id = 1") == [(2,)]
        assert await world.run(dirty, "SELECT n FROM t WHERE id = 1") == [(3,)]
        world.volume.holding = False
        world.volume.let_go()
        assert (await write)[0] == (await same_row)[0] == 1
        insert = await on_its_way(world, ctx, "INSERT INTO t (id, n) VALUES (5, 1)")
        searched = start(world, other, "SELECT id FROM t WHERE id BETWEEN 4 AND 6 FOR UPDATE")
        await until(lambda: bool([*world.engine.locks.waits_for()]))
        schema = start(world, dirty, "ALTER TABLE t ADD COLUMN more INT")
        await until(lambda: len({id(waiter) for waiter, _ in world.engine.locks.waits_for()}) == 2)
        world.volume.holding = False
        world.volume.let_go()
        assert (await insert)[1] == 5 and await searched == [(5,)]
        await schema
        assert await world.run(ctx, "SELECT n, more FROM t WHERE id = 1") == [(13, None)]

    in_world(tmp_path, work)


def test_what_was_taken_meanwhile_goes_the_long_way(tmp_path: Path) -> None:
    """A frozen instance, a lost quorum, a kept gap, a table lock: the long way waits, or says so."""

    async def work(world: World) -> None:
        ctx, other = world.session(1), world.session(2)
        insert, update = "INSERT INTO t (id, n) VALUES (0, 1)", "UPDATE t SET n = n + 1 WHERE id = 1"
        for sql in (insert, update, update):
            assert (await world.run(ctx, sql))[0] == 1
        await world.run(other, "FLUSH TABLES WITH READ LOCK")
        waiting = [start(world, ctx, update), start(world, world.session(3), "UPDATE t SET n = 1 WHERE id = 99")]
        await until(lambda: world.engine.locks.waits >= 2)
        await world.run(other, "UNLOCK TABLES")
        assert [(await task)[0] for task in waiting] == [1, 0]
        await world.run(other, "LOCK TABLES t READ")
        assert (await world.run(ctx, update))[0] == (await world.run(ctx, insert))[0] == 1205
        await world.run(other, "UNLOCK TABLES")
        await world.run(other, "BEGIN")
        await world.run(other, "SELECT * FROM t WHERE id > 1 FOR UPDATE")
        assert (await world.run(ctx, insert))[0] == 1205
        await world.run(other, "COMMIT")
        world.engine.commit_log.writable_changed(False, full=True)
        assert (await world.run(ctx, update))[0] == 1114
        world.engine.commit_log.writable_changed(True)
        world.volume.refuse = QuorumLostError("no quorum")
        assert (await world.run(ctx, update))[0] == 1180 and ctx.row_count == -1 and len(ctx.warnings) == 1
        world.volume.refuse = None
        assert (await world.run(ctx, update))[0] == 1
        assert not world.engine.transactions and not len(world.engine.locks)

    in_world(tmp_path, work)


def test_a_row_without_a_key_waits_for_who_has_the_table(tmp_path: Path, long_way: Callable[[], None]) -> None:
    async def work(world: World) -> None:
        ctx, other = world.session(1), world.session(2)
        await world.run(ctx, "INSERT INTO keyless VALUES (1)")
        await world.run(other, "BEGIN")
        await world.run(other, "SELECT * FROM keyless WHERE n > 0 FOR UPDATE")
        assert (await world.run(ctx, "INSERT INTO keyless VALUES (2)"))[0] == 1205

    in_world(tmp_path / "short", work)
    long_way()
    in_world(tmp_path / "long", work)


def test_concurrent_sessions_lose_nothing(tmp_path: Path) -> None:
    """Sums of rows that many sessions change at once, alone and in transactions, some of which meet deadlocks."""

    async def work(world: World) -> None:
        for key in range(1, 6):
            await world.run(world.first, f"INSERT INTO u VALUES ({key}, {key}, 0)")
        done = [0]

        async def client(number: int) -> None:
            rng, ctx = random.Random(number), world.session(number, innodb_lock_wait_timeout=50)
            for _ in range(60):
                first, second = rng.randint(1, 5), rng.randint(1, 5)
                updates = [f"UPDATE u SET v = v + 1 WHERE id = {key}" for key in (first, second)]
                if rng.random() < 0.7:
                    assert (await world.run(ctx, updates[0]))[0] == 1
                    done[0] += 1
                    continue
                said = [await world.run(ctx, sql) for sql in ("BEGIN", *updates)]
                if said[-1][0] == 1213 or said[-2][0] == 1213:
                    await world.run(ctx, "ROLLBACK")
                    continue
                await world.run(ctx, "COMMIT")
                done[0] += 2

        async with asyncio.TaskGroup() as group:
            for number in range(1, 13):
                group.create_task(client(number))
        ((total,),) = await world.run(world.session(99), "SELECT SUM(v) FROM u")
        assert total == done[0]

    in_world(tmp_path, work)
