"""Writes: rows are found, locked, computed, checked, and put into the transaction's redo buffer."""

from __future__ import annotations

from aurora_mysql.sql.dml.delete import plan_delete
from aurora_mysql.sql.dml.insert import plan_insert
from aurora_mysql.sql.dml.load_data import plan_load_data
from aurora_mysql.sql.dml.reads import note_reads
from aurora_mysql.sql.dml.update import plan_update
from aurora_mysql.sql.dml.view_target import base_of_view, through_view

__all__ = [
    "base_of_view", "note_reads", "plan_delete", "plan_insert", "plan_load_data", "plan_update", "through_view",
]  # fmt: skip
