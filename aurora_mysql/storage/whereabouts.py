"""Where to look for copies that are not where the volume was made: a hint beside the copies.

The truth about who the copies are is in the copies themselves (membership.py). The hint only leads to them, so it may
name too many: places are added before a copy there can count for anything, and taken away after it counts no more.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol
from zlib import crc32

from aurora_mysql.errors import StorageError
from aurora_mysql.storage.disk import LOCAL_DISK, read_file, write_atomically
from aurora_mysql.storage.layout import CopyLayout
from aurora_mysql.storage.membership import place_from_json, place_to_json

log = logging.getLogger(__name__)
_NAME = "copies.json"
_FORMAT = 1


class Whereabouts(Protocol):
    """Remembers where copies are. Paths are relative to the data directory where they lie in it."""

    def known(self) -> Sequence[CopyLayout]: ...

    def remember(self, places: Iterable[CopyLayout]) -> None:
        """Durably, instead of what was known.

        Raises:
            StorageError: it can't be kept.
        """
        ...


class WhereaboutsFile:
    """One file in each zone's directory; any one that can be read will do.

    Args:
        layout: the copies the volume was made with; the files are beside them.
    """

    def __init__(self, layout: Sequence[CopyLayout]) -> None:
        self._paths = [zone / _NAME for zone in dict.fromkeys(place.path.parent for place in layout)]

    def known(self) -> Sequence[CopyLayout]:
        found: dict[CopyLayout, None] = {}
        for path in self._paths:
            found.update(dict.fromkeys(_read(path)))
        return tuple(found)

    def remember(self, places: Iterable[CopyLayout]) -> None:
        wanted = tuple(places)
        kept = 0
        for path in self._paths:
            try:
                if set(_read(path)) != set(wanted):
                    write_atomically(LOCAL_DISK, path, _encode(wanted))
                kept += 1
            except OSError as error:
                log.warning("%s can't be written: %s", path, error)
        if kept < min(2, len(self._paths)):
            raise StorageError("the new place of a copy can't be noted in two zones")


def _encode(places: Sequence[CopyLayout]) -> bytes:
    body = {"format": _FORMAT, "copies": [place_to_json(place) for place in places]}
    return json.dumps({**body, "crc32": crc32(json.dumps(body).encode())}).encode()


def _read(path: Path) -> tuple[CopyLayout, ...]:
    try:
        document = json.loads(read_file(LOCAL_DISK, path))
        crc = document.pop("crc32")
        if crc != crc32(json.dumps(document).encode()):
            raise ValueError("wrong checksum")
        if document["format"] > _FORMAT:
            raise ValueError(f"format {document['format']} is newer than this release")
        return tuple(map(place_from_json, document["copies"]))
    except (FileNotFoundError, NotADirectoryError):
        return ()
    except (OSError, ValueError, KeyError, TypeError) as error:
        log.warning("%s can't be read: %s", path, error)
        return ()
