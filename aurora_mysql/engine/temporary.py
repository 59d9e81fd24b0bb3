"""Temporary tables: definitions and rows of one session, in its memory. They never meet the redo log or DuckDB's file.

A temporary table goes through the same transactions as others: a statement writes into the transaction's buffer, and
COMMIT moves these rows here instead of into the log. For a query the rows are an Arrow table under the name that a
physical table would have (see :mod:`aurora_mysql.engine.snapshot`).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from aurora_mysql.catalog.model import Table
from aurora_mysql.engine.arrow_rows import ArrowLayout
from aurora_mysql.engine.key_pages import estimate_row_bytes
from aurora_mysql.engine.keys import Key, TableKeys
from aurora_mysql.errors import mysql_error
from aurora_mysql.redo.record import Row, TableChange

#: Rows of all temporary tables of one session take at most this much memory, estimated; beyond it is error 1114.
SESSION_LIMIT_BYTES = 1 << 30

#: Above every id that the catalog can reach, so that a temporary table's name is nobody else's.
FIRST_ID = 1 << 40

_ids = itertools.count(FIRST_ID)


def next_temporary_id() -> int:
    return next(_ids)


class TemporaryRows:
    """Committed rows of one temporary table. `version` grows with every change."""

    def __init__(self, table: Table, keys: TableKeys, layout: ArrowLayout) -> None:
        self.table, self.keys, self.layout = table, keys, layout
        self.rows: dict[Key, Row] = {}
        self.version = 0
        self.size_bytes = 0
        self._unique: dict[str, dict[Key, Key]] = {name: {} for name in keys.unique}
        self._arrow: Any = None
        self._arrow_version = -1

    def find_unique(self, index: str, value: Key) -> Row | None:
        key = self._unique[index].get(value)
        return None if key is None else self.rows.get(key)

    def apply(self, change: TableChange) -> None:
        self.version += 1
        for values in change.deletes:
            self._remove(self.keys.of_values(values))
        for row in change.upserts:
            key = self.keys.of_row(row)
            self._remove(key)
            self.rows[key] = row
            self.size_bytes += estimate_row_bytes(row)
            for name, unique_of in self.keys.unique.items():
                value = unique_of(row)
                if value is not None:
                    self._unique[name][value] = key

    def _remove(self, key: Key) -> None:
        old = self.rows.pop(key, None)
        if old is None:
            return
        self.size_bytes -= estimate_row_bytes(old)
        for name, unique_of in self.keys.unique.items():
            value = unique_of(old)
            if value is not None and self._unique[name].get(value) == key:
                del self._unique[name][value]

    def arrow(self) -> Any:
        """All rows in the physical layout; made once per version."""
        if self._arrow_version != self.version:
            self._arrow = self.layout.rows(list(self.rows.values()))
            self._arrow_version = self.version
        return self._arrow


class TemporaryTables:
    """The temporary tables of one session. `version` grows with every definition that comes or goes; 0: never had one.

    `forget` is called with the id of a table that is gone.
    """

    def __init__(self) -> None:
        self.version = 0
        self.tables: dict[tuple[str, str], Table] = {}
        self._rows: dict[int, TemporaryRows] = {}
        self._forget: dict[int, Callable[[int], None]] = {}

    def __bool__(self) -> bool:
        return bool(self.tables)

    def rows_of(self, table_id: int) -> TemporaryRows | None:
        return self._rows.get(table_id)

    def is_current(self, table: Table) -> bool:
        rows = self._rows.get(table.id)
        return rows is not None and rows.table is table

    def add(
        self,
        table: Table,
        rows: TemporaryRows,
        forget: Callable[[int], None],
        *,
        key: tuple[str, str] | None = None,
    ) -> None:
        """`table` under its name (or another `key`), instead of what was there."""
        key = key or (table.database, table.name)
        self.remove(key)
        self.version += 1
        self.tables[key] = table
        self._rows[table.id] = rows
        self._forget[table.id] = forget

    def remove(self, key: tuple[str, str]) -> bool:
        table = self.tables.pop(key, None)
        if table is None:
            return False
        self.version += 1
        del self._rows[table.id]
        self._forget.pop(table.id)(table.id)
        return True

    def clear(self) -> None:
        for key in list(self.tables):
            self.remove(key)

    def check_room(self, images: Mapping[int, Iterable[Row]]) -> None:
        """Raises 1114 when the rows to come, by table id, don't fit any more."""
        coming = {table_id: sum(map(estimate_row_bytes, rows)) for table_id, rows in images.items()}
        total = sum(rows.size_bytes for rows in self._rows.values()) + sum(coming.values())
        if total > SESSION_LIMIT_BYTES:
            fullest = max(coming, key=lambda table_id: coming[table_id])
            rows = self._rows.get(fullest)
            raise mysql_error(1114, "" if rows is None else rows.table.name)

    def apply(self, changes: Iterable[TableChange]) -> None:
        """Rows of a committed transaction. A table dropped since is no more."""
        for change in changes:
            rows = self._rows.get(change.table_id)
            if rows is not None:
                rows.apply(change)
