"""What `aurora-mysql status` shows a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")


def size_text(size_bytes: int) -> str:
    """`size_bytes` in the largest unit of which there is one."""
    size, unit = float(size_bytes), 0
    while size >= 1024 and unit < len(_UNITS) - 1:
        size, unit = size / 1024, unit + 1
    return f"{size_bytes} bytes" if unit == 0 else f"{size:.1f} {_UNITS[unit]}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def status_text(document: Mapping[str, Any]) -> str:
    """The lines for what the supervisor answers to `status` (what ``--json`` prints)."""
    lines: list[str] = []
    say = lines.append
    endpoints = document["endpoints"]
    say(f"cluster endpoint  {endpoints['cluster']}")
    say(f"reader endpoint   {endpoints['reader']}")
    for item in document["instances"]:
        lag = "" if item["lag_ms"] is None else f"  lag {item['lag_ms']:.1f} ms"
        address = endpoints["instances"][item["id"]]
        say(f"{item['id']:<16}  {address:<21}  {item['role']}  {item['state']}  LSN {item['applied_lsn']}{lag}")
    encryption = document["encryption"]
    if encryption["enabled"]:
        reason = f": {encryption['reason']}" if encryption["reason"] else ""
        say(f"encryption        {encryption['key']}  {encryption['state']}{reason}")
    volume = document["volume"]
    if volume is not None:
        say(f"volume            VDL {volume['vdl']}  epoch {volume['epoch']}  {size_text(volume['size_bytes'])}")
        usage = volume["usage"]
        left = f"{size_text(usage['left_bytes'])} left of {size_text(usage['max_bytes'])}"
        say(f"  size            {size_text(usage['used_bytes'])} in {_count(usage['groups'], 'group')}, {left}")
        for copy in volume["copies"]:
            filled = "" if copy["filled_percent"] == 100 else f" ({copy['filled_percent']:g}% filled)"
            took = "" if copy["latency_ms"] is None else f"  {copy['latency_ms']:.1f} ms"
            say(f"  copy {copy['id']} {copy['az']}  {copy['state']}{filled}  SCL {copy['scl']}{took}  {copy['path']}")
        if volume["membership"]["change"]:
            say(f"  change          {volume['membership']['change']}")
        scrub = volume["scrub"]
        now = f"checking copy {scrub['copy']}" if scrub["copy"] else "resting"
        say(f"  scrubbing       {now}, {_count(scrub['rounds'], 'round')}, {scrub['damaged']} copies found damaged")
        chunks = volume["chunk_scrub"]
        checked = f"{_count(chunks['rounds'], 'round')}, {size_text(chunks['checked_bytes'])} checked"
        say(f"  chunks          {checked}, {chunks['repaired']} repaired, {chunks['lost']} whole nowhere")
    backup = document["backup"]
    if backup is not None:
        window = backup["backtrack"]
        say(f"backup            since {backup['earliest_restorable']}, {_count(len(backup['snapshots']), 'snapshot')}")
        say(f"backtrack         since {window['earliest']}, {_count(window['change_records'], 'change record')}")
    return "\n".join(lines)
