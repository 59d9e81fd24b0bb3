"""What a backtrack gathers from the redo: past images of rows and definitions, and what becomes of each table."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aurora_mysql.backup.difference import SCRATCH_DATABASE, Touched, catalog_change, plan_tables
from aurora_mysql.catalog.model import (
    Catalog,
    CatalogDelta,
    Column,
    ColumnType,
    Database,
    Index,
    IndexPart,
    Table,
    User,
)
from aurora_mysql.redo.record import Commit, Row, RowsBefore, SchemaChange, TableChange, differences


def table(table_id: int, name: str, *more: Column, database: str = "d") -> Table:
    columns = (Column("id", ColumnType("bigint"), nullable=False), Column("v", ColumnType("varchar", 9)), *more)
    return Table(table_id, database, name, columns, (Index("PRIMARY", (IndexPart("id"),), unique=True),))


def catalog(*tables: Table, next_table_id: int = 50) -> Catalog:
    return Catalog(
        next_table_id=next_table_id,
        databases={"d": Database("d")},
        tables={(t.database, t.name): t for t in tables},
    )


A, B = table(1, "a"), table(2, "b")

#: One commit's effect on table a: key -> (row before, row after).
Step = dict[int, tuple[str | None, str | None]]


def commit(step: Step, *, known: bool = True, table_id: int = 1) -> Commit:
    upserts: list[Row] = []
    changed = []
    deletes, deleted = [], []
    for key, (old, new) in step.items():
        if new is None:
            deletes.append((key,))
            deleted.append(None if old is None else (key, old))
        else:
            upserts.append((key, new))
            changed.append(None if old is None else differences((key, old), (key, new)))
    return Commit(changes=[TableChange(table_id, upserts, deletes, RowsBefore(changed, deleted) if known else None)])


@pytest.mark.parametrize(
    ("steps", "upserts", "deletes"),
    [
        pytest.param([{1: (None, "x")}], [], [1], id="inserted"),
        pytest.param([{1: ("x", None)}], [(1, "x")], [], id="deleted"),
        pytest.param([{1: ("x", "y")}], [(1, "x")], [], id="updated"),
        pytest.param([{1: ("x", "y")}, {1: ("y", "z")}], [(1, "x")], [], id="twice: the first image counts"),
        pytest.param([{1: ("x", "y")}, {1: ("y", "x")}], [], [], id="there and back"),
        pytest.param([{1: (None, "x")}, {1: ("x", None)}], [], [], id="came and went"),
        pytest.param([{1: ("x", None)}, {1: (None, "y")}], [(1, "x")], [], id="replaced"),
        pytest.param([{1: (None, None)}], [], [], id="inserted and deleted by one transaction"),
        pytest.param([{1: ("a", "b"), 2: (None, "n"), 3: ("c", None)}], [(1, "a"), (3, "c")], [2], id="several"),
    ],
)
def test_rows_go_back_and_forward(steps: list[Step], upserts: list[Row], deletes: list[int]) -> None:
    touched = Touched(catalog(A))
    state: dict[int, str] = {k: old for step in reversed(steps) for k, (old, _) in step.items() if old is not None}
    for step in steps:
        touched.feed(commit(step))
    change = touched.tables[1].change()
    if not upserts and not deletes:
        assert change is None
        return
    assert change is not None and change.before is not None
    assert sorted(change.upserts) == upserts
    assert [key[0] for key in change.deletes] == deletes
    # The change itself says what it replaced, so that the next backtrack can undo it.
    for step in steps:
        for key, (_, new) in step.items():
            state.pop(key, None)
            if new is not None:
                state[key] = new
    for number, row in enumerate(change.upserts):
        present = state.get(row[0])
        assert change.before.of_upsert(number, row) == (None if present is None else (row[0], present))
    assert [row[1] for row in change.before.deletes if row is not None] == [state[key] for key in deletes]


def test_what_the_redo_does_not_tell_is_looked_up() -> None:
    touched = Touched(catalog(A))
    touched.feed(commit({1: (None, "new"), 2: (None, "new"), 3: (None, None)}, known=False))
    touched.feed(commit({1: ("new", "newer"), 4: ("x", "y")}))
    found = touched.tables[1]
    assert found.unknown() == [3, 1, 2] or sorted(k[0] for k in found.unknown()) == [1, 2, 3]
    found.learn(iter([(2, "old"), (3, "gone")]))
    change = found.change()
    assert change is not None and not found.unknown()
    assert sorted(change.upserts) == [(2, "old"), (3, "gone"), (4, "x")] and list(change.deletes) == [(1,)]


def test_tables_that_are_gone_now_are_not_followed() -> None:
    touched = Touched(catalog(A))
    touched.feed(commit({1: (None, "x")}, table_id=2))
    assert not touched.tables and touched.rows == 1


def test_definitions_as_they_were() -> None:
    past = catalog(A, B)
    user = User("u")
    steps = [
        CatalogDelta(tables={("d", "c"): table(3, "c")}, users={("u", "%"): user}),
        CatalogDelta(tables={("d", "a"): None, ("d", "b"): table(4, "b")}),
        CatalogDelta(tables={("d", "c"): None}, databases={"e": Database("e")}),
    ]
    present = past
    commits = []
    for delta in steps:
        commits.append(Commit(schema=SchemaChange(delta, (), present.inverse(delta))))
        present = present.apply(delta)
    touched = Touched(present)
    for item in commits:
        touched.feed(item)
    found = touched.past_catalog(present)
    assert (found.tables, found.users, found.databases) == (past.tables, past.users, past.databases)
    touched.feed(Commit(schema=SchemaChange(CatalogDelta(), ())))
    assert touched.schema_unknown


@pytest.mark.parametrize(
    ("past", "present", "kept", "missing", "surplus"),
    [
        pytest.param([A, B], [A, B], [1, 2], [], [], id="same"),
        pytest.param([A], [A, B], [1], [], ["b"], id="created since"),
        pytest.param([A, B], [A], [1], ["b"], [], id="dropped since"),
        pytest.param([A], [replace(A, name="z")], [1], [], [], id="renamed"),
        pytest.param([A], [replace(A, comment="new")], [1], [], [], id="altered in the catalog only"),
        pytest.param([A], [table(7, "a")], [], ["a"], ["a"], id="truncated or rebuilt"),
        pytest.param([A], [table(1, "a", Column("w", ColumnType("int")))], [], ["a"], ["a"], id="another layout"),
        pytest.param([A, table(9, "9", database=SCRATCH_DATABASE)], [A], [1], [], [], id="scratch left in the past"),
    ],
)
def test_plans(
    past: list[Table], present: list[Table], kept: list[int], missing: list[str], surplus: list[str]
) -> None:
    plan = plan_tables(catalog(*past), catalog(*present))
    assert list(plan.kept) == kept
    assert [t.name for t in plan.missing] == missing
    assert [t.name for t in plan.surplus] == surplus


def test_a_filled_table_takes_the_place_of_the_missing_one() -> None:
    past = catalog(A, B)
    filled = replace(B, id=60, database=SCRATCH_DATABASE, name="2")
    present = catalog(A, table(7, "b"), filled, next_table_id=61)
    delta = catalog_change(past, present, {2: filled})
    after = present.apply(delta)
    assert after.tables == {("d", "a"): A, ("d", "b"): replace(B, id=60)}
    assert after.next_table_id == 61
    assert present.apply(delta).apply(present.inverse(delta)).tables == present.tables
