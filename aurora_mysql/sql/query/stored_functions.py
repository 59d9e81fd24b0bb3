"""Calls of stored functions in queries: their translation, and the rounds in which such a query runs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import duckdb
from sqlglot import exp

from aurora_mysql.catalog.model import Routine, routine_level
from aurora_mysql.catalog.zero_date import of_fetched
from aurora_mysql.engine.transaction import Transaction
from aurora_mysql.errors import mysql_error
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.functions.stored_calls import RESULT_TYPES, CallResults
from aurora_mysql.sql.query import types
from aurora_mysql.sql.query.expression import Ex, as_shown, number, text
from aurora_mysql.sql.query.scope import Scope
from aurora_mysql.sql.query.sources import bind_sources
from aurora_mysql.sql.query.types import T
from aurora_mysql.sql.result import Value

if TYPE_CHECKING:
    from aurora_mysql.sql.instance_services import InstanceServices
    from aurora_mysql.sql.query.select import SelectSql
    from aurora_mysql.sql.query.translator import Translator

_R = TypeVar("_R")
#: Evaluations after which other sessions get their turn: those that need no query never wait by themselves.
_EVALUATIONS = 100


@dataclass(frozen=True, slots=True)
class StoredCall:
    """One place of a statement that calls `routine`. `text`: the call as it was written, for messages; `each_time`: it
    is evaluated for every row, even for arguments that it was evaluated for before; `moments`: which arguments are
    dates or datetimes."""

    routine: Routine
    text: str
    each_time: bool
    moments: tuple[bool, ...] = ()

    def values(self, arguments: Sequence[Value]) -> list[Value]:
        """Arguments as values: a date that Python has no date for comes out of DuckDB as text."""
        return [
            of_fetched(value) if moment and isinstance(value, str) else value
            for value, moment in zip(arguments, self.moments, strict=True)
        ]


def stored_call(tr: Translator, name: str, nodes: Sequence[exp.Expression], scope: Scope, database: str = "") -> Ex:
    """Translate the call of a stored function, in the database of the statement or view unless `database` names one.

    Raises:
        MySQLError: 1046, 1305, 1318.
    """
    from aurora_mysql.sql.routines.function import is_pure
    from aurora_mysql.sql.routines.program import program_of

    pc, b = tr.b.pc, tr.b
    database = database or tr.selects.database
    routine = pc.catalog.routine(database, "FUNCTION", name) if database else None
    if routine is None:
        raise mysql_error(1305, "FUNCTION", f"{database}.{name}" if database else name)
    full = f"{database}.{routine.name}"
    program = program_of(routine)
    if len(nodes) != len(program.parameters):
        raise mysql_error(1318, "FUNCTION", full, len(program.parameters), len(nodes))
    views = tr.selects.views
    if not views or views[-1].security == "INVOKER":
        pc.need("EXECUTE", database, routine_level("FUNCTION", routine.name))
    arguments = [tr.expr(node, scope) for node in nodes]
    constant = all(e.is_literal for e in arguments)
    each_time = not is_pure(routine, pc.catalog) and not (routine.deterministic and constant)
    shown = f"{name}({', '.join(n.sql(dialect='mysql') for n in nodes)})"
    place = len(b.stored)
    moments = tuple(e.t.kind in ("date", "datetime") for e in arguments)
    b.stored.append(StoredCall(routine, shown, each_time, moments))
    assert program.returns is not None
    t = types.of_column(program.returns.type)
    if t.kind == "string" and t.collation is None:
        t = T("string", collation=routine.creation.database_collation, declared=t.declared)
    token = b.param(_token)
    passed = "".join(f", {_argument(e)}" for e in arguments)
    given = types.duckdb_type(t)
    returned = given if given in RESULT_TYPES else "DOUBLE" if given == "FLOAT" else "VARCHAR"
    sql = f"{RESULT_TYPES[returned]}(CAST({token} AS BIGINT), CAST({place} AS BIGINT){passed})"
    if t.kind == "wide":
        return Ex(f"my_wide({sql})", t)
    return Ex(sql if given == returned else f"CAST({sql} AS {given})", t)


def _token(ctx: SessionContext, _: Transaction | None) -> int:
    return 0 if ctx.stored_calls is None else ctx.stored_calls.token


def _argument(e: Ex) -> str:
    if e.t.kind == "bool":
        return number(e).sql
    if e.t.kind == "null":
        return "CAST(NULL AS VARCHAR)"
    if e.t.kind == "float":
        return f"CAST(CAST({e.sql} AS VARCHAR) AS DOUBLE)"
    if e.t.kind == "wide":
        return text(e)
    return as_shown(e).sql


class Rounds:
    """One execution of a query that may call stored functions (see :mod:`aurora_mysql.sql.functions.stored_calls`).
    Without such calls it runs once, as it is. Results of calls are kept while the object lives."""

    def __init__(self, select: SelectSql, ctx: SessionContext, tx: Transaction, services: InstanceServices) -> None:
        self._select, self._ctx, self._tx, self._services = select, ctx, tx, services
        self._results: CallResults | None = None
        if select.stored:
            tx.hold_view()
            each_time = [call.each_time for call in select.stored]
            self._results = CallResults(each_time, one_by_one=select.recursive)

    def bind(self, params: Sequence[Value]) -> list[Value]:
        """The values of the query's parameters, for one run."""
        outer, self._ctx.stored_calls = self._ctx.stored_calls, self._results
        if self._results is not None:
            self._results.begin_round()
        try:
            return bind_sources(self._select.sources, self._ctx, self._tx, params)
        finally:
            self._ctx.stored_calls = outer

    async def settled(self, params: Sequence[Value], run: Callable[[list[Value]], Awaitable[_R]]) -> _R:
        """What `run` gives for the bound values once every call in it is known.

        Raises:
            MySQLError: what a function raised. duckdb.Error: of the last run.
        """
        from aurora_mysql.sql.routines.function import evaluate

        results, ctx = self._results, self._ctx
        if results is None:
            return await run(self.bind(params))
        busy = [(t.database, t.name) for t in self._select.tables]
        while True:
            warnings = list(ctx.warnings)
            failure: duckdb.Error | None = None
            try:
                found: Any = await run(self.bind(params))
            except duckdb.Error as error:
                failure = error  # of a run with unknown values, perhaps because of them
            if not results.missed:
                if failure is not None:
                    raise failure
                return found  # type: ignore[no-any-return]
            ctx.warnings[:] = warnings
            place, wanted = results.wanted()
            call = self._select.stored[place]
            for count, (key, arguments) in enumerate(wanted, start=1):
                if count % _EVALUATIONS == 0:
                    await asyncio.sleep(0)
                values = call.values(arguments)
                value = await evaluate(call.routine, call.text, values, self._services, ctx, self._tx, busy)
                results.answer(place, key, value)


__all__ = ["Rounds", "StoredCall", "stored_call"]
