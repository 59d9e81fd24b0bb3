"""A key-management key in AWS KMS. Its key material never leaves KMS: wrapping and unwrapping are requests.

Region, credentials and endpoint come from where boto3 finds them, unless the key's name says otherwise.
"""

from __future__ import annotations

import threading
from typing import Any
from urllib.parse import urlencode

from aurora_mysql.errors import ConfigError, KeyUnavailableError, KeyUnreachableError

_TIMEOUT_S = 5
_CONTEXT = "aurora-mysql:root-key"

#: Answers that say nothing about the key: the service is there, but not for us, not now.
_PASSING = frozenset(
    {
        "ThrottlingException",
        "KMSInternalException",
        "DependencyTimeoutException",
        "KeyUnavailableException",
        "RequestLimitExceeded",
        "InternalFailure",
        "ServiceUnavailable",
        "RequestTimeout",
        "RequestExpired",
    }
)


class KmsKey:
    """Encrypt and Decrypt of one KMS key, with an encryption context."""

    def __init__(self, key_id: str, *, region: str = "", endpoint: str = "") -> None:
        self._key_id, self._region, self._endpoint = key_id, region, endpoint
        options = {"region": region, "endpoint": endpoint}
        query = urlencode({key: value for key, value in options.items() if value}, safe=":/")
        self.name = f"kms:{key_id}{'?' if query else ''}{query}"
        self._lock = threading.Lock()
        self._made: Any = None

    def wrap(self, secret: bytes, context: str) -> bytes:
        answer = self._call("encrypt", Plaintext=secret, EncryptionContext={_CONTEXT: context})
        wrapped: bytes = answer["CiphertextBlob"]
        return wrapped

    def unwrap(self, wrapped: bytes, context: str) -> bytes:
        answer = self._call("decrypt", CiphertextBlob=wrapped, EncryptionContext={_CONTEXT: context})
        secret: bytes = answer["Plaintext"]
        return secret

    def _call(self, operation: str, **arguments: Any) -> Any:
        client = self._client()
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return getattr(client, operation)(KeyId=self._key_id, **arguments)
        except ClientError as error:
            answer = error.response.get("Error", {})
            text = f"KMS key {self._key_id}: {answer.get('Code')}: {answer.get('Message')}"
            status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
            if answer.get("Code") in _PASSING or status >= 500:
                raise KeyUnreachableError(text) from None
            raise KeyUnavailableError(text) from None
        except BotoCoreError as error:
            raise KeyUnreachableError(f"KMS key {self._key_id}: {error}") from None

    def _client(self) -> Any:
        with self._lock:
            if self._made is None:
                try:
                    import boto3
                    from botocore.config import Config
                    from botocore.exceptions import BotoCoreError
                except ImportError:
                    raise ConfigError(
                        "AWS KMS needs boto3: install aurora-mysql with its extra, `pip install 'aurora-mysql[kms]'`"
                    ) from None
                config = Config(
                    connect_timeout=_TIMEOUT_S,
                    read_timeout=_TIMEOUT_S,
                    retries={"total_max_attempts": 2, "mode": "standard"},
                )
                try:
                    self._made = boto3.session.Session().client(
                        "kms",
                        region_name=self._region or None,
                        endpoint_url=self._endpoint or None,
                        config=config,
                    )
                except (BotoCoreError, ValueError) as error:
                    raise ConfigError(f"KMS key {self._key_id}: {error}") from None
            return self._made
