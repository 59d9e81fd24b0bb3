"""Where a cluster keeps its chunks and manifests, chosen when it is made."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aurora_mysql.storage.object_place import ObjectPlace
from aurora_mysql.storage.places import LocalPlace, Place

#: Directories of the volume, one per availability zone.
ZONES = ("az-a", "az-b", "az-c")


@dataclass(frozen=True, slots=True)
class ChunkMedium:
    """Without `url` the three zones of the volume, else an object store.

    Attributes:
        url: ``s3://bucket/path``, ``gs://...``, ``az://...``; credentials come from the environment.
        endpoint: of a store that is not its vendor's own.
        region: where the bucket is.
        allow_http: the endpoint may be reached without TLS.
    """

    url: str = ""
    endpoint: str = ""
    region: str = ""
    allow_http: bool = False

    def places(self, volume_dir: Path) -> Sequence[Place]:
        """Raises ConfigError when the store can't be set up; nothing is asked of it yet."""
        return [self._objects()] if self.url else [LocalPlace(volume_dir / zone) for zone in ZONES]

    def claim(self, cluster_id: str) -> None:
        """Make an object store's path this cluster's. Raises ConfigError: it is another's, or it can't be used."""
        if self.url:
            self._objects().claim(cluster_id)

    def _objects(self) -> ObjectPlace:
        return ObjectPlace(self.url, endpoint=self.endpoint, region=self.region, allow_http=self.allow_http)

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> ChunkMedium:
        return cls(**json.loads(text))
