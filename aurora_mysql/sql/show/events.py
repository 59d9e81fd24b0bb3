"""Events in SHOW and information_schema."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

from aurora_mysql.catalog.model import ColumnType, Event
from aurora_mysql.errors import mysql_error
from aurora_mysql.sql.admin.privileges import accounts_of, has_privilege
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.ddl.parse_column import quote_string
from aurora_mysql.sql.functions.temporal import zone
from aurora_mysql.sql.instance_services import InstanceServices
from aurora_mysql.sql.lexer import TokenCursor
from aurora_mysql.sql.plan import Plan, PlanContext
from aurora_mysql.sql.show.creation import account_text, local_moment, session_columns
from aurora_mysql.sql.show.plan import ShowPlan, filtered
from aurora_mysql.sql.show.type_text import backtick
from aurora_mysql.sql.show.virtual import integer, longtext, moment

Row = tuple[Any, ...]
_STATUS = {"ENABLED": "ENABLE", "DISABLED": "DISABLE", "SLAVESIDE_DISABLED": "DISABLE ON SLAVE"}


def _moment(us: int, event: Event) -> dt.datetime | None:
    """A moment of the schedule, in the event's time zone."""
    if not us:
        return None
    return dt.datetime.fromtimestamp(us // 1_000_000, zone(event.time_zone) or dt.UTC).replace(tzinfo=None)


def _interval(event: Event) -> str | None:
    if not event.interval_unit:
        return None
    return f"'{event.interval_value}'" if "_" in event.interval_unit else event.interval_value


def create_event_text(event: Event) -> str:
    """As SHOW CREATE EVENT prints it."""
    if event.interval_unit:
        schedule = f"EVERY {_interval(event)} {event.interval_unit} STARTS '{_moment(event.starts_us, event)}'"
        if event.ends_us:
            schedule += f" ENDS '{_moment(event.ends_us, event)}'"
    else:
        schedule = f"AT '{_moment(event.at_us, event)}'"
    comment = f" COMMENT {quote_string(event.comment)}" if event.comment else ""
    return (
        f"CREATE DEFINER={account_text(event.creation.definer)} EVENT {backtick(event.name)} ON SCHEDULE {schedule} "
        f"ON COMPLETION {'' if event.preserve else 'NOT '}PRESERVE {_STATUS[event.status]}{comment} DO {event.body}"
    )


def plan_show_create_event(cur: TokenCursor, pc: PlanContext) -> Plan:
    """From after SHOW CREATE EVENT. Raises 1539."""
    database, name = cur.expect_name()
    cur.expect_end()
    database = database or pc.database
    if not database:
        raise mysql_error(1046)
    event = pc.catalog.events.get((database, name))
    if event is None:
        raise mysql_error(1539, name)
    pc.need("EVENT", database)
    columns: list[str | tuple[str, ColumnType]] = [
        "Event", "sql_mode", "time_zone", ("Create Event", longtext()), "character_set_client", "collation_connection",
        "Database Collation",
    ]  # fmt: skip
    creation = event.creation
    row = (event.name, creation.sql_mode, event.time_zone, create_event_text(event), *session_columns(creation))
    return ShowPlan(pc.services, columns, lambda ctx, s: [row])


def plan_show_events(cur: TokenCursor, pc: PlanContext, _: str) -> Plan:
    """From after SHOW EVENTS. Raises 1046, 1044."""
    database = (cur.expect_ident() if cur.accept_any("FROM", "IN") else "") or pc.database
    if not database:
        raise mysql_error(1046)
    pc.need("EVENT", database)
    columns: list[str | tuple[str, ColumnType]] = [
        "Db", "Name", "Definer", "Time zone", "Type", ("Execute at", moment()), "Interval value", "Interval field",
        ("Starts", moment()), ("Ends", moment()), "Status", ("Originator", integer()), "character_set_client",
        "collation_connection", "Database Collation",
    ]  # fmt: skip

    def rows(ctx: SessionContext, services: InstanceServices) -> list[Row]:
        return [
            (
                e.database, e.name, e.creation.definer, e.time_zone, "RECURRING" if e.interval_unit else "ONE TIME",
                _moment(e.at_us, e), _interval(e), e.interval_unit or None, _moment(e.starts_us, e),
                _moment(e.ends_us, e), e.status, 1, *session_columns(e.creation),
            )
            for e in _seen(ctx, services)
            if e.database == database
        ]  # fmt: skip

    return filtered(cur, ShowPlan(pc.services, columns, rows), 1)


def _seen(ctx: SessionContext, services: InstanceServices) -> Iterator[Event]:
    catalog = services.engine.catalog
    for key in sorted(catalog.events):
        if has_privilege(catalog, accounts_of(catalog, ctx), "EVENT", key[0], ""):
            yield catalog.events[key]


def event_rows(ctx: SessionContext, services: InstanceServices) -> list[Row]:
    """information_schema.EVENTS. LAST_EXECUTED is what this instance knows."""
    rows = []
    for e in _seen(ctx, services):
        executed_us = services.event_runs.get((e.database, e.name), 0)
        c = e.creation
        rows.append(
            (
                "def", e.database, e.name, c.definer, e.time_zone, "SQL", e.body,
                "RECURRING" if e.interval_unit else "ONE TIME", _moment(e.at_us, e), _interval(e),
                e.interval_unit or None, c.sql_mode, _moment(e.starts_us, e), _moment(e.ends_us, e), e.status,
                "PRESERVE" if e.preserve else "NOT PRESERVE", local_moment(c.created_us), local_moment(c.changed_us),
                _moment(executed_us, e), e.comment, 1, *session_columns(c),
            )
        )  # fmt: skip
    return rows
