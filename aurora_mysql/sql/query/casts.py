"""CAST and CONVERT."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from aurora_mysql.errors import mysql_error, unsupported
from aurora_mysql.sql.query import types
from aurora_mysql.sql.query.builder import date_rules, may_be_zero
from aurora_mysql.sql.query.collation_mix import connection_collation
from aurora_mysql.sql.query.expression import (
    WARN,
    Ex,
    all_digits,
    blob,
    clock,
    day,
    double,
    moment,
    number,
    text,
    unsigned,
)
from aurora_mysql.sql.query.types import T

if TYPE_CHECKING:
    from aurora_mysql.sql.query.translator import Translator


def _arguments(target: exp.DataType) -> list[int]:
    return [int(p.name) for p in target.expressions]


def cast(tr: Translator, e: Ex, target: exp.DataType) -> Ex:
    """`CAST(e AS target)`. Raises 1425/1426 for impossible sizes."""
    kind = target.this.value if isinstance(target.this, exp.DataType.Type) else str(target.this)
    arguments = _arguments(target)
    match kind:
        case "BIGINT" | "INT":
            return Ex(_signed(e), types.INT)
        case "UBIGINT" | "UINT":
            return Ex(_unsigned(e), types.UINT)
        case "CHAR" | "VARCHAR" | "CHARACTER_SET" | "NCHAR" | "TEXT" | "NVARCHAR":
            charset = target.args.get("kind")
            if charset is not None and charset.name.lower() == "binary":
                return Ex(blob(e), types.BINARY)
            sql = text(e)
            if arguments:
                sql = f"my_char_cast({sql}, {arguments[0]}, {WARN})"
            collation = connection_collation(tr.b) if charset is None else e.t.collation
            return Ex(sql, T("string", collation=collation), collated=e.collated and e.t.kind == "string")
        case "BINARY" | "VARBINARY" | "BLOB":
            sql = blob(e)
            if arguments:
                sql = f"my_binary_cast({sql}, {arguments[0]}, {WARN})"
            return Ex(sql, types.BINARY)
        case "DECIMAL":
            precision = arguments[0] if arguments else 10
            scale = arguments[1] if len(arguments) > 1 else 0
            if scale > 30:
                raise mysql_error(1425, scale, "", 30)
            if precision > 65:
                raise mysql_error(1426, precision, "", 65)
            if scale > precision:
                raise mysql_error(1427, "")
            if precision > types.MAX_DIGITS:
                n = number(e)
                source = (
                    text(e) if e.t.textual else f"CAST({n.sql} AS VARCHAR)" if n.t.kind == "decimal" else all_digits(n)
                )
                clamped = f"my_dec({source}, {precision}, {scale}, {WARN})"
                return Ex(f"my_wide({clamped})", T("wide", precision, scale))
            return _decimal(e, T("decimal", precision, scale))
        case "DOUBLE":
            return Ex(double(e), types.DOUBLE)
        case "FLOAT":
            return Ex(f"CAST({double(e)} AS FLOAT)", T("float"))
        case "DATE":
            rules = date_rules(tr.b)
            return Ex(day(e, rules), T("date", zero=e.t.zero if e.t.temporal else may_be_zero(rules)))
        case "DATETIME" | "TIMESTAMP":
            digits = arguments[0] if arguments else 0
            rules = date_rules(tr.b)
            zero = e.t.zero if e.t.temporal else may_be_zero(rules)
            sql = f"my_round_datetime({moment(e, rules)}, {digits})"
            return Ex(sql, T("datetime", scale=digits, zero=zero))
        case "TIME":
            digits = arguments[0] if arguments else 0
            return Ex(f"my_round_time({clock(e)}, {digits})", types.time(digits))
        case "YEAR":
            return Ex(f"year({moment(e)})" if e.t.temporal else _signed(e), types.INT)
        case "JSON":
            if e.t.kind in ("string", "binary"):
                return Ex(f"my_json_normal({text(e)})", types.JSON)
            from aurora_mysql.sql.query.expression import document

            return Ex(document(e), types.JSON)
    raise unsupported(f"CAST AS {kind}")


def _signed(e: Ex) -> str:
    if e.t.kind in ("string", "json", "binary") and not (
        e.t.declared is not None and e.t.declared.name in ("enum", "set")
    ):
        return f"my_int({text(e)}, {WARN})"
    n = number(e)
    if n.t.kind == "uint":
        return (
            f"CAST(CASE WHEN {n.sql} > 9223372036854775807 "
            f"THEN CAST({n.sql} AS HUGEINT) - 18446744073709551616 ELSE CAST({n.sql} AS HUGEINT) END AS BIGINT)"
        )
    if n.t.kind == "double":
        rounded = f"round_even({n.sql}, 0)"
        return (
            f"CASE WHEN {n.sql} >= 9223372036854775807e0 THEN 9223372036854775807 "
            f"WHEN {n.sql} <= -9223372036854775808e0 THEN CAST('-9223372036854775808' AS BIGINT) "
            f"ELSE CAST({rounded} AS BIGINT) END"
        )
    if (n.t.kind in ("decimal", "wide") and types.as_decimal(n.t)[0] > 18) or n.t.kind == "wide":
        value = f"my_wide_integer({n.sql})" if n.t.kind == "wide" else n.sql
        return (
            f"CASE WHEN {value} >= 9223372036854775807 THEN 9223372036854775807 "
            f"WHEN {value} <= -9223372036854775808 THEN CAST('-9223372036854775808' AS BIGINT) "
            f"ELSE CAST({value} AS BIGINT) END"
        )
    return f"CAST({n.sql} AS BIGINT)"


def _unsigned(e: Ex) -> str:
    if e.t.kind in ("string", "json", "binary"):
        return f"my_uint({text(e)}, {WARN})"
    n = number(e)
    if n.t.kind == "uint":
        return n.sql
    return unsigned(n)


def _decimal(e: Ex, t: T) -> Ex:
    duck = types.duckdb_type(t)
    if e.dated:
        e = number(e)
    if e.t.kind in ("string", "json", "binary"):
        return Ex(f"CAST(my_dec({text(e)}, {t.precision}, {t.scale}, {WARN}) AS {duck})", t)
    n = number(e)
    if n.t.kind == "wide":
        return Ex(f"CAST(my_dec({text(n)}, {t.precision}, {t.scale}, {WARN}) AS {duck})", t)
    whole, _ = types.as_decimal(n.t) if n.t.kind != "double" else (99, 0)
    fits = whole < t.precision - t.scale or (whole == t.precision - t.scale and n.t.scale <= t.scale)
    if fits and n.t.kind == "decimal":
        return Ex(f"CAST({n.sql} AS {duck})", t)
    clamped = f"CAST(my_dec({all_digits(n)}, {t.precision}, {t.scale}, {WARN}) AS {duck})"
    return Ex(f"COALESCE(TRY_CAST({n.sql} AS {duck}), {clamped})", t)
