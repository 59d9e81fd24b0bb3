"""From any value to the storage value of a column, with MySQL's conversions, roundings, errors and warnings.

:func:`converter` compiles one function per column. It accepts None, bool, int, float, Decimal, str, bytes, date,
datetime, timedelta and gives storage values (see :mod:`aurora_mysql.redo.record`).

Zero dates ('0000-00-00', a zero month or day) are stored as :class:`~aurora_mysql.catalog.zero_date.ZeroDate` where
sql_mode allows them. What is no date, or not allowed, is error 1292 in strict mode, else '0000-00-00' with a warning.
"""

from __future__ import annotations

import ctypes
import datetime as dt
import math
import re
from collections.abc import Callable
from dataclasses import replace
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from typing import Any

from aurora_mysql.catalog.charsets import CHARSETS
from aurora_mysql.catalog.collation import collation_key
from aurora_mysql.catalog.model import Column
from aurora_mysql.catalog.value_json import JsonError, dump_json, normalise_json
from aurora_mysql.catalog.value_temporal import (
    MAX_TIME,
    Moment,
    TemporalError,
    as_datetime,
    datetime_from_number,
    datetime_from_text,
    round_datetime,
    round_time,
    time_from_number,
    time_from_text,
    time_of_day,
    year_of_two_digits,
)
from aurora_mysql.catalog.value_text import format_double, render_key, to_text
from aurora_mysql.catalog.zero_date import REAL_DATE, ZERO_DATE, ZERO_DATETIME, DateRules, ZeroDate
from aurora_mysql.errors import MySQLError, mysql_error, unsupported

__all__ = ["INTEGER_RANGES", "TEXT_BYTES", "Converter", "Warn", "converter", "format_double", "render_key", "to_text"]

#: (level, errno, message)
Warn = Callable[[str, int, str], None]
#: (value, row number from 1, warn) -> storage value
Converter = Callable[[Any, int, Warn], Any]

_BITS = {"tinyint": 8, "smallint": 16, "mediumint": 24, "int": 32, "bigint": 64}

#: (type name, unsigned) -> (lowest, highest)
INTEGER_RANGES: dict[tuple[str, bool], tuple[int, int]] = {
    (name, unsigned): (0, (1 << bits) - 1) if unsigned else (-(1 << bits - 1), (1 << bits - 1) - 1)
    for name, bits in _BITS.items()
    for unsigned in (False, True)
}

#: Longest value in bytes of the types that have no declared length.
TEXT_BYTES = {
    "tinytext": 255, "text": 65535, "mediumtext": (1 << 24) - 1, "longtext": (1 << 32) - 1,
    "tinyblob": 255, "blob": 65535, "mediumblob": (1 << 24) - 1, "longblob": (1 << 32) - 1,
}  # fmt: skip

_NUMBER = re.compile(r"\s*([+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)")
_ROUNDING = Context(prec=120, rounding=ROUND_HALF_UP)
_MIN_TIMESTAMP = dt.datetime(1970, 1, 1, 0, 0, 1)
_MAX_TIMESTAMP = dt.datetime(2038, 1, 19, 3, 14, 7, 999999)


def converter(
    column: Column, *, strict: bool, zone: dt.tzinfo | None = None, table: str = "", dates: DateRules = REAL_DATE
) -> Converter:
    """The conversion into `column`. None stays None: NOT NULL is the caller's check.

    `zone` is the session time zone (None: UTC), from which a naive value of a TIMESTAMP column is converted; an aware
    datetime is an instant. `table` only serves the text of error 3140. `dates`: the zero dates that sql_mode allows.

    The function raises MySQLError 1264, 1265, 1292, 1366, 1406 or 3140; without `strict` it stores the nearest
    value and warns instead.
    """
    name = column.type.name
    if name in _BITS:
        return _integer(column, strict)
    if name in _DATES:
        return _DATES[name](column, strict, zone, dates)
    maker = _MAKERS.get(name)
    if maker is None:
        raise unsupported(f"column type {name.upper()}")
    if name == "json":
        return _json(column, table)
    return maker(column, strict)


class _Problems:
    """What goes wrong with one column: an error when strict, else a warning."""

    __slots__ = ("column", "strict")

    def __init__(self, column: Column, strict: bool) -> None:
        self.column = column.name
        self.strict = strict

    def report(self, error: MySQLError, warn: Warn) -> None:
        if self.strict:
            raise error
        warn("Warning", error.errno, error.message)

    def out_of_range(self, row: int, warn: Warn) -> None:
        self.report(mysql_error(1264, self.column, row), warn)

    def truncated(self, row: int, warn: Warn) -> None:
        self.report(mysql_error(1265, self.column, row), warn)

    def note(self, row: int, warn: Warn) -> None:
        warn("Note", 1265, f"Data truncated for column '{self.column}' at row {row}")

    def too_long(self, row: int, warn: Warn) -> None:
        if self.strict:
            raise mysql_error(1406, self.column, row)
        self.truncated(row, warn)

    def incorrect(self, kind: str, value: Any, row: int, warn: Warn) -> None:
        self.report(mysql_error(1366, kind, _shown(value), self.column, row), warn)

    def incorrect_temporal(self, kind: str, value: Any, row: int) -> MySQLError:
        text = f"Incorrect {kind} value: '{_shown(value)}' for column '{self.column}' at row {row}"
        return MySQLError(1292, "22007", text)


def _shown(value: Any) -> str:
    return to_text(value)[:128]


def _number_of(value: Any, kind: str, problems: _Problems, row: int, warn: Warn) -> Decimal | float | int:
    """The number in `value`, text included, with MySQL's complaints about what is not a number."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int | float | Decimal):
        return value
    if isinstance(value, dt.datetime):
        moment = value
        whole = int(moment.strftime("%Y%m%d%H%M%S"))
        return whole if not moment.microsecond else Decimal(f"{whole}.{moment.microsecond:06d}")
    if isinstance(value, dt.date):
        return value.year * 10000 + value.month * 100 + value.day
    if isinstance(value, dt.timedelta):
        return Decimal(to_text(value).replace(":", ""))
    if isinstance(value, ZeroDate):
        return Decimal(re.sub("[-: ]", "", value.text()))
    text = to_text(value)
    match = _NUMBER.match(text)
    if match is None:
        if isinstance(value, bytes) and value and len(value) <= 8:
            return int.from_bytes(value, "big")
        if kind == "double":
            problems.truncated(row, warn)
        else:
            problems.incorrect(kind, text, row, warn)
        return 0
    if text[match.end() :].strip():
        problems.truncated(row, warn)
    return Decimal(match.group(1))


def _integer(column: Column, strict: bool) -> Converter:
    low, high = INTEGER_RANGES[column.type.name, column.type.unsigned]
    problems = _Problems(column, strict)

    def slow(value: Any, row: int, warn: Warn) -> int:
        number = _number_of(value, "integer", problems, row, warn)
        if isinstance(number, float):
            if math.isnan(number):
                number = 0
            elif math.isinf(number):
                number = high + 1 if number > 0 else low - 1
            else:
                number = round(number)
        elif isinstance(number, Decimal):
            if not number.is_finite() or number.adjusted() > 40:
                number = low - 1 if number < 0 else high + 1
            else:
                number = int(number.to_integral_value(ROUND_HALF_UP))
        if low <= number <= high:
            return number
        problems.out_of_range(row, warn)
        return low if number < low else high

    def convert(value: Any, row: int, warn: Warn) -> Any:
        if type(value) is int and low <= value <= high:
            return value
        return None if value is None else slow(value, row, warn)

    return convert


def _decimal(column: Column, strict: bool) -> Converter:
    precision = column.type.length if column.type.length is not None else 10
    scale = column.type.scale or 0
    quantum = Decimal(1).scaleb(-scale)
    # Not by arithmetic, which rounds to the 28 digits of Python's default context.
    limit = Decimal((0, (9,) * precision, -scale))
    lowest = Decimal(0).quantize(quantum) if column.type.unsigned else limit.copy_negate()
    problems = _Problems(column, strict)

    def convert(value: Any, row: int, warn: Warn) -> Any:
        if value is None:
            return None
        kind = type(value)
        if kind is not int and kind is not Decimal:
            value = _number_of(value, "decimal", problems, row, warn)
            if isinstance(value, float):
                value = Decimal(repr(value))
        number = value if type(value) is Decimal else Decimal(value)
        if not number.is_finite() or number.adjusted() > 100:
            problems.out_of_range(row, warn)
            return lowest if number < 0 else limit
        try:
            result = number.quantize(quantum, context=_ROUNDING)
        except InvalidOperation:
            problems.out_of_range(row, warn)
            return lowest if number < 0 else limit
        if not lowest <= result <= limit:
            problems.out_of_range(row, warn)
            return lowest if result < lowest else limit
        if result != number and kind is not float:
            problems.note(row, warn)
        return result if result else abs(result)

    return convert


def _float(column: Column, strict: bool) -> Converter:
    single = column.type.name == "float"
    scale = column.type.scale
    limit = math.inf
    if scale is not None and column.type.length is not None:
        limit = 10.0 ** (column.type.length - scale) - 10.0**-scale
    elif single:
        limit = 3.4028234663852886e38
    problems = _Problems(column, strict)
    unsigned = column.type.unsigned

    def convert(value: Any, row: int, warn: Warn) -> Any:
        if value is None:
            return None
        if type(value) is not float:
            try:
                value = float(_number_of(value, "double", problems, row, warn))
            except OverflowError:
                value = math.inf if value > 0 else -math.inf
        if math.isnan(value):
            value = 0.0
        if scale is not None and not math.isinf(value):
            value = float(Decimal(repr(value)).quantize(Decimal(1).scaleb(-scale), context=Context(400, ROUND_HALF_UP)))
        if math.isinf(value) or not -limit <= value <= limit:
            problems.out_of_range(row, warn)
            bound = limit if not math.isinf(limit) else 1.7976931348623157e308
            value = bound if value > 0 else -bound
        if unsigned and value < 0:
            problems.out_of_range(row, warn)
            value = 0.0
        return ctypes.c_float(value).value if single else value

    return convert


def _bit(column: Column, strict: bool) -> Converter:
    width = column.type.length or 1
    top = (1 << width) - 1
    problems = _Problems(column, strict)

    def convert(value: Any, row: int, warn: Warn) -> Any:
        if value is None:
            return None
        if isinstance(value, str):
            value = int.from_bytes(value.encode("utf-8", "surrogateescape"), "big")
        elif isinstance(value, bytes | bytearray):
            value = int.from_bytes(value, "big")
        elif not isinstance(value, int):
            number = _number_of(value, "integer", problems, row, warn)
            value = int(Decimal(str(number)).to_integral_value(ROUND_HALF_UP))
        if value < 0:
            value += 1 << 64
        if 0 <= value <= top:
            return int(value)
        problems.too_long(row, warn)
        return top

    return convert


def _year(column: Column, strict: bool) -> Converter:
    problems = _Problems(column, strict)

    def convert(value: Any, row: int, warn: Warn) -> Any:
        if value is None:
            return None
        text = isinstance(value, str | bytes)
        if isinstance(value, dt.date | ZeroDate):
            value = value.year
        number = int(_number_of(value, "integer", problems, row, warn))
        if text and number == 0 and len(to_text(value).strip()) < 4:
            return 2000
        if 0 < number < 100:
            number = year_of_two_digits(number)
        if number == 0 or 1901 <= number <= 2155:
            return number
        problems.out_of_range(row, warn)
        return 0

    return convert


def _checked_text(column: Column) -> Callable[[str], str | None] | None:
    """A function that gives the offending rest of a text the character set can't hold (None: fine), or None."""
    charset = CHARSETS.get(column.type.charset or "utf8mb4")
    if charset is None or charset.codec in ("utf8", "binary"):
        return None
    if charset.codec == "utf8mb3":
        return lambda text: next((text[i:] for i, c in enumerate(text) if c > "\uffff"), None)
    codec = charset.codec

    def check(text: str) -> str | None:
        try:
            text.encode(codec)
        except UnicodeEncodeError as error:
            # MySQL's latin1 is cp1252 with its five holes filled by the C1 controls.
            if codec == "cp1252" and all(c in "\x81\x8d\x8f\x90\x9d" for c in text[error.start : error.end]):
                return None
            return text[error.start :]
        return None

    return check


def _string_of(value: Any, problems: _Problems, row: int, warn: Warn) -> str:
    if isinstance(value, bytes | bytearray | memoryview):
        raw = bytes(value)
        try:
            return raw.decode()
        except UnicodeDecodeError as error:
            problems.report(_bad_string(raw[error.start :], problems.column, row), warn)
            return raw[: error.start].decode()
    return to_text(value)


def _bad_string(rest: bytes, column: str, row: int) -> MySQLError:
    shown = "".join(f"\\x{b:02X}" if b >= 128 else chr(b) for b in rest[:6]) + ("..." if len(rest) > 6 else "")
    return mysql_error(1366, "string", shown, column, row)


def _text(column: Column, strict: bool) -> Converter:
    name = column.type.name
    is_char = name == "char"
    characters = column.type.length if name in ("char", "varchar") else None
    if characters is None and is_char:
        characters = 1
    max_bytes = None if characters is not None else TEXT_BYTES[name]
    fits = characters if characters is not None else TEXT_BYTES[name] // 4
    problems = _Problems(column, strict)
    check = _checked_text(column)
    ascii_is_fine = check is not None

    def slow(value: Any, row: int, warn: Warn) -> str:
        text = value if type(value) is str else _string_of(value, problems, row, warn)
        if check is not None and not (ascii_is_fine and text.isascii()):
            rest = check(text)
            if rest is not None:
                problems.report(_bad_string(rest.encode("utf-8", "surrogatepass"), problems.column, row), warn)
                text = "".join("?" if check(c) is not None else c for c in text)
        if is_char:
            text = text.rstrip(" ")
        if characters is not None:
            if len(text) > characters:
                if text[characters:].strip(" "):
                    problems.too_long(row, warn)
                elif not is_char:
                    problems.note(row, warn)
                text = text[:characters]
        elif max_bytes is not None and len(text) > fits:
            raw = text.encode("utf-8", "surrogatepass")
            if len(raw) > max_bytes:
                problems.too_long(row, warn)
                text = raw[:max_bytes].decode("utf-8", "ignore")
        return text

    if is_char:

        def convert_char(value: Any, row: int, warn: Warn) -> Any:
            if type(value) is str and len(value) <= fits and check is None and value[-1:] != " ":
                return value
            return None if value is None else slow(value, row, warn)

        return convert_char

    def convert(value: Any, row: int, warn: Warn) -> Any:
        if type(value) is str and len(value) <= fits and (check is None or value.isascii()):
            return value
        return None if value is None else slow(value, row, warn)

    return convert


def _bytes(column: Column, strict: bool) -> Converter:
    name = column.type.name
    fixed = (column.type.length if column.type.length is not None else 1) if name == "binary" else None
    longest = fixed if fixed is not None else column.type.length if name == "varbinary" else TEXT_BYTES[name]
    assert longest is not None, "VARBINARY has a length"
    problems = _Problems(column, strict)

    def convert(value: Any, row: int, warn: Warn) -> Any:
        if value is None:
            return None
        if not isinstance(value, bytes):
            value = (
                bytes(value)
                if isinstance(value, bytearray | memoryview)
                else to_text(value).encode("utf-8", "surrogateescape")
            )
        if len(value) > longest:
            problems.too_long(row, warn)
            value = value[:longest]
        return value.ljust(fixed, b"\0") if fixed is not None else value

    return convert


def _members(column: Column) -> dict[str, str]:
    collation = column.type.collation
    return {collation_key(v.rstrip(" "), collation): v for v in reversed(column.type.values)}


def _enum(column: Column, strict: bool) -> Converter:
    values = column.type.values
    exact = {v: v for v in values}
    folded = _members(column)
    collation = column.type.collation
    problems = _Problems(column, strict)

    def by_index(index: int, row: int, warn: Warn) -> str:
        if 1 <= index <= len(values):
            return values[index - 1]
        problems.truncated(row, warn)
        return ""

    def convert(value: Any, row: int, warn: Warn) -> Any:
        if value is None:
            return None
        if type(value) is str:
            found = exact.get(value)
            if found is not None:
                return found
        elif isinstance(value, int | float | Decimal):
            return by_index(int(value), row, warn)
        text = _string_of(value, problems, row, warn).rstrip(" ")
        found = folded.get(collation_key(text, collation))
        if found is not None:
            return found
        if text.isascii() and text.isdigit() and 1 <= int(text) <= len(values):
            return values[int(text) - 1]
        problems.truncated(row, warn)
        return ""

    return convert


def _set(column: Column, strict: bool) -> Converter:
    values = column.type.values
    folded = {key: values.index(v) for key, v in _members(column).items()}
    collation = column.type.collation
    problems = _Problems(column, strict)

    def of_mask(mask: int) -> str:
        return ",".join(v for i, v in enumerate(values) if mask >> i & 1)

    def convert(value: Any, row: int, warn: Warn) -> Any:
        if value is None:
            return None
        everything = (1 << len(values)) - 1
        if isinstance(value, int | float | Decimal):
            mask = int(value)
            if mask & ~everything:
                problems.truncated(row, warn)
            return of_mask(mask & everything)
        text = _string_of(value, problems, row, warn)
        if not text:
            return ""
        mask = 0
        unknown = False
        for part in text.split(","):
            index = folded.get(collation_key(part.rstrip(" "), collation))
            if index is None:
                unknown = True
            else:
                mask |= 1 << index
        if unknown:
            if text.isascii() and text.isdigit() and int(text) <= everything:
                return of_mask(int(text))
            problems.truncated(row, warn)
        return of_mask(mask)

    return convert


def _json(column: Column, table: str) -> Converter:
    place = f"{table}.{column.name}" if table else column.name

    def convert(value: Any, row: int, warn: Warn) -> Any:
        if value is None:
            return None
        if not isinstance(value, str | bytes | bytearray | memoryview):
            return dump_json(value) if isinstance(value, bool | int | float | list | dict) else normalise_json(
                to_text(value) if isinstance(value, Decimal) else dump_json(to_text(value))
            )  # fmt: skip
        try:
            return normalise_json(to_text(value))
        except JsonError as error:
            raise mysql_error(3140, error.reason, error.position, place) from None

    return convert


def _moment(value: Any, dates: DateRules) -> tuple[Moment, bool]:
    found = as_datetime(value)
    if found is not None:
        if isinstance(found, ZeroDate) and not dates.allow(found):
            raise TemporalError(zero=found.is_zero)
        return found, True
    if isinstance(value, dt.timedelta):
        today = dt.datetime.now(dt.UTC).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
        return today + value, True
    if isinstance(value, int | float | Decimal):
        return datetime_from_number(value, dates), True
    return datetime_from_text(to_text(value), dates)


def _no_date(problems: _Problems, kind: str, value: Any, row: int, warn: Warn, *, out_of_range: bool) -> ZeroDate:
    """What is stored for a value that is no date or not allowed: the zero date, with a warning. 1292 if strict."""
    if problems.strict:
        raise problems.incorrect_temporal(kind, value, row)
    if out_of_range:
        problems.out_of_range(row, warn)
    else:
        problems.truncated(row, warn)
    return ZERO_DATE if kind == "date" else ZERO_DATETIME


def _date(column: Column, strict: bool, _: dt.tzinfo | None, dates: DateRules) -> Converter:
    problems = _Problems(column, strict)

    def convert(value: Any, row: int, warn: Warn) -> Any:
        if value is None or type(value) is dt.date:
            return value
        try:
            moment, whole = _moment(value, dates)
        except TemporalError as error:
            return _no_date(problems, "date", value, row, warn, out_of_range=error.zero)
        if not whole:
            if strict:
                raise problems.incorrect_temporal("date", value, row)
            problems.truncated(row, warn)
        if whole and time_of_day(moment):
            problems.note(row, warn)
        return moment.date()

    return convert


def _datetime(column: Column, strict: bool, _: dt.tzinfo | None, dates: DateRules) -> Converter:
    return _instant(column, strict, None, dates, is_timestamp=False)


def _timestamp(column: Column, strict: bool, zone: dt.tzinfo | None, dates: DateRules) -> Converter:
    # A TIMESTAMP is an instant, or '0000-00-00 00:00:00'.
    return _instant(column, strict, zone, DateRules(zero=dates.zero), is_timestamp=True)


def _instant(
    column: Column, strict: bool, zone: dt.tzinfo | None, dates: DateRules, *, is_timestamp: bool
) -> Converter:
    scale = column.type.scale or 0
    problems = _Problems(column, strict)

    def to_utc(moment: dt.datetime) -> dt.datetime:
        if moment.tzinfo is None:
            if zone is None:
                return moment
            moment = moment.replace(tzinfo=zone)
        return moment.astimezone(dt.UTC).replace(tzinfo=None)

    def convert(value: Any, row: int, warn: Warn) -> Any:
        if value is None:
            return None
        try:
            moment, whole = (value, True) if type(value) is dt.datetime else _moment(value, dates)
            if isinstance(moment, ZeroDate):
                if is_timestamp and moment.clock:
                    raise TemporalError()
                unit = 10 ** (6 - scale)
                return moment if not moment.clock else replace(moment, clock=moment.clock // unit * unit)
            if is_timestamp:
                moment = to_utc(moment)
            elif moment.tzinfo is not None:
                moment = (moment.astimezone(zone or dt.UTC)).replace(tzinfo=None)
            if scale < 6 and moment.microsecond:
                moment = round_datetime(moment, scale)
        except (TemporalError, OverflowError) as error:
            zero = isinstance(error, TemporalError) and error.zero
            return _no_date(problems, "datetime", value, row, warn, out_of_range=zero)
        if not whole:
            if strict:
                raise problems.incorrect_temporal("datetime", value, row)
            problems.truncated(row, warn)
        if is_timestamp and not _MIN_TIMESTAMP <= moment <= _MAX_TIMESTAMP:
            return _no_date(problems, "datetime", value, row, warn, out_of_range=True)
        return moment

    return convert


def _time(column: Column, strict: bool) -> Converter:
    scale = column.type.scale or 0
    problems = _Problems(column, strict)

    def convert(value: Any, row: int, warn: Warn) -> Any:
        if value is None:
            return None
        whole = True
        try:
            if isinstance(value, dt.timedelta):
                span = value
            elif isinstance(value, dt.date | ZeroDate):
                moment = as_datetime(value)
                assert moment is not None
                span = time_of_day(moment)
            elif isinstance(value, int | float | Decimal):
                span = time_from_number(value)
            else:
                span, whole = time_from_text(to_text(value))
        except TemporalError as error:
            problems.report(problems.incorrect_temporal("time", value, row), warn)
            return MAX_TIME if error.out_of_range else dt.timedelta(0)
        if not whole:
            problems.report(problems.incorrect_temporal("time", value, row), warn)
        span = round_time(span, scale)
        if -MAX_TIME <= span <= MAX_TIME:
            return span
        problems.report(problems.incorrect_temporal("time", value, row), warn)
        return MAX_TIME if span > MAX_TIME else -MAX_TIME

    return convert


_MAKERS: dict[str, Callable[[Column, bool], Converter]] = {
    "decimal": _decimal,
    "float": _float,
    "double": _float,
    "bit": _bit,
    "year": _year,
    **dict.fromkeys(("char", "varchar", "tinytext", "text", "mediumtext", "longtext"), _text),
    **dict.fromkeys(("binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"), _bytes),
    "enum": _enum,
    "set": _set,
    "json": lambda column, strict: _json(column, ""),
    "time": _time,
}

_DATES: dict[str, Callable[[Column, bool, dt.tzinfo | None, DateRules], Converter]] = {
    "date": _date,
    "datetime": _datetime,
    "timestamp": _timestamp,
}
