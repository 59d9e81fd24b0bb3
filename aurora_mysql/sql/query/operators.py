"""Operators on translated expressions: comparison, arithmetic, bits, logic."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from aurora_mysql.catalog.collation import collation_key, pads_space
from aurora_mysql.catalog.zero_date import ZERO_DATETIME, ZeroDate, as_duckdb
from aurora_mysql.errors import mysql_error
from aurora_mysql.sql.functions.collations import sort_key_function
from aurora_mysql.sql.functions.numeric import leading_number_text
from aurora_mysql.sql.functions.temporal import number_to_datetime
from aurora_mysql.sql.query import calendar, types, wide_decimals
from aurora_mysql.sql.query.builder import Builder, date_rules
from aurora_mysql.sql.query.collation_mix import common_collation, connection_collation, joined
from aurora_mysql.sql.query.expression import (
    CI,
    CONNECTION_COLLATION,
    WARN,
    Ex,
    blob,
    boolean,
    cast_to,
    document,
    double,
    is_ci,
    moment,
    number,
    text,
    text_literal,
    unsigned,
)
from aurora_mysql.sql.query.sources import (
    Converted,
    literal_date,
    literal_datetime,
    literal_number,
    literal_time,
    number_complaint,
)
from aurora_mysql.sql.query.types import T


def converted_literal(b: Builder, e: Ex, convert: Any, duck: str) -> str:
    """A literal through `convert`, at bind time if it was lifted, else now."""
    if e.lit is not None and not b.baking:
        source = b.param(Converted(e.lit, convert, number_complaint if convert is literal_number else None))
        return f"CAST({source} AS {duck})" if duck else source
    value = convert(e.value)
    if isinstance(value, ZeroDate):
        value = as_duckdb(value)
    return f"CAST({text_literal(str(value))} AS {duck})" if duck else repr(value)


def collation_of(a: Ex, c: Ex) -> str | None:
    """The collation of a comparison: COLLATE wins, then columns over literals."""
    for side in (a, c):
        if side.explicit:
            return side.t.collation
    collations = [s.t.collation for s in (a, c) if s.t.kind == "string" and s.t.collation and not s.is_literal]
    binary = next((x for x in collations if x.endswith("_bin")), None)
    return binary or (collations[0] if collations else None)


_ORDERED = ("<", "<=", ">", ">=")


def string_pair(a: Ex, c: Ex, operation: str = "=", connection: str = CONNECTION_COLLATION) -> tuple[str, str]:
    """Two strings such that DuckDB compares them in their common collation."""
    collation = common_collation(a, c, operation, connection)
    left, right = a.sql, c.sql
    function = sort_key_function(collation) if operation in _ORDERED else None
    if function is not None:
        if pads_space(collation):
            left, right = f"rtrim({left}, ' ')", f"rtrim({right}, ' ')"
        return f"{function}({left})", f"{function}({right})"
    if not is_ci(collation):
        # What DuckDB makes of a collated column has its collation, too.
        if a.collated or c.collated or is_ci(a.t.collation) or is_ci(c.t.collation):
            left, right = f"decode(encode({left}))", f"decode(encode({right}))"
    elif not (a.collated or c.collated):
        left = f"({left} COLLATE {CI})"
    if pads_space(collation):
        # Spaces at the end don't count.
        left, right = f"rtrim({left}, ' ')", f"rtrim({right}, ' ')"
        if is_ci(collation):
            left = f"({left} COLLATE {CI})"
    return left, right


def comparable(b: Builder, a: Ex, c: Ex, operation: str = "=") -> tuple[str, str]:
    """Both sides in the type MySQL compares them in. Raises 1267."""
    if a.t.kind == "null" or c.t.kind == "null":
        return (
            "CAST(NULL AS VARCHAR)" if a.t.kind == "null" else text(a),
            "CAST(NULL AS VARCHAR)" if c.t.kind == "null" else text(c),
        )
    if wide_decimals.is_wide(a, c) and (a.t.temporal or c.t.temporal):
        return wide_decimals.as_wide(a), wide_decimals.as_wide(c)
    if a.t.temporal or c.t.temporal:
        left = _temporal_side(b, a, c)
        right = _temporal_side(b, c, a)
        if left is not None and right is not None:
            as_numbers = any(e.t.numeric and not _date_literal(b, e) for e in (a, c))
            if operation in _ORDERED and 2 in (a.t.zero, c.t.zero) and not as_numbers:
                left, right = (calendar.order(f"CAST({side} AS TIMESTAMP)", "datetime") for side in (left, right))
            return left, right
    if a.t.kind == "json" or c.t.kind == "json":
        # The other side becomes JSON; values of different types are ordered by type.
        return f"my_json_compare({document(a)}, {document(c)})", "0"
    if wide_decimals.is_wide(a, c) and not any(e.t.kind in ("double", "float") for e in (a, c)):
        return _wide_side(b, a, c), _wide_side(b, c, a)
    if a.t.numeric or c.t.numeric:
        return _numeric_side(b, a, c), _numeric_side(b, c, a)
    if a.t.kind == "binary" or c.t.kind == "binary":
        return blob(a), blob(c)
    return string_pair(a, c, operation, connection_collation(b))


def _wide_side(b: Builder, e: Ex, other: Ex) -> str:
    """A side of a comparison with a decimal of more than 38 digits."""
    if e.t.kind == "string" and e.is_literal:
        if e.lit is not None:
            b.pc.baked.add(e.lit)
        return f"my_wide({text_literal(leading_number_text(str(e.value)))})"
    if e.t.textual or (other.t.textual and not other.is_literal):
        return double(e)
    return wide_decimals.as_wide(e)


def _numeric_side(b: Builder, e: Ex, other: Ex) -> str:
    if e.t.kind == "string" and e.is_literal:
        if other.t.integral or other.t.kind == "decimal":
            return converted_literal(b, e, literal_number, "")
        return converted_literal(b, e, literal_number, "DOUBLE")
    if other.t.textual and not other.is_literal and not _is_member(other):
        return double(e)
    if other.t.kind in ("double", "float"):
        return double(e)
    return number(e).sql


def _is_member(e: Ex) -> bool:
    return e.t.declared is not None and e.t.declared.name in ("enum", "set")


def _temporal_side(b: Builder, e: Ex, other: Ex) -> str | None:
    kind = other.t.kind if other.t.temporal else e.t.kind
    if e.t.temporal:
        if other.t.numeric:
            return moment(e) if e.t.kind != "time" and _date_literal(b, other) else number(e).sql
        if e.t.kind == other.t.kind or not other.t.temporal:
            if e.t.kind == "date" and not other.t.temporal and not other.is_literal:
                return moment(e)
            return e.sql
        return moment(e)
    if e.t.kind == "string" and e.is_literal:
        if kind == "date":
            duck = "" if e.lit is not None and not b.baking else "TIMESTAMP"
            return converted_literal(b, e, partial(literal_date, rules=date_rules(b)), duck)
        if kind == "datetime":
            return converted_literal(b, e, partial(literal_datetime, rules=date_rules(b)), "TIMESTAMP")
        return converted_literal(b, e, literal_time, "INTERVAL")
    if e.t.numeric:
        return f"my_int_datetime({double(e)}, {WARN})" if kind != "time" and _date_literal(b, e) else number(e).sql
    if kind == "time":
        # A text that is no time is compared as midnight.
        midnight = f"CASE WHEN {text(e)} IS NOT NULL THEN INTERVAL 0 SECOND END"
        return f"COALESCE(my_time({text(e)}, {WARN}), {midnight})"
    # A text that is no date is compared as the zero date.
    zero = f"CAST('{as_duckdb(ZERO_DATETIME)}' AS TIMESTAMP)"
    return f"COALESCE({moment(e)}, CASE WHEN {text(e)} IS NOT NULL THEN {zero} END)" if e.t.textual else moment(e)


def _date_literal(b: Builder, e: Ex) -> bool:
    """A numeric literal that is a date or datetime; the plan then hangs on its value."""
    if not e.is_literal or not isinstance(e.value, int | str):
        return False
    if e.lit is not None:
        b.pc.baked.add(e.lit)
    return str(e.value).isdigit() and number_to_datetime(float(e.value), 0) is not None


def compare(b: Builder, op: str, a: Ex, c: Ex) -> Ex:
    """`a op c` as a boolean; `op` is one of = <> < <= > >= or <=>."""
    if op in ("=", "<=>"):
        for column, literal in ((a, c), (c, a)):
            if column.key_sql and literal.t.kind == "string" and literal.is_literal and not literal.explicit:
                collation = column.t.collation

                def key(value: Any, collation: str | None = collation) -> str:
                    return collation_key(str(value), collation)

                right = converted_literal(b, literal, key, "VARCHAR")
                return Ex(f"({column.key_sql} {'=' if op == '=' else 'IS NOT DISTINCT FROM'} {right})", types.BOOL)
        if a.key_sql and c.key_sql and a.t.collation == c.t.collation and a.t.collation and op == "=":
            return Ex(f"({a.key_sql} = {c.key_sql})", types.BOOL)
    left, right = comparable(b, a, c, op)
    if op == "<=>":
        return Ex(f"({left} IS NOT DISTINCT FROM {right})", types.BOOL)
    return Ex(f"({left} {op} {right})", types.BOOL)


def arithmetic(op: str, a: Ex, c: Ex) -> Ex:
    """+ - * with MySQL's result types."""
    x, y = number(a), number(c)
    if "double" in (x.t.kind, y.t.kind):
        return Ex(f"({double(x)} {op} {double(y)})", types.computed_double([x.t, y.t]))
    if wide_decimals.is_wide(x, y):
        return wide_decimals.arithmetic(op, x, y)
    if x.t.integral and y.t.integral:
        if "uint" in (x.t.kind, y.t.kind):
            wide = f"(CAST({x.sql} AS HUGEINT) {op} CAST({y.sql} AS HUGEINT))"
            return Ex(f"CAST({wide} AS UBIGINT)", types.UINT)
        return Ex(f"({x.sql} {op} {y.sql})", types.INT)
    (whole1, scale1), (whole2, scale2) = types.as_decimal(x.t), types.as_decimal(y.t)
    shown = None
    if x.t.shown is not None or y.t.shown is not None:
        first, second = x.t.decimals, y.t.decimals
        shown = first + second if op == "*" else max(first, second)
        digits = whole1 + whole2 + scale1 + scale2 if op == "*" else max(whole1, whole2) + 1 + max(scale1, scale2)
        if digits > types.MAX_DIGITS:
            # No room in 128 bits for the digits behind those that are shown.
            whole = whole1 + whole2 if op == "*" else max(whole1, whole2) + 1
            return Ex(wide_decimals.arithmetic(op, x, y).sql, wide_decimals.wide(whole + shown, shown))
    if op == "*":
        t = types.decimal(whole1 + whole2 + scale1 + scale2, scale1 + scale2)
        if whole1 + whole2 + scale1 + scale2 > types.MAX_DIGITS:
            return Ex(_wide_product(x, y, t), t, narrow=_narrow(op, x, y, t))
    else:
        scale = max(scale1, scale2)
        t = types.decimal(max(whole1, whole2) + 1 + scale, scale)
    left, right = (_as_decimal_sql(e) for e in (x, y))
    narrow = max(whole1 + scale1, whole2 + scale2) <= _NARROW_DIGITS
    if t.precision > _NARROW_DIGITS and narrow:
        # DuckDB computes two 64-bit decimals in 64 bits.
        left = f"CAST({left} AS DECIMAL({t.precision},{scale1}))"
    exactly = f"CAST({left} {op} {right} AS {types.duckdb_type(t)})"
    return Ex(exactly, replace(t, shown=shown), narrow=_narrow(op, x, y, t))


#: Decimals of at most so many digits are 64-bit integers in DuckDB.
_NARROW_DIGITS = 18
#: Narrow results leave room for whole digits.
_NARROW_SCALE = 12


def _narrow(op: str, x: Ex, y: Ex, t: T) -> str:
    """:attr:`Ex.narrow` of ``x op y``, which is of type `t`. DuckDB computes in 64 bits what both sides have in 64
    bits, as fast as it can: it knows from the columns' extremes where nothing can overflow."""
    left, right = narrow_side(x), narrow_side(y)
    (_, scale1), (_, scale2) = types.as_decimal(x.t), types.as_decimal(y.t)
    scale = scale1 + scale2 if op == "*" else max(scale1, scale2)
    if t.precision <= _NARROW_DIGITS or not (left and right) or scale != t.scale or scale > _NARROW_SCALE:
        return ""
    return f"({left} {op} {right})"


def narrow_side(e: Ex) -> str:
    """The exact number `e` as a decimal of at most 18 digits; '' when it is no such."""
    if e.narrow:
        return e.narrow
    if e.t.kind == "decimal":
        return e.sql if e.t.precision <= _NARROW_DIGITS and e.t.shown is None else ""
    if not e.t.integral:
        return ""
    return f"CAST({number(e).sql} AS DECIMAL({min(types.as_decimal(e.t)[0], _NARROW_DIGITS)},0))"


def narrow_branches(items: list[Ex], t: T) -> list[str]:
    """CASE branches of the common type `t` as :attr:`Ex.narrow`; none when that gains nothing or can't be."""
    if t.kind != "decimal" or t.shown is not None or t.scale > _NARROW_SCALE or not any(e.narrow for e in items):
        return []
    nothing = "CAST(NULL AS VARCHAR)"
    sides = [nothing if e.t.kind == "null" else narrow_side(e) for e in items]
    return [f"CAST({side} AS DECIMAL({_NARROW_DIGITS},{t.scale}))" for side in sides] if all(sides) else []


def _wide_product(x: Ex, y: Ex, t: T) -> str:
    """x * y where their types have more than 38 digits together. Values seldom need them: what fits is multiplied in
    128 bits, only the rest by a function on texts."""
    (whole1, scale1), (whole2, scale2) = types.as_decimal(x.t), types.as_decimal(y.t)
    slow = f"CAST(my_decimal_product({text(x)}, {text(y)}) AS {types.duckdb_type(t)})"
    room = types.MAX_DIGITS - scale1 - scale2
    first = min(whole1, max(room - whole2, room // 2))
    second = min(whole2, room - first)
    if first < 1 or second < 1 or t.scale != scale1 + scale2:
        return slow
    sides = []
    for e, whole, kept, scale in ((x, whole1, first, scale1), (y, whole2, second, scale2)):
        sides.append(_as_decimal_sql(e) if kept == whole else f"TRY_CAST({e.sql} AS DECIMAL({kept + scale},{scale}))")
    left, right = sides
    if max(first + scale1, second + scale2) <= _NARROW_DIGITS:
        left = f"CAST({left} AS DECIMAL({_NARROW_DIGITS + 1},{scale1}))"
    return f"COALESCE(CAST({left} * {right} AS {types.duckdb_type(t)}), {slow})"


def _as_decimal_sql(e: Ex) -> str:
    if e.t.kind == "decimal":
        return e.sql
    whole, scale = types.as_decimal(e.t)
    return f"CAST({e.sql} AS DECIMAL({whole + scale},{scale}))"


#: A divisor longer than this is not repeated to look for zero: no warning then.
_LONGEST_DIVISOR = 4000


def _watched(b: Builder, quotient: str, dividend: Ex, divisor: Ex, t: T) -> Ex:
    """`quotient` (NULL for a zero divisor) with warning 1365, if the session's sql_mode asks for it."""
    mode = b.pc.ctx.variables.get("sql_mode", b.pc.catalog.globals.get("sql_mode"))
    if (mode is not None and "ERROR_FOR_DIVISION_BY_ZERO" not in str(mode)) or (
        len(divisor.sql) + len(dividend.sql) > _LONGEST_DIVISOR
    ):
        return Ex(quotient, t)
    # A NULL dividend makes the second argument NULL: no warning then.
    watched = f"{double(divisor)} + 0 * {double(dividend)}"
    none = f"CAST(my_div0({WARN}, {watched}) AS {types.duckdb_type(t)})"
    return Ex(f"CASE WHEN {divisor.sql} = 0 THEN {none} ELSE {quotient} END", t)


def divide(b: Builder, a: Ex, c: Ex) -> Ex:
    """`/`: exact numbers give a DECIMAL with four more decimals, NULL on division by zero."""
    x, y = number(a), number(c)
    quotient = f"{double(x)} / NULLIF({double(y)}, 0)"
    if "double" in (x.t.kind, y.t.kind):
        return _watched(b, f"({quotient})", x, y, types.DOUBLE)
    if wide_decimals.is_wide(x, y):
        digits = quotient_digits(types.as_decimal(x.t)[1], types.as_decimal(y.t)[1])
        exactly = wide_decimals.quotient(x, y, digits)
        return _watched(b, exactly.sql, x, y, exactly.t)
    (whole1, scale1), (_, scale2) = types.as_decimal(x.t), types.as_decimal(y.t)
    shown = min((x.t.decimals if x.t.kind == "decimal" else scale1) + DIV_DECIMALS, 30)
    kept = quotient_digits(scale1, scale2)
    whole = whole1 + scale2
    t = replace(types.decimal(whole + kept, kept), shown=shown)
    if whole + kept > types.MAX_DIGITS or kept < shown:
        # The whole digits of a SUM's type are seldom there, the decimals that MySQL shows always are.
        t = T("decimal", min(whole + shown, types.MAX_DIGITS), shown)
    exact = _exact_quotient(x, y, t)
    if exact is not None:
        return _watched(b, exact, x, y, t)
    # Too wide for 128 bits or too long to be repeated; a double would not have the digits.
    wide = f"my_decimal_quotient({_digits(x)}, {_digits(y)}, {t.scale}, {t.shown is None})"
    return _watched(b, f"CAST({wide} AS {types.duckdb_type(t)})", x, y, t)


#: div_precision_increment: a quotient shows so many decimals more than its dividend.
DIV_DECIMALS = 4
_WORD = 9


def quotient_digits(scale1: int, scale2: int) -> int:
    """The decimals that MySQL computes of a quotient: whole words of nine digits."""
    words1, words2 = -(-scale1 // _WORD) * _WORD, -(-scale2 // _WORD) * _WORD
    more = max(0, DIV_DECIMALS - (words1 - scale1 + words2 - scale2))
    return -(-(words1 + words2 + more) // _WORD) * _WORD


def _digits(e: Ex) -> str:
    """All digits of an exact number as text."""
    return f"CAST({e.sql} AS VARCHAR)"


#: Operands longer than this are divided by a function: the exact form repeats them.
_LONGEST_EXACT = 300


def _exact_quotient(x: Ex, y: Ex, t: T) -> str | None:
    """x / y at t's scale, on 128-bit integers: cut if it has hidden digits, else rounded half away from zero. None when
    128 bits are too narrow."""
    (whole1, scale1), (whole2, scale2) = types.as_decimal(x.t), types.as_decimal(y.t)
    shift = scale2 + t.scale - scale1
    if shift < 0 or max(whole1 + scale1 + shift, whole2 + scale2) > 36 or len(x.sql) + len(y.sql) > _LONGEST_EXACT:
        return None
    n = f"({_scaled_integer(x, scale1)} * CAST({10**shift} AS HUGEINT))"
    d = _scaled_integer(y, scale2)
    if t.shown is None:
        rounded = f"((2 * abs({n}) + abs({d})) // (2 * abs(NULLIF({d}, 0))))"
        quotient = f"(CAST(sign({n}) AS HUGEINT) * CAST(sign({d}) AS HUGEINT) * {rounded})"
    else:
        quotient = f"({n} // NULLIF({d}, 0))"
    unit = f"CAST('0.{'0' * (t.scale - 1)}1' AS DECIMAL({t.scale},{t.scale}))"
    duck = types.duckdb_type(t)
    if t.precision + t.scale <= types.MAX_DIGITS:
        # More than 18 digits, so that DuckDB multiplies in 128 bits.
        digits = min(max(t.precision, _NARROW_DIGITS + 1), types.MAX_DIGITS - t.scale)
        return f"CAST(CAST({quotient} AS DECIMAL({digits},0)) * {unit} AS {duck})"
    if 2 * t.scale > types.MAX_DIGITS:
        return None
    power = f"CAST({10**t.scale} AS HUGEINT)"
    whole = f"CAST({quotient} // {power} AS DECIMAL({types.MAX_DIGITS - t.scale},0))"
    return f"CAST({whole} + CAST({quotient} % {power} AS DECIMAL({t.scale},0)) * {unit} AS {duck})"


def _scaled_integer(e: Ex, scale: int) -> str:
    if not scale:
        return f"CAST({e.sql} AS HUGEINT)"
    digits = min(max(types.as_decimal(e.t)[0] + scale, _NARROW_DIGITS + 1), types.MAX_DIGITS - scale - 1)
    return f"CAST(CAST({e.sql} AS DECIMAL({digits},{scale})) * CAST({10**scale} AS DECIMAL({scale + 1},0)) AS HUGEINT)"


def integer_divide(b: Builder, a: Ex, c: Ex) -> Ex:
    """DIV: on integers, or on exact decimals cut to an integer."""
    x, y = number(a), number(c)
    t = types.UINT if "uint" in (x.t.kind, y.t.kind) else types.INT
    duck = types.duckdb_type(t)
    if x.t.integral and y.t.integral:
        if t.kind == "uint" or "int" not in (x.t.kind, y.t.kind):
            wide = f"CAST({x.sql} AS HUGEINT) // NULLIF(CAST({y.sql} AS HUGEINT), 0)"
            return _watched(b, f"CAST({wide} AS {duck})", x, y, t)
        return _watched(b, f"({x.sql} // NULLIF({y.sql}, 0))", x, y, t)
    if "double" in (x.t.kind, y.t.kind) or wide_decimals.is_wide(x, y):
        return _watched(b, f"CAST(my_quotient({text(x)}, {text(y)}) AS {duck})", x, y, t)
    (_, scale1), (_, scale2) = types.as_decimal(x.t), types.as_decimal(y.t)
    scale = max(scale1, scale2)
    if max(types.as_decimal(x.t)[0], types.as_decimal(y.t)[0]) + scale > types.MAX_DIGITS:
        return _watched(b, f"CAST(my_quotient({text(x)}, {text(y)}) AS {duck})", x, y, t)
    n, d = _scaled_integer(x, scale), _scaled_integer(y, scale)
    return _watched(b, f"CAST({n} // NULLIF({d}, 0) AS {duck})", x, y, t)


def modulo(b: Builder, a: Ex, c: Ex) -> Ex:
    x, y = number(a), number(c)
    if "double" in (x.t.kind, y.t.kind):
        return _watched(b, f"({double(x)} % NULLIF({double(y)}, 0))", x, y, types.DOUBLE)
    if wide_decimals.is_wide(x, y):
        wide = wide_decimals.remainder(x, y)
        return _watched(b, wide.sql, x, y, wide.t)
    if x.t.integral and y.t.integral:
        t = types.UINT if x.t.kind == "uint" else types.INT
        duck = types.duckdb_type(t)
        if x.t.kind == y.t.kind:
            return _watched(b, f"({x.sql} % NULLIF({y.sql}, 0))", x, y, t)
        return _watched(b, f"CAST(CAST({x.sql} AS HUGEINT) % NULLIF(CAST({y.sql} AS HUGEINT), 0) AS {duck})", x, y, t)
    (whole1, scale1), (whole2, scale2) = types.as_decimal(x.t), types.as_decimal(y.t)
    scale = max(scale1, scale2)
    t = types.decimal(max(whole1, whole2) + scale, scale)
    if x.t.shown is not None or y.t.shown is not None:
        t = replace(t, shown=max(x.t.decimals, y.t.decimals))
    left, right = _as_decimal_sql(x), _as_decimal_sql(y)
    return _watched(b, f"CAST({left} % NULLIF({right}, 0) AS {types.duckdb_type(t)})", x, y, t)


def negate(e: Ex) -> Ex:
    n = number(e)
    if e.t.kind == "null":
        return n
    if n.t.kind == "uint":
        return Ex(f"CAST(-CAST({n.sql} AS HUGEINT) AS BIGINT)", types.INT)
    if n.t.kind in ("decimal", "wide"):
        return Ex(f"(-{n.sql})", n.t.plain())
    return Ex(
        f"(-{n.sql})", types.computed_double([n.t]) if n.t.kind == "double" else T("int", precision=n.t.precision)
    )


def bitwise(op: str, a: Ex, c: Ex) -> Ex:
    x, y = unsigned(a), unsigned(c)
    if op in ("<<", ">>"):
        if op == "<<":
            count = f"CAST(CASE WHEN {y} > 64 THEN 64 ELSE {y} END AS UTINYINT)"
            shifted = f"CAST((CAST({x} AS UHUGEINT) << {count}) & 18446744073709551615 AS UBIGINT)"
        else:
            shifted = f"({x} >> {y})"
        return Ex(f"CASE WHEN {y} >= 64 THEN CAST(0 AS UBIGINT) ELSE {shifted} END", types.UINT)
    return Ex(f"xor({x}, {y})" if op == "^" else f"({x} {op} {y})", types.UINT)


def logic(op: str, a: Ex, c: Ex) -> Ex:
    left, right = boolean(a), boolean(c)
    if op == "XOR":
        return Ex(f"({left} <> {right})", types.BOOL)
    return Ex(f"({left} {op} {right})", types.BOOL)


def branches(b: Builder, items: list[Ex]) -> tuple[list[str], T]:
    """CASE/COALESCE/IF branches in their common type."""
    t = types.unify([e.t for e in items])
    if t.kind == "string":
        t = joined(b, items, Ex("", t)).t
    if t.kind == "null":
        return ["NULL" for _ in items], t
    texts = [cast_to(e, t) for e in items]
    if t.kind == "string" and t.collation and not is_ci(t.collation):
        # What DuckDB makes of a collated column has its collation, too.
        mixed = [
            e.collated or (e.t.kind == "string" and e.t.collation is not None and is_ci(e.t.collation)) for e in items
        ]
        texts = [f"decode(encode({sql}))" if m else sql for sql, m in zip(texts, mixed, strict=True)]
    return texts, t


def need_one_column(count: int) -> None:
    if count != 1:
        raise mysql_error(1241, 1)
