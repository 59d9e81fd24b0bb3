"""Rows that DuckDB packs are byte for byte the rows that the encoder makes of the same values."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest

from aurora_mysql.session import constants as c
from aurora_mysql.session.results import ColumnsPlan
from aurora_mysql.session.wire import Reader
from aurora_mysql.sql.functions import registry
from aurora_mysql.sql.query.packed_rows import pack, row_projections
from aurora_mysql.sql.result import ResultColumn


@pytest.fixture(scope="module")
def duck() -> Any:
    import aurora_mysql.sql.functions.numeric

    assert aurora_mysql.sql.functions.numeric
    connection = duckdb.connect()
    registry.install(connection)
    yield connection
    connection.close()


def packed_and_encoded(duck: Any, sql: str, columns: list[ResultColumn]) -> tuple[bytes, bytes]:
    """The packets of a query's rows, both ways."""
    plan = ColumnsPlan(columns, "utf8mb4")
    relation = duck.sql(sql)
    projections = row_projections(columns, [str(kind) for kind in relation.types])
    assert projections is not None
    packed: list[Any] = []
    sequence = 7
    for projection in projections:
        relation = relation.project(projection)
    for batch in relation.to_arrow_reader(2048):
        sequence = plan.packed_rows(pack(batch.column(0), len(columns)), sequence, packed)
    encoded: list[Any] = []
    assert plan.text_rows(duck.execute(sql).fetchall(), 7, encoded) == sequence
    return b"".join(packed), b"".join(encoded)


def values(kind: str, *texts: str) -> str:
    rows = ", ".join(f"(CAST({text} AS {kind}))" for text in (*texts, "NULL"))
    return f"SELECT v AS c1 FROM (VALUES {rows}) t(v)"


DOUBLES = [
    "0",
    "-0e0",
    "1",
    "-1",
    "0.1",
    "1e14",
    "1e15",
    "-1e15",
    "999999999999999.9",
    "1e16",
    "1.5e300",
    "-1.5e-300",
    "0.0001",
    "0.00009999",
    "1e-15",
    "1e-16",
    "1.7976931348623157e308",
    "5e-324",
    "123456789.125",
    "100",
    "1e5",
    "3.141592653589793",
    "2.5e-7",
]
FLOATS = [
    "0",
    "-0e0",
    "1",
    "0.1",
    "16777216",
    "123456.789",
    "999999.4",
    "999999.6",
    "1e6",
    "1e20",
    "1e-7",
    "0.0001",
    "0.00011",
    "3.4028235e38",
    "1e-38",
]


@pytest.mark.parametrize(
    ("kind", "column", "texts"),
    [
        ("BIGINT", {"type_code": c.TYPE_LONGLONG}, ["0", "-1", "9223372036854775807", "(-9223372036854775807 - 1)"]),
        ("UBIGINT", {"type_code": c.TYPE_LONGLONG, "flags": c.FLAG_UNSIGNED}, ["0", "18446744073709551615"]),
        ("INTEGER", {"type_code": c.TYPE_LONG, "flags": c.FLAG_ZEROFILL, "length_bytes": 5}, ["1", "12345", "1234567"]),
        ("HUGEINT", {"type_code": c.TYPE_NEWDECIMAL}, ["170141183460469231731687303715884105727", "-5"]),
        ("BOOLEAN", {"type_code": c.TYPE_TINY}, ["true", "false"]),
        ("BIGINT", {"type_code": c.TYPE_YEAR, "flags": c.FLAG_ZEROFILL, "length_bytes": 4}, ["0", "1901", "2155"]),
        ("UBIGINT", {"type_code": c.TYPE_BIT, "length_bytes": 9}, ["0", "1", "511"]),
        ("UBIGINT", {"type_code": c.TYPE_BIT, "length_bytes": 64}, ["0", "18446744073709551615"]),
        ("DECIMAL(12,2)", {"type_code": c.TYPE_NEWDECIMAL, "decimals": 2}, ["0", "1.5", "-9999999999.99"]),
        ("DECIMAL(5,5)", {"type_code": c.TYPE_NEWDECIMAL, "decimals": 5}, ["0", "0.5", "-0.00001"]),
        ("DECIMAL(38,0)", {"type_code": c.TYPE_NEWDECIMAL}, ["0", "'99999999999999999999999999999999999999'"]),
        ("DOUBLE", {"type_code": c.TYPE_DOUBLE, "decimals": 31}, DOUBLES),
        ("DOUBLE", {"type_code": c.TYPE_DOUBLE, "decimals": 3}, ["0", "2.0005", "-0.0004", "1e30", "123.4565"]),
        ("FLOAT", {"type_code": c.TYPE_FLOAT, "decimals": 31}, FLOATS),
        ("FLOAT", {"type_code": c.TYPE_DOUBLE, "decimals": 31}, FLOATS),
        ("DATE", {"type_code": c.TYPE_DATE}, ["'0001-01-01'", "'2024-02-29'", "'9999-12-31'"]),
        ("DATE", {"type_code": c.TYPE_DATETIME}, ["'2024-02-29'"]),
        ("TIMESTAMP", {"type_code": c.TYPE_DATETIME}, ["'1000-01-01 00:00:00'", "'2024-02-29 23:59:59.999999'"]),
        (
            "TIMESTAMP",
            {"type_code": c.TYPE_DATETIME, "decimals": 3},
            ["'2024-02-29 01:02:03'", "'2024-02-29 1:2:3.45'"],
        ),
        ("TIMESTAMP", {"type_code": c.TYPE_TIMESTAMP, "decimals": 6}, ["'2024-02-29 01:02:03.1'", "'1970-01-01'"]),
        ("INTERVAL", {"type_code": c.TYPE_TIME}, ["'0 seconds'", "'838:59:59'", "'-838:59:59.9'", "'-00:00:01'"]),
        ("INTERVAL", {"type_code": c.TYPE_TIME, "decimals": 4}, ["'1 day 02:03:04.5'", "'-1 day'", "'00:00:00.00009'"]),
        ("TIME", {"type_code": c.TYPE_TIME, "decimals": 6}, ["'00:00:00'", "'23:59:59.123'"]),
        ("VARCHAR", {"type_code": c.TYPE_VAR_STRING}, ["''", "'a'", "'é漢😀'", "'~|}' || chr(127) || chr(0)"]),
        ("VARCHAR", {"type_code": c.TYPE_LONGLONG}, ["'12'"]),
        ("BLOB", {"type_code": c.TYPE_BLOB, "collation_id": 63}, ["''", r"'\x00\xFF\x7F'", "'abc'"]),
    ],
)
def test_values(duck: Any, kind: str, column: dict[str, Any], texts: list[str]) -> None:
    packed, encoded = packed_and_encoded(duck, values(kind, *texts), [ResultColumn("v", **column)])
    assert packed == encoded


@pytest.mark.parametrize("size", [0, 123, 124, 250, 251, 16_383, 16_384, 65_535, 65_536, 2_097_151, 2_097_152])
@pytest.mark.parametrize("kind", ["VARCHAR", "BLOB"])
def test_every_form_of_a_length(duck: Any, size: int, kind: str) -> None:
    text = ResultColumn("v", c.TYPE_VAR_STRING)
    sql = f"SELECT 'x' AS c1, CAST(repeat('a', {size}) AS {kind}) AS c2, NULL::VARCHAR AS c3, 'y' AS c4"
    packed, _ = packed_and_encoded(duck, sql, [text] * 4)
    body = packed[4:]
    assert len(body) == int.from_bytes(packed[:3], "little")
    assert body[:2] == b"\1x" and body.endswith(b"a" * size + b"\xfb\1y")
    lead, length = {1: (b"", 1), 3: (b"\xfc", 2), 4: (b"\xfd", 3), 9: (b"\xfe", 8)}[len(body) - 5 - size]
    assert body[2:].startswith(lead + size.to_bytes(length, "little"))


def test_many_rows_with_nulls_in_every_place(duck: Any) -> None:
    columns = [ResultColumn("v", c.TYPE_LONGLONG), *[ResultColumn("v", c.TYPE_VAR_STRING)] * 2]
    sql = (
        "SELECT CASE WHEN i % 3 = 0 THEN i END AS c1, "
        "CASE WHEN i % 5 > 0 THEN repeat('ab', (i % 60)::INTEGER) END AS c2, "
        "CASE WHEN i % 7 > 0 THEN 'x' END AS c3 FROM range(10000) r(i)"
    )
    packed, encoded = packed_and_encoded(duck, sql, columns)
    assert packed == encoded


def test_packets_of_sixteen_megabytes_are_split(duck: Any) -> None:
    """A row of exactly a frame's size, which an empty frame follows, one of two frames, and a short one."""
    columns = [ResultColumn("v", c.TYPE_VAR_STRING)]
    sql = "SELECT repeat('a', 16777206) AS c1 UNION ALL SELECT repeat('b', 16777300) UNION ALL SELECT 'c'"
    relation = duck.sql(sql)
    for projection in row_projections(columns, ["VARCHAR"]) or ():
        relation = relation.project(projection)
    strings = relation.to_arrow_table().column(0).combine_chunks()
    out: list[Any] = []
    assert ColumnsPlan(columns, "utf8mb4").packed_rows(pack(strings, 1), 254, out) == (254 + 5) % 256
    packets, payloads, sequence = Reader(b"".join(out)), [b""], 254
    while packets.remaining:
        size = packets.uint(3)
        assert packets.uint(1) == sequence
        sequence = sequence + 1 & 0xFF
        payloads[-1] += packets.take(size)
        if size < 0xFFFFFF:
            payloads.append(b"")
    assert [Reader(p).lenenc_bytes() for p in payloads[:-1]] == [b"a" * 16777206, b"b" * 16777300, b"c"]


def test_binary_between_texts(duck: Any) -> None:
    columns = [ResultColumn("v", c.TYPE_VAR_STRING)] * 4
    sql = r"SELECT 'a' AS c1, '\xFF\x00'::BLOB AS c2, NULL::BLOB AS c3, 'é' AS c4 FROM range(3)"
    packed, encoded = packed_and_encoded(duck, sql, columns)
    assert packed == encoded


def test_infinity_is_an_error(duck: Any) -> None:
    for decimals in (31, 2):
        relation = duck.sql("SELECT 'inf'::DOUBLE AS c1")
        for projection in row_projections([ResultColumn("v", c.TYPE_DOUBLE, decimals=decimals)], ["DOUBLE"]) or ():
            relation = relation.project(projection)
        with pytest.raises(duckdb.Error, match="AURORA:1690:DOUBLE"):
            relation.fetchall()


def test_texts_of_short_columns(duck: Any) -> None:
    """A column's declared length tells that one byte is enough for the length of its values, not that of others."""
    for chars, table in ((30, "t"), (31, "t"), (30, "")):
        column = ResultColumn("v", c.TYPE_VAR_STRING, length_bytes=chars * 4, org_table=table)
        length = chars if table else 200
        lengths = f"(VALUES (0), (1), ({length}), (NULL)) t(n)"
        packed, encoded = packed_and_encoded(duck, f"SELECT repeat('語', n) AS c1 FROM {lengths}", [column])
        assert packed == encoded


def test_types_that_it_does_not_know_are_left_to_the_encoder() -> None:
    for kind in ("INTEGER[]", "STRUCT(a INTEGER)", "DECIMAL(38,38)", "TIMESTAMP WITH TIME ZONE"):
        assert row_projections([ResultColumn("v", c.TYPE_VAR_STRING)], [kind]) is None
