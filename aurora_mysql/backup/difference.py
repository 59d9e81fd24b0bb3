"""What lies between a past state and now, gathered from the redo in between. No I/O.

Each commit says what it replaced, so the first change of a key after the past moment holds its past image, and the
last one its present image: going back costs what was changed since, whatever the size of the database.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from aurora_mysql.catalog.model import DELTA_KINDS, Catalog, CatalogDelta, Table
from aurora_mysql.catalog.physical import duckdb_type
from aurora_mysql.engine.keys import Key, TableKeys
from aurora_mysql.redo.record import Commit, Row, RowsBefore, TableChange, differences

#: Where tables are while a backtrack fills them. No client can name a database like this in a USE or a grant.
SCRATCH_DATABASE = "#backtrack"

_UNKNOWN: Any = object()


@dataclass(slots=True)
class TouchedTable:
    """The keys of one table that were changed: their images then (None: no row) and now."""

    keys: TableKeys
    past: dict[Key, Row | None] = field(default_factory=dict)
    present: dict[Key, Row | None] = field(default_factory=dict)

    def unknown(self) -> list[Key]:
        """Keys whose past image the redo does not tell."""
        return [key for key, row in self.past.items() if row is _UNKNOWN]

    def learn(self, rows: Iterator[Row]) -> None:
        """`rows` are those of the unknown keys that there were; the others had none."""
        missing = set(self.unknown())
        for row in rows:
            key = self.keys.of_row(row)
            self.past[key] = row
            missing.discard(key)
        for key in missing:
            self.past[key] = None

    def change(self) -> TableChange | None:
        """What makes the rows as they were; None when they are."""
        upserts: list[Row] = []
        deletes: list[tuple[Any, ...]] = []
        changed: list[tuple[Any, ...] | None] = []
        deleted: list[Row | None] = []
        for key, past in self.past.items():
            present = self.present[key]
            if past is None:
                if present is not None:
                    deletes.append(self.keys.values_of_row(present))
                    deleted.append(present)
            elif past != present:
                upserts.append(past)
                changed.append(None if present is None else differences(present, past))
        if not upserts and not deletes:
            return None
        return TableChange(self.keys.table.id, upserts, deletes, RowsBefore(changed, deleted))


class Touched:
    """Everything changed after a past moment: feed it the commits since, in order.

    `catalog` is the present one: only tables that are in it are followed, since others are gone for good (no table id
    is used twice).
    """

    def __init__(self, catalog: Catalog) -> None:
        self._present = catalog.tables_by_id
        self.tables: dict[int, TouchedTable] = {}
        self.commits = 0
        self.rows = 0
        #: True when a schema change does not say what it replaced.
        self.schema_unknown = False
        self._definitions: dict[str, Any] = {kind: {} for kind in DELTA_KINDS}

    def feed(self, commit: Commit) -> None:
        self.commits += 1
        for change in commit.changes:
            self.rows += len(change.upserts) + len(change.deletes)
            definition = self._present.get(change.table_id)
            if definition is not None:
                self._feed_rows(definition, change)
        if commit.schema is not None:
            before = commit.schema.before
            if before is None:
                self.schema_unknown = True
            else:
                for kind in DELTA_KINDS:
                    for key, value in getattr(before, kind).items():
                        self._definitions[kind].setdefault(key, value)

    def _feed_rows(self, definition: Table, change: TableChange) -> None:
        table = self.tables.get(change.table_id)
        if table is None:
            table = self.tables[change.table_id] = TouchedTable(TableKeys(definition))
        past, present, keys, before = table.past, table.present, table.keys, change.before
        for number, values in enumerate(change.deletes):
            key = keys.of_values(values)
            if key not in past:
                past[key] = _UNKNOWN if before is None else before.deletes[number]
            present[key] = None
        for number, row in enumerate(change.upserts):
            key = keys.of_row(row)
            if key not in past:
                past[key] = _UNKNOWN if before is None else before.of_upsert(number, row)
            present[key] = row

    def has_unknown_rows(self, plan: TablePlan) -> bool:
        return any(self.tables[table_id].unknown() for table_id in plan.kept if table_id in self.tables)

    def past_catalog(self, present: Catalog) -> Catalog:
        """The catalog then. Meaningless when `schema_unknown`."""
        return present.apply(CatalogDelta(**self._definitions))


@dataclass(frozen=True, slots=True)
class TablePlan:
    """What becomes of the tables: `kept` (ids) hold their rows under their id and only differ by what was touched,
    `missing` (definitions then) must be filled anew, `surplus` (definitions now) go."""

    kept: tuple[int, ...]
    missing: tuple[Table, ...]
    surplus: tuple[Table, ...]


def plan_tables(past: Catalog, present: Catalog) -> TablePlan:
    kept, missing = [], []
    for table in past.tables.values():
        if table.database == SCRATCH_DATABASE:
            continue  # left by a backtrack that did not end
        now = present.tables_by_id.get(table.id)
        if now is not None and _layout(now) == _layout(table):
            kept.append(table.id)
        else:
            missing.append(table)
    ids = set(kept)
    surplus = [table for table in present.tables.values() if table.id not in ids]
    return TablePlan(tuple(kept), tuple(missing), tuple(surplus))


def _layout(table: Table) -> Any:
    """What rows look like and are known by."""
    return ([(c.name, duckdb_type(c.type), c.type.collation) for c in table.columns], table.key_columns)


def catalog_change(past: Catalog, present: Catalog, filled: Mapping[int, Table]) -> CatalogDelta:
    """The change from the present catalog to the past one. `filled` are the tables (as they are now) that stand for
    missing ones, by the id that these had."""
    wanted = {
        key: _renumbered(table, filled[table.id].id if table.id in filled else table.id)
        for key, table in past.tables.items()
        if table.database != SCRATCH_DATABASE
    }
    return present.difference(replace(past, tables=wanted))


def _renumbered(table: Table, table_id: int) -> Table:
    return table if table.id == table_id else replace(table, id=table_id)
