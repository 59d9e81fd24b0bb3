"""A DuckDB file as a sequence of plain pieces, whether it is encrypted on disk or not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from aurora_mysql.encryption.root_key import RootKey
from aurora_mysql.encryption.sealed_file import DATABASE, SealedFile


class Counted:
    """Iterates over pieces and counts their bytes."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = pieces
        self.bytes = 0

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            self.bytes += len(piece)
            yield piece


def read_pieces(path: Path, root: RootKey | None, piece_bytes: int) -> Iterator[bytes]:
    """The plain bytes of the file. A page that a crash, or a write beside the copy, has torn reads as zeros: DuckDB
    refers to no such block, and if it did, it would find its checksum wrong."""
    if root is None:
        with path.open("rb") as file:
            while data := file.read(piece_bytes):
                yield data
        return
    with SealedFile(path, root, DATABASE) as sealed:
        at = 0
        while data := sealed.read(piece_bytes, at, damaged_as_zeros=True):
            yield data
            at += len(data)


def write_pieces(path: Path, root: RootKey | None, pieces: Iterable[bytes]) -> int:
    """Make the file of `pieces`; returns its plain size in bytes."""
    at = 0
    if root is None:
        with path.open("wb") as file:
            for piece in pieces:
                file.write(piece)
                at += len(piece)
        return at
    with SealedFile(path, root, DATABASE, writable=True, create=True, truncate=True) as sealed:
        for piece in _page_by_page(pieces):
            sealed.write(piece, at)
            at += len(piece)
    return at


def _page_by_page(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Cut so that each page is written once: the small ones at the beginning, then whole large ones."""
    held = b""
    at = 0
    for piece in pieces:
        held += piece
        while held:
            _, begin, length = DATABASE.page_of(at)
            size = begin + length - at
            if len(held) < size:
                break
            yield held[:size]
            held, at = held[size:], at + size
    if held:
        yield held
