"""Commits survive encoding exactly; damage and foreign versions are told, never guessed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aurora_mysql.catalog import model
from aurora_mysql.errors import CorruptRecordError, VolumeFormatError
from aurora_mysql.redo.catalog_codec import decode_catalog, decode_delta, encode_catalog, encode_delta
from aurora_mysql.redo.codec import CommitAssembler, commit_time_of, encode_changes, encode_commit
from aurora_mysql.redo.column_rows import ColumnRows
from aurora_mysql.redo.columns import COLUMNAR_ROWS
from aurora_mysql.redo.record import Commit, RowsBefore, SchemaChange, TableChange, differences
from aurora_mysql.storage.layout import Record


def records(parts: Sequence[bytes], *, first_lsn: int = 1, epoch: int = 1) -> list[Record]:
    last = len(parts) - 1
    return [Record(first_lsn + i, epoch, i == last, part) for i, part in enumerate(parts)]


def there_and_back(commit: Commit, **options: Any) -> Commit:
    assembler = CommitAssembler()
    found = [assembler.feed(record) for record in records(encode_commit(commit, **options))]
    assert found[:-1] == [None] * (len(found) - 1)
    assert found[-1] is not None
    return found[-1]


def plain(commit: Commit) -> Any:
    """Comparable content, with types: 1, 1.0, True and Decimal(1) are different values."""
    return (
        commit.commit_time_us,
        [
            (c.table_id, [[(type(v), v) for v in row] for row in c.upserts], [tuple(k) for k in c.deletes])
            for c in commit.changes
        ],
        commit.counters,
        None if commit.schema is None else (commit.schema.delta, list(commit.schema.statements)),
    )


VALUES = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False),
    st.text(),
    st.binary(),
    st.decimals(allow_nan=False, allow_infinity=False, places=9),
    st.dates(),
    st.datetimes(),
    st.timedeltas(timedelta(hours=-839), timedelta(hours=839)),
)
COLUMN_KINDS: list[st.SearchStrategy[Any]] = [
    st.none() | st.datetimes(),
    st.none() | st.dates(),
    st.none() | st.timedeltas(timedelta(hours=-839), timedelta(hours=839)),
    st.none() | st.decimals(allow_nan=False, allow_infinity=False, places=2),
    st.none() | st.text(max_size=5),
    VALUES,
]

EVERY_TYPE = (
    None, 0, -1, 2**64 - 1, -(2**63), 1.5, -0.0, math.inf, "", "żółw\0", b"", b"\xff\0", Decimal("-0.10"),
    Decimal("99999999999999999999999999999999999999"), date(1, 1, 1), date(9999, 12, 31), datetime(1, 1, 1),
    datetime(9999, 12, 31, 23, 59, 59, 999999), timedelta(0), timedelta(hours=-838, minutes=-59, microseconds=-1),
)  # fmt: skip


def test_every_storage_type_comes_back_as_it_was() -> None:
    commit = Commit(commit_time_us=7, changes=[TableChange(3, [EVERY_TYPE], [(1, "a"), (None, b"x")])], counters={3: 9})
    found = there_and_back(commit)
    assert plain(found) == plain(commit)
    assert (found.lsn, found.epoch) == (1, 1)


@given(st.lists(st.lists(VALUES, max_size=4).map(tuple), max_size=6), st.integers(10, 200))
@settings(max_examples=150, deadline=None)
def test_small_commits_round_trip_whatever_the_part_size(rows: list[tuple[Any, ...]], part_bytes: int) -> None:
    commit = Commit(commit_time_us=1, changes=[TableChange(1, rows), TableChange(2, (), rows)])
    assert plain(there_and_back(commit, part_bytes=part_bytes)) == plain(commit)


@given(st.data())
@settings(max_examples=25, deadline=None)
def test_bulk_changes_round_trip(data: st.DataObject) -> None:
    kinds = data.draw(st.lists(st.sampled_from(COLUMN_KINDS), min_size=1, max_size=4))
    some = data.draw(st.lists(st.tuples(*kinds), min_size=1, max_size=12))
    rows = (some * (COLUMNAR_ROWS + 1))[: COLUMNAR_ROWS + 1]
    commit = Commit(changes=[TableChange(1, rows, [(5,)])])
    assert plain(there_and_back(commit)) == plain(commit)


def test_a_large_commit_is_split_and_becomes_visible_with_its_last_part() -> None:
    rows = [(i, f"name {i * 7919}", Decimal(i) / 4) for i in range(5000)]
    parts = encode_commit(Commit(changes=[TableChange(1, rows)]), part_bytes=4096)
    assert len(parts) > 3
    assembler = CommitAssembler()
    found = [assembler.feed(record) for record in records(parts, first_lsn=11, epoch=4)]
    assert found[:-1] == [None] * (len(parts) - 1)
    assert found[-1] is not None
    assert list(found[-1].changes[0].upserts) == rows
    assert (found[-1].lsn, found[-1].epoch) == (10 + len(parts), 4)
    assert not assembler.partial


def test_a_value_that_is_not_a_storage_value_is_refused() -> None:
    for value in (object(), datetime(2020, 1, 1, tzinfo=UTC), {1, 2}):
        for count in (1, COLUMNAR_ROWS + 1):
            with pytest.raises(TypeError):
                encode_commit(Commit(changes=[TableChange(1, [(value,)] * count)]))


TABLE = model.Table(
    5,
    "d",
    "t",
    (model.Column("id", model.ColumnType("bigint", unsigned=True), nullable=False, auto_increment=True),),
    (model.Index("PRIMARY", (model.IndexPart("id"),), unique=True),),
    (model.ForeignKey("f", ("id",), "d", "p", ("id",)),),
    (model.Check("c", "id > 0"),),
    options={"row_format": "DYNAMIC"},
)
DELTA = model.CatalogDelta(
    databases={"d": model.Database("d"), "gone": None},
    tables={("d", "t"): TABLE, ("d", "old"): None},
    views={("d", "v"): model.View("d", "v", "SELECT 1")},
    users={("u", "%"): model.User("u", attributes={"a": "b"})},
    grants={("u", "%", "", ""): model.Grant("u", "%", "", "", frozenset({"SELECT", "INSERT"}))},
    globals={"max_connections": 5, "ratio": Decimal("0.5"), "sql_mode": ""},
    next_table_id=6,
)


def test_schema_changes_and_catalogs_round_trip() -> None:
    commit = Commit(schema=SchemaChange(DELTA, ["CREATE TABLE t5 (id UBIGINT)"]))
    found = there_and_back(commit)
    assert plain(found) == plain(commit)
    assert found.schema is not None
    assert found.schema.delta.tables["d", "t"].key_columns == ("id",)  # type: ignore[union-attr]
    catalog = model.Catalog().apply(DELTA)
    assert decode_catalog(encode_catalog(catalog)) == catalog
    assert decode_delta(encode_delta(DELTA)) == DELTA
    with pytest.raises(CorruptRecordError):
        decode_catalog(encode_delta(DELTA))
    with pytest.raises(VolumeFormatError):
        decode_catalog(b"\x63" + encode_catalog(catalog)[1:])


def test_parts_out_of_place_are_refused() -> None:
    rows = [(i, str(i * 7919) * 3) for i in range(500)]
    many = records(encode_commit(Commit(changes=[TableChange(1, rows)]), part_bytes=1000))
    one = encode_commit(Commit())[0]
    assert len(many) >= 3
    wrong: list[list[Record]] = [
        [many[1]],
        [many[0], many[2]],
        [many[0], Record(2, 1, True, one)],
        [many[0], Record(2, 2, False, many[1].payload)],
        [many[0], Record(3, 1, False, many[1].payload)],
        [Record(1, 1, True, many[0].payload)],
        [Record(1, 1, False, one)],
    ]
    for sequence in wrong:
        assembler = CommitAssembler()
        with pytest.raises(CorruptRecordError):
            for record in sequence:
                assembler.feed(record)
        assembler.reset()
        assert assembler.feed(Record(9, 1, True, one)) is not None


def test_a_newer_format_is_named() -> None:
    payload = encode_commit(Commit())[0]
    for changed in (b"\x02" + payload[1:], payload[:1] + b"\x80" + payload[2:]):
        with pytest.raises(VolumeFormatError):
            CommitAssembler().feed(Record(1, 1, True, changed))


@given(st.binary(max_size=60), st.booleans())
@settings(max_examples=300, deadline=None)
def test_damaged_records_raise_only_storage_errors(body: bytes, cpl: bool) -> None:
    for head in (b"", b"\x01\x00", b"\x01\x01", b"\x01\x02"):
        try:
            CommitAssembler().feed(Record(1, 1, cpl, head + body))
        except (CorruptRecordError, VolumeFormatError):
            pass


def test_a_flipped_byte_of_a_real_record_never_escapes() -> None:
    payload = encode_commit(Commit(5, 5, 5, [TableChange(1, [EVERY_TYPE])], schema=SchemaChange(DELTA, ["x"])))[0]
    for i in range(len(payload)):
        damaged = payload[:i] + bytes((payload[i] ^ 0x41,)) + payload[i + 1 :]
        try:
            CommitAssembler().feed(Record(1, 1, True, damaged))
        except (CorruptRecordError, VolumeFormatError):
            pass


@pytest.mark.parametrize("count", [1, 2000])
def test_rows_encoded_before_give_the_same_record(count: int) -> None:
    commit = Commit(commit_time_us=7, changes=[TableChange(1, [EVERY_TYPE] * count, [(3,)])], counters={1: 9})
    assert encode_commit(commit, encode_changes(commit.changes)) == encode_commit(commit)


def test_a_large_body_is_decoded_change_by_change() -> None:
    changes = [TableChange(1, [(n, i, f"{i * 7919 % 100_003}") for i in range(50_000)]) for n in range(3)]
    commit = Commit(commit_time_us=7, changes=changes, counters={1: 9})
    body = encode_changes(changes)
    assert len(body) > 1 << 20
    assembler = CommitAssembler()
    found = [assembler.feed(record) for record in records(encode_commit(commit, body))][-1]
    assert found is not None and found.counters == {1: 9} and found.commit_time_us == 7
    assert [list(change.upserts) for change in found.changes] == [change.upserts for change in changes]


@pytest.mark.parametrize("count", [1, 600])
def test_what_was_there_before(count: int) -> None:
    old = [(i, f"old {i}", Decimal(i)) for i in range(count)]
    new = [(i, f"new {i}", Decimal(i)) for i in range(count)]
    changes = [
        TableChange(1, new, [(-1,), (-2,)], RowsBefore([differences(o, n) for o, n in zip(old, new, strict=True)],
                                                       [(-1, "gone", None), None])),
        TableChange(2, new, (), RowsBefore()),
        TableChange(3, new),
    ]  # fmt: skip
    back = model.CatalogDelta(tables={("d", "t"): None})
    found = there_and_back(Commit(changes=changes, schema=SchemaChange(DELTA, ["x"], back)))
    one, two, three = found.changes
    assert one.before is not None and two.before is not None and three.before is None
    assert [one.before.of_upsert(i, row) for i, row in enumerate(one.upserts)] == old
    assert list(one.before.deletes) == [(-1, "gone", None), None]
    assert [two.before.of_upsert(i, row) for i, row in enumerate(two.upserts)] == [None] * count
    assert [tuple(row) for row in three.upserts] == new
    assert found.schema is not None and found.schema.before == back
    silent = there_and_back(Commit(schema=SchemaChange(DELTA, ["x"])))
    assert silent.schema is not None and silent.schema.before is None


@pytest.mark.parametrize("part_bytes", [4 << 20, 1000])
def test_columns_stay_columns(part_bytes: int) -> None:
    """Bulk rows travel as Arrow columns, and a version that doesn't know them refuses the record."""
    table = pa.table(
        {
            "i": pa.array([1, None, -(2**63)], type=pa.int64()),
            "u": pa.array([2**64 - 1, 0, None], type=pa.uint64()),
            "d": pa.array([Decimal("1.50"), None, Decimal("-0.01")], type=pa.decimal128(12, 2)),
            "f": pa.array([0.1, None, -1.5], type=pa.float32()),
            "s": pa.array(["é", "", None], type=pa.string()),
            "b": pa.array([b"\xff\0", None, b""], type=pa.binary()),
            "day": pa.array([date(1, 1, 1), None, date(9999, 12, 31)], type=pa.date32()),
            "at": pa.array([datetime(2024, 2, 29, 1, 2, 3, 4), None, datetime(1, 1, 1)], type=pa.timestamp("us")),
            "t": pa.array([timedelta(hours=-838), None, timedelta(0)], type=pa.duration("us")),
        }
    )
    rows = ColumnRows(table)
    commit = Commit(commit_time_us=7, changes=[TableChange(3, rows, (), RowsBefore())], counters={3: 9})
    parts = encode_commit(commit, encode_changes(commit.changes), part_bytes=part_bytes)
    assert all(part[1] & 8 for part in parts)
    found = there_and_back(commit, part_bytes=part_bytes)
    (change,) = found.changes
    assert isinstance(change.upserts, ColumnRows) and change.upserts.table.equals(table)
    assert change.before == RowsBefore()
    assert plain(found) == plain(commit)
    assert commit_time_of(records(parts)[0]) == 7
