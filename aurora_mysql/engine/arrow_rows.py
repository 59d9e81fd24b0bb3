"""Rows as Arrow tables in a table's physical layout, for the applier and for overlays."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from aurora_mysql.catalog.collation import collation_key, is_binary_collation, pads_space
from aurora_mysql.catalog.model import COLLATION_KEY_PREFIX, ColumnType, Table
from aurora_mysql.catalog.physical import collation_key_columns, duckdb_type, key_column_name, physical_key, quote
from aurora_mysql.catalog.wide_decimal import is_wide, units
from aurora_mysql.catalog.zero_date import FIRST_DAY, ZeroDate
from aurora_mysql.engine.date_facts import DateFacts
from aurora_mysql.engine.keys import Key
from aurora_mysql.redo.column_rows import ColumnRows
from aurora_mysql.redo.record import Row

_ARROW = {
    "BIGINT": pa.int64(),
    "UBIGINT": pa.uint64(),
    "FLOAT": pa.float32(),
    "DOUBLE": pa.float64(),
    "VARCHAR": pa.string(),
    "BLOB": pa.binary(),
    "DATE": pa.date32(),
    "TIMESTAMP": pa.timestamp("us"),
    "INTERVAL": pa.duration("us"),
    # Arrow has no such type: DuckDB makes it of a text.
    "BIGNUM": pa.string(),
}


_DATE_TYPES = (pa.date32(), pa.timestamp("us"))


def collation_keys(texts: Any, collation: str | None) -> Any:
    """The collation keys of an Arrow array of strings; as :func:`collation_key` of each."""
    if not pc.all(pc.string_is_ascii(texts), skip_nulls=True, min_count=0).as_py():
        keys = [None if v is None else collation_key(v, collation) for v in texts.to_pylist()]
        return pa.array(keys, type=pa.string())
    if pads_space(collation):
        texts = pc.ascii_rtrim(texts, " ")
    if is_binary_collation(collation) or (collation is not None and collation.endswith("_as_cs")):
        return texts
    return pc.ascii_lower(texts)


def arrow_type(column_type: ColumnType) -> Any:
    """The Arrow type that DuckDB reads as :func:`duckdb_type`."""
    name = duckdb_type(column_type)
    if name.startswith("DECIMAL("):
        precision, scale = name[8:-1].split(",")
        return pa.decimal128(int(precision), int(scale))
    return _ARROW[name]


_DAY_US = 86_400_000_000


def _dates(values: Sequence[Any], kind: Any) -> Any:
    """An array of dates or timestamps with zero dates among them."""
    if kind == pa.date32():
        numbers = [
            None if v is None else v.day_number if isinstance(v, ZeroDate) else v.toordinal() + FIRST_DAY - 1
            for v in values
        ]
        return pa.array(numbers, type=pa.int32()).view(kind)
    micros = [
        None
        if v is None
        else v.microseconds
        if isinstance(v, ZeroDate)
        else (v.toordinal() + FIRST_DAY - 1) * _DAY_US
        + (v.hour * 3600 + v.minute * 60 + v.second) * 1_000_000
        + v.microsecond
        for v in values
    ]
    return pa.array(micros, type=pa.int64()).view(kind)


def arrow_array(values: Sequence[Any], kind: Any) -> Any:
    """Storage values as an Arrow array of :func:`arrow_type`'s."""
    if kind in _DATE_TYPES and any(v.__class__ is ZeroDate for v in values):
        return _dates(values, kind)
    if kind == pa.string() and any(v.__class__ is Decimal for v in values):
        return pa.array([None if v is None else units(v) for v in values], type=kind)
    return pa.array(values, type=kind)


class ArrowLayout:
    """Converters of one table, made once per definition. `facts` learns of dates that DuckDB sorts otherwise.

    `rows(rows)` gives an Arrow table with all physical columns (hidden collation keys included); `keys(keys)` one
    with the physical key columns k0, k1, ... of normalised keys.
    """

    def __init__(self, table: Table, facts: DateFacts | None = None) -> None:
        self.table = table
        self.facts = facts
        self.names = [c.name for c in table.columns]
        self.types = [arrow_type(c.type) for c in table.columns]
        self.hidden = [(table.position[c.name.lower()], c.type.collation) for c in collation_key_columns(table)]
        self.hidden_names = [COLLATION_KEY_PREFIX + c.name for c in collation_key_columns(table)]
        self.key_names = [key_column_name(table, c) for c in table.key_columns]
        self.key_types = [
            pa.string() if name.startswith(COLLATION_KEY_PREFIX) else self.types[position]
            for name, position in zip(self.key_names, table.key_positions, strict=True)
        ]
        self._schema_names = self.names + self.hidden_names
        wide = {c.name for c in table.columns if is_wide(c.type)}
        #: The physical columns, selected from what :meth:`rows` gives.
        self.selected = [
            f"CAST({quote(n)} AS BIGNUM) AS {quote(n)}" if n in wide else quote(n) for n in self._schema_names
        ]

    def physical(self, rows: ColumnRows) -> Any:
        """As :meth:`rows`, of rows that are columns already."""
        table = rows.table
        if table.schema.types != self.types:
            table = table.cast(pa.schema(list(zip(self.names, self.types, strict=True))))
        arrays = list(table.columns)
        arrays += [collation_keys(rows.column(position), collation) for position, collation in self.hidden]
        return pa.table(arrays, names=self._schema_names)

    def logical(self, rows: Sequence[Row]) -> ColumnRows:
        """`rows` as columns. Raises pyarrow.ArrowException for what is no storage value of its column."""
        columns = list(zip(*rows, strict=True))
        arrays = [pa.array(values, type=kind) for values, kind in zip(columns, self.types, strict=True)]
        return ColumnRows(pa.table(arrays, names=self.names))

    def rows(self, rows: Sequence[Row]) -> Any:
        columns: Sequence[Sequence[Any]] = list(zip(*rows, strict=True)) if rows else [() for _ in self.names]
        arrays = [self._array(values, kind) for values, kind in zip(columns, self.types, strict=True)]
        for position, collation in self.hidden:
            arrays.append(pa.array([physical_key(v, collation) for v in columns[position]], type=pa.string()))
        return pa.table(arrays, names=self._schema_names)

    def keys(self, keys: Sequence[Key]) -> Any:
        columns: Sequence[Sequence[Any]] = list(zip(*keys, strict=True)) if keys else [() for _ in self.key_names]
        arrays = [self._array(values, kind) for values, kind in zip(columns, self.key_types, strict=True)]
        return pa.table(arrays, names=[f"k{i}" for i in range(len(arrays))])

    def _array(self, values: Sequence[Any], kind: Any) -> Any:
        unordered = kind in _DATE_TYPES and any(v.__class__ is ZeroDate and v.year for v in values)
        if unordered and self.facts is not None:
            self.facts.add(self.table.id)
        return arrow_array(values, kind)
