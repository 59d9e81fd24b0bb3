"""Look-ups in unique indexes, and new rows that need their values to be free."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aurora_mysql.catalog.model import Index, Table
from aurora_mysql.catalog.physical import key_column_name, quote
from aurora_mysql.engine.fetched import bindable, fetch_all
from aurora_mysql.engine.gaps import gap_resource
from aurora_mysql.engine.keys import Key, TableKeys, normaliser, unique_key_function
from aurora_mysql.engine.new_rows import any_in_duckdb, distinct_values
from aurora_mysql.engine.transaction.locking import TransactionLocks
from aurora_mysql.redo.record import Row

#: Locks of one transaction beyond which bulk inserts ask for the whole table (a lock takes several hundred bytes).
ESCALATION_LOCKS = 200_000


class TransactionUnique(TransactionLocks):
    """Values that no two rows may have."""

    async def find_unique(
        self, table: Table, index: Index, values: Sequence[Any], *, lock: bool = True, for_insert: bool = False
    ) -> Row | None:
        """The newest committed or own row with `values` in the unique `index`; None when there is none or a value
        is NULL. With `lock`, the value is X-locked first, so nobody else can insert or free it meanwhile.

        `for_insert`: a row that is found is only in the way, so it is locked shared, as InnoDB locks a duplicate:
        several sessions can find it at the same time.
        """
        if None in values:
            return None
        keys = self._engine.keys_of(table)
        await self.use_table(table)
        by_key = index is table.key_index or index.name == "PRIMARY"
        value: Key
        resource: tuple[Any, ...]
        if by_key:
            value = keys.of_values(values)
            resource = ("r", table.id, value)
        else:
            value = normaliser(table, index.columns)(_cut(index, values))
            resource = ("u", table.id, index.name, value)

        async def look() -> Row | None:
            if not by_key:
                return await self._find_unique_committed_or_own(keys, index, value)
            own, row = self._buffer.find(table.id, value)
            return row if own else await self._latest(keys, value)

        if not lock or table.temporary:
            return await look()
        self._check_writer(table, "X")
        await self._acquire(("t", table.id), "IX")
        # What was just read holds as long as nobody else's turn comes in between; after a wait it is read again.
        while True:
            found = await look()
            mode = "S" if found is not None and for_insert else "X"
            if not self._engine.locks.try_acquire(self.owner, resource, mode):
                await self._acquire(resource, mode)
                continue
            if found is None or by_key:
                return found
            # The row may be on its way out, or to another value.
            of_row = ("r", table.id, keys.of_row(found))
            if self._engine.locks.try_acquire(self.owner, of_row, mode):
                return found
            await self._acquire(of_row, mode)

    def insert(self, table: Table, row: Row) -> None:
        """Buffer a new row, whose locks the caller holds. A hidden key is given here."""
        keys = self._engine.keys_of(table)
        if keys.has_hidden_key and (len(row) < len(table.columns) or row[-1] is None):
            row = (*row[: len(table.columns) - 1], self._engine.next_auto_increment(table))
        self._buffer.put(keys, row)

    async def put_new(
        self, table: Table, rows: Sequence[Row], unique: Sequence[Index], *, surely_new: Index | None = None
    ) -> bool:
        """Lock and buffer many new rows at once, if none of their values in the `unique` indexes is taken.

        False: one may be taken (or two rows have the same); nothing was buffered, look row by row. `surely_new` is an
        index whose values were just generated. A transaction that holds very many row locks gets the table's instead,
        if nobody else uses it.

        Raises:
            MySQLError: 1205, 1213, 1317, 1836 on a reader, 1792.
        """
        if not rows:
            return True
        if table.temporary:
            return False
        self._check_writer(table, "X")
        await self.use_table(table)
        engine = self._engine
        keys = engine.keys_of(table)
        await self._acquire(("t", table.id), "IX")
        if len(self.owner.held) > ESCALATION_LOCKS:
            engine.locks.try_acquire(self.owner, ("t", table.id), "X")
        whole = self.owner.held[("t", table.id)] == "X"
        wanted: list[tuple[Index, list[Key | None]]] = []
        for index in unique:
            own_key = index is table.key_index
            of_row = keys.of_row if own_key else keys.unique[index.name]
            values = [of_row(row) for row in rows]
            wanted.append((index, values))
            if not whole:
                prefix: tuple[Any, ...] = ("r", table.id) if own_key else ("u", table.id, index.name)
                for value in values:
                    if value is not None:
                        await self._acquire((*prefix, value), "X")
        store = await self._settled(table)
        for index, values in wanted:
            distinct = distinct_values(keys, index, values, self._buffer, store)
            if distinct is None:
                return False
            if index is not surely_new and await any_in_duckdb(table, index, distinct, self._with_cursor):
                return False
        if keys.has_hidden_key:
            width = len(table.columns) - 1
            first = engine.next_auto_increment(table, len(rows))
            rows = [(*row[:width], number) for number, row in enumerate(rows, start=first)]
        if engine.locks.holders(gap_resource(table)):
            for row in rows:
                await self.enter_gap(table, row)
        put = self._buffer.put
        for row in rows:
            put(keys, row)
        return True

    async def _find_unique_committed_or_own(self, keys: TableKeys, index: Index, value: Key) -> Row | None:
        table = keys.table
        own = self._buffer.find_unique(keys, index.name, value)
        if own is not None:
            return own
        unique_of = keys.unique.get(index.name) or unique_key_function(table, index)
        if table.temporary:
            stored = self._temporary(table).find_unique(index.name, value)
            if stored is None:
                return None
            written, image = self._buffer.find(table.id, keys.of_row(stored))
            return stored if not written else image if image is not None and unique_of(image) == value else None
        store = await self._settled(table)

        def dirty() -> tuple[bool, Row | None]:
            """(True, the row or None) when a row that DuckDB may not have got yet has the value."""
            candidate = store.dirty_unique.get(index.name, {}).get(value)
            version = None if candidate is None else store.dirty.get(candidate)
            if candidate is None or version is None or version.row is None or unique_of(version.row) != value:
                return False, None
            written, mine = self._buffer.find(table.id, candidate)
            if not written:
                return True, version.row
            return True, mine if mine is not None and unique_of(mine) == value else None

        known, row = dirty()
        if known:
            return row
        conditions = []
        for i, part in enumerate(index.parts):
            name = quote(part.column if part.length is not None else key_column_name(table, part.column))
            conditions.append(f"{f'left({name}, {part.length})' if part.length is not None else name} = ${i + 1}")
        names = ", ".join(quote(c.name) for c in table.columns)
        sql = f"SELECT {names} FROM vol.main.{table.physical_name} WHERE {' AND '.join(conditions)}"
        while True:
            applied_lsn = self._engine.applied_lsn
            rows: list[Row] = await self._with_cursor(
                lambda cursor: fetch_all(cursor.execute(sql, [bindable(v) for v in value]))
            )
            # Rows that were dirty at the start may be in DuckDB alone by now, but not yet in what was read.
            unmoved = self._engine.applied_lsn == applied_lsn and store.bulk_lsn <= applied_lsn
            if unmoved or self._engine.row_store.last_lsn(table.id) <= applied_lsn:
                break
            store = await self._settled(table)
        for row in rows:
            key = keys.of_row(row)
            found, mine = self._buffer.find(table.id, key)
            current = mine if found else (store.dirty[key].row if key in store.dirty else row)
            if current is not None and unique_of(current) == value:
                return current
        # Someone may have committed it while DuckDB was being asked.
        return dirty()[1]


def _cut(index: Index, values: Sequence[Any]) -> Sequence[Any]:
    """Values cut to the index's prefix lengths."""
    if all(p.length is None for p in index.parts):
        return values
    return [
        v[: p.length] if p.length is not None and isinstance(v, str | bytes) else v
        for v, p in zip(values, index.parts, strict=True)
    ]
