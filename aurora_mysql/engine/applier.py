"""The applier: the only code that changes a DuckDB file. It brings the materialisation forward in LSN order.

Everything runs on the applier's own thread. A batch of commits is one DuckDB transaction that also moves
`applied_lsn`, so a crash at any point leaves the file at a whole commit. Repeated changes of a key coalesce;
"delete the keys, insert the rows" from Arrow is the only method whose cost per row falls with the batch size on a
file-backed DuckDB. Rows of which the redo says that they are new have nothing to delete.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any

import duckdb

from aurora_mysql.catalog.model import Catalog, Table
from aurora_mysql.catalog.physical import quote
from aurora_mysql.engine.arrow_rows import ArrowLayout
from aurora_mysql.engine.date_facts import DateFacts
from aurora_mysql.engine.fetched import bindable
from aurora_mysql.engine.keys import Key, TableKeys
from aurora_mysql.engine.materialisation import Materialisation
from aurora_mysql.errors import StorageError
from aurora_mysql.redo.column_rows import ColumnRows
from aurora_mysql.redo.record import Commit, Row, SchemaChange, TableChange

log = logging.getLogger(__name__)

#: Up to this many keys are deleted by literal key look-ups, which use DuckDB's index instead of a scan.
_POINT_DELETE_KEYS = 4


class _Feed:
    """An Arrow table under a name that DuckDB's statements read from. The name is registered once: that takes as long
    as a small statement."""

    def __init__(self, con: duckdb.DuckDBPyConnection, name: str, empty: Any) -> None:
        self._con, self.name = con, name
        self._empty = self._content = empty
        con.register(name, self)

    def __arrow_c_schema__(self) -> Any:
        return self._empty.schema.__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return self._content.__arrow_c_stream__(requested_schema)

    def run(self, sql: str, content: Any) -> None:
        """Execute `sql`, which reads `content` under the feed's name."""
        schema = self._empty.schema
        # DuckDB relies on the schema it was told.
        self._content = content if content.schema.equals(schema) else content.cast(schema)
        try:
            self._con.execute(sql)
        finally:
            self._content = self._empty

    def close(self) -> None:
        self._con.unregister(self.name)


class _TableLayout:
    """What the applier needs to know of one table definition."""

    def __init__(self, con: duckdb.DuckDBPyConnection, table: Table, facts: DateFacts) -> None:
        self.keys = TableKeys(table)
        self.arrow = ArrowLayout(table, facts)
        self.rows_feed = _Feed(con, f"aurora_apply_rows_{table.id}", self.arrow.rows([]))
        self.keys_feed = _Feed(con, f"aurora_apply_keys_{table.id}", self.arrow.keys([]))
        name = f"vol.main.{table.physical_name}"
        key_names = self.arrow.key_names
        columns = ", ".join(quote(n) for n in [*self.arrow.names, *self.arrow.hidden_names])
        self.insert_sql = (
            f"INSERT INTO {name} ({columns}) SELECT {', '.join(self.arrow.selected)} FROM {self.rows_feed.name}"
        )
        self.point_delete_sql = f"DELETE FROM {name} WHERE " + " AND ".join(
            f"{quote(n)} = ${i + 1}" for i, n in enumerate(key_names)
        )
        if len(key_names) == 1:
            self.delete_sql = (
                f"DELETE FROM {name} WHERE {quote(key_names[0])} IN (SELECT k0 FROM {self.keys_feed.name})"
            )
        else:
            match = " AND ".join(f"{quote(n)} = k.k{i}" for i, n in enumerate(key_names))
            self.delete_sql = f"DELETE FROM {name} USING {self.keys_feed.name} k WHERE {match}"

    def close(self) -> None:
        """The definition is not in force any more."""
        self.rows_feed.close()
        self.keys_feed.close()


@dataclass(slots=True)
class _Pending:
    """What a batch makes of one table: the last image of each key (None: it goes), and the keys that DuckDB may have
    as yet."""

    images: dict[Key, Row | None] = field(default_factory=dict)
    replaced: list[Key] = field(default_factory=list)

    def add(self, keys: TableKeys, change: TableChange) -> None:
        images, replaced, before = self.images, self.replaced, change.before
        of_values, of_row = keys.of_values, keys.of_row
        for values in change.deletes:
            key = of_values(values)
            if key not in images:
                replaced.append(key)
            images[key] = None
        old_rows: Iterable[tuple[Any, ...] | None]
        if before is None:
            old_rows = repeat(())  # not known: there may be one
        elif before.upserts is None:
            old_rows = repeat(None)
        else:
            old_rows = before.upserts
        for row, old in zip(change.upserts, old_rows, strict=False):
            key = of_row(row)
            # What came earlier in the batch has the key's place already.
            if old is not None and key not in images:
                replaced.append(key)
            images[key] = row


class Applier:
    """Applies commits to `materialisation`. Invariant: `applied_lsn` is the LSN of the last commit in the file's
    current state, and `catalog` is the catalog at that LSN."""

    def __init__(self, materialisation: Materialisation) -> None:
        self._duck = materialisation
        self.applied_lsn = materialisation.applied_lsn()
        self.catalog: Catalog = materialisation.catalog()
        #: When the last applied commit was made (Unix microseconds); 0 before there is one.
        self.applied_time_us = int.from_bytes(materialisation.meta("commit_time_us") or b"", "little")
        self.checkpointed_time_us = self.applied_time_us
        self._layouts: dict[int, _TableLayout] = {}
        self.facts = DateFacts(materialisation.meta("date_facts"))
        self._facts_kept = self.facts.version
        self.rows_since_checkpoint = 0
        self.rows_applied = 0
        self.batches = 0

    def apply(self, commits: Sequence[Commit], counters: bytes | None) -> None:
        """Apply `commits` (ascending, all beyond `applied_lsn`) as one transaction.

        `counters` is the encoded AUTO_INCREMENT state after them, None when unchanged.

        Raises:
            StorageError: the materialisation refused (it is then unchanged); the instance can't go on with it.
        """
        if not commits:
            return
        con = self._duck.root
        catalog = self.catalog
        rows = 0
        con.execute("BEGIN")
        try:
            pending: dict[int, _Pending] = {}
            for commit in commits:
                if commit.schema is not None:
                    rows += self._flush(catalog, pending)
                    catalog = self._change_schema(catalog, commit.schema)
                for change in commit.changes:
                    layout = self._layout(catalog, change.table_id)
                    if isinstance(change.upserts, ColumnRows) and not change.deletes:
                        before = {change.table_id: pending.pop(change.table_id, _Pending())}
                        rows += self._flush(catalog, before) + self._insert_columns(layout, change)
                        continue
                    found = pending.get(change.table_id)
                    if found is None:
                        found = pending[change.table_id] = _Pending()
                    found.add(layout.keys, change)
            rows += self._flush(catalog, pending)
            if catalog is not self.catalog:
                self._duck.put_catalog(catalog)
            facts = self.facts.version
            if facts != self._facts_kept:
                self._duck.put_meta("date_facts", self.facts.packed(set(catalog.tables_by_id)))
            if counters is not None:
                self._duck.put_meta("counters", counters)
            con.execute(f"UPDATE vol.main.aurora_applied SET lsn = {commits[-1].lsn}")
            con.execute("COMMIT")
        except Exception as error:
            con.execute("ROLLBACK")
            for layout in self._layouts.values():
                layout.close()
            self._layouts.clear()
            raise StorageError(f"redo {commits[0].lsn}..{commits[-1].lsn} could not be applied: {error}") from error
        self._facts_kept = facts
        self.catalog = catalog
        self.applied_lsn = commits[-1].lsn
        self.applied_time_us = commits[-1].commit_time_us
        self.rows_since_checkpoint += rows
        self.rows_applied += rows
        self.batches += 1

    def checkpoint(self) -> int:
        """Make the file itself hold everything applied; returns its LSN. `checkpointed_time_us` is then when its last
        commit was made."""
        con = self._duck.root
        con.execute("BEGIN")
        self._duck.put_meta("commit_time_us", self.applied_time_us.to_bytes(8, "little"))
        con.execute("COMMIT")
        self._duck.checkpoint()
        self.rows_since_checkpoint = 0
        self.checkpointed_time_us = self.applied_time_us
        return self.applied_lsn

    def _layout(self, catalog: Catalog, table_id: int) -> _TableLayout:
        layout = self._layouts.get(table_id)
        table = catalog.tables_by_id.get(table_id)
        if table is None:
            raise StorageError(f"the redo names table id {table_id}, which the catalog does not have")
        if layout is None or layout.keys.table is not table:
            if layout is not None:
                layout.close()
            layout = self._layouts[table_id] = _TableLayout(self._duck.root, table, self.facts)
        return layout

    def _flush(self, catalog: Catalog, pending: dict[int, _Pending]) -> int:
        rows = 0
        con = self._duck.root
        for table_id, found in pending.items():
            images, replaced = found.images, found.replaced
            if not images:
                continue
            layout = self._layout(catalog, table_id)
            if len(replaced) <= _POINT_DELETE_KEYS:
                for key in replaced:
                    con.execute(layout.point_delete_sql, [bindable(value) for value in key])
            else:
                layout.keys_feed.run(layout.delete_sql, layout.arrow.keys(replaced))
            upserts = [row for row in images.values() if row is not None]
            if upserts:
                layout.rows_feed.run(layout.insert_sql, layout.arrow.rows(upserts))
            rows += len(images)
        pending.clear()
        return rows

    def _insert_columns(self, layout: _TableLayout, change: TableChange) -> int:
        """Rows that come as columns; mostly new ones, in the place of which nothing has to go."""
        rows = change.upserts
        assert isinstance(rows, ColumnRows)
        if change.before is None or change.before.upserts is not None:
            layout.keys_feed.run(layout.delete_sql, layout.arrow.keys(list(map(layout.keys.of_row, rows))))
        layout.rows_feed.run(layout.insert_sql, layout.arrow.physical(rows))
        return len(rows)

    def _change_schema(self, catalog: Catalog, change: SchemaChange) -> Catalog:
        for statement in change.statements:
            self._duck.root.execute(statement)
        for key, table in change.delta.tables.items():
            before = catalog.tables.get(key)
            if table is not None and before is not None and before.id in self.facts.tables:
                self.facts.add(table.id)  # a rebuild copies the rows inside DuckDB
        after = catalog.apply(change.delta)
        for table_id in [id_ for id_ in self._layouts if id_ not in after.tables_by_id]:
            self._layouts.pop(table_id).close()
        return after
