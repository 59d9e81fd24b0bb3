"""An S3 server of moto on a free loopback port, in this process, with one bucket."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from unittest import mock

import boto3
from moto.server import ThreadedMotoServer

from aurora_mysql.storage.medium import ChunkMedium

#: Where obstore looks for credentials.
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1"}
BUCKET = "aurora-chunks"


@dataclass
class ObjectStore:
    server: ThreadedMotoServer
    endpoint: str

    def medium(self, path: str) -> ChunkMedium:
        return ChunkMedium(f"s3://{BUCKET}/{path}", self.endpoint, allow_http=True)

    def _client(self) -> object:
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def names(self, path: str) -> list[str]:
        """Every object's name below `path`/, without it."""
        pages = self._client().get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=path + "/")  # type: ignore[attr-defined]
        return sorted(item["Key"][len(path) + 1 :] for page in pages for item in page.get("Contents", ()))

    def overwrite(self, path: str, name: str, data: bytes) -> None:
        self._client().put_object(Bucket=BUCKET, Key=f"{path}/{name}", Body=data)  # type: ignore[attr-defined]


@contextmanager
def object_store() -> Iterator[ObjectStore]:
    """The server and, meanwhile, its credentials in the environment."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    store = ObjectStore(server, f"http://{host}:{port}")
    try:
        store._client().create_bucket(Bucket=BUCKET)  # type: ignore[attr-defined]
        with mock.patch.dict(os.environ, CREDENTIALS):
            yield store
    finally:
        server.stop()
