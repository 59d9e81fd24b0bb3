"""What a full run of the benches must show, and the table of what it showed."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Line:
    """One work measured. `low` and `high` are the worst and the best round. `at_least` (or `at_most`, of costs) is what
    it must reach; None where nothing is asked."""

    work: str
    value: float
    low: float
    high: float
    unit: str = "x"
    at_least: float | None = None
    at_most: float | None = None

    @property
    def verdict(self) -> str:
        if self.at_least is not None:
            return "yes" if self.value >= self.at_least else "no"
        if self.at_most is not None:
            return "yes" if self.value <= self.at_most else "no"
        return ""


#: sysbench's scripts: (least ratio to MariaDB).
_SYSBENCH = {
    "oltp_point_select": 0.8,
    "oltp_read_only": 0.5,
    "oltp_insert": 0.7,
    "oltp_update_index": 0.7,
    "oltp_update_non_index": 0.7,
    "oltp_write_only": 0.6,
    "oltp_read_write": 0.6,
    "tpcc": 0.5,
}
_BULK = {"result": 0.8, "load": 1.0, "dump": 1.0}


def _ratio(work: str, ours: Sequence[float], theirs: Sequence[float], least: float | None) -> Line:
    """Rates of the same rounds."""
    ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
    return Line(work, statistics.median(ratios), min(ratios), max(ratios), at_least=least)


def _sysbench(document: Any) -> list[Line]:
    return [
        _ratio(
            " ".join(str(row[k]) for k in ("script", "mode", "threads") if k in row),
            row["us"],
            row["peer"],
            _SYSBENCH.get(row["script"]),
        )
        for row in document
    ]


def _bulk(document: Any) -> list[Line]:
    return [_ratio(f"bulk {r['test']}", r["mariadb_s"], r["us_s"], _BULK.get(r["test"])) for r in document]


def _tpch(document: Any) -> list[Line]:
    lines = [_ratio(f"TPC-H query {r['query']}", r["mariadb_s"], r["us_s"], None) for r in document["queries"]]
    name = f"TPC-H SF{document['scale']:g}"
    for what, key in (("geometric mean", "geometric_mean"), ("total", "total_ratio")):
        value = document[key]
        lines.append(Line(f"{name} {what}", value, value, value, at_least=20))
    beside = document.get("beside_writes")
    if beside is not None:
        slowed = [(1 - b / a) * 100 for a, b in zip(beside["alone"], beside["beside"], strict=True)]
        mean = beside["geometric_mean"]
        lines += [
            Line(f"{name} beside writes, geometric mean", mean, mean, mean, at_least=20),
            Line("writes slowed by TPC-H", statistics.median(slowed), min(slowed), max(slowed), "%", at_most=20),
            Line("row by key beside TPC-H, p99", *[beside["point_p99_ms"]] * 3, unit="ms"),
        ]
    return lines


def _memory(document: Any) -> list[Line]:
    resident, shares = (
        [mib for name, mib in document[kind].items() if name != "supervisor"] for kind in ("resident_mib", "share_mib")
    )
    each = document["connection_kib"]
    grown = [(load["last"] / load["middle"] - 1) * 100 for load in document.get("loaded", {}).values()]
    under_load = [Line("memory grown under load", max(grown), min(grown), max(grown), "%", at_most=5)] if grown else []
    return [
        Line("idle instance, resident", max(resident), min(resident), max(resident), "MiB", at_most=150),
        Line("idle instance, its share", max(shares), min(shares), max(shares), "MiB", at_most=150),
        Line("idle connection", each, each, each, "KiB", at_most=50),
        *under_load,
    ]


def _lag(document: Any) -> list[Line]:
    return [
        Line(
            f"lag p99, {r['readers']} readers, {r['rate']:.0f} tx/s",
            r["p99"],
            r["p50"],
            r["max"],
            "ms",
            at_most=10 if r["readers"] == 2 else None,
        )
        for r in document
    ]


def _scale(document: Any) -> list[Line]:
    costs = [read["cost_us"] for read in document["reads"]]
    first, second = document["reader_rates"]
    write = document["beside_reads"]["cost"] * 100
    start = document["start_s"]
    return [
        Line("point read, processor time", statistics.median(costs), min(costs), max(costs), "us"),
        Line("reads of two readers to one", second / first, second / first, second / first, ""),
        Line("write beside reads on readers, processor time", write, write, write, "%", at_most=10),
        Line("start with rows", start, start, start, "s"),
    ]


_READERS = {"sysbench": _sysbench, "tpcc": _sysbench, "bulk": _bulk, "tpch": _tpch, "lag": _lag, "memory": _memory}
_READERS["scale"] = _scale


def lines_of(documents: Mapping[str, Any]) -> list[Line]:
    """The table of the parts' JSON documents, by part."""
    return [line for part, document in documents.items() for line in _READERS[part](document)]


def markdown(lines: Sequence[Line]) -> str:
    """A table; `x` are ratios to MariaDB, more is better."""
    out = ["| work | median | spread | must be | reached |", "|---|---:|---:|---:|---|"]
    for line in lines:
        wanted = f"≥ {line.at_least:g}" if line.at_least is not None else ""
        wanted = f"≤ {line.at_most:g}" if line.at_most is not None else wanted
        unit = "" if line.unit == "x" else f" {line.unit}"
        out.append(
            f"| {line.work} | {line.value:.2f}{unit} | {line.low:.2f}-{line.high:.2f} | {wanted} | {line.verdict} |"
        )
    return "\n".join(out)
