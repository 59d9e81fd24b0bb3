"""What the parsers of this package give: definitions as written, before they meet the catalog."""

from __future__ import annotations

from dataclasses import dataclass, field

from aurora_mysql.catalog.model import ColumnType

#: Before the text of a functional key part: no column's name can start with it.
EXPRESSION = "\0"


@dataclass
class CheckSpec:
    name: str
    expression: str
    enforced: bool = True
    column: str = ""


@dataclass
class ColumnSpec:
    """`nullable` None: not said. `default` is source text, '' for none; `default_kind` is '', 'literal', 'null',
    'now' or 'expression'. `position` is None, 'FIRST' or the column to come after."""

    name: str
    type: ColumnType
    charset: str | None = None
    collation: str | None = None
    nullable: bool | None = None
    default: str = ""
    default_kind: str = ""
    on_update: str | None = None
    auto_increment: bool = False
    unique: bool = False
    primary: bool = False
    comment: str = ""
    generated: str | None = None
    generated_stored: bool = False
    invisible: bool = False
    checks: list[CheckSpec] = field(default_factory=list)
    first: bool = False
    after: str | None = None


@dataclass
class KeySpec:
    """`kind` is PRIMARY, UNIQUE, KEY, FULLTEXT or SPATIAL; parts are (column, or :data:`EXPRESSION` and an
    expression; prefix length; descending)."""

    kind: str
    name: str
    parts: list[tuple[str, int | None, bool]]
    comment: str = ""
    visible: bool = True


@dataclass
class ForeignKeySpec:
    name: str
    index_name: str
    columns: list[str]
    ref_database: str
    ref_table: str
    ref_columns: list[str]
    on_delete: str = "NO ACTION"
    on_update: str = "NO ACTION"


@dataclass
class TableSpec:
    """A CREATE TABLE. `like` is (database, table); `select` is the source text after the definitions, with what it does
    about duplicate keys."""

    database: str
    name: str
    if_not_exists: bool = False
    columns: list[ColumnSpec] = field(default_factory=list)
    keys: list[KeySpec] = field(default_factory=list)
    foreign_keys: list[ForeignKeySpec] = field(default_factory=list)
    checks: list[CheckSpec] = field(default_factory=list)
    options: dict[str, str] = field(default_factory=dict)
    like: tuple[str, str] | None = None
    select: str = ""
    ignore_rows: bool = False
    replace_rows: bool = False
