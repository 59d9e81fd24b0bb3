"""The engine of one instance: catalog, row store, locks, redo in and out, and the DuckDB materialisation.

It starts as a reader (:meth:`Engine.ingest` brings redo) and may become the writer (:meth:`Engine.become_writer`).
Everything here runs on the event loop; DuckDB calls run on worker threads, redo appends on the volume's threads.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgpack

from aurora_mysql.catalog.model import Catalog, CatalogDelta, Table
from aurora_mysql.engine.applier import Applier
from aurora_mysql.engine.apply_queue import ApplyQueue
from aurora_mysql.engine.arrow_rows import ArrowLayout
from aurora_mysql.engine.commit_log import CommitLog, InFlight, WritableVolume
from aurora_mysql.engine.freeze import Freeze
from aurora_mysql.engine.keys import TableKeys
from aurora_mysql.engine.locks import LockManager, LockOwner
from aurora_mysql.engine.materialisation import Bootstrap, Materialisation
from aurora_mysql.engine.options import EngineOptions
from aurora_mysql.engine.query_gate import QueryGate
from aurora_mysql.engine.row_store import RowStore
from aurora_mysql.engine.store_loads import StoreLoads
from aurora_mysql.engine.table_sizes import TableSizes
from aurora_mysql.engine.temporary import TemporaryRows
from aurora_mysql.engine.transaction import Transaction
from aurora_mysql.engine.transaction.read_view import TransactionView
from aurora_mysql.engine.transaction.row_write import RowWrite
from aurora_mysql.errors import StalePlanError, StorageError, mysql_error
from aurora_mysql.redo.record import Commit, SchemaChange, TableChange

if TYPE_CHECKING:
    from aurora_mysql.engine.client_session import ClientSession

#: Of DuckDB calls; a thread is started when all others are busy.
_MOST_THREADS = 256

log = logging.getLogger(__name__)


def metadata_timeout_s(ctx: ClientSession, options: EngineOptions) -> float:
    """How long the session waits for metadata and whole tables (lock_wait_timeout)."""
    return float(ctx.variables.get("lock_wait_timeout", options.metadata_wait_timeout_s))


class Engine:
    """See the module. Invariants: `visible_lsn` >= `applied_lsn`; every commit in between is in `apply_queue` and
    its rows are pinned in `row_store`; `catalog` is the catalog at `visible_lsn`."""

    def __init__(
        self, directory: Path, *, instance_id: str, options: EngineOptions, bootstrap: Sequence[Bootstrap] = ()
    ) -> None:
        self.instance_id = instance_id
        self.options = options
        self.directory = directory
        self.duck = Materialisation(
            directory / "materialisation.duckdb",
            threads=options.duckdb_threads,
            memory_limit_bytes=options.memory_limit_bytes,
            bootstrap=bootstrap,
            root=options.root_key,
        )
        self._applier = Applier(self.duck)
        # The gate bounds how many are busy with statements; what the engine itself asks for does not wait for those.
        self.executor = ThreadPoolExecutor(_MOST_THREADS, thread_name_prefix="query")
        self.gate = QueryGate(options.query_threads, options.long_queries)
        self.table_sizes = TableSizes(self.duck, self._applier, self.executor)
        self.catalog: Catalog = self._applier.catalog
        self.date_facts = self._applier.facts
        self.visible_lsn = self._applier.applied_lsn
        self.last_commit_time_us = self._applier.applied_time_us
        self.row_store = RowStore(self._keys_of_id, options.row_store_bytes)
        self.locks = LockManager()
        self.freeze = Freeze(self.locks)
        self.transactions: dict[int, Transaction | RowWrite] = {}
        self._transaction_ids = itertools.count(1)
        self._keys: dict[int, TableKeys] = {}
        self._layouts: dict[int, ArrowLayout] = {}
        self._counters: dict[int, int] = self._load_counters()
        self._counters_logged: dict[int, int] = dict(self._counters)
        self._counters_dirty = False
        self.schema_lock = asyncio.Lock()
        self._schema_owner: LockOwner | None = None
        self._schema_session: ClientSession | None = None
        self._log: CommitLog | None = None
        self.failure: Exception | None = None
        #: Called on the loop with every batch of durable commits (the redo stream).
        self.on_durable: Callable[[list[InFlight]], None] | None = None
        #: Called on the loop when this instance can't go on.
        self.on_failure: Callable[[Exception], None] | None = None
        self.apply_queue = ApplyQueue(
            self._applier,
            options,
            counters=self._take_counters,
            before_apply=self._pin_views,
            on_applied=self._applied,
            on_failure=self._failed,
        )
        self.loads = StoreLoads(self.row_store, self.duck, self.executor, self.apply_queue)
        #: Transactions with a read view, by id.
        self.read_views: dict[int, TransactionView] = {}
        self.row_store.oldest_view_lsn = self._oldest_view_lsn

    @classmethod
    async def open(
        cls, directory: Path, *, instance_id: str, options: EngineOptions, bootstrap: Sequence[Bootstrap] = ()
    ) -> Engine:
        """Open (or create) the materialisation in `directory` and start the applier, as a reader."""
        engine = cls(directory, instance_id=instance_id, options=options, bootstrap=bootstrap)
        engine.apply_queue.start()
        return engine

    # --- state -----------------------------------------------------------------------------------------------

    @property
    def applied_lsn(self) -> int:
        return self.apply_queue.applied_lsn

    @property
    def is_writer(self) -> bool:
        return self._log is not None

    @property
    def commit_log(self) -> CommitLog:
        """The writer's pipeline; 1836 on a reader."""
        if self._log is None:
            raise mysql_error(1836)
        return self._log

    @property
    def log(self) -> CommitLog | None:
        """The writer's pipeline; None on a reader."""
        return self._log

    def keys_of(self, table: Table) -> TableKeys:
        keys = self._keys.get(table.id)
        if keys is None or keys.table is not table:
            keys = self._keys[table.id] = TableKeys(table)
        return keys

    def layout_of(self, table: Table) -> ArrowLayout:
        layout = self._layouts.get(table.id)
        if layout is None or layout.table is not table:
            layout = self._layouts[table.id] = ArrowLayout(table, self.date_facts)
        return layout

    def _keys_of_id(self, table_id: int) -> TableKeys | None:
        table = self.catalog.tables_by_id.get(table_id)
        return None if table is None else self.keys_of(table)

    def temporary_rows(self, table: Table) -> TemporaryRows:
        """The empty store of a new temporary table."""
        return TemporaryRows(table, self.keys_of(table), self.layout_of(table))

    def forget_table(self, table_id: int) -> None:
        """A temporary table is gone."""
        for known in (self._keys, self._layouts, self._counters, self._counters_logged):
            known.pop(table_id, None)

    def is_current(self, table: Table) -> bool:
        """True while `table` is the definition in force."""
        return self.catalog.tables_by_id.get(table.id) is table

    # --- transactions ----------------------------------------------------------------------------------------

    def begin(
        self,
        ctx: ClientSession,
        *,
        isolation: str = "REPEATABLE-READ",
        read_only: bool = False,
        autocommit: bool = False,
    ) -> Transaction:
        """A new transaction; no I/O. `autocommit`: it lives for one statement, so it needs no snapshot of its own."""
        transaction = Transaction(
            self, ctx, next(self._transaction_ids), isolation=isolation, read_only=read_only, autocommit=autocommit
        )
        self.transactions[transaction.id] = transaction
        return transaction

    def next_transaction_id(self) -> int:
        return next(self._transaction_ids)

    def _oldest_view_lsn(self) -> int | None:
        views = self.read_views
        return min([view.snapshot_lsn for view in views.values()]) if views else None

    async def _pin_views(self, lsn: int) -> None:
        """Before DuckDB moves to `lsn`: read views of before it that memory has served so far are pinned in DuckDB."""
        older = [view for view in self.read_views.values() if view.snapshot_lsn < lsn and not view.is_pinned]
        if older:
            await asyncio.gather(*(view.pin() for view in older))

    def new_owner(self, ctx: ClientSession) -> LockOwner:
        """A holder of locks that outlive transactions (LOCK TABLES, GET_LOCK)."""
        return LockOwner(next(self._transaction_ids), ctx)

    # --- AUTO_INCREMENT --------------------------------------------------------------------------------------

    def next_auto_increment(self, table: Table, count: int = 1) -> int:
        """Reserve `count` consecutive values; returns the first. Never given back, also not by a rollback."""
        first = self.auto_increment_value(table)
        self._counters[table.id] = first + count
        return first

    def bump_auto_increment(self, table: Table, value: int) -> None:
        """An explicit `value` was stored: the counter stays above it."""
        if value >= self.auto_increment_value(table):
            self._counters[table.id] = value + 1

    def auto_increment_value(self, table: Table) -> int:
        """The next value that would be given."""
        return self._counters.get(table.id) or max(table.auto_increment, 1)

    def counters_for(self, table_ids: Sequence[int]) -> dict[int, int]:
        """Counters of these tables that the log does not have yet; they are logged with the commit.

        They count as logged once that commit is durable: it may fail, and commits beside it must not rely on it.
        """
        found = {}
        for table_id in table_ids:
            value = self._counters.get(table_id)
            if value is not None and self._counters_logged.get(table_id) != value:
                found[table_id] = value
        return found

    def _learn_counters(self, commit: Commit) -> None:
        for table_id, value in commit.counters.items():
            if value > self._counters.get(table_id, 0):
                self._counters[table_id] = value
            if value > self._counters_logged.get(table_id, 0):
                self._counters_logged[table_id] = value
            self._counters_dirty = True

    def _load_counters(self) -> dict[int, int]:
        blob = self.duck.meta("counters")
        return {} if blob is None else msgpack.unpackb(blob, strict_map_key=False)

    def _take_counters(self) -> bytes | None:
        if not self._counters_dirty:
            return None
        self._counters_dirty = False
        packed: bytes = msgpack.packb(self._counters)
        return packed

    # --- redo in (reader, recovery) --------------------------------------------------------------------------

    async def ingest(self, commits: Sequence[Commit], vdl: int) -> None:
        """Make durable commits visible, in LSN order (on a reader, or before becoming the writer).

        Returns when they are visible: a read that starts then sees them. Schema changes wait for the applier, since
        the catalog and DuckDB must change together. Commits at or below `visible_lsn` are skipped.
        """
        for commit in commits:
            if commit.lsn <= self.visible_lsn:
                continue
            if commit.lsn > vdl:
                raise StorageError(f"record {commit.lsn} is beyond the VDL {vdl}")
            self._learn_counters(commit)
            self.row_store.install(commit.lsn, commit.changes)
            self.apply_queue.add(commit)
            if commit.schema is not None:
                await self.apply_queue.wait(commit.lsn)
                self._swap_catalog(commit.schema.delta, commit.lsn)
            self.visible_lsn = commit.lsn
            self.last_commit_time_us = commit.commit_time_us
        if self.apply_queue.pending_rows > self.options.dirty_rows_limit:
            await self.apply_queue.room()

    # --- redo out (writer) -----------------------------------------------------------------------------------

    def become_writer(self, volume: WritableVolume) -> CommitLog:
        """Accept writes into `volume`, whose VDL this engine has reached.

        Raises:
            StorageError: this engine is behind the volume.
        """
        if self.visible_lsn < volume.vdl:
            raise StorageError(f"visible LSN {self.visible_lsn} is behind the volume's VDL {volume.vdl}")
        self._log = CommitLog(
            volume,
            timeout_s=self.options.commit_timeout_s,
            on_durable=self._durable,
            last_time_us=self.last_commit_time_us,
        )
        return self._log

    def become_reader(self) -> None:
        """Refuse writes from now on (the volume was closed or fenced)."""
        if self._log is not None:
            self._log.fenced()
            self._log = None

    def _durable(self, items: list[InFlight]) -> None:
        for item in items:
            commit = item.commit
            if commit.counters:
                self._learn_counters(commit)
            self.apply_queue.add(commit)
        self.row_store.install_all([(item.commit.lsn, item.commit.changes) for item in items])
        self.visible_lsn = items[-1].commit.lsn
        self.last_commit_time_us = items[-1].commit.commit_time_us
        if self.on_durable is not None:
            self.on_durable(items)

    def _applied(self, batch: list[Commit]) -> None:
        for commit in batch:
            self.row_store.applied(commit.lsn, commit.changes)

    def _failed(self, error: Exception) -> None:
        self.failure = error
        if self.on_failure is not None:
            self.on_failure(error)
        else:
            log.error("the applier has stopped: %s", error)

    # --- schema ----------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def with_table_exclusive(self, ctx: ClientSession, tables: Sequence[Table]) -> AsyncIterator[None]:
        """Exclusive metadata locks for a schema change; re-entrant for the same session.

        Schema changes run one at a time. Inside, `catalog` does not change under the caller and no transaction uses
        `tables`.

        Raises:
            MySQLError: 1205 (lock_wait_timeout), 1317, 1836 on a reader.
            StalePlanError: a table is no longer what the caller planned for.
        """
        if not self.is_writer:
            raise mysql_error(1836)
        if self._schema_session is ctx and self._schema_owner is not None:
            await self._lock_metadata(self._schema_owner, ctx, tables)
            yield
            return
        async with self.schema_lock:
            owner = LockOwner(next(self._transaction_ids), ctx)
            self._schema_owner, self._schema_session = owner, ctx
            try:
                await self._lock_metadata(owner, ctx, tables)
                yield
            finally:
                self._schema_owner = self._schema_session = None
                self.locks.release_all(owner)

    async def _lock_metadata(self, owner: LockOwner, ctx: ClientSession, tables: Sequence[Table]) -> None:
        timeout_s = metadata_timeout_s(ctx, self.options)
        for table in sorted(tables, key=lambda t: t.id):
            if ctx.table_locks and ctx.table_locks.get((table.database, table.name)) != "WRITE":
                raise mysql_error(1099 if (table.database, table.name) in ctx.table_locks else 1100, table.name)
            await self.locks.acquire(owner, ("m", table.id), "X", timeout_s)
            if not self.is_current(table):
                raise StalePlanError(f"{table.database}.{table.name} has changed")

    async def commit_schema(
        self,
        ctx: ClientSession,
        delta: CatalogDelta,
        statements: Sequence[str],
        *,
        lock: Sequence[Table] = (),
        changes: Sequence[TableChange] = (),
    ) -> int:
        """Log a schema change, apply it everywhere, and make it the catalog; returns its LSN.

        `statements` are DuckDB statements; they run in the applier of every instance, so they must be deterministic
        and may read what is in ``vol`` only. `changes` are the first rows of tables that `delta` makes, or rows of
        tables that are there before it, which the caller has locked. Returns when all is durable and visible here.

        Raises:
            StalePlanError: `delta` was planned on an older catalog (a table id is taken).
        """
        async with self.with_table_exclusive(ctx, lock):
            for key, table in delta.tables.items():
                if table is None:
                    continue
                current = self.catalog.tables.get(key)
                taken = self.catalog.tables_by_id.get(table.id)
                renamed = taken is not None and delta.tables.get((taken.database, taken.name), taken) is not taken
                if taken is not None and taken is not current and not renamed:
                    raise StalePlanError(f"table id {table.id} is taken")
            owner = self._schema_owner
            assert owner is not None
            await self.freeze.pass_through(owner, ctx, metadata_timeout_s(ctx, self.options))
            commit = Commit(
                commit_time_us=time.time_ns() // 1000,
                changes=changes,
                schema=SchemaChange(delta, list(statements), self.catalog.inverse(delta)),
            )
            lsn = await self.commit_log.commit(commit)
            await self.apply_queue.wait(lsn)
            self._swap_catalog(delta, lsn)
            ctx.seen_lsn = max(ctx.seen_lsn, lsn)
            return lsn

    def _swap_catalog(self, delta: CatalogDelta, lsn: int) -> None:
        before = self.catalog
        self.catalog = before.apply(delta)
        self.row_store.schema_changed(lsn)
        for table_id, table in before.tables_by_id.items():
            current = self.catalog.tables_by_id.get(table_id)
            if current is table:
                continue
            # A changed definition may change what identifies a row; what DuckDB holds stays right.
            self.row_store.forget_table(table_id)
            self._keys.pop(table_id, None)
            self._layouts.pop(table_id, None)
            if current is None:
                self._counters.pop(table_id, None)
                self._counters_logged.pop(table_id, None)
            elif current.auto_increment > table.auto_increment:
                self._counters[table_id] = max(current.auto_increment, self._counters.get(table_id, 0))

    # --- files -----------------------------------------------------------------------------------------------

    async def checkpoint(self) -> int:
        """Bring DuckDB up to `visible_lsn` and its file to that point; returns the LSN in the file."""
        await self.apply_queue.wait(self.visible_lsn)
        return await self.apply_queue.checkpoint()

    async def copy_file(self, target: Path) -> tuple[int, int]:
        """Copy the checkpointed file to `target` while reads and writes go on; returns its LSN, and when the last
        commit in it was made (Unix microseconds).

        The copy is made by another process: closing a second descriptor here would drop DuckDB's POSIX lock. Between
        checkpoints DuckDB never overwrites a block that the file's header reaches, so only checkpoints must wait.
        """
        await self.checkpoint()
        async with self.apply_queue.file_lock:
            lsn, time_us = self.apply_queue.checkpointed_lsn, self.apply_queue.checkpointed_time_us
            process = await asyncio.create_subprocess_exec(
                "cp", "--reflink=auto", "--sparse=always", str(self.duck.path), str(target), stderr=subprocess.PIPE
            )
            _, stderr = await process.communicate()
        if process.returncode:
            raise StorageError(f"copying {self.duck.path} failed: {stderr.decode(errors='replace').strip()}")
        return lsn, time_us

    async def close(self) -> None:
        """Stop the applier and close DuckDB. Open transactions are gone; the log has what was committed."""
        for transaction in list(self.transactions.values()):
            await transaction.rollback()
        self.become_reader()
        await self.apply_queue.close()
        self.executor.shutdown(wait=True, cancel_futures=True)
        self.duck.close()
