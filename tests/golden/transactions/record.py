"""Fill the outcomes of scripts in from a reference server: ``python -m tests.golden.transactions.record HOST PORT USER
PASSWORD [FILE ...]``. Outcomes marked ``!`` or ``~`` stay as they are."""

from __future__ import annotations

import re
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pymysql

from tests.support.sessions_script import Case, Step, load, render_ok, render_rows

HERE = Path(__file__).parent
BLOCKED_S = 0.4
WOKEN_S = 0.3

#: MySQL 8.0's words that MariaDB spells otherwise.
_WORDS = (
    (r"\bFOR SHARE OF \w+", "LOCK IN SHARE MODE"),
    (r"\bFOR UPDATE OF \w+", "FOR UPDATE"),
    (r"\bFOR SHARE\b", "LOCK IN SHARE MODE"),
    (r"\btransaction_isolation\b", "tx_isolation"),
    (r"\btransaction_read_only\b", "tx_read_only"),
    (r"\butf8mb4_0900_(\w+)", r"utf8mb4_uca1400_nopad_\1"),
)


class Connection:
    def __init__(self, options: dict[str, Any]) -> None:
        self.connection = pymysql.connect(**options, autocommit=None)
        self.thread: threading.Thread | None = None
        self.outcome = ""

    def start(self, sql: str) -> None:
        self.thread = threading.Thread(target=self._run, args=(sql,), daemon=True)
        self.thread.start()

    def _run(self, sql: str) -> None:
        spelled = sql
        for pattern, other in _WORDS:
            spelled = re.sub(pattern, other, spelled, flags=re.IGNORECASE)
        try:
            with self.connection.cursor() as cursor:
                affected = cursor.execute(spelled)
                rows = cursor.description is not None
                self.outcome = render_rows(cursor.fetchall(), sql) if rows else render_ok(affected)
        except pymysql.MySQLError as error:
            self.outcome = f"error {error.args[0]}"

    def finished(self, timeout_s: float) -> bool:
        assert self.thread is not None
        self.thread.join(timeout_s)
        return not self.thread.is_alive()


def record(case: Case, options: dict[str, Any]) -> None:
    """Run `case` and put what came into its steps."""
    root = Connection(options)
    for sql in ("DROP DATABASE IF EXISTS txn_case", "CREATE DATABASE txn_case COLLATE utf8mb4_general_ci"):
        root.start(sql)
        root.finished(30)
    connections: dict[str, Connection] = {}
    blocked: list[str] = []
    try:
        for step in case.steps:
            found = _step(step, connections, blocked, {**options, "database": "txn_case"})
            if not step.mark:
                step.expected = found
    finally:
        for connection in connections.values():
            connection.connection.close()


def _step(step: Step, connections: dict[str, Connection], blocked: list[str], options: dict[str, Any]) -> list[str]:
    name = step.session
    if name not in connections:
        connections[name] = Connection(options)
    connection = connections[name]
    if step.sql == "wait":
        blocked.remove(name)
        assert connection.finished(60), f"{name} never ends"
        outcome = connection.outcome
    else:
        connection.start(step.sql)
        outcome = connection.outcome if connection.finished(BLOCKED_S) else "blocks"
        if outcome == "blocks":
            blocked.append(name)
        else:
            outcome = connection.outcome
    woken = []
    deadline_s = time.monotonic() + WOKEN_S
    for other in sorted(blocked):
        if other != name and connections[other].finished(max(0.01, deadline_s - time.monotonic())):
            woken.append(f"{other}: {connections[other].outcome}")
            blocked.remove(other)
    return [outcome, *woken]


def write(path: Path, cases: list[Case]) -> None:
    """The file again, with its comments."""
    steps = iter([s for c in cases for s in c.steps])
    out: list[str] = []
    for line in path.read_text().splitlines():
        if line.startswith("    "):
            continue
        out.append(line)
        if re.fullmatch(r"\w+: .*", line):
            step = next(steps)
            if step.session != "setup":
                first, *rest = step.expected
                out += [f"    {step.mark + ' ' if step.mark else ''}{first}", *(f"    {text}" for text in rest)]
    path.write_text("\n".join(out) + "\n")


def main() -> None:
    host, port, user, password, *names = sys.argv[1:]
    options = {"host": host, "port": int(port), "user": user, "password": password}
    for path in [HERE / n for n in names] or sorted(HERE.glob("*.txt")):
        cases = list(load(path))
        for case in cases:
            record(case, options)
        write(path, cases)
        print(path.name, len(cases), "cases")


if __name__ == "__main__":
    main()
