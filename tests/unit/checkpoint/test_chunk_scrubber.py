"""Chunks are checked in parts, at a rate, and what is bad in one place is made whole from another."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from aurora_mysql.storage.checkpoint import CheckpointStore
from aurora_mysql.storage.chunk_scrubber import ChunkScrubber, ChunkScrubStatus
from aurora_mysql.storage.chunks import CHUNK_BYTES, ChunkTally

CHUNKS = 40


@pytest.fixture
def store(tmp_path: Path) -> CheckpointStore:
    """With one checkpoint of `CHUNKS` chunks."""
    file = tmp_path / "file"
    with file.open("wb") as out:
        for number in range(CHUNKS):
            out.write(number.to_bytes(8, "big") * (CHUNK_BYTES // 8))
    made = CheckpointStore(tmp_path / "volume", "c")
    made.publish(file, 10)
    return made


def chunk(tmp_path: Path, zone: str, name: str) -> Path:
    return next((tmp_path / "volume" / zone).rglob(name))


def until(condition: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.005)


def test_parts_make_a_round(store: CheckpointStore) -> None:
    names = sorted(store.all()[0].chunks)
    tally, after, ends = ChunkTally(), "", []
    while not ends or after:
        after = store.scrub_part(after, 16, tally)
        ends.append(after)
    assert ends == [names[15], names[31], ""]
    assert (tally.repaired, tally.lost) == (0, [])
    size_bytes = tally.checked_bytes
    assert size_bytes > 0
    store.scrub_part("", CHUNKS, tally)
    assert tally.checked_bytes == 2 * size_bytes


def test_a_checkpoint_that_goes_between_two_parts_is_no_loss(store: CheckpointStore, tmp_path: Path) -> None:
    tally = ChunkTally()
    after = store.scrub_part("", 5, tally)
    file = tmp_path / "file"
    for lsn in (20, 30):
        file.write_bytes(bytes([lsn]) * CHUNK_BYTES)
        store.publish(file, lsn)
    assert [c.lsn for c in store.all()] == [30, 20]
    while after:
        after = store.scrub_part(after, 5, tally)
    assert tally.lost == []


def test_rot_is_repaired_and_told(store: CheckpointStore, tmp_path: Path) -> None:
    first, second, third = sorted(store.all()[0].chunks)[:3]
    chunk(tmp_path, "az-a", first).write_bytes(b"rot")
    chunk(tmp_path, "az-b", second).unlink()
    for zone in ("az-a", "az-b", "az-c"):
        chunk(tmp_path, zone, third).write_bytes(b"rot")
    scrubber = ChunkScrubber(store, interval_s=0.01, bytes_per_s=1 << 30)
    assert scrubber.status() == ChunkScrubStatus()
    scrubber.start()
    try:
        until(lambda: scrubber.status().repaired == 2 and scrubber.status().lost == 1)
        assert chunk(tmp_path, "az-a", first).read_bytes() == chunk(tmp_path, "az-c", first).read_bytes()
        assert chunk(tmp_path, "az-b", second).read_bytes() == chunk(tmp_path, "az-c", second).read_bytes()
        until(lambda: scrubber.status().rounds > 1 and scrubber.status().repaired == 0)
    finally:
        scrubber.stop()


class CountingStore:
    """Parts of a thousand bytes without end."""

    def __init__(self) -> None:
        self.parts_s: list[float] = []

    def scrub_part(self, after: str, count: int, tally: ChunkTally) -> str:
        self.parts_s.append(time.monotonic())
        tally.checked_bytes += 1000
        return "more"


def test_it_reads_no_faster_than_it_may() -> None:
    store = CountingStore()
    scrubber = ChunkScrubber(store, interval_s=0.0, bytes_per_s=20_000)
    scrubber.start()
    until(lambda: len(store.parts_s) >= 8)
    scrubber.stop()
    scrubber.stop()
    assert store.parts_s[7] - store.parts_s[0] >= 7 * 0.05 * 0.99
    assert scrubber.status().rounds == 0


def test_at_no_bytes_a_second_there_is_none(store: CheckpointStore) -> None:
    scrubber = ChunkScrubber(store, interval_s=0.0, bytes_per_s=0)
    scrubber.start()
    scrubber.stop()
    assert scrubber.status() == ChunkScrubStatus()
