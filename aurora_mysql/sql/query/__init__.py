"""Queries: SELECT and its relatives, translated to DuckDB and run in a transaction."""

from __future__ import annotations

from aurora_mysql.sql.query import (
    functions_json,
    functions_numeric,
    functions_session,
    functions_strings,
    functions_temporal,
)
from aurora_mysql.sql.query.builder import VirtualUse
from aurora_mysql.sql.query.from_clause import resolve_table
from aurora_mysql.sql.query.select import SelectSql, translate_select
from aurora_mysql.sql.query.sources import ParamSource, bind_sources

__all__ = [
    "ParamSource",
    "SelectSql",
    "VirtualUse",
    "bind_sources",
    "functions_json",
    "functions_numeric",
    "functions_session",
    "functions_strings",
    "functions_temporal",
    "resolve_table",
    "translate_select",
]
