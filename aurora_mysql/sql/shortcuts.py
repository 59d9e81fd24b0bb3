"""Statements that are answered in the turn in which they arrive: known text, plan compiled once, rows in memory. Writes
are carried out in that turn, as far as the commit log; their answer comes when they are durable.

Sessions that are alike (user, settings, schema) share one table of shortcuts. It holds as long as
:meth:`Shortcuts.hold` says so and the session has run nothing else in between: whatever may change a session's settings
is a statement of its own, which takes the long way. A shortcut that can't answer has done nothing, so that the long way
begins anew.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from aurora_mysql.errors import MySQLError, mysql_error
from aurora_mysql.sql import transaction_verbs as verbs
from aurora_mysql.sql.plan import EncoderOf, Later, Read, Told, Write
from aurora_mysql.sql.result import Ok, ResultColumn, Value

if TYPE_CHECKING:
    from aurora_mysql.catalog.model import Catalog
    from aurora_mysql.sql.context import SessionContext
    from aurora_mysql.sql.executor import Executor
    from aurora_mysql.sql.known_statements import KnownStatement
    from aurora_mysql.sql.prepared_statement import Prepared

#: Shortcuts of sessions that are alike; full, the table starts anew.
_MOST_SHORTCUTS = 2000
#: Tables of shortcuts; each holds for one kind of session.
_MOST_TABLES = 256

#: Their transactions read committed rows and lock nothing for that.
_PLAIN_LEVELS = ("REPEATABLE-READ", "READ-COMMITTED")


@dataclass(frozen=True, slots=True)
class Shortcut:
    """`run` gives the encoded rows, None for the long way. `counter`: the statement's status variable."""

    run: Read
    columns: list[ResultColumn]
    counter: str


@dataclass(frozen=True, slots=True)
class Action:
    """A statement without rows. `isolation` is the session's level."""

    write: Write
    isolation: str
    counter: str

    def run(self, ctx: SessionContext, params: Sequence[Value], told: Told) -> Ok | Later | None:
        """See :data:`aurora_mysql.sql.plan.Write`."""
        return self.write(ctx, params, self.isolation, told)


class Encoding(Protocol):
    """How a kind of session wants rows; equal ones are one (it is part of a key)."""

    def __hash__(self) -> int: ...

    def encoder_of(self, columns: Sequence[ResultColumn]) -> EncoderOf: ...

    def finish(self, shortcut: Shortcut) -> Any:
        """What the table keeps of a shortcut: whatever the session layer makes of it."""
        ...


class Shortcuts:
    """The shortcuts of sessions that are alike, found by the key of a text (:func:`known_statements.cut`)."""

    def __init__(
        self, executor: Executor, ctx: SessionContext, environment: Hashable, encoding: Encoding, ways: _Ways
    ) -> None:
        self._executor = executor
        self._engine = executor.engine
        self._variables = executor.services.variables
        self._version = self._variables.version
        self._catalog: Catalog = executor.engine.catalog
        self.environment = environment
        self.status_flags = executor.settings_flags(ctx)
        self.encoding = encoding
        self._ways = ways
        self._found: dict[Hashable, Any] = {}

    def hold(self) -> bool:
        """Neither the catalog (schema, grants) nor a global variable has changed."""
        return self._engine.catalog is self._catalog and self._variables.version == self._version

    def of_text(self, ctx: SessionContext, key: Hashable) -> Any:
        """The shortcut of a text, None when it has none (yet)."""
        found = self._found.get(key)
        if found is None:
            known = self._executor.known_text(key, self.environment)
            if known is None:
                return None
            found = self._make(ctx, known)
            if len(self._found) >= _MOST_SHORTCUTS:
                self._found.clear()
            self._found[key] = found
        return found or None

    def of_prepared(self, ctx: SessionContext, prepared: Prepared, kinds: tuple[str, ...]) -> Any:
        """The shortcut of a prepared statement for values of these kinds, None when it has none (yet)."""
        known = prepared.known.get((kinds, self.environment))
        return None if known is None else self._make(ctx, known) or None

    def _make(self, ctx: SessionContext, known: KnownStatement) -> Any:
        """False when there is none."""
        isolation, read_only = self._ways
        if known.found is None:
            assert known.statement is not None
            act = verbs.at_once(self._executor.services, known.statement, read_only=read_only)
            return False if act is None else Action(act, isolation, known.counter)
        plan: Any = known.found.plan
        write: Write | None = None if read_only else getattr(plan, "at_once", None)
        make: Any = getattr(plan, "reader", None)
        if write is None and (make is None or plan.columns is None or known.nulls):
            return False
        try:
            self._executor.planning.check_privileges(ctx, known.found)
        except MySQLError:
            return False  # the long way tells
        if write is not None:
            return Action(_with_nulls(known, write) if known.nulls else write, isolation, known.counter)
        read: Read | None = make(self._engine, self.encoding.encoder_of(plan.columns))
        return False if read is None else self.encoding.finish(Shortcut(read, plan.columns, known.counter))


def _with_nulls(known: KnownStatement, write: Write) -> Write:
    return lambda ctx, literals, isolation, told: write(ctx, known.params(literals), isolation, told)


#: A session's isolation level, and whether its transactions are READ ONLY.
_Ways = tuple[str, bool]


class ShortcutTables:
    """The tables of shortcuts of an instance, by kind of session."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._tables: dict[Hashable, Shortcuts] = {}

    def of(self, ctx: SessionContext, encoding: Encoding) -> Shortcuts | None:
        """The table for the session as it is now; None when it can't have one."""
        executor = self._executor
        transaction = ctx.transaction
        isolation = verbs.isolation_of(executor.services, ctx)
        if (
            ctx.table_locks
            or ctx.temporary.tables
            or ctx.programs
            or ctx.next_isolation is not None
            or ctx.next_read_only is not None
            or isolation not in _PLAIN_LEVELS
            or (transaction is not None and transaction.isolation not in _PLAIN_LEVELS)
        ):
            return None
        environment = executor.planning.environment(ctx)
        ways = (isolation, verbs.read_only_of(executor.services, ctx))
        key = (environment, ctx.user.user, ctx.user.host, ctx.roles, ctx.autocommit, encoding, ways)
        table = self._tables.get(key)
        if table is None or not table.hold():
            if len(self._tables) >= _MOST_TABLES:
                self._tables.clear()
            table = self._tables[key] = Shortcuts(executor, ctx, environment, encoding, ways)
        return table


def done(shortcut: Shortcut, ctx: SessionContext, rows: int, status: dict[str, int]) -> None:
    """Afterwards, what surrounds every statement: as the executor does it on the long way."""
    begun(shortcut, ctx, status)
    ctx.row_count = -1
    ctx.found_rows = rows


def begun(statement: Shortcut | Action, ctx: SessionContext, status: dict[str, int]) -> None:
    """As :func:`done`, of a statement whose answer comes later; :func:`ended` tells how it went."""
    ctx.kill_query = False
    if ctx.warnings:
        ctx.warnings.clear()
    status[statement.counter] += 1


def ended(ctx: SessionContext, ok: Ok, error: Exception | None) -> Exception | None:
    """The end of an action: what the client is told instead of `ok`, if anything."""
    if error is None:
        ctx.row_count = ok.affected_rows
        return None
    if isinstance(error, MySQLError):
        if ctx.kill_query:
            error = mysql_error(1317)
        ctx.warn("Error", error.errno, error.message)
        ctx.row_count = -1
    return error
