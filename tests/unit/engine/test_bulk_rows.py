"""Rows that stay columns: in the transaction's buffer, in the redo, in the applier; by key as soon as somebody asks."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest

from aurora_mysql.catalog.model import Index, IndexPart
from aurora_mysql.catalog.physical import create_table_statements
from aurora_mysql.engine.arrow_rows import ArrowLayout, collation_keys
from aurora_mysql.engine.buffer import RedoBuffer
from aurora_mysql.engine.keys import TableKeys
from aurora_mysql.engine.new_columns import any_missing, referring_values
from aurora_mysql.errors import MySQLError
from aurora_mysql.redo.column_rows import ColumnRows
from tests.support.engine_world import ITEMS, World, until, with_world

KEYS = TableKeys(ITEMS)
LAYOUT = ArrowLayout(ITEMS)
UNIQUE = list(ITEMS.indexes)


def columns(*keys: int) -> ColumnRows:
    return LAYOUT.logical([(key, f"Code {key}" if key % 3 else None, key * 10) for key in keys])


def row(key: int) -> tuple[int, str | None, int]:
    return (key, f"Code {key}" if key % 3 else None, key * 10)


def test_columns_read_as_rows() -> None:
    rows = columns(1, 2, 3, 4)
    assert list(rows) == [row(1), row(2), row(3), row(4)] and len(rows) == 4
    assert (rows[0], rows[-1]) == (row(1), row(4))
    assert list(rows[1:3]) == [row(2), row(3)]
    with pytest.raises(IndexError):
        _ = rows[4]


def test_the_buffer_gives_them_by_key_when_asked() -> None:
    buffer = RedoBuffer()
    buffer.put_columns(KEYS, columns(1, 2))
    buffer.put_columns(KEYS, columns(3))
    assert buffer and [list(c.upserts) for c in buffer.changes()] == [[row(1), row(2)], [row(3)]]
    assert buffer.find(1, (2,)) == (True, row(2))
    assert buffer.find_unique(KEYS, "code", ("code 2",)) == row(2)
    assert buffer.find(1, (9,)) == (False, None)
    (change,) = buffer.changes()
    assert list(change.upserts) == [row(1), row(2), row(3)] and change.before is not None
    assert change.before.upserts is None


@pytest.mark.parametrize("settle_after", [0, 1, 2, 3])
def test_marks_hold_whenever_they_are_asked_for(settle_after: int) -> None:
    """A rollback gives the same, whether the rows were columns or had become single rows before or after the mark."""
    buffer = RedoBuffer()

    def step(number: int) -> None:
        if number == settle_after:
            buffer.find(1, (1,))

    empty = buffer.mark()
    buffer.put_columns(KEYS, columns(1, 2))
    step(0)
    first = buffer.mark()
    if settle_after != 0:
        buffer.put_columns(KEYS, columns(3, 4))
    step(1)
    second = buffer.mark()
    buffer.put(KEYS, (2, "changed", 0), row(2))
    buffer.delete(KEYS, row(1))
    step(2)
    buffer.rollback_to(second)
    kept = [1, 2] if settle_after == 0 else [1, 2, 3, 4]
    assert {key: image for key, image in buffer.rows(1)} == {(k,): row(k) for k in kept}
    buffer.rollback_to(first)
    assert {key: image for key, image in buffer.rows(1)} == {(k,): row(k) for k in (1, 2)}
    assert buffer.find_unique(KEYS, "code", ("code 4",)) is None
    buffer.rollback_to(empty)
    assert not buffer and not buffer.changes()
    assert buffer.find_unique(KEYS, "code", ("code 1",)) is None


def test_collation_keys_of_a_column_are_those_of_its_values() -> None:
    from aurora_mysql.catalog.collation import collation_key

    texts: list[str | None] = ["a", "B ", "Éa", None, "", "ß", "abc  "]
    for sample in (texts, ["A", "b ", None]):
        array: Any = LAYOUT.logical([(0, text, 0) for text in sample]).column(1)
        for collation in ("utf8mb4_0900_ai_ci", "utf8mb4_general_ci", "utf8mb4_bin", "utf8mb4_0900_as_cs", None):
            expected = [None if text is None else collation_key(text, collation) for text in sample]
            assert collation_keys(array, collation).to_pylist() == expected, collation


def test_they_arrive_in_duckdb_and_in_other_sessions(tmp_path: Path) -> None:
    async def work(w: World) -> None:
        await w.put(ITEMS, (5, "five", 5))
        tx = w.begin()
        assert await tx.put_columns(ITEMS, columns(10, 11, 12), UNIQUE)
        assert await tx.put_columns(ITEMS, columns(13), UNIQUE)
        other = w.begin()
        assert await other.get(ITEMS, (11,)) is None
        assert await tx.get(ITEMS, (11,)) == row(11)
        await tx.commit()
        assert await other.get(ITEMS, (11,)) is None, "its view is older"
        await other.rollback()
        late = w.begin()
        assert await late.get(ITEMS, (13,)) == row(13)
        found = await late.query("SELECT id, code FROM t1 ORDER BY id", tables=[ITEMS])
        assert [r[0] for r in found.rows] == [5, 10, 11, 12, 13]
        assert await late.find_unique(ITEMS, ITEMS.indexes[1], ["CODE 11"], lock=False) == row(11)
        await late.rollback()

    with_world(tmp_path, work)


@pytest.mark.parametrize("keys", [(20, 20), (20, 5), (20, 10)], ids=["among themselves", "in the table", "earlier"])
def test_a_value_that_is_taken_is_told(tmp_path: Path, keys: tuple[int, ...]) -> None:
    async def work(w: World) -> None:
        await w.put(ITEMS, (5, "five", 5))
        tx = w.begin()
        assert await tx.put_columns(ITEMS, columns(10, 11), UNIQUE)
        assert not await tx.put_columns(ITEMS, columns(*keys), UNIQUE)
        code = LAYOUT.logical([(30, {20: "code 11", 5: "FIVE", 10: "CODE 10"}[keys[-1]], 1)])
        assert not await tx.put_columns(ITEMS, code, UNIQUE)
        assert await tx.put_columns(ITEMS, columns(30), UNIQUE), "nothing of it was kept"
        await tx.commit()

    with_world(tmp_path, work)


def test_others_who_use_the_table_and_own_single_rows_send_them_another_way(tmp_path: Path) -> None:
    async def work(w: World) -> None:
        other, tx = w.begin(), w.begin()
        await other.lock_keys(ITEMS, [(1,)])
        assert not await tx.put_columns(ITEMS, columns(10), UNIQUE)
        await other.rollback()
        await tx.lock_keys(ITEMS, [(1,)])
        tx.insert(ITEMS, (1, "a", 1))
        assert not await tx.put_columns(ITEMS, columns(10), UNIQUE)
        await tx.rollback()
        reading = w.begin(read_only=True)
        with pytest.raises(MySQLError) as raised:
            await reading.put_columns(ITEMS, columns(10), UNIQUE)
        assert raised.value.errno == 1792
        await reading.rollback()

    with_world(tmp_path, work)


def test_parents_are_found_and_locked(tmp_path: Path) -> None:
    """In the table and among own rows that are still columns; what is missing or locked is told."""

    async def work(w: World) -> None:
        for key in (5, 6):
            await w.put(ITEMS, (key, f"code {key}", 0))
        tx, other = w.begin(), w.begin()
        assert await tx.put_columns(ITEMS, columns(10, 11), UNIQUE)
        await tx.rollback()
        tx = w.begin()

        def wanted(*keys: int | None) -> Any:
            return referring_values(ITEMS, ["v"], LAYOUT.logical([(1, None, key) for key in keys]))

        assert await tx.have_parents(ITEMS, ["id"], wanted(5, 6, 5, None))
        assert not await tx.have_parents(ITEMS, ["id"], wanted(5, 7))
        with pytest.raises(MySQLError) as raised:
            await other.lock_keys(ITEMS, [(6,)], nowait=True)
        assert raised.value.errno == 3572
        await tx.rollback()
        tx = w.begin()
        await other.lock_keys(ITEMS, [(6,)])
        assert await tx.have_parents(ITEMS, ["id"], wanted(5))
        assert not await tx.have_parents(ITEMS, ["id"], wanted(6)), "it may be gone soon"
        assert not await tx.have_parents(ITEMS, ["code"], wanted(5)), "not its key"
        await other.rollback()
        await tx.rollback()
        tx = w.begin()
        assert await tx.put_columns(ITEMS, columns(10, 11), UNIQUE)
        assert await tx.have_parents(ITEMS, ["id"], wanted(5, 10, 11))
        assert not await tx.have_parents(ITEMS, ["id"], wanted(12))
        await tx.get_for_update(ITEMS, (5,))
        tx.delete(ITEMS, (5, "code 5", 0))
        assert not await tx.have_parents(ITEMS, ["id"], wanted(5)), "single rows were written"
        await tx.rollback()

    with_world(tmp_path, work)


def test_parents_with_several_columns_and_texts(tmp_path: Path) -> None:
    named = replace(ITEMS, indexes=(Index("PRIMARY", (IndexPart("code"), IndexPart("id")), unique=True),))
    rows = LAYOUT.logical([(1, "a", 7), (1, "B", 7), (2, "a", 7)])
    found = referring_values(named, ["code", "id"], LAYOUT.logical([(1, "A", 0), (1, "b", 0), (1, "A", 1)]))
    assert found.num_rows == 2
    with duckdb.connect() as cursor:
        cursor.execute("ATTACH ':memory:' AS vol")
        for statement in create_table_statements(named):
            cursor.execute(statement.replace(" t1 ", " vol.main.t1 "))
        assert not any_missing(cursor, named, ["code", "id"], found, [rows])
        assert any_missing(cursor, named, ["code", "id"], found, [])
        other = referring_values(named, ["code", "id"], LAYOUT.logical([(3, "A", 0)]))
        assert any_missing(cursor, named, ["code", "id"], other, [rows])


def test_a_transaction_that_is_over_leaves_nothing_in_memory(tmp_path: Path) -> None:
    """Not even until Python looks for circles of objects: its rows may be a gigabyte."""

    async def work(w: World) -> None:
        tx = w.begin()
        assert await tx.put_columns(ITEMS, columns(10, 11, 12), UNIQUE)
        found = await tx.query_columns("SELECT id FROM t1", tables=[ITEMS])
        assert isinstance(found, ColumnRows) and len(found) == 3
        await tx.commit()
        gone = [weakref.ref(tx), weakref.ref(found.table)]
        del tx, found
        await until(lambda: [ref() for ref in gone] == [None, None], "the last reference")

    gc.disable()
    try:
        with_world(tmp_path, work)
    finally:
        gc.enable()
