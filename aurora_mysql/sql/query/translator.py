"""Expressions: from sqlglot nodes to DuckDB text with a MySQL type. Unknown nodes are refused (1235)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from aurora_mysql.catalog.charsets import collation_named
from aurora_mysql.catalog.collation import pads_space
from aurora_mysql.errors import mysql_error, unsupported
from aurora_mysql.sql.dialect import TYPED_LITERAL
from aurora_mysql.sql.plan_cache import digits
from aurora_mysql.sql.query import aggregates, literals, operators, types
from aurora_mysql.sql.query.builder import Builder
from aurora_mysql.sql.query.casts import cast
from aurora_mysql.sql.query.collation_mix import check_mix
from aurora_mysql.sql.query.expression import (
    Ex,
    boolean,
    is_ci,
    may_be_padded,
    number,
    text,
    text_literal,
    unsigned,
    zero_literal,
)
from aurora_mysql.sql.query.function_table import FUNCTIONS, NODE_FUNCTIONS, RAW_FUNCTIONS, call
from aurora_mysql.sql.query.like import folded_like, native_pattern
from aurora_mysql.sql.query.scope import RelationColumn, Scope, display_name, note_read
from aurora_mysql.sql.query.sources import pads_char, session_zone
from aurora_mysql.sql.query.stored_functions import stored_call
from aurora_mysql.sql.query.types import T

if TYPE_CHECKING:
    from aurora_mysql.sql.query.select import SelectTranslator

_COMPARISONS: dict[type, str] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
    exp.NullSafeEQ: "<=>",
}

#: Functions that may stand without parentheses.
_BARE_FUNCTIONS = {
    "current_timestamp",
    "current_date",
    "current_time",
    "current_user",
    "localtime",
    "localtimestamp",
    "utc_date",
    "utc_time",
    "utc_timestamp",
}


def _as_compared_by_case(subject: Ex, value: Ex) -> tuple[Ex, Ex]:
    """CASE compares JSON with a string by its text, other than `=`: JSON's null equals 'null'."""
    if {subject.t.kind, value.t.kind} != {"json", "string"}:
        return subject, value
    plain = types.T("string", collation="utf8mb4_bin")
    return tuple(Ex(e.sql, plain) if e.t.kind == "json" else e for e in (subject, value))  # type: ignore[return-value]


class Translator:
    """Translates expressions of one statement; scopes are passed along."""

    def __init__(self, builder: Builder, selects: SelectTranslator) -> None:
        self.b = builder
        self.selects = selects

    # --- entry -----------------------------------------------------------------------------------------------

    def expr(self, node: exp.Expression, scope: Scope) -> Ex:
        """Translate one scalar expression.

        Raises:
            MySQLError: whatever MySQL reports for it, or 1235.
        """
        group = scope.group
        if group is not None and not scope.aggregate_depth:
            ex = group.of(node, scope)
            if ex is not None:
                self.b.bake(node)
                return ex
        handler = _HANDLERS.get(type(node))
        if handler is None:
            for cls in type(node).__mro__[1:3]:
                handler = _HANDLERS.get(cls)
                if handler is not None:
                    break
        if handler is None:
            raise unsupported(node.sql(dialect="mysql")[:64])
        return handler(self, node, scope)

    def condition(self, node: exp.Expression, scope: Scope) -> str:
        return boolean(self.expr(node, scope))

    def constant(self, e: Ex) -> Any:
        """The value of a literal that shapes the plan (baked); None when it is not a literal."""
        if not e.is_literal:
            return None
        if e.lit is not None:
            self.b.pc.baked.add(e.lit)
        return e.value

    # --- names -----------------------------------------------------------------------------------------------

    def column(self, node: exp.Column, scope: Scope) -> Ex:
        if isinstance(node.this, exp.Star):
            raise mysql_error(1064, "*", 1)
        name, table = node.name, node.table
        database = node.db
        if not table and not node.this.args.get("quoted") and name.lower() in _BARE_FUNCTIONS:
            found = self._find(node, scope, quiet=True)
            if found is None:
                return call(self, name.lower(), [], scope)
        if not table and scope.alias_first and not scope.aggregate_depth and name.lower() in scope.aliases:
            return scope.aliases[name.lower()]
        found = self._find(node, scope, quiet=True)
        if found is None:
            if not table and name.lower() in scope.aliases:
                return scope.aliases[name.lower()]
            raise mysql_error(1054, display_name(node), scope.clause)
        column, owner = found
        return self.checked(self.column_ex(column, database or table), owner, node)

    def _find(self, node: exp.Column, scope: Scope, *, quiet: bool) -> tuple[RelationColumn, Scope] | None:
        current: Scope | None = scope
        while current is not None:
            clause, current.clause = current.clause, scope.clause
            try:
                column = current.find(node.name, node.table, node.db)
            finally:
                current.clause = clause
            if column is not None:
                note_read(self.b.pc, column)
                if self.b.pc.found_names is not None:
                    self.b.pc.found_names.columns[id(node)] = column
                return column, current
            current = None if current.barrier else current.parent
        return None

    def column_ex(self, column: RelationColumn, _: str = "") -> Ex:
        e = Ex(
            column.sql,
            column.t,
            collated=column.collated,
            key_sql=column.key_sql,
            name=column.name,
            origin=column,
        )
        declared = column.t.declared
        if declared is not None and declared.name == "char" and pads_char(self.b.pc.ctx):
            e.sql, e.collated = f"rpad({column.sql}, {declared.length or 1}, ' ')", False
        if declared is not None and declared.name == "timestamp" and column.column is not None:
            tz = session_zone(self.b.pc.ctx)
            if tz != "UTC":
                e.sql = f"my_convert_tz({column.sql}, 'UTC', {text_literal(tz)})"
        return e

    def checked(self, e: Ex, owner: Scope, node: exp.Column) -> Ex:
        """ONLY_FULL_GROUP_BY for a column of `owner`."""
        group = owner.group
        if group is None or owner.aggregate_depth:
            return e
        known = group.texts.get(e.sql)
        if known is not None:
            if not group.rollup and may_be_padded(e):
                return Ex(f"first({e.sql})", e.t, collated=e.collated, name=e.name, origin=e.origin)
            if not group.rollup and known.t.kind == "string" and is_ci(known.t.collation) and known.sql == e.sql:
                # Equal texts may be spelled differently: the group shows that of its first row.
                return Ex(f"first({known.sql})", known.t, collated=known.collated, name=known.name, origin=known.origin)
            return known
        if e.sql in group.spared:
            return Ex(f"first({e.sql})", e.t, collated=e.collated, name=e.name, origin=e.origin)
        if e.sql in group.determined or not group.strict:
            return Ex(f"any_value({e.sql})", e.t, name=e.name, collated=False)
        full = e.name
        if e.origin is not None and e.origin.relation is not None:
            relation = e.origin.relation
            full = ".".join(p for p in (relation.database, relation.alias, e.name) if p)
        if group.implicit:
            raise mysql_error(1140, owner.item_number or 1, full)
        place = {"order clause": "ORDER BY", "having clause": "HAVING"}.get(owner.clause, "SELECT list")
        if place == "HAVING":
            raise mysql_error(1054, display_name(node), "having clause")
        raise mysql_error(
            1055, owner.item_number or 1, f"{place if place == 'SELECT list' else place + ' clause'}", full
        )

    # --- structure -------------------------------------------------------------------------------------------

    def paren(self, node: exp.Paren, scope: Scope) -> Ex:
        return self.expr(node.this, scope)

    def alias(self, node: exp.Alias, scope: Scope) -> Ex:
        return self.expr(node.this, scope)

    def compare(self, node: exp.Binary, scope: Scope) -> Ex:
        op = _COMPARISONS[type(node)]
        left, right = row_items(node.this), row_items(node.expression)
        if isinstance(node.expression, exp.Any | exp.All):
            return self.selects.quantified(op, node, scope)
        if left is not None or right is not None:
            return self._compare_rows(op, node, left, right, scope)
        return operators.compare(self.b, op, self.expr(node.this, scope), self.expr(node.expression, scope))

    def _compare_rows(
        self,
        op: str,
        node: exp.Binary,
        left: list[exp.Expression] | None,
        right: list[exp.Expression] | None,
        scope: Scope,
    ) -> Ex:
        if left is not None and isinstance(unwrap(node.expression), exp.Query) and op in ("=", "<=>"):
            return self.selects.row_in(left, unwrap(node.expression), scope)
        if left is None or right is None or len(left) != len(right):
            raise mysql_error(1241, len(left) if left is not None else 1)
        pairs = [(self.expr(a, scope), self.expr(c, scope)) for a, c in zip(left, right, strict=True)]
        if op in ("=", "<=>"):
            return Ex("(" + " AND ".join(operators.compare(self.b, op, a, c).sql for a, c in pairs) + ")", types.BOOL)
        if op == "<>":
            return Ex("(" + " OR ".join(operators.compare(self.b, op, a, c).sql for a, c in pairs) + ")", types.BOOL)
        strict = op[0]
        out = operators.compare(self.b, op, *pairs[-1]).sql
        for a, c in reversed(pairs[:-1]):
            first = operators.compare(self.b, strict, a, c).sql
            out = f"({first} OR ({operators.compare(self.b, '=', a, c).sql} AND {out}))"
        return Ex(out, types.BOOL)

    def connector(self, node: exp.Connector, scope: Scope) -> Ex:
        op = {exp.And: "AND", exp.Or: "OR", exp.Xor: "XOR"}[type(node)]
        if op == "XOR":
            return operators.logic(op, self.expr(node.this, scope), self.expr(node.expression, scope))
        # Long chains come as deep left-leaning trees: walk them without recursion.
        parts: list[exp.Expression] = []
        current: Any = node
        while type(current) is type(node):
            parts.append(current.expression)
            current = current.this
        parts.append(current)
        texts = [self.condition(p, scope) for p in reversed(parts)]
        return Ex("(" + f" {op} ".join(texts) + ")", types.BOOL)

    def not_(self, node: exp.Not, scope: Scope) -> Ex:
        if isinstance(node.this, exp.Is) and isinstance(node.this.expression, exp.Null):
            return Ex(f"({self.expr(node.this.this, scope).sql} IS NOT NULL)", types.BOOL)
        return Ex(f"(NOT {self.condition(node.this, scope)})", types.BOOL)

    def arithmetic(self, node: exp.Binary, scope: Scope) -> Ex:
        op = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*"}[type(node)]
        for side, other in ((node.expression, node.this), (node.this, node.expression)):
            if isinstance(side, exp.Interval) and op != "*" and side.args.get("unit") is not None:
                if isinstance(other, exp.Interval):
                    # "INTERVAL 1 DAY + x": the parser takes x for an interval without a unit.
                    other = other.this
                return NODE_FUNCTIONS["date_arithmetic"](self, (other, side, -1 if op == "-" else 1), scope)
        return operators.arithmetic(op, *self._sized(self.expr(node.this, scope), self.expr(node.expression, scope)))

    def divide(self, node: exp.Binary, scope: Scope) -> Ex:
        function = {exp.Div: operators.divide, exp.IntDiv: operators.integer_divide, exp.Mod: operators.modulo}
        sides = self._sized(self.expr(node.this, scope), self.expr(node.expression, scope))
        return function[type(node)](self.b, *sides)

    def _sized(self, a: Ex, c: Ex) -> tuple[Ex, Ex]:
        """An integer literal beside a DECIMAL counts with the digits it has: the result's type hangs on them."""
        return self._with_digits(a, c), self._with_digits(c, a)

    def _with_digits(self, e: Ex, other: Ex) -> Ex:
        if e.lit is None or e.t.kind != "int" or e.t.precision or other.t.kind != "decimal":
            return e
        self.b.pc.sized.add(e.lit)
        return replace(e, t=T("int", precision=digits(e.value)))

    def bitwise(self, node: exp.Binary, scope: Scope) -> Ex:
        op = {
            exp.BitwiseAnd: "&",
            exp.BitwiseOr: "|",
            exp.BitwiseXor: "^",
            exp.BitwiseLeftShift: "<<",
            exp.BitwiseRightShift: ">>",
        }[type(node)]
        return operators.bitwise(op, self.expr(node.this, scope), self.expr(node.expression, scope))

    def bitwise_not(self, node: exp.BitwiseNot, scope: Scope) -> Ex:
        return Ex(f"xor({unsigned(self.expr(node.this, scope))}, CAST(18446744073709551615 AS UBIGINT))", types.UINT)

    def negate(self, node: exp.Neg, scope: Scope) -> Ex:
        inner = node.this
        if isinstance(inner, exp.Literal) and inner.this == "9223372036854775808":
            return Ex("CAST(-9223372036854775808 AS BIGINT)", types.INT)
        return operators.negate(self.expr(inner, scope))

    def is_(self, node: exp.Is, scope: Scope) -> Ex:
        e = self.expr(node.this, scope)
        if isinstance(node.expression, exp.Null):
            column = None if e.origin is None else e.origin.column
            if e.t.zero and column is not None and not column.nullable and column.type.name != "timestamp":
                # Zero dates in NOT NULL columns are found as NULL, so that ODBC's clients can.
                return Ex(f"({e.sql} IS NULL OR {e.sql} = {zero_literal(e.t.kind)})", types.BOOL)
            return Ex(f"({e.sql} IS NULL)", types.BOOL)
        if isinstance(node.expression, exp.Boolean):
            return Ex(f"({boolean(e)} IS {'TRUE' if node.expression.this else 'FALSE'})", types.BOOL)
        raise unsupported("IS")

    def between(self, node: exp.Between, scope: Scope) -> Ex:
        e = self.expr(node.this, scope)
        low, high = self.expr(node.args["low"], scope), self.expr(node.args["high"], scope)
        check_mix(self.b, [e, low, high], "between")
        if any(x.t.temporal for x in (e, low, high)) and any(x.t.numeric and not x.is_literal for x in (e, low, high)):
            # All three are compared as numbers.
            e, low, high = (number(x) if x.t.temporal else x for x in (e, low, high))
        first = operators.compare(self.b, ">=", e, low).sql
        return Ex(f"({first} AND {operators.compare(self.b, '<=', e, high).sql})", types.BOOL)

    def in_(self, node: exp.In, scope: Scope) -> Ex:
        query = node.args.get("query")
        left = row_items(node.this)
        if query is not None:
            return self.selects.row_in(left if left is not None else [node.this], unwrap(query), scope)
        items: list[exp.Expression] = node.expressions
        if left is not None:
            parts = [self._compare_rows("=", node, left, row_items(i), scope).sql for i in items]  # type: ignore[arg-type]
            return Ex("(" + " OR ".join(parts) + ")", types.BOOL)
        e = self.expr(node.this, scope)
        values = [self.expr(i, scope) for i in items]
        if not values:
            raise mysql_error(1064, ")", 1)
        check_mix(self.b, [e, *values], " IN ")
        simple = e.t.integral and all(v.t.kind == "int" and v.is_literal for v in values)
        if simple:
            return Ex(f"({number(e).sql} IN ({', '.join(v.sql for v in values)}))", types.BOOL)
        if (
            e.t.kind == "string"
            and not e.key_sql
            and is_ci(e.t.collation)
            and not pads_space(e.t.collation)
            and not (e.is_literal or e.explicit)
            and all(v.t.kind == "string" and v.is_literal for v in values)
        ):
            left_sql = e.sql if e.collated else f"({e.sql} COLLATE NOCASE.NOACCENT)"
            return Ex(f"({left_sql} IN ({', '.join(v.sql for v in values)}))", types.BOOL)
        return Ex("(" + " OR ".join(operators.compare(self.b, "=", e, v).sql for v in values) + ")", types.BOOL)

    def case(self, node: exp.Case, scope: Scope) -> Ex:
        subject = None if node.this is None else self.expr(node.this, scope)
        if subject is None:
            conditions = [self.condition(branch.this, scope) for branch in node.args["ifs"]]
        else:
            cases = [self.expr(branch.this, scope) for branch in node.args["ifs"]]
            check_mix(self.b, [subject, *cases], "case")
            sides = [_as_compared_by_case(subject, e) for e in cases]
            conditions = [operators.compare(self.b, "=", *pair).sql for pair in sides]
        results = [self.expr(branch.args["true"], scope) for branch in node.args["ifs"]]
        default = node.args.get("default")
        results.append(Ex("NULL", types.NULL) if default is None else self.expr(default, scope))
        texts, t = operators.branches(self.b, results)

        def case_of(texts: list[str]) -> str:
            body = " ".join(f"WHEN {c} THEN {r}" for c, r in zip(conditions, texts, strict=False))
            return f"CASE {body} ELSE {texts[-1]} END"

        narrow = operators.narrow_branches(results, t)
        return Ex(case_of(texts), t.plain(), narrow=case_of(narrow) if narrow else "")

    def if_(self, node: exp.If, scope: Scope) -> Ex:
        false = node.args.get("false")
        if false is None:
            raise mysql_error(1582, "IF")
        results = [self.expr(node.args["true"], scope), self.expr(false, scope)]
        texts, t = operators.branches(self.b, results)
        start = f"CASE WHEN {self.condition(node.this, scope)} THEN"
        narrow = operators.narrow_branches(results, t)
        narrow_sql = f"{start} {narrow[0]} ELSE {narrow[1]} END" if narrow else ""
        return Ex(f"{start} {texts[0]} ELSE {texts[1]} END", t.plain(), narrow=narrow_sql)

    def like(self, node: exp.Expression, scope: Scope) -> Ex:
        escape = "\\"
        if isinstance(node, exp.Escape):
            escape = str(self.constant(self.expr(node.expression, scope)) or "")
            node = node.this
        e, pattern = self.expr(node.this, scope), self.expr(node.args["expression"], scope)
        check_mix(self.b, [e, pattern], "like")
        sensitive = not is_ci(operators.collation_of(e, pattern)) or "binary" in (e.t.kind, pattern.t.kind)
        sql = f"my_like({text(e)}, {text(pattern)}, {text_literal(escape)}, {str(sensitive).upper()})"
        if pattern.t.kind == "string" and pattern.is_literal and escape == "\\":
            fast = native_pattern(pattern.value)
            if fast is not None and e.t.kind == "string":
                if pattern.lit is not None:
                    self.b.pc.baked.add(pattern.lit)
                subject = text(e)
                if not sensitive:
                    return Ex(folded_like(subject, fast, negated=bool(node.args.get("negate"))), types.BOOL)
                sql = (
                    f"(encode({subject}) = encode({subject}) AND CAST({subject} AS VARCHAR) LIKE {text_literal(fast)})"
                )
                if e.collated:
                    sql = f"my_like({subject}, {pattern.sql}, {text_literal(escape)}, TRUE)"
        if node.args.get("negate"):
            sql = f"(NOT {sql})"
        return Ex(sql, types.BOOL)

    def collate(self, node: exp.Collate, scope: Scope) -> Ex:
        e = self.expr(node.this, scope)
        name = node.expression.name.lower()
        wanted = collation_named(name)
        charset = str(self.b.pc.ctx.variables.get("character_set_connection", "utf8mb4"))
        if e.t.kind == "string" and e.t.collation:
            charset = e.t.collation.split("_")[0]
        if e.t.textual and charset != wanted.charset and charset != "binary":
            raise mysql_error(1253, wanted.name, charset)
        name = wanted.name
        sql = text(e)
        was = e.collated
        out = Ex(sql, T("string", collation=name), explicit=True, collated=was and is_ci(name))
        if was and not is_ci(name):
            out.sql = f"decode(encode({sql}))"
        elif not was and is_ci(name):
            out.sql, out.collated = f"({sql} COLLATE NOCASE.NOACCENT)", True
        return out

    def cast(self, node: exp.Cast, scope: Scope) -> Ex:
        target: exp.DataType = node.to
        inner = node.this
        kind = str(target.this.value if hasattr(target.this, "value") else target.this)
        if node.meta.get(TYPED_LITERAL):
            self.b.bake(inner)
            return literals.typed_literal(kind, str(inner.this))
        self.b.bake(target)
        return cast(self, self.expr(inner, scope), target)

    def tuple_(self, node: exp.Tuple, _: Scope) -> Ex:
        del node
        raise mysql_error(1241, 1)

    def interval(self, node: exp.Interval, scope: Scope) -> Ex:
        if isinstance(node.this, exp.Tuple):
            return call(self, "interval", [self.expr(a, scope) for a in node.this.expressions], scope)
        raise mysql_error(1064, "INTERVAL", 1)

    # --- calls -----------------------------------------------------------------------------------------------

    def anonymous(self, node: exp.Anonymous, scope: Scope) -> Ex:
        name = str(node.name if isinstance(node.this, str) else node.this).lower()
        if aggregates.is_aggregate_name(name):
            return aggregates.aggregate(self, node, scope)
        if name == "exists" and len(node.expressions) == 1:
            # The parser takes EXISTS for a call when a set operation begins with a parenthesis.
            return self.selects.exists(unwrap(node.expressions[0]), scope)
        if name in RAW_FUNCTIONS:
            return RAW_FUNCTIONS[name](self, node.expressions, scope)
        if name not in FUNCTIONS:
            return stored_call(self, node.name, node.expressions, scope)
        return call(self, name, [self.expr(a, scope) for a in node.expressions], scope)

    def qualified(self, node: exp.Dot, scope: Scope) -> Ex:
        """``database.function(...)``: always a stored function."""
        called = node.expression
        if not isinstance(called, exp.Anonymous) or not isinstance(node.this, exp.Identifier):
            raise unsupported(node.sql(dialect="mysql")[:64])
        return stored_call(self, called.name, called.expressions, scope, node.this.name)

    def special(self, node: exp.Expression, scope: Scope) -> Ex:
        """A node of sqlglot's own for a call with special syntax."""
        return NODE_FUNCTIONS[type(node).__name__.lower()](self, node, scope)

    def aggregate(self, node: exp.Expression, scope: Scope) -> Ex:
        return aggregates.aggregate(self, node, scope)

    def window(self, node: exp.Window, scope: Scope) -> Ex:
        return aggregates.window(self, node, scope)

    def subquery(self, node: exp.Expression, scope: Scope) -> Ex:
        return self.selects.scalar(unwrap(node), scope)

    def exists(self, node: exp.Exists, scope: Scope) -> Ex:
        return self.selects.exists(unwrap(node.this), scope)

    def parameter(self, node: exp.Parameter, _: Scope) -> Ex:
        return literals.user_variable(self, node.name)

    def system_variable(self, node: exp.SessionParameter, _: Scope) -> Ex:
        return NODE_FUNCTIONS["system_variable"](self, node, _)

    def assignment(self, node: exp.PropertyEQ, scope: Scope) -> Ex:
        if scope.clause != "field list" or not isinstance(node.this, exp.Parameter):
            raise unsupported("assigning user variables outside the select list")
        # Its type only: the value is computed row by row (assignments.py).
        self.b.cacheable = False
        e = self.expr(node.expression, scope)
        return Ex(e.sql, e.t.plain(), collated=e.collated)


def row_items(node: exp.Expression) -> list[exp.Expression] | None:
    """The items of a row constructor, None for a scalar."""
    if isinstance(node, exp.Tuple):
        return list(node.expressions)
    if isinstance(node, exp.Anonymous) and str(node.this).lower() == "row":
        return list(node.expressions)
    return None


def unwrap(node: exp.Expression) -> exp.Expression:
    """The query inside plain parentheses."""
    while (
        isinstance(node, exp.Subquery | exp.Paren)
        and not node.args.get("alias")
        and not any(node.args.get(k) for k in ("order", "limit", "offset"))
    ):
        node = node.this
    return node


Handler = Callable[[Any, Any, Scope], Ex]

_HANDLERS: dict[type, Handler] = {
    exp.Column: Translator.column,
    exp.Literal: literals.literal,
    exp.HexString: literals.hex_string,
    exp.BitString: literals.bit_string,
    exp.Introducer: literals.introducer,
    exp.National: lambda tr, node, scope: Ex(text_literal(node.name), types.STRING, value=node.name),
    exp.Null: literals.null,
    exp.Boolean: literals.true_false,
    exp.Paren: Translator.paren,
    exp.Alias: Translator.alias,
    exp.And: Translator.connector,
    exp.Or: Translator.connector,
    exp.Xor: Translator.connector,
    exp.Not: Translator.not_,
    exp.Add: Translator.arithmetic,
    exp.Sub: Translator.arithmetic,
    exp.Mul: Translator.arithmetic,
    exp.Div: Translator.divide,
    exp.IntDiv: Translator.divide,
    exp.Mod: Translator.divide,
    exp.BitwiseAnd: Translator.bitwise,
    exp.BitwiseOr: Translator.bitwise,
    exp.BitwiseXor: Translator.bitwise,
    exp.BitwiseLeftShift: Translator.bitwise,
    exp.BitwiseRightShift: Translator.bitwise,
    exp.BitwiseNot: Translator.bitwise_not,
    exp.Neg: Translator.negate,
    exp.Is: Translator.is_,
    exp.Between: Translator.between,
    exp.In: Translator.in_,
    exp.Case: Translator.case,
    exp.If: Translator.if_,
    exp.Like: Translator.like,
    exp.Escape: Translator.like,
    exp.Collate: Translator.collate,
    exp.Cast: Translator.cast,
    exp.Tuple: Translator.tuple_,
    exp.Interval: Translator.interval,
    exp.Anonymous: Translator.anonymous,
    exp.Dot: Translator.qualified,
    exp.Count: Translator.aggregate,
    exp.GroupConcat: Translator.aggregate,
    exp.Window: Translator.window,
    exp.Subquery: Translator.subquery,
    exp.Select: Translator.subquery,
    exp.SetOperation: Translator.subquery,
    exp.Exists: Translator.exists,
    exp.Parameter: Translator.parameter,
    exp.SessionParameter: Translator.system_variable,
    exp.PropertyEQ: Translator.assignment,
    exp.RegexpLike: Translator.special,
    exp.Substring: Translator.special,
    exp.Trim: Translator.special,
    exp.StrPosition: Translator.special,
    exp.Chr: Translator.special,
    exp.Extract: Translator.special,
    exp.JSONArrayContains: Translator.special,
    exp.Concat: Translator.special,
    exp.DPipe: lambda tr, node, scope: call(
        tr, "concat", [tr.expr(node.this, scope), tr.expr(node.expression, scope)], scope
    ),
    exp.MatchAgainst: Translator.special,
    exp.WeightString: Translator.special,
}
for _comparison in _COMPARISONS:
    _HANDLERS[_comparison] = Translator.compare

__all__ = ["Translator", "row_items", "unwrap"]
