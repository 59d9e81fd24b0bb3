"""The row store: committed rows by key, in front of DuckDB.

*Dirty* rows are newer than DuckDB: pinned until the applier has reached them. *Clean* rows equal DuckDB's and may
be evicted at any time (oldest first, bounded in bytes). A key that is in neither is as DuckDB has it. Tables whose
key is one integer keep their clean rows in pages (key_pages.py), which hold the newest image of dirty rows, too.
It belongs to the event loop thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from aurora_mysql.engine.hash_index import HashIndex
from aurora_mysql.engine.key_leaves import KeyLeaves, LeafLoad
from aurora_mysql.engine.key_pages import PAGE_BITS, Home, KeyPages, MemoryUse, PageLoad, estimate_row_bytes
from aurora_mysql.engine.keys import Key, TableKeys
from aurora_mysql.engine.secondary import ENTRY_BYTES, IndexName, SecondaryIndex, SecondaryIndexes
from aurora_mysql.redo.column_rows import ColumnRows
from aurora_mysql.redo.record import Row, TableChange

#: A change of more rows than this passes by the row store: its keys are read from DuckDB, once it is applied. Holding
#: them here would cost as much memory as the rows, and would stop the event loop for seconds.
BULK_ROWS = 20_000


@dataclass(slots=True, eq=False)
class PointRead:
    """Marks DuckDB reads of a key in flight, so that a commit meanwhile keeps their (stale) result out of the store.
    `latest` is the newest image that was committed meanwhile (None: deleted), once `valid` is False."""

    readers: int = 0
    valid: bool = True
    latest: Row | None = None


@dataclass(slots=True)
class Version:
    """A row as of `lsn`; `row` None is a tombstone (only while dirty). `size_bytes` is set while it is clean."""

    lsn: int
    row: Row | None
    size_bytes: int = 0


@dataclass(slots=True)
class TableRows:
    """The stored rows of one table. `bulk_lsn` is the LSN of the newest commit that is not in here: until DuckDB has
    it, a key that is not found here is not known."""

    keys: TableKeys
    dirty: dict[Key, Version] = field(default_factory=dict)
    clean: dict[Key, Version] = field(default_factory=dict)
    dirty_unique: dict[str, dict[Key, Key]] = field(default_factory=dict)
    reading: dict[Key, PointRead] = field(default_factory=dict)
    clean_bytes: int = 0
    bulk_lsn: int = 0
    pages: KeyPages | None = None
    leaves: KeyLeaves | None = None
    secondary: SecondaryIndexes = field(default_factory=SecondaryIndexes)

    def find(self, key: Key) -> Version | None:
        return self.dirty.get(key) or self.clean.get(key)


def is_bulk(change: TableChange) -> bool:
    return type(change.upserts) is ColumnRows or len(change.upserts) + len(change.deletes) > BULK_ROWS


class RowStore:
    """All tables' rows. `clean_limit_bytes` bounds the evictable part; the dirty part is bounded by the engine's
    back-pressure on commits (`dirty_rows`)."""

    def __init__(self, keys_of: Callable[[int], TableKeys | None], clean_limit_bytes: int) -> None:
        self._keys_of = keys_of
        self._tables: dict[int, TableRows] = {}
        self._last_lsn: dict[int, int] = {}
        self._schema_lsn = 0
        #: LSN of the newest bulk change of any table.
        self.bulk_lsn = 0
        #: LSN of the oldest open read view, None without any; kept by the engine.
        self.oldest_view_lsn: Callable[[], int | None] = lambda: None
        self.use = MemoryUse(clean_limit_bytes, self._trim_pages)
        self.dirty_rows = 0
        self.hits = 0
        self.misses = 0

    def table(self, table_id: int) -> TableRows | None:
        rows = self._tables.get(table_id)
        if rows is None:
            keys = self._keys_of(table_id)
            if keys is None:
                return None
            rows = self._tables[table_id] = TableRows(keys)
            if keys.is_integer:
                rows.pages = KeyPages(self.use)
            elif keys.are_integers:
                rows.leaves = KeyLeaves(self.use, len(keys.table.key_columns))
        return rows

    def forget_table(self, table_id: int) -> None:
        rows = self._tables.pop(table_id, None)
        if rows is not None:
            self.dirty_rows -= len(rows.dirty)
            self.use.bytes -= rows.clean_bytes
            self.use.bytes -= rows.secondary.drop()
            if rows.pages is not None:
                rows.pages.drop()
            if rows.leaves is not None:
                rows.leaves.drop()

    def schema_changed(self, lsn: int) -> None:
        """Tables may have come or changed with the commit `lsn`: nothing loaded from now on tells of before."""
        self._schema_lsn = lsn

    def last_lsn(self, table_id: int) -> int:
        """LSN of the newest commit that touched the table's rows, 0 when there was none since the start."""
        return self._last_lsn.get(table_id, 0)

    def install(self, lsn: int, changes: Iterable[TableChange]) -> None:
        """Make a commit's rows the newest (dirty) ones. LSNs only grow."""
        self.install_all(((lsn, changes),))

    def install_all(self, commits: Iterable[tuple[int, Iterable[TableChange]]]) -> None:
        """As :meth:`install`, for commits (LSN, changes) that become visible together."""
        oldest_view_lsn = self.oldest_view_lsn()
        for lsn, changes in commits:
            self._install(lsn, changes, oldest_view_lsn)

    def _install(self, lsn: int, changes: Iterable[TableChange], oldest_view_lsn: int | None) -> None:
        for change in changes:
            table = self.table(change.table_id)
            if table is None:
                continue
            self._last_lsn[change.table_id] = lsn
            if is_bulk(change):
                self._pass_by(table, lsn, change)
                continue
            keys = table.keys
            pages, leaves = table.pages, table.leaves
            for values in change.deletes:
                key = keys.of_values(values)
                self._put_dirty(table, key, Version(lsn, None))
                if pages is not None:
                    pages.change(lsn, key[0], None, oldest_view_lsn)
                elif leaves is not None:
                    leaves.change(lsn, key, None, oldest_view_lsn)
            of_row = keys.of_row
            has_indexes = table.secondary.are_kept
            for row in change.upserts:
                key = of_row(row)
                self._put_dirty(table, key, Version(lsn, row))
                if pages is not None:
                    pages.change(lsn, key[0], row, oldest_view_lsn)
                elif leaves is not None:
                    leaves.change(lsn, key, row, oldest_view_lsn)
                if has_indexes:
                    self.use.bytes += table.secondary.add(row)
                for name, unique_of in keys.unique.items():
                    value = unique_of(row)
                    if value is not None:
                        table.dirty_unique.setdefault(name, {})[value] = key

    def _pass_by(self, table: TableRows, lsn: int, change: TableChange) -> None:
        """Forget what a bulk change made old; only keys that are dirty already get their newest image here."""
        table.bulk_lsn = self.bulk_lsn = lsn
        self.use.bytes -= table.secondary.drop()
        if table.pages is not None:
            table.pages.clear()
        if table.leaves is not None:
            table.leaves.clear()
        self.use.bytes -= table.clean_bytes
        table.clean_bytes = 0
        table.clean.clear()
        for read in table.reading.values():
            read.valid = False
        table.reading.clear()
        if not table.dirty:
            return
        of_values, of_row = table.keys.of_values, table.keys.of_row
        for values in change.deletes:
            key = of_values(values)
            if key in table.dirty:
                table.dirty[key] = Version(lsn, None)
        if type(change.upserts) is ColumnRows:
            positions = table.keys.table.key_positions
            columns = [change.upserts.column(position).to_pylist() for position in positions]
            for number, values in enumerate(zip(*columns, strict=True)):
                key = of_values(values)
                if key in table.dirty:
                    table.dirty[key] = Version(lsn, change.upserts[number])
            return
        for row in change.upserts:
            key = of_row(row)
            if key in table.dirty:
                table.dirty[key] = Version(lsn, row)

    def _bulk_applied(self, table: TableRows, lsn: int) -> None:
        for key, version in [(k, v) for k, v in table.dirty.items() if v.lsn == lsn]:
            del table.dirty[key]
            self.dirty_rows -= 1
            self._has_become_clean(table, key, version)

    def _put_dirty(self, table: TableRows, key: Key, version: Version) -> None:
        if key not in table.dirty:
            self.dirty_rows += 1
        table.dirty[key] = version
        if key in table.clean:
            self._drop_clean(table, key)
        if table.reading:
            read = table.reading.get(key)
            if read is not None:
                read.valid, read.latest = False, version.row

    def applied(self, lsn: int, changes: Iterable[TableChange]) -> None:
        """DuckDB now holds the commit `lsn`: what it wrote last becomes clean."""
        for change in changes:
            table = self._tables.get(change.table_id)
            if table is None:
                continue
            if is_bulk(change):
                self._bulk_applied(table, lsn)
                continue
            keys = table.keys
            for values in change.deletes:
                key = keys.of_values(values)
                version = table.dirty.get(key)
                if version is not None and version.lsn == lsn:
                    del table.dirty[key]
                    self.dirty_rows -= 1
                    self._has_become_clean(table, key, version)
            for row in change.upserts:
                key = keys.of_row(row)
                version = table.dirty.get(key)
                for name, unique_of in keys.unique.items():
                    value = unique_of(row)
                    by_value = table.dirty_unique.get(name)
                    if value is None or by_value is None or by_value.get(value) != key:
                        continue
                    newer = version is not None and version.lsn > lsn and version.row is not None
                    if not newer or unique_of(version.row) != value:  # type: ignore[union-attr,arg-type]
                        del by_value[value]
                if version is not None and version.lsn == lsn:
                    del table.dirty[key]
                    self.dirty_rows -= 1
                    self._has_become_clean(table, key, version)

    def _has_become_clean(self, table: TableRows, key: Key, version: Version) -> None:
        """A dirty row leaves: a load that began before DuckDB had it must still get it."""
        if table.pages is not None:
            if table.pages.loading:
                table.pages.touched(key[0] >> PAGE_BITS, key[0], version.row)
        elif table.leaves is not None:
            table.leaves.touched(key, version.row)
        elif version.row is not None:
            self._put_clean(table, key, version)

    def end_load(self, table: TableRows, load: PageLoad, rows: Sequence[Row] | None) -> None:
        """A load of pages has ended; `rows` as DuckDB had them, None when it failed or the table is another now."""
        pages, keys = table.pages, table.keys
        assert pages is not None
        if self._tables.get(keys.table.id) is not table or load.overtaken:
            rows = None
        if rows is None:
            pages.end(load, None, {}, 0, 0)
            return
        dirty: dict[int, Row | None] = {}
        if table.dirty:
            for key in range(load.low, load.high + 1):
                version = table.dirty.get((key,))
                if version is not None:
                    dirty[key] = version.row
        since_lsn = max(self.last_lsn(keys.table.id), self._schema_lsn)
        row_bytes = estimate_row_bytes(rows[0]) if rows else 0
        pages.end(load, [(keys.of_row(row)[0], row) for row in rows], dirty, since_lsn, row_bytes)
        self._trim(table)

    def end_leaf_load(self, table: TableRows, load: LeafLoad, rows: Sequence[Row] | None) -> None:
        """A load of a leaf has ended; `rows` as DuckDB had them, None when it failed or the table is another now."""
        leaves, keys = table.leaves, table.keys
        assert leaves is not None
        if rows is None or self._tables.get(keys.table.id) is not table or load.overtaken:
            leaves.end(load, None, {}, 0, 0)
            return
        dirty = {key: version.row for key, version in table.dirty.items() if key >= load.start}
        since_lsn = max(self.last_lsn(keys.table.id), self._schema_lsn)
        row_bytes = estimate_row_bytes(rows[0]) if rows else 0
        leaves.end(load, [(keys.of_row(row), row) for row in rows], dirty, since_lsn, row_bytes)
        self._trim(table)

    @property
    def most_index_rows(self) -> int:
        """A secondary index of a larger table would take more than a quarter of the memory."""
        return self.use.limit_bytes // 4 // ENTRY_BYTES

    def begin_index(self, table: TableRows, name: IndexName) -> SecondaryIndex | HashIndex:
        """A load of a secondary index starts: what DuckDB lacks now, and what commits bring from now on, is in it."""
        keys = table.keys
        index: SecondaryIndex | HashIndex
        if isinstance(name, int):
            index = SecondaryIndex(name, keys.table.key_positions[0])
        else:
            index = HashIndex(keys.table, name, keys.of_row)
        table.secondary.building[name] = index
        for version in table.dirty.values():
            if version.row is not None:
                index.add(version.row)
        return index

    def end_index(
        self,
        table: TableRows,
        index: SecondaryIndex | HashIndex,
        entries: Any,
        *,
        failed: bool = False,
    ) -> None:
        """The load has ended: all entries as DuckDB had them (what `index.build` takes), None when the table is too
        large or the load failed."""
        indexes, position = table.secondary, index.position
        if indexes.building.get(position) is not index or self._tables.get(table.keys.table.id) is not table:
            return  # overtaken
        del indexes.building[position]
        if entries is None:
            if not failed:
                indexes.refuse(position)
            return
        old = indexes.take(position)
        if old is not None:
            self.use.bytes -= old.size_bytes
        index.build(entries, max(self.last_lsn(table.keys.table.id), self._schema_lsn))
        indexes.put(index)
        self.use.bytes += index.size_bytes
        while self._index_bytes() > self.use.limit_bytes // 2 and self._drop_index(but=index):
            pass
        self._trim(table)

    def _index_bytes(self) -> int:
        return sum(table.secondary.size_bytes for table in self._tables.values())

    def _drop_index(self, but: SecondaryIndex | HashIndex | None = None) -> bool:
        """Forget the index that was not used for the longest time; False when there is none."""
        others = [(i, t.secondary) for t in self._tables.values() for i in t.secondary.every() if i is not but]
        if not others:
            return False
        index, indexes = min(others, key=lambda found: found[0].used)
        indexes.take(index.position)
        self.use.bytes -= index.size_bytes
        return True

    def begin_read(self, table: TableRows, key: Key) -> PointRead:
        """A read of `key` from DuckDB starts; those that overlap share one mark."""
        read = table.reading.get(key)
        if read is None:
            read = table.reading[key] = PointRead()
        read.readers += 1
        return read

    def end_read(self, table: TableRows, key: Key, read: PointRead, lsn: int, row: Row | None) -> None:
        """Keep a row read from DuckDB at `lsn`, unless a commit changed it since."""
        read.readers -= 1
        if not read.readers and table.reading.get(key) is read:
            del table.reading[key]
        kept = row is not None and table.leaves is None
        if kept and read.valid and key not in table.dirty and self._tables.get(table.keys.table.id) is table:
            self._put_clean(table, key, Version(lsn, row))

    def _put_clean(self, table: TableRows, key: Key, version: Version) -> None:
        if key in table.clean:
            self._drop_clean(table, key)
        version.size_bytes = estimate_row_bytes(version.row or ())
        table.clean_bytes += version.size_bytes
        self.use.bytes += version.size_bytes
        table.clean[key] = version
        self._trim(table)

    def _drop_clean(self, table: TableRows, key: Key) -> None:
        size_bytes = table.clean.pop(key).size_bytes
        table.clean_bytes -= size_bytes
        self.use.bytes -= size_bytes

    def _trim(self, grown: TableRows) -> None:
        """Make room after `grown` took some."""
        use = self.use
        while use.bytes > use.limit_bytes and self._evict_one(grown):
            pass

    def _trim_pages(self, grown: Home) -> None:
        for table in self._tables.values():
            if table.pages is grown or table.leaves is grown:
                self._trim(table)
                return

    def _evict_one(self, preferred: TableRows) -> bool:
        """Drop the oldest row of the table that was just added to, or of the largest one if that was its only row."""
        if preferred.pages is not None and len(preferred.pages.pages) > 1:
            return bool(preferred.pages.evict())
        if preferred.leaves is not None and len(preferred.leaves.leaves) > 1:
            return bool(preferred.leaves.evict())
        victim = preferred
        if len(preferred.clean) <= 1:
            paged: list[KeyPages | KeyLeaves] = [t.pages for t in self._tables.values() if t.pages and t.pages.pages]
            paged += [t.leaves for t in self._tables.values() if t.leaves and t.leaves.leaves]
            others = [t for t in self._tables.values() if t.clean and t is not preferred]
            victim = max(others, key=lambda t: t.clean_bytes, default=preferred)
            largest = max(paged, key=lambda p: p.size_bytes, default=None)
            if largest is not None and largest.size_bytes >= victim.clean_bytes:
                return bool(largest.evict())
        if not victim.clean:
            return self._drop_index()
        self._drop_clean(victim, next(iter(victim.clean)))
        return True
