"""CHECKSUM TABLE: equal for equal rows, whatever their order and storage."""

from __future__ import annotations

from pathlib import Path

from aurora_mysql.sql.admin.variables import SystemVariables
from aurora_mysql.sql.executor import Executor
from tests.support.schema_session import SchemaSession, with_session
from tests.support.scripts import answer

TABLE = "(id INT PRIMARY KEY, s VARCHAR(9), d DECIMAL(6,2), b BLOB, t DATETIME(3), j JSON)"
ROWS = [
    "(1, 'é', 1.5, x'00ff', '2024-01-02 03:04:05.678', '[1]')",
    "(2, NULL, NULL, '', NULL, NULL)",
    "(3, '', 0, NULL, NULL, '{}')",
]


def test_checksums(tmp_path: Path) -> None:
    async def work(session: SchemaSession) -> None:
        session.services.variables = SystemVariables(session.services.cluster, session.engine, {})
        executor = Executor(session.services)

        async def checksum(name: str) -> int | None:
            rows = await answer(executor, session, f"CHECKSUM TABLE {name}")
            assert [row[0] for row in rows] == [f"d.{name}"]
            return rows[0][1]  # type: ignore[no-any-return]

        for name, rows in (("one", ROWS), ("two", ROWS[::-1])):
            await answer(executor, session, f"CREATE TABLE {name} {TABLE}")
            assert await checksum(name) == 0
            for row in rows:
                await answer(executor, session, f"INSERT INTO {name} VALUES {row}")
        first = await checksum("one")
        assert first and first == await checksum("two")
        # NULL and an empty text differ, and so does what is not committed yet.
        await answer(executor, session, "BEGIN")
        await answer(executor, session, "UPDATE two SET s = NULL WHERE id = 3")
        assert await checksum("two") != first
        await answer(executor, session, "ROLLBACK")
        assert await checksum("two") == first
        assert await answer(executor, session, "CHECKSUM TABLE one, nope QUICK") == [("d.one", None), ("d.nope", None)]
        assert await answer(executor, session, "SHOW WARNINGS") == [("Error", 1146, "Table 'd.nope' doesn't exist")]

    with_session(tmp_path, work)
