"""Checkpoints: an instance's DuckDB file at an LSN, as a list of chunks, known by a manifest in every zone."""

from __future__ import annotations

import json
import logging
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from zlib import crc32

from aurora_mysql.errors import StorageError
from aurora_mysql.storage.chunks import CHUNK_BYTES, ChunkStore, write_durably

log = logging.getLogger(__name__)

FORMAT_VERSION = 1
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
    only after all its chunks are durable."""

    def __init__(self, volume_dir: Path, cluster_id: str) -> None:
        zones = [volume_dir / name for name in ("az-a", "az-b", "az-c")]
        self._manifests = [zone / "checkpoints" for zone in zones]
        self._cluster_id = cluster_id
        self.chunks = ChunkStore(zones)

    def publish(self, file: Path, lsn: int) -> Checkpoint:
        """Store `file` as the checkpoint at `lsn`, and drop what is older than the newest two.

        Raises:
            StorageError: fewer than two zones could take it.
        """
        digests: list[str] = []
        size_bytes = 0
        with file.open("rb") as source:
            while data := source.read(CHUNK_BYTES):
                digests.append(self.chunks.put(data))
                size_bytes += len(data)
        checkpoint = Checkpoint(lsn, size_bytes, time.time_ns() // 1000, self._cluster_id, tuple(digests))
        body = json.dumps(asdict(checkpoint))
        document = json.dumps({"format_version": FORMAT_VERSION, "crc32": crc32(body.encode()), "body": body})
        stored = 0
        for directory in self._manifests:
            try:
                directory.mkdir(parents=True, exist_ok=True)
                write_durably(directory / f"{lsn:020d}.json", document.encode())
                stored += 1
            except OSError as error:
                log.warning("checkpoint not stored in %s: %s", directory, error)
        if stored < 2:
            raise StorageError(f"only {stored} zones could store the checkpoint")
        self._forget_old()
        return checkpoint

    def all(self) -> list[Checkpoint]:
        """Every readable checkpoint of this cluster, newest first."""
        found: dict[int, Checkpoint] = {}
        for directory in self._manifests:
            for path in directory.glob("*.json"):
                checkpoint = self._read(path)
                if checkpoint is not None and checkpoint.cluster_id == self._cluster_id:
                    found[checkpoint.lsn] = checkpoint
        return [found[lsn] for lsn in sorted(found, reverse=True)]

    @staticmethod
    def _read(path: Path) -> Checkpoint | None:
        try:
            document = json.loads(path.read_bytes())
            if document["format_version"] > FORMAT_VERSION or crc32(document["body"].encode()) != document["crc32"]:
                return None
            values = json.loads(document["body"])
            return Checkpoint(**{**values, "chunks": tuple(values["chunks"])})
        except (OSError, ValueError, KeyError, TypeError):
            log.warning("checkpoint manifest %s can't be read", path)
            return None

    def restore(self, target: Path) -> Checkpoint | None:
        """Write the newest checkpoint that is whole to `target`; None when there is none."""
        for checkpoint in self.all():
            temporary = target.with_name(target.name + ".restoring")
            try:
                with temporary.open("wb") as file:
                    for name in checkpoint.chunks:
                        file.write(self.chunks.get(name))
                temporary.rename(target)
                return checkpoint
            except StorageError as error:
                log.error("checkpoint at LSN %d is not whole: %s", checkpoint.lsn, error)
                temporary.unlink(missing_ok=True)
        return None

    def _forget_old(self) -> None:
        kept = self.all()[:KEPT]
        lsns = {checkpoint.lsn for checkpoint in kept}
        for directory in self._manifests:
            for path in directory.glob("*.json"):
                if path.stem.isdigit() and int(path.stem) not in lsns:
                    path.unlink(missing_ok=True)
        self.chunks.keep_only(name for checkpoint in kept for name in checkpoint.chunks)
