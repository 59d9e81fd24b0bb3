"""Rows of the binary protocol that numpy packs are byte for byte those that the encoder makes of the same values."""

from __future__ import annotations

import random
from typing import Any

import duckdb
import pytest

from aurora_mysql.engine.fetched import fetched
from aurora_mysql.session import constants as c
from aurora_mysql.session.results import ColumnsPlan
from aurora_mysql.sql.functions import registry
from aurora_mysql.sql.query.packed_binary import pack_structs, row_struct
from aurora_mysql.sql.result import ResultColumn
from aurora_mysql.sql.result_types import ZEROFILL


@pytest.fixture(scope="module")
def duck() -> Any:
    import aurora_mysql.sql.functions.numeric
    import aurora_mysql.sql.functions.temporal

    assert aurora_mysql.sql.functions.numeric and aurora_mysql.sql.functions.temporal
    connection = duckdb.connect()
    registry.install(connection)
    yield connection
    connection.close()


def both_ways(duck: Any, sql: str, columns: list[ResultColumn], batch_rows: int = 2048) -> tuple[bytes, bytes]:
    plan = ColumnsPlan(columns, "utf8mb4")
    relation = duck.sql(sql)
    types = [str(kind) for kind in relation.types]
    projections = row_struct(columns, types)
    assert projections is not None
    packed: list[Any] = []
    sequence = 7
    for batch in relation.project(*projections).to_arrow_reader(batch_rows):
        sequence = plan.packed_rows(pack_structs(batch.column(0), columns), sequence, packed)
    encoded: list[Any] = []
    assert plan.binary_rows(fetched(duck.execute(sql).fetchall(), types), 7, encoded) == sequence
    return b"".join(packed), b"".join(encoded)


INTEGERS = ["0", "1", "-1", "127", "-128", "255"]
MOMENTS = ["2024-02-29 01:02:03", "2024-02-29", "1970-01-01", "1969-12-31 23:59:59.999999", "0001-01-01", "9999-12-31"]
MOMENTS += ["9999-12-31 23:59:59.999999", "2000-03-01 00:00:00.000001", "1900-01-01 12:00:00", "2024-12-31 00:00:01"]
#: As catalog/zero_date.py stores '0000-00-00', '0000-02-03' and '2024-00-15'.
DAYS = [-720162, -720162 + 2 * 32 + 3, 2932896 + 100_000 + 2024 * 13 * 32 + 15]
ZERO = [f"date_add(DATE '1970-01-01', INTERVAL ({day}) DAY)" for day in DAYS]
CASES: list[tuple[str, int, list[str], dict[str, int]]] = [
    ("BIGINT", c.TYPE_TINY, INTEGERS, {}),
    ("BIGINT", c.TYPE_TINY, ["0", "255"], {"flags": c.FLAG_UNSIGNED}),
    ("BIGINT", c.TYPE_SHORT, [*INTEGERS, "32767", "-32768", "65535"], {}),
    ("BIGINT", c.TYPE_LONG, [*INTEGERS, "2147483647", "-2147483648", "4294967295"], {}),
    ("BIGINT", c.TYPE_LONGLONG, [*INTEGERS, "9223372036854775807", "-9223372036854775808"], {}),
    ("UBIGINT", c.TYPE_LONGLONG, ["0", "18446744073709551615"], {"flags": c.FLAG_UNSIGNED}),
    ("BOOLEAN", c.TYPE_LONGLONG, ["true", "false"], {}),
    ("BIGINT", c.TYPE_YEAR, ["0", "1999", "2155"], {}),
    ("BIGINT", c.TYPE_LONG, ["5"], {"flags": ZEROFILL | c.FLAG_UNSIGNED, "length_bytes": 10}),
    ("DOUBLE", c.TYPE_DOUBLE, ["0", "-1.5", "1e300", "0.1"], {}),
    ("FLOAT", c.TYPE_FLOAT, ["0", "-1.5", "0.1", "3e38"], {}),
    ("DECIMAL(10,2)", c.TYPE_NEWDECIMAL, ["0", "-1.5", "99999999.99"], {}),
    ("HUGEINT", c.TYPE_NEWDECIMAL, ["0", "170141183460469231731687303715884105727"], {}),
    ("VARCHAR", c.TYPE_VAR_STRING, ["''", "'é'", "repeat('x', 250)", "repeat('x', 251)", "repeat('é', 40000)"], {}),
    ("BLOB", c.TYPE_BLOB, ["''::BLOB", "'\\x00\\xFF'::BLOB", "repeat('x', 70000)::BLOB"], {}),
    ("DATE", c.TYPE_DATE, [f"DATE '{m[:10]}'" for m in MOMENTS], {}),
    ("TIMESTAMP", c.TYPE_DATETIME, [f"TIMESTAMP '{m}'" for m in MOMENTS], {"decimals": 6}),
    ("DATE", c.TYPE_DATE, [f"{zero}::DATE" for zero in ZERO], {}),
    ("TIMESTAMP", c.TYPE_DATETIME, [f"{zero}::TIMESTAMP + INTERVAL 3661000005 MICROSECOND" for zero in ZERO], {}),
    ("TIMESTAMP", c.TYPE_DATETIME, [f"{zero}::TIMESTAMP" for zero in ZERO], {}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "code", "values", "more"), CASES)
def test_each_type(duck: Any, kind: str, code: int, values: list[str], more: dict[str, int]) -> None:
    column = ResultColumn("v", code, **more)  # type: ignore[arg-type]
    for given in (values, ["NULL", *values, "NULL"], ["NULL"]):
        rows = ", ".join(f"(CAST({value} AS {kind}))" for value in given)
        packed, encoded = both_ways(duck, f"SELECT v AS c1 FROM (VALUES {rows}) t(v)", [column])
        assert packed == encoded


def test_many_columns_and_batches(duck: Any) -> None:
    """NULLs of every pattern, a bitmap of several bytes, batches that begin within Arrow's arrays."""
    random.seed(5)
    kinds = [("BIGINT", c.TYPE_LONG), ("VARCHAR", c.TYPE_VAR_STRING), ("DOUBLE", c.TYPE_DOUBLE)]
    kinds += [("TIMESTAMP", c.TYPE_DATETIME), ("DECIMAL(12,3)", c.TYPE_NEWDECIMAL), ("DATE", c.TYPE_DATE)]
    chosen = [kinds[i % len(kinds)] for i in range(23)]
    made = {"VARCHAR": "repeat('ab', i % 200)", "TIMESTAMP": "TIMESTAMP '2024-01-01' + to_microseconds(i * 999983)"}
    made |= {"DATE": "DATE '2000-01-01' + i::INTEGER", "BIGINT": "i - 2000", "DOUBLE": "i / 7"}
    parts = [
        f"CASE WHEN hash(i * {n + 1}) % 3 = 0 THEN NULL ELSE {made.get(kind, f'CAST(i AS {kind})')} END AS c{n + 1}"
        for n, (kind, _) in enumerate(chosen)
    ]
    columns = [ResultColumn(f"c{n}", code) for n, (_, code) in enumerate(chosen)]
    packed, encoded = both_ways(duck, f"SELECT {', '.join(parts)} FROM range(5000) t(i)", columns, 700)
    assert packed == encoded


def test_what_it_does_not_know(duck: Any) -> None:
    for code, kind in ((c.TYPE_TIME, "INTERVAL"), (c.TYPE_DATE, "VARCHAR"), (c.TYPE_LONGLONG, "HUGEINT")):
        assert row_struct([ResultColumn("v", code)], [kind]) is None
    with pytest.raises(OverflowError):
        both_ways(duck, "SELECT 256::BIGINT AS c1", [ResultColumn("v", c.TYPE_TINY)])
