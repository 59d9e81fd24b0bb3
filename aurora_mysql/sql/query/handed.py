"""Which reads the writer hands to a reader, and how."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from aurora_mysql.engine.query_gate import LONG_S
from aurora_mysql.engine.transaction import ProjectedStream, Transaction
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.elsewhere import ReadRequest
from aurora_mysql.sql.query.select import SelectSql
from aurora_mysql.sql.query.sources import bind_sources, warning_token
from aurora_mysql.sql.result import PackedRows, ResultColumn, Value

if TYPE_CHECKING:
    from aurora_mysql.sql.instance_services import InstanceServices


def may_be_handed_over(services: InstanceServices, ctx: SessionContext, tx: Transaction) -> bool:
    """A read of what is committed now, on the writer, in a session that lets readers answer."""
    if services.elsewhere is None or not services.engine.is_writer:
        return False
    alone = tx.autocommit and not tx.has_writes and tx.isolation != "READ-UNCOMMITTED"
    return alone and bool(services.variables.get("aurora_offload_reads", ctx))


async def handed_over(
    select: SelectSql,
    columns: Sequence[ResultColumn],
    services: InstanceServices,
    ctx: SessionContext,
    tx: Transaction,
    params: Sequence[Value],
) -> ProjectedStream[PackedRows] | None:
    """The rows from a reader that has all that is committed now; None when the query has to run here.

    Raises:
        MySQLError, duckdb.Error: see :class:`aurora_mysql.sql.elsewhere.Elsewhere`.
    """
    elsewhere, engine = services.elsewhere, services.engine
    if elsewhere is None or select.relations or any(table.temporary for table in select.tables):
        return None
    for table in select.tables:
        await tx.use_table(table)
    request = ReadRequest(
        engine.visible_lsn,
        engine.catalog.version,
        select.sql,
        bind_sources(select.sources, ctx, tx, params),
        [n for n, source in enumerate(select.sources) if source is warning_token],
        [table.id for table in select.tables],
        columns,
        ctx.takes_packed == "binary",
    )
    began_s = time.monotonic()
    stream = await elsewhere.read(ctx, request)
    if stream is not None:
        # What is quick elsewhere need not go there the next time.
        tx.took_long = time.monotonic() - began_s >= LONG_S
        services.status["Aurora_offloaded_reads"] += 1
    return stream
