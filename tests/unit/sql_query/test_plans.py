"""Plans of SELECT statements over an engine: point look-ups, streaming, locks, variables, virtual relations."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlglot import exp

from aurora_mysql.errors import MySQLError
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.query import (
    bind_sources,
    compile_row_expression,
    plan_explain,
    plan_select,
    translate_rows_query,
)
from aurora_mysql.sql.query.point import PointSelect
from tests.support.query_session import QuerySession, parse
from tests.support.schema_session import SchemaSession, with_session

ROWS = [(1, "Ann", 10, Decimal("1.50")), (2, "bob", 20, None), (3, "ANN", None, Decimal("2.25"))]


def run(path: Path, work: Callable[[QuerySession], Awaitable[None]]) -> None:
    async def main(schema: SchemaSession) -> None:
        await schema.run("CREATE TABLE t (id INT PRIMARY KEY, a VARCHAR(20), b INT, c DECIMAL(10,2))")
        await schema.run("CREATE TABLE u (a VARCHAR(10), n INT, PRIMARY KEY (a, n))")
        await schema.rows("t", ROWS)
        await schema.rows("u", [("x", 1), ("y", 2)])
        await work(QuerySession(schema))

    with_session(path, main)


def test_a_look_up_by_key_goes_past_duckdb(tmp_path: Path) -> None:
    async def work(q: QuerySession) -> None:
        for sql, rows in (
            ("SELECT * FROM t WHERE id = 2", [(2, "bob", 20, None)]),
            ("SELECT b, x.id FROM t x WHERE 3 = x.id", [(None, 3)]),
            ("SELECT n FROM u WHERE n = 1 AND a = 'X'", [(1,)]),
            ("SELECT a AS label FROM t WHERE id = 9", []),
        ):
            assert isinstance(plan_select(parse(sql), q.context(sql)), PointSelect)
            assert await q.select(sql) == rows
        assert [c.name for c in q.columns] == ["label"]
        for sql in (
            "SELECT * FROM t WHERE id = '2'",
            "SELECT n FROM u WHERE n = 1",
            "SELECT id + 1 FROM t WHERE id = 1",
        ):
            assert not isinstance(plan_select(parse(sql), q.context(sql)), PointSelect)

    run(tmp_path, work)


def test_the_key_comes_from_the_parameters(tmp_path: Path) -> None:
    async def work(q: QuerySession) -> None:
        sql = "SELECT a FROM t WHERE id = 1"
        ast = parse(sql)
        for literal in ast.find_all(exp.Literal):
            literal.meta["param"] = 0
        plan = plan_select(ast, q.context(sql))
        tx = q.engine.begin(q.ctx, autocommit=True)
        first, second = [await plan.run(q.ctx, tx, [n]) for n in (2, 3)]
        await tx.rollback()
        assert [first.rows, second.rows] == [[("bob",)], [("ANN",)]]  # type: ignore[union-attr]
        assert first.columns is second.columns  # type: ignore[union-attr]

    run(tmp_path, work)


def test_large_results_stream(tmp_path: Path) -> None:
    async def work(q: QuerySession) -> None:
        q.ctx.variables["cte_max_recursion_depth"] = 10000
        rows = await q.select(
            "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 5000) SELECT n FROM c ORDER BY n"
        )
        assert len(rows) == 5000 == q.ctx.found_rows

    run(tmp_path, work)


def test_recursion_ends(tmp_path: Path) -> None:
    async def work(q: QuerySession) -> None:
        with pytest.raises(MySQLError) as caught:
            await q.select("WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT * FROM c")
        assert caught.value.errno == 3636

    run(tmp_path, work)


def test_found_rows(tmp_path: Path) -> None:
    async def work(q: QuerySession) -> None:
        assert await q.select("SELECT SQL_CALC_FOUND_ROWS id FROM t ORDER BY id LIMIT 1, 1") == [(2,)]
        assert await q.select("SELECT FOUND_ROWS()") == [(3,)]
        await q.select("SELECT id FROM t LIMIT 2")
        assert await q.select("SELECT FOUND_ROWS()") == [(2,)]

    run(tmp_path, work)


def test_into_variables(tmp_path: Path) -> None:
    async def work(q: QuerySession) -> None:
        await q.select("SELECT 5, 'x' INTO @A, @b")
        assert q.ctx.user_variables == {"a": 5, "b": "x"}
        assert await q.select("SELECT @a + 1, @B, @nothing") == [(6, "x", None)]

    run(tmp_path, work)


def test_locking_reads_see_the_newest_rows_and_wait(tmp_path: Path) -> None:
    async def work(q: QuerySession) -> None:
        table = q.engine.catalog.tables["d", "t"]
        holder = q.engine.begin(SessionContext(9, q.ctx.user, database="d"))
        row = await holder.get_for_update(table, (1,))
        assert row is not None
        sql = "SELECT id, b FROM t WHERE a = 'ann' ORDER BY id FOR UPDATE"
        for suffix, expected in ((" SKIP LOCKED", [(3, None)]), (" NOWAIT", 3572)):
            try:
                found: Any = await q.select(sql + suffix)
            except MySQLError as error:
                found = error.errno
            assert found == expected
        assert await q.select("SELECT id FROM t ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED") == [(2,)]
        waiting = asyncio.ensure_future(q.select(sql))
        await asyncio.sleep(0)
        holder.update(table, row, (1, "Ann", 99, row[3]))
        await holder.commit()
        assert await waiting == [(1, 99), (3, None)]

    run(tmp_path, work)


def test_rows_for_dml(tmp_path: Path) -> None:
    async def work(q: QuerySession) -> None:
        update = parse("UPDATE t SET c = b * 2 WHERE b > 5 ORDER BY id DESC LIMIT 1")
        made = translate_rows_query(
            update.this,
            update.args["where"],
            update.args["order"],
            update.args["limit"],
            [e.expression for e in update.expressions],
            q.context(""),
        )
        assert (made.targets[0].alias, made.targets[0].start, made.extra_start) == ("t", 0, 4)
        tx = q.engine.begin(q.ctx)
        values = bind_sources(made.sources, q.ctx, tx, [])
        found = await tx.query(made.sql, values, tables=made.tables, latest=True)
        await tx.rollback()
        assert found.rows == [(2, "bob", 20, None, 40)]

    run(tmp_path, work)


def test_own_writes_are_seen(tmp_path: Path) -> None:
    async def work(q: QuerySession) -> None:
        table = q.engine.catalog.tables["d", "t"]
        tx = q.engine.begin(q.ctx)
        tx.insert(table, (7, "new", 1, None))
        sql = "SELECT count(*), max(a) FROM t WHERE a IN ('NEW', 'bob')"
        result: Any = await plan_select(parse(sql), q.context(sql)).run(q.ctx, tx, [])
        await tx.rollback()
        assert result.rows == [(2, "new")]

    run(tmp_path, work)


def test_virtual_relations(tmp_path: Path) -> None:
    async def work(q: QuerySession) -> None:
        sql = "SELECT table_name FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'd' ORDER BY 1"
        assert await q.select(sql) == [("t",), ("u",)]
        assert [c.name for c in q.columns] == ["TABLE_NAME"]

    run(tmp_path, work)


def test_explain(tmp_path: Path) -> None:
    async def work(q: QuerySession) -> None:
        for sql, access in (("EXPLAIN SELECT * FROM t WHERE id = 1", "const"), ("EXPLAIN SELECT * FROM t", "ALL")):
            plan = plan_explain(parse(sql), q.context(sql))
            tx = q.engine.begin(q.ctx, autocommit=True)
            result: Any = await plan.run(q.ctx, tx, [])
            await tx.rollback()
            assert (result.rows[0][4], len(result.columns)) == (access, 12)
        sql = "EXPLAIN FORMAT=JSON SELECT a FROM t"
        tx = q.engine.begin(q.ctx, autocommit=True)
        result = await plan_explain(parse(sql), q.context(sql)).run(q.ctx, tx, [])
        await tx.rollback()
        assert "SEQ_SCAN" in result.rows[0][0]

    run(tmp_path, work)


def test_sleep_ends_with_kill(tmp_path: Path) -> None:
    async def work(q: QuerySession) -> None:
        running = asyncio.ensure_future(q.select("SELECT SLEEP(60)"))
        while not q.ctx.on_kill:
            await asyncio.sleep(0)
        q.ctx.interrupt(whole_connection=False)
        with pytest.raises(MySQLError) as caught:
            await running
        assert caught.value.errno == 1317

    run(tmp_path, work)


def test_expressions_over_a_row(tmp_path: Path) -> None:
    async def work(q: QuerySession) -> None:
        table = q.engine.catalog.tables["d", "t"]
        for sql, expected in (
            ("b + 1", 11),
            ("-b", -10),
            ("c * 2.5", Decimal("3.750")),
            ("CONCAT(a, '-', b)", "Ann-10"),
            ("b + NULL", None),
            ("COALESCE(b, 0)", 10),
        ):
            function = compile_row_expression(parse(f"SELECT {sql}").expressions[0], table, q.context(sql))
            assert function is not None
            assert function(ROWS[0], [], q.ctx) == expected
        for sql in ("b + a", "b / 2", "UPPER(a)", "nosuch", "(SELECT 1)"):
            assert compile_row_expression(parse(f"SELECT {sql}").expressions[0], table, q.context(sql)) is None
        overflow = compile_row_expression(parse("SELECT b * 9223372036854775").expressions[0], table, q.context(""))
        assert overflow is not None
        with pytest.raises(MySQLError) as caught:
            overflow((1, "", 10**6, None), [], q.ctx)
        assert caught.value.errno == 1690

    run(tmp_path, work)
