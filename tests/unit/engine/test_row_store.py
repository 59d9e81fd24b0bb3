"""The row store: dirty and clean rows, eviction, reads that a commit overtakes."""

from __future__ import annotations

from dataclasses import replace

from aurora_mysql.catalog.model import ColumnType
from aurora_mysql.engine.keys import TableKeys
from aurora_mysql.engine.row_store import RowStore, TableRows, estimate_row_bytes
from aurora_mysql.redo.record import Row, TableChange
from tests.support.engine_world import ITEMS

#: A key that is no integer: its clean rows are kept one by one (tables with an integer key have pages).
LOOSE = replace(ITEMS, columns=(replace(ITEMS.columns[0], type=ColumnType("double")), *ITEMS.columns[1:]))
OTHER = replace(LOOSE, id=2, name="other")


def store(limit_bytes: int = 1 << 20) -> RowStore:
    keys = {1: TableKeys(LOOSE), 2: TableKeys(OTHER)}
    return RowStore(keys.get, limit_bytes)


def table(rows: RowStore, table_id: int = 1) -> TableRows:
    found = rows.table(table_id)
    assert found is not None
    return found


def up(*rows: Row, table_id: int = 1) -> list[TableChange]:
    return [TableChange(table_id, list(rows))]


def down(*ids: int) -> list[TableChange]:
    return [TableChange(1, (), [(i,) for i in ids])]


def shown(rows: RowStore, key: int) -> Row | None:
    version = table(rows).find((key,))
    return None if version is None else version.row


def test_dirty_until_applied_then_clean() -> None:
    rows = store()
    rows.install(5, up((1, "a", 1)))
    assert rows.dirty_rows == 1 and list(table(rows).dirty) == [(1,)]
    rows.applied(5, up((1, "a", 1)))
    assert rows.dirty_rows == 0 and list(table(rows).clean) == [(1,)]
    assert shown(rows, 1) == (1, "a", 1)
    assert rows.last_lsn(1) == 5


def test_only_the_newest_commit_makes_a_row_clean() -> None:
    rows = store()
    rows.install(5, up((1, "a", 1)))
    rows.install(6, up((1, "a", 2)))
    rows.applied(5, up((1, "a", 1)))
    assert shown(rows, 1) == (1, "a", 2) and rows.dirty_rows == 1
    rows.applied(6, up((1, "a", 2)))
    assert rows.dirty_rows == 0 and shown(rows, 1) == (1, "a", 2)


def test_a_tombstone_lasts_until_it_is_applied() -> None:
    rows = store()
    rows.install(5, up((1, "a", 1)))
    rows.applied(5, up((1, "a", 1)))
    rows.install(6, down(1))
    version = table(rows).find((1,))
    assert version is not None and version.row is None
    rows.applied(6, down(1))
    assert table(rows).find((1,)) is None and rows.dirty_rows == 0


def test_eviction_counts_the_bytes_of_each_row() -> None:
    """A small first row must not stand for large ones that follow: the bound is in bytes."""
    limit = 100_000
    rows = store(limit)
    rows.install(1, up((1, "x", 1)))
    rows.applied(1, up((1, "x", 1)))
    for number in range(2, 40):
        wide = (number, "y" * 10_000, number)
        rows.install(number, up(wide))
        rows.applied(number, up(wide))
        kept = sum(estimate_row_bytes(v.row or ()) for v in table(rows).clean.values())
        assert kept <= limit
    assert shown(rows, 39) is not None and shown(rows, 2) is None, "the oldest go first"


def test_eviction_reaches_the_other_table() -> None:
    rows = store(10_000)
    for number in range(8):
        changes = up((number, "y" * 1000, 1))
        rows.install(number + 1, changes)
        rows.applied(number + 1, changes)
    wide = up((1, "z" * 5_000, 1), table_id=2)
    rows.install(20, wide)
    rows.applied(20, wide)
    assert list(table(rows, 2).clean) == [(1,)]
    assert 0 < len(table(rows).clean) < 7, "the other table made room, no more than needed"


def test_accounting_ends_at_nothing() -> None:
    rows = store()
    for lsn in range(1, 30):
        changes = up((lsn % 5, "v" * lsn, lsn), (100 + lsn, "w" * lsn, lsn))
        rows.install(lsn, changes)
        rows.applied(lsn, changes)
    rows.forget_table(1)
    assert rows.use.bytes == 0 and rows.dirty_rows == 0


def test_a_read_is_kept() -> None:
    rows = store()
    read = rows.begin_read(table(rows), (1,))
    rows.end_read(table(rows), (1,), read, 3, (1, "a", 1))
    assert shown(rows, 1) == (1, "a", 1)
    assert not table(rows).reading


def test_a_commit_overtakes_a_read() -> None:
    rows = store()
    read = rows.begin_read(table(rows), (1,))
    rows.install(9, up((1, "a", 2)))
    rows.applied(9, up((1, "a", 2)))
    rows.end_read(table(rows), (1,), read, 3, (1, "a", 1))
    assert not read.valid and read.latest == (1, "a", 2)
    assert shown(rows, 1) == (1, "a", 2)


def test_a_deletion_overtakes_a_read() -> None:
    rows = store()
    read = rows.begin_read(table(rows), (1,))
    rows.install(9, down(1))
    rows.applied(9, down(1))
    rows.end_read(table(rows), (1,), read, 3, (1, "a", 1))
    assert not read.valid and read.latest is None
    assert shown(rows, 1) is None


def test_a_commit_overtakes_two_reads_of_one_key() -> None:
    """The second reader must not hide the first one's mark: its stale row would stay in the store for good."""
    rows = store()
    first = rows.begin_read(table(rows), (1,))
    second = rows.begin_read(table(rows), (1,))
    rows.install(9, down(1))
    rows.applied(9, down(1))
    for read in (first, second):
        rows.end_read(table(rows), (1,), read, 3, (1, "a", 1))
        assert not read.valid
    assert shown(rows, 1) is None and not table(rows).reading


def test_a_read_of_a_forgotten_table_is_not_kept() -> None:
    rows = store()
    before = table(rows)
    read = rows.begin_read(before, (1,))
    rows.forget_table(1)
    rows.end_read(before, (1,), read, 3, (1, "a", 1))
    assert not table(rows).clean and not before.clean


def test_unique_values_of_dirty_rows() -> None:
    rows = store()
    rows.install(1, up((1, "A", 1)))
    rows.install(2, up((1, "B", 1)))
    rows.install(3, up((2, "A", 1)))
    unique = table(rows).dirty_unique["code"]
    assert unique[("a",)] == (2,) and unique[("b",)] == (1,)
    rows.applied(1, up((1, "A", 1)))
    assert unique[("a",)] == (2,), "row 2 has it now, and is not applied yet"
    rows.applied(2, up((1, "B", 1)))
    rows.applied(3, up((2, "A", 1)))
    assert unique == {}


def test_a_value_given_and_taken_again() -> None:
    rows = store()
    steps = [(1, "A"), (1, "B"), (1, "A")]
    for lsn, (key, code) in enumerate(steps, 1):
        rows.install(lsn, up((key, code, lsn)))
    unique = table(rows).dirty_unique["code"]
    for lsn, (key, code) in enumerate(steps[:2], 1):
        rows.applied(lsn, up((key, code, lsn)))
        assert unique.get(("a",)) == (1,)
    rows.applied(3, up((1, "A", 3)))
    assert unique == {}
