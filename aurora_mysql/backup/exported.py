"""A snapshot as a directory that can be carried to another machine: ``manifest.json`` and ``chunks/``, and the keyring
of one that is encrypted: who has its key-management key can open it.

The manifest comes last, so a directory without it is an export that did not end.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from aurora_mysql.errors import StorageError
from aurora_mysql.storage.checkpoint import Checkpoint, CheckpointStore
from aurora_mysql.storage.chunks import ChunkStore
from aurora_mysql.storage.keyrings import Keyrings
from aurora_mysql.storage.manifest import decode_manifest, encode_manifest
from aurora_mysql.storage.places import LocalPlace

_MANIFEST = "manifest.json"


def export_snapshot(
    store: CheckpointStore,
    snapshot: Checkpoint,
    keyrings: Keyrings,
    directory: Path,
    progress: Callable[[int], None],
) -> None:
    """Write `snapshot`, whose keyring is in `keyrings`, to `directory`, which must be absent or empty; every chunk is
    checked on the way.

    Raises:
        StorageError: a chunk is lost, or the directory can't take it. It then has no manifest.
    """
    place = LocalPlace(directory)
    target = ChunkStore([place])
    for name in dict.fromkeys(snapshot.all_chunks):
        target.copy_from(store.chunks, name)
        progress(1)
    if snapshot.root:
        Keyrings([directory]).write(keyrings.newest(snapshot.root))
    try:
        place.write(_MANIFEST, encode_manifest(snapshot))
    except OSError as error:
        raise StorageError(f"{directory}: {error.strerror}") from error


def open_export(directory: Path) -> tuple[Checkpoint, ChunkStore]:
    """The snapshot in an exported directory.

    Raises:
        StorageError: it holds none, or one that can't be read.
    """
    try:
        data = (directory / _MANIFEST).read_bytes()
    except OSError:
        raise StorageError(f"{directory} holds no exported snapshot (no {_MANIFEST})") from None
    return decode_manifest(data, str(directory / _MANIFEST)), ChunkStore([LocalPlace(directory)])


def import_snapshot(
    store: CheckpointStore,
    keyrings: Keyrings,
    directory: Path,
    name: str | None,
    progress: Callable[[int], None],
) -> Checkpoint:
    """Take an exported snapshot into `store`, under its own name or `name`, and its keyring into `keyrings`; every
    chunk is checked on the way.

    Raises:
        StorageError: it can't be read, a chunk is damaged, or the name is taken.
    """
    snapshot, source = open_export(directory)
    if snapshot.root and snapshot.root not in keyrings.root_ids():
        keyrings.write(Keyrings([directory]).newest(snapshot.root))
    return store.take_in(snapshot, source, name or snapshot.name, progress)
