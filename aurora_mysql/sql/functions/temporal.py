"""Date and time functions."""

from __future__ import annotations

import calendar
import datetime as dt
import re
import zoneinfo
from dataclasses import replace
from decimal import Decimal
from functools import lru_cache

from aurora_mysql.catalog.zero_date import LOOSE_DATE, DateRules, ZeroDate, as_duckdb, of_fetched
from aurora_mysql.sql.functions.diagnostics import conversion_warning
from aurora_mysql.sql.functions.numeric import double_text
from aurora_mysql.sql.functions.registry import udf
from aurora_mysql.sql.functions.temporal_text import (
    MAX_TIME,
    datetime_text,
    has_time_part,
    parse_datetime,
    read_datetime,
    read_moment,
    read_time,
    time_of,
    time_text,
)

_EPOCH = dt.datetime(1970, 1, 1)
_MICRO = dt.timedelta(microseconds=1)
_DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]


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
    if not has_time_part(text) and unit in {"YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "YEAR_MONTH"}:
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


def _ordinal(day: int) -> str:
    return f"{day}{'th' if 10 <= day % 100 <= 20 else {1: 'st', 2: 'nd', 3: 'rd'}.get(day % 10, 'th')}"


@udf("my_date_format", ["TIMESTAMP", "VARCHAR"], "VARCHAR")
def date_format(moment: dt.datetime | str, pattern: str) -> str | None:
    """NULL when a zero date has no such part (the name of month 0)."""
    if isinstance(moment, str):
        return _format_zero(of_fetched(moment), pattern)
    out, i = [], 0
    while i < len(pattern):
        c = pattern[i]
        i += 1
        if c != "%" or i >= len(pattern):
            out.append(c)
            continue
        out.append(_format_one(moment, pattern[i], moment.hour))
        i += 1
    return "".join(out)


#: What a zero date has no answer for: names, days of the week and of the year, weeks.
_OF_THE_CALENDAR = re.compile(r"%[WawjUuVvXx]")


def _format_zero(zero: ZeroDate, pattern: str) -> str | None:
    if _OF_THE_CALENDAR.search(pattern) or (not zero.month and re.search(r"%[Mb]", pattern)):
        return None
    time = _EPOCH + zero.time_of_day()
    own = {"Y": f"{zero.year:04d}", "y": f"{zero.year % 100:02d}", "m": f"{zero.month:02d}", "c": str(zero.month)}
    own |= {"d": f"{zero.day:02d}", "e": str(zero.day), "D": _ordinal(zero.day)}
    if zero.month:
        own |= {"M": calendar.month_name[zero.month], "b": calendar.month_abbr[zero.month]}
    return re.sub(r"%(.)", lambda f: own.get(f[1]) or _format_one(time, f[1], time.hour), pattern, flags=re.DOTALL)


def _format_one(m: dt.datetime, code: str, hours: int) -> str:
    twelve = (m.hour + 11) % 12 + 1
    match code:
        case "Y":
            return f"{m.year:04d}"
        case "y":
            return f"{m.year % 100:02d}"
        case "m":
            return f"{m.month:02d}"
        case "c":
            return str(m.month)
        case "M":
            return calendar.month_name[m.month]
        case "b":
            return calendar.month_abbr[m.month]
        case "d":
            return f"{m.day:02d}"
        case "e":
            return str(m.day)
        case "D":
            return _ordinal(m.day)
        case "H":
            return f"{hours:02d}"
        case "k":
            return str(hours)
        case "h" | "I":
            return f"{twelve:02d}"
        case "l":
            return str(twelve)
        case "i":
            return f"{m.minute:02d}"
        case "s" | "S":
            return f"{m.second:02d}"
        case "f":
            return f"{m.microsecond:06d}"
        case "p":
            return "AM" if m.hour < 12 else "PM"
        case "r":
            return f"{twelve:02d}:{m.minute:02d}:{m.second:02d} {'AM' if m.hour < 12 else 'PM'}"
        case "T":
            return f"{hours:02d}:{m.minute:02d}:{m.second:02d}"
        case "W":
            return _DAYS[m.weekday()]
        case "a":
            return _DAYS[m.weekday()][:3]
        case "w":
            return str((m.weekday() + 1) % 7)
        case "j":
            return f"{m.timetuple().tm_yday:03d}"
        case "U":
            return f"{week(m.date(), 0)[1]:02d}"
        case "u":
            return f"{week(m.date(), 1)[1]:02d}"
        case "V":
            return f"{week(m.date(), 2)[1]:02d}"
        case "v":
            return f"{week(m.date(), 3)[1]:02d}"
        case "X":
            return f"{week(m.date(), 2)[0]:04d}"
        case "x":
            return f"{week(m.date(), 3)[0]:04d}"
    return code


@udf("my_time_format", ["INTERVAL", "VARCHAR"], "VARCHAR")
def time_format(value: dt.timedelta, pattern: str) -> str:
    micros = abs(round(value / _MICRO))
    hours = micros // 3_600_000_000
    moment = _EPOCH + dt.timedelta(microseconds=micros % 86_400_000_000)
    sign = "-" if value < dt.timedelta(0) else ""
    return sign + re.sub(r"%(.)", lambda f: _format_one(moment, f.group(1), hours), pattern)


_NAMES = {name.lower(): i for i, name in enumerate(calendar.month_name) if name}
_ABBREVIATIONS = {name.lower(): i for i, name in enumerate(calendar.month_abbr) if name}


@udf("my_str_to_date", ["VARCHAR", "VARCHAR", "BIGINT"], "TIMESTAMP")
def str_to_date(text: str, pattern: str, warn: int) -> dt.datetime | None:
    """STR_TO_DATE; a pattern without a date part gives that time on 0001-01-01."""
    moment = _str_to_date(text, pattern)
    if moment is None:
        conversion_warning(warn, 1411, f"Incorrect datetime value: '{text[:128]}' for function str_to_date")
    return moment


def _str_to_date(text: str, pattern: str) -> dt.datetime | None:
    values: dict[str, int] = {}
    pm: bool | None = None
    position, i = 0, 0
    pattern = pattern.replace("%T", "%H:%i:%s").replace("%r", "%h:%i:%s %p")
    widths = {"Y": 4, "y": 2, "m": 2, "c": 2, "d": 2, "e": 2, "H": 2, "k": 2, "h": 2, "I": 2, "l": 2}
    widths |= {"i": 2, "s": 2, "S": 2, "f": 6, "j": 3, "X": 4, "x": 4, "V": 2, "v": 2, "U": 2, "u": 2, "w": 1}
    while i < len(pattern):
        c = pattern[i]
        i += 1
        if c.isspace():
            while position < len(text) and text[position].isspace():
                position += 1
            continue
        if c != "%" or i >= len(pattern):
            if position >= len(text) or text[position] != c:
                return None
            position += 1
            continue
        code = pattern[i]
        i += 1
        if code in widths:
            found = re.compile(rf"\s*(\d{{1,{widths[code]}}})").match(text, position)
            if found is None:
                return None
            digits = found.group(1)
            value = int(digits)
            if code in "Yy" and len(digits) <= 2:
                value += 2000 if value < 70 else 1900
            if code == "f":
                value = int((digits + "000000")[:6])
            values[{"c": "m", "e": "d", "k": "H", "y": "Y", "S": "s", "I": "h", "l": "h"}.get(code, code)] = value
            position = found.end()
        elif code in "Mb":
            name = re.compile(r"[A-Za-z]+").match(text, position)
            table = _NAMES if code == "M" else _ABBREVIATIONS
            key = "" if name is None else name.group(0).lower()[: 3 if code == "b" else None]
            if name is None or key not in table:
                return None
            values["m"] = table[key]
            position = position + 3 if code == "b" else name.end()
        elif code in "Wa":
            name = re.compile(r"[A-Za-z]+").match(text, position)
            days = [d.lower()[: 3 if code == "a" else None] for d in _DAYS]
            if name is None or name.group(0).lower()[: 3 if code == "a" else None] not in days:
                return None
            values["w"] = (days.index(name.group(0).lower()[: 3 if code == "a" else None]) + 1) % 7
            position = position + 3 if code == "a" else name.end()
        elif code == "p":
            marker = text[position : position + 2].upper()
            if marker not in ("AM", "PM"):
                return None
            pm = marker == "PM"
            position += 2
        elif code == "D":
            found = re.compile(r"(\d{1,2})[a-z]{2}").match(text, position)
            if found is None:
                return None
            values["d"] = int(found.group(1))
            position = found.end()
        elif code == "%":
            if text[position : position + 1] != "%":
                return None
            position += 1
        else:
            return None
    hour = values.get("H", 0)
    if "h" in values:
        if not 1 <= values["h"] <= 12:
            return None
        hour = values["h"] % 12 + (12 if pm else 0)
    if "j" in values:
        start = dt.datetime(values.get("Y", 1), 1, 1) + dt.timedelta(days=values["j"] - 1)
        values["m"], values["d"] = start.month, start.day
    for week_code, year_code, mode in (("V", "X", 2), ("v", "x", 3), ("U", "Y", 0), ("u", "Y", 1)):
        if week_code in values and "w" in values and year_code in values:
            day = _week_day(values[year_code], values[week_code], values["w"], mode)
            values |= {"Y": day.year, "m": day.month, "d": day.day}
    has_date = bool({"Y", "m", "d"} & set(values))
    try:
        return dt.datetime(
            values.get("Y", 0 if has_date else 1),
            values.get("m", 0 if has_date else 1),
            values.get("d", 0 if has_date else 1),
            hour,
            values.get("i", 0),
            values.get("s", 0),
            values.get("f", 0),
        )
    except ValueError:
        return None


def _week_day(year: int, number: int, weekday: int, mode: int) -> dt.date:
    """The day of a week, `weekday` counted from Sunday, in a year's week `number` of `mode`."""
    for offset in range(-7, 8):
        start = dt.date(year, 1, 1) + dt.timedelta(days=7 * number + offset)
        found = week(start, mode)
        if found == (year, number) and (start.weekday() + 1) % 7 == weekday:
            return start
    return dt.date(year, 1, 1) + dt.timedelta(days=7 * number + weekday)


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
    moment = _number_to_datetime(int(number))
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


@udf("my_number_moment", ["DOUBLE", "BIGINT", "BIGINT"], "TIMESTAMP")
def number_to_moment(number: float, rules: int, warn: int) -> dt.datetime | str | None:
    """As :func:`number_to_datetime`; also a zero date, if `rules` (bits) allow it."""
    moment, _ = read_moment(_padded(int(number)), DateRules.of_bits(rules))
    if moment is None:
        conversion_warning(warn, 1292, f"Incorrect datetime value: '{double_text(number)}'")
    return as_duckdb(moment) if isinstance(moment, ZeroDate) else moment


@udf("my_int_time", ["DOUBLE", "BIGINT"], "INTERVAL")
def number_to_time(number: float, warn: int) -> dt.timedelta | None:
    """A number where a time is wanted: hhmmss, or a whole datetime."""
    if number >= 10_000_000_000:
        moment, _ = read_moment(_padded(int(number)), LOOSE_DATE)
        if moment is None:
            conversion_warning(warn, 1292, f"Incorrect datetime value: '{double_text(number)}'")
            return None
        return moment.time_of_day() if isinstance(moment, ZeroDate) else time_of(moment)
    return to_time(f"{number:.6f}".rstrip("0").rstrip("."), warn)


@udf("my_hms", ["INTERVAL", "VARCHAR"], "BIGINT")
def time_part(value: dt.timedelta, unit: str) -> int:
    """HOUR(), MINUTE() ... of a TIME: never negative."""
    return _digits(unit, 0, 0, 0, abs(value), None)
