"""A past state as a DuckDB file of its own, put together beside the cluster by a process of its own:

``python -m aurora_mysql.backup.materialise --data-dir D --cluster-id C --vdl N --until-us T --file F``

The first line of its standard input is the cluster's root key (see RootKey.hand_over), or empty. :class:`PastFile`
reads what it made.
"""

from __future__ import annotations

import argparse
import itertools
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb
import msgpack

from aurora_mysql.backup.source import Past, PastState
from aurora_mysql.catalog.model import Catalog, Table
from aurora_mysql.catalog.physical import quote
from aurora_mysql.encryption.private_memory import keep_memory_private
from aurora_mysql.encryption.root_key import RootKey
from aurora_mysql.engine.applier import Applier
from aurora_mysql.engine.arrow_rows import ArrowLayout
from aurora_mysql.engine.fetched import fetch_all, fetched
from aurora_mysql.engine.keys import Key
from aurora_mysql.engine.materialisation import Bootstrap, Materialisation, open_read_only
from aurora_mysql.errors import AuroraError, StorageError
from aurora_mysql.redaction import redacted, redacted_traceback
from aurora_mysql.redo.catalog_codec import decode_catalog
from aurora_mysql.redo.codec import CommitAssembler
from aurora_mysql.redo.record import Commit, Row
from aurora_mysql.storage.medium import ChunkMedium

log = logging.getLogger(__name__)

_BATCH_COMMITS = 2000
_BATCH_ROWS = 50_000
_LOOK_UP_KEYS = 10_000


def materialise(
    state: PastState, store_file: Path, *, threads: int, memory_bytes: int, root: RootKey | None = None
) -> None:
    """Write `state` to `store_file`, which must not exist; encrypted with `root`, if the cluster is.

    Raises:
        StorageError: a chunk or a record can't be read, or the redo can't be applied.
    """
    from aurora_mysql.sql.functions import bootstrap

    steps: Sequence[Bootstrap] = bootstrap
    state.write_file(store_file)
    duck = Materialisation(store_file, threads=threads, memory_limit_bytes=memory_bytes, bootstrap=steps, root=root)
    try:
        applier = Applier(duck)
        for batch in _batches(_commits(state)):
            applier.apply(batch, None)
        applier.checkpoint()
    finally:
        duck.close()


def _commits(state: PastState) -> Iterator[Commit]:
    assembler = CommitAssembler()
    for record in state.records():
        commit = assembler.feed(record)
        if commit is not None:
            yield commit


def _batches(commits: Iterator[Commit]) -> Iterator[list[Commit]]:
    batch: list[Commit] = []
    rows = 0
    for commit in commits:
        batch.append(commit)
        rows += sum(len(change.upserts) + len(change.deletes) for change in commit.changes)
        if len(batch) >= _BATCH_COMMITS or rows >= _BATCH_ROWS:
            yield batch
            batch, rows = [], 0
    if batch:
        yield batch


class PastFile:
    """A materialised past state, read only. Blocking; used by one thread at a time."""

    def __init__(self, path: Path, root: RootKey | None = None) -> None:
        try:
            self._connection = open_read_only(path, root)
        except duckdb.Error as error:
            raise StorageError(f"the materialised past can't be opened: {error}") from error

    def catalog(self) -> Catalog:
        found = self._connection.execute("SELECT v FROM aurora_meta WHERE k = 'catalog'").fetchall()
        return decode_catalog(bytes(found[0][0])) if found else Catalog()

    def counters(self) -> dict[int, int]:
        """Next AUTO_INCREMENT values as of the checkpoint behind this state."""
        found = self._connection.execute("SELECT v FROM aurora_meta WHERE k = 'counters'").fetchall()
        return msgpack.unpackb(bytes(found[0][0]), strict_map_key=False) if found else {}

    def rows(self, table: Table, batch_rows: int) -> Iterator[list[Row]]:
        """Every row of `table` (as it was defined then), in batches."""
        names = ", ".join(quote(column.name) for column in table.columns)
        cursor = self._connection.cursor()
        cursor.execute("USE vol")
        cursor.execute(f"SELECT {names} FROM main.{table.physical_name}")
        types = [str(d[1]) for d in cursor.description or ()]
        while rows := cursor.fetchmany(batch_rows):
            yield fetched(rows, types)

    def look_up(self, table: Table, keys: Sequence[Key]) -> Iterator[Row]:
        """The rows that have one of `keys`."""
        layout = ArrowLayout(table)
        names = ", ".join(f"t.{quote(column.name)}" for column in table.columns)
        match = " AND ".join(f"t.{quote(name)} = k.k{number}" for number, name in enumerate(layout.key_names))
        wanted = iter(keys)
        while batch := list(itertools.islice(wanted, _LOOK_UP_KEYS)):
            self._connection.register("wanted_keys", layout.keys(batch))
            yield from fetch_all(
                self._connection.execute(
                    f"SELECT {names} FROM main.{table.physical_name} t, wanted_keys k WHERE {match}"
                )
            )
            self._connection.unregister("wanted_keys")

    def close(self) -> None:
        self._connection.close()


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--cluster-id", required=True)
    parser.add_argument("--vdl", type=int, required=True)
    parser.add_argument("--until-us", type=int, required=True)
    parser.add_argument("--file", type=Path, required=True)
    parser.add_argument("--medium", type=ChunkMedium.from_json, default=ChunkMedium())
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--memory-bytes", type=int, default=512 << 20)
    options = parser.parse_args()
    root = RootKey.take_over(sys.stdin.buffer.readline())
    if root is not None:
        keep_memory_private()
    os.nice(5)  # the cluster's own work comes first
    past = Past(options.data_dir, options.cluster_id, options.vdl, options.medium, root)
    try:
        with past.at(options.until_us) as state:
            materialise(state, options.file, threads=options.threads, memory_bytes=options.memory_bytes, root=root)
    except AuroraError as error:
        print(error if root is None else redacted(error), file=sys.stderr)
        return 1
    except Exception as error:
        if root is None:
            raise
        print(redacted_traceback(error), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
