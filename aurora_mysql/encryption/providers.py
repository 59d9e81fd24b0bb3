"""Who keeps key-management keys, behind one small interface: a local file, or AWS KMS.

A key is named by a text: ``local:/path/to/file.key``, or ``kms:<key id, ARN or alias/name>`` with an optional
``?region=...&endpoint=...``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol
from urllib.parse import parse_qsl

from aurora_mysql.errors import ConfigError


class KeyProvider(Protocol):
    """One key-management key. `context` is bound into what is wrapped: with another one it doesn't unwrap."""

    @property
    def name(self) -> str:
        """What :func:`open_provider` makes this provider from."""
        ...

    def wrap(self, secret: bytes, context: str) -> bytes:
        """
        Raises:
            KeyUnavailableError: the key can't be used.
        """
        ...

    def unwrap(self, wrapped: bytes, context: str) -> bytes:
        """
        Raises:
            KeyUnavailableError: the key can't be used, or is not the one that wrapped this.
        """
        ...


def open_provider(name: str) -> KeyProvider:
    """The provider of the key `name`. No key is read and nobody is asked yet.

    Raises:
        ConfigError: this names no key, or boto3 is not installed.
    """
    kind, _, rest = name.partition(":")
    if kind == "local" and rest:
        from aurora_mysql.encryption.local_key import LocalKey

        return LocalKey(Path(rest).expanduser().absolute())
    if kind == "kms" and rest:
        from aurora_mysql.encryption.kms_key import KmsKey

        key_id, _, query = rest.partition("?")
        options = dict(parse_qsl(query, strict_parsing=False))
        unknown = set(options) - {"region", "endpoint"}
        if key_id and not unknown:
            return KmsKey(key_id, region=options.get("region", ""), endpoint=options.get("endpoint", ""))
    raise ConfigError(
        f"{name!r} names no key: write local:/path/to/file.key (`aurora-mysql key create` makes one), or"
        " kms:KEY with an optional ?region=...&endpoint=..."
    )
