"""Reading: a DuckDB cursor at a known LSN, with the rows DuckDB does not have yet laid over it.

DuckDB detects write conflicts optimistically, so a session's own rows must never be written to the tables the
applier writes. An *overlay* is instead a TEMP VIEW named like the physical table, on the session's cursor only:
the base table without the overlaid keys, plus the overlaid rows from Arrow. The statement's SQL text is the same
with and without it, and rolling the DuckDB transaction back removes it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb

from aurora_mysql.catalog.model import Table
from aurora_mysql.catalog.physical import quote
from aurora_mysql.engine.arrow_rows import ArrowLayout
from aurora_mysql.engine.keys import Key, TableKeys
from aurora_mysql.engine.temporary import FIRST_ID, TemporaryRows
from aurora_mysql.redo.record import Commit, Row


@dataclass(slots=True)
class QueryResult:
    """A fetched result: DuckDB's column names and type texts, and rows of Python values."""

    names: list[str]
    types: list[str]
    rows: list[tuple[Any, ...]]


def describe(cursor: duckdb.DuckDBPyConnection) -> tuple[list[str], list[str]]:
    """Names and type texts of the cursor's current result."""
    description = cursor.description or []
    return [d[0] for d in description], [str(d[1]) for d in description]


def install_overlay(
    cursor: duckdb.DuckDBPyConnection,
    table: Table,
    layout: ArrowLayout,
    images: dict[Key, Row | None],
    base: TemporaryRows | None = None,
) -> None:
    """Make `cursor` see `images` (None = deleted) over the base table, or over the rows of a temporary one. Needs an
    open DuckDB transaction."""
    name = table.physical_name
    selected = ", ".join(layout.selected)
    below = f"vol.main.{name}"
    if base is not None:
        cursor.register(f"aurora_ob_{table.id}", base.arrow())
        below = f"(SELECT {selected} FROM aurora_ob_{table.id})"
    cursor.register(f"aurora_ok_{table.id}", layout.keys(list(images)))
    cursor.register(f"aurora_or_{table.id}", layout.rows([r for r in images.values() if r is not None]))
    match = " AND ".join(f"b.{quote(n)} = k.k{i}" for i, n in enumerate(layout.key_names))
    names = [*layout.names, *layout.hidden_names]
    shown = ", ".join(f"b.{quote(n)}" for n in names)
    cursor.execute(
        f"CREATE OR REPLACE TEMP VIEW {name} AS "
        f"SELECT {shown} FROM {below} b ANTI JOIN aurora_ok_{table.id} k ON ({match}) "
        f"UNION ALL SELECT {selected} FROM aurora_or_{table.id}"
    )


def remove_overlay(cursor: duckdb.DuckDBPyConnection, table_ids: Iterable[int]) -> None:
    """Forget the Arrow objects behind overlays (after the DuckDB transaction was rolled back)."""
    for table_id in table_ids:
        cursor.unregister(f"aurora_ok_{table_id}")
        cursor.unregister(f"aurora_or_{table_id}")
        if table_id >= FIRST_ID:
            cursor.unregister(f"aurora_ob_{table_id}")


@dataclass(slots=True)
class Overlay:
    """What of one table is laid over: `version` (of the own writes, of a temporary table) tells whether it is still
    the transaction's newest."""

    version: tuple[int, int]


@dataclass(slots=True)
class Snapshot:
    """A transaction's consistent read view.

    `lsn`: everything up to it is visible, nothing beyond. `base_lsn` is what the DuckDB transaction on `cursor`
    sees; `pending` are the commits in between (kept alive here whatever the engine does with them). `broken`: an error
    or a KILL ended the DuckDB transaction. Opened anew, it may be past `lsn` (`base_lsn` > `lsn`); it then serves
    only tables that have not changed since.
    """

    lsn: int
    base_lsn: int
    cursor: duckdb.DuckDBPyConnection
    pending: Sequence[Commit]
    overlays: dict[int, Overlay] = field(default_factory=dict)
    broken: bool = False
    _images: dict[int, dict[Key, Row | None]] = field(default_factory=dict)

    def images(self, keys: TableKeys) -> dict[Key, Row | None]:
        """Committed rows of the table that this snapshot sees and DuckDB's part of it does not."""
        found = self._images.get(keys.table.id)
        if found is None:
            found = self._images[keys.table.id] = collect_images(keys, self.pending, self.base_lsn, self.lsn)
        return found


def collect_images(keys: TableKeys, commits: Iterable[Commit], after_lsn: int, up_to_lsn: int) -> dict[Key, Row | None]:
    """Net effect on one table of the commits in (after_lsn, up_to_lsn]."""
    images: dict[Key, Row | None] = {}
    table_id = keys.table.id
    for commit in commits:
        if not after_lsn < commit.lsn <= up_to_lsn:
            continue
        for change in commit.changes:
            if change.table_id == table_id:
                for values in change.deletes:
                    images[keys.of_values(values)] = None
                for row in change.upserts:
                    images[keys.of_row(row)] = row
    return images


def open_snapshot(borrow: Callable[[], duckdb.DuckDBPyConnection], lsn: int, pending: Sequence[Commit]) -> Snapshot:
    """Open DuckDB's part of a read view of `lsn` (runs on a worker thread). `pending`: commits up to `lsn` that DuckDB
    may not have yet.

    DuckDB takes its snapshot at the first table access, so reading `aurora_applied` both pins it and tells where
    it is.
    """
    cursor = borrow()
    cursor.execute("BEGIN")
    base_lsn = int(cursor.execute("SELECT lsn FROM vol.main.aurora_applied").fetchall()[0][0])
    return Snapshot(lsn, base_lsn, cursor, [c for c in pending if base_lsn < c.lsn <= lsn])


def reopen_snapshot(snapshot: Snapshot) -> None:
    """Begin the DuckDB transaction of a broken snapshot again (on a worker thread), without overlays."""
    cursor = snapshot.cursor
    cursor.execute("ROLLBACK")
    remove_overlay(cursor, list(snapshot.overlays))
    snapshot.overlays.clear()
    cursor.execute("BEGIN")
    snapshot.base_lsn = int(cursor.execute("SELECT lsn FROM vol.main.aurora_applied").fetchall()[0][0])
    snapshot.broken = False
