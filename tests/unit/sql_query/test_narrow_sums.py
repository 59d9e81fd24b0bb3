"""Sums of products that are computed in 64 bits as long as these do, and groupings by fewer columns than were named:
the answers are those of the long way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from aurora_mysql.sql.query import plan_select
from aurora_mysql.sql.query.statement import SelectPlan
from tests.support.query_session import QuerySession, parse
from tests.support.schema_session import SchemaSession, with_session

PRODUCT = "SUM(price * (1 - discount) * (1 + tax))"


def run(path: Path, work: Callable[[QuerySession], Awaitable[None]], largest: str = "2.50") -> None:
    async def main(schema: SchemaSession) -> None:
        await schema.run(
            "CREATE TABLE line (id INT PRIMARY KEY, price DECIMAL(15,2), discount DECIMAL(15,2), tax DECIMAL(15,2), "
            "n INT)"
        )
        rows = [(1, Decimal(largest), Decimal("0.10"), Decimal("0.25"), 7), (2, Decimal(2), Decimal(0), Decimal(0), 1)]
        await schema.rows("line", [*rows, (3, None, Decimal(1), Decimal(1), None)])
        await schema.run("CREATE TABLE kind (k VARCHAR(5) PRIMARY KEY, name VARCHAR(20), line INT, word VARCHAR(5))")
        await schema.rows(
            "kind", [("a", "Tea", 1, "1"), ("b", "Tea", 2, "2"), ("c", "tea", 1, "01"), ("d", None, 9, "9")]
        )
        await work(QuerySession(schema))

    with_session(path, main)


def planned(q: QuerySession, sql: str) -> SelectPlan:
    plan = plan_select(parse(sql), q.context(sql))
    assert isinstance(plan, SelectPlan)
    return plan


async def rows_of(q: QuerySession, plan: SelectPlan, *, autocommit: bool = True) -> list[Any]:
    tx = q.engine.begin(q.ctx, autocommit=autocommit)
    try:
        result: Any = await plan.run(q.ctx, tx, ())
        return [tuple(row) for row in result.rows]
    finally:
        await tx.rollback()


def test_products_of_few_digits_are_summed_in_64_bits(tmp_path: Path) -> None:
    async def work(q: QuerySession) -> None:
        plan = planned(q, f"SELECT {PRODUCT}, AVG(price * tax), SUM(n * price) FROM line")
        assert plan.exact is not None and "my_decimal_product" not in plan.select.sql
        expected = [(Decimal("4.812500"), Decimal("0.31250000"), Decimal("19.50"))]
        assert await rows_of(q, plan) == expected
        assert not plan.too_narrow
        assert await rows_of(q, plan.exact) == expected

    run(tmp_path, work)


def test_products_of_many_digits_are_as_exact(tmp_path: Path) -> None:
    """The narrow query fails; the exact one answers, now and from then on."""

    async def work(q: QuerySession) -> None:
        plan = planned(q, f"SELECT {PRODUCT} FROM line")
        exact = Decimal("9999999999999.99") * Decimal("0.90") * Decimal("1.25") + 2
        assert await rows_of(q, plan) == [(exact,)]
        assert plan.too_narrow
        assert await rows_of(q, plan) == [(exact,)]
        assert q.ctx.warnings == []

    run(tmp_path, work, "9999999999999.99")


def test_an_open_transaction_computes_exactly_at_once(tmp_path: Path) -> None:
    """A query that fails would end DuckDB's part of its read view."""

    async def work(q: QuerySession) -> None:
        plan = planned(q, f"SELECT {PRODUCT} FROM line")
        assert len(await rows_of(q, plan, autocommit=False)) == 1
        assert not plan.too_narrow

    run(tmp_path, work, "9999999999999.99")


@pytest.mark.parametrize(
    "sql",
    [
        # Its first rows may have left before the second sum fails.
        f"SELECT n FROM line UNION ALL SELECT {PRODUCT} FROM line",
        # Rows leave one by one.
        "SELECT price * (1 - discount) * (1 + tax) FROM line",
        f"SELECT {PRODUCT}, SLEEP(0.001) FROM line",
        f"SELECT {PRODUCT} INTO @total FROM line",
        f"SELECT {PRODUCT} FROM line FOR UPDATE",
    ],
)
def test_what_may_not_run_twice_computes_exactly(tmp_path: Path, sql: str) -> None:
    async def work(q: QuerySession) -> None:
        plan = planned(q, sql)
        assert plan.exact is None and not plan.select.narrowed

    run(tmp_path, work)


@pytest.mark.parametrize("largest", ["2.50", "9999999999999.99"])
@pytest.mark.parametrize(
    "sql",
    [
        "SELECT SUM(CASE WHEN n > 1 THEN price * (1 - tax) ELSE 0 END), SUM(IF(n > 1, price * tax, n)) FROM line",
        "SELECT n, SUM(v), MAX(v) FROM (SELECT n, price * (1 - discount) - tax * n AS v FROM line) AS d GROUP BY n",
        "SELECT AVG(v) FROM (SELECT SUM(price * tax) AS v FROM line GROUP BY n) AS d",
        "SELECT id FROM line WHERE price * 2 > (SELECT AVG(price * tax) FROM line)",
    ],
)
def test_both_ways_agree(tmp_path: Path, sql: str, largest: str) -> None:
    async def work(q: QuerySession) -> None:
        plan = planned(q, sql)
        assert plan.exact is not None
        assert sorted(await rows_of(q, plan), key=repr) == sorted(await rows_of(q, plan.exact), key=repr)

    run(tmp_path, work, largest)


@pytest.mark.parametrize(
    ("sql", "keys", "expected"),
    [
        # One row of `kind` for each key, one of `line` for each row of `kind`.
        (
            "SELECT k, name, price, COUNT(*) FROM kind JOIN line ON line.id = kind.line GROUP BY k, name, price",
            1,
            [("a", "Tea", Decimal("2.50"), 1), ("b", "Tea", Decimal("2.00"), 1), ("c", "tea", Decimal("2.50"), 1)],
        ),
        # Some rows of the left side have none on the right one.
        (
            "SELECT line, price, COUNT(*) FROM kind LEFT JOIN line ON line.id = kind.line AND k <> 'c' "
            "GROUP BY line, price",
            2,
            [(1, None, 1), (1, Decimal("2.50"), 1), (2, Decimal("2.00"), 1), (9, None, 1)],
        ),
        # A text may equal a number in several ways.
        (
            "SELECT id, word, COUNT(*) FROM line, kind WHERE word = id GROUP BY id, word",
            2,
            [(1, "01", 1), (1, "1", 1), (2, "2", 1)],
        ),
        # Constants determine each other, but one key stays: without rows there is no group.
        ("SELECT n, COUNT(*) FROM line WHERE n = 8 GROUP BY n", 1, []),
    ],
)
def test_columns_that_others_determine_need_not_group(
    tmp_path: Path, sql: str, keys: int, expected: list[tuple[Any, ...]]
) -> None:
    async def work(q: QuerySession) -> None:
        plan = planned(q, sql)
        assert len(plan.select.sql.rpartition(" GROUP BY ")[2].partition(" ORDER BY ")[0].split(",")) == keys
        assert sorted(await rows_of(q, plan), key=repr) == sorted(expected, key=repr)
        assert plan.columns is not None and plan.columns[0].org_table in ("kind", "line")

    run(tmp_path, work)
