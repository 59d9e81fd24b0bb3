"""CREATE, ALTER and DROP EVENT."""

from __future__ import annotations

import dataclasses
import datetime as dt
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from aurora_mysql.catalog.model import CatalogDelta, Event
from aurora_mysql.errors import mysql_error
from aurora_mysql.sql.ddl.build import check_identifier
from aurora_mysql.sql.ddl.plan import DdlPlan, Run, note
from aurora_mysql.sql.events.schedule import NO_UNITS, UNITS, interval_of, is_over
from aurora_mysql.sql.functions.temporal import zone
from aurora_mysql.sql.functions.temporal_text import parse_datetime
from aurora_mysql.sql.lexer import TokenCursor
from aurora_mysql.sql.plan import Plan, PlanContext
from aurora_mysql.sql.query.sources import session_zone
from aurora_mysql.sql.result import Ok, Result, Value
from aurora_mysql.sql.routines.interpreter import Interpreter
from aurora_mysql.sql.routines.program import creation_of, event_program, rest_of

_CLAUSES = ("ON", "ENABLE", "DISABLE", "COMMENT", "DO", "STARTS", "ENDS", "RENAME")


@dataclass(slots=True)
class EventSpec:
    """The clauses that were written; expressions are source text. `changes` are fields of the event as they are."""

    at: str = ""
    every: str = ""
    unit: str = ""
    starts: str = ""
    ends: str = ""
    changes: dict[str, Any] = field(default_factory=dict)
    rename: tuple[str, str] | None = None

    @property
    def scheduled(self) -> bool:
        return bool(self.at or self.every)


def plan_event(cur: TokenCursor, pc: PlanContext, verb: str, definer: str) -> Plan:
    """From after CREATE, ALTER or DROP ... EVENT. Raises 1064."""
    if verb == "DROP":
        return _drop(cur, pc)
    if_not_exists = verb == "CREATE" and cur.accept_word("IF", "NOT", "EXISTS")
    database, name = cur.expect_name()
    start = cur.position
    spec = _clauses(cur, alter=verb == "ALTER")
    if verb == "ALTER" and cur.position == start:
        raise cur.syntax_error()
    pc.need("EVENT", database or pc.database)
    if spec.rename is not None:
        pc.need("EVENT", spec.rename[0] or pc.database)
    if verb == "CREATE":
        if not spec.scheduled or "body" not in spec.changes:
            raise cur.syntax_error()
        return DdlPlan(pc, lambda run: _create(run, database, name, spec, definer, if_not_exists))
    return DdlPlan(pc, lambda run: _alter(run, database, name, spec, definer))


def _clauses(cur: TokenCursor, *, alter: bool) -> EventSpec:
    spec = EventSpec()
    if cur.accept_word("ON", "SCHEDULE"):
        if cur.accept_word("AT"):
            spec.at = _expression(cur, _CLAUSES)
        else:
            cur.expect_word("EVERY")
            spec.every = _expression(cur, UNITS + NO_UNITS)
            spec.unit = cur.accept_any(*UNITS, *NO_UNITS) or ""
            if not spec.unit:
                raise cur.syntax_error()
            if cur.accept_word("STARTS"):
                spec.starts = _expression(cur, _CLAUSES)
            if cur.accept_word("ENDS"):
                spec.ends = _expression(cur, _CLAUSES)
    elif not alter:
        raise cur.syntax_error()
    if cur.accept_word("ON", "COMPLETION"):
        spec.changes["preserve"] = not cur.accept_word("NOT")
        cur.expect_word("PRESERVE")
    if alter and cur.accept_word("RENAME", "TO"):
        spec.rename = cur.expect_name()
    if cur.accept_word("ENABLE"):
        spec.changes["status"] = "ENABLED"
    elif cur.accept_word("DISABLE"):
        spec.changes["status"] = "DISABLED"
        if cur.accept_word("ON"):
            if cur.accept_any("SLAVE", "REPLICA") is None:
                raise cur.syntax_error()
            spec.changes["status"] = "SLAVESIDE_DISABLED"
    if cur.accept_word("COMMENT"):
        spec.changes["comment"] = cur.expect_string()
    if cur.accept_word("DO"):
        spec.changes["body"] = rest_of(cur)
    else:
        cur.expect_end()
    return spec


def _expression(cur: TokenCursor, ends: Collection[str]) -> str:
    """Source up to one of the keywords `ends`, outside parentheses. INTERVAL brings its own unit along."""
    start, depth = cur.position, 0
    while not cur.at_end:
        token = cur.peek()
        assert token is not None
        if depth == 0 and (
            token.text == ";" or (token.kind == "word" and token.upper in ends and cur.position > start)
        ):
            break
        depth += {"(": 1, ")": -1}.get(token.text, 0) if token.kind == "op" else 0
        cur.position += 1
    if cur.position == start:
        raise cur.syntax_error()
    return cur.text_between(start, cur.position)


async def _value(run: Run, source: str) -> Value:
    assert run.services.run_inner is not None
    return await Interpreter(run.services.run_inner, run.ctx, None, {}).value(source)


async def _moment_us(run: Run, source: str, clause: str) -> int:
    """Unix microseconds of a moment in the session's time zone. Raises 1525, 1543."""
    value = await _value(run, source)
    moment = parse_datetime(str(value)) if value is not None else None
    if moment is None:
        if clause == "ENDS":
            raise mysql_error(1543)
        raise mysql_error(1525, clause, "NULL" if value is None else value)
    at = zone(session_zone(run.ctx)) or dt.UTC
    return int(moment.replace(tzinfo=at).timestamp()) * 1_000_000


async def _schedule(run: Run, spec: EventSpec, now_us: int) -> dict[str, Any]:
    """The event's fields of its schedule. Raises 1235, 1525, 1542, 1543."""
    time_zone = str(run.services.variables.get("time_zone", run.ctx))
    if spec.at:
        at_us = await _moment_us(run, spec.at, "AT")
        return {"at_us": at_us, "interval_value": "", "interval_unit": "", "starts_us": 0, "ends_us": 0,
                "time_zone": time_zone}  # fmt: skip
    value = await _value(run, spec.every)
    amount = "" if value is None else str(value)
    interval_of(amount, spec.unit)
    starts_us = await _moment_us(run, spec.starts, "STARTS") if spec.starts else now_us // 1_000_000 * 1_000_000
    ends_us = await _moment_us(run, spec.ends, "ENDS") if spec.ends else 0
    if spec.ends and ends_us < starts_us:
        raise mysql_error(1543)
    return {"at_us": 0, "interval_value": amount, "interval_unit": spec.unit, "starts_us": starts_us,
            "ends_us": ends_us, "time_zone": time_zone}  # fmt: skip


async def _create(run: Run, database: str, name: str, spec: EventSpec, definer: str, if_not_exists: bool) -> Result:
    schema = run.writable_schema(database).name
    key = (schema, check_identifier(name))
    if key in run.engine.catalog.events:
        if if_not_exists:
            return await note(run, 1537, name)
        raise mysql_error(1537, name)
    creation = creation_of(run, definer, schema)
    schedule = await _schedule(run, spec, creation.created_us)
    event = Event(schema, name, **spec.changes, **schedule, creation=creation)
    event_program(event)
    if event.status == "ENABLED" and is_over(event, creation.created_us):
        if not event.preserve:
            return await note(run, 1588)
        event = dataclasses.replace(event, status="DISABLED")
        await note(run, 1544)
    await run.commit(CatalogDelta(events={key: event}))
    return Ok(warnings=len(run.ctx.warnings))


async def _alter(run: Run, database: str, name: str, spec: EventSpec, definer: str) -> Result:
    schema = run.writable_schema(database).name
    catalog = run.engine.catalog
    event = catalog.events.get((schema, name))
    if event is None:
        raise mysql_error(1539, name)
    now_us = time.time_ns() // 1000
    key = (schema, name)
    if spec.rename is not None:
        target = run.writable_schema(spec.rename[0] or schema).name
        key = (target, check_identifier(spec.rename[1]))
        if key in catalog.events:
            raise mysql_error(1537, key[1])
    made = creation_of(run, definer, schema)
    if "body" not in spec.changes:
        made = dataclasses.replace(event.creation, definer=definer, changed_us=now_us)
    creation = dataclasses.replace(made, created_us=event.creation.created_us, changed_us=now_us)
    schedule = await _schedule(run, spec, now_us) if spec.scheduled else {}
    changed = dataclasses.replace(event, database=key[0], name=key[1], **spec.changes, **schedule, creation=creation)
    event_program(changed)
    if spec.scheduled and changed.status == "ENABLED" and is_over(changed, now_us):
        if not changed.preserve:
            raise mysql_error(1589)
        changed = dataclasses.replace(changed, status="DISABLED")
        await note(run, 1544)
    await run.commit(CatalogDelta(events={(schema, name): None, key: changed}))
    return Ok(warnings=len(run.ctx.warnings))


def _drop(cur: TokenCursor, pc: PlanContext) -> Plan:
    if_exists = cur.accept_word("IF", "EXISTS")
    database, name = cur.expect_name()
    cur.expect_end()
    pc.need("EVENT", database or pc.database)

    async def drop(run: Run) -> Result:
        key = (run.schema_of(database), name)
        if key not in run.engine.catalog.events:
            if not if_exists:
                raise mysql_error(1539, name)
            return await note(run, 1305, "Event", name)
        await run.commit(CatalogDelta(events={key: None}))
        return Ok()

    return DdlPlan(pc, drop)
