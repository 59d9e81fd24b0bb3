"""LOCK TABLES, UNLOCK TABLES, FLUSH TABLES WITH READ LOCK.

A READ lock is S on the table: rows may be read by all and written by none. A WRITE lock is X on its metadata: nobody
else uses the table. Both belong to the session, whose own transactions they don't hold up.
"""

from __future__ import annotations

from collections.abc import Sequence

from aurora_mysql.catalog.model import Catalog, Table, View
from aurora_mysql.engine.engine import Engine, metadata_timeout_s
from aurora_mysql.errors import MySQLError, mysql_error
from aurora_mysql.sql.admin import privileges
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.lexer import TokenCursor
from aurora_mysql.sql.named_locks import session_owner

#: (database, table, READ or WRITE)
Wish = tuple[str, str, str]

_REPLANS = 20


def parse_lock_tables(text: str, ctx: SessionContext) -> list[Wish]:
    """What ``LOCK TABLES t [[AS] alias] {READ [LOCAL] | [LOW_PRIORITY] WRITE}, ...`` asks for. Raises 1064, 1046."""
    cur = TokenCursor.of(text)
    cur.expect_word("LOCK")
    if cur.accept_any("TABLES", "TABLE") is None:
        raise cur.syntax_error()
    wishes: list[Wish] = []
    while True:
        database, name = cur.expect_name()
        if not cur.peek_any("READ", "WRITE", "LOW_PRIORITY"):
            cur.accept_word("AS")
            cur.expect_ident()
        if cur.accept_word("READ"):
            cur.accept_word("LOCAL")
            mode = "READ"
        else:
            cur.accept_word("LOW_PRIORITY")
            cur.expect_word("WRITE")
            mode = "WRITE"
        if not database and not ctx.database:
            raise mysql_error(1046)
        wishes.append((database or ctx.database, name, mode))
        if not cur.accept_op(","):
            break
    cur.expect_end()
    return wishes


async def lock_tables(engine: Engine, ctx: SessionContext, wishes: Sequence[Wish]) -> None:
    """Give back what the session has locked, then lock all of `wishes`, in one order for everybody.

    Tables that foreign keys tie to them may be used as well.

    Raises:
        MySQLError: 1146, 1142/1044, 1205, 1213, 1317, 1836 on a reader for a WRITE lock.
    """
    unlock_tables(engine, ctx)
    owner = session_owner(engine, ctx)
    timeout_s = metadata_timeout_s(ctx, engine.options)
    for _ in range(_REPLANS):
        catalog = engine.catalog
        modes = _modes(catalog, ctx, wishes)
        if any(mode == "WRITE" for mode in modes.values()) and not engine.is_writer:
            raise mysql_error(1836)
        taken: list[tuple[str, int]] = []
        try:
            for (_, _), (table, mode) in sorted(_tables(catalog, modes).items(), key=lambda item: item[1][0].id):
                for resource, wanted in _resources(table, mode):
                    await engine.locks.acquire(owner, resource, wanted, timeout_s)
                    taken.append(resource)
        except MySQLError:
            for resource in taken:
                engine.locks.release(owner, resource)
            raise
        if all(engine.is_current(table) for table, _ in _tables(catalog, modes).values()):
            break
        for resource in taken:
            engine.locks.release(owner, resource)
    else:
        raise mysql_error(1412)
    ctx.table_locks.update(modes)
    for key in modes:
        for name in _related(engine.catalog, engine.catalog.tables[key]):
            ctx.table_locks.setdefault(name, "RELATED")


def _resources(table: Table, mode: str) -> list[tuple[tuple[str, int], str]]:
    if mode == "WRITE":
        return [(("m", table.id), "X")]
    return [(("m", table.id), "S"), (("t", table.id), "S")]


def _tables(catalog: Catalog, modes: dict[tuple[str, str], str]) -> dict[tuple[str, str], tuple[Table, str]]:
    return {key: (catalog.tables[key], mode) for key, mode in modes.items()}


def _modes(catalog: Catalog, ctx: SessionContext, wishes: Sequence[Wish]) -> dict[tuple[str, str], str]:
    """The strongest mode by base table; a view stands for what it reads."""
    modes: dict[tuple[str, str], str] = {}
    for database, name, mode in wishes:
        found = catalog.tables.get((database, name)) or catalog.views.get((database, name))
        if found is None:
            raise mysql_error(1146, database, name)
        privileges.check(catalog, ctx, [("LOCK TABLES", database, name), ("SELECT", database, name)])
        keys = _base_tables(catalog, found) if isinstance(found, View) else [(database, name)]
        for key in keys:
            if modes.get(key) != "WRITE":
                modes[key] = mode
    return modes


def _base_tables(catalog: Catalog, view: View) -> list[tuple[str, str]]:
    """Base tables that a view reads, through other views."""
    import sqlglot
    from sqlglot import exp

    import aurora_mysql.sql.dialect  # noqa: F401

    found: list[tuple[str, str]] = []
    for node in sqlglot.parse_one(view.definition, dialect="mysql").find_all(exp.Table):
        key = (node.db or view.database, node.name)
        inner = catalog.views.get(key)
        if inner is not None and inner is not view:
            found += _base_tables(catalog, inner)
        elif key in catalog.tables:
            found.append(key)
    return found


def _related(catalog: Catalog, table: Table) -> list[tuple[str, str]]:
    """Parents and children by foreign key: statements on a locked table reach them by themselves."""
    parents = [(fk.ref_database, fk.ref_table) for fk in table.foreign_keys]
    children = catalog.referencing.get((table.database, table.name), ())
    return parents + [(child.database, child.name) for child, _ in children]


def unlock_tables(engine: Engine, ctx: SessionContext) -> None:
    """Give back the session's table locks (not a global read lock)."""
    if ctx.table_locks:
        owner = session_owner(engine, ctx)
        for resource in [r for r in owner.held if isinstance(r, tuple) and r[0] in ("m", "t")]:
            engine.locks.release(owner, resource)
        ctx.table_locks.clear()


async def freeze(engine: Engine, ctx: SessionContext) -> None:
    """FLUSH TABLES WITH READ LOCK: no write of anybody becomes visible until UNLOCK TABLES.

    Raises:
        MySQLError: 1205, 1213, 1317.
    """
    await engine.freeze.take(session_owner(engine, ctx), metadata_timeout_s(ctx, engine.options))
    if engine.is_writer:
        await engine.commit_log.settled()


def thaw(engine: Engine, ctx: SessionContext) -> None:
    if ctx.lock_owner is not None:
        engine.freeze.let_go(ctx.lock_owner)


def end_session(engine: Engine, ctx: SessionContext) -> None:
    """Everything that the session holds beside its transaction goes."""
    if ctx.lock_owner is not None:
        engine.locks.release_all(ctx.lock_owner)
    ctx.table_locks.clear()
    ctx.named_locks.clear()
