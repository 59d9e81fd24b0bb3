"""From a statement's text to a plan that its user may run."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from aurora_mysql.engine.waiting import in_task
from aurora_mysql.sql import transaction_verbs as verbs
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.dispatch import SHAPED, plan_shaped, plan_text
from aurora_mysql.sql.fingerprint import Shape, Statement, lift, split
from aurora_mysql.sql.instance_services import InstanceServices
from aurora_mysql.sql.parse import ParsedShape, parse_shape
from aurora_mysql.sql.plan import PlanContext, Privilege
from aurora_mysql.sql.plan_cache import CachedPlan, PlanCache
from aurora_mysql.sql.result import Value
from aurora_mysql.sql.sql_mode import split_in_mode

#: Characters from which on a statement is parsed beside the event loop.
LONG_TEXT = 32_768


class Planning:
    """Plans of one instance: kept by what they depend on, checked against the privileges of who runs them."""

    def __init__(self, services: InstanceServices) -> None:
        self._services = services
        self._engine = services.engine
        self._plans = PlanCache()

    def environment(self, ctx: SessionContext) -> tuple[Any, ...]:
        """All that a plan depends on beside its text."""
        get = ctx.variables.get
        return (
            ctx.database,
            self._engine.catalog.version,
            self._engine.date_facts.version,
            get("sql_mode"),
            get("time_zone"),
            get("collation_connection"),
            (ctx.connection_id, ctx.temporary.version) if ctx.temporary.tables else None,
            verbs.reads_lock(self._services, ctx),
        )

    def split(self, ctx: SessionContext, sql: str) -> list[Statement]:
        """The statements of a text, in the session's sql_mode."""
        mode = ctx.variables.get("sql_mode")
        return split(sql) if mode is None else split_in_mode(sql, str(mode))

    def plan(self, ctx: SessionContext, statement: Statement) -> tuple[CachedPlan, Sequence[Value]]:
        """The plan of a statement, and its literals in the plan's order.

        Raises:
            MySQLError: 1064, 1146 and whatever else a planner has to say.
        """
        if statement.verb not in SHAPED:
            pc = self.context(ctx, statement.text, ())
            plan = plan_text(statement, pc)
            return CachedPlan(plan, _needed(pc), columns=_needed_columns(pc)), pc.params
        shape = lift(statement)
        key = (shape.key, *self.environment(ctx))
        found = self._plans.get(key, shape.params)
        if found is None:
            found = self._new_plan(ctx, statement, shape, key)
        return found, shape.params

    async def plan_long(self, ctx: SessionContext, statement: Statement) -> tuple[CachedPlan, Sequence[Value]]:
        """As :meth:`plan`, but the parser runs on a thread: it may take seconds over a long text, and the loop must
        turn."""
        await in_task()
        shape = lift(statement)
        found = self._plans.get((shape.key, *self.environment(ctx)), shape.params)
        if found is None:
            parsed = await asyncio.to_thread(parse_shape, shape, statement.text)
            found = self._new_plan(ctx, statement, shape, (shape.key, *self.environment(ctx)), parsed)
        return found, shape.params

    def _new_plan(
        self,
        ctx: SessionContext,
        statement: Statement,
        shape: Shape,
        key: tuple[Any, ...],
        parsed: ParsedShape | None = None,
    ) -> CachedPlan:
        pc = self.context(ctx, statement.text, shape.params)
        plan = plan_shaped(shape, statement, pc, parsed)
        found = CachedPlan(plan, _needed(pc), universal=not (pc.baked or pc.sized), columns=_needed_columns(pc))
        if plan.cacheable:
            self._plans.put(key, shape.params, pc.baked, found, pc.sized)
        return found

    def context(self, ctx: SessionContext, text: str, params: Sequence[Value]) -> PlanContext:
        """What a planner gets for the statement `text`."""
        catalog = ctx.catalog_over(self._engine.catalog)
        return PlanContext(catalog, ctx.database, ctx, self._engine, self._services, text, params)

    def check_privileges(self, ctx: SessionContext, found: CachedPlan) -> None:
        """Raises 1142 and the like when the session's user may not run the plan."""
        if not found.privileges:
            return
        who = (ctx.user.user, ctx.user.host, ctx.roles, self._engine.catalog.version)
        if who in found.allowed_for:
            return
        from aurora_mysql.sql.admin import privileges

        privileges.check(self._engine.catalog, ctx, found.privileges, found.columns)
        if len(found.allowed_for) < 256:
            found.allowed_for.add(who)


def _needed_columns(pc: PlanContext) -> dict[Privilege, frozenset[str]]:
    own = pc.ctx.temporary.tables
    return {need: names for need, names in pc.needed_columns().items() if need[1:] not in own}


def _needed(pc: PlanContext) -> frozenset[Privilege]:
    """What the plan's user must be allowed; a temporary table belongs to its session."""
    own = pc.ctx.temporary.tables
    return frozenset(need for need in pc.privileges if need[1:] not in own)
