"""Expressions over local variables, computed without a query where that is exact."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

from aurora_mysql.catalog.model import Column, ColumnType, Table
from aurora_mysql.errors import MySQLError
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.lexer import tokenize
from aurora_mysql.sql.plan import PlanContext
from aurora_mysql.sql.query.row_expression import RowFunction, compile_row_expression

#: (source, ANSI quotes, connection's collation and time zone, types of the variables that it may name).
_Key = tuple[str, bool, object, object, tuple[int, ...]]
_KEPT = 4096
#: The types are kept beside the function, so that their ids stay theirs.
_compiled: dict[_Key, tuple[RowFunction | None, Sequence[ColumnType | None]]] = {}


@lru_cache(maxsize=_KEPT)
def words_of(source: str, ansi_quotes: bool) -> tuple[str, ...]:
    """Lower-case names in an expression, of variables and of other things."""
    found = {str(t.value).lower() for t in tokenize(source, ansi_quotes=ansi_quotes) if t.kind in ("word", "ident")}
    return tuple(sorted(found))


def local_function(
    source: str,
    ansi_quotes: bool,
    kinds: Sequence[ColumnType | None],
    ctx: SessionContext,
    context: Callable[[], PlanContext],
) -> RowFunction | None:
    """A function of the values of :func:`words_of`, or None when DuckDB must compute the expression.

    `kinds` are the variables' types in the order of :func:`words_of`, None for what is no variable.
    """
    get = ctx.variables.get
    key = (source, ansi_quotes, get("collation_connection"), get("time_zone"), tuple(map(id, kinds)))
    found = _compiled.get(key)
    if found is None:
        if len(_compiled) >= _KEPT:
            _compiled.clear()
        found = _compiled[key] = (_compile(source, ansi_quotes, kinds, context()), kinds)
    return found[0]


def _compile(source: str, ansi: bool, kinds: Sequence[ColumnType | None], pc: PlanContext) -> RowFunction | None:
    from aurora_mysql.sql.parse import parse_one_mysql

    if ansi:
        return None
    try:
        tree = parse_one_mysql(f"SELECT {source}", [])
    except MySQLError:
        return None  # the query tells what is wrong with it
    items = tree.expressions
    if len(items) != 1 or any(tree.args.get(part) for part in ("from_", "where", "joins")):
        return None
    # What is no variable gets a name that nothing has.
    columns = [
        Column(name if kind is not None else f"#{n}", kind if kind is not None else ColumnType("int"))
        for n, (name, kind) in enumerate(zip(words_of(source, ansi), kinds, strict=True))
    ]
    return compile_row_expression(items[0].unalias(), Table(0, "", "", tuple(columns)), pc)
