"""Foreign keys: names, checks against the parent, and the index a child needs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from aurora_mysql.catalog.model import Catalog, ForeignKey, Index, IndexPart, Table
from aurora_mysql.errors import mysql_error
from aurora_mysql.sql.ddl.build import implicit_index_name, sorted_indexes
from aurora_mysql.sql.ddl.spec import ForeignKeySpec


def add_foreign_keys(table: Table, specs: Sequence[ForeignKeySpec], catalog: Catalog, *, checked: bool) -> Table:
    """`table` with the foreign keys of `specs` and the indexes they need.

    `checked` False (foreign_key_checks=0): the parent may be missing.

    Raises:
        MySQLError: 1072, 1215, 1239, 1822, 1824, 1826, 1830, 3734, 3780.
    """
    for spec in specs:
        fk = _foreign_key(table, spec)
        for key, other in catalog.tables.items():
            if key[0] == table.database and key != (table.database, table.name):
                _refuse_duplicate(fk.name, other.foreign_keys)
        _refuse_duplicate(fk.name, table.foreign_keys)
        parent_is_self = (fk.ref_database, fk.ref_table) == (table.database, table.name)
        parent = table if parent_is_self else catalog.table(fk.ref_database, fk.ref_table)
        if parent is None:
            if checked:
                raise mysql_error(1824, fk.ref_table)
        else:
            fk = check_against_parent(table, fk, parent)
        table = _with_child_index(replace(table, foreign_keys=(*table.foreign_keys, fk)), spec, fk)
    return table


def _refuse_duplicate(name: str, existing: Sequence[ForeignKey]) -> None:
    if any(f.name.lower() == name.lower() for f in existing):
        raise mysql_error(1826, name)


def _foreign_key(table: Table, spec: ForeignKeySpec) -> ForeignKey:
    shown = spec.name or spec.index_name or "foreign key without name"
    if not spec.ref_columns or len(spec.ref_columns) != len(spec.columns):
        raise mysql_error(1239, shown, "Key reference and table reference don't match")
    name = spec.name or next_name(table, "_ibfk_", [f.name for f in table.foreign_keys])
    if len(name) > 64:
        raise mysql_error(1059, name)
    columns = []
    for wanted in spec.columns:
        column = table.column(wanted)
        if column is None:
            raise mysql_error(1072, wanted)
        if column.name in columns:
            raise mysql_error(1060, column.name)
        if "SET NULL" in (spec.on_delete, spec.on_update) and not column.nullable:
            raise mysql_error(1830, column.name, name)
        columns.append(column.name)
    if "SET DEFAULT" in (spec.on_delete, spec.on_update):
        raise mysql_error(1215)
    return ForeignKey(
        name,
        tuple(columns),
        spec.ref_database or table.database,
        spec.ref_table,
        tuple(spec.ref_columns),
        spec.on_delete,
        spec.on_update,
    )


def check_against_parent(table: Table, fk: ForeignKey, parent: Table) -> ForeignKey:
    """`fk` with the parent's own column names.

    Raises:
        MySQLError: 3734, 3780, 1822.
    """
    names = []
    for child_name, parent_name in zip(fk.columns, fk.ref_columns, strict=True):
        child, referenced = table.column(child_name), parent.column(parent_name)
        if referenced is None or child is None:
            raise mysql_error(3734, parent_name, fk.name, parent.name)
        a, b = child.type, referenced.type
        text = a.name in ("char", "varchar") and b.name in ("char", "varchar")
        same = text or (a.name == b.name and a.unsigned == b.unsigned)
        if a.name == "decimal":
            same = same and (a.length, a.scale) == (b.length, b.scale)
        if not same or a.collation != b.collation:
            raise mysql_error(3780, child.name, referenced.name, fk.name)
        names.append(referenced.name)
    if not any(_covers(index, names) for index in parent.indexes):
        raise mysql_error(1822, fk.name, parent.name)
    return replace(fk, ref_columns=tuple(names))


def _covers(index: Index, columns: Sequence[str]) -> bool:
    """True when `index` starts with `columns` (in order), whole."""
    if index.kind != "BTREE":
        return False
    parts = index.parts[: len(columns)]
    return [p.column.lower() for p in parts] == [c.lower() for c in columns] and all(p.length is None for p in parts)


def child_index_missing(table: Table, fk: ForeignKey) -> bool:
    return not any(_covers(index, fk.columns) for index in table.indexes)


def _with_child_index(table: Table, spec: ForeignKeySpec, fk: ForeignKey) -> Table:
    if not child_index_missing(table, fk):
        return table
    taken = [i.name for i in table.indexes]
    wanted = spec.name or spec.index_name
    name = wanted if wanted and wanted.lower() not in {t.lower() for t in taken} else ""
    index = Index(name or implicit_index_name(fk.columns[0], taken), tuple(IndexPart(c) for c in fk.columns))
    return replace(table, indexes=sorted_indexes((*table.indexes, index), table.columns))


def next_name(table: Table, infix: str, existing: Sequence[str]) -> str:
    """The next implicit constraint name, ``<table><infix><n>``."""
    pattern = re.compile(re.escape(table.name + infix) + r"(\d+)", re.IGNORECASE)
    numbers = [int(m[1]) for name in existing if (m := pattern.fullmatch(name))]
    return f"{table.name}{infix}{max(numbers, default=0) + 1}"


def index_needed_by(table: Table, index: Index, catalog: Catalog) -> str | None:
    """The name of a foreign key that loses its last index when `index` goes, None when none does."""
    rest = [i for i in table.indexes if i is not index]
    for fk in table.foreign_keys:
        if _covers(index, fk.columns) and not any(_covers(i, fk.columns) for i in rest):
            return fk.name
    for _, fk in catalog.referencing.get((table.database, table.name), []):
        if _covers(index, fk.ref_columns) and not any(_covers(i, fk.ref_columns) for i in rest):
            return fk.name
    return None
