"""Secondary indexes in memory: no candidate may be missing, for no view that may use them."""

from __future__ import annotations

import random
from array import array

from aurora_mysql.engine.key_ranges import candidates_by_value, merged
from aurora_mysql.engine.keys import TableKeys
from aurora_mysql.engine.row_store import RowStore, TableRows
from aurora_mysql.engine.secondary import ENTRY_BYTES, SecondaryIndex
from aurora_mysql.redo.record import Row, TableChange
from tests.support.engine_world import ITEMS

VALUE = 2


def row(key: int, value: int | None) -> Row:
    return (key, f"c{key}", value)


def store_of(limit_bytes: int = 1 << 20) -> tuple[RowStore, TableRows]:
    store = RowStore({1: TableKeys(ITEMS)}.get, limit_bytes)
    table = store.table(1)
    assert table is not None
    return store, table


def entries(*pairs: tuple[int, int]) -> tuple[array[int], array[int]]:
    """(value, key) pairs as DuckDB gives them."""
    ordered = sorted(pairs)
    return array("q", [value for value, _ in ordered]), array("q", [key for _, key in ordered])


def keys(table: TableRows, low: int, high: int, lsn: int) -> list[int] | None:
    found = candidates_by_value(table, VALUE, [(low, high)], lsn)
    return None if found is None else sorted(key for _, _, part, _ in found for key in part)


def test_what_duckdb_lacks_is_in_it() -> None:
    store, table = store_of()
    store.install(1, [TableChange(1, [row(1, 7)], [])])
    index = store.begin_index(table, VALUE)
    store.install(2, [TableChange(1, [row(2, 7), row(3, None)], [])])
    store.end_index(table, index, entries((7, 9)))
    assert keys(table, 7, 7, 2) == [1, 2, 9]
    store.install(3, [TableChange(1, [row(9, 8)], [])])
    assert keys(table, 7, 7, 3) == [1, 2, 9] and keys(table, 8, 9, 3) == [9], "the old value stays for older views"


def test_views_from_before_the_load_cannot_use_it() -> None:
    store, table = store_of()
    store.install(4, [TableChange(1, [row(1, 7)], [])])
    index = store.begin_index(table, VALUE)
    store.install(5, [TableChange(1, [row(1, 8)], [])])
    store.end_index(table, index, entries())
    assert keys(table, 7, 7, 4) is None, "DuckDB may have had the change when it was read"
    assert keys(table, 8, 8, 5) == [1]


def test_a_bulk_change_and_a_forgotten_table_overtake_a_load() -> None:
    for overtake in ("bulk", "forget"):
        store, table = store_of()
        index = store.begin_index(table, VALUE)
        if overtake == "bulk":
            store.install(1, [TableChange(1, [row(n, 1) for n in range(20_001)], [])])
        else:
            store.forget_table(1)
        store.end_index(table, index, entries((1, 1)))
        assert not table.secondary.ready and store.use.bytes == 0


def test_too_large_a_table_is_not_tried_again_soon() -> None:
    store, table = store_of()
    wishes = [table.secondary.wants(VALUE) for _ in range(3)]
    assert wishes == [False, False, True]
    store.end_index(table, store.begin_index(table, VALUE), None)
    assert not any(table.secondary.wants(VALUE) for _ in range(100))


def test_an_index_that_nobody_uses_does_not_grow_for_ever() -> None:
    store, table = store_of(1 << 30)
    store.end_index(table, store.begin_index(table, VALUE), entries((1, 1)))
    for lsn in range(1, 30):
        store.install(lsn, [TableChange(1, [row(n, lsn * 1000 + n) for n in range(500)], [])])
    assert not table.secondary.ready
    assert store.use.bytes == 0


def test_indexes_make_room_for_each_other() -> None:
    count = 1000
    store, table = store_of(ENTRY_BYTES * count * 3)
    pairs = entries(*[(n, n) for n in range(count)])
    for position in (0, VALUE):
        store.end_index(table, store.begin_index(table, position), pairs)
    assert list(table.secondary.ready) == [VALUE] and store.use.bytes == table.secondary.size_bytes


def test_candidates_against_all_history() -> None:
    dice = random.Random(1)
    index = SecondaryIndex(VALUE, 0)
    ever: set[tuple[int, int]] = {(dice.randrange(50), key) for key in range(100)}
    index.build(entries(*ever), 1)
    for _ in range(2000):
        made = row(dice.randrange(100), dice.choice([None, dice.randrange(50)]))
        index.add(made)
        if made[VALUE] is not None:
            ever.add((made[VALUE], made[0]))
        low = dice.randrange(50)
        high = low + dice.randrange(10)
        found = index.keys_between(low, high)
        assert found is not None
        assert sorted(found[0]) == sorted({key for value, key in ever if low <= value <= high})


def test_ranges_are_merged() -> None:
    assert merged([(5, 9), (1, 2), (3, 3), (8, 12), (7, 6)]) == [(1, 3), (5, 12)]
    assert merged([(4, 4), (4, 4), (6, 6)]) == [(4, 4), (6, 6)] and merged([]) == []
