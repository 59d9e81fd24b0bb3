"""MySQL's scalar functions by name. Handlers live in modules by theme and register themselves here."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from aurora_mysql.errors import mysql_error
from aurora_mysql.sql.query.collation_mix import check_call, of_call
from aurora_mysql.sql.query.expression import Ex
from aurora_mysql.sql.query.scope import Scope

if TYPE_CHECKING:
    from sqlglot import exp

    from aurora_mysql.sql.query.translator import Translator

Handler = Callable[["Translator", list[Ex]], Ex]
RawHandler = Callable[["Translator", "list[exp.Expression]", Scope], Ex]

#: name -> (fewest arguments, most arguments or -1, handler)
FUNCTIONS: dict[str, tuple[int, int, Handler]] = {}

#: Functions whose arguments are not plain expressions (units, intervals, names).
RAW_FUNCTIONS: dict[str, RawHandler] = {}

#: Functions whose calls the parser knows, with a syntax of their own.
_SPECIAL_SYNTAX = frozenset(
    ("cast", "char", "convert", "extract", "position", "substr", "substring", "trim", "weight_string", "json_table",
     "values", "match", "if", "row", "exists", "count", "group_concat", "interval", "mod", "left", "right", "insert",
     "replace", "concat")
)  # fmt: skip

#: sqlglot nodes (lower-case class name) for calls with special syntax.
NODE_FUNCTIONS: dict[str, Callable[[Any, Any, Scope], Ex]] = {}


def function(*names: str, low: int, high: int | None = None) -> Callable[[Handler], Handler]:
    """Register a handler for `names` taking `low` to `high` arguments (`high` None: exactly `low`; -1: any)."""

    def keep(handler: Handler) -> Handler:
        for name in names:
            FUNCTIONS[name] = (low, low if high is None else high, handler)
        return handler

    return keep


def raw(*names: str) -> Callable[[RawHandler], RawHandler]:
    def keep(handler: RawHandler) -> RawHandler:
        for name in names:
            RAW_FUNCTIONS[name] = handler
        return handler

    return keep


def node(name: str) -> Callable[[Callable[[Any, Any, Scope], Ex]], Callable[[Any, Any, Scope], Ex]]:
    def keep(handler: Callable[[Any, Any, Scope], Ex]) -> Callable[[Any, Any, Scope], Ex]:
        NODE_FUNCTIONS[name] = handler
        return handler

    return keep


def is_native(name: str) -> bool:
    """Whether a call of `name` is one of MySQL's own functions."""
    from aurora_mysql.sql.query.aggregates import is_aggregate_name

    lowered = name.lower()
    return lowered in FUNCTIONS or lowered in RAW_FUNCTIONS or lowered in _SPECIAL_SYNTAX or is_aggregate_name(lowered)


def call(tr: Translator, name: str, arguments: list[Ex], scope: Scope) -> Ex:
    """Translate a call. Raises 1305 for an unknown function, 1582 for a wrong number of arguments."""
    found = FUNCTIONS.get(name)
    if found is None:
        database = tr.b.pc.database
        raise mysql_error(1305, "FUNCTION", f"{database}.{name}" if database else name)
    low, high, handler = found
    if len(arguments) < low or (high >= 0 and len(arguments) > high):
        raise mysql_error(1582, name.upper())
    del scope
    check_call(tr.b, name, arguments)
    return of_call(tr.b, name, arguments, handler(tr, arguments))
