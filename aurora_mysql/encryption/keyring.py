"""A root key as it is stored: wrapped by a key-management key, or by two while one takes over from the other.

Rotation replaces the wraps and leaves the root key, so no data is written anew. A keyring has a generation that grows
with each change; of several copies that are found, the highest generation counts first.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from zlib import crc32

from aurora_mysql.encryption.providers import KeyProvider, open_provider
from aurora_mysql.encryption.root_key import KEY_BYTES, RootKey
from aurora_mysql.errors import AuroraError, CorruptRecordError, KeyUnavailableError, KeyUnreachableError

FORMAT_VERSION = 1


class KeyringFormatError(CorruptRecordError):
    """A keyring that a newer release wrote."""


@dataclass(frozen=True, slots=True)
class Wrap:
    """The root key, wrapped by the key-management key named `key` (see providers.py)."""

    key: str
    wrapped: bytes


@dataclass(frozen=True, slots=True)
class Keyring:
    """Invariant: every wrap opens to the same root key, the one with `root_id`. The first one is the key in use."""

    root_id: str
    generation: int
    wraps: tuple[Wrap, ...]

    @property
    def key(self) -> str:
        """The name of the key-management key in use."""
        return self.wraps[0].key

    @classmethod
    def create(cls, root: RootKey, provider: KeyProvider) -> Keyring:
        """A keyring for `root`, proved to open. Raises KeyUnavailableError."""
        return cls(root.id, 1, (_wrapped(root, provider),))

    def with_key(self, root: RootKey, provider: KeyProvider) -> Keyring:
        """First step of a rotation: `provider`'s key opens it, and those of before still do."""
        others = tuple(wrap for wrap in self.wraps if wrap.key != provider.name)
        return replace(self, generation=self.generation + 1, wraps=(_wrapped(root, provider), *others))

    def only_first(self) -> Keyring:
        """Second step of a rotation: the keys of before open it no more."""
        return replace(self, generation=self.generation + 1, wraps=self.wraps[:1])

    # -- bytes ------------------------------------------------------------------------------------------------------

    def encode(self) -> bytes:
        wraps = [{"key": wrap.key, "wrapped": base64.b64encode(wrap.wrapped).decode()} for wrap in self.wraps]
        body = json.dumps({"root_id": self.root_id, "generation": self.generation, "wraps": wraps})
        return json.dumps({"format_version": FORMAT_VERSION, "crc32": crc32(body.encode()), "body": body}).encode()

    @classmethod
    def decode(cls, data: bytes, where: str) -> Keyring:
        """
        Raises:
            CorruptRecordError: damaged. KeyringFormatError: written by a newer release.
        """
        try:
            document: dict[str, Any] = json.loads(data)
            if document["format_version"] > FORMAT_VERSION:
                raise KeyringFormatError(
                    f"{where} has keyring format {document['format_version']}, this release reads {FORMAT_VERSION}"
                )
            if crc32(document["body"].encode()) != document["crc32"]:
                raise ValueError("wrong checksum")
            values = json.loads(document["body"])
            wraps = tuple(Wrap(str(w["key"]), base64.b64decode(w["wrapped"], validate=True)) for w in values["wraps"])
            if not wraps:
                raise ValueError("no wrapped key")
            return cls(str(values["root_id"]), int(values["generation"]), wraps)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise CorruptRecordError(f"{where} can't be read: {error}") from error


def unlock(keyrings: Sequence[Keyring], *, also: str = "") -> RootKey:
    """The root key, from the first of `keyrings` and their wraps that opens. `also` names a key to try besides: the
    same key at another place.

    Raises:
        KeyUnreachableError: none opened, but a key's service did not answer: it may, later.
        KeyUnavailableError: none opened. The message says why not, for each key.
    """
    reasons: dict[str, str] = {}
    unreachable = False
    for wrap, root_id in _candidates(keyrings, also):
        try:
            secret = open_provider(wrap.key).unwrap(wrap.wrapped, root_id)
        except AuroraError as error:
            unreachable = unreachable or isinstance(error, KeyUnreachableError)
            reasons.setdefault(str(error), wrap.key)
            continue
        if len(secret) == KEY_BYTES:
            return RootKey(root_id, secret)
        reasons.setdefault(f"{wrap.key} unwraps to something else", wrap.key)
    text = "the key of this cluster can't be used: " + ("; ".join(reasons) or "there is no keyring")
    raise KeyUnreachableError(text) if unreachable else KeyUnavailableError(text)


def _candidates(keyrings: Sequence[Keyring], also: str) -> Iterable[tuple[Wrap, str]]:
    ordered = sorted(keyrings, key=lambda keyring: keyring.generation, reverse=True)
    seen: set[tuple[str, bytes]] = set()
    for keyring in ordered:
        for wrap in keyring.wraps:
            for key in (wrap.key, also) if also else (wrap.key,):
                if (key, wrap.wrapped) not in seen:
                    seen.add((key, wrap.wrapped))
                    yield Wrap(key, wrap.wrapped), keyring.root_id


def _wrapped(root: RootKey, provider: KeyProvider) -> Wrap:
    wrapped = provider.wrap(root.secret, root.id)
    if provider.unwrap(wrapped, root.id) != root.secret:
        raise KeyUnavailableError(f"{provider.name} does not give back what it wrapped")
    return Wrap(provider.name, wrapped)
