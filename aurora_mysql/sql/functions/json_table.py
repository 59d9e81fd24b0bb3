"""JSON_TABLE: rows out of a JSON document."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation, localcontext
from functools import lru_cache
from typing import Any

from aurora_mysql.errors import mysql_error
from aurora_mysql.sql.functions.json_functions import dumps, find, loads
from aurora_mysql.sql.functions.registry import udf
from aurora_mysql.sql.functions.temporal_text import datetime_text, read_datetime, read_time, time_text

_RANGES = {"int": (-(2**63), 2**63 - 1), "uint": (0, 2**64 - 1)}


class _Unfit(Exception):
    """The value can't be stored in the column."""


@dataclass(frozen=True, slots=True)
class TableColumn:
    """`kind`: ordinality, exists, nested, or an expression type's kind. `low`/`high`: an integer's range; `length`: a
    text's characters or a decimal's precision. `on_empty`/`on_error`: 'null', 'error' or ['default', JSON text]."""

    name: str
    kind: str
    path: str = "$"
    length: int = 0
    scale: int = 0
    low: int | None = None
    high: int | None = None
    on_empty: Any = "null"
    on_error: Any = "null"
    columns: tuple[TableColumn, ...] = field(default=())

    def width(self) -> int:
        """How many columns of the result it stands for."""
        return sum(c.width() for c in self.columns) if self.kind == "nested" else 1


@lru_cache(maxsize=256)
def _specification(text: str) -> tuple[str, tuple[TableColumn, ...]]:
    path, columns = json.loads(text)
    return path, _columns(columns)


def _columns(items: list[dict[str, Any]]) -> tuple[TableColumn, ...]:
    return tuple(TableColumn(**{**item, "columns": _columns(item.get("columns", []))}) for item in items)


@udf("my_json_table", ["VARCHAR", "VARCHAR"], "VARCHAR[][]")
def json_table(document: str, specification: str) -> list[list[str | None]]:
    """The rows, every value as text that DuckDB can cast to the column's type.

    Raises:
        MySQLError: 3141 for a document that is no JSON; 3665, 3666 and 3156 where ERROR was asked for.
    """
    path, columns = _specification(specification)
    try:
        value = loads(document)
    except ValueError as error:
        raise mysql_error(3141, 1, "json_table", "Invalid value.", getattr(error, "pos", 0), "") from None
    rows: list[list[str | None]] = []
    for number, item in enumerate(find(value, path), 1):
        rows += _rows(item, number, columns)
    return rows


def _rows(item: Any, number: int, columns: tuple[TableColumn, ...]) -> list[list[str | None]]:
    """The rows of one match: plain columns repeated beside the rows of each NESTED PATH in turn."""
    width = sum(c.width() for c in columns)
    base: list[str | None] = [None] * width
    nested: list[tuple[int, TableColumn]] = []
    at = 0
    for column in columns:
        if column.kind == "nested":
            nested.append((at, column))
        else:
            base[at] = str(number) if column.kind == "ordinality" else _value(item, column)
        at += column.width()
    rows: list[list[str | None]] = []
    for start, column in nested:
        for position, child in enumerate(find(item, column.path), 1):
            for inner in _rows(child, position, column.columns):
                row = list(base)
                row[start : start + len(inner)] = inner
                rows.append(row)
    return rows or [base]


def _value(item: Any, column: TableColumn) -> str | None:
    found = find(item, column.path)
    if column.kind == "exists":
        return "1" if found else "0"
    if not found:
        if column.on_empty == "error":
            raise mysql_error(3665, column.name)
        return None if column.on_empty == "null" else _default(column, column.on_empty[1])
    try:
        if len(found) > 1 and column.kind != "json":
            raise _Unfit
        return _converted(found if len(found) > 1 else found[0], column)
    except _Unfit:
        if column.on_error == "error":
            if isinstance(found[0], dict | list) or len(found) > 1:
                raise mysql_error(3666, column.name) from None
            raise mysql_error(3156, column.name) from None
        return None if column.on_error == "null" else _default(column, column.on_error[1])


def _default(column: TableColumn, text: str) -> str | None:
    try:
        return _converted(loads(text), column)
    except (_Unfit, ValueError):
        return None


def _converted(value: Any, column: TableColumn) -> str | None:
    if column.kind == "json":
        return dumps(value)
    if value is None:
        return None
    if isinstance(value, dict | list):
        raise _Unfit
    if column.kind in ("int", "uint"):
        return _integer(value, column)
    if column.kind == "decimal":
        return _decimal(value, column)
    if column.kind in ("double", "float"):
        return repr(float(_number(value)))
    text = {True: "true", False: "false"}[value] if isinstance(value, bool) else value
    text = text if isinstance(text, str) else dumps(text)
    if column.kind in ("date", "datetime"):
        moment, _ = read_datetime(text)
        if moment is None:
            raise _Unfit
        return moment.date().isoformat() if column.kind == "date" else datetime_text(moment, 6)
    if column.kind == "time":
        time, _ = read_time(text)
        if time is None:
            raise _Unfit
        return time_text(time, 6)
    if column.length and len(text) > column.length:
        raise _Unfit
    return text


def _number(value: Any) -> Decimal:
    if isinstance(value, str):
        found = re.match(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$", value)
        if found is None:
            raise _Unfit
    try:
        return Decimal(int(value) if isinstance(value, bool) else str(value).strip())
    except InvalidOperation:
        raise _Unfit from None


def _integer(value: Any, column: TableColumn) -> str:
    number = int(_number(value).to_integral_value(ROUND_HALF_UP))
    low, high = _RANGES[column.kind]
    low, high = (low if column.low is None else column.low), (high if column.high is None else column.high)
    if not low <= number <= high:
        raise _Unfit
    return str(number)


def _decimal(value: Any, column: TableColumn) -> str:
    with localcontext() as exact:
        exact.prec = 120
        number = _number(value).quantize(Decimal(1).scaleb(-column.scale), ROUND_HALF_UP)
        if abs(number) >= Decimal(10) ** (column.length - column.scale):
            raise _Unfit
        return format(number, "f")
