"""CREATE, ALTER and DROP of procedures, functions, triggers and events."""

from __future__ import annotations

import dataclasses
import time

from aurora_mysql.catalog.model import CatalogDelta, Grant, Routine, Trigger, routine_level
from aurora_mysql.errors import MySQLError, mysql_error, unsupported
from aurora_mysql.sql.admin.grants import granted
from aurora_mysql.sql.admin.privileges import ROUTINE_PRIVILEGES, has_privilege
from aurora_mysql.sql.ddl.build import check_identifier
from aurora_mysql.sql.ddl.parse_column import parse_type
from aurora_mysql.sql.ddl.plan import DdlPlan, Run, note
from aurora_mysql.sql.ddl.views import parse_definer
from aurora_mysql.sql.events.statements import plan_event
from aurora_mysql.sql.lexer import TokenCursor
from aurora_mysql.sql.plan import Plan, PlanContext
from aurora_mysql.sql.query.function_table import is_native
from aurora_mysql.sql.result import Ok, Result
from aurora_mysql.sql.routines.program import creation_of, program_of, rest_of, trigger_program
from aurora_mysql.sql.show.type_text import type_text

_ACCESS = (("CONTAINS", "SQL"), ("NO", "SQL"), ("READS", "SQL", "DATA"), ("MODIFIES", "SQL", "DATA"))


def plan_routine(text: str, pc: PlanContext) -> Plan:
    """Plan CREATE, ALTER or DROP of a procedure, a function, a trigger or an event.

    Raises:
        MySQLError: 1064, and what a body is refused for.
    """
    mode = str(pc.ctx.variables.get("sql_mode", ""))
    cur = TokenCursor.of(text, backslash_escapes="NO_BACKSLASH_ESCAPES" not in mode)
    verb = cur.next().upper
    definer = f"{pc.ctx.user.user}@{pc.ctx.user.host}"
    if verb in ("CREATE", "ALTER") and cur.accept_word("DEFINER"):
        cur.expect_op("=")
        given = parse_definer(cur, definer)
        if given != definer:
            pc.need("SUPER")
        definer = given
    kind = cur.accept_any("PROCEDURE", "FUNCTION", "TRIGGER", "EVENT")
    if kind is None:
        raise unsupported(f"{verb} {cur.next().upper}")
    if kind == "EVENT":
        return plan_event(cur, pc, verb, definer)
    if verb == "DROP":
        return _drop(cur, pc, kind)
    if kind == "TRIGGER":
        if verb != "CREATE":
            raise cur.syntax_error()
        return _create_trigger(cur, pc, definer)
    return _create_routine(cur, pc, kind, definer) if verb == "CREATE" else _alter(cur, pc, kind)


def _characteristics(cur: TokenCursor) -> dict[str, object]:
    found: dict[str, object] = {}
    while True:
        if cur.accept_word("COMMENT"):
            found["comment"] = cur.expect_string()
        elif cur.accept_word("LANGUAGE"):
            cur.expect_word("SQL")
        elif cur.accept_word("NOT"):
            cur.expect_word("DETERMINISTIC")
            found["deterministic"] = False
        elif cur.accept_word("DETERMINISTIC"):
            found["deterministic"] = True
        elif cur.accept_word("SQL", "SECURITY"):
            security = cur.accept_any("DEFINER", "INVOKER")
            if security is None:
                raise cur.syntax_error()
            found["security"] = security
        else:
            for words in _ACCESS:
                if cur.accept_word(*words):
                    found["access"] = " ".join(words)
                    break
            else:
                return found


def _create_routine(cur: TokenCursor, pc: PlanContext, kind: str, definer: str) -> Plan:
    if_not_exists = cur.accept_word("IF", "NOT", "EXISTS")
    database, name = cur.expect_name()
    parameters = cur.skip_parentheses()
    returns = ""
    if kind == "FUNCTION":
        cur.expect_word("RETURNS")
        column_type = parse_type(cur)
        returns = type_text(column_type)
        if column_type.charset is not None:
            returns += f" CHARSET {column_type.charset}"
    options = _characteristics(cur)
    body = rest_of(cur)
    pc.need("CREATE ROUTINE", database or pc.database)

    async def create(run: Run) -> Result:
        schema = run.writable_schema(database).name
        key = (schema, kind, check_identifier(name).lower())
        if key in run.engine.catalog.routines:
            if if_not_exists:
                return await note(run, 1304, kind, name)
            raise mysql_error(1304, kind, name)
        creation = creation_of(run, definer, schema)
        routine = Routine(schema, name, kind, parameters, body, returns, **options, creation=creation)  # type: ignore[arg-type]
        try:
            program_of(routine)
        except MySQLError as error:
            raise mysql_error(1320, name) if error.errno == 1320 else error from None
        await run.commit(CatalogDelta(routines={key: routine}, grants=_automatic(run, schema, kind, name)))
        if kind == "FUNCTION" and is_native(name):
            # Only its name with the database calls it.
            return await note(run, 1585, name)
        return Ok()

    return DdlPlan(pc, create)


def _automatic(run: Run, schema: str, kind: str, name: str) -> dict[tuple[str, str, str, str], Grant | None]:
    """Who makes a routine may run, alter and drop it (automatic_sp_privileges)."""
    catalog, user = run.engine.catalog, run.ctx.user
    level = routine_level(kind, name)
    accounts = frozenset(((user.user, user.host),))
    missing = [p for p in sorted(ROUTINE_PRIVILEGES) if not has_privilege(catalog, accounts, p, schema, level)]
    if not missing or not run.services.variables.get("automatic_sp_privileges", run.ctx):
        return {}
    key = (user.user, user.host, schema, level)
    return {key: granted(catalog, key[:2], key[2:], missing)}


def _alter(cur: TokenCursor, pc: PlanContext, kind: str) -> Plan:
    database, name = cur.expect_name()
    options = _characteristics(cur)
    cur.expect_end()
    pc.need("ALTER ROUTINE", database or pc.database, routine_level(kind, name))

    async def alter(run: Run) -> Result:
        schema = run.writable_schema(database).name
        routine = run.engine.catalog.routine(schema, kind, name)
        if routine is None:
            raise mysql_error(1305, kind, f"{schema}.{name}")
        creation = dataclasses.replace(routine.creation, changed_us=time.time_ns() // 1000)
        changed = dataclasses.replace(routine, **options, creation=creation)  # type: ignore[arg-type]
        await run.commit(CatalogDelta(routines={(schema, kind, name.lower()): changed}))
        return Ok()

    return DdlPlan(pc, alter)


def _create_trigger(cur: TokenCursor, pc: PlanContext, definer: str) -> Plan:
    if_not_exists = cur.accept_word("IF", "NOT", "EXISTS")
    database, name = cur.expect_name()
    timing = cur.accept_any("BEFORE", "AFTER")
    event = cur.accept_any("INSERT", "UPDATE", "DELETE")
    if timing is None or event is None:
        raise cur.syntax_error()
    cur.expect_word("ON")
    table_database, table_name = cur.expect_name()
    cur.expect_word("FOR", "EACH", "ROW")
    order = cur.accept_any("FOLLOWS", "PRECEDES")
    other = cur.expect_name()[1] if order is not None else ""
    body = rest_of(cur)
    pc.need("TRIGGER", table_database or database or pc.database, table_name)

    async def create(run: Run) -> Result:
        schema = run.writable_schema(database or table_database).name
        if table_database and table_database != schema:
            raise mysql_error(1435)
        catalog = run.engine.catalog
        if (schema, table_name) in catalog.views or (schema, table_name) in run.ctx.temporary.tables:
            raise mysql_error(1361, table_name)
        table = run.table(schema, table_name)
        key = (schema, check_identifier(name))
        if key in catalog.triggers:
            if if_not_exists:
                return await note(run, 1359)
            raise mysql_error(1359)
        same = [t for t in catalog.triggers_of.get((schema, table.name), ()) if (t.timing, t.event) == (timing, event)]
        names = [t.name for t in same]
        if other and other not in names:
            raise mysql_error(3011, other)
        place = len(same) if not other else names.index(other) + (order == "FOLLOWS")
        trigger = Trigger(schema, name, table.name, timing, event, body, 1, creation_of(run, definer, schema))
        trigger_program(trigger)
        ordered = [*same[:place], trigger, *same[place:]]
        delta = {(t.database, t.name): dataclasses.replace(t, position=n) for n, t in enumerate(ordered, start=1)}
        # The table's plans must be made anew: writes run triggers from now on.
        await run.commit(CatalogDelta(triggers=delta), lock=[table])
        return Ok()

    return DdlPlan(pc, create)


def _drop(cur: TokenCursor, pc: PlanContext, kind: str) -> Plan:
    if_exists = cur.accept_word("IF", "EXISTS")
    database, name = cur.expect_name()
    cur.expect_end()
    if kind == "TRIGGER":
        pc.need("TRIGGER", database or pc.database)
    else:
        pc.need("ALTER ROUTINE", database or pc.database, routine_level(kind, name))

    async def drop(run: Run) -> Result:
        schema = run.schema_of(database)
        catalog = run.engine.catalog
        if kind == "TRIGGER":
            trigger = catalog.triggers.get((schema, name))
            if trigger is None:
                return await _missing(run, if_exists, mysql_error(1360))
            table = catalog.table(schema, trigger.table)
            await run.commit(CatalogDelta(triggers={(schema, name): None}), lock=[table] if table is not None else [])
            return Ok()
        key = (schema, kind, name.lower())
        if key not in catalog.routines:
            return await _missing(run, if_exists, mysql_error(1305, kind, f"{schema}.{name}"))
        level = (schema, routine_level(kind, name))
        gone = {k: None for k in catalog.grants if k[2:] == level}
        await run.commit(CatalogDelta(routines={key: None}, grants=gone))
        return Ok()

    return DdlPlan(pc, drop)


async def _missing(run: Run, if_exists: bool, error: MySQLError) -> Result:
    if not if_exists:
        raise error
    run.ctx.warn("Note", error.errno, error.message)
    return Ok(warnings=1)
