"""What `aurora-mysql status` shows."""

from __future__ import annotations

import pytest

from aurora_mysql.cluster.status_text import size_text, status_text


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (0, "0 bytes"),
        (1023, "1023 bytes"),
        (1024, "1.0 KiB"),
        (16 << 20, "16.0 MiB"),
        (128 << 40, "128.0 TiB"),
        (5000 << 40, "5000.0 TiB"),
    ],
)
def test_sizes(size_bytes: int, text: str) -> None:
    assert size_text(size_bytes) == text


def test_a_cluster_without_a_volume_yet() -> None:
    document = {
        "endpoints": {"cluster": "127.0.0.1:1", "reader": "127.0.0.1:2", "instances": {"instance-1": "127.0.0.1:3"}},
        "instances": [
            {"id": "instance-1", "role": "reader", "state": "starting", "applied_lsn": 7, "lag_ms": None},
        ],
        "encryption": {"enabled": True, "key": "local:k", "state": "unavailable", "reason": "no key"},
        "volume": None,
        "backup": None,
    }
    assert status_text(document).splitlines() == [
        "cluster endpoint  127.0.0.1:1",
        "reader endpoint   127.0.0.1:2",
        "instance-1        127.0.0.1:3            reader  starting  LSN 7",
        "encryption        local:k  unavailable: no key",
    ]
