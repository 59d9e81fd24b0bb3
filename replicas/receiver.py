"""A reader's end of the redo stream: whole commits into the engine, in LSN order, without a gap."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from aurora_mysql.engine.engine import Engine
from aurora_mysql.errors import AuroraError, StorageError
from aurora_mysql.redo.codec import CommitAssembler
from aurora_mysql.redo.frames import ACK, GONE, HEARTBEAT, HELLO, PROTOCOL_VERSION, REDO, WELCOME, frame, read_frame
from aurora_mysql.redo.record import Commit
from aurora_mysql.storage.layout import Record
from replicas.lag import LagMeter

log = logging.getLogger(__name__)

_BATCH_COMMITS = 500
_BATCH_BYTES = 16 << 20
_SILENCE_S = 2.0
_HANDSHAKE_S = 5.0
_FIRST_WAIT_S, _MOST_WAIT_S = 0.02, 0.5


class ReadableVolume(Protocol):
    """What the receiver needs of storage's VolumeReader."""

    def first_lsn(self) -> int: ...

    def read(self, from_lsn: int, to_lsn: int) -> Iterator[Record]: ...


class UnreachableError(StorageError):
    """The log does not lead on from what this instance holds: it must begin anew from a checkpoint."""


class Receiver:
    """Follows the writer it is told (:meth:`follow`). Invariant: `engine.visible_lsn` only ever moves to the end of a
    commit whose predecessors are all visible.

    Args:
        on_lost: called on the loop, with the reason, when the log no longer leads on from this instance's state (it
            was collected, or this state is not the cluster's). The receiver has stopped trying then.
    """

    def __init__(
        self,
        engine: Engine,
        volume: ReadableVolume,
        *,
        token: str,
        lag: LagMeter,
        cpu_percent: Callable[[], float],
        on_lost: Callable[[str], None] | None = None,
    ) -> None:
        self._engine = engine
        self._volume = volume
        self._token = token
        #: Where this instance answers reads that the writer hands over; 0: nowhere.
        self.read_port = 0
        self._cpu_percent = cpu_percent
        self._on_lost = on_lost
        self._port = 0
        self._epoch = 0
        self._task: asyncio.Task[None] | None = None
        self._ingesting: asyncio.Task[None] | None = None
        self._told = ""
        self.lag = lag
        self.session_id = str(uuid.uuid4())
        self.topology: Sequence[Sequence[Any]] = ()
        self.connected = False

    @property
    def target(self) -> tuple[int, int]:
        """Port and epoch of the writer that is followed; port 0: none."""
        return self._port, self._epoch

    def follow(self, port: int, epoch: int) -> None:
        """Follow the writer of `epoch` at this loopback port; 0 waits for the next one."""
        if (port, epoch) == (self._port, self._epoch) and self._task is not None and not self._task.done():
            return
        self._port, self._epoch = port, epoch
        if self._task is not None:
            self._task.cancel()
        self._task = asyncio.create_task(self._run(port, epoch), name="receiver") if port else None

    async def stop(self) -> None:
        """Follow nobody. What was being ingested is visible, or refused, when this returns."""
        task, self._task, self._port = self._task, None, 0
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await self._settle()

    async def catch_up(self, to_lsn: int) -> None:
        """Bring the engine to `to_lsn`, a VDL, from the copies themselves.

        Raises:
            UnreachableError: the log begins later than this engine needs.
            StorageError: a record can't be read (too few copies, damage).
        """
        await self._settle()
        assembler = CommitAssembler()
        next_lsn = self._engine.visible_lsn + 1
        while next_lsn <= to_lsn:
            commits, last_lsn = await asyncio.to_thread(self._read, assembler, next_lsn, to_lsn)
            if last_lsn < next_lsn:
                first_lsn = await asyncio.to_thread(self._volume.first_lsn)
                if first_lsn > next_lsn:
                    raise UnreachableError(f"the log begins at {first_lsn}, record {next_lsn} is needed")
                raise StorageError(f"the volume has no record {next_lsn} (its VDL is {to_lsn})")
            if commits:
                await self._ingest(commits, to_lsn)
            next_lsn = last_lsn + 1
        if assembler.partial:
            raise StorageError(f"record {to_lsn} is a VDL but does not end a commit")

    def _read(self, assembler: CommitAssembler, from_lsn: int, to_lsn: int) -> tuple[list[Commit], int]:
        """A bounded batch of commits from `from_lsn` on, and the last LSN read."""
        commits: list[Commit] = []
        last_lsn, size = from_lsn - 1, 0
        for record in self._volume.read(from_lsn, to_lsn):
            if record.lsn != last_lsn + 1:
                if record.lsn > from_lsn and last_lsn < from_lsn:
                    break  # the log begins later; the caller finds out
                raise StorageError(f"the volume skips from record {last_lsn} to {record.lsn}")
            last_lsn = record.lsn
            size += len(record.payload)
            commit = assembler.feed(record)
            if commit is not None:
                commits.append(commit)
                if len(commits) >= _BATCH_COMMITS or size >= _BATCH_BYTES:
                    break
        return commits, last_lsn

    async def _ingest(self, commits: Sequence[Commit], vdl: int) -> None:
        """Hand over to the engine, never cut short: a schema change that waits for the applier must end before
        anything is ingested again, or it would be applied twice."""
        self._ingesting = asyncio.create_task(self._engine.ingest(commits, vdl), name="ingest")
        await asyncio.shield(self._ingesting)

    async def _settle(self) -> None:
        """Wait for an ingestion whose caller was cancelled."""
        task = self._ingesting
        if task is None:
            return
        if not task.done():
            await asyncio.wait({task})
        self._ingesting = None
        error = task.exception()
        if error is not None:
            log.debug("an earlier ingestion failed: %s", error)

    async def _run(self, port: int, epoch: int) -> None:
        wait_s = _FIRST_WAIT_S
        while True:
            begun_s = time.monotonic()
            try:
                await self._settle()
                await self._stream(port, epoch)
            except (OSError, asyncio.IncompleteReadError, TimeoutError) as error:
                self._tell_once(logging.INFO, f"the redo stream ended: {type(error).__name__}")
            except UnreachableError as error:
                log.warning("this instance can't follow any further: %s", error)
                if self._on_lost is not None:
                    self._on_lost(str(error))
                return
            except (AuroraError, KeyError, TypeError, ValueError) as error:
                self._tell_once(logging.ERROR, f"following the writer failed: {error}")
            finally:
                self.connected = False
            wait_s = _FIRST_WAIT_S if time.monotonic() - begun_s > 5 else min(wait_s * 2, _MOST_WAIT_S)
            await asyncio.sleep(wait_s)

    def _tell_once(self, level: int, text: str) -> None:
        """The same complaint is logged once until the stream runs again."""
        if text != self._told:
            self._told = text
            log.log(level, "%s", text)

    async def _stream(self, port: int, epoch: int) -> None:
        """One connection. Returns after a catch-up from the volume; else ends by an exception."""
        engine = self._engine
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
        try:
            writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            next_lsn = engine.visible_lsn + 1
            hello = {
                "token": self._token,
                "version": PROTOCOL_VERSION,
                "id": engine.instance_id,
                "session_id": self.session_id,
                "from_lsn": next_lsn,
                "read_port": self.read_port,
            }
            writer.write(frame(HELLO, hello))
            async with asyncio.timeout(_HANDSHAKE_S):
                kind, body = await read_frame(reader)
            if kind not in (WELCOME, GONE):
                raise StorageError("the redo stream did not begin with a welcome")
            vdl, writer_epoch = body
            if writer_epoch < epoch:
                raise StorageError(f"the writer at port {port} is of epoch {writer_epoch}, not {epoch}")
            if kind == GONE:
                if vdl < engine.visible_lsn:
                    raise UnreachableError(f"LSN {engine.visible_lsn} is beyond the writer's VDL {vdl}")
                await self.catch_up(vdl)
                return
            self.connected, self._told = True, ""
            assembler = CommitAssembler()
            while True:
                async with asyncio.timeout(_SILENCE_S):
                    kind, body = await read_frame(reader)
                if kind == REDO:
                    vdl, records = body
                    next_lsn = await self._redo(assembler, vdl, records, next_lsn)
                elif kind == HEARTBEAT:
                    vdl, _, sent_us, self.topology = body
                    now_us = time.time_ns() // 1000
                    self.lag.heartbeat(vdl, sent_us, now_us, engine.visible_lsn)
                    writer.write(frame(ACK, [engine.visible_lsn, self.lag.lag_ms(now_us), self._cpu_percent()]))
        finally:
            writer.transport.abort()

    async def _redo(self, assembler: CommitAssembler, vdl: int, records: Sequence[Sequence[Any]], next_lsn: int) -> int:
        """Ingest the commits that `records` complete; returns the LSN that must come next."""
        commits: list[Commit] = []
        for lsn, epoch, cpl, payload in records:
            if lsn < next_lsn:
                continue  # the ring's first frame may begin before what was asked for
            if lsn != next_lsn:
                raise StorageError(f"the redo stream skips from record {next_lsn - 1} to {lsn}")
            next_lsn += 1
            commit = assembler.feed(Record(lsn, epoch, cpl, payload))
            if commit is not None:
                commits.append(commit)
        if commits:
            await self._ingest(commits, vdl)
            now_us = time.time_ns() // 1000
            self.lag.vdl = max(self.lag.vdl, vdl)
            for commit in commits:
                self.lag.visible(commit.commit_time_us, now_us)
        return next_lsn
