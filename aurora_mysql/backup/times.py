"""Instants as an operator writes and reads them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from aurora_mysql.errors import ConfigError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_AGO = re.compile(r"-(\d+(?:\.\d+)?)([smhd])|(\d+(?:\.\d+)?) ?([smhd]) ago")
_UNIX = re.compile(r"\d{9,11}(?:\.\d+)?")


def parse_instant(text: str, now_us: int) -> int:
    """Unix microseconds of `text`: an ISO date and time (UTC unless it has an offset), Unix seconds, ``now``, or a
    time ago such as ``-90s``, ``-10m``, ``-2h``, ``-1d``.

    Raises:
        ConfigError: it is none of these, or lies after `now_us`.
    """
    stripped = text.strip()
    ago = _AGO.fullmatch(stripped)
    if stripped.lower() == "now":
        instant_us = now_us
    elif ago is not None:
        instant_us = now_us - round(float(ago[1] or ago[3]) * _UNITS_S[ago[2] or ago[4]] * 1e6)
    elif _UNIX.fullmatch(stripped):
        seconds, _, fraction = stripped.partition(".")
        instant_us = int(seconds) * 1_000_000 + int(fraction[:6].ljust(6, "0"))
    else:
        try:
            moment = datetime.fromisoformat(stripped)
        except ValueError:
            raise ConfigError(
                f"{text!r} is no time: write 2026-01-31T12:00:00.5 (UTC, or with an offset such as +02:00), Unix"
                " seconds, or a time ago such as -10m"
            ) from None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        instant_us = (moment - _EPOCH) // timedelta(microseconds=1)
    if instant_us > now_us:
        raise ConfigError(f"{text!r} lies in the future")
    return instant_us


def format_instant(instant_us: int) -> str:
    """`instant_us` (Unix microseconds) as ISO text in UTC that :func:`parse_instant` takes back."""
    return (_EPOCH + timedelta(microseconds=instant_us)).isoformat(timespec="microseconds").replace("+00:00", "Z")
