"""What ALTER TABLE makes of a definition: actions applied one by one, each with MySQL's checks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from aurora_mysql.catalog.charsets import CHARSETS, resolve
from aurora_mysql.catalog.model import FUNCTIONAL_PREFIX, HIDDEN_KEY, Catalog, Check, Column, Index, Table
from aurora_mysql.errors import mysql_error
from aurora_mysql.sql.ddl.build import (
    CHARACTER,
    build_column,
    build_index,
    check_identifier,
    finish_table,
    with_default,
)
from aurora_mysql.sql.ddl.create import add_check, checked_engine, kept_options
from aurora_mysql.sql.ddl.expressions import referenced
from aurora_mysql.sql.ddl.foreign_keys import add_foreign_keys, index_needed_by
from aurora_mysql.sql.ddl.functional import hidden_columns_of
from aurora_mysql.sql.ddl.parse_alter import AlterAction, AlterSpec
from aurora_mysql.sql.ddl.spec import ColumnSpec, KeySpec


@dataclass
class Altered:
    """The new definition (name and id still the old ones). `origin` maps a new column's lower-case name to the old
    column it comes from, None for an added one; `new_keys`, `new_foreign_keys` and `new_checks` are names that the
    data must be checked for; `target` is the new (database, name), if any; `auto_increment` the wanted counter."""

    table: Table
    origin: dict[str, str | None]
    target: tuple[str, str] | None = None
    auto_increment: int | None = None
    new_foreign_keys: list[str] = field(default_factory=list)
    new_checks: list[str] = field(default_factory=list)


def alter_definition(table: Table, spec: AlterSpec, catalog: Catalog, *, fk_checked: bool) -> Altered:
    """`table` after all actions of `spec`."""
    columns = tuple(c for c in table.columns if c.name != HIDDEN_KEY)
    work = Altered(replace(table, columns=columns), {c.name.lower(): c.name for c in columns})
    _options(work, spec)
    later: list[AlterAction] = []
    for action in sorted(spec.actions, key=_rank):
        if action.kind in ("add key", "add foreign key", "add check"):
            later.append(action)
        else:
            _ACTIONS[action.kind](work, action, catalog)
    for action in later:
        if action.kind == "add key":
            assert action.key is not None
            _add_key(work, action.key)
    if not work.table.columns:
        raise mysql_error(1090)
    work.table = finish_table(work.table)
    for action in later:
        if action.check is not None:
            work.table = add_check(work.table, action.check, catalog)
            work.new_checks.append(work.table.checks[-1].name)
        if action.foreign_key is not None:
            work.table = add_foreign_keys(work.table, [action.foreign_key], catalog, checked=fk_checked)
            work.new_foreign_keys.append(work.table.foreign_keys[-1].name)
    return work


def _rank(action: AlterAction) -> int:
    """Drops come first, so that DROP PRIMARY KEY, ADD PRIMARY KEY works in any order, as in MySQL."""
    return 0 if action.kind.startswith("drop foreign") else 1 if action.kind.startswith("drop") else 2


def _options(work: Altered, spec: AlterSpec) -> None:
    options = spec.options
    table = work.table
    charset = resolve(options.get("CHARSET"), options.get("COLLATE"), (table.charset, table.collation))
    work.table = replace(
        table,
        charset=charset[0],
        collation=charset[1],
        comment=options.get("COMMENT", table.comment),
        engine=checked_engine(options.get("ENGINE", "InnoDB")),
        options={**table.options, **kept_options(options)},
    )
    if "AUTO_INCREMENT" in options:
        work.auto_increment = int(options["AUTO_INCREMENT"])


def _existing(work: Altered, name: str, errno: int = 1054) -> Column:
    column = work.table.column(name)
    if column is None:
        raise mysql_error(1091, name) if errno == 1091 else mysql_error(1054, name, work.table.name)
    return column


def _inline(work: Altered, spec: ColumnSpec) -> None:
    if spec.primary:
        _add_key(work, KeySpec("PRIMARY", "", [(spec.name, None, False)]))
    if spec.unique:
        _add_key(work, KeySpec("UNIQUE", "", [(spec.name, None, False)]))


def _place(columns: list[Column], column: Column, spec: ColumnSpec, table: str, default: int) -> None:
    position = default
    if spec.first:
        position = 0
    elif spec.after is not None:
        names = [c.name.lower() for c in columns]
        if spec.after.lower() not in names:
            raise mysql_error(1054, spec.after, table)
        position = names.index(spec.after.lower()) + 1
    columns.insert(position, column)


def _add_column(work: Altered, action: AlterAction, catalog: Catalog) -> None:
    spec = action.column
    assert spec is not None
    table = work.table
    if table.column(spec.name) is not None:
        raise mysql_error(1060, spec.name)
    column = build_column(spec, (table.charset, table.collation))
    columns = list(table.columns)
    _place(columns, column, spec, table.name, len(columns))
    work.table = replace(table, columns=tuple(columns))
    work.origin[column.name.lower()] = None
    _inline(work, spec)
    for check in spec.checks:
        work.table = add_check(work.table, check, catalog)
        work.new_checks.append(work.table.checks[-1].name)


def _change_column(work: Altered, action: AlterAction, catalog: Catalog) -> None:
    spec = action.column
    assert spec is not None
    table = work.table
    old = _existing(work, action.name)
    primary = table.primary is not None and old.name.lower() in {c.lower() for c in table.primary.columns}
    column = build_column(spec, (table.charset, table.collation), primary=primary)
    if column.name.lower() != old.name.lower() and table.column(column.name) is not None:
        raise mysql_error(1060, column.name)
    _refuse_foreign_key_change(work, old, column, catalog)
    if (old.generated is None) != (column.generated is None) and not (old.generated_stored or column.generated_stored):
        raise mysql_error(3106, "Changing the STORED status")
    if old.generated is not None and column.generated is not None and old.generated_stored != column.generated_stored:
        raise mysql_error(3106, "Changing the STORED status")
    if column.name != old.name:
        _refuse_generated_from(table, old, 3108)
    columns = list(table.columns)
    position = columns.index(old)
    columns.remove(old)
    _place(columns, column, spec, table.name, position)
    source = work.origin.pop(old.name.lower())
    work.origin[column.name.lower()] = source
    work.table = _with_renamed(replace(table, columns=tuple(columns)), old.name, column.name)
    _inline(work, spec)
    for check in spec.checks:
        work.table = add_check(work.table, check, catalog)
        work.new_checks.append(work.table.checks[-1].name)


def _refuse_foreign_key_change(work: Altered, old: Column, new: Column, catalog: Catalog) -> None:
    table = work.table
    same = (old.type.name, old.type.unsigned, old.type.collation) == (
        new.type.name,
        new.type.unsigned,
        new.type.collation,
    )
    for fk in table.foreign_keys:
        if old.name in fk.columns:
            if not same:
                raise mysql_error(1832, old.name, fk.name)
            if old.nullable and not new.nullable and "SET NULL" in (fk.on_delete, fk.on_update):
                raise mysql_error(1830, new.name, fk.name)
    for child, fk in catalog.referencing.get((table.database, table.name), []):
        if old.name in fk.ref_columns and not same:
            raise mysql_error(1833, old.name, fk.name, f"{child.database}.{child.name}")


def _with_renamed(table: Table, old: str, new: str) -> Table:
    """`table` whose keys, own foreign keys and checks speak of `new` instead of `old`."""
    if old == new:
        return table

    def index(i: Index) -> Index:
        return replace(
            i, parts=tuple(replace(p, column=new) if p.column.lower() == old.lower() else p for p in i.parts)
        )

    return replace(
        table,
        indexes=tuple(index(i) for i in table.indexes),
        foreign_keys=tuple(
            replace(f, columns=tuple(new if c.lower() == old.lower() else c for c in f.columns))
            for f in table.foreign_keys
        ),
        checks=tuple(replace(c, expression=c.expression.replace(f"`{old}`", f"`{new}`")) for c in table.checks),
    )


def _rename_column(work: Altered, action: AlterAction, catalog: Catalog) -> None:
    old = _existing(work, action.name)
    new = check_identifier(action.new_name, 1166)
    table = work.table
    _refuse_generated_from(table, old, 3108)
    if new.lower() != old.name.lower() and table.column(new) is not None:
        raise mysql_error(1060, new)
    columns = tuple(replace(c, name=new) if c is old else c for c in table.columns)
    work.origin[new.lower()] = work.origin.pop(old.name.lower())
    work.table = _with_renamed(replace(table, columns=columns), old.name, new)


def _drop_column(work: Altered, action: AlterAction, catalog: Catalog) -> None:
    old = _existing(work, action.name, 1091)
    table = work.table
    for fk in table.foreign_keys:
        if old.name in fk.columns:
            raise mysql_error(1828, old.name, fk.name)
    for child, fk in catalog.referencing.get((table.database, table.name), []):
        if old.name in fk.ref_columns:
            raise mysql_error(1829, old.name, fk.name, f"{child.database}.{child.name}")
    _refuse_generated_from(table, old, 3108)
    checks: list[Check] = []
    for check in table.checks:
        if f"`{old.name}`" not in check.expression:
            checks.append(check)
        elif check.expression.count("`") > 2 * check.expression.count(f"`{old.name}`"):
            raise mysql_error(3959, check.name, old.name)
    indexes = []
    for index in table.indexes:
        parts = tuple(p for p in index.parts if p.column.lower() != old.name.lower())
        if parts:
            indexes.append(replace(index, parts=parts))
    work.origin.pop(old.name.lower())
    work.table = replace(
        table,
        columns=tuple(c for c in table.columns if c is not old),
        indexes=tuple(indexes),
        checks=tuple(checks),
    )


def _refuse_generated_from(table: Table, column: Column, errno: int) -> None:
    for other in table.columns:
        if other.generated is not None and column.name.lower() in referenced(other.generated):
            raise mysql_error(3837 if other.name.startswith(FUNCTIONAL_PREFIX) else errno, column.name)


def _add_key(work: Altered, key: KeySpec) -> None:
    table = work.table
    if key.kind == "PRIMARY":
        if table.primary is not None:
            raise mysql_error(1068)
        wanted = {part[0].lower() for part in key.parts}
        columns = tuple(replace(c, nullable=False) if c.name.lower() in wanted else c for c in table.columns)
        table = replace(table, columns=columns)
    index = build_index(key, table.columns, [i.name for i in table.indexes])
    if any(i.name.lower() == index.name.lower() for i in table.indexes):
        raise mysql_error(1061, index.name)
    work.table = replace(table, indexes=(*table.indexes, index))


def _index(work: Altered, name: str) -> Index | None:
    return next((i for i in work.table.indexes if i.name.lower() == name.lower()), None)


def _drop_key(work: Altered, action: AlterAction, catalog: Catalog) -> None:
    index = _index(work, action.name)
    if index is None:
        raise mysql_error(1091, action.name)
    needed = index_needed_by(work.table, index, catalog)
    if needed is not None:
        raise mysql_error(1553, index.name)
    hidden = hidden_columns_of(work.table.columns, index.columns)
    for name in hidden:
        work.origin.pop(name)
    work.table = replace(
        work.table,
        indexes=tuple(i for i in work.table.indexes if i is not index),
        columns=tuple(c for c in work.table.columns if c.name.lower() not in hidden),
    )


def _rename_key(work: Altered, action: AlterAction, catalog: Catalog) -> None:
    index = _index(work, action.name)
    if index is None or index.name == "PRIMARY":
        raise mysql_error(1176, action.name, work.table.name)
    if _index(work, action.new_name) not in (None, index):
        raise mysql_error(1061, action.new_name)
    renamed = replace(index, name=action.new_name)
    work.table = replace(work.table, indexes=tuple(renamed if i is index else i for i in work.table.indexes))


def _key_visibility(work: Altered, action: AlterAction, catalog: Catalog) -> None:
    index = _index(work, action.name)
    if index is None:
        raise mysql_error(1176, action.name, work.table.name)
    changed = replace(index, visible=action.flag)
    work.table = replace(work.table, indexes=tuple(changed if i is index else i for i in work.table.indexes))


def _drop_foreign_key(work: Altered, action: AlterAction, catalog: Catalog) -> None:
    kept = tuple(f for f in work.table.foreign_keys if f.name.lower() != action.name.lower())
    if len(kept) == len(work.table.foreign_keys):
        raise mysql_error(1091, action.name)
    work.table = replace(work.table, foreign_keys=kept)


def _drop_check(work: Altered, action: AlterAction, catalog: Catalog) -> None:
    kept = tuple(c for c in work.table.checks if c.name.lower() != action.name.lower())
    if len(kept) == len(work.table.checks):
        raise mysql_error(3821, action.name)
    work.table = replace(work.table, checks=kept)


def _drop_constraint(work: Altered, action: AlterAction, catalog: Catalog) -> None:
    name = action.name.lower()
    if any(f.name.lower() == name for f in work.table.foreign_keys):
        _drop_foreign_key(work, action, catalog)
    elif any(c.name.lower() == name for c in work.table.checks):
        _drop_check(work, action, catalog)
    elif (index := _index(work, name)) is not None and index.unique:
        _drop_key(work, action, catalog)
    else:
        raise mysql_error(3940, action.name)


def _check_enforcement(work: Altered, action: AlterAction, catalog: Catalog) -> None:
    name = action.name.lower()
    if not any(c.name.lower() == name for c in work.table.checks):
        raise mysql_error(3821, action.name)
    work.table = replace(
        work.table,
        checks=tuple(replace(c, enforced=action.flag) if c.name.lower() == name else c for c in work.table.checks),
    )
    if action.flag:
        work.new_checks.append(action.name)


def _replace_column(work: Altered, old: Column, new: Column) -> None:
    work.table = replace(work.table, columns=tuple(new if c is old else c for c in work.table.columns))


def _column_default(work: Altered, action: AlterAction, catalog: Catalog) -> None:
    column = _existing(work, action.name)
    _replace_column(work, column, with_default(column, action.default_kind, action.default))


def _column_visibility(work: Altered, action: AlterAction, catalog: Catalog) -> None:
    column = _existing(work, action.name)
    _replace_column(work, column, replace(column, invisible=not action.flag))


def _convert(work: Altered, action: AlterAction, catalog: Catalog) -> None:
    charset, collation = resolve(action.charset, action.collation, ("utf8mb4", "utf8mb4_0900_ai_ci"))
    columns = []
    for column in work.table.columns:
        if column.type.name in CHARACTER:
            longest = 65535 // CHARSETS[charset].max_bytes
            if column.type.name == "varchar" and (column.type.length or 0) > longest:
                raise mysql_error(1074, column.name, longest)
            column = replace(column, type=replace(column.type, charset=charset, collation=collation))
        columns.append(column)
    work.table = replace(work.table, columns=tuple(columns), charset=charset, collation=collation)


def _rename_table(work: Altered, action: AlterAction, catalog: Catalog) -> None:
    work.target = (action.target[0] or work.table.database, check_identifier(action.target[1]))


_ACTIONS: dict[str, Callable[[Altered, AlterAction, Catalog], None]] = {
    "add column": _add_column,
    "change column": _change_column,
    "rename column": _rename_column,
    "drop column": _drop_column,
    "drop key": _drop_key,
    "rename key": _rename_key,
    "key visibility": _key_visibility,
    "drop foreign key": _drop_foreign_key,
    "drop check": _drop_check,
    "drop constraint": _drop_constraint,
    "check enforcement": _check_enforcement,
    "column default": _column_default,
    "column visibility": _column_visibility,
    "convert": _convert,
    "rename table": _rename_table,
}
