"""The ledger workload: concurrent transfers whose acknowledged commits are remembered by the clients.

Every transfer is one transaction: two balance updates and one journal row with a unique id. Afterwards, on every
instance: each acknowledged id is in the journal, balances follow from the journal (no half transaction), and the
total is what it was.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import pymysql

Connect = Callable[[], pymysql.connections.Connection]

#: What a client of a failing writer sees and may retry: lost connections, refusals, and "now a reader".
RETRIABLE = {1040, 1053, 1158, 1159, 1180, 1205, 1213, 1317, 1836, 2003, 2006, 2013, 2055, 4031}

OPENING_BALANCE = 1000


@dataclass
class Acknowledged:
    """What one worker knows: ids it got an OK for, and the times of its OKs (monotonic seconds). `commits` are those
    and how long each COMMIT took, in seconds."""

    ids: list[str] = field(default_factory=list)
    commits: list[tuple[float, float]] = field(default_factory=list)
    in_doubt: list[str] = field(default_factory=list)
    last_ok_s: float = 0.0
    errors: dict[int, int] = field(default_factory=dict)
    unexpected: list[str] = field(default_factory=list)


class Ledger:
    """`workers` threads transfer between `accounts` until :meth:`stop`; they reconnect as an application would.

    Accounts are locked in order, so there are no deadlocks. With `pace_s` a worker begins a transfer so many seconds
    after the one before, or when that is done.
    """

    def __init__(
        self, connect: Connect, *, accounts: int = 40, workers: int = 8, seed: int = 1, pace_s: float = 0.0
    ) -> None:
        self._pace_s = pace_s
        self._connect = connect
        self._accounts = accounts
        self._workers = workers
        self._seed = seed
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self.results = [Acknowledged() for _ in range(workers)]

    def create(self) -> None:
        connection = self._connect()
        try:
            with connection.cursor() as cursor:
                cursor.execute("CREATE DATABASE IF NOT EXISTS ledger")
                cursor.execute("CREATE TABLE ledger.account (id INT PRIMARY KEY, balance BIGINT NOT NULL)")
                cursor.execute(
                    "CREATE TABLE ledger.journal (id VARCHAR(40) PRIMARY KEY, source INT NOT NULL,"
                    " target INT NOT NULL, amount INT NOT NULL)"
                )
                cursor.executemany(
                    "INSERT INTO ledger.account VALUES (%s, %s)",
                    [(i, OPENING_BALANCE) for i in range(self._accounts)],
                )
            connection.commit()
        finally:
            connection.close()

    def start(self) -> None:
        for number in range(self._workers):
            thread = threading.Thread(target=self._work, args=(number,), name=f"ledger-{number}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(30)
            assert not thread.is_alive(), f"{thread.name} hangs"

    @property
    def acknowledged(self) -> int:
        return sum(len(r.ids) for r in self.results)

    def wait_for_commit_after(self, moment_s: float, timeout_s: float) -> float:
        """Seconds from `moment_s` (monotonic) to the first acknowledgement after it."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            later = [r.last_ok_s for r in self.results if r.last_ok_s > moment_s]
            if later:
                return min(later) - moment_s
            time.sleep(0.002)
        raise AssertionError(f"no commit was accepted within {timeout_s} s")

    def check(self, connect: Connect, *, where: str) -> None:
        """Assert the invariants on one instance."""
        connection = connect()
        try:
            with connection.cursor() as cursor:
                cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT")
                cursor.execute("SELECT id, balance FROM ledger.account")
                balances = dict(cursor.fetchall())
                cursor.execute("SELECT id, source, target, amount FROM ledger.journal")
                journal = cursor.fetchall()
        finally:
            connection.close()
        present = {row[0] for row in journal}
        lost = [i for r in self.results for i in r.ids if i not in present]
        assert not lost, f"{where}: {len(lost)} acknowledged commits are lost, e.g. {lost[:3]}"
        expected = dict.fromkeys(range(self._accounts), OPENING_BALANCE)
        for _, source, target, amount in journal:
            expected[source] -= amount
            expected[target] += amount
        assert balances == expected, f"{where}: balances do not follow from the journal"
        assert sum(balances.values()) == OPENING_BALANCE * self._accounts, f"{where}: the total changed"
        known = {i for r in self.results for i in (*r.ids, *r.in_doubt)}
        assert present <= known, f"{where}: journal rows nobody wrote"

    def assert_no_unexpected_error(self) -> None:
        unexpected = [e for r in self.results for e in r.unexpected]
        assert not unexpected, unexpected[:5]

    def _work(self, number: int) -> None:
        rng = random.Random(self._seed * 1000 + number)
        result = self.results[number]
        connection: pymysql.connections.Connection | None = None
        sequence = 0
        next_s = time.monotonic()
        while not self._stop.is_set():
            next_s = max(next_s + self._pace_s, time.monotonic() - self._pace_s)
            try:
                if connection is None:
                    connection = self._connect()
                sequence += 1
                self._transfer(connection, rng, f"{self._seed}-{number}-{sequence}", result)
            except pymysql.err.MySQLError as error:
                code = error.args[0] if error.args and isinstance(error.args[0], int) else 0
                result.errors[code] = result.errors.get(code, 0) + 1
                if code not in RETRIABLE and not isinstance(error, pymysql.err.InterfaceError):
                    result.unexpected.append(repr(error))
                if connection is not None:
                    _abandon(connection)
                    connection = None
                self._stop.wait(0.01)
            except OSError:
                connection = None
                self._stop.wait(0.01)
            if self._pace_s:
                self._stop.wait(max(0.0, next_s - time.monotonic()))
        if connection is not None:
            _abandon(connection)

    def _transfer(
        self, connection: pymysql.connections.Connection, rng: random.Random, transfer: str, result: Acknowledged
    ) -> None:
        source, target = rng.sample(range(self._accounts), 2)
        amount = rng.randint(1, 20)
        with connection.cursor() as cursor:
            cursor.execute("BEGIN")
            for account, change in sorted([(source, -amount), (target, amount)]):
                cursor.execute("UPDATE ledger.account SET balance = balance + %s WHERE id = %s", (change, account))
            cursor.execute("INSERT INTO ledger.journal VALUES (%s, %s, %s, %s)", (transfer, source, target, amount))
            result.in_doubt.append(transfer)
            began_s = time.monotonic()
            cursor.execute("COMMIT")
        result.in_doubt.pop()
        result.ids.append(transfer)
        result.last_ok_s = time.monotonic()
        result.commits.append((result.last_ok_s, result.last_ok_s - began_s))


def _abandon(connection: pymysql.connections.Connection) -> None:
    """Close without the farewell that would block on a dead server's socket."""
    connection._force_close()
