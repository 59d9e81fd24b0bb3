"""Values as DuckDB's Python client gives them, to values as rows have them.

The client has no Python value for dates beyond the years 1 to 9999 and gives their text. Only zero dates are stored
there (:mod:`aurora_mysql.catalog.zero_date`). Of a BIGNUM it gives the text (:mod:`aurora_mysql.catalog.wide_decimal`).
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import duckdb

from aurora_mysql.catalog.wide_decimal import NATIVE_DIGITS, of_units
from aurora_mysql.catalog.zero_date import ZeroDate, as_duckdb, of_fetched

_DATES = ("DATE", "TIMESTAMP")

Rows = list[tuple[Any, ...]]


def fetched(rows: Rows, types: Sequence[str]) -> Rows:
    """`rows` of columns with these DuckDB types; the same list when nothing is to be done."""
    for position, kind in enumerate(types):
        if kind == "BIGNUM":
            rows = [
                row if row[position] is None else (*row[:position], of_units(row[position]), *row[position + 1 :])
                for row in rows
            ]
        if kind in _DATES and any(row[position].__class__ is str for row in rows):
            rows = [
                (*row[:position], of_fetched(row[position]), *row[position + 1 :])
                if row[position].__class__ is str
                else row
                for row in rows
            ]
    return rows


def bindable(value: Any) -> Any:
    """`value` as a parameter of a DuckDB statement."""
    if value.__class__ is Decimal and len(value.as_tuple().digits) > NATIVE_DIGITS:
        return format(value, "f")
    if value.__class__ is ZeroDate:
        return duckdb.Value(as_duckdb(value), "DATE" if value.clock is None else "TIMESTAMP")
    return value


def fetch_all(cursor: duckdb.DuckDBPyConnection) -> Rows:
    """What is left of the cursor's result."""
    types = [str(d[1]) for d in cursor.description or ()]
    return fetched(cursor.fetchall(), types)
