"""Checkpoints and snapshots: states of the database as lists of chunks, known by a manifest in every place.

A checkpoint is an instance's DuckDB file at an LSN; checkpoints come and go as the retention window moves. A snapshot
has a name, may have redo beside the file, and stays until it is deleted.
"""

from __future__ import annotations

import dataclasses
import fcntl
import heapq
import logging
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from aurora_mysql.encryption.root_key import RootKey
from aurora_mysql.errors import StorageError
from aurora_mysql.storage.chunk_codec import ChunkCodec, chunks_with
from aurora_mysql.storage.chunks import CHUNK_BYTES, ZONE_QUORUM, ChunkStore, ChunkTally
from aurora_mysql.storage.database_file import Counted, read_pieces, write_pieces
from aurora_mysql.storage.manifest import Checkpoint, encode_manifest, read_manifest
from aurora_mysql.storage.medium import ChunkMedium
from aurora_mysql.storage.pins import Pins
from aurora_mysql.storage.retention import NEWEST_KEPT, Point, Retention, choose_kept

__all__ = ["NEWEST_KEPT", "Checkpoint", "CheckpointStore"]
log = logging.getLogger(__name__)

_CHECKPOINTS = "checkpoints"
_SNAPSHOTS = "snapshots"
_CHUNKS_AT_ONCE = 64
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,62}")


class CheckpointStore:
    """Manifests ``checkpoints/<lsn>.json`` and ``snapshots/<name>.json`` beside the chunks, in every place.

    Publishing is atomic: a manifest appears only after all its chunks are durable. Whoever publishes or collects takes
    turns with all other processes (a file lock). Collection removes manifests before chunks, and only chunks that no
    manifest, snapshot or pin names: a crash at any point leaves chunks too many, never too few. Blocking; call it from
    a worker thread.

    Args:
        volume_dir: where the processes of this cluster take turns.
        medium: where chunks and manifests are; the zones of `volume_dir` if nothing else is said.
        retention: how far back checkpoints are kept by :meth:`publish`.
        log_floor: the lowest LSN from which redo may be kept at all (see retention.floor_of_log).
        root: the cluster's root key, if it is encrypted. Then all chunks that are made are, and so are the files that
            are read and written: no plain byte of a DuckDB file touches a disk.
    """

    def __init__(
        self,
        volume_dir: Path,
        cluster_id: str,
        *,
        medium: ChunkMedium = ChunkMedium(),
        retention: Retention | None = None,
        log_floor: Callable[[], int] = lambda: 0,
        root: RootKey | None = None,
    ) -> None:
        self._places = medium.places(volume_dir)
        self._quorum = min(ZONE_QUORUM, len(self._places))
        self._lock_path = volume_dir / "checkpoints.lock"
        self._pins = Pins(volume_dir / "pins")
        self._retention = retention or Retention()
        self._log_floor = log_floor
        self._root = root
        self.cluster_id = cluster_id
        self.chunks = ChunkStore(self._places, chunks_with(root))

    # -- checkpoints --------------------------------------------------------------------------------------------

    def publish(self, file: Path, lsn: int, *, time_us: int = 0) -> Checkpoint:
        """Store `file` as the checkpoint at `lsn`, whose last commit was made at `time_us` (0: not known), and drop
        what the retention window needs no longer.

        Raises:
            StorageError: fewer than two places could take it; earlier checkpoints stay.
        """
        with self._alone():
            pieces = Counted(read_pieces(file, self._root, CHUNK_BYTES))
            digests = tuple(self.chunks.put_all(pieces))
            now_us = time.time_ns() // 1000
            root_id = self.chunks.codec.root_id
            checkpoint = Checkpoint(lsn, pieces.bytes, now_us, self.cluster_id, digests, time_us, root=root_id)
            self._write(_CHECKPOINTS, f"{lsn:020d}", checkpoint)
            self._thin_out(now_us)
            self._collect_chunks()
        return checkpoint

    def all(self) -> list[Checkpoint]:
        """Every readable checkpoint of this cluster, newest first."""
        return sorted(self._listed(_CHECKPOINTS, self.cluster_id).values(), key=lambda c: c.lsn, reverse=True)

    def newest_lsn(self) -> int:
        """LSN of the newest checkpoint, going by names alone; 0 without any."""
        lsns = [0]
        for place in self._places:
            try:
                lsns += [int(stem) for where in place.names(_CHECKPOINTS) if (stem := _name_of(where)).isdigit()]
            except OSError as error:
                log.warning("%s not listed in %s: %s", _CHECKPOINTS, place, error)
        return max(lsns)

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
            StorageError: a chunk is whole in no place, or `target` can't be written.
        """
        self.check_key(checkpoint)
        if not checkpoint.chunks:
            return
        temporary = target.with_name(target.name + ".restoring")
        try:
            size_bytes = write_pieces(temporary, self._root, self.chunks.get_all(checkpoint.chunks))
            if size_bytes != checkpoint.size_bytes:
                raise StorageError(f"it has {size_bytes} bytes, not {checkpoint.size_bytes}")
            temporary.rename(target)
        except OSError as error:
            raise StorageError(f"checkpoint at LSN {checkpoint.lsn} can't be restored: {error}") from error
        finally:
            temporary.unlink(missing_ok=True)

    def redo_of(self, checkpoint: Checkpoint) -> Iterator[bytes]:
        """The archived redo of `checkpoint`, piece by piece. Raises StorageError when a piece is lost."""
        self.check_key(checkpoint)
        return self.chunks.get_all(checkpoint.redo)

    def check_key(self, checkpoint: Checkpoint) -> None:
        """Raises StorageError unless `checkpoint` is encrypted as this cluster is: with its root key, or not at all."""
        if checkpoint.root != self.chunks.codec.root_id and checkpoint.all_chunks:
            how = f"encrypted with root key {checkpoint.root}" if checkpoint.root else "not encrypted"
            raise StorageError(f"the state at LSN {checkpoint.lsn} is {how}, unlike this cluster")

    def scrub(self) -> list[str]:
        """Check and repair every chunk of checkpoints and snapshots in every place; returns those that are lost."""
        tally = ChunkTally()
        after = self.scrub_part("", _CHUNKS_AT_ONCE, tally)
        while after:
            after = self.scrub_part(after, _CHUNKS_AT_ONCE, tally)
        return tally.lost

    def scrub_part(self, after: str, count: int, tally: ChunkTally) -> str:
        """Check and repair the next `count` chunks of checkpoints and snapshots in every place, by name after `after`.
        The first part of a round (`after` is empty) restores manifests as well. Between two parts anything may come
        and go.

        Returns:
            Where to go on; empty at the end of the round.

        Raises:
            StorageError: no place can be read.
        """
        with self._alone():
            kept, snapshots = self.all(), self.snapshots()
            if not after:
                for checkpoint in kept:
                    self._write(_CHECKPOINTS, f"{checkpoint.lsn:020d}", checkpoint)
                for snapshot in snapshots:
                    self._write(_SNAPSHOTS, snapshot.name, snapshot)
            wanted = {name for state in (*kept, *snapshots) for name in state.all_chunks if name > after}
            names = heapq.nsmallest(count, wanted)
            self.chunks.scrub(names, tally)
            return names[-1] if len(names) < len(wanted) else ""

    def adopt(self, checkpoint: Checkpoint) -> None:
        """Make a state whose chunks are already here a checkpoint of this cluster."""
        with self._alone():
            own = dataclasses.replace(checkpoint, cluster_id=self.cluster_id, name="")
            self._write(_CHECKPOINTS, f"{own.lsn:020d}", own)

    # -- snapshots ----------------------------------------------------------------------------------------------

    def snapshots(self) -> list[Checkpoint]:
        """Every readable snapshot, by name."""
        found = self._listed(_SNAPSHOTS, None)
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
        if self._has_snapshot(name):
            raise StorageError(f"there is a snapshot {name!r} already")

    def add_snapshot(
        self, name: str, base: Checkpoint, pieces: Iterable[bytes], end: Callable[[], tuple[int, int]]
    ) -> Checkpoint:
        """Keep `base`, which is pinned, and the archived redo after its file under `name`. `end` gives the LSN and the
        time of the last commit once `pieces` is exhausted.

        Raises:
            StorageError: the name is taken or no name, or fewer than two places could take it.
        """
        self.check_new_name(name)
        counted = Counted(pieces)
        with self._alone():
            self.check_new_name(name)
            redo = tuple(self.chunks.put_all(counted))
            lsn, time_us = end()
            snapshot = dataclasses.replace(
                base,
                lsn=lsn,
                created_us=time.time_ns() // 1000,
                time_us=time_us,
                redo=redo,
                redo_bytes=counted.bytes,
                name=name,
                root=self.chunks.codec.root_id,
            )
            self._write(_SNAPSHOTS, name, snapshot)
        return snapshot

    def copy_snapshot(
        self, snapshot: Checkpoint, name: str, source: ChunkCodec, target: ChunkCodec, progress: Callable[[int], None]
    ) -> Checkpoint:
        """A copy of `snapshot` under `name`, encrypted anew: its chunks are read with `source`, written with `target`.

        Raises:
            StorageError: the name is taken or no name, a chunk is lost, or fewer than two places could take it.
        """
        old, new = self.chunks.with_codec(source), self.chunks.with_codec(target)
        # A collection by somebody else waits meanwhile; one after a crash here drops what no manifest names.
        with self._alone():
            self.check_new_name(name)
            copy = dataclasses.replace(
                recoded(snapshot, old, new, progress), name=name, created_us=time.time_ns() // 1000
            )
            self._write(_SNAPSHOTS, name, copy)
        return copy

    def take_in(
        self, snapshot: Checkpoint, source: ChunkStore, name: str, progress: Callable[[int], None]
    ) -> Checkpoint:
        """Copy a snapshot whose chunks are in `source` under `name`; what arrives is pinned until it is whole.

        Raises:
            StorageError: the name is taken or no name, a chunk is damaged, or fewer than two places could take it.
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
                self._write(_SNAPSHOTS, name, taken)
        return taken

    def delete_snapshot(self, name: str) -> int:
        """Remove a snapshot and the chunks that only it had; returns how many chunk files went.

        Raises:
            StorageError: there is none of that name.
        """
        with self._alone():
            if not _NAME.fullmatch(name) or not self._has_snapshot(name):
                raise StorageError(f"there is no snapshot {name!r}")
            self._drop(_SNAPSHOTS, lambda where: where == f"{_SNAPSHOTS}/{name}.json")
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

    def _has_snapshot(self, name: str) -> bool:
        return any(place.has(f"{_SNAPSHOTS}/{name}.json") for place in self._places)

    def _write(self, kind: str, name: str, checkpoint: Checkpoint) -> None:
        document = encode_manifest(checkpoint)
        where = f"{kind}/{name}.json"
        stored = 0
        for place in self._places:
            try:
                if place.read(where) != document:
                    place.write(where, document)
                stored += 1
            except OSError as error:
                log.warning("manifest not stored in %s: %s", place, error)
        if stored < self._quorum:
            raise StorageError(f"only {stored} of {len(self._places)} places could store the manifest")

    def _listed(self, kind: str, cluster_id: str | None, *, certain: bool = False) -> dict[str, Checkpoint]:
        """Readable manifests by name, the newest of each; `cluster_id` None: anybody's. One place that answers is
        enough to find a state, but not to say that nobody needs a chunk: `certain` asks for as many as a write does.

        Raises:
            StorageError: too few places answered.
        """
        found: dict[str, Checkpoint] = {}
        answered = 0
        for place in self._places:
            try:
                documents = {where: place.read(where) for where in place.names(kind) if where.endswith(".json")}
            except OSError as error:
                log.warning("%s not read in %s: %s", kind, place, error)
                continue
            answered += 1
            for where, document in documents.items():
                checkpoint = read_manifest(document, f"{where} in {place}")
                if checkpoint is None or (cluster_id is not None and checkpoint.cluster_id != cluster_id):
                    continue
                name = _name_of(where)
                known = found.get(name)
                if known is None or checkpoint.created_us > known.created_us:
                    found[name] = checkpoint
        if answered < (self._quorum if certain else 1):
            raise StorageError(f"{kind}: only {answered} of {len(self._places)} places can be read")
        return found

    def _drop(self, kind: str, unwanted: Callable[[str], bool]) -> None:
        for place in self._places:
            try:
                for where in [found for found in place.names(kind) if unwanted(found)]:
                    place.remove(where)
            except OSError as error:
                log.warning("manifests not removed in %s: %s", place, error)

    def _thin_out(self, now_us: int) -> None:
        known = self._listed(_CHECKPOINTS, self.cluster_id, certain=True).values()
        points = [Point(checkpoint.lsn, checkpoint.time_us) for checkpoint in known]
        kept = choose_kept(points, now_us, round(self._retention.window_s * 1e6), self._log_floor())
        wanted = {f"{_CHECKPOINTS}/{lsn:020d}.json" for lsn in kept}
        self._drop(_CHECKPOINTS, lambda where: where not in wanted)

    def _collect_chunks(self) -> int:
        """Drop chunks that nothing names. What can't be read might name some: then nothing goes."""
        checkpoints = self._listed(_CHECKPOINTS, self.cluster_id, certain=True)
        snapshots = self._listed(_SNAPSHOTS, None, certain=True)
        for place in self._places:
            for where in place.names(_SNAPSHOTS):
                if where.endswith(".json") and _name_of(where) not in snapshots:
                    log.warning("chunks are not collected, since %s in %s can't be read", where, place)
                    return 0
        states = [*checkpoints.values(), *snapshots.values(), *self._pins.active()]
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


def recoded(state: Checkpoint, source: ChunkStore, target: ChunkStore, progress: Callable[[int], None]) -> Checkpoint:
    """`state` with every chunk read by `source`'s codec and written by `target`'s.

    Raises:
        StorageError: a chunk is lost, or too few places could take one.
    """
    names = list(dict.fromkeys(state.all_chunks))
    copies: dict[str, str] = {}
    for name, copy in zip(names, target.put_all(source.get_all(names)), strict=True):
        copies[name] = copy
        progress(1)
    return dataclasses.replace(
        state,
        chunks=tuple(copies[name] for name in state.chunks),
        redo=tuple(copies[name] for name in state.redo),
        root=target.codec.root_id,
    )


def _name_of(where: str) -> str:
    return PurePosixPath(where).stem
