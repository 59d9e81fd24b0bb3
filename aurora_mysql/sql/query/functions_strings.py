"""String functions."""

from __future__ import annotations

from typing import Any

from sqlglot import exp

from aurora_mysql.sql.functions.collations import sort_key_function
from aurora_mysql.sql.query import types
from aurora_mysql.sql.query.casts import cast
from aurora_mysql.sql.query.collation_mix import check_mix
from aurora_mysql.sql.query.expression import (
    CONNECTION_COLLATION,
    Ex,
    blob,
    boolean,
    double,
    integer,
    is_ci,
    number,
    text,
    unsigned,
)
from aurora_mysql.sql.query.function_table import call, function, node
from aurora_mysql.sql.query.operators import collation_of
from aurora_mysql.sql.query.scope import Scope
from aurora_mysql.sql.query.types import T


def string(sql: str, *sources: Ex) -> Ex:
    """A string result that keeps the collation of its first string source."""
    collation = next((s.t.collation for s in sources if s.t.kind == "string" and s.t.collation), None)
    return Ex(sql, T("string", collation=collation))


def _not_negative(e: Ex) -> str:
    """A count: 0 for a negative one, NULL for NULL (DuckDB's GREATEST ignores NULLs)."""
    count = integer(e)
    return f"CASE WHEN {count} < 0 THEN 0 ELSE {count} END"


def _sensitive(*items: Ex) -> str:
    if any(i.t.kind == "binary" for i in items):
        return "TRUE"
    pair = (items[0], items[-1])
    return "FALSE" if is_ci(collation_of(*pair)) else "TRUE"


@function("concat", low=1, high=-1)
def _concat(_: Any, a: list[Ex]) -> Ex:
    if any(i.t.kind == "binary" for i in a):
        return Ex("(" + " || ".join(blob(i) for i in a) + ")", types.BINARY)
    return string("(" + " || ".join(text(i) for i in a) + ")", *a)


@node("concat")
def _concat_node(tr: Any, n: Any, scope: Scope) -> Ex:
    return _concat(tr, [tr.expr(e, scope) for e in n.expressions])


@function("concat_ws", low=2, high=-1)
def _concat_ws(_: Any, a: list[Ex]) -> Ex:
    parts = ", ".join(text(i) for i in a)
    return string(f"CASE WHEN {text(a[0])} IS NULL THEN NULL ELSE concat_ws({parts}) END", *a)


@function("lower", "lcase", low=1)
def _lower(_: Any, a: list[Ex]) -> Ex:
    return a[0] if a[0].t.kind == "binary" else string(f"lower({text(a[0])})", *a)


@function("upper", "ucase", low=1)
def _upper(_: Any, a: list[Ex]) -> Ex:
    return a[0] if a[0].t.kind == "binary" else string(f"upper({text(a[0])})", *a)


@function("length", "octet_length", low=1)
def _length(_: Any, a: list[Ex]) -> Ex:
    return Ex(f"octet_length({blob(a[0])})", types.INT)


@function("bit_length", low=1)
def _bit_length(_: Any, a: list[Ex]) -> Ex:
    return Ex(f"(octet_length({blob(a[0])}) * 8)", types.INT)


@function("char_length", "character_length", low=1)
def _char_length(_: Any, a: list[Ex]) -> Ex:
    return Ex(f"octet_length({a[0].sql})" if a[0].t.kind == "binary" else f"length({text(a[0])})", types.INT)


def _substring(a: list[Ex]) -> Ex:
    start, length = integer(a[1]), integer(a[2]) if len(a) > 2 else f"CAST({_LONGEST} AS BIGINT)"
    if a[0].t.kind == "binary":
        return Ex(f"my_bsubstring({a[0].sql}, {start}, {length})", types.BINARY)
    source = text(a[0])
    if len(source) + len(start) + len(length) > _LONGEST_REPEATED:
        return string(f"my_substring({source}, {start}, {length})", a[0])
    # DuckDB counts from the end, too, but takes what sticks out at the front; and its numbers are 32 bits wide.
    nothing = f"CASE WHEN {source} IS NULL OR {start} IS NULL OR {length} IS NULL THEN NULL ELSE '' END"
    cut = f"least({length}, {_LONGEST})"
    sql = (
        f"CASE WHEN {length} > 0 AND {start} BETWEEN 1 AND {_LONGEST} THEN substr({source}, {start}, {cut}) "
        f"WHEN {length} > 0 AND {start} < 0 AND -length({source}) <= {start} THEN "
        f"substr({source}, length({source}) + {start} + 1, {cut}) ELSE {nothing} END"
    )
    return string(sql, a[0])


#: Characters that DuckDB's substr can count.
_LONGEST = 2**31 - 1
#: Arguments longer than this go to a function: the native form repeats them.
_LONGEST_REPEATED = 400


@node("substring")
def _substring_node(tr: Any, n: exp.Substring, scope: Scope) -> Ex:
    parts = [n.this, n.args.get("start"), n.args.get("length")]
    return _substring([tr.expr(p, scope) for p in parts if p is not None])


@function("mid", low=3)
def _mid(_: Any, a: list[Ex]) -> Ex:
    return _substring(a)


@function("left", low=2)
def _left(_: Any, a: list[Ex]) -> Ex:
    if a[0].t.kind == "binary":
        return Ex(f"my_bsubstring({a[0].sql}, 1, {integer(a[1])})", types.BINARY)
    return string(f"left({text(a[0])}, {_not_negative(a[1])})", a[0])


@function("right", low=2)
def _right(_: Any, a: list[Ex]) -> Ex:
    return string(f"right({text(a[0])}, {_not_negative(a[1])})", a[0])


@function("substring_index", low=3)
def _substring_index(_: Any, a: list[Ex]) -> Ex:
    return string(f"my_substring_index({text(a[0])}, {text(a[1])}, {integer(a[2])})", a[0])


@function("locate", low=2, high=3)
def _locate(_: Any, a: list[Ex]) -> Ex:
    start = integer(a[2]) if len(a) > 2 else "1"
    return Ex(f"my_locate({text(a[0])}, {text(a[1])}, {start}, {_sensitive(a[0], a[1])})", types.INT)


@function("instr", low=2)
def _instr(tr: Any, a: list[Ex]) -> Ex:
    return _locate(tr, [a[1], a[0]])


@node("strposition")
def _position(tr: Any, n: exp.StrPosition, scope: Scope) -> Ex:
    return _locate(tr, [tr.expr(n.args["substr"], scope), tr.expr(n.this, scope)])


@function("lpad", low=3)
def _lpad(_: Any, a: list[Ex]) -> Ex:
    return string(f"my_lpad({text(a[0])}, {integer(a[1])}, {text(a[2])})", a[0])


@function("rpad", low=3)
def _rpad(_: Any, a: list[Ex]) -> Ex:
    return string(f"my_rpad({text(a[0])}, {integer(a[1])}, {text(a[2])})", a[0])


@function("replace", low=3)
def _replace(_: Any, a: list[Ex]) -> Ex:
    # An empty search string replaces nothing, even by NULL.
    replaced = f"replace({text(a[0])}, {text(a[1])}, {text(a[2])})"
    return string(f"CASE WHEN {text(a[1])} = '' THEN {text(a[0])} ELSE {replaced} END", a[0])


@function("reverse", low=1)
def _reverse(_: Any, a: list[Ex]) -> Ex:
    return string(f"reverse({text(a[0])})", a[0])


@function("repeat", low=2)
def _repeat(_: Any, a: list[Ex]) -> Ex:
    if a[0].t.kind == "binary":
        return Ex(f"repeat({a[0].sql}, {_not_negative(a[1])})", types.BINARY)
    return string(f"repeat({text(a[0])}, {_not_negative(a[1])})", a[0])


@function("space", low=1)
def _space(_: Any, a: list[Ex]) -> Ex:
    return Ex(f"repeat(' ', {_not_negative(a[0])})", types.STRING)


@function("insert", low=4)
def _insert(_: Any, a: list[Ex]) -> Ex:
    return string(f"my_insert({text(a[0])}, {integer(a[1])}, {integer(a[2])}, {text(a[3])})", a[0])


@function("ltrim", low=1)
def _ltrim(_: Any, a: list[Ex]) -> Ex:
    return string(f"ltrim({text(a[0])}, ' ')", a[0])


@function("rtrim", low=1)
def _rtrim(_: Any, a: list[Ex]) -> Ex:
    return string(f"rtrim({text(a[0])}, ' ')", a[0])


@node("trim")
def _trim(tr: Any, n: exp.Trim, scope: Scope) -> Ex:
    e = tr.expr(n.this, scope)
    what = n.args.get("expression")
    side = str(n.args.get("position") or "BOTH").upper()
    if what is None and side == "BOTH":
        return string(f"trim({text(e)}, ' ')", e)
    removed = None if what is None else tr.expr(what, scope)
    check_mix(tr.b, [e] if removed is None else [removed, e], "trim")
    pattern = "' '" if removed is None else text(removed)
    return string(f"my_trim({text(e)}, {pattern}, '{side}')", e)


@function("field", low=2, high=-1)
def _field(_: Any, a: list[Ex]) -> Ex:
    # Dates are texts here; one number makes all of them numbers.
    parts = [double(i) for i in a] if any(i.t.numeric for i in a) else [text(i) for i in a]
    return Ex(f"my_field({', '.join(parts)})", types.INT)


@function("elt", low=2, high=-1)
def _elt(_: Any, a: list[Ex]) -> Ex:
    return string(f"my_elt({integer(a[0])}, {', '.join(text(i) for i in a[1:])})", *a[1:])


@function("find_in_set", low=2)
def _find_in_set(_: Any, a: list[Ex]) -> Ex:
    return Ex(f"my_find_in_set({text(a[0])}, {text(a[1])}, {_sensitive(*a)})", types.INT)


@function("make_set", low=2, high=-1)
def _make_set(_: Any, a: list[Ex]) -> Ex:
    return string(f"my_make_set({integer(a[0])}, {', '.join(text(i) for i in a[1:])})", *a[1:])


@function("export_set", low=3, high=5)
def _export_set(_: Any, a: list[Ex]) -> Ex:
    separator = text(a[3]) if len(a) > 3 else "','"
    count = integer(a[4]) if len(a) > 4 else "64"
    return string(f"my_export_set({integer(a[0])}, {text(a[1])}, {text(a[2])}, {separator}, {count})", a[1])


@function("hex", low=1)
def _hex(_: Any, a: list[Ex]) -> Ex:
    if a[0].t.numeric and not a[0].t.integral:
        return Ex(f"my_hex_number({double(a[0])})", types.STRING)
    if a[0].t.numeric:
        return Ex(f"printf('%X', {unsigned(a[0])})", types.STRING)
    return Ex(f"hex({blob(a[0])})", types.STRING)


@function("unhex", low=1)
def _unhex(_: Any, a: list[Ex]) -> Ex:
    return Ex(f"my_unhex({text(a[0])})", types.BINARY)


@function("bin", low=1)
def _bin(_: Any, a: list[Ex]) -> Ex:
    return Ex(f"my_conv({text(a[0])}, 10, 2)", types.STRING)


@function("oct", low=1)
def _oct(_: Any, a: list[Ex]) -> Ex:
    return Ex(f"my_conv({text(a[0])}, 10, 8)", types.STRING)


@function("conv", low=3)
def _conv(_: Any, a: list[Ex]) -> Ex:
    return Ex(f"my_conv({text(a[0])}, {integer(a[1])}, {integer(a[2])})", types.STRING)


@function("format", low=2, high=3)
def _format(_: Any, a: list[Ex]) -> Ex:
    n = number(a[0])
    if n.t.kind in ("double", "float"):
        # A DOUBLE is rounded as one: 0.25 to 0.2.
        n = Ex(f"my_round_double({double(n)}, greatest({integer(a[1])}, 0), TRUE)", types.DOUBLE)
    locale = text(a[2]) if len(a) > 2 else "'en_US'"
    locale = "'en_US'" if len(a) > 2 and a[2].t.kind == "null" else locale
    return Ex(f"my_format({text(n)}, {integer(a[1])}, {locale})", types.STRING)


@function("strcmp", low=2)
def _strcmp(_: Any, a: list[Ex]) -> Ex:
    function = sort_key_function(collation_of(*a) or CONNECTION_COLLATION)
    if function is None or any(i.t.kind == "binary" for i in a):
        return Ex(f"my_strcmp({text(a[0])}, {text(a[1])}, {_sensitive(*a)})", types.INT)
    left, right = f"{function}({text(a[0])})", f"{function}({text(a[1])})"
    return Ex(
        f"CASE WHEN {left} < {right} THEN -1 WHEN {left} > {right} THEN 1 WHEN {left} = {right} THEN 0 END", types.INT
    )


@function("ascii", low=1)
def _ascii(_: Any, a: list[Ex]) -> Ex:
    return Ex(f"my_ascii({text(a[0])})", types.INT)


@function("ord", low=1)
def _ord(_: Any, a: list[Ex]) -> Ex:
    return Ex(f"my_ord({text(a[0])})", types.INT)


@node("chr")
def _char(tr: Any, n: exp.Chr, scope: Scope) -> Ex:
    codes = ", ".join(integer(tr.expr(e, scope)) for e in n.expressions)
    sql = f"my_char({codes})"
    return Ex(f"my_btext({sql})", types.STRING) if n.args.get("charset") else Ex(sql, types.BINARY)


@function("quote", low=1)
def _quote(_: Any, a: list[Ex]) -> Ex:
    return string(f"my_quote({text(a[0])})", a[0])


@function("soundex", low=1)
def _soundex(_: Any, a: list[Ex]) -> Ex:
    return string(f"my_soundex({text(a[0])})", a[0])


@function("md5", low=1)
def _md5(_: Any, a: list[Ex]) -> Ex:
    return Ex(f"my_md5({blob(a[0])})", types.STRING)


@function("sha", "sha1", low=1)
def _sha1(_: Any, a: list[Ex]) -> Ex:
    return Ex(f"my_sha1({blob(a[0])})", types.STRING)


@function("sha2", low=2)
def _sha2(_: Any, a: list[Ex]) -> Ex:
    return Ex(f"my_sha2({blob(a[0])}, {integer(a[1])})", types.STRING)


@function("crc32", low=1)
def _crc32(_: Any, a: list[Ex]) -> Ex:
    return Ex(f"my_crc32({blob(a[0])})", types.UINT)


@function("to_base64", low=1)
def _to_base64(_: Any, a: list[Ex]) -> Ex:
    return Ex(f"my_to_base64({blob(a[0])})", types.STRING)


@function("from_base64", low=1)
def _from_base64(_: Any, a: list[Ex]) -> Ex:
    return Ex(f"my_from_base64({text(a[0])})", types.BINARY)


@function("compress", low=1)
def _compress(_: Any, a: list[Ex]) -> Ex:
    return Ex(f"my_compress({blob(a[0])})", types.BINARY)


@function("uncompress", low=1)
def _uncompress(_: Any, a: list[Ex]) -> Ex:
    return Ex(f"my_uncompress({blob(a[0])})", types.BINARY)


@function("inet_aton", low=1)
def _inet_aton(_: Any, a: list[Ex]) -> Ex:
    return Ex(f"my_inet_aton({text(a[0])})", types.UINT)


@function("inet_ntoa", low=1)
def _inet_ntoa(_: Any, a: list[Ex]) -> Ex:
    return Ex(f"my_inet_ntoa({integer(a[0])})", types.STRING)


@function("inet6_aton", low=1)
def _inet6_aton(_: Any, a: list[Ex]) -> Ex:
    return Ex(f"my_inet6_aton({text(a[0])})", types.BINARY)


@function("inet6_ntoa", low=1)
def _inet6_ntoa(_: Any, a: list[Ex]) -> Ex:
    return Ex(f"my_inet6_ntoa({blob(a[0])})", types.STRING)


def _address_test(name: str) -> None:
    @function(name, low=1)
    def _one(_: Any, a: list[Ex]) -> Ex:
        source = text(a[0]) if name in ("is_ipv4", "is_ipv6") else blob(a[0])
        return Ex(f"COALESCE(my_{name}({source}), FALSE)", types.BOOL)


for _name in ("is_ipv4", "is_ipv6", "is_ipv4_compat", "is_ipv4_mapped"):
    _address_test(_name)


@function("load_file", low=1)
def _load_file(_: Any, a: list[Ex]) -> Ex:
    # Without the FILE privilege on a file the server may read, LOAD_FILE() is NULL; here no file may be read.
    return Ex(f"CASE WHEN {text(a[0])} IS NULL THEN NULL ELSE CAST(NULL AS BLOB) END", types.BINARY)


@node("weightstring")
def _weight_string(tr: Any, n: exp.WeightString, scope: Scope) -> Ex:
    e = tr.expr(n.this, scope)
    target = n.args.get("to")
    if target:
        tr.b.bake(n)
        e = cast(tr, e, target)
    if e.t.kind == "binary" or not e.t.textual:
        return Ex("CAST(NULL AS BLOB)" if not e.t.textual else e.sql, types.BINARY)
    collation = e.t.collation or CONNECTION_COLLATION
    return Ex(f"encode(my_weight({text(e)}, '{collation}'))", types.BINARY)


@function("uuid_to_bin", low=1, high=2)
def _uuid_to_bin(_: Any, a: list[Ex]) -> Ex:
    return Ex(f"my_uuid_to_bin({text(a[0])}, {integer(a[1]) if len(a) > 1 else 0})", types.BINARY)


@function("bin_to_uuid", low=1, high=2)
def _bin_to_uuid(_: Any, a: list[Ex]) -> Ex:
    return Ex(f"my_bin_to_uuid({blob(a[0])}, {integer(a[1]) if len(a) > 1 else 0})", types.STRING)


@function("is_uuid", low=1)
def _is_uuid(_: Any, a: list[Ex]) -> Ex:
    return Ex(f"my_is_uuid({text(a[0])})", types.BOOL)


def _flags(tr: Any, items: list[Ex], given: Ex | None) -> str:
    if given is not None:
        base = "" if "c" in str(given.value) else "i"
        return f"'{base}' || {text(given)}" if _sensitive(*items) == "FALSE" else text(given)
    return "''" if _sensitive(*items) == "TRUE" else "'i'"


@node("regexplike")
def _regexp(tr: Any, n: exp.RegexpLike, scope: Scope) -> Ex:
    a = [tr.expr(n.this, scope), tr.expr(n.expression, scope)]
    check_mix(tr.b, a, "regexp_like")
    return Ex(f"my_regexp({text(a[0])}, {text(a[1])}, {_flags(tr, a, None)})", types.BOOL)


@function("regexp_like", low=2, high=3)
def _regexp_like(tr: Any, a: list[Ex]) -> Ex:
    flags = _flags(tr, a[:2], a[2] if len(a) > 2 else None)
    return Ex(f"my_regexp({text(a[0])}, {text(a[1])}, {flags})", types.BOOL)


@function("regexp_instr", low=2, high=6)
def _regexp_instr(tr: Any, a: list[Ex]) -> Ex:
    numbers = [integer(a[i]) if len(a) > i else default for i, default in ((2, "1"), (3, "1"), (4, "0"))]
    flags = _flags(tr, a[:2], a[5] if len(a) > 5 else None)
    return Ex(f"my_regexp_instr({text(a[0])}, {text(a[1])}, {', '.join(numbers)}, {flags})", types.INT)


@function("regexp_substr", low=2, high=5)
def _regexp_substr(tr: Any, a: list[Ex]) -> Ex:
    numbers = [integer(a[i]) if len(a) > i else "1" for i in (2, 3)]
    flags = _flags(tr, a[:2], a[4] if len(a) > 4 else None)
    return string(f"my_regexp_substr({text(a[0])}, {text(a[1])}, {', '.join(numbers)}, {flags})", a[0])


@function("regexp_replace", low=3, high=6)
def _regexp_replace(tr: Any, a: list[Ex]) -> Ex:
    numbers = [integer(a[i]) if len(a) > i else default for i, default in ((3, "1"), (4, "0"))]
    flags = _flags(tr, a[:2], a[5] if len(a) > 5 else None)
    arguments = ", ".join([text(a[0]), text(a[1]), text(a[2]), *numbers, flags])
    return string(f"my_regexp_replace({arguments})", a[0])


@function("charset", low=1)
def _charset(_: Any, a: list[Ex]) -> Ex:
    return Ex("'utf8mb4'" if a[0].t.kind in ("string", "json") else "'binary'", types.STRING)


@function("collation", low=1)
def _collation(_: Any, a: list[Ex]) -> Ex:
    name = (a[0].t.collation or "utf8mb4_0900_ai_ci") if a[0].t.kind == "string" else "binary"
    return Ex(f"'{name}'", types.STRING)


@function("coercibility", low=1)
def _coercibility(_: Any, a: list[Ex]) -> Ex:
    e = a[0]
    if e.t.kind == "null":
        level = 6
    elif e.explicit:
        level = 0
    elif e.t.kind not in ("string", "binary"):
        level = 5
    elif e.origin is not None:
        level = 2
    else:
        level = 3 if e.system else 4
    return Ex(f"CAST({level} AS BIGINT)", types.INT)


@function("_boolean_text", low=1)
def _boolean_text(_: Any, a: list[Ex]) -> Ex:
    return Ex(boolean(a[0]), types.BOOL)


@node("jsonarraycontains")
def _member_of(tr: Any, n: exp.JSONArrayContains, scope: Scope) -> Ex:
    value, array = tr.expr(n.this, scope), tr.expr(n.expression, scope)
    return call(tr, "_member_of", [value, array], scope)
