"""What every part of a transaction shares: its buffer, its locks' owner, and the tables it uses."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from aurora_mysql.catalog.model import Table
from aurora_mysql.engine.buffer import RedoBuffer
from aurora_mysql.engine.keys import Key
from aurora_mysql.engine.locks import LockOwner
from aurora_mysql.engine.row_store import TableRows
from aurora_mysql.engine.snapshot import Snapshot
from aurora_mysql.engine.temporary import TemporaryRows
from aurora_mysql.errors import StalePlanError, mysql_error
from aurora_mysql.redo.record import Row

if TYPE_CHECKING:
    from aurora_mysql.engine.client_session import ClientSession
    from aurora_mysql.engine.engine import Engine

#: A point in a transaction: in its buffer, and in the row of its locks.
Mark = tuple[int, int]


class TransactionState:
    """The state of a transaction, and its claim on the tables it uses."""

    def __init__(
        self,
        engine: Engine,
        ctx: ClientSession,
        transaction_id: int,
        *,
        isolation: str,
        read_only: bool,
        autocommit: bool,
    ) -> None:
        self.id = transaction_id
        self.started_s = time.time()
        self.isolation = isolation
        self.read_only = read_only
        self.autocommit = autocommit
        self.active = True
        self._engine = engine
        self._ctx = ctx
        self._buffer = RedoBuffer()
        # Not a function of the transaction: in a circle with its owner it would live, rows and all, until Python looks
        # for circles, which it does rarely.
        self.owner = LockOwner(transaction_id, ctx, self._buffer.row_count)
        self.snapshot_lsn = 0
        self._snapshot: Snapshot | None = None
        self._opening: asyncio.Future[None] | None = None
        self._savepoints: list[tuple[str, Mark]] = []
        self._used_tables: set[int] = set()
        self._held = False
        #: Of the statement that runs: whether its calls of DuckDB should take long, and whether one did.
        self.expects_long = self.took_long = False
        self._writable: dict[int, TableRows] = {}

    @property
    def has_writes(self) -> bool:
        return bool(self._buffer)

    @property
    def uses_tables(self) -> bool:
        return bool(self._used_tables)

    @property
    def rows_written(self) -> int:
        return self._buffer.row_count()

    @property
    def _consistent(self) -> bool:
        """Reads go to one snapshot for the whole transaction."""
        return self._held or (not self.autocommit and self.isolation in ("REPEATABLE-READ", "SERIALIZABLE"))

    def hold_view(self) -> None:
        """The statement reads several times: when it is the whole transaction, all from one snapshot."""
        self._held = self.autocommit and self.isolation != "READ-UNCOMMITTED"

    @property
    def locks_ranges(self) -> bool:
        """Its locking reads and writes keep the ranges they searched free of new rows."""
        return self.isolation in ("REPEATABLE-READ", "SERIALIZABLE")

    async def use_table(self, table: Table) -> None:
        """Shared metadata lock until the end: the table's definition can't change under this transaction.

        Raises:
            StalePlanError: `table` is not the definition in force; plan again.
            MySQLError: 1100 when the session has LOCK TABLES and this one is not among them; 1205.
        """
        if table.temporary:
            self._temporary(table)
            return
        if table.id in self._used_tables:
            return
        engine = self._engine
        if self._ctx.table_locks and (table.database, table.name) not in self._ctx.table_locks:
            raise mysql_error(1100, table.name)
        if engine.is_writer:
            resource = ("m", table.id)
            if not engine.locks.try_acquire(self.owner, resource, "S"):
                await engine.locks.acquire(self.owner, resource, "S", self._metadata_timeout_s())
        if not engine.is_current(table):
            raise StalePlanError(f"{table.database}.{table.name} has changed")
        self._used_tables.add(table.id)

    def writes_to(self, table: Table) -> bool:
        own = self._buffer.tables.get(table.id)
        return own is not None and bool(own.rows or own.bulk)

    def own_row(self, table: Table, key: Key) -> tuple[bool, Row | None]:
        """(True, row or None) when this transaction has written the key, else (False, None)."""
        return self._buffer.find(table.id, key)

    def own_images(self, table: Table) -> Mapping[Key, tuple[Row, Row | None]]:
        """What this transaction has written: an image that a key had, and its newest one."""
        own = self._buffer.table(table.id) if self._buffer.tables else None
        return {} if own is None else own.rows

    def own_rows(self, table: Table) -> Iterator[tuple[Key, Row | None]]:
        """What this transaction has written and not committed."""
        return self._buffer.rows(table.id)

    def rows_to_come(self, table: Table) -> list[tuple[Key, Row, Row | None]]:
        """Uncommitted rows of the table: key, image, and what the key had before."""
        own = self._buffer.table(table.id)
        if own is None:
            return []
        return [(k, row, own.before.get(k)) for k, (_, row) in own.rows.items() if row is not None]

    def _temporary(self, table: Table) -> TemporaryRows:
        rows = self._ctx.temporary.rows_of(table.id)
        if rows is None or rows.table is not table:
            raise StalePlanError(f"{table.database}.{table.name} has changed")
        return rows

    def _base(self, table: Table) -> TemporaryRows | None:
        """What lies under a temporary table's own writes; None for other tables."""
        return self._temporary(table) if table.temporary else None

    def _check_writer(self, table: Table, mode: str) -> None:
        if not self._engine.is_writer:
            raise mysql_error(1836)
        if mode in ("X", "IX"):
            if self.read_only:
                raise mysql_error(1792)
            if self._ctx.table_locks.get((table.database, table.name)) == "READ":
                raise mysql_error(1099, table.name)

    def _lock_timeout_s(self) -> float:
        return float(self._ctx.variables.get("innodb_lock_wait_timeout", self._engine.options.lock_wait_timeout_s))

    def _metadata_timeout_s(self) -> float:
        return float(self._ctx.variables.get("lock_wait_timeout", self._engine.options.metadata_wait_timeout_s))

    async def _acquire(self, resource: tuple[Any, ...], mode: str, *, nowait: bool = False) -> None:
        locks = self._engine.locks
        if locks.try_acquire(self.owner, resource, mode):
            return
        if nowait:
            raise mysql_error(3572)
        await locks.acquire(self.owner, resource, mode, self._lock_timeout_s())
