"""The control channel between supervisor, instances and command line: JSON lines over loopback TCP, with a token.

One request per line ``{"id", "op", "args"}``, one answer ``{"id", "result"}`` or ``{"id", "error"}``. The first line of
a connection is the token. Requests of one connection are handled at the same time, and answered as they are done: a
checkpoint takes minutes, and a promotion must not wait for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from aurora_mysql.errors import AuroraError

log = logging.getLogger(__name__)

_LINE_BYTES = 1 << 20

Handler = Callable[[str, dict[str, Any]], Awaitable[Any]]


class ControlError(AuroraError):
    """The other side refused, failed or went away; the message is for the operator."""


class UnansweredError(ControlError):
    """Nobody knows what became of the request: no answer in time, or the other side is gone."""


class ControlServer:
    """Serves `handler(op, args) -> result`; an AuroraError becomes the answer's error."""

    def __init__(self, handler: Handler, token: str) -> None:
        self._handler = handler
        self._token = token.encode()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> int:
        """Listen on a free loopback port; returns it."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=_LINE_BYTES)
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
        try:
            async with asyncio.timeout(5):
                token = (await reader.readline()).strip()
            if not hmac.compare_digest(token, self._token):
                return
            while line := await reader.readline():
                answering = asyncio.create_task(self._reply(line, writer))
                self._tasks.add(answering)
                answering.add_done_callback(self._tasks.discard)
        except (OSError, ValueError, TimeoutError, asyncio.CancelledError):
            log.debug("a control connection ended")
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _reply(self, line: bytes, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(await self._answer(line))
            await writer.drain()
        except (ValueError, KeyError, TypeError):
            log.debug("no request; the connection ends")
            writer.close()
        except (OSError, RuntimeError):
            log.debug("nobody waits for an answer any more")

    async def _answer(self, line: bytes) -> bytes:
        request = json.loads(line)
        answer: dict[str, Any] = {"id": request["id"]}
        try:
            answer["result"] = await self._handler(request["op"], request.get("args", {}))
        except AuroraError as error:
            answer["error"] = str(error)
        except Exception as error:
            log.exception("control request %s failed", request["op"])
            answer["error"] = f"internal error: {error}"
        return json.dumps(answer).encode() + b"\n"


class ControlClient:
    """One connection to a :class:`ControlServer` for any number of calls at a time.

    Invariant: an answer that comes too late is dropped, and the connection serves the calls after it: the other side
    was busy, not gone.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._next_id = 0
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._listening = asyncio.create_task(self._listen(reader), name="control-answers")

    @classmethod
    async def connect(cls, port: int, token: str, *, timeout_s: float = 5.0) -> ControlClient:
        """Raises ControlError when nobody answers."""
        try:
            async with asyncio.timeout(timeout_s):
                reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=_LINE_BYTES)
        except (OSError, TimeoutError) as error:
            raise ControlError(f"no answer on control port {port}: {error or 'timeout'}") from None
        writer.write(token.encode() + b"\n")
        return cls(reader, writer)

    async def call(self, op: str, *, timeout_s: float = 10.0, **args: Any) -> Any:
        """Run `op` on the other side.

        Raises:
            UnansweredError: it is gone, or did not answer within `timeout_s`. ControlError: it refused or failed.
        """
        if self._listening.done() or self._listening.cancelling():
            raise UnansweredError(f"{op}: the process went away")
        self._next_id += 1
        number = self._next_id
        answered = self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(timeout_s):
                self._writer.write(json.dumps({"id": number, "op": op, "args": args}).encode() + b"\n")
                answer = await answered
        except TimeoutError:
            raise UnansweredError(f"{op}: no answer within {timeout_s:g} s") from None
        except OSError:
            raise UnansweredError(f"{op}: the process went away") from None
        finally:
            del self._waiting[number]
        if "error" in answer:
            raise ControlError(answer["error"])
        return answer["result"]

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        try:
            while line := await reader.readline():
                answer = json.loads(line)
                waiting = self._waiting.get(answer["id"])
                if waiting is not None and not waiting.done():
                    waiting.set_result(answer)
        except (OSError, ValueError) as error:
            log.debug("a control connection ended: %s", error)
        finally:
            for waiting in self._waiting.values():
                if not waiting.done():
                    waiting.set_exception(ConnectionResetError())

    def close(self) -> None:
        """Calls that wait end with UnansweredError."""
        self._listening.cancel()
        with contextlib.suppress(OSError, RuntimeError):
            self._writer.close()
