"""What a manifest says: which chunks make up a state of the database."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass, field
from typing import Any
from zlib import crc32

from aurora_mysql.errors import CorruptRecordError, VolumeFormatError

log = logging.getLogger(__name__)

FORMAT_VERSION = 3
#: What a manifest of chunks that are not encrypted still is.
_PLAIN_FORMAT_VERSION = 2


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A DuckDB file at `base_lsn`, and the redo that brings it to `lsn`.

    Attributes:
        lsn: everything up to it is inside.
        size_bytes: of the file; 0 with no chunks: the empty database.
        created_us: when the manifest was made (Unix microseconds).
        cluster_id: whose it is.
        chunks: digests of the file, in order.
        time_us: when the last commit inside was made; never too early.
        base_lsn: the LSN of the file itself; equal to `lsn` when there is no redo.
        redo: digests of the redo from `base_lsn` + 1 to `lsn` (see redo/archive.py), in order.
        redo_bytes: plain bytes of that redo.
        name: of a snapshot, else empty.
        root: id of the root key that its chunks are encrypted with; empty: they are not.
    """

    lsn: int
    size_bytes: int
    created_us: int
    cluster_id: str
    chunks: tuple[str, ...]
    time_us: int = 0
    base_lsn: int = -1
    redo: tuple[str, ...] = field(default=())
    redo_bytes: int = 0
    name: str = ""
    root: str = ""

    def __post_init__(self) -> None:
        if self.base_lsn < 0:
            object.__setattr__(self, "base_lsn", self.lsn)
        if not self.time_us:
            object.__setattr__(self, "time_us", self.created_us)

    @property
    def all_chunks(self) -> tuple[str, ...]:
        return self.chunks + self.redo


def encode_manifest(checkpoint: Checkpoint) -> bytes:
    values = asdict(checkpoint)
    version = FORMAT_VERSION
    if not checkpoint.root:
        values.pop("root")
        version = _PLAIN_FORMAT_VERSION
    body = json.dumps(values)
    return json.dumps({"format_version": version, "crc32": crc32(body.encode()), "body": body}).encode()


def decode_manifest(data: bytes, where: str) -> Checkpoint:
    """
    Raises:
        VolumeFormatError: written by a newer version.
        CorruptRecordError: damaged.
    """
    try:
        document: dict[str, Any] = json.loads(data)
        if document["format_version"] > FORMAT_VERSION:
            raise VolumeFormatError(
                f"{where} has manifest format {document['format_version']}, this version reads {FORMAT_VERSION}"
            )
        if crc32(document["body"].encode()) != document["crc32"]:
            raise ValueError("wrong checksum")
        values = json.loads(document["body"])
        lists = {key: tuple(values.get(key, ())) for key in ("chunks", "redo")}
        return Checkpoint(**{**values, **lists})
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CorruptRecordError(f"{where} can't be read: {error}") from error


def read_manifest(data: bytes | None, where: str) -> Checkpoint | None:
    """The manifest in `data`; None, with a warning, when it can't be used, and silently without data: a publisher has
    dropped it just now."""
    try:
        return None if data is None else decode_manifest(data, where)
    except (CorruptRecordError, VolumeFormatError) as error:
        log.warning("checkpoint manifest can't be used: %s", error)
        return None
