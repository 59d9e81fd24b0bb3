"""Indexes over several columns in memory: both ways of hashing agree, and no candidate is missing."""

from __future__ import annotations

import random
from typing import Any

import pyarrow as pa

from aurora_mysql.catalog.model import Column, ColumnType, Index, IndexPart, Table
from aurora_mysql.engine.hash_index import HashIndex, entries_of, hash_of
from aurora_mysql.engine.keys import TableKeys, normaliser

TABLE = Table(
    7,
    "d",
    "t",
    (
        Column("a", ColumnType("int"), nullable=False),
        Column("b", ColumnType("int"), nullable=False),
        Column("n", ColumnType("bigint", unsigned=True)),
        Column("s", ColumnType("varchar", 20, charset="utf8mb4", collation="utf8mb4_general_ci")),
        Column("t", ColumnType("varchar", 20, charset="utf8mb4", collation="utf8mb4_bin")),
    ),
    (Index("PRIMARY", (IndexPart("a"), IndexPart("b")), unique=True),),
)
POSITIONS = (2, 3, 4, 0)
KEYS = TableKeys(TABLE)
NORMAL = normaliser(TABLE, [TABLE.columns[p].name for p in POSITIONS])
TEXTS = ["", "a", "A", "a  ", "É", "e", "x'y", "😀"]


def some_row(dice: random.Random, key: tuple[int, int]) -> tuple[Any, ...]:
    number = dice.choice([None, 0, 5, 2**64 - 1])
    return (*key, number, dice.choice([None, *TEXTS]), dice.choice([None, *TEXTS]))


def values(row: tuple[Any, ...]) -> tuple[Any, ...] | None:
    found = [row[p] for p in POSITIONS]
    return None if None in found else NORMAL(found)


def read(rows: list[tuple[Any, ...]]) -> pa.Table:
    """What DuckDB gives: the index's columns, then the key's, without rows that have a NULL."""
    given = [row for row in rows if values(row) is not None]
    kinds = [pa.uint64(), pa.string(), pa.string(), pa.int64(), pa.int64(), pa.int64()]
    columns = [
        pa.array([row[p] for row in given], type=kind) for p, kind in zip((*POSITIONS, 0, 1), kinds, strict=True)
    ]
    return pa.table(columns, names=[f"c{n}" for n in range(len(columns))])


def test_candidates_against_all_history() -> None:
    dice = random.Random(3)
    rows = [some_row(dice, (a, b)) for a in range(-2, 4) for b in range(40)]
    entries = entries_of(TABLE, POSITIONS, read(rows))
    assert list(entries[0]) == sorted(hash_of(v) for row in rows if (v := values(row)) is not None)
    index = HashIndex(TABLE, POSITIONS, KEYS.of_row)
    ever = {(v, row[:2]) for row in rows if (v := values(row)) is not None}
    early = some_row(dice, (0, 99))
    index.add(early)
    index.build(entries, 1)
    rows.append(early)
    for _ in range(300):
        row = some_row(dice, (dice.randint(-2, 3), dice.randrange(60)))
        before, grown = index.size_bytes, index.add(row)
        assert index.size_bytes == before + grown
        rows.append(row)
    ever = {(v, row[:2]) for row in rows if (v := values(row)) is not None}
    for wanted in {v for v, _ in ever}:
        assert index.keys(wanted, 1000) == sorted(key for v, key in ever if v == wanted)
        assert index.keys(wanted, 0) is None
    assert index.keys((1, "no", "no", 0), 10) == []


def test_rows_that_are_there_already_take_nothing() -> None:
    row = (1, 2, 5, "a", "b")
    index = HashIndex(TABLE, POSITIONS, KEYS.of_row)
    index.build(entries_of(TABLE, POSITIONS, read([row])), 1)
    assert index.add((1, 2, 5, "A ", "b")) == 0 == index.new_count
    assert index.add((1, 2, None, "A", "b")) == 0 == index.new_count
    assert index.add((1, 3, 5, "A", "b")) > 0 and index.add((1, 3, 5, "a", "b")) == 0 and index.new_count == 1
