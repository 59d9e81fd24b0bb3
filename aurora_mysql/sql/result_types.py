"""Column definitions of the wire protocol: what MySQL 8.0 announces for columns and expressions."""

from __future__ import annotations

import re

from aurora_mysql.catalog.charsets import CHARSETS, COLLATIONS
from aurora_mysql.catalog.model import Column, ColumnType, Table
from aurora_mysql.catalog.values import TEXT_BYTES
from aurora_mysql.sql.result import ResultColumn

NOT_NULL, PRI_KEY, UNIQUE_KEY, MULTIPLE_KEY, BLOB = 1, 2, 4, 8, 16
UNSIGNED, ZEROFILL, BINARY, ENUM, AUTO_INCREMENT, TIMESTAMP, SET = 32, 64, 128, 256, 512, 1024, 2048
NO_DEFAULT_VALUE, ON_UPDATE_NOW, PART_KEY, NUM = 4096, 8192, 16384, 32768

BINARY_COLLATION_ID = 63
#: Decimals of a floating-point value without a fixed scale.
NOT_FIXED = 31

_TYPE_CODES = {
    "tinyint": 1, "smallint": 2, "int": 3, "float": 4, "double": 5, "timestamp": 7, "bigint": 8, "mediumint": 9,
    "date": 10, "time": 11, "datetime": 12, "year": 13, "bit": 16, "json": 245, "decimal": 246,
    "tinytext": 252, "text": 252, "mediumtext": 252, "longtext": 252,
    "tinyblob": 252, "blob": 252, "mediumblob": 252, "longblob": 252,
    "varchar": 253, "varbinary": 253, "char": 254, "binary": 254, "enum": 254, "set": 254,
}  # fmt: skip

_WIDTHS = {"tinyint": (4, 3), "smallint": (6, 5), "mediumint": (9, 8), "int": (11, 10), "bigint": (20, 20)}
_NUMBERS = {*_WIDTHS, "decimal", "float", "double", "year"}


def character_bytes(column_type: ColumnType) -> int:
    """The most bytes one character of `column_type` takes as sent to a utf8mb4 client."""
    if column_type.charset == "binary":
        return 1
    found = CHARSETS.get(column_type.charset or "utf8mb4")
    return 4 if found is not None else 1


def display_length(column_type: ColumnType) -> int:
    """The column length of the protocol, in bytes for text, in characters for the rest."""
    name, length, scale = column_type.name, column_type.length, column_type.scale
    if name in _WIDTHS:
        return length if length is not None else _WIDTHS[name][column_type.unsigned]
    if name == "decimal":
        digits = length if length is not None else 10
        return digits + (1 if scale else 0) + (0 if column_type.unsigned else 1)
    if name in ("float", "double"):
        return length if length is not None else (12 if name == "float" else 22)
    if name == "bit":
        return length or 1
    if name == "year":
        return 4
    if name == "date":
        return 10
    if name == "time":
        return 10 + (scale + 1 if scale else 0)
    if name in ("datetime", "timestamp"):
        return 19 + (scale + 1 if scale else 0)
    if name == "json":
        return 4294967295
    if name in ("binary", "varbinary"):
        return length if length is not None else 1
    if name in TEXT_BYTES:
        limit = TEXT_BYTES[name]
        return limit if name.endswith("blob") else min(limit * character_bytes(column_type), 4294967295)
    if name == "enum":
        return max((len(v) for v in column_type.values), default=0) * character_bytes(column_type)
    if name == "set":
        return (sum(map(len, column_type.values)) + max(len(column_type.values) - 1, 0)) * character_bytes(column_type)
    return (length if length is not None else 1) * character_bytes(column_type)


def _flags(column_type: ColumnType) -> int:
    name = column_type.name
    flags = 0
    if name in _NUMBERS:
        flags |= NUM
    if column_type.unsigned or name in ("bit", "year"):
        flags |= UNSIGNED
    if column_type.zerofill or name == "year":
        flags |= ZEROFILL
    if name in TEXT_BYTES or name == "json":
        flags |= BLOB
    binary_text = column_type.collation is not None and column_type.collation.endswith("_bin")
    if name in ("json", "date", "time", "datetime", "timestamp") or name in _BINARY_TYPES or binary_text:
        flags |= BINARY
    if name == "enum":
        flags |= ENUM
    if name == "set":
        flags |= SET
    return flags


_BINARY_TYPES = {"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"}
_CHARACTER_TYPES = {"char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set"}


def _decimals(column_type: ColumnType) -> int:
    if column_type.name in ("float", "double"):
        return NOT_FIXED if column_type.scale is None else column_type.scale
    if column_type.name in ("decimal", "time", "datetime", "timestamp"):
        return column_type.scale or 0
    return 0


def from_type(name: str, column_type: ColumnType) -> ResultColumn:
    """The definition of a value of `column_type` that comes from no table column."""
    collation_id = BINARY_COLLATION_ID
    if column_type.name in _CHARACTER_TYPES:
        collation = COLLATIONS.get(column_type.collation or "utf8mb4_0900_ai_ci")
        # Text is sent in the client's character set, which is utf8mb4.
        collation_id = 255 if collation is None or collation.charset != "binary" else BINARY_COLLATION_ID
    return ResultColumn(
        name,
        _TYPE_CODES[column_type.name],
        collation_id,
        display_length(column_type),
        _flags(column_type),
        NOT_FIXED if collation_id != BINARY_COLLATION_ID else _decimals(column_type),
    )


def table_column(column: Column, table: Table, *, alias: str = "", name: str = "") -> ResultColumn:
    """The definition of `column` of `table`, selected as `name` from the table alias `alias`."""
    result = from_type(name or column.name, column.type)
    result.decimals = _decimals(column.type)
    flags = result.flags
    if not column.nullable:
        flags |= NOT_NULL
        if column.default is None and not column.auto_increment and not column.generated:
            flags |= NO_DEFAULT_VALUE
    if column.auto_increment:
        flags |= AUTO_INCREMENT
    if column.on_update:
        flags |= ON_UPDATE_NOW | TIMESTAMP
    elif column.type.name == "timestamp" and column.default_is_expr:
        flags |= TIMESTAMP
    lower = column.name.lower()
    for index in table.indexes:
        columns = [c.lower() for c in index.columns]
        if lower not in columns:
            continue
        flags |= PART_KEY
        if index.name == "PRIMARY":
            flags |= PRI_KEY
        elif columns[0] == lower:
            flags |= UNIQUE_KEY if index.unique and len(columns) == 1 else MULTIPLE_KEY
    result.flags = flags
    result.org_name = column.name
    result.table = alias or table.name
    result.org_table = table.name
    result.schema = table.database
    return result


_DUCKDB_INTEGERS = {
    "BOOLEAN": (8, 1, False), "TINYINT": (8, 4, False), "SMALLINT": (8, 6, False), "INTEGER": (8, 11, False),
    "BIGINT": (8, 21, False), "UTINYINT": (8, 3, True), "USMALLINT": (8, 5, True), "UINTEGER": (8, 10, True),
    "UBIGINT": (8, 20, True),
}  # fmt: skip
_DECIMAL = re.compile(r"DECIMAL\((\d+),\s*(\d+)\)")


def expression_column(name: str, duckdb_type: str, *, nullable: bool = True) -> ResultColumn:
    """The definition of a computed value from the DuckDB type of its column."""
    kind = duckdb_type.upper()
    not_null = 0 if nullable else NOT_NULL
    if kind in _DUCKDB_INTEGERS:
        code, length, unsigned = _DUCKDB_INTEGERS[kind]
        return ResultColumn(
            name, code, BINARY_COLLATION_ID, length, not_null | BINARY | NUM | (UNSIGNED if unsigned else 0)
        )
    numeric = not_null | BINARY | NUM
    if kind in ("HUGEINT", "UHUGEINT", "BIGNUM"):
        return ResultColumn(name, 246, BINARY_COLLATION_ID, 42, numeric)
    match = _DECIMAL.fullmatch(kind)
    if match is not None:
        precision, scale = int(match[1]), int(match[2])
        return ResultColumn(name, 246, BINARY_COLLATION_ID, precision + (1 if scale else 0) + 1, numeric, scale)
    if kind == "FLOAT":
        return ResultColumn(name, 4, BINARY_COLLATION_ID, 12, numeric, NOT_FIXED)
    if kind == "DOUBLE":
        return ResultColumn(name, 5, BINARY_COLLATION_ID, 23, numeric, NOT_FIXED)
    if kind == "DATE":
        return ResultColumn(name, 10, BINARY_COLLATION_ID, 10, not_null | BINARY)
    if kind.startswith("TIMESTAMP"):
        return ResultColumn(name, 12, BINARY_COLLATION_ID, 26, not_null | BINARY, 6)
    if kind in ("TIME", "INTERVAL"):
        return ResultColumn(name, 11, BINARY_COLLATION_ID, 17, not_null | BINARY, 6)
    if kind == "BLOB":
        return ResultColumn(name, 253, BINARY_COLLATION_ID, 65535, not_null | BINARY, NOT_FIXED)
    if kind == "JSON":
        return ResultColumn(name, 245, BINARY_COLLATION_ID, 4294967295, not_null | BLOB | BINARY)
    if kind == '"NULL"' or kind == "NULL":
        return ResultColumn(name, 6, BINARY_COLLATION_ID, 0, BINARY)
    return ResultColumn(name, 253, 255, 65532, not_null, NOT_FIXED)


def column_type_of(column: ResultColumn) -> ColumnType:
    """A column type that holds the values of a result column (of a query whose rows are stored or computed on)."""
    unsigned = bool(column.flags & UNSIGNED)
    code = column.type_code
    if code in (252, 253, 254) and column.collation_id == BINARY_COLLATION_ID:
        return ColumnType("longblob")
    if code in (252, 253, 254, 247, 248):
        return ColumnType("longtext", charset="utf8mb4", collation="utf8mb4_0900_ai_ci")
    if code == 246:
        digits = max(column.length_bytes - (1 if column.decimals else 0) - (0 if unsigned else 1), 1)
        return ColumnType("decimal", min(digits, 65), column.decimals, unsigned)
    if code in (1, 2, 3, 8, 9):
        return ColumnType("bigint", unsigned=unsigned)
    if code in (4, 5):
        return ColumnType("double")
    if code in (7, 12):
        return ColumnType("datetime", scale=6)
    if code == 11:
        return ColumnType("time", scale=6)
    names = {10: "date", 13: "year", 245: "json"}
    if code == 16:
        return ColumnType("bit", length=64)
    return ColumnType(names.get(code, "longtext"))
