"""Where an instance begins: its own DuckDB file, else the newest checkpoint, else nothing and the whole log."""

from __future__ import annotations

import asyncio
import itertools
import logging
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb

from aurora_mysql.engine.engine import Engine
from aurora_mysql.engine.materialisation import Bootstrap
from aurora_mysql.engine.options import EngineOptions
from aurora_mysql.errors import AuroraError, StorageError
from aurora_mysql.redo.archive import archived_commits
from aurora_mysql.redo.record import Commit
from aurora_mysql.storage.checkpoint import Checkpoint, CheckpointStore

log = logging.getLogger(__name__)

FILE_NAME = "materialisation.duckdb"
_MARK = "unusable"
_BATCH_COMMITS = 500


def mark_unusable(directory: Path, reason: str) -> None:
    """The instance that ends now can't go on with its file: the next start discards it. Without the mark, a file whose
    damage shows only while applying would fail every start in the same way."""
    try:
        (directory / _MARK).write_text(reason)
    except OSError as error:
        log.error("%s can't be marked as unusable: %s", directory, error)


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
    file = directory / FILE_NAME
    restored: Checkpoint | None = None
    for origin in ("own file", "checkpoint", "empty file"):
        if origin == "own file":
            if not await asyncio.to_thread(_own_file_usable, directory):
                continue
        else:
            await asyncio.to_thread(_discard, directory)
        if origin == "checkpoint":
            restored = await asyncio.to_thread(checkpoints.restore, file)
            if restored is None:
                continue
            log.info("restored the checkpoint at LSN %d", restored.lsn)
        try:
            engine = await Engine.open(directory, instance_id=instance_id, options=options, bootstrap=bootstrap)
        except (duckdb.Error, AuroraError) as error:
            log.warning("the %s can't be used: %s", origin, error)
            continue
        if origin == "checkpoint" and restored is not None:
            await _follow_on(engine, checkpoints, restored)
        if engine.visible_lsn >= first_lsn - 1:
            return engine
        log.warning("the %s ends at LSN %d, the log begins at %d", origin, engine.visible_lsn, first_lsn)
        await engine.close()
    raise StorageError(f"the log begins at LSN {first_lsn} and no checkpoint reaches it")


async def _follow_on(engine: Engine, checkpoints: CheckpointStore, checkpoint: Checkpoint) -> None:
    """Ingest the redo that belongs to a checkpoint."""
    if not checkpoint.redo:
        return
    commits = archived_commits(checkpoints.redo_of(checkpoint))
    while batch := await asyncio.to_thread(_take, commits):
        await engine.ingest(batch, checkpoint.lsn)
    log.info("followed its redo to LSN %d", engine.visible_lsn)


def _take(commits: Iterator[Commit]) -> list[Commit]:
    return list(itertools.islice(commits, _BATCH_COMMITS))


def _own_file_usable(directory: Path) -> bool:
    mark = directory / _MARK
    if mark.exists():
        log.warning("discarding this instance's file: %s", mark.read_text(errors="replace"))
        return False
    return (directory / FILE_NAME).exists()


def _discard(directory: Path) -> None:
    """Remove the file and what belongs to it, the mark last."""
    directory.mkdir(parents=True, exist_ok=True)
    for path in [*directory.glob(FILE_NAME + "*"), directory / "checkpoint.copy"]:
        path.unlink(missing_ok=True)
    shutil.rmtree(directory / "spill", ignore_errors=True)
    (directory / _MARK).unlink(missing_ok=True)
