"""Plain reads by key and by key range: own buffer, row store, then DuckDB."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from aurora_mysql.catalog.model import Table
from aurora_mysql.catalog.physical import key_column_name, quote
from aurora_mysql.engine.fetched import bindable, fetch_all
from aurora_mysql.engine.key_leaves import IntKey, KeyLeaf, all_integers
from aurora_mysql.engine.key_pages import MOST_RANGE_KEYS, NEWEST, PAGE_BITS, KeyPage, RowsFound
from aurora_mysql.engine.key_ranges import (
    Ranges,
    candidates_by_value,
    page_numbers,
    pages_of_candidates,
    rows_in_pages,
    rows_of_candidates,
    width_of,
)
from aurora_mysql.engine.keys import Key, TableKeys
from aurora_mysql.engine.row_store import TableRows
from aurora_mysql.engine.sought import IndexedValues, MemoryTable, Missing, Sought, page_numbers_of
from aurora_mysql.engine.transaction.read_view import TransactionView
from aurora_mysql.errors import StalePlanError
from aurora_mysql.redo.record import KeyValues, Row

#: Pages that one read of several ranges loads at most, and when the row store is full.
_MOST_PAGES = 64
_MOST_PAGES_WHEN_FULL = 16
#: Leaves that one step of a read loads at most, and when the row store is full; and its steps.
_MOST_LEAVES = 16
_MOST_LEAVES_WHEN_FULL = 4
_MOST_LOADS = 12


class TransactionRows(TransactionView):
    """Rows by key."""

    async def get(self, table: Table, key: KeyValues) -> Row | None:
        """The row with these key-column values, as a plain read sees it."""
        await self.use_table(table)
        keys = self._engine.keys_of(table)
        normal = keys.of_values(key)
        own, row = self._buffer.find(table.id, normal)
        if own:
            return row
        if table.temporary or not self._consistent:
            if self.isolation == "READ-UNCOMMITTED" and not table.temporary:
                for other in self._engine.transactions.values():
                    written, row = other.own_row(table, normal)
                    if written:
                        return row
            return await self._latest(keys, normal)
        lsn = await self._take_view()
        stored = self._engine.row_store.table(table.id)
        if stored is not None and stored.pages is not None and normal[0].__class__ is int:
            page = await self._page(stored, normal[0])
            if page is not None:
                known, row = page.row_at(normal[0], lsn)
                if known:
                    return row
        elif stored is not None and stored.leaves is not None and all_integers(normal):
            leaf = await self._leaf(stored, normal)
            if leaf is not None:
                known, row = leaf.row_at(normal, lsn)
                if known:
                    return row
        elif stored is not None:
            version = stored.find(normal)
            if version is not None and version.lsn <= lsn:
                return version.row
        snapshot = await self._view(table)
        images = snapshot.images(keys)
        if normal in images:
            return images[normal]
        return await self._call(snapshot.cursor, lambda c: self._fetch_key(c, keys, normal))

    async def rows_in(
        self, table: Table, ranges: Ranges, position: int | None = None, *, latest: bool = False
    ) -> list[Row] | None:
        """Rows of a table with an integer key whose key is in `ranges`, in key order, as a plain read sees them
        (`latest`: the newest committed and own ones); with `position`, those whose integer column there is in them, by
        value, then key.

        None when memory can't answer (wide ranges, another kind of key, no index (yet), many pages to load, a past
        that is gone): ask DuckDB then.
        """
        await self.use_table(table)
        plain = not table.temporary and (latest or self.isolation != "READ-UNCOMMITTED")
        stored = self._engine.row_store.table(table.id) if plain else None
        if stored is None or stored.pages is None or (position is None and width_of(ranges) > MOST_RANGE_KEYS):
            return None
        lsn = await self._take_view() if self._consistent and not latest else NEWEST
        if position is None:
            if not await self._bring_pages(stored, page_numbers(ranges)):
                return None
            found = rows_in_pages(stored.pages, ranges, lsn)
            rows = None if found is None else found.rows()
            position = stored.keys.table.key_positions[0]
        else:
            rows = await self._rows_by_value(stored, ranges, position, lsn)
        if rows is None or not self.writes_to(table):
            return rows
        key_at, column = stored.keys.table.key_positions[0], position
        own = {key[0]: row for key, row in self._buffer.rows(table.id)}
        rows = [row for row in rows if row[key_at] not in own]
        for row in own.values():
            value = None if row is None else row[column]
            if row is not None and value is not None and any(low <= value <= high for low, high in ranges):
                rows.append(row)
        rows.sort(key=lambda row: (row[column], row[key_at]))
        return rows

    async def memory_of(self, table: Table, *, latest: bool = False) -> MemoryTable | None:
        """What a plain read can see of a table with a key of integers (`latest`: a locking read, or a write); None for
        other tables, and for reads of dirty rows."""
        await self.use_table(table)
        if table.temporary or (self.isolation == "READ-UNCOMMITTED" and not latest):
            return None
        lsn = await self._take_view() if self._consistent and not latest else NEWEST
        stored = self._engine.row_store.table(table.id)
        if stored is None or (stored.pages is None and stored.leaves is None):
            return None
        return MemoryTable(stored, lsn, self.own_images(table))

    async def rows_sought(
        self, table: Table, sought: Sought, *, latest: bool = False, enough: int | None = None
    ) -> list[Row] | None:
        """The rows that are looked for, in key order, as a plain read sees them (`latest`: the newest committed and own
        ones); of many perhaps only the first `enough`. None when memory can't answer: ask DuckDB then."""
        memory = await self.memory_of(table, latest=latest)
        if memory is None or not self._has_index(memory.stored, sought):
            return None
        for _ in range(_MOST_LOADS):
            found = memory.rows(sought, enough)
            if found is None:
                return None
            if isinstance(found, RowsFound):
                self._engine.row_store.hits += 1
                return found.rows()
            if not await self.bring(memory.stored, found):
                return None
        return None

    def _has_index(self, stored: TableRows, sought: Sought) -> bool:
        """Whether a search finds the index that it needs. One that is asked for often is built, or built anew."""
        if not isinstance(sought, IndexedValues):
            return True
        index = stored.secondary.hashed.get(sought.positions)
        if (index is None or index.new_count > index.most_new) and stored.secondary.wants(sought.positions):
            self._engine.loads.index(stored, sought.positions)
        return index is not None

    async def bring(self, stored: TableRows, missing: Missing) -> bool:
        """Load what memory lacks; False when that is so much that a query is cheaper."""
        if stored.leaves is None:
            return await self._bring_pages(stored, page_numbers_of(missing.keys))
        use = self._engine.row_store.use
        if len(missing.keys) > (_MOST_LEAVES if use.bytes < use.limit_bytes * 0.9 else _MOST_LEAVES_WHEN_FULL):
            return False
        for key in missing.keys:
            if stored.leaves.find(key) is None:
                self._engine.row_store.misses += 1
                await self._engine.loads.leaf(stored, key)
        return True

    async def _rows_by_value(self, stored: TableRows, ranges: Ranges, position: int, lsn: int) -> list[Row] | None:
        loads, index = self._engine.loads, stored.secondary.ready.get(position)
        if index is None or index.new_count > index.most_new:
            if stored.secondary.wants(position):
                loads.index(stored, position)
            if index is None:
                return None
        for _ in range(2):
            candidates = candidates_by_value(stored, position, ranges, lsn)
            if candidates is None or not await self._bring_pages(stored, pages_of_candidates(candidates)):
                return None
            # Commits may have brought others while pages were loaded.
            if candidates == candidates_by_value(stored, position, ranges, lsn):
                found = rows_of_candidates(stored, position, candidates, lsn)
                return None if found is None else found.rows()
        return None

    async def _bring_pages(self, stored: TableRows, numbers: Sequence[int]) -> bool:
        """Load what is missing of some pages; False when it is so much that a query is cheaper. While there is room,
        whatever is read comes to stay."""
        assert stored.pages is not None
        pages = stored.pages.pages
        missing = [number for number in numbers if number not in pages]
        if missing:
            use = self._engine.row_store.use
            if len(missing) > (_MOST_PAGES if use.bytes < use.limit_bytes * 0.9 else _MOST_PAGES_WHEN_FULL):
                return False
            await self._engine.loads.pages(stored, missing)
        return True

    async def _leaf(self, stored: TableRows, key: IntKey) -> KeyLeaf | None:
        """The leaf of `key`, loaded if need be; None when it was evicted at once."""
        assert stored.leaves is not None
        store = self._engine.row_store
        leaf = stored.leaves.find(key)
        if leaf is None:
            store.misses += 1
            await self._engine.loads.leaf(stored, key)
            leaf = stored.leaves.find(key)
        else:
            store.hits += 1
        return leaf

    async def _page(self, stored: TableRows, key: int) -> KeyPage[int] | None:
        """The page of `key`, loaded if need be; None when it was evicted at once."""
        assert stored.pages is not None
        store = self._engine.row_store
        page = stored.pages.find(key)
        if page is None:
            store.misses += 1
            await self._engine.loads.pages(stored, (key >> PAGE_BITS,))
            page = stored.pages.find(key)
        else:
            store.hits += 1
        return page

    async def _latest(self, keys: TableKeys, normal: Key) -> Row | None:
        """The newest committed row of a key: row store, else DuckDB (which has it, since it is not dirty)."""
        if keys.table.temporary:
            return self._temporary(keys.table).rows.get(normal)
        store = self._engine.row_store
        table = store.table(keys.table.id)
        if table is None:
            raise StalePlanError(keys.table.name)
        if table.pages is not None and normal[0].__class__ is int:
            page = table.pages.find(normal[0])
            if page is not None:
                store.hits += 1
                return page.rows.get(normal[0])
        in_leaves = table.leaves is not None and all_integers(normal)
        if table.leaves is not None and in_leaves:
            leaf = table.leaves.find(normal)
            if leaf is not None:
                store.hits += 1
                return leaf.rows.get(normal)
        version = table.find(normal)
        if version is None and table.bulk_lsn > self._engine.applied_lsn:
            await self._engine.apply_queue.wait(table.bulk_lsn)
            version = table.find(normal)
        if version is not None:
            store.hits += 1
            return version.row
        if table.pages is not None and normal[0].__class__ is int:
            page = await self._page(table, normal[0])
            if page is not None:
                return page.rows.get(normal[0])
        if in_leaves:
            leaf = await self._leaf(table, normal)
            if leaf is not None:
                return leaf.rows.get(normal)
        store.misses += 1
        read = store.begin_read(table, normal)
        lsn = self._engine.applied_lsn
        row = None
        try:
            row = await self._with_cursor(lambda cursor: self._fetch_key(cursor, keys, normal))
        finally:
            store.end_read(table, normal, read, lsn, row)
        # Someone may have committed this key while DuckDB was being asked.
        return row if read.valid else read.latest

    @staticmethod
    def _fetch_key(cursor: duckdb.DuckDBPyConnection, keys: TableKeys, normal: Key) -> Row | None:
        table = keys.table
        names = ", ".join(quote(c.name) for c in table.columns)
        condition = " AND ".join(
            f"{quote(key_column_name(table, c))} = ${i + 1}" for i, c in enumerate(table.key_columns)
        )
        sql = f"SELECT {names} FROM vol.main.{table.physical_name} WHERE {condition}"
        rows: list[Row] = fetch_all(cursor.execute(sql, [bindable(v) for v in normal]))
        return rows[0] if rows else None
