"""Stored functions: one call, and what calls of one may be answered from memory."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING

from aurora_mysql.catalog.model import Catalog, Column, Routine
from aurora_mysql.catalog.values import converter
from aurora_mysql.catalog.zero_date import DateRules, ZeroDate, as_duckdb
from aurora_mysql.engine.transaction import Transaction
from aurora_mysql.errors import MySQLError, ProgramError, mysql_error
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.lexer import Token, tokenize
from aurora_mysql.sql.result import Value
from aurora_mysql.sql.routines.interpreter import Interpreter, Returned, is_strict, variable_of
from aurora_mysql.sql.routines.program import entered, program_of

if TYPE_CHECKING:
    from aurora_mysql.sql.instance_services import InstanceServices

#: Statements that change something, or may.
_CHANGES = frozenset(("INSERT", "UPDATE", "DELETE", "CALL", "CREATE", "DROP", "DO", "LOAD", "HANDLER"))
#: Functions that give something else at each call, or do something.
_VOLATILE = frozenset(
    ("RAND", "UUID", "UUID_SHORT", "RANDOM_BYTES", "SYSDATE", "LAST_INSERT_ID", "ROW_COUNT", "FOUND_ROWS", "SLEEP",
     "GET_LOCK", "RELEASE_LOCK", "RELEASE_ALL_LOCKS", "BENCHMARK")
)  # fmt: skip
_REPLACE_INTO = re.compile(r"(?i)\breplace\s+(?!\()")


async def evaluate(
    routine: Routine,
    text: str,
    arguments: Sequence[Value],
    services: InstanceServices,
    ctx: SessionContext,
    tx: Transaction,
    busy: Sequence[tuple[str, str]],
) -> Value:
    """The value of a call, as a query takes it: of the function's type, DECIMAL as text.

    `text` is the call as it was written, `busy` are the tables of the calling statement, which the function must not
    change. The session's own figures (LAST_INSERT_ID(), ROW_COUNT(), warnings) are as before afterwards.

    Raises:
        ProgramError: what the function raises; 1264, 1406 and the like for arguments and the result; 1321, 1424, 1442.
    """
    assert services.run_inner is not None
    program = program_of(routine)
    before = ctx.last_insert_id, ctx.row_count, ctx.found_rows, ctx.id_from_function, list(ctx.warnings)
    key = ("FUNCTION", routine.database, routine.name)
    try:
        parameters = {}
        for parameter, argument in zip(program.parameters, arguments, strict=True):
            variable = parameters[parameter.name] = variable_of(parameter.name, parameter.type, ctx)
            variable.value = None if argument is None else variable.assign(argument, 1, ctx.warn)
        run = Interpreter(services.run_inner, ctx, tx, parameters)
        ctx.busy_tables.extend(busy)
        try:
            definer = routine.security == "DEFINER"
            with entered(ctx, services.engine.catalog, key, routine.creation, as_definer=definer):
                try:
                    async for _ in run.run(program.body):
                        raise mysql_error(1415, "function")
                except Returned as returned:
                    return _converted(routine, text, returned.value, ctx)
            raise mysql_error(1321, f"{routine.database}.{routine.name}")
        finally:
            del ctx.busy_tables[len(ctx.busy_tables) - len(busy) :]
    except MySQLError as error:
        raise ProgramError(error.errno, error.sqlstate, error.message) from None
    finally:
        ctx.last_insert_id, ctx.row_count, ctx.found_rows, ctx.id_from_function, ctx.warnings[:] = before


def _converted(routine: Routine, text: str, value: Value, ctx: SessionContext) -> Value:
    returns = program_of(routine).returns
    assert returns is not None
    if value is None:
        return None
    dates = DateRules.of_mode(ctx.variables.get("sql_mode"))
    done = converter(Column(text, returns.type), strict=is_strict(ctx), dates=dates)(value, 1, ctx.warn)
    if isinstance(done, Decimal):
        return format(done, "f")
    if isinstance(done, ZeroDate):
        return as_duckdb(done)
    return int(done) if isinstance(done, bool) else done


def is_pure(routine: Routine, catalog: Catalog) -> bool:
    """Whether equal arguments give equal results within one statement, and nothing is changed: then one evaluation is
    as good as many."""
    return _is_pure(routine, catalog, frozenset())


def _is_pure(routine: Routine, catalog: Catalog, above: frozenset[Routine]) -> bool:
    changes, called = _look_at(routine)
    if changes:
        return False
    for database, name in called:
        inner = catalog.routine(database or routine.database, "FUNCTION", name)
        if inner is not None and inner not in above and not _is_pure(inner, catalog, above | {routine}):
            return False
    return True


@lru_cache(maxsize=1024)
def _look_at(routine: Routine) -> tuple[bool, frozenset[tuple[str, str]]]:
    """Whether the body itself changes something or is volatile, and the (database or '', name) of what it calls."""
    tokens = tokenize(routine.body, ansi_quotes="ANSI_QUOTES" in routine.creation.sql_mode)
    called: set[tuple[str, str]] = set()
    changes = _REPLACE_INTO.search(routine.body) is not None
    for at, token in enumerate(tokens):
        if token.kind == "uservar":
            changes = True
        if token.kind not in ("word", "ident"):
            continue
        word = token.upper
        call = _is_op(tokens, at + 1, "(")
        if token.kind == "word" and not call and word in _CHANGES and _begins(tokens, at):
            changes = True
        if not call:
            continue
        # What a deterministic function calls is taken at its word, but not that it leaves things alone.
        if word in _VOLATILE and not (routine.deterministic and word in ("RAND", "UUID", "SYSDATE")):
            changes = True
        database = str(tokens[at - 2].value) if at > 1 and _is_op(tokens, at - 1, ".") else ""
        called.add((database, str(token.value)))
    return changes, frozenset(called)


def _is_op(tokens: Sequence[Token], at: int, text: str) -> bool:
    return at < len(tokens) and tokens[at].kind == "op" and tokens[at].text == text


def _begins(tokens: Sequence[Token], at: int) -> bool:
    """Whether a statement may begin here (and the word is no column's name)."""
    return (
        at == 0
        or tokens[at - 1].text == ";"
        or tokens[at - 1].upper in ("BEGIN", "THEN", "ELSE", "DO", "LOOP", "REPEAT")
    )
