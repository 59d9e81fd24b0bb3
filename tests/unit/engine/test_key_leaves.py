"""Leaves of rows by keys of several integers: their bounds, loads that commits overtake, the past, cuts, eviction."""

from __future__ import annotations

import asyncio
import random

import pytest

from aurora_mysql.engine.key_leaves import LOAD_ROWS, MOST_LEAF_ROWS, IntKey, LeafLoad, after
from aurora_mysql.engine.key_pages import NEWEST, RowsFound
from aurora_mysql.engine.keys import TableKeys
from aurora_mysql.engine.row_store import RowStore, TableRows
from aurora_mysql.redo.record import Row, TableChange
from tests.support.engine_world import ITEMS, LINES


@pytest.fixture
def loop() -> asyncio.AbstractEventLoop:
    made = asyncio.new_event_loop()
    yield made
    made.close()


def new_store(limit_bytes: int = 1 << 20) -> tuple[RowStore, TableRows]:
    store = RowStore({LINES.id: TableKeys(LINES)}.get, limit_bytes)
    table = store.table(LINES.id)
    assert table is not None and table.leaves is not None and table.pages is None
    return store, table


def row(a: int, b: int, v: int = 0) -> Row:
    return (a, b, v)


def load(table: TableRows, key: IntKey, loop: asyncio.AbstractEventLoop) -> LeafLoad:
    assert table.leaves is not None
    made = LeafLoad(table.leaves.start_of(key), loop.create_future())
    table.leaves.begin(made)
    return made


def read(state: dict[IntKey, Row], start: IntKey) -> list[Row]:
    """What DuckDB answers."""
    return [state[key] for key in sorted(state) if key >= start][:LOAD_ROWS]


def test_a_leaf_covers_from_its_start_to_behind_its_last_row(loop: asyncio.AbstractEventLoop) -> None:
    store, table = new_store()
    leaves = table.leaves
    assert leaves is not None
    state = {(1, b): row(1, b) for b in range(0, 700, 2)}
    made = load(table, (1, 70), loop)
    assert made.start == (1, 64)
    store.end_leaf_load(table, made, read(state, made.start))
    leaf = leaves.find((1, 70))
    assert leaf is not None and leaf.rows[1, 70] == row(1, 70)
    assert leaves.find((1, 71)) is leaf and (1, 71) not in leaf.rows
    assert leaves.find((1, 318)) is leaf and leaves.find((1, 575)) is None and leaves.find((1, 63)) is None
    # The one before ends where this one begins.
    for key in ((1, 580), (1, 3)):
        made = load(table, key, loop)
        store.end_leaf_load(table, made, read(state, made.start))
    assert [(found.low, found.stop) for found in leaves.leaves] == [
        ((1,), (1, 64)),
        ((1, 64), (1, 320)),
        ((1, 320), (1, 575)),
        ((1, 576), None),
    ]
    # Behind the last row nothing is missing: what is appended there needs no look at DuckDB.
    assert leaves.find((9, 9)) is leaves.leaves[3]


def test_rows_that_begin_alike(loop: asyncio.AbstractEventLoop) -> None:
    store, table = new_store()
    leaves = table.leaves
    assert leaves is not None
    state = {(a, b): row(a, b) for a in range(20) for b in range(10)}
    assert leaves.between((7,), after((7,)), NEWEST, 100) == (7,)
    missing: IntKey | RowsFound | None = (7,)
    loads = 0
    while isinstance(missing, tuple):
        made = load(table, missing, loop)
        store.end_leaf_load(table, made, read(state, made.start))
        missing = leaves.between((7,), after((7,)), NEWEST, 100)
        loads += 1
    assert isinstance(missing, RowsFound) and missing.rows() == [row(7, b) for b in range(10)] and loads <= 2
    found = leaves.between((7, 3), (7, 5), NEWEST, 100)
    assert isinstance(found, RowsFound) and found.rows() == [row(7, 3), row(7, 4), row(7, 5)]
    assert leaves.between((7,), after((7,)), NEWEST, 9) is None


def test_many_rows_make_more_leaves(loop: asyncio.AbstractEventLoop) -> None:
    store, table = new_store()
    leaves = table.leaves
    assert leaves is not None
    made = load(table, (1, 1), loop)
    store.end_leaf_load(table, made, [])
    store.oldest_view_lsn = lambda: 5
    for number in range(1000):
        store.install(10 + number, [TableChange(LINES.id, [row(1, number)], [])])
    assert all(len(leaf.rows) <= MOST_LEAF_ROWS for leaf in leaves.leaves) and len(leaves.leaves) > 4
    found = leaves.between((1,), after((1,)), NEWEST, 2000)
    assert isinstance(found, RowsFound) and found.rows() == [row(1, number) for number in range(1000)]
    assert store.use.bytes == leaves.size_bytes == sum(leaf.size_bytes for leaf in leaves.leaves)


def test_other_keys_have_no_leaves() -> None:
    store = RowStore({ITEMS.id: TableKeys(ITEMS)}.get, 1 << 20)
    table = store.table(ITEMS.id)
    assert table is not None and table.leaves is None


def test_failed_and_overtaken_loads_leave_nothing(loop: asyncio.AbstractEventLoop) -> None:
    store, table = new_store()
    leaves = table.leaves
    assert leaves is not None
    made = load(table, (1, 1), loop)
    store.end_leaf_load(table, made, None)
    assert not leaves.loading and not leaves.leaves
    made = load(table, (1, 1), loop)
    leaves.clear()
    store.end_leaf_load(table, made, [row(1, 1)])
    assert not leaves.leaves
    made = load(table, (1, 1), loop)
    store.forget_table(LINES.id)
    store.end_leaf_load(table, made, [row(1, 1)])
    assert not leaves.leaves and store.use.bytes == 0


@pytest.mark.parametrize("seed", range(20))
def test_random_histories(seed: int, loop: asyncio.AbstractEventLoop) -> None:
    """Commits, the applier, loads that take their time, read views, cuts and eviction, against the whole history."""
    dice = random.Random(seed)
    store, table = new_store(dice.choice((20_000, 1 << 22)))
    leaves = table.leaves
    assert leaves is not None
    views: list[int] = []
    store.oldest_view_lsn = lambda: min(views, default=None)
    history: list[dict[IntKey, Row]] = [{}]
    applied = 0
    commits: list[list[TableChange]] = [[]]
    loads: list[tuple[LeafLoad, list[Row]]] = []

    def some_key() -> IntKey:
        return (dice.randrange(3), dice.randrange(120))

    for _ in range(250):
        step = dice.random()
        if step < 0.45:
            state, lsn = dict(history[-1]), len(history)
            upserts, deletes = [], []
            for key in {some_key() for _ in range(dice.randint(1, 12))}:
                if key in state and dice.random() < 0.4:
                    del state[key]
                    deletes.append(key)
                else:
                    state[key] = row(*key, lsn)
                    upserts.append(state[key])
            history.append(state)
            commits.append([TableChange(LINES.id, upserts, deletes)])
            store.install(lsn, commits[lsn])
        elif step < 0.6 and applied < len(history) - 1:
            applied += 1
            store.applied(applied, commits[applied])
        elif step < 0.75:
            key = some_key()[: dice.randint(1, 2)]
            if leaves.find(key) is None and leaves.start_of(key) not in leaves.loading:
                made = load(table, key, loop)
                loads.append((made, read(history[applied], made.start)))
        elif step < 0.85 and loads:
            made, found = loads.pop(dice.randrange(len(loads)))
            store.end_leaf_load(table, made, found)
        elif step < 0.92:
            views.append(len(history) - 1)
        elif views:
            views.remove(dice.choice(views))
        stops = [leaf.stop for leaf in leaves.leaves]
        assert all(stop is not None and stop <= leaf.low for stop, leaf in zip(stops, leaves.leaves[1:], strict=False))
        for lsn in {*views, len(history) - 1}:
            state = history[lsn]
            for _ in range(3):
                key = some_key()
                leaf = leaves.find(key)
                if leaf is not None:
                    known, one = leaf.row_at(key, lsn)
                    assert not known or one == state.get(key)
            low, high = sorted((some_key(), some_key()))
            seen = leaves.between(low, high, lsn, 1000)
            if isinstance(seen, RowsFound):
                assert seen.rows() == [state[key] for key in sorted(state) if low <= key <= high]
            elif seen is not None:
                assert leaves.find(seen) is None and low <= seen <= high
        assert store.use.bytes == leaves.size_bytes == sum(leaf.size_bytes for leaf in leaves.leaves)
