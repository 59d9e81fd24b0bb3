"""DuckDB expressions for values as the text protocol shows them, byte for byte what session/text_encoding.py makes of
the same values in Python."""

from __future__ import annotations

import re
from dataclasses import dataclass

from aurora_mysql.sql.query import calendar
from aurora_mysql.sql.query.types import MAX_DIGITS
from aurora_mysql.sql.result import ResultColumn
from aurora_mysql.sql.result_types import NOT_FIXED, ZEROFILL

#: Lengths from here on take more than one byte.
SHORT_BYTES = 124

_FLOAT, _DOUBLE, _TIMESTAMP, _DATETIME, _YEAR, _BIT = 4, 5, 7, 12, 13, 16
#: VARCHAR and CHAR.
_SIZED = (253, 254)
_INTEGERS = frozenset(
    ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT")
)
_DECIMAL = re.compile(r"DECIMAL\((\d+), ?(\d+)\)")
#: Decimals that datetimes and times can be shown with.
_MOST_DIGITS = 6


@dataclass(frozen=True, slots=True)
class ValueText:
    """`sql` is the value's text (NULL for NULL), a BLOB if `binary`. `bounded`: shorter than SHORT_BYTES. `before`
    and `after` make the same in two steps: `after` of what `before` gave, under the value's name."""

    sql: str
    bounded: bool = True
    binary: bool = False
    before: str = ""
    after: str = ""


def value_text(sql: str, column: ResultColumn, duckdb_type: str) -> ValueText | None:
    """The text of `sql`, which is of `duckdb_type` and announced as `column`; None for types it does not know.

    `sql` appears several times, so it should be a name.
    """
    kind = duckdb_type.upper()
    if kind in _INTEGERS:
        return _integer(sql, column)
    if kind == "BOOLEAN":
        return ValueText(f"CAST(CAST({sql} AS UTINYINT) AS VARCHAR)")
    decimal = _DECIMAL.fullmatch(kind)
    if decimal is not None:
        return _decimal(sql, int(decimal[1]), int(decimal[2]))
    if kind in ("DOUBLE", "FLOAT"):
        return _floating(sql, column, kind)
    if kind in ("VARCHAR", "JSON"):
        # What is in a column of a table is no longer than was declared.
        bounded = bool(column.org_table) and column.type_code in _SIZED and column.length_bytes < SHORT_BYTES
        return ValueText(sql if kind == "VARCHAR" else f"CAST({sql} AS VARCHAR)", bounded=bounded)
    if kind == "BLOB":
        return ValueText(sql, bounded=False, binary=True)
    if kind == "DATE":
        text = calendar.text(sql, "date")
        return ValueText(f"({text} || ' 00:00:00')" if column.type_code in (_DATETIME, _TIMESTAMP) else text)
    if kind == "TIMESTAMP":
        usual = f"CASE WHEN {calendar.on_calendar(sql, 'datetime')} THEN CAST({sql} AS VARCHAR)"
        return ValueText(_with_fraction(f"{usual} ELSE my_datetime_text({sql}, 6) END", 19, column))
    if kind == "INTERVAL":
        # Days and months (from arithmetic) are hours of a TIME.
        return ValueText(_with_fraction(f"CAST(to_microseconds(epoch_us({sql})) AS VARCHAR)", None, column))
    if kind == "TIME":
        return ValueText(_with_fraction(f"CAST({sql} AS VARCHAR)", 8, column))
    return ValueText("CAST(NULL AS VARCHAR)") if kind in ("NULL", '"NULL"') else None


def _integer(sql: str, column: ResultColumn) -> ValueText | None:
    if column.type_code == _BIT:
        digits = 2 * max(1, (column.length_bytes + 7) // 8)
        return ValueText(f"unhex(lpad(to_hex({sql}), {digits}, '0'))", binary=True)
    text = f"CAST({sql} AS VARCHAR)"
    width = 4 if column.type_code == _YEAR else column.length_bytes if column.flags & ZEROFILL else 0
    if not width:
        return ValueText(text)
    if width > 120:
        return None
    return ValueText(f"lpad({text}, greatest({width}, strlen({text}))::INTEGER, '0')")


def _decimal(sql: str, precision: int, scale: int) -> ValueText | None:
    if precision > scale:
        return ValueText(f"CAST({sql} AS VARCHAR)")
    # Without digits before the point DuckDB shows none, not even a zero.
    wider = f"CAST(CAST({sql} AS DECIMAL({precision + 1},{scale})) AS VARCHAR)"
    return ValueText(wider) if precision < MAX_DIGITS else None


def _floating(sql: str, column: ResultColumn, kind: str) -> ValueText:
    value = f"CAST({sql} AS DOUBLE)" if kind == "FLOAT" else sql
    overflow = f"WHEN NOT isfinite({sql}) THEN CAST(error('AURORA:1690:DOUBLE') AS VARCHAR)"
    if column.type_code in (_FLOAT, _DOUBLE) and 0 < column.decimals < NOT_FIXED:
        usual = f"WHEN abs({value}) < 1e15 THEN printf('%.{column.decimals}f', {value})"
        shown = f"CASE {overflow} {usual} ELSE my_fixed({value}, {column.decimals}) END"
        return ValueText(shown, bounded=False)
    # What DuckDB prints as MySQL does: nearly all values. The functions know the others.
    if column.type_code == _FLOAT:
        usual = f"(abs({value}) < 999999 AND abs({value}) >= 0.0001) OR {value} = 0"
        return ValueText(f"CASE WHEN {usual} THEN printf('%.6g', {value}) {overflow} ELSE my_fstr({sql}) END")
    usual = f"(abs({value}) < 1e15 AND abs({value}) >= 0.0001) OR {value} = 0"
    text = f"CAST({value} AS VARCHAR)"

    def without_zero(text: str) -> str:
        return f"CASE WHEN suffix({text}, '.0') THEN left({text}, -2) ELSE {text} END"

    return ValueText(
        f"CASE WHEN {usual} THEN {without_zero(text)} {overflow} ELSE my_dstr({value}) END",
        before=f"CASE WHEN {usual} THEN {text} {overflow} ELSE my_dstr({value}) END",
        after=without_zero(sql),
    )


def _with_fraction(text: str, whole: int | None, column: ResultColumn) -> str:
    """`text` of a moment with exactly the column's decimals. DuckDB shows as many as are not zero. `whole` is the
    length without them, None when that varies."""
    digits = column.decimals if 0 < column.decimals <= _MOST_DIGITS else 0
    if not digits:
        return f"left({text}, {whole})" if whole is not None else f"split_part({text}, '.', 1)"
    if whole is not None:
        return f"rpad(CASE WHEN strlen({text}) = {whole} THEN {text} || '.' ELSE {text} END, {whole + 1 + digits}, '0')"
    return f"split_part({text}, '.', 1) || '.' || rpad(split_part({text}, '.', 2), {digits}, '0')"
