"""How the volume's size is counted, and what its ceiling lets in."""

from __future__ import annotations

from pathlib import Path

import pytest

from aurora_mysql.storage.layout import VolumeOptions, default_layout
from aurora_mysql.storage.volume import Volume, create_volume
from aurora_mysql.storage.volume_size import SizeMeter, VolumeLimits, VolumeSize, redo_above

GIB, TIB = 1 << 30, 1 << 40


def test_the_ceiling_is_a_number_of_whole_groups() -> None:
    assert VolumeLimits() == VolumeLimits(10 * GIB, 128 * TIB)
    assert VolumeLimits(10 * GIB, 25 * GIB).capacity_bytes == 20 * GIB
    assert VolumeLimits(10 * GIB, 5 * GIB).capacity_bytes == 10 * GIB
    limits = VolumeLimits(10, 100)
    assert [limits.groups(used) for used in (0, 1, 10, 11, 100)] == [1, 1, 1, 2, 10]


@pytest.mark.parametrize(("used", "may_grow"), [(0, True), (639, True), (640, False), (700, False)])
def test_rows_are_refused_at_the_ceiling(used: int, may_grow: bool) -> None:
    meter = SizeMeter(VolumeLimits(64, 640))
    meter.measured(used, 0)
    assert meter.may_grow == may_grow


@pytest.mark.parametrize(
    ("data", "redo", "wanted"), [(0, 0, False), (630, 0, False), (500, 100, True), (100, 100, False)]
)
def test_a_checkpoint_is_wanted_when_it_helps(data: int, redo: int, wanted: bool) -> None:
    meter = SizeMeter(VolumeLimits(64, 640))
    meter.measured(data, redo)
    assert meter.wants_checkpoint == wanted


def test_what_is_shown() -> None:
    meter = SizeMeter(VolumeLimits(64, 640))
    meter.measured(100, 50)
    meter.used_bytes += 30
    assert meter.now() == VolumeSize(180, 100, 460, 640, 3, 64)
    meter.measured(700, 0)
    assert meter.now() == VolumeSize(700, 700, 0, 640, 10, 64)


@pytest.mark.parametrize(
    ("lsn", "expected"), [(0, 35), (9, 35), (10, 30), (11, 30), (29, 30), (30, 20), (31, 20), (1000, 20)]
)
def test_redo_is_counted_by_segments(lsn: int, expected: int) -> None:
    assert redo_above([(1, 5), (11, 10), (31, 20)], lsn) == expected
    assert redo_above([], lsn) == 0


def test_commits_count_until_the_next_measurement(tmp_path: Path) -> None:
    layout = default_layout(tmp_path)
    create_volume(tmp_path, layout, "c")
    options = VolumeOptions(segment_bytes=1 << 20, limits=VolumeLimits(100_000, 1_000_000))
    volume = Volume.open_for_writing(
        tmp_path, layout, "c", on_vdl=lambda _: None, on_state=lambda _: None, options=options
    )
    try:
        volume.measure(900_000, 0)
        used = volume.usage.used_bytes
        assert 900_000 <= used < 901_000 and volume.may_grow
        assert volume.append_group([[bytes(60_000)], [bytes(60_000)]]) == [1, 2]
        assert volume.usage.used_bytes == used + 120_000 and not volume.may_grow
        assert volume.append([bytes(100)]) == 3  # a deletion: the commit log asks may_grow for what writes rows
        assert volume.status().usage == volume.usage
        volume.measure(100, 3)
        assert volume.may_grow
    finally:
        volume.close()
