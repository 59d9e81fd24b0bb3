"""One copy's writer: appends batches, proves each acknowledgement, and refills the copy when it was lost.

A live copy is written by the kernel where it can be (`begin`), so that a commit costs no change of threads. Its thread
does everything else: new segments, looking at names, finding out why a write failed, bringing the copy up.
"""

from __future__ import annotations

import contextlib
import logging
from collections import deque
from contextlib import AbstractContextManager
from typing import Any, Protocol

from aurora_mysql.errors import CorruptRecordError, FencedError, StorageError, VolumeFormatError
from aurora_mysql.storage.batch import Batch
from aurora_mysql.storage.binary import (
    BATCH_HEADER_BYTES,
    FENCE_BYTES,
    SEGMENT_HEADER_BYTES,
    Fence,
    SegmentHeader,
)
from aurora_mysql.storage.copy import LocalCopy, MissingCopyError
from aurora_mysql.storage.disk import NO_SPACE, File, Watch, write_all
from aurora_mysql.storage.history import EpochHistory
from aurora_mysql.storage.layout import CopyState, VolumeOptions, file_in
from aurora_mysql.storage.next_segment import NEVER, NextSegment, start_of_next
from aurora_mysql.storage.peers import Peers
from aurora_mysql.storage.runtime import Runtime, Worker
from aurora_mysql.storage.segment import SegmentName

log = logging.getLogger(__name__)
_FILL_BYTES = 1 << 20
#: Larger batches are written in pieces, then synced: one call may take only a part.
_ONE_CALL_BYTES = 1 << 20
_LOOK_S = 0.1
_JOIN_S = 5.0
_PROBE = bytes(4096)


class Owner(Protocol):
    """What a copy's thread needs of the volume."""

    @property
    def vdl(self) -> int: ...
    @property
    def target_lsn(self) -> int: ...
    @property
    def history(self) -> EpochHistory: ...
    @property
    def peers(self) -> Peers: ...
    @property
    def guard(self) -> AbstractContextManager[Any]: ...
    def cut_near(self, lsn: int) -> int: ...
    def recorded(self, writer: CopyWriter) -> None: ...
    def acknowledged(self, copy: int, lsn: int, took_s: float) -> None: ...
    @property
    def asks_around(self) -> bool: ...
    def stays_out(self, writer: CopyWriter) -> bool: ...
    def probed(self, writer: CopyWriter, seconds: float) -> None: ...
    def lost(self, writer: CopyWriter, reason: str) -> None: ...
    def join(self, writer: CopyWriter, scl: int) -> bool: ...
    def fenced(self, reason: str) -> None: ...


class CopyWriter:
    """Invariant: a batch is acknowledged only if, after its sync, the fence is still this writer's and, as of a moment
    ago at most, fence and segment are still the files that the copy's directory names."""

    def __init__(
        self,
        copy: LocalCopy,
        cluster_id: str,
        fence: Fence,
        options: VolumeOptions,
        owner: Owner,
        runtime: Runtime,
    ) -> None:
        self.copy, self.id = copy, copy.id
        self.state: CopyState = "repairing"
        self.scl = 0
        self.live = False  # guarded by the volume's lock, as are `queue` and the next four
        self.queue: deque[Batch] = deque()
        self._under_way: Batch | None = None  # the kernel is writing it
        self._unproved: Batch | None = None  # the kernel has written it, the thread is to look at the names
        self._look_ordered = False  # the thread was rung to look: every further ring would be one more look
        self._thread_writes = False
        self.queued_bytes = 0
        self.writing_since_s: float | None = None  # the batch at the queue's head
        self.tried = runtime.signal()
        self._distrust = False
        self._cluster_id, self._fence = cluster_id, fence
        self.history: EpochHistory | None = None  # what this writer has put on the copy, durably
        self._options, self._owner = options, owner
        self._runtime = runtime
        self._bell = runtime.bell()
        self._stop = False
        self._fill_from: int | None = None
        self._file: File | None = None
        self._watch: Watch | None = None
        self._identity = 0
        self._proved_s = self._compared_s = 0.0
        self._path = copy.path
        self._at = self._size = self._seed = self._start_lsn = 0
        self._next = NextSegment(copy, fence, runtime)
        self._order_at = 0  # how many bytes of a segment are used when the next one is ordered
        self._worker: Worker | None = None

    def start(self) -> None:
        self._worker = self._runtime.spawn(self._run, f"volume-copy-{self.id}")

    @property
    def started(self) -> bool:
        return self._worker is not None

    def wake(self) -> None:
        self._bell.ring()

    def distrust(self) -> None:
        """The copy was found damaged: format and refill it at the next bring-up."""
        self._distrust = True

    @property
    def awaited(self) -> bool:
        """It takes part, or may come back with all that it acknowledged."""
        return self.state in ("ok", "behind", "repairing", "full", "slow") and not self._distrust

    def filled_percent(self) -> float:
        """How much of what the copy lacked it has got from its peers; 100 when it lacks nothing."""
        if self.live or self._fill_from is None:
            return 100.0 if self.live else 0.0
        lacked = max(1, self._owner.target_lsn - self._fill_from)
        return round(min(100.0, 100 * max(0, self.scl - self._fill_from) / lacked), 1)

    @property
    def unused_bytes(self) -> int:
        """What is left of the segment that is written."""
        return max(0, self._size - self._at)

    def retire(self) -> None:
        """The copy takes part no more. Any thread may call it, the copy's own as well."""
        self._stop = True
        self.wake()

    def stop(self) -> None:
        self.retire()
        if self._worker is not None and self._worker.is_alive():
            # A disk that doesn't answer must not hold up the end.
            self._worker.join(self._options.retry_interval_s if self.state == "slow" else _JOIN_S)

    def _run(self) -> None:
        while not self._stop:
            try:
                if not self.live and self.state == "slow" and self._owner.stays_out(self):
                    self._probe()
                elif not self.live:
                    self._bring_up()
                elif self._thread_writes:
                    self._write_next()
                else:
                    self._bell.wait(self._options.watch_interval_s)
                    if self.live and not self._thread_writes and not self._stop:
                        self._look()
                        self._compare()
            except FencedError as error:
                self._owner.fenced(str(error))
                break
            except (StorageError, OSError) as error:
                if isinstance(error, OSError) and error.errno in NO_SPACE:
                    self.state = "full"
                elif isinstance(error, (MissingCopyError, FileNotFoundError, NotADirectoryError)):
                    self.state = "missing"
                elif isinstance(error, CorruptRecordError):
                    self.state, self._distrust = "corrupt", True
                else:
                    self.state = "behind"
                self._close_segment()
                self._owner.lost(self, str(error))
                self.tried.set()
                if not self._stop:
                    self._bell.wait(self._options.retry_interval_s)
            self.tried.set()
        self._close_segment()
        self.tried.set()

    # -- appending ----------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """See to it that what waits is written: by the kernel if it can be, else by the copy's thread. Under the
        volume's lock."""
        if not self.live or self._under_way is not None or self._unproved is not None or self._thread_writes:
            return  # whoever has the copy now goes on with the rest
        if self.history is self._owner.history:
            if not self.queue:
                return
            self.writing_since_s = self._runtime.now_s()
            if self._begin_with_kernel(self.queue[0]):
                if not self._look_ordered and self._runtime.now_s() - self._proved_s > _LOOK_S / 2:
                    self._look_ordered = True
                    self.wake()  # to look at the names meanwhile
                return
        self._thread_writes = True
        self.wake()

    def _begin_with_kernel(self, batch: Batch) -> bool:
        file = self._file
        full = self._at + batch.body_bytes + BATCH_HEADER_BYTES > self._size
        if file is None or full or not batch.settled or batch.last_lsn >= self._next.start_lsn:
            return False
        pieces = (batch.encode_header(self._seed), batch.body)
        self._under_way = batch
        if not file.begin_synced(pieces, self._at, lambda durable: self._written(batch, durable)):
            self._under_way = None
        return self._under_way is not None

    def _written(self, batch: Batch, durable: bool) -> None:
        """The kernel is through with `batch`."""
        with self._owner.guard:
            self._under_way = None
            if not self.live or not self.queue or self.queue[0] is not batch:
                self.wake()  # the copy was taken out meanwhile
                return
            if not durable or not self._still_ours():
                self._thread_writes = True  # it writes the batch again, and finds out
                self.wake()
                return
            self._at += batch.body_bytes + BATCH_HEADER_BYTES
            if self._at >= self._order_at:
                self.wake()
            if self._runtime.now_s() - self._proved_s > _LOOK_S:
                self._unproved = batch
                self.wake()
                return
            took_s = self._taken(batch)
        self._owner.acknowledged(self.id, batch.last_lsn, took_s)
        # Whoever queues a batch, or changes the history, from now on begins it.
        if self.queue or self.history is not self._owner.history:
            with self._owner.guard:
                self.begin()

    def _taken(self, batch: Batch) -> float:
        """`batch` is on the copy, proved; returns how many seconds that took. Under the volume's lock."""
        now_s = self._runtime.now_s()
        began_s, self.writing_since_s = self.writing_since_s, None
        self.scl = batch.last_lsn
        if self.queue and self.queue[0] is batch:
            self.queue.popleft()
            self.queued_bytes -= batch.body_bytes
        return 0.0 if began_s is None else now_s - began_s

    def _write_next(self) -> None:
        """What the kernel can't: the thread's part of an append."""
        if self.history is not self._owner.history:
            self._record()
            self._owner.recorded(self)
        elif self.queue:
            batch = self.queue[0]
            self._write(batch)
            with self._owner.guard:
                took_s = self._taken(batch)
            self._owner.acknowledged(self.id, batch.last_lsn, took_s)
        with self._owner.guard:
            self._thread_writes = False
            self.begin()

    def _look(self) -> None:
        """See whether the names still name these files; a batch that waits for that is then acknowledged. The next
        segment is ordered when its time has come."""
        began_s = self._runtime.now_s()
        self._prove_by_path()
        if self._at >= self._order_at:
            self._order_next(self.scl)
        with self._owner.guard:
            self._proved_s, self._look_ordered = began_s, False
            batch, self._unproved = self._unproved, None
            if batch is None or not self.live or not self.queue or self.queue[0] is not batch:
                return
            took_s = self._taken(batch)
        self._owner.acknowledged(self.id, batch.last_lsn, took_s)
        with self._owner.guard:
            self.begin()

    def _write(self, batch: Batch) -> None:
        size = batch.body_bytes + 64
        file = self._file
        if file is None or self._at + size > self._size or batch.last_lsn >= self._next.start_lsn:
            file = self._rotate(batch.first_lsn, size)
        header, body = batch.encode_header(self._seed), batch.body
        size = len(header) + len(body)
        if size > _ONE_CALL_BYTES or file.write_synced((header, body), self._at) != size:
            write_all(file, header + body, self._at)
            file.sync()
        self._prove()
        self._at += size
        if self._at >= self._order_at and self.live:
            self._order_next(batch.last_lsn)

    def _prove(self) -> None:
        """After the sync of a batch: the fence still names this writer.

        It is read from the file that was at the copy's path when the segment was opened, so it costs one short
        call. That this file and the segment are still what the path names is looked up when the last look is
        older than a moment: always after a pause, and not for each of thousands of batches a second. A copy that was
        moved away in that moment is a copy lost just after its acknowledgement, which the quorum allows for.
        """
        now_s = self._runtime.now_s()
        if not self._still_ours() or now_s - self._proved_s > _LOOK_S:
            self._prove_by_path()
            self._proved_s = now_s

    def _still_ours(self) -> bool:
        """Whether the fence that lay beside the segment when it was opened names this writer."""
        watch = self._watch
        try:
            return watch is not None and watch.read() == self._fence.encoded
        except OSError:
            return False

    def prove(self) -> None:
        """Raises FencedError when the copy is promised to a later writer, OSError or StorageError when it can't be
        told; for any thread."""
        held = self.copy.read_fence()
        if held.epoch > self._fence.epoch or (held.epoch == self._fence.epoch and held != self._fence):
            raise FencedError(f"copy {self.id} is promised to epoch {held.epoch}")
        if held.epoch < self._fence.epoch:
            raise CorruptRecordError(f"the fence of copy {self.id} went back to epoch {held.epoch}")

    def _prove_by_path(self) -> None:
        self.prove()
        if self._file is not None and self.copy.disk.identity(self._path) != self._identity:
            raise MissingCopyError(f"copy {self.id} was replaced while it was written")

    def _record(self) -> None:
        """Put the newest history on the copy; it counts as there once the fence was proved after that."""
        history = self._owner.history
        if self.history is not history:
            self.copy.write_history(history)
            self._prove_by_path()
            self.history = history

    def _rotate(self, start_lsn: int, need: int) -> File:
        """Go on in the segment that was made ahead, else in a new one, unless this one has room."""
        if self._file is not None:
            self._prove_by_path()  # nobody looks at this segment again
        made = self._next.take(start_lsn, SEGMENT_HEADER_BYTES + need)
        if made is None and self._file is not None and self._at + need <= self._size:
            self._order_at = self._at  # the next one was not ready when its time came: another try
            return self._file
        self._close_segment()
        if made is not None and made.file is not None:
            self._file, self._seed, self._size = made.file, made.header.seed, made.size
        else:
            starts = (name.start_lsn for name in self.copy.segments(self._owner.history))
            previous = max((start for start in starts if start < start_lsn), default=0)
            self._size = max(self._options.segment_bytes, SEGMENT_HEADER_BYTES + need)
            self._file, self._seed = self.copy.new_segment(self._fence.epoch, start_lsn, previous, self._size)
        self._identity = self._file.identity()
        self._path = file_in(self.copy.path, SegmentName(start_lsn, self._fence.epoch).file_name())
        self._watch = self.copy.disk.watch(file_in(self.copy.path, "fence"), FENCE_BYTES)
        self._at, self._start_lsn, self._order_at = SEGMENT_HEADER_BYTES, start_lsn, self._size // 2
        return self._file

    def _order_next(self, last_lsn: int) -> None:
        """Let the next segment be made while this one still has room."""
        self._order_at = NEVER
        wanted = start_of_next(self._start_lsn, last_lsn, self._at - SEGMENT_HEADER_BYTES, self._size - self._at)
        start_lsn = self._owner.cut_near(wanted)
        header = SegmentHeader(self._fence.epoch, start_lsn, self._start_lsn, self.copy.new_seed(), ahead=True)
        self._next.order(header, self._options.segment_bytes)

    def _close_segment(self) -> None:
        self._next.drop()
        with self._owner.guard:
            file, self._file = self._file, None
            watch, self._watch = self._watch, None
        if file is not None:
            file.close()
        if watch is not None:
            watch.close()

    # -- a copy that is left out for being slow ------------------------------------------------------------------

    def _probe(self) -> None:
        """Of a copy that is left out: is it fast by now?"""
        self._close_segment()
        self.prove()
        self._owner.probed(self, self._probe_s())
        self._bell.wait(self._options.retry_interval_s)

    def _compare(self) -> None:
        """Of a copy that takes part: what is usual now, for one that is left out. At most every now and then."""
        now_s = self._runtime.now_s()
        if self._owner.asks_around and now_s - self._compared_s >= self._options.watch_interval_s:
            self._compared_s = now_s
            with contextlib.suppress(OSError):  # its own writes tell of failures
                self._owner.probed(self, self._probe_s())

    def _probe_s(self) -> float:
        """How many seconds a small synced write takes."""
        file = self.copy.disk.open(file_in(self.copy.path, "probe"), "create")
        try:
            began_s = self._runtime.now_s()
            file.write_synced((_PROBE,), 0)
            return self._runtime.now_s() - began_s
        finally:
            file.close()

    # -- bringing the copy up -----------------------------------------------------------------------------------

    def _bring_up(self) -> None:
        """Fence, fill to the VDL, only then write the history (see recovery.py), then take part."""
        with self._owner.guard:
            waits = self._under_way is not None
            self._unproved, self._thread_writes, self._look_ordered = None, False, False
        if waits:
            self._bell.wait(self._options.retry_interval_s)  # the kernel still writes to it
            return
        self._close_segment()
        self.history = None
        if self.state not in ("missing", "full"):
            self.state = "repairing"
        epoch = self._fence.epoch
        try:
            self.copy.check_identity()
            self.copy.raise_fence(self._fence)
            damaged = self._distrust or not self.copy.is_complete()
            if not damaged:
                scl, _, damaged = self.copy.extent(self._owner.history)
        except VolumeFormatError:
            raise
        except (MissingCopyError, CorruptRecordError, FileNotFoundError):
            damaged = True
        if damaged:
            first = self._owner.peers.log_start(self.id)
            log.warning("copy %d is refilled from its peers", self.id)
            self.copy.format(self._cluster_id, EpochHistory(), self._fence, refilling_for=epoch)
            scl = first - 1
        self.scl = self._fill_from = scl = min(scl, self._owner.target_lsn)
        self.copy.remove_void(self._owner.history, scl, self._fence)
        # On a full disk this makes room for the rest.
        self.copy.remove_below(min(self._owner.peers.collected_lsn, scl + 1), self._owner.history)
        scl = self._fill(scl)
        if self._file is None:
            self._rotate(scl + 1, 0)
        self._prove_by_path()
        if damaged:
            # A later writer may have acknowledged through this copy before it was lost; then three others tell.
            self._owner.peers.prove(self.id)
        self._record()
        if damaged:
            self.copy.mark_complete(epoch)
            self._distrust = False
        self._prove()
        while not self._owner.join(self, scl):
            scl = self._fill(scl)
            self._record()
            if self._stop:
                return
        self.state = "ok"

    def _fill(self, scl: int) -> int:
        """Append records scl+1..VDL from the peers; returns the LSN reached."""
        target, vdl = self._owner.target_lsn, self._owner.vdl
        run: list[tuple[bytes, bool]] = []
        run_epoch = size = 0
        wanted = scl + 1
        for record in self._owner.peers.read(wanted, target, self.id):
            self.scl = max(self.scl, wanted - len(run) - 1)
            if run and (record.epoch != run_epoch or size >= _FILL_BYTES):
                self._write(Batch(run_epoch, wanted - len(run), tuple(run), vdl))
                run, size = [], 0
            run_epoch = record.epoch
            run.append((record.payload, record.cpl))
            size += len(record.payload)
            wanted += 1
        if run:
            self._write(Batch(run_epoch, wanted - len(run), tuple(run), vdl))
        if wanted <= target:
            # Collected on the others while this copy was away: it begins anew where they begin.
            self._distrust = self._distrust or wanted < self._owner.peers.log_start(self.id)
            raise StorageError(f"copy {self.id} can't be refilled yet: its peers have no LSN {wanted}")
        self.scl = wanted - 1
        return self.scl
