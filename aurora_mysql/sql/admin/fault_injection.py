"""ALTER SYSTEM: faults on demand, so that administrators can rehearse them. The statements are Aurora's."""

from __future__ import annotations

from aurora_mysql.errors import mysql_error
from aurora_mysql.sql.admin.action import ActionPlan
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.lexer import TokenCursor, tokenize
from aurora_mysql.sql.plan import Plan, PlanContext

#: Seconds of an INTERVAL's unit; months and years as MySQL's documentation of these statements rounds them.
_UNITS_S = {
    "SECOND": 1,
    "MINUTE": 60,
    "HOUR": 3600,
    "DAY": 86_400,
    "WEEK": 7 * 86_400,
    "MONTH": 30 * 86_400,
    "QUARTER": 91 * 86_400,
    "YEAR": 365 * 86_400,
}


def plan_alter_system(text: str, pc: PlanContext) -> Plan:
    """CRASH [INSTANCE | DISPATCHER | NODE], or SIMULATE n PERCENT what FOR INTERVAL n unit, where what is DISK FAILURE
    or DISK CONGESTION BETWEEN a AND b MILLISECONDS, both [IN DISK i | NODE i], or READ REPLICA FAILURE [TO ALL | TO
    "name"]."""
    cur = TokenCursor(tokenize(text), text)
    cur.expect_word("ALTER", "SYSTEM")
    pc.need("SUPER")
    if cur.accept_word("CRASH"):
        cur.accept_any("INSTANCE", "DISPATCHER", "NODE")  # one process is all three
        cur.expect_end()

        async def crash(ctx: SessionContext) -> None:
            pc.services.cluster.crash()

        return ActionPlan(crash)
    cur.expect_word("SIMULATE")
    percent = cur.expect_integer()
    cur.expect_word("PERCENT")
    if not 0 <= percent <= 100:
        raise mysql_error(1210, "SIMULATE")
    if cur.accept_word("READ"):
        return _plan_reader_failure(cur, percent, pc)
    cur.expect_word("DISK")
    delay_ms: tuple[float, float] | None = None
    if cur.accept_word("CONGESTION"):
        cur.expect_word("BETWEEN")
        least_ms = cur.expect_integer()
        cur.expect_word("AND")
        delay_ms = (least_ms, cur.expect_integer())
        cur.expect_word("MILLISECONDS")
        if delay_ms[1] < delay_ms[0]:
            raise mysql_error(1210, "SIMULATE")
    else:
        cur.expect_word("FAILURE")
    disk = node = None
    if cur.accept_word("IN"):
        if cur.accept_word("DISK"):
            disk = cur.expect_integer()
        else:
            cur.expect_word("NODE")
            node = cur.expect_integer()
    seconds = _interval_s(cur)

    async def simulate(ctx: SessionContext) -> None:
        pc.services.cluster.simulate_disk_fault(percent, seconds, delay_ms=delay_ms, disk=disk, node=node)

    return ActionPlan(simulate)


def _plan_reader_failure(cur: TokenCursor, percent: int, pc: PlanContext) -> Plan:
    cur.expect_word("REPLICA", "FAILURE")
    reader: str | None = None
    if cur.accept_word("TO") and not cur.accept_word("ALL"):
        reader = cur.accept_string() or cur.expect_ident()
    seconds = _interval_s(cur)

    async def simulate(ctx: SessionContext) -> None:
        pc.services.cluster.simulate_reader_fault(percent, seconds, reader)

    return ActionPlan(simulate)


def _interval_s(cur: TokenCursor) -> int:
    """FOR INTERVAL n unit, to the end of the statement."""
    cur.expect_word("FOR", "INTERVAL")
    amount = cur.expect_integer()
    unit = cur.accept_any(*_UNITS_S)
    if unit is None:
        raise cur.syntax_error()
    cur.expect_end()
    return amount * _UNITS_S[unit]
