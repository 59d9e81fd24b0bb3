"""A file that is read and written anywhere, encrypted page by page (FORMAT.md, "Encrypted files").

A 64-byte head names the file's data key by its salt. Page n follows at a place that its number gives: nonce,
ciphertext, tag. Every write of a page takes a new nonce: 8 random bytes drawn when the file is opened for writing, and
a counter. The page number is in the additional data, so pages can't change places. The last page may be shorter; pages
that were never written are holes and read as zeros.

Meant for DuckDB, which has a checksum in every block and writes a block only where nothing that counts refers to: what
a crash tears is never read, or the file is discarded.
"""

from __future__ import annotations

import os
import secrets
import struct
import threading
from pathlib import Path
from zlib import crc32

from cryptography.exceptions import InvalidTag

from aurora_mysql.encryption.root_key import NONCE_BYTES, SALT_BYTES, TAG_BYTES, RootKey
from aurora_mysql.errors import CorruptRecordError, VolumeFormatError

FORMAT_VERSION = 1
HEAD_BYTES = 64
EXTRA_BYTES = NONCE_BYTES + TAG_BYTES
PURPOSE = "file"

_HEAD = struct.Struct("<4sHHII16sI")
_MAGIC = b"ASF1"
_PREFIX_BYTES = 8
_COUNTER = struct.Struct(">I")
_PAGE = struct.Struct(">Q")


class Geometry:
    """Where pages begin: `small_pages` of 4 KiB, then pages of `page_bytes`. DuckDB's headers and blocks then each are
    one page, and no write has to read first."""

    SMALL_BYTES = 4096

    def __init__(self, small_pages: int, page_bytes: int) -> None:
        self.small_pages, self.page_bytes = small_pages, page_bytes
        self._small_end = small_pages * self.SMALL_BYTES

    def page_of(self, at: int) -> tuple[int, int, int]:
        """(number, plain offset, plain bytes) of the page that holds byte `at`."""
        if at < self._small_end:
            number = at // self.SMALL_BYTES
            return number, number * self.SMALL_BYTES, self.SMALL_BYTES
        number = (at - self._small_end) // self.page_bytes
        return self.small_pages + number, self._small_end + number * self.page_bytes, self.page_bytes

    def stored_at(self, number: int, begin: int) -> int:
        """Where the page that holds plain bytes from `begin` on lies in the file."""
        return HEAD_BYTES + begin + number * EXTRA_BYTES

    def plain_size(self, stored_bytes: int) -> int:
        """Plain bytes of a file of `stored_bytes`."""
        rest = stored_bytes - HEAD_BYTES
        small = min(max(0, rest) // (self.SMALL_BYTES + EXTRA_BYTES), self.small_pages)
        begin, rest = small * self.SMALL_BYTES, rest - small * (self.SMALL_BYTES + EXTRA_BYTES)
        if small == self.small_pages:
            whole, rest = divmod(max(0, rest), self.page_bytes + EXTRA_BYTES)
            begin += whole * self.page_bytes
        return begin + max(0, rest - EXTRA_BYTES)


#: A DuckDB file: three headers, then blocks of 256 KiB.
DATABASE = Geometry(3, 256 << 10)
#: What DuckDB spills: slots of 32 KiB to 256 KiB.
SPILL = Geometry(0, 32 << 10)


class SealedFile:
    """One open file. Usable by several threads; pages are written one at a time by each.

    Args:
        create: what isn't there is made; `truncate`: what is there goes.

    Raises:
        OSError: as open does. CorruptRecordError: it is no sealed file. VolumeFormatError: of a newer release.
    """

    def __init__(
        self,
        path: Path,
        root: RootKey,
        geometry: Geometry,
        *,
        writable: bool = False,
        create: bool = False,
        truncate: bool = False,
    ) -> None:
        flags = (os.O_RDWR if writable else os.O_RDONLY) | os.O_CLOEXEC
        flags |= (os.O_CREAT if create else 0) | (os.O_TRUNC if truncate else 0)
        self.path = path
        self._fd = os.open(path, flags, 0o600)
        self._lock = threading.Lock()
        self._prefix, self._count = b"", 0
        try:
            head = os.pread(self._fd, HEAD_BYTES, 0)
            if not head and writable:
                head = _encode_head(secrets.token_bytes(SALT_BYTES), geometry)
                os.pwrite(self._fd, head, 0)
            salt, self.geometry = _decode_head(head, path)
        except BaseException:
            os.close(self._fd)
            raise
        self._cipher = root.cipher(PURPOSE, salt)
        # Not from the file's size while others write: a page that is just being written looks like a short one.
        self._end = self.size()

    @property
    def fd(self) -> int:
        return self._fd

    def size(self) -> int:
        return self.geometry.plain_size(os.fstat(self._fd).st_size)

    def read(self, size: int, at: int, *, damaged_as_zeros: bool = False) -> bytes:
        """Up to `size` bytes from `at` on; fewer at the end.

        Raises:
            CorruptRecordError: a page was not written by us, or is torn; with `damaged_as_zeros` it reads as zeros.
        """
        end = min(at + size, self.size())
        if at >= end:
            return b""
        parts: list[bytes | memoryview] = []
        while at < end:
            number, begin, length = self.geometry.page_of(at)
            page = self._read_page(number, begin, length, damaged_as_zeros)
            page = page.ljust(min(length, end - begin), b"\0")
            last = min(length, end - begin)
            parts.append(page if at == begin and last == len(page) else memoryview(page)[at - begin : last])
            at = begin + last
        return bytes(parts[0]) if len(parts) == 1 else b"".join(parts)

    def write(self, data: bytes | memoryview, at: int) -> int:
        """Write all of `data` at `at`."""
        view = memoryview(data)
        written = len(view)
        with self._lock:
            old_end, self._end = self._end, max(self._end, at + written)
        self._fill_last_page(old_end, at)
        while view:
            number, begin, length = self.geometry.page_of(at)
            offset = at - begin
            piece, view = view[: length - offset], view[length - offset :]
            if offset == 0 and len(piece) == length:
                self._write_page(number, begin, piece)
            else:
                with self._lock:
                    page = self._read_page(number, begin, length, False)
                    # A hole in the middle becomes a whole page.
                    merged = bytearray(page.ljust(max(offset, min(length, self._end - begin)), b"\0"))
                    merged[offset : offset + len(piece)] = piece
                    self._write_page(number, begin, merged)
            at = begin + length
        return written

    def sync(self) -> None:
        os.fdatasync(self._fd)

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> SealedFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- pages --------------------------------------------------------------------------------------------------------

    def _fill_last_page(self, end: int, at: int) -> None:
        """A page that ends early at `end` is filled up by a write at `at` behind it: only the last one may be short."""
        if at <= end or end == 0:
            return
        number, begin, length = self.geometry.page_of(end - 1)
        if end - begin < length and at >= begin + length:
            with self._lock:
                page = self._read_page(number, begin, length, False)
                self._write_page(number, begin, page.ljust(length, b"\0"))

    def _read_page(self, number: int, begin: int, length: int, damaged_as_zeros: bool) -> bytes:
        stored = os.pread(self._fd, length + EXTRA_BYTES, self.geometry.stored_at(number, begin))
        try:
            return self._cipher.decrypt(stored[:NONCE_BYTES], stored[NONCE_BYTES:], _PAGE.pack(number))
        except (InvalidTag, ValueError):
            if not stored.strip(b"\0"):
                return b""  # a hole
            if damaged_as_zeros:
                return bytes(length)
            raise CorruptRecordError(f"page {number} of {self.path} is not what was written there") from None

    def _write_page(self, number: int, begin: int, plain: bytes | bytearray | memoryview) -> None:
        nonce = self._nonce()
        stored = nonce + self._cipher.encrypt(nonce, plain, _PAGE.pack(number))
        at = self.geometry.stored_at(number, begin)
        view = memoryview(stored)
        while view:
            done = os.pwrite(self._fd, view, at)
            view, at = view[done:], at + done

    def _nonce(self) -> bytes:
        with _nonces:
            if not self._prefix or self._count >= 1 << 32:
                self._prefix, self._count = secrets.token_bytes(_PREFIX_BYTES), 0
            nonce = self._prefix + _COUNTER.pack(self._count)
            self._count += 1
            return nonce


_nonces = threading.Lock()


def _encode_head(salt: bytes, geometry: Geometry) -> bytes:
    head = _HEAD.pack(_MAGIC, FORMAT_VERSION, 0, geometry.small_pages, geometry.page_bytes, salt, 0)[:-4]
    return (head + struct.pack("<I", crc32(head))).ljust(HEAD_BYTES, b"\0")


def _decode_head(head: bytes, path: Path) -> tuple[bytes, Geometry]:
    if len(head) < HEAD_BYTES:
        raise CorruptRecordError(f"{path} is no encrypted file")
    magic, version, _, small_pages, page_bytes, salt, crc = _HEAD.unpack_from(head)
    if magic != _MAGIC or crc != crc32(head[: _HEAD.size - 4]):
        raise CorruptRecordError(f"{path} is no encrypted file")
    if version > FORMAT_VERSION:
        raise VolumeFormatError(f"{path} has format {version}, this release reads up to {FORMAT_VERSION}")
    if not page_bytes or page_bytes > 16 << 20 or small_pages > 1024:
        raise CorruptRecordError(f"{path} has no sensible page size")
    return salt, Geometry(small_pages, page_bytes)
