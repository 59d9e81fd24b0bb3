"""The one writer's view of the volume: six copies, group commit, quorum, recovery."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from aurora_mysql.encryption.redo_cipher import PLAIN_REDO, RedoCipher, RedoSealer
from aurora_mysql.errors import CorruptRecordError, FencedError, QuorumLostError, StorageError
from aurora_mysql.storage.batch import Batch
from aurora_mysql.storage.copy import LocalCopy, create_volume
from aurora_mysql.storage.copy_health import CopyHealth
from aurora_mysql.storage.copy_sizes import CopySizes
from aurora_mysql.storage.copy_writer import CopyWriter
from aurora_mysql.storage.disk import LOCAL_DISK, Disk
from aurora_mysql.storage.history import EpochHistory
from aurora_mysql.storage.layout import (
    CopyLayout,
    CopyStatus,
    OnState,
    OnVdl,
    Record,
    VolumeOptions,
    VolumeState,
    VolumeStatus,
)
from aurora_mysql.storage.membership import Membership, MembershipChange
from aurora_mysql.storage.next_segment import Cuts
from aurora_mysql.storage.opening import Opening, Recovered
from aurora_mysql.storage.peers import Peers
from aurora_mysql.storage.quorum import QuorumTracker
from aurora_mysql.storage.runtime import THREADS, Runtime
from aurora_mysql.storage.scrubber import Scrubber
from aurora_mysql.storage.volume_size import SizeMeter, VolumeSize, redo_above
from aurora_mysql.storage.whereabouts import Whereabouts, WhereaboutsFile

__all__ = ["Volume", "create_volume"]
log = logging.getLogger(__name__)
_OPEN_WAIT_S = 10.0


class Volume:
    """The one writer of an epoch. Group commit without a packer thread: whoever appends while nothing is in flight
    packs and hands out the batch; otherwise the acknowledgement that completes a batch packs all that waits."""

    def __init__(
        self,
        root: Path,
        cluster_id: str,
        recovered: Recovered,
        on_vdl: OnVdl,
        on_state: OnState,
        options: VolumeOptions,
        whereabouts: Whereabouts,
        runtime: Runtime = THREADS,
        cipher: RedoCipher = PLAIN_REDO,
        sealer: RedoSealer | None = None,
    ) -> None:
        decision = recovered.decision
        self.epoch = recovered.fence.epoch
        self._cipher, self._seal = cipher, None if sealer is None else sealer.seal
        self.history: EpochHistory = decision.history
        self._root, self._cluster_id, self._fence = root, cluster_id, recovered.fence
        self._disk = recovered.copies[0].disk
        self._options, self._on_vdl, self._on_state, self._whereabouts = options, on_vdl, on_state, whereabouts
        self._runtime = runtime
        self._lock = runtime.lock()
        self._announce_lock = runtime.lock()
        self._announced = decision.vdl
        self._changed = runtime.bell()
        self._change = MembershipChange(recovered.membership)
        self._tracker = QuorumTracker(self._change.write_sets, 0)
        self._tracker.expect(decision.vdl)
        self._recovered_lsn = decision.vdl
        self._next_lsn = decision.vdl + 1
        self._waiting: deque[tuple[bytes, bool]] = deque()
        self._packed_lsn = decision.vdl
        self._cuts = Cuts()
        self._meter = SizeMeter(options.limits)
        self._sizes = CopySizes()
        self._health = CopyHealth(options.slow)
        self._retained: deque[Batch] = deque()
        self._held_bytes = 0
        self._fenced = ""
        self._closed = False
        self._opened = False
        self._writable: bool | None = None
        self._full = False
        #: Replaced as a whole when copies come or go, so that any thread may go through it.
        self._writers = {copy.id: self._writer_of(copy) for copy in recovered.copies}
        self.sources = recovered.trusted
        self._scrubber = Scrubber(self, options, runtime)
        self.peers = Peers(self)

    def _writer_of(self, copy: LocalCopy) -> CopyWriter:
        return CopyWriter(copy, self._cluster_id, self._fence, self._options, self, self._runtime)

    @classmethod
    def open_for_writing(
        cls,
        data_dir: Path | str,
        layout: list[CopyLayout],
        cluster_id: str,
        *,
        on_vdl: OnVdl,
        on_state: OnState,
        min_epoch: int = 0,
        options: VolumeOptions | None = None,
        disk: Disk = LOCAL_DISK,
        runtime: Runtime = THREADS,
        cipher: RedoCipher = PLAIN_REDO,
        whereabouts: Whereabouts | None = None,
    ) -> Volume:
        """Fence earlier writers, recover the VDL, make the truncation durable and open a new epoch.

        With `cipher` what is appended is stored encrypted. Nothing below here knows of it: copies hold and compare
        what is stored.

        Args:
            layout: the six copies that the volume was made with.
            whereabouts: where to look for those that have replaced them (default: a file in each zone).

        Raises:
            QuorumLostError: fewer than three complete copies. VolumeFormatError: another cluster's or a newer format.
            FencedError: another writer opened at the same time and won.
        """
        root, whereabouts = Path(data_dir), whereabouts or WhereaboutsFile(layout)
        opening = Opening(root, Membership.initial(layout, root), cluster_id, disk, runtime)
        recovered = opening.run(whereabouts.known(), min_epoch)
        sealer, wanted = cipher.sealer(disk.entropy), options or VolumeOptions()
        volume = cls(root, cluster_id, recovered, on_vdl, on_state, wanted, whereabouts, runtime, cipher, sealer)
        try:
            volume._start()
        except StorageError:
            volume.close()
            raise
        return volume

    def _start(self) -> None:
        """Bring the copies up; returns when a write quorum has everything up to the recovered VDL.

        Before that, what was recovered may be on one copy only: another recovery could still decide otherwise, so
        nobody may see it. And before four copies obey this (epoch, nonce), another writer may have the same epoch. So
        only then a candidate may begin to become complete.
        """
        candidate = self._change.in_force.other
        for writer in self._writers.values():
            if candidate is None or writer.id != candidate.id or writer.id in self.sources:
                writer.start()
        deadline_s = self._runtime.now_s() + _OPEN_WAIT_S
        while not self._fenced:
            with self._lock:
                live = [writer.id for writer in self._writers.values() if writer.live]
                if self._change.in_force.can_write(live) and self._tracker.vdl >= self._recovered_lsn:
                    break
            if not self._changed.wait(max(0.0, deadline_s - self._runtime.now_s())):
                raise QuorumLostError(f"only {len(live)} of 6 copies of the volume can be written, 4 are needed")
        if self._fenced:
            raise FencedError(self._fenced)
        self._opened = True
        self._report_state()
        if self.history.membership is not None:
            try:
                self._note_places()
            except StorageError as error:
                log.warning("%s", error)
        with self._lock:
            self._took_effect()
        self._scrubber.start()

    # -- the writer's interface ---------------------------------------------------------------------------------

    @property
    def vdl(self) -> int:
        """The highest LSN that is durable and ends a commit."""
        return self._tracker.vdl

    @property
    def target_lsn(self) -> int:
        """What a copy must have to take part: everything durable or recovered."""
        return max(self._tracker.vdl, self._recovered_lsn)

    def append(self, parts: Sequence[bytes]) -> int:
        """Queue one commit; returns the LSN of its last part, durable when on_vdl has reported it. Never waits for I/O.

        Raises:
            FencedError: a newer writer exists. QuorumLostError: the bounded queue is full; nothing was queued.
            StorageError: the volume is full or closed; nothing was queued.
        """
        return self.append_group([parts])[0]

    def append_group(self, commits: Sequence[Sequence[bytes]]) -> list[int]:
        """Queue commits, in order, for one batch; returns the LSN of each one's last part.

        The list is shorter than `commits` when the bounded queue has no room for the next: it was not queued, nor what
        comes after it.

        Raises:
            FencedError, QuorumLostError, StorageError: as :meth:`append`, for the first; nothing was queued.
        """
        lsns: list[int] = []
        with self._lock:
            if self._fenced:
                raise FencedError(self._fenced)
            if self._closed:
                raise StorageError("the volume is closed")
            for parts in commits:
                if not parts:
                    raise StorageError("a commit has at least one part")
                size = sum(map(len, parts))
                if self._held_bytes and self._held_bytes + size > self._options.max_queued_bytes:
                    if lsns:
                        break
                    if self._too_many_full():
                        raise StorageError("the volume is full")
                    raise QuorumLostError("too many commits wait for the copies of the volume")
                for part in parts[:-1]:
                    self._waiting.append((bytes(part), False))
                self._waiting.append((bytes(parts[-1]), True))
                self._held_bytes += size
                self._meter.used_bytes += size
                self._next_lsn += len(parts)
                lsns.append(self._next_lsn - 1)
            if not self._retained:
                self._pack()
        return lsns

    def _pack(self) -> None:
        """Hand what waits to the live copies as one batch. Under the lock."""
        if not self._waiting or self._closed:
            return
        records: list[tuple[bytes, bool]] = []
        size, first = 0, self._packed_lsn + 1
        room = self._cuts.after(first) - first
        while self._waiting and len(records) < room:
            if records and size + len(self._waiting[0][0]) > self._options.batch_bytes:
                break
            record = self._waiting.popleft()
            size += len(record[0])
            records.append(record)
        aside = self._seal is not None and size >= self._options.seal_aside_bytes
        lock = self._runtime.lock() if aside else None
        batch = Batch(self.epoch, first, tuple(records), self._tracker.vdl, self._seal, lock)
        self._packed_lsn = batch.last_lsn
        for number, (_, cpl) in enumerate(records):
            if cpl:
                self._tracker.expect(first + number)
        self._retained.append(batch)
        for writer in self._writers.values():
            if writer.live:
                self._send(writer, batch)

    def _send(self, writer: CopyWriter, batch: Batch) -> None:
        if len(writer.queue) >= self._options.copy_queue_batches or (
            writer.queue and writer.queued_bytes + batch.body_bytes > self._options.copy_queue_bytes
        ):
            log.warning("copy %d is too slow; it is refilled from its peers", writer.id)
            self._health.overflowed(writer.id)
            writer.live, writer.state = False, "slow"
            writer.queue.clear()
            writer.queued_bytes = 0
            writer.writing_since_s = None
            return
        writer.queue.append(batch)
        writer.queued_bytes += batch.body_bytes
        writer.begin()

    def read(self, from_lsn: int, to_lsn: int) -> Iterator[Record]:
        """Durable records from_lsn..to_lsn (at most to the VDL), from any copy that has them."""
        return self.peers.read(from_lsn, min(to_lsn, self.vdl), 0, self._opened_record)

    def _opened_record(self, record: Record) -> Record:
        payload = self._cipher.open(record.lsn, record.epoch, record.cpl, record.payload)
        return Record(record.lsn, record.epoch, record.cpl, payload)

    def status(self, patience_s: float = 0.0) -> VolumeStatus:
        """The volume and each copy, now, without a wait for any disk; sizes as they were seen last, or after at most
        `patience_s`."""
        sizes = self._sizes.of([w.copy for w in self._writers.values()], patience_s)
        copies = tuple(
            CopyStatus(
                w.id,
                w.copy.layout.az,
                w.copy.path,
                w.scl,
                w.state,
                sizes.get(w.id, 0),
                w.filled_percent(),
                self._health.latency_ms(w.id),
            )
            for w in self._writers.values()
        )
        size_bytes = max((c.bytes for c in copies), default=0)
        members = self._change.in_force
        return VolumeStatus(
            self.vdl,
            self.epoch,
            size_bytes,
            bool(self._writable),
            copies,
            self._scrubber.status(),
            members.number,
            "" if members.other is None else members.describe(),
            self._meter.now(),
        )

    @property
    def usage(self) -> VolumeSize:
        """The database against its ceiling, now."""
        return self._meter.now()

    @property
    def may_grow(self) -> bool:
        """Whether commits may write rows: the volume has not reached its ceiling."""
        return self._meter.may_grow

    @property
    def wants_checkpoint(self) -> bool:
        return self._meter.wants_checkpoint

    def measure(self, data_bytes: int, checkpoint_lsn: int) -> None:
        """The database without its redo takes `data_bytes`; the redo above `checkpoint_lsn` counts as well."""
        for writer in self._writers.values():
            if writer.live:
                try:
                    sizes = writer.copy.segment_sizes(self.history)
                except OSError as error:
                    log.warning("copy %d can't be measured: %s", writer.id, error)
                    continue
                begun = [(start_lsn, size) for start_lsn, size in sizes if start_lsn <= writer.scl]
                redo_bytes = max(0, redo_above(begun, checkpoint_lsn) - writer.unused_bytes)
                with self._lock:
                    before, could_grow = self._meter.now().groups, self._meter.may_grow
                    self._meter.measured(data_bytes, redo_bytes)
                    usage, may_grow = self._meter.now(), self._meter.may_grow
                if usage.groups != before:
                    log.info("the volume has %d protection groups, %d bytes used", usage.groups, usage.used_bytes)
                if could_grow != may_grow:
                    log.warning("the volume can%s grow, %d bytes used", "" if may_grow else "not", usage.used_bytes)
                return

    def collect(self, below_lsn: int) -> None:
        """Drop whole segments that end below `below_lsn` (never above the VDL), but those that a copy still needs which
        is behind: when an AZ and one more are lost, too few are left to make it anew."""
        limit = self.peers.to_collect(min(below_lsn, self.vdl + 1), self._options.hold_bytes)
        for writer in self._writers.values():
            if writer.live:
                try:
                    writer.copy.remove_below(limit, self.history)
                except (OSError, CorruptRecordError) as error:
                    log.warning("copy %d: old segments can't be removed: %s", writer.id, error)

    def close(self) -> None:
        """Wait for what is in flight (while there is a write quorum), then stop the threads. May be called twice."""
        deadline = self._runtime.now_s() + 5.0
        while self._retained and self._writable and not self._fenced and self._runtime.now_s() < deadline:
            self._runtime.sleep(0.002)
        with self._lock:
            self._closed = True
        self._scrubber.stop()
        for writer in self._writers.values():
            writer.retire()
        for writer in self._writers.values():
            writer.stop()

    # -- who the copies are -------------------------------------------------------------------------------------

    @property
    def membership(self) -> Membership:
        """The version in force."""
        return self._change.in_force

    def replace_copy(self, leaving: int, path: Path, az: str | None = None) -> int:
        """Begin to replace copy `leaving` by a new one in the empty directory `path`; returns the new copy's id.

        Writes go on. When the new copy has everything, it takes the old one's place by itself; until then the change
        can be taken back. A writer that takes over goes on with it.

        Raises:
            StorageError: there is no such copy, a change is under way, or `path` can't be used. Nothing was changed.
        """
        with self._lock:
            self._propose_at(path, leaving, az)  # would it do?
        directory = self._root / path
        try:
            self._disk.make_directory(directory)
            if self._disk.names(directory):
                raise StorageError(f"{directory} is not empty")
        except OSError as error:
            raise StorageError(f"{directory} can't be used: {error.strerror or error}") from None
        self._note_places(self._propose_at(path, leaving, az))
        with self._lock:
            proposed = self._propose_at(path, leaving, az)
            self._propose(proposed)
        assert proposed.other is not None
        log.warning("%s, in %s", proposed.describe(), directory)
        return proposed.other.id

    def _propose_at(self, path: Path, leaving: int, az: str | None) -> Membership:
        if self._fenced or self._closed or not self._opened:
            raise StorageError(self._fenced or "the volume is not open")
        if self._change.proposed is not None:
            raise StorageError("the last change of the copies is still under way")
        inside = path.relative_to(self._root) if path.is_relative_to(self._root) else path
        for place in self._change.in_force.places(self._root):
            other = self._root / place.path
            if other.is_relative_to(self._root / path) or (self._root / path).is_relative_to(other):
                raise StorageError(f"{self._root / path} is where copy {place.id} is")
        return self._change.in_force.replacing(leaving, az, inside)

    def cancel_replacement(self) -> int:
        """The copy that was to be replaced stays, the new one goes; returns the id of the one that stays.

        Raises:
            StorageError: nothing is being replaced, or it is decided already.
        """
        with self._lock:
            if self._fenced or self._closed:
                raise StorageError(self._fenced or "the volume is closed")
            proposed = self._change.in_force.settling(on_candidate=False)
            self._propose(proposed)
        log.warning("%s", proposed.describe())
        return proposed.copies[proposed.seat].id

    def _note_places(self, also: Membership | None = None) -> None:
        named: dict[CopyLayout, None] = {}
        for membership in (self._change.newest, also):
            if membership is not None:
                here = [membership.other] if membership.other is not None else []
                named.update(dict.fromkeys([*membership.copies, *here]))
        self._whereabouts.remember(named)

    def _propose(self, membership: Membership) -> None:
        """Under the lock."""
        self._change.propose(membership)
        self._tracker.regroup(self._change.write_sets)
        self.history = self.history.with_membership(membership)
        for writer in self._writers.values():
            writer.begin()
            writer.wake()

    def recorded(self, writer: CopyWriter) -> None:
        """`writer`'s copy takes part and has `writer.history` durably, proved after the sync."""
        with self._lock:
            history, candidate = writer.history, self._change.in_force.other
            if not self._opened or not writer.live or history is None or history.membership is None:
                return
            if self._change.recorded(writer.id, history.membership.number):
                log.warning("the copies: %s", self._change.in_force.describe())
            elif candidate is None or candidate.id != writer.id:
                return
            self._took_effect()
            vdl = self._release()
        self._announce(vdl)
        self._report_state()

    def _took_effect(self) -> None:
        """What is in force is on a write quorum: go on from there. Under the lock."""
        change = self._change
        if change.in_force.phase == "settling":
            change.settle()
            self.history = self.history.with_membership(change.in_force)
        wanted = {place.id: place for place in change.in_force.places(self._root)}
        for writer in self._writers.values():
            if writer.id not in wanted:
                writer.live = False
                writer.retire()
            elif not writer.started:
                writer.start()
        kept = {copy: writer for copy, writer in self._writers.items() if copy in wanted}
        for copy, place in wanted.items():
            if copy not in kept:
                kept[copy] = self._writer_of(LocalCopy(place, self._cluster_id, self._disk))
                kept[copy].start()
        self._health.forget(self._writers.keys() - wanted.keys())
        self._writers = {copy: kept[copy] for copy in wanted}
        for writer in self._writers.values():
            writer.begin()  # the history has changed
        self._tracker.regroup(change.write_sets)
        candidate = change.in_force.other
        if candidate is not None and change.proposed is None and self._writers[candidate.id].live:
            self._propose(change.in_force.settling(on_candidate=True))

    # -- called by the scrubber -----------------------------------------------------------------------------------

    def writers(self) -> Sequence[CopyWriter]:
        return tuple(self._writers.values())

    def take_out(self, copy: int, reason: str) -> bool:
        """Stop counting a damaged copy and refill it; False (and nothing changes) unless four others take part."""
        writer = self._writers.get(copy)
        if writer is None:
            return False
        with self._lock:
            live = [other.id for other in self._writers.values() if other.live and other is not writer]
            if not writer.live or not self._can_write(live):
                return False
            writer.distrust()
        self.lost(writer, reason)
        writer.wake()
        return True

    # -- called by the copies ------------------------------------------------------------------------------------

    @property
    def guard(self) -> AbstractContextManager[Any]:
        """What keeps the volume and its copies' queues in step."""
        return self._lock

    def cut_near(self, lsn: int) -> int:
        """An LSN near `lsn`, not sent to any copy yet, at which a batch will begin."""
        with self._lock:
            return self._cuts.near(lsn, self._packed_lsn)

    def acknowledged(self, copy: int, lsn: int, took_s: float) -> None:
        """`copy` has everything up to `lsn` durably, proved after the sync; the last batch took `took_s` seconds."""
        vdl = None
        with self._lock:
            writer = self._writers.get(copy)
            live = writer is not None and writer.live
            judge = live and self._health.took(copy, took_s, self._runtime.now_s())
            if live and self._tracker.acknowledge(copy, lsn):
                vdl = self._release()
            elif self._retained and self._waiting and self._tracker.complete_lsn >= self._packed_lsn:
                self._pack()  # a batch without a commit's end: go on with the next part
        if vdl is not None:
            self._announce(vdl)
        if judge:
            self._leave_out_slow()

    def _release(self) -> int:
        vdl = self._tracker.vdl
        while self._retained and self._retained[0].last_lsn <= vdl:
            self._held_bytes -= self._retained.popleft().plain_bytes
        if not self._retained or self._tracker.complete_lsn >= self._packed_lsn:
            self._pack()
        return vdl

    def _announce(self, vdl: int) -> None:
        with self._announce_lock:
            if vdl > self._announced:
                self._announced = vdl
                self._on_vdl(vdl)

    def join(self, writer: CopyWriter, scl: int) -> bool:
        """Let a filled copy take part from scl+1 on; False when it must fill further first."""
        with self._lock:
            if scl < self.target_lsn or writer.history is not self.history:
                return False
            writer.queue.clear()
            writer.queued_bytes = 0
            for batch in self._retained:
                if batch.last_lsn > scl:
                    rest = batch.after(scl)
                    writer.queue.append(rest)
                    writer.queued_bytes += rest.body_bytes
            writer.live = True
            self._tracker.acknowledge(writer.id, scl)
            self._health.returned(writer.id, self._runtime.now_s())
            writer.state = "ok"
            writer.begin()
        self._changed.ring()
        self.recorded(writer)
        self._report_state()
        return True

    def lost(self, writer: CopyWriter, reason: str) -> None:
        """`writer`'s copy can't be written: it counts no more until it is refilled."""
        with self._lock:
            if self._writers.get(writer.id) is not writer:
                return
            was = writer.live
            self._withdraw(writer)
        if was:
            log.warning("copy %d of the volume is lost: %s", writer.id, reason)
        self._report_state()

    def _withdraw(self, writer: CopyWriter) -> None:
        """Under the lock."""
        writer.live = False
        writer.queue.clear()
        writer.queued_bytes = 0
        writer.writing_since_s = None
        self._tracker.withdraw(writer.id)
        self._change.withdraw(writer.id)

    def _leave_out_slow(self) -> None:
        """Copies that have been slow for long take part no more until they are fast again, or needed."""
        with self._lock:
            now_s = self._runtime.now_s()
            live = {writer.id: writer for writer in self._writers.values() if writer.live}
            pending = {w.id: now_s - w.writing_since_s for w in live.values() if w.writing_since_s is not None}
            verdicts = self._health.judge(now_s, live, pending, self._can_write)
            for verdict in verdicts:
                self._withdraw(live[verdict.copy])
                live[verdict.copy].state = "slow"
                live[verdict.copy].wake()
        for verdict in verdicts:
            log.warning("copy %d of the volume is slow and left out: %s", verdict.copy, verdict)

    @property
    def asks_around(self) -> bool:
        """Whether the copies that take part are to say how long small writes take."""
        return self._health.asks

    def stays_out(self, writer: CopyWriter) -> bool:
        """Whether the others can do without `writer`'s copy, which is slow."""
        with self._lock:
            if self._can_write([other.id for other in self._writers.values() if other.live]):
                return True
        log.warning("copy %d of the volume is slow, but needed", writer.id)
        return False

    def probed(self, writer: CopyWriter, seconds: float) -> None:
        """A small write of `writer`'s copy took so long."""
        with self._lock:
            fast = self._health.probed(writer.id, seconds, self._runtime.now_s())
            if not fast or writer.state != "slow":
                return
            writer.state = "behind"
        log.info("copy %d of the volume is fast again", writer.id)

    def fenced(self, reason: str) -> None:
        """A newer writer exists: acknowledge nothing any more."""
        with self._lock:
            if self._fenced:
                return
            self._fenced = reason
            for writer in self._writers.values():
                writer.live = False
        self._changed.ring()
        self._on_state(VolumeState(False, fenced=True, epoch=self.epoch, reason=reason))

    def _report_state(self) -> None:
        with self._announce_lock:
            live = sum(w.live for w in self._writers.values())
            writable = self._can_write([w.id for w in self._writers.values() if w.live]) and not self._fenced
            full = not writable and self._too_many_full()
            unchanged = (writable, full) == (self._writable, self._full)
            if unchanged or not self._opened or self._fenced or self._closed:
                return
            self._writable, self._full = writable, full
            reason = "" if writable else f"only {live} of {len(self._writers)} copies can be written"
            self._on_state(VolumeState(writable, False, self.epoch, live, reason, full))

    def _too_many_full(self) -> bool:
        """Whether full disks alone keep the write quorum away."""
        return not self._can_write([w.id for w in self._writers.values() if w.state != "full"])

    def _can_write(self, ids: Collection[int]) -> bool:
        change = self._change
        return change.in_force.can_write(ids) and (change.proposed is None or change.proposed.can_write(ids))
