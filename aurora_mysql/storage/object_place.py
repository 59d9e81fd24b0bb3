"""An object store (S3, GCS, Azure, and what speaks their protocols) as a place for chunks and manifests.

The client is obstore. What the place needs of a store beyond whole objects is a conditional write, "only if there is
none": by it a cluster claims its part of a bucket. Not every store that calls itself compatible honours the condition,
so it is tried at every start.
"""

from __future__ import annotations

import errno
import json
import secrets
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from aurora_mysql.errors import ConfigError
from aurora_mysql.storage.places import Place

#: Requests under way at a time: each waits for a network, none needs much of a processor.
REQUESTS = 8

#: A request is tried again after failures that may pass, for this long at most.
RETRIES = 5
RETRY_FOR = timedelta(seconds=30)

_OWNER = "owner.json"


class ObjectPlace:
    """Objects below the path of `url`, such as ``s3://bucket/path``.

    Args:
        url: scheme, bucket and path, as obstore's ``from_url`` takes them.
        endpoint: of a store that is not its vendor's own; empty: the vendor's.
        region: where the bucket is; empty: what the environment says.
        allow_http: the endpoint may be reached without TLS.

    Credentials come from the environment, where obstore looks for them as the stores' own tools do.

    Raises:
        ConfigError: obstore is not installed, or knows no such store or setting.
    """

    requests = REQUESTS

    def __init__(self, url: str, *, endpoint: str = "", region: str = "", allow_http: bool = False) -> None:
        try:
            import obstore
            from obstore import exceptions, store
        except ImportError:
            raise ConfigError(f"{url} needs the package obstore: install aurora-mysql[objects]") from None
        parts = urlsplit(url)
        settings = {key: value for key, value in (("endpoint", endpoint), ("region", region)) if value}
        try:
            self._store: Any = store.from_url(
                f"{parts.scheme}://{parts.netloc}",
                config=settings or None,
                client_options={"allow_http": allow_http},
                retry_config={"max_retries": RETRIES, "retry_timeout": RETRY_FOR},
            )
        except (exceptions.BaseError, ValueError, TypeError) as error:
            raise ConfigError(f"chunk store {url}: {_first_line(error)}") from None
        self._obstore, self._errors = obstore, exceptions
        self._url, self._bucket = url, (parts.scheme, parts.netloc, endpoint)
        self._path = parts.path.strip("/")

    def __str__(self) -> str:
        return self._url

    def _key(self, name: str) -> str:
        return f"{self._path}/{name}" if self._path else name

    def _failed(self, doing: str, name: str, error: Exception) -> OSError:
        return OSError(errno.EIO, f"{doing} {self._url}/{name}: {_first_line(error)}")

    def read(self, name: str) -> bytes | None:
        try:
            return bytes(self._obstore.get(self._store, self._key(name)).bytes())
        except FileNotFoundError:
            return None
        except self._errors.BaseError as error:
            raise self._failed("reading", name, error) from error

    def has(self, name: str) -> bool:
        try:
            self._obstore.head(self._store, self._key(name))
        except FileNotFoundError:
            return False
        except self._errors.BaseError as error:
            raise self._failed("looking for", name, error) from error
        return True

    def write(self, name: str, data: bytes) -> None:
        try:
            self._obstore.put(self._store, self._key(name), data)
        except self._errors.BaseError as error:
            raise self._failed("writing", name, error) from error

    def create(self, name: str, data: bytes) -> bool:
        """Store it durably unless there is one; False, and nothing stored, if there is. Only one of many succeeds."""
        try:
            self._obstore.put(self._store, self._key(name), data, mode="create")
        except self._errors.AlreadyExistsError:
            return False
        except self._errors.BaseError as error:
            raise self._failed("creating", name, error) from error
        return True

    def remove(self, name: str) -> None:
        try:
            self._obstore.delete(self._store, self._key(name))
        except FileNotFoundError:
            return
        except self._errors.BaseError as error:
            raise self._failed("removing", name, error) from error

    def names(self, prefix: str) -> Iterator[str]:
        skip = len(self._path) + 1 if self._path else 0
        try:
            for batch in self._obstore.list(self._store, self._key(prefix)):
                yield from (entry["path"][skip:] for entry in batch)
        except self._errors.BaseError as error:
            raise self._failed("listing", prefix, error) from error

    def share(self, other: Place, name: str) -> bool:
        if not isinstance(other, ObjectPlace) or other._bucket != self._bucket:
            return False
        try:
            self._obstore.copy(self._store, other._key(name), self._key(name))
        except FileNotFoundError:
            return False
        except self._errors.BaseError as error:
            raise self._failed("copying", name, error) from error
        return True

    def settle(self, prefix: str) -> None:
        """Nothing to do: what a store has answered for is durable."""

    def claim(self, cluster_id: str) -> None:
        """Make this place `cluster_id`'s, after a look whether the store keeps the promise that claims rest on.

        Raises:
            ConfigError: it is another cluster's, the store ignores the condition of a write, or can't be reached.
        """
        probe = f"probe-{secrets.token_hex(8)}"
        try:
            try:
                if not self.create(probe, b"1") or self.create(probe, b"2"):
                    raise ConfigError(f"{self._url} ignores conditional writes: it can't keep a cluster's chunks")
            finally:
                self.remove(probe)
            if self.create(_OWNER, json.dumps({"cluster_id": cluster_id}).encode()):
                return
            owner = json.loads(self.read(_OWNER) or b"{}").get("cluster_id")
        except (OSError, ValueError) as error:
            raise ConfigError(f"chunk store {self._url} can't be used: {error}") from None
        if owner != cluster_id:
            raise ConfigError(f"{self._url} belongs to cluster {owner}: give each cluster a path of its own")


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
