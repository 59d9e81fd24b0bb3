"""The DuckDB file of an instance: a disposable columnar materialisation of the log at `applied_lsn`.

The file is attached as ``vol`` without a write-ahead log: after a crash it is what the last CHECKPOINT left, with
its own `applied_lsn` and catalog inside, and the redo log brings it forward. Configuration is locked so that no
statement can reach files or Python variables.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import duckdb

from aurora_mysql.catalog.collation import collation_key
from aurora_mysql.catalog.convert_text import mysql_convert
from aurora_mysql.catalog.model import Catalog
from aurora_mysql.encryption.root_key import RootKey
from aurora_mysql.engine import sealed_files
from aurora_mysql.redo.catalog_codec import decode_catalog, encode_catalog

log = logging.getLogger(__name__)

#: Runs on every new DuckDB instance before the configuration is locked: macros and functions of the SQL layer.
Bootstrap = Callable[[duckdb.DuckDBPyConnection], None]


#: Of DuckDB's own threads.
_WORKERS_NICE = 5


class Materialisation:
    """One DuckDB instance over one file.

    `cursor()` may be called from any thread; a cursor belongs to one thread at a time. The applier's own connection
    is the only one that writes ``vol``.

    Args:
        root: the cluster's root key, if it is encrypted: then the file and all that is spilled are, too.
    """

    def __init__(
        self,
        path: Path,
        *,
        threads: int,
        memory_limit_bytes: int,
        bootstrap: Sequence[Bootstrap],
        root: RootKey | None = None,
    ) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        spill = path.parent / "spill"
        spill.mkdir(exist_ok=True)
        before = _foreign_threads()
        self._root = duckdb.connect(
            ":memory:",
            config={
                "threads": threads,
                "memory_limit": f"{memory_limit_bytes // (1024 * 1024)}MB",
                "allow_unsigned_extensions": "false",
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
                "preserve_insertion_order": "true",
            },
        )
        # They work for long queries, mostly; the threads that answer clients and take commits come first.
        for thread in _foreign_threads() - before:
            with suppress(ProcessLookupError):  # it has ended already
                os.setpriority(os.PRIO_PROCESS, thread, _WORKERS_NICE)
        connection = self._root
        name_of = str if root is None else sealed_files.mount(connection, root, spill)
        connection.execute(f"SET temp_directory = '{_escape(name_of(spill))}'")
        connection.execute(f"ATTACH '{_escape(name_of(path))}' AS vol (RECOVERY_MODE 'no_wal_writes')")
        connection.execute("USE vol")
        connection.execute("SET GLOBAL TimeZone = 'UTC'")
        connection.execute("SET GLOBAL python_enable_replacements = false")
        connection.create_function("mysql_collation_key", collation_key, ["VARCHAR", "VARCHAR"], "VARCHAR")
        connection.create_function("mysql_convert", mysql_convert, ["VARCHAR", "VARCHAR"], "VARCHAR")
        connection.execute("CREATE TABLE IF NOT EXISTS vol.main.aurora_meta (k VARCHAR, v BLOB)")
        connection.execute("CREATE TABLE IF NOT EXISTS vol.main.aurora_applied (lsn UBIGINT)")
        if connection.execute("SELECT count(*) FROM vol.main.aurora_applied").fetchall() == [(0,)]:
            connection.execute("INSERT INTO vol.main.aurora_applied VALUES (0)")
        for step in bootstrap:
            step(connection)
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        self._pool: list[duckdb.DuckDBPyConnection] = []
        self._pool_lock = threading.Lock()

    @property
    def root(self) -> duckdb.DuckDBPyConnection:
        """The applier's connection."""
        return self._root

    def applied_lsn(self) -> int:
        return int(self._root.execute("SELECT lsn FROM vol.main.aurora_applied").fetchall()[0][0])

    def meta(self, key: str) -> bytes | None:
        rows = self._root.execute("SELECT v FROM vol.main.aurora_meta WHERE k = $1", [key]).fetchall()
        return bytes(rows[0][0]) if rows else None

    def put_meta(self, key: str, value: bytes) -> None:
        """Part of the applier's open transaction."""
        self._root.execute("DELETE FROM vol.main.aurora_meta WHERE k = $1", [key])
        self._root.execute("INSERT INTO vol.main.aurora_meta VALUES ($1, $2)", [key, value])

    def catalog(self) -> Catalog:
        blob = self.meta("catalog")
        return Catalog() if blob is None else decode_catalog(blob)

    def table_rows(self) -> dict[str, int]:
        """Estimated number of rows by physical name."""
        cursor = self.borrow()
        try:
            rows = cursor.execute(
                "SELECT table_name, estimated_size FROM duckdb_tables() WHERE database_name = 'vol'"
            ).fetchall()
        finally:
            self.give_back(cursor)
        return {str(name): int(size) for name, size in rows}

    def used_bytes(self) -> int:
        """What the file's content takes as of its last checkpoint; blocks that are free again don't count."""
        cursor = self.borrow()
        try:
            rows = cursor.execute(
                "SELECT block_size * used_blocks FROM pragma_database_size() WHERE database_name = 'vol'"
            ).fetchall()
        finally:
            self.give_back(cursor)
        return int(rows[0][0])

    def put_catalog(self, catalog: Catalog) -> None:
        self.put_meta("catalog", encode_catalog(catalog))

    def borrow(self) -> duckdb.DuckDBPyConnection:
        """A cursor outside any transaction; give it back with :meth:`give_back`."""
        with self._pool_lock:
            if self._pool:
                return self._pool.pop()
        cursor = self._root.cursor()
        cursor.execute("USE vol")
        return cursor

    def give_back(self, cursor: duckdb.DuckDBPyConnection, *, reusable: bool = True) -> None:
        """`reusable` False: the cursor is in an unknown state and is closed instead."""
        if reusable:
            with self._pool_lock:
                if len(self._pool) < 64:
                    self._pool.append(cursor)
                    return
        cursor.close()

    def checkpoint(self) -> None:
        """Write everything applied into the file (DuckDB CHECKPOINT). Only from the applier's thread."""
        self._root.execute("CHECKPOINT vol")

    def close(self) -> None:
        with self._pool_lock:
            for cursor in self._pool:
                cursor.close()
            self._pool.clear()
        self._root.close()


def open_read_only(path: Path, root: RootKey | None) -> duckdb.DuckDBPyConnection:
    """A connection to the file as its default database.

    Raises:
        duckdb.Error: it can't be opened.
    """
    connection = duckdb.connect(":memory:", config={"threads": 1})
    spill = path.with_name("spill")
    name_of = str if root is None else sealed_files.mount(connection, root, spill)
    connection.execute(f"SET temp_directory = '{_escape(name_of(spill))}'")
    connection.execute(f"ATTACH '{_escape(name_of(path))}' AS vol (READ_ONLY)")
    connection.execute("USE vol")
    return connection


def _foreign_threads() -> set[int]:
    """Ids of this process's threads that Python has not started."""
    return set(map(int, os.listdir("/proc/self/task"))) - {t.native_id for t in threading.enumerate()}


def _escape(text: str) -> str:
    return text.replace("'", "''")
