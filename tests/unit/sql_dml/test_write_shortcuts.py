"""Writes of one row in the turn in which they arrive: they say, log and leave what the long way does."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from aurora_mysql.engine.commit_log import InFlight
from aurora_mysql.engine.transaction import Transaction
from aurora_mysql.errors import MySQLError
from aurora_mysql.sql.admin.variables import SystemVariables
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.executor import Executor
from aurora_mysql.sql.plan import LATER
from aurora_mysql.sql.result import Ok, ResultSet
from aurora_mysql.sql.shortcuts import Action, ShortcutTables
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


async def known(world: World, ctx: SessionContext, sql: str) -> Action:
    """The shortcut of `sql` after it ran once."""
    from aurora_mysql.sql.known_statements import cut
    from tests.support.scripts import PLAIN

    await world.run(ctx, sql)
    table, found = world.executor.shortcuts(ctx, PLAIN), cut(sql)
    assert table is not None and found is not None
    action = table.of_text(ctx, found[0])
    assert isinstance(action, Action), sql
    return action


WRITES = (
    ("INSERT INTO t (id, n) VALUES (0, 1)", [0, 1]),
    ("UPDATE t SET n = n + 1 WHERE id = 1", [1, 1]),
    ("DELETE FROM t WHERE id = 1", [1]),
)


@pytest.mark.parametrize(("sql", "params"), WRITES)
def test_a_write_on_its_way_is_seen_as_a_transaction(tmp_path: Path, sql: str, params: list[Any]) -> None:
    """Locks, metadata and rows to come are what the long way shows while its commit is on its way."""

    def shown(world: World) -> Any:
        (transaction,) = world.engine.transactions.values()
        table = world.engine.catalog.tables["d", "t"]
        locks = sorted((str(r), mode) for r, owner, mode, waiter in world.engine.locks.listed() if waiter is None)
        return (
            locks, len(transaction.owner.held), transaction.owner.weight, transaction.rows_written,
            transaction.read_only, transaction.isolation, transaction.writes_to(table),
            transaction.rows_to_come(table), list(transaction.own_rows(table)),
            transaction.own_row(table, (1,)), world.engine.counters_for([table.id]),
        )  # fmt: skip

    async def work(world: World) -> None:
        ctx = world.session(1)
        action = await known(world, ctx, sql)
        await world.run(ctx, "DELETE FROM t WHERE id < 100")
        await world.run(ctx, "ALTER TABLE t AUTO_INCREMENT = 1")
        await world.run(ctx, "INSERT INTO t (id, n) VALUES (1, 5)")
        if sql.startswith("INSERT"):
            await world.run(ctx, "DELETE FROM t WHERE id = 1")
        action = await known(world, ctx, "UPDATE t SET n = n + 1 WHERE id = 77" if "UPDATE" in sql else sql)
        world.volume.holding = True
        told: list[Any] = []
        before = [*world.engine.locks.listed()]
        assert before == []
        outcome = action.run(ctx, params, lambda ok, error: told.append((ok, error)))
        if outcome is not LATER:
            pytest.fail(f"{sql}: {outcome}")
        short = shown(world)
        await until(lambda: world.volume.next > world.volume.vdl)
        assert told == []
        world.volume.let_go()
        await until(lambda: bool(told))
        assert told[0][1] is None and not world.engine.transactions and not len(world.engine.locks)
        assert ctx.seen_lsn == world.engine.visible_lsn
        assert short[0] and short[3] == 1

    in_world(tmp_path, work)
