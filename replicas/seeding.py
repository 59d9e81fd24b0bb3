"""Where an instance begins: its own DuckDB file, else the newest checkpoint, else nothing and the whole log."""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Sequence
from pathlib import Path

import duckdb

from aurora_mysql.engine.engine import Engine
from aurora_mysql.engine.materialisation import Bootstrap
from aurora_mysql.engine.options import EngineOptions
from aurora_mysql.errors import AuroraError, StorageError
from aurora_mysql.storage.checkpoint import CheckpointStore

log = logging.getLogger(__name__)

FILE_NAME = "materialisation.duckdb"


async def open_engine(
    directory: Path,
    *,
    instance_id: str,
    options: EngineOptions,
    bootstrap: Sequence[Bootstrap],
    checkpoints: CheckpointStore,
    first_lsn: int,
) -> Engine:
    """An engine from which the log, which begins at `first_lsn`, leads on. A DuckDB file is disposable: one that can't
    be opened, or that the log no longer reaches, is thrown away.

    Raises:
        StorageError: the log begins later than everything there is.
    """
    for attempt in ("own file", "checkpoint", "empty"):
        if attempt != "own file":
            await asyncio.to_thread(shutil.rmtree, directory, True)
            directory.mkdir(parents=True)
        if attempt == "checkpoint":
            restored = await asyncio.to_thread(checkpoints.restore, directory / FILE_NAME)
            if restored is None:
                continue
            log.info("restored the checkpoint at LSN %d", restored.lsn)
        try:
            engine = await Engine.open(directory, instance_id=instance_id, options=options, bootstrap=bootstrap)
        except (duckdb.Error, AuroraError) as error:
            log.warning("the %s can't be used, trying the next: %s", attempt, error)
            continue
        if engine.visible_lsn >= first_lsn - 1:
            return engine
        log.warning("the %s ends at LSN %d, the log begins at %d", attempt, engine.visible_lsn, first_lsn)
        await engine.close()
    raise StorageError(f"the log begins at LSN {first_lsn} and no checkpoint reaches it")
