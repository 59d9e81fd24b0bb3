"""Redo records of an encrypted cluster (FORMAT.md, "Encrypted redo records").

``0xA1 | key segment (16) | ciphertext | tag (16)``. A key segment is what one writer seals with one data key: it begins
when the writer opens its epoch, and anew after 10 GiB. Its id is random, so no two writers ever share a data key, not
even two that claim the same epoch. The nonce is 4 bytes of the id and the LSN: a writer seals an LSN once. The
additional data name cluster, key segment, epoch, LSN and whether it ends a commit, so a record opens only where it was
written. What surrounds it in a copy, checksums included, is as in a cluster that isn't encrypted: copies are compared,
checked and refilled without any key.
"""

from __future__ import annotations

import struct
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import GCM

from aurora_mysql.encryption.root_key import SALT_BYTES, TAG_BYTES, RootKey
from aurora_mysql.errors import CorruptRecordError, KeyUnavailableError

#: First byte of a sealed record; a plain one begins with its format's number.
MAGIC = 0xA1
HEAD_BYTES = 1 + SALT_BYTES
#: What sealing adds to a record.
OVERHEAD_BYTES = HEAD_BYTES + TAG_BYTES
#: After so many plain bytes a writer goes on with another data key.
SEGMENT_BYTES = 10 << 30

_LSN = struct.Struct(">Q")
_PLACE = struct.Struct(">QQ?")
_PREFIX_BYTES = 4
#: The interpreter's lock is held while one call encrypts: larger records go in pieces, so that the event loop gets in.
_PIECE_BYTES = 256 << 10
_KNOWN_KEYS = 64


class RedoSealer(Protocol):
    """Seals the records of one writer, in whatever order, each LSN once."""

    def seal(self, lsn: int, epoch: int, cpl: bool, payload: bytes) -> bytes: ...


class RedoCipher(Protocol):
    """What the storage room needs to know of encryption."""

    def sealer(self, entropy: Callable[[int], bytes]) -> RedoSealer | None:
        """For a writer that opens an epoch; None: records are stored as they are."""
        ...

    def open(self, lsn: int, epoch: int, cpl: bool, stored: bytes) -> bytes:
        """The record that is stored.

        Raises:
            CorruptRecordError: it is not the record that was written there.
            KeyUnavailableError: it is encrypted, and there is no key.
        """
        ...


class PlainRedo:
    """No encryption."""

    def sealer(self, entropy: Callable[[int], bytes]) -> RedoSealer | None:
        return None

    def open(self, lsn: int, epoch: int, cpl: bool, stored: bytes) -> bytes:
        if stored[:1] == _MAGIC_BYTE:
            raise KeyUnavailableError(f"record {lsn} is encrypted, and there is no key for it")
        return stored


class SealedRedo:
    """With the root key of a cluster. Usable by several threads."""

    def __init__(self, root: RootKey, cluster_id: str) -> None:
        self._root = root
        self._cluster = cluster_id.encode()
        self._known: OrderedDict[bytes, AESGCM] = OrderedDict()
        self._lock = threading.Lock()

    def sealer(self, entropy: Callable[[int], bytes]) -> RedoSealer | None:
        return _Sealer(self._root, self._cluster, entropy)

    def open(self, lsn: int, epoch: int, cpl: bool, stored: bytes) -> bytes:
        if stored[:1] != _MAGIC_BYTE or len(stored) < OVERHEAD_BYTES:
            raise CorruptRecordError(f"record {lsn} of an encrypted cluster is not encrypted")
        segment = stored[1:HEAD_BYTES]
        nonce, place = segment[:_PREFIX_BYTES] + _LSN.pack(lsn), _PLACE.pack(lsn, epoch, cpl)
        try:
            return self._key(segment).decrypt(nonce, stored[HEAD_BYTES:], self._cluster + segment + place)
        except InvalidTag:
            raise CorruptRecordError(f"record {lsn} of epoch {epoch} is not what was written there") from None

    def _key(self, segment: bytes) -> AESGCM:
        with self._lock:
            key = self._known.get(segment)
            if key is None:
                key = self._known[segment] = AESGCM(redo_data_key(self._root, self._cluster, segment))
                if len(self._known) > _KNOWN_KEYS:
                    self._known.popitem(last=False)
            else:
                self._known.move_to_end(segment)
            return key


class _Sealer:
    def __init__(self, root: RootKey, cluster: bytes, entropy: Callable[[int], bytes]) -> None:
        self._root, self._cluster, self._entropy = root, cluster, entropy
        self._lock = threading.Lock()
        self._sealed_bytes = 0
        self._begin_segment()

    def _begin_segment(self) -> None:
        segment = self._entropy(SALT_BYTES)
        data_key = redo_data_key(self._root, self._cluster, segment)
        self._segment = (AESGCM(data_key), AES(data_key), segment, self._cluster + segment)
        self._sealed_bytes = 0

    def seal(self, lsn: int, epoch: int, cpl: bool, payload: bytes) -> bytes:
        with self._lock:
            if self._sealed_bytes >= SEGMENT_BYTES:
                self._begin_segment()
            self._sealed_bytes += len(payload)
            cipher, algorithm, segment, context = self._segment
        nonce = segment[:_PREFIX_BYTES] + _LSN.pack(lsn)
        context += _PLACE.pack(lsn, epoch, cpl)
        if len(payload) <= _PIECE_BYTES:
            return b"".join((_MAGIC_BYTE, segment, cipher.encrypt(nonce, payload, context)))
        pieces = Cipher(algorithm, GCM(nonce)).encryptor()
        pieces.authenticate_additional_data(context)
        plain = memoryview(payload)
        sealed = [_MAGIC_BYTE, segment]
        sealed += [pieces.update(plain[at : at + _PIECE_BYTES]) for at in range(0, len(plain), _PIECE_BYTES)]
        sealed += (pieces.finalize(), pieces.tag)
        return b"".join(sealed)


def redo_data_key(root: RootKey, cluster: bytes, segment: bytes) -> bytes:
    return root.derive(f"redo {cluster.decode()}", segment)


_MAGIC_BYTE = bytes((MAGIC,))
PLAIN_REDO = PlainRedo()


def redo_cipher(root: RootKey | None, cluster_id: str) -> RedoCipher:
    """For a cluster with this root key; None: it is not encrypted."""
    return PLAIN_REDO if root is None else SealedRedo(root, cluster_id)
