"""When events are due."""

from __future__ import annotations

import datetime as dt

import pytest

from aurora_mysql.catalog.model import Event
from aurora_mysql.errors import MySQLError
from aurora_mysql.sql.events.schedule import interval_of, is_over, next_execution

DAY = 86_400_000_000
MINUTE = 60_000_000


def us(text: str) -> int:
    return int(dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC).timestamp()) * 1_000_000


def every(value: str, unit: str, starts: str, ends: str = "", zone: str = "SYSTEM") -> Event:
    return Event("d", "e", "DO 1", interval_value=value, interval_unit=unit, starts_us=us(starts),
                 ends_us=us(ends) if ends else 0, time_zone=zone)  # fmt: skip


@pytest.mark.parametrize(
    ("amount", "unit", "expected"),
    [
        ("1", "SECOND", (0, 1_000_000)),
        ("2", "WEEK", (0, 14 * DAY)),
        ("1:30", "HOUR_MINUTE", (0, 90 * MINUTE)),
        ("1 2", "DAY_HOUR", (0, 26 * 60 * MINUTE)),
        ("3", "QUARTER", (9, 0)),
        ("1-2", "YEAR_MONTH", (14, 0)),
    ],
)
def test_intervals(amount: str, unit: str, expected: tuple[int, int]) -> None:
    assert interval_of(amount, unit) == expected


@pytest.mark.parametrize(
    ("amount", "unit", "errno"),
    [("0", "DAY", 1542), ("-1", "DAY", 1542), ("99999999999", "MONTH", 1542), ("1", "MICROSECOND", 1235)],
)
def test_refused_intervals(amount: str, unit: str, errno: int) -> None:
    with pytest.raises(MySQLError) as refused:
        interval_of(amount, unit)
    assert refused.value.errno == errno


@pytest.mark.parametrize(
    ("event", "after", "expected"),
    [
        (every("1", "DAY", "2030-01-01 06:00:00"), "2029-12-01 00:00:00", "2030-01-01 06:00:00"),
        (every("1", "DAY", "2030-01-01 06:00:00"), "2030-01-01 06:00:00", "2030-01-02 06:00:00"),
        (every("1", "DAY", "2030-01-01 06:00:00"), "2030-03-05 05:59:59", "2030-03-05 06:00:00"),
        (every("7", "MINUTE", "2030-01-01 00:00:00"), "2030-01-01 00:15:00", "2030-01-01 00:21:00"),
        (every("1", "DAY", "2030-01-01 06:00:00", "2030-01-03 06:00:00"), "2030-01-02 12:00:00", "2030-01-03 06:00:00"),
        (every("1", "DAY", "2030-01-01 06:00:00", "2030-01-03 06:00:00"), "2030-01-03 06:00:00", None),
        # The last day of a month that has no 31st, and back to the 31st.
        (every("1", "MONTH", "2030-01-31 12:00:00"), "2030-02-01 00:00:00", "2030-02-28 12:00:00"),
        (every("1", "MONTH", "2030-01-31 12:00:00"), "2030-02-28 12:00:00", "2030-03-31 12:00:00"),
        (every("1", "YEAR", "2024-02-29 00:00:00"), "2026-01-01 00:00:00", "2026-02-28 00:00:00"),
        # Months are counted where the event lives: summer time moves the moment by an hour.
        (every("1", "MONTH", "2030-03-15 11:00:00", zone="Europe/Berlin"), "2030-03-20 00:00:00",
         "2030-04-15 10:00:00"),
        (Event("d", "e", "DO 1", at_us=us("2030-01-01 00:00:00")), "2029-01-01 00:00:00", "2030-01-01 00:00:00"),
        (Event("d", "e", "DO 1", at_us=us("2030-01-01 00:00:00")), "2030-01-01 00:00:00", None),
    ],
)  # fmt: skip
def test_next_execution(event: Event, after: str, expected: str | None) -> None:
    found = next_execution(event, us(after))
    assert found == (None if expected is None else us(expected))
    assert is_over(event, us(after)) == (expected is None)
