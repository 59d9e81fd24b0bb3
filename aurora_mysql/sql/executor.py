"""Statements of a session: found or planned, allowed, run in a transaction, and ended as MySQL ends them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Hashable, Sequence
from typing import Any, TypeVar

import duckdb

from aurora_mysql.catalog.model import Catalog, User
from aurora_mysql.engine.transaction import Transaction
from aurora_mysql.engine.waiting import in_task
from aurora_mysql.errors import MySQLError, StalePlanError, mysql_error
from aurora_mysql.redaction import StatementText
from aurora_mysql.sql import table_locks
from aurora_mysql.sql import transaction_verbs as verbs
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.dispatch import SHAPED
from aurora_mysql.sql.dml.insert import InsertPlan
from aurora_mysql.sql.dml.scanned_insert import ScannedInsert
from aurora_mysql.sql.dml.scanned_values import ScannedValues, scan
from aurora_mysql.sql.fingerprint import Statement, bind, literal_kinds, split
from aurora_mysql.sql.instance_services import InstanceServices
from aurora_mysql.sql.known_statements import (
    Cut,
    KnownStatement,
    KnownStatements,
    cut,
    nulls_of,
    same_values,
    trustworthy,
)
from aurora_mysql.sql.plan import Plan, PlanContext
from aurora_mysql.sql.plan_cache import CachedPlan
from aurora_mysql.sql.plan_run import run_plan
from aurora_mysql.sql.planning import LONG_TEXT, Planning
from aurora_mysql.sql.prepared_statement import Prepared, can_be_prepared
from aurora_mysql.sql.result import Ok, PackedResult, Result, ResultColumn, ResultSet, Value
from aurora_mysql.sql.shortcuts import Encoding, Shortcuts, ShortcutTables

log = logging.getLogger(__name__)

_Batch = TypeVar("_Batch")

_REPLANS = 20

_AUTOCOMMIT, _NO_BACKSLASH = 2, 512
#: Statements that leave the diagnostics area for the next one to read.
_KEEP_WARNINGS = ("SHOW",)


class Executor:
    """Implements the session layer's ExecutorLike over one engine."""

    def __init__(self, services: InstanceServices) -> None:
        self.services = services
        services.run_inner = self
        self.engine = services.engine
        self.planning = Planning(services)
        self._known = KnownStatements()
        self._shortcuts = ShortcutTables(self)

    # -- statements ---------------------------------------------------------------------------------------------

    async def execute(self, ctx: SessionContext, sql: str) -> AsyncIterator[Result]:
        """One result per statement."""
        if len(sql) > LONG_TEXT and "NO_BACKSLASH_ESCAPES" not in str(ctx.variables.get("sql_mode", "")):
            scanned = await asyncio.to_thread(scan, sql)
            if scanned is not None:
                yield await self._run_scanned(ctx, sql, scanned)
                return
        statements = self.planning.split(ctx, sql)
        if not statements:
            raise mysql_error(1065)
        if len(statements) > 1 and not ctx.multi_statements:
            raise mysql_error(1064, statements[1].text[:80], 1)
        only = sql if len(statements) == 1 else None
        self.services.status["Questions"] += len(statements) - 1  # the session has counted the command
        for statement in statements:
            if statement.verb == "CALL" and self._is_stored(ctx, statement):
                async for result in self._call(ctx, statement):
                    yield result
            else:
                yield await self.run(ctx, statement, text=only)

    async def _run_scanned(self, ctx: SessionContext, sql: str, scanned: ScannedValues) -> Result:
        """One long INSERT, whose rows are columns already."""
        first = self.planning.split(ctx, scanned.first)[0]

        async def whole(ctx: SessionContext, tx: Transaction) -> Result:
            statement = (await asyncio.to_thread(self.planning.split, ctx, sql))[0]
            found, params = await self.planning.plan_long(ctx, statement)
            return await found.plan.run(ctx, tx, params)

        async def work() -> Result:
            for _ in range(_REPLANS):
                found, params = self.planning.plan(ctx, first)
                self.planning.check_privileges(ctx, found)
                plan: Plan = found.plan
                if isinstance(plan, InsertPlan):
                    plan = ScannedInsert(plan, scanned, whole)
                else:
                    return await self._run(ctx, (await asyncio.to_thread(self.planning.split, ctx, sql))[0])
                try:
                    return await run_plan(self.services, ctx, plan, params)
                except StalePlanError:
                    continue
            raise mysql_error(1412)

        return await self._guarded(ctx, first.verb, "Com_" + first.verb.lower(), sql, work())

    # -- stored programs ------------------------------------------------------------------------------------------

    async def __call__(self, ctx: SessionContext, statement: Statement, tx: Transaction | None) -> Result:
        """Run a statement of a stored program (see :class:`aurora_mysql.sql.instance_services.RunInner`).

        Raises:
            MySQLError: as :meth:`run`; 1422 for what would end the transaction that it runs in.
        """
        try:
            if tx is None:
                return await self._run(ctx, statement)
            return await self._run_within(ctx, statement, tx)
        except duckdb.InterruptException:
            raise mysql_error(1317) from None
        except duckdb.Error as error:
            from aurora_mysql.sql.query import mysql_failure

            raise mysql_failure(error) from None

    async def _run_within(self, ctx: SessionContext, statement: Statement, tx: Transaction) -> Result:
        if statement.verb in verbs.VERBS:
            raise mysql_error(1422)
        for _ in range(_REPLANS):
            found, params = self.planning.plan(ctx, statement)
            if found.plan.is_ddl:
                raise mysql_error(1422)
            if found.plan.writes:
                # The statement that calls a stored function may be a SELECT, which nobody has stopped.
                if not self.engine.is_writer:
                    raise mysql_error(1836)
                if tx.read_only:
                    raise mysql_error(1792)
            self.planning.check_privileges(ctx, found)
            mark = tx.statement_mark()
            try:
                return await found.plan.run(ctx, tx, params)
            except StalePlanError:
                continue
            except BaseException:
                tx.rollback_to_mark(mark)
                raise
        raise mysql_error(1412)

    def catalog(self) -> Catalog:
        return self.engine.catalog

    def context(self, ctx: SessionContext, text: str, params: Sequence[Value]) -> PlanContext:
        return self.planning.context(ctx, text, params)

    def _is_stored(self, ctx: SessionContext, statement: Statement) -> bool:
        """Whether a CALL is of a stored procedure, not of one that Aurora brings."""
        from aurora_mysql.sql.routines.call import called_name

        return called_name(statement, ctx.database)[0].lower() != "mysql"

    async def _call(self, ctx: SessionContext, statement: Statement) -> AsyncIterator[Result]:
        """The result sets of a procedure, then its OK."""
        from aurora_mysql.sql.routines.call import call

        self.services.status["Com_call_procedure"] += 1
        ctx.kill_query, ctx.takes_packed = False, ""
        ctx.warnings.clear()
        ctx.row_count = 0
        try:
            async for result in call(self, statement, ctx, None, None):
                yield result
        except MySQLError as error:
            ctx.warn("Error", error.errno, error.message)
            ctx.row_count = -1
            raise error from None
        yield Ok(max(ctx.row_count, 0), 0, "", min(len(ctx.warnings), 65535))

    def shortcuts(self, ctx: SessionContext, encoding: Encoding) -> Shortcuts | None:
        """What the session may have answered at once, as it is now (see :mod:`aurora_mysql.sql.shortcuts`)."""
        return self._shortcuts.of(ctx, encoding)

    def known_text(self, key: Hashable, environment: Hashable) -> KnownStatement | None:
        """The statement that was seen with a key (see :func:`aurora_mysql.sql.known_statements.cut`)."""
        return self._known.get(key, environment)

    def known(self, ctx: SessionContext, sql: str, found: Cut | None) -> Coroutine[Any, Any, Result] | None:
        """The run of a text that is one statement seen before, else None. `found`: what `cut` made of it."""
        if found is None:
            return None
        key, literals = found
        known = self._known.get(key, self.planning.environment(ctx))
        if known is None:
            return None
        work = self._run_known(ctx, known, known.params(literals), lambda: self.planning.split(ctx, sql)[0])
        return self._guarded(ctx, known.verb, known.counter, sql, work)

    async def _run_known(
        self, ctx: SessionContext, known: KnownStatement, params: Sequence[Value], statement: Callable[[], Statement]
    ) -> Result:
        """Run a known statement; should its plan turn out to be stale, `statement` is planned anew."""
        if known.found is None:
            assert known.statement is not None
            return await verbs.run_verb(self.services, ctx, known.statement)
        self.planning.check_privileges(ctx, known.found)
        try:
            return await run_plan(self.services, ctx, known.found.plan, params)
        except StalePlanError:  # the table changed while it was waited for
            return await self._run(ctx, statement())

    def _learn(
        self, ctx: SessionContext, text: str, statement: Statement, found: CachedPlan | None, lifted: Sequence[Value]
    ) -> None:
        """Remember how `text` was run, if it can be found again without doubt."""
        if found is not None and not (found.plan.cacheable and found.universal and statement.verb in SHAPED):
            return
        made = cut(text)
        if made is not None and trustworthy(*made, lifted):
            counter = "Com_" + statement.verb.lower()
            known = KnownStatement(
                found, statement.verb, counter, statement if found is None else None, nulls_of(lifted)
            )
            self._known.learn(made[0], self.planning.environment(ctx), known)

    async def run(self, ctx: SessionContext, statement: Statement, *, text: str | None = None) -> Result:
        """Run one statement to its result (rows of a large one may still be to come). `text`: where it stands alone.

        Raises:
            MySQLError: what the client is told. The statement has then changed nothing; after 1213 the transaction
                is gone, else it lives on.
        """
        verb = statement.verb
        work = self._run(ctx, statement, text)
        return await self._guarded(ctx, verb, "Com_" + verb.lower(), statement.text, work)

    async def _guarded(
        self, ctx: SessionContext, verb: str, counter: str, text: str, work: Coroutine[Any, Any, Result]
    ) -> Result:
        """What surrounds every statement: counters, the diagnostics area, the time limit, errors as the client knows
        them."""
        self.services.status[counter] += 1
        ctx.kill_query = False
        if ctx.warnings and verb not in _KEEP_WARNINGS:
            ctx.warnings.clear()
        try:
            limit_s = self._limit_s(ctx, verb)
            if limit_s is None:
                result = await work
            else:
                await in_task()
                async with asyncio.timeout(limit_s):
                    result = await work
        except MySQLError as error:
            if ctx.kill_query and error.errno != 1317:
                error = mysql_error(1317)
            ctx.warn("Error", error.errno, error.message)
            ctx.row_count = -1
            raise error from None
        except TimeoutError:
            raise mysql_error(3024) from None
        except duckdb.InterruptException:
            raise mysql_error(1317) from None
        except duckdb.Error as error:
            from aurora_mysql.sql.query import mysql_failure

            failure = mysql_failure(error)
            log.warning("%s: %s", StatementText(text[:200]), error)
            raise failure from None
        if isinstance(result, Ok):
            ctx.row_count = result.affected_rows
            result.warnings = min(len(ctx.warnings), 65535)
        elif isinstance(result, ResultSet | PackedResult):
            ctx.row_count = -1
            result.warnings = min(len(ctx.warnings), 65535) if verb != "SHOW" else 0
        return result

    @staticmethod
    def _limit_s(ctx: SessionContext, verb: str) -> float | None:
        limit_ms = ctx.variables.get("max_execution_time", 0)
        return int(limit_ms) / 1000 if limit_ms and verb in ("SELECT", "WITH", "(") else None

    async def _run(self, ctx: SessionContext, statement: Statement, text: str | None = None) -> Result:
        verb = statement.verb
        if verb in verbs.VERBS:
            done_verb = await verbs.run_verb(self.services, ctx, statement)
            if text is not None and not statement.literals:
                self._learn(ctx, text, statement, None, ())
            return done_verb
        if verb in ("PREPARE", "EXECUTE", "DEALLOCATE"):
            return await self._sql_prepared(ctx, statement)
        if verb == "DROP" and len(statement.pieces) > 1 and statement.pieces[1].upper() == "PREPARE":
            return await self._sql_prepared(ctx, statement)
        if verb == "SET":
            done = verbs.set_transaction(self.services, ctx, statement)
            if done is not None:
                return done
        for _ in range(_REPLANS):
            if len(statement.text) > LONG_TEXT and statement.verb in SHAPED:
                found, params = await self.planning.plan_long(ctx, statement)
            else:
                found, params = self.planning.plan(ctx, statement)
            self.planning.check_privileges(ctx, found)
            try:
                result = await run_plan(self.services, ctx, found.plan, params)
            except StalePlanError:
                continue
            if text is not None:
                self._learn(ctx, text, statement, found, params)
            return result
        raise mysql_error(1412)

    # -- prepared statements ------------------------------------------------------------------------------------

    async def prepare(self, ctx: SessionContext, sql: str) -> Prepared:
        """Check a statement and learn its columns, as far as they don't hang on the values to come."""
        statements = self.planning.split(ctx, sql)
        if len(statements) != 1:
            raise mysql_error(1065) if not statements else mysql_error(1064, statements[1].text[:80], 1)
        statement = statements[0]
        if statement.verb in ("PREPARE", "EXECUTE", "DEALLOCATE", "USE", "LOAD", "LOCK"):
            raise mysql_error(1295)
        if not can_be_prepared(statement.verb):
            raise mysql_error(1064, statement.text[:80], 1)
        prepared = Prepared(sql, statement, statement.param_count)
        if statement.verb in SHAPED or statement.verb in ("SHOW", "DESCRIBE", "DESC", "EXPLAIN"):
            probe = bind(statement, [1] * statement.param_count) if statement.param_count else statement
            found, _ = self.planning.plan(ctx, probe)
            self.planning.check_privileges(ctx, found)
            prepared.columns = found.plan.columns
        return prepared

    async def execute_prepared(self, ctx: SessionContext, prepared: Prepared, params: Sequence[Value]) -> Result:
        kinds = literal_kinds(params)
        if kinds is None:  # a value that stays in the text (NULL, bytes, a negative number) makes a shape of its own
            return await self.run(ctx, bind(prepared.statement, params))
        key = (kinds, self.planning.environment(ctx))
        known = prepared.known.get(key)
        if known is not None:
            values = known.params(prepared.values(params))
            return await self._guarded(
                ctx,
                known.verb,
                known.counter,
                prepared.sql,
                self._run_known(ctx, known, values, lambda: bind(prepared.statement, params)),
            )
        statement = bind(prepared.statement, params)
        result = await self.run(ctx, statement)
        if statement.verb in verbs.VERBS:
            prepared.learn(key, KnownStatement(None, statement.verb, "", statement))
        elif statement.verb in SHAPED:
            found, lifted = self.planning.plan(ctx, statement)
            values = prepared.values(params)
            known = KnownStatement(found, statement.verb, "", None, nulls_of(lifted))
            if found.plan.cacheable and found.universal and same_values(known.params(values), lifted):
                prepared.learn(key, known)
        return result

    async def _sql_prepared(self, ctx: SessionContext, statement: Statement) -> Result:
        """PREPARE name FROM 'text'|@v, EXECUTE name [USING @a, ...], DEALLOCATE|DROP PREPARE name."""
        pieces = statement.pieces
        words = [piece.upper() for piece in pieces]
        if words[0] == "PREPARE" and len(words) == 4 and words[2] == "FROM":
            source = statement.literals[3][1] if 3 in statement.literals else _user_variable(ctx, pieces[3])
            prepared = await self.prepare(ctx, str(source))
            ctx.prepared_sql[pieces[1].strip("`").lower()] = prepared.sql
            return Ok(info="Statement prepared")
        if words[0] == "EXECUTE" and len(words) >= 2:
            sql = ctx.prepared_sql.get(pieces[1].strip("`").lower())
            if sql is None:
                raise mysql_error(1243, pieces[1], "EXECUTE")
            names = [p for p in pieces[3:] if p != ","] if words[2:3] == ["USING"] else []
            inner = self.planning.split(ctx, sql)[0]
            return await self._run(ctx, bind(inner, [_user_variable(ctx, name) for name in names]))
        if words[0] in ("DEALLOCATE", "DROP") and len(words) == 3:
            if ctx.prepared_sql.pop(pieces[2].strip("`").lower(), None) is None:
                raise mysql_error(1243, pieces[2], "DEALLOCATE PREPARE")
            return Ok()
        raise mysql_error(1064, statement.text[:80], 1)

    # -- the rest of a session ----------------------------------------------------------------------------------

    async def change_database(self, ctx: SessionContext, name: str) -> None:
        from aurora_mysql.sql.admin.server_statements import use_database

        use_database(self.planning.context(ctx, "", ()), ctx, name)

    async def field_list(self, ctx: SessionContext, table: str, wildcard: str) -> Sequence[ResultColumn]:
        quoted = table.replace("`", "``")
        found, _ = self.planning.plan(ctx, split(f"SELECT * FROM `{quoted}` LIMIT 0")[0])
        self.planning.check_privileges(ctx, found)
        return found.plan.columns or []

    def begin_session(self, ctx: SessionContext) -> None:
        from aurora_mysql.sql.admin.roles import activate_default_roles

        self.services.variables.begin_session(ctx)
        activate_default_roles(ctx, self.services)

    async def close_session(self, ctx: SessionContext) -> None:
        try:
            await verbs.rollback(ctx)
        finally:
            table_locks.end_session(self.engine, ctx)
            ctx.temporary.clear()

    async def reset_session(self, ctx: SessionContext) -> None:
        await verbs.rollback(ctx)
        table_locks.end_session(self.engine, ctx)
        ctx.temporary.clear()
        ctx.variables.clear()
        ctx.user_variables.clear()
        ctx.prepared_sql.clear()
        ctx.warnings.clear()
        ctx.autocommit = True
        self.begin_session(ctx)
        ctx.last_insert_id = ctx.found_rows = 0
        ctx.next_isolation = ctx.next_read_only = None

    def status_flags(self, ctx: SessionContext) -> int:
        flags = self.settings_flags(ctx)
        if ctx.transaction is not None:
            flags |= verbs.transaction_flags(ctx.transaction)
        return flags

    @staticmethod
    def settings_flags(ctx: SessionContext) -> int:
        """The status flags that depend on settings alone."""
        flags = _AUTOCOMMIT if ctx.autocommit else 0
        if "NO_BACKSLASH_ESCAPES" in str(ctx.variables.get("sql_mode", "")):
            flags |= _NO_BACKSLASH
        return flags

    def find_account(self, user: str, host: str) -> User | None:
        from aurora_mysql.sql.admin.accounts import find_account

        return find_account(self.engine.catalog, user, host)

    def session_variable(self, ctx: SessionContext, name: str) -> Value:
        return self.services.variables.get(name, ctx)

    def is_administrator(self, user: User) -> bool:
        from aurora_mysql.sql.admin import privileges

        return privileges.has_privilege(
            self.engine.catalog, frozenset(((user.user, user.host),)), "CONNECTION_ADMIN", "", ""
        )


def _user_variable(ctx: SessionContext, piece: str) -> Value:
    if not piece.startswith("@") or piece.startswith("@@"):
        raise mysql_error(1064, piece, 1)
    return ctx.user_variables.get(piece[1:].strip("`").lower())
