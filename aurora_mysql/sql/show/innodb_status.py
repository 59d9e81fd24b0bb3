"""The text of SHOW ENGINE INNODB STATUS: what waits for what, the latest deadlock, how far the log is."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator
from typing import Any

from aurora_mysql.engine.engine import Engine
from aurora_mysql.engine.locks import Resource
from aurora_mysql.sql.instance_services import InstanceServices
from aurora_mysql.sql.show.information_schema.locks import place

_KINDS = {"m": "metadata lock", "t": "table lock", "r": "record lock", "u": "record lock", "g": "gap lock"}


def innodb_status(services: InstanceServices) -> str:
    """The report, section by section as InnoDB has it."""
    engine = services.engine
    lines = ["", _rule("="), _stamp(time.time()) + " INNODB MONITOR OUTPUT", _rule("=")]
    deadlock = engine.locks.latest_deadlock
    if deadlock is not None:
        lines += [*_heading("LATEST DETECTED DEADLOCK"), _stamp(deadlock.at_s)]
        for number, (owner, resource, mode) in enumerate(deadlock.cycle, 1):
            lines.append(f"*** ({number}) TRANSACTION {owner} WAITING FOR {_lock(engine, resource)} mode {mode}")
        victim = next((n for n, (owner, _, _) in enumerate(deadlock.cycle, 1) if owner == deadlock.victim_id), 0)
        lines.append(f"*** WE ROLL BACK TRANSACTION ({victim})")
    lines += [*_heading("TRANSACTIONS"), f"Trx id counter {max(engine.transactions, default=0) + 1}"]
    lines += ["LIST OF TRANSACTIONS FOR EACH SESSION:", *_transactions(engine)]
    locks = engine.locks
    lines += [
        *_heading("LOCKS"),
        f"{len(locks)} locked resources, {locks.waits} lock waits, {locks.timeouts} timeouts, "
        f"{locks.deadlocks} deadlocks",
        *_heading("LOG"),
        f"Log sequence number          {engine.visible_lsn}",
        f"Log applied up to            {engine.applied_lsn}",
        f"Last checkpoint at           {engine.apply_queue.checkpointed_lsn}",
        f"{len(engine.apply_queue.pending)} commits ({engine.apply_queue.pending_rows} rows) wait for the applier",
        *_heading("BUFFER POOL AND MEMORY"),
        f"{engine.row_store.dirty_rows} rows newer than the columns; {engine.row_store.hits} hits, "
        f"{engine.row_store.misses} misses",
        _rule("-"),
        "END OF INNODB MONITOR OUTPUT",
        _rule("="),
        "",
    ]
    return "\n".join(lines)


def _transactions(engine: Engine) -> Iterator[str]:
    for transaction in engine.transactions.values():
        owner = transaction.owner
        session: Any = owner.session
        yield (
            f"---TRANSACTION {transaction.id}, ACTIVE {int(time.time() - transaction.started_s)} sec"
            + (" read only" if transaction.read_only else "")
        )
        waiting = owner.waiting_for
        if waiting is not None:
            yield f"LOCK WAIT {int(time.time() - waiting.since_s)} sec"
        yield f"{len(owner.held)} lock struct(s), undo log entries {transaction.rows_written}"
        yield f"MySQL thread id {session.connection_id}, {transaction.isolation}, user {session.user.user}"
        if session.info:
            yield str(session.info)
        if waiting is not None:
            yield f"------- TRX HAS BEEN WAITING FOR {_lock(engine, waiting.resource)} mode {waiting.mode}"
            yield "------------------"


def _lock(engine: Engine, resource: Resource) -> str:
    table, _, index, data = place(resource, engine.catalog)
    kind = _KINDS.get(resource[0], "lock") if isinstance(resource, tuple) else "lock"
    where = "" if table is None else f" of table `{table.database}`.`{table.name}`"
    return kind + where + (f" index {index}" if index else "") + (f" key {data}" if data else "")


def _heading(text: str) -> list[str]:
    return [_rule("-", len(text)), text, _rule("-", len(text))]


def _rule(character: str, width: int = 37) -> str:
    return character * width


def _stamp(seconds: float) -> str:
    return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%d %H:%M:%S")
