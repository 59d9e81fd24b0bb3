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
class RowsBefore:
    """What a table change replaced; with it one can go back without looking anything up.

    `upserts` has one entry for each of the change's upserts: None for a row that was not there, else what its old image
    has differently, as (column position, old value, position, old value, ...). None as a whole: none was there.
    `deletes` has the old row of each deleted key (None: there was none).
    """

    upserts: Sequence[tuple[Any, ...] | None] | None = None
    deletes: Sequence[Row | None] = ()

    def of_upsert(self, number: int, row: Row) -> Row | None:
        """The row before upsert `number`, whose new image is `row`."""
        found = None if self.upserts is None else self.upserts[number]
        if found is None:
            return None
        old = list(row)
        for at in range(0, len(found), 2):
            old[found[at]] = found[at + 1]
        return tuple(old)


def differences(old: Row, new: Row) -> tuple[Any, ...]:
    """What `old` has differently from `new`, in the form of :class:`RowsBefore`."""
    found: list[Any] = []
    for position, (before, after) in enumerate(zip(old, new, strict=True)):
        if before is not after and before != after:
            found += (position, before)
    return tuple(found)


@dataclass(slots=True)
class TableChange:
    """Net effect on one table: first every key in `deletes` goes, then every row of `upserts` replaces the row
    that has its key. A key is in at most one of the two. `before` None: what was there is not known."""

    table_id: int
    upserts: Sequence[Row] = ()
    deletes: Sequence[KeyValues] = ()
    before: RowsBefore | None = None


@dataclass(slots=True)
class SchemaChange:
    """One DDL statement: the catalog change, and the DuckDB statements that bring the materialisation along
    (deterministic, run by every applier in order). `before` is the catalog change that takes `delta` back (None: not
    known)."""

    delta: CatalogDelta
    statements: Sequence[str] = ()
    before: CatalogDelta | None = None


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
