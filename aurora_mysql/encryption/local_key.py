"""A key-management key in a file of this machine, which its owner keeps apart from the data.

The file is one line: ``aurora-mysql-key 1 <public id> <256 bits in base64>``, mode 0600.
"""

from __future__ import annotations

import base64
import os
import secrets
import stat
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from aurora_mysql.encryption.root_key import KEY_BYTES, NONCE_BYTES
from aurora_mysql.errors import ConfigError, KeyUnavailableError

_MAGIC, _VERSION = "aurora-mysql-key", "1"
_ID_BYTES = 8


def create_key_file(path: Path) -> str:
    """Generate a key into the new file `path`, durably and for its owner alone; returns the key's public id.

    Raises:
        ConfigError: the file exists or can't be written.
    """
    key_id = secrets.token_hex(_ID_BYTES)
    text = f"{_MAGIC} {_VERSION} {key_id} {base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()}\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except FileExistsError:
        raise ConfigError(f"{path} exists already: a key is never overwritten") from None
    except OSError as error:
        raise ConfigError(f"key file {path}: {error.strerror}") from None
    return key_id


class LocalKey:
    """The file is read at every use: a key that was taken away is missed, one that came back works."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = f"local:{path}"

    def wrap(self, secret: bytes, context: str) -> bytes:
        key_id, cipher = self._read()
        nonce = secrets.token_bytes(NONCE_BYTES)
        return key_id + nonce + cipher.encrypt(nonce, secret, key_id + context.encode())

    def unwrap(self, wrapped: bytes, context: str) -> bytes:
        key_id, cipher = self._read()
        wanted, nonce = wrapped[:_ID_BYTES], wrapped[_ID_BYTES : _ID_BYTES + NONCE_BYTES]
        if wanted != key_id:
            raise KeyUnavailableError(f"{self.path} holds key {key_id.hex()}, key {wanted.hex()} is wanted")
        try:
            return cipher.decrypt(nonce, wrapped[_ID_BYTES + NONCE_BYTES :], key_id + context.encode())
        except InvalidTag:
            raise KeyUnavailableError(f"the key in {self.path} does not open this keyring") from None

    def _read(self) -> tuple[bytes, AESGCM]:
        try:
            mode = self.path.stat().st_mode
            words = self.path.read_text().split()
        except OSError as error:
            raise KeyUnavailableError(f"key file {self.path}: {error.strerror}") from None
        except ValueError:
            words = []
        if stat.S_IMODE(mode) & 0o077:
            raise KeyUnavailableError(f"key file {self.path} is open to others: chmod 600 it")
        if len(words) == 4 and words[0] == _MAGIC and words[1] != _VERSION:
            raise KeyUnavailableError(f"key file {self.path} has version {words[1]}, this release reads {_VERSION}")
        try:
            magic, _, key_id, encoded = words
            secret = base64.b64decode(encoded, validate=True)
            if magic != _MAGIC or len(secret) != KEY_BYTES or len(bytes.fromhex(key_id)) != _ID_BYTES:
                raise ValueError
        except ValueError:
            raise KeyUnavailableError(f"{self.path} is no key file (`aurora-mysql key create` makes one)") from None
        return bytes.fromhex(key_id), AESGCM(secret)
