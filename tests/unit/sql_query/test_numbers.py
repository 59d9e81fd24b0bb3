"""Exact numbers: hidden digits of quotients, wide products, averages, warnings of conversions."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.support.query_session import QuerySession
from tests.support.schema_session import SchemaSession, with_session


def rows(path: Path, sql: str) -> tuple[list[tuple[Any, ...]], list[tuple[int, str]]]:
    """The rows of `sql` and its warnings."""

    async def main(schema: SchemaSession) -> Any:
        await schema.run(
            "CREATE TABLE n (id INT PRIMARY KEY, d DECIMAL(10,2), b BIGINT, u INT UNSIGNED, s VARCHAR(10))"
        )
        await schema.rows(
            "n", [(1, Decimal("12345678.90"), 9007199254740993, 7, "12x"), (2, Decimal("0.10"), 10, 4294967295, "b")]
        )
        query = QuerySession(schema)
        found = await query.select(sql)
        return found, [(w.errno, w.message) for w in query.ctx.warnings]

    found: tuple[list[tuple[Any, ...]], list[tuple[int, str]]] = with_session(path, main)
    return found


@pytest.mark.parametrize(
    ("expression", "values"),
    [
        ("d * d", ["152415787501905.2100", "0.0100"]),
        ("1 / 3 * 100", ["33.3333", "33.3333"]),
        ("2 / 3 * 1000000", ["666666.6660", "666666.6660"]),
        ("d / 0.001", ["12345678900.000000", "100.000000"]),
        ("b / 7", ["1286742750677284.7143", "1.4286"]),
        ("CONCAT(1 / 3)", ["0.3333", "0.3333"]),
        ("10 / 65 % 2", ["0.1538", "0.1538"]),
        ("BIT_COUNT(u)", [3, 32]),
        ("GREATEST('a', 'Abc')", ["Abc", "Abc"]),
        ("CONCAT(0.1)", ["0.1", "0.1"]),
    ],
)
def test_an_expression_has_the_digits_that_mysql_shows(tmp_path: Path, expression: str, values: list[Any]) -> None:
    found, _ = rows(tmp_path, f"SELECT {expression} FROM n ORDER BY id")
    assert [type(v)(str(r[0])) if isinstance(v, str) else r[0] for v, r in zip(values, found, strict=True)] == values


def test_averages_are_exact(tmp_path: Path) -> None:
    found, _ = rows(tmp_path, "SELECT AVG(b), AVG(d) FROM n")
    assert [str(v) for v in found[0]] == ["4503599627370501.5000", "6172839.500000"]


def test_conversions_warn_once_for_each_value(tmp_path: Path) -> None:
    _, warnings = rows(tmp_path, "SELECT s + 0, id / 0 FROM n")
    texts = ["Division by 0"] * 2 + [f"Truncated incorrect DOUBLE value: '{s}'" for s in ("12x", "b")]
    assert sorted(message for _, message in warnings) == texts
    assert {number for number, _ in warnings} == {1292, 1365}


def test_a_branch_that_is_not_taken_does_not_warn_of_a_division(tmp_path: Path) -> None:
    _, warnings = rows(tmp_path, "SELECT NULL / 0, 1 / 2 FROM n")
    assert warnings == []


def test_a_text_with_a_huge_exponent_is_a_number_as_any_other(tmp_path: Path) -> None:
    found, _ = rows(
        tmp_path,
        "SELECT CAST(CONCAT(s, 'e1') AS DECIMAL(5,2)), CAST('1e999999999' AS DECIMAL(5,2)), "
        "CAST('-1e99999999' AS DECIMAL(7,2)), CAST('1e-99999999' AS DECIMAL(5,2)), "
        "CAST('0e999999999' AS DECIMAL(9,2)), d < '1e99999999' FROM n WHERE id = 1",
    )
    assert [str(v) for v in found[0]] == ["12.00", "999.99", "-99999.99", "0.00", "0.00", "1"]
