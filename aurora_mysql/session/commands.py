"""The commands of a session, and their answers."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any

from aurora_mysql.errors import MySQLError, mysql_error
from aurora_mysql.session import constants as c
from aurora_mysql.session import packets
from aurora_mysql.session.charsets import codec_of
from aurora_mysql.session.infile import receive_infile
from aurora_mysql.session.replies import Replies
from aurora_mysql.session.results import Buffer, ColumnsPlan
from aurora_mysql.session.statements import PreparedStatements
from aurora_mysql.session.tracking import SessionTracker
from aurora_mysql.session.wire import Reader, frame
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.known_statements import Cut, cut
from aurora_mysql.sql.result import LocalInfile, Ok, PackedResult, PackedRows, Result, ResultSet

if TYPE_CHECKING:
    from aurora_mysql.session.connection import Connection

#: COM_REFRESH's bits. TABLES comes last: names of tables may follow the word.
_REFRESH = {1: "PRIVILEGES", 2: "LOGS", 8: "HOSTS", 16: "STATUS", 4: "TABLES"}
#: Commands that SHOW STATUS does not count as questions: PING, STATISTICS, and of prepared statements all but EXECUTE.
_UNCOUNTED = frozenset((0x0E, 0x09, 0x16, 0x19, 0x1A))
#: Rows encoded between two looks at the socket's buffer.
ROWS_PER_CHUNK = 1000
#: What is written at once, at most about.
CHUNK_BYTES = 256 * 1024
#: What a session with an expired password may say.
_PASSWORD_CHANGE = re.compile(r"\s*(alter\s+user|set)\b", re.IGNORECASE)


class CommandHandler:
    """Runs the commands of one session, one at a time, and writes their answers."""

    def __init__(
        self,
        connection: Connection,
        ctx: SessionContext,
        capabilities: int,
        collation_id: int,
        *,
        password_expired: bool = False,
    ) -> None:
        self.connection = connection
        self.server = connection.server
        self.executor = connection.server.executor
        self.ctx = ctx
        self.capabilities = capabilities
        self.collation_id = collation_id
        self.password_expired = password_expired
        self.deprecate_eof = bool(capabilities & c.CLIENT_DEPRECATE_EOF)
        self.tracker = SessionTracker(ctx) if capabilities & c.CLIENT_SESSION_TRACK else None
        self.statements = PreparedStatements(self)
        self.replies = Replies(self)
        self._status = connection.server.services.status
        self._commands: dict[int, Callable[[bytes], None]] = {
            0x01: self._quit,
            0x02: self._init_db,
            0x04: self._field_list,
            0x07: self._refresh,
            0x09: self._statistics,
            0x0A: self._process_info,
            0x0C: self._process_kill,
            0x0D: self._debug,
            0x0E: self._ping,
            0x11: self._change_user,
            0x16: self.statements.prepare,
            0x17: self.statements.execute,
            0x18: self.statements.send_long_data,
            0x19: self.statements.close,
            0x1A: self.statements.reset,
            0x1B: self._set_option,
            0x1C: self.statements.fetch,
            0x1F: self._reset_connection,
        }

    # --- life ---

    def adopt_limits(self) -> None:
        """Take over the limits of the session's variables (at login, and when the session is made anew)."""
        if self.capabilities & c.CLIENT_INTERACTIVE:
            timeout_s = self.executor.session_variable(self.ctx, "interactive_timeout")
            self.ctx.variables["wait_timeout"] = timeout_s
        self.connection.max_packet_bytes = int(self.executor.session_variable(self.ctx, "max_allowed_packet"))

    def sleep(self) -> None:
        """Between commands."""
        ctx = self.ctx
        ctx.command = "Sleep"
        ctx.info = None
        ctx.state = ""
        ctx.command_started_s = time.time()

    def wait_timeout_s(self) -> float:
        return float(self.executor.session_variable(self.ctx, "wait_timeout"))

    def dispatch(self, payload: bytes) -> bytes | None:
        """Start one command. Returns its whole answer when there is nothing to wait for; else it is written when it is
        there: the connection is busy until then, with a task or with a commit.

        Raises:
            MySQLError: the command's answer.
        """
        code = payload[0] if payload else -1
        if code == 0x17:
            data = self.statements.at_once(payload)
            if data is not None:
                self._status["Questions"] += 1
                return data or None
        elif code == 0x03:
            # Some clients count the C string's end as part of the text.
            sql = self.decode(payload[1:].rstrip(b"\0"))
            found = cut(sql)
            if found is not None:
                data = self.replies.to_text(sql, found)
                if data is not None:
                    self._status["Questions"] += 1
                    return data or None
            self._begin()
            self.run_text(sql, found)
            return None
        command = self._commands.get(code)
        if command is None:
            raise mysql_error(1047)
        self._begin(counted=code not in _UNCOUNTED)
        command(payload)
        return None

    def _begin(self, *, counted: bool = True) -> None:
        """A command takes the long way."""
        ctx = self.ctx
        ctx.kill_query = ctx.killed
        ctx.takes_packed = ""
        ctx.command_started_s = time.time()
        self.replies.forget()
        if counted:
            self._status["Questions"] += 1

    # --- character sets ---

    def decode(self, data: bytes) -> str:
        """Text of the client; undecodable bytes become surrogates (see ExecutorLike)."""
        return data.decode(codec_of(self.ctx.variables.get("character_set_client")), "surrogateescape")

    def results_codec(self) -> str:
        return codec_of(self.ctx.variables.get("character_set_results"))

    # --- COM_QUERY ---

    def run_text(self, sql: str, found: Cut | None = None) -> None:
        """Run SQL text: eagerly when it was seen before (`found`: what was cut of it), else as a task."""
        ctx = self.ctx
        ctx.command = "Query"
        ctx.state = "executing"
        ctx.info = sql
        ctx.takes_packed = "text"
        if self.password_expired:
            self._check_sandbox(sql)
        else:
            work = self.executor.known(ctx, sql, found)
            if work is not None:
                self.connection.start_eagerly(self._answer(work))
                return
        self.connection.start(self._run_text(sql))

    async def _answer(self, work: Coroutine[Any, Any, Result]) -> None:
        """The result of a statement that is the whole command."""
        result = await work
        if not self.send_now(result):
            await self.send_result(result)

    def _check_sandbox(self, sql: str) -> None:
        account = self.executor.find_account(self.ctx.user.user, self.ctx.user.host)
        self.password_expired = account is not None and account.password_expired
        if self.password_expired and not _PASSWORD_CHANGE.match(sql):
            raise mysql_error(1820)

    async def _run_text(self, sql: str) -> None:
        results = self.executor.execute(self.ctx, sql)
        try:
            await self.send_results(results)
        finally:
            close = getattr(results, "aclose", None)
            if close is not None:
                await close()

    async def send_results(self, results: AsyncIterator[Result]) -> None:
        """Send each result as it comes. One result is looked ahead, because each tells whether another follows."""
        result = await anext(results, None)
        if result is None:
            raise mysql_error(1065)
        while result is not None:
            if isinstance(result, LocalInfile):
                result = await receive_infile(self.connection, self.ctx, result)
            rest: list[Buffer] = []
            if isinstance(result, ResultSet | PackedResult):
                rest = await self._send_rows(result)
            # Status and state are this statement's: take them before the next one runs.
            finish = self._finisher(result)
            try:
                following = await anext(results, None)
            except MySQLError:
                rest.append(finish(c.STATUS_MORE_RESULTS))
                self.connection.write(b"".join(rest))
                raise
            rest.append(finish(0 if following is None else c.STATUS_MORE_RESULTS))
            self.connection.write(b"".join(rest))
            result = following

    async def send_result(self, result: Result) -> None:
        """The only result of a command."""
        if isinstance(result, LocalInfile):
            result = await receive_infile(self.connection, self.ctx, result)
        rest = await self._send_rows(result) if isinstance(result, ResultSet | PackedResult) else []
        rest.append(self._finisher(result)(0))
        self.connection.write(b"".join(rest))

    # --- answers ---

    def send_now(self, result: Result, *, binary: bool = False) -> bool:
        """Answer with one write, without waiting; False when the result is too large or still to be fetched."""
        if isinstance(result, Ok):
            self.connection.write(self._finisher(result)(0))
            return True
        if isinstance(result, ResultSet):
            rows = result.rows
            if (rows.__class__ is list or isinstance(rows, Sequence)) and len(rows) <= ROWS_PER_CHUNK:
                connection = self.connection
                sequence = connection.sequence
                try:
                    out: list[Buffer] = [self.announce(result)]
                    self._encode(result, rows, out, binary=binary)
                    out.append(self._finisher(result)(0))
                except BaseException:
                    connection.sequence = sequence  # nothing is written: the ERR packet is the first
                    raise
                connection.write(b"".join(out))
                return True
        return False

    def announce(self, result: ResultSet | PackedResult, *, status: int = 0, force_end: bool = False) -> bytes:
        """Column count and definitions, and what ends them."""
        connection = self.connection
        data, connection.sequence = self._plan(result).announce(connection.sequence)
        if self.deprecate_eof and not force_end:
            return data
        return data + self.end_of_rows(status, result.warnings)

    def _plan(self, result: ResultSet | PackedResult) -> ColumnsPlan:
        return self.server.column_plans.get(result.columns, self.ctx.variables.get("character_set_results"))

    def end_of_rows(self, extra_status: int, warnings: int) -> bytes:
        """The packet that ends rows (or, for older clients, column definitions)."""
        status = self.executor.status_flags(self.ctx) | extra_status
        return self._packet(packets.end_of_rows(status, warnings, deprecate_eof=self.deprecate_eof))

    def _packet(self, payload: bytes) -> bytes:
        connection = self.connection
        data = frame(payload, connection.sequence)
        connection.sequence = connection.sequence + 1 & 0xFF
        return data

    def _encode(self, result: ResultSet, rows: Sequence[Sequence[Any]], out: list[Buffer], *, binary: bool) -> None:
        plan = self._plan(result)
        encode = plan.binary_rows if binary else plan.text_rows
        self.connection.sequence = encode(rows, self.connection.sequence, out)

    def _finisher(self, result: Result) -> Callable[[int], bytes]:
        """Makes the last packet of `result`, from what holds now; its argument is MORE_RESULTS or 0."""
        status = self.executor.status_flags(self.ctx)
        if isinstance(result, Ok):
            state = self.tracker.changes() if self.tracker is not None else b""
            info = result.info.encode() if result.info else b""

            def finish_ok(more: int) -> bytes:
                return self._packet(
                    packets.ok(
                        status | more,
                        affected_rows=result.affected_rows,
                        insert_id=result.insert_id,
                        warnings=result.warnings,
                        info=info,
                        state=state,
                    )
                )

            return finish_ok
        warnings = result.warnings if isinstance(result, ResultSet | PackedResult) else 0

        def finish_rows(more: int) -> bytes:
            return self._packet(packets.end_of_rows(status | more, warnings, deprecate_eof=self.deprecate_eof))

        return finish_rows

    async def _send_rows(self, result: ResultSet | PackedResult, *, binary: bool = False) -> list[Buffer]:
        """Send a result set but for its last packet; returns what is not written yet.

        The client's pace is ours: no more is fetched than its socket takes.
        """
        out: list[Buffer] = [self.announce(result)]
        try:
            if isinstance(result, PackedResult):
                await self._send_packed(result, out)
            elif isinstance(result.rows, Sequence):
                await self.send_batches(result, result.rows, out, binary=binary)
            else:
                async for batch in result.rows:
                    await self.send_batches(result, batch, out, binary=binary)
        except BaseException:
            # The rows so far have their sequence numbers: they must precede the ERR packet.
            self.connection.write(b"".join(out))
            raise
        finally:
            close = getattr(result.rows, "aclose", None)
            if close is not None:
                await close()
        return out

    async def _send_packed(self, result: PackedResult, out: list[Buffer]) -> None:
        """As :meth:`send_batches`, for rows that are packets already."""
        if isinstance(result.rows, PackedRows):
            await self._send_packets(result, result.rows, out)
            return
        async for batch in result.rows:
            await self._send_packets(result, batch, out)

    async def _send_packets(self, result: PackedResult, rows: PackedRows, out: list[Buffer]) -> None:
        if self.ctx.kill_query:
            raise mysql_error(1317)
        connection = self.connection
        connection.sequence = self._plan(result).packed_rows(rows, connection.sequence, out)
        for data in out:  # joining would copy megabytes
            connection.write(data)
        out.clear()
        await connection.drain()

    async def send_batches(
        self, result: ResultSet, rows: Sequence[Sequence[Any]], out: list[Buffer], *, binary: bool
    ) -> None:
        """Add `rows` to the unwritten packets `out`, writing (and emptying) it whenever there is enough.

        Raises:
            MySQLError: 1317, killed in between.
            ConnectionError: the client is gone.
        """
        size = sum(map(len, out))
        for start in range(0, len(rows), ROWS_PER_CHUNK):
            if self.ctx.kill_query:
                raise mysql_error(1317)
            before = len(out)
            try:
                self._encode(result, rows[start : start + ROWS_PER_CHUNK], out, binary=binary)
            except BaseException:
                del out[before:]
                raise
            size += sum(map(len, out[before:]))
            if size >= CHUNK_BYTES:
                self.connection.write(b"".join(out))
                out.clear()
                size = 0
                await self.connection.drain()

    async def send_binary(self, result: Result) -> None:
        """The result of a prepared statement's execution."""
        if isinstance(result, ResultSet):
            rest = await self._send_rows(result, binary=True)
            rest.append(self._finisher(result)(0))
            self.connection.write(b"".join(rest))
        else:
            await self.send_result(result)

    def send_ok(self, result: Ok | None = None) -> None:
        self.connection.write(self._finisher(result or Ok())(0))

    def send_eof(self) -> None:
        self.connection.write(self.end_of_rows(0, 0))

    # --- other commands ---

    def _quit(self, _payload: bytes) -> None:
        self.connection.close()

    def _ping(self, _payload: bytes) -> None:
        self.ctx.command = "Ping"
        self.connection.send(packets.ok(self.executor.status_flags(self.ctx)))

    def _init_db(self, payload: bytes) -> None:
        self.ctx.command = "Init DB"
        self._refuse_in_sandbox()

        async def work() -> None:
            await self.executor.change_database(self.ctx, self.decode(payload[1:]))
            self.send_ok()

        self.connection.start(work())

    def _refuse_in_sandbox(self) -> None:
        if self.password_expired:
            self._check_sandbox("")

    def _field_list(self, payload: bytes) -> None:
        self.ctx.command = "Field List"
        self._refuse_in_sandbox()
        reader = Reader(payload, 1)
        table = self.decode(reader.null_terminated())
        wildcard = self.decode(reader.rest())

        async def work() -> None:
            columns = await self.executor.field_list(self.ctx, table, wildcard)
            codec = self.results_codec()
            # 0xFB: no default value is told, as MySQL 8 does for most columns.
            out = [self._packet(packets.column_definition(column, codec, 0) + b"\xfb") for column in columns]
            self.connection.write(b"".join(out) + self.end_of_rows(0, 0))

        self.connection.start(work())

    def _refresh(self, payload: bytes) -> None:
        """COM_REFRESH, what mysqladmin's ``refresh`` sends: FLUSH of what its bits name."""
        bits = payload[1] if len(payload) > 1 else 0
        names = [name for bit, name in _REFRESH.items() if bits & bit]
        self.run_text(f"FLUSH {', '.join(names or ['STATUS'])}")

    def _statistics(self, _payload: bytes) -> None:
        self.ctx.command = "Statistics"
        self.connection.send(self.server.statistics_text().encode())

    def _process_info(self, _payload: bytes) -> None:
        self.run_text("SHOW PROCESSLIST")

    def _process_kill(self, payload: bytes) -> None:
        """KILL's own statement has the privilege checks."""
        self.run_text(f"KILL {Reader(payload, 1).uint(4)}")

    def _debug(self, _payload: bytes) -> None:
        """COM_DEBUG makes MySQL dump its state to the error log; there is nothing to dump here."""
        if not self.server.is_administrator(self.ctx.user):
            raise mysql_error(1227, "SUPER")
        self.send_eof()

    def _set_option(self, payload: bytes) -> None:
        self.ctx.command = "Set option"
        option = Reader(payload, 1).uint(2)
        if option > 1:
            raise mysql_error(1047)
        self.ctx.multi_statements = option == 0
        self.send_eof()

    def _reset_connection(self, _payload: bytes) -> None:
        self.ctx.command = "Reset Connection"

        async def work() -> None:
            self.statements.clear()
            await self.executor.reset_session(self.ctx)
            self.server.renew_session(self, self.collation_id)
            self.send_ok()

        self.connection.start(work())

    def _change_user(self, payload: bytes) -> None:
        from aurora_mysql.session.change_user import change_user

        self.ctx.command = "Change user"
        self.connection.start(change_user(self, payload[1:]))
