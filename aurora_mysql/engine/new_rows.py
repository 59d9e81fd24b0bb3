"""Many new rows at once: one query tells whether any of their unique values is taken."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import duckdb
import pyarrow as pa

from aurora_mysql.catalog.model import Index, Table
from aurora_mysql.catalog.physical import key_column_name, quote
from aurora_mysql.engine.arrow_rows import arrow_array, arrow_type
from aurora_mysql.engine.buffer import RedoBuffer
from aurora_mysql.engine.keys import Key, TableKeys
from aurora_mysql.engine.row_store import TableRows

#: Runs a function with a DuckDB cursor on a worker thread.
WithCursor = Callable[[Callable[[duckdb.DuckDBPyConnection], Any]], Awaitable[Any]]


def distinct_values(
    keys: TableKeys, index: Index, values: Sequence[Key | None], buffer: RedoBuffer, store: TableRows
) -> list[Key] | None:
    """`values` of `index` without NULL; None when two are equal or one is known to be taken.

    What a committed row that DuckDB does not have yet holds is in the row store, what this transaction wrote is in
    `buffer`; a row that gave a value up since counts as holding it (the caller then looks row by row).
    """
    wanted = [value for value in values if value is not None]
    if len(set(wanted)) != len(wanted):
        return None
    table_id = keys.table.id
    own = buffer.table(table_id)
    if index is keys.table.key_index:
        if any(value in store.dirty for value in wanted) or (own is not None and any(v in own.rows for v in wanted)):
            return None
        return wanted
    dirty = store.dirty_unique.get(index.name, {})
    mine = {} if own is None else own.unique.get(index.name, {})
    if any(value in dirty or value in mine for value in wanted):
        return None
    return wanted


async def any_in_duckdb(table: Table, index: Index, values: Sequence[Key], with_cursor: WithCursor) -> bool:
    """Whether a row in DuckDB has one of `values` in `index`."""
    if not values:
        return False
    arrays = []
    conditions = []
    for number, part in enumerate(index.parts):
        column = table.column(part.column)
        assert column is not None
        name = key_column_name(table, part.column)
        text = name != column.name
        arrays.append(arrow_array([v[number] for v in values], pa.string() if text else arrow_type(column.type)))
        left = quote(part.column if part.length is not None else name)
        if part.length is not None:
            left = f"left({left}, {part.length})"
        conditions.append(f"t.{left} = k.k{number}" if part.length is None else f"{left} = k.k{number}")
    wanted = pa.table(arrays, names=[f"k{i}" for i in range(len(arrays))])
    sql = f"SELECT 1 FROM vol.main.{table.physical_name} t JOIN aurora_new_keys k ON {' AND '.join(conditions)} LIMIT 1"

    def ask(cursor: duckdb.DuckDBPyConnection) -> bool:
        cursor.register("aurora_new_keys", wanted)
        try:
            return bool(cursor.execute(sql).fetchall())
        finally:
            cursor.unregister("aurora_new_keys")

    found: bool = await with_cursor(ask)
    return found
