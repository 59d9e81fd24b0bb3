"""One copy's writer thread: appends batches, proves each acknowledgement, and refills the copy when it was lost."""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol
from zlib import crc32

from aurora_mysql.errors import CorruptRecordError, FencedError, StorageError, VolumeFormatError
from aurora_mysql.storage.binary import SEGMENT_HEADER_BYTES, BatchHeader, Fence, encode_body
from aurora_mysql.storage.copy import FenceWatch, LocalCopy, MissingCopyError, sync_directory
from aurora_mysql.storage.history import EpochHistory
from aurora_mysql.storage.layout import CopyState, Record, VolumeOptions
from aurora_mysql.storage.segment import SegmentName

log = logging.getLogger(__name__)
_FILL_BYTES = 1 << 20
#: Larger batches are written in pieces, then synced: one call may take only a part.
_ONE_CALL_BYTES = 1 << 20
_LOOK_S = 0.02


@dataclass(frozen=True, slots=True)
class Batch:
    """Records first_lsn.. of one epoch, encoded once for all copies."""

    epoch: int
    first_lsn: int
    records: tuple[tuple[bytes, bool], ...]
    vdl: int
    body: bytes
    crc: int

    @classmethod
    def of(cls, epoch: int, first_lsn: int, records: tuple[tuple[bytes, bool], ...], vdl: int) -> Batch:
        body = encode_body(records)
        return cls(epoch, first_lsn, records, vdl, body, crc32(body))

    @property
    def last_lsn(self) -> int:
        return self.first_lsn + len(self.records) - 1

    def after(self, lsn: int) -> Batch:
        """The part of this batch above `lsn`."""
        if lsn < self.first_lsn:
            return self
        return Batch.of(self.epoch, lsn + 1, self.records[lsn + 1 - self.first_lsn :], self.vdl)

    def encode_header(self, seed: int) -> bytes:
        header = BatchHeader(self.epoch, self.first_lsn, len(self.records), len(self.body), self.vdl, self.crc)
        return header.encode(seed)


class Owner(Protocol):
    """What a copy's thread needs of the volume."""

    @property
    def vdl(self) -> int: ...
    def first_lsn(self, without: int) -> int: ...
    def read_peers(self, from_lsn: int, to_lsn: int, without: int) -> Iterator[Record]: ...
    def acknowledged(self, copy: int, lsn: int) -> None: ...
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
        history: EpochHistory,
        options: VolumeOptions,
        owner: Owner,
    ) -> None:
        self.copy, self.id = copy, copy.id
        self.state: CopyState = "repairing"
        self.scl = 0
        self.live = False  # guarded by the volume's lock, as is `queue`
        self.queue: deque[Batch] = deque()
        self.queued_bytes = 0
        self.tried = threading.Event()
        self._distrust = False
        self._cluster_id, self._fence, self._history = cluster_id, fence, history
        self._options, self._owner = options, owner
        # A queue of tokens in C: an Event costs several hand-overs of the interpreter lock per batch.
        self._tokens: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._stop = False
        self._watch: FenceWatch | None = None
        self._fd = -1
        self._inode = 0
        self._proved_s = 0.0
        self._path = copy.path
        self._at = self._size = self._seed = 0
        self._thread = threading.Thread(target=self._run, name=f"volume-copy-{self.id}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        self._tokens.put(None)

    def _wait(self, timeout_s: float) -> bool:
        """Until somebody calls :meth:`wake`; False after `timeout_s`."""
        try:
            self._tokens.get(timeout=timeout_s)
        except queue.Empty:
            return False
        return True

    def distrust(self) -> None:
        """The copy was found damaged: format and refill it at the next bring-up."""
        self._distrust = True

    def stop(self) -> None:
        self._stop = True
        self.wake()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stop:
            try:
                if self.live:
                    self._write_waiting()
                else:
                    self._bring_up()
            except FencedError as error:
                self._owner.fenced(str(error))
                break
            except (StorageError, OSError) as error:
                if isinstance(error, OSError) and error.errno in (28, 122):  # ENOSPC, EDQUOT
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
                    self._wait(self._options.retry_interval_s)
            self.tried.set()
        self._close_segment()
        self.tried.set()

    # -- appending ----------------------------------------------------------------------------------------------

    def _write_waiting(self) -> None:
        if not self.queue:
            if not self._wait(self._options.watch_interval_s) and not self._stop and not self.queue:
                self._prove_by_path()
            return
        batch = self.queue[0]
        self._write(batch)
        self.scl = batch.last_lsn
        with contextlib.suppress(IndexError):
            if self.queue[0] is batch:
                self.queue.popleft()
        self.queued_bytes -= len(batch.body)
        self._owner.acknowledged(self.id, batch.last_lsn)

    def _write(self, batch: Batch) -> None:
        size = len(batch.body) + 64
        if self._fd < 0 or self._at + size > self._size:
            self._rotate(batch.first_lsn, size)
        header = batch.encode_header(self._seed)
        if not self._write_synced(header, batch.body):
            view, at = memoryview(header + batch.body), self._at
            while view:
                done = os.pwrite(self._fd, view, at)
                view, at = view[done:], at + done
            os.fdatasync(self._fd)
        self._prove()
        self._at += len(header) + len(batch.body)

    def _write_synced(self, header: bytes, body: bytes) -> bool:
        """Write and sync in one system call; False when it did not take everything (the caller does it again)."""
        if len(body) > _ONE_CALL_BYTES:
            return False
        return os.pwritev(self._fd, (header, body), self._at, os.RWF_DSYNC) == len(header) + len(body)

    def _prove(self) -> None:
        """After the sync of a batch: the fence still names this writer.

        It is read through a map of the file that was at the copy's path when the segment was opened, so it costs no
        system call. That this file and the segment are still what the path names is looked up when the last look is
        older than a moment: always after a pause, and not for each of thousands of batches a second. A copy that was
        moved away in that moment is a copy lost just after its acknowledgement, which the quorum allows for.
        """
        now_s = time.monotonic()
        if self._watch is None or not self._watch.holds(self._fence) or now_s - self._proved_s > _LOOK_S:
            self._prove_by_path()
            self._proved_s = now_s

    def _prove_by_path(self) -> None:
        held = self.copy.read_fence()
        if held.epoch > self._fence.epoch or (held.epoch == self._fence.epoch and held != self._fence):
            raise FencedError(f"copy {self.id} is promised to epoch {held.epoch}")
        if held.epoch < self._fence.epoch:
            raise CorruptRecordError(f"the fence of copy {self.id} went back to epoch {held.epoch}")
        if self._fd >= 0 and self._path.stat().st_ino != self._inode:
            raise MissingCopyError(f"copy {self.id} was replaced while it was written")

    def _rotate(self, start_lsn: int, need: int) -> None:
        self._close_segment()
        names = self.copy.segments(self._history)
        previous = names[-1].start_lsn if names else 0
        size = max(self._options.segment_bytes, SEGMENT_HEADER_BYTES + need)
        name = SegmentName(start_lsn, self._fence.epoch).file_name()
        fd = self.copy.new_segment(self._fence.epoch, start_lsn, previous, size, name + ".tmp")
        try:
            (self.copy.path / (name + ".tmp")).rename(self.copy.path / name)
            sync_directory(self.copy.path)
            self._seed = int.from_bytes(os.pread(fd, 36, 0)[32:36], "little")
        except BaseException:
            os.close(fd)
            raise
        self._fd, self._path, self._inode = fd, self.copy.path / name, os.fstat(fd).st_ino
        self._watch = FenceWatch(self.copy.path / "fence")
        self._at, self._size = SEGMENT_HEADER_BYTES, size

    def _close_segment(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        if self._watch is not None:
            self._watch.close()
            self._watch = None

    # -- bringing the copy up -----------------------------------------------------------------------------------

    def _bring_up(self) -> None:
        """Fence, fill to the VDL, only then write the history (see recovery.py), then take part."""
        self._close_segment()
        if self.state not in ("missing", "full"):
            self.state = "repairing"
        epoch = self._fence.epoch
        try:
            self.copy.check_identity()
            self.copy.raise_fence(self._fence)
            damaged = self._distrust or not self.copy.is_complete()
            if not damaged:
                scl, _, damaged = self.copy.extent(self._history)
                if not self.copy.segments(self._history):
                    scl = self._owner.first_lsn(self.id) - 1  # a log need not begin at 1
        except VolumeFormatError:
            raise
        except (MissingCopyError, CorruptRecordError, FileNotFoundError):
            damaged = True
        if damaged:
            first = self._owner.first_lsn(self.id)
            # Later writers must stay obeyed even if the rest of the copy is unreadable.
            with contextlib.suppress(OSError, CorruptRecordError):
                held = self.copy.read_fence()
                if held.epoch > epoch:
                    raise FencedError(f"copy {self.id} is promised to epoch {held.epoch}")
            log.warning("copy %d is refilled from its peers", self.id)
            self.copy.format(self._cluster_id, EpochHistory(), self._fence, refilling_for=epoch)
            scl = first - 1
        scl = min(scl, self._owner.vdl)
        self.copy.remove_void(self._history, scl)
        scl = self._fill(scl)
        self.copy.write_history(self._history)
        if damaged:
            self.copy.mark_complete(epoch)
            self._distrust = False
        if self._fd < 0:
            self._rotate(scl + 1, 0)
        self._prove()
        while not self._owner.join(self, scl):
            scl = self._fill(scl)
            if self._stop:
                return
        self.state = "ok"

    def _fill(self, scl: int) -> int:
        """Append records scl+1..VDL from the peers; returns the LSN reached."""
        target = self._owner.vdl
        run: list[tuple[bytes, bool]] = []
        run_epoch = size = 0
        wanted = scl + 1
        for record in self._owner.read_peers(wanted, target, self.id):
            if run and (record.epoch != run_epoch or size >= _FILL_BYTES):
                self._write(Batch.of(run_epoch, wanted - len(run), tuple(run), target))
                run, size = [], 0
            run_epoch = record.epoch
            run.append((record.payload, record.cpl))
            size += len(record.payload)
            wanted += 1
        if run:
            self._write(Batch.of(run_epoch, wanted - len(run), tuple(run), target))
        if wanted <= target:
            raise StorageError(f"copy {self.id} can't be refilled yet: its peers have no LSN {wanted}")
        self.scl = wanted - 1
        return self.scl
