"""Columns of texts get the values that the converters give, or are left to them."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pyarrow as pa
import pytest

from aurora_mysql.catalog.model import Column, ColumnType
from aurora_mysql.catalog.values import converter
from aurora_mysql.catalog.zero_date import ZeroDate
from aurora_mysql.errors import MySQLError
from aurora_mysql.sql.dml.typed_columns import typed

UTF8 = {"charset": "utf8mb4", "collation": "utf8mb4_0900_ai_ci"}
LATIN1 = {"charset": "latin1", "collation": "latin1_swedish_ci"}
TYPES = [
    ColumnType("tinyint"), ColumnType("int"), ColumnType("int", unsigned=True), ColumnType("bigint"),
    ColumnType("bigint", unsigned=True), ColumnType("year"), ColumnType("bit", length=9),
    ColumnType("decimal", 10, 2), ColumnType("decimal", 4, 4), ColumnType("decimal", 38, 0),
    ColumnType("decimal", 10, 2, unsigned=True), ColumnType("double"), ColumnType("double", 8, 2), ColumnType("float"),
    ColumnType("date"), ColumnType("datetime"), ColumnType("datetime", scale=3), ColumnType("timestamp"),
    ColumnType("time"), ColumnType("time", scale=2), ColumnType("char", 3, **UTF8), ColumnType("varchar", 5, **UTF8),
    ColumnType("varchar", 5, **LATIN1), ColumnType("tinytext", **UTF8), ColumnType("text", **UTF8), ColumnType("json"),
    ColumnType("binary", 4), ColumnType("varbinary", 4), ColumnType("blob"),
    ColumnType("enum", values=("a", "b", "12"), **UTF8), ColumnType("set", values=("a", "b"), **UTF8),
]  # fmt: skip
TEXTS = [
    "0",
    "1",
    "-1",
    "+1",
    "127",
    "128",
    "-128",
    "255",
    "32768",
    "2147483647",
    "2147483648",
    "4294967295",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "007",
    "0x1F",
    "1x",
    "1.5",
    "1.50",
    ".5",
    "5.",
    "-0.00",
    "0.0001",
    "0.00001",
    "99999999.99",
    "99999999.999",
    "100000000",
    "1e3",
    "1E2",
    "-1e400",
    "1e-400",
    "nan",
    "NaN",
    "inf",
    "-infinity",
    "3.4028236e38",
    "16777217",
    "0.1",
    "2024",
    "99",
    "1900",
    "2156",
    "2024-02-29",
    "2023-02-29",
    "0000-00-00",
    "0000-01-01",
    "0001-01-01",
    "9999-12-31",
    "2024-2-9",
    "20240229",
    "2024-02-29T01:02:03",
    "a",
    "A",
    "ab",
    "abc",
    "abcd",
    "abcdef",
    "é",
    "éé",
    "ab€",
    "12",
    "b,a",
    "a,b",
    '{"a":1}',
    "[1]",
    "null",
    "01:02:03",
    "-838:59:59",
    "839:00:00",
    "1:2",
    "01:02:03.456",
    "2024-02-29Z",
]
TEXTS += ["", " ", " 1", "1 ", "a ", "abc  ", "abcdef ", "2024-02-29 01:02:03", "2024-02-29 01:02:03.4", "x" * 256]
TEXTS += ["2024-02-29 01:02:03.4567", "2024-02-29 24:00:00", "1969-12-31 23:59:59", "2038-01-19 03:14:08", "é" * 200]
TEXTS += ["2024-02-29 01:02", "2024-02-29 01:02:03Z", "2024-02-29 01:02:03+01:00", "9999-12-31 23:59:59.999999"]


class Said(Exception):
    pass


def expected(column: Column, text: str) -> Any:
    def warn(*_: object) -> None:
        raise Said

    convert = converter(column, strict=True, zone=dt.UTC)
    value = text.encode() if column.type.name in ("binary", "varbinary", "blob") else text
    try:
        return convert(value, 1, warn)
    except (MySQLError, Said):
        return Said


def made(column: Column, texts: list[str | None], *, utc: bool = True) -> Any:
    array = pa.array(texts, type=pa.string())
    if column.type.name in ("binary", "varbinary", "blob"):
        array = array.cast(pa.binary())
    found = typed(column, array, converter(column, strict=True, zone=dt.UTC), utc=utc)
    return None if found is None else found.to_pylist()


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: f"{kind.name}-{kind.length}-{kind.scale}-{kind.unsigned}")
def test_each_text_alone_and_all_together(kind: ColumnType) -> None:
    column = Column("c", kind)
    plain: list[str | None] = []
    for text in TEXTS:
        found, wanted = made(column, [text]), expected(column, text)
        if found is not None:
            assert (repr(found[0]), wanted is Said) == (repr(wanted), False), text
        if wanted is not Said and found is not None:
            plain.append(text)
        else:
            # Nothing that the converter has something to say about is taken.
            assert found is None
    assert made(column, [*plain, None]) == [*(expected(column, text) for text in plain if text is not None), None]
    assert made(column, [*plain, None], utc=False) == made(column, [*plain, None])


def test_what_converters_take_silently_is_mostly_taken() -> None:
    """Else loads would be slow for no reason. Dates that no calendar has go by rows."""
    left = [
        (kind.name, text)
        for kind in TYPES
        for text in TEXTS
        if not isinstance(wanted := expected(Column("c", kind), text), ZeroDate)
        if wanted is not Said and made(Column("c", kind), [text]) is None
    ]
    assert left == []


def test_null_where_none_may_be() -> None:
    assert made(Column("c", ColumnType("int"), nullable=False), ["1", None]) is None
    assert made(Column("c", ColumnType("int")), [None, None]) == [None, None]
