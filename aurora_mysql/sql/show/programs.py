"""Stored programs in SHOW and information_schema."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from aurora_mysql.catalog.model import ColumnType, Routine, Trigger
from aurora_mysql.errors import MySQLError, mysql_error
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.ddl.parse_column import parse_type, quote_string
from aurora_mysql.sql.instance_services import InstanceServices
from aurora_mysql.sql.lexer import TokenCursor
from aurora_mysql.sql.plan import Plan, PlanContext
from aurora_mysql.sql.result_types import display_length
from aurora_mysql.sql.show.creation import account_text, local_moment, session_columns
from aurora_mysql.sql.show.events import plan_show_create_event
from aurora_mysql.sql.show.plan import ShowPlan
from aurora_mysql.sql.show.type_text import backtick, type_text
from aurora_mysql.sql.show.virtual import Visibility, longtext, moment, text

Row = tuple[Any, ...]
_INTEGER_DIGITS = {"tinyint": 3, "smallint": 5, "mediumint": 7, "int": 10, "bigint": 19}


def create_routine_text(routine: Routine) -> str:
    """As SHOW CREATE PROCEDURE prints it."""
    lines = (
        f"CREATE DEFINER={account_text(routine.creation.definer)} {routine.kind} {backtick(routine.name)}"
        f"({routine.parameters})"
    )
    if routine.returns:
        lines += f" RETURNS {routine.returns}"
    lines += "\n"
    if routine.access != "CONTAINS SQL":
        lines += f"    {routine.access}\n"
    if routine.deterministic:
        lines += "    DETERMINISTIC\n"
    if routine.security == "INVOKER":
        lines += "    SQL SECURITY INVOKER\n"
    if routine.comment:
        lines += f"    COMMENT {quote_string(routine.comment)}\n"
    return lines + routine.body


def create_trigger_text(trigger: Trigger) -> str:
    """As SHOW CREATE TRIGGER prints it."""
    return (
        f"CREATE DEFINER={account_text(trigger.creation.definer)} TRIGGER {backtick(trigger.name)} {trigger.timing} "
        f"{trigger.event} ON {backtick(trigger.table)} FOR EACH ROW {trigger.body}"
    )


def plan_show_create_program(what: str, cur: TokenCursor, pc: PlanContext) -> Plan:
    """From after SHOW CREATE PROCEDURE, FUNCTION, TRIGGER or EVENT. Raises 1305, 1360, 1539."""
    if what == "EVENT":
        return plan_show_create_event(cur, pc)
    database, name = cur.expect_name()
    cur.expect_end()
    database = database or pc.database
    if not database:
        raise mysql_error(1046)
    if what == "TRIGGER":
        trigger = pc.catalog.triggers.get((database, name))
        if trigger is None:
            raise mysql_error(1360)
        pc.need("TRIGGER", database, trigger.table)
        created = local_moment(trigger.creation.created_us)
        row: Row = (
            trigger.name, trigger.creation.sql_mode, create_trigger_text(trigger),
            *session_columns(trigger.creation), created,
        )  # fmt: skip
        columns: list[str | tuple[str, ColumnType]] = [
            "Trigger", "sql_mode", ("SQL Original Statement", longtext()), "character_set_client",
            "collation_connection", "Database Collation", ("Created", moment(2)),
        ]  # fmt: skip
        return ShowPlan(pc.services, columns, lambda ctx, s: [row])
    routine = pc.catalog.routine(database, what, name)
    if routine is None:
        raise mysql_error(1305, what, name)
    pc.need("SELECT", database)
    row = (routine.name, routine.creation.sql_mode, create_routine_text(routine), *session_columns(routine.creation))
    columns = [
        what.capitalize(), "sql_mode", (f"Create {what.capitalize()}", longtext()), "character_set_client",
        "collation_connection", "Database Collation",
    ]  # fmt: skip
    return ShowPlan(pc.services, columns, lambda ctx, s: [row])


def _seen_routines(ctx: SessionContext, services: InstanceServices) -> Iterator[Routine]:
    catalog = services.engine.catalog
    seen = Visibility(catalog, ctx)
    for key in sorted(catalog.routines):
        if seen.database(key[0]):
            yield catalog.routines[key]


def _seen_triggers(ctx: SessionContext, services: InstanceServices) -> Iterator[Trigger]:
    catalog = services.engine.catalog
    seen = Visibility(catalog, ctx)
    for key in sorted(catalog.triggers_of):
        if seen.table(*key):
            yield from catalog.triggers_of[key]


def routine_status(kind: str, ctx: SessionContext, services: InstanceServices) -> list[Row]:
    """SHOW PROCEDURE STATUS, SHOW FUNCTION STATUS."""
    return [
        (
            r.database, r.name, r.kind, r.creation.definer, local_moment(r.creation.changed_us),
            local_moment(r.creation.created_us), r.security, r.comment, *session_columns(r.creation),
        )
        for r in _seen_routines(ctx, services)
        if r.kind == kind
    ]  # fmt: skip


TRIGGER_COLUMNS: list[str | tuple[str, ColumnType]] = [
    "Trigger", "Event", "Table", ("Statement", longtext()), "Timing", ("Created", moment(2)), ("sql_mode", text(512)),
    ("Definer", text(288)), "character_set_client", "collation_connection", "Database Collation",
]  # fmt: skip


def trigger_rows(database: str, ctx: SessionContext, services: InstanceServices) -> list[Row]:
    """SHOW TRIGGERS."""
    return [
        (
            t.name, t.event, t.table, t.body, t.timing, local_moment(t.creation.created_us), t.creation.sql_mode,
            t.creation.definer, *session_columns(t.creation),
        )
        for t in _seen_triggers(ctx, services)
        if t.database == database
    ]  # fmt: skip


# --- information_schema ----------------------------------------------------------------------------------------


def _type_columns(column_type: ColumnType | None) -> tuple[Any, ...]:
    """DATA_TYPE, lengths, precisions, character set and collation, DTD_IDENTIFIER."""
    if column_type is None:
        return ("", None, None, None, None, None, None, None, None)
    name = column_type.name
    characters = octets = precision = scale = digits = None
    if column_type.charset is not None or name in ("binary", "varbinary") or name.endswith("blob"):
        octets = display_length(column_type)
        characters = column_type.length if column_type.length is not None else octets
    if name in _INTEGER_DIGITS:
        precision, scale = _INTEGER_DIGITS[name] + (name == "bigint" and column_type.unsigned), 0
    elif name == "decimal":
        precision, scale = column_type.length or 10, column_type.scale or 0
    elif name in ("float", "double"):
        precision = 12 if name == "float" else 22
    elif name in ("datetime", "timestamp", "time"):
        digits = column_type.scale or 0
    return (
        name, characters, octets, precision, scale, digits, column_type.charset, column_type.collation,
        type_text(column_type),
    )  # fmt: skip


def routine_rows(ctx: SessionContext, services: InstanceServices) -> list[Row]:
    """information_schema.ROUTINES."""
    rows = []
    for r in _seen_routines(ctx, services):
        returns = parse_type(TokenCursor.of(r.returns)) if r.returns else None
        c = r.creation
        rows.append(
            (
                r.name, "def", r.database, r.name, r.kind, *_type_columns(returns), "SQL", r.body, None, "SQL", "SQL",
                "YES" if r.deterministic else "NO", r.access, None, r.security, local_moment(c.created_us),
                local_moment(c.changed_us), c.sql_mode, r.comment, c.definer, *session_columns(c),
            )
        )  # fmt: skip
    return rows


def parameter_rows(ctx: SessionContext, services: InstanceServices) -> list[Row]:
    """information_schema.PARAMETERS; a function's value has position 0."""
    from aurora_mysql.sql.routines.parse import parse_parameters

    rows: list[Row] = []
    for r in _seen_routines(ctx, services):
        found: list[tuple[int, str | None, str | None, ColumnType]] = []
        if r.returns:
            found.append((0, None, None, parse_type(TokenCursor.of(r.returns))))
        try:
            parameters = parse_parameters(r.parameters, r.kind)
        except MySQLError:
            continue  # made under a sql_mode whose quoting this reading does not know: nothing to show of it
        found += [(n, p.mode, p.name, p.type) for n, p in enumerate(parameters, start=1)]
        for position, mode, name, column_type in found:
            data_type, *rest, dtd = _type_columns(column_type)
            rows.append(("def", r.database, r.name, position, mode, name, data_type, *rest, dtd, r.kind))
    return rows


def information_trigger_rows(ctx: SessionContext, services: InstanceServices) -> list[Row]:
    """information_schema.TRIGGERS."""
    return [
        (
            "def", t.database, t.name, t.event, "def", t.database, t.table, t.position, None, t.body, "ROW", t.timing,
            None, None, "OLD", "NEW", local_moment(t.creation.created_us), t.creation.sql_mode, t.creation.definer,
            *session_columns(t.creation),
        )
        for t in _seen_triggers(ctx, services)
    ]  # fmt: skip
