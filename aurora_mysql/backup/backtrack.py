"""Backtrack: the whole cluster returns to a past moment by one ordinary commit, and can go forward again by another.

The order: find the last commit at or before the moment; gather what was changed since from the redo; fill tables that
are no longer there (dropped, truncated, rebuilt) under a scratch name; then, with every table locked and sessions
closed, gather what came meanwhile and log the difference. Only the last step holds anybody up. Nothing is visible
before its commit; what an interrupted backtrack leaves are scratch tables, which the next one drops.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aurora_mysql.backup.difference import (
    SCRATCH_DATABASE,
    TablePlan,
    Touched,
    TouchedTable,
    catalog_change,
    plan_tables,
)
from aurora_mysql.backup.materialise import PastFile
from aurora_mysql.backup.source import Past, PastState
from aurora_mysql.backup.times import format_instant
from aurora_mysql.catalog.model import HIDDEN_KEY, Catalog, CatalogDelta, Table
from aurora_mysql.catalog.physical import create_table_statements
from aurora_mysql.engine.engine import Engine
from aurora_mysql.engine.keys import Key
from aurora_mysql.errors import MySQLError, StorageError
from aurora_mysql.redo.codec import CommitAssembler
from aurora_mysql.redo.record import Commit, RowsBefore, TableChange
from aurora_mysql.storage.layout import Record

if TYPE_CHECKING:
    from aurora_mysql.sql.context import SessionContext

log = logging.getLogger(__name__)

ReadRedo = Callable[[int, int], Iterable[Record]]

_FILL_ROWS = 5000
_LOCK_ROUNDS = 20
_LOCK_WAIT_S = 1
_ROUNDS = 5


@dataclass(slots=True)
class BacktrackState:
    """How far it is, for who waits: `phase` is what it does now, `done` counts there. `state` is running, done or
    failed."""

    state: str = "running"
    phase: str = "searching"
    done: int = 0
    error: str = ""
    to: str = ""
    lsn: int = 0
    rows: int = 0
    change_records: int = 0
    filled_tables: int = 0
    elapsed_s: float = 0.0
    paused_s: float = 0.0

    def document(self) -> dict[str, Any]:
        return asdict(self)


class _Again(Exception):
    """A table that must be filled turned up under the locks: let go and fill it."""


class Backtrack:
    """One backtrack on the writer.

    Args:
        past: the cluster's past states, with the present VDL.
        read_redo: durable records of the volume, from and to an LSN.
        close_sessions: ends every client session but the one that asked.
    """

    def __init__(
        self,
        engine: Engine,
        past: Past,
        read_redo: ReadRedo,
        ctx: SessionContext,
        *,
        data_dir: Path,
        close_sessions: Callable[[], object],
    ) -> None:
        self.state = BacktrackState()
        self._engine, self._past, self._read_redo, self._ctx = engine, past, read_redo, ctx
        self._data_dir = data_dir
        self._close_sessions = close_sessions
        self._file: PastFile | None = None
        self._filled: dict[int, Table] = {}
        self._reached = 0
        self._directory = engine.directory / "backtrack"

    async def run(self, until_us: int) -> BacktrackState:
        """Return to the state at `until_us` (Unix microseconds).

        Raises:
            StorageError: that moment can't be reached. MySQLError: the locks were not to be had, or the commit failed
                (1180, 1836). Nothing has changed then.
        """
        state = self.state
        began_s = time.monotonic()
        try:
            await self._run(until_us)
            state.state = "done"
        except BaseException as error:
            state.state, state.error = "failed", str(error) or type(error).__name__
            raise
        finally:
            state.elapsed_s = round(time.monotonic() - began_s, 3)
            if self._file is not None:
                self._file.close()
            await asyncio.to_thread(shutil.rmtree, self._directory, True)
        return state

    async def _run(self, until_us: int) -> None:
        engine, state = self._engine, self.state
        await self._drop_scratch()
        with self._past.at(until_us) as target:
            await asyncio.to_thread(target.locate)
            state.to, state.lsn = format_instant(target.time_us), target.lsn
            log.info("backtrack to LSN %d of %s", target.lsn, state.to)
            touched = Touched(engine.catalog)
            self._reached = target.lsn
            for _ in range(_ROUNDS):
                await self._gather(touched)
                catalog = await self._past_catalog(touched, target)
                await self._fill(catalog, touched, target)
                try:
                    await self._finish(touched, target)
                    return
                except _Again:
                    continue
            raise StorageError("tables are changed faster than they can be filled")

    # -- gathering ----------------------------------------------------------------------------------------------

    async def _gather(self, touched: Touched) -> None:
        """Feed `touched` everything that became durable since the last time."""
        to_lsn = self._engine.visible_lsn
        if to_lsn > self._reached:
            self.state.phase = "reading what was changed since"
            await asyncio.to_thread(self._read, touched, self._reached + 1, to_lsn)
            self._reached = to_lsn

    def _read(self, touched: Touched, from_lsn: int, to_lsn: int) -> None:
        assembler = CommitAssembler()
        wanted = from_lsn
        for record in self._read_redo(from_lsn, to_lsn):
            if record.lsn != wanted:
                break
            wanted += 1
            commit = assembler.feed(record)
            if commit is not None:
                touched.feed(commit)
                self.state.done = touched.rows
        if wanted <= to_lsn:
            raise StorageError(f"the volume has no readable record {wanted}")

    async def _past_catalog(self, touched: Touched, target: PastState) -> Catalog:
        if touched.schema_unknown:
            return (await self._past_file(target)).catalog()
        return touched.past_catalog(self._engine.catalog)

    async def _past_file(self, target: PastState) -> PastFile:
        """The past, materialised aside at the first need."""
        if self._file is None:
            self.state.phase = "materialising the past"
            await asyncio.to_thread(shutil.rmtree, self._directory, True)
            self._directory.mkdir(parents=True)
            path = self._directory / "past.duckdb"
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "aurora_mysql.backup.materialise", "--data-dir", str(self._data_dir)),
                *("--medium", self._past.medium.to_json()),
                *("--cluster-id", self._past.store.cluster_id, "--vdl", str(target.lsn)),
                *("--until-us", str(target.time_us), "--file", str(path)),
                stdin=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            key = self._past.key
            try:
                _, stderr = await process.communicate(b"\n" if key is None else key.hand_over())
            except BaseException:
                process.kill()
                await process.wait()
                raise
            if process.returncode:
                raise StorageError(f"the past can't be materialised: {stderr.decode(errors='replace').strip()[-500:]}")
            self._file = await asyncio.to_thread(PastFile, path, key)
        return self._file

    # -- tables that are no longer there ------------------------------------------------------------------------

    async def _drop_scratch(self) -> None:
        left = [table for table in self._engine.catalog.tables.values() if table.database == SCRATCH_DATABASE]
        if left:
            delta = CatalogDelta(tables={(table.database, table.name): None for table in left})
            await self._engine.commit_schema(self._ctx, delta, [_drop(table) for table in left], lock=left)

    async def _fill(self, catalog: Catalog, touched: Touched, target: PastState) -> None:
        """Learn what the redo does not tell: past images of single rows, and whole tables."""
        plan = plan_tables(catalog, self._engine.catalog)
        if touched.has_unknown_rows(plan):
            file = await self._past_file(target)
            for table_id in plan.kept:
                table = touched.tables.get(table_id)
                if table is not None and (unknown := table.unknown()):
                    definition = catalog.tables_by_id[table_id]
                    await asyncio.to_thread(_learn, table, file, definition, unknown)
        for definition in plan.missing:
            if definition.id not in self._filled:
                await self._fill_table(definition, await self._past_file(target))

    async def _fill_table(self, definition: Table, file: PastFile) -> None:
        engine = self._engine
        self.state.phase = f"filling {definition.database}.{definition.name}"
        async with engine.with_table_exclusive(self._ctx, ()):
            table = replace(
                definition,
                id=engine.catalog.next_table_id,
                database=SCRATCH_DATABASE,
                name=str(definition.id),
                foreign_keys=(),
            )
            delta = CatalogDelta(tables={(table.database, table.name): table}, next_table_id=table.id + 1)
            await engine.commit_schema(self._ctx, delta, create_table_statements(table))
        counted = [
            position
            for position, column in enumerate(table.columns)
            if column.auto_increment or column.name == HIDDEN_KEY
        ]
        next_value = max(file.counters().get(definition.id, 1), table.auto_increment)
        batches = file.rows(definition, _FILL_ROWS)
        while rows := await asyncio.to_thread(next, batches, None):
            for position in counted:
                next_value = max(next_value, max((row[position] or 0) for row in rows) + 1)
            await engine.apply_queue.room()
            change = TableChange(table.id, rows, (), RowsBefore())
            await engine.commit_log.commit(Commit(changes=[change], counters={table.id: next_value}))
            self.state.done += len(rows)
        self._filled[definition.id] = table
        self.state.filled_tables += 1

    # -- the commit ---------------------------------------------------------------------------------------------

    async def _finish(self, touched: Touched, target: PastState) -> None:
        """Under all locks: gather the rest, log the difference."""
        engine, state = self._engine, self.state
        state.phase = "waiting for transactions to end"
        began_s = time.monotonic()
        timeout = self._ctx.variables.get("lock_wait_timeout")
        self._ctx.variables["lock_wait_timeout"] = _LOCK_WAIT_S
        try:
            for attempt in range(_LOCK_ROUNDS):
                self._close_sessions()
                tables = list(engine.catalog.tables.values())
                locked = engine.with_table_exclusive(self._ctx, tables)
                try:
                    await locked.__aenter__()
                except MySQLError as error:
                    if error.errno not in (1205, 1213) or attempt == _LOCK_ROUNDS - 1:
                        raise
                    continue
                try:
                    await self._commit(touched, target)
                finally:
                    await locked.__aexit__(None, None, None)
                return
        finally:
            state.paused_s = round(time.monotonic() - began_s, 3)
            if timeout is None:
                self._ctx.variables.pop("lock_wait_timeout", None)
            else:
                self._ctx.variables["lock_wait_timeout"] = timeout

    async def _commit(self, touched: Touched, target: PastState) -> None:
        engine, state = self._engine, self.state
        await self._gather(touched)
        present = engine.catalog
        if touched.schema_unknown and self._file is None:
            raise _Again
        catalog = self._file.catalog() if touched.schema_unknown and self._file else touched.past_catalog(present)
        plan = plan_tables(catalog, present)
        self._check_filled(plan, touched)
        state.phase = "logging the difference"
        changes = await asyncio.to_thread(_changes, touched, plan)
        delta = catalog_change(catalog, present, self._filled)
        kept = {table.id for table in self._filled.values()}
        statements = [_drop(table) for table in plan.surplus if table.id not in kept]
        state.rows = sum(len(change.upserts) + len(change.deletes) for change in changes)
        state.change_records = touched.commits
        await engine.commit_schema(self._ctx, delta, statements, changes=changes)
        log.info(
            "backtracked to LSN %d of %s: %d commits since, %d rows differed", target.lsn, state.to, touched.commits,
            state.rows,
        )  # fmt: skip

    def _check_filled(self, plan: TablePlan, touched: Touched) -> None:
        if any(table.id not in self._filled for table in plan.missing) or touched.has_unknown_rows(plan):
            raise _Again


def _learn(table: TouchedTable, file: PastFile, definition: Table, unknown: list[Key]) -> None:
    table.learn(file.look_up(definition, unknown))


def _changes(touched: Touched, plan: TablePlan) -> list[TableChange]:
    found = (touched.tables[table_id].change() for table_id in plan.kept if table_id in touched.tables)
    return [change for change in found if change is not None]


def _drop(table: Table) -> str:
    return f"DROP TABLE vol.main.{table.physical_name}"
