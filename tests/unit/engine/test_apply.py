"""Applier and apply queue: batches, schema changes inside them, crashes between them."""

from __future__ import annotations

import asyncio
import random
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aurora_mysql.catalog.model import CatalogDelta, Column, ColumnType, Database, Index, IndexPart, Table
from aurora_mysql.catalog.physical import create_table_statements
from aurora_mysql.engine.applier import Applier
from aurora_mysql.engine.apply_queue import ApplyQueue
from aurora_mysql.engine.materialisation import Materialisation
from aurora_mysql.errors import StorageError
from aurora_mysql.redo.record import Commit, RowsBefore, SchemaChange, TableChange, differences
from aurora_mysql.sql.functions import bootstrap
from tests.support.engine_world import ITEMS, OPTIONS, until

PAIRS = Table(
    2,
    "d",
    "pairs",
    (
        Column("a", ColumnType("varchar", 20, charset="utf8mb4", collation="utf8mb4_general_ci"), nullable=False),
        Column("b", ColumnType("bigint"), nullable=False),
        Column("v", ColumnType("varchar", 20, charset="utf8mb4", collation="utf8mb4_bin")),
    ),
    (Index("PRIMARY", (IndexPart("a"), IndexPart("b")), unique=True),),
)


def opened(path: Path) -> Applier:
    return Applier(Materialisation(path / "m.duckdb", threads=1, memory_limit_bytes=256 << 20, bootstrap=bootstrap))


def close(applier: Applier) -> None:
    applier._duck.close()


def created(lsn: int, *tables: Table) -> Commit:
    delta = CatalogDelta(databases={"d": Database("d")}, tables={(t.database, t.name): t for t in tables})
    return Commit(lsn, schema=SchemaChange(delta, [s for t in tables for s in create_table_statements(t)]))


def up(lsn: int, *rows: tuple[Any, ...], table_id: int = 1) -> Commit:
    return Commit(lsn, changes=[TableChange(table_id, list(rows))])


def down(lsn: int, *keys: tuple[Any, ...], table_id: int = 1) -> Commit:
    return Commit(lsn, changes=[TableChange(table_id, (), list(keys))])


def rows(applier: Applier, table: Table = ITEMS) -> list[tuple[Any, ...]]:
    names = ", ".join(f'"{c.name}"' for c in table.columns)
    return applier._duck.root.execute(f"SELECT {names} FROM vol.main.{table.physical_name} ORDER BY ALL").fetchall()


def test_changes_of_a_key_coalesce(tmp_path: Path) -> None:
    applier = opened(tmp_path)
    batch = [created(1, ITEMS), up(2, (1, "a", 1), (2, "b", 1)), up(3, (1, "a", 2)), down(4, (2,)), up(5, (2, "c", 9))]
    applier.apply(batch, None)
    assert rows(applier) == [(1, "a", 2), (2, "c", 9)]
    assert applier.applied_lsn == 5 and applier.batches == 1
    assert applier.rows_applied == 2, "five images, two rows"
    close(applier)


def test_the_last_word_on_a_key_counts(tmp_path: Path) -> None:
    applier = opened(tmp_path)
    applier.apply([created(1, ITEMS), up(2, (1, "a", 1))], None)
    applier.apply([down(3, (1,)), up(4, (1, "a", 2)), down(5, (1,))], None)
    assert rows(applier) == []
    applier.apply([up(6, (1, "z", 3)), down(7, (1,)), up(8, (1, "a", 4))], None)
    assert rows(applier) == [(1, "a", 4)]
    close(applier)


def test_keys_that_differ_in_case_are_one(tmp_path: Path) -> None:
    applier = opened(tmp_path)
    applier.apply([created(1, PAIRS), up(2, ("Ab ", 1, "x"), ("b", 1, "y"), table_id=2)], None)
    applier.apply([up(3, ("aB", 1, "z"), table_id=2), down(4, ("B  ", 1), table_id=2)], None)
    assert rows(applier, PAIRS) == [("aB", 1, "z")]
    many = [(f"K{n}", n, "q") for n in range(20)]
    applier.apply([up(5, *many, table_id=2)], None)
    applier.apply([down(6, *[(f"k{n}", n) for n in range(10)], table_id=2)], None)
    assert len(rows(applier, PAIRS)) == 11
    close(applier)


def test_schema_changes_inside_a_batch(tmp_path: Path) -> None:
    """Rows before, between and after: each meets the definition of its time."""
    applier = opened(tmp_path)
    wider = replace(ITEMS, columns=(*ITEMS.columns, Column("w", ColumnType("bigint"))))
    add = CatalogDelta(tables={("d", "items"): wider})
    drop = CatalogDelta(tables={("d", "pairs"): None})
    applier.apply(
        [
            created(1, ITEMS, PAIRS),
            up(2, (1, "a", 1)),
            up(3, ("k", 1, "v"), table_id=2),
            Commit(4, schema=SchemaChange(add, ["ALTER TABLE t1 ADD COLUMN w BIGINT"])),
            up(5, (2, "b", 2, 7)),
            Commit(6, schema=SchemaChange(drop, ["DROP TABLE t2"])),
            up(7, (1, "a", 1, 8)),
        ],
        None,
    )
    assert rows(applier, wider) == [(1, "a", 1, 8), (2, "b", 2, 7)]
    assert set(applier.catalog.tables_by_id) == {1}
    assert applier.applied_lsn == 7
    close(applier)


def test_a_batch_that_fails_changes_nothing(tmp_path: Path) -> None:
    applier = opened(tmp_path)
    applier.apply([created(1, ITEMS), up(2, (1, "a", 1))], None)
    bad = Commit(4, schema=SchemaChange(CatalogDelta(databases={"e": Database("e")}), ["CREATE NONSENSE"]))
    with pytest.raises(StorageError, match=r"redo 3\.\.5"):
        applier.apply([up(3, (1, "a", 2)), bad, up(5, (3, "c", 1))], b"counters")
    assert rows(applier) == [(1, "a", 1)]
    assert applier.applied_lsn == 2 == applier._duck.applied_lsn()
    assert "e" not in applier.catalog.databases and applier._duck.meta("counters") is None
    applier.apply([up(3, (1, "a", 3))], None)
    assert rows(applier) == [(1, "a", 3)]
    close(applier)


def test_redo_of_an_unknown_table_is_refused(tmp_path: Path) -> None:
    applier = opened(tmp_path)
    with pytest.raises(StorageError, match="table id 9"):
        applier.apply([up(1, (1, "a", 1), table_id=9)], None)
    close(applier)


def test_a_crash_between_batches(tmp_path: Path) -> None:
    """Without a checkpoint the file is what the last one left; the same redo from there gives the same rows."""
    dice = random.Random(7)
    commits = [created(1, ITEMS)]
    model: dict[int, tuple[int, str, int]] = {}
    states = {1: dict(model)}
    for lsn in range(2, 60):
        key = dice.randrange(12)
        if key in model and dice.random() < 0.3:
            commits.append(down(lsn, (key,)))
            del model[key]
        else:
            model[key] = (key, f"c{key}", lsn)
            commits.append(up(lsn, model[key]))
        states[lsn] = dict(model)
    applier = opened(tmp_path)
    at = durable = 0
    while at < len(commits):
        size = dice.randrange(1, 6)
        applier.apply(commits[at : at + size], str(at).encode())
        at = min(at + size, len(commits))
        assert rows(applier) == sorted(states[applier.applied_lsn].values())
        if dice.random() < 0.3:
            durable = applier.checkpoint()
        if dice.random() < 0.3:
            # Closing would checkpoint: what a crash leaves is the file as it is now.
            place = tmp_path / f"crash-{at}-{dice.random()}"
            place.mkdir()
            subprocess.run(["cp", str(applier._duck.path), str(place / "m.duckdb")], check=True)
            close(applier)
            applier = opened(place)
            assert applier.applied_lsn == durable, "a whole commit, that of the last checkpoint"
            if durable:
                assert rows(applier) == sorted(states[durable].values())
            at = durable
    assert rows(applier) == sorted(model.values())
    close(applier)


def test_rows_that_the_redo_calls_new(tmp_path: Path) -> None:
    """Nothing is deleted for them; what else the batch or earlier batches did to their keys must not matter."""
    dice = random.Random(11)
    model: dict[int, tuple[int, str, int]] = {}
    applier = opened(tmp_path)
    applier.apply([created(1, ITEMS)], None)
    lsn = 1
    for _ in range(40):
        batch = []
        for _ in range(dice.randrange(1, 5)):
            lsn += 1
            touched = dice.sample(range(30), dice.randrange(1, 14))
            gone = [key for key in touched if key in model and dice.random() < 0.4]
            new = {key: (key, f"c{key}", lsn) for key in touched if key not in gone}
            old = [None if key not in model else differences(model[key], row) for key, row in new.items()]
            before = RowsBefore(old if any(old) else None, [model[key] for key in gone])
            change = TableChange(1, list(new.values()), [(key,) for key in gone], before)
            batch.append(Commit(lsn, changes=[change]))
            model = {key: row for key, row in model.items() if key not in gone} | new
        applier.apply(batch, None)
        assert rows(applier) == sorted(model.values())
    close(applier)


async def _nothing_to_pin(lsn: int) -> None:
    """No read views here."""


class Queue:
    def __init__(self, path: Path, **options: Any) -> None:
        self.applier = opened(path)
        self.applied: list[list[int]] = []
        self.failures: list[Exception] = []
        self.queue = ApplyQueue(
            self.applier,
            replace(OPTIONS, **options),
            counters=lambda: None,
            before_apply=_nothing_to_pin,
            on_applied=lambda batch: self.applied.append([c.lsn for c in batch]),
            on_failure=self.failures.append,
        )
        self.queue.start()

    async def close(self) -> None:
        await self.queue.close()
        close(self.applier)


def with_queue(path: Path, work: Any, **options: Any) -> None:
    async def main() -> None:
        queue = Queue(path, **options)
        try:
            async with asyncio.timeout(20):
                await work(queue)
        finally:
            await queue.close()

    asyncio.run(main())


def test_a_waiter_does_not_wait_for_the_interval(tmp_path: Path) -> None:
    async def work(q: Queue) -> None:
        q.queue.add(created(1, ITEMS))
        q.queue.add(up(2, (1, "a", 1)))
        await q.queue.wait(2)
        assert q.queue.applied_lsn == 2 and not q.queue.pending and q.queue.pending_rows == 0
        await q.queue.wait(1)

    with_queue(tmp_path, work, apply_interval_s=100.0)


def test_commits_are_applied_without_being_asked_for(tmp_path: Path) -> None:
    async def work(q: Queue) -> None:
        q.queue.add(created(1, ITEMS))
        await until(lambda: q.queue.applied_lsn == 1)

    with_queue(tmp_path, work, apply_interval_s=0.01)


def test_batches_are_bounded(tmp_path: Path) -> None:
    async def work(q: Queue) -> None:
        q.queue.add(created(1, ITEMS))
        for lsn in range(2, 30):
            q.queue.add(up(lsn, (lsn, f"c{lsn}", 1), (lsn + 100, f"c{lsn + 100}", 1)))
        q.queue.add(up(30, *[(n, f"d{n}", 2) for n in range(1000, 1050)]))  # larger than a batch: goes as one
        await q.queue.wait(30)
        sizes = [sum(1 if lsn == 1 else 50 if lsn == 30 else 2 for lsn in batch) for batch in q.applied]
        assert all(size <= 11 or size == 50 for size in sizes), sizes
        assert [lsn for batch in q.applied for lsn in batch] == list(range(1, 31))
        assert len(rows(q.applier)) == 28 * 2 + 50

    with_queue(tmp_path, work, apply_interval_s=100.0, apply_batch_rows=10)


def test_room(tmp_path: Path) -> None:
    async def work(q: Queue) -> None:
        q.queue.add(created(1, ITEMS))
        for lsn in range(2, 20):
            q.queue.add(up(lsn, (lsn, f"c{lsn}", 1)))
        await q.queue.room()
        assert q.queue.pending_rows <= 5

    with_queue(tmp_path, work, apply_interval_s=100.0, dirty_rows_limit=5, apply_batch_rows=3)


def test_a_failed_applier_tells_everybody(tmp_path: Path) -> None:
    async def work(q: Queue) -> None:
        q.queue.add(up(1, (1, "a", 1)))  # no such table
        early = asyncio.create_task(q.queue.wait(1))
        with pytest.raises(StorageError):
            await early
        assert len(q.failures) == 1
        with pytest.raises(StorageError):
            await q.queue.wait(1)

    with_queue(tmp_path, work)


def test_checkpoints_wait_for_a_copy(tmp_path: Path) -> None:
    async def work(q: Queue) -> None:
        q.queue.add(created(1, ITEMS))
        async with q.queue.file_lock:
            for lsn in range(2, 10):
                q.queue.add(up(lsn, (lsn, f"c{lsn}", 1)))
            await q.queue.wait(9)
            assert q.queue.checkpointed_lsn == 0
            task = asyncio.create_task(q.queue.checkpoint())
            await asyncio.sleep(0.05)
            assert not task.done()
        assert await task == 9 and q.queue.checkpointed_lsn == 9

    with_queue(tmp_path, work, checkpoint_rows=3, apply_interval_s=0.01)


def test_a_checkpoint_after_so_many_rows(tmp_path: Path) -> None:
    async def work(q: Queue) -> None:
        q.queue.add(created(1, ITEMS))
        q.queue.add(up(2, *[(n, f"c{n}", 1) for n in range(5)]))
        await until(lambda: q.queue.checkpointed_lsn == 2)

    with_queue(tmp_path, work, checkpoint_rows=3, apply_interval_s=0.01)
