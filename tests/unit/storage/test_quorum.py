"""The quorum rules, as the papers have them."""

from __future__ import annotations

import pytest

from aurora_mysql.storage.quorum import (
    READ_QUORUM,
    WRITE_QUORUM,
    QuorumTracker,
    gap_free,
    quorum_point,
    volume_complete_lsn,
    volume_durable_lsn,
)


@pytest.mark.parametrize(
    ("lsns", "after", "scl"),
    [
        ([], 0, 0),
        ([1, 2, 3], 0, 3),
        ([1, 2, 4, 5], 0, 2),
        ([2, 3], 0, 0),
        ([3, 1, 2], 0, 3),
        ([11, 12, 14], 10, 12),
        ([1, 2], 10, 10),
    ],
)
def test_scl_ends_at_the_first_gap(lsns: list[int], after: int, scl: int) -> None:
    assert gap_free(lsns, after) == scl


@pytest.mark.parametrize(
    ("scls", "need", "point"),
    [
        ([9, 9, 9, 9, 0, 0], WRITE_QUORUM, 9),
        ([9, 8, 7, 6, 5, 4], WRITE_QUORUM, 6),
        ([9, 9, 9, 0, 0, 0], WRITE_QUORUM, 0),
        ([9, 9, 9, 3, 2, 1], READ_QUORUM, 9),
        ([5, 5, 5], WRITE_QUORUM, 0),
        ([5, 5, 5, 5], WRITE_QUORUM, 5),
    ],
)
def test_pgcl_is_what_the_quorum_has_reached(scls: list[int], need: int, point: int) -> None:
    assert quorum_point(scls, need) == point


@pytest.mark.parametrize(
    ("groups", "vcl"),
    [
        # The paper's example: odd LSNs to one group, even to the other; 104 is complete though one PGCL is 103.
        ([([101, 103, 105], 103), ([102, 104, 106], 104)], 104),
        ([([101, 103], 103), ([102, 104], 104)], 104),
        ([([101, 103], 101), ([102, 104], 104)], 102),
        ([([101, 103], 100), ([102, 104], 104)], 100),
        ([([1, 2, 3], 3)], 3),
        ([], 0),
    ],
)
def test_vcl_is_before_the_first_record_that_its_group_lacks(groups: list[tuple[list[int], int]], vcl: int) -> None:
    assert volume_complete_lsn(groups) == vcl


@pytest.mark.parametrize(
    ("vcl", "cpls", "vdl"),
    [
        (1007, [900, 1000, 1100], 1000),  # the paper's example
        (1100, [900, 1000, 1100], 1100),
        (899, [900, 1000], 0),
        (5, [], 0),
    ],
)
def test_vdl_is_the_highest_cpl_that_is_complete(vcl: int, cpls: list[int], vdl: int) -> None:
    assert volume_durable_lsn(vcl, cpls) == vdl


def test_the_quorums_meet() -> None:
    assert WRITE_QUORUM + READ_QUORUM > 6
    assert 2 * WRITE_QUORUM > 6


class TestTracker:
    def tracker(self) -> QuorumTracker:
        tracker = QuorumTracker([range(1, 7)], 0)
        for cpl in (2, 3, 7):
            tracker.expect(cpl)
        return tracker

    def test_moves_with_the_fourth_copy_to_whole_commits_only(self) -> None:
        tracker = self.tracker()
        assert not any(tracker.acknowledge(copy, 6) for copy in (1, 2, 3))
        assert tracker.vdl == 0
        assert tracker.acknowledge(4, 6)
        assert (tracker.vdl, tracker.complete_lsn) == (3, 6)

    def test_an_old_or_repeated_acknowledgement_changes_nothing(self) -> None:
        tracker = self.tracker()
        tracker.acknowledge(1, 3)
        assert not tracker.acknowledge(1, 3)
        assert not tracker.acknowledge(1, 2)
        assert tracker.scl(1) == 3

    def test_a_withdrawn_copy_counts_no_more(self) -> None:
        tracker = self.tracker()
        for copy in (1, 2, 3):
            tracker.acknowledge(copy, 7)
        tracker.withdraw(3)
        assert not tracker.acknowledge(4, 7)
        assert tracker.vdl == 0
        assert tracker.acknowledge(3, 7)
        assert tracker.vdl == 7

    def test_the_vdl_never_goes_back(self) -> None:
        tracker = self.tracker()
        for copy in (1, 2, 3, 4):
            tracker.acknowledge(copy, 3)
        for copy in (1, 2, 3, 4):
            tracker.withdraw(copy)
        assert tracker.vdl == 3
