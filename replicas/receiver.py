"""A reader's end of the redo stream: whole commits into the engine, in LSN order, without a gap."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from aurora_mysql.engine.engine import Engine
from aurora_mysql.errors import AuroraError, StorageError
from aurora_mysql.redo.codec import CommitAssembler
from aurora_mysql.redo.frames import ACK, GONE, HEARTBEAT, HELLO, PROTOCOL_VERSION, REDO, WELCOME, frame, read_frame
from aurora_mysql.redo.record import Commit
from aurora_mysql.storage.layout import Record
from aurora_mysql.storage.reader import VolumeReader
from replicas.lag import LagMeter

log = logging.getLogger(__name__)

_BATCH_COMMITS = 500
_SILENCE_S = 2.0


class Receiver:
    """Follows the writer it is told (:meth:`follow`). Invariant: `engine.visible_lsn` only ever moves to the end of a
    commit whose predecessors are all visible."""

    def __init__(
        self, engine: Engine, volume: VolumeReader, *, token: str, lag: LagMeter, cpu_percent: Callable[[], float]
    ) -> None:
        self._engine = engine
        self._volume = volume
        self._token = token
        self._cpu_percent = cpu_percent
        self._port = 0
        self._epoch = 0
        self._task: asyncio.Task[None] | None = None
        self.lag = lag
        self.session_id = str(uuid.uuid4())
        self.topology: Sequence[Sequence[Any]] = ()
        self.connected = False

    def follow(self, port: int, epoch: int) -> None:
        """Follow the writer of `epoch` at this loopback port; 0 waits for the next one."""
        if (port, epoch) == (self._port, self._epoch) and self._task is not None:
            return
        self._port, self._epoch = port, epoch
        if self._task is not None:
            self._task.cancel()
        self._task = asyncio.create_task(self._run(port), name="receiver") if port else None

    async def stop(self) -> None:
        task, self._task, self._port = self._task, None, 0
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def catch_up(self, to_lsn: int) -> None:
        """Bring the engine to `to_lsn`, a VDL, from the copies themselves.

        Raises:
            StorageError: a record can't be read (collected, or too few copies).
        """
        assembler = CommitAssembler()
        next_lsn = self._engine.visible_lsn + 1
        while next_lsn <= to_lsn:
            commits, last_lsn = await asyncio.to_thread(self._read, assembler, next_lsn, to_lsn)
            if last_lsn < next_lsn:
                raise StorageError(f"the volume has no record {next_lsn} (its VDL is {to_lsn})")
            if commits:
                await self._engine.ingest(commits, to_lsn)
            next_lsn = last_lsn + 1

    def _read(self, assembler: CommitAssembler, from_lsn: int, to_lsn: int) -> tuple[list[Commit], int]:
        commits: list[Commit] = []
        last_lsn = from_lsn - 1
        for record in self._volume.read(from_lsn, to_lsn):
            if record.lsn != last_lsn + 1:
                raise StorageError(f"the volume skips from record {last_lsn} to {record.lsn}")
            last_lsn = record.lsn
            commit = assembler.feed(record)
            if commit is not None:
                commits.append(commit)
                if len(commits) >= _BATCH_COMMITS:
                    break
        return commits, last_lsn

    async def _run(self, port: int) -> None:
        wait_s = 0.02
        while True:
            begun_s = time.monotonic()
            try:
                await self._stream(port)
            except (OSError, asyncio.IncompleteReadError, TimeoutError) as error:
                log.info("the redo stream ended: %s", type(error).__name__)
            except AuroraError as error:
                log.error("following the writer failed: %s", error)
            finally:
                self.connected = False
            wait_s = 0.02 if time.monotonic() - begun_s > 5 else min(wait_s * 2, 0.5)
            await asyncio.sleep(wait_s)

    async def _stream(self, port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
        try:
            writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            hello = {
                "token": self._token,
                "version": PROTOCOL_VERSION,
                "id": self._engine.instance_id,
                "session_id": self.session_id,
                "from_lsn": self._engine.visible_lsn + 1,
            }
            writer.write(frame(HELLO, hello))
            async with asyncio.timeout(5):
                kind, body = await read_frame(reader)
            if kind == GONE:
                await self.catch_up(body[0])
                return
            if kind != WELCOME:
                raise StorageError("the redo stream did not begin with a welcome")
            self.connected = True
            assembler = CommitAssembler()
            while True:
                async with asyncio.timeout(_SILENCE_S):
                    kind, body = await read_frame(reader)
                if kind == REDO:
                    await self._ingest(assembler, body)
                elif kind == HEARTBEAT:
                    vdl, _, sent_us, self.topology = body
                    now_us = time.time_ns() // 1000
                    self.lag.heartbeat(vdl, sent_us, now_us, self._engine.visible_lsn)
                    lag_ms = self.lag.lag_ms(now_us) or 0.0
                    writer.write(frame(ACK, [self._engine.visible_lsn, lag_ms, self._cpu_percent()]))
        finally:
            writer.transport.abort()

    async def _ingest(self, assembler: CommitAssembler, body: Sequence[Any]) -> None:
        vdl, records = body
        engine = self._engine
        commits: list[Commit] = []
        expected = engine.visible_lsn + 1
        for lsn, epoch, cpl, payload in records:
            if lsn < expected and not assembler.partial:
                continue
            commit = assembler.feed(Record(lsn, epoch, cpl, payload))
            if commit is not None:
                commits.append(commit)
        if not commits:
            return
        await engine.ingest(commits, vdl)
        now_us = time.time_ns() // 1000
        self.lag.vdl = max(self.lag.vdl, vdl)
        for commit in commits:
            self.lag.visible(commit.commit_time_us, now_us)
