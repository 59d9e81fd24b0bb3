"""From a definition as written to a valid :class:`Table`: MySQL's rules, implicit names and errors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from aurora_mysql.catalog.charsets import CHARSETS, resolve
from aurora_mysql.catalog.model import (
    HIDDEN_KEY,
    Check,
    Column,
    ColumnType,
    Index,
    IndexPart,
    Table,
)
from aurora_mysql.catalog.values import converter, to_text
from aurora_mysql.catalog.zero_date import ANY_DATE
from aurora_mysql.errors import MySQLError, mysql_error, unsupported
from aurora_mysql.sql.ddl.expressions import canonical, check_generated, refuse_stored
from aurora_mysql.sql.ddl.parse_column import quote_string
from aurora_mysql.sql.ddl.plan import Run
from aurora_mysql.sql.ddl.spec import CheckSpec, ColumnSpec, KeySpec
from aurora_mysql.sql.lexer import tokenize

MAX_KEY_BYTES = 3072
MAX_COLUMNS = 1017
MAX_ROW_BYTES = 65535

CHARACTER = {"char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set"}
_BLOBS = {"tinytext", "text", "mediumtext", "longtext", "tinyblob", "blob", "mediumblob", "longblob"}
_STRINGS = _BLOBS | {"char", "varchar", "binary", "varbinary"}
_AUTO = {"tinyint", "smallint", "mediumint", "int", "bigint", "float", "double"}
_BYTES = {
    "tinyint": 1, "smallint": 2, "mediumint": 3, "int": 4, "bigint": 8, "float": 4, "double": 8, "year": 1, "date": 3,
    "time": 3, "datetime": 5, "timestamp": 4, "bit": 8, "enum": 2, "set": 8, "json": 12,
}  # fmt: skip


def check_identifier(name: str, errno: int = 1103) -> str:
    """`name`, when MySQL takes it for a database (1102), table (1103) or column (1166); 1059 when too long."""
    if len(name) > 64:
        raise mysql_error(1059, name)
    if not name or name.endswith(" ") or "\0" in name:
        raise mysql_error(errno, name)
    return name


def build_column(spec: ColumnSpec, table_charset: tuple[str, str], *, primary: bool = False) -> Column:
    """One column. `primary`: part of the primary key, therefore NOT NULL (1171 when it says NULL)."""
    name = check_identifier(spec.name, 1166)
    if name.lower() == HIDDEN_KEY:
        raise mysql_error(1166, name)
    column_type = _finished_type(spec, table_charset)
    if (primary or spec.primary) and spec.nullable is True:
        raise mysql_error(1171)
    nullable = not (spec.nullable is False or primary or spec.primary or spec.auto_increment)
    if spec.auto_increment and column_type.name not in _AUTO:
        raise mysql_error(1063, name)
    if spec.on_update is not None and column_type.name not in ("datetime", "timestamp"):
        raise mysql_error(1294, name)
    if spec.generated is not None:
        for clause, given in (
            ("DEFAULT", spec.default_kind),
            ("AUTO_INCREMENT", spec.auto_increment),
            ("ON UPDATE", spec.on_update),
        ):
            if given:
                raise mysql_error(1221, clause, "generated column")
        if spec.primary and not spec.generated_stored:
            raise mysql_error(3106, "Defining a virtual generated column as primary key")
    column = Column(
        name,
        column_type,
        nullable=nullable,
        auto_increment=spec.auto_increment,
        on_update=spec.on_update,
        comment=spec.comment,
        invisible=spec.invisible,
        generated=spec.generated,
        generated_stored=spec.generated_stored,
    )
    return with_default(column, spec.default_kind, spec.default)


def with_default(column: Column, kind: str, text: str) -> Column:
    """`column` with its default clause checked and in the catalog's form."""
    name = column.name
    if kind == "":
        return replace(column, default=None, default_is_expr=False)
    if kind == "null":
        if not column.nullable:
            raise mysql_error(1067, name)
        return replace(column, default=None, default_is_expr=False)
    if column.auto_increment:
        raise mysql_error(1067, name)
    if kind in ("now", "expression"):
        return replace(column, default=text, default_is_expr=True)
    if column.type.name in _BLOBS or column.type.name == "json":
        raise mysql_error(1101, name)
    return replace(column, default=_canonical_default(column, text), default_is_expr=False)


def keep_text_defaults(run: Run, specs: Iterable[ColumnSpec]) -> None:
    """Without strict mode a literal default of a TEXT, BLOB or JSON column becomes an expression, with a warning: MySQL
    would drop it, MariaDB's dumps have such defaults, and as expressions MySQL takes them."""
    for spec in specs if not run.strict else ():
        if spec.default_kind == "literal" and (spec.type.name in _BLOBS or spec.type.name == "json"):
            spec.default_kind = "expression"
            run.ctx.warn("Warning", 1101, mysql_error(1101, spec.name).message)


def refuse_zero_defaults(run: Run, columns: Iterable[Column]) -> None:
    """1067 when one of `columns` has a zero date for a default that sql_mode refuses."""
    for column in columns if run.strict else ():
        if column.type.name in ("date", "datetime", "timestamp") and column.default and not column.default_is_expr:
            try:
                converter(column, strict=True, dates=run.dates)(column.default.strip("'"), 1, lambda *_: None)
            except MySQLError:
                raise mysql_error(1067, column.name) from None


def _canonical_default(column: Column, text: str) -> str:
    token = tokenize(text.lstrip("-"))[0]
    value = token.value
    if text.startswith("-"):
        value = -value
    problems: list[int] = []
    try:
        # Whether the mode allows a zero date is asked of the columns that a statement defines (`refuse_zero_defaults`).
        convert = converter(column, strict=True, dates=ANY_DATE)
        stored = convert(value, 1, lambda level, errno, message: problems.append(errno))
    except MySQLError as error:
        raise mysql_error(1067, column.name) from error
    if problems and column.type.name in ("char", "varchar"):
        raise mysql_error(1067, column.name)
    kind = column.type.name
    if kind == "bit":
        return f"b'{stored:b}'"
    if kind in ("binary", "varbinary"):
        try:
            return quote_string((value if isinstance(value, bytes) else stored).decode())
        except (UnicodeDecodeError, AttributeError):
            return quote_string(value) if isinstance(value, str) else "0x" + value.hex()
    if kind in _AUTO or kind in ("decimal", "year"):
        return to_text(stored) if kind != "year" else f"{stored:04d}"
    if kind in ("datetime", "timestamp", "time"):
        scale = column.type.scale or 0
        shown = to_text(stored)
        whole, _, fraction = shown.partition(".")
        return quote_string(whole + ("." + fraction.ljust(6, "0")[:scale] if scale else ""))
    return quote_string(to_text(stored))


def _finished_type(spec: ColumnSpec, table_charset: tuple[str, str]) -> ColumnType:
    column_type = spec.type
    name = column_type.name
    if name not in CHARACTER:
        if name == "varbinary" and (column_type.length is None or column_type.length > MAX_ROW_BYTES):
            raise mysql_error(1074, spec.name, MAX_ROW_BYTES)
        return column_type
    charset, collation = resolve(spec.charset, spec.collation, table_charset)
    if charset == "binary":
        # CHAR(n) CHARACTER SET binary is BINARY(n), and so on.
        binary = {"char": "binary", "varchar": "varbinary"}.get(name, name.replace("text", "blob"))
        return replace(column_type, name=binary, charset=None, collation=None)
    if name == "varchar":
        if column_type.length is None:
            raise mysql_error(1064, spec.name, 1)
        longest = MAX_ROW_BYTES // CHARSETS[charset].max_bytes
        if column_type.length > longest:
            raise mysql_error(1074, spec.name, longest)
    return replace(column_type, charset=charset, collation=collation)


def build_index(key: KeySpec, columns: Sequence[Column], taken: Sequence[str]) -> Index:
    """An index over `columns`; an implicit name avoids those in `taken`."""
    if key.kind == "SPATIAL":
        raise unsupported("SPATIAL indexes")
    by_name = {c.name.lower(): c for c in columns}
    if len(key.parts) > 16:
        raise mysql_error(1070, 16)
    parts: list[IndexPart] = []
    total = 0
    for name, length, descending in key.parts:
        column = by_name.get(name.lower())
        if column is None or column.name == HIDDEN_KEY:
            raise mysql_error(1072, name)
        if any(p.column.lower() == name.lower() for p in parts):
            raise mysql_error(1060, column.name)
        if key.kind == "FULLTEXT":
            if column.type.name not in CHARACTER - {"enum", "set"}:
                raise mysql_error(1283, column.name)
            parts.append(IndexPart(column.name))
            continue
        part, size = _part(column, length, descending)
        if size > MAX_KEY_BYTES:
            raise mysql_error(1071, MAX_KEY_BYTES)
        parts.append(part)
        total += size
    if total > MAX_KEY_BYTES:
        raise mysql_error(1071, MAX_KEY_BYTES)
    if key.kind == "PRIMARY":
        return Index("PRIMARY", tuple(parts), unique=True, comment=key.comment)
    name = key.name or implicit_index_name(parts[0].column, taken)
    if len(name) > 64:
        raise mysql_error(1059, name)
    if name.upper() == "PRIMARY":
        raise mysql_error(1280, name)
    kind = "FULLTEXT" if key.kind == "FULLTEXT" else "BTREE"
    return Index(name, tuple(parts), key.kind == "UNIQUE", kind, key.comment, key.visible)


def implicit_index_name(column: str, taken: Sequence[str]) -> str:
    """`column`, or `column`_2, _3 ... where that is taken."""
    used = {t.lower() for t in taken}
    if column.lower() not in used and column.upper() != "PRIMARY":
        return column
    number = 2
    while f"{column}_{number}".lower() in used:
        number += 1
    return f"{column}_{number}"


def _part(column: Column, length: int | None, descending: bool) -> tuple[IndexPart, int]:
    kind = column.type.name
    width = CHARSETS[column.type.charset].max_bytes if column.type.charset in CHARSETS else 1
    if kind == "json":
        raise mysql_error(3152, column.name)
    if length is not None:
        if kind not in _STRINGS or length == 0:
            raise mysql_error(1089)
        declared = column.type.length if kind not in _BLOBS else None
        if declared is not None:
            if length > declared:
                raise mysql_error(1089)
            if length == declared:
                length = None
        if length is not None:
            return IndexPart(column.name, length, descending), length * width
    if kind in _BLOBS:
        raise mysql_error(1170, column.name)
    if kind in ("char", "varchar", "binary", "varbinary"):
        return IndexPart(column.name, None, descending), (column.type.length or 1) * width
    return IndexPart(column.name, None, descending), storage_bytes(column)


def storage_bytes(column: Column) -> int:
    """How much of MySQL's row size limit the column takes."""
    kind = column.type.name
    if kind in _BLOBS:
        return 12
    if kind == "decimal":
        return (column.type.length or 10) // 2 + 2
    if kind in ("char", "varchar", "binary", "varbinary"):
        width = CHARSETS[column.type.charset].max_bytes if column.type.charset in CHARSETS else 1
        size = (column.type.length or 0) * width
        return size + (0 if kind in ("char", "binary") else 1 if size < 256 else 2)
    return _BYTES.get(kind, 8)


def sorted_indexes(indexes: Sequence[Index], columns: Sequence[Column]) -> tuple[Index, ...]:
    """In MySQL's order: PRIMARY, unique keys without NULL, other unique keys, the rest, full-text keys."""
    nullable = {c.name.lower() for c in columns if c.nullable}

    def rank(index: Index) -> int:
        if index.name == "PRIMARY":
            return 0
        if index.unique:
            return 2 if any(c.lower() in nullable for c in index.columns) else 1
        return 4 if index.kind == "FULLTEXT" else 3

    return tuple(sorted(indexes, key=rank))


def build_check(spec: CheckSpec, name: str, columns: Sequence[Column]) -> Check:
    """A check over `columns`. Raises 3820 for an unknown column, 3814 for a stored function."""
    expression = canonical(spec.expression, columns, lambda found: mysql_error(3820, name, found))
    refuse_stored(expression, 3814, name)
    return Check(name, expression, spec.enforced)


def finish_generated(columns: Sequence[Column]) -> tuple[Column, ...]:
    """`columns` with the expressions of generated ones and of defaults in the catalog's form, checked.

    Raises:
        MySQLError: 1054, 3102, 3107, 3109, 3772.
    """

    def unknown(name: str) -> MySQLError:
        return mysql_error(1054, name, "generated column function")

    finished = []
    for column in columns:
        if column.generated is not None:
            column = replace(column, generated=canonical(column.generated, columns, unknown))
        elif column.default_is_expr and not (column.default or "").upper().startswith("CURRENT_TIMESTAMP"):
            column = replace(
                column,
                default=canonical(
                    column.default or "", columns, lambda name: mysql_error(1054, name, "default value expression")
                ),
            )
        finished.append(column)
    check_generated(finished)
    return tuple(finished)


def finish_table(table: Table) -> Table:
    """`table` with indexes in order and the hidden key where it needs one, after the checks of the whole.

    Raises:
        MySQLError: 1113, 1117, 1118, 1060, 1061, 1068, 1069, 1075.
    """
    columns = tuple(c for c in table.columns if c.name != HIDDEN_KEY)
    if not columns:
        raise mysql_error(1113)
    if len(columns) > MAX_COLUMNS:
        raise mysql_error(1117)
    seen: set[str] = set()
    for column in columns:
        if column.name.lower() in seen:
            raise mysql_error(1060, column.name)
        seen.add(column.name.lower())
    names: set[str] = set()
    for index in table.indexes:
        if index.name.lower() in names:
            raise mysql_error(1068) if index.name == "PRIMARY" else mysql_error(1061, index.name)
        names.add(index.name.lower())
    if len(table.indexes) > 64:
        raise mysql_error(1069, 64)
    automatic = [c for c in columns if c.auto_increment]
    leading = {i.columns[0].lower() for i in table.indexes}
    if len(automatic) > 1 or (automatic and automatic[0].name.lower() not in leading):
        raise mysql_error(1075)
    if sum(map(storage_bytes, columns)) > MAX_ROW_BYTES:
        raise mysql_error(1118, MAX_ROW_BYTES)
    columns = finish_generated(columns)
    finished = replace(table, columns=columns, indexes=sorted_indexes(table.indexes, columns))
    if finished.key_index is None:
        hidden = Column(HIDDEN_KEY, ColumnType("bigint"), nullable=False, invisible=True)
        finished = replace(finished, columns=(*columns, hidden))
    return finished
