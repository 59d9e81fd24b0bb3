"""What a session sees of waits and deadlocks: SHOW ENGINE INNODB STATUS and the lock tables."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.support.sessions_script import Sessions, Step


async def run(sessions: Sessions, *lines: str) -> list[str]:
    found: list[str] = []
    for line in lines:
        name, _, sql = line.partition(": ")
        found = await sessions.step(Step(name, sql))
    return found


def test_waits_and_the_latest_deadlock(tmp_path: Path) -> None:
    async def work() -> None:
        async with Sessions(tmp_path) as s:
            await run(s, "a: CREATE TABLE t (id INT PRIMARY KEY, v INT)", "a: INSERT INTO t VALUES (1,1),(2,2)")
            (before,) = await run(s, "a: SHOW ENGINE INNODB STATUS")
            assert "LATEST DETECTED DEADLOCK" not in before and "ACTIVE" not in before
            found = await run(s, "a: BEGIN", "a: UPDATE t SET v=9 WHERE id=1", "b: UPDATE t SET v=8 WHERE id=1")
            assert found == ["blocks"]
            (text,) = await run(s, "c: SHOW ENGINE INNODB STATUS")
            assert "LOCK WAIT" in text
            assert "WAITING FOR record lock of table `txn_case`.`t` index PRIMARY key 1 mode X" in text
            (locks,) = await run(s, "c: SELECT LOCK_STATUS, LOCK_DATA FROM performance_schema.data_locks "
                                    "WHERE LOCK_TYPE = 'RECORD' ORDER BY LOCK_STATUS")  # fmt: skip
            assert locks == "GRANTED,1 | WAITING,1"
            (waits,) = await run(s, "c: SELECT count(*) FROM performance_schema.data_lock_waits")
            assert waits == "1"
            columns, wanted = "trx_state, trx_rows_modified", "trx_rows_modified > 0 OR trx_state = 'LOCK WAIT'"
            sql = f"SELECT {columns} FROM information_schema.innodb_trx WHERE {wanted} ORDER BY trx_id"
            (trx,) = await run(s, f"c: {sql}")
            assert trx == "RUNNING,1 | LOCK WAIT,0"
            await run(s, "a: COMMIT", "a: BEGIN", "b: BEGIN", "a: UPDATE t SET v=1 WHERE id=1")
            found = await run(s, "b: UPDATE t SET v=1 WHERE id=2", "a: UPDATE t SET v=3 WHERE id=2",
                              "b: UPDATE t SET v=3 WHERE id=1")  # fmt: skip
            assert found[0] == "error 1213"
            (after,) = await run(s, "c: SHOW ENGINE INNODB STATUS")
            assert "LATEST DETECTED DEADLOCK" in after and "WE ROLL BACK TRANSACTION" in after
            assert "1 deadlocks" in after
            await s.reset()

    asyncio.run(work())
