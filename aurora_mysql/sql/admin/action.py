"""A plan around one coroutine function."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from aurora_mysql.engine.transaction import Transaction
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.result import Ok, Result, ResultColumn, Value

Action = Callable[[SessionContext], Awaitable[Result | None]]


class ActionPlan:
    """See :class:`aurora_mysql.sql.plan.Plan`. `schema`: it changes the replicated catalog, so it commits the open
    transaction and runs on the writer only."""

    cacheable = False
    needs_transaction = False

    def __init__(self, action: Action, *, schema: bool = False, columns: list[ResultColumn] | None = None) -> None:
        self._action = action
        self.writes = self.is_ddl = schema
        self.columns = columns

    async def run(self, ctx: SessionContext, tx: Transaction | None, params: Sequence[Value]) -> Result:
        return await self._action(ctx) or Ok()
