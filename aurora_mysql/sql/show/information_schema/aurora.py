"""What Aurora's drivers ask: REPLICA_HOST_STATUS and the tables of global databases."""

from __future__ import annotations

import datetime as dt
from typing import Any

from aurora_mysql.catalog.convert_text import zone_named
from aurora_mysql.catalog.model import ColumnType
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.instance_services import InstanceServices
from aurora_mysql.sql.show.virtual import VirtualRelation, big, columns_of, double, empty, moment, text


def session_zone(ctx: SessionContext) -> dt.tzinfo:
    """The session's time zone, the one of NOW()."""
    return zone_named(str(ctx.variables.get("time_zone", "SYSTEM")))


def _replica_host_status(ctx: SessionContext, services: InstanceServices) -> list[tuple[Any, ...]]:
    zone = session_zone(ctx)
    rows = []
    for status in services.cluster.replica_host_status():
        updated = dt.datetime.fromtimestamp(status.last_update_us / 1e6, zone).replace(tzinfo=None)
        rows.append((status.server_id, status.session_id, 1, status.cpu_percent, status.lag_ms, updated))
    return rows


RELATIONS: dict[str, VirtualRelation] = {
    "replica_host_status": VirtualRelation(
        columns_of(("SERVER_ID", text(100)), ("SESSION_ID", text(100)), ("IS_CURRENT", ColumnType("tinyint")),
                   ("CPU", double()), ("REPLICA_LAG_IN_MILLISECONDS", double()), ("LAST_UPDATE_TIMESTAMP", moment(6))),
        _replica_host_status,
    ),
    "aurora_global_db_status": empty(
        ("AWS_REGION", text(100)), ("HIGHEST_LSN_WRITTEN", big()), ("DURABILITY_LAG_IN_MILLISECONDS", double()),
        ("RPO_LAG_IN_MILLISECONDS", double()), ("LAST_LAG_CALCULATION_TIMESTAMP", moment(6)),
        ("OLDEST_READ_VIEW_TRX_ID", big()),
    ),
    "aurora_global_db_instance_status": empty(
        ("SERVER_ID", text(100)), ("SESSION_ID", text(100)), ("AWS_REGION", text(100)), ("DURABLE_LSN", big()),
        ("HIGHEST_LSN_RCVD", big()), ("OLDEST_READ_VIEW_TRX_ID", big()), ("OLDEST_READ_VIEW_LSN", big()),
        ("VISIBILITY_LAG_IN_MSEC", double()),
    ),
}  # fmt: skip
