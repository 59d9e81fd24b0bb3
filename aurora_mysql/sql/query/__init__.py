"""Queries: SELECT and its relatives, translated to DuckDB and run in a transaction."""

from __future__ import annotations

from aurora_mysql.sql.query import (
    fulltext,
    functions_json,
    functions_numeric,
    functions_session,
    functions_strings,
    functions_temporal,
)
from aurora_mysql.sql.query.builder import VirtualUse
from aurora_mysql.sql.query.explain import plan_explain, plan_explain_write
from aurora_mysql.sql.query.failures import mysql_failure
from aurora_mysql.sql.query.from_clause import resolve_table
from aurora_mysql.sql.query.relations import materialise
from aurora_mysql.sql.query.row_expression import compile_row_expression
from aurora_mysql.sql.query.rows_query import RowsSql, Target, translate_rows_query
from aurora_mysql.sql.query.select import SelectSql, translate_select
from aurora_mysql.sql.query.sources import ParamSource, bind_sources
from aurora_mysql.sql.query.statement import plan_select
from aurora_mysql.sql.query.stored_functions import Rounds

__all__ = [
    "ParamSource",
    "Rounds",
    "RowsSql",
    "SelectSql",
    "Target",
    "VirtualUse",
    "bind_sources",
    "compile_row_expression",
    "fulltext",
    "functions_json",
    "functions_numeric",
    "functions_session",
    "functions_strings",
    "functions_temporal",
    "materialise",
    "mysql_failure",
    "plan_explain",
    "plan_explain_write",
    "plan_select",
    "resolve_table",
    "translate_rows_query",
    "translate_select",
]
