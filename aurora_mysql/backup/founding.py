"""A new cluster from a state of another one: chunks, one checkpoint, and an empty volume that goes on from there.

The directory of a cluster counts as one when it has its cluster.json, which the caller writes last: whatever stops
this half-way leaves a directory that no start takes for a cluster.
"""

from __future__ import annotations

import dataclasses
import logging
import time
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path

from aurora_mysql.encryption.root_key import RootKey
from aurora_mysql.errors import ConfigError
from aurora_mysql.storage.checkpoint import Checkpoint, CheckpointStore, recoded
from aurora_mysql.storage.chunks import ChunkStore
from aurora_mysql.storage.layout import default_layout
from aurora_mysql.storage.volume import create_volume

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, slots=True)
class Founded:
    """What came out: `shared` is False when chunks had to be copied although they were to be shared."""

    cluster_id: str
    lsn: int
    time_us: int
    chunks: int
    shared: bool


def prepare_directory(target: Path) -> None:
    """Raises ConfigError unless `target` is absent or empty and can be written."""
    try:
        target.mkdir(parents=True, exist_ok=True)
        if any(target.iterdir()):
            raise ConfigError(f"{target} is not empty: give a new directory")
    except OSError as error:
        raise ConfigError(f"{target}: {error.strerror}") from None


def found_cluster(
    target: Path,
    source: ChunkStore,
    base: Checkpoint,
    pieces: Iterable[bytes] | None,
    end: Callable[[], tuple[int, int]],
    *,
    share: bool,
    progress: Callable[[int], None],
    root: RootKey | None = None,
    anew: bool = False,
) -> Founded:
    """Fill `target`/volume with the state of `base` and the archived redo in `pieces` (None: that of `base`).

    `end` gives the state's LSN and time once `pieces` is exhausted. With `share` the chunks are shared where the places
    can, which takes no space and hardly any time; else they are copied and checked. `progress` hears of every chunk.

    `root` is the new cluster's root key, or None: that of `base` may stay unknown, or there is none. With `anew`
    everything is encrypted with it; else it is the source's, and chunks come over as they are.

    Raises:
        StorageError: a chunk is lost, or `target` can't take it.
    """
    cluster_id = str(uuid.uuid4())
    store = CheckpointStore(target / "volume", cluster_id, root=root)
    shared = share and not anew
    if pieces is not None:
        base = dataclasses.replace(base, redo=(), redo_bytes=0)
    names = list(dict.fromkeys(base.all_chunks))
    if anew:
        base = recoded(base, source, store.chunks, progress)
    for name in () if anew else names:
        if share:
            shared = store.chunks.share_from(source, name) and shared
        else:
            store.chunks.copy_from(source, name)
        progress(1)
    if share:
        store.chunks.settle()
    if pieces is not None:
        stored: list[str] = []
        redo_bytes = 0
        for piece in pieces:
            stored.append(store.chunks.put(piece))
            redo_bytes += len(piece)
            progress(1)
        root_id = store.chunks.codec.root_id
        base = dataclasses.replace(base, redo=tuple(stored), redo_bytes=redo_bytes, root=root_id)
    lsn, time_us = end()
    state = dataclasses.replace(base, lsn=lsn, time_us=time_us, created_us=time.time_ns() // 1000, name="")
    store.adopt(state)
    create_volume(target, default_layout(target), cluster_id, first_lsn=lsn + 1)
    return Founded(cluster_id, lsn, time_us, len(names), shared)
