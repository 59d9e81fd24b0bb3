"""Backtrack on a real volume in one process, where the redo tells what it replaced and where it does not."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aurora_mysql.backup.backtrack import Backtrack, BacktrackState
from aurora_mysql.backup.source import Past
from aurora_mysql.catalog.model import CatalogDelta, User
from aurora_mysql.errors import StorageError
from aurora_mysql.redo.record import Commit, TableChange
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.storage.checkpoint import CheckpointStore
from replicas.checkpointer import Checkpointer
from tests.support.redo_cluster import CLUSTER_ID, TABLE, Node, create_statements, new_volume, run

CTX = SessionContext(1, User("a"))


def instant_us() -> int:
    """Strictly between the commits before and after."""
    time.sleep(0.002)
    found = time.time_ns() // 1000
    time.sleep(0.002)
    return found


async def write(node: Node, **rows: str | None) -> None:
    """As a session does, so the redo tells what was there."""
    transaction = node.engine.begin(CTX)
    table = node.engine.catalog.table("d", "t")
    assert table is not None
    for name, value in rows.items():
        key = int(name[1:])
        old = await transaction.get_for_update(table, (key,))
        if value is None:
            assert old is not None
            transaction.delete(table, old)
        elif old is None:
            transaction.insert(table, (key, value))
        else:
            transaction.update(table, old, (key, value))
    await transaction.commit()


async def blind(node: Node, *rows: tuple[int, str], deletes: tuple[int, ...] = ()) -> None:
    """As an older version did: the redo does not tell."""
    change = TableChange(TABLE.id, list(rows), [(key,) for key in deletes])
    await node.engine.commit_log.commit(Commit(changes=[change]))


async def back(node: Node, until_us: int) -> BacktrackState:
    assert node.volume is not None
    past = Past(node.root, CLUSTER_ID, node.engine.visible_lsn)
    backtrack = Backtrack(node.engine, past, node.volume.read, CTX, data_dir=node.root, close_sessions=lambda: None)
    return await backtrack.run(until_us)


async def content(node: Node) -> dict[int, str]:
    engine = node.engine
    await engine.apply_queue.wait(engine.visible_lsn)
    table = engine.catalog.table("d", "t")
    assert table is not None
    cursor = engine.duck.borrow()
    try:
        return dict(cursor.execute(f"SELECT id, v FROM {table.physical_name}").fetchall())
    finally:
        engine.duck.give_back(cursor)


def with_nodes(root: Path, work: Callable[[Node, Node], Awaitable[None]]) -> None:
    async def main() -> None:
        new_volume(root)
        writer = await Node(root, "instance-1").open()
        await writer.promote()
        await writer.create_table()
        reader = await Node(root, "instance-2").open()
        reader.follow(writer)
        try:
            await work(writer, reader)
            await reader.receiver.stop()
            await reader.receiver.catch_up(writer.engine.visible_lsn)
            assert await content(reader) == await content(writer)
            assert reader.engine.catalog == writer.engine.catalog
            assert not (writer.engine.directory / "backtrack").exists()
        finally:
            await reader.crash()
            await writer.crash()

    run(main)


@pytest.mark.parametrize("checkpoint", [False, True])
def test_back_and_forward_and_back(tmp_path: Path, checkpoint: bool) -> None:
    async def work(writer: Node, reader: Node) -> None:
        moments: list[tuple[int, dict[int, str]]] = []
        await write(writer, k1="a", k2="b", k3="c")
        if checkpoint:
            await Checkpointer(writer.engine, CheckpointStore(tmp_path / "volume", CLUSTER_ID)).take()
        for rows in ({"k1": "A"}, {"k2": None, "k4": "d"}, {"k2": "again", "k1": None}, {"k5": "e"}):
            moments.append((instant_us(), await content(writer)))
            await write(writer, **rows)
        moments.append((instant_us(), await content(writer)))
        for at in (2, 4, 0, 3, 1, 4):
            state = await back(writer, moments[at][0])
            assert await content(writer) == moments[at][1], at
            assert state.state == "done" and state.filled_tables == 0
        # A point read, which the row store answers, agrees.
        transaction = writer.engine.begin(CTX)
        assert await transaction.get(TABLE, (2,)) == (2, "again")
        await transaction.rollback()

    with_nodes(tmp_path, work)


def test_redo_that_does_not_tell(tmp_path: Path) -> None:
    async def work(writer: Node, reader: Node) -> None:
        await blind(writer, (1, "a"), (2, "b"), (3, "c"))
        before = instant_us()
        await blind(writer, (1, "A"), (4, "d"), deletes=(2,))
        await write(writer, k3="C")
        await back(writer, before)
        assert await content(writer) == {1: "a", 2: "b", 3: "c"}

    with_nodes(tmp_path, work)


@pytest.mark.parametrize("what", ["drop", "drop and create", "rename", "altered and back"])
def test_tables_come_back(tmp_path: Path, what: str) -> None:
    async def work(writer: Node, reader: Node) -> None:
        engine = writer.engine
        await write(writer, **{f"k{i}": f"v{i}" for i in range(1, 20)})
        before, catalog = instant_us(), engine.catalog
        key = ("d", "t")
        if what == "rename":
            await engine.commit_schema(CTX, CatalogDelta(tables={key: None, ("d", "z"): replace(TABLE, name="z")}), ())
        elif what == "altered and back":
            await engine.commit_schema(CTX, CatalogDelta(tables={key: replace(TABLE, comment="new")}), ())
        else:
            await engine.commit_schema(CTX, CatalogDelta(tables={key: None}), ["DROP TABLE t1"])
        if what == "drop and create":
            new = replace(TABLE, id=2)
            statements = [s.replace("t1", "t2") for s in create_statements()]
            await engine.commit_schema(CTX, CatalogDelta(tables={key: new}, next_table_id=3), statements)
        after, gone = instant_us(), engine.catalog
        state = await back(writer, before)
        assert await content(writer) == {i: f"v{i}" for i in range(1, 20)}
        assert state.filled_tables == (1 if what.startswith("drop") else 0)
        assert set(engine.catalog.tables) == set(catalog.tables)
        await write(writer, k100="more")
        await back(writer, after)
        assert set(engine.catalog.tables) == set(gone.tables)

    async def and_there(writer: Node, reader: Node) -> None:
        await work(writer, reader)
        if writer.engine.catalog.table("d", "t") is None:
            # The nodes are compared by this table.
            await writer.engine.commit_schema(
                CTX,
                CatalogDelta(
                    tables={("d", "t"): _again(writer)}, next_table_id=writer.engine.catalog.next_table_id + 1
                ),
                [s.replace("t1", f"t{_again(writer).id}") for s in create_statements()],
            )

    with_nodes(tmp_path, and_there)


def _again(node: Node) -> Any:
    return replace(TABLE, id=node.engine.catalog.next_table_id)


def test_what_can_t_be_reached_changes_nothing(tmp_path: Path) -> None:
    async def work(writer: Node, reader: Node) -> None:
        store = CheckpointStore(tmp_path / "volume", CLUSTER_ID)
        await write(writer, k1="a")
        early = instant_us()
        for key in range(2, 5):
            await write(writer, **{f"k{key}": "x" * 50})
            await Checkpointer(writer.engine, store).take()
        assert writer.volume is not None
        for path in (tmp_path / "volume").glob("az-*/copy-*/seg-*"):
            path.rename(path.with_suffix(".gone"))
        lsn = writer.engine.visible_lsn
        with pytest.raises(StorageError):
            await back(writer, early)
        assert writer.engine.visible_lsn == lsn
        for path in (tmp_path / "volume").glob("az-*/copy-*/seg-*"):
            path.rename(path.with_suffix(".redo"))

    with_nodes(tmp_path, work)
