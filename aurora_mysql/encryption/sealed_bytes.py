"""Small things as sealed bytes: a chunk, a password. Each has a data key of its own, used once.

``salt (16) | ciphertext | tag (16)``; the nonce is zero, which is right since no key ever sees a second message.
"""

from __future__ import annotations

import secrets

from cryptography.exceptions import InvalidTag

from aurora_mysql.encryption.root_key import NONCE_BYTES, SALT_BYTES, TAG_BYTES, RootKey

_NONCE = bytes(NONCE_BYTES)


def seal(root: RootKey, purpose: str, data: bytes, context: bytes) -> bytes:
    """`data`, readable only with `root`, `purpose` and `context`."""
    salt = secrets.token_bytes(SALT_BYTES)
    return salt + root.cipher(purpose, salt).encrypt(_NONCE, data, context)


def unseal(root: RootKey, purpose: str, sealed: bytes, context: bytes) -> bytes | None:
    """What was sealed; None when `sealed` is not what :func:`seal` made with these."""
    if len(sealed) < SALT_BYTES + TAG_BYTES:
        return None
    try:
        return root.cipher(purpose, sealed[:SALT_BYTES]).decrypt(_NONCE, sealed[SALT_BYTES:], context)
    except InvalidTag:
        return None
