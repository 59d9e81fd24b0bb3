"""What one committed transaction changes: the unit of the redo log, of the stream and of the applier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from aurora_mysql.catalog.model import CatalogDelta

#: A row: one storage value per logical column, in catalog order. Storage values are None, int, float, str,
#: bytes, decimal.Decimal, datetime.date, datetime.datetime (naive; UTC for TIMESTAMP) and datetime.timedelta.
Row = tuple[Any, ...]

#: The values of a table's key columns, as stored (not folded by collation).
KeyValues = tuple[Any, ...]


@dataclass(slots=True)
class TableChange:
    """Net effect on one table: first every key in `deletes` goes, then every row of `upserts` replaces the row
    that has its key. A key is in at most one of the two."""

    table_id: int
    upserts: Sequence[Row] = ()
    deletes: Sequence[KeyValues] = ()


@dataclass(slots=True)
class SchemaChange:
    """One DDL statement: the catalog change, and the DuckDB statements that bring the materialisation along
    (deterministic, run by every applier in order)."""

    delta: CatalogDelta
    statements: Sequence[str] = ()


@dataclass(slots=True)
class Commit:
    """One committed transaction.

    `lsn` and `epoch` are given by the volume at append (0 before). `commit_time_us` is the writer's clock (Unix
    microseconds) at the append, and above that of every commit before. `counters` are next AUTO_INCREMENT values by
    table id. With both a schema and changes, the schema comes first: the changes are the first rows of tables it makes.
    """

    lsn: int = 0
    epoch: int = 0
    commit_time_us: int = 0
    changes: Sequence[TableChange] = ()
    counters: dict[int, int] = field(default_factory=dict)
    schema: SchemaChange | None = None
