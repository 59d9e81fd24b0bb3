"""A plan and the transaction around it: its session's, or one of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Sequence
from typing import Any, TypeVar

from aurora_mysql.engine.engine import Engine, metadata_timeout_s
from aurora_mysql.engine.transaction import Mark, Transaction
from aurora_mysql.errors import MySQLError, mysql_error
from aurora_mysql.sql import transaction_verbs as verbs
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.instance_services import InstanceServices
from aurora_mysql.sql.plan import Plan
from aurora_mysql.sql.query.sources import diagnostics
from aurora_mysql.sql.result import Consume, LocalInfile, Ok, PackedResult, Result, ResultSet, Value

_Batch = TypeVar("_Batch")

#: Values of character_set_results in which texts go out as they are stored.
_UTF8 = (None, "utf8mb4", "utf8mb3", "utf8", "binary")


async def run_plan(services: InstanceServices, ctx: SessionContext, plan: Plan, params: Sequence[Value]) -> Result:
    """Run a plan in the session's transaction, or in one that ends with it (or with the last of its rows).

    Raises:
        StalePlanError: a table changed while it was waited for; nothing has happened.
        MySQLError: what the client is told; the statement has changed nothing.
    """
    if plan.writes and not services.engine.is_writer:
        raise mysql_error(1836)
    if plan.writes:
        await _pass_freeze(services.engine, ctx)
    if plan.is_ddl:
        await verbs.commit(ctx)
        return await plan.run(ctx, None, params)
    if not plan.needs_transaction:
        return await plan.run(ctx, ctx.transaction, params)
    if plan.writes or ctx.diagnostics is not None:
        strict = "STRICT_" in str(ctx.variables.get("sql_mode", "STRICT_")) and not getattr(plan, "ignore", False)
        diagnostics(ctx).strict = plan.writes and strict
    if ctx.transaction is None and not ctx.autocommit:
        verbs.begin(services, ctx)
    if ctx.transaction is not None:
        return await _run_inside(services, ctx, ctx.transaction, plan, params)
    return await _run_alone(services, ctx, plan, params)


async def _pass_freeze(engine: Engine, ctx: SessionContext) -> None:
    """A write statement waits while somebody holds a global read lock. Raises 1223 when it is its own."""
    if not engine.freeze.is_wanted:
        return
    owner = engine.new_owner(ctx) if ctx.transaction is None else ctx.transaction.owner
    await engine.freeze.pass_through(owner, ctx, metadata_timeout_s(ctx, engine.options))


async def _run_inside(
    services: InstanceServices, ctx: SessionContext, transaction: Transaction, plan: Plan, params: Sequence[Value]
) -> Result:
    """One statement of an open transaction: all of it or nothing of it."""
    if plan.writes and transaction.read_only:
        raise mysql_error(1792)
    mark = transaction.statement_mark()
    try:
        result = await _started(plan, ctx, transaction, params)
        if isinstance(result, LocalInfile):
            result.consume = _all_or_nothing(result.consume, transaction, mark)
        return result
    except MySQLError as error:
        if error.errno == 1213 or (error.errno == 1205 and _rolls_back_on_timeout(services, ctx)):
            await verbs.rollback(ctx)
        else:
            transaction.rollback_to_mark(mark)
        raise
    except BaseException:
        transaction.rollback_to_mark(mark)
        raise


def _rolls_back_on_timeout(services: InstanceServices, ctx: SessionContext) -> bool:
    return bool(services.variables.get("innodb_rollback_on_timeout", ctx))


async def _run_alone(services: InstanceServices, ctx: SessionContext, plan: Plan, params: Sequence[Value]) -> Result:
    """Autocommit: the statement is the transaction."""
    read_only = verbs.read_only_of(services, ctx)
    if plan.writes and read_only:
        raise mysql_error(1792)
    isolation = verbs.isolation_of(services, ctx)
    transaction = services.engine.begin(ctx, isolation=isolation, read_only=read_only, autocommit=True)
    try:
        result = await _started(plan, ctx, transaction, params)
        if transaction.uses_tables:
            # SET TRANSACTION is for the next transaction: a statement without tables is none.
            ctx.next_isolation = ctx.next_read_only = None
        if isinstance(result, ResultSet | PackedResult) and isinstance(result.rows, AsyncIterator):
            rows: AsyncIterator[Any] = result.rows
            result.rows = _ending(rows, transaction)
            return result
        if isinstance(result, LocalInfile):
            result.consume = _committing(result.consume, transaction)
            return result
        await transaction.commit()
        return result
    except BaseException:
        await transaction.rollback()
        raise


def _started(plan: Plan, ctx: SessionContext, tx: Transaction, params: Sequence[Value]) -> Awaitable[Result]:
    if ctx.takes_packed and ctx.variables.get("character_set_results") in _UTF8:
        packed = getattr(plan, "run_packed", None)
        if packed is not None:
            return packed(ctx, tx, params)  # type: ignore[no-any-return]
    return plan.run(ctx, tx, params)


async def _ending(rows: AsyncIterator[_Batch], transaction: Transaction) -> AsyncIterator[_Batch]:
    """The rows of an autocommitted query; its transaction ends with them. Stored functions may have written in it."""
    try:
        async for batch in rows:
            yield batch
        await transaction.commit()
    finally:
        close = getattr(rows, "aclose", None)
        if close is not None:
            await close()
        if transaction.active:
            await transaction.rollback()


def _all_or_nothing(consume: Consume, transaction: Transaction, mark: Mark) -> Consume:
    """LOAD DATA LOCAL in an open transaction: what a failure left goes, the transaction stays."""

    async def wrapped(data: bytes | None) -> Ok | None:
        try:
            return await consume(data)
        except BaseException:
            transaction.rollback_to_mark(mark)
            raise

    return wrapped


def _committing(consume: Consume, transaction: Transaction) -> Consume:
    """LOAD DATA LOCAL: the transaction ends when the client has sent everything."""

    async def wrapped(data: bytes | None) -> Ok | None:
        try:
            done = await consume(data)
            if done is not None:
                await transaction.commit()
            return done
        except BaseException:
            await transaction.rollback()
            raise

    return wrapped
