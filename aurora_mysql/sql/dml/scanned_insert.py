"""A long INSERT whose rows were scanned into columns: inserted so, or run as it stands when that is not possible."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from aurora_mysql.engine.transaction import Transaction
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.dml.insert import InsertPlan
from aurora_mysql.sql.dml.scanned_values import ScannedValues
from aurora_mysql.sql.result import Result, ResultColumn, Value


class ScannedInsert:
    """See :class:`aurora_mysql.sql.plan.Plan`. `plan` is that of the statement with its first row; `whole` runs the
    whole statement within a transaction."""

    writes = True
    is_ddl = False
    needs_transaction = True
    cacheable = False

    def __init__(
        self,
        plan: InsertPlan,
        scanned: ScannedValues,
        whole: Callable[[SessionContext, Transaction], Awaitable[Result]],
    ) -> None:
        self._plan, self._scanned, self._whole = plan, scanned, whole
        self.ignore = plan.ignore
        self.columns: list[ResultColumn] | None = None

    async def run(self, ctx: SessionContext, tx: Transaction | None, params: Sequence[Value]) -> Result:
        assert tx is not None
        done = await self._plan.run_columns(ctx, tx, self._scanned.columns, self._scanned.numbers)
        return await self._whole(ctx, tx) if done is None else done
