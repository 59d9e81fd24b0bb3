"""Dates that no calendar has: '0000-00-00', '2024-00-15', with ALLOW_INVALID_DATES also '2024-02-31'.

They are stored where DuckDB has dates and MySQL has none, so a column needs no other type and no flag, and a plan over
real dates stays as it is: a date of year 0 lies below the year 1, in MySQL's order; any other lies above the year 9999,
by year, month and day. Equal values are equal there, too; only the order of the second kind needs :data:`ORDER_SQL`.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import total_ordering
from typing import Any

from aurora_mysql.errors import CorruptRecordError

#: Days since 1970-01-01 of 0001-01-01 and 9999-12-31.
FIRST_DAY, LAST_DAY = -719162, 2932896
#: Where the days of year 0 begin (month and day count on from it), and those of dates that no calendar has.
YEAR_ZERO, BEYOND = FIRST_DAY - 1000, LAST_DAY + 100_000

_DAY_US = 86_400_000_000
_FETCHED = re.compile(r"(\d+)-(\d\d)-(\d\d)( \(BC\))?(?: (\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?)?( \(BC\))?\Z")


@total_ordering
@dataclass(frozen=True, slots=True, eq=False)
class ZeroDate:
    """A stored value of a DATE column, or of a DATETIME or TIMESTAMP column when it has a `clock` (microseconds of the
    day). Compares with dates and datetimes in MySQL's order."""

    year: int
    month: int
    day: int
    clock: int | None = None

    @property
    def day_number(self) -> int:
        """The day, counted from 1970-01-01, under which DuckDB holds it."""
        if self.year == 0:
            return YEAR_ZERO + self.month * 32 + self.day
        return BEYOND + (self.year * 13 + self.month) * 32 + self.day

    @property
    def microseconds(self) -> int:
        """As :attr:`day_number`, with the time of day, in microseconds."""
        return self.day_number * _DAY_US + (self.clock or 0)

    @property
    def is_zero(self) -> bool:
        """'0000-00-00', at whatever time."""
        return self.year == self.month == self.day == 0

    def date(self) -> ZeroDate:
        return ZeroDate(self.year, self.month, self.day)

    def datetime(self) -> ZeroDate:
        return self if self.clock is not None else ZeroDate(self.year, self.month, self.day, 0)

    def time_of_day(self) -> dt.timedelta:
        return dt.timedelta(microseconds=self.clock or 0)

    def text(self, digits: int | None = None) -> str:
        """As MySQL shows it, with `digits` fractional digits; None: six when there are any."""
        day = f"{self.year:04d}-{self.month:02d}-{self.day:02d}"
        if self.clock is None:
            return day
        seconds, micros = divmod(self.clock, 1_000_000)
        text = f"{day} {seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
        digits = (6 if micros else 0) if digits is None else digits
        return f"{text}.{micros:06d}"[: len(text) + 1 + digits] if digits else text

    def __str__(self) -> str:
        return self.text()

    def _order(self) -> tuple[int, int, int, int]:
        return self.year, self.month, self.day, self.clock or 0

    def __hash__(self) -> int:
        return hash(self._order())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ZeroDate) and self._order() == other._order()

    def __lt__(self, other: Any) -> bool:
        if isinstance(other, ZeroDate):
            return self._order() < other._order()
        if isinstance(other, dt.datetime):
            clock = (other.hour * 3600 + other.minute * 60 + other.second) * 1_000_000 + other.microsecond
            return self._order() < (other.year, other.month, other.day, clock)
        if isinstance(other, dt.date):
            return self._order() < (other.year, other.month, other.day, 0)
        return NotImplemented


#: The zero of each kind.
ZERO_DATE, ZERO_DATETIME = ZeroDate(0, 0, 0), ZeroDate(0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class DateRules:
    """What sql_mode lets pass for a date: '0000-00-00', a zero month or day, a day that its month does not have."""

    zero: bool = False
    partial: bool = False
    invalid: bool = False
    #: Called when one is let through that DuckDB sorts otherwise than MySQL.
    on_unordered: Callable[[], None] | None = field(default=None, compare=False)

    @classmethod
    def of_mode(cls, sql_mode: str | None) -> DateRules:
        """None is the default mode, which allows none of them."""
        if sql_mode is None:
            return cls()
        return cls("NO_ZERO_DATE" not in sql_mode, "NO_ZERO_IN_DATE" not in sql_mode, "ALLOW_INVALID" in sql_mode)

    def allow(self, date: ZeroDate) -> bool:
        allowed = self._allow(date)
        if allowed and date.year and self.on_unordered is not None:
            self.on_unordered()
        return allowed

    def _allow(self, date: ZeroDate) -> bool:
        if date.is_zero:
            return self.zero
        if date.month == 0 or date.day == 0:
            return self.partial
        return self.invalid or date.year == 0

    def noting(self, on_unordered: Callable[[], None]) -> DateRules:
        return replace(self, on_unordered=on_unordered)

    @property
    def bits(self) -> int:
        return self.zero | self.partial << 1 | self.invalid << 2

    @classmethod
    def of_bits(cls, bits: int) -> DateRules:
        return cls(bool(bits & 1), bool(bits & 2), bool(bits & 4))


#: For values that are only looked at, or come from where they were allowed.
ANY_DATE = DateRules(True, True, True)
#: For texts and numbers where functions look at their parts: days that no month has are none.
LOOSE_DATE = DateRules(True, True)
#: Nothing but what a calendar has.
REAL_DATE = DateRules()


def as_duckdb(value: ZeroDate) -> str:
    """A text that DuckDB casts to the DATE or TIMESTAMP under which it holds `value`."""
    year, month, day = _civil(value.day_number)
    text = f"{year:04d}-{month:02d}-{day:02d}" if year > 0 else f"{1 - year:04d}-{month:02d}-{day:02d} (BC)"
    if value.clock is None:
        return text
    seconds, micros = divmod(value.clock, 1_000_000)
    return f"{text} {seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{micros:06d}"


def of_fetched(text: str) -> ZeroDate:
    """The value of which DuckDB gave `text`, as it does for dates that Python has not.

    Raises:
        CorruptRecordError: no such value is ever stored.
    """
    match = _FETCHED.match(text)
    if match is None:
        raise CorruptRecordError(f"{text!r} is no stored date")
    year = int(match[1])
    number = _days(1 - year if match[4] or match[9] else year, int(match[2]), int(match[3]))
    clock = None
    if match[5] is not None:
        clock = (int(match[5]) * 3600 + int(match[6]) * 60 + int(match[7])) * 1_000_000
        clock += int((match[8] or "0").ljust(6, "0"))
    return of_day_number(number, clock)


def of_day_number(number: int, clock: int | None = None) -> ZeroDate:
    """The value whose :attr:`ZeroDate.day_number` is `number`. Raises CorruptRecordError."""
    rest = number - (YEAR_ZERO if number < FIRST_DAY else BEYOND)
    if rest < 0 or FIRST_DAY <= number <= LAST_DAY:
        raise CorruptRecordError(f"day {number} is no stored zero date")
    month, day = divmod(rest, 32)
    year, month = (0, month) if number < FIRST_DAY else divmod(month, 13)
    return ZeroDate(year, month, day, clock)


def _days(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01 in the proleptic Gregorian calendar (H. Hinnant's algorithm)."""
    year -= month <= 2
    era, of_era = divmod(year, 400)
    of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468


def _civil(number: int) -> tuple[int, int, int]:
    """The inverse of :func:`_days`."""
    era, of_era = divmod(number + 719468, 146097)
    year = (of_era - of_era // 1460 + of_era // 36524 - of_era // 146096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    shifted = (5 * of_year + 2) // 153
    month = shifted + (3 if shifted < 10 else -9)
    return year + era * 400 + (month <= 2), month, of_year - (153 * shifted + 2) // 5 + 1
