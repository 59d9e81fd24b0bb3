"""New rows as columns: whether any of their unique values is taken, by the table or among themselves; whether the rows
they refer to are there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from aurora_mysql.catalog.model import Index, Table
from aurora_mysql.catalog.physical import key_column_name, needs_collation_key, quote
from aurora_mysql.engine.arrow_rows import collation_keys
from aurora_mysql.redo.column_rows import ColumnRows


def index_values(table: Table, index: Index, rows: ColumnRows) -> Any:
    """The values of `rows` in a unique index as an Arrow table k0, k1, ...; those with a NULL collide with nothing and
    are left out. None for an index over prefixes."""
    arrays = []
    for part in index.parts:
        if part.length is not None:
            return None
        position = table.position[part.column.lower()]
        column, values = table.columns[position], rows.column(position)
        arrays.append(collation_keys(values, column.type.collation) if needs_collation_key(column) else values)
    wanted = pa.table(arrays, names=[f"k{i}" for i in range(len(arrays))])
    return wanted.drop_null() if any(array.null_count for array in arrays) else wanted


def ascends(values: Any) -> bool:
    """Whether the values are integers, each above the one before: the usual key of a load, surely without doubles."""
    if values.num_columns != 1 or not pa.types.is_integer(values.schema.types[0]):
        return False
    column = values.column(0).combine_chunks()
    if len(column) < 2:
        return True
    return bool(pc.all(pc.greater(column.slice(1), column.slice(0, len(column) - 1))).as_py())


def any_equal(cursor: duckdb.DuckDBPyConnection, values: Any) -> bool:
    """Whether two of `values` are equal. For a worker thread."""
    if ascends(values):
        return False
    cursor.register("aurora_new_values", values)
    try:
        names = ", ".join(values.column_names)
        sql = f"SELECT 1 FROM aurora_new_values GROUP BY {names} HAVING count(*) > 1 LIMIT 1"
        return bool(cursor.execute(sql).fetchall())
    finally:
        cursor.unregister("aurora_new_values")


def taken(cursor: duckdb.DuckDBPyConnection, table: Table, index: Index, values: Any, earlier: Sequence[Any]) -> bool:
    """Whether two of `values` are equal, or one is among `earlier` (tables like it) or in the table. For a worker
    thread."""
    names = values.column_names
    if not values.num_rows:
        return False
    if any_equal(cursor, values):
        return True
    cursor.register("aurora_new_values", values)
    try:
        overlapping = [other for other in earlier if _may_overlap(values, other)]
        if overlapping:
            cursor.register("aurora_earlier_values", pa.concat_tables(overlapping))
            try:
                same = " AND ".join(f"n.{name} = e.{name}" for name in names)
                sql = f"SELECT 1 FROM aurora_earlier_values e JOIN aurora_new_values n ON {same} LIMIT 1"
                if cursor.execute(sql).fetchall():
                    return True
            finally:
                cursor.unregister("aurora_earlier_values")
        same = " AND ".join(
            f"t.{quote(key_column_name(table, part.column))} = n.{name}"
            for part, name in zip(index.parts, names, strict=True)
        )
        sql = f"SELECT 1 FROM vol.main.{table.physical_name} t JOIN aurora_new_values n ON {same} LIMIT 1"
        return bool(cursor.execute(sql).fetchall())
    finally:
        cursor.unregister("aurora_new_values")


def referring_values(table: Table, columns: Sequence[str], rows: ColumnRows) -> Any:
    """The different values of `rows` in a foreign key's columns as an Arrow table k0, k1, ...; those with a NULL refer
    to nothing and are left out."""
    names = [f"k{i}" for i in range(len(columns))]
    values = pa.table([rows.column(table.position[c.lower()]) for c in columns], names=names)
    return values.drop_null().group_by(names).aggregate([])


def any_missing(
    cursor: duckdb.DuckDBPyConnection, parent: Table, columns: Sequence[str], values: Any, own: Sequence[ColumnRows]
) -> bool:
    """Whether one of `values` is neither in `columns` of the table `parent` nor in those of the rows `own`, which are
    rows of it. For a worker thread."""
    places = [parent.position[c.lower()] for c in columns]
    names = values.column_names

    def comparable(found: Any) -> Any:
        arrays = []
        for array, place in zip(found.columns, places, strict=True):
            column = parent.columns[place]
            keyed = (
                collation_keys(array.combine_chunks(), column.type.collation) if needs_collation_key(column) else array
            )
            arrays.append(keyed)
        return pa.table(arrays, names=names)

    physical = [quote(key_column_name(parent, c)) for c in columns]
    sources = [(f"vol.main.{parent.physical_name}", physical)]
    cursor.register("aurora_wanted", comparable(values))
    if own:
        rows = pa.concat_tables([pa.table([r.table.column(p) for p in places], names=names) for r in own])
        cursor.register("aurora_own_parents", comparable(rows))
        sources.append(("aurora_own_parents", names))
    try:
        absent = " AND ".join(
            f"NOT EXISTS (SELECT 1 FROM {source} p WHERE "
            + " AND ".join(f"p.{theirs} = w.{name}" for theirs, name in zip(parts, names, strict=True))
            + ")"
            for source, parts in sources
        )
        return bool(cursor.execute(f"SELECT 1 FROM aurora_wanted w WHERE {absent} LIMIT 1").fetchall())
    finally:
        cursor.unregister("aurora_wanted")
        if own:
            cursor.unregister("aurora_own_parents")


def _may_overlap(values: Any, other: Any) -> bool:
    """Whether the two have first columns whose ranges meet; only numbers are looked at."""
    if not pa.types.is_integer(values.schema.types[0]) or not other.num_rows:
        return bool(other.num_rows)
    mine, theirs = pc.min_max(values.column(0)).as_py(), pc.min_max(other.column(0)).as_py()
    return bool(mine["min"] <= theirs["max"] and theirs["min"] <= mine["max"])
