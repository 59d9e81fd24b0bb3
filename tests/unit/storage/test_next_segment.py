"""The segment that is made ahead: where it begins, what happens to one that comes too late, and after a crash."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aurora_mysql.storage.binary import Fence, SegmentHeader
from aurora_mysql.storage.copy import LocalCopy, create_volume
from aurora_mysql.storage.disk import LOCAL_DISK
from aurora_mysql.storage.history import EpochHistory
from aurora_mysql.storage.layout import VolumeOptions, default_layout
from aurora_mysql.storage.next_segment import NEVER, Cuts, NextSegment, start_of_next
from aurora_mysql.storage.runtime import ThreadRuntime, Worker
from aurora_mysql.storage.segment import SegmentFile
from aurora_mysql.storage.volume import Volume

OPTIONS = VolumeOptions(segment_bytes=16 << 10, retry_interval_s=0.02, watch_interval_s=0.05)


@pytest.mark.parametrize(
    ("start", "last", "used", "left", "expected"),
    [
        (1, 100, 1000, 1000, 176),  # three quarters of what goes in
        (501, 600, 1000, 1000, 676),
        (1, 1, 1000, 1000, 2),  # large records: the next one
        (1, 100, 1000, 0, 101),
        (1, 100, 1000, 10, 101),
    ],
)
def test_the_next_segment_begins_before_this_one_is_full(
    start: int, last: int, used: int, left: int, expected: int
) -> None:
    assert start_of_next(start, last, used, left) == expected


def test_copies_that_are_about_as_full_share_a_cut() -> None:
    cuts = Cuts()
    assert cuts.after(0) == NEVER
    assert cuts.near(200, 100) == 200
    assert cuts.near(190, 101) == 200
    assert cuts.near(220, 101) == 200
    assert cuts.near(150, 101) == 150
    assert (cuts.after(101), cuts.after(150), cuts.after(200)) == (150, 200, NEVER)
    assert cuts.near(90, 160) == 161  # everything up to 160 has been sent
    assert cuts.near(161, 200) == 201


class ByHand(ThreadRuntime):
    """Work is done when the test says so."""

    def __init__(self) -> None:
        self.waiting: list[Callable[[], None]] = []

    def spawn(self, work: Callable[[], None], name: str) -> Worker:
        self.waiting.append(work)
        return super().spawn(lambda: None, name)

    def run(self) -> None:
        while self.waiting:
            self.waiting.pop(0)()


class TestOneCopy:
    FENCE = Fence(1, bytes(16))

    @pytest.fixture
    def copy(self, tmp_path: Path) -> LocalCopy:
        create_volume(tmp_path, default_layout(tmp_path), "c")
        copy = LocalCopy(default_layout(tmp_path)[0], "c")
        copy.raise_fence(self.FENCE)
        return copy

    def order(self, copy: LocalCopy, start: int) -> tuple[NextSegment, ByHand]:
        runtime = ByHand()
        following = NextSegment(copy, self.FENCE, runtime)
        following.order(SegmentHeader(1, start, 1, copy.new_seed(), ahead=True), 4096)
        return following, runtime

    def files(self, copy: LocalCopy) -> list[str]:
        return [name for name in LOCAL_DISK.names(copy.path) if name.startswith("seg-")]

    def test_it_is_there_when_its_time_comes(self, copy: LocalCopy) -> None:
        following, runtime = self.order(copy, 50)
        assert following.start_lsn == 50
        runtime.run()
        made = following.take(50, 4096)
        assert made is not None and made.file is not None and made.file.size() == 4096
        assert following.start_lsn == NEVER and following.take(50, 10) is None
        made.file.close()
        assert [name.start_lsn for name in copy.segments()] == [50]

    @pytest.mark.parametrize(("start", "need"), [(49, 10), (51, 10), (50, 4097)])
    def test_one_that_does_not_fit_is_removed(self, copy: LocalCopy, start: int, need: int) -> None:
        following, runtime = self.order(copy, 50)
        runtime.run()
        assert following.take(start, need) is None
        assert self.files(copy) == []

    def test_one_that_was_given_up_never_replaces_another(self, copy: LocalCopy) -> None:
        following, runtime = self.order(copy, 50)
        assert following.take(50, 10) is None
        file, seed = copy.new_segment(1, 50, 1, 8192)
        runtime.run()
        assert file.identity() == LOCAL_DISK.identity(copy.path / self.files(copy)[0])
        file.close()
        with SegmentFile(copy.path / self.files(copy)[0]) as segment:
            assert (segment.header.seed, segment.header.ahead) == (seed, False)

    def test_a_writer_that_was_fenced_names_nothing(self, copy: LocalCopy) -> None:
        following, runtime = self.order(copy, 50)
        copy.raise_fence(Fence(2, bytes(16)))
        runtime.run()
        assert following.take(50, 10) is None
        assert self.files(copy) == []

    def test_a_crash_leaves_nothing_that_counts(self, copy: LocalCopy) -> None:
        history = EpochHistory(((1, 1),))
        copy.write_history(history)
        file, _ = copy.new_segment(1, 1, 0, 4096)
        file.close()
        file, _ = copy.begin_segment(SegmentHeader(1, 90, 1, 7, ahead=True), 4096)  # no name yet
        file.close()
        _, runtime = self.order(copy, 50)
        runtime.run()
        assert copy.extent(history) == (0, 0, False)
        copy.remove_below(60, history)
        assert [name.start_lsn for name in copy.segments()] == [1, 50]
        copy.remove_void(history, 0, self.FENCE)
        assert [name for name in self.files(copy) if not name.endswith("00001.redo")] == []


@pytest.fixture
def volume(tmp_path: Path) -> Iterator[Volume]:
    create_volume(tmp_path, default_layout(tmp_path), "c")
    opened = open_volume(tmp_path)
    try:
        yield opened
    finally:
        opened.close()


def open_volume(root: Path) -> Volume:
    layout = default_layout(root)
    return Volume.open_for_writing(root, layout, "c", on_vdl=lambda _: None, on_state=lambda _: None, options=OPTIONS)


def until(condition: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.002)


def write(volume: Volume, count: int) -> None:
    """One record after the other; each time all copies have it, and have made what they ordered."""
    for _ in range(count):
        lsn = volume.append([bytes(500)])
        until(lambda lsn=lsn: all(writer.scl >= lsn for writer in volume.writers()))  # type: ignore[misc]
        until(lambda: all(_idle(writer._next) for writer in volume.writers()))


def _idle(following: NextSegment) -> bool:
    ordered = following._ordered
    return ordered is None or ordered.ready


def test_no_commit_waits_for_a_new_segment(volume: Volume, monkeypatch: pytest.MonkeyPatch) -> None:
    until(lambda: all(writer.state == "ok" for writer in volume.writers()))

    def refuse(*_: object) -> None:
        raise AssertionError("a copy's thread makes a segment")

    monkeypatch.setattr(LocalCopy, "new_segment", refuse)
    write(volume, 120)
    for writer in volume.writers():
        assert len(writer.copy.segments()) > 4
    assert [record.lsn for record in volume.read(1, 120)] == list(range(1, 121))


def test_after_a_crash_the_segment_made_ahead_is_ignored(volume: Volume, tmp_path: Path) -> None:
    until(lambda: all(writer.state == "ok" for writer in volume.writers()))
    write(volume, 20)
    assert all(writer._next._ordered is not None for writer in volume.writers())
    later = open_volume(tmp_path)  # the first one has not cleaned up
    try:
        assert later.vdl == 20
        until(lambda: all(writer.state == "ok" for writer in later.writers()))
        assert all(len(writer.copy.segments(later.history)) == 2 for writer in later.writers())
        write(later, 1)
        assert [record.lsn for record in later.read(1, 21)] == list(range(1, 22))
    finally:
        later.close()


def test_the_last_segment_is_not_collected_because_the_next_one_is_there(volume: Volume) -> None:
    until(lambda: all(writer.state == "ok" for writer in volume.writers()))
    write(volume, 20)
    volume.collect(21)
    write(volume, 1)
    assert all(writer.state == "ok" for writer in volume.writers())
    assert [record.lsn for record in volume.read(21, 21)] == [21]
