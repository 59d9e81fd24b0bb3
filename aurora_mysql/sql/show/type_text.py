"""Definitions as MySQL 8.0 prints them."""

from __future__ import annotations

import re

from aurora_mysql.catalog.charsets import CHARSETS
from aurora_mysql.catalog.model import FUNCTIONAL_PREFIX, Check, Column, ColumnType, ForeignKey, Index, Table, View
from aurora_mysql.sql.ddl.expressions import in_parentheses, referenced
from aurora_mysql.sql.ddl.parse_column import quote_string


def backtick(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def type_text(t: ColumnType) -> str:
    """COLUMN_TYPE of information_schema: ``int unsigned``, ``varchar(10)``, ``enum('a','b')``."""
    text = t.name
    if t.name in ("enum", "set"):
        text += "(" + ",".join(quote_string(v) for v in t.values) + ")"
    elif t.name == "decimal":
        text += f"({t.length if t.length is not None else 10},{t.scale or 0})"
    elif t.name in ("float", "double"):
        if t.length is not None and t.scale is not None:
            text += f"({t.length},{t.scale})"
    elif t.name in ("datetime", "timestamp", "time"):
        text += f"({t.scale})" if t.scale else ""
    elif t.name in ("char", "varchar", "binary", "varbinary", "bit"):
        text += f"({t.length if t.length is not None else 1})"
    elif t.length is not None and t.name in ("tinyint", "smallint", "mediumint", "int", "bigint"):
        text += f"({t.length})"
    if t.unsigned:
        text += " unsigned"
    return text + (" zerofill" if t.zerofill else "")


def default_text(column: Column) -> str | None:
    """COLUMN_DEFAULT of information_schema: the value without quotes; expressions as they are."""
    text = column.default
    if text is None or column.default_is_expr:
        return text
    if text.startswith("'") and text.endswith("'"):
        body = text[1:-1].replace("''", "'")
        return body.replace("\\n", "\n").replace("\\r", "\r").replace("\\0", "\0").replace("\\\\", "\\")
    return text


def extra_text(column: Column) -> str:
    """The Extra column: auto_increment, DEFAULT_GENERATED, on update ..., INVISIBLE."""
    parts = []
    if column.auto_increment:
        parts.append("auto_increment")
    if column.default_is_expr:
        parts.append("DEFAULT_GENERATED")
    if column.on_update:
        parts.append(f"on update {column.on_update}")
    if column.generated is not None:
        parts.append("STORED GENERATED" if column.generated_stored else "VIRTUAL GENERATED")
    if column.invisible:
        parts.append("INVISIBLE")
    return " ".join(parts)


def column_key(table: Table, column: Column) -> str:
    """PRI, UNI, MUL or ''."""
    name = column.name.lower()
    found = ""
    unique_as_primary = table.key_index if table.primary is None else None
    for index in table.indexes:
        columns = [c.lower() for c in index.columns]
        if index.name == "PRIMARY" or (index is unique_as_primary):
            if name in columns:
                return "PRI"
        elif columns[0] == name:
            if index.unique and len(columns) == 1:
                found = "UNI"
            elif not found:
                found = "MUL"
    return found


def column_line(column: Column, table: Table) -> str:
    t = column.type
    text = f"{backtick(column.name)} {type_text(t)}"
    if t.charset is not None and t.collation is not None:
        if t.collation != table.collation:
            text += f" CHARACTER SET {t.charset} COLLATE {t.collation}"
        elif t.collation != _default_collation(t.charset):
            # A column always names a collation that is not its character set's default.
            text += f" COLLATE {t.collation}"
    if column.generated is not None:
        kind = "STORED" if column.generated_stored else "VIRTUAL"
        text += f" GENERATED ALWAYS AS ({in_parentheses(column.generated)}) {kind}"
    if not column.nullable:
        text += " NOT NULL"
    elif t.name == "timestamp":
        text += " NULL"
    if column.default is not None:
        if not column.default_is_expr:
            quoted = column.default.startswith(("'", "b'", "0x"))
            text += f" DEFAULT {column.default if quoted else quote_string(column.default)}"
        elif column.default.upper().startswith("CURRENT_TIMESTAMP"):
            text += f" DEFAULT {column.default}"
        else:
            text += f" DEFAULT ({in_parentheses(column.default)})"
    elif column.nullable and t.name not in _NO_DEFAULT and column.generated is None:
        text += " DEFAULT NULL"
    if column.on_update:
        text += f" ON UPDATE {column.on_update}"
    if column.auto_increment:
        text += " AUTO_INCREMENT"
    if column.invisible:
        text += " /*!80023 INVISIBLE */"
    if column.comment:
        text += f" COMMENT {quote_string(column.comment)}"
    return text


_NO_DEFAULT = {"tinytext", "text", "mediumtext", "longtext", "tinyblob", "blob", "mediumblob", "longblob"}


def _default_collation(charset: str) -> str:
    return CHARSETS[charset].default_collation


def index_line(index: Index, table: Table) -> str:
    parts = []
    for part in index.parts:
        text = backtick(part.column)
        if part.column.startswith(FUNCTIONAL_PREFIX):
            column = table.column(part.column)
            text = f"({in_parentheses(column.generated or '') if column is not None else ''})"
        if part.length is not None:
            text += f"({part.length})"
        parts.append(text + (" DESC" if part.descending else ""))
    columns = "(" + ",".join(parts) + ")"
    if index.name == "PRIMARY":
        text = f"PRIMARY KEY {columns}"
    else:
        kind = "UNIQUE " if index.unique else "FULLTEXT " if index.kind == "FULLTEXT" else ""
        text = f"{kind}KEY {backtick(index.name)} {columns}"
    if index.comment:
        text += f" COMMENT {quote_string(index.comment)}"
    return text + ("" if index.visible else " /*!80000 INVISIBLE */")


def foreign_key_line(fk: ForeignKey, table: Table) -> str:
    columns = ", ".join(map(backtick, fk.columns))
    target = backtick(fk.ref_table)
    if fk.ref_database != table.database:
        target = f"{backtick(fk.ref_database)}.{target}"
    text = f"CONSTRAINT {backtick(fk.name)} FOREIGN KEY ({columns}) REFERENCES {target} "
    text += f"({', '.join(map(backtick, fk.ref_columns))})"
    if fk.on_delete != "NO ACTION":
        text += f" ON DELETE {fk.on_delete}"
    return text + (f" ON UPDATE {fk.on_update}" if fk.on_update != "NO ACTION" else "")


def create_table_text(table: Table, *, auto_increment: int = 1, for_mariadb: bool = False) -> str:
    """SHOW CREATE TABLE, byte for byte as MySQL 8.0; `auto_increment` is the table's next value.

    `for_mariadb`: MySQL and MariaDB shall both take the text. A check of one column (MariaDB's JSON columns are texts
    with one) then stands there for MariaDB and among the constraints for MySQL, each in a comment that only its server
    opens.
    """
    inside = _checks_of_columns(table) if for_mariadb else {}
    lines = []
    for column in table.user_columns:
        own = inside.get(column.name.lower())
        line = column_line(column, table)
        lines.append(line if own is None else f"{line} /*M! CHECK ({in_parentheses(own.expression)}) */")
    lines += [index_line(i, table) for i in table.indexes]
    lines += [foreign_key_line(f, table) for f in sorted(table.foreign_keys, key=lambda f: f.name)]
    only_mysql = ""
    for check in table.checks:
        enforced = "" if check.enforced else " /*!80016 NOT ENFORCED */"
        line = f"CONSTRAINT {backtick(check.name)} CHECK ({in_parentheses(check.expression)}){enforced}"
        if check in inside.values():
            only_mysql += f"\n  /*!80016 , {line} */"
        else:
            lines.append(line)
    kind = "TEMPORARY TABLE" if table.temporary else "TABLE"
    body = ",\n  ".join(lines) + only_mysql
    text = f"CREATE {kind} {backtick(table.name)} (\n  {body}\n) ENGINE={table.engine}"
    if table.auto_increment_column is not None and auto_increment > 1:
        text += f" AUTO_INCREMENT={auto_increment}"
    text += f" DEFAULT CHARSET={table.charset}"
    if table.charset == "utf8mb4" or table.collation != _default_collation(table.charset):
        text += f" COLLATE={table.collation}"
    for name, value in table.options.items():
        text += f" {name}={value}"
    if table.comment:
        text += f" COMMENT={quote_string(table.comment)}"
    return text


def _checks_of_columns(table: Table) -> dict[str, Check]:
    """The checks that may have stood at a column (lower case): of that column alone, with the name that MySQL gives."""
    found: dict[str, Check] = {}
    for check in table.checks:
        columns = referenced(check.expression)
        if check.enforced and len(columns) == 1 and re.fullmatch(rf"{re.escape(table.name)}_chk_\d+", check.name):
            found.setdefault(columns.pop(), check)
    return found


def create_view_text(view: View, definition: str, *, listed: bool) -> str:
    """SHOW CREATE VIEW; `listed`: the names of the columns don't follow from `definition`."""
    user, _, host = view.definer.rpartition("@")
    columns = f" ({','.join(map(backtick, view.columns))})" if listed and view.columns else ""
    text = (
        f"CREATE ALGORITHM={view.algorithm} DEFINER={backtick(user)}@{backtick(host)} SQL SECURITY {view.security} "
        f"VIEW {backtick(view.name)}{columns} AS {definition}"
    )
    return text + (f" WITH {view.check_option} CHECK OPTION" if view.check_option != "NONE" else "")
