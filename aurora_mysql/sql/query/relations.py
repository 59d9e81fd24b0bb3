"""Virtual relations (information_schema and the like) as Arrow tables at run time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from aurora_mysql.engine.arrow_rows import arrow_type
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.instance_services import InstanceServices
from aurora_mysql.sql.query.builder import VirtualUse


def materialise(uses: Sequence[VirtualUse], ctx: SessionContext, services: InstanceServices) -> dict[str, Any] | None:
    """The Arrow tables to register for one execution, None when there are none."""
    if not uses:
        return None
    tables: dict[str, Any] = {}
    for use in uses:
        rows = use.relation.rows(ctx, services)
        arrays = [
            pa.array([row[i] for row in rows], type=arrow_type(kind))
            for i, (_, kind) in enumerate(use.relation.columns)
        ]
        tables[use.name] = pa.table(arrays, names=[name for name, _ in use.relation.columns])
    return tables
