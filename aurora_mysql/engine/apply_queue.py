"""Committed work that DuckDB does not have yet, and the task that brings it there in batches.

Owned by the event loop; the applier itself runs on one thread. The queue is bounded by back-pressure: whoever adds
to it calls :meth:`ApplyQueue.room` first.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

from aurora_mysql.engine.applier import Applier
from aurora_mysql.engine.options import EngineOptions
from aurora_mysql.errors import StorageError
from aurora_mysql.redo.record import Commit

log = logging.getLogger(__name__)


def commit_rows(commit: Commit) -> int:
    """Row images in a commit; what queue bounds are counted in."""
    rows = 0
    for change in commit.changes:
        rows += len(change.upserts) + len(change.deletes)
    return rows


class ApplyQueue:
    """Invariant: `pending` holds exactly the visible commits beyond `applied_lsn`, ascending.

    `before_apply(lsn)` is awaited before DuckDB moves to `lsn`.
    `on_applied(commits)` runs on the loop after DuckDB committed a batch; `on_failure(error)` when the applier can't
    go on (the materialisation is then useless to this process).
    """

    def __init__(
        self,
        applier: Applier,
        options: EngineOptions,
        *,
        counters: Callable[[], bytes | None],
        before_apply: Callable[[int], Awaitable[None]],
        on_applied: Callable[[list[Commit]], None],
        on_failure: Callable[[Exception], None],
    ) -> None:
        self._applier = applier
        self._options = options
        self._counters = counters
        self._before_apply = before_apply
        self._on_applied = on_applied
        self._on_failure = on_failure
        self.pending: deque[Commit] = deque()
        #: Row images of each of them.
        self._rows: deque[int] = deque()
        self.pending_rows = 0
        self.applied_lsn = applier.applied_lsn
        self.checkpointed_lsn = applier.applied_lsn
        self.checkpointed_time_us = applier.applied_time_us
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="applier")
        self._work = asyncio.Event()
        self._urgent = asyncio.Event()
        self._waiters: list[tuple[int, int, asyncio.Future[None]]] = []
        self._ticket = itertools.count()
        self._task: asyncio.Task[None] | None = None
        self._failure: Exception | None = None
        self._closing = False
        #: Held while the file must not be checkpointed (it is being copied).
        self.file_lock = asyncio.Lock()

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run(), name="apply-queue")

    def add(self, commit: Commit) -> None:
        rows = commit_rows(commit)
        self.pending.append(commit)
        self._rows.append(rows)
        self.pending_rows += rows
        self._work.set()
        if self.pending_rows >= self._options.apply_soon_rows:
            self._urgent.set()

    @property
    def has_room(self) -> bool:
        """Fewer than `dirty_rows_limit` rows are pending."""
        return self.pending_rows <= self._options.dirty_rows_limit or not self.pending

    async def room(self) -> None:
        """Wait until there is room."""
        while not self.has_room:
            await self.wait(self.pending[0].lsn)

    async def wait(self, lsn: int) -> None:
        """Wait until DuckDB has everything up to `lsn`.

        Raises:
            StorageError: the applier has failed; it will not get there.
        """
        if lsn <= self.applied_lsn:
            return
        if self._failure is not None:
            raise StorageError("the applier has stopped") from self._failure
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiters, (lsn, next(self._ticket), future))
        self._urgent.set()
        await future

    async def checkpoint(self) -> int:
        """CHECKPOINT the DuckDB file; returns the LSN it then holds durably."""
        async with self.file_lock:
            lsn = await asyncio.get_running_loop().run_in_executor(self._thread, self._applier.checkpoint)
            self.checkpointed_lsn, self.checkpointed_time_us = lsn, self._applier.checkpointed_time_us
        return lsn

    async def close(self) -> None:
        """Stop after the batch in progress."""
        self._closing = True
        self._work.set()
        self._urgent.set()
        if self._task is not None:
            await self._task
        self._thread.shutdown(wait=True)
        self._fail_waiters(StorageError("the instance is shutting down"))

    def _next_batch(self) -> list[Commit]:
        batch: list[Commit] = []
        rows = 0
        for commit, its_rows in zip(self.pending, self._rows, strict=True):
            rows += its_rows
            if batch and rows > self._options.apply_batch_rows:
                break
            batch.append(commit)
        return batch

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while not self._closing:
                await self._work.wait()
                if self._closing:
                    break
                if not self._urgent.is_set():
                    try:
                        async with asyncio.timeout(self._options.apply_interval_s):
                            await self._urgent.wait()
                    except TimeoutError:
                        pass
                self._urgent.clear()
                batch = self._next_batch()
                if batch:
                    await self._before_apply(batch[-1].lsn)
                    await loop.run_in_executor(self._thread, self._applier.apply, batch, self._counters())
                    self._finish(batch)
                if not self.pending:
                    self._work.clear()
                elif self._waiters or self.pending_rows >= self._options.apply_soon_rows:
                    self._urgent.set()
                if self._applier.rows_since_checkpoint >= self._options.checkpoint_rows and not self.file_lock.locked():
                    await self.checkpoint()
        except Exception as error:
            self._failure = error
            self._fail_waiters(StorageError("the applier has stopped"))
            self._on_failure(error)

    def _finish(self, batch: list[Commit]) -> None:
        for _ in batch:
            self.pending.popleft()
            self.pending_rows -= self._rows.popleft()
        self.applied_lsn = batch[-1].lsn
        self._on_applied(batch)
        while self._waiters and self._waiters[0][0] <= self.applied_lsn:
            _, _, future = heapq.heappop(self._waiters)
            if not future.done():
                future.set_result(None)

    def _fail_waiters(self, error: Exception) -> None:
        for _, _, future in self._waiters:
            if not future.done():
                future.set_exception(error)
        self._waiters.clear()
