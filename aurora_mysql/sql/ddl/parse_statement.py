"""Which schema statement a text is, and the plan that carries it out."""

from __future__ import annotations

from dataclasses import replace

from aurora_mysql.errors import unsupported
from aurora_mysql.sql.ddl import tables
from aurora_mysql.sql.ddl.alter import alter_table
from aurora_mysql.sql.ddl.parse_alter import AlterSpec, parse_alter_table
from aurora_mysql.sql.ddl.parse_column import charset_name
from aurora_mysql.sql.ddl.parse_table import key_parts_and_options, parse_create_table
from aurora_mysql.sql.ddl.plan import Action, DdlPlan
from aurora_mysql.sql.ddl.temporary import create_temporary, drop_temporary
from aurora_mysql.sql.ddl.views import plan_create_view, plan_drop_view
from aurora_mysql.sql.lexer import TokenCursor
from aurora_mysql.sql.plan import Plan, PlanContext

_ROUTINES = ("TRIGGER", "PROCEDURE", "FUNCTION", "EVENT", "SERVER", "TABLESPACE", "LOGFILE", "UNDO", "SPATIAL",
             "RESOURCE", "INSTANCE", "AGGREGATE")  # fmt: skip


def plan_ddl(text: str, pc: PlanContext) -> Plan:
    """Plan CREATE, ALTER, DROP, TRUNCATE or RENAME of databases, tables, indexes and views.

    Raises:
        MySQLError: 1064, 1235, and what the definition itself violates.
    """
    modes = str(pc.ctx.variables.get("sql_mode", "")).upper()
    cur = TokenCursor.of(text, backslash_escapes="NO_BACKSLASH_ESCAPES" not in modes)
    if "REAL_AS_FLOAT" in modes:
        cur.tokens = [replace(t, text="FLOAT", value="FLOAT") if t.upper == "REAL" else t for t in cur.tokens]
    verb = cur.accept_any("CREATE", "ALTER", "DROP", "TRUNCATE", "RENAME")
    if verb == "CREATE":
        return _create(cur, pc)
    if verb == "ALTER":
        return _alter(cur, pc)
    if verb == "DROP":
        return _drop(cur, pc)
    if verb == "TRUNCATE":
        cur.accept_word("TABLE")
        name = cur.expect_name()
        cur.expect_end()
        pc.need("DROP", name[0] or pc.database, name[1])
        return DdlPlan(pc, lambda run: tables.truncate_table(run, name))
    if verb == "RENAME" and (cur.accept_any("TABLE", "TABLES")):
        pairs = []
        while True:
            old = cur.expect_name()
            cur.expect_word("TO")
            new = cur.expect_name()
            pairs.append((old, new))
            _need_rename(pc, old, new)
            if not cur.accept_op(","):
                break
        cur.expect_end()
        return DdlPlan(pc, lambda run: tables.rename_tables(run, pairs))
    raise cur.syntax_error()


def _need_rename(pc: PlanContext, old: tuple[str, str], new: tuple[str, str]) -> None:
    for privilege in ("ALTER", "DROP"):
        pc.need(privilege, old[0] or pc.database, old[1])
    for privilege in ("CREATE", "INSERT"):
        pc.need(privilege, new[0] or pc.database, new[1])


def _create(cur: TokenCursor, pc: PlanContext) -> Plan:
    if cur.peek_word("OR", "REPLACE") or cur.peek_any("ALGORITHM", "DEFINER", "SQL", "VIEW"):
        return plan_create_view(cur, pc)
    if cur.accept_any("DATABASE", "SCHEMA"):
        if_not_exists = cur.accept_word("IF", "NOT", "EXISTS")
        name = cur.expect_ident()
        charset, collation = _database_options(cur)
        pc.need("CREATE", name)
        return DdlPlan(pc, lambda run: tables.create_database(run, name, if_not_exists, charset, collation))
    if cur.accept_word("TEMPORARY"):
        cur.expect_word("TABLE")
        spec = parse_create_table(cur)
        pc.need("CREATE TEMPORARY TABLES", spec.database or pc.database)
        if spec.like is not None:
            pc.need("SELECT", spec.like[0] or pc.database, spec.like[1])
        return DdlPlan(pc, lambda run: create_temporary(run, spec), commits=False)
    if cur.accept_word("TABLE"):
        spec = parse_create_table(cur)
        pc.need("CREATE", spec.database or pc.database, spec.name)
        if spec.like is not None:
            pc.need("SELECT", spec.like[0] or pc.database, spec.like[1])
        return DdlPlan(pc, lambda run: tables.create_table(run, spec))
    kind = cur.accept_any("UNIQUE", "FULLTEXT", "SPATIAL")
    if kind is not None or cur.peek_word("INDEX"):
        cur.expect_word("INDEX")
        name = cur.expect_ident()
        if cur.accept_any("USING", "TYPE"):
            cur.expect_ident()
        cur.expect_word("ON")
        target = cur.expect_name()
        key = key_parts_and_options(cur, kind or "KEY", name)
        _algorithm_and_lock(cur)
        alter = AlterSpec(*target)
        alter.add("add key", key=key)
        pc.need("INDEX", target[0] or pc.database, target[1])
        return DdlPlan(pc, lambda run: alter_table(run, alter))
    if cur.peek_any(*_ROUTINES):
        raise unsupported(f"CREATE {cur.next().upper}")
    raise cur.syntax_error()


def _algorithm_and_lock(cur: TokenCursor) -> None:
    while cur.accept_any("ALGORITHM", "LOCK"):
        cur.accept_op("=")
        cur.expect_ident()
    cur.expect_end()


def _database_options(cur: TokenCursor) -> tuple[str | None, str | None]:
    charset = collation = None
    while not cur.at_end:
        cur.accept_word("DEFAULT")
        if cur.accept_word("CHARACTER", "SET") or cur.accept_word("CHARSET"):
            cur.accept_op("=")
            charset = charset_name(cur)
        elif cur.accept_word("COLLATE"):
            cur.accept_op("=")
            collation = charset_name(cur)
        elif cur.accept_word("ENCRYPTION"):
            cur.accept_op("=")
            cur.expect_string()
        elif cur.accept_word("READ", "ONLY"):
            raise unsupported("read only databases")
        else:
            cur.expect_end()
    return charset, collation


def _alter(cur: TokenCursor, pc: PlanContext) -> Plan:
    if cur.accept_any("DATABASE", "SCHEMA"):
        name = "" if cur.peek_any("DEFAULT", "CHARACTER", "CHARSET", "COLLATE", "ENCRYPTION") else cur.expect_ident()
        charset, collation = _database_options(cur)
        pc.need("ALTER", name or pc.database)
        return DdlPlan(pc, lambda run: tables.alter_database(run, name, charset, collation))
    if cur.accept_word("TABLE"):
        spec = parse_alter_table(cur)
        pc.need("ALTER", spec.database or pc.database, spec.name)
        for action in spec.actions:
            if action.kind == "rename table":
                _need_rename(pc, (spec.database, spec.name), action.target)
        return DdlPlan(pc, lambda run: alter_table(run, spec))
    if cur.peek_any("ALGORITHM", "DEFINER", "SQL", "VIEW"):
        return plan_create_view(cur, pc, alter=True)
    if cur.peek_any(*_ROUTINES):
        raise unsupported(f"ALTER {cur.next().upper}")
    raise cur.syntax_error()


def _drop(cur: TokenCursor, pc: PlanContext) -> Plan:
    action: Action
    if cur.accept_any("DATABASE", "SCHEMA"):
        if_exists = cur.accept_word("IF", "EXISTS")
        name = cur.expect_ident()
        cur.expect_end()
        pc.need("DROP", name)
        action = lambda run: tables.drop_database(run, name, if_exists)  # noqa: E731
        return DdlPlan(pc, action)
    temporary = cur.accept_word("TEMPORARY")
    if cur.accept_any("TABLE", "TABLES"):
        if_exists = cur.accept_word("IF", "EXISTS")
        names = [cur.expect_name()]
        while cur.accept_op(","):
            names.append(cur.expect_name())
        cur.accept_any("RESTRICT", "CASCADE")
        cur.expect_end()
        if temporary:
            return DdlPlan(pc, lambda run: drop_temporary(run, names, if_exists), commits=False)
        for database, table in names:
            pc.need("DROP", database or pc.database, table)
        return DdlPlan(pc, lambda run: tables.drop_tables(run, names, if_exists))
    if cur.accept_word("VIEW"):
        return plan_drop_view(cur, pc)
    if cur.accept_word("INDEX"):
        name = cur.expect_ident()
        cur.expect_word("ON")
        target = cur.expect_name()
        _algorithm_and_lock(cur)
        alter = AlterSpec(*target)
        alter.add("drop key", name=name)
        pc.need("INDEX", target[0] or pc.database, target[1])
        return DdlPlan(pc, lambda run: alter_table(run, alter))
    if cur.peek_any(*_ROUTINES):
        raise unsupported(f"DROP {cur.next().upper}")
    raise cur.syntax_error()
