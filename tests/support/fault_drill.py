"""What may happen to a volume's disks, done to a running cluster under a load that checks itself."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pymysql
from pymysql.cursors import Cursor

from aurora_mysql.cluster.control import ControlClient
from aurora_mysql.cluster.data_dir import DataDir
from aurora_mysql.storage.segment import SegmentName
from tests.support.cluster import Cluster, wait_for
from tests.support.ledger import Ledger

#: What a drill needs: damage is found soon, and disks are small.
CONFIG = """[volume]
scrub_interval_s = 0.5
segment_bytes = 1048576
checkpoint_interval_s = 5.0
commit_timeout_s = 120.0
slow_copy_after_s = 1.0
"""
SMALL_DISK_BYTES = 512 << 20
#: Which copy is on the small disk, and its zone.
SMALL_DISK = ("az-b", "copy-3")


@dataclass
class Figures:
    """One phase. Times of commits are the client's, `whole_s` from when the fault was over (of what was deleted or
    changed: from the blow) until all six copies were whole again. `normal_p99_ms` is of the stretch just before."""

    name: str
    commits_per_s: float = 0.0
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    longest_ms: float = 0.0
    normal_p99_ms: float = 0.0
    errors: dict[int, int] = field(default_factory=dict)
    whole_s: float = 0.0

    @property
    def ratio(self) -> float:
        return self.p99_ms / self.normal_p99_ms if self.normal_p99_ms else 0.0


class Reads:
    """Reads of one row on both endpoints, over and over, on connections of their own. None may fail."""

    def __init__(self, cluster: Cluster) -> None:
        self._connections = {name: cluster.connect(name, autocommit=True) for name in ("cluster", "reader")}

    def go_on(self, seconds: float) -> int:
        """How many reads were answered within `seconds`.

        Raises:
            pymysql.err.MySQLError: one was not.
        """
        count, until_s = 0, time.monotonic() + seconds
        while time.monotonic() < until_s:
            for connection in self._connections.values():
                with connection.cursor() as cursor:
                    cursor.execute("SELECT balance FROM ledger.account WHERE id = %s", (count % 10,))
                    assert cursor.fetchone() is not None
            count += 1
            time.sleep(0.01)
        return count

    def close(self) -> None:
        for connection in self._connections.values():
            connection.close()


class Ballast:
    """Rows of some size, written all the time, so that segments come and go: `bytes_per_s` of log."""

    ROW_BYTES = 20_000

    def __init__(self, cluster: Cluster, bytes_per_s: int = 200_000) -> None:
        self._cluster, self._pace_s = cluster, self.ROW_BYTES / bytes_per_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="ballast", daemon=True)
        self.errors: list[str] = []
        cluster.query("CREATE TABLE ledger.ballast (id INT PRIMARY KEY AUTO_INCREMENT, v BLOB)")

    def write(self, size_bytes: int) -> None:
        """So much at once."""
        connection = self._cluster.connect(autocommit=True)
        with connection.cursor() as cursor:
            for _ in range(0, size_bytes, self.ROW_BYTES):
                self._row(cursor)
        connection.close()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(30)
        assert not self._thread.is_alive(), "the ballast hangs"
        assert not self.errors, self.errors

    def _row(self, cursor: Cursor) -> None:
        cursor.execute(f"INSERT INTO ledger.ballast (v) VALUES (x'{os.urandom(self.ROW_BYTES).hex()}')")

    def _work(self) -> None:
        connection = self._cluster.connect(autocommit=True, read_timeout=150)
        try:
            with connection.cursor() as cursor:
                while not self._stop.wait(self._pace_s):
                    self._row(cursor)
        except pymysql.err.MySQLError as error:
            self.errors.append(str(error))
        finally:
            connection._force_close()


class Drill:
    """Phases of one cluster, which was started with CONFIG (see :func:`small_disk` for the one with the full disk).

    Args:
        ledger: runs, at a pace that the machine can hold.
        calm_s: how long the load is measured before each blow, and at least afterwards.
    """

    def __init__(self, cluster: Cluster, ledger: Ledger, *, calm_s: float, deadline_s: float = 60.0) -> None:
        self.cluster, self.ledger = cluster, ledger
        self._calm_s, self._deadline_s = calm_s, deadline_s
        self._random = random.Random(5)

    # -- phases -------------------------------------------------------------------------------------------------

    def delete_a_copy(self) -> Figures:
        return self._phase("a copy deleted", lambda: _remove(self._copy("az-a", "copy-1")))

    def flip_bytes(self) -> Figures:
        """One byte in each of two copies, wherever there are records."""

        def flip() -> None:
            left = {2: "az-a", 5: "az-c"}
            before = {copy: self._losses(copy) for copy in left}
            for _ in range(5):
                healed = {copy: self._flip(self._copy(az, f"copy-{copy}")) for copy, az in left.items()}
                wait_for(
                    lambda healed=healed: all(self._losses(n) > before[n] or gone() for n, gone in healed.items()),  # type: ignore[misc]
                    self._deadline_s,
                    "the damage to be found",
                )
                left = {copy: az for copy, az in left.items() if self._losses(copy) == before[copy]}
                if not left:
                    return
            raise AssertionError(f"the damage of {left} is never found")

        return self._phase("bytes flipped in two", flip)

    def fill_a_disk(self) -> Figures:
        """Something else takes all space of a disk for a while."""

        def fill() -> float:
            filler = self._copy(*SMALL_DISK) / "filler"
            try:
                _fill(filler)
                # Only a new segment needs room, so this takes until one is used up.
                wait_for(lambda: self._states()[2] == "full", self._deadline_s, "the disk to be full", every_s=0.1)
                time.sleep(self._calm_s / 2)
            finally:
                filler.unlink(missing_ok=True)
            return time.monotonic()

        return self._phase("a disk full", fill)

    def slow_a_disk(self) -> Figures:
        """A hundred times slower than a synced write there takes now: it is left out until that is over."""
        path = self._copy("az-c", "copy-6")
        slow_ms = max(10, round(100 * _synced_write_ms(path.parent)))
        seconds = max(6, round(self._calm_s))
        statement = (
            f"ALTER SYSTEM SIMULATE 100 PERCENT DISK CONGESTION BETWEEN {slow_ms} AND {slow_ms + 1} MILLISECONDS"
            f" IN DISK 5 FOR INTERVAL {seconds} SECOND"
        )

        def slow() -> float:
            over_s = time.monotonic() + seconds
            self.cluster.query(statement)
            wait_for(lambda: self._states()[5] == "slow", seconds, "the copy to be known as slow", every_s=0.1)
            time.sleep(max(0.0, over_s - time.monotonic()))
            return time.monotonic()

        return self._phase(f"a disk at {slow_ms} ms a call", slow)

    def remove_a_zone(self) -> Figures:
        """All that is in it, the chunks of checkpoints as well."""
        return self._phase("an AZ removed", lambda: _remove(self.cluster.data_dir / "volume" / "az-c"))

    def az_plus_one(self) -> Figures:
        """A zone and one more copy go, and nobody may make them anew for a while: commits wait, reads go on."""
        zone, other = self.cluster.data_dir / "volume" / "az-a", self._copy("az-b", "copy-4")
        reads = Reads(self.cluster)

        def strike() -> float:
            with _blocked(zone), _blocked(other):
                wait_for(lambda: not self._writable(), self._deadline_s, "the write quorum to be lost")
                before = self.ledger.acknowledged
                assert reads.go_on(self._calm_s / 2) > 0
                assert self.ledger.acknowledged == before, "a commit was acknowledged without a write quorum"
            return time.monotonic()

        try:
            found = self._phase("AZ+1", strike)
        finally:
            reads.close()
        self.ledger.wait_for_commit_after(time.monotonic(), self._deadline_s)
        return found

    # -- one phase ----------------------------------------------------------------------------------------------

    def _phase(self, name: str, blow: Callable[[], float | None]) -> Figures:
        """Measure, strike, and measure until all is whole (and for as long as before). `blow` returns when the fault
        was over, if it lasted."""
        self.wait_whole()
        calm_from_s = time.monotonic()
        time.sleep(self._calm_s)
        struck_s, errors = time.monotonic(), self._errors()
        over_s = blow() or struck_s
        self.wait_whole()
        whole_s = time.monotonic() - over_s
        time.sleep(max(0.0, struck_s + self._calm_s - time.monotonic()))
        end_s = time.monotonic()
        calm, found = self._latencies_ms(calm_from_s, struck_s), self._latencies_ms(struck_s, end_s)
        wrong = {code: count - errors.get(code, 0) for code, count in self._errors().items()}
        return Figures(
            name,
            len(found) / (end_s - struck_s),
            statistics.median(found),
            _percentile(found, 99),
            found[-1],
            _percentile(calm, 99),
            {code: count for code, count in wrong.items() if count},
            whole_s,
        )

    def _errors(self) -> dict[int, int]:
        total: dict[int, int] = {}
        for result in self.ledger.results:
            for code, count in list(result.errors.items()):
                total[code] = total.get(code, 0) + count
        return total

    def _latencies_ms(self, from_s: float, to_s: float) -> list[float]:
        """Of the commits that were acknowledged between, ascending."""
        commits = (commit for result in self.ledger.results for commit in list(result.commits))
        return sorted(took_s * 1000 for ended_s, took_s in commits if from_s <= ended_s < to_s)

    # -- looking on ---------------------------------------------------------------------------------------------

    def wait_whole(self) -> None:
        """Until all six copies take part and have what was durable now."""
        vdl = self._volume()["vdl"]

        def whole() -> bool:
            return all(copy["state"] == "ok" and copy["scl"] >= vdl for copy in self._volume()["copies"])

        wait_for(whole, self._deadline_s, f"six whole copies, but {self._states()}", every_s=0.1)

    def zones_differ(self) -> list[str]:
        """Chunks and manifests that not all zones have."""
        zones = [self.cluster.data_dir / "volume" / zone for zone in ("az-a", "az-b", "az-c")]
        names = [
            {
                str(p.relative_to(zone))
                for kind in ("chunks", "checkpoints")
                for p in (zone / kind).rglob("*")
                if p.is_file()
            }
            for zone in zones
        ]
        return sorted(set.union(*names) - set.intersection(*names))

    def _copy(self, zone: str, name: str) -> Path:
        return self.cluster.data_dir / "volume" / zone / name

    def _volume(self) -> dict[str, Any]:
        """Asked on the control channel: a process for each look would weigh more than the load."""
        directory = DataDir(self.cluster.data_dir)

        async def ask() -> Any:
            found = directory.announced("supervisor")
            assert found is not None
            client = await ControlClient.connect(found["control_port"], directory.token())
            try:
                return await client.call("status")
            finally:
                client.close()

        volume: dict[str, Any] = asyncio.run(ask())["volume"]
        return volume

    def _states(self) -> list[str]:
        return [copy["state"] for copy in self._volume()["copies"]]

    def _losses(self, copy: int) -> int:
        """How often the copy was taken out."""
        return self.cluster.logs().count(f"copy {copy} of the volume is lost")

    def _writable(self) -> bool:
        return self._states().count("ok") >= 4

    def _flip(self, copy: Path) -> Callable[[], bool]:
        """Returns whether the byte is as it was, or gone: its segment may be collected before a scrub comes by, and the
        block at the log's end is written anew with each commit."""
        chosen = [path for path in copy.glob("*.redo") if SegmentName.parse(path.name) is not None]
        used = {path: len(path.read_bytes().rstrip(b"\0")) for path in chosen}
        path = self._random.choice(sorted(path for path in chosen if used[path] > 200))
        at = self._random.randrange(100, used[path] - 100)
        with path.open("r+b") as file:
            file.seek(at)
            byte = file.read(1)[0]
            file.seek(at)
            file.write(bytes([byte ^ (1 << self._random.randrange(8))]))

        def healed() -> bool:
            try:
                with path.open("rb") as file:
                    file.seek(at)
                    return file.read(1) in (b"", bytes([byte]))
            except FileNotFoundError:
                return True

        return healed


@contextmanager
def small_disk(cluster: Cluster) -> Iterator[bool]:
    """Put one copy of a stopped cluster on a disk of 512 MiB; False, and nothing is done, without the right to."""
    place = cluster.data_dir / "volume" / SMALL_DISK[0] / SMALL_DISK[1]
    aside = place.with_name(place.name + ".aside")
    place.rename(aside)
    place.mkdir()
    size = f"size={SMALL_DISK_BYTES}"
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(place)], capture_output=True)
    if mounted.returncode:
        place.rmdir()
        aside.rename(place)
        yield False
        return
    try:
        shutil.copytree(aside, place, dirs_exist_ok=True)
        shutil.rmtree(aside)
        yield True
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def _remove(path: Path) -> None:
    """At once, as a disk goes."""
    gone = path.with_name(path.name + ".gone")
    path.rename(gone)
    shutil.rmtree(gone)


@contextmanager
def _blocked(path: Path) -> Iterator[None]:
    """What is there is lost for good, and for a while nothing can be made there."""
    gone = path.with_name(path.name + ".gone")
    path.rename(gone)
    path.write_text("not a directory")
    shutil.rmtree(gone)
    try:
        yield
    finally:
        path.unlink()


def _fill(path: Path) -> None:
    """Until the disk has no room for even one block."""
    with path.open("wb", buffering=0) as file:
        for size in (1 << 20, 4096):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue


def _synced_write_ms(directory: Path) -> float:
    """The median."""
    path = directory / "probe"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_DSYNC, 0o600)
    try:
        took = []
        for number in range(20):
            began_s = time.monotonic()
            os.pwrite(descriptor, bytes(4096), number * 4096)
            took.append((time.monotonic() - began_s) * 1000)
        return statistics.median(took)
    finally:
        os.close(descriptor)
        path.unlink()


def _percentile(ascending: list[float], percent: int) -> float:
    return ascending[min(len(ascending) - 1, len(ascending) * percent // 100)] if ascending else 0.0


def check_everywhere(cluster: Cluster, ledger: Ledger) -> None:
    """Nothing acknowledged is missing on any instance; then everything dies, and nothing is missing after that."""
    for again in (False, True):
        cluster.wait_all_available()
        cluster.wait_level()
        for name in cluster.endpoints:
            if name.startswith("instance"):
                connect: Callable[[], pymysql.connections.Connection] = lambda name=name: cluster.connect(name)  # type: ignore[misc] # noqa: E731
                ledger.check(connect, where=name)
        if not again:
            cluster.kill_everything()
            cluster.start()
