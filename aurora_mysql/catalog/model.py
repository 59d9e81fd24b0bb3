"""Immutable definitions: databases, tables, columns, keys, views, users, grants.

A :class:`Catalog` is a value. DDL makes a new one with `version + 1`; it travels as JSON
(:meth:`Catalog.delta` objects) inside redo records, so all instances hold the same catalog at the same LSN.
DuckDB only holds storage columns: the table with id 12 is DuckDB's ``t12``, whatever its MySQL name.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

#: Name of the hidden auto-numbered key column of a table that has no usable primary or unique key.
HIDDEN_KEY = "__rowid"

#: Prefix of the generated columns that hold the values of functional key parts; nobody sees them.
FUNCTIONAL_PREFIX = "!hidden!"

#: The parts of a catalog that a delta changes by key.
DELTA_KINDS = ("databases", "tables", "views", "users", "grants", "globals", "routines", "triggers", "events")

#: Prefix of hidden DuckDB columns that hold the collation key of a case-insensitive indexed column.
COLLATION_KEY_PREFIX = "__k_"


@dataclass(frozen=True, slots=True)
class ColumnType:
    """A MySQL column type as declared.

    Attributes:
        name: lower-case base name: tinyint smallint mediumint int bigint decimal float double bit bool(never:
            bool is tinyint(1)) char varchar binary varbinary tinytext text mediumtext longtext tinyblob blob
            mediumblob longblob enum set json date datetime timestamp time year.
        length: display width, characters, bytes, or decimal precision; None where not declared.
        scale: decimals, or fractional-second digits for temporal types.
        unsigned: for numeric types.
        values: members of ENUM and SET.
        charset, collation: for character types; None for others.
    """

    name: str
    length: int | None = None
    scale: int | None = None
    unsigned: bool = False
    zerofill: bool = False
    values: tuple[str, ...] = ()
    charset: str | None = None
    collation: str | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """A column. `default` is MySQL source text: a literal ('0', "'abc'"), an expression, or None for no default
    clause; `default_is_expr` tells an expression (incl. CURRENT_TIMESTAMP) from a literal."""

    name: str
    type: ColumnType
    nullable: bool = True
    default: str | None = None
    default_is_expr: bool = False
    auto_increment: bool = False
    on_update: str | None = None
    comment: str = ""
    generated: str | None = None
    generated_stored: bool = False
    invisible: bool = False


@dataclass(frozen=True, slots=True)
class IndexPart:
    """One key part. `length` is the prefix in characters, or None for the whole column."""

    column: str
    length: int | None = None
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Index:
    """A key. The primary key is named PRIMARY, is `unique`, and comes first in `Table.indexes`."""

    name: str
    parts: tuple[IndexPart, ...]
    unique: bool = False
    kind: str = "BTREE"
    comment: str = ""
    visible: bool = True

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(p.column for p in self.parts)


@dataclass(frozen=True, slots=True)
class ForeignKey:
    name: str
    columns: tuple[str, ...]
    ref_database: str
    ref_table: str
    ref_columns: tuple[str, ...]
    on_delete: str = "NO ACTION"
    on_update: str = "NO ACTION"


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    expression: str
    enforced: bool = True


@dataclass(frozen=True)
class Table:
    """A base table. `id` is never reused; it changes when the table is rebuilt (ALTER) or truncated.

    `key_columns` is what identifies a row: the primary key, else the first UNIQUE key over NOT NULL columns
    without prefixes, else the hidden column :data:`HIDDEN_KEY` (which is then the last of `columns`, invisible).
    """

    id: int
    database: str
    name: str
    columns: tuple[Column, ...]
    indexes: tuple[Index, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    checks: tuple[Check, ...] = ()
    engine: str = "InnoDB"
    charset: str = "utf8mb4"
    collation: str = "utf8mb4_0900_ai_ci"
    comment: str = ""
    auto_increment: int = 1
    create_time_us: int = 0
    options: Mapping[str, str] = field(default_factory=dict)
    #: Of one session, in its memory (:mod:`aurora_mysql.engine.temporary`); never in the catalog.
    temporary: bool = False

    @cached_property
    def physical_name(self) -> str:
        return f"t{self.id}"

    @cached_property
    def position(self) -> dict[str, int]:
        """Lower-case column name -> index in `columns`."""
        return {c.name.lower(): i for i, c in enumerate(self.columns)}

    def column(self, name: str) -> Column | None:
        i = self.position.get(name.lower())
        return None if i is None else self.columns[i]

    @cached_property
    def primary(self) -> Index | None:
        return next((i for i in self.indexes if i.name == "PRIMARY"), None)

    @cached_property
    def key_index(self) -> Index | None:
        """The index whose columns identify a row, or None when the hidden key does."""
        if self.primary is not None:
            return self.primary
        for index in self.indexes:
            if index.unique and all(
                p.length is None and (c := self.column(p.column)) is not None and not c.nullable for p in index.parts
            ):
                return index
        return None

    @cached_property
    def key_columns(self) -> tuple[str, ...]:
        return self.key_index.columns if self.key_index is not None else (HIDDEN_KEY,)

    @cached_property
    def key_positions(self) -> tuple[int, ...]:
        return tuple(self.position[c.lower()] for c in self.key_columns)

    @cached_property
    def user_columns(self) -> tuple[Column, ...]:
        """The columns that the definition names, invisible ones included."""
        return tuple(c for c in self.columns if c.name != HIDDEN_KEY and not c.name.startswith(FUNCTIONAL_PREFIX))

    @cached_property
    def visible_columns(self) -> tuple[Column, ...]:
        """Columns that ``SELECT *`` and column-less INSERT see."""
        return tuple(c for c in self.columns if not c.invisible)

    @cached_property
    def auto_increment_column(self) -> Column | None:
        return next((c for c in self.columns if c.auto_increment), None)


@dataclass(frozen=True, slots=True)
class View:
    database: str
    name: str
    definition: str
    columns: tuple[str, ...] = ()
    definer: str = "admin@%"
    security: str = "DEFINER"
    algorithm: str = "UNDEFINED"
    check_option: str = "NONE"
    charset: str = "utf8mb4"
    collation: str = "utf8mb4_0900_ai_ci"


@dataclass(frozen=True, slots=True)
class Creation:
    """What a stored program keeps of the session that made it. `created_us`, `changed_us`: Unix microseconds."""

    definer: str = "admin@%"
    sql_mode: str = ""
    charset: str = "utf8mb4"
    collation: str = "utf8mb4_0900_ai_ci"
    database_collation: str = "utf8mb4_0900_ai_ci"
    created_us: int = 0
    changed_us: int = 0


@dataclass(frozen=True, slots=True)
class Routine:
    """A stored procedure or function; `parameters`, `returns` and `body` are source text.

    Attributes:
        kind: PROCEDURE or FUNCTION.
        returns: a function's type, as MySQL shows it; '' for a procedure.
        access: CONTAINS SQL, NO SQL, READS SQL DATA or MODIFIES SQL DATA.
    """

    database: str
    name: str
    kind: str
    parameters: str
    body: str
    returns: str = ""
    deterministic: bool = False
    access: str = "CONTAINS SQL"
    security: str = "DEFINER"
    comment: str = ""
    creation: Creation = Creation()


@dataclass(frozen=True, slots=True)
class Trigger:
    """`timing` BEFORE or AFTER, `event` INSERT, UPDATE or DELETE of a row of `table`, which is in the same database.
    `position` orders the triggers of one table, timing and event."""

    database: str
    name: str
    table: str
    timing: str
    event: str
    body: str
    position: int = 1
    creation: Creation = Creation()


@dataclass(frozen=True, slots=True)
class Event:
    """Statements that run at a time, or at intervals.

    Attributes:
        at_us: when a one-time event is due, Unix microseconds.
        interval_value, interval_unit: of a recurring event, as written ('1:30', 'HOUR_MINUTE'); '' for a one-time one.
        starts_us, ends_us: when a recurring event is due first, and the last moment at which it may be (0: none).
        time_zone: of the session that made it: its months are counted, its body runs and it is shown there.
        preserve: it stays, disabled, when nothing is to come any more.
        status: ENABLED, DISABLED or SLAVESIDE_DISABLED.
    """

    database: str
    name: str
    body: str
    at_us: int = 0
    interval_value: str = ""
    interval_unit: str = ""
    starts_us: int = 0
    ends_us: int = 0
    time_zone: str = "SYSTEM"
    preserve: bool = False
    status: str = "ENABLED"
    comment: str = ""
    creation: Creation = Creation()


@dataclass(frozen=True, slots=True)
class Database:
    name: str
    charset: str = "utf8mb4"
    collation: str = "utf8mb4_0900_ai_ci"


@dataclass(frozen=True, slots=True)
class User:
    """An account. `auth_string` is what MySQL stores: ``*HEX`` for native, ``$A$005$salt+digest`` for sha2."""

    user: str
    host: str = "%"
    plugin: str = "caching_sha2_password"
    auth_string: str = ""
    locked: bool = False
    password_expired: bool = False
    require_ssl: bool = False
    attributes: Mapping[str, str] = field(default_factory=dict)
    #: Roles (which are accounts) granted to it: (user, host, WITH ADMIN OPTION).
    roles: tuple[tuple[str, str, bool], ...] = ()
    #: What SET DEFAULT ROLE chose of them.
    default_roles: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Grant:
    """Privileges of one account at one level: `database` '' = global, `table` '' = the whole database, else a table,
    view, or what :func:`routine_level` makes of a routine. `columns` are (privilege, column of the table)."""

    user: str
    host: str
    database: str
    table: str
    privileges: frozenset[str]
    grant_option: bool = False
    columns: frozenset[tuple[str, str]] = frozenset()


def routine_level(kind: str, name: str) -> str:
    """The `table` of a grant on a routine; no table can have such a name."""
    return f"\0{kind}\0{name.lower()}"


def routine_of_level(table: str) -> tuple[str, str] | None:
    """(kind, lower-case name) of a grant's routine, None when it is not about one."""
    if not table.startswith("\0"):
        return None
    _, kind, name = table.split("\0")
    return kind, name


@dataclass(frozen=True)
class Catalog:
    """Everything, at one version. Keys: tables, views, triggers and events by (database, name); users by (user, host);
    grants by (user, host, database, table); routines by (database, kind, lower-case name)."""

    version: int = 0
    next_table_id: int = 1
    databases: Mapping[str, Database] = field(default_factory=dict)
    tables: Mapping[tuple[str, str], Table] = field(default_factory=dict)
    views: Mapping[tuple[str, str], View] = field(default_factory=dict)
    users: Mapping[tuple[str, str], User] = field(default_factory=dict)
    grants: Mapping[tuple[str, str, str, str], Grant] = field(default_factory=dict)
    globals: Mapping[str, Any] = field(default_factory=dict)
    routines: Mapping[tuple[str, str, str], Routine] = field(default_factory=dict)
    triggers: Mapping[tuple[str, str], Trigger] = field(default_factory=dict)
    events: Mapping[tuple[str, str], Event] = field(default_factory=dict)

    def routine(self, database: str, kind: str, name: str) -> Routine | None:
        return self.routines.get((database, kind, name.lower()))

    @cached_property
    def triggers_of(self) -> dict[tuple[str, str], list[Trigger]]:
        """(database, table) -> its triggers, in the order in which they fire."""
        found: dict[tuple[str, str], list[Trigger]] = {}
        for trigger in sorted(self.triggers.values(), key=lambda t: (t.timing != "BEFORE", t.event, t.position)):
            found.setdefault((trigger.database, trigger.table), []).append(trigger)
        return found

    def table(self, database: str, name: str) -> Table | None:
        return self.tables.get((database, name))

    @cached_property
    def tables_by_id(self) -> dict[int, Table]:
        return {t.id: t for t in self.tables.values()}

    @cached_property
    def referencing(self) -> dict[tuple[str, str], list[tuple[Table, ForeignKey]]]:
        """Parent (database, table) -> foreign keys of children that point at it."""
        found: dict[tuple[str, str], list[tuple[Table, ForeignKey]]] = {}
        for table in self.tables.values():
            for fk in table.foreign_keys:
                found.setdefault((fk.ref_database, fk.ref_table), []).append((table, fk))
        return found

    def apply(self, delta: CatalogDelta) -> Catalog:
        """The catalog after `delta`; `self` is unchanged."""
        fields: dict[str, Any] = {"version": self.version + 1}
        for name in DELTA_KINDS:
            changes = getattr(delta, name)
            if changes:
                merged = {**getattr(self, name), **changes}
                fields[name] = {k: v for k, v in merged.items() if v is not None}
        if delta.next_table_id is not None:
            fields["next_table_id"] = max(self.next_table_id, delta.next_table_id)
        return dataclasses.replace(self, **fields)

    def inverse(self, delta: CatalogDelta) -> CatalogDelta:
        """What takes `delta` back: of everything it names, what is there now. (Version and table ids only grow.)"""
        kinds: dict[str, Any] = {}
        for name in DELTA_KINDS:
            kinds[name] = {key: getattr(self, name).get(key) for key in getattr(delta, name)}
        return CatalogDelta(**kinds)

    def difference(self, other: Catalog) -> CatalogDelta:
        """What makes everything but version and table ids as in `other`."""
        kinds: dict[str, Any] = {}
        for name in DELTA_KINDS:
            mine, theirs = getattr(self, name), getattr(other, name)
            kinds[name] = {key: theirs.get(key) for key in {**mine, **theirs} if mine.get(key) != theirs.get(key)}
        return CatalogDelta(**kinds)


@dataclass(frozen=True)
class CatalogDelta:
    """What one DDL statement changes: new definitions by key, None for a dropped one."""

    databases: Mapping[str, Database | None] = field(default_factory=dict)
    tables: Mapping[tuple[str, str], Table | None] = field(default_factory=dict)
    views: Mapping[tuple[str, str], View | None] = field(default_factory=dict)
    users: Mapping[tuple[str, str], User | None] = field(default_factory=dict)
    grants: Mapping[tuple[str, str, str, str], Grant | None] = field(default_factory=dict)
    globals: Mapping[str, Any] = field(default_factory=dict)
    next_table_id: int | None = None
    routines: Mapping[tuple[str, str, str], Routine | None] = field(default_factory=dict)
    triggers: Mapping[tuple[str, str], Trigger | None] = field(default_factory=dict)
    events: Mapping[tuple[str, str], Event | None] = field(default_factory=dict)
