"""UPDATE and DELETE of the rows that a key's or an index's first columns name: with memory and without, the same."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aurora_mysql.catalog.model import User
from aurora_mysql.engine.transaction import Transaction
from aurora_mysql.errors import MySQLError
from aurora_mysql.sql.admin.variables import SystemVariables
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.executor import Executor
from aurora_mysql.sql.result import Ok
from tests.support.outcomes import Outcome, outcomes_of
from tests.support.schema_session import SchemaSession, with_session
from tests.support.scripts import run_text

TABLES = (
    "CREATE TABLE line (w INT, d INT, o INT, n INT, v INT, s VARCHAR(5), PRIMARY KEY (w, d, o, n), KEY by_v (v, s))",
    "CREATE TABLE one (id INT PRIMARY KEY, v INT, UNIQUE KEY by_v (v))",
    "CREATE VIEW cheap AS SELECT * FROM line WHERE v < 5 WITH CHECK OPTION",
)
#: What the leaf of a small table that is in memory answers.
STATEMENTS = (
    "UPDATE line SET v = v + 1 WHERE w = {w} AND d = {d}",
    "UPDATE line SET v = v - 2.5, s = 'x' WHERE w = {w} AND d = {d} AND o = {o}",
    "UPDATE line SET n = n + 1 WHERE w = {w} AND d = {d} AND o = {o}",
    "UPDATE line SET n = n + 10 WHERE w = {w} AND d = {d} AND n < 10 AND o = {o}",
    "UPDATE line SET s = 'long text' WHERE w = {w} AND d = {d} AND o > {o}",
    "UPDATE cheap SET v = v + 1 WHERE w = {w} AND d = {d}",
    "UPDATE line SET s = 'y' WHERE v = {o} AND s = 'X'",
    "DELETE FROM line WHERE w = {w} AND d = {d} AND o = {o}",
    "DELETE FROM line WHERE w = {w} AND o = {o} AND n = 1",
    "DELETE FROM line WHERE w = {w} AND d = {d} LIMIT 1",
    "INSERT INTO line VALUES ({w}, {d}, {o}, 1, 3, NULL)",
    "INSERT INTO line VALUES ({w}, {d}, {o}, 2, 4.4, 'new')",
    "UPDATE one SET v = v + 1 WHERE id BETWEEN {o} AND 6",
    "DELETE FROM one WHERE id IN ({o}, {d})",
    "INSERT INTO one VALUES ({o}, {d})",
    "SAVEPOINT a",
    "ROLLBACK TO a",
    "BEGIN",
    "COMMIT",
    "ROLLBACK",
)
READS = ("SELECT * FROM line ORDER BY w, d, o, n", "SELECT * FROM one ORDER BY id")


def some_statements(seed: int) -> Iterator[str]:
    dice = random.Random(seed)
    for w in (1, 2):
        yield f"INSERT INTO line VALUES {', '.join(f'({w}, {d}, {o}, 1, {o}, NULL)' for d in (1, 2) for o in range(6))}"
    for _ in range(120):
        text = dice.choice(STATEMENTS)
        yield text.format(w=dice.randint(1, 2), d=dice.randint(1, 2), o=dice.randrange(6))
    yield "COMMIT"


def outcomes(path: Path, seed: int) -> list[Outcome]:
    return outcomes_of(path, (*TABLES, *some_statements(seed), *READS))


@pytest.mark.parametrize("seed", range(4))
def test_memory_changes_what_duckdb_would(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[Any] = []
    rows_sought = Transaction.rows_sought

    async def noting(*arguments: Any, **options: Any) -> Any:
        found.append(await rows_sought(*arguments, **options))
        return found[-1]

    monkeypatch.setattr(Transaction, "rows_sought", noting)
    from_memory = outcomes(tmp_path / "memory", seed)
    assert len(found) - found.count(None) > 10

    async def nothing(*_: Any, **__: Any) -> None:
        return None

    monkeypatch.setattr(Transaction, "rows_sought", nothing)
    monkeypatch.setattr(Transaction, "rows_in", nothing)
    monkeypatch.setattr(Transaction, "writable_now", lambda *_: None)
    assert from_memory == outcomes(tmp_path / "duckdb", seed)


@pytest.mark.parametrize("change", ["UPDATE line SET v = 1", "DELETE FROM line"])
def test_what_is_searched_is_kept_free(change: str, tmp_path: Path) -> None:
    """Rows that others have put there are waited for, and theirs wait afterwards; at once, too."""
    change += " WHERE w = 1 AND d = 1"

    async def work(session: SchemaSession) -> None:
        session.services.variables = SystemVariables(session.services.cluster, session.engine, {})
        executor = Executor(session.services)
        one, other = (
            SessionContext(n, User("admin"), database="d", variables={"innodb_lock_wait_timeout": 0.02}) for n in (8, 9)
        )

        async def run(ctx: SessionContext, sql: str) -> int:
            """The affected rows; the error, negative."""
            try:
                (result,) = [r async for r in run_text(executor, ctx, sql)]
            except MySQLError as error:
                return -error.errno
            assert isinstance(result, Ok)
            return result.affected_rows

        await run(one, TABLES[0])
        await run(one, "INSERT INTO line VALUES (1, 1, 1, 1, 0, NULL), (1, 2, 1, 1, 0, NULL)")
        for _ in range(3):  # so that it is known, and its rows are in memory
            await run(one, "BEGIN")
            assert await run(one, change) == 1
            await run(one, "ROLLBACK")
        await run(other, "BEGIN")
        assert await run(other, "INSERT INTO line VALUES (1, 1, 2, 1, 0, NULL)") == 1
        await run(one, "BEGIN")
        assert await run(one, change) == -1205
        await run(other, "ROLLBACK")
        assert await run(one, change) == 1
        await run(other, "BEGIN")
        assert await run(other, "INSERT INTO line VALUES (1, 1, 2, 1, 0, NULL)") == -1205
        assert await run(other, "INSERT INTO line VALUES (1, 2, 2, 1, 0, NULL)") == 1
        assert await run(one, "INSERT INTO line VALUES (1, 1, 3, 1, 0, NULL)") == 1
        assert await run(other, "UPDATE line SET v = 3 WHERE w = 1 AND d = 2") == 2
        assert await run(other, "UPDATE line SET v = 5 WHERE w = 1 AND d = 1 AND o = 1 AND n = 1") == -1205
        await run(one, "COMMIT")
        await run(other, "COMMIT")

    with_session(tmp_path, work)
