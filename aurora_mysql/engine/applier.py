"""The applier: the only code that changes a DuckDB file. It brings the materialisation forward in LSN order.

Everything runs on the applier's own thread. A batch of commits is one DuckDB transaction that also moves
`applied_lsn`, so a crash at any point leaves the file at a whole commit. Repeated changes of a key coalesce;
"delete the keys, insert the rows" from Arrow is the only method whose cost per row falls with the batch size on a
file-backed DuckDB.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

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


class _TableLayout:
    """What the applier needs to know of one table definition."""

    def __init__(self, table: Table, facts: DateFacts) -> None:
        self.keys = TableKeys(table)
        self.arrow = ArrowLayout(table, facts)
        name = f"vol.main.{table.physical_name}"
        key_names = self.arrow.key_names
        columns = ", ".join(quote(n) for n in [*self.arrow.names, *self.arrow.hidden_names])
        self.insert_sql = (
            f"INSERT INTO {name} ({columns}) SELECT {', '.join(self.arrow.selected)} FROM aurora_apply_rows"
        )
        self.point_delete_sql = f"DELETE FROM {name} WHERE " + " AND ".join(
            f"{quote(n)} = ${i + 1}" for i, n in enumerate(key_names)
        )
        if len(key_names) == 1:
            self.delete_sql = f"DELETE FROM {name} WHERE {quote(key_names[0])} IN (SELECT k0 FROM aurora_apply_keys)"
        else:
            match = " AND ".join(f"{quote(n)} = k.k{i}" for i, n in enumerate(key_names))
            self.delete_sql = f"DELETE FROM {name} USING aurora_apply_keys k WHERE {match}"


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
            pending: dict[int, dict[Key, Row | None]] = {}
            for commit in commits:
                if commit.schema is not None:
                    rows += self._flush(catalog, pending)
                    catalog = self._change_schema(catalog, commit.schema)
                for change in commit.changes:
                    layout = self._layout(catalog, change.table_id)
                    if isinstance(change.upserts, ColumnRows) and not change.deletes:
                        before = {change.table_id: pending.pop(change.table_id, {})}
                        rows += self._flush(catalog, before) + self._insert_columns(layout, change)
                        continue
                    images = pending.setdefault(change.table_id, {})
                    of_values, of_row = layout.keys.of_values, layout.keys.of_row
                    for values in change.deletes:
                        images[of_values(values)] = None
                    for row in change.upserts:
                        images[of_row(row)] = row
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
            layout = self._layouts[table_id] = _TableLayout(table, self.facts)
        return layout

    def _flush(self, catalog: Catalog, pending: dict[int, dict[Key, Row | None]]) -> int:
        rows = 0
        con = self._duck.root
        for table_id, images in pending.items():
            if not images:
                continue
            layout = self._layout(catalog, table_id)
            if len(images) <= _POINT_DELETE_KEYS:
                for key in images:
                    con.execute(layout.point_delete_sql, [bindable(value) for value in key])
            else:
                con.register("aurora_apply_keys", layout.arrow.keys(list(images)))
                con.execute(layout.delete_sql)
                con.unregister("aurora_apply_keys")
            upserts = [row for row in images.values() if row is not None]
            if upserts:
                con.register("aurora_apply_rows", layout.arrow.rows(upserts))
                con.execute(layout.insert_sql)
                con.unregister("aurora_apply_rows")
            rows += len(images)
        pending.clear()
        return rows

    def _insert_columns(self, layout: _TableLayout, change: TableChange) -> int:
        """Rows that come as columns; mostly new ones, in the place of which nothing has to go."""
        con, rows = self._duck.root, change.upserts
        assert isinstance(rows, ColumnRows)
        if change.before is None or change.before.upserts is not None:
            con.register("aurora_apply_keys", layout.arrow.keys(list(map(layout.keys.of_row, rows))))
            con.execute(layout.delete_sql)
            con.unregister("aurora_apply_keys")
        con.register("aurora_apply_rows", layout.arrow.physical(rows))
        con.execute(layout.insert_sql)
        con.unregister("aurora_apply_rows")
        return len(rows)

    def _change_schema(self, catalog: Catalog, change: SchemaChange) -> Catalog:
        for statement in change.statements:
            self._duck.root.execute(statement)
        for key, table in change.delta.tables.items():
            before = catalog.tables.get(key)
            if table is not None and before is not None and before.id in self.facts.tables:
                self.facts.add(table.id)  # a rebuild copies the rows inside DuckDB
        return catalog.apply(change.delta)
