"""A translated expression, and its conversions to other types as MySQL converts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from aurora_mysql.catalog.collation import is_binary_collation, pads_space
from aurora_mysql.catalog.wide_decimal import SCALE as WIDE_SCALE
from aurora_mysql.catalog.zero_date import LOOSE_DATE, ZERO_DATE, ZERO_DATETIME, DateRules, as_duckdb
from aurora_mysql.sql.functions.collations import sort_key_function
from aurora_mysql.sql.query import calendar, types
from aurora_mysql.sql.query.sources import Converted, number_complaint, string_double
from aurora_mysql.sql.query.types import T

#: The connection collation: that of string literals.
CONNECTION_COLLATION = "utf8mb4_0900_ai_ci"
CI = "NOCASE.NOACCENT"
#: Stands for the session's diagnostics in calls of functions that may warn; `Builder.finish` binds it.
WARN = "\x01W\x01"
#: The first moment of the statement's day in the session's time zone.
TODAY = "date_trunc('day', CAST(\x01D\x01 AS TIMESTAMP))"


class _Missing:
    pass


MISSING = _Missing()


@dataclass(slots=True)
class Ex:
    """DuckDB text of an expression and its MySQL type.

    `lit` is the lifted literal's index and `value` its value when the expression is a literal; `collated` tells that
    DuckDB itself knows the (case-insensitive) collation; `explicit` that COLLATE was written; `key_sql` is the hidden
    collation-key column of a bare column; `name` a bare column's display name; `system` a constant of
    the session (USER(), VERSION()); `bind` binds a lifted literal through a
    conversion; `narrow` is the same exact number computed with at most 18 digits, which fails where those don't do;
    `dated` a text that DATE_ADD and its kin made: as a number it is the date's digits.
    """

    sql: str
    t: T
    lit: int | None = None
    value: Any = MISSING
    collated: bool = False
    explicit: bool = False
    key_sql: str = ""
    name: str = ""
    origin: Any = None
    bind: Callable[[Converted], str] | None = None
    system: bool = False
    narrow: str = ""
    dated: bool = False

    @property
    def is_literal(self) -> bool:
        return not isinstance(self.value, _Missing)


def text_literal(value: str) -> str:
    """A DuckDB string literal."""
    if "\0" in value:
        parts = value.split("\0")
        return "(" + " || chr(0) || ".join(text_literal(p) for p in parts) + ")"
    return "'" + value.replace("'", "''") + "'"


def blob_literal(value: bytes) -> str:
    return "from_hex('" + value.hex() + "')"


def text(e: Ex) -> str:
    """As a character string."""
    match e.t.kind:
        case "string" | "json":
            return e.sql
        case "null":
            return "CAST(NULL AS VARCHAR)"
        case "bool":
            return f"CAST(CAST({e.sql} AS BIGINT) AS VARCHAR)"
        case "double":
            if e.t.scale and e.t.declared is None:
                # As many decimals as it is announced with: ROUND(x, 2), PI().
                usual = f"printf('%.{e.t.scale}f', {e.sql})"
                return f"CASE WHEN abs({e.sql}) < 1e15 THEN {usual} ELSE my_fixed({e.sql}, {e.t.scale}) END"
            return f"my_dstr({e.sql})"
        case "float":
            return f"my_fstr({e.sql})"
        case "datetime":
            return f"my_datetime_text({e.sql}, {e.t.scale})"
        case "date" if e.t.zero:
            return calendar.text(e.sql, "date")
        case "time":
            return f"my_time_text({e.sql}, {e.t.scale})"
        case "binary":
            return f"my_btext({e.sql})"
        case "wide":
            return f"my_wide_text({e.sql}, {e.t.scale})"
    e = as_shown(e)
    if e.t.kind == "decimal" and e.t.precision == e.t.scale and e.t.precision < types.MAX_DIGITS:
        # DuckDB prints no zero before the point of such a type.
        return f"CAST(CAST({e.sql} AS DECIMAL({e.t.precision + 1},{e.t.scale})) AS VARCHAR)"
    if e.t.declared is not None and e.t.declared.zerofill and e.t.declared.length:
        return f"lpad(CAST({e.sql} AS VARCHAR), {e.t.declared.length}, '0')"
    return f"CAST({e.sql} AS VARCHAR)"


def all_digits(n: Ex) -> str:
    """A number as text, also with the digits of a DOUBLE that it doesn't show."""
    return text(replace(n, t=types.DOUBLE)) if n.t.kind == "double" else text(n)


def as_shown(e: Ex) -> Ex:
    """A decimal with the scale that it is announced with."""
    if e.t.shown is None:
        return e
    t = types.decimal(e.t.precision - e.t.scale + e.t.shown + 1, e.t.shown)
    return Ex(f"CAST({e.sql} AS {types.duckdb_type(t)})", t)


def blob(e: Ex) -> str:
    """As bytes."""
    return e.sql if e.t.kind == "binary" else f"encode({text(e)})"


def number(e: Ex) -> Ex:
    """As a number: exact types stay, strings become DOUBLE, dates YYYYMMDD."""
    match e.t.kind:
        case "bool":
            return Ex(f"CAST({e.sql} AS BIGINT)", T("int", precision=1))
        case "string" | "json":
            if e.t.declared is not None and e.t.declared.name == "enum":
                return Ex(enum_position(e), types.INT)
            if e.t.declared is not None and e.t.declared.name == "set":
                return Ex(f"my_set_number({e.sql}, {text_literal(','.join(e.t.declared.values))})", types.UINT)
            if e.lit is not None and e.bind is not None:
                # Converted once, when it is bound: a conversion inside the query would warn for every mention.
                return Ex(f"CAST({e.bind(Converted(e.lit, string_double, number_complaint))} AS DOUBLE)", types.DOUBLE)
            if e.dated:
                return Ex(f"my_date_digits({e.sql}, {WARN})", types.DOUBLE)
            return Ex(f"my_num({e.sql}, {WARN})", types.DOUBLE)
        case "binary":
            if isinstance(e.value, bytes) and len(e.value) <= 8:
                # A hexadecimal or bit literal is a number where a number is wanted.
                return Ex(f"CAST({int.from_bytes(e.value, 'big')} AS UBIGINT)", types.UINT)
            return Ex(f"my_num(my_btext({e.sql}), {WARN})", types.DOUBLE)
        case "date":
            if e.t.zero:
                return Ex(f"CAST({calendar.number(e.sql, 'date')} AS BIGINT)", types.INT)
            return Ex(f"CAST(strftime({e.sql}, '%Y%m%d') AS BIGINT)", types.INT)
        case "datetime":
            if e.t.scale:
                text_ = f"my_date_format({e.sql}, '%Y%m%d%H%i%s.%f')"
                return Ex(f"CAST({text_} AS DECIMAL(20,{e.t.scale}))", types.decimal(20, e.t.scale))
            if e.t.zero:
                clock = f"hour({e.sql}) * 10000 + minute({e.sql}) * 100 + second({e.sql})"
                whole = f"({calendar.number(e.sql, 'datetime')}) * 1000000 + {clock}"
                return Ex(f"CAST({whole} AS BIGINT)", types.INT)
            return Ex(f"CAST(strftime({e.sql}, '%Y%m%d%H%M%S') AS BIGINT)", types.INT)
        case "time":
            if e.t.scale:
                return Ex(f"CAST(my_time_num({e.sql}) AS DECIMAL(13,{e.t.scale}))", types.decimal(13, e.t.scale))
            return Ex(f"CAST(my_time_num({e.sql}) AS BIGINT)", types.INT)
        case "bit":
            return Ex(e.sql, types.UINT)
        case "float":
            return Ex(f"CAST({e.sql} AS DOUBLE)", types.DOUBLE)
        case "null":
            return Ex("CAST(NULL AS DOUBLE)", types.DOUBLE)
    return e


def double(e: Ex) -> str:
    n = number(e)
    if n.t.kind == "wide":
        # With the digits that a quotient has and doesn't show.
        return f"CAST(my_wide_text({n.sql}, {WIDE_SCALE}) AS DOUBLE)"
    return n.sql if n.t.kind == "double" else f"CAST({n.sql} AS DOUBLE)"


def integer(e: Ex) -> str:
    """As BIGINT, rounding half away from zero (an argument that must be an integer)."""
    if e.t.kind in ("int", "bool"):
        return number(e).sql
    n = number(e)
    if n.t.kind == "double":
        return f"CAST(round({n.sql}) AS BIGINT)"
    if n.t.kind == "wide":
        return f"CAST(my_wide_integer({n.sql}) AS BIGINT)"
    return f"CAST({n.sql} AS BIGINT)"


def unsigned(e: Ex) -> str:
    """As a 64-bit unsigned, two's complement for negative numbers (bit operations)."""
    if e.t.kind in ("string", "json") and (e.t.declared is None or e.t.declared.name not in ("enum", "set")):
        return f"my_bits({e.sql}, {WARN})"
    n = number(e)
    if n.t.kind == "uint":
        # What stems from a column may be stored in a signed type.
        return f"CAST({n.sql} AS UBIGINT)"
    if n.t.kind == "int":
        return f"CAST((CAST({n.sql} AS HUGEINT) + 18446744073709551616) % 18446744073709551616 AS UBIGINT)"
    if n.t.kind == "double":
        # As a signed 64-bit integer, clamped to its range.
        low, high = "-9223372036854775808", "9223372036854775807"
        clamped = f"CASE WHEN {n.sql} >= {high} THEN {high} WHEN {n.sql} <= {low} THEN {low}"
        rounded = f"{clamped} ELSE CAST(round_even({n.sql}, 0) AS HUGEINT) END"
        return f"CAST((CAST({rounded} AS HUGEINT) + 18446744073709551616) % 18446744073709551616 AS UBIGINT)"
    rounded = f"my_wide_integer({n.sql})" if n.t.kind == "wide" else f"CAST(round({n.sql}) AS HUGEINT)"
    if types.as_decimal(n.t)[0] > 19:
        top = "18446744073709551615"
        low = "-9223372036854775808"
        rounded = f"CASE WHEN {rounded} > {top} THEN {top} WHEN {rounded} < {low} THEN {low} ELSE {rounded} END"
    return f"CAST((CAST({rounded} AS HUGEINT) + 18446744073709551616) % 18446744073709551616 AS UBIGINT)"


def boolean(e: Ex) -> str:
    """As a condition."""
    if e.t.kind == "bool":
        return e.sql
    if e.t.kind == "null":
        return "CAST(NULL AS BOOLEAN)"
    if e.t.kind == "time":
        return f"({e.sql} <> INTERVAL 0 SECOND)"
    if e.t.temporal:
        return f"CASE WHEN {e.sql} IS NOT NULL THEN {_not_zero(e)} END"
    return f"({number(e).sql} <> 0)"


def _not_zero(e: Ex) -> str:
    """Whether a date or datetime has anything but zeros."""
    if not e.t.zero:
        return "TRUE"
    return f"({e.sql} <> {zero_literal(e.t.kind)})"


def zero_literal(kind: str) -> str:
    """'0000-00-00' as DuckDB holds it in a value of `kind`, date or datetime."""
    if kind == "date":
        return f"CAST('{as_duckdb(ZERO_DATE)}' AS DATE)"
    return f"CAST('{as_duckdb(ZERO_DATETIME)}' AS TIMESTAMP)"


def real_moment(e: Ex) -> str:
    """As TIMESTAMP that calendar functions can work on: NULL when it is no date, or a zero date."""
    if e.t.zero:
        return calendar.only_real(moment(e), "datetime")
    if e.t.temporal or e.t.kind == "null":
        return moment(e)
    if e.t.numeric:
        return f"my_int_datetime({double(e)}, {WARN})"
    return f"my_datetime({text(e)}, {WARN})"


def real_day(e: Ex) -> str:
    """As DATE, see :func:`real_moment`."""
    if e.t.kind == "date":
        return calendar.only_real(e.sql, "date") if e.t.zero else e.sql
    return f"CAST({real_moment(e)} AS DATE)"


def moment(e: Ex, rules: DateRules = LOOSE_DATE) -> str:
    """As TIMESTAMP, a zero date as it is; NULL when it is no date, or (of a text or a number) none that `rules`
    allow."""
    match e.t.kind:
        case "datetime":
            return e.sql
        case "date":
            return f"CAST({e.sql} AS TIMESTAMP)"
        case "time":
            return f"({TODAY} + {e.sql})"
        case "null":
            return "CAST(NULL AS TIMESTAMP)"
    if e.t.numeric:
        return f"my_number_moment({double(e)}, {rules.bits}, {WARN})"
    return f"my_moment({text(e)}, {rules.bits}, {WARN})"


def day(e: Ex, rules: DateRules = LOOSE_DATE) -> str:
    """As DATE, see :func:`moment`."""
    return e.sql if e.t.kind == "date" else f"CAST({moment(e, rules)} AS DATE)"


def clock(e: Ex) -> str:
    """As TIME (INTERVAL)."""
    match e.t.kind:
        case "time":
            return e.sql
        case "datetime":
            return f"({e.sql} - date_trunc('day', {e.sql}))"
        case "date":
            return f"CASE WHEN {e.sql} IS NULL THEN NULL ELSE INTERVAL 0 SECOND END"
        case "null":
            return "CAST(NULL AS INTERVAL)"
    if e.t.numeric:
        return f"my_int_time({double(e)}, {WARN})"
    return f"my_time({text(e)}, {WARN})"


def document(e: Ex) -> str:
    """A value as JSON text, for building JSON."""
    match e.t.kind:
        case "json":
            return e.sql
        case "null":
            return "CAST(NULL AS VARCHAR)"
        case "bool":
            return f"CASE WHEN {e.sql} THEN 'true' WHEN NOT {e.sql} THEN 'false' END"
        case "int" | "uint" | "bit" | "decimal":
            return f"CAST({e.sql} AS VARCHAR)"
        case "double" | "float":
            return f"CAST({e.sql} AS VARCHAR)"
        case "wide":
            return text(e)
        case "datetime":
            return f"my_json_quote(my_datetime_text({e.sql}, 6))"
        case "time":
            return f"my_json_quote(my_time_text({e.sql}, 6))"
    return f"my_json_quote({text(e)})"


def enum_position(e: Ex) -> str:
    assert e.t.declared is not None
    members = ", ".join(text_literal(v) for v in e.t.declared.values)
    return f"COALESCE(list_position([{members}], {e.sql}), CASE WHEN {e.sql} IS NULL THEN NULL ELSE 0 END)"


def is_ci(collation: str | None) -> bool:
    """Case-insensitive comparison?"""
    return not is_binary_collation(collation or CONNECTION_COLLATION) and not (collation or "").endswith("_cs")


def collated(e: Ex) -> str:
    """A string's text such that DuckDB itself compares, groups and sorts it as its collation does."""
    if e.t.kind != "string" or e.collated or not is_ci(e.t.collation):
        return f"encode({e.sql})" if e.t.kind == "string" and e.collated and not is_ci(e.t.collation) else e.sql
    return f"({e.sql} COLLATE {CI})"


def group_key(e: Ex) -> str:
    """A text that DuckDB holds equal where MySQL does: in PAD SPACE collations without the spaces at the end."""
    if not may_be_padded(e):
        return collated(e)
    trimmed = f"rtrim({e.sql}, ' ')"
    return f"({trimmed} COLLATE {CI})" if is_ci(e.t.collation) else f"encode({trimmed})"


def may_be_padded(e: Ex) -> bool:
    """Whether it is a string that equals others with more spaces at the end, and may have such."""
    stored_without = e.t.declared is not None and e.t.declared.name in ("char", "enum", "set")
    return e.t.kind == "string" and pads_space(e.t.collation) and not stored_without


def sort_key(e: Ex) -> str:
    """What ORDER BY sorts by."""
    if e.t.kind == "string" and e.t.declared is not None and e.t.declared.name == "enum":
        return enum_position(e)
    if e.t.kind == "string" and e.t.declared is not None and e.t.declared.name == "set":
        return number(e).sql
    if e.t.kind == "json":
        return json_order(document(e))
    if e.t.zero == 2:
        return calendar.order(e.sql, e.t.kind)
    function = sort_key_function(e.t.collation or CONNECTION_COLLATION) if e.t.kind == "string" else None
    if e.t.kind == "string" and pads_space(e.t.collation):
        # Spaces at the end make no difference, so what comes behind in ORDER BY decides.
        e = replace(e, sql=f"rtrim({e.sql}, ' ')")
    return collated(e) if function is None else f"{function}({e.sql})"


def json_order(sql: str) -> str:
    """JSON values in MySQL's order: null, numbers, strings, objects, arrays, booleans; numbers by value."""
    kind = f"json_type({sql})"
    rank = (
        f"CASE {kind} WHEN 'NULL' THEN 0 WHEN 'VARCHAR' THEN 2 WHEN 'OBJECT' THEN 3 WHEN 'ARRAY' THEN 4 "
        f"WHEN 'BOOLEAN' THEN 5 ELSE 1 END"
    )
    return (
        f"CASE WHEN {sql} IS NULL THEN NULL ELSE row({rank}, CASE WHEN {rank} = 1 THEN TRY_CAST({sql} AS DOUBLE) END, "
        f"CAST({sql} AS VARCHAR)) END"
    )


def cast_to(e: Ex, t: T) -> str:
    """`e` as DuckDB type of `t` (unification of branches)."""
    if e.t.kind == "null":
        return f"CAST(NULL AS {types.duckdb_type(t)})"
    match t.kind:
        case "string":
            return text(e)
        case "json":
            return document(e)
        case "binary":
            return blob(e)
        case "double":
            return double(e)
        case "int":
            return integer(e)
        case "uint" | "bit":
            return e.sql if e.t.kind in ("uint", "bit") else f"CAST({number(e).sql} AS UBIGINT)"
        case "decimal":
            if e.t.kind == "decimal" and (e.t.precision, e.t.scale) == (t.precision, t.scale) and e.t.shown is None:
                return e.sql
            return f"CAST({number(e).sql} AS DECIMAL({t.precision},{t.scale}))"
        case "wide":
            from aurora_mysql.sql.query.wide_decimals import as_wide

            return as_wide(e)
        case "datetime":
            return moment(e)
        case "date":
            return day(e)
        case "time":
            return clock(e)
        case "bool":
            return boolean(e)
    return e.sql
