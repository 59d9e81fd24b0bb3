"""Who counts while a copy is replaced, and when a version of the copies takes effect."""

from __future__ import annotations

from pathlib import Path

import pytest

from aurora_mysql.errors import StorageError
from aurora_mysql.storage.layout import CopyLayout, default_layout
from aurora_mysql.storage.membership import Membership, MembershipChange
from aurora_mysql.storage.whereabouts import WhereaboutsFile

ROOT = Path("/data")
STABLE = Membership.initial(default_layout(ROOT), ROOT)
REPLACING = STABLE.replacing(6, None, Path("/new/g"))
SETTLING = REPLACING.settling(on_candidate=True)
GOING_BACK = REPLACING.settling(on_candidate=False)


@pytest.mark.parametrize(
    ("membership", "ids", "writes", "reads"),
    [
        (STABLE, (1, 2, 3, 4), True, True),
        (STABLE, (1, 2, 3), False, True),
        (STABLE, (1, 2), False, False),
        (STABLE, (1, 2, 3, 7), False, True),  # 7 is no copy
        (REPLACING, (1, 2, 3, 4), True, True),
        (REPLACING, (1, 2, 3, 6), False, True),  # of the new six, three only
        (REPLACING, (1, 2, 3, 7), False, True),
        (REPLACING, (1, 2, 3, 6, 7), True, True),
        (REPLACING, (1, 2, 6), False, True),
        (REPLACING, (1, 2, 7), False, True),
        (REPLACING, (1, 6, 7), False, False),
        (SETTLING, (1, 2, 3, 7), False, True),  # both six still have to have it
        (SETTLING, (1, 2, 6), False, False),  # decided: the copy that goes tells nothing
        (SETTLING, (1, 2, 7), False, True),
        (GOING_BACK, (1, 2, 6), False, True),
        (GOING_BACK, (1, 2, 7), False, False),
        (SETTLING.settled(), (1, 2, 3, 7), True, True),
        (SETTLING.settled(), (1, 2, 3, 6), False, True),
        (GOING_BACK.settled(), (1, 2, 3, 6), True, True),
    ],
)
def test_quorums_of_each_version(membership: Membership, ids: tuple[int, ...], writes: bool, reads: bool) -> None:
    assert (membership.can_write(ids), membership.can_read(ids)) == (writes, reads)


def test_every_write_quorum_meets_every_recovery_quorum_of_the_version_before_and_after() -> None:
    from itertools import combinations

    ids = range(1, 8)
    subsets = [set(some) for size in range(8) for some in combinations(ids, size)]
    for before, after in ((STABLE, REPLACING), (REPLACING, SETTLING), (REPLACING, GOING_BACK), (SETTLING, SETTLING)):
        for written in (some for some in subsets if before.can_write(some) and after.can_write(some)):
            for read in (some for some in subsets if before.can_read(some) or after.can_read(some)):
                assert written & read, (before.phase, after.phase, written, read)


def test_what_a_change_may_not_do() -> None:
    with pytest.raises(StorageError, match="there is no copy 9; there are 1, 2, 3, 4, 5, 6"):
        STABLE.replacing(9, None, Path("/x"))
    with pytest.raises(StorageError, match="copy 6 is being replaced by copy 7; one copy at a time"):
        REPLACING.replacing(1, None, Path("/x"))
    with pytest.raises(StorageError, match="no copy is being replaced"):
        STABLE.settling(on_candidate=False)
    with pytest.raises(StorageError, match="copy 6 is being let go, copy 7 stays"):
        SETTLING.settling(on_candidate=False)


def test_the_new_copy_has_the_zone_of_the_old_one_and_an_id_that_nobody_had() -> None:
    assert REPLACING.other == CopyLayout(7, "az-c", Path("/new/g"))
    again = GOING_BACK.settled().replacing(6, "az-d", Path("/new/h"))
    assert again.other == CopyLayout(8, "az-d", Path("/new/h"))
    assert [place.path for place in again.places(ROOT)][-2:] == [ROOT / "volume/az-c/copy-6", Path("/new/h")]


@pytest.mark.parametrize("membership", [STABLE, REPLACING, SETTLING, GOING_BACK])
def test_a_version_is_written_and_read(membership: Membership) -> None:
    assert Membership.from_json(membership.to_json()) == membership


def test_a_version_takes_effect_on_both_quorums() -> None:
    change = MembershipChange(STABLE)
    change.propose(REPLACING)
    assert set(change.write_sets) == set(REPLACING.write_sets)
    assert [change.recorded(copy, REPLACING.number) for copy in (1, 2, 6)] == [False] * 3
    assert not change.recorded(3, STABLE.number)  # of the version before
    change.withdraw(2)
    assert [change.recorded(copy, REPLACING.number) for copy in (3, 4)] == [False, False]  # 1, 3, 4, 6: not of the new
    with pytest.raises(StorageError, match="still under way"):
        change.propose(SETTLING)
    assert change.recorded(5, REPLACING.number)
    assert (change.in_force, change.proposed) == (REPLACING, None)


def test_settling_ends_when_it_took_effect() -> None:
    change = MembershipChange(REPLACING)
    change.propose(SETTLING)
    change.settle()
    assert change.in_force is REPLACING
    assert [change.recorded(copy, SETTLING.number) for copy in (1, 2, 3, 5)] == [False, False, False, True]
    change.settle()
    assert change.in_force == SETTLING.settled()
    assert change.write_sets == ((1, 2, 3, 4, 5, 7),)


class TestWhereabouts:
    def places(self, tmp_path: Path) -> tuple[WhereaboutsFile, list[Path]]:
        layout = default_layout(tmp_path)
        zones = sorted({place.path.parent for place in layout})
        for zone in zones:
            zone.mkdir(parents=True)
        return WhereaboutsFile(layout), [zone / "copies.json" for zone in zones]

    def test_any_zone_will_do(self, tmp_path: Path) -> None:
        places, files = self.places(tmp_path)
        assert places.known() == ()
        places.remember([CopyLayout(7, "az-c", Path("/new/g"))])
        files[0].unlink()
        files[1].write_text(files[1].read_text().replace("/new/g", "/old/g"))
        assert places.known() == (CopyLayout(7, "az-c", Path("/new/g")),)

    def test_two_zones_must_take_it(self, tmp_path: Path) -> None:
        places, files = self.places(tmp_path)
        files[0].parent.rmdir()
        places.remember([CopyLayout(7, "az-c", Path("/new/g"))])
        files[1].unlink()
        files[1].parent.rmdir()
        with pytest.raises(StorageError, match="two zones"):
            places.remember([CopyLayout(8, "az-c", Path("/new/h"))])
