"""Expressions as MySQL 8.0 prints them in views: operators in parentheses, functions by their own names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from sqlglot import exp

from aurora_mysql.sql.query.scope import FoundNames, RelationColumn
from aurora_mysql.sql.show.type_text import backtick


class Unprintable(Exception):
    """Something that is not known here: the source text is shown as it is."""


#: MySQL prints these functions under another name than they may be called by.
_RENAMED = {
    "ucase": "upper", "lcase": "lower", "substring": "substr", "mid": "substr", "ceil": "ceiling",
    "character_length": "char_length", "octet_length": "length", "day": "dayofmonth", "power": "pow",
    "current_timestamp": "now", "localtime": "now", "localtimestamp": "now", "current_date": "curdate",
    "current_time": "curtime", "schema": "database", "session_user": "user", "system_user": "user",
    "stddev": "std", "stddev_pop": "std", "variance": "var_pop", "sha": "sha1", "_interval_call": "interval",
}  # fmt: skip
_OPERATORS: dict[type[exp.Expression], str] = {
    exp.Add: "+", exp.Sub: "-", exp.Mul: "*", exp.Div: "/", exp.Mod: "%", exp.IntDiv: "DIV", exp.Xor: "xor",
    exp.EQ: "=", exp.NEQ: "<>", exp.GT: ">", exp.GTE: ">=", exp.LT: "<", exp.LTE: "<=", exp.NullSafeEQ: "<=>",
    exp.BitwiseAnd: "&", exp.BitwiseOr: "|", exp.BitwiseXor: "^", exp.BitwiseLeftShift: "<<",
    exp.BitwiseRightShift: ">>",
}  # fmt: skip
_CAST_TYPES = {
    "BIGINT": "signed", "INT": "signed", "UBIGINT": "unsigned", "UINT": "unsigned", "DECIMAL": "decimal",
    "DATE": "date", "DATETIME": "datetime", "TIMESTAMP": "datetime", "TIME": "time", "JSON": "json", "DOUBLE": "double",
    "FLOAT": "float", "YEAR": "year",
}  # fmt: skip
_ESCAPES = str.maketrans({"\\": "\\\\", "'": "\\'", "\0": "\\0", "\n": "\\n", "\r": "\\r", "\x1a": "\\Z"})


class Printer(Protocol):
    """What prints the queries around an expression and knows what its names mean."""

    names: FoundNames

    def owned(self, column: RelationColumn) -> str: ...
    def query(self, node: exp.Expression) -> str: ...
    def order(self, order: exp.Expression) -> str: ...
    def expr(self, node: Any) -> str: ...
    def list(self, nodes: Sequence[exp.Expression]) -> str: ...


def print_expression(p: Printer, node: Any) -> str:
    """Raises :class:`Unprintable` for a node that is not known here."""
    printer = _PRINTERS.get(type(node))
    if printer is not None:
        return printer(p, node)
    word = _OPERATORS.get(type(node))
    if word is None:
        raise Unprintable
    return f"({p.expr(node.this)} {word} {p.expr(node.expression)})"


def _escaped(value: str) -> str:
    return value.translate(_ESCAPES)


def _column(p: Printer, node: exp.Column) -> str:
    owner = p.names.columns.get(id(node))
    if owner is not None:
        return p.owned(owner)
    if node.name.lower() in _RENAMED and not node.table:
        return f"{_RENAMED[node.name.lower()]}()"
    return backtick(node.name)


def _literal(p: Printer, node: exp.Literal) -> str:
    return f"'{_escaped(str(node.this))}'" if node.is_string else str(node.this)


def _connector(word: str) -> Callable[[Printer, exp.Expression], str]:
    def printed(p: Printer, node: exp.Expression) -> str:
        return "(" + f" {word} ".join(p.expr(n) for n in _flat(node, type(node))) + ")"

    return printed


def _flat(node: exp.Expression, kind: type[exp.Expression]) -> Iterator[exp.Expression]:
    for side in (node.this, node.expression):
        bare = side
        while isinstance(bare, exp.Paren):
            bare = bare.this
        if isinstance(bare, kind):
            yield from _flat(bare, kind)
        else:
            yield side


def _not(p: Printer, node: exp.Not) -> str:
    inner = node.this
    if isinstance(inner, exp.Is):
        return f"({p.expr(inner.this)} is not {_truth(inner.expression)})"
    if isinstance(inner, exp.In) and inner.args.get("query") is None:
        return _listed(p, inner, "<>", "not in")
    if isinstance(inner, exp.Between):
        return _between(p, inner, "not between")
    return f"(not({p.expr(inner)}))"


def _truth(node: exp.Expression) -> str:
    if isinstance(node, exp.Null):
        return "null"
    if isinstance(node, exp.Boolean):
        return "true" if node.this else "false"
    raise Unprintable


def _between(p: Printer, node: exp.Between, word: str = "between") -> str:
    return f"({p.expr(node.this)} {word} {p.expr(node.args['low'])} and {p.expr(node.args['high'])})"


def _in(p: Printer, node: exp.In) -> str:
    query = node.args.get("query")
    if query is not None:
        return f"{p.expr(node.this)} in {p.expr(query)}"
    return _listed(p, node, "=", "in")


def _listed(p: Printer, node: exp.In, single: str, several: str) -> str:
    """A list of one is a comparison."""
    values = node.expressions
    if len(values) == 1:
        return f"({p.expr(node.this)} {single} {p.expr(values[0])})"
    return f"({p.expr(node.this)} {several} ({p.list(values)}))"


def _like(p: Printer, node: exp.Like, escape: str = "") -> str:
    text = f"({p.expr(node.this)} like {p.expr(node.expression)}{escape})"
    return f"(not({text}))" if node.args.get("negate") else text


def _escape(p: Printer, node: exp.Escape) -> str:
    if not isinstance(node.this, exp.Like):
        raise Unprintable
    return _like(p, node.this, f" escape {p.expr(node.expression)}")


def _negative(p: Printer, node: exp.Neg) -> str:
    inner = p.expr(node.this)
    return f"-{inner}" if isinstance(node.this, exp.Literal) else f"-({inner})"


def _cast(p: Printer, node: exp.Cast) -> str:
    inner = p.expr(node.this)
    to = node.args["to"]
    kind = str(to.this.value if hasattr(to.this, "value") else to.this)
    sizes = ",".join(p.expr(x.this) for x in to.expressions)
    size = f"({sizes})" if sizes else ""
    if node.meta.get("typed_literal"):
        return f"{'TIMESTAMP' if kind == 'TIMESTAMPTZ' else kind}{inner}"
    if kind == "CHARACTER_SET":
        charset = str(to.args["kind"].this).lower()
        # CONVERT ... USING and CAST AS CHAR CHARACTER SET are the same node but for this.
        cast = "nested" in to.args
        return f"cast({inner} as char{size} charset {charset})" if cast else f"convert({inner} using {charset})"
    if kind in ("CHAR", "VARCHAR", "NCHAR"):
        return f"cast({inner} as char{size} charset utf8mb4)"
    if kind == "BINARY":
        return f"cast({inner} as char{size} charset binary)"
    name = _CAST_TYPES.get(kind)
    if name is None:
        raise Unprintable
    if name == "decimal" and "," not in size:
        size = f"({sizes or 10},0)"
    return f"cast({inner} as {name}{size})"


def _case(p: Printer, node: exp.Case) -> str:
    text = "(case"
    if node.this is not None:
        text += f" {p.expr(node.this)}"
    for branch in node.args.get("ifs") or []:
        text += f" when {p.expr(branch.this)} then {p.expr(branch.args['true'])}"
    default = node.args.get("default")
    return text + (f" else {p.expr(default)}" if default is not None else "") + " end)"


def _if(p: Printer, node: exp.If) -> str:
    return f"if({p.expr(node.this)},{p.expr(node.args['true'])},{p.expr(node.args['false'])})"


def _interval(p: Printer, node: exp.Interval) -> str:
    amount, unit = node.this, node.args.get("unit")
    if unit is None:
        raise Unprintable
    # Amounts are kept as texts, also those that were written as numbers.
    plain = isinstance(amount, exp.Literal) and amount.this.lstrip("-").isdigit()
    return f"interval {amount.this if plain else p.expr(amount)} {str(unit.name).lower()}"


def _call(p: Printer, node: exp.Anonymous) -> str:
    name = node.name.lower()
    arguments = node.expressions
    if name in ("date_add", "adddate", "date_sub", "subdate") and len(arguments) == 2:
        sign = "+" if name in ("date_add", "adddate") else "-"
        step = arguments[1]
        text = p.expr(step) if isinstance(step, exp.Interval) else f"interval {p.expr(step)} day"
        return f"({p.expr(arguments[0])} {sign} {text})"
    if name == "isnull" and len(arguments) == 1:
        return f"({p.expr(arguments[0])} is null)"
    from aurora_mysql.sql.query.function_table import is_native

    shown = _RENAMED.get(name, name) if is_native(name) else backtick(node.name)
    return f"{shown}({p.list(arguments)})"


def _count(p: Printer, node: exp.Count) -> str:
    inner = node.this
    return f"count({'0' if isinstance(inner, exp.Star) else p.expr(inner)})"


def _distinct(p: Printer, node: exp.Distinct) -> str:
    return f"distinct {p.list(node.expressions)}"


def _group_concat(p: Printer, node: exp.GroupConcat) -> str:
    inner, order = node.this, ""
    if isinstance(inner, exp.Order):
        parts = [
            f"{p.expr(o.this)} {'DESC' if o.args.get('desc') else 'ASC'}" if isinstance(o, exp.Ordered) else p.expr(o)
            for o in inner.expressions
        ]
        order, inner = f" order by {','.join(parts)}", inner.this
    separator = node.args.get("separator")
    return f"group_concat({p.expr(inner)}{order} separator {',' if separator is None else p.expr(separator)})"


def _window(p: Printer, node: exp.Window) -> str:
    if node.args.get("alias") is not None:
        raise Unprintable
    text = ""
    partition = node.args.get("partition_by") or []
    if partition:
        text += f"PARTITION BY {p.list(partition)} "
    order = node.args.get("order")
    if order is not None:
        text += f"ORDER BY {p.order(order)} "
    spec = node.args.get("spec")
    if spec is not None:
        text += f"{str(spec.args['kind']).upper()} "
        bounds = [_bound(p, spec, "start"), _bound(p, spec, "end")]
        text += f"BETWEEN {bounds[0]} AND {bounds[1]}" if bounds[1] else bounds[0]
    inner = node.this
    called = f"{inner.name.lower()}({p.list(inner.expressions)})" if isinstance(inner, exp.Anonymous) else p.expr(inner)
    return f"{called} OVER ({text})"


def _bound(p: Printer, spec: exp.Expression, side: str) -> str:
    value = spec.args.get(side)
    if value is None:
        return ""
    shown = p.expr(value) if isinstance(value, exp.Expression) else str(value).upper()
    return f"{shown} {str(spec.args.get(f'{side}_side') or '').upper()}".strip()


def _substring(p: Printer, node: exp.Substring) -> str:
    return f"substr({p.list([n for n in (node.this, node.args.get('start'), node.args.get('length')) if n])})"


def _trim(p: Printer, node: exp.Trim) -> str:
    inner, removed = p.expr(node.this), node.expression
    position = str(node.args.get("position") or "").lower()
    if not position and not removed:
        return f"trim({inner})"
    what = f"{position or 'both'} {p.expr(removed)}" if removed else position
    return f"trim({what} from {inner})"


def _extract(p: Printer, node: exp.Extract) -> str:
    return f"extract({str(node.name).lower()} from {p.expr(node.expression)})"


def _chr(p: Printer, node: exp.Chr) -> str:
    charset = node.args.get("charset")
    return f"char({p.list(node.expressions)}{'' if charset is None else f' using {charset.name}'})"


def _adjacent(p: Printer, node: exp.Concat) -> str:
    if not all(isinstance(n, exp.Literal) and n.is_string for n in node.expressions):
        raise Unprintable
    return f"'{_escaped(''.join(str(n.this) for n in node.expressions))}'"


def _match(p: Printer, node: exp.MatchAgainst) -> str:
    modifier = f" {str(node.args['modifier']).lower()}" if node.args.get("modifier") else ""
    return f"(match {p.list(node.expressions)} against ({p.expr(node.this)}{modifier}))"


def _dotted(p: Printer, node: exp.Dot) -> str:
    called = node.expression
    if not isinstance(called, exp.Anonymous):
        raise Unprintable
    return f"{backtick(node.this.name)}.{backtick(called.name)}({p.list(called.expressions)})"


_PRINTERS: dict[type[exp.Expression], Callable[[Printer, Any], str]] = {
    exp.Paren: lambda p, n: p.expr(n.this),
    exp.Alias: lambda p, n: p.expr(n.this),
    exp.Column: _column,
    exp.Literal: _literal,
    exp.Null: lambda p, n: "NULL",
    exp.Boolean: lambda p, n: "true" if n.this else "false",
    exp.HexString: lambda p, n: f"0x{n.this}",
    exp.BitString: lambda p, n: f"0b{n.this}",
    exp.Introducer: lambda p, n: f"{str(n.this).lower()}{p.expr(n.expression)}",
    exp.And: _connector("and"),
    exp.Or: _connector("or"),
    exp.Not: _not,
    exp.Is: lambda p, n: f"({p.expr(n.this)} is {_truth(n.expression)})",
    exp.Between: _between,
    exp.In: _in,
    exp.Like: _like,
    exp.Escape: _escape,
    exp.RegexpLike: lambda p, n: f"regexp_like({p.expr(n.this)},{p.expr(n.expression)})",
    exp.Neg: _negative,
    exp.BitwiseNot: lambda p, n: f"~({p.expr(n.this)})",
    exp.Cast: _cast,
    exp.Collate: lambda p, n: f"({p.expr(n.this)} collate {n.expression.name})",
    exp.Case: _case,
    exp.If: _if,
    exp.Interval: _interval,
    exp.Anonymous: _call,
    exp.Count: _count,
    exp.Distinct: _distinct,
    exp.GroupConcat: _group_concat,
    exp.Window: _window,
    exp.Substring: _substring,
    exp.Trim: _trim,
    exp.Extract: _extract,
    exp.StrPosition: lambda p, n: f"locate({p.expr(n.args['substr'])},{p.expr(n.this)})",
    exp.Chr: _chr,
    exp.Concat: _adjacent,
    exp.DPipe: lambda p, n: f"concat({p.expr(n.this)},{p.expr(n.expression)})",
    exp.MatchAgainst: _match,
    exp.JSONArrayContains: lambda p, n: f"{p.expr(n.this)} member of ({p.expr(n.expression)})",
    exp.Tuple: lambda p, n: f"({p.list(n.expressions)})",
    exp.Subquery: lambda p, n: f"({p.query(n.this)})",
    exp.Exists: lambda p, n: f"exists({p.query(n.this)})",
    exp.Dot: _dotted,
}
