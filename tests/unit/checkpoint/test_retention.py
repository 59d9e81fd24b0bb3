"""What is kept of the past: the window is covered, old checkpoints thin out, the redo limit wins."""

from __future__ import annotations

import itertools

import pytest

from aurora_mysql.storage.retention import Point, choose_kept, floor_of_log

MINUTE_US = 60_000_000
NOW = 10_000 * MINUTE_US


def ages(*minutes: float) -> list[Point]:
    """Checkpoints of these ages in minutes; the LSN of one of age a is 10000 - a."""
    return [Point(10_000 - round(age), NOW - round(age * MINUTE_US)) for age in minutes]


@pytest.mark.parametrize(
    ("minutes", "window", "kept"),
    [
        pytest.param([], 60, [], id="nothing"),
        pytest.param([5], 60, [5], id="one"),
        pytest.param([500, 400], 0, [500, 400], id="the newest two whatever their age"),
        pytest.param([500, 400, 300], 0, [400, 300], id="no window: two"),
        pytest.param([90, 70, 50, 5, 0], 60, [70, 50, 5, 0], id="one that is as old as the window"),
        pytest.param([50, 40, 5, 0], 60, [50, 40, 5, 0], id="none is as old: all"),
        pytest.param([60, 55, 50, 45, 40, 35, 30, 5, 0], 60, [60, 40, 30, 5, 0], id="thinned by age"),
        pytest.param([20, 15, 10, 5, 0], 60, [20, 15, 10, 5, 0], id="the recent ones stay close"),
    ],
)
def test_choice(minutes: list[float], window: int, kept: list[int]) -> None:
    assert choose_kept(ages(*minutes), NOW, window * MINUTE_US) == {10_000 - age for age in kept}


def test_the_order_of_the_list_does_not_matter() -> None:
    points = ages(0, 90, 5, 70, 50)
    assert choose_kept(points, NOW, 60 * MINUTE_US) == choose_kept(points[::-1], NOW, 60 * MINUTE_US)


def test_what_the_redo_limit_cuts_off_goes_but_never_the_newest_two() -> None:
    points = ages(50, 40, 30, 5, 0)
    assert choose_kept(points, NOW, 60 * MINUTE_US, floor_lsn=9_965) == {9_970, 9_995, 10_000}
    assert choose_kept(points, NOW, 60 * MINUTE_US, floor_lsn=20_000) == {9_995, 10_000}


def test_a_day_of_checkpoints_as_they_come() -> None:
    """Every five minutes one more: few are kept, the window is always covered, no gap is above half its age."""
    window_us, points = 24 * 60 * MINUTE_US, list[Point]()
    begin_us = NOW
    for number in range(2 * 288):
        now_us = begin_us + number * 5 * MINUTE_US
        points.append(Point(number + 1, now_us))
        kept = choose_kept(points, now_us, window_us)
        points = [point for point in points if point.lsn in kept]
        assert points[0].time_us <= max(now_us - window_us, begin_us)
        for before, after in itertools.pairwise(points):
            gap_us = after.time_us - before.time_us
            assert gap_us <= max(5 * MINUTE_US, (now_us - after.time_us) / 2), (number, before, after)
    assert 10 <= len(points) <= 30


@pytest.mark.parametrize(
    ("segments", "limit", "floor"),
    [
        ([], 100, 0),
        ([(1, 50), (11, 50)], 100, 0),
        ([(1, 50), (11, 50), (21, 50)], 100, 11),
        ([(1, 50), (11, 50), (21, 50)], 99, 21),
        ([(1, 50), (11, 500)], 100, 11),
        ([(1, 500)], 100, 0),
        ([(1, 50), (11, 50), (21, 50)], 0, 0),
    ],
)
def test_floor(segments: list[tuple[int, int]], limit: int, floor: int) -> None:
    assert floor_of_log(segments, limit) == floor
