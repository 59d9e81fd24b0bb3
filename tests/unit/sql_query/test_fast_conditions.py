"""Conditions that DuckDB tests by itself mean what the functions mean that know all of MySQL's rules."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from aurora_mysql.sql.query import plan_select
from tests.support.query_session import QuerySession, parse
from tests.support.schema_session import SchemaSession, with_session

TEXTS = ["special", "a SPECIAL one: REQUESTS", "Spécial requests", "É special", "spec%ial", "", "SPEC", "日本 special"]


def run(path: Path, work: Callable[[QuerySession], Awaitable[None]]) -> None:
    async def main(schema: SchemaSession) -> None:
        await schema.run("CREATE TABLE t (id INT PRIMARY KEY, a VARCHAR(40), d DATE)")
        await schema.rows("t", [(i, text, None) for i, text in enumerate([*TEXTS, None])])
        await work(QuerySession(schema))

    with_session(path, main)


@pytest.mark.parametrize("subject", ["a", "CONCAT(a, '')", "LEFT(a, 30)"])
def test_like_ignores_case_and_accents(tmp_path: Path, subject: str) -> None:
    async def work(q: QuerySession) -> None:
        for pattern in ("%special%", "%SPECIAL%requests%", "spec%", "s_ecial", "%", "", "SPEC", "_pec%", "s%l"):
            native = f"SELECT id FROM t WHERE {subject} LIKE '{pattern}' ORDER BY id"
            # Another escape character: the function that takes the texts one by one.
            by_text = f"SELECT id FROM t WHERE {subject} LIKE '{pattern}' ESCAPE '|' ORDER BY id"
            assert "my_like" not in plan_select(parse(native), q.context(native)).select.sql  # type: ignore[attr-defined]
            assert "my_like" in plan_select(parse(by_text), q.context(by_text)).select.sql  # type: ignore[attr-defined]
            assert await q.select(native) == await q.select(by_text), pattern
            negated = native.replace(" LIKE ", " NOT LIKE ")
            found = {r[0] for r in await q.select(native)} | {r[0] for r in await q.select(negated)}
            assert found == set(range(len(TEXTS))), "NULL is neither"

    run(tmp_path, work)


@pytest.mark.parametrize(
    ("moved", "value", "constant"),
    [
        ("DATE '1998-12-01' - INTERVAL '90' DAY", "1998-09-02", True),
        ("DATE '2024-01-31' + INTERVAL '1' MONTH", "2024-02-29", True),
        ("DATE '9990-01-01' + INTERVAL '1' QUARTER", "9990-04-01", True),
        ("DATE '9999-12-31' - INTERVAL '1' YEAR", "9998-12-31", False),
        ("DATE '9999-12-31' + INTERVAL '1' DAY", None, False),
        ("DATE '0001-06-01' - INTERVAL '1' YEAR", None, False),
        ("DATE '2000-01-01' + INTERVAL '999999999' DAY", None, False),
    ],
)
def test_a_date_moved_by_a_constant(tmp_path: Path, moved: str, value: str | None, constant: bool) -> None:
    """A constant for DuckDB where the year surely stays within its bounds; else NULL and a warning beyond them."""

    async def work(q: QuerySession) -> None:
        sql = f"SELECT {moved}"
        plan = plan_select(parse(sql), q.context(sql))
        assert ("my_date_overflow" not in plan.select.sql) == constant  # type: ignore[attr-defined]
        ((found,),) = await q.select(sql)
        assert (None if found is None else str(found)[:10]) == value
        assert [w.errno for w in q.ctx.warnings] == ([] if value else [1441])

    run(tmp_path, work)
