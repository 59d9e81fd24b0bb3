"""When an event is due: pure decisions over its definition and a moment."""

from __future__ import annotations

import datetime as dt

from aurora_mysql.catalog.model import Event
from aurora_mysql.errors import mysql_error, unsupported
from aurora_mysql.sql.functions.temporal import add_months, interval_parts, zone

UNITS = (
    "YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "HOUR", "MINUTE", "SECOND", "YEAR_MONTH", "DAY_HOUR", "DAY_MINUTE",
    "DAY_SECOND", "HOUR_MINUTE", "HOUR_SECOND", "MINUTE_SECOND",
)  # fmt: skip
NO_UNITS = ("MICROSECOND", "DAY_MICROSECOND", "HOUR_MICROSECOND", "MINUTE_MICROSECOND", "SECOND_MICROSECOND")
_SECOND_US = 1_000_000
#: MySQL's bound on an interval, in its unit.
_MAX_AMOUNT = 2**31


def interval_of(amount: str, unit: str) -> tuple[int, int]:
    """(months, microseconds) of ``EVERY amount unit``; one of them is 0.

    Raises:
        MySQLError: 1542 unless it is positive, 1235 for microseconds.
    """
    if unit in NO_UNITS:
        raise unsupported("MICROSECOND")
    parts = interval_parts(amount, unit, 0)
    months, micros = (0, 0) if parts is None else (parts[0], int(parts[1]))
    if (
        months < 0
        or micros < 0
        or not months + micros
        or micros > _MAX_AMOUNT * 60 * _SECOND_US
        or months > _MAX_AMOUNT
    ):
        raise mysql_error(1542)
    return months, micros


def next_execution(event: Event, after_us: int) -> int | None:
    """The first moment later than `after_us` at which `event` is due (both Unix microseconds), None when there is none.

    A recurring event is due at STARTS and every interval from there, until ENDS. Months are counted on the calendar of
    the event's time zone.
    """
    if not event.interval_unit:
        return event.at_us if event.at_us > after_us else None
    months, micros = interval_of(event.interval_value, event.interval_unit)
    if event.starts_us > after_us:
        due: int | None = event.starts_us
    elif micros:
        due = event.starts_us + ((after_us - event.starts_us) // micros + 1) * micros
    else:
        due = _next_month(event, months, after_us)
    if due is None or (event.ends_us and due > event.ends_us):
        return None
    return due


def _next_month(event: Event, months: int, after_us: int) -> int | None:
    at = zone(event.time_zone) or dt.UTC
    start = _moment(event.starts_us, at)
    now = _moment(after_us, at)
    steps = max(((now.year - start.year) * 12 + now.month - start.month) // months - 1, 0)
    while True:
        due = add_months(start, months * steps)
        if due is None:
            return None
        due_us = int(due.replace(tzinfo=at).timestamp()) * _SECOND_US
        if due_us > after_us:
            return due_us
        steps += 1


def _moment(us: int, at: dt.tzinfo) -> dt.datetime:
    return dt.datetime.fromtimestamp(us // _SECOND_US, at).replace(tzinfo=None)


def is_over(event: Event, now_us: int) -> bool:
    """Whether nothing is to come any more: it is then dropped, or disabled if it is to be preserved."""
    if not event.interval_unit:
        return event.at_us <= now_us
    return next_execution(event, now_us) is None
