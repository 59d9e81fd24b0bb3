"""Date and time functions."""

from __future__ import annotations

import calendar
import datetime as dt
import re
import zoneinfo
from dataclasses import replace
from decimal import Decimal
from functools import lru_cache

from aurora_mysql.catalog.value_temporal import MAX_TIME, has_clock
from aurora_mysql.catalog.zero_date import LOOSE_DATE, DateRules, ZeroDate, as_duckdb, of_fetched
from aurora_mysql.sql.functions.diagnostics import conversion_warning
from aurora_mysql.sql.functions.numeric import double_text, string_number
from aurora_mysql.sql.functions.registry import udf
from aurora_mysql.sql.functions.temporal_text import (
    datetime_text,
    parse_datetime,
    read_datetime,
    read_moment,
    read_time,
    time_of,
    time_text,
)

_MICRO = dt.timedelta(microseconds=1)


@udf("my_datetime", ["VARCHAR", "BIGINT"], "TIMESTAMP")
def to_datetime(text: str, warn: int) -> dt.datetime | None:
    moment, whole = read_datetime(text)
    if moment is None:
        conversion_warning(warn, 1292, f"Incorrect datetime value: '{text}'")
    elif not whole:
        conversion_warning(warn, 1292, f"Truncated incorrect datetime value: '{text}'")
    return moment


@udf("my_moment", ["VARCHAR", "BIGINT", "BIGINT"], "TIMESTAMP")
def to_moment(text: str, rules: int, warn: int) -> dt.datetime | str | None:
    """As :func:`to_datetime`; also a zero date, if `rules` (bits) allow it."""
    moment, whole = read_moment(text, DateRules.of_bits(rules))
    if moment is None:
        conversion_warning(warn, 1292, f"Incorrect datetime value: '{text}'")
    elif not whole:
        conversion_warning(warn, 1292, f"Truncated incorrect datetime value: '{text}'")
    return as_duckdb(moment) if isinstance(moment, ZeroDate) else moment


@udf("my_moment_part", ["TIMESTAMP", "VARCHAR"], "BIGINT")
def moment_part(moment: dt.datetime | str, name: str) -> int:
    """`name` (year, month or day) of a moment, zero dates included."""
    part: int = getattr(of_fetched(moment) if isinstance(moment, str) else moment, name)
    return part


@udf("my_time", ["VARCHAR", "BIGINT"], "INTERVAL")
def to_time(text: str, warn: int) -> dt.timedelta | None:
    value, whole = read_time(text)
    if not whole:
        conversion_warning(warn, 1292, f"Truncated incorrect time value: '{text}'")
    return value


@udf("my_time_text", ["INTERVAL", "BIGINT"], "VARCHAR")
def my_time_text(value: dt.timedelta, digits: int) -> str:
    return time_text(value, digits)


@udf("my_no_date", ["TIMESTAMP", "BOOLEAN", "BIGINT"], "TIMESTAMP")
def no_date(moment: dt.datetime | str, date: bool, warn: int) -> None:
    """NULL and a warning about a zero date. (About others there is nothing to say.)"""
    if isinstance(moment, str):
        zero = of_fetched(moment)
        conversion_warning(warn, 1292, f"Incorrect datetime value: '{zero.date() if date else zero}'")


@udf("my_datetime_text", ["TIMESTAMP", "BIGINT"], "VARCHAR")
def my_datetime_text(value: dt.datetime | str, digits: int) -> str:
    if isinstance(value, str):
        return of_fetched(value).text(digits)
    return datetime_text(value, digits)


@udf("my_round_datetime", ["TIMESTAMP", "BIGINT"], "TIMESTAMP")
def round_datetime(value: dt.datetime | str, digits: int) -> dt.datetime | str:
    """To `digits` fractional digits, half up; of a zero date, cut."""
    if isinstance(value, str):
        zero = of_fetched(value)
        unit = 10 ** (6 - digits)
        return as_duckdb(replace(zero, clock=(zero.clock or 0) // unit * unit))
    unit = 10 ** (6 - digits)
    return value + dt.timedelta(microseconds=-value.microsecond + (value.microsecond + unit // 2) // unit * unit)


@udf("my_round_time", ["INTERVAL", "BIGINT"], "INTERVAL")
def round_time(value: dt.timedelta, digits: int) -> dt.timedelta:
    micros = round(value / _MICRO)
    unit = 10 ** (6 - digits)
    rounded = (abs(micros) + unit // 2) // unit * unit
    return dt.timedelta(microseconds=rounded if micros >= 0 else -rounded)


@udf("my_time_num", ["INTERVAL"], "DOUBLE")
def time_number(value: dt.timedelta) -> float:
    """A TIME in numeric context: HHMMSS.fraction."""
    micros = round(value / _MICRO)
    seconds, fraction = divmod(abs(micros), 1_000_000)
    number = seconds // 3600 * 10000 + seconds // 60 % 60 * 100 + seconds % 60 + fraction / 1_000_000
    return float(-number if micros < 0 else number)


_UNITS = ["YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND", "MICROSECOND"]


def interval_parts(amount: str, unit: str, warn: int) -> tuple[int, Decimal] | None:
    """(months, microseconds) of `INTERVAL amount unit`."""
    if "_" in unit:
        first, last = unit.split("_")
        names = _UNITS[_UNITS.index(first) : _UNITS.index(last) + 1]
        negative = amount.strip().startswith("-")
        digits = re.findall(r"\d+", amount)
        if len(digits) > len(names):
            return None
        if last == "MICROSECOND" and digits:
            digits[-1] = (digits[-1] + "000000")[:6]
        numbers = dict(zip(names[-len(digits) :] if digits else [], [int(d) for d in digits], strict=True))
        months, micros = 0, Decimal(0)
        for name, number in numbers.items():
            m, u = _single(Decimal(number), name)
            months, micros = months + m, micros + u
        return (-months, -micros) if negative else (months, micros)
    found = re.match(r"\s*[+-]?\d*\.?\d*(?:[eE][+-]?\d+)?", amount)
    text = found.group(0).strip() if found else ""
    value = Decimal(text) if re.search(r"\d", text) else Decimal(0)
    more = unit != "SECOND" and value != int(value)
    if found is None or not text or more or amount[found.end() :].strip():
        kind = "DECIMAL" if unit == "SECOND" else "INTEGER"
        conversion_warning(warn, 1292, f"Truncated incorrect {kind} value: '{amount}'")
    if unit != "SECOND":
        value = Decimal(int(value))
    return _single(value, unit)


_MICROS = {"DAY": 86_400_000_000, "HOUR": 3_600_000_000, "MINUTE": 60_000_000, "SECOND": 1_000_000, "MICROSECOND": 1}


def _single(value: Decimal, unit: str) -> tuple[int, Decimal]:
    if unit == "YEAR":
        return int(value) * 12, Decimal(0)
    if unit == "QUARTER":
        return int(value) * 3, Decimal(0)
    if unit == "MONTH":
        return int(value), Decimal(0)
    if unit == "WEEK":
        return 0, value * 7 * _MICROS["DAY"]
    return 0, value * _MICROS[unit]


def add_months(moment: dt.datetime, months: int) -> dt.datetime | None:
    total = moment.year * 12 + moment.month - 1 + months
    year, month = total // 12, total % 12 + 1
    if not 1 <= year <= 9999:
        return None
    return moment.replace(year=year, month=month, day=min(moment.day, calendar.monthrange(year, month)[1]))


@udf("my_date_add", ["TIMESTAMP", "VARCHAR", "VARCHAR", "BIGINT", "BIGINT"], "TIMESTAMP")
def date_add(moment: dt.datetime, amount: str, unit: str, sign: int, warn: int) -> dt.datetime | None:
    parts = interval_parts(amount, unit, warn)
    if parts is None:
        return None
    try:
        moved = add_months(moment, sign * parts[0])
        if moved is not None:
            return moved + dt.timedelta(microseconds=int(parts[1] * sign))
    except OverflowError:
        pass
    conversion_warning(warn, 1441, "Datetime function: datetime field overflow")
    return None


@udf("my_date_overflow", ["TIMESTAMP", "BIGINT"], "TIMESTAMP")
def date_overflow(moment: dt.datetime | str, warn: int) -> None:
    """NULL and a warning: a sum beyond the year 9999. (Within it there is nothing to warn about.)"""
    if not isinstance(moment, dt.datetime):
        conversion_warning(warn, 1441, "Datetime function: datetime field overflow")


@udf("my_time_add", ["INTERVAL", "VARCHAR", "VARCHAR", "BIGINT", "BIGINT"], "INTERVAL")
def time_add(value: dt.timedelta, amount: str, unit: str, sign: int, warn: int) -> dt.timedelta | None:
    parts = interval_parts(amount, unit, warn)
    if parts is None:
        return None
    moved = value + dt.timedelta(microseconds=int(parts[1] * sign))
    return moved if -MAX_TIME <= moved <= MAX_TIME else None


@udf("my_date_add_text", ["VARCHAR", "VARCHAR", "VARCHAR", "BIGINT", "BIGINT"], "VARCHAR")
def date_add_text(text: str, amount: str, unit: str, sign: int, warn: int) -> str | None:
    """DATE_ADD of a string: a date stays a date unless the unit has a time part."""
    moment = to_datetime(text, warn)
    if moment is None:
        return None
    moved = date_add(moment, amount, unit, sign, warn)
    if moved is None:
        return None
    if not has_clock(text) and unit in {"YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "YEAR_MONTH"}:
        return datetime_text(moved, 0)[:10]
    return datetime_text(moved, 6 if moved.microsecond else 0)


@udf("my_timestampdiff", ["VARCHAR", "TIMESTAMP", "TIMESTAMP"], "BIGINT")
def timestampdiff(unit: str, first: dt.datetime, second: dt.datetime) -> int:
    micros = round((second - first) / _MICRO)
    if unit in ("MONTH", "QUARTER", "YEAR"):
        low, high = (first, second) if second >= first else (second, first)
        months = (high.year - low.year) * 12 + high.month - low.month
        if (high.day, time_of(high)) < (low.day, time_of(low)):
            months -= 1
        months = months // {"MONTH": 1, "QUARTER": 3, "YEAR": 12}[unit]
        return months if second >= first else -months
    size = 7 * _MICROS["DAY"] if unit == "WEEK" else _MICROS[unit]
    return abs(micros) // size * (1 if micros >= 0 else -1)


def week(moment: dt.date, mode: int) -> tuple[int, int]:
    """(year, week) in one of MySQL's eight modes."""
    monday_first, iso_first = bool(mode & 1), mode in (1, 3, 4, 6)
    wide = bool(mode & 2)
    first = dt.date(moment.year, 1, 1)

    def start_of_first(year: int) -> dt.date:
        first = dt.date(year, 1, 1)
        weekday = first.weekday() if monday_first else (first.weekday() + 1) % 7
        if iso_first:
            return first - dt.timedelta(days=weekday) if weekday <= 3 else first + dt.timedelta(days=7 - weekday)
        return first + dt.timedelta(days=(7 - weekday) % 7)

    start = start_of_first(moment.year)
    del first
    if moment < start:
        if not wide:
            return moment.year, 0
        return moment.year - 1, (moment - start_of_first(moment.year - 1)).days // 7 + 1
    number = (moment - start).days // 7 + 1
    if wide and number >= 53 and moment.year < 9999 and moment >= start_of_first(moment.year + 1):
        return moment.year + 1, 1
    return moment.year, number


@udf("my_week", ["TIMESTAMP", "BIGINT"], "BIGINT")
def my_week(moment: dt.datetime, mode: int) -> int:
    return week(moment.date(), mode & 7)[1]


@udf("my_yearweek", ["TIMESTAMP", "BIGINT"], "BIGINT")
def yearweek(moment: dt.datetime, mode: int) -> int:
    year, number = week(moment.date(), (mode & 7) | 2)
    return year * 100 + number


@lru_cache(maxsize=256)
def zone(name: str) -> dt.tzinfo | None:
    """A time zone by MySQL name or offset; None when unknown."""
    found = re.fullmatch(r"([+-])(\d{1,2}):(\d{2})", name)
    if found:
        delta = dt.timedelta(hours=int(found.group(2)), minutes=int(found.group(3)))
        if delta > dt.timedelta(hours=14):
            return None
        return dt.timezone(-delta if found.group(1) == "-" else delta)
    if name.upper() in ("SYSTEM", "UTC"):
        return dt.UTC
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        return None


@udf("my_convert_tz", ["TIMESTAMP", "VARCHAR", "VARCHAR"], "TIMESTAMP")
def convert_tz(moment: dt.datetime | str, source: str, target: str) -> dt.datetime | str | None:
    if isinstance(moment, str):
        return moment  # a zero date is the same everywhere
    from_zone, to_zone = zone(source), zone(target)
    if from_zone is None or to_zone is None:
        return None
    try:
        return moment.replace(tzinfo=from_zone).astimezone(to_zone).replace(tzinfo=None)
    except OverflowError:
        return moment


@udf("my_makedate", ["BIGINT", "BIGINT"], "DATE")
def makedate(year: int, day: int) -> dt.date | None:
    if day <= 0:
        return None
    year += 2000 if year < 70 else 1900 if year < 100 else 0
    try:
        return dt.date(year, 1, 1) + dt.timedelta(days=day - 1)
    except (OverflowError, ValueError):
        return None


@udf("my_maketime", ["BIGINT", "BIGINT", "DOUBLE", "BIGINT"], "INTERVAL")
def maketime(hours: int, minutes: int, seconds: float, warn: int) -> dt.timedelta | None:
    if not 0 <= minutes <= 59 or not 0 <= seconds < 60:
        return None
    value = dt.timedelta(hours=min(abs(hours), 839), minutes=minutes, seconds=seconds)
    if value > MAX_TIME:
        conversion_warning(warn, 1292, f"Truncated incorrect time value: '{hours}:{minutes:02d}:{int(seconds):02d}'")
    value = min(value, MAX_TIME)
    return -value if hours < 0 else value


@udf("my_clamp_time", ["DOUBLE", "BIGINT"], "INTERVAL")
def sec_to_time(seconds: float, warn: int) -> dt.timedelta:
    limit = MAX_TIME.total_seconds()
    if abs(seconds) > limit:
        conversion_warning(warn, 1292, f"Truncated incorrect time value: '{double_text(seconds)}'")
    return dt.timedelta(seconds=max(-limit, min(limit, seconds)))


@udf("my_period_add", ["BIGINT", "BIGINT"], "BIGINT")
def period_add(period: int, months: int) -> int:
    total = _period_months(period) + months
    return total // 12 * 100 + total % 12 + 1


@udf("my_period_diff", ["BIGINT", "BIGINT"], "BIGINT")
def period_diff(first: int, second: int) -> int:
    return _period_months(first) - _period_months(second)


def _period_months(period: int) -> int:
    year, month = divmod(period, 100)
    year += 2000 if year < 70 else 1900 if year < 100 else 0
    return year * 12 + month - 1


@udf("my_extract", ["TIMESTAMP", "VARCHAR"], "BIGINT")
def extract(moment: dt.datetime | str, unit: str) -> int:
    """EXTRACT(): compound units give their digits side by side."""
    if isinstance(moment, str):
        zero = of_fetched(moment)
        return _digits(unit, zero.year, zero.month, zero.day, zero.time_of_day(), None)
    return _digits(unit, moment.year, moment.month, moment.day, time_of(moment), moment.date())


@udf("my_extract_time", ["INTERVAL", "VARCHAR"], "BIGINT")
def extract_time(value: dt.timedelta, unit: str) -> int:
    number = _digits(unit, 0, 0, 0, abs(value), None)
    return -number if value < dt.timedelta(0) else number


@udf("my_extract_text", ["VARCHAR", "VARCHAR", "BIGINT"], "BIGINT")
def extract_text(text: str, unit: str, warn: int) -> int | None:
    """EXTRACT() of a unit with a time part from a text: of a whole datetime, or else of a time."""
    moment, _ = read_datetime(text)
    if moment is not None and len(text.strip()) >= 12:
        return extract(moment, unit)
    value = to_time(text, warn)
    return None if value is None else extract_time(value, unit)


def _digits(unit: str, year: int, month: int, day: int, time: dt.timedelta, date: dt.date | None) -> int:
    micros = round(time / _MICRO)
    seconds, micro = divmod(micros, 1_000_000)
    numbers = {"YEAR": year, "MONTH": month, "DAY": day, "HOUR": seconds // 3600, "MINUTE": seconds // 60 % 60}
    numbers |= {"SECOND": seconds % 60, "MICROSECOND": micro}
    if unit == "QUARTER":
        return (month + 2) // 3
    if unit == "WEEK":
        return 0 if date is None else week(date, 0)[1]
    if "_" not in unit:
        return numbers[unit]
    first, last = unit.split("_")
    out = 0
    for name in _UNITS[_UNITS.index(first) : _UNITS.index(last) + 1]:
        out = out * (1_000_000 if name == "MICROSECOND" else 100) + numbers[name]
    return out


@udf("my_int_datetime", ["DOUBLE", "BIGINT"], "TIMESTAMP")
def number_to_datetime(number: float, warn: int) -> dt.datetime | None:
    """A number where a datetime is wanted: YYMMDD, YYYYMMDD, YYMMDDhhmmss or YYYYMMDDhhmmss."""
    moment = None if number < 0 else _number_to_datetime(int(number))
    if moment is None:
        conversion_warning(warn, 1292, f"Incorrect datetime value: '{double_text(number)}'")
    return moment


def _number_to_datetime(whole: int) -> dt.datetime | None:
    return parse_datetime(_padded(whole))


def _padded(number: int) -> str:
    """The digits of a date or datetime; '' for a number that is none. YYMMDD and YYMMDDhhmmss get their century."""
    if number == 0:
        return "00000000"
    for low, high, century in (
        (101, 691231, 20_000_000),
        (700101, 991231, 19_000_000),
        (10000101, 99991231, 0),
        (101_000_000, 691231_235959, 20_000_000_000_000),
        (700101_000000, 991231_235959, 19_000_000_000_000),
        (10000101_000000, 99991231_235959, 0),
    ):
        if low <= number <= high:
            return str(number + century)
    return ""


@udf("my_number_digits", ["DOUBLE", "BIGINT"], "VARCHAR")
def number_digits(number: float, warn: int) -> str | None:
    """The digits of a number that is a date or datetime, with its century; NULL and a warning for others."""
    if number_to_datetime(number, warn) is None:
        return None
    return _padded(int(number))


@udf("my_date_digits", ["VARCHAR", "BIGINT"], "DOUBLE")
def date_digits(text: str, warn: int) -> float:
    """A date's text as a number: YYYYMMDD or YYYYMMDDhhmmss; what is no date's as any text."""
    moment, whole = read_datetime(text)
    if moment is None or not whole:
        return string_number(text, warn)
    return float(moment.strftime("%Y%m%d%H%M%S.%f")) if has_clock(text) else float(moment.strftime("%Y%m%d"))


@udf("my_number_moment", ["DOUBLE", "BIGINT", "BIGINT"], "TIMESTAMP")
def number_to_moment(number: float, rules: int, warn: int) -> dt.datetime | str | None:
    """As :func:`number_to_datetime`; also a zero date, if `rules` (bits) allow it."""
    moment, _ = read_moment("" if number < 0 else _padded(int(number)), DateRules.of_bits(rules))
    if moment is None:
        conversion_warning(warn, 1292, f"Incorrect datetime value: '{double_text(number)}'")
    return as_duckdb(moment) if isinstance(moment, ZeroDate) else moment


#: 838:59:59 as a number.
_LAST_TIME = 8385959


@udf("my_int_time", ["DOUBLE", "BIGINT"], "INTERVAL")
def number_to_time(number: float, warn: int) -> dt.timedelta | None:
    """A number where a time is wanted: hhmmss, or a whole datetime."""
    if number >= 10_000_000_000:
        moment, _ = read_moment(_padded(int(number)), LOOSE_DATE)
        if moment is None:
            conversion_warning(warn, 1292, f"Incorrect datetime value: '{double_text(number)}'")
            return None
        return moment.time_of_day() if isinstance(moment, ZeroDate) else time_of(moment)
    if abs(int(number)) > _LAST_TIME:
        conversion_warning(warn, 1292, f"Truncated incorrect time value: '{double_text(number)}'")
        return None
    return to_time(f"{number:.6f}".rstrip("0").rstrip("."), warn)


@udf("my_hms", ["INTERVAL", "VARCHAR"], "BIGINT")
def time_part(value: dt.timedelta, unit: str) -> int:
    """HOUR(), MINUTE() ... of a TIME: never negative."""
    return _digits(unit, 0, 0, 0, abs(value), None)
