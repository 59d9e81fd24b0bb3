"""A content-addressed store of compressed chunks, the same in each of its places (three availability zones, or one
object store).

A chunk is named by the BLAKE2b digest of its plain bytes: successive checkpoints of a file share what did not change,
and a reader can tell a damaged chunk and take another place's. How chunks are named and packed is a codec's business
(chunk_codec.py); one store may hold chunks of several.
"""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from aurora_mysql.errors import StorageError
from aurora_mysql.storage.chunk_codec import CHUNK_BYTES, PLAIN_CHUNKS, ChunkCodec, is_intact
from aurora_mysql.storage.places import Place

__all__ = ["CHUNK_BYTES", "ZONE_QUORUM", "ChunkStore", "ChunkTally"]
log = logging.getLogger(__name__)

#: Zones that must hold a chunk or a manifest before it counts (of a store with one place, that one).
ZONE_QUORUM = 2

_DIRECTORY = "chunks"

T = TypeVar("T")
R = TypeVar("R")


@dataclass(slots=True)
class ChunkTally:
    """What a check of chunks has read and found: copies that were repaired, chunks that are whole nowhere."""

    checked_bytes: int = 0
    repaired: int = 0
    lost: list[str] = field(default_factory=list)


class ChunkStore:
    """Chunks as ``chunks/ab/<digest>`` in every place. A put is durable on every place that could take it, at least
    two where there are several.

    Chunks are only ever added whole and removed whole; whoever removes (:meth:`keep_only`) keeps others from putting
    at the same time. To copy, share, check and repair chunks takes no key.

    Args:
        codec: of the chunks that are put and got.
    """

    def __init__(self, places: Sequence[Place], codec: ChunkCodec = PLAIN_CHUNKS) -> None:
        self._places = list(places)
        self._quorum = min(ZONE_QUORUM, len(places))
        self.codec = codec

    def with_codec(self, codec: ChunkCodec) -> ChunkStore:
        """The same places, for chunks of another codec."""
        return ChunkStore(self._places, codec)

    def put(self, data: bytes) -> str:
        """Store `data`; returns its name.

        Raises:
            StorageError: fewer than two places could take it.
        """
        name = self.codec.name(data)
        self._store(name, lambda: self.codec.pack(data, name))
        return name

    def put_all(self, pieces: Iterable[bytes]) -> Iterator[str]:
        """:meth:`put` of each piece, several at a time where that pays; their names in order."""
        return self._in_order(self.put, pieces)

    def get_all(self, names: Iterable[str]) -> Iterator[bytes]:
        """:meth:`get` of each name, read ahead; in order. Somebody waits for it, so all processors unpack."""
        return self._in_order(self.get, names, os.cpu_count() or 1)

    def _in_order(self, work: Callable[[T], R], items: Iterable[T], least: int = 1) -> Iterator[R]:
        """What `work` makes of each item, by at least so many threads; at most twice as many are under way as the
        places' requests."""
        requests = max(least, *(place.requests for place in self._places))
        if requests == 1:
            yield from map(work, items)
            return
        with ThreadPoolExecutor(requests, thread_name_prefix="chunks") as pool:
            under_way: deque[Future[R]] = deque()
            try:
                for item in items:
                    if len(under_way) >= 2 * requests:
                        yield under_way.popleft().result()
                    under_way.append(pool.submit(work, item))
                while under_way:
                    yield under_way.popleft().result()
            finally:
                for future in under_way:
                    future.cancel()

    def _store(self, name: str, pack: Callable[[], bytes]) -> None:
        packed: bytes | None = None
        stored = 0
        where = _where(name)
        for place in self._places:
            try:
                if not place.has(where):
                    if packed is None:
                        packed = pack()
                    place.write(where, packed)
                stored += 1
            except OSError as error:
                log.warning("chunk not stored in %s: %s", place, error)
        if stored < self._quorum:
            raise StorageError(f"only {stored} of {len(self._places)} places could store a chunk")

    def copy_from(self, source: ChunkStore, name: str) -> None:
        """Store `source`'s chunk `name` here, as it is packed there but checked.

        Raises:
            StorageError: it is whole nowhere, or fewer than two places could take it.
        """
        self._store(name, lambda: source.get_packed(name))

    def share_from(self, source: ChunkStore, name: str) -> bool:
        """Have `source`'s chunk `name` here, place by place, unchecked and without moving its bytes: a chunk is never
        written again, only removed. False, and a copy, where the places can't.

        Raises:
            StorageError: as :meth:`copy_from`.
        """
        where = _where(name)
        try:
            if len(self._places) == len(source._places) and all(
                own.share(other, where) for own, other in zip(self._places, source._places, strict=True)
            ):
                return True
        except OSError as error:
            raise StorageError(f"chunk {name} can't be shared: {error}") from error
        self.copy_from(source, name)
        return False

    def settle(self) -> None:
        """Make what was shared durable."""
        for place in self._places:
            place.settle(_DIRECTORY)

    def get(self, name: str) -> bytes:
        """The chunk, from the first place where it is whole; places before it are repaired.

        Raises:
            StorageError: it is whole in no place.
        """
        return self._first(name, self.codec.unpack)

    def get_packed(self, name: str) -> bytes:
        """As :meth:`get`, but as it is stored, and checked without any key."""
        return self._first(name, _intact)

    def _first(self, name: str, good: Callable[[bytes, str], bytes | None]) -> bytes:
        bad: list[Place] = []
        for place in self._places:
            packed = _read(place, name)
            found = None if packed is None else good(packed, name)
            if packed is None or found is None:
                bad.append(place)
                continue
            for other in bad:
                _repair(other, name, packed)
            return found
        raise StorageError(f"chunk {name} is whole in no place")

    def scrub(self, names: Iterable[str], tally: ChunkTally | None = None) -> list[str]:
        """Check every place's copy of `names` and repair what is bad; returns those that are whole nowhere. `tally` is
        added to.

        Of these the bad copies are removed, so that the next put writes them anew.
        """
        tally = ChunkTally() if tally is None else tally
        lost: list[str] = []
        for name in dict.fromkeys(names):
            whole: bytes | None = None
            bad: list[Place] = []
            for place in self._places:
                packed = _read(place, name)
                tally.checked_bytes += len(packed or b"")
                if packed is not None and is_intact(packed, name):
                    whole = packed
                else:
                    bad.append(place)
            for place in bad:
                if whole is not None:
                    _repair(place, name, whole)
                    tally.repaired += 1
                else:
                    _remove(place, name)
            if whole is None:
                log.error("chunk %s is whole in no place", name)
                lost.append(name)
        tally.lost += lost
        return lost

    def keep_only(self, names: Iterable[str]) -> int:
        """Delete every chunk that is not in `names`, and what interrupted writes left; returns how many objects."""
        keep, gone = {_where(name) for name in names}, 0
        for place in self._places:
            try:
                for where in [found for found in place.names(_DIRECTORY) if found not in keep]:
                    place.remove(where)
                    gone += 1
            except OSError as error:  # what stays is taken by the next collection
                log.warning("chunks not collected in %s: %s", place, error)
        return gone


def _where(name: str) -> str:
    return f"{_DIRECTORY}/{name[:2]}/{name}"


def _read(place: Place, name: str) -> bytes | None:
    """The chunk as `place` has it; None when it is not there, or can't be read."""
    try:
        return place.read(_where(name))
    except OSError as error:
        log.warning("chunk not read in %s: %s", place, error)
        return None


def _intact(packed: bytes, name: str) -> bytes | None:
    return packed if is_intact(packed, name) else None


def _repair(place: Place, name: str, packed: bytes) -> None:
    try:
        place.write(_where(name), packed)
        log.warning("chunk %s repaired in %s", name, place)
    except OSError as error:
        log.warning("chunk %s not repaired in %s: %s", name, place, error)


def _remove(place: Place, name: str) -> None:
    try:
        place.remove(_where(name))
    except OSError as error:
        log.warning("chunk %s not removed in %s: %s", name, place, error)
