"""Decimals of more than 38 digits: their place in DuckDB."""

from __future__ import annotations

from decimal import Decimal

import duckdb
import pytest

from aurora_mysql.catalog.wide_decimal import in_scale, of_units, units
from aurora_mysql.engine.fetched import fetch_all

LARGEST = Decimal("9" * 65)
SMALLEST = Decimal("0." + "0" * 29 + "1")
VALUES = [-LARGEST, -SMALLEST, Decimal(0), SMALLEST, Decimal("1.5"), LARGEST.scaleb(-30), LARGEST]


@pytest.mark.parametrize("value", VALUES, ids=str)
def test_comes_back_exactly(value: Decimal) -> None:
    assert of_units(units(value)) == value
    ((found,),) = fetch_all(duckdb.connect().execute(f"SELECT CAST('{units(value)}' AS BIGNUM)"))
    assert found == value


def test_duckdb_sorts_and_sums_them() -> None:
    rows = ", ".join(f"(CAST('{units(v)}' AS BIGNUM))" for v in reversed(VALUES))
    connection = duckdb.connect()
    assert [r[0] for r in fetch_all(connection.execute(f"SELECT x FROM (VALUES {rows}) t(x) ORDER BY x"))] == VALUES
    ((total,),) = fetch_all(connection.execute(f"SELECT sum(x) FROM (VALUES {rows}) t(x)"))
    assert total == of_units(str(sum(int(units(v)) for v in VALUES)))


def test_in_scale() -> None:
    assert str(in_scale(of_units(units(Decimal("2.50"))), 2)) == "2.50"
