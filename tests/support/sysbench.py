"""Runs sysbench's own OLTP scripts against a server, and compares tables between instances."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pymysql

#: Every script that sysbench ships for SQL. bulk_insert makes tables of its own shape.
OLTP_SCRIPTS = (
    "oltp_point_select",
    "oltp_read_only",
    "oltp_read_write",
    "oltp_write_only",
    "oltp_insert",
    "oltp_delete",
    "oltp_update_index",
    "oltp_update_non_index",
    "select_random_points",
    "select_random_ranges",
)

_RATE = re.compile(r"transactions:\s+\d+\s+\(([\d.]+) per sec")
_P95 = re.compile(r"95th percentile:\s+([\d.]+)")


@dataclass(frozen=True)
class Server:
    """Where and as whom sysbench connects."""

    host: str
    port: int
    user: str
    password: str
    database: str


@dataclass(frozen=True)
class Figures:
    """Of one run: transactions a second, 95th percentile of their latency."""

    rate: float
    p95_ms: float


class SysbenchError(AssertionError):
    """sysbench ended with an error."""


def run(
    server: Server,
    script: str,
    command: str,
    *,
    threads: int = 1,
    seconds: int = 10,
    prepared: bool = False,
    tables: int = 4,
    table_size: int = 10_000,
    rate: int = 0,
    options: Mapping[str, int] | None = None,
) -> Figures:
    """One sysbench call (`command` is prepare, run or cleanup) with at most `rate` transactions a second (0: as many as
    go). `options` are those of a script of one's own.

    Raises:
        SysbenchError: it reports any error (deadlocks of such a script are retried).
    """
    arguments = [
        "sysbench",
        script,
        "--db-driver=mysql",
        f"--mysql-host={server.host}",
        f"--mysql-port={server.port}",
        f"--mysql-user={server.user}",
        f"--mysql-password={server.password}",
        f"--mysql-db={server.database}",
        "--mysql-ssl=off",
        f"--threads={threads}",
        f"--time={seconds}",
        f"--rate={rate}",
        f"--db-ps-mode={'auto' if prepared else 'disable'}",
    ]
    if options is not None:
        arguments += [f"--{name}={value}" for name, value in options.items()]
        arguments.append("--mysql-ignore-errors=1213,1205")
    elif script != "bulk_insert":
        arguments += [f"--tables={tables}", f"--table-size={table_size}"]
    done = subprocess.run([*arguments, command], capture_output=True, text=True, timeout=seconds + 300)
    text = done.stdout + done.stderr
    if done.returncode or "FATAL" in text:
        wrong = [line[:300] for line in text.splitlines() if "FATAL" in line or "error" in line.lower()]
        raise SysbenchError(f"sysbench {script} {command}: " + " | ".join(wrong[:3]))
    if command != "run":
        return Figures(0.0, 0.0)
    rate, p95 = _RATE.search(text), _P95.search(text)
    if rate is None or p95 is None:
        raise SysbenchError(f"sysbench {script} printed no figures: {text[-500:]}")
    return Figures(float(rate[1]), float(p95[1]))


def assert_equal_tables(
    connections: Sequence[tuple[str, Callable[[], pymysql.connections.Connection]]], database: str
) -> int:
    """Every table of `database`, row for row, on every instance; the number of rows compared."""
    contents: dict[str, dict[str, list[tuple[object, ...]]]] = {}
    for name, connect in connections:
        connection = connect()
        try:
            with connection.cursor() as cursor:
                cursor.execute(f"SHOW TABLES FROM {database}")
                tables = [str(row[0]) for row in cursor.fetchall()]
                contents[name] = {}
                for table in tables:
                    cursor.execute(f"SELECT * FROM {database}.{table} ORDER BY 1")
                    contents[name][table] = sorted(cursor.fetchall(), key=repr)  # keys may have several columns
        finally:
            connection.close()
    (first, expected), *others = contents.items()
    for name, found in others:
        assert found.keys() == expected.keys(), f"{name} and {first} have different tables"
        for table, rows in expected.items():
            assert found[table] == rows, f"{table} differs between {first} and {name}"
    return sum(len(rows) for rows in expected.values())
