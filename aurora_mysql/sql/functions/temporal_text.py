"""Reading dates and times from text (or numbers) with MySQL's leniency, and printing them."""

from __future__ import annotations

import datetime as dt
import re

from aurora_mysql.catalog.zero_date import REAL_DATE, DateRules, ZeroDate

_DELIMITED = re.compile(
    r"\s*(\d{1,4})[^\w\s](\d{1,2})[^\w\s](\d{1,2})(?:(?:[T ]|\s+)(\d{1,2})(?:[^\w\s.](\d{1,2})(?:[^\w\s.](\d{1,2})(?:\.(\d*))?)?)?)?"  # noqa: E501
)
_COMPACT = re.compile(r"\s*(\d{14}|\d{12}|\d{8}|\d{6})(?:\.(\d*))?")
_TIME = re.compile(r"\s*(-?)(?:(\d+)\s+)?(\d{1,3}):(\d{1,2})(?::(\d{1,2})(?:\.(\d*))?)?")
_DAYS_HOURS = re.compile(r"\s*(-?)(\d+)\s+(\d{1,2})\s*$")
_PLAIN_TIME = re.compile(r"\s*(-?)(\d+)(?:\.(\d*))?")
_ZERO_OFFSET = re.compile(r"([+-])(\d{2}):(\d{2})$")

MAX_TIME = dt.timedelta(hours=838, minutes=59, seconds=59)


def _year(text: str) -> int:
    year = int(text)
    if len(text) <= 2:
        return year + (2000 if year < 70 else 1900)
    return year


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


def has_time_part(text: str) -> bool:
    """Whether a DATETIME text has a time of day."""
    found = _DELIMITED.match(text)
    if found is not None:
        return found.group(4) is not None
    compact = _COMPACT.match(text)
    return compact is not None and len(compact.group(1)) >= 12


def parse_datetime(text: str) -> dt.datetime | None:
    """A DATETIME from text, None when it is not one."""
    return read_datetime(text)[0]


def read_datetime(text: str) -> tuple[dt.datetime | None, bool]:
    """A DATETIME from text, None when it is not one; and whether nothing but spaces follows it."""
    moment, whole = read_moment(text, REAL_DATE)
    assert not isinstance(moment, ZeroDate), "no zero date is allowed"
    return moment, whole


def read_moment(text: str, rules: DateRules) -> tuple[dt.datetime | ZeroDate | None, bool]:
    """As :func:`read_datetime`; also a zero date, if `rules` allow it."""
    found = _DELIMITED.match(text)
    if found is not None:
        year, month, day, hour, minute, second, fraction = found.groups()
        numbers = (_year(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0))
    else:
        found = _COMPACT.match(text)
        if found is None:
            return None, False
        digits, fraction = found.groups()
        width = 4 if len(digits) in (14, 8) else 2
        rest = digits[width:]
        pairs = [int(rest[i : i + 2]) for i in range(0, len(rest), 2)] + [0, 0, 0]
        numbers = (_year(digits[:width]), pairs[0], pairs[1], pairs[2], pairs[3], pairs[4])
    try:
        moment: dt.datetime | ZeroDate = dt.datetime(*numbers) + dt.timedelta(microseconds=_micros(fraction))
    except (ValueError, OverflowError):
        zero = _zero_date(numbers, fraction)
        if zero is None or not rules.allow(zero):
            return None, False
        moment = zero
    return moment, not text[found.end() :].strip()


def _zero_date(numbers: tuple[int, int, int, int, int, int], fraction: str | None) -> ZeroDate | None:
    year, month, day, hour, minute, second = numbers
    if month > 12 or day > 31 or hour > 23 or minute > 59 or second > 59:
        return None
    return ZeroDate(
        year, month, day, ((hour * 60 + minute) * 60 + second) * 1_000_000 + min(_micros(fraction), 999_999)
    )


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
        if len(text.strip()) >= 12 and _DELIMITED.match(text):
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
