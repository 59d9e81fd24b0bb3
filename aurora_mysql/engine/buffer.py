"""A transaction's redo buffer: its row images by table and key, with marks to fall back to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from aurora_mysql.catalog.model import Table
from aurora_mysql.engine.keys import Key, TableKeys
from aurora_mysql.redo.column_rows import ColumnRows
from aurora_mysql.redo.record import KeyValues, Row, RowsBefore, TableChange, differences

#: Rows of one change in a record, at most.
CHANGE_ROWS = 50_000


@dataclass(slots=True)
class TableBuffer:
    """Own writes on one table: key -> new row, or None for a deleted one. `before` has the committed row of each of
    these keys (None: there was none). `version` grows with every change, so that an overlay built from it knows when it
    is out of date."""

    table: Table
    keys: TableKeys
    rows: dict[Key, tuple[Row, Row | None]] = field(default_factory=dict)
    before: dict[Key, Row | None] = field(default_factory=dict)
    unique: dict[str, dict[Key, Key]] = field(default_factory=dict)
    version: int = 0
    #: New rows that nobody has asked for by key yet; none of their keys is in `rows`.
    bulk: list[ColumnRows] = field(default_factory=list)


_ABSENT = object()


class RedoBuffer:
    """The images a transaction will log. Invariant: each key of a table has at most one entry, its latest."""

    def __init__(self) -> None:
        self.tables: dict[int, TableBuffer] = {}
        #: (map, key, what it held before), newest last.
        self._undo: list[tuple[TableBuffer, dict[Any, Any], Key, object]] = []

    def __bool__(self) -> bool:
        return any(t.rows or t.bulk for t in self.tables.values())

    def row_count(self) -> int:
        """Rows written, each key once but for those written as columns."""
        return sum(len(t.rows) + sum(map(len, t.bulk)) for t in self.tables.values())

    def table(self, table_id: int) -> TableBuffer | None:
        """The own writes on a table, all of them by key."""
        table = self.tables.get(table_id)
        if table is not None and table.bulk:
            self._settle(table)
        return table

    @staticmethod
    def _settle(table: TableBuffer) -> None:
        """Bulk rows become entries by key. What undoes them stays where it is among the undo entries."""
        of_row = table.keys.of_row
        for rows in table.bulk:
            for row in rows:
                key = of_row(row)
                table.rows[key] = (row, row)
                table.before[key] = None
                for name, unique_of in table.keys.unique.items():
                    value = unique_of(row)
                    if value is not None:
                        table.unique.setdefault(name, {})[value] = key
        table.bulk.clear()

    def mark(self) -> int:
        """A point that :meth:`rollback_to` returns to."""
        return len(self._undo)

    def rollback_to(self, mark: int) -> list[tuple[TableKeys, Key, Row]]:
        """Undo what came after `mark`. Returns the insertions that are gone: key and image."""
        gone: list[tuple[TableKeys, Key, Row]] = []
        while len(self._undo) > mark:
            table, changed, key, previous = self._undo.pop()
            table.version += 1
            if isinstance(previous, ColumnRows):
                self._take_back(table, previous)
                continue
            if previous is _ABSENT:
                if changed.pop(key, None) is None and changed is table.before and key in table.rows:
                    gone.append((table.keys, key, table.rows[key][0]))
            else:
                changed[key] = previous
        return gone

    @staticmethod
    def _take_back(table: TableBuffer, rows: ColumnRows) -> None:
        if table.bulk and table.bulk[-1] is rows:
            table.bulk.pop()
            return
        # Settled since; what changed them later is undone by now.
        for row in rows:
            key = table.keys.of_row(row)
            del table.rows[key], table.before[key]
            for name, unique_of in table.keys.unique.items():
                value = unique_of(row)
                if value is not None and table.unique.get(name, {}).get(value) == key:
                    del table.unique[name][value]

    def put_columns(self, keys: TableKeys, rows: ColumnRows) -> None:
        """Many new rows of a table on which there are no writes but such; their keys are new and different."""
        table = self.tables.get(keys.table.id)
        if table is None:
            table = self.tables[keys.table.id] = TableBuffer(keys.table, keys)
        assert not table.rows
        table.bulk.append(rows)
        table.version += 1
        self._undo.append((table, table.rows, (), rows))

    def put(self, keys: TableKeys, row: Row, old: Row | None = None) -> None:
        """`row` is the new image of its key, in the place of `old` (None: of nothing)."""
        key = keys.of_row(row)
        table = self._set(keys, key, (row, row), old)
        for name, unique_of in keys.unique.items():
            value = unique_of(row)
            if value is not None:
                by_value = table.unique.setdefault(name, {})
                self._undo.append((table, by_value, value, by_value.get(value, _ABSENT)))
                by_value[value] = key

    def delete(self, keys: TableKeys, row: Row) -> None:
        """The row with `row`'s key is gone."""
        self._set(keys, keys.of_row(row), (row, None), row)

    def _set(self, keys: TableKeys, key: Key, entry: tuple[Row, Row | None], old: Row | None) -> TableBuffer:
        table = self.table(keys.table.id)
        if table is None:
            table = self.tables[keys.table.id] = TableBuffer(keys.table, keys)
        self._undo.append((table, table.rows, key, table.rows.get(key, _ABSENT)))
        table.rows[key] = entry
        if key not in table.before:
            # The first write of a key meets the committed row; its lock keeps that row as it is.
            self._undo.append((table, table.before, key, _ABSENT))
            table.before[key] = old
        table.version += 1
        return table

    def find_unique(self, keys: TableKeys, index: str, value: Key) -> Row | None:
        """The own row that has `value` in the unique index, if any."""
        table = self.table(keys.table.id)
        if table is None:
            return None
        key = table.unique.get(index, {}).get(value)
        entry = None if key is None else table.rows.get(key)
        row = None if entry is None else entry[1]
        # A row that has got another value since leaves its old entry behind, so what the map names is a candidate.
        return row if row is not None and keys.unique[index](row) == value else None

    def find(self, table_id: int, key: Key) -> tuple[bool, Row | None]:
        """(True, row or None) when this transaction wrote the key, else (False, None)."""
        table = self.table(table_id)
        if table is None:
            return False, None
        entry = table.rows.get(key)
        return (False, None) if entry is None else (True, entry[1])

    def rows(self, table_id: int) -> Iterator[tuple[Key, Row | None]]:
        table = self.table(table_id)
        if table is not None:
            for key, (_, row) in table.rows.items():
                yield key, row

    def changes(self) -> list[TableChange]:
        """The net effect, for the redo record. A table with many rows has several changes, whose order is free."""
        found: list[TableChange] = []
        for table_id, table in self.tables.items():
            found += [TableChange(table_id, rows, (), RowsBefore()) for rows in table.bulk]
            if not table.rows:
                continue
            change = _change(table_id, table)
            found += [change] if len(table.rows) <= CHANGE_ROWS else _parts(change)
        return found


def _change(table_id: int, table: TableBuffer) -> TableChange:
    upserts: list[Row] = []
    deletes: list[KeyValues] = []
    changed: list[tuple[Any, ...] | None] = []
    deleted: list[Row | None] = []
    replaces = False
    before = table.before
    for key, (old, new) in table.rows.items():
        committed = before[key]
        if new is None:
            deletes.append(table.keys.values_of_row(old))
            deleted.append(committed)
        else:
            upserts.append(new)
            replaces = replaces or committed is not None
            changed.append(None if committed is None else differences(committed, new))
    return TableChange(table_id, upserts, deletes, RowsBefore(changed if replaces else None, deleted))


def _parts(change: TableChange) -> list[TableChange]:
    """`change` in several of at most CHANGE_ROWS rows."""
    found: list[TableChange] = []
    before = change.before
    assert before is not None
    for start in range(0, len(change.deletes), CHANGE_ROWS):
        part = slice(start, start + CHANGE_ROWS)
        found.append(TableChange(change.table_id, (), change.deletes[part], RowsBefore(None, before.deletes[part])))
    for start in range(0, len(change.upserts), CHANGE_ROWS):
        part = slice(start, start + CHANGE_ROWS)
        changed = None if before.upserts is None else before.upserts[part]
        found.append(TableChange(change.table_id, change.upserts[part], (), RowsBefore(changed)))
    return found


def parts_of(rows: ColumnRows) -> Iterator[ColumnRows]:
    """`rows` in parts of as many as one change has at most."""
    for start in range(0, len(rows), CHANGE_ROWS):
        part = rows[start : start + CHANGE_ROWS]
        assert isinstance(part, ColumnRows)
        yield part
