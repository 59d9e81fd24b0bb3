"""LOAD DATA: not supported by this version; refused with the right error."""

from __future__ import annotations

from aurora_mysql.errors import unsupported
from aurora_mysql.sql.plan import Plan, PlanContext


def plan_load_data(text: str, pc: PlanContext) -> Plan:
    """Raises 1235."""
    raise unsupported("LOAD DATA")
