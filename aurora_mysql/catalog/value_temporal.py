"""Reading dates and times the way MySQL does, from text and from numbers."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal
from typing import Any

from aurora_mysql.catalog.zero_date import ANY_DATE, REAL_DATE, DateRules, ZeroDate

#: TIME's range is symmetric around zero.
MAX_TIME = dt.timedelta(hours=838, minutes=59, seconds=59)

#: A number between separators counts whole, whatever its width: '31-12-2020' has no day 2020, and is no date.
_NUMBER = r"\d{1,9})(?!\d)"
_MARK = r"[^\w\s]+"
_SEPARATED = re.compile(
    rf"\s*(?P<year>{_NUMBER}{_MARK}(?P<month>{_NUMBER}{_MARK}(?P<day>{_NUMBER}"
    rf"(?:(?:T|(?:[^\w\s]|\s)+)(?P<hour>{_NUMBER}(?:{_MARK}(?P<minute>{_NUMBER}(?:{_MARK}(?P<second>{_NUMBER}"
    r"(?:\.(?P<fraction>\d*))?)?)?)?(?P<offset>[+-]\d\d:\d\d)?[^\w\s]*\s*(?P<rest>.*)",
    re.DOTALL,
)
_COMPACT = re.compile(r"\s*(?P<digits>\d+)(?:T(?P<time>\d+))?(?:\.(?P<fraction>\d*))?\s*(?P<rest>.*)", re.DOTALL)
_FAST = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?: (\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?)?\Z")
_TIME = re.compile(
    r"\s*(?P<sign>-)?\s*(?:(?P<days>\d+)\s+)?(?P<hour>\d+)(?::(?P<minute>\d{1,2})(?::(?P<second>\d{1,2}))?)?"
    r"(?:\.(?P<fraction>\d*))?\s*(?P<rest>.*)",
    re.DOTALL,
)


class TemporalError(ValueError):
    """Not a date or time MySQL accepts. `zero`: it is '0000-00-00', which is not allowed."""

    def __init__(self, *, zero: bool = False, out_of_range: bool = False) -> None:
        super().__init__("not a temporal value")
        self.zero = zero
        self.out_of_range = out_of_range


Moment = dt.datetime | ZeroDate


def year_of_two_digits(year: int) -> int:
    return year + (2000 if year < 70 else 1900)


def round_datetime(value: dt.datetime, scale: int) -> dt.datetime:
    """`value` rounded half up to `scale` fractional digits."""
    if scale >= 6 or not value.microsecond:
        return value
    unit = 10 ** (6 - scale)
    micros = (value.microsecond + unit // 2) // unit * unit
    try:
        return value.replace(microsecond=0) + dt.timedelta(microseconds=micros)
    except OverflowError as error:
        raise TemporalError(out_of_range=True) from error


def round_time(value: dt.timedelta, scale: int) -> dt.timedelta:
    """`value` rounded half away from zero to `scale` fractional digits."""
    micros = (value.days * 86400 + value.seconds) * 1_000_000 + value.microseconds
    unit = 10 ** (6 - scale)
    if scale >= 6 or micros % unit == 0:
        return value
    rounded = (abs(micros) + unit // 2) // unit * unit
    return dt.timedelta(microseconds=rounded if micros >= 0 else -rounded)


def _micros(fraction: str | None) -> int:
    """Microseconds from fractional digits, rounded half up (may be 1,000,000)."""
    if not fraction:
        return 0
    if len(fraction) <= 6:
        return int(fraction.ljust(6, "0"))
    return int(fraction[:6]) + (fraction[6] >= "5")


def _build(
    rules: DateRules, year: int, month: int, day: int, hour: int, minute: int, second: int, micros: int
) -> Moment:
    try:
        return dt.datetime(year, month, day, hour, minute, second) + dt.timedelta(microseconds=micros)
    except (ValueError, OverflowError) as error:
        if year > 9999 or month > 12 or day > 31 or hour > 23 or minute > 59 or second > 59:
            raise TemporalError() from error
        clock = ((hour * 60 + minute) * 60 + second) * 1_000_000 + min(micros, 999_999)
        zero = ZeroDate(year, month, day, clock)
        if not rules.allow(zero):
            raise TemporalError(zero=zero.is_zero) from error
        return zero


def datetime_from_text(text: str, rules: DateRules = REAL_DATE) -> tuple[Moment, bool]:
    """(value, whole): `whole` False when something after it was ignored. A value with an offset is aware.

    Raises:
        TemporalError: no date in it, or none that `rules` allow.
    """
    fast = _FAST.match(text)
    if fast is not None:
        y, mo, d, h, mi, s, f = fast.groups()
        return _build(rules, int(y), int(mo), int(d), int(h or 0), int(mi or 0), int(s or 0), _micros(f)), True
    match = _SEPARATED.match(text)
    if match is not None:
        g = match.groupdict()
        year = int(g["year"])
        if len(g["year"]) == 2:
            year = year_of_two_digits(year)
        value = _build(
            rules,
            year,
            int(g["month"]),
            int(g["day"]),
            int(g["hour"] or 0),
            int(g["minute"] or 0),
            int(g["second"] or 0),
            _micros(g["fraction"]),
        )
        if g["offset"]:
            hours, minutes = int(g["offset"][1:3]), int(g["offset"][4:6])
            if hours > 14 or minutes > 59:
                raise TemporalError()
            if isinstance(value, ZeroDate):
                raise TemporalError()
            shift = dt.timedelta(hours=hours, minutes=minutes)
            value = value.replace(tzinfo=dt.timezone(-shift if g["offset"][0] == "-" else shift))
        return value, not g["rest"]
    match = _COMPACT.match(text)
    if match is None:
        raise TemporalError()
    parts, rest = _fields(match["digits"], match["time"])
    if len(parts) < 3 or (len(parts) < 6 and match["fraction"] is not None):
        raise TemporalError(zero=not match["digits"].strip("0"))
    parts += [0] * (6 - len(parts))
    return _build(rules, *parts, _micros(match["fraction"])), not (rest or match["rest"])  # type: ignore[call-arg]


def _fields(digits: str, time: str | None) -> tuple[list[int], str]:
    """Year to second of a date without separators, as many as there are, and the digits behind them. The year has four
    digits or two, depending on how many there are in all; the last field may have one."""
    length = len(digits) if time is None else len(digits) + 1 + len(time)
    width = 4 if length in (4, 8) or length >= 14 else 2
    found = digits + (time or "")
    year = int(found[:width])
    fields = [year if width == 4 else year_of_two_digits(year)]
    fields += [int(found[at : at + 2]) for at in range(width, min(len(found), width + 10), 2)]
    return fields, found[width + 10 :]


def has_clock(text: str) -> bool:
    """Whether the text of a date has a time of day."""
    match = _SEPARATED.match(text)
    if match is not None:
        return match["hour"] is not None
    match = _COMPACT.match(text)
    return match is not None and len(_fields(match["digits"], match["time"])[0]) > 3


def has_separators(text: str) -> bool:
    """Whether a text begins with three numbers that something separates, as dates are written."""
    return _SEPARATED.match(text) is not None


def datetime_from_number(value: int | Decimal | float, rules: DateRules = REAL_DATE) -> Moment:
    """A date as a number: YYMMDD, YYYYMMDD, YYMMDDhhmmss or YYYYMMDDhhmmss[.fraction]."""
    if isinstance(value, float):
        value = Decimal(repr(value))
    whole = int(value)
    fraction = ""
    if isinstance(value, Decimal) and value != whole:
        fraction = format(value % 1, "f")[2:]
    if whole < 0:
        raise TemporalError()
    digits = str(whole) if whole else "00000000"
    for width in (6, 8, 12, 14):
        if len(digits) <= width:
            digits = digits.rjust(width, "0")
            break
    # A date has no fraction.
    return datetime_from_text(digits + ("." + fraction if fraction and len(digits) >= 12 else ""), rules)[0]


def time_from_text(text: str) -> tuple[dt.timedelta, bool]:
    """(value, whole) of a TIME text; see :func:`datetime_from_text`. Not limited to TIME's range."""
    if _FAST.match(text) or ((match := _SEPARATED.match(text)) is not None and "-" in text[1:]):
        moment, whole = datetime_from_text(text, ANY_DATE)
        return time_of_day(moment), whole
    match = _TIME.match(text)
    if match is None:
        raise TemporalError()
    g = match.groupdict()
    days = int(g["days"] or 0)
    if g["minute"] is None and g["days"] is None:
        digits = g["hour"]
        if len(digits) >= 12:
            moment, whole = datetime_from_text(text, ANY_DATE)
            return time_of_day(moment), whole
        number = int(digits)
        hour, minute, second = number // 10000, number // 100 % 100, number % 100
    else:
        hour, minute, second = int(g["hour"]), int(g["minute"] or 0), int(g["second"] or 0)
    if minute > 59 or second > 59:
        raise TemporalError()
    if hour + days * 24 > 10**6:
        raise TemporalError(out_of_range=True)
    value = dt.timedelta(days=days, hours=hour, minutes=minute, seconds=second, microseconds=_micros(g["fraction"]))
    return (-value if g["sign"] else value), not g["rest"]


def time_from_number(value: int | Decimal | float) -> dt.timedelta:
    """A time as a number, hhmmss[.fraction]."""
    if isinstance(value, float):
        value = Decimal(repr(value))
    return time_from_text(format(value, "f") if isinstance(value, Decimal) else str(value))[0]


def time_of_day(moment: Moment) -> dt.timedelta:
    if isinstance(moment, ZeroDate):
        return moment.time_of_day()
    return dt.timedelta(
        hours=moment.hour, minutes=moment.minute, seconds=moment.second, microseconds=moment.microsecond
    )


def as_datetime(value: Any) -> Moment | None:
    """`value` as a datetime when it is a temporal object, None when it is something else to parse."""
    if isinstance(value, dt.datetime):
        return value
    if isinstance(value, ZeroDate):
        return value.datetime()
    if isinstance(value, dt.date):
        return dt.datetime(value.year, value.month, value.day)
    return None
