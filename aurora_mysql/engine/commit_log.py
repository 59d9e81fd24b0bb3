"""The writer's commit pipeline: append to the volume, wait for the VDL, then make visible, in LSN order."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from aurora_mysql.engine.waiting import in_task
from aurora_mysql.errors import FencedError, QuorumLostError, StorageError, mysql_error
from aurora_mysql.redo.codec import encode_changes, encode_commit
from aurora_mysql.redo.column_rows import ColumnRows
from aurora_mysql.redo.record import Commit

log = logging.getLogger(__name__)


#: Rows of larger commits are encoded on another thread, so that the event loop goes on.
ENCODE_ASIDE_ROWS = 10_000
#: Commits that share a batch's cost well enough: no more are waited for.
ENOUGH_FOR_A_BATCH = 16

#: What the slowest copies that are not lost take: a commit of gigabytes may wait longer than one of a row.
SLOWEST_BYTES_PER_S = 10 << 20


class WritableVolume(Protocol):
    """What the engine needs of storage's Volume."""

    @property
    def epoch(self) -> int: ...

    @property
    def vdl(self) -> int: ...

    @property
    def may_grow(self) -> bool: ...

    def append_group(self, commits: Sequence[Sequence[bytes]]) -> list[int]: ...


#: Tells a commit's client how it went: None, or why it has failed or can't be waited for any more.
Done = Callable[[Exception | None], None]


@dataclass(slots=True)
class InFlight:
    """A commit on its way: `parts` are its encoded records, the last of which has `commit.lsn`. At `expires_s` (the
    loop's time) its client is told that the outcome is open. `done` is None once the client was told."""

    commit: Commit
    parts: list[bytes]
    finish: Callable[[], None] | None = None
    done: Done | None = field(default=None, repr=False)
    expires_s: float = 0.0

    def tell(self, error: Exception | None) -> None:
        """Tell the client, unless it was told before. What goes wrong with one must not keep it from the others."""
        done, self.done = self.done, None
        if done is not None:
            try:
                done(error)
            except Exception:
                log.exception("the client of commit %d was not told of its end", self.commit.lsn)


class CommitLog:
    """Commits in flight. Nothing becomes visible (`on_durable`) before the VDL has reached it, nor out of order.

    What sessions commit in successive turns of the loop goes to the volume together, once a turn brings no further
    commit: a batch costs six copies a sync each, however many commits it holds. A lone session waits one empty turn.
    """

    def __init__(
        self,
        volume: WritableVolume,
        *,
        timeout_s: float,
        on_durable: Callable[[list[InFlight]], None],
        last_time_us: int = 0,
    ) -> None:
        self._volume = volume
        self._timeout_s = timeout_s
        self._on_durable = on_durable
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._gathered: list[InFlight] = []
        self._seen = 0
        self._in_flight: deque[InFlight] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._full = False
        self._fenced: FencedError | None = None
        self._announced = volume.vdl
        self._last_time_us = last_time_us
        self.commits = 0

    @property
    def epoch(self) -> int:
        return self._volume.epoch

    def vdl_advanced(self, vdl: int) -> None:
        """Called by the volume, on the loop's thread or one of its own."""
        if threading.get_ident() == self._thread:
            self._loop.call_soon(self._release, vdl)  # later: the volume's locks are held
        else:
            self._loop.call_soon_threadsafe(self._release, vdl)

    def writable_changed(self, writable: bool, *, full: bool = False) -> None:
        """The volume gained or lost its write quorum, lost it to full disks maybe (on the loop)."""
        self._full = full
        if writable:
            self._writable.set()
        else:
            self._writable.clear()

    def fenced(self) -> None:
        """A newer epoch exists: everything in flight is in doubt and belongs to the next writer (on the loop)."""
        self._fenced = FencedError("a newer writer has taken over")
        items = [*self._in_flight, *self._gathered]
        self._in_flight.clear()
        self._gathered.clear()
        _fail(items, lambda: mysql_error(1836))

    async def commit(self, commit: Commit, finish: Callable[[], None] | None = None) -> int:
        """Make `commit` durable and visible; returns its LSN. `finish` runs on the loop at the moment it is visible
        (lock release), whether or not the caller still waits.

        Raises:
            MySQLError: 1836 when fenced (not written), 1114 when disks are full, or rows are written to a volume that
                is as large as it may be (not written), 1180 when the write quorum stayed away for the commit timeout.
                In the last case nothing was written if the quorum was already gone at the call; otherwise the outcome
                is decided when the copies return, and the message says so.
        """
        try:
            if not self._volume.may_grow and _adds_rows(commit):
                raise mysql_error(1114, "volume")
            changes = None
            if is_large(commit):
                changes = await self._loop.run_in_executor(None, encode_changes, commit.changes)
            if not self._writable.is_set():
                await self._wait_writable()
            if self._fenced is not None:
                raise mysql_error(1836)
            future: asyncio.Future[None] = self._loop.create_future()
            self._submit(commit, finish, _resolving(future), changes)
        except BaseException:
            if finish is not None:
                finish()
            raise
        await future
        return commit.lsn

    @property
    def takes_at_once(self) -> bool:
        """Whether :meth:`submit` may be called: there is a write quorum and room for rows, and no newer epoch."""
        return self._fenced is None and self._writable.is_set() and self._volume.may_grow

    def submit(self, commit: Commit, finish: Callable[[], None] | None, done: Done) -> None:
        """As :meth:`commit`, for a commit that is not large while :attr:`takes_at_once`; it never waits.

        `done` is called on the loop, in a later turn, after `finish` (1180 apart: see :meth:`commit`), and after the
        `finish` of all commits that became visible together.

        Raises:
            TypeError: a row has something that is not a storage value; neither is called then.
        """
        self._submit(commit, finish, done, None)

    def _submit(self, commit: Commit, finish: Callable[[], None] | None, done: Done, changes: bytes | None) -> None:
        # Times grow with LSNs, whatever the clock does: "everything until T" is a prefix of the log.
        commit.commit_time_us = self._last_time_us = max(time.time_ns() // 1000, self._last_time_us + 1)
        item = InFlight(commit, encode_commit(commit, changes), finish, done)
        if not self._gathered:
            self._seen = 0
            self._loop.call_soon(self._turn_ended)
        self._gathered.append(item)

    def _turn_ended(self) -> None:
        """Wait for more commits while every turn brings some, up to a number that shares a batch's cost well."""
        count = len(self._gathered)
        if self._seen < count < ENOUGH_FOR_A_BATCH:
            self._seen = count
            self._loop.call_soon(self._turn_ended)
        else:
            self._append_gathered()

    def _append_gathered(self) -> None:
        """Hand what was gathered to the volume."""
        items, self._gathered = self._gathered, []
        earliest_s = self._loop.time() + self._timeout_s
        while items:
            try:
                lsns = self._volume.append_group([item.parts for item in items])
            except Exception as error:
                _fail(items, _refusal(error))
                return
            for item, lsn in zip(items, lsns, strict=False):
                item.commit.lsn, item.commit.epoch = lsn, self._volume.epoch
                before_s = self._in_flight[-1].expires_s if self._in_flight else 0.0
                item.expires_s = max(earliest_s, before_s) + sum(map(len, item.parts)) / SLOWEST_BYTES_PER_S
                self._in_flight.append(item)
            self.commits += len(lsns)
            items = items[len(lsns) :]
            if self._timer is None:
                self._timer = self._loop.call_later(self._timeout_s, self._expire)

    def _expire(self) -> None:
        """Tell clients whose commit takes too long that its outcome is open; the commit itself stays in flight."""
        self._timer = None
        now_s = self._loop.time()
        for item in self._in_flight:
            if item.done is None:
                continue
            if item.expires_s > now_s:
                self._timer = self._loop.call_at(item.expires_s, self._expire)
                return
            item.tell(
                mysql_error(1180, 5, "the volume has lost its write quorum; the transaction commits when copies return")
            )

    async def settled(self) -> None:
        """Wait until what is in flight now is decided."""
        waiting: list[asyncio.Future[None]] = []
        for item in (*self._in_flight, *self._gathered):
            if item.done is not None:
                waiting.append(self._loop.create_future())
                item.done = _also(item.done, waiting[-1])
        if waiting:
            await asyncio.wait(waiting)

    async def _wait_writable(self) -> None:
        if self._full:
            raise mysql_error(1114, "redo log")
        await in_task()
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._writable.wait()
        except TimeoutError:
            raise mysql_error(1180, 5, "the volume has no write quorum; nothing was committed") from None

    def _release(self, vdl: int) -> None:
        if vdl <= self._announced or self._fenced is not None:
            return
        self._announced = vdl
        done: list[InFlight] = []
        while self._in_flight and self._in_flight[0].commit.lsn <= vdl:
            done.append(self._in_flight.popleft())
        if not done:
            return
        self._on_durable(done)
        for item in done:
            if item.finish is not None:
                item.finish()
        # All locks are free before a client's next command may run.
        for item in done:
            item.tell(None)


def _adds_rows(commit: Commit) -> bool:
    return any(change.upserts for change in commit.changes)


def is_large(commit: Commit) -> bool:
    """Whether its rows take long to encode."""
    rows = 0
    for change in commit.changes:
        if type(change.upserts) is ColumnRows:
            return True
        rows += len(change.upserts) + len(change.deletes)
    return rows > ENCODE_ASIDE_ROWS


def _refusal(error: Exception) -> Callable[[], Exception]:
    """What clients are told when the volume took nothing because of `error`."""
    if isinstance(error, FencedError):
        return lambda: mysql_error(1836)
    if isinstance(error, QuorumLostError):
        return lambda: mysql_error(1180, 5, f"{error}; nothing was committed")
    if isinstance(error, StorageError):
        log.error("the volume refused a commit: %s", error)
        return lambda: mysql_error(1114, "redo log")
    return lambda: error


def _fail(items: Sequence[InFlight], refusal: Callable[[], Exception]) -> None:
    """`items` are not committed, or nobody here will learn whether they are."""
    for item in items:
        if item.finish is not None:
            item.finish()
    for item in items:
        item.tell(refusal())


def _resolving(future: asyncio.Future[None]) -> Done:
    """What tells a client that awaits `future`, if it still does."""

    def done(error: Exception | None) -> None:
        if future.done():
            return
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)

    return done


def _also(done: Done, future: asyncio.Future[None]) -> Done:
    """`done`, and `future` tells that it was called."""

    def both(error: Exception | None) -> None:
        if not future.done():
            future.set_result(None)
        done(error)

    return both
