"""Checkpoints and snapshots: states of the database as lists of chunks, known by a manifest in every zone.

A checkpoint is an instance's DuckDB file at an LSN; checkpoints come and go as the retention window moves. A snapshot
has a name, may have redo beside the file, and stays until it is deleted.
"""

from __future__ import annotations

import dataclasses
import fcntl
import logging
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from aurora_mysql.errors import StorageError
from aurora_mysql.storage.chunks import CHUNK_BYTES, ZONE_QUORUM, ChunkStore, write_durably
from aurora_mysql.storage.manifest import Checkpoint, encode_manifest, read_manifest
from aurora_mysql.storage.pins import Pins
from aurora_mysql.storage.retention import NEWEST_KEPT, Point, Retention, choose_kept

__all__ = ["NEWEST_KEPT", "Checkpoint", "CheckpointStore"]
log = logging.getLogger(__name__)

ZONES = ("az-a", "az-b", "az-c")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,62}")


class CheckpointStore:
    """Manifests ``<zone>/checkpoints/<lsn>.json`` and ``<zone>/snapshots/<name>.json`` beside the chunk store.

    Publishing is atomic: a manifest appears only after all its chunks are durable. Whoever publishes or collects takes
    turns with all other processes (a file lock). Collection removes manifests before chunks, and only chunks that no
    manifest, snapshot or pin names: a crash at any point leaves chunks too many, never too few. Blocking; call it from
    a worker thread.

    Args:
        retention: how far back checkpoints are kept by :meth:`publish`.
        log_floor: the lowest LSN from which redo may be kept at all (see retention.floor_of_log).
    """

    def __init__(
        self,
        volume_dir: Path,
        cluster_id: str,
        *,
        retention: Retention | None = None,
        log_floor: Callable[[], int] = lambda: 0,
    ) -> None:
        self.zones = [volume_dir / name for name in ZONES]
        self._manifests = [zone / "checkpoints" for zone in self.zones]
        self._snapshots = [zone / "snapshots" for zone in self.zones]
        self._lock_path = volume_dir / "checkpoints.lock"
        self._pins = Pins(volume_dir / "pins")
        self._retention = retention or Retention()
        self._log_floor = log_floor
        self.cluster_id = cluster_id
        self.chunks = ChunkStore(self.zones)

    # -- checkpoints --------------------------------------------------------------------------------------------

    def publish(self, file: Path, lsn: int, *, time_us: int = 0) -> Checkpoint:
        """Store `file` as the checkpoint at `lsn`, whose last commit was made at `time_us` (0: not known), and drop
        what the retention window needs no longer.

        Raises:
            StorageError: fewer than two zones could take it; earlier checkpoints stay.
        """
        with self._alone():
            digests: list[str] = []
            size_bytes = 0
            with file.open("rb") as source:
                while data := source.read(CHUNK_BYTES):
                    digests.append(self.chunks.put(data))
                    size_bytes += len(data)
            now_us = time.time_ns() // 1000
            checkpoint = Checkpoint(lsn, size_bytes, now_us, self.cluster_id, tuple(digests), time_us)
            self._write(self._manifests, f"{lsn:020d}", checkpoint)
            self._thin_out(now_us)
            self._collect_chunks()
        return checkpoint

    def all(self) -> list[Checkpoint]:
        """Every readable checkpoint of this cluster, newest first."""
        return sorted(_listed(self._manifests, self.cluster_id).values(), key=lambda c: c.lsn, reverse=True)

    def oldest_lsn(self) -> int:
        """The LSN above which redo is needed by a kept checkpoint or a running command. 0 while fewer than two
        checkpoints are kept, so that the log alone stays enough until there is something to fall back on."""
        with self._alone():
            kept, pinned = self.all(), self._pins.active()
        if len(kept) < NEWEST_KEPT:
            return 0
        return min([kept[-1].lsn, *(checkpoint.lsn for checkpoint in pinned)])

    def restore(self, target: Path) -> Checkpoint | None:
        """Write the file of the newest checkpoint that is whole, its redo included, to `target` (none for the empty
        database); None when there is no checkpoint.

        Raises:
            StorageError: `target` can't be written.
        """
        tried: set[tuple[int, int]] = set()
        while True:
            # Looked up anew each time: a publisher may have replaced what was listed.
            candidates = [c for c in self.all() if (c.lsn, c.created_us) not in tried]
            if not candidates:
                return None
            checkpoint = candidates[0]
            tried.add((checkpoint.lsn, checkpoint.created_us))
            if self._restore(checkpoint, target):
                return checkpoint

    def write_file(self, checkpoint: Checkpoint, target: Path) -> None:
        """Put `checkpoint`'s file together at `target`; nothing is written for the empty database.

        Raises:
            StorageError: a chunk is whole in no zone, or `target` can't be written.
        """
        if not checkpoint.chunks:
            return
        temporary = target.with_name(target.name + ".restoring")
        try:
            with temporary.open("wb") as file:
                for name in checkpoint.chunks:
                    file.write(self.chunks.get(name))
                size_bytes = file.tell()
            if size_bytes != checkpoint.size_bytes:
                raise StorageError(f"it has {size_bytes} bytes, not {checkpoint.size_bytes}")
            temporary.rename(target)
        except OSError as error:
            raise StorageError(f"checkpoint at LSN {checkpoint.lsn} can't be restored: {error}") from error
        finally:
            temporary.unlink(missing_ok=True)

    def redo_of(self, checkpoint: Checkpoint) -> Iterator[bytes]:
        """The archived redo of `checkpoint`, piece by piece. Raises StorageError when a piece is lost."""
        return (self.chunks.get(name) for name in checkpoint.redo)

    def scrub(self) -> list[str]:
        """Check and repair every chunk of checkpoints and snapshots in every zone; returns those that are lost."""
        with self._alone():
            kept, snapshots = self.all(), self.snapshots()
            for checkpoint in kept:
                self._write(self._manifests, f"{checkpoint.lsn:020d}", checkpoint)
            for snapshot in snapshots:
                self._write(self._snapshots, snapshot.name, snapshot)
            return self.chunks.scrub(name for state in (*kept, *snapshots) for name in state.all_chunks)

    def adopt(self, checkpoint: Checkpoint) -> None:
        """Make a state whose chunks are already here a checkpoint of this cluster."""
        with self._alone():
            own = dataclasses.replace(checkpoint, cluster_id=self.cluster_id, name="")
            self._write(self._manifests, f"{own.lsn:020d}", own)

    # -- snapshots ----------------------------------------------------------------------------------------------

    def snapshots(self) -> list[Checkpoint]:
        """Every readable snapshot, by name."""
        found = _listed(self._snapshots, None)
        return [found[name] for name in sorted(found)]

    def snapshot(self, name: str) -> Checkpoint:
        """Raises StorageError when there is no snapshot of that name."""
        for snapshot in self.snapshots():
            if snapshot.name == name:
                return snapshot
        raise StorageError(f"there is no snapshot {name!r}")

    def check_new_name(self, name: str) -> None:
        """Raises StorageError for a name that can't be used, or is in use."""
        if not _NAME.fullmatch(name):
            raise StorageError(f"{name!r} is no name for a snapshot: a letter, then letters, digits, '-', '_' or '.'")
        if any((directory / f"{name}.json").exists() for directory in self._snapshots):
            raise StorageError(f"there is a snapshot {name!r} already")

    def add_snapshot(
        self, name: str, base: Checkpoint, pieces: Iterable[bytes], end: Callable[[], tuple[int, int]]
    ) -> Checkpoint:
        """Keep `base`, which is pinned, and the archived redo after its file under `name`. `end` gives the LSN and the
        time of the last commit once `pieces` is exhausted.

        Raises:
            StorageError: the name is taken or no name, or fewer than two zones could take it.
        """
        self.check_new_name(name)
        redo: list[str] = []
        redo_bytes = 0
        with self._alone():
            self.check_new_name(name)
            for piece in pieces:
                redo.append(self.chunks.put(piece))
                redo_bytes += len(piece)
            lsn, time_us = end()
            snapshot = dataclasses.replace(
                base,
                lsn=lsn,
                created_us=time.time_ns() // 1000,
                time_us=time_us,
                redo=tuple(redo),
                redo_bytes=redo_bytes,
                name=name,
            )
            self._write(self._snapshots, name, snapshot)
        return snapshot

    def take_in(
        self, snapshot: Checkpoint, source: ChunkStore, name: str, progress: Callable[[int], None]
    ) -> Checkpoint:
        """Copy a snapshot whose chunks are in `source` under `name`; what arrives is pinned until it is whole.

        Raises:
            StorageError: the name is taken or no name, a chunk is damaged, or fewer than two zones could take it.
        """
        self.check_new_name(name)
        with self.pinned(lambda _: snapshot):
            for digest in dict.fromkeys(snapshot.all_chunks):
                with self._alone():  # a collection takes files that are being written for left-overs
                    self.chunks.copy_from(source, digest)
                progress(1)
            with self._alone():
                self.check_new_name(name)
                taken = dataclasses.replace(snapshot, name=name)
                self._write(self._snapshots, name, taken)
        return taken

    def delete_snapshot(self, name: str) -> int:
        """Remove a snapshot and the chunks that only it had; returns how many chunk files went.

        Raises:
            StorageError: there is none of that name.
        """
        with self._alone():
            paths = [path for directory in self._snapshots if (path := directory / f"{name}.json").exists()]
            if not _NAME.fullmatch(name) or not paths:
                raise StorageError(f"there is no snapshot {name!r}")
            for path in paths:
                path.unlink(missing_ok=True)
            return self._collect_chunks()

    # -- pins ---------------------------------------------------------------------------------------------------

    @contextmanager
    def pinned(self, choose: Callable[[Sequence[Checkpoint]], Checkpoint]) -> Iterator[Checkpoint]:
        """The state that `choose` takes of the checkpoints (newest first): its chunks, and the redo after it, stay as
        long as the context lasts, or this process lives."""
        with self._alone():
            checkpoint = choose(self.all())
            descriptor, path = self._pins.add(checkpoint)
        try:
            yield checkpoint
        finally:
            path.unlink(missing_ok=True)
            os.close(descriptor)

    # -- inside -------------------------------------------------------------------------------------------------

    def _restore(self, checkpoint: Checkpoint, target: Path) -> bool:
        try:
            for _ in self.redo_of(checkpoint):
                pass  # damage shows now, while there is another checkpoint to take
            self.write_file(checkpoint, target)
        except StorageError as error:
            if isinstance(error.__cause__, OSError):
                raise
            log.error("checkpoint at LSN %d is not whole: %s", checkpoint.lsn, error)
            return False
        return True

    def _write(self, directories: Sequence[Path], name: str, checkpoint: Checkpoint) -> None:
        document = encode_manifest(checkpoint)
        stored = 0
        for directory in directories:
            path = directory / f"{name}.json"
            try:
                if not path.exists() or path.read_bytes() != document:
                    write_durably(path, document)
                stored += 1
            except OSError as error:
                log.warning("manifest not stored in %s: %s", directory, error)
        if stored < ZONE_QUORUM:
            raise StorageError(f"only {stored} zones could store the manifest")

    def _thin_out(self, now_us: int) -> None:
        points = [Point(checkpoint.lsn, checkpoint.time_us) for checkpoint in self.all()]
        kept = choose_kept(points, now_us, round(self._retention.window_s * 1e6), self._log_floor())
        for directory in self._manifests:
            for path in directory.glob("*"):
                if not (path.suffix == ".json" and path.stem.isdigit() and int(path.stem) in kept):
                    path.unlink(missing_ok=True)

    def _collect_chunks(self) -> int:
        """Drop chunks that nothing names. What can't be read might name some: then nothing goes."""
        states = [*self.all(), *self.snapshots(), *self._pins.active()]
        known = {state.name for state in states}
        for directory in self._snapshots:
            for path in directory.glob("*.json"):
                if path.stem not in known:
                    log.warning("chunks are not collected, since %s can't be read", path)
                    return 0
        return self.chunks.keep_only(name for state in states for name in state.all_chunks)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """No other process publishes or collects meanwhile; the kernel frees the lock of one that dies."""
        self._lock_path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _listed(directories: Sequence[Path], cluster_id: str | None) -> dict[str, Checkpoint]:
    """Readable manifests by file name without ending, the newest of each; `cluster_id` None: anybody's."""
    found: dict[str, Checkpoint] = {}
    for directory in directories:
        for path in directory.glob("*.json"):
            checkpoint = read_manifest(path)
            if checkpoint is None or (cluster_id is not None and checkpoint.cluster_id != cluster_id):
                continue
            known = found.get(path.stem)
            if known is None or checkpoint.created_us > known.created_us:
                found[path.stem] = checkpoint
    return found
