"""SELECT statements answer as the reference server recorded them, with literals in place and lifted."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlglot import exp

from aurora_mysql.engine.engine import Engine
from aurora_mysql.engine.options import EngineOptions
from aurora_mysql.errors import MySQLError
from aurora_mysql.session.results import ColumnsPlan
from aurora_mysql.session.text_encoding import to_text
from aurora_mysql.session.wire import Reader
from aurora_mysql.sql.functions import bootstrap
from aurora_mysql.sql.query import plan_select
from aurora_mysql.sql.query.statement import PACKED_FROM_ROWS, SelectPlan
from aurora_mysql.sql.result import PackedResult, PackedRows, ResultColumn
from tests.golden.select.data import ROWS, TABLES
from tests.support.engine_world import MemoryVolume
from tests.support.query_session import QuerySession, parse
from tests.support.schema_session import SchemaSession

HERE = Path(__file__).parent
EXPECTED = dict(json.loads(line) for line in (HERE / "expected.jsonl").read_text().splitlines())
EXPECTED.update(json.loads((HERE / "mysql8.json").read_text()))


class Golden:
    """One engine with the golden tables, on a loop of its own."""

    def __init__(self, path: Path) -> None:
        self.loop = asyncio.new_event_loop()
        self.loop.run_until_complete(self._open(path))

    async def _open(self, path: Path) -> None:
        options = EngineOptions(memory_limit_bytes=256 << 20)
        engine = await Engine.open(path, instance_id="instance-1", options=options, bootstrap=bootstrap)
        volume = MemoryVolume()
        volume.log = engine.become_writer(volume)
        self.session = SchemaSession(engine, volume)
        await self.session.run("CREATE DATABASE d")
        for name, definition in TABLES.items():
            await self.session.run(definition)
            rows = ROWS[name]
            if not engine.catalog.tables["d", name].key_index:
                rows = [(*row, number) for number, row in enumerate(rows, 1)]
            await self.session.rows(name, rows)
        self.query = QuerySession(self.session)

    def answer(self, sql: str, *, lifted: bool, packed: bool = False) -> Any:
        return self.loop.run_until_complete(self._answer(sql, lifted=lifted, packed=packed))

    async def _answer(self, sql: str, *, lifted: bool, packed: bool) -> Any:
        try:
            ast = parse(sql)
            params = lift(ast) if lifted else []
            context = self.query.context(sql)
            context.params = params
            plan = plan_select(ast, context)
            tx = self.session.engine.begin(self.session.ctx, autocommit=True)
            try:
                result: Any
                if packed and isinstance(plan, SelectPlan):
                    plan.last_rows = PACKED_FROM_ROWS
                    result = await plan.run_packed(self.session.ctx, tx, params)
                    if isinstance(result, PackedResult):
                        batches = (
                            [result.rows] if isinstance(result.rows, PackedRows) else [b async for b in result.rows]
                        )
                        return [row for batch in batches for row in unpacked(batch, result.columns)]
                else:
                    result = await plan.run(self.session.ctx, tx, params)
                return [
                    [None if v is None else cell(v, c) for v, c in zip(row, result.columns, strict=True)]
                    for row in result.rows
                ]
            finally:
                await tx.rollback()
        except MySQLError as error:
            return error.errno

    def close(self) -> None:
        self.loop.run_until_complete(self.session.engine.close())
        self.loop.close()


def cell(value: Any, column: Any) -> str:
    data = to_text(value, column, "utf-8")
    return data.decode("latin-1") if column.collation_id == 63 and isinstance(value, bytes) else data.decode()


def unpacked(batch: PackedRows, columns: list[ResultColumn]) -> list[list[str | None]]:
    """The cells of packed rows, as the packets have them."""
    out: list[Any] = []
    ColumnsPlan(columns, "utf8mb4").packed_rows(batch, 1, out)
    packets = Reader(bytes(out[0]))
    rows = []
    for _ in range(len(batch)):
        row = Reader(packets.take(packets.uint(3) + 1), 1)
        cells: list[str | None] = []
        for column in columns:
            if row.data[row.pos] == 0xFB:
                row.take(1)
                cells.append(None)
                continue
            data = row.lenenc_bytes()
            cells.append(data.decode("latin-1") if column.collation_id == 63 else data.decode())
        assert not row.remaining
        rows.append(cells)
    assert not packets.remaining
    return rows


def lift(ast: exp.Expression) -> list[Any]:
    """Number the literals, as the statement cache does."""
    params: list[Any] = []
    for node in ast.find_all(exp.Literal):
        node.meta["param"] = len(params)
        text = str(node.this)
        params.append(text if node.is_string else int(text) if text.isdigit() else Decimal(text))
    return params


@pytest.fixture(scope="module")
def golden(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Golden]:
    found = Golden(tmp_path_factory.mktemp("golden"))
    yield found
    found.close()


@pytest.mark.parametrize("sql", EXPECTED, ids=range(len(EXPECTED)))
def test_as_recorded(golden: Golden, sql: str) -> None:
    assert golden.answer(sql, lifted=False) == EXPECTED[sql]
    assert golden.answer(sql, lifted=True) == EXPECTED[sql]


@pytest.mark.parametrize("sql", EXPECTED, ids=range(len(EXPECTED)))
def test_packed_rows_are_the_same(golden: Golden, sql: str) -> None:
    assert golden.answer(sql, lifted=True, packed=True) == EXPECTED[sql]
