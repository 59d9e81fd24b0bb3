"""Reading dates and times from text (or numbers) with MySQL's leniency, and printing them."""

from __future__ import annotations

import datetime as dt
import re

from aurora_mysql.catalog.value_temporal import MAX_TIME, TemporalError, datetime_from_text, has_separators
from aurora_mysql.catalog.zero_date import REAL_DATE, DateRules, ZeroDate

_TIME = re.compile(r"\s*(-?)(?:(\d+)\s+)?(\d{1,3}):(\d{1,2})(?::(\d{1,2})(?:\.(\d*))?)?")
_DAYS_HOURS = re.compile(r"\s*(-?)(\d+)\s+(\d{1,2})\s*$")
_PLAIN_TIME = re.compile(r"\s*(-?)(\d+)(?:\.(\d*))?")
_ZERO_OFFSET = re.compile(r"([+-])(\d{2}):(\d{2})$")


def _micros(text: str | None) -> int:
    """Fraction digits as microseconds, rounded half up; may be 1,000,000."""
    if not text:
        return 0
    digits = (text + "0000000")[:7]
    return (int(digits) + 5) // 10


def fraction_digits(text: str) -> int:
    """How many fractional digits (0 to 6) a date or time text is written with."""
    found = re.search(r"\.(\d+)\s*$", text)
    return min(len(found.group(1)), 6) if found else 0


def parse_datetime(text: str) -> dt.datetime | None:
    """A DATETIME from text, None when it is not one."""
    return read_datetime(text)[0]


def read_datetime(text: str) -> tuple[dt.datetime | None, bool]:
    """A DATETIME from text, None when it is not one; and whether nothing but spaces follows it."""
    moment, whole = read_moment(text, REAL_DATE)
    # A day of year 0 is one that MySQL can store, but not count with.
    return (None, False) if isinstance(moment, ZeroDate) else (moment, whole)


def read_moment(text: str, rules: DateRules) -> tuple[dt.datetime | ZeroDate | None, bool]:
    """As :func:`read_datetime`; also a zero date, if `rules` allow it."""
    try:
        moment, whole = datetime_from_text(text, rules)
    except TemporalError:
        return None, False
    if isinstance(moment, dt.datetime) and moment.tzinfo is not None:
        return moment.replace(tzinfo=None), False
    return moment, whole


def parse_time(text: str) -> dt.timedelta | None:
    """A TIME from text, clamped to ±838:59:59; None when it is not one."""
    return read_time(text)[0]


def read_time(text: str) -> tuple[dt.timedelta | None, bool]:
    """A TIME, clamped to ±838:59:59, None when it is not one; and whether it was all of the text and fitted."""
    found = _TIME.match(text)
    if found is not None:
        sign, days, hours, minutes, seconds, fraction = found.groups()
        if int(minutes) > 59 or int(seconds or 0) > 59:
            return None, False
        value = dt.timedelta(
            days=int(days or 0), hours=int(hours), minutes=int(minutes), seconds=int(seconds or 0)
        ) + dt.timedelta(microseconds=_micros(fraction))
    else:
        # Shorter texts are times even if they look like dates: '2008-02-03' is 00:20:08, and something after it.
        if len(text.strip()) >= 12 and has_separators(text):
            moment, whole = read_datetime(text)
            return (None, False) if moment is None else (time_of(moment), whole)
        found = _DAYS_HOURS.match(text)
        if found is not None:
            sign = found.group(1)
            value = dt.timedelta(days=int(found.group(2)), hours=int(found.group(3)))
        else:
            found = _PLAIN_TIME.match(text)
            if found is None:
                return None, False
            sign, digits, fraction = found.groups()
            number = int(digits)
            minutes_, seconds_ = number // 100 % 100, number % 100
            if minutes_ > 59 or seconds_ > 59:
                return None, False
            value = dt.timedelta(hours=min(number // 10000, 839), minutes=minutes_, seconds=seconds_)
            value += dt.timedelta(microseconds=_micros(fraction))
    whole = value <= MAX_TIME and not text[found.end() :].strip()
    value = min(value, MAX_TIME)
    return (-value if sign else value), whole


def time_of(moment: dt.datetime) -> dt.timedelta:
    return dt.timedelta(
        hours=moment.hour, minutes=moment.minute, seconds=moment.second, microseconds=moment.microsecond
    )


def datetime_text(moment: dt.datetime, digits: int) -> str:
    text = moment.strftime("%H:%M:%S")
    body = f"{moment.year:04d}-{moment.month:02d}-{moment.day:02d} {text}"
    return f"{body}.{moment.microsecond:06d}"[: len(body) + 1 + digits] if digits else body


def time_text(value: dt.timedelta, digits: int) -> str:
    micros = round(value / dt.timedelta(microseconds=1))
    sign = "-" if micros < 0 else ""
    seconds, fraction = divmod(abs(micros), 1_000_000)
    body = f"{sign}{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    return f"{body}.{fraction:06d}"[: len(body) + 1 + digits] if digits else body
