"""Administration by SQL: accounts, privileges, variables, KILL and the like."""

from __future__ import annotations

from aurora_mysql.sql.admin.dispatch import plan_admin

__all__ = ["plan_admin"]
