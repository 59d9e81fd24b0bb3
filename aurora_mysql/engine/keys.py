"""Row identity: how the key columns of a row become the tuple under which it is locked, cached and found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

from aurora_mysql.catalog.model import HIDDEN_KEY, Index, Table
from aurora_mysql.catalog.physical import needs_collation_key, physical_key
from aurora_mysql.redo.record import KeyValues, Row

INTEGER_TYPES = frozenset(("tinyint", "smallint", "mediumint", "int", "bigint"))

#: A normalised key: equal exactly when MySQL holds the key values equal.
Key = tuple[Any, ...]


class TableKeys:
    """Key functions of one table, compiled once per table definition.

    `of_row` maps a row to its key, `of_values` maps key-column values to it, `unique` maps an index name to the
    function that gives a row's value in that unique index, or None when a part is NULL (NULLs never collide).
    `is_integer`: the key is one integer column; `are_integers`: it is several.
    """

    __slots__ = (
        "are_integers", "has_hidden_key", "is_integer", "of_row", "of_values", "table", "unique", "values_of_row",
    )  # fmt: skip

    def __init__(self, table: Table) -> None:
        self.table = table
        self.has_hidden_key = table.key_columns == (HIDDEN_KEY,)
        positions = table.key_positions
        integers = all(table.columns[p].type.name in INTEGER_TYPES for p in positions)
        self.is_integer = integers and len(positions) == 1
        self.are_integers = integers and len(positions) > 1
        self.of_values = normaliser(table, table.key_columns)
        self.values_of_row = _picker(positions)
        plain = not any(needs_collation_key(table.columns[p]) for p in positions)
        if plain:
            self.of_row: Callable[[Row], Key] = self.values_of_row
        else:
            values_of_row, of_values = self.values_of_row, self.of_values
            self.of_row = lambda row: of_values(values_of_row(row))
        self.unique: dict[str, Callable[[Row], Key | None]] = {
            index.name: unique_key_function(table, index)
            for index in table.indexes
            if index.unique and index is not table.key_index
        }


def _picker(positions: tuple[int, ...]) -> Callable[[Row], KeyValues]:
    if len(positions) == 1:
        only = positions[0]
        return lambda row: (row[only],)
    return itemgetter(*positions)


def normaliser(table: Table, columns: Sequence[str]) -> Callable[[Sequence[Any]], Key]:
    """A function from values of `columns` (as stored) to their normalised form."""
    folds: list[str | None] = []
    for name in columns:
        column = table.column(name)
        assert column is not None, f"{name} is not a column of {table.name}"
        folds.append(column.type.collation or "" if needs_collation_key(column) else None)
    if all(f is None for f in folds):
        return tuple

    if len(folds) == 1:
        only = folds[0]

        def normalise_one(values: Sequence[Any]) -> Key:
            value = values[0]
            return (physical_key(value, only),)

        return normalise_one

    def normalise(values: Sequence[Any]) -> Key:
        return tuple(v if fold is None else physical_key(v, fold) for v, fold in zip(values, folds, strict=True))

    return normalise


def unique_key_function(table: Table, index: Index) -> Callable[[Row], Key | None]:
    """A function from a row to its normalised value in `index` (prefix lengths respected), None with a NULL."""
    positions = tuple(table.position[c.lower()] for c in index.columns)
    normalise = normaliser(table, index.columns)
    prefixes = tuple(p.length for p in index.parts)
    has_prefix = any(p is not None for p in prefixes)

    if len(positions) == 1 and not has_prefix:
        only = positions[0]

        def key_of_one(row: Row) -> Key | None:
            value = row[only]
            return None if value is None else normalise((value,))

        return key_of_one

    def key(row: Row) -> Key | None:
        values: tuple[Any, ...] = tuple(row[p] for p in positions)
        if None in values:
            return None
        if has_prefix:
            values = tuple(
                v[:n] if n is not None and isinstance(v, str | bytes) else v
                for v, n in zip(values, prefixes, strict=True)
            )
        return normalise(values)

    return key
