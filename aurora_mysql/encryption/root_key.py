"""The root key of a cluster, and the data keys that come out of it.

Nothing is encrypted with the root key itself. Every segment of the redo log, chunk and file has a data key of its own,
derived from the root key (HKDF-SHA256), a purpose and a random salt that is stored beside what it opens. So a data key
can't be lost apart from its data, and there is no moment at which data exists whose key is not yet durable. The root
key is kept only wrapped by a key-management key (see keyring.py), and in the memory of the cluster's processes.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32
SALT_BYTES = 16
NONCE_BYTES = 12
TAG_BYTES = 16


@dataclass(frozen=True, slots=True)
class RootKey:
    """`id` is public and names the key in manifests and keyrings; `secret` never leaves memory."""

    id: str
    secret: bytes = field(repr=False)

    @classmethod
    def generate(cls) -> RootKey:
        return cls(secrets.token_hex(16), secrets.token_bytes(KEY_BYTES))

    def derive(self, purpose: str, salt: bytes) -> bytes:
        """The 32-byte data key for (`purpose`, `salt`). Purposes keep keys of different uses apart."""
        return HKDF(hashes.SHA256(), KEY_BYTES, salt, purpose.encode()).derive(self.secret)

    def cipher(self, purpose: str, salt: bytes) -> AESGCM:
        """AES-256-GCM with that data key."""
        return AESGCM(self.derive(purpose, salt))

    # -- to another process of the same cluster --------------------------------------------------------------------

    def hand_over(self) -> bytes:
        """One line for the standard input of a process that :meth:`take_over` reads it in: it never touches a disk,
        an environment or a command line."""
        return f"{self.id} {self.secret.hex()}\n".encode()

    @classmethod
    def take_over(cls, line: bytes) -> RootKey | None:
        """The key in `line`; None for an empty one (the cluster is not encrypted)."""
        words = line.decode("ascii", "replace").split()
        if not words:
            return None
        root_id, secret = words
        return cls(root_id, bytes.fromhex(secret))
