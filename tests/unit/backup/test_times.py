"""TIME arguments: what is understood, what is refused."""

from __future__ import annotations

import pytest

from aurora_mysql.backup.times import format_instant, parse_instant
from aurora_mysql.errors import ConfigError

NOW_US = 1_800_000_000_123_456


@pytest.mark.parametrize(
    ("text", "expected_us"),
    [
        ("now", NOW_US),
        (" NOW ", NOW_US),
        ("-90s", NOW_US - 90_000_000),
        ("-1.5m", NOW_US - 90_000_000),
        ("-2h", NOW_US - 7_200_000_000),
        ("2h ago", NOW_US - 7_200_000_000),
        ("90 s ago", NOW_US - 90_000_000),
        ("-1d", NOW_US - 86_400_000_000),
        ("1700000000", 1_700_000_000_000_000),
        ("1700000000.25", 1_700_000_000_250_000),
        ("1700000000.1234567", 1_700_000_000_123_456),
        ("2023-11-14T22:13:20", 1_700_000_000_000_000),
        ("2023-11-14 22:13:20.5", 1_700_000_000_500_000),
        ("2023-11-14T22:13:20Z", 1_700_000_000_000_000),
        ("2023-11-15T00:13:20.000001+02:00", 1_700_000_000_000_001),
        ("2023-11-14", 1_699_920_000_000_000),
    ],
)
def test_times(text: str, expected_us: int) -> None:
    assert parse_instant(text, NOW_US) == expected_us


@pytest.mark.parametrize("text", ["", "yesterday", "-5", "5m", "2023-13-01", "12:00", "-1w", "1"])
def test_no_times(text: str) -> None:
    with pytest.raises(ConfigError, match="is no time"):
        parse_instant(text, NOW_US)


def test_the_future_is_refused() -> None:
    with pytest.raises(ConfigError, match="future"):
        parse_instant("2200-01-01", NOW_US)


def test_what_is_shown_can_be_given_back() -> None:
    assert parse_instant(format_instant(NOW_US), NOW_US) == NOW_US
    assert format_instant(1_700_000_000_000_000) == "2023-11-14T22:13:20.000000Z"
