"""Checkpoints of a running instance: a copy of its DuckDB file into the chunk store."""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path

from aurora_mysql.engine.engine import Engine
from aurora_mysql.storage.checkpoint import CheckpointStore

log = logging.getLogger(__name__)


class Checkpointer:
    """Takes checkpoints of `engine` on request, one at a time; reads and writes go on meanwhile."""

    def __init__(self, engine: Engine, store: CheckpointStore) -> None:
        self._engine = engine
        self._store = store
        self._lock = asyncio.Lock()

    async def take(self) -> int:
        """Publish a checkpoint at the visible LSN, unless the newest one is that already.

        Returns:
            The LSN of the oldest checkpoint kept (0: keep the whole log). Redo above it must stay.

        Raises:
            StorageError: the file can't be copied or stored. Earlier checkpoints stay.
        """
        async with self._lock:
            newest = await asyncio.to_thread(lambda: next(iter(self._store.all()), None))
            if newest is None or newest.lsn < self._engine.visible_lsn:
                await self._publish()
            return await asyncio.to_thread(self._store.oldest_lsn)

    async def _publish(self) -> None:
        began_s = time.monotonic()
        target: Path = self._engine.directory / "checkpoint.copy"
        try:
            lsn, time_us = await self._engine.copy_file(target)
            checkpoint = await asyncio.to_thread(self._store.publish, target, lsn, time_us=time_us)
        finally:
            target.unlink(missing_ok=True)
        elapsed_s = time.monotonic() - began_s
        log.info("checkpoint at LSN %d, %d bytes, took %.1f s", lsn, checkpoint.size_bytes, elapsed_s)
