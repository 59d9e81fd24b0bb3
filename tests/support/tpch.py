"""TPC-H: its tables, their rows from tpchgen-cli, its 22 queries in MySQL's syntax, and whether two answers agree."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pymysql

QUERIES = Path(__file__).parents[2] / "scripts" / "bench" / "tpch_queries"
#: In an order that foreign keys allow.
TABLES = ("region", "nation", "part", "supplier", "partsupp", "customer", "orders", "lineitem")
NUMBERS = range(1, 23)


def generate(directory: Path, scale: float) -> None:
    """Write `<table>.tbl` files of the scale factor into `directory`, unless they are there.

    Raises:
        SystemExit: tpchgen-cli is not installed (it is in the extra `bench`).
    """
    if all((directory / f"{table}.tbl").exists() for table in TABLES):
        return
    generator = Path(sys.executable).with_name("tpchgen-cli")
    if not generator.exists():
        raise SystemExit(f"{generator} is missing: pip install tpchgen-cli")
    command = [str(generator), "tbl", "-s", str(scale), "--output-dir", str(directory), "--overwrite"]
    subprocess.run(command, check=True, capture_output=True)


def load(connection: pymysql.connections.Connection, directory: Path) -> int:
    """Make the database `tpch` and load every table through LOAD DATA LOCAL; the number of rows."""
    total = 0
    with connection.cursor() as cursor:
        cursor.execute("CREATE DATABASE tpch")
        cursor.execute("USE tpch")
        for statement in (QUERIES / "schema.sql").read_text().split(";"):
            if statement.strip():
                cursor.execute(statement)
        # As a dump does: the data come from a generator that keeps the rules.
        cursor.execute("SET foreign_key_checks = 0")
        for table in TABLES:
            file = directory / f"{table}.tbl"
            lines = r"FIELDS TERMINATED BY '|' LINES TERMINATED BY '|\n'"
            cursor.execute(f"LOAD DATA LOCAL INFILE '{file}' INTO TABLE {table} {lines}")
            total += cursor.rowcount
            cursor.execute(f"ANALYZE TABLE {table}")
            cursor.fetchall()
        cursor.execute("SET foreign_key_checks = 1")
    return total


def query(number: int, scale: float) -> str:
    """The text of query `number`, with the specification's validation parameters."""
    return (QUERIES / f"{number:02d}.sql").read_text().replace("{fraction}", f"{0.0001 / scale:.10f}")


def difference(ours: Sequence[Sequence[Any]], theirs: Sequence[Sequence[Any]]) -> str:
    """What differs first; '' when the rows are the same. Exact numbers may differ by one in their last digit."""
    if len(ours) != len(theirs):
        return f"{len(ours)} rows instead of {len(theirs)}"
    for number, (a, b) in enumerate(zip(ours, theirs, strict=True), 1):
        if len(a) != len(b) or not all(_same(x, y) for x, y in zip(a, b, strict=True)):
            return f"row {number}: {tuple(a)} instead of {tuple(b)}"
    return ""


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, Decimal) and isinstance(b, Decimal):
        return abs(a - b) <= Decimal(1).scaleb(max(int(a.as_tuple().exponent), int(b.as_tuple().exponent)))
    if isinstance(a, float) and isinstance(b, float):
        return abs(a - b) <= 1e-9 * max(abs(a), abs(b))
    return bool(a == b)
