"""Heavy reads that the writer hands to a reader, over loopback TCP with the cluster's token.

A connection is one query. The writer sends REQUEST; the reader answers NOT_NOW (nothing has happened, and the writer
runs the query itself), ERROR or DUCKDB_ERROR, or any number of ROWS and then DONE. Who closes the connection earlier
ends the query. Frames are those of the redo stream.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np

from aurora_mysql.catalog.model import User
from aurora_mysql.engine.transaction import ProjectedStream
from aurora_mysql.engine.waiting import in_task
from aurora_mysql.errors import MySQLError, StalePlanError, StorageError, mysql_error
from aurora_mysql.redo.frames import frame, read_frame
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.elsewhere import ReadRequest
from aurora_mysql.sql.functions.diagnostics import Diagnostics
from aurora_mysql.sql.query.packing import packing
from aurora_mysql.sql.result import PackedRows

if TYPE_CHECKING:
    from aurora_mysql.engine.engine import Engine

log = logging.getLogger(__name__)

REQUEST, NOT_NOW, ERROR, DUCKDB_ERROR, ROWS, DONE = range(101, 107)
#: A batch of wide rows may be large.
_FRAME_BYTES = 1 << 31
_CONNECT_S = 1.0
#: How long the reader may take to reach what the session must see.
_CATCH_UP_S = 2.0
_LOST = (OSError, EOFError, StorageError, TimeoutError)
#: DuckDB's errors that the writer tells apart; the others are told by their text.
_ERRORS: Mapping[str, type[duckdb.Error]] = {
    kind.__name__: kind
    for kind in (duckdb.OutOfRangeException, duckdb.ConversionException, duckdb.OutOfMemoryException)
}


class ReadServer:
    """A reader's end: runs what it is sent on its engine, and on nothing else."""

    def __init__(self, engine: Engine, token: str) -> None:
        self._engine, self._token = engine, token.encode()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> int:
        """Listen on a free loopback port; returns it."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=1 << 20)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        ctx = SessionContext(0, User("handed over"))
        try:
            async with asyncio.timeout(5):
                kind, body = await read_frame(reader)
            if kind != REQUEST or not hmac.compare_digest(str(body.pop("token")).encode(), self._token):
                log.warning("a connection without the cluster's token was refused")
                return
            gone = asyncio.create_task(self._watch(reader, ctx))
            try:
                await self._answer(ReadRequest.of(body), ctx, writer)
            finally:
                gone.cancel()
        except (*_LOST, KeyError, TypeError, ValueError, asyncio.CancelledError) as error:
            log.debug("a handed read ended: %s", error)
        finally:
            self._tasks.discard(task)
            writer.close()

    @staticmethod
    async def _watch(reader: asyncio.StreamReader, ctx: SessionContext) -> None:
        """The other side closes its end: nobody wants the rows any more."""
        with contextlib.suppress(OSError):
            await reader.read()
        ctx.interrupt(whole_connection=True)

    async def _answer(self, request: ReadRequest, ctx: SessionContext, writer: asyncio.StreamWriter) -> None:
        engine = self._engine
        warnings: list[list[Any]] = []
        diagnostics = Diagnostics(lambda level, errno, text: warnings.append([level, errno, text]))
        params = [diagnostics.token if n in request.tokens else p for n, p in enumerate(request.params)]
        try:
            async with asyncio.timeout(_CATCH_UP_S):
                await engine.apply_queue.wait(request.lsn)
        except (TimeoutError, StorageError):
            writer.write(frame(NOT_NOW, None))
            return
        known = engine.catalog.tables_by_id
        if engine.is_writer or engine.catalog.version != request.version or not known.keys() >= set(request.tables):
            writer.write(frame(NOT_NOW, None))
            return
        made = packing(request.columns, binary=request.binary)
        tx = engine.begin(ctx, autocommit=True)
        tx.expects_long = True
        try:
            stream = await tx.query_projected(
                request.sql,
                params,
                tables=[known[number] for number in request.tables],
                project=made.project,
                finish=made.finish,
                batch_rows=made.batch_rows,
            )
            if stream is None:
                writer.write(frame(NOT_NOW, None))
                return
            try:
                batches = _whole(stream) if stream.whole else aiter(stream)
                async for rows in batches:
                    writer.write(frame(ROWS, [rows.bounds.astype("<i8").tobytes(), rows.data]))
                    await writer.drain()
            finally:
                await stream.aclose()
            writer.write(frame(DONE, warnings))
        except StalePlanError:
            writer.write(frame(NOT_NOW, None))
        except MySQLError as error:
            writer.write(frame(ERROR, [error.errno, error.sqlstate, error.message]))
        except duckdb.Error as error:
            writer.write(frame(DUCKDB_ERROR, [type(error).__name__, str(error)]))
        finally:
            await tx.rollback()


async def _whole(stream: ProjectedStream[PackedRows]) -> AsyncIterator[PackedRows]:
    if stream.first is not None:
        yield stream.first


class HandedReads:
    """The writer's end, see :class:`aurora_mysql.sql.elsewhere.Elsewhere`.

    Args:
        readers: the ports of the readers that follow now, by id.
    """

    def __init__(self, token: str, readers: Callable[[], Mapping[str, int]]) -> None:
        self._token, self._readers = token, readers
        self._running: Counter[str] = Counter()

    async def read(self, ctx: SessionContext, request: ReadRequest) -> ProjectedStream[PackedRows] | None:
        readers = self._readers()
        if not readers or not request.travels:
            return None
        await in_task()
        chosen = min(readers, key=lambda name: (self._running[name], name))
        conversation = _Conversation(ctx)
        self._running[chosen] += 1
        try:
            stream = await conversation.begin(readers[chosen], self._token, request)
        except BaseException:
            self._running[chosen] -= 1
            conversation.close()
            raise
        if stream is None or stream.whole:
            self._running[chosen] -= 1
            conversation.close()
            return stream

        async def batches() -> AsyncIterator[PackedRows]:
            try:
                async for rows in stream:
                    yield rows
            finally:
                self._running[chosen] -= 1
                conversation.close()

        return ProjectedStream(stream.first, False, batches())


class _Conversation:
    """One query at one reader. KILL closes the connection."""

    def __init__(self, ctx: SessionContext) -> None:
        self._ctx = ctx
        self._writer: asyncio.StreamWriter | None = None

    def _cut(self) -> None:
        if self._writer is not None:
            self._writer.transport.abort()

    def close(self) -> None:
        if self._cut in self._ctx.on_kill:
            self._ctx.on_kill.remove(self._cut)
        if self._writer is not None:
            self._writer.close()

    async def begin(self, port: int, token: str, request: ReadRequest) -> ProjectedStream[PackedRows] | None:
        """None when the reader can't answer, or is gone before it has answered anything."""
        self._ctx.on_kill.append(self._cut)
        try:
            async with asyncio.timeout(_CONNECT_S):
                reader, self._writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
            self._writer.write(frame(REQUEST, {**request.document(), "token": token}))
            first = await self._next(reader)
        except _LOST as error:
            self._unless_killed()
            log.info("the reader at port %d did not answer: %s", port, error or type(error).__name__)
            return None
        if first is None:
            return None
        kind, rows = first
        if kind == DONE:
            return ProjectedStream(None, True, _none())
        second = await self._following(reader)
        if second is None:
            return ProjectedStream(rows, True, _none())
        return ProjectedStream(rows, False, self._rest(reader, rows, second))

    async def _rest(
        self, reader: asyncio.StreamReader, first: PackedRows, second: PackedRows
    ) -> AsyncIterator[PackedRows]:
        yield first
        rows: PackedRows | None = second
        while rows is not None:
            yield rows
            rows = await self._following(reader)

    async def _following(self, reader: asyncio.StreamReader) -> PackedRows | None:
        """The next rows, None after the last. Raises 1158 when the reader is lost: some rows have left already."""
        try:
            found = await self._next(reader)
        except _LOST:
            self._unless_killed()
            raise mysql_error(1158) from None
        if found is None:
            raise mysql_error(1158)
        return found[1] if found[0] == ROWS else None

    def _unless_killed(self) -> None:
        if self._ctx.kill_query:
            raise mysql_error(1317) from None

    async def _next(self, reader: asyncio.StreamReader) -> tuple[int, PackedRows] | None:
        """ROWS or DONE (without rows), None for NOT_NOW. Raises what the query raised there."""
        if self._ctx.kill_query:
            raise mysql_error(1317)
        kind, body = await read_frame(reader, limit_bytes=_FRAME_BYTES)
        if kind == ROWS:
            bounds, data = body
            return kind, PackedRows(bytearray(data), np.frombuffer(bounds, dtype="<i8"))
        if kind == DONE:
            for level, errno, text in body:
                self._ctx.warn(level, errno, text)
            return kind, PackedRows(bytearray(), np.zeros(1, dtype=np.int64))
        if kind == ERROR:
            raise MySQLError(*body)
        if kind == DUCKDB_ERROR:
            raise _ERRORS.get(body[0], duckdb.Error)(body[1])
        return None


async def _none() -> AsyncIterator[PackedRows]:
    return
    yield
