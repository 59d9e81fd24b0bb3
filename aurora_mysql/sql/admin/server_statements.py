"""KILL, FLUSH, CALL, DO, USE, and table maintenance."""

from __future__ import annotations

from aurora_mysql.catalog.model import ColumnType
from aurora_mysql.errors import mysql_error, unsupported
from aurora_mysql.sql import table_locks
from aurora_mysql.sql import transaction_verbs as verbs
from aurora_mysql.sql.admin import privileges
from aurora_mysql.sql.admin.action import ActionPlan
from aurora_mysql.sql.admin.set_statement import evaluate
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.lexer import TokenCursor
from aurora_mysql.sql.plan import Plan, PlanContext
from aurora_mysql.sql.result import Result, ResultSet
from aurora_mysql.sql.result_types import from_type

_FLUSHABLE = ("PRIVILEGES", "TABLES", "TABLE", "STATUS", "LOGS", "HOSTS", "USER_RESOURCES", "OPTIMIZER_COSTS")


def _kill(pc: PlanContext, ctx: SessionContext, connection_id: int, *, whole: bool) -> None:
    """Raises 1094 (no such session) or 1095 (not ours, and no CONNECTION_ADMIN)."""
    target = pc.services.processes.get(connection_id)
    if target is None:
        raise mysql_error(1094, connection_id)
    own = (target.user.user, target.user.host) == (ctx.user.user, ctx.user.host)
    if not own and not privileges.has_privilege(
        pc.engine.catalog, privileges.accounts_of(pc.engine.catalog, ctx), "CONNECTION_ADMIN", "", ""
    ):
        raise mysql_error(1095, connection_id)
    target.interrupt(whole_connection=whole)


def plan_kill(cur: TokenCursor, pc: PlanContext) -> Plan:
    whole = cur.accept_any("QUERY", "CONNECTION") != "QUERY"
    text = cur.rest().rstrip("; ")
    if not text:
        raise cur.syntax_error()

    async def run(ctx: SessionContext) -> None:
        value = await evaluate(text, pc, ctx)
        _kill(pc, ctx, int(value), whole=whole)

    return ActionPlan(run)


def plan_flush(cur: TokenCursor, pc: PlanContext) -> Plan:
    pc.need("RELOAD")
    cur.accept_any("LOCAL", "NO_WRITE_TO_BINLOG")
    if cur.accept_any("BINARY", "ENGINE", "ERROR", "GENERAL", "RELAY", "SLOW") and not cur.peek_any("LOGS"):
        raise cur.syntax_error()
    words: set[str] = set()
    frozen = False
    named: list[tuple[str, str]] = []
    while True:
        word = cur.accept_any(*_FLUSHABLE)
        if word is None:
            raise unsupported("this FLUSH") if not cur.at_end else cur.syntax_error()
        if word in ("TABLES", "TABLE"):
            if not cur.at_end and not cur.peek_any("WITH", "FOR"):
                named.append(cur.expect_name())
                while cur.accept_op(","):
                    named.append(cur.expect_name())
            if cur.accept_word("WITH"):
                cur.expect_word("READ", "LOCK")
                frozen = True
            elif cur.accept_word("FOR"):
                cur.expect_word("EXPORT")
                frozen = True
        words.add(word)
        if not cur.accept_op(","):
            break
    cur.expect_end()

    async def run(ctx: SessionContext) -> None:
        await verbs.commit(ctx)
        if frozen and named:
            wishes = [(database or ctx.database, table, "READ") for database, table in named]
            await table_locks.lock_tables(pc.engine, ctx, wishes)
        elif frozen:
            await table_locks.freeze(pc.engine, ctx)
        # Nothing else is cached that these would empty: privileges and tables are always those of the catalog.
        if "STATUS" in words:
            pc.services.cluster.reset_status()

    return ActionPlan(run)


def plan_call(cur: TokenCursor, pc: PlanContext) -> Plan:
    """The procedures that Aurora brings; there are no others."""
    database, name = cur.expect_name()
    if (database or pc.database).lower() == "mysql" and name.lower() == "aurora_backtrack":
        return _plan_backtrack(cur, pc)
    if (database or pc.database).lower() != "mysql" or name.lower() not in ("rds_kill", "rds_kill_query"):
        raise mysql_error(1305, "PROCEDURE", f"{database or pc.database}.{name}")
    cur.expect_op("(")
    target = cur.expect_integer()
    cur.expect_op(")")
    cur.expect_end()

    async def run(ctx: SessionContext) -> None:
        _kill(pc, ctx, target, whole=name.lower() == "rds_kill")

    return ActionPlan(run)


def _plan_backtrack(cur: TokenCursor, pc: PlanContext) -> Plan:
    """`CALL mysql.aurora_backtrack('time')`: Aurora does this by its API only; the procedure is ours."""
    pc.need("SUPER")
    cur.expect_op("(")
    to = cur.expect_string()
    cur.expect_op(")")
    cur.expect_end()
    text, number = ColumnType("varchar", 64), ColumnType("bigint")
    columns = [
        from_type("Backtracked_to", text),
        from_type("Rows_changed_back", number),
        from_type("Change_records", number),
        from_type("Seconds", ColumnType("double")),
    ]

    async def run(ctx: SessionContext) -> Result:
        done = await pc.services.cluster.backtrack(ctx, to)
        return ResultSet(columns, [(done["to"], done["rows"], done["change_records"], done["elapsed_s"])])

    return ActionPlan(run, schema=True, columns=columns)


def plan_do(cur: TokenCursor, pc: PlanContext) -> Plan:
    text = cur.rest().rstrip("; ")
    if not text:
        raise cur.syntax_error()

    async def run(ctx: SessionContext) -> None:
        await evaluate(text, pc, ctx)

    return ActionPlan(run)


def plan_use(cur: TokenCursor, pc: PlanContext) -> Plan:
    name = cur.expect_ident()
    cur.expect_end()

    async def run(ctx: SessionContext) -> None:
        use_database(pc, ctx, name)

    return ActionPlan(run)


def use_database(pc: PlanContext, ctx: SessionContext, name: str) -> None:
    """Make `name` the current database. Raises 1049, 1044."""
    catalog = pc.engine.catalog
    if name.lower() in ("information_schema", "performance_schema"):
        ctx.database = name.lower()
        return
    if not privileges.may_see_database(catalog, ctx, name):
        raise mysql_error(1044, ctx.user.user, ctx.login_host or ctx.user.host, name)
    if name not in catalog.databases and name.lower() not in ("mysql", "sys"):
        raise mysql_error(1049, name)
    ctx.database = name


def plan_maintenance(verb: str, cur: TokenCursor, pc: PlanContext) -> Plan:
    """ANALYZE, OPTIMIZE, CHECK, REPAIR TABLE: the storage needs none of it; the tables are looked up, as in MySQL."""
    cur.accept_any("LOCAL", "NO_WRITE_TO_BINLOG")
    if not cur.accept_any("TABLE", "TABLES"):
        raise cur.syntax_error()
    names = [cur.expect_name()]
    while cur.accept_op(","):
        names.append(cur.expect_name())
    for database, table in names:
        pc.need("SELECT", database or pc.database, table)
    if verb == "ANALYZE" and cur.peek_any("UPDATE", "DROP"):
        raise unsupported("histograms")
    while cur.accept_any("QUICK", "FAST", "MEDIUM", "EXTENDED", "CHANGED", "USE_FRM") or cur.accept_word(
        "FOR", "UPGRADE"
    ):
        pass
    cur.expect_end()
    text = ColumnType("varchar", 512)
    columns = [from_type(name, text) for name in ("Table", "Op", "Msg_type", "Msg_text")]

    async def run(ctx: SessionContext) -> Result:
        rows: list[tuple[str, str, str, str]] = []
        for database, table in names:
            schema = database or ctx.database
            if not schema:
                raise mysql_error(1046)
            full, op = f"{schema}.{table}", verb.lower()
            if pc.engine.catalog.table(schema, table) is None:
                rows.append((full, op, "Error", f"Table '{full}' doesn't exist"))
                rows.append((full, op, "status", "Operation failed"))
            elif verb == "REPAIR":
                rows.append((full, op, "note", "The storage engine for the table doesn't support repair"))
            else:
                if verb == "OPTIMIZE":
                    note = "Table does not support optimize, doing recreate + analyze instead"
                    rows.append((full, op, "note", note))
                rows.append((full, op, "status", "OK"))
        return ResultSet(columns, rows)

    return ActionPlan(run, columns=columns)
