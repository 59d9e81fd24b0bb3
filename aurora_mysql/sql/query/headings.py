"""Column headings: MySQL names an unaliased select item by its source text."""

from __future__ import annotations

from sqlglot import exp

from aurora_mysql.errors import MySQLError
from aurora_mysql.sql.lexer import Token, tokenize

#: Words that end a select list at its own nesting level.
_ENDS = {"FROM", "WHERE", "GROUP", "HAVING", "ORDER", "LIMIT", "UNION", "EXCEPT", "INTERSECT", "INTO", "FOR", "LOCK"}
_ENDS |= {"WINDOW", "PROCEDURE"}
_MODIFIERS = {"ALL", "DISTINCT", "DISTINCTROW", "HIGH_PRIORITY", "STRAIGHT_JOIN", "SQL_SMALL_RESULT", "SQL_NO_CACHE"}
_MODIFIERS |= {"SQL_BIG_RESULT", "SQL_BUFFER_RESULT", "SQL_CALC_FOUND_ROWS", "SQL_CACHE"}


class Headings:
    """Source texts of the select items of every SELECT of a statement."""

    def __init__(self, root: exp.Expression, sql_text: str) -> None:
        self._texts: dict[int, list[str]] = {}
        try:
            tokens = tokenize(sql_text) if sql_text else []
        except MySQLError:
            # The statement was parsed from a text with its version comments opened; this one has none to offer.
            tokens = []
        starts = [i for i, t in enumerate(tokens) if t.kind == "word" and t.text.upper() == "SELECT"]
        selects = list(_selects(root))
        if len(starts) == len(selects):
            for start, select in zip(starts, selects, strict=True):
                texts = _items(tokens, start, sql_text)
                if len(texts) == len(select.expressions):
                    self._texts[id(select)] = texts

    def of(self, select: exp.Expression, position: int, node: exp.Expression) -> str:
        """The heading of the unaliased item `node`."""
        if isinstance(node, exp.Column):
            return str(node.name)
        if isinstance(node, exp.Introducer) and isinstance(node.expression, exp.Literal):
            node = node.expression
        if isinstance(node, exp.Literal) and node.is_string:
            return str(node.this)
        if isinstance(node, exp.Anonymous) and str(node.this).upper() == "NAME_CONST" and len(node.expressions) == 2:
            return str(node.expressions[0].name)
        if isinstance(node, exp.Concat) and isinstance(node.expressions[0], exp.Literal):
            # Adjacent strings ('a' 'b') are named by the first.
            return str(node.expressions[0].this)
        texts = self._texts.get(id(select))
        return node.sql(dialect="mysql") if texts is None else texts[position]


def _selects(node: exp.Expression) -> list[exp.Expression]:
    """SELECT nodes in the order of their SELECT keywords in the text."""
    found: list[exp.Expression] = []
    stack: list[exp.Expression] = [node]
    while stack:
        current = stack.pop()
        if isinstance(current, exp.Select):
            found.append(current)
        children: list[exp.Expression] = []
        first = current.args.get("with_")
        if isinstance(first, exp.Expression) and isinstance(current, exp.Select):
            # The keyword of a CTE's SELECT comes before that of the statement it belongs to.
            found.pop()
            found += _selects(first)
            found.append(current)
        elif isinstance(first, exp.Expression):
            children.append(first)
        order = ("expressions", "from_", "joins", "where", "group", "having", "windows", "order", "limit", "offset")
        keys = order if isinstance(current, exp.Select) else tuple(k for k in current.args if k != "with_")
        for key in keys:
            value = current.args.get(key)
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, exp.Expression):
                    children.append(child)
        stack.extend(reversed(children))
    return found


def _items(tokens: list[Token], start: int, sql: str) -> list[str]:
    i = start + 1
    while i < len(tokens) and tokens[i].kind == "word" and tokens[i].text.upper() in _MODIFIERS:
        i += 1
    items: list[str] = []
    begin, depth = i, 0
    while i < len(tokens):
        token = tokens[i]
        if token.kind == "op":
            if token.text == "(":
                depth += 1
            elif token.text == ")":
                depth -= 1
                if depth < 0:
                    break
            elif token.text == "," and not depth:
                items.append(_text(tokens, begin, i, sql))
                begin = i + 1
            elif token.text == ";" and not depth:
                break
        elif token.kind == "word" and not depth and token.text.upper() in _ENDS:
            break
        i += 1
    items.append(_text(tokens, begin, i, sql))
    return items


def _text(tokens: list[Token], begin: int, end: int, sql: str) -> str:
    return sql[tokens[begin].start : tokens[end - 1].end] if end > begin else ""
