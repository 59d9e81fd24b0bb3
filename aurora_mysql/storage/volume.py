"""The one writer's view of the volume: six copies, group commit, quorum, recovery."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from aurora_mysql.encryption.redo_cipher import PLAIN_REDO, RedoCipher, RedoSealer
from aurora_mysql.errors import CorruptRecordError, FencedError, QuorumLostError, StorageError, VolumeFormatError
from aurora_mysql.storage.binary import Fence
from aurora_mysql.storage.copy import LocalCopy, create_volume
from aurora_mysql.storage.copy_writer import Batch, CopyWriter
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
from aurora_mysql.storage.quorum import READ_QUORUM, WRITE_QUORUM, QuorumTracker
from aurora_mysql.storage.recovery import CopyExtent, CopyReport, Decision, authoritative_history, decide
from aurora_mysql.storage.runtime import THREADS, Runtime
from aurora_mysql.storage.scrubber import Scrubber

__all__ = ["Volume", "create_volume"]
log = logging.getLogger(__name__)
T = TypeVar("T")
_OPEN_WAIT_S = 10.0
#: How long recovery waits for slow copies at each of its three steps, once enough have answered.
_GRACE_S = 0.5


class Volume:
    """The one writer of an epoch. Group commit without a packer thread: whoever appends while nothing is in flight
    packs and hands out the batch; otherwise the acknowledgement that completes a batch packs all that waits."""

    def __init__(
        self,
        copies: list[LocalCopy],
        cluster_id: str,
        fence: Fence,
        decision: Decision,
        on_vdl: OnVdl,
        on_state: OnState,
        options: VolumeOptions,
        runtime: Runtime = THREADS,
        cipher: RedoCipher = PLAIN_REDO,
        sealer: RedoSealer | None = None,
    ) -> None:
        self.epoch = fence.epoch
        self._cipher, self._seal = cipher, None if sealer is None else sealer.seal
        self._history: EpochHistory = decision.history
        self._options, self._on_vdl, self._on_state = options, on_vdl, on_state
        self._runtime = runtime
        self._lock = runtime.lock()
        self._announce_lock = runtime.lock()
        self._announced = decision.vdl
        self._changed = runtime.bell()
        self._tracker = QuorumTracker([copy.id for copy in copies], 0)
        self._tracker.expect(decision.vdl)
        self._recovered_lsn = decision.vdl
        self._next_lsn = decision.vdl + 1
        self._waiting: deque[tuple[bytes, bool]] = deque()
        self._packed_lsn = decision.vdl
        self._retained: deque[Batch] = deque()
        self._held_bytes = 0
        self._fenced = ""
        self._closed = False
        self._opened = False
        self._writable: bool | None = None
        self._full = False
        self._writers = {
            copy.id: CopyWriter(copy, cluster_id, fence, self._history, options, self, runtime) for copy in copies
        }
        self._scrubber = Scrubber(self, self._history, options, runtime)
        self._needed_from = 0

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
    ) -> Volume:
        """Fence earlier writers, recover the VDL, make the truncation durable and open a new epoch.

        With `cipher` what is appended is stored encrypted. Nothing below here knows of it: copies hold and compare
        what is stored.

        Raises:
            QuorumLostError: fewer than three complete copies. VolumeFormatError: another cluster's or a newer format.
            FencedError: another writer opened at the same time and won.
        """
        copies = [LocalCopy(place, cluster_id, disk) for place in layout]

        def ask(work: Callable[[LocalCopy], T | None], asked: Sequence[LocalCopy]) -> list[T]:
            """The answers of all, or of enough while the others keep us waiting."""
            return [answer for answer in runtime.each(work, asked, READ_QUORUM, _GRACE_S) if answer is not None]

        held = ask(_held_epoch, copies)
        if len(held) < READ_QUORUM:
            raise QuorumLostError(f"only {len(held)} copies of the volume can be read, recovery needs 3 of 6")
        fence = Fence(max(min_epoch, max(held) + 1), disk.entropy(16))
        reports = ask(lambda copy: _fence_copy(copy, fence), copies)
        history = authoritative_history(reports)
        trusted = {report.id for report in reports if report.trusted}
        extents = ask(lambda copy: _extent(copy, history), [copy for copy in copies if copy.id in trusted])
        decision = decide(extents, history, fence.epoch)
        sealer = cipher.sealer(disk.entropy)
        wanted = options or VolumeOptions()
        volume = cls(copies, cluster_id, fence, decision, on_vdl, on_state, wanted, runtime, cipher, sealer)
        try:
            volume._start(trusted)
        except StorageError:
            volume.close()
            raise
        return volume

    def _start(self, sources: set[int]) -> None:
        """Bring the copies up; returns when four have everything up to the recovered VDL.

        Before that, what was recovered may be on one copy only: another recovery could still decide otherwise, so
        nobody may see it. And before four copies obey this (epoch, nonce), another writer may have the same epoch.
        """
        self._sources = sources
        for writer in self._writers.values():
            writer.start()
        deadline_s = self._runtime.now_s() + _OPEN_WAIT_S
        while not self._fenced:
            with self._lock:
                live = sum(writer.live for writer in self._writers.values())
                if live >= WRITE_QUORUM and self._tracker.vdl >= self._recovered_lsn:
                    break
            if not self._changed.wait(max(0.0, deadline_s - self._runtime.now_s())):
                raise QuorumLostError(f"only {live} of 6 copies of the volume can be written, 4 are needed")
        if self._fenced:
            raise FencedError(self._fenced)
        self._opened = True
        self._report_state()
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
        size = 0
        while self._waiting and (not records or size + len(self._waiting[0][0]) <= self._options.batch_bytes):
            record = self._waiting.popleft()
            size += len(record[0])
            records.append(record)
        first = self._packed_lsn + 1
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
            writer.live, writer.state = False, "behind"
            writer.queue.clear()
            writer.queued_bytes = 0
            return
        writer.queue.append(batch)
        writer.queued_bytes += batch.body_bytes
        writer.wake()

    def read(self, from_lsn: int, to_lsn: int) -> Iterator[Record]:
        """Durable records from_lsn..to_lsn (at most to the VDL), from any copy that has them."""
        return self._read(from_lsn, min(to_lsn, self.vdl), 0, self._opened_record)

    def _opened_record(self, record: Record) -> Record:
        payload = self._cipher.open(record.lsn, record.epoch, record.cpl, record.payload)
        return Record(record.lsn, record.epoch, record.cpl, payload)

    def status(self) -> VolumeStatus:
        """The volume and each copy, now."""
        copies = tuple(
            CopyStatus(w.id, w.copy.layout.az, w.copy.path, w.scl, w.state, _bytes_on_disk(w.copy))
            for w in self._writers.values()
        )
        size_bytes = max((c.bytes for c in copies), default=0)
        return VolumeStatus(self.vdl, self.epoch, size_bytes, bool(self._writable), copies, self._scrubber.status())

    def collect(self, below_lsn: int) -> None:
        """Drop whole segments that end below `below_lsn` (never above the VDL)."""
        limit = min(below_lsn, self.vdl + 1)
        self._needed_from = max(self._needed_from, limit)
        for writer in self._writers.values():
            if writer.live:
                try:
                    writer.copy.remove_below(limit, self._history)
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
            writer.stop()

    # -- called by the scrubber -----------------------------------------------------------------------------------

    def scrubbed_copies(self) -> Sequence[CopyWriter]:
        return tuple(self._writers.values())

    def needed_from(self) -> int:
        """Every copy must have the log from here on: what a collection left, else where the first copy begins."""
        recorded, starts = [self._needed_from], []
        for writer in self._writers.values():
            if not writer.live:
                continue
            try:
                recorded.append(writer.copy.needed_from())
                starts += [name.start_lsn for name in writer.copy.segments(self._history)[:1]]
            except OSError as error:
                log.warning("copy %d can't be read: %s", writer.id, error)
        return max(recorded) or min(starts, default=1)

    def take_out(self, copy: int, reason: str) -> bool:
        """Stop counting a damaged copy and refill it; False (and nothing changes) unless four others take part."""
        writer = self._writers[copy]
        with self._lock:
            live = [other for other in self._writers.values() if other.live and other is not writer]
            if not writer.live or len(live) < WRITE_QUORUM:
                return False
            writer.distrust()
        self.lost(writer, reason)
        writer.wake()
        return True

    # -- called by the copies' threads --------------------------------------------------------------------------

    def log_start(self, without: int) -> int:
        """Where the log starts, for copy `without` to be formatted and refilled.

        Raises:
            StorageError: fewer than three other copies take part. What is left of the copy may then still be needed,
                and a copy that is empty because nobody could fill it must never count as complete.
        """
        live = [writer for writer in self._writers.values() if writer.live and writer.id != without]
        starts = [names[0].start_lsn for writer in live if (names := writer.copy.segments(self._history))]
        if len(starts) < READ_QUORUM:
            raise StorageError(f"copy {without} waits for {READ_QUORUM} others to be refilled from")
        return min(starts)

    def _peers(self, without: int) -> list[CopyWriter]:
        live = [w for w in self._writers.values() if w.live and w.id != without]
        rest = [
            w
            for w in self._writers.values()
            if not w.live and w.id in self._sources and w.id != without and w.state in ("repairing", "behind", "full")
        ]
        return live + rest

    def read_peers(self, from_lsn: int, to_lsn: int, without: int) -> Iterator[Record]:
        """Records as they are stored, in order, from whichever copies have them; ends early when none has the next."""
        return self._read(from_lsn, to_lsn, without, _as_stored)

    def _read(self, from_lsn: int, to_lsn: int, without: int, opened: Callable[[Record], Record]) -> Iterator[Record]:
        wanted = from_lsn
        progress = True
        while wanted <= to_lsn and progress:
            progress = False
            for writer in self._peers(without):
                try:
                    for record in writer.copy.read(self._history, wanted, to_lsn):
                        yield opened(record)
                        wanted = record.lsn + 1
                        progress = True
                except (OSError, CorruptRecordError) as error:
                    log.warning("copy %d can't be read: %s", writer.id, error)
                if wanted > to_lsn:
                    return

    def acknowledged(self, copy: int, lsn: int) -> None:
        """`copy` has everything up to `lsn` durably, proved after the sync."""
        with self._lock:
            if not self._writers[copy].live or not self._tracker.acknowledge(copy, lsn):
                complete = self._tracker.complete_lsn()
                if self._retained and complete >= self._packed_lsn and self._waiting:
                    self._pack()  # a batch without a commit's end: go on with the next part
                return
            vdl = self._release()
        self._announce(vdl)

    def _release(self) -> int:
        vdl = self._tracker.vdl
        while self._retained and self._retained[0].last_lsn <= vdl:
            self._held_bytes -= self._retained.popleft().plain_bytes
        if not self._retained or self._tracker.complete_lsn() >= self._packed_lsn:
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
            if scl < self.target_lsn:
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
            writer.state = "ok"
        self._changed.ring()
        self._report_state()
        return True

    def lost(self, writer: CopyWriter, reason: str) -> None:
        """`writer`'s copy can't be written: it counts no more until it is refilled."""
        with self._lock:
            was, writer.live = writer.live, False
            writer.queue.clear()
            writer.queued_bytes = 0
            self._tracker.withdraw(writer.id)
        if was:
            log.warning("copy %d of the volume is lost: %s", writer.id, reason)
        self._report_state()

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
            writable = live >= WRITE_QUORUM and not self._fenced
            full = not writable and self._too_many_full()
            unchanged = (writable, full) == (self._writable, self._full)
            if unchanged or not self._opened or self._fenced or self._closed:
                return
            self._writable, self._full = writable, full
            reason = "" if writable else f"only {live} of {len(self._writers)} copies can be written"
            self._on_state(VolumeState(writable, False, self.epoch, live, reason, full))

    def _too_many_full(self) -> bool:
        """Whether full disks alone keep the write quorum away."""
        return sum(w.state == "full" for w in self._writers.values()) > len(self._writers) - WRITE_QUORUM


def _as_stored(record: Record) -> Record:
    return record


def _bytes_on_disk(copy: LocalCopy) -> int:
    try:
        return copy.bytes_on_disk()
    except OSError:
        return 0  # it can't be looked at; its state says so


def _held_epoch(copy: LocalCopy) -> int | None:
    try:
        copy.check_identity()
        return copy.read_fence().epoch
    except VolumeFormatError:
        raise
    except (StorageError, OSError) as error:
        log.warning("copy %d can't be opened: %s", copy.id, error)
        return None


def _fence_copy(copy: LocalCopy, fence: Fence) -> CopyReport | None:
    try:
        copy.check_identity()
        copy.raise_fence(fence)
        return CopyReport(copy.id, copy.is_complete(), copy.read_history())
    except (VolumeFormatError, FencedError):
        raise
    except (StorageError, OSError) as error:
        log.warning("copy %d can't be fenced: %s", copy.id, error)
        return None


def _extent(copy: LocalCopy, history: EpochHistory) -> CopyExtent | None:
    try:
        scl, last_cpl, damaged = copy.extent(history)
    except (StorageError, OSError) as error:
        log.warning("copy %d can't be read: %s", copy.id, error)
        return None
    return None if damaged else CopyExtent(copy.id, scl, last_cpl)
