"""Stored programs ready to run: parsed once per definition, entered and left with the right identity."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache

from aurora_mysql.catalog.model import Catalog, Creation, Event, Routine, Trigger
from aurora_mysql.errors import mysql_error
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.ddl.parse_column import parse_type
from aurora_mysql.sql.ddl.plan import Run
from aurora_mysql.sql.lexer import TokenCursor
from aurora_mysql.sql.routines.parse import BodyParser, parse_parameters
from aurora_mysql.sql.routines.tree import Node, Parameter

#: Programs that may be nested: each level needs a good part of Python's stack.
_DEPTH = 16


@dataclass(frozen=True, eq=False)
class Program:
    """`body` and, of a routine, `parameters`; `returns`: a function's type, as a parameter without name."""

    body: Node
    parameters: tuple[Parameter, ...] = ()
    returns: Parameter | None = None


@lru_cache(maxsize=1024)
def program_of(routine: Routine) -> Program:
    """Raises what :class:`BodyParser` raises."""
    parameters = parse_parameters(routine.parameters, routine.kind)
    ansi = "ANSI_QUOTES" in routine.creation.sql_mode
    body = BodyParser(routine.body, routine.kind, [p.name for p in parameters], ansi_quotes=ansi).parse()
    returns = None
    if routine.kind == "FUNCTION":
        returns = Parameter("", parse_type(TokenCursor.of(routine.returns)))
    return Program(body, tuple(parameters), returns)


@lru_cache(maxsize=1024)
def trigger_program(trigger: Trigger) -> Program:
    ansi = "ANSI_QUOTES" in trigger.creation.sql_mode
    return Program(BodyParser(trigger.body, "TRIGGER", [], ansi_quotes=ansi).parse())


@lru_cache(maxsize=1024)
def event_program(event: Event) -> Program:
    ansi = "ANSI_QUOTES" in event.creation.sql_mode
    return Program(BodyParser(event.body, "EVENT", [], ansi_quotes=ansi).parse())


def creation_of(run: Run, definer: str, database: str) -> Creation:
    """What a program that is made now keeps of its session."""
    now_us = time.time_ns() // 1000
    variables = run.services.variables
    return Creation(
        definer,
        str(variables.get("sql_mode", run.ctx) or ""),
        str(variables.get("character_set_client", run.ctx)),
        str(variables.get("collation_connection", run.ctx)),
        run.engine.catalog.databases[database].collation,
        now_us,
        now_us,
    )


def rest_of(cur: TokenCursor) -> str:
    """The body's source, without closing semicolons. Raises 1064 when there is none."""
    end = len(cur.tokens)
    while end > cur.position and cur.tokens[end - 1].text == ";":
        end -= 1
    if end <= cur.position:
        raise cur.syntax_error()
    return cur.text_between(cur.position, end)


@contextmanager
def entered(
    ctx: SessionContext,
    catalog: Catalog,
    name: tuple[str, str, str],
    creation: Creation,
    *,
    as_definer: bool = True,
) -> Iterator[None]:
    """The session while a program runs: its database, the sql_mode it was made with, its definer's privileges.

    `name` is (kind, database, name).

    Raises:
        MySQLError: 1449 when the definer is gone, 1456 and 1424 for too deep or recursive calls.
    """
    kind, database, program = name
    if name in ctx.programs:
        raise mysql_error(1456, 0, program) if kind == "PROCEDURE" else mysql_error(1424)
    if len(ctx.programs) >= _DEPTH:
        raise mysql_error(1456, _DEPTH, program)
    user, roles = ctx.user, ctx.roles
    if as_definer:
        account, _, host = creation.definer.rpartition("@")
        found = catalog.users.get((account, host))
        if found is None:
            raise mysql_error(1449, account, host)
        user, roles = found, found.default_roles
    before = ctx.user, ctx.roles, ctx.database, ctx.variables.get("sql_mode")
    ctx.programs.append(name)
    ctx.user, ctx.roles, ctx.database = user, roles, database
    ctx.variables["sql_mode"] = creation.sql_mode
    try:
        yield
    finally:
        ctx.programs.pop()
        ctx.user, ctx.roles, ctx.database, mode = before
        if mode is None:
            ctx.variables.pop("sql_mode", None)
        else:
            ctx.variables["sql_mode"] = mode
