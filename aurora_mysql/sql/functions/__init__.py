"""MySQL functions for DuckDB. `bootstrap` runs on every new DuckDB instance before its configuration is locked."""

from __future__ import annotations

from collections.abc import Callable

import duckdb

from aurora_mysql.sql.functions import (
    diagnostics,
    json_functions,
    json_table,
    numeric,
    regexps,
    stored_calls,
    strings,
    temporal,
    temporal_format,
    wide_decimals,
)
from aurora_mysql.sql.functions.collations import install_sort_keys
from aurora_mysql.sql.functions.registry import install

__all__ = [
    "bootstrap", "diagnostics", "json_functions", "json_table", "numeric", "regexps", "stored_calls", "strings",
    "temporal", "temporal_format", "wide_decimals",
]  # fmt: skip

bootstrap: list[Callable[[duckdb.DuckDBPyConnection], None]] = [install, install_sort_keys]
