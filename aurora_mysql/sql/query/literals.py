"""Literals and user variables: values that the statement or the session brings."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from aurora_mysql.catalog.wide_decimal import MOST_DIGITS, SCALE
from aurora_mysql.errors import mysql_error
from aurora_mysql.sql.functions.temporal_text import fraction_digits, read_datetime, read_time
from aurora_mysql.sql.query import types, wide_decimals
from aurora_mysql.sql.query.builder import Builder
from aurora_mysql.sql.query.expression import Ex, blob_literal, text_literal
from aurora_mysql.sql.query.scope import Scope
from aurora_mysql.sql.query.types import T

if TYPE_CHECKING:
    from aurora_mysql.sql.query.translator import Translator


def literal(tr: Translator, node: exp.Literal, _: Scope) -> Ex:
    index = node.meta.get("param")
    raw = node.this
    if tr.b.baking and index is not None:
        tr.b.pc.baked.add(index)
    if node.is_string:
        if index is None or tr.b.baking:
            return Ex(text_literal(raw), types.STRING, lit=index, value=raw)
        return Ex(f"CAST({tr.b.param(index)} AS VARCHAR)", types.STRING, lit=index, value=raw, bind=tr.b.param)
    if raw.isdigit():
        value = int(raw)
        if value < 2**63:
            if index is None or tr.b.baking:
                return Ex(f"CAST({value} AS BIGINT)", T("int", precision=len(raw)), lit=index, value=value)
            return Ex(f"CAST({tr.b.param(index)} AS BIGINT)", types.INT, lit=index, value=value)
        if index is not None:
            tr.b.pc.baked.add(index)
        if value < 2**64:
            return Ex(f"CAST({value} AS UBIGINT)", types.UINT, lit=index, value=value)
        if len(raw) <= types.MAX_DIGITS:
            return Ex(f"CAST({value} AS DECIMAL({len(raw)},0))", types.decimal(len(raw), 0), lit=index, value=value)
        if len(raw.lstrip("0")) <= MOST_DIGITS:
            return wide_decimals.literal(raw)
        return Ex(f"CAST({raw} AS DOUBLE)", types.DOUBLE, lit=index, value=float(value))
    if index is not None:
        tr.b.pc.baked.add(index)
    if "e" in raw.lower():
        return Ex(f"CAST('{raw}' AS DOUBLE)", types.DOUBLE, value=float(raw))
    whole, _, fraction = raw.partition(".")
    digits = len(whole.lstrip("0")) + len(fraction)
    if types.MAX_DIGITS < digits <= MOST_DIGITS + len(fraction[SCALE:]):
        return wide_decimals.literal(raw)
    if digits > types.MAX_DIGITS:
        return Ex(f"CAST('{raw}' AS DOUBLE)", types.DOUBLE, value=float(raw))
    t = types.decimal(max(digits, 1), len(fraction))
    return Ex(f"CAST('{raw}' AS {types.duckdb_type(t)})", t, value=raw)


def hex_string(tr: Translator, node: exp.HexString, _: Scope) -> Ex:
    tr.b.bake(node)
    digits = node.this
    data = bytes.fromhex(digits if len(digits) % 2 == 0 else "0" + digits)
    return Ex(blob_literal(data), types.BINARY, value=data)


def bit_string(tr: Translator, node: exp.BitString, _: Scope) -> Ex:
    tr.b.bake(node)
    value = int(node.this or "0", 2)
    data = value.to_bytes(max(1, (len(node.this) + 7) // 8), "big")
    return Ex(blob_literal(data), types.BINARY, value=data)


def introducer(tr: Translator, node: exp.Introducer, scope: Scope) -> Ex:
    e = tr.expr(node.expression, scope)
    if str(node.this).lower().lstrip("_") == "binary":
        return Ex(f"encode({e.sql})" if e.t.kind == "string" else e.sql, types.BINARY)
    if e.t.kind == "binary":
        return Ex(f"my_btext({e.sql})", types.STRING)
    return e


def null(tr: Translator, _: exp.Null, __: Scope) -> Ex:
    return Ex("NULL", types.NULL, value=None)


def true_false(tr: Translator, node: exp.Boolean, _: Scope) -> Ex:
    return Ex("TRUE" if node.this else "FALSE", types.BOOL)


def typed_literal(kind: str, text: str) -> Ex:
    """DATE'...', TIME'...' or TIMESTAMP'...'. Raises 1525 when it is none."""
    digits = fraction_digits(text)
    if kind == "TIME":
        value, whole = read_time(text)
        if value is None or not whole:
            raise mysql_error(1525, "TIME", text)
        return Ex(f"to_microseconds({value // dt.timedelta(microseconds=1)})", types.time(digits))
    moment, whole = read_datetime(text)
    if moment is None or not whole or (kind == "DATE" and moment.time() != dt.time(0)):
        raise mysql_error(1525, "DATE" if kind == "DATE" else "DATETIME", text)
    if kind == "DATE":
        return Ex(f"CAST('{moment.date().isoformat()}' AS DATE)", types.DATE)
    return Ex(f"CAST('{moment.isoformat(' ')}' AS TIMESTAMP)", types.datetime(digits))


def user_variable(tr: Translator, name: str) -> Ex:
    """@name: its type is that of its present value, so the plan is not kept."""
    b = tr.b
    b.cacheable = False
    value = b.pc.ctx.user_variables.get(name.lower())
    key = name.lower()
    return value_ex(b, value, lambda ctx, tx: ctx.user_variables.get(key))


def value_ex(b: Builder, value: Any, source: Any) -> Ex:
    """A bound Python value of known type."""
    if value is None:
        return Ex("NULL", types.NULL, value=None)
    if isinstance(value, bool | int):
        t = types.INT if value < 2**63 else types.UINT
    elif isinstance(value, Decimal):
        _, digits, exponent = value.as_tuple()
        scale = max(0, -int(exponent))
        t = types.decimal(max(len(digits), scale), scale)
    elif isinstance(value, float):
        t = types.DOUBLE
    elif isinstance(value, bytes):
        t = types.BINARY
    elif isinstance(value, dt.datetime):
        t = types.datetime(6 if value.microsecond else 0)
    elif isinstance(value, dt.date):
        t = types.DATE
    elif isinstance(value, dt.timedelta):
        t = types.time(6 if value.microseconds else 0)
    else:
        t = types.STRING
    return Ex(f"CAST({b.param(source)} AS {types.duckdb_type(t)})", t)
