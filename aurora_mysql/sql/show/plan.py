"""SHOW and DESCRIBE: which rows, under which headings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from aurora_mysql.catalog.model import ColumnType
from aurora_mysql.engine.transaction import Transaction
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.instance_services import InstanceServices
from aurora_mysql.sql.lexer import TokenCursor
from aurora_mysql.sql.result import ResultColumn, ResultSet, Value
from aurora_mysql.sql.result_types import from_type
from aurora_mysql.sql.show.filters import Filter, like_pattern, parse_where
from aurora_mysql.sql.show.virtual import text

Row = tuple[Any, ...]
Rows = Callable[[SessionContext, InstanceServices], Sequence[Row]]


class ShowPlan:
    """See :class:`aurora_mysql.sql.plan.Plan`. `rows` runs at every execution, `keep` filters them."""

    writes = False
    is_ddl = False
    needs_transaction = False
    cacheable = False

    def __init__(
        self,
        services: InstanceServices,
        columns: Sequence[str | tuple[str, ColumnType]],
        rows: Rows,
        keep: Filter | None = None,
    ) -> None:
        self._services, self._rows, self._keep = services, rows, keep
        self.names = [c if isinstance(c, str) else c[0] for c in columns]
        self.columns: list[ResultColumn] | None = [
            from_type(c, text(256)) if isinstance(c, str) else from_type(*c) for c in columns
        ]

    def filtered(self, keep: Filter) -> ShowPlan:
        self._keep = keep
        return self

    async def run(self, ctx: SessionContext, tx: Transaction | None, params: Sequence[Value]) -> ResultSet:
        rows = self._rows(ctx, self._services)
        keep = self._keep
        assert self.columns is not None
        return ResultSet(self.columns, list(rows) if keep is None else [r for r in rows if keep(r)])


def filtered(cur: TokenCursor, plan: ShowPlan, column: int = 0) -> ShowPlan:
    """`plan` with the LIKE or WHERE that may follow; LIKE looks at `column`."""
    if cur.accept_word("LIKE"):
        pattern = like_pattern(cur.expect_string())
        plan.filtered(lambda row: pattern.fullmatch(str(row[column])) is not None)
    elif cur.accept_word("WHERE"):
        plan.filtered(parse_where(cur, plan.names))
    cur.expect_end()
    return plan
