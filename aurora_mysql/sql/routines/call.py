"""CALL: arguments in and out, result sets on the way."""

from __future__ import annotations

from collections.abc import AsyncIterator

from aurora_mysql.catalog.model import Catalog, routine_level
from aurora_mysql.engine.transaction import Transaction
from aurora_mysql.errors import mysql_error
from aurora_mysql.sql.admin import privileges
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.fingerprint import Statement
from aurora_mysql.sql.instance_services import RunInner
from aurora_mysql.sql.result import ResultSet, Value
from aurora_mysql.sql.routines.interpreter import Interpreter, Variable, variable_of
from aurora_mysql.sql.routines.program import entered, program_of


def called_name(statement: Statement, database: str) -> tuple[str, str]:
    """(database, name) of what a CALL calls. Raises 1064."""
    pieces = statement.pieces
    if len(pieces) < 2:
        raise mysql_error(1064, "", 1)
    name = _unquoted(pieces[1])
    if len(pieces) > 3 and pieces[2] == ".":
        return name, _unquoted(pieces[3])
    return database, name


def _unquoted(piece: str) -> str:
    return piece[1:-1].replace("``", "`") if piece.startswith("`") else piece


def _arguments(statement: Statement) -> list[str]:
    """Source of each argument."""
    pieces = statement.pieces
    if "(" not in pieces:
        return []
    start = pieces.index("(") + 1
    if pieces[-1] != ")":
        raise mysql_error(1064, "", 1)
    found: list[list[str]] = [[]]
    depth = 0
    for piece in pieces[start:-1]:
        depth += (piece == "(") - (piece == ")")
        if piece == "," and depth == 0:
            found.append([])
        else:
            found[-1].append(piece)
    if found == [[]]:
        return []
    return [" ".join(part) for part in found]


async def call(
    run_inner: RunInner,
    statement: Statement,
    ctx: SessionContext,
    tx: Transaction | None,
    caller: Interpreter | None,
    catalog: Catalog | None = None,
) -> AsyncIterator[ResultSet]:
    """Run a procedure; `caller` is the program that calls it, None for a client.

    Raises:
        MySQLError: 1305, 1318, 1370, 1414 and what no handler of it took.
    """
    base = catalog if catalog is not None else run_inner.catalog()
    database, name = called_name(statement, ctx.database)
    if not database:
        raise mysql_error(1046)
    routine = base.routine(database, "PROCEDURE", name)
    if routine is None:
        raise mysql_error(1305, "PROCEDURE", f"{database}.{name}")
    privileges.check(base, ctx, [("EXECUTE", database, routine_level("PROCEDURE", name))])
    program = program_of(routine)
    sources = _arguments(statement)
    if len(sources) != len(program.parameters):
        raise mysql_error(1318, "PROCEDURE", f"{database}.{name}", len(program.parameters), len(sources))
    evaluator = caller or Interpreter(run_inner, ctx, tx, {})
    parameters: dict[str, Variable] = {}
    for number, (parameter, source) in enumerate(zip(program.parameters, sources, strict=True), start=1):
        variable = parameters[parameter.name] = variable_of(parameter.name, parameter.type, ctx)
        if parameter.mode != "IN" and not _assignable(source, caller):
            raise mysql_error(1414, number, f"{database}.{name}")
        if parameter.mode != "OUT":
            value = await evaluator.value(source)
            variable.value = None if value is None else variable.assign(value, number, ctx.warn)
    run = Interpreter(run_inner, ctx, tx, parameters)
    key = ("PROCEDURE", database, routine.name)
    with entered(ctx, base, key, routine.creation, as_definer=routine.security == "DEFINER"):
        async for result in run.run(program.body):
            if tx is not None:
                raise mysql_error(1415, "function" if ctx.programs[0][0] == "FUNCTION" else "trigger")
            yield result
    for parameter, source in zip(program.parameters, sources, strict=True):
        if parameter.mode != "IN":
            evaluator.assign(
                source if source.startswith("@") else source.strip("`").lower(), _out(parameters, parameter.name)
            )


def _out(parameters: dict[str, Variable], name: str) -> Value:
    return parameters[name].value


def _assignable(source: str, caller: Interpreter | None) -> bool:
    if source.startswith("@") and not source.startswith("@@"):
        return True
    return caller is not None and caller.variable(source.strip("`").lower()) is not None
