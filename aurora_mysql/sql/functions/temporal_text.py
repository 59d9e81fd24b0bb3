"""Reading dates and times from text (or numbers) with MySQL's leniency, and printing them."""

from __future__ import annotations

import datetime as dt
import re

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


def parse_datetime(text: str) -> dt.datetime | None:
    """A DATETIME from text, None when it is not one."""
    found = _DELIMITED.match(text)
    if found is not None:
        year, month, day, hour, minute, second, fraction = found.groups()
        numbers = (_year(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0))
    else:
        compact = _COMPACT.match(text)
        if compact is None:
            return None
        digits, fraction = compact.groups()
        width = 4 if len(digits) in (14, 8) else 2
        rest = digits[width:]
        pairs = [int(rest[i : i + 2]) for i in range(0, len(rest), 2)] + [0, 0, 0]
        numbers = (_year(digits[:width]), pairs[0], pairs[1], pairs[2], pairs[3], pairs[4])
    try:
        return dt.datetime(*numbers) + dt.timedelta(microseconds=_micros(fraction))
    except (ValueError, OverflowError):
        return None


def parse_time(text: str) -> dt.timedelta | None:
    """A TIME from text, clamped to ±838:59:59; None when it is not one."""
    found = _TIME.match(text)
    if found is not None:
        sign, days, hours, minutes, seconds, fraction = found.groups()
        if int(minutes) > 59 or int(seconds or 0) > 59:
            return None
        value = dt.timedelta(
            days=int(days or 0), hours=int(hours), minutes=int(minutes), seconds=int(seconds or 0)
        ) + dt.timedelta(microseconds=_micros(fraction))
    else:
        if _DELIMITED.match(text):
            moment = parse_datetime(text)
            return None if moment is None else time_of(moment)
        days_hours = _DAYS_HOURS.match(text)
        if days_hours is not None:
            sign = days_hours.group(1)
            value = dt.timedelta(days=int(days_hours.group(2)), hours=int(days_hours.group(3)))
        else:
            plain = _PLAIN_TIME.match(text)
            if plain is None:
                return None
            sign, digits, fraction = plain.groups()
            number = int(digits)
            minutes_, seconds_ = number // 100 % 100, number % 100
            if minutes_ > 59 or seconds_ > 59:
                return None
            value = dt.timedelta(hours=min(number // 10000, 839), minutes=minutes_, seconds=seconds_)
            value += dt.timedelta(microseconds=_micros(fraction))
    value = min(value, MAX_TIME)
    return -value if sign else value


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
