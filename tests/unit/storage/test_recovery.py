"""What recovery decides, and what the history of epochs makes of old records."""

from __future__ import annotations

from pathlib import Path

import pytest

from aurora_mysql.errors import QuorumLostError
from aurora_mysql.storage.history import EpochHistory
from aurora_mysql.storage.layout import CopyLayout
from aurora_mysql.storage.membership import Membership
from aurora_mysql.storage.recovery import CopyExtent, CopyReport, authoritative_history, decide

SIX = Membership.initial([CopyLayout(n, "az", Path(f"/{n}")) for n in range(1, 7)], Path("/"))
ONE = EpochHistory(((1, 1),))
TWO = EpochHistory(((1, 1), (2, 11)))
THREE = EpochHistory(((1, 1), (3, 15)))


@pytest.mark.parametrize(
    ("copies", "history"),
    [
        ([(True, ONE), (True, ONE), (True, ONE)], ONE),
        ([(True, ONE), (True, TWO), (True, ONE)], TWO),
        ([(True, TWO), (True, THREE), (True, ONE)], THREE),  # the highest epoch as a whole, never a mix
        ([(True, ONE), (True, ONE), (True, ONE), (False, THREE)], ONE),  # it may not have what it acknowledged
    ],
)
def test_the_history_of_the_highest_epoch_counts(
    copies: list[tuple[bool, EpochHistory]], history: EpochHistory
) -> None:
    assert authoritative_history([CopyReport(n, *copy) for n, copy in enumerate(copies, 1)], SIX) == history


@pytest.mark.parametrize("trusted", [0, 1, 2])
def test_recovery_needs_three_trusted_copies(trusted: int) -> None:
    reports = [CopyReport(number, number <= trusted, ONE) for number in range(1, 7)]
    with pytest.raises(QuorumLostError, match="needs 3 of 6"):
        authoritative_history(reports, SIX)
    with pytest.raises(QuorumLostError):
        decide([CopyExtent(number, 5, 5) for number in range(1, trusted + 1)], ONE, 2, SIX)


@pytest.mark.parametrize(
    ("extents", "vdl", "behind"),
    [
        ([(9, 9), (9, 9), (9, 9)], 9, ()),
        ([(9, 9), (7, 7), (3, 3)], 9, (2, 3)),  # the longest log wins, whoever acknowledged it
        ([(9, 8), (8, 8), (7, 7)], 8, (3,)),  # half a commit is cut off
        ([(0, 0), (0, 0), (0, 0)], 0, ()),
        ([(9, 0), (9, 0), (9, 0)], 0, ()),
    ],
)
def test_the_vdl_is_the_highest_commit_of_any_copy(
    extents: list[tuple[int, int]], vdl: int, behind: tuple[int, ...]
) -> None:
    decision = decide([CopyExtent(n, *extent) for n, extent in enumerate(extents, 1)], ONE, 2, SIX)
    assert (decision.vdl, decision.behind) == (vdl, behind)
    assert (decision.history.epoch, decision.history.start_lsn) == (2, vdl + 1)


def test_the_vdl_is_at_least_what_the_last_epoch_began_with() -> None:
    assert decide([CopyExtent(n, 4, 4) for n in (1, 2, 3)], TWO, 3, SIX).vdl == 10


@pytest.mark.parametrize(
    ("lsn", "epoch", "counts"),
    [(1, 1, True), (10, 1, True), (11, 1, False), (11, 2, True), (10, 2, False), (99, 2, True), (5, 0, False)],
)
def test_a_record_counts_in_its_own_epoch_only(lsn: int, epoch: int, counts: bool) -> None:
    assert TWO.counts(lsn, epoch) is counts


@pytest.mark.parametrize(("epoch", "end"), [(1, 11), (2, None), (7, 0)])
def test_an_epoch_ends_where_the_next_begins(epoch: int, end: int | None) -> None:
    assert TWO.end_of(epoch) == end


@pytest.mark.parametrize(
    ("writer", "start", "void"), [(1, 10, False), (1, 11, True), (1, 12, True), (2, 11, False), (3, 20, False)]
)
def test_segments_above_a_truncation_are_void(writer: int, start: int, void: bool) -> None:
    assert TWO.void_segment(writer, start) is void


def test_an_epoch_that_wrote_nothing_leaves_the_history() -> None:
    assert TWO.opened(3, 11).entries == ((1, 1), (3, 11))
    assert TWO.opened(3, 12).entries == ((1, 1), (2, 11), (3, 12))
    assert EpochHistory().opened(1, 1).entries == ((1, 1),)
