"""Column types and column attributes."""

from __future__ import annotations

from dataclasses import replace

from aurora_mysql.catalog.charsets import charset_named
from aurora_mysql.catalog.model import ColumnType
from aurora_mysql.errors import mysql_error, unsupported
from aurora_mysql.sql.ddl.spec import CheckSpec, ColumnSpec
from aurora_mysql.sql.lexer import TokenCursor

_SYNONYMS = {
    "INTEGER": "int", "INT1": "tinyint", "INT2": "smallint", "INT3": "mediumint", "INT4": "int", "INT8": "bigint",
    "MIDDLEINT": "mediumint", "DEC": "decimal", "NUMERIC": "decimal", "FIXED": "decimal", "REAL": "double",
    "FLOAT4": "float", "FLOAT8": "double", "CHARACTER": "char", "NCHAR": "char", "NVARCHAR": "varchar",
    "VARCHARACTER": "varchar",
}  # fmt: skip
_PLAIN = {
    "TINYINT", "SMALLINT", "MEDIUMINT", "INT", "BIGINT", "DECIMAL", "FLOAT", "DOUBLE", "BIT", "CHAR", "VARCHAR",
    "BINARY", "VARBINARY", "TINYTEXT", "TEXT", "MEDIUMTEXT", "LONGTEXT", "TINYBLOB", "BLOB", "MEDIUMBLOB", "LONGBLOB",
    "ENUM", "SET", "JSON", "DATE", "DATETIME", "TIMESTAMP", "TIME", "YEAR",
}  # fmt: skip
_SPATIAL = {
    "GEOMETRY", "POINT", "LINESTRING", "POLYGON", "MULTIPOINT", "MULTILINESTRING", "MULTIPOLYGON",
    "GEOMETRYCOLLECTION", "GEOMCOLLECTION",
}  # fmt: skip
_INTEGERS = {"tinyint", "smallint", "mediumint", "int", "bigint"}
_CHARACTER = {"char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set"}
_TEXTS = ("tiny", "", "medium", "long")
_TEMPORAL = {"datetime", "timestamp", "time"}
_NOW = ("CURRENT_TIMESTAMP", "NOW", "LOCALTIME", "LOCALTIMESTAMP")


def parse_column(cur: TokenCursor, name: str) -> ColumnSpec:
    """A column definition after its name, with FIRST/AFTER."""
    spec = _type(cur, name)
    _attributes(cur, spec)
    if cur.accept_word("FIRST"):
        spec.first = True
    elif cur.accept_word("AFTER"):
        spec.after = cur.expect_ident()
    return spec


def parse_type(cur: TokenCursor) -> ColumnType:
    """The type of a variable or parameter, with its character set."""
    spec = _type(cur, "")
    charset = spec.charset
    if cur.accept_word("CHARACTER", "SET") or cur.accept_any("CHARSET"):
        charset = charset_name(cur)
    collation = charset_name(cur) if cur.accept_word("COLLATE") else None
    if spec.type.name not in _CHARACTER:
        return spec.type
    known = charset_named(charset or "utf8mb4")
    return replace(spec.type, charset=known.name, collation=collation or known.default_collation)


def _type(cur: TokenCursor, name: str) -> ColumnSpec:
    token = cur.next()
    if token.kind != "word":
        cur.position -= 1
        raise cur.syntax_error()
    word = token.upper
    unsigned = False
    if word in _SPATIAL:
        raise unsupported(f"column type {word}")
    if word == "SERIAL":
        spec = ColumnSpec(name, ColumnType("bigint", unsigned=True), nullable=False, auto_increment=True)
        spec.unique = True
        return spec
    if word in ("BOOL", "BOOLEAN"):
        return ColumnSpec(name, ColumnType("tinyint", 1))
    national = False
    if word == "NATIONAL":
        national = True
        word = cur.next().upper
    national = national or word in ("NCHAR", "NVARCHAR")
    if word == "LONG":
        base = "mediumblob" if cur.accept_word("VARBINARY") else "mediumtext"
        cur.accept_word("VARCHAR")
    else:
        base = _SYNONYMS.get(word, word.lower() if word in _PLAIN else "")
        if not base:
            cur.position -= 1
            raise cur.syntax_error()
    if base == "double":
        cur.accept_word("PRECISION")
    if base == "char" and not national and cur.accept_word("BYTE"):
        base = "binary"
    if base == "char" and cur.accept_any("VARYING"):
        base = "varchar"
    length, scale = None, None
    values: tuple[str, ...] = ()
    if base in ("enum", "set"):
        values = _members(cur)
    elif cur.accept_op("("):
        length = cur.expect_integer()
        if base in ("decimal", "float", "double") and cur.accept_op(","):
            scale = cur.expect_integer()
        cur.expect_op(")")
    zerofill = False
    if base in _INTEGERS or base in ("decimal", "float", "double"):
        while word_found := cur.accept_any("UNSIGNED", "SIGNED", "ZEROFILL"):
            zerofill = zerofill or word_found == "ZEROFILL"
            unsigned = unsigned or word_found != "SIGNED"
    spec = ColumnSpec(name, ColumnType(base))
    if national:
        spec.charset = "utf8mb3"
    spec.type = _sized(spec, base, length, scale, unsigned, zerofill, values, name)
    if spec.charset == "binary":
        spec.charset = None
    return spec


def _members(cur: TokenCursor) -> tuple[str, ...]:
    cur.expect_op("(")
    values = [cur.expect_string().rstrip(" ")]
    while cur.accept_op(","):
        values.append(cur.expect_string().rstrip(" "))
    cur.expect_op(")")
    return tuple(values)


def _sized(
    spec: ColumnSpec,
    base: str,
    length: int | None,
    scale: int | None,
    unsigned: bool,
    zerofill: bool,
    values: tuple[str, ...],
    name: str,
) -> ColumnType:
    if base in _INTEGERS:
        if length is not None and length > 255:
            raise mysql_error(1439, name, 255)
        # MySQL 8.0 keeps the width of TINYINT(1) and of ZEROFILL columns only.
        widths = {"tinyint": 3, "smallint": 5, "mediumint": 8, "int": 10, "bigint": 20}
        kept = (length if length is not None else widths[base]) if zerofill else None
        if base == "tinyint" and length == 1 and not unsigned:
            kept = 1
        return ColumnType(base, kept, unsigned=unsigned, zerofill=zerofill)
    if base == "decimal":
        precision, digits = (10 if length in (None, 0) else length), scale or 0
        assert precision is not None
        if digits > 30:
            raise mysql_error(1425, digits, name, 30)
        if precision > 65:
            raise mysql_error(1426, precision, name, 65)
        if digits > precision:
            raise mysql_error(1427, name)
        return ColumnType(base, precision, digits, unsigned=unsigned, zerofill=zerofill)
    if base in ("float", "double"):
        if base == "float" and length is not None and scale is None:
            if length > 53:
                raise mysql_error(1063, name)
            return ColumnType("double" if length > 24 else "float", unsigned=unsigned, zerofill=zerofill)
        if length is not None and scale is not None and scale > length:
            raise mysql_error(1427, name)
        return ColumnType(base, length, scale, unsigned=unsigned, zerofill=zerofill)
    if base == "bit":
        width = length if length is not None else 1
        if width > 64 or width == 0:
            raise mysql_error(1439, name, 64)
        return ColumnType("bit", width)
    if base in _TEMPORAL:
        if length is not None and length > 6:
            raise mysql_error(1426, length, name, 6)
        return ColumnType(base, scale=length or None)
    if base in ("char", "binary"):
        size = 1 if length is None else length
        if size > 255:
            raise mysql_error(1074, name, 255)
        return ColumnType(base, size)
    if base in ("text", "blob") and length is not None:
        limits = (255, 65535, 16777215, 4294967295)
        step = 4 if base == "text" else 1
        for prefix, limit in zip(_TEXTS, limits, strict=True):
            if length * step <= limit:
                return ColumnType(prefix + base)
        raise mysql_error(1439, name, 4294967295)
    if base in ("varchar", "varbinary"):
        return ColumnType(base, length)
    if base == "set" and len(values) > 64:
        raise mysql_error(1097, name)
    if base in ("enum", "set"):
        seen = set()
        for value in values:
            if value.lower() in seen:
                raise mysql_error(1291, name, value, base.upper())
            seen.add(value.lower())
    return ColumnType(base, values=values)


def _charset_clause(cur: TokenCursor) -> str | None:
    if cur.accept_word("CHARACTER", "SET") or cur.accept_word("CHARSET"):
        cur.accept_op("=")
        return charset_name(cur)
    return None


def charset_name(cur: TokenCursor) -> str:
    """A character set's or collation's name, bare or quoted."""
    return cur.accept_string() or cur.expect_ident()


def _attributes(cur: TokenCursor, spec: ColumnSpec) -> None:
    while True:
        charset = _charset_clause(cur)
        if charset is not None:
            spec.charset = charset_named(charset).name
        elif cur.accept_word("COLLATE"):
            spec.collation = charset_name(cur)
        elif cur.accept_word("BINARY") and spec.type.name in _CHARACTER:
            spec.collation = f"{spec.charset or 'utf8mb4'}_bin"
        elif cur.accept_word("ASCII"):
            spec.charset = "latin1"
        elif cur.accept_word("UNICODE"):
            raise unsupported("character set ucs2")
        elif cur.accept_word("NOT", "NULL"):
            spec.nullable = False
        elif cur.accept_word("NULL"):
            spec.nullable = True
        elif cur.accept_word("DEFAULT"):
            _default(cur, spec)
        elif cur.accept_word("ON", "UPDATE"):
            spec.on_update = _now(cur, spec, 1294)
        elif cur.accept_word("AUTO_INCREMENT"):
            spec.auto_increment = True
        elif cur.accept_word("SERIAL", "DEFAULT", "VALUE"):
            spec.auto_increment, spec.nullable, spec.unique = True, False, True
        elif cur.accept_word("UNIQUE"):
            cur.accept_word("KEY")
            spec.unique = True
        elif cur.accept_word("PRIMARY"):
            cur.accept_word("KEY")
            spec.primary = True
        elif cur.accept_word("KEY"):
            spec.primary = True
        elif cur.accept_word("COMMENT"):
            spec.comment = cur.expect_string()
        elif cur.accept_any("COLUMN_FORMAT", "STORAGE"):
            cur.expect_ident()
        elif cur.accept_word("VISIBLE"):
            spec.invisible = False
        elif cur.accept_word("INVISIBLE"):
            spec.invisible = True
        elif cur.accept_word("REFERENCES"):
            _ignore_references(cur)
        elif cur.peek_word("CONSTRAINT") or cur.peek_word("CHECK"):
            name = ""
            if cur.accept_word("CONSTRAINT") and not cur.peek_word("CHECK"):
                name = cur.expect_ident()
            spec.checks.append(replace(parse_check(cur, name), column=spec.name))
        elif cur.peek_word("GENERATED") or cur.peek_word("AS"):
            cur.accept_word("GENERATED", "ALWAYS")
            cur.expect_word("AS")
            spec.generated = cur.skip_parentheses()
            spec.generated_stored = cur.accept_any("VIRTUAL", "STORED", "PERSISTENT") in ("STORED", "PERSISTENT")
        else:
            return


def parse_check(cur: TokenCursor, name: str) -> CheckSpec:
    """``CHECK (expr) [[NOT] ENFORCED]``."""
    cur.expect_word("CHECK")
    check = CheckSpec(name, cur.skip_parentheses())
    if cur.accept_word("NOT", "ENFORCED"):
        check.enforced = False
    else:
        cur.accept_word("ENFORCED")
    return check


def _ignore_references(cur: TokenCursor) -> None:
    """Inline REFERENCES: accepted and without effect, as in MySQL 8.0."""
    cur.expect_name()
    if cur.peek_op("("):
        cur.skip_parentheses()
    while cur.accept_any("MATCH", "ON"):
        if cur.accept_any("DELETE", "UPDATE"):
            reference_action(cur)
        else:
            cur.expect_ident()


def reference_action(cur: TokenCursor) -> str:
    if cur.accept_word("SET", "NULL"):
        return "SET NULL"
    if cur.accept_word("SET", "DEFAULT"):
        return "SET DEFAULT"
    if cur.accept_word("NO", "ACTION"):
        return "NO ACTION"
    found = cur.accept_any("CASCADE", "RESTRICT")
    if found is None:
        raise cur.syntax_error()
    return found


def _default(cur: TokenCursor, spec: ColumnSpec) -> None:
    if cur.accept_word("NULL"):
        spec.default, spec.default_kind = "", "null"
        return
    if cur.peek_any(*_NOW):
        spec.default, spec.default_kind = _now(cur, spec, 1067), "now"
        return
    if cur.peek_op("("):
        spec.default, spec.default_kind = cur.skip_parentheses(), "expression"
        return
    call = _call(cur)
    if call:
        spec.default, spec.default_kind = call, "expression"
        return
    spec.default, spec.default_kind = parse_default_literal(cur), "literal"


def _call(cur: TokenCursor) -> str:
    """A function call without parentheses around it, as MariaDB's dumps have defaults; '' when there is none."""
    name, following = cur.peek(), cur.peek(1)
    if name is None or name.kind != "word" or following is None or following.text != "(":
        return ""
    start = cur.position
    cur.next()
    cur.skip_parentheses()
    return cur.text_between(start, cur.position)


def parse_default_literal(cur: TokenCursor) -> str:
    """A literal's source text: ``1``, ``-1.5``, ``'a'``, ``b'1'``, ``x'41'``, ``TRUE`` as ``1``."""
    sign = cur.accept_op("-", "+") or ""
    token = cur.next()
    if token.kind == "number":
        return ("-" if sign == "-" else "") + token.text
    if sign:
        cur.position -= 1
        raise cur.syntax_error()
    if token.kind == "word" and token.upper in ("TRUE", "FALSE"):
        return "1" if token.upper == "TRUE" else "0"
    if token.kind == "word" and token.upper in ("DATE", "TIME", "TIMESTAMP") and cur.peek() is not None:
        token = cur.next()
    if token.kind == "string" and isinstance(token.value, str):
        return quote_string(token.value)
    if token.kind in ("bit", "hex", "string"):
        return token.text
    cur.position -= 1
    raise cur.syntax_error()


def quote_string(value: str) -> str:
    """`value` as a MySQL string literal, escaped as SHOW CREATE TABLE does."""
    escaped = value.replace("\\", "\\\\").replace("'", "''").replace("\0", "\\0")
    return "'" + escaped.replace("\n", "\\n").replace("\r", "\\r") + "'"


def _now(cur: TokenCursor, spec: ColumnSpec, errno: int) -> str:
    word = cur.accept_any(*_NOW)
    if word is None:
        raise cur.syntax_error()
    digits = 0
    if cur.accept_op("("):
        if not cur.peek_op(")"):
            digits = cur.expect_integer()
        cur.expect_op(")")
    elif word == "NOW":
        raise cur.syntax_error()
    if spec.type.name not in ("datetime", "timestamp") or digits != (spec.type.scale or 0):
        raise mysql_error(errno, spec.name)
    return "CURRENT_TIMESTAMP" + (f"({digits})" if digits else "")
