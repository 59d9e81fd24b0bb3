"""Rules of the volume, each broken on purpose: the simulator is worth something only if it notices."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from aurora_mysql.storage import membership, opening, quorum, recovery, volume
from aurora_mysql.storage.binary import Fence, SegmentHeader
from aurora_mysql.storage.copy import LocalCopy
from aurora_mysql.storage.copy_health import CopyHealth
from aurora_mysql.storage.copy_writer import CopyWriter
from aurora_mysql.storage.history import EpochHistory
from aurora_mysql.storage.membership import Membership, MembershipChange
from aurora_mysql.storage.peers import Peers
from aurora_mysql.storage.recovery import CopyExtent, CopyReport, Decision
from aurora_mysql.storage.scrubber import Scrubber
from aurora_mysql.storage.segment import SegmentFile
from tests.simulation.drives import SimFile

#: Sets an attribute for the time of a test: pytest's monkeypatch.setattr.
Patch = Callable[[object, str, Any], None]


@dataclass(frozen=True)
class Mutation:
    """`apply` breaks the rule; `faults` are what brings it to light; `seeds` found
    it before; `says` is in the violation's text."""

    name: str
    apply: Callable[[Patch], None]
    faults: tuple[str, ...]
    seeds: tuple[int, ...] = ()
    says: str = ""


def _write_quorum_of_three(patch: Patch) -> None:
    whole = quorum.quorum_point
    patch(quorum, "quorum_point", lambda scls: whole(scls, 3))
    patch(membership, "WRITE_QUORUM", 3)


def _read_quorum_of_two(patch: Patch) -> None:
    patch(membership, "READ_QUORUM", 2)


def _no_fence_check_after_sync(patch: Patch) -> None:
    patch(CopyWriter, "_prove", lambda self: None)
    patch(CopyWriter, "_still_ours", lambda self: True)


def _acknowledged_before_the_sync(patch: Patch) -> None:
    patch(SimFile, "write_synced", lambda self, pieces, at: self.write_at(b"".join(pieces), at))


def _undecided_tails_stay(patch: Patch) -> None:
    """Nothing is truncated: each copy keeps what it happens to have above the VDL."""
    patch(EpochHistory, "end_of", lambda self, epoch: None)
    patch(EpochHistory, "void_segment", lambda self, epoch, start: False)


def _recovered_tail_shown_at_once(patch: Patch) -> None:
    def start(self: volume.Volume) -> None:
        for writer in self._writers.values():
            writer.start()
        self._tracker.vdl = self._recovered_lsn

    patch(volume.Volume, "_start", start)


def _refilling_copies_trusted(patch: Patch) -> None:
    patch(LocalCopy, "is_complete", lambda self: True)


def _recovered_tail_not_synced(patch: Patch) -> None:
    patch(SegmentFile, "settle", lambda self: None)


def _lost_copies_rejoin_empty(patch: Patch) -> None:
    def fill(self: CopyWriter, scl: int) -> int:
        self.scl = self._owner.target_lsn
        return self.scl

    patch(CopyWriter, "_fill", fill)


def _shortest_log_wins(patch: Patch) -> None:
    def decide(extents: Sequence[CopyExtent], history: EpochHistory, epoch: int, initial: Membership) -> Decision:
        vdl = max(history.start_lsn - 1, min(extent.last_cpl for extent in extents))
        return Decision(vdl, history.opened(epoch, vdl + 1), ())

    patch(opening, "decide", decide)


def _commits_end_anywhere(patch: Patch) -> None:
    whole = recovery.decide

    def decide(extents: Sequence[CopyExtent], history: EpochHistory, epoch: int, initial: Membership) -> Decision:
        return whole([dataclasses.replace(e, last_cpl=e.scl) for e in extents], history, epoch, initial)

    patch(opening, "decide", decide)


def _nonce_ignored(patch: Patch) -> None:
    patch(Fence, "__eq__", lambda self, other: isinstance(other, Fence) and self.epoch == other.epoch)
    patch(Fence, "__hash__", lambda self: hash(self.epoch))
    patch(CopyWriter, "_prove", CopyWriter._prove_by_path)
    patch(CopyWriter, "_still_ours", lambda self: Fence.decode(self._watch.read()) == self._fence)


def _nobody_scrubs(patch: Patch) -> None:
    patch(Scrubber, "start", lambda self: None)


def _zombies_clean_up(patch: Patch) -> None:
    """A writer that stood still goes on deleting segments after a later one has come."""
    patch(LocalCopy, "take_back", lambda self, name, fence: self.disk.remove(self.path / name.file_name()))


def _batches_after_withdrawal_lost(patch: Patch) -> None:
    """A copy that was too slow takes part again without what it missed."""
    patch(volume.Volume, "target_lsn", property(lambda self: self._recovered_lsn))


def _only_the_new_copies_counted(patch: Patch) -> None:
    """A change of the copies needs no quorum of what was before."""

    def sets(self: Membership) -> tuple[tuple[int, ...], ...]:
        return self._sets()[-1:] if self.phase == "replacing" else self._sets()[:1]

    patch(Membership, "write_sets", property(sets))
    patch(MembershipChange, "write_sets", property(lambda self: self.newest.write_sets))


def _change_takes_effect_at_once(patch: Patch) -> None:
    def recorded(self: MembershipChange, copy: int, number: int) -> bool:
        if self.proposed is None or number != self.proposed.number:
            return False
        self.in_force, self.proposed = self.proposed, None
        return True

    patch(MembershipChange, "recorded", recorded)


def _replaced_copies_still_count(patch: Patch) -> None:
    """Recovery goes by the six copies the volume was made with, whatever the copies say."""
    whole = recovery.authoritative_history

    def stale(reports: Sequence[CopyReport], initial: Membership) -> EpochHistory:
        plain = [dataclasses.replace(r, history=dataclasses.replace(r.history, membership=None)) for r in reports]
        return whole(plain, initial)

    patch(opening, "authoritative_history", stale)
    patch(opening.Opening, "_newest", lambda self, answers: self._initial)


def _either_six_for_ever(patch: Patch) -> None:
    """A recovery that finds the end of a change decided still goes by the copy that goes."""
    patch(
        Membership,
        "can_read",
        lambda self, ids: any(len(set(six) & set(ids)) >= membership.READ_QUORUM for six in self._sets()),
    )


def _made_ahead_means_begun(patch: Patch) -> None:
    """An empty segment always says that the copy has everything below it."""
    whole = SegmentHeader.decode
    patch(SegmentHeader, "decode", lambda data: dataclasses.replace(whole(data), ahead=False))


def _history_before_the_fill(patch: Patch) -> None:
    """A copy gets the new epoch's entry when it may still lack what is below."""
    fill = CopyWriter._fill

    def early(self: CopyWriter, scl: int) -> int:
        self._record()
        return fill(self, scl)

    patch(CopyWriter, "_fill", early)


def _collected_under_copies_behind(patch: Patch) -> None:
    patch(Peers, "to_collect", lambda self, below_lsn, hold_bytes: below_lsn)


def _obedience_not_proved(patch: Patch) -> None:
    """A copy that was made anew counts as complete, whoever the others obey by then."""
    patch(Peers, "prove", lambda self, without: None)


def _joined_whatever_came_meanwhile(patch: Patch) -> None:
    """A copy takes part from where its filling ended, even if more became durable, or the copies changed, meanwhile."""
    whole = volume.Volume.join

    def join(self: volume.Volume, writer: CopyWriter, scl: int) -> bool:
        writer.history = self.history
        return whole(self, writer, self.target_lsn)

    patch(volume.Volume, "join", join)


def _slow_copies_stay_out(patch: Patch) -> None:
    """A copy that was left out is never asked whether it is fast again."""
    patch(CopyHealth, "probed", lambda self, copy, seconds, now_s: False)


def _slow_copies_never_needed(patch: Patch) -> None:
    """A copy that was left out stays so, however few are left."""
    patch(volume.Volume, "stays_out", lambda self, writer: True)


MUTATIONS = (
    Mutation(
        "write quorum of three", _write_quorum_of_three, ("race_apart", "cut", "failover", "az_plus_one"), (44, 54)
    ),
    Mutation("read quorum of two", _read_quorum_of_two, ("relay", "slow"), (43, 68)),
    Mutation("no fence check after the sync", _no_fence_check_after_sync, ("zombie", "failover", "race"), (0, 2)),
    Mutation("acknowledged before the sync", _acknowledged_before_the_sync, ("power",), (0, 1)),
    Mutation("undecided tails stay", _undecided_tails_stay, ("power", "zombie", "failover", "offline"), (22, 30)),
    Mutation("recovered tail shown at once", _recovered_tail_shown_at_once, ("relay",), (4, 6)),
    Mutation("refilling copies trusted", _refilling_copies_trusted, ("relay", "az_plus_one"), (68, 96)),
    Mutation("recovered tail not synced", _recovered_tail_not_synced, ("kill", "power"), (0, 9)),
    Mutation("lost copies rejoin empty", _lost_copies_rejoin_empty, ("lose",), (0, 1)),
    Mutation("shortest log wins", _shortest_log_wins, ("kill", "power", "slow"), (0, 1)),
    Mutation("commits end anywhere", _commits_end_anywhere, ("kill", "power"), (3, 20)),
    Mutation("nonce ignored", _nonce_ignored, ("race_apart", "race"), (0, 1)),
    Mutation("zombies clean up", _zombies_clean_up, ("sleeper",), (9, 50)),
    Mutation("nobody scrubs", _nobody_scrubs, ("rot",), (13, 16)),
    Mutation("slow copies don't catch up", _batches_after_withdrawal_lost, ("slow", "full", "errors"), (0, 8)),
    Mutation("only the new copies counted", _only_the_new_copies_counted, ("handover",), (0, 20)),
    Mutation("change takes effect at once", _change_takes_effect_at_once, ("handover",), (1, 2)),
    Mutation("replaced copies still count", _replaced_copies_still_count, ("replace", "kill"), (1, 6)),
    Mutation("either six for ever", _either_six_for_ever, ("handover",), (5, 28)),
    Mutation("made ahead means begun", _made_ahead_means_begun, ("kill", "power"), (), "a last writer to open"),
    Mutation(
        "collected under copies behind",
        _collected_under_copies_behind,
        ("collect", "cut", "az_plus_one"),
        (0, 159, 406),
    ),
    Mutation("obedience not proved", _obedience_not_proved, ("revenant",), (2677,)),
    Mutation("joined whatever came meanwhile", _joined_whatever_came_meanwhile, ("slow", "lose", "errors"), (81, 138)),
    Mutation("slow copies stay out", _slow_copies_stay_out, ("drag",), (1, 2), "to come back"),
    Mutation("slow copies never needed", _slow_copies_never_needed, ("drag",), (2, 5), "to be called back"),
    Mutation("history before the fill", _history_before_the_fill, ("relay", "lose"), (19, 26)),
)
