"""GET_LOCK and its kin: locks by name that belong to a session, not to a transaction."""

from __future__ import annotations

from aurora_mysql.engine.engine import Engine
from aurora_mysql.engine.locks import LockOwner
from aurora_mysql.errors import MySQLError, mysql_error
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.result import Value

_MAX_NAME_CHARS = 64

#: A negative timeout waits for good.
_FOREVER_S = 365 * 86400.0


def _resource(name: Value) -> tuple[str, str]:
    """Names don't tell upper from lower case. Raises 3057."""
    text = "" if name is None else name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)
    if not text or len(text) > _MAX_NAME_CHARS:
        raise mysql_error(3057, "NULL" if name is None else text)
    return "n", text.lower()


def session_owner(engine: Engine, ctx: SessionContext) -> LockOwner:
    """Who holds the session's locks that outlive its transactions."""
    if ctx.lock_owner is None:
        ctx.lock_owner = engine.new_owner(ctx)
    return ctx.lock_owner


async def get_lock(engine: Engine, ctx: SessionContext, name: Value, timeout: Value) -> int | None:
    """1 when the session has it (once more), 0 after `timeout` seconds.

    Raises:
        MySQLError: 3057, 3058 (a cycle of sessions that wait for each other), 1317.
    """
    resource = _resource(name)
    if timeout is None:
        return None
    timeout_s = float(timeout)
    owner = session_owner(engine, ctx)
    held = ctx.named_locks.get(resource[1], 0)
    if not held:
        if not engine.locks.try_acquire(owner, resource, "X") and timeout_s == 0:
            return 0
        try:
            await engine.locks.acquire(
                owner, resource, "X", timeout_s if timeout_s >= 0 else _FOREVER_S, deadlock_errno=3058
            )
        except MySQLError as error:
            if error.errno == 1205:
                return 0
            raise
    ctx.named_locks[resource[1]] = held + 1
    return 1


def release_lock(engine: Engine, ctx: SessionContext, name: Value) -> int | None:
    """1 when it was ours, 0 when another session has it, None when nobody has."""
    resource = _resource(name)
    held = ctx.named_locks.get(resource[1], 0)
    if not held:
        return 0 if engine.locks.holders(resource) else None
    if held > 1:
        ctx.named_locks[resource[1]] = held - 1
        return 1
    del ctx.named_locks[resource[1]]
    engine.locks.release(session_owner(engine, ctx), resource)
    return 1


def release_all_locks(engine: Engine, ctx: SessionContext) -> int:
    """How many times the session had named locks; it has none now."""
    count = sum(ctx.named_locks.values())
    for name in ctx.named_locks:
        engine.locks.release(session_owner(engine, ctx), ("n", name))
    ctx.named_locks.clear()
    return count


def is_free_lock(engine: Engine, name: Value) -> int:
    return int(not engine.locks.holders(_resource(name)))


def is_used_lock(engine: Engine, name: Value) -> int | None:
    """The connection that has it."""
    for holder in engine.locks.holders(_resource(name)):
        session = holder.session
        return session.connection_id if isinstance(session, SessionContext) else None
    return None
