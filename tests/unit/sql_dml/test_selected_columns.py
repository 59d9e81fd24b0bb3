"""INSERT ... SELECT as columns does what it does row by row; values that differ in both types are left to rows."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from aurora_mysql.catalog.model import Column, ColumnType
from aurora_mysql.catalog.values import converter
from aurora_mysql.engine.transaction import Transaction
from aurora_mysql.errors import MySQLError
from aurora_mysql.sql.admin.variables import SystemVariables
from aurora_mysql.sql.dml import row_inserter
from aurora_mysql.sql.dml.typed_columns import typed
from aurora_mysql.sql.executor import Executor
from aurora_mysql.sql.query import statement
from aurora_mysql.sql.result import Ok, ResultSet
from tests.support.schema_session import SchemaSession, with_session

UTF8 = {"charset": "utf8mb4", "collation": "utf8mb4_0900_ai_ci"}
TARGETS = [
    ColumnType("tinyint"), ColumnType("int", unsigned=True), ColumnType("bigint"), ColumnType("bigint", unsigned=True),
    ColumnType("year"), ColumnType("bit", length=9), ColumnType("decimal", 10, 2), ColumnType("decimal", 38, 10),
    ColumnType("decimal", 5, 0, unsigned=True), ColumnType("double"), ColumnType("double", 8, 2), ColumnType("float"),
    ColumnType("date"), ColumnType("datetime"), ColumnType("datetime", scale=3), ColumnType("timestamp", scale=6),
    ColumnType("time"), ColumnType("varchar", 5, **UTF8), ColumnType("varbinary", 4), ColumnType("json"),
    ColumnType("enum", values=("a", "b"), **UTF8),
]  # fmt: skip
VALUES: list[tuple[Any, list[Any]]] = [
    (pa.int64(), [0, 1, -1, 127, 128, 2**31, 2**32, 2**63 - 1, -(2**63), 100_000]),
    (pa.uint64(), [0, 255, 2**63, 2**64 - 1]),
    (pa.int32(), [7, -7]),
    (pa.bool_(), [True, False]),
    (pa.decimal128(10, 2), [Decimal("0.00"), Decimal("1.50"), Decimal("-2.00"), Decimal("99999999.99")]),
    (pa.decimal128(38, 4), [Decimal("1.0000"), Decimal("1.0001"), Decimal("9" * 20 + ".0000"), Decimal("12.3000")]),
    (pa.float64(), [0.0, 1.5, -2.0, 1e300, 1e-300, float(2**40), 1.1]),
    (pa.float32(), [0.0, 1.5, -2.0]),
    (pa.date32(), [dt.date(2024, 2, 29), dt.date(1, 1, 1), dt.date(9999, 12, 31), dt.date(1970, 1, 2)]),
    (
        pa.timestamp("us"),
        [
            *(dt.datetime(2024, 2, 29, 1, 2, 3, micros) for micros in (0, 4, 4000)),
            *(dt.datetime(2024, 2, 29), dt.datetime(1, 1, 1), dt.datetime(2038, 1, 19, 3, 14, 8)),
        ],
    ),
    (pa.binary(), [b"ab", b"", b"\xff", b"abcdef"]),
    (pa.string(), ["a", "12", "é", "2024-02-29", "too long"]),
]


class Said(Exception):
    pass


def expected(column: Column, value: Any) -> Any:
    def warn(*_: object) -> None:
        raise Said

    try:
        return converter(column, strict=True, zone=dt.UTC)(value, 1, warn)
    except (MySQLError, Said):
        return Said


def made(column: Column, kind: Any, values: list[Any], *, utc: bool = True) -> Any:
    array = pa.array(values, type=kind)
    found = typed(column, array, converter(column, strict=True, zone=dt.UTC), utc=utc)
    return None if found is None else found.to_pylist()


@pytest.mark.parametrize("target", TARGETS, ids=lambda t: f"{t.name}-{t.length}-{t.scale}-{t.unsigned}")
def test_what_is_taken_is_what_the_converter_makes(target: ColumnType) -> None:
    column = Column("c", target)
    taken = 0
    for kind, values in VALUES:
        plain = []
        for value in values:
            found = made(column, kind, [value])
            if found is not None:
                plain.append(value)
                wanted = expected(column, value)
                assert wanted is not Said and repr(found) == repr([wanted]), (kind, value)
        taken += len(plain)
        if plain:
            assert made(column, kind, [*plain, None]) == [*(expected(column, v) for v in plain), None]
            if target.name == "timestamp":
                assert made(column, kind, plain, utc=False) in (None, [expected(column, v) for v in plain])
    assert taken > 0


SETUP = (
    "CREATE TABLE s (id INT PRIMARY KEY, n BIGINT, d DECIMAL(10,2), x DOUBLE, a VARCHAR(20), b DATE, t DATETIME(3))",
    "INSERT INTO s VALUES "
    + ",".join(f"({i}, {i * 7}, {i}.25, {i}.5, 'Text {i % 50}', '2024-01-{i % 28 + 1:02d}', NULL)" for i in range(600)),
    "CREATE TABLE k (id INT PRIMARY KEY, n INT, a VARCHAR(20), UNIQUE (n))",
    "CREATE TABLE auto (id INT PRIMARY KEY AUTO_INCREMENT, a VARCHAR(6), e INT DEFAULT 9)",
    "CREATE TABLE h (a VARCHAR(20), d DECIMAL(12,4))",
    "CREATE TABLE child (id INT PRIMARY KEY, s INT, FOREIGN KEY (s) REFERENCES s (id))",
)
STATEMENTS = {
    "as they are": "INSERT INTO k SELECT id, n, a FROM s",
    "in another order": "INSERT INTO k (a, id) SELECT a, id FROM s WHERE id >= 3",
    "hidden keys": "INSERT INTO h SELECT a, d * 2 FROM s",
    "generated numbers, texts that are too long": "INSERT IGNORE INTO auto (a) SELECT a FROM s",
    "generated numbers": "INSERT INTO auto (a) SELECT LEFT(a, 6) FROM s ORDER BY id",
    "a duplicate": "INSERT INTO k SELECT id, id DIV 2, a FROM s",
    "duplicates passed over": "INSERT IGNORE INTO k SELECT id, id DIV 2, a FROM s ORDER BY id",
    "a value out of range": "INSERT INTO k SELECT id + 4000000000, 1, a FROM s",
    "NULL where none may be": "INSERT INTO k SELECT NULLIF(id, 599), id, a FROM s",
    "parents": "INSERT INTO child SELECT id, id FROM s",
    "a missing parent": "INSERT INTO child SELECT id, id + 1 FROM s",
    "into itself": "INSERT INTO s SELECT id + 1000, n, d, x, a, b, t FROM s",
    "a row that is replaced": "REPLACE INTO k SELECT id, id DIV 2, a FROM s ORDER BY id",
    "doubles into decimals": "INSERT INTO h SELECT a, x FROM s",
}  # fmt: skip


async def outcome(executor: Executor, session: SchemaSession, sql: str) -> Any:
    """What the client sees, and what the tables hold."""
    try:
        done: Any = await executor.execute(session.ctx, sql).__anext__()
        said: Any = (done.affected_rows, done.insert_id, done.info) if isinstance(done, Ok) else done
    except MySQLError as error:
        said = (error.errno, error.message)
    warnings = [(w.errno, w.message) for w in session.ctx.warnings]
    held = []
    for table in ("k", "auto", "h", "child", "s"):
        rows = await executor.execute(session.ctx, f"SELECT * FROM {table} ORDER BY 1, 2").__anext__()
        assert isinstance(rows, ResultSet) and isinstance(rows.rows, list)
        held.append([tuple(row) for row in rows.rows])
    return said, warnings, held


@pytest.mark.parametrize("name", STATEMENTS)
def test_both_ways_have_one_outcome(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    took_columns = []
    put_columns = Transaction.put_columns

    async def put(*arguments: Any, **named: Any) -> bool:
        took_columns.append(await put_columns(*arguments, **named))
        return took_columns[-1]

    monkeypatch.setattr(Transaction, "put_columns", put)

    async def work(session: SchemaSession) -> Any:
        session.services.variables = SystemVariables(session.services.cluster, session.engine, {})
        executor = Executor(session.services)
        for sql in SETUP:
            await executor.execute(session.ctx, sql).__anext__()
        took_columns.clear()
        return await outcome(executor, session, STATEMENTS[name])

    by_rows = with_session(tmp_path / "rows", work)
    assert not took_columns
    monkeypatch.setattr(statement, "PACKED_FROM_ROWS", 0)
    monkeypatch.setattr(row_inserter, "COLUMN_ROWS", (1, 1))
    as_columns = with_session(tmp_path / "columns", work)
    assert as_columns == by_rows
    left_to_rows = ("too long", "a value", "NULL", "parent", "doubles", "replaced", "duplicate")
    if not any(word in name for word in left_to_rows):
        assert took_columns == [True]


TABLES_OF_SELECTS = {
    "as they are": "CREATE TABLE new AS SELECT * FROM s",
    "with a key": "CREATE TABLE new (PRIMARY KEY (id), UNIQUE (n)) AS SELECT id, n, a FROM s ORDER BY id DESC",
    "generated numbers": "CREATE TABLE new (i INT PRIMARY KEY AUTO_INCREMENT) AS SELECT a, d FROM s ORDER BY id",
    "computed": "CREATE TABLE new AS SELECT CONCAT(a, id) c, d * 2 e, COUNT(*) n FROM s GROUP BY id, a, d ORDER BY id",
    "another type": "CREATE TABLE new (n INT UNSIGNED NOT NULL, d DECIMAL(20,4)) AS SELECT n, d FROM s ORDER BY id",
    "a duplicate": "CREATE TABLE new (UNIQUE (m)) AS SELECT id DIV 2 m FROM s",
    "a duplicate passed over": "CREATE TABLE new (UNIQUE (m)) IGNORE AS SELECT id DIV 2 m, id FROM s ORDER BY id",
    "a value out of range": "CREATE TABLE new (n TINYINT) AS SELECT n FROM s",
    "a default": "CREATE TABLE new (x INT DEFAULT 7) AS SELECT id FROM s ORDER BY id",
}  # fmt: skip


@pytest.mark.parametrize("name", TABLES_OF_SELECTS)
def test_both_ways_make_one_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    took_columns = []
    first_columns = Transaction.first_columns

    async def first(*arguments: Any, **named: Any) -> Any:
        took_columns.append(await first_columns(*arguments, **named))
        return took_columns[-1]

    monkeypatch.setattr(Transaction, "first_columns", first)

    async def work(session: SchemaSession) -> Any:
        session.services.variables = SystemVariables(session.services.cluster, session.engine, {})
        executor = Executor(session.services)
        for sql in SETUP:
            await executor.execute(session.ctx, sql).__anext__()
        seen = await outcome(executor, session, TABLES_OF_SELECTS[name])
        for sql in ("SHOW CREATE TABLE new", "SELECT * FROM new", "INSERT INTO new SELECT * FROM new LIMIT 0"):
            try:
                done: Any = await executor.execute(session.ctx, sql).__anext__()
            except MySQLError as error:
                seen = (*seen, error.errno)
            else:
                seen = (*seen, [tuple(row) for row in done.rows] if isinstance(done, ResultSet) else done)
        return seen

    by_rows = with_session(tmp_path / "rows", work)
    assert not took_columns
    monkeypatch.setattr(statement, "PACKED_FROM_ROWS", 0)
    monkeypatch.setattr(row_inserter, "COLUMN_ROWS", (1, 1))
    assert with_session(tmp_path / "columns", work) == by_rows
    left_to_rows = ("a value", "duplicate")
    assert any(word in name for word in left_to_rows) or (len(took_columns) == 1 and took_columns[0] is not None)
