"""What a column stores for a value, or which error it raises."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from aurora_mysql.catalog.model import Column, ColumnType
from aurora_mysql.catalog.values import converter, render_key
from aurora_mysql.errors import MySQLError


def store(kind: ColumnType, value: Any, *, strict: bool = True) -> Any:
    return converter(Column("c", kind), strict=strict)(value, 1, lambda level, errno, message: None)


INT, DEC, JSON = ColumnType("int"), ColumnType("decimal", 5, 2), ColumnType("json")
VARCHAR = ColumnType("varchar", 3, charset="utf8mb4", collation="utf8mb4_0900_ai_ci")
CHAR = ColumnType("char", 3, charset="utf8mb4", collation="utf8mb4_0900_ai_ci")
ENUM = ColumnType("enum", values=("a", "b"), charset="utf8mb4", collation="utf8mb4_0900_ai_ci")
SET = ColumnType("set", values=("a", "b"), charset="utf8mb4", collation="utf8mb4_0900_ai_ci")
LATIN1 = ColumnType("varchar", 3, charset="latin1", collation="latin1_swedish_ci")


@pytest.mark.parametrize(
    ("kind", "value", "stored"),
    [
        (INT, "12", 12), (INT, " 1.5 ", 2), (INT, Decimal("-2.5"), -3), (INT, 2.5, 2), (INT, True, 1),
        (DEC, "1.005", Decimal("1.01")), (DEC, 3, Decimal("3.00")), (DEC, 0.125, Decimal("0.13")),
        (VARCHAR, "abc  ", "abc"), (CHAR, "a  ", "a"), (VARCHAR, 12, "12"),
        (ENUM, "A", "a"), (ENUM, 2, "b"), (ENUM, "2", "b"), (SET, "b,a", "a,b"), (SET, 3, "a,b"),
        (ColumnType("bit", 8), b"\x05", 5), (ColumnType("year"), 70, 1970), (ColumnType("year"), "0", 2000),
        (ColumnType("binary", 3), "a", b"a\0\0"), (LATIN1, "é", "é"),
        (ColumnType("date"), 20240131, dt.date(2024, 1, 31)), (ColumnType("date"), "24-1-31", dt.date(2024, 1, 31)),
        (ColumnType("datetime"), "2024-01-31 10:11:12.5", dt.datetime(2024, 1, 31, 10, 11, 13)),
        (ColumnType("time"), "-838:59:59", -dt.timedelta(hours=838, minutes=59, seconds=59)),
        (ColumnType("time"), 1234, dt.timedelta(minutes=12, seconds=34)),
        (JSON, '{"bb":1, "a": [1.0,null]}', '{"a": [1.0, null], "bb": 1}'),
    ],
)  # fmt: skip
def test_stored(kind: ColumnType, value: Any, stored: Any) -> None:
    assert store(kind, value) == stored


@pytest.mark.parametrize(
    ("kind", "value", "errno"),
    [
        (INT, "abc", 1366), (INT, "12abc", 1265), (INT, 1 << 31, 1264), (DEC, 1000, 1264), (VARCHAR, "abcd", 1406),
        (ENUM, "x", 1265), (SET, "a,x", 1265), (JSON, "{", 3140), (LATIN1, "中", 1366),
        (ColumnType("date"), "2024-02-30", 1292), (ColumnType("date"), "0000-00-00", 1292),
        (ColumnType("time"), "839:00:00", 1292), (ColumnType("timestamp"), "1960-01-01", 1292),
        (ColumnType("year"), 1800, 1264), (ColumnType("bit", 2), 4, 1406), (ColumnType("tinytext"), "x" * 256, 1406),
    ],
)  # fmt: skip
def test_refused(kind: ColumnType, value: Any, errno: int) -> None:
    with pytest.raises(MySQLError) as caught:
        store(kind, value)
    assert caught.value.errno == errno


def test_without_strict_the_nearest_value_is_stored() -> None:
    assert store(INT, 1 << 40, strict=False) == (1 << 31) - 1
    assert store(VARCHAR, "abcd", strict=False) == "abc"
    assert store(DEC, "12x", strict=False) == Decimal("12.00")
    assert store(ENUM, "x", strict=False) == ""


def test_duplicate_entry_text() -> None:
    assert render_key(["a", 1, None]) == "a-1-NULL"
