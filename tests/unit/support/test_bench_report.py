"""The table of a full bench run, and TPC-H's comparison of answers."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from tests.support.bench_report import Line, lines_of, markdown
from tests.support.tpch import NUMBERS, difference, query

DOCUMENTS: dict[str, Any] = {
    "sysbench": [
        {"script": "oltp_insert", "mode": "text", "threads": 8, "us": [50, 80, 60], "peer": [100, 100, 100]},
        {"script": "select_random_points", "mode": "text", "threads": 1, "us": [1], "peer": [4]},
    ],
    "bulk": [{"test": "load", "us_s": [2.0], "mariadb_s": [6.0]}],
    "tpch": {
        "scale": 1.0,
        "queries": [{"query": 1, "us_s": [0.1], "mariadb_s": [5.0]}],
        "geometric_mean": 50.0,
        "total_ratio": 19.0,
        "beside_writes": {"alone": [100, 100], "beside": [90, 70], "geometric_mean": 21.0, "point_p99_ms": 4.0},
    },
    "memory": {
        "resident_mib": {"instance-1": 120.0, "instance-2": 151.0, "supervisor": 200.0},
        "share_mib": {"instance-1": 70.0, "instance-2": 75.0, "supervisor": 200.0},
        "connections": 9,
        "connection_kib": 40.0,
        "loaded": {"instance-1": {"middle": 200.0, "last": 230.0}, "instance-2": {"middle": 100.0, "last": 99.0}},
    },
    "scale": {
        "reads": [{"cost_us": 50.0}, {"cost_us": 55.0}, {"cost_us": 70.0}],
        "reader_rates": [4000.0, 6000.0],
        "beside_reads": {"cost": 0.125, "rate": -0.3},
        "start_s": 4.0,
    },
    "lag": [{"readers": 2, "rate": 500.0, "p50": 2.0, "p99": 9.0, "max": 14.0}],
}


@pytest.mark.parametrize(
    ("work", "value", "verdict"),
    [
        ("oltp_insert text 8", 0.6, "no"),
        ("select_random_points text 1", 0.25, ""),
        ("bulk load", 3.0, "yes"),
        ("TPC-H query 1", 50.0, ""),
        ("TPC-H SF1 geometric mean", 50.0, "yes"),
        ("TPC-H SF1 total", 19.0, "no"),
        ("TPC-H SF1 beside writes, geometric mean", 21.0, "yes"),
        ("writes slowed by TPC-H", 20.0, "yes"),
        ("idle instance, resident", 151.0, "no"),
        ("idle instance, its share", 75.0, "yes"),
        ("idle connection", 40.0, "yes"),
        ("memory grown under load", 15.0, "no"),
        ("point read, processor time", 55.0, ""),
        ("reads of two readers to one", 1.5, ""),
        ("write beside reads on readers, processor time", 12.5, "no"),
        ("start with rows", 4.0, ""),
        ("lag p99, 2 readers, 500 tx/s", 9.0, "yes"),
    ],
)
def test_lines(work: str, value: float, verdict: str) -> None:
    line = next(line for line in lines_of(DOCUMENTS) if line.work == work)
    assert line.value == pytest.approx(value)
    assert line.verdict == verdict


def test_markdown() -> None:
    table = markdown([Line("a", 0.5, 0.4, 0.6, at_least=0.7), Line("b", 3, 2, 4, "ms", at_most=10)])
    assert table.splitlines()[2:] == [
        "| a | 0.50 | 0.40-0.60 | ≥ 0.7 | no |",
        "| b | 3.00 ms | 2.00-4.00 | ≤ 10 | yes |",
    ]


@pytest.mark.parametrize(
    ("ours", "theirs", "same"),
    [
        ([(1, "a")], [(1, "a")], True),
        ([(1, "a")], [(1, "b")], False),
        ([(1,)], [(1,), (2,)], False),
        ([(Decimal("1.2345"),)], [(Decimal("1.2346"),)], True),
        ([(Decimal("1.2345"),)], [(Decimal("1.2347"),)], False),
        ([(0.1 + 0.2,)], [(0.3,)], True),
        ([(0.31,)], [(0.3,)], False),
        ([(dt.date(1995, 1, 1), None)], [(dt.date(1995, 1, 1), None)], True),
        ([(None,)], [(0,)], False),
    ],
)
def test_difference(ours: Any, theirs: Any, same: bool) -> None:
    assert (difference(ours, theirs) == "") is same


def test_every_query_is_there() -> None:
    texts = [query(n, 0.01) for n in NUMBERS]
    assert len(set(texts)) == 22
    assert "0.0100000000" in texts[10]
