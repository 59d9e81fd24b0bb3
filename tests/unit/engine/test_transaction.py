"""Transactions against one engine: what each of them sees, and what it may not write."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest

from aurora_mysql.catalog.model import Column, ColumnType
from aurora_mysql.engine.transaction import Transaction
from aurora_mysql.errors import MySQLError, StalePlanError
from tests.support.engine_world import ITEMS, World, insert, until, waiting, with_world

CODE = ITEMS.indexes[1]
OTHER = replace(ITEMS, id=2, name="other")
SELECT = "SELECT id, code, v FROM t1 ORDER BY id"


async def select(tx: Transaction, *, latest: bool = False, sql: str = SELECT) -> list[tuple[Any, ...]]:
    return (await tx.query(sql, tables=[ITEMS], latest=latest)).rows


async def change(tx: Transaction, key: int, v: int) -> None:
    row = await tx.get_for_update(ITEMS, (key,))
    assert row is not None
    tx.update(ITEMS, row, (row[0], row[1], v))


async def remove(tx: Transaction, key: int) -> None:
    row = await tx.get_for_update(ITEMS, (key,))
    assert row is not None
    tx.delete(ITEMS, row)


def test_repeatable_read_sees_one_moment(tmp_path: Path) -> None:
    async def work(w: World) -> None:
        await w.put(ITEMS, (1, "a", 1), (2, "b", 1))
        reader = w.begin()
        assert await select(reader) == [(1, "a", 1), (2, "b", 1)]
        writer = w.begin()
        await change(writer, 1, 2)
        await remove(writer, 2)
        await insert(writer, ITEMS, (3, "c", 1))
        await writer.commit()
        for applied in (False, True):
            if applied:
                await w.engine.apply_queue.wait(w.engine.visible_lsn)
            assert await select(reader) == [(1, "a", 1), (2, "b", 1)]
            assert await reader.get(ITEMS, (1,)) == (1, "a", 1)
            assert await reader.get(ITEMS, (2,)) == (2, "b", 1)
            assert await reader.get(ITEMS, (3,)) is None
        assert await select(reader, latest=True) == [(1, "a", 2), (3, "c", 1)]
        await reader.rollback()

    with_world(tmp_path, work, apply_interval_s=100.0)


def test_a_snapshot_holds_what_is_not_applied_yet(tmp_path: Path) -> None:
    async def work(w: World) -> None:
        await w.engine.apply_queue.wait(w.engine.visible_lsn)
        await w.put(ITEMS, (1, "a", 1))
        assert w.engine.applied_lsn < w.engine.visible_lsn
        reader = w.begin()
        await reader.start_snapshot()
        assert reader.snapshot_lsn == w.engine.visible_lsn
        await w.put(ITEMS, (2, "b", 1))
        await w.engine.apply_queue.wait(w.engine.visible_lsn)
        assert await select(reader) == [(1, "a", 1)]
        assert await reader.get(ITEMS, (1,)) == (1, "a", 1)
        assert await reader.get(ITEMS, (2,)) is None
        await reader.rollback()

    with_world(tmp_path, work, apply_interval_s=100.0)


def test_read_committed_sees_the_newest(tmp_path: Path) -> None:
    async def work(w: World) -> None:
        await w.put(ITEMS, (1, "a", 1))
        reader = w.begin(isolation="READ-COMMITTED")
        assert await select(reader) == [(1, "a", 1)]
        await w.put(ITEMS, (2, "b", 1))
        assert await select(reader) == [(1, "a", 1), (2, "b", 1)]
        assert await reader.get(ITEMS, (2,)) == (2, "b", 1)
        await reader.rollback()

    with_world(tmp_path, work, apply_interval_s=100.0)


@pytest.mark.parametrize("isolation", ["REPEATABLE-READ", "READ-COMMITTED"])
def test_own_writes_are_seen(tmp_path: Path, isolation: str) -> None:
    async def work(w: World) -> None:
        await w.put(ITEMS, (1, "a", 1), (2, "b", 1), (3, "c", 1))
        tx = w.begin(isolation=isolation)
        await change(tx, 1, 5)
        await remove(tx, 2)
        await insert(tx, ITEMS, (4, "d", 1))
        assert await select(tx) == [(1, "a", 5), (3, "c", 1), (4, "d", 1)]
        assert await select(tx, sql="SELECT sum(v) FROM t1") == [(7,)]
        mark = tx.statement_mark()
        await change(tx, 4, 9)
        assert await select(tx) == [(1, "a", 5), (3, "c", 1), (4, "d", 9)]
        tx.rollback_to_mark(mark)
        assert await select(tx) == [(1, "a", 5), (3, "c", 1), (4, "d", 1)]
        assert await tx.get(ITEMS, (2,)) is None
        await tx.rollback()
        assert await w.rows() == [(1, "a", 1), (2, "b", 1), (3, "c", 1)]

    with_world(tmp_path, work)


def test_nobody_else_sees_what_is_not_committed(tmp_path: Path) -> None:
    async def work(w: World) -> None:
        tx = w.begin()
        await insert(tx, ITEMS, (1, "a", 1))
        other = w.begin(isolation="READ-COMMITTED")
        assert await select(other) == [] and await other.get(ITEMS, (1,)) is None
        w.volume.holding = True
        commit = asyncio.create_task(tx.commit())
        await until(lambda: w.volume.next > w.volume.vdl)
        assert await select(other) == [] and await other.get(ITEMS, (1,)) is None, "not durable, not visible"
        w.volume.let_go()
        await commit
        assert await select(other) == [(1, "a", 1)]
        await other.rollback()

    with_world(tmp_path, work)


def test_locks_last_until_the_commit_is_durable(tmp_path: Path) -> None:
    async def work(w: World) -> None:
        await w.put(ITEMS, (1, "a", 1))
        first, second = w.begin(), w.begin()
        await change(first, 1, 2)
        w.volume.holding = True
        commit = asyncio.create_task(first.commit())
        await until(lambda: w.volume.next > w.volume.vdl)
        waiter = asyncio.create_task(second.get_for_update(ITEMS, (1,)))
        await until(lambda: waiting(w.engine.locks) == {second.id})
        w.volume.let_go()
        await commit
        assert await waiter == (1, "a", 2), "what is read under the lock is the newest"
        await second.rollback()

    with_world(tmp_path, work)


def test_unique_values_wherever_the_row_is(tmp_path: Path) -> None:
    """The other row may be dirty, applied to DuckDB, or the transaction's own."""

    async def work(w: World) -> None:
        await w.put(ITEMS, (1, "Old", 1))
        await w.engine.apply_queue.wait(w.engine.visible_lsn)
        await w.put(ITEMS, (2, "Dirty", 1))
        tx = w.begin()
        await insert(tx, ITEMS, (3, "Own", 1))
        for code, expected in (("OLD", 1), ("dirty", 2), ("oWN", 3)):
            found = await tx.find_unique(ITEMS, CODE, (code,))
            assert found is not None and found[0] == expected
        assert await tx.find_unique(ITEMS, CODE, ("other",)) is None
        assert await tx.find_unique(ITEMS, CODE, (None,)) is None
        row = await tx.get_for_update(ITEMS, (2,))
        assert row is not None
        tx.update(ITEMS, row, (2, "moved", 1))
        assert await tx.find_unique(ITEMS, CODE, ("dirty",)) is None
        await remove(tx, 1)
        assert await tx.find_unique(ITEMS, CODE, ("old",)) is None
        await tx.rollback()

    with_world(tmp_path, work, apply_interval_s=100.0)


def test_a_unique_value_is_found_again_after_a_savepoint(tmp_path: Path) -> None:
    async def work(w: World) -> None:
        tx = w.begin()
        await insert(tx, ITEMS, (1, "a", 1))
        tx.savepoint("s")
        tx.update(ITEMS, (1, "a", 1), (1, "b", 1))
        await insert(tx, ITEMS, (2, "a", 1))
        tx.rollback_to_savepoint("S")
        found = await tx.find_unique(ITEMS, CODE, ("a",))
        assert found == (1, "a", 1), "else another row could get the same value"
        await tx.rollback()

    with_world(tmp_path, work)


def test_a_stale_unique_value_is_no_duplicate(tmp_path: Path) -> None:
    """DuckDB is read before the applier gets to a deletion, the answer arrives after it."""

    async def work(w: World) -> None:
        await w.put(ITEMS, (1, "a", 1))
        await w.engine.apply_queue.wait(w.engine.visible_lsn)
        deleter = w.begin()
        await remove(deleter, 1)
        await deleter.commit()
        tx = w.begin()
        plain = tx._with_cursor

        async def overtaken(read: Any) -> Any:
            rows = await plain(read)
            await w.engine.apply_queue.wait(w.engine.visible_lsn)
            return rows

        tx._with_cursor = overtaken  # type: ignore[method-assign]
        assert await tx.find_unique(ITEMS, CODE, ("a",)) is None
        await tx.rollback()

    with_world(tmp_path, work, apply_interval_s=100.0)


def test_a_stale_point_read(tmp_path: Path) -> None:
    """The row is deleted, and the deletion applied, while DuckDB is being asked for it."""

    async def work(w: World) -> None:
        await w.put(ITEMS, (1, "a", 1))
        await w.engine.apply_queue.wait(w.engine.visible_lsn)
        rows = w.engine.row_store.table(1)
        assert rows is not None
        w.engine.row_store.forget_table(1)
        reader = w.begin(isolation="READ-COMMITTED")
        plain, overtaken = w.engine.loads._read_stretch, threading.Event()

        def slow(*arguments: Any) -> Any:
            found = plain(*arguments)
            assert overtaken.wait(10)
            return found

        w.engine.loads._read_stretch = slow  # type: ignore[method-assign]
        reading = asyncio.create_task(reader.get(ITEMS, (1,)))
        await until(lambda: (found := w.engine.row_store.table(1)) is not None and found.pages.loading, "the load")
        deleter = w.begin()
        await deleter.lock_keys(ITEMS, [(1,)])
        deleter.delete(ITEMS, (1, "a", 1))
        await deleter.commit()
        await w.engine.apply_queue.wait(w.engine.visible_lsn)
        overtaken.set()
        assert await reading is None
        assert await reader.get(ITEMS, (1,)) is None, "nor is the stale row kept"
        await reader.rollback()

    with_world(tmp_path, work, apply_interval_s=100.0)


def test_savepoints(tmp_path: Path) -> None:
    async def work(w: World) -> None:
        tx = w.begin()
        await insert(tx, ITEMS, (1, "a", 1))
        tx.savepoint("one")
        await insert(tx, ITEMS, (2, "b", 1))
        tx.savepoint("two")
        await insert(tx, ITEMS, (3, "c", 1))
        tx.savepoint("ONE")  # the older one goes
        await insert(tx, ITEMS, (4, "d", 1))
        tx.rollback_to_savepoint("one")
        assert [r[0] for r in await select(tx)] == [1, 2, 3]
        tx.rollback_to_savepoint("two")
        assert [r[0] for r in await select(tx)] == [1, 2]
        with pytest.raises(MySQLError, match="one"):
            tx.rollback_to_savepoint("one")
        tx.release_savepoint("two")
        with pytest.raises(MySQLError, match="two"):
            tx.release_savepoint("two")
        await tx.commit()
        assert [r[0] for r in await w.rows()] == [1, 2]

    with_world(tmp_path, work)


def test_nowait_and_skip_locked(tmp_path: Path) -> None:
    async def work(w: World) -> None:
        await w.put(ITEMS, (1, "a", 1), (2, "b", 1))
        holder, other = w.begin(), w.begin()
        await holder.get_for_update(ITEMS, (1,))
        with pytest.raises(MySQLError) as caught:
            await other.get_for_update(ITEMS, (1,), nowait=True)
        assert caught.value.errno == 3572
        assert await other.get_for_update(ITEMS, (1,), skip_locked=True) is None
        assert await other.lock_keys(ITEMS, [(1,), (2,)], skip_locked=True) == [(2,)]
        await holder.rollback()
        assert await other.get_for_update(ITEMS, (1,), nowait=True) == (1, "a", 1)
        await other.rollback()

    with_world(tmp_path, work)


def test_lock_wait_timeout(tmp_path: Path) -> None:
    async def work(w: World) -> None:
        await w.put(ITEMS, (1, "a", 1))
        holder, other = w.begin(), w.begin(w.session(innodb_lock_wait_timeout=0.05))
        await holder.get_for_update(ITEMS, (1,))
        with pytest.raises(MySQLError) as caught:
            await other.get_for_update(ITEMS, (1,))
        assert caught.value.errno == 1205
        assert other.active
        await other.rollback()
        await holder.rollback()
        assert len(w.engine.locks) == 0

    with_world(tmp_path, work)


def test_kill_during_a_wait_and_during_a_query(tmp_path: Path) -> None:
    async def work(w: World) -> None:
        await w.put(ITEMS, (1, "a", 1))
        holder, ctx = w.begin(), w.session()
        other = w.begin(ctx)
        await holder.get_for_update(ITEMS, (1,))
        task = asyncio.create_task(other.get_for_update(ITEMS, (1,)))
        await until(lambda: waiting(w.engine.locks) == {other.id})
        ctx.interrupt(whole_connection=False)
        with pytest.raises(MySQLError) as caught:
            await task
        assert caught.value.errno == 1317
        ctx.kill_query = False
        heavy = "SELECT count(*) FROM range(100000) a, range(100000) b WHERE a.range + b.range = 7"
        query = asyncio.create_task(other.query(heavy, tables=[]))
        await until(lambda: ctx.on_kill)
        ctx.interrupt(whole_connection=False)
        with pytest.raises(MySQLError) as caught:
            await query
        assert caught.value.errno == 1317
        ctx.kill_query = False
        assert await select(other) == [(1, "a", 1)], "the transaction lives on"
        await other.rollback()
        await holder.rollback()

    with_world(tmp_path, work)


def test_a_snapshot_survives_a_failed_query(tmp_path: Path) -> None:
    """Any error ends DuckDB's transaction. The read view goes on; only what has changed since is out of reach."""

    async def work(w: World) -> None:
        await w.create(OTHER)
        await w.put(ITEMS, (1, "a", 1))
        await w.put(OTHER, (1, "a", 1))
        tx = w.begin()
        assert await select(tx) == [(1, "a", 1)]
        await insert(tx, ITEMS, (2, "own", 1))
        assert len(await select(tx)) == 2
        for _ in range(2):
            with pytest.raises(duckdb.Error):
                await select(tx, sql="SELECT error('no') FROM t1")
            assert await select(tx) == [(1, "a", 1), (2, "own", 1)]
        with pytest.raises(duckdb.Error):
            await select(tx, sql="SELECT error('no') FROM t1")
        await w.put(OTHER, (2, "b", 1))
        await w.engine.apply_queue.wait(w.engine.visible_lsn)
        assert await select(tx) == [(1, "a", 1), (2, "own", 1)]
        for read in (tx.query("SELECT id FROM t2", tables=[OTHER]), tx.get(OTHER, (2,))):
            with pytest.raises(MySQLError) as caught:
                await read
            assert caught.value.errno == 1412
        await tx.commit()
        assert await w.rows() == [(1, "a", 1), (2, "own", 1)]

    with_world(tmp_path, work, apply_interval_s=100.0)


@pytest.mark.parametrize("ending", ["commit", "rollback"])
def test_a_client_that_leaves_at_the_end_leaves_no_lock(tmp_path: Path, ending: str) -> None:
    """The task is cancelled while its snapshot is being closed: its locks must go all the same."""

    async def work(w: World) -> None:
        await w.put(ITEMS, (1, "a", 1))
        tx = w.begin()
        await select(tx)
        await change(tx, 1, 2)
        task = asyncio.create_task(getattr(tx, ending)())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(lambda: len(w.engine.locks) == 0)
        assert not w.engine.transactions

    with_world(tmp_path, work)


def test_a_failed_commit_is_over(tmp_path: Path) -> None:
    async def work(w: World) -> None:
        tx = w.begin()
        await insert(tx, ITEMS, (1, "a", 1))
        w.volume.refuse = OSError("disk")
        with pytest.raises(OSError, match="disk"):
            await tx.commit()
        w.volume.refuse = None
        assert not tx.active and len(w.engine.locks) == 0
        assert await w.rows() == []

    with_world(tmp_path, work)


def test_read_only_transactions_take_no_row_locks(tmp_path: Path) -> None:
    async def work(w: World) -> None:
        tx = w.begin(read_only=True)
        with pytest.raises(MySQLError) as caught:
            await tx.get_for_update(ITEMS, (1,))
        assert caught.value.errno == 1792
        await tx.rollback()

    with_world(tmp_path, work)


def test_a_definition_does_not_change_under_a_transaction(tmp_path: Path) -> None:
    async def work(w: World) -> None:
        tx = w.begin()
        await select(tx)
        alter = asyncio.create_task(w.add_column(ITEMS, Column("w", ColumnType("bigint"))))
        await until(lambda: waiting(w.engine.locks))
        assert await select(tx) == []
        await tx.commit()
        wider = await alter
        late = w.begin()
        with pytest.raises(StalePlanError):
            await late.use_table(ITEMS)
        await late.use_table(wider)
        await late.rollback()

    with_world(tmp_path, work)


def test_a_snapshot_older_than_a_definition_is_1412(tmp_path: Path) -> None:
    async def work(w: World) -> None:
        tx = w.begin()
        await tx.start_snapshot()
        wider = await w.add_column(ITEMS, Column("w", ColumnType("bigint")))
        with pytest.raises(MySQLError) as caught:
            await tx.query("SELECT w FROM t1", tables=[wider])
        assert caught.value.errno == 1412
        await tx.rollback()

    with_world(tmp_path, work)


def test_counters_of_a_failed_commit_are_logged_by_the_next(tmp_path: Path) -> None:
    """Two transactions have drawn numbers; the first one's commit, which carries the counter, fails."""

    async def work(w: World) -> None:
        first, second = w.begin(), w.begin()
        await insert(first, ITEMS, (w.engine.next_auto_increment(ITEMS), "a", 1))
        await insert(second, ITEMS, (w.engine.next_auto_increment(ITEMS), "b", 1))
        w.volume.refuse = OSError("disk")
        with pytest.raises(OSError, match="disk"):
            await first.commit()
        w.volume.refuse = None
        await second.commit()
        assert w.commits[-1].counters == {1: 3}, "else a new writer would give 2 again"

    with_world(tmp_path, work)


def test_back_pressure(tmp_path: Path) -> None:
    async def work(w: World) -> None:
        for number in range(40):
            await w.put(ITEMS, (number, f"c{number}", 1))
            assert w.engine.apply_queue.pending_rows <= 6
        assert len(await w.rows()) == 40

    with_world(tmp_path, work, dirty_rows_limit=5, apply_interval_s=100.0)


def test_streams(tmp_path: Path) -> None:
    async def work(w: World) -> None:
        tx = w.begin()
        tx.insert_many(ITEMS, [(n, f"c{n}", n) for n in range(5000)])
        await tx.commit()
        reader = w.begin(autocommit=True)
        stream = await reader.query_stream(SELECT, tables=[ITEMS])
        rows = [row async for batch in stream for row in batch]
        assert [r[0] for r in rows] == list(range(5000))
        stream = await reader.query_stream(SELECT, tables=[ITEMS])
        await anext(aiter(stream))
        await stream.aclose()
        assert await select(reader, sql="SELECT count(*) FROM t1") == [(5000,)]
        await reader.rollback()

    with_world(tmp_path, work)
