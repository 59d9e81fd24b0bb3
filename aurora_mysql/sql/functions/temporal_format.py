"""Dates and times by pattern: DATE_FORMAT, TIME_FORMAT, STR_TO_DATE."""

from __future__ import annotations

import calendar
import datetime as dt
import re

from aurora_mysql.catalog.zero_date import ZeroDate, of_fetched
from aurora_mysql.sql.functions.diagnostics import conversion_warning
from aurora_mysql.sql.functions.registry import udf
from aurora_mysql.sql.functions.temporal import week

_EPOCH = dt.datetime(1970, 1, 1)
_MICRO = dt.timedelta(microseconds=1)
_DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]


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
