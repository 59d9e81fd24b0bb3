"""Prepared statements of one session: prepare, execute, long data, cursors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aurora_mysql.errors import MySQLError, mysql_error
from aurora_mysql.session import constants as c
from aurora_mysql.session import packets
from aurora_mysql.session.binary_encoding import read_parameters
from aurora_mysql.session.charsets import codec_of
from aurora_mysql.session.results import Buffer
from aurora_mysql.session.short_execution import ShortExecution
from aurora_mysql.session.wire import Reader, frame
from aurora_mysql.sql.result import LocalInfile, ResultSet, Value

if TYPE_CHECKING:
    from aurora_mysql.session.commands import CommandHandler

CURSOR_READ_ONLY = 1


@dataclass(slots=True)
class Statement:
    """A statement and what must be remembered between its executions.

    Attributes:
        types: parameter types of the last execution; a client sends them only when they change.
        long_data: parameters sent by COM_STMT_SEND_LONG_DATA, until the next execution or reset.
        error: what went wrong in COM_STMT_SEND_LONG_DATA, which has no answer of its own.
        cursor: the open cursor's result, and how many of its rows were fetched.
        short: how it is answered at once, if it can be.
    """

    prepared: Any
    sql: str
    param_count: int
    types: Sequence[int] | None = None
    long_data: dict[int, bytearray] = field(default_factory=dict)
    long_data_bytes: int = 0
    error: MySQLError | None = None
    cursor: ResultSet | None = None
    fetched: int = 0
    short: ShortExecution | None = None

    def forget(self) -> None:
        """Drop long data and the cursor."""
        self.long_data.clear()
        self.long_data_bytes = 0
        self.error = None
        self.cursor = None
        self.fetched = 0


class PreparedStatements:
    """The statements of a session by number, and their commands."""

    def __init__(self, handler: CommandHandler) -> None:
        self._handler = handler
        self._executor = handler.executor
        self._connection = handler.connection
        self._server = handler.server
        self._statements: dict[int, Statement] = {}
        self._last_id = 0

    def __len__(self) -> int:
        return len(self._statements)

    def clear(self) -> None:
        """Forget all of them."""
        self._server.prepared_count -= len(self._statements)
        self._statements.clear()

    def _get(self, reader: Reader, command: str) -> tuple[int, Statement]:
        number = reader.uint(4)
        statement = self._statements.get(number)
        if statement is None:
            raise mysql_error(1243, number, command)
        return number, statement

    # --- COM_STMT_PREPARE ---

    def prepare(self, payload: bytes) -> None:
        handler = self._handler
        sql = handler.decode(payload[1:])
        handler.ctx.command = "Prepare"
        handler.ctx.info = sql
        if handler.password_expired:
            raise mysql_error(1820)
        limit = self._server.settings.max_prepared_stmt_count
        if self._server.prepared_count >= limit:
            raise mysql_error(1461, limit)
        self._connection.start(self._prepare(sql))

    async def _prepare(self, sql: str) -> None:
        handler = self._handler
        prepared = await self._executor.prepare(handler.ctx, sql)
        statement = Statement(prepared, sql, prepared.param_count)
        columns = list(prepared.columns or ())
        self._last_id += 1
        self._statements[self._last_id] = statement
        self._server.prepared_count += 1
        codec = handler.results_codec()
        out = [packets.prepare_ok(self._last_id, len(columns), statement.param_count, 0)]
        definitions = [packets.column_definition(column, codec, 0) for column in columns]
        ending = [] if handler.deprecate_eof else [packets.eof(self._executor.status_flags(handler.ctx))]
        if statement.param_count:
            out += [packets.PARAMETER_DEFINITION] * statement.param_count + ending
        if definitions:
            out += definitions + ending
        data: list[bytes] = []
        sequence = self._connection.sequence
        for packet in out:
            data.append(frame(packet, sequence))
            sequence = sequence + 1 & 0xFF
        self._connection.sequence = sequence
        self._connection.write(b"".join(data))

    # --- COM_STMT_EXECUTE ---

    def at_once(self, payload: bytes) -> bytes | None:
        """The answer of an execution that needs no waiting, else None: nothing has happened then."""
        statement = self._statements.get(int.from_bytes(payload[1:5], "little"))
        if statement is None or statement.long_data or statement.error is not None:
            return None
        data = self._handler.replies.to_execution(statement, payload)
        if data is not None:
            statement.cursor = None
        return data

    def execute(self, payload: bytes) -> None:
        handler = self._handler
        handler.ctx.command = "Execute"
        if handler.password_expired:
            raise mysql_error(1820)
        reader = Reader(payload, 1)
        _, statement = self._get(reader, "mysqld_stmt_execute")
        handler.ctx.info = statement.sql
        handler.ctx.state = "executing"
        flags = reader.uint(1)
        reader.take(4)  # iteration count, always 1
        error, long_data = statement.error, statement.long_data
        statement.long_data = {}
        statement.forget()
        if error is not None:
            raise error
        params: list[Value] = []
        if statement.param_count:
            codec = codec_of(handler.ctx.variables.get("character_set_client"))
            params, statement.types = read_parameters(reader, statement.param_count, statement.types, long_data, codec)
        if flags & CURSOR_READ_ONLY:
            self._connection.start(self._open_cursor(statement, params))
            return
        self._connection.start_eagerly(self._execute(statement, params))

    async def _execute(self, statement: Statement, params: Sequence[Value]) -> None:
        self._handler.ctx.takes_packed = "binary"
        result = await self._executor.execute_prepared(self._handler.ctx, statement.prepared, params)
        self._handler.replies.learn(statement, params)
        if not self._handler.send_now(result, binary=True):
            await self._handler.send_binary(result)

    # --- cursors ---

    async def _open_cursor(self, statement: Statement, params: Sequence[Value]) -> None:
        """Execute and keep the rows for COM_STMT_FETCH. They are materialised, as MySQL's cursors are: other commands
        run between two fetches."""
        handler = self._handler
        result = await self._executor.execute_prepared(handler.ctx, statement.prepared, params)
        if not isinstance(result, ResultSet):
            if isinstance(result, LocalInfile):
                raise mysql_error(1295)
            handler.send_now(result)
            return
        if not isinstance(result.rows, Sequence):
            rows: list[Sequence[Value]] = []
            async for batch in result.rows:
                if handler.ctx.kill_query:
                    raise mysql_error(1317)
                rows.extend(batch)
            result = ResultSet(result.columns, rows, result.warnings)
        statement.cursor = result
        statement.fetched = 0
        data = handler.announce(result, status=c.STATUS_CURSOR_EXISTS, force_end=True)
        self._connection.write(data)

    def fetch(self, payload: bytes) -> None:
        """COM_STMT_FETCH: the next rows of the cursor."""
        handler = self._handler
        handler.ctx.command = "Fetch"
        reader = Reader(payload, 1)
        number, statement = self._get(reader, "mysqld_stmt_fetch")
        count = reader.uint(4)
        cursor = statement.cursor
        if cursor is None or not isinstance(cursor.rows, Sequence):
            raise mysql_error(1421, number)
        rows = cursor.rows[statement.fetched : statement.fetched + count]
        statement.fetched += len(rows)
        done = statement.fetched >= len(cursor.rows)
        if done:
            statement.cursor = None
        self._connection.start(self._send_fetched(cursor, rows, done=done))

    async def _send_fetched(self, cursor: ResultSet, rows: Sequence[Sequence[Value]], *, done: bool) -> None:
        handler = self._handler
        rest: list[Buffer] = []
        await handler.send_batches(cursor, rows, rest, binary=True)
        status = c.STATUS_CURSOR_EXISTS | (c.STATUS_LAST_ROW_SENT if done else 0)
        rest.append(handler.end_of_rows(status, cursor.warnings))
        self._connection.write(b"".join(rest))

    # --- the rest ---

    def send_long_data(self, payload: bytes) -> None:
        """COM_STMT_SEND_LONG_DATA: never answered; errors wait for the execution."""
        self._handler.ctx.command = "Long Data"
        reader = Reader(payload, 1)
        if reader.remaining < 6:
            return
        statement = self._statements.get(reader.uint(4))
        if statement is None:
            return
        index = reader.uint(2)
        data = reader.rest()
        if index >= statement.param_count:
            statement.error = mysql_error(1210, "mysqld_stmt_send_long_data")
            return
        if statement.long_data_bytes + len(data) > self._connection.max_packet_bytes:
            statement.error = MySQLError(
                1105,
                "HY000",
                "Parameter of prepared statement which is set through mysql_send_long_data() is longer than "
                "'max_allowed_packet' bytes",
            )
            statement.long_data.clear()
            return
        statement.long_data_bytes += len(data)
        statement.long_data.setdefault(index, bytearray()).extend(data)

    def close(self, payload: bytes) -> None:
        """COM_STMT_CLOSE: never answered."""
        self._handler.ctx.command = "Close stmt"
        if len(payload) < 5:
            return
        if self._statements.pop(Reader(payload, 1).uint(4), None) is not None:
            self._server.prepared_count -= 1

    def reset(self, payload: bytes) -> None:
        """COM_STMT_RESET: drop long data and the cursor."""
        self._handler.ctx.command = "Reset stmt"
        _, statement = self._get(Reader(payload, 1), "mysqld_stmt_reset")
        statement.forget()
        self._handler.send_ok()
