"""Aggregate and window functions."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlglot import exp

from aurora_mysql.errors import mysql_error, unsupported
from aurora_mysql.sql.functions.collations import sort_key_function
from aurora_mysql.sql.query import calendar, types, wide_decimals
from aurora_mysql.sql.query.collation_mix import check_mix, joined
from aurora_mysql.sql.query.expression import (
    CONNECTION_COLLATION,
    Ex,
    collated,
    document,
    double,
    group_key,
    integer,
    is_ci,
    number,
    sort_key,
    text,
    text_literal,
    unsigned,
)
from aurora_mysql.sql.query.operators import DIV_DECIMALS, quotient_digits
from aurora_mysql.sql.query.scope import Scope
from aurora_mysql.sql.query.types import T

if TYPE_CHECKING:
    from aurora_mysql.sql.query.translator import Translator

AGGREGATES = {"sum", "avg", "min", "max", "bit_and", "bit_or", "bit_xor", "std", "stddev", "stddev_pop", "stddev_samp"}
AGGREGATES |= {"variance", "var_pop", "var_samp", "any_value", "json_arrayagg", "json_objectagg", "grouping", "count"}
RANKING = {"row_number", "rank", "dense_rank", "percent_rank", "cume_dist", "ntile", "lag", "lead", "first_value"}
RANKING |= {"last_value", "nth_value"}


def is_aggregate_name(name: str) -> bool:
    return name in AGGREGATES


def call_name(node: exp.Expression) -> str:
    if isinstance(node, exp.Count):
        return "count"
    if isinstance(node, exp.GroupConcat):
        return "group_concat"
    return str(node.this).lower() if isinstance(node, exp.Anonymous) else ""


def is_aggregate(node: exp.Expression) -> bool:
    name = call_name(node)
    return name == "group_concat" or (name in AGGREGATES and name != "grouping")


def contains_aggregate(node: exp.Expression) -> bool:
    """An aggregate of this query level (not in a subquery, not a window function) is in `node`."""
    if isinstance(node, exp.Query):
        return False
    if isinstance(node, exp.Window):
        inner = node.this
        below = [c for c in inner.iter_expressions()] + [c for c in node.iter_expressions() if c is not inner]
        return any(contains_aggregate(c) for c in below)
    if is_aggregate(node):
        return True
    return any(contains_aggregate(c) for c in node.iter_expressions())


def contains_window(node: exp.Expression) -> bool:
    if isinstance(node, exp.Window):
        return True
    return not isinstance(node, exp.Query) and any(contains_window(c) for c in node.iter_expressions())


def aggregate(tr: Translator, node: exp.Expression, scope: Scope) -> Ex:
    """An aggregate call in a grouped query. Raises 1111 where aggregates may not stand."""
    name = call_name(node)
    if name == "grouping":
        return _grouping(tr, node, scope)
    owner = scope
    if scope.aggregate_depth or not owner.aggregates_allowed:
        raise mysql_error(1111)
    scope.aggregate_depth += 1
    try:
        return _aggregate(tr, name, node, scope)
    finally:
        scope.aggregate_depth -= 1


def _grouping(tr: Translator, node: exp.Expression, scope: Scope) -> Ex:
    if scope.group is None:
        raise mysql_error(1111)
    items = [tr.expr(a, scope).sql for a in node.expressions]
    return Ex(f"CAST(GROUPING({', '.join(items)}) AS BIGINT)", types.INT)


def _aggregate(tr: Translator, name: str, node: exp.Expression, scope: Scope) -> Ex:
    if isinstance(node, exp.GroupConcat):
        return _group_concat(tr, node, scope)
    arguments = [node.this] if isinstance(node, exp.Count) else list(node.expressions)
    if isinstance(node, exp.Count):
        arguments += list(node.expressions)
    distinct = ""
    if arguments and isinstance(arguments[0], exp.Distinct):
        distinct = "DISTINCT "
        arguments = list(arguments[0].expressions)
    if name == "count" and len(arguments) == 1 and isinstance(arguments[0], exp.Star):
        return Ex("count(*)", types.INT)
    wanted = 2 if name == "json_objectagg" else 1
    if len(arguments) != wanted and not (name == "count" and distinct):
        raise mysql_error(
            1064 if name in ("count", "sum", "min", "max", "avg") else 1582,
            *((")", 1) if name in ("count", "sum", "min", "max", "avg") else (name.upper(),)),
        )
    items = [tr.expr(a, scope) for a in arguments]
    e = items[0]
    match name:
        case "count":
            if len(items) == 1:
                return Ex(f"count({distinct}{group_key(e) if distinct else _null_typed(e)})", types.INT)
            row = ", ".join(group_key(i) for i in items)
            present = " AND ".join(f"{i.sql} IS NOT NULL" for i in items)
            return Ex(f"count(DISTINCT CASE WHEN {present} THEN ROW({row}) END)", types.INT)
        case "min" | "max":
            if e.t.kind == "null":
                return Ex("max(CAST(NULL AS VARCHAR))", types.STRING)
            if e.t.kind == "bool":
                return Ex(f"{name}({number(e).sql})", types.INT)
            if e.t.zero == 2:
                return Ex(f"arg_{name}({e.sql}, {calendar.order(e.sql, e.t.kind)})", e.t)
            if e.t.kind == "string" and e.t.conflict:
                check_mix(tr.b, [e, e], name)
            function = sort_key_function(e.t.collation or CONNECTION_COLLATION) if e.t.kind == "string" else None
            if function is not None:
                return Ex(f"arg_{name}({e.sql}, {function}({e.sql}))", e.t, collated=e.collated)
            if e.t.kind == "string" and not e.collated:
                return Ex(f"{name}({collated(e)})", e.t.plain(), collated=collated(e) != e.sql)
            return Ex(f"{name}({e.sql})", e.t, collated=e.collated)
        case "sum":
            n = number(e)
            if n.t.kind == "double":
                return Ex(f"sum({distinct}{n.sql})", types.computed_double([n.t]))
            if n.t.kind == "wide":
                return Ex(f"sum({distinct}{n.sql})", wide_decimals.wide(65, n.t.scale))
            scale = n.t.scale if n.t.kind == "decimal" else 0
            t = T("decimal", min(types.MAX_DIGITS, types.as_decimal(n.t)[0] + scale + 22), scale, shown=n.t.shown)
            return Ex(f"CAST(sum({distinct}{tr.b.summed(n)}) AS {types.duckdb_type(t)})", t)
        case "avg":
            n = number(e)
            if n.t.kind == "double":
                return Ex(f"avg({distinct}{n.sql})", types.computed_double([n.t], DIV_DECIMALS))
            return _exact_average(replace(n, sql=tr.b.summed(n)), distinct, "")
        case "bit_and" | "bit_or" | "bit_xor":
            neutral = "18446744073709551615" if name == "bit_and" else "0"
            return Ex(f"COALESCE({name}({unsigned(e)}), CAST({neutral} AS UBIGINT))", types.UINT)
        case "std" | "stddev" | "stddev_pop":
            return Ex(f"stddev_pop({double(e)})", types.DOUBLE)
        case "stddev_samp":
            return Ex(f"stddev_samp({double(e)})", types.DOUBLE)
        case "variance" | "var_pop":
            return Ex(f"var_pop({double(e)})", types.DOUBLE)
        case "var_samp":
            return Ex(f"var_samp({double(e)})", types.DOUBLE)
        case "any_value":
            return Ex(f"first({e.sql})", e.t, collated=False)
        case "json_arrayagg":
            return Ex(f"CASE WHEN count(*) > 0 THEN my_json_arrayagg(list({document(e)})) END", types.JSON)
        case "json_objectagg":
            value = document(items[1])
            return Ex(f"CASE WHEN count(*) > 0 THEN my_json_objectagg(list({text(e)}), list({value})) END", types.JSON)
    raise unsupported(name)


def _exact_average(n: Ex, distinct: str, over: str) -> Ex:
    """AVG of exact numbers: four more decimals, rounded half away from zero. `over`: a window."""
    if n.t.kind == "wide":
        return wide_decimals.average(n, distinct, over)
    whole, scale = types.as_decimal(n.t)
    shown = n.t.decimals if n.t.kind == "decimal" else scale
    t = types.decimal(whole + scale + 4, scale + 4)
    kept = quotient_digits(scale, 0)
    if whole + kept <= types.MAX_DIGITS:
        t = replace(types.decimal(whole + kept, kept), shown=min(shown + DIV_DECIMALS, 30))
    total, count = (f"{f}({distinct}{n.sql}){over}" for f in ("sum", "count"))
    duck = types.duckdb_type(t)
    if t.shown is not None and whole + scale <= _SUMMABLE_DIGITS and whole + kept + t.scale <= types.MAX_DIGITS:
        # On 128-bit integers: whole units of the last digit, then the digits behind them, cut.
        scaled = f"{total} * CAST({10**scale} AS DECIMAL({scale + 1},0))" if scale else total
        units = f"CAST({scaled} AS HUGEINT)"
        rows = f"NULLIF({count}, 0)"
        more = f"CAST({10 ** (kept - scale)} AS HUGEINT)"
        last = f"(({units} // {rows}) * {more} + (({units} % {rows}) * {more}) // {rows})"
        unit = f"CAST('0.{'0' * (t.scale - 1)}1' AS DECIMAL({t.scale},{t.scale}))"
        return Ex(f"CAST(CAST({last} AS DECIMAL({types.MAX_DIGITS - t.scale},0)) * {unit} AS {duck})", t)
    quotient = f"my_decimal_quotient(CAST({total} AS VARCHAR), CAST({count} AS VARCHAR), {t.scale}, {t.shown is None})"
    return Ex(f"CAST({quotient} AS {duck})", t)


#: A sum of such numbers keeps room in 128 bits for all rows that a table can have.
_SUMMABLE_DIGITS = 20


def _null_typed(e: Ex) -> str:
    return "CAST(NULL AS BIGINT)" if e.t.kind == "null" else e.sql


def _group_concat(tr: Translator, node: exp.GroupConcat, scope: Scope) -> Ex:
    separator = node.args.get("separator")
    divider = "," if separator is None else str(tr.constant(tr.expr(separator, scope)))
    inner = node.this
    ordered: list[exp.Expression] = []
    if isinstance(inner, exp.Order):
        ordered = list(inner.expressions)
        inner = inner.this
    distinct = isinstance(inner, exp.Distinct)
    arguments = list(inner.expressions) if isinstance(inner, exp.Distinct) else [inner]
    items = []
    for argument in arguments:
        parts = argument.expressions if isinstance(argument, exp.Concat) else [argument]
        items += [tr.expr(p, scope) for p in parts]
    value = text(items[0]) if len(items) == 1 else "(" + " || ".join(text(i) for i in items) + ")"
    keys = []
    for o in ordered:
        position = position_of(tr, o.this, len(items), "order clause")
        key = tr.expr(o.this, scope) if position is None else items[position]
        if key.t.kind != "null":
            keys.append(_direction(sort_key(key), o))
    order = " ORDER BY " + ", ".join(keys) if keys else ""
    limit = int(tr.b.pc.ctx.variables.get("group_concat_max_len", 1024))
    if distinct and ordered:
        # DuckDB sorts a DISTINCT aggregate by nothing but its own value: the first of equal texts is kept here.
        sensitive = not any(i.t.kind == "string" and is_ci(i.t.collation) for i in items)
        listed = f"list({value}{order}) FILTER (WHERE {value} IS NOT NULL)"
        sql = f"my_join_distinct({listed}, {text_literal(divider)}, {sensitive})"
        return joined(tr.b, items, Ex(f"left({sql}, {limit})", types.STRING))
    if distinct and any(i.t.kind == "string" for i in items):
        value = value if items[0].collated and len(items) == 1 else f"({value} COLLATE NOCASE.NOACCENT)"
    sql = f"string_agg({'DISTINCT ' if distinct else ''}{value}, {text_literal(divider)}{order})"
    return joined(tr.b, items, Ex(f"left({sql}, {limit})", types.STRING))


def position_of(tr: Translator, node: exp.Expression, count: int, clause: str) -> int | None:
    """The select item (from 0) that the integer literal `node` stands for. Raises 1054 for an impossible one."""
    if not isinstance(node, exp.Literal) or node.is_string or not str(node.this).isdigit():
        return None
    tr.b.bake(node)
    number = int(node.this)
    if not 1 <= number <= count:
        raise mysql_error(1054, node.this, clause)
    return number - 1


def _direction(sql: str, node: exp.Expression) -> str:
    return f"{sql} DESC NULLS LAST" if node.args.get("desc") else f"{sql} ASC NULLS FIRST"


def window(tr: Translator, node: exp.Window, scope: Scope) -> Ex:
    """`function OVER (...)`. Raises 3593 where window functions may not stand."""
    if scope.clause not in ("field list", "order clause"):
        raise mysql_error(3593, call_name(node.this) or "window")
    inner = node.this
    ignore = False
    if isinstance(inner, exp.RespectNulls | exp.IgnoreNulls):
        ignore = isinstance(inner, exp.IgnoreNulls)
        inner = inner.this
    if ignore:
        raise unsupported("IGNORE NULLS")
    name = call_name(inner)
    t: T
    wrap = "{}"
    if name in RANKING:
        items = [tr.expr(a, scope) for a in inner.expressions]
        function, t = _ranking(name, items)
        if name in ("lag", "lead", "first_value", "last_value", "nth_value") and t.kind == "bool":
            t = types.INT
    elif is_aggregate(inner):
        allowed, depth = scope.aggregates_allowed, scope.aggregate_depth
        group = scope.group
        scope.aggregates_allowed = True
        if group is None:
            e = aggregate(tr, inner, scope)
        else:
            # A window over groups: its arguments may hold aggregates themselves.
            e = _over_groups(tr, name, inner, scope)
        if name == "avg" and e.t.kind != "double":
            n = number(tr.expr(inner.expressions[0], scope)) if group is None else e
            scope.aggregates_allowed, scope.aggregate_depth = allowed, depth
            return _exact_average(n, "", f" OVER ({_specification(tr, node, scope)})")
        scope.aggregates_allowed, scope.aggregate_depth = allowed, depth
        function, t = e.sql, e.t
        wrap, function = _peel(function)
    else:
        raise unsupported(f"{name} OVER")
    specification = _specification(tr, node, scope)
    return Ex(wrap.replace("{}", f"{function} OVER ({specification})"), t.plain())


def _over_groups(tr: Translator, name: str, inner: exp.Expression, scope: Scope) -> Ex:
    marker = Scope(parent=scope, aggregates_allowed=True, clause=scope.clause)
    # Arguments resolve in the grouped scope: the aggregate itself must not raise the depth there.
    del marker
    arguments = [inner.this] if isinstance(inner, exp.Count) else list(inner.expressions)
    if name == "count" and isinstance(arguments[0], exp.Star):
        return Ex("count(*)", types.INT)
    e = tr.expr(arguments[0], scope)
    n = number(e)
    if name == "sum":
        if n.t.kind == "double":
            return Ex(f"sum({n.sql})", types.computed_double([n.t]))
        if n.t.kind == "wide":
            return Ex(f"sum({n.sql})", wide_decimals.wide(65, n.t.scale))
        t = T("decimal", types.MAX_DIGITS, n.t.scale if n.t.kind == "decimal" else 0)
        return Ex(f"CAST(sum({n.sql}) AS {types.duckdb_type(t)})", t)
    if name == "avg":
        return Ex(f"avg({n.sql})", types.computed_double([n.t], DIV_DECIMALS)) if n.t.kind == "double" else n
    if name in ("min", "max", "count"):
        return Ex(f"{name}({e.sql})", types.INT if name == "count" else e.t)
    raise unsupported(f"{name} OVER in a grouped query")


def _peel(sql: str) -> tuple[str, str]:
    """(outer text with {}, the innermost aggregate call): OVER must follow the call itself."""
    prefix, suffix = "", ""
    while True:
        if sql.startswith("CAST(") and sql.endswith(")") and " AS " in sql:
            body, _, kind = sql[5:-1].rpartition(" AS ")
            prefix, suffix, sql = prefix + "CAST(", f" AS {kind})" + suffix, body
        elif sql.startswith("COALESCE(bit_"):
            body, _, rest = sql[9:-1].rpartition(", CAST(")
            prefix, suffix, sql = prefix + "COALESCE(", f", CAST({rest})" + suffix, body
        else:
            return prefix + "{}" + suffix, sql


def _ranking(name: str, items: list[Ex]) -> tuple[str, T]:
    match name:
        case "row_number" | "rank" | "dense_rank":
            return f"{name}()", types.INT
        case "percent_rank" | "cume_dist":
            return f"{name}()", types.DOUBLE
        case "ntile":
            return f"ntile({integer(items[0])})", types.INT
        case "lag" | "lead":
            offset = integer(items[1]) if len(items) > 1 else "1"
            if len(items) > 2:
                t = types.unify([items[0].t, items[2].t])
                from aurora_mysql.sql.query.expression import cast_to

                return f"{name}({cast_to(items[0], t)}, {offset}, {cast_to(items[2], t)})", t
            return f"{name}({items[0].sql}, {offset})", items[0].t
        case "nth_value":
            return f"nth_value({items[0].sql}, {integer(items[1])})", items[0].t
    return f"{name}({items[0].sql})", items[0].t


def _specification(tr: Translator, node: exp.Window, scope: Scope) -> str:
    partition = list(node.args.get("partition_by") or [])
    order = node.args.get("order")
    frame = node.args.get("spec")
    alias = node.args.get("alias")
    seen: set[str] = set()
    while alias is not None:
        name = alias.name.lower()
        named = scope.windows.get(name)
        if named is None or name in seen:
            raise mysql_error(3579, alias.name)
        seen.add(name)
        partition = partition or list(named.args.get("partition_by") or [])
        order = order or named.args.get("order")
        frame = frame or named.args.get("spec")
        alias = named.args.get("alias")
    parts = []
    sorted_by: list[str] = []
    if partition:
        groups = [group_key(tr.expr(p, scope)) for p in partition]
        parts.append("PARTITION BY " + ", ".join(groups))
        sorted_by += [f"{group} NULLS FIRST" for group in groups]
    if order is not None:
        keys = [_direction(sort_key(tr.expr(o.this, scope)), o) for o in order.expressions]
        parts.append("ORDER BY " + ", ".join(keys))
        sorted_by += keys
    # MySQL sorts the rows for a window, and they stay as the last one left them.
    scope.window_order = sorted_by or scope.window_order
    if frame is not None:
        parts.append(_frame(tr, frame, scope))
    return " ".join(parts)


def _frame(tr: Translator, frame: exp.Expression, scope: Scope) -> str:
    def bound(value: object, side: object) -> str:
        if isinstance(value, str):
            return f"{value} {side or ''}".strip()
        if isinstance(value, exp.Interval):
            amount = int(tr.constant(tr.expr(value.this, scope)))
            return f"INTERVAL {amount} {value.args['unit'].name} {side}"
        assert isinstance(value, exp.Expression)
        return f"{tr.constant(tr.expr(value, scope))} {side}"

    kind = frame.args["kind"]
    start = bound(frame.args["start"], frame.args.get("start_side"))
    end = frame.args.get("end")
    finish = "CURRENT ROW" if end is None else bound(end, frame.args.get("end_side"))
    return f"{kind} BETWEEN {start} AND {finish}"
