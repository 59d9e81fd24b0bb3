"""Checkpoints: an instance's DuckDB file at an LSN, as a list of chunks, known by a manifest in every zone."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from zlib import crc32

from aurora_mysql.errors import StorageError
from aurora_mysql.storage.chunks import CHUNK_BYTES, ZONE_QUORUM, ChunkStore, write_durably

log = logging.getLogger(__name__)

FORMAT_VERSION = 1

#: Checkpoints kept: the older one is there for the day the newer can't be read, so the log reaches back to it.
KEPT = 2


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """`lsn`: everything up to it is inside. `size_bytes`: of the file. `chunks`: digests in order."""

    lsn: int
    size_bytes: int
    created_us: int
    cluster_id: str
    chunks: tuple[str, ...]


class CheckpointStore:
    """Manifests ``<zone>/checkpoints/<lsn>.json`` beside the chunk store. Publishing is atomic: a manifest appears
    only after all its chunks are durable. Publishers of all processes take turns (a file lock), because whoever
    publishes also removes chunks that no manifest names. Blocking; call it from a worker thread."""

    def __init__(self, volume_dir: Path, cluster_id: str) -> None:
        zones = [volume_dir / name for name in ("az-a", "az-b", "az-c")]
        self._manifests = [zone / "checkpoints" for zone in zones]
        self._lock_path = volume_dir / "checkpoints.lock"
        self._cluster_id = cluster_id
        self.chunks = ChunkStore(zones)

    def publish(self, file: Path, lsn: int) -> Checkpoint:
        """Store `file` as the checkpoint at `lsn`, and drop what is older than the newest two.

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
            checkpoint = Checkpoint(lsn, size_bytes, time.time_ns() // 1000, self._cluster_id, tuple(digests))
            self._write(checkpoint)
            self._forget_old()
        return checkpoint

    def all(self) -> list[Checkpoint]:
        """Every readable checkpoint of this cluster, newest first."""
        found: dict[int, Checkpoint] = {}
        for directory in self._manifests:
            for path in directory.glob("*.json"):
                checkpoint = self._read(path)
                if checkpoint is not None and checkpoint.cluster_id == self._cluster_id:
                    known = found.get(checkpoint.lsn)
                    if known is None or checkpoint.created_us > known.created_us:
                        found[checkpoint.lsn] = checkpoint
        return [found[lsn] for lsn in sorted(found, reverse=True)]

    def oldest_lsn(self) -> int:
        """The LSN of the oldest kept checkpoint: redo after it is needed. 0 while fewer than two are kept, so that the
        log alone stays enough until there is something to fall back on."""
        kept = self.all()[:KEPT]
        return kept[-1].lsn if len(kept) == KEPT else 0

    def restore(self, target: Path) -> Checkpoint | None:
        """Write the newest checkpoint that is whole to `target`; None when there is none.

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

    def scrub(self) -> list[str]:
        """Check and repair every chunk of the kept checkpoints in every zone; returns those that are lost."""
        with self._alone():
            kept = self.all()[:KEPT]
            for checkpoint in kept:
                self._write(checkpoint)
            return self.chunks.scrub(name for checkpoint in kept for name in checkpoint.chunks)

    def _restore(self, checkpoint: Checkpoint, target: Path) -> bool:
        temporary = target.with_name(target.name + ".restoring")
        try:
            with temporary.open("wb") as file:
                for name in checkpoint.chunks:
                    file.write(self.chunks.get(name))
                size_bytes = file.tell()
            if size_bytes != checkpoint.size_bytes:
                raise StorageError(f"it has {size_bytes} bytes, not {checkpoint.size_bytes}")
            temporary.rename(target)
            return True
        except StorageError as error:
            log.error("checkpoint at LSN %d is not whole: %s", checkpoint.lsn, error)
            temporary.unlink(missing_ok=True)
            return False
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise StorageError(f"checkpoint at LSN {checkpoint.lsn} can't be restored: {error}") from error

    @staticmethod
    def _read(path: Path) -> Checkpoint | None:
        try:
            document = json.loads(path.read_bytes())
            if document["format_version"] > FORMAT_VERSION:
                log.warning("checkpoint manifest %s has a newer format", path)
                return None
            if crc32(document["body"].encode()) != document["crc32"]:
                raise ValueError("wrong checksum")
            values = json.loads(document["body"])
            return Checkpoint(**{**values, "chunks": tuple(values["chunks"])})
        except FileNotFoundError:
            return None  # a publisher dropped it just now
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.warning("checkpoint manifest %s can't be read: %s", path, error)
            return None

    def _write(self, checkpoint: Checkpoint) -> None:
        body = json.dumps(asdict(checkpoint))
        document = json.dumps({"format_version": FORMAT_VERSION, "crc32": crc32(body.encode()), "body": body}).encode()
        stored = 0
        for directory in self._manifests:
            path = directory / f"{checkpoint.lsn:020d}.json"
            try:
                if not path.exists() or path.read_bytes() != document:
                    write_durably(path, document)
                stored += 1
            except OSError as error:
                log.warning("checkpoint not stored in %s: %s", directory, error)
        if stored < ZONE_QUORUM:
            raise StorageError(f"only {stored} zones could store the checkpoint")

    def _forget_old(self) -> None:
        kept = self.all()[:KEPT]
        lsns = {checkpoint.lsn for checkpoint in kept}
        for directory in self._manifests:
            for path in directory.glob("*"):
                if not (path.suffix == ".json" and path.stem.isdigit() and int(path.stem) in lsns):
                    path.unlink(missing_ok=True)
        self.chunks.keep_only(name for checkpoint in kept for name in checkpoint.chunks)

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
