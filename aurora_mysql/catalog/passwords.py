"""What MySQL stores of a password, for its two usual plugins, and how a password is checked against it.

``mysql_native_password``: ``*`` and 40 hex digits of SHA1(SHA1(password)).
``caching_sha2_password``: ``$A$005$``, a salt of 20 characters, 43 characters of SHA-256 crypt with 5000 rounds.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

NATIVE = "mysql_native_password"
CACHING_SHA2 = "caching_sha2_password"

#: MySQL's bound; the cost of SHA-256 crypt grows with the square of the length.
MAX_PASSWORD_BYTES = 256

_SALT_LENGTH = 20
_SALT_ALPHABET = "".join(chr(c) for c in range(0x21, 0x7F) if chr(c) not in "$'\"\\`")
_CRYPT_ALPHABET = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#: Order in which SHA-256 crypt takes the digest's bytes, three at a time.
_CRYPT_ORDER = [
    (0, 10, 20), (21, 1, 11), (12, 22, 2), (3, 13, 23), (24, 4, 14),
    (15, 25, 5), (6, 16, 26), (27, 7, 17), (18, 28, 8), (9, 19, 29),
]  # fmt: skip


def native_auth_string(password: str) -> str:
    """The stored form for mysql_native_password; '' for no password."""
    if not password:
        return ""
    return "*" + hashlib.sha1(hashlib.sha1(password.encode()).digest()).hexdigest().upper()


def sha2_auth_string(password: str, *, salt: bytes | None = None) -> str:
    """The stored form for caching_sha2_password; '' for no password. Takes about 5 ms of CPU."""
    if not password:
        return ""
    if salt is None:
        salt = "".join(secrets.choice(_SALT_ALPHABET) for _ in range(_SALT_LENGTH)).encode()
    return "$A$005$" + salt.decode("latin-1") + sha256_crypt(password.encode(), salt, 5000).decode()


def make_auth_string(plugin: str, password: str) -> str:
    """The stored form of `password` for `plugin`.

    Raises:
        ValueError: the plugin is neither of the two.
    """
    if plugin == NATIVE:
        return native_auth_string(password)
    if plugin == CACHING_SHA2:
        return sha2_auth_string(password)
    raise ValueError(f"no such authentication plugin: {plugin}")


def verify_sha2(password: bytes, auth_string: str) -> bool:
    """Does `password` match a stored caching_sha2_password string? Constant-time in the digest. About 5 ms of CPU."""
    parsed = _parse_sha2(auth_string)
    if parsed is None or len(password) > MAX_PASSWORD_BYTES:
        return False
    rounds, salt, digest = parsed
    return hmac.compare_digest(sha256_crypt(password, salt, rounds), digest)


def _parse_sha2(auth_string: str) -> tuple[int, bytes, bytes] | None:
    raw = auth_string.encode("latin-1", "replace")
    if len(raw) != 7 + _SALT_LENGTH + 43 or not raw.startswith(b"$A$") or raw[6:7] != b"$":
        return None
    try:
        rounds = int(raw[3:6], 16) * 1000
    except ValueError:
        return None
    return rounds, raw[7 : 7 + _SALT_LENGTH], raw[7 + _SALT_LENGTH :]


def sha256_crypt(password: bytes, salt: bytes, rounds: int) -> bytes:
    """SHA-256 crypt's 43 characters, with the whole salt (the system's crypt() would cut it at 16)."""
    sha256 = hashlib.sha256
    size = len(password)
    b = sha256(password + salt + password).digest()
    a = sha256(password + salt + b * (size // 32) + b[: size % 32])
    n = size
    while n:
        a.update(b if n & 1 else password)
        n >>= 1
    digest = a.digest()
    dp = sha256(password * size).digest()
    p = dp * (size // 32) + dp[: size % 32]
    ds = sha256(salt * (16 + digest[0])).digest()
    s = ds * (len(salt) // 32) + ds[: len(salt) % 32]
    for i in range(rounds):
        c = p if i & 1 else digest
        if i % 3:
            c += s
        if i % 7:
            c += p
        c += digest if i & 1 else p
        digest = sha256(c).digest()
    out = bytearray()
    for x, y, z in _CRYPT_ORDER:
        out += _base64(digest[x] << 16 | digest[y] << 8 | digest[z], 4)
    out += _base64(digest[31] << 8 | digest[30], 3)
    return bytes(out)


def _base64(value: int, count: int) -> bytes:
    return bytes(_CRYPT_ALPHABET[value >> 6 * i & 0x3F] for i in range(count))
