"""How many rows tables have, roughly and without counting: what the choice between two ways of reading hangs on."""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor

from aurora_mysql.catalog.model import Table
from aurora_mysql.engine.applier import Applier
from aurora_mysql.engine.materialisation import Materialisation

#: Applied rows after which DuckDB is asked again.
_STALE_ROWS = 10_000


class TableSizes:
    """DuckDB's estimates, as of some thousand applied rows ago."""

    def __init__(self, duck: Materialisation, applier: Applier, executor: Executor) -> None:
        self._duck, self._applier, self._executor = duck, applier, executor
        self._rows: dict[str, int] = {}
        self._asked_at: int | None = None

    async def rows(self, table: Table) -> int:
        """Rows of `table`; 0 for one that is not there yet, and for temporary tables."""
        applied = self._applier.rows_applied
        if self._asked_at is None or applied - self._asked_at >= _STALE_ROWS:
            self._asked_at = applied
            self._rows = await asyncio.get_running_loop().run_in_executor(self._executor, self._duck.table_rows)
        return self._rows.get(table.physical_name, 0)
