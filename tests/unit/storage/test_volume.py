"""The volume over real directories: copies go, fill up, slow down, rot, and come back."""

from __future__ import annotations

import dataclasses
import errno
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aurora_mysql.errors import CorruptRecordError, FencedError, QuorumLostError, StorageError, VolumeFormatError
from aurora_mysql.storage.binary import Fence
from aurora_mysql.storage.copy import LocalCopy
from aurora_mysql.storage.copy_health import SlowRules
from aurora_mysql.storage.disk import LOCAL_DISK
from aurora_mysql.storage.faults import FaultBoard, FaultyDisk
from aurora_mysql.storage.history import EpochHistory
from aurora_mysql.storage.layout import VolumeOptions, VolumeState, default_layout
from aurora_mysql.storage.reader import VolumeReader
from aurora_mysql.storage.segment import SegmentFile
from aurora_mysql.storage.volume import Volume, create_volume

OPTIONS = VolumeOptions(
    segment_bytes=16 << 10,
    retry_interval_s=0.02,
    watch_interval_s=0.05,
    scrub_interval_s=0.05,
    copy_queue_batches=8,
    slow=SlowRules(after_s=1.0, floor_s=0.1),
)


class Rig:
    """A volume in a directory, its writer, and what it was told."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.layout = default_layout(root)
        self.board = FaultBoard()
        self.states: list[VolumeState] = []
        self.vdls: list[int] = []
        self.volumes: list[Volume] = []
        create_volume(root, self.layout, "c")

    def open(self, options: VolumeOptions = OPTIONS) -> Volume:
        volume = Volume.open_for_writing(
            self.root,
            self.layout,
            "c",
            on_vdl=self.vdls.append,
            on_state=self.states.append,
            options=options,
            disk=FaultyDisk(LOCAL_DISK, self.board),
        )
        self.volumes.append(volume)
        return volume

    def reopen(self) -> Volume:
        self.volumes.pop().close()
        return self.open()

    def close(self) -> None:
        for volume in self.volumes:
            volume.close()

    def path(self, copy: int) -> Path:
        return self.layout[copy - 1].path

    def segments(self, copy: int) -> list[Path]:
        return sorted(self.path(copy).glob("*.redo"), key=lambda path: path.name[15:])


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path)
    try:
        yield made
    finally:
        made.close()


def until(condition: Callable[[], bool], timeout_s: float = 20.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.002)


def write(volume: Volume, count: int, size: int = 100) -> int:
    """Commit `count` records, one after the other; the last LSN."""
    lsn = 0
    for _ in range(count):
        lsn = volume.append([b"%020d" % (volume.vdl + 1) + bytes(size)])
        until(lambda lsn=lsn: volume.vdl >= lsn)  # type: ignore[misc]
    return lsn


def states(volume: Volume) -> dict[int, str]:
    return {copy.id: copy.state for copy in volume.status().copies}


def whole(volume: Volume) -> bool:
    return all(copy.state == "ok" and copy.scl >= volume.vdl for copy in volume.status().copies)


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    with path.open("r+b") as file:
        file.write(data)


def test_commits_are_read_back_in_order_by_anybody(rig: Rig) -> None:
    volume = rig.open()
    volume.append([b"a", b"b", b"c"])
    last = volume.append([b"d"])
    until(lambda: volume.vdl == last)
    expected = [(1, b"a", False), (2, b"b", False), (3, b"c", True), (4, b"d", True)]
    assert [(r.lsn, r.payload, r.cpl) for r in volume.read(1, 100)] == expected
    reader = VolumeReader(rig.root, rig.layout, "c")
    assert [(r.lsn, r.payload, r.cpl) for r in reader.read(1, last)] == expected
    assert rig.vdls == sorted(rig.vdls) and rig.vdls[-1] == last


def test_a_restart_keeps_everything_in_a_new_epoch(rig: Rig) -> None:
    last = write(rig.open(), 20)
    volume = rig.reopen()
    assert (volume.vdl, volume.epoch) == (last, 2)
    assert write(volume, 1) == last + 1
    assert [r.epoch for r in volume.read(last, last + 1)] == [1, 2]


def test_segments_rotate_and_collection_leaves_what_is_needed(rig: Rig) -> None:
    volume = rig.open()
    last = write(volume, 100, 1000)
    until(lambda: whole(volume))
    assert all(len(rig.segments(copy)) > 3 for copy in range(1, 7))
    volume.collect(50)
    starts = {SegmentFile(rig.segments(copy)[0]).header.start_lsn for copy in range(1, 7)}
    assert 1 < max(starts) <= 50
    assert [r.lsn for r in volume.read(50, last)] == list(range(50, last + 1))
    volume = rig.reopen()
    assert [r.lsn for r in volume.read(50, last)] == list(range(50, last + 1))


def test_a_copy_that_is_behind_finds_what_it_lacks_after_a_collection(rig: Rig) -> None:
    """When an AZ and one more go, two copies and this one are left: too few to make it anew."""
    volume = rig.open()
    write(volume, 10, 1000)
    until(lambda: whole(volume))
    rig.board.add([rig.path(2)], 100, 600)
    last = write(volume, 100, 1000)
    until(lambda: states(volume)[2] == "behind" and all(volume.status().copies[n].scl == last for n in (2, 3, 4, 5)))
    volume.collect(90)
    for copy in (1, 5, 6):
        shutil.rmtree(rig.path(copy))
    rig.volumes.pop().close()
    rig.board.clear()
    volume = rig.open()
    until(lambda: whole(volume))
    assert [r.lsn for r in volume.read(90, last)] == list(range(90, last + 1))


def test_a_copy_holds_a_bounded_part_of_the_log(rig: Rig) -> None:
    volume = rig.open(dataclasses.replace(OPTIONS, hold_bytes=40 << 10))
    until(lambda: whole(volume))
    rig.board.add([rig.path(2)], 100, 600)
    write(volume, 1)
    until(lambda: states(volume)[2] == "behind")
    for count, kept in ((20, True), (60, False)):
        last = write(volume, count, 1000)
        until(lambda last=last: sum(copy.scl == last for copy in volume.status().copies) == 5)  # type: ignore[misc]
        volume.collect(last)
        assert (SegmentFile(rig.segments(3)[0]).header.start_lsn == 1) == kept
    rig.board.clear()
    until(lambda: whole(volume))


def test_a_collection_makes_room_on_a_full_disk(rig: Rig) -> None:
    volume = rig.open()
    last = write(volume, 60, 1000)
    until(lambda: whole(volume))
    rig.board.add([rig.path(2)], 100, 600, error=errno.ENOSPC)
    write(volume, 20, 1000)
    until(lambda: states(volume)[2] == "full")
    assert SegmentFile(rig.segments(2)[0]).header.start_lsn == 1
    volume.collect(last)
    until(lambda: SegmentFile(rig.segments(2)[0]).header.start_lsn > 30)
    rig.board.clear()
    until(lambda: whole(volume))


def test_lost_copies_are_refilled_while_commits_go_on(rig: Rig) -> None:
    volume = rig.open()
    write(volume, 30)
    for copy in (1, 4):
        shutil.rmtree(rig.path(copy))
    write(volume, 30)
    until(lambda: whole(volume) and rig.path(1).exists() and rig.path(4).exists())
    last = volume.vdl
    rig.volumes.pop().close()
    for copy in (2, 3, 5):
        shutil.rmtree(rig.path(copy))
    assert rig.open().vdl == last


def test_a_full_disk_is_left_out_and_taken_back(rig: Rig) -> None:
    volume = rig.open()
    until(lambda: whole(volume))
    rig.board.add([rig.path(2)], 100, 600, error=errno.ENOSPC)
    write(volume, 10)
    until(lambda: states(volume)[2] == "full")
    assert not any(state.writable is False for state in rig.states)
    rig.board.clear()
    until(lambda: whole(volume))


def test_without_four_disks_commits_wait_and_nothing_is_lost(rig: Rig) -> None:
    volume = rig.open()
    before = write(volume, 5)
    rig.board.add([rig.path(copy) for copy in (1, 2, 3)], 100, 600, error=errno.ENOSPC)
    lsn = volume.append([b"waits"])
    until(lambda: bool(rig.states) and not rig.states[-1].writable)
    assert volume.vdl == before
    assert [r.lsn for r in volume.read(1, 100)] == list(range(1, before + 1))
    rig.board.clear()
    until(lambda: volume.vdl == lsn)
    assert rig.states[-1].writable


def test_a_slow_copy_does_not_slow_commits(rig: Rig) -> None:
    volume = rig.open()
    rig.board.add([rig.path(6)], 100, 600, delay_ms=(200, 200))
    began_s = time.monotonic()
    write(volume, 60)
    assert time.monotonic() - began_s < 60 * 0.1
    assert volume.status().copies[5].scl < volume.vdl
    rig.board.clear()
    until(lambda: whole(volume))


SLOW = dataclasses.replace(
    OPTIONS, copy_queue_batches=1000, slow=SlowRules(after_s=0.5, ratio=3.0, floor_s=0.1), scrub_bytes_per_s=0
)


def write_until(volume: Volume, condition: Callable[[], bool]) -> int:
    """Commit until `condition`; the last LSN."""
    deadline_s, lsn = time.monotonic() + 30, 0
    while not condition():
        assert time.monotonic() < deadline_s
        lsn = write(volume, 1)
    return lsn


def test_a_slow_copy_is_left_out_and_comes_back_when_it_is_fast(rig: Rig) -> None:
    volume = rig.open(SLOW)
    write(volume, 5)
    rig.board.add([rig.path(6)], 100, 600, delay_ms=(150, 150))
    write_until(volume, lambda: states(volume)[6] == "slow")
    assert not volume._writers[6].queue
    last = write(volume, 20)
    found = volume.status().copies[5]
    assert (found.state, found.scl < last) == ("slow", True)
    until(lambda: (volume.status().copies[5].latency_ms or 0) >= 150)
    assert volume.status().writable
    rig.board.clear()
    until(lambda: whole(volume))
    copy = LocalCopy(rig.layout[5], "c")
    assert [r.lsn for r in copy.read(copy.read_history(), 1, last)] == list(range(1, last + 1))
    reopened = rig.reopen()
    until(lambda: whole(reopened))


def test_a_slow_copy_that_is_needed_is_called_back(rig: Rig) -> None:
    volume = rig.open(SLOW)
    write(volume, 5)
    rig.board.add([rig.path(6)], 100, 600, delay_ms=(150, 150))
    write_until(volume, lambda: states(volume)[6] == "slow")
    rig.board.clear()
    rig.board.add([rig.path(6)], 100, 600, delay_ms=(60, 60))
    rig.board.add([rig.path(1), rig.path(2)], 100, 600)
    lsn = volume.append([b"needs the slow one"])
    until(lambda: volume.vdl == lsn)
    assert states(volume)[6] in ("repairing", "ok")
    write(volume, 10)
    assert states(volume)[6] == "ok"


def test_the_end_does_not_wait_for_a_slow_copy(rig: Rig) -> None:
    volume = rig.open(SLOW)
    write(volume, 5)
    rig.board.add([rig.path(6)], 100, 600, delay_ms=(150, 150))
    write_until(volume, lambda: states(volume)[6] == "slow")
    rig.board.add([rig.path(6)], 100, 3, delay_ms=(3000, 3000))
    until(lambda: volume._writers[6].state == "slow")
    began_s = time.monotonic()
    volume.close()
    assert time.monotonic() - began_s < 2.5


@pytest.mark.parametrize("where", ["first segment", "last segment", "segment header", "fence", "identity", "history"])
def test_rot_is_found_and_repaired(rig: Rig, where: str) -> None:
    volume = rig.open()
    write(volume, 60, 1000)
    until(lambda: whole(volume))
    path, at = {
        "first segment": (rig.segments(3)[0], 300),
        "last segment": (rig.segments(3)[-1], 300),
        "segment header": (rig.segments(3)[0], 20),
        "fence": (rig.path(3) / "fence", 9),
        "identity": (rig.path(3) / "copy.json", 12),
        "history": (next(rig.path(3).glob("epochs-*")), 14),
    }[where]
    flip(path, at)
    if where in ("identity", "history"):  # only looked at when the volume is opened
        volume = rig.reopen()
    copy = LocalCopy(rig.layout[2], "c")

    def healthy() -> bool:
        try:
            copy.check_identity()
            history = copy.read_history()
            sum(copy.scrub(history, 1, volume.vdl))
            return whole(volume) and copy.read_fence().epoch == volume.epoch and copy.is_complete()
        except (StorageError, OSError):
            return False

    until(healthy)
    write(volume, 1)


def test_a_later_writer_fences_the_first(rig: Rig) -> None:
    first = rig.open()
    last = write(first, 5)
    second = rig.open()
    assert (second.epoch, second.vdl) == (first.epoch + 1, last)
    until(lambda: any(state.fenced for state in rig.states))
    with pytest.raises(FencedError):
        first.append([b"too late"])
    write(second, 1)
    with pytest.raises(FencedError):
        LocalCopy(rig.layout[0], "c").raise_fence(Fence(first.epoch, bytes(16)))


def test_a_group_is_taken_as_far_as_the_queue_has_room(rig: Rig) -> None:
    volume = rig.open(dataclasses.replace(OPTIONS, max_queued_bytes=250))
    assert volume.append_group([[b"a" * 100], [b"b" * 50, b"c" * 50], [b"d" * 100]]) == [1, 3]
    until(lambda: volume.vdl == 3)
    assert volume.append_group([[b"d" * 100]]) == [4]
    until(lambda: volume.vdl == 4)
    assert [(r.lsn, r.payload[:1], r.cpl) for r in volume.read(1, 9)] == [
        (1, b"a", True), (2, b"b", False), (3, b"c", True), (4, b"d", True),
    ]  # fmt: skip


def test_the_undecided_tail_is_cut_off_on_every_copy(rig: Rig) -> None:
    volume = rig.open()
    last = write(volume, 5)
    rig.board.add([rig.path(copy) for copy in (1, 2, 3)], 100, 600)
    volume.append([b"on three copies"])
    until(lambda: all(c.scl == last + 1 for c in volume.status().copies[3:]))
    rig.volumes.pop().close()
    rig.board.clear()
    for copy in (4, 5, 6):
        rig.path(copy).rename(rig.path(copy).with_name(f"away-{copy}"))
        rig.path(copy).write_text("not a directory")
    with pytest.raises(QuorumLostError, match="4 are needed"):
        rig.open()
    rig.path(4).unlink()  # it can be made anew, from the three that don't have the tail
    volume = rig.open()
    assert volume.vdl == last
    volume.append([b"another"])
    until(lambda: volume.vdl == last + 1)
    for copy in (5, 6):
        rig.path(copy).unlink()
        rig.path(copy).with_name(f"away-{copy}").rename(rig.path(copy))
    until(lambda: whole(volume))
    for place in rig.layout:
        local = LocalCopy(place, "c")
        assert [r.payload for r in local.read(local.read_history(), last + 1, last + 1)] == [b"another"]


def test_recovered_records_are_shown_only_when_four_copies_have_them(rig: Rig) -> None:
    write(rig.open(), 3)
    rig.volumes.pop().close()
    rig.board.add([rig.path(copy) for copy in (1, 2, 3)], 100, 600)
    with pytest.raises(QuorumLostError):
        rig.open()


def test_a_copy_of_another_cluster_or_format_is_refused(rig: Rig) -> None:
    rig.open()
    rig.volumes.pop().close()
    with pytest.raises(VolumeFormatError, match="belongs to cluster c"):
        LocalCopy(rig.layout[0], "another").check_identity()
    (rig.path(1) / "copy.json").write_text('{"format": 9, "cluster_id": "c", "copy": 1, "az": "az-a"}')
    with pytest.raises(VolumeFormatError, match="volume format 9"):
        rig.open()
    with pytest.raises(StorageError, match="already holds a copy"):
        create_volume(rig.root, rig.layout, "c")


class TestCopy:
    """One copy by itself."""

    HISTORY = EpochHistory(((1, 1),))

    def copy(self, rig: Rig) -> LocalCopy:
        write(rig.open(), 6, 10)
        until(lambda: whole(rig.volumes[-1]))
        rig.volumes.pop().close()
        return LocalCopy(rig.layout[0], "c")

    def test_a_torn_tail_ends_the_log(self, rig: Rig) -> None:
        copy = self.copy(rig)
        path = rig.segments(1)[0]
        with SegmentFile(path) as segment:
            *_, (header, _, at) = segment.batches()
        flip(path, at + 60)
        assert copy.extent(self.HISTORY) == (header.first_lsn - 1, header.first_lsn - 1, False)

    def test_damage_before_the_end_is_no_torn_tail(self, rig: Rig) -> None:
        copy = self.copy(rig)
        path = rig.segments(1)[0]
        with SegmentFile(path) as segment:
            _, (_, _, at), *_ = segment.batches()
        flip(path, at + 60)
        assert copy.extent(self.HISTORY)[2]
        with pytest.raises(CorruptRecordError):
            sum(copy.scrub(self.HISTORY, 1, 6))

    def test_records_of_an_epoch_that_was_cut_off_do_not_count(self, rig: Rig) -> None:
        copy = self.copy(rig)
        later = self.HISTORY.opened(2, 4)
        assert copy.extent(later) == (3, 3, False)
        assert [r.lsn for r in copy.read(later, 1, 6)] == [1, 2, 3]

    def test_a_lost_segment_is_noticed(self, rig: Rig) -> None:
        volume = rig.open()
        write(volume, 60, 1000)
        until(lambda: whole(volume))
        rig.volumes.pop().close()
        copy = LocalCopy(rig.layout[0], "c")
        rig.segments(1)[1].unlink()
        assert copy.extent(self.HISTORY)[2]

    def test_a_short_segment_of_a_failed_writer_hides_nothing(self, rig: Rig) -> None:
        copy = self.copy(rig)
        for start in (3, 4):
            file, _ = copy.new_segment(2, start, 1, 4096)
            file.close()
        assert copy.extent(self.HISTORY)[:2] == (6, 6)
        assert [r.lsn for r in copy.read(self.HISTORY, 5, 6)] == [5, 6]
        copy.remove_below(4, self.HISTORY)
        assert [r.lsn for r in copy.read(self.HISTORY, 4, 6)] == [4, 5, 6]

    def test_a_writer_of_before_deletes_nothing_of_a_later_one(self, rig: Rig) -> None:
        copy = self.copy(rig)
        held = copy.read_fence()
        file, _ = copy.new_segment(1, 7, 1, 4096)
        file.close()
        copy.raise_fence(Fence(9, bytes(16)))
        before = rig.segments(1)
        with pytest.raises(FencedError):
            copy.format("c", EpochHistory(), held, refilling_for=held.epoch)
        with pytest.raises(FencedError):
            copy.remove_void(self.HISTORY, 0, held)
        assert rig.segments(1) == before


class TestReplacingACopy:
    def test_the_new_copy_takes_the_place_while_writes_go_on(self, rig: Rig, tmp_path: Path) -> None:
        volume = rig.open()
        for number in range(50):
            volume.append([b"%d" % number * 100])
        new = tmp_path / "new-disk" / "g"
        assert volume.replace_copy(6, new) == 7
        volume.append([b"meanwhile"])
        until(lambda: volume.membership.number == 3)
        assert [copy.id for copy in volume.status().copies] == [1, 2, 3, 4, 5, 7]
        last = volume.append([b"after"])
        until(lambda: volume.vdl == last)
        shutil.rmtree(rig.path(6))
        until(lambda: all(copy.scl == last for copy in volume.status().copies))
        volume = rig.reopen()
        assert [copy.path for copy in volume.status().copies][-1] == new
        records = list(VolumeReader(rig.root, rig.layout, "c").read(1, last))
        assert [record.lsn for record in records] == list(range(1, last + 1))

    def test_it_can_be_taken_back_while_the_new_copy_is_filled(self, rig: Rig, tmp_path: Path) -> None:
        volume = rig.open()
        new = tmp_path / "new"
        rig.board.add([new], 100, 60, delay_ms=(50, 50))
        volume.replace_copy(1, new)
        until(lambda: volume.membership.phase == "replacing")
        assert volume.status().change == "copy 1 is being replaced by copy 7"
        assert volume.cancel_replacement() == 1
        until(lambda: volume.membership.number == 3)
        last = volume.append([b"after"])
        until(lambda: volume.vdl == last)
        assert [copy.id for copy in volume.status().copies] == [1, 2, 3, 4, 5, 6]
        with pytest.raises(StorageError, match="no copy is being replaced"):
            volume.cancel_replacement()

    def test_the_next_writer_goes_on_with_it(self, rig: Rig, tmp_path: Path) -> None:
        volume = rig.open()
        volume.append([b"x"])
        new = tmp_path / "new"
        rig.board.add([new], 100, 60, delay_ms=(100, 100))
        volume.replace_copy(3, new)
        until(lambda: volume.membership.phase == "replacing")
        rig.board.clear()
        volume = rig.reopen()
        until(lambda: volume.membership.number == 3)
        assert [copy.id for copy in volume.status().copies] == [1, 2, 7, 4, 5, 6]

    def test_a_replaced_copy_that_comes_back_takes_no_part(self, rig: Rig, tmp_path: Path) -> None:
        volume = rig.open()
        first = volume.append([b"x"])
        until(lambda: volume.vdl == first)
        kept = [tmp_path / f"kept-{copy}" for copy in (4, 5, 6)]
        for number, (copy, aside) in enumerate(zip((4, 5, 6), kept, strict=True), 1):
            volume.replace_copy(copy, tmp_path / f"new-{copy}")
            until(lambda number=number: volume.membership.number == 3 * number)  # type: ignore[misc]
            rig.path(copy).rename(aside)
        last = volume.append([b"y"])
        until(lambda: volume.vdl == last)
        rig.volumes.pop().close()
        for copy, aside in zip((4, 5, 6), kept, strict=True):
            aside.rename(rig.path(copy))
        for copy in (1, 2):
            shutil.rmtree(rig.path(copy))
        volume = rig.open()  # 3 and the new ones; the three old ones know less
        assert volume.vdl == last

    @pytest.mark.parametrize("inside", ["", "deeper"])
    def test_a_directory_in_use_is_refused(self, rig: Rig, inside: str) -> None:
        volume = rig.open()
        with pytest.raises(StorageError, match="is where copy 2 is"):
            volume.replace_copy(1, rig.path(2) / inside)
        (rig.root / "mine").mkdir()
        (rig.root / "mine" / "letter").write_text("dear")
        with pytest.raises(StorageError, match="is not empty"):
            volume.replace_copy(1, rig.root / "mine")
        assert volume.membership.number == 0


def test_a_truncated_fence_is_damage_and_no_signal(rig: Rig) -> None:
    """The fence was read through a memory map once: SIGBUS."""
    volume = rig.open()
    last = volume.append([b"x"])
    until(lambda: volume.vdl == last)
    (rig.path(2) / "fence").write_bytes(b"")
    for number in range(20):
        last = volume.append([b"%d" % number])
    until(lambda: volume.vdl == last)
    until(lambda: all(copy.state == "ok" and copy.scl == last for copy in volume.status().copies))


def test_a_copy_is_complete_only_while_three_others_obey(rig: Rig) -> None:
    """A later writer may have acknowledged through the copy before it was lost; it has three others at least."""
    volume = rig.open()
    last = volume.append([b"x"])
    until(lambda: volume.vdl == last)
    later = Fence(volume.epoch + 1, bytes(16))
    for copy in (2, 3, 4):
        LocalCopy(rig.layout[copy - 1], "c").raise_fence(later)
    with pytest.raises(FencedError):
        volume.peers.prove(1)


def test_what_is_collected_while_it_is_scrubbed_is_not_damage(rig: Rig) -> None:
    volume = rig.open(dataclasses.replace(OPTIONS, scrub_bytes_per_s=0))
    last = write(volume, 60, 1000)
    until(lambda: whole(volume))
    copy = LocalCopy(rig.layout[2], "c")
    scrub = copy.scrub(volume.history, 1, last)
    next(scrub)  # it has listed the segments
    volume.collect(last)
    assert len(rig.segments(3)) < 3
    assert sum(scrub) > 0  # the rest, to the end
    rig.segments(3)[0].unlink()
    with pytest.raises(CorruptRecordError):
        list(copy.scrub(volume.history, last, last))
