"""Which SHOW or DESCRIBE a text is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from aurora_mysql.catalog.charsets import CHARSETS, COLLATIONS
from aurora_mysql.catalog.model import ColumnType
from aurora_mysql.errors import mysql_error, unsupported
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.instance_services import InstanceServices
from aurora_mysql.sql.lexer import TokenCursor
from aurora_mysql.sql.plan import Plan, PlanContext
from aurora_mysql.sql.show import programs, tables
from aurora_mysql.sql.show.events import plan_show_events
from aurora_mysql.sql.show.filters import like_pattern
from aurora_mysql.sql.show.information_schema.instance import ENGINES, process_rows
from aurora_mysql.sql.show.information_schema.objects import database_names
from aurora_mysql.sql.show.information_schema.system import status_rows, variable_rows
from aurora_mysql.sql.show.innodb_status import innodb_status
from aurora_mysql.sql.show.plan import Row, ShowPlan, filtered
from aurora_mysql.sql.show.virtual import (
    Visibility,
    big,
    integer,
    longtext,
    moment,
    nothing,
    text,
    virtual_names,
)

_BIG = big(False)


def plan_show(source: str, pc: PlanContext) -> Plan:
    """Plan SHOW ..., DESCRIBE, DESC or EXPLAIN of a table."""
    cur = TokenCursor.of(source)
    if cur.accept_any("DESCRIBE", "DESC", "EXPLAIN"):
        return _describe(cur, pc)
    cur.expect_word("SHOW")
    full = cur.accept_word("FULL")
    extended = cur.accept_word("EXTENDED")
    full = cur.accept_word("FULL") or full
    scope = cur.accept_any("GLOBAL", "SESSION", "LOCAL") or "SESSION"
    scope = "GLOBAL" if scope == "GLOBAL" else "SESSION"
    if cur.accept_word("CREATE"):
        return tables.plan_show_create(cur, pc)
    if cur.accept_word("COUNT"):
        cur.skip_parentheses()
        kind = cur.accept_any("WARNINGS", "ERRORS")
        if kind is None:
            raise cur.syntax_error()
        cur.expect_end()
        name = "@@session.warning_count" if kind == "WARNINGS" else "@@session.error_count"
        return ShowPlan(pc.services, [(name, big())], lambda ctx, s: [(len(_diagnostics(ctx, kind)),)])
    start = cur.position
    for words, maker in _SIMPLE.items():
        if cur.accept_word(*words):
            return maker(cur, pc, scope)
    cur.position = start
    if cur.accept_any("TABLES"):
        return tables.plan_show_tables(cur, pc, full=full)
    if cur.accept_word("TABLE", "STATUS"):
        return tables.plan_table_status(cur, pc)
    if cur.accept_any("COLUMNS", "FIELDS"):
        return tables.plan_columns(cur, pc, full=full)
    if cur.accept_any("INDEX", "INDEXES", "KEYS"):
        return tables.plan_index(cur, pc)
    if cur.accept_word("PROCESSLIST"):
        return _processlist(cur, pc, full)
    if extended:
        raise cur.syntax_error()
    raise cur.syntax_error()


def _describe(cur: TokenCursor, pc: PlanContext) -> Plan:
    name = cur.expect_name()
    wanted = None
    if not cur.at_end and not cur.peek_op(";"):
        wanted = cur.accept_string() or cur.expect_ident()
    cur.expect_end()
    plan = tables.columns_plan(pc, name, full=False)
    if wanted is not None:
        pattern = like_pattern(wanted)
        plan.filtered(lambda row: pattern.fullmatch(str(row[0])) is not None)
    return plan


def _diagnostics(ctx: SessionContext, kind: str) -> list[Row]:
    return [(w.level, w.errno, w.message) for w in ctx.warnings if kind == "WARNINGS" or w.level == "Error"]


def _warnings(kind: str) -> Callable[[TokenCursor, PlanContext, str], Plan]:
    def make(cur: TokenCursor, pc: PlanContext, scope: str) -> Plan:
        offset, count = 0, 1 << 62
        if cur.accept_word("LIMIT"):
            count = cur.expect_integer()
            if cur.accept_op(","):
                offset, count = count, cur.expect_integer()
            elif cur.accept_word("OFFSET"):
                offset = cur.expect_integer()
        cur.expect_end()
        columns: list[str | tuple[str, ColumnType]] = [
            "Level",
            ("Code", ColumnType("int", unsigned=True)),
            ("Message", text(512)),
        ]
        return ShowPlan(pc.services, columns, lambda ctx, s: _diagnostics(ctx, kind)[offset : offset + count])

    return make


def _databases(cur: TokenCursor, pc: PlanContext, scope: str) -> Plan:
    heading = "Database"
    token = cur.peek()
    following = cur.peek(1)
    if token is not None and token.upper == "LIKE" and following is not None:
        heading = f"Database ({following.value})"
    return filtered(cur, ShowPlan(pc.services, [heading], lambda ctx, s: [(n,) for n in database_names(ctx, s)]))


def _variables(cur: TokenCursor, pc: PlanContext, scope: str) -> Plan:
    return filtered(cur, ShowPlan(pc.services, ["Variable_name", ("Value", text(1024))], variable_rows(scope)))


def _status(cur: TokenCursor, pc: PlanContext, scope: str) -> Plan:
    return filtered(cur, ShowPlan(pc.services, ["Variable_name", ("Value", text(1024))], status_rows(scope)))


def _processlist(cur: TokenCursor, pc: PlanContext, full: bool) -> Plan:
    cur.expect_end()

    def rows(ctx: SessionContext, services: InstanceServices) -> list[Row]:
        return [(*r[:-1], r[-1] if full or r[-1] is None else r[-1][:100]) for r in process_rows(ctx, services)]

    columns: list[str | tuple[str, ColumnType]] = [
        ("Id", big()), "User", "Host", "db", "Command", ("Time", integer()), "State", ("Info", longtext()),
    ]  # fmt: skip
    return ShowPlan(pc.services, columns, rows)


def _fixed(columns: Sequence[Any], rows: Callable[[], Sequence[Row]] | None = None) -> Callable[..., Plan]:
    def make(cur: TokenCursor, pc: PlanContext, scope: str) -> Plan:
        plan = ShowPlan(pc.services, columns, nothing if rows is None else (lambda ctx, s: rows()))
        while cur.peek_any("FROM", "IN", "FOR", "LIMIT"):
            cur.next()
            if not cur.at_end:
                cur.next()
        return filtered(cur, plan)

    return make


def _grants(cur: TokenCursor, pc: PlanContext, scope: str) -> Plan:
    """SHOW GRANTS [FOR account [USING role, ...]]; one's own come with those of the active roles."""
    from aurora_mysql.sql.admin.grants import grants_text
    from aurora_mysql.sql.admin.privileges import accounts_of, with_their_roles
    from aurora_mysql.sql.admin.roles import granted_roles, mandatory_roles
    from aurora_mysql.sql.admin.users import account, account_list

    own = pc.ctx.user.user, pc.ctx.user.host
    whose, using = own, None
    if cur.accept_word("FOR"):
        whose = account(cur, pc)
        using = account_list(cur, pc) if cur.accept_word("USING") else None
    cur.expect_end()
    if whose not in pc.catalog.users:
        raise mysql_error(1141, *whose)
    if whose != own:
        pc.need("SELECT", "mysql", "")

    def rows(ctx: SessionContext, services: InstanceServices) -> list[Row]:
        catalog = services.engine.catalog
        mandatory = mandatory_roles(services, ctx)
        granted = granted_roles(catalog, whose, mandatory)
        for role in using or ():
            if role not in granted:
                raise mysql_error(3530, *role, *whose)
        active = accounts_of(catalog, ctx) - {whose} if whose == own and using is None else ()
        roles = with_their_roles(catalog, using) if using is not None else active
        return [(line,) for line in grants_text(catalog, whose, roles, mandatory & catalog.users.keys())]

    return ShowPlan(pc.services, [(f"Grants for {whose[0]}@{whose[1]}", text(1024))], rows)


def _innodb_status(cur: TokenCursor, pc: PlanContext, scope: str) -> Plan:
    cur.expect_end()
    pc.need("PROCESS")

    def rows(ctx: SessionContext, services: InstanceServices) -> list[Row]:
        return [("InnoDB", "", innodb_status(services))]

    return ShowPlan(pc.services, ["Type", ("Name", text(512)), ("Status", longtext())], rows)


def _volume_status(cur: TokenCursor, pc: PlanContext, scope: str) -> Plan:
    cur.expect_end()

    def rows(ctx: SessionContext, services: InstanceServices) -> list[Row]:
        status = services.cluster.volume_status()
        copies = [] if status is None else list(status.get("copies", ()))
        azs = {c.get("az") for c in copies}
        found: list[Row] = [("Disks", str(len(copies))), ("Nodes", str(len(azs)))]
        for number, copy in enumerate(copies):
            found.append((f"Disk_{number}", str(copy.get("state", ""))))
            found.append((f"Disk_{number}_latency_ms", "" if copy["latency_ms"] is None else str(copy["latency_ms"])))
        for name, value in ({} if status is None else status.get("usage", {})).items():
            found.append((f"Volume_{name}", str(value)))
        return found

    return ShowPlan(pc.services, ["Variable_name", ("Value", text(1024))], rows)


def _open_tables(cur: TokenCursor, pc: PlanContext, scope: str) -> Plan:
    database = tables.from_clause(cur) or pc.database

    def rows(ctx: SessionContext, services: InstanceServices) -> list[Row]:
        catalog = services.engine.catalog
        seen = Visibility(catalog, ctx)
        return [(d, t, 0, 0) for d, t in sorted(catalog.tables) if (not database or d == database) and seen.table(d, t)]

    return filtered(cur, ShowPlan(pc.services, ["Database", "Table", ("In_use", _BIG), ("Name_locked", _BIG)], rows), 1)


def _refuse(what: str) -> Callable[..., Plan]:
    def make(cur: TokenCursor, pc: PlanContext, scope: str) -> Plan:
        raise unsupported(what)

    return make


def _no_binary_log(cur: TokenCursor, pc: PlanContext, scope: str) -> Plan:
    raise mysql_error(1381)


_PRIVILEGES = [
    ("Alter", "Tables", "To alter the table"),
    ("Create", "Databases,Tables,Indexes", "To create new databases and tables"),
    ("Create user", "Server Admin", "To create new users"),
    ("Create view", "Tables", "To create new views"),
    ("Delete", "Tables", "To delete existing rows"),
    ("Drop", "Databases,Tables", "To drop databases, tables, and views"),
    ("Grant option", "Databases,Tables,Functions,Procedures", "To give to other users those privileges you possess"),
    ("Index", "Tables", "To create or drop indexes"),
    ("Insert", "Tables", "To insert data into tables"),
    ("Lock tables", "Databases", "To use LOCK TABLES (together with SELECT privilege)"),
    ("Process", "Server Admin", "To view the plain text of currently executing queries"),
    ("References", "Databases,Tables", "To have references on tables"),
    ("Reload", "Server Admin", "To reload or refresh tables, logs and privileges"),
    ("Select", "Tables", "To retrieve rows from table"),
    ("Show databases", "Server Admin", "To see all databases with SHOW DATABASES"),
    ("Show view", "Tables", "To see views with SHOW CREATE VIEW"),
    ("Super", "Server Admin", "To use KILL thread, SET GLOBAL, CHANGE MASTER, etc."),
    ("Update", "Tables", "To update existing rows"),
    ("Usage", "Server Admin", "No privileges - allow connect only"),
]
_ROUTINE_STATUS: list[str | tuple[str, ColumnType]] = [
    "Db", "Name", "Type", ("Definer", text(288)), ("Modified", moment()), ("Created", moment()), "Security_type",
    ("Comment", longtext()), "character_set_client", "collation_connection", "Database Collation",
]  # fmt: skip


def _routine_status(kind: str) -> Callable[[TokenCursor, PlanContext, str], Plan]:
    def make(cur: TokenCursor, pc: PlanContext, scope: str) -> Plan:
        plan = ShowPlan(pc.services, _ROUTINE_STATUS, lambda ctx, s: programs.routine_status(kind, ctx, s))
        return filtered(cur, plan, 1)

    return make


def _triggers(cur: TokenCursor, pc: PlanContext, scope: str) -> Plan:
    database = (cur.expect_ident() if cur.accept_any("FROM", "IN") else "") or pc.database
    if not database:
        raise mysql_error(1046)
    if database not in pc.catalog.databases and not virtual_names(database):
        raise mysql_error(1049, database)
    rows = ShowPlan(pc.services, programs.TRIGGER_COLUMNS, lambda ctx, s: programs.trigger_rows(database, ctx, s))
    # LIKE looks at the table's name.
    return filtered(cur, rows, 2)


_LOG_STATUS = ["File", ("Position", _BIG), "Binlog_Do_DB", "Binlog_Ignore_DB", "Executed_Gtid_Set"]

_LOG_EVENTS = ["Log_name", ("Pos", _BIG), "Event_type", ("Server_id", _BIG), ("End_log_pos", _BIG), "Info"]


def _replica_columns(replica: str, source: str) -> list[str]:
    """SHOW REPLICA STATUS has the columns of MySQL 8.0 in either wording, and never a row."""
    return f"""
        {replica}_IO_State {source}_Host {source}_User {source}_Port Connect_Retry {source}_Log_File
        Read_{source}_Log_Pos Relay_Log_File Relay_Log_Pos Relay_{source}_Log_File {replica}_IO_Running
        {replica}_SQL_Running Replicate_Do_DB Replicate_Ignore_DB Replicate_Do_Table Replicate_Ignore_Table
        Replicate_Wild_Do_Table Replicate_Wild_Ignore_Table Last_Errno Last_Error Skip_Counter
        Exec_{source}_Log_Pos Relay_Log_Space Until_Condition Until_Log_File Until_Log_Pos
        {source}_SSL_Allowed {source}_SSL_CA_File {source}_SSL_CA_Path {source}_SSL_Cert {source}_SSL_Cipher
        {source}_SSL_Key Seconds_Behind_{source} {source}_SSL_Verify_Server_Cert Last_IO_Errno Last_IO_Error
        Last_SQL_Errno Last_SQL_Error Replicate_Ignore_Server_Ids {source}_Server_Id {source}_UUID
        {source}_Info_File SQL_Delay SQL_Remaining_Delay {replica}_SQL_Running_State {source}_Retry_Count
        {source}_Bind Last_IO_Error_Timestamp Last_SQL_Error_Timestamp {source}_SSL_Crl {source}_SSL_Crlpath
        Retrieved_Gtid_Set Executed_Gtid_Set Auto_Position Replicate_Rewrite_DB Channel_Name
        {source}_TLS_Version {source}_public_key_path Get_{source}_public_key Network_Namespace
    """.split()


_SIMPLE: dict[tuple[str, ...], Callable[[TokenCursor, PlanContext, str], Plan]] = {
    ("DATABASES",): _databases,
    ("SCHEMAS",): _databases,
    ("VARIABLES",): _variables,
    ("STATUS",): _status,
    ("WARNINGS",): _warnings("WARNINGS"),
    ("ERRORS",): _warnings("ERRORS"),
    ("GRANTS",): _grants,
    ("STORAGE", "ENGINES"): _fixed(
        ["Engine", "Support", "Comment", "Transactions", "XA", "Savepoints"], lambda: ENGINES
    ),
    ("ENGINES",): _fixed(["Engine", "Support", "Comment", "Transactions", "XA", "Savepoints"], lambda: ENGINES),
    ("ENGINE", "INNODB", "STATUS"): _innodb_status,
    ("VOLUME", "STATUS"): _volume_status,
    ("OPEN", "TABLES"): _open_tables,
    ("PRIVILEGES",): _fixed(["Privilege", "Context", "Comment"], lambda: _PRIVILEGES),
    ("PLUGINS",): _fixed(
        ["Name", "Status", "Type", "Library", "License"],
        lambda: [
            ("mysql_native_password", "ACTIVE", "AUTHENTICATION", None, "GPL"),
            ("caching_sha2_password", "ACTIVE", "AUTHENTICATION", None, "GPL"),
            ("InnoDB", "ACTIVE", "STORAGE ENGINE", None, "GPL"),
        ],
    ),
    ("MASTER", "STATUS"): _fixed(_LOG_STATUS),
    ("BINARY", "LOG", "STATUS"): _fixed(_LOG_STATUS),
    ("BINARY", "LOGS"): _no_binary_log,
    ("MASTER", "LOGS"): _no_binary_log,
    ("BINLOG", "EVENTS"): _fixed(_LOG_EVENTS),
    ("RELAYLOG", "EVENTS"): _fixed(_LOG_EVENTS),
    ("REPLICA", "STATUS"): _fixed(_replica_columns("Replica", "Source")),
    ("SLAVE", "STATUS"): _fixed(_replica_columns("Slave", "Master")),
    ("PROFILE",): _fixed(["Status", ("Duration", ColumnType("decimal", 9, 6))]),
    ("ENGINE", "INNODB", "MUTEX"): _fixed(["Type", "Name", "Status"]),
    ("ENGINE", "PERFORMANCE_SCHEMA", "STATUS"): _fixed(["Type", "Name", "Status"]),
    ("REPLICAS",): _fixed([("Server_Id", _BIG), "Host", ("Port", _BIG), ("Source_Id", _BIG), "Replica_UUID"]),
    ("SLAVE", "HOSTS"): _fixed([("Server_id", _BIG), "Host", ("Port", _BIG), ("Master_id", _BIG), "Slave_UUID"]),
    ("TRIGGERS",): _triggers,
    ("EVENTS",): plan_show_events,
    ("PROCEDURE", "STATUS"): _routine_status("PROCEDURE"),
    ("FUNCTION", "STATUS"): _routine_status("FUNCTION"),
    ("PROFILES",): _fixed([("Query_ID", _BIG), ("Duration", ColumnType("double")), "Query"]),
    ("CHARACTER", "SET"): _fixed(
        ["Charset", "Description", "Default collation", ("Maxlen", big())],
        lambda: [(c.name, c.description, c.default_collation, c.max_bytes) for c in CHARSETS.values()],
    ),
    ("CHARSET",): _fixed(
        ["Charset", "Description", "Default collation", ("Maxlen", big())],
        lambda: [(c.name, c.description, c.default_collation, c.max_bytes) for c in CHARSETS.values()],
    ),
    ("COLLATION",): _fixed(
        ["Collation", "Charset", ("Id", big()), "Default", "Compiled", ("Sortlen", big()), "Pad_attribute"],
        lambda: [
            (c.name, c.charset, c.id, "Yes" if CHARSETS[c.charset].default_collation == c.name else "", "Yes",
             c.sortlen, c.pad)
            for c in COLLATIONS.values()
        ],
    ),
}  # fmt: skip
