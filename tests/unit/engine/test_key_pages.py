"""Pages of rows by integer key: loads that commits overtake, the past as read views see it, eviction."""

from __future__ import annotations

import asyncio
import random

import pytest

from aurora_mysql.engine.key_pages import PAGE_KEYS, KeyPage, PageLoad
from aurora_mysql.engine.keys import TableKeys
from aurora_mysql.engine.row_store import RowStore, TableRows
from aurora_mysql.redo.record import Row, TableChange
from tests.support.engine_world import ITEMS


@pytest.fixture
def loop() -> asyncio.AbstractEventLoop:
    made = asyncio.new_event_loop()
    yield made
    made.close()


def begin(table: TableRows, numbers: range, loop: asyncio.AbstractEventLoop) -> PageLoad:
    assert table.pages is not None
    load = PageLoad(numbers, loop.create_future())
    table.pages.begin(load)
    return load


def row(key: int, v: int = 0) -> Row:
    return (key, f"c{key}", v)


def test_the_past_of_a_page() -> None:
    page = KeyPage({1: row(1), 5: row(5)}, since_lsn=10, size_bytes=100)
    page.change(11, 1, row(1, 1), oldest_view_lsn=10)
    page.change(12, 3, row(3), oldest_view_lsn=10)
    page.change(13, 5, None, oldest_view_lsn=10)
    assert page.row_at(1, 9) == (False, None)
    assert page.row_at(1, 10) == (True, row(1)) and page.row_at(1, 11) == (True, row(1, 1))
    assert page.row_at(3, 11) == (True, None) and page.row_at(3, 12) == (True, row(3))
    assert page.row_at(5, 12) == (True, row(5)) and page.row_at(5, 13) == (True, None)
    assert page.between(0, 63, 10) == [(1, row(1)), (5, row(5))]
    assert page.between(1, 3, 12) == [(1, row(1, 1)), (3, row(3))]
    assert page.between(0, 63, None) == [(1, row(1, 1)), (3, row(3))]
    assert page.between(0, 63, 9) is None


def test_without_views_there_is_no_past() -> None:
    page = KeyPage({1: row(1)}, since_lsn=10, size_bytes=100)
    page.change(20, 1, row(1, 1), oldest_view_lsn=None)
    assert page.row_at(1, 19) == (False, None) and page.row_at(1, 20) == (True, row(1, 1))


def test_undo_is_bounded() -> None:
    page = KeyPage({}, since_lsn=0, size_bytes=100)
    for lsn in range(1, 5000):
        page.change(lsn, lsn % PAGE_KEYS, row(lsn % PAGE_KEYS, lsn), oldest_view_lsn=0)
    assert len(page._undo) <= 512 and page.row_at(1, 0) == (False, None)


def test_missing_stretches(loop: asyncio.AbstractEventLoop) -> None:
    store = RowStore({1: TableKeys(ITEMS)}.get, 1 << 20)
    table = store.table(1)
    assert table is not None and table.pages is not None
    begin(table, range(3, 5), loop)
    table.pages.pages[7] = KeyPage({}, 0, 1)
    assert list(table.pages.missing(range(0, 10))) == [range(0, 3), range(5, 7), range(8, 10)]
    assert list(table.pages.missing((3,))) == []


def test_a_failed_load_leaves_nothing(loop: asyncio.AbstractEventLoop) -> None:
    store = RowStore({1: TableKeys(ITEMS)}.get, 1 << 20)
    table = store.table(1)
    assert table is not None and table.pages is not None
    load = begin(table, range(0, 2), loop)
    store.end_load(table, load, None)
    assert not table.pages.loading and not table.pages.pages


def test_a_load_of_a_forgotten_table_is_not_kept(loop: asyncio.AbstractEventLoop) -> None:
    store = RowStore({1: TableKeys(ITEMS)}.get, 1 << 20)
    table = store.table(1)
    assert table is not None and table.pages is not None
    load = begin(table, range(0, 2), loop)
    store.forget_table(1)
    store.end_load(table, load, [row(1)])
    assert not table.pages.pages and store.use.bytes == 0


@pytest.mark.parametrize("seed", range(40))
def test_random_histories(seed: int, loop: asyncio.AbstractEventLoop) -> None:
    """Commits, the applier, loads that take their time, read views and eviction, against the whole history."""
    dice = random.Random(seed)
    store = RowStore({1: TableKeys(ITEMS)}.get, dice.choice((3_000, 1 << 20)))
    views: list[int] = []
    store.oldest_view_lsn = lambda: min(views, default=None)
    history: list[dict[int, Row]] = [{}]
    applied = 0
    commits: list[list[TableChange]] = [[]]
    loads: list[tuple[PageLoad, list[Row]]] = []
    for _ in range(400):
        table = store.table(1)
        assert table is not None and table.pages is not None
        step = dice.random()
        if step < 0.45:
            state, lsn = dict(history[-1]), len(history)
            upserts, deletes = [], []
            for key in {dice.randrange(4 * PAGE_KEYS) for _ in range(dice.randint(1, 4))}:
                if key in state and dice.random() < 0.4:
                    del state[key]
                    deletes.append((key,))
                else:
                    state[key] = row(key, lsn)
                    upserts.append(state[key])
            history.append(state)
            commits.append([TableChange(1, upserts, deletes)])
            store.install(lsn, commits[lsn])
        elif step < 0.6 and applied < len(history) - 1:
            applied += 1
            store.applied(applied, commits[applied])
        elif step < 0.75:
            for stretch in table.pages.missing(range(dice.randrange(4), 4)):
                load = begin(table, stretch, loop)
                loads.append((load, [r for k, r in history[applied].items() if load.low <= k <= load.high]))
        elif step < 0.85 and loads:
            load, found = loads.pop(dice.randrange(len(loads)))
            store.end_load(table, load, found)
        elif step < 0.92:
            views.append(len(history) - 1)
        elif views:
            views.remove(dice.choice(views))
        for number, page in table.pages.pages.items():
            low, high = number * PAGE_KEYS, (number + 1) * PAGE_KEYS - 1
            for lsn in {*views, len(history) - 1}:
                expected = sorted((k, r) for k, r in history[lsn].items() if low <= k <= high)
                seen = page.between(low, high, lsn)
                assert seen is None or seen == expected
                key = dice.randint(low, high)
                known, one = page.row_at(key, lsn)
                assert not known or one == history[lsn].get(key)
            newest = history[-1]
            assert page.between(low, high, None) == sorted((k, r) for k, r in newest.items() if low <= k <= high)
        assert store.use.bytes == table.pages.size_bytes
