"""Transactions and locks: INNODB_TRX, performance_schema.data_locks, data_lock_waits and metadata_locks."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

from aurora_mysql.catalog.model import Catalog, ColumnType, Table
from aurora_mysql.catalog.values import to_text
from aurora_mysql.engine.locks import LockOwner, Waiter
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.instance_services import InstanceServices
from aurora_mysql.sql.show.virtual import VirtualRelation, big, columns_of, integer, longtext, moment, text

Row = tuple[Any, ...]


def _moment(seconds: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(int(seconds), dt.UTC).replace(tzinfo=None)


def _transactions(ctx: SessionContext, services: InstanceServices) -> list[Row]:
    held: dict[int, set[Any]] = {}
    rows_locked: dict[int, int] = {}
    for resource, owner, _, waiter in services.engine.locks.listed():
        if waiter is None and isinstance(resource, tuple):
            held.setdefault(owner.id, set()).add(resource[1] if len(resource) > 1 else resource)
            rows_locked[owner.id] = rows_locked.get(owner.id, 0) + (resource[0] == "r")
    rows: list[Row] = []
    for transaction in services.engine.transactions.values():
        waiting = transaction.owner.waiting_for
        session: Any = transaction.owner.session
        rows.append(
            (
                transaction.id, "RUNNING" if waiting is None else "LOCK WAIT", _moment(transaction.started_s),
                None if waiting is None else _lock_id(transaction.owner, waiting.resource),
                None if waiting is None else _moment(waiting.since_s), transaction.owner.weight,
                getattr(session, "connection_id", 0), getattr(session, "info", None), None, 0,
                len(held.get(transaction.id, ())), len(transaction.owner.held), 0, rows_locked.get(transaction.id, 0),
                transaction.rows_written, 0, transaction.isolation.replace("-", " "), 1, 1, None, 0, 0,
                1 if transaction.read_only else 0, 0, None,
            )
        )  # fmt: skip
    return rows


def _lock_id(owner: LockOwner, resource: Any) -> str:
    return f"{owner.id}:{abs(hash(resource)) % 10**12}"


def place(resource: Any, catalog: Catalog) -> tuple[Table | None, str, str | None, str | None]:
    """(table, RECORD or TABLE, index, key values) of a lock's resource."""
    if not isinstance(resource, tuple) or len(resource) < 2:
        return None, "RECORD", None, None
    table = catalog.tables_by_id.get(resource[1]) if isinstance(resource[1], int) else None
    if resource[0] in ("t", "m") or table is None:
        return table, "TABLE", None, None
    if resource[0] == "u" and len(resource) > 3:
        return table, "RECORD", str(resource[2]), _shown(resource[3])
    index = table.key_index.name if table.key_index is not None else "GEN_CLUST_INDEX"
    return table, "RECORD", index, _shown(resource[2]) if len(resource) > 2 else None


def _shown(values: Any) -> str:
    if not isinstance(values, tuple):
        return str(values)
    return ", ".join("NULL" if v is None else f"'{v}'" if isinstance(v, str) else to_text(v) for v in values)


def _locks(services: InstanceServices, metadata: bool) -> Iterator[tuple[Any, LockOwner, str, Waiter | None]]:
    for resource, owner, mode, waiter in services.engine.locks.listed():
        if (isinstance(resource, tuple) and resource[0] == "m") == metadata:
            yield resource, owner, mode, waiter


def _data_locks(ctx: SessionContext, services: InstanceServices) -> list[Row]:
    rows: list[Row] = []
    for resource, owner, mode, waiter in _locks(services, False):
        table, kind, index, data = place(resource, services.engine.catalog)
        if table is None:
            continue
        shown = mode if kind == "TABLE" or mode in ("G", "I") else f"{mode},REC_NOT_GAP"
        rows.append(
            (
                "INNODB", _lock_id(owner, resource), owner.id, getattr(owner.session, "connection_id", 0), 0,
                table.database, table.name, None, None, index, id(owner), kind,
                {"G": "X,GAP", "I": "X,INSERT_INTENTION"}.get(shown, shown), "WAITING" if waiter else "GRANTED", data,
            )
        )  # fmt: skip
    return rows


def _lock_waits(ctx: SessionContext, services: InstanceServices) -> list[Row]:
    return [
        (
            "INNODB", _lock_id(waiter.owner, waiter.resource), waiter.owner.id,
            getattr(waiter.owner.session, "connection_id", 0), 0, id(waiter.owner),
            _lock_id(holder, waiter.resource), holder.id, getattr(holder.session, "connection_id", 0), 0, id(holder),
        )
        for waiter, holder in services.engine.locks.waits_for()
        if isinstance(waiter.resource, tuple) and waiter.resource[0] != "m"
    ]  # fmt: skip


def _metadata_locks(ctx: SessionContext, services: InstanceServices) -> list[Row]:
    rows: list[Row] = []
    for resource, owner, mode, waiter in _locks(services, True):
        table = services.engine.catalog.tables_by_id.get(resource[1])
        if table is not None:
            kind = "EXCLUSIVE" if mode == "X" else "SHARED_WRITE"
            rows.append(
                ("TABLE", table.database, table.name, None, id(owner), kind, "TRANSACTION",
                 "PENDING" if waiter else "GRANTED", "", getattr(owner.session, "connection_id", 0), 0)
            )  # fmt: skip
    return rows


def _waiting_sessions(ctx: SessionContext, services: InstanceServices) -> list[Row]:
    rows: list[Row] = []
    for waiter, holder in services.engine.locks.waits_for():
        table, kind, index, _ = place(waiter.resource, services.engine.catalog)
        blocked: Any = waiter.owner.session
        blocking: Any = holder.session
        since = _moment(waiter.since_s)
        age = dt.datetime.now(dt.UTC).replace(tzinfo=None) - since
        rows.append(
            (
                since, dt.timedelta(seconds=int(age.total_seconds())), int(age.total_seconds()),
                None if table is None else f"`{table.database}`.`{table.name}`",
                None if table is None else table.database, None if table is None else table.name, index, kind,
                waiter.owner.id, getattr(blocked, "connection_id", 0), getattr(blocked, "info", None),
                _lock_id(waiter.owner, waiter.resource), waiter.mode, holder.id, getattr(blocking, "connection_id", 0),
                getattr(blocking, "info", None), _lock_id(holder, waiter.resource),
                holder.held.get(waiter.resource, waiter.mode), f"KILL QUERY {getattr(blocking, 'connection_id', 0)}",
                f"KILL {getattr(blocking, 'connection_id', 0)}",
            )
        )  # fmt: skip
    return rows


INNODB_TRX = VirtualRelation(
    columns_of(
        ("trx_id", big()), "trx_state", ("trx_started", moment()), ("trx_requested_lock_id", text(126)),
        ("trx_wait_started", moment()), ("trx_weight", big()), ("trx_mysql_thread_id", big()),
        ("trx_query", text(1024)), "trx_operation_state", ("trx_tables_in_use", big()), ("trx_tables_locked", big()),
        ("trx_lock_structs", big()), ("trx_lock_memory_bytes", big()), ("trx_rows_locked", big()),
        ("trx_rows_modified", big()), ("trx_concurrency_tickets", big()), "trx_isolation_level",
        ("trx_unique_checks", integer()), ("trx_foreign_key_checks", integer()),
        ("trx_last_foreign_key_error", text(256)), ("trx_adaptive_hash_latched", integer()),
        ("trx_adaptive_hash_timeout", big()), ("trx_is_read_only", integer()),
        ("trx_autocommit_non_locking", integer()), ("trx_schedule_weight", big()),
    ),
    _transactions,
)  # fmt: skip

PERFORMANCE_SCHEMA: dict[str, VirtualRelation] = {
    "data_locks": VirtualRelation(
        columns_of(
            "ENGINE", ("ENGINE_LOCK_ID", text(128)), ("ENGINE_TRANSACTION_ID", big()), ("THREAD_ID", big()),
            ("EVENT_ID", big()), "OBJECT_SCHEMA", "OBJECT_NAME", "PARTITION_NAME", "SUBPARTITION_NAME", "INDEX_NAME",
            ("OBJECT_INSTANCE_BEGIN", big()), "LOCK_TYPE", "LOCK_MODE", "LOCK_STATUS", ("LOCK_DATA", text(8192)),
        ),
        _data_locks,
    ),
    "data_lock_waits": VirtualRelation(
        columns_of(
            "ENGINE", ("REQUESTING_ENGINE_LOCK_ID", text(128)), ("REQUESTING_ENGINE_TRANSACTION_ID", big()),
            ("REQUESTING_THREAD_ID", big()), ("REQUESTING_EVENT_ID", big()),
            ("REQUESTING_OBJECT_INSTANCE_BEGIN", big()), ("BLOCKING_ENGINE_LOCK_ID", text(128)),
            ("BLOCKING_ENGINE_TRANSACTION_ID", big()), ("BLOCKING_THREAD_ID", big()), ("BLOCKING_EVENT_ID", big()),
            ("BLOCKING_OBJECT_INSTANCE_BEGIN", big()),
        ),
        _lock_waits,
    ),
    "metadata_locks": VirtualRelation(
        columns_of(
            "OBJECT_TYPE", "OBJECT_SCHEMA", "OBJECT_NAME", "COLUMN_NAME", ("OBJECT_INSTANCE_BEGIN", big()), "LOCK_TYPE",
            "LOCK_DURATION", "LOCK_STATUS", "SOURCE", ("OWNER_THREAD_ID", big()), ("OWNER_EVENT_ID", big()),
        ),
        _metadata_locks,
    ),
}  # fmt: skip

SYS: dict[str, VirtualRelation] = {
    "innodb_lock_waits": VirtualRelation(
        columns_of(
            ("wait_started", moment()), ("wait_age", ColumnType("time")), ("wait_age_secs", big()),
            ("locked_table", longtext()), "locked_table_schema", "locked_table_name", "locked_index", "locked_type",
            ("waiting_trx_id", big()), ("waiting_pid", big()), ("waiting_query", longtext()),
            ("waiting_lock_id", text(128)), "waiting_lock_mode", ("blocking_trx_id", big()), ("blocking_pid", big()),
            ("blocking_query", longtext()), ("blocking_lock_id", text(128)), "blocking_lock_mode",
            "sql_kill_blocking_query", "sql_kill_blocking_connection",
        ),
        _waiting_sessions,
    ),
}  # fmt: skip
