"""Zero dates: their order, their place in DuckDB, what lets them pass."""

from __future__ import annotations

import datetime as dt
import random

import duckdb
import msgpack
import pytest

from aurora_mysql.catalog.zero_date import (
    ANY_DATE,
    REAL_DATE,
    DateRules,
    ZeroDate,
    as_duckdb,
    of_fetched,
)
from aurora_mysql.engine.fetched import fetch_all
from aurora_mysql.errors import CorruptRecordError
from aurora_mysql.redo.values import VALUE_EXTENSIONS, pack_value, unpack_value

SAMPLES = [
    ZeroDate(0, 0, 0),
    ZeroDate(0, 0, 0, 0),
    ZeroDate(0, 12, 31, 86_399_999_999),
    ZeroDate(1, 0, 0),
    ZeroDate(2024, 0, 15, 1),
    ZeroDate(2024, 2, 31),
    ZeroDate(9999, 12, 0, 86_399_000_000),
]


@pytest.mark.parametrize("value", SAMPLES, ids=str)
def test_comes_back_from_duckdb_and_from_redo(value: ZeroDate) -> None:
    kind = "DATE" if value.clock is None else "TIMESTAMP"
    connection = duckdb.connect()
    ((found,),) = fetch_all(connection.execute(f"SELECT CAST('{as_duckdb(value)}' AS {kind})"))
    assert found == value and found.clock == value.clock
    packed = msgpack.packb(value, default=pack_value)
    again = msgpack.unpackb(packed, ext_hook=lambda c, d: unpack_value(c, d) if c in VALUE_EXTENSIONS else None)
    assert again == value and again.clock == value.clock


def test_sorts_among_real_dates_as_mysql_does() -> None:
    wanted = [
        ZeroDate(0, 0, 0),
        dt.date(1, 1, 1),
        dt.date(2023, 12, 31),
        ZeroDate(2024, 0, 15),
        ZeroDate(2024, 1, 0),
        dt.date(2024, 1, 1),
        dt.date(2024, 2, 29),
        ZeroDate(2024, 2, 31),
        dt.date(2024, 3, 1),
    ]
    mixed = wanted[:]
    random.Random(5).shuffle(mixed)
    assert sorted(mixed) == wanted  # type: ignore[type-var]
    assert ZeroDate(2024, 0, 15, 5) > ZeroDate(2024, 0, 15) and ZeroDate(2024, 1, 0, 7) < dt.datetime(2024, 1, 1)


@pytest.mark.parametrize("text", ["rubbish", "2024-01-01", "0002-11-28", "9999-12-31 23:59:59"])
def test_refuses_what_is_no_zero_date(text: str) -> None:
    with pytest.raises(CorruptRecordError):
        of_fetched(text)


@pytest.mark.parametrize(
    ("mode", "zero", "partial", "invalid"),
    [
        (None, False, False, False),
        ("", True, True, False),
        ("STRICT_TRANS_TABLES,NO_ZERO_DATE", False, True, False),
        ("NO_ZERO_IN_DATE", True, False, False),
        ("ALLOW_INVALID_DATES,NO_ZERO_DATE,NO_ZERO_IN_DATE", False, False, True),
    ],
)
def test_what_a_mode_allows(mode: str | None, zero: bool, partial: bool, invalid: bool) -> None:
    rules = DateRules.of_mode(mode)
    found = [rules.allow(ZeroDate(0, 0, 0)), rules.allow(ZeroDate(2024, 0, 1)), rules.allow(ZeroDate(2024, 2, 31))]
    assert found == [zero, partial, invalid]
    assert DateRules.of_bits(rules.bits) == rules


def test_tells_of_what_duckdb_sorts_otherwise() -> None:
    told: list[int] = []
    rules = ANY_DATE.noting(lambda: told.append(1))
    assert rules.allow(ZeroDate(0, 0, 0)) and not told
    assert rules.allow(ZeroDate(2024, 0, 0)) and told
    assert not REAL_DATE.allow(ZeroDate(0, 0, 0))
