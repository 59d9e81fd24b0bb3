"""Runs a stored program's tree: variables, control flow, handlers and cursors are here, its SQL is the executor's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Protocol

from aurora_mysql.catalog.model import Column, ColumnType
from aurora_mysql.catalog.values import Converter, converter
from aurora_mysql.catalog.zero_date import DateRules
from aurora_mysql.engine.transaction import Transaction
from aurora_mysql.errors import MySQLError, mysql_error
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.fingerprint import Statement, split
from aurora_mysql.sql.functions.numeric import leading_number
from aurora_mysql.sql.instance_services import RunInner
from aurora_mysql.sql.plan import PlanContext
from aurora_mysql.sql.result import Ok, ResultSet, Value
from aurora_mysql.sql.routines.local_values import local_function, words_of
from aurora_mysql.sql.routines.names import with_values
from aurora_mysql.sql.routines.tree import (
    Assign,
    Block,
    Case,
    Condition,
    CursorStep,
    Diagnostics,
    Handler,
    If,
    Jump,
    Loop,
    Node,
    Return,
    Signal,
    Sql,
)

#: Turns of loops after which other sessions get theirs: what needs no query never waits by itself.
_TURNS = 50
#: Rows that a cursor may hold; a bound on what one session keeps in memory.
_CURSOR_ROWS = 1_000_000


class _Jumped(Exception):
    def __init__(self, jump: Jump) -> None:
        self.jump = jump


class _Exited(Exception):
    """An EXIT handler has run: the block of this scope ends."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope


class Returned(Exception):
    """RETURN in a function."""

    def __init__(self, value: Value) -> None:
        self.value = value


@dataclass(slots=True)
class Variable:
    """`assign` converts to the declared type, which is `kind`."""

    value: Value
    assign: Converter
    kind: ColumnType


@dataclass(slots=True, eq=False)
class Scope:
    """One block that is running. `open`: rows of an open cursor that are still to be fetched, by cursor name."""

    variables: dict[str, Variable] = field(default_factory=dict)
    queries: dict[str, Statement] = field(default_factory=dict)
    open: dict[str, list[Sequence[Value]]] = field(default_factory=dict)
    handlers: list[Handler] = field(default_factory=list)


class RowAccess(Protocol):
    """What NEW and OLD are in a trigger. Names are columns in any case."""

    def get(self, row: str, column: str) -> Value:
        """Raises 1054, 1363."""
        ...

    async def set_new(self, column: str, value: Value) -> None:
        """Raises 1054, 1362."""
        ...


def is_strict(ctx: SessionContext) -> bool:
    mode = ctx.variables.get("sql_mode")
    return mode is None or "STRICT_" in str(mode)


def variable_of(name: str, kind: ColumnType, ctx: SessionContext) -> Variable:
    return Variable(
        None, _converter(name, kind, is_strict(ctx), DateRules.of_mode(ctx.variables.get("sql_mode"))), kind
    )


@lru_cache(maxsize=4096)
def _converter(name: str, kind: ColumnType, strict: bool, dates: DateRules) -> Converter:
    return converter(Column(name, kind), strict=strict, dates=dates)


class Interpreter:
    """One run of one program. `tx` is the invoking statement's transaction, None in a procedure that is called by the
    client (its statements then have transactions as if the client sent them). `calls` runs a nested CALL."""

    def __init__(
        self,
        run_inner: RunInner,
        ctx: SessionContext,
        tx: Transaction | None,
        parameters: Mapping[str, Variable],
        rows: RowAccess | None = None,
    ) -> None:
        self._run_inner, self._ctx, self._tx, self._rows = run_inner, ctx, tx, rows
        self._scopes = [Scope(dict(parameters))]
        self._limit: int | None = None
        self._escaped: tuple[MySQLError, int] | None = None
        self._handling: list[MySQLError] = []
        self._turns = 0

    async def run(self, body: Node) -> AsyncIterator[ResultSet]:
        """The result sets of the program's statements, one after the other; each must be read before the next.

        Raises:
            Returned: a function's RETURN.
            MySQLError: what no handler took.
        """
        async for result in self._node(body):
            yield result

    # --- statements ------------------------------------------------------------------------------------------

    async def _node(self, node: Node) -> AsyncIterator[ResultSet]:
        depth = len(self._scopes)
        try:
            async for result in self._dispatch(node):
                yield result
        except MySQLError as error:
            del self._scopes[depth:]
            async for result in self._handle(error):
                yield result

    async def _dispatch(self, node: Node) -> AsyncIterator[ResultSet]:
        if self._ctx.kill_query:
            raise mysql_error(1317)
        if isinstance(node, Sql):
            async for result in self._sql(node):
                yield result
        elif isinstance(node, Block):
            async for result in self._block(node):
                yield result
        elif isinstance(node, If | Case):
            chosen = await self._chosen(node)
            for child in chosen:
                async for result in self._node(child):
                    yield result
        elif isinstance(node, Loop):
            async for result in self._loop(node):
                yield result
        elif isinstance(node, Assign):
            await self._assign(node)
        elif isinstance(node, CursorStep):
            await self._cursor(node)
        elif isinstance(node, Signal):
            await self._signal(node)
        elif isinstance(node, Diagnostics):
            await self._diagnostics(node)
        elif isinstance(node, Return):
            raise Returned(await self.value(node.value))
        else:
            raise _Jumped(node)

    async def _block(self, block: Block) -> AsyncIterator[ResultSet]:
        scope = Scope(queries={c.name: c.query for c in block.cursors}, handlers=block.handlers)
        self._scopes.append(scope)
        try:
            for declared in block.variables:
                value = await self.value(declared.default)
                for name in declared.names:
                    variable = scope.variables[name] = variable_of(name, declared.type, self._ctx)
                    variable.value = None if value is None else variable.assign(value, 1, self._ctx.warn)
            for child in block.body:
                async for result in self._node(child):
                    yield result
        except _Exited as exited:
            if exited.scope is not scope:
                raise
        except _Jumped as jumped:
            if not jumped.jump.leave or jumped.jump.label != block.label:
                raise
        finally:
            if scope in self._scopes:
                del self._scopes[self._scopes.index(scope) :]

    async def _chosen(self, node: If | Case) -> Sequence[Node]:
        operand = None
        if isinstance(node, Case) and node.operand is not None:
            operand = node.operand
        for condition, body in node.branches:
            if await self._true(condition if operand is None else f"({operand}) = ({condition})"):
                return body
        if node.otherwise is None:
            raise mysql_error(1339)
        return node.otherwise

    async def _loop(self, loop: Loop) -> AsyncIterator[ResultSet]:
        while loop.kind != "WHILE" or await self._true(loop.condition):
            self._turns += 1
            if self._turns % _TURNS == 0:
                await asyncio.sleep(0)
            if self._ctx.kill_query:
                raise mysql_error(1317)
            try:
                for child in loop.body:
                    async for result in self._node(child):
                        yield result
            except _Jumped as jumped:
                if jumped.jump.label != loop.label or not loop.label:
                    raise
                if jumped.jump.leave:
                    return
                if loop.kind != "REPEAT":
                    continue
            if loop.kind == "REPEAT" and await self._true(loop.condition):
                return

    async def _sql(self, node: Sql) -> AsyncIterator[ResultSet]:
        ctx = self._ctx
        ctx.warnings.clear()
        statement = node.statement
        if statement.verb == "CALL":
            from aurora_mysql.sql.routines.call import call

            async for nested in call(self._run_inner, statement, ctx, self._tx, self):
                yield nested
            return
        result = await self._run_inner(ctx, self._bound(statement), self._tx)
        if isinstance(result, Ok):
            ctx.row_count = result.affected_rows
        elif isinstance(result, ResultSet):
            ctx.row_count = -1
            if not node.into:
                yield result
            else:
                await self._into(node.into, await _all_rows(result, 2), result)
        # A warning is a condition as well, for which a handler may wait.
        for warning in [w for w in ctx.warnings if w.level == "Warning"]:
            state = "02000" if warning.errno == 1329 else "01000"
            raised = MySQLError(warning.errno, state, warning.message)
            if self._find(raised) is not None:
                async for nested in self._handle(raised):
                    yield nested
                break

    async def _into(self, targets: Sequence[str], rows: Sequence[Sequence[Value]], result: ResultSet) -> None:
        if len(targets) != len(result.columns):
            raise mysql_error(1222)
        if len(rows) > 1:
            raise mysql_error(1172)
        if not rows:
            self._ctx.warn("Warning", 1329, mysql_error(1329).message)
            return
        for name, value in zip(targets, rows[0], strict=True):
            self.assign(name, value)

    async def _assign(self, node: Assign) -> None:
        value = await self.value(node.value)
        if node.row:
            assert self._rows is not None
            await self._rows.set_new(node.name, value)
        else:
            self.assign(node.name, value)

    # --- variables and expressions -----------------------------------------------------------------------------

    def assign(self, name: str, value: Value) -> None:
        """Set a local variable (to its type) or a user variable."""
        if name.startswith("@"):
            self._ctx.user_variables[name[1:].strip("`")] = value
            return
        variable = self.variable(name)
        if variable is None:
            raise mysql_error(1327, name)
        variable.value = None if value is None else variable.assign(value, 1, self._ctx.warn)

    def variable(self, name: str) -> Variable | None:
        for scope in reversed(self._scopes):
            if name in scope.variables:
                return scope.variables[name]
        return None

    def _lookup(self, name: str) -> tuple[bool, Value]:
        variable = self.variable(name)
        return (False, None) if variable is None else (True, variable.value)

    def _bound(self, statement: Statement) -> Statement:
        return with_values(statement, self._lookup, None if self._rows is None else self._rows.get)

    async def value(self, source: str) -> Value:
        """The value of an expression. Raises 1242 and whatever it does."""
        variable = self.variable(source.strip("`").lower())
        if variable is not None:
            return variable.value
        ansi_quotes = "ANSI_QUOTES" in str(self._ctx.variables.get("sql_mode", ""))
        variables = [self.variable(word) for word in words_of(source, ansi_quotes)]
        kinds = [None if v is None else v.kind for v in variables]
        local = local_function(source, ansi_quotes, kinds, self._ctx, self._context)
        if local is not None:
            return local(tuple([None if v is None else v.value for v in variables]), (), self._ctx)
        statement = _asking(source, ansi_quotes)
        result = await self._run_inner(self._ctx, self._bound(statement), self._tx)
        assert isinstance(result, ResultSet)
        rows = await _all_rows(result, 2)
        value = rows[0][0] if rows else None
        return int(value) if isinstance(value, bool) else value

    def _context(self) -> PlanContext:
        return self._run_inner.context(self._ctx, "", ())

    async def _true(self, source: str) -> bool:
        value = await self.value(source)
        if isinstance(value, str | bytes):
            value = leading_number(value if isinstance(value, str) else value.decode("utf-8", "replace"))
        return bool(value)

    # --- cursors -----------------------------------------------------------------------------------------------

    async def _cursor(self, step: CursorStep) -> None:
        scope = next(s for s in reversed(self._scopes) if step.name in s.queries)
        rows = scope.open.get(step.name)
        if step.verb == "OPEN":
            if rows is not None:
                raise mysql_error(1325)
            result = await self._run_inner(self._ctx, self._bound(scope.queries[step.name]), self._tx)
            assert isinstance(result, ResultSet)
            found = await _all_rows(result, _CURSOR_ROWS)
            scope.open[step.name] = found[::-1]
            return
        if rows is None:
            raise mysql_error(1326)
        if step.verb == "CLOSE":
            del scope.open[step.name]
            return
        if not rows:
            raise mysql_error(1329)
        row = rows.pop()
        if len(row) != len(step.into):
            raise mysql_error(1328)
        for name, value in zip(step.into, row, strict=True):
            self.assign(name, value)

    # --- conditions --------------------------------------------------------------------------------------------

    def _find(self, error: MySQLError) -> tuple[int, Handler] | None:
        """The handler for `error`: of the innermost block that has one, the most specific."""
        limit = len(self._scopes) if self._limit is None else min(self._limit, len(self._scopes))
        if self._escaped is not None and self._escaped[0] is error:
            limit = min(limit, self._escaped[1])
        for number in range(limit - 1, -1, -1):
            best: tuple[int, Handler] | None = None
            for handler in self._scopes[number].handlers:
                for condition in handler.conditions:
                    rank = _rank(condition, error)
                    if rank and (best is None or rank < best[0]):
                        best = (rank, handler)
            if best is not None:
                return number, best[1]
        return None

    async def _handle(self, error: MySQLError) -> AsyncIterator[ResultSet]:
        """Run the handler for `error`, or raise it."""
        found = None if error.errno == 1317 else self._find(error)
        if found is None:
            raise error
        number, handler = found
        scope = self._scopes[number]
        before, self._limit = self._limit, number
        self._handling.append(error)
        self._ctx.warnings.clear()
        self._ctx.warn(
            "Error" if not error.sqlstate.startswith(("01", "02")) else "Warning", error.errno, error.message
        )
        try:
            async for result in self._node(handler.body):
                yield result
        except MySQLError as raised:
            self._escaped = (raised, number)
            raise
        finally:
            self._limit = before
            self._handling.pop()
        if handler.exits:
            raise _Exited(scope)

    async def _signal(self, node: Signal) -> None:
        current = self._handling[-1] if self._handling else None
        if node.resignal and current is None:
            raise mysql_error(1645)
        state = node.condition.value if node.condition is not None else (current.sqlstate if current else "45000")
        errno, message = (1642, "Unhandled user-defined warning condition") if state[:2] == "01" else (
            (1643, "Unhandled user-defined not found condition")
            if state[:2] == "02"
            else (1644, "Unhandled user-defined exception condition")
        )  # fmt: skip
        if node.resignal and current is not None and node.condition is None:
            errno, message = current.errno, current.message
        for name, source in node.items.items():
            value = await self.value(source)
            if name == "MESSAGE_TEXT":
                message = str(value)
            elif name == "MYSQL_ERRNO":
                errno = int(value)
        error = MySQLError(errno, state, message)
        if state[:2] == "01" and self._find(error) is None:
            self._ctx.warn("Warning", errno, message)
            return
        raise error

    async def _diagnostics(self, node: Diagnostics) -> None:
        warnings = self._ctx.warnings
        if not node.number:
            information = {"NUMBER": len(warnings), "ROW_COUNT": self._ctx.row_count}
            for target, item in node.items:
                self.assign(target, information.get(item))
            return
        number = int(await self.value(node.number) or 0)
        if not 1 <= number <= len(warnings):
            raise mysql_error(1758)
        condition = warnings[number - 1]
        handled = self._handling[-1] if self._handling else None
        state = handled.sqlstate if handled is not None and handled.errno == condition.errno else "HY000"
        known: dict[str, Any] = {
            "MYSQL_ERRNO": condition.errno,
            "MESSAGE_TEXT": condition.message,
            "RETURNED_SQLSTATE": state,
            "CLASS_ORIGIN": "ISO 9075",
            "SUBCLASS_ORIGIN": "ISO 9075",
        }
        for target, item in node.items:
            self.assign(target, known.get(item, ""))


@lru_cache(maxsize=4096)
def _asking(source: str, ansi_quotes: bool) -> Statement:
    """The statement that gives the value of an expression."""
    return split(f"SELECT {source}", ansi_quotes=ansi_quotes)[0]


def _rank(condition: Condition, error: MySQLError) -> int:
    """How well `condition` fits, 1 best; 0 not at all."""
    state = error.sqlstate
    if condition.kind == "errno":
        return 1 if int(condition.value) == error.errno else 0
    if condition.kind == "sqlstate":
        return 2 if condition.value == state else 0
    kind = "SQLWARNING" if state[:2] == "01" else "NOT FOUND" if state[:2] == "02" else "SQLEXCEPTION"
    return 3 if condition.kind == kind else 0


async def _all_rows(result: ResultSet, limit: int) -> list[Sequence[Value]]:
    """The rows of a result, at most `limit` of them."""
    if isinstance(result.rows, Sequence):
        return list(result.rows[:limit])
    rows: list[Sequence[Value]] = []
    try:
        async for batch in result.rows:
            rows += batch
            if len(rows) >= limit:
                break
    finally:
        close = getattr(result.rows, "aclose", None)
        if close is not None:
            await close()
    return rows[:limit]
