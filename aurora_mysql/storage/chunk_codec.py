"""How a chunk is named and packed: plain, or encrypted with a root key (FORMAT.md, "Encrypted chunks").

The name of an encrypted chunk is a keyed digest: it says nothing about the content to who has no key, and what is equal
under one root key is still stored once, by all clones too. Around the ciphertext is a digest that needs no key, so that
zones are checked, repaired and copied without one.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from typing import Protocol

import zstandard

from aurora_mysql.encryption.root_key import RootKey
from aurora_mysql.encryption.sealed_bytes import seal, unseal

#: Plain bytes of a chunk at most.
CHUNK_BYTES = 1 << 20
FORMAT_VERSION = 1

_MAGIC = b"ACE1"
_HEAD = struct.Struct("<4sHH16s")
_NAME_BYTES = 20


class ChunkCodec(Protocol):
    """`root_id` names the root key that is needed to read; empty: none."""

    @property
    def root_id(self) -> str: ...
    def name(self, data: bytes) -> str: ...
    def pack(self, data: bytes, name: str) -> bytes: ...
    def unpack(self, packed: bytes, name: str) -> bytes | None:
        """The plain bytes, or None when they are not those of `name`."""
        ...


class PlainChunks:
    """One zstd frame; the name is the digest of what is inside."""

    root_id = ""

    def name(self, data: bytes) -> str:
        return hashlib.blake2b(data, digest_size=_NAME_BYTES).hexdigest()

    def pack(self, data: bytes, name: str) -> bytes:
        return zstandard.compress(data, 1)

    def unpack(self, packed: bytes, name: str) -> bytes | None:
        data = _decompress(packed)
        return data if data is not None and self.name(data) == name else None


class SealedChunks:
    """A zstd frame inside sealed bytes, bound to the chunk's name."""

    def __init__(self, root: RootKey) -> None:
        self._root = root
        self._name_key = root.derive("chunk names", b"")
        self.root_id = root.id

    def name(self, data: bytes) -> str:
        return hashlib.blake2b(data, digest_size=_NAME_BYTES, key=self._name_key).hexdigest()

    def pack(self, data: bytes, name: str) -> bytes:
        sealed = seal(self._root, "chunk", zstandard.compress(data, 1), name.encode())
        return _HEAD.pack(_MAGIC, FORMAT_VERSION, 0, _outer_digest(name, sealed)) + sealed

    def unpack(self, packed: bytes, name: str) -> bytes | None:
        if not _sealed_intact(packed, name):
            return None
        compressed = unseal(self._root, "chunk", packed[_HEAD.size :], name.encode())
        return None if compressed is None else _decompress(compressed)


PLAIN_CHUNKS = PlainChunks()


def chunks_with(root: RootKey | None) -> ChunkCodec:
    return PLAIN_CHUNKS if root is None else SealedChunks(root)


def is_intact(packed: bytes, name: str) -> bool:
    """Whether `packed` is what was stored as `name`, as far as one can tell without a key."""
    if packed[:4] == _MAGIC:
        return _sealed_intact(packed, name)
    return PLAIN_CHUNKS.unpack(packed, name) is not None


def _sealed_intact(packed: bytes, name: str) -> bool:
    if len(packed) < _HEAD.size:
        return False
    magic, version, _, digest = _HEAD.unpack_from(packed)
    if magic != _MAGIC or version > FORMAT_VERSION:
        return False
    return hmac.compare_digest(digest, _outer_digest(name, packed[_HEAD.size :]))


def _outer_digest(name: str, sealed: bytes) -> bytes:
    digest = hashlib.blake2b(name.encode(), digest_size=16)
    digest.update(sealed)
    return digest.digest()


def _decompress(packed: bytes) -> bytes | None:
    try:
        # A bound of its own: the size in a damaged frame's header must not decide how much is allocated.
        data: bytes = zstandard.ZstdDecompressor().stream_reader(packed).read(CHUNK_BYTES + 1)
    except zstandard.ZstdError:
        return None
    return data
