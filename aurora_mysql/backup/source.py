"""A cluster's past as seen from its data directory, whether the cluster runs or not. Changes nothing but pins."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aurora_mysql.backup.times import format_instant
from aurora_mysql.encryption.redo_cipher import redo_cipher
from aurora_mysql.encryption.root_key import RootKey
from aurora_mysql.errors import StorageError
from aurora_mysql.redo.archive import archive, unarchive
from aurora_mysql.redo.codec import commit_time_of
from aurora_mysql.storage.checkpoint import Checkpoint, CheckpointStore
from aurora_mysql.storage.chunks import CHUNK_BYTES
from aurora_mysql.storage.layout import Record, default_layout
from aurora_mysql.storage.medium import ChunkMedium
from aurora_mysql.storage.reader import VolumeReader


class PastState:
    """A state of the database: a checkpoint, and the redo from it to the last commit made at or before an instant
    (None: the newest). Its checkpoint and redo are pinned while it is used.

    `lsn` and `time_us` are those of the last commit inside; they are final once :meth:`pieces` or :meth:`records` was
    exhausted.
    """

    def __init__(self, store: CheckpointStore, reader: VolumeReader, base: Checkpoint, vdl: int, until_us: int | None):
        self.base = base
        self.lsn, self.time_us = base.lsn, base.time_us
        self._store, self._reader, self._vdl, self._until_us = store, reader, vdl, until_us

    def locate(self) -> None:
        """Find out `lsn` and `time_us` without doing anything with the records."""
        for _ in self._records_of_volume():
            pass

    def write_file(self, target: Path) -> None:
        """Put the file of `base` together at `target`; nothing is written for the empty database."""
        self._store.write_file(self.base, target)

    def records(self) -> Iterator[Record]:
        """Whole commits after the file of `base`, in order.

        Raises:
            StorageError: a record that must be there can't be read.
        """
        if self.base.redo:
            yield from unarchive(self._store.redo_of(self.base))
        yield from self._records_of_volume()

    def _records_of_volume(self) -> Iterator[Record]:
        base = self.base
        wanted = base.lsn + 1
        time_us = base.time_us
        for record in self._reader.read(wanted, self._vdl):
            if record.lsn != wanted:
                break
            began_us = commit_time_of(record)
            if began_us is not None:
                if self._until_us is not None and began_us > self._until_us:
                    return
                time_us = began_us
            yield record
            wanted += 1
            if record.cpl:
                self.lsn, self.time_us = record.lsn, time_us
        if wanted <= self._vdl:
            raise StorageError(f"the volume has no readable record {wanted}")

    def pieces(self) -> Iterator[bytes]:
        """These records as archived redo; nothing when there are none."""
        records = self.records()
        first = next(records, None)
        if first is not None:
            yield from archive(itertools.chain((first,), records), self.base.base_lsn + 1, CHUNK_BYTES)


class Past:
    """The states of one cluster.

    Args:
        root: its data directory.
        vdl: what the running cluster says is durable; None when it does not run.
        medium: where its chunks are.
        key: the root key of an encrypted cluster. Without it snapshots can be listed, copied out and deleted.
    """

    def __init__(
        self,
        root: Path,
        cluster_id: str,
        vdl: int | None,
        medium: ChunkMedium = ChunkMedium(),
        key: RootKey | None = None,
    ) -> None:
        layout = default_layout(root)
        self.medium, self.key = medium, key
        self.store = CheckpointStore(root / "volume", cluster_id, medium=medium, root=key)
        self._reader = VolumeReader(root, layout, cluster_id, cipher=redo_cipher(key, cluster_id))
        self._vdl = vdl

    def vdl(self) -> int:
        """Raises StorageError when the volume can't be read."""
        return self._reader.settled_vdl() if self._vdl is None else self._vdl

    def begin(self) -> tuple[int, int]:
        """The earliest state that can be reached: when its last commit was made (Unix microseconds), and its LSN. Of a
        whole log that is the first commit; before it there is not even an administrator.

        Raises:
            StorageError: there is neither a whole log nor a checkpoint.
        """
        return self._begin(self.store.all())

    def _begin(self, checkpoints: Sequence[Checkpoint]) -> tuple[int, int]:
        if self._reader.first_lsn() <= 1:
            for record in self._reader.read(1, 1):
                return commit_time_of(record) or 1, 0
            return 1, 0
        if not checkpoints:
            raise StorageError("there is no checkpoint, and the log does not begin at its beginning")
        oldest = min(checkpoints, key=lambda checkpoint: checkpoint.lsn)
        return oldest.time_us, oldest.lsn

    @contextmanager
    def at(self, until_us: int | None) -> Iterator[PastState]:
        """The state at an instant (Unix microseconds; None: now).

        Raises:
            StorageError: it lies before what is kept, or the volume can't be read.
        """
        vdl = self.vdl()

        def choose(checkpoints: Sequence[Checkpoint]) -> Checkpoint:
            for checkpoint in checkpoints:
                if checkpoint.lsn <= vdl and (until_us is None or checkpoint.time_us <= until_us):
                    return checkpoint
            earliest_us, _ = self._begin(checkpoints)
            if until_us is not None and until_us < earliest_us:
                raise StorageError(
                    f"{format_instant(until_us)} is before the earliest time that can be reached,"
                    f" {format_instant(earliest_us)}"
                )
            return Checkpoint(0, 0, 1, self.store.cluster_id, ())

        with self.store.pinned(choose) as base:
            yield PastState(self.store, self._reader, base, vdl, until_us)


def backup_document(past: Past, retention_s: float, backtrack_window_s: float) -> dict[str, Any]:
    """The `backup` object of `aurora-mysql status`. `change_records` are the records that a backtrack can use.

    Raises:
        StorageError: the volume can't be read.
    """
    now_us = time.time_ns() // 1000
    begin_us, begin_lsn = past.begin()
    return {
        "earliest_restorable": format_instant(max(begin_us, now_us - round(retention_s * 1e6))),
        "retention_s": retention_s,
        "checkpoints": len(past.store.all()),
        "snapshots": [snapshot.name for snapshot in past.store.snapshots()],
        "backtrack": {
            "window_s": backtrack_window_s,
            "window_actual_s": round(min(backtrack_window_s, (now_us - begin_us) / 1e6), 3) if begin_us > 1 else 0.0,
            "earliest": format_instant(max(begin_us, now_us - round(backtrack_window_s * 1e6))),
            "change_records": past.vdl() - begin_lsn,
        },
    }
