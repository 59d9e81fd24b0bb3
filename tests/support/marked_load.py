"""Writers over one table that can be held for a moment, so that the client knows what the table held at an instant."""

from __future__ import annotations

import hashlib
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pymysql

from tests.support.ledger import RETRIABLE

Connect = Callable[[], pymysql.connections.Connection]


@dataclass(frozen=True)
class Mark:
    """`time_s` (Unix) lies after every commit that `digest` covers and before every later one."""

    time_s: float
    digest: str

    @property
    def text(self) -> str:
        return f"{self.time_s:.6f}"


def digest(connect: Connect, tables: tuple[str, ...] = ("past.item",)) -> str:
    """A checksum of the tables' ordered rows, computed here from what the client gets."""
    connection = connect()
    try:
        found = hashlib.blake2b(digest_size=12)
        with connection.cursor() as cursor:
            for table in tables:
                cursor.execute(f"SELECT * FROM {table} ORDER BY 1")
                for row in cursor.fetchall():
                    found.update(repr(row).encode())
        return found.hexdigest()
    finally:
        connection.close()


class MarkedLoad:
    """`workers` threads insert, update and delete rows of ``past.item``; :meth:`mark` holds them between transactions,
    reads what is there and remembers the instant."""

    def __init__(self, connect: Connect, *, workers: int = 3, rows: int = 300, seed: int = 1) -> None:
        self._connect = connect
        self._workers, self._rows, self._seed = workers, rows, seed
        self._gates = [threading.Lock() for _ in range(workers)]
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self.transactions = 0
        self.unexpected: list[str] = []

    def create(self) -> None:
        connection = self._connect()
        try:
            with connection.cursor() as cursor:
                cursor.execute("CREATE DATABASE past")
                cursor.execute(
                    "CREATE TABLE past.item (id INT PRIMARY KEY, name VARCHAR(40), price DECIMAL(10,2), at DATETIME(6),"
                    " note TEXT, KEY by_name (name))"
                )
        finally:
            connection.close()

    def start(self) -> None:
        for number in range(self._workers):
            thread = threading.Thread(target=self._work, args=(number,), daemon=True, name=f"marked-{number}")
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(30)
            assert not thread.is_alive(), f"{thread.name} hangs"
        assert not self.unexpected, self.unexpected[:5]

    def run_for(self, transactions: int, timeout_s: float = 60.0) -> None:
        """Wait until this many more transactions were made."""
        wanted, deadline_s = self.transactions + transactions, time.monotonic() + timeout_s
        while self.transactions < wanted:
            assert time.monotonic() < deadline_s, f"only {self.transactions} of {wanted} transactions"
            time.sleep(0.005)

    @contextmanager
    def held(self) -> Iterator[None]:
        """No transaction begins, none is open."""
        for gate in self._gates:
            gate.acquire()
        try:
            yield
        finally:
            for gate in self._gates:
                gate.release()

    def mark(self, tables: tuple[str, ...] = ("past.item",)) -> Mark:
        with self.held():
            found = digest(self._connect, tables)
            time.sleep(0.002)  # an instant strictly between two commits
            moment_s = time.time()
            time.sleep(0.002)
            return Mark(moment_s, found)

    def _work(self, number: int) -> None:
        chance = random.Random(self._seed * 100 + number)
        connection: pymysql.connections.Connection | None = None
        while not self._stop.is_set():
            with self._gates[number]:
                try:
                    connection = connection or self._connect()
                    self._transaction(connection, chance, number)
                    self.transactions += 1
                except (pymysql.err.OperationalError, pymysql.err.InterfaceError) as error:
                    connection = None
                    if error.args and error.args[0] not in (*RETRIABLE, 0):
                        self.unexpected.append(str(error))
                    time.sleep(0.02)
                except pymysql.err.Error as error:
                    self.unexpected.append(str(error))
                    connection = None

    def _transaction(self, connection: pymysql.connections.Connection, chance: random.Random, number: int) -> None:
        with connection.cursor() as cursor:
            for _ in range(chance.randint(1, 4)):
                # Own rows only: no waits, no deadlocks.
                key = chance.randrange(self._rows) * self._workers + number
                kind = chance.random()
                if kind < 0.2:
                    cursor.execute("DELETE FROM past.item WHERE id = %s", (key,))
                elif kind < 0.5:
                    cursor.execute("UPDATE past.item SET price = price + 1, at = NOW(6) WHERE id = %s", (key,))
                else:
                    note = None if kind < 0.6 else "é" * chance.randint(0, 60)
                    cursor.execute(
                        "REPLACE INTO past.item VALUES (%s, %s, %s, NOW(6), %s)",
                        (key, f"item {key}", chance.randint(1, 99999) / 100, note),
                    )
        connection.commit()
