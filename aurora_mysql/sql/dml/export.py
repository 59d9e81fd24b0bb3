"""SELECT ... INTO OUTFILE and INTO DUMPFILE: a query's rows into a file of the server's machine."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

from aurora_mysql.engine.transaction import Transaction
from aurora_mysql.errors import mysql_error
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.dml.delimited import Delimiters, LineWriter
from aurora_mysql.sql.dml.delimiters_clause import parse_charset, parse_delimiters
from aurora_mysql.sql.dml.server_files import new_file
from aurora_mysql.sql.fingerprint import Statement, lift, split
from aurora_mysql.sql.lexer import TokenCursor
from aurora_mysql.sql.plan import Plan, PlanContext
from aurora_mysql.sql.result import Ok, Result, ResultColumn, ResultSet, Value
from aurora_mysql.sql.result_types import NUM

_TEMPORAL = (7, 10, 11, 12)


def is_export(statement: Statement) -> bool:
    """Whether a query's rows go to a file."""
    pieces = statement.pieces
    return any(
        piece.upper() == "INTO" and pieces[at + 1].upper() in ("OUTFILE", "DUMPFILE")
        for at, piece in enumerate(pieces[:-2])
    )


def plan_export(statement: Statement, pc: PlanContext) -> Plan:
    """Plan a query with INTO OUTFILE or INTO DUMPFILE at its end or before its FROM.

    Raises:
        MySQLError: 1064, 1083, 1115, and as SELECT.
    """
    from aurora_mysql.sql.parse import parse_shape
    from aurora_mysql.sql.query import plan_select

    text = statement.text
    mode = str(pc.ctx.variables.get("sql_mode", ""))
    backslash = "NO_BACKSLASH_ESCAPES" not in mode
    cursor = TokenCursor.of(text, backslash_escapes=backslash)
    while not (cursor.peek_word("INTO", "OUTFILE") or cursor.peek_word("INTO", "DUMPFILE")):
        cursor.next()
    start = cursor.next().start
    dump = cursor.next().upper == "DUMPFILE"
    filename = cursor.expect_string()
    codec, delimiters = "utf-8", Delimiters()
    if not dump:
        codec = parse_charset(cursor) or codec
        delimiters = parse_delimiters(cursor)
    query = f"{text[:start]} {cursor.rest()}"
    inner = split(query, backslash=backslash)[0]
    shape = lift(inner)
    tree, _ = parse_shape(shape, inner.text)
    pc.params = shape.params
    pc.need("FILE")
    return ExportPlan(plan_select(tree, pc), shape.params, pc, filename, codec, None if dump else delimiters)


class ExportPlan:
    """See :class:`aurora_mysql.sql.plan.Plan`. `delimiters` None: DUMPFILE, one row without any."""

    writes = False
    is_ddl = False
    needs_transaction = True
    cacheable = False

    def __init__(
        self,
        query: Plan,
        params: Sequence[Value],
        pc: PlanContext,
        filename: str,
        codec: str,
        delimiters: Delimiters | None,
    ) -> None:
        self.query, self.params, self.pc = query, params, pc
        self.filename, self.codec, self.delimiters = filename, codec, delimiters
        self.columns: list[ResultColumn] | None = None

    async def run(self, ctx: SessionContext, tx: Transaction | None, params: Sequence[Value]) -> Result:
        path = new_file(self.filename, self.pc, ctx)
        result = await self.query.run(ctx, tx, self.params)
        assert isinstance(result, ResultSet)
        writer = LineWriter(
            self.delimiters or Delimiters("", "", False, "", "", ""), self.codec, [_is_text(c) for c in result.columns]
        )
        count = 0
        partial = path.with_name(f".{path.name}.{ctx.connection_id}")
        try:
            with partial.open("wb") as file:
                if isinstance(result.rows, Sequence):
                    count = await asyncio.to_thread(_write, file.fileno(), writer, result.rows)
                else:
                    async for batch in result.rows:
                        count += await asyncio.to_thread(_write, file.fileno(), writer, batch)
            if self.delimiters is None and count > 1:
                raise mysql_error(1172)
            partial.chmod(0o640)
            _publish(partial, path, self.filename)
        finally:
            partial.unlink(missing_ok=True)
        return Ok(count)


def _write(file: int, writer: LineWriter, rows: Sequence[Sequence[Value]]) -> int:
    data = memoryview(b"".join([writer.line(row) for row in rows]))
    while data:
        data = data[os.write(file, data) :]
    return len(rows)


def _publish(partial: Path, path: Path, name: str) -> None:
    """The file appears whole, and never in another's place."""
    try:
        os.link(partial, path)
    except FileExistsError:
        raise mysql_error(1086, name) from None


def _is_text(column: ResultColumn) -> bool:
    return not column.flags & NUM or column.type_code in _TEMPORAL
