"""The supervisor: keeps one process per instance running, and exactly one of them the writer.

Everything is one loop: events (an exit, a request) and a 50 ms tick lead to :meth:`Supervisor._reconcile`, which kills
what hangs, elects a writer when there is none, and tells every instance its endpoints. Instances don't need the
supervisor to serve; a new one adopts them.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import shutil
import time
from typing import IO, Any

from aurora_mysql.backup.source import Past, backup_document
from aurora_mysql.cluster.config import MAX_READERS, ClusterConfig, InstanceSpec
from aurora_mysql.cluster.control import ControlError, ControlServer, UnansweredError
from aurora_mysql.cluster.data_dir import ClusterState, DataDir, write_private
from aurora_mysql.cluster.failover import HangDetector, assign_endpoints, choose_writer
from aurora_mysql.cluster.heartbeat import HeartbeatReceiver
from aurora_mysql.cluster.key_guard import KeyGuard
from aurora_mysql.cluster.member import Member
from aurora_mysql.cluster.membership import free_port, next_instance
from aurora_mysql.encryption.root_key import RootKey
from aurora_mysql.errors import ConfigError, StorageError

log = logging.getLogger(__name__)

TICK_S = 0.05
#: At a cold start the freshest instance should win: how long the first one ready waits for the others.
GATHER_S = 3.0
PROMOTE_TIMEOUT_S = 60.0
CHECKPOINT_TIMEOUT_S = 600.0
#: Between two checkpoints when the volume's ceiling is near.
_URGENT_CHECKPOINT_S = 5.0
INSTANCE_MODULE = "aurora_mysql.cluster.instance_main"


class Supervisor:
    """See the module. One per data directory (held by a file lock)."""

    def __init__(
        self,
        config: ClusterConfig,
        directory: DataDir,
        state: ClusterState,
        *,
        root: RootKey | None = None,
        module: str = INSTANCE_MODULE,
    ) -> None:
        self.config = config
        self.directory = directory
        self.state = state
        self.members: dict[str, Member] = {}
        self.ready = asyncio.Event()
        self._module = module
        self._root = root
        self.key_guard: KeyGuard | None = None
        if root is not None:
            self.key_guard = KeyGuard(config, directory, state, stop=self._suspend, resume=self._resume)
        self._epoch = 0
        self._had_writer = False
        self._first_available_s: float | None = None
        self._changed = asyncio.Event()
        self._busy = asyncio.Lock()
        self._stopping = False
        self._heartbeat_port = 0
        self._retry_election_s = 0.0
        self._last_checkpoint_s = time.monotonic()
        self._checkpointing: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    # -- life ---------------------------------------------------------------------------------------------------

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop` is set, then stop every instance in order."""
        lock: IO[str] = self.directory.lock_supervisor()
        token = self.directory.token()
        transport, self._heartbeat_port = await HeartbeatReceiver.listen(token, self._heard)
        control = ControlServer(self._handle, token)
        try:
            write_private(self.directory.run / "config.json", json.dumps(self.config.to_json()))
            for spec in self.state.members:
                self._add(spec)
            self.directory.announce("supervisor", await control.start())
            if self.key_guard is not None:
                guarding = asyncio.create_task(self.key_guard.run(), name="key-guard")
                self._tasks.add(guarding)
                guarding.add_done_callback(self._guard_ended)
            stopped = asyncio.create_task(stop.wait())
            while not stopped.done():
                async with self._busy:
                    await self._reconcile()
                changed = asyncio.create_task(self._changed.wait())
                await asyncio.wait((changed, stopped), timeout=TICK_S, return_when=asyncio.FIRST_COMPLETED)
                changed.cancel()
                self._changed.clear()
            async with self._busy:
                await self._shut_down()
        finally:
            for task in self._tasks:
                task.cancel()
            transport.close()
            await control.stop()
            for member in self.members.values():
                if member.watcher is not None:
                    member.watcher.cancel()
                if member.process is not None:
                    member.process.release()
            (self.directory.run / "supervisor.json").unlink(missing_ok=True)
            lock.close()

    def _add(self, spec: InstanceSpec) -> Member:
        member = Member(
            spec,
            self.directory,
            detector=lambda: HangDetector(
                hang_s=self.config.hang_timeout_s,
                silence_s=self.config.silence_timeout_s,
                stall_s=self.config.stall_timeout_s,
            ),
            module=self._module,
            root=self._root,
        )
        self.members[spec.id] = member
        member.watcher = asyncio.create_task(self._watch(member), name=f"watch-{spec.id}")
        return member

    async def _watch(self, member: Member) -> None:
        """Keep one instance running."""
        while not (member.stopping or self._stopping):
            try:
                adopted = await member.start()
                assert member.process is not None
                log.info("%s %s, pid %d", "adopted" if adopted else "started", member.id, member.process.pid)
                try:
                    status = await member.connect(self._heartbeat_port)
                    if status is not None and status.get("role") == "writer":
                        self._adopt_writer(member, int(status["epoch"]))
                except ControlError as error:
                    log.error("instance %s: %s; killing it", member.id, error)
                    member.process.kill()
                self._changed.set()
                process = member.process
                await process.exited.wait()
            except ConfigError as error:
                log.error("%s", error)
                await asyncio.sleep(1)
                continue
            was_writer = member.is_writer
            wait_s = member.ended()
            self._changed.set()
            if not (member.stopping or self._stopping):
                what = "the writer" if was_writer else "a reader"
                log.warning("%s %s (pid %d) has ended, exit code %s", what, member.id, process.pid, process.exit_code)
                await asyncio.sleep(wait_s)

    def _adopt_writer(self, member: Member, epoch: int) -> None:
        """Two may claim it when a supervisor died in a failover: the higher epoch is the writer, by the fence."""
        current = self._writer()
        if current is not None and current is not member:
            loser = member if epoch < self._epoch else current
            log.warning("%s is a writer of an older epoch; killing it", loser.id)
            loser.is_writer = False
            if loser.process is not None:
                loser.process.kill()
            if loser is member:
                return
        member.is_writer, self._had_writer = True, True
        self._epoch = max(self._epoch, epoch)

    def _heard(self, beat: dict[str, Any]) -> None:
        member = self.members.get(str(beat.get("id")))
        if member is not None:
            before = member.beat.get("state")
            member.heard(beat)
            if member.beat.get("state") != before:
                self._changed.set()

    def _writer(self) -> Member | None:
        return next((m for m in self.members.values() if m.is_writer), None)

    # -- reconciling --------------------------------------------------------------------------------------------

    async def _reconcile(self) -> None:
        if self.suspended:
            return
        now_s = time.monotonic()
        for member in self.members.values():
            verdict = member.judge(now_s)
            if member.process is not None and verdict != "ok":
                log.warning("%s (pid %d) is %s; killing it", member.id, member.process.pid, verdict)
                process = member.process
                process.kill()
                # Only a dead writer may be replaced: its sockets are closed then, and clients come to the new one.
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(process.exited.wait(), 2)
                if process.exited.is_set():
                    member.is_writer = False
        writer = self._writer()
        if writer is None and now_s >= self._retry_election_s:
            await self._elect(now_s)
        await self._assign()
        if self._writer() is not None and not self.ready.is_set() and all(m.available for m in self.members.values()):
            self.ready.set()
        interval_s = self.config.checkpoint_interval_s
        if writer is not None and writer.beat.get("checkpoint_wanted"):
            interval_s = min(interval_s, _URGENT_CHECKPOINT_S)
        due = now_s - self._last_checkpoint_s >= interval_s
        if due and (self._checkpointing is None or self._checkpointing.done()):
            self._last_checkpoint_s = now_s
            self._checkpointing = asyncio.create_task(self._checkpoint())
            self._tasks.add(self._checkpointing)
            self._checkpointing.add_done_callback(self._tasks.discard)

    async def _elect(self, now_s: float) -> None:
        available = [m for m in self.members.values() if m.available]
        if not available:
            return
        if not self._had_writer:
            if self._first_available_s is None:
                self._first_available_s = now_s
            if len(available) < len(self.members) and now_s - self._first_available_s < GATHER_S:
                return
        chosen = choose_writer([m.candidate() for m in available])
        assert chosen is not None
        try:
            await self._promote(self.members[chosen])
        except ControlError as error:
            log.error("%s could not become the writer: %s", chosen, error)
            self._retry_election_s = time.monotonic() + 0.5

    async def _promote(self, member: Member) -> None:
        """Raises ControlError; the member is then no writer (a half-done promotion is killed)."""
        begun_s = time.monotonic()
        control, process = member.control, member.process
        if control is None or process is None:
            raise ControlError("it is not running")
        try:
            answer = await control.call("promote", timeout_s=PROMOTE_TIMEOUT_S, min_epoch=self._epoch + 1)
        except UnansweredError:
            process.kill()
            raise
        self._epoch = int(answer["epoch"])
        member.beat.update(answer)
        member.is_writer, self._had_writer = True, True
        self.state.last_writer = member.id
        self.directory.save(self.state)
        log.info(
            "%s is the writer of epoch %d after %.0f ms", member.id, self._epoch, (time.monotonic() - begun_s) * 1e3
        )

    async def _assign(self) -> None:
        """Tell every live instance who the writer is and where to listen, when that changed."""
        writer = self._writer()
        live = [m for m in self.members.values() if m.available or m.is_writer]
        endpoints = assign_endpoints([m.id for m in live], writer.id if writer else None)
        # Who gives an endpoint up goes first, so that the address is free for who takes it.
        for member in sorted(live, key=lambda m: endpoints[m.id].cluster_endpoint):
            wanted: dict[str, Any] = {
                "writer": None
                if writer is None
                else {"id": writer.id, "stream_port": writer.beat.get("stream_port", 0), "epoch": self._epoch},
                "cluster_endpoint": endpoints[member.id].cluster_endpoint,
                "reader_endpoint": endpoints[member.id].reader_endpoint,
                "instances": [m.id for m in self.members.values()],
            }
            if member.assigned == wanted or member.control is None:
                continue
            try:
                await member.control.call("assign", **wanted)
                member.assigned = wanted
            except ControlError as error:
                log.warning("%s did not take its endpoints: %s", member.id, error)
                if isinstance(error, UnansweredError) and member.process is not None:
                    member.process.kill()

    async def _checkpoint(self) -> None:
        """Let a reader (else the writer) checkpoint, then let the writer drop redo nobody needs."""
        writer = self._writer()
        readers = [m for m in self.members.values() if m.available and m is not writer]
        worker = max(readers, key=lambda m: m.candidate().lsn) if readers else writer
        if writer is None or worker is None or worker.control is None or writer.control is None:
            return
        try:
            taken = await worker.control.call("checkpoint", timeout_s=CHECKPOINT_TIMEOUT_S)
            needs = {"below_lsn": taken["kept_lsn"] + 1, "data_bytes": taken["data_bytes"]}
            await writer.control.call("collect", timeout_s=CHECKPOINT_TIMEOUT_S, **needs)
        except ControlError as error:
            log.warning("checkpoint by %s failed: %s", worker.id, error)

    # -- requests -----------------------------------------------------------------------------------------------

    async def _handle(self, op: str, args: dict[str, Any]) -> Any:
        if op == "status":
            return await self.status()
        if op in ("backtrack", "backtrack_state", "copy_replace", "copy_cancel"):
            # Not under the lock: a failover must not wait for one.
            writer = self._writer()
            if writer is None or writer.control is None:
                raise ControlError("there is no writer now; try again")
            return await writer.control.call(op, timeout_s=10, **args)
        async with self._busy:
            if self._stopping:
                raise ControlError("the cluster is stopping")
            if self.suspended:
                raise ControlError("the cluster stands still: its key can't be used")
            if op == "failover":
                return await self._fail_over(args.get("target"))
            if op == "reader_add":
                return await self._add_reader()
            if op == "reader_remove":
                return await self._remove_reader(args.get("id"))
        raise ControlError(f"unknown request {op!r}")

    async def status(self) -> dict[str, Any]:
        """The document of `aurora-mysql status --json`."""
        volume: Any = None
        writer = self._writer()
        for member in [writer] if writer else list(self.members.values()):
            if member.control is not None:
                with contextlib.suppress(ControlError):
                    volume = await member.control.call("volume_status", timeout_s=5)
                    break
        return {
            "endpoints": {
                "cluster": f"{self.config.host}:{self.state.port}",
                "reader": f"{self.config.reader_host}:{self.state.reader_port}",
                "instances": {m.id: f"{m.spec.host}:{m.spec.port}" for m in self.members.values()},
            },
            "instances": [m.status() for m in self.members.values()],
            "volume": volume,
            "backup": None if self.suspended else await asyncio.to_thread(self._backup_status, volume),
            "encryption": {"enabled": False} if self.key_guard is None else self.key_guard.document(),
        }

    def _backup_status(self, volume: Any) -> dict[str, Any] | None:
        vdl = None if volume is None else int(volume["vdl"])
        past = Past(self.directory.root, self.state.cluster_id, vdl, self.state.medium, self._root)
        try:
            return backup_document(past, self.config.backup_retention_s, self.config.backtrack_window_s)
        except StorageError as error:
            log.warning("the backup window can't be told: %s", error)
            return None

    async def _fail_over(self, target: str | None) -> dict[str, Any]:
        """An ordered failover: the writer lets go first, so nothing that runs is lost but open transactions."""
        old = self._writer()
        if old is None or old.control is None:
            raise ControlError("there is no writer now; a failover is already under way")
        readers = {m.id: m for m in self.members.values() if m.available and m is not old}
        if target is None:
            target = choose_writer([m.candidate() for m in readers.values()])
            if target is None:
                raise ControlError("there is no reader to fail over to")
        if target == old.id:
            raise ControlError(f"{target} is the writer already")
        if target not in readers:
            known = ", ".join(sorted(readers)) or "none"
            raise ControlError(f"{target} is not an available reader (available: {known})")
        begun_s = time.monotonic()
        process = old.process
        try:
            await old.control.call("demote", timeout_s=self.config.drain_timeout_s + 5)
        except ControlError as error:
            log.warning("%s did not step down: %s; killing it", old.id, error)
            if process is not None:
                process.kill()
                await process.exited.wait()
        old.is_writer = False
        await self._promote(readers[target])
        await self._assign()
        return {"writer": target, "elapsed_ms": round((time.monotonic() - begun_s) * 1000)}

    async def _add_reader(self) -> dict[str, Any]:
        if len(self.members) > MAX_READERS:
            raise ControlError(f"a cluster has at most {MAX_READERS} readers")
        spec = next_instance(self.config, list(self.state.members))
        self.state.members.append(spec)
        self.directory.save(self.state)
        self._add(spec)
        return {"id": spec.id, "endpoint": f"{spec.host}:{spec.port}"}

    async def _remove_reader(self, instance_id: str | None) -> dict[str, Any]:
        readers = [m for m in self.members.values() if not m.is_writer]
        if instance_id is None:
            if not readers:
                raise ControlError("there is no reader")
            instance_id = readers[-1].id
        member = self.members.get(instance_id)
        if member is None:
            raise ControlError(f"there is no instance {instance_id}")
        if member.is_writer:
            raise ControlError(f"{instance_id} is the writer; fail over first")
        await self._stop_member(member)
        del self.members[instance_id]
        self.state.members = [spec for spec in self.state.members if spec.id != instance_id]
        self.directory.save(self.state)
        await asyncio.to_thread(shutil.rmtree, self.directory.instance(instance_id), True)
        return {"id": instance_id}

    # -- the key --------------------------------------------------------------------------------------------------

    @property
    def suspended(self) -> bool:
        """The instances are stopped for want of the cluster's key; this process waits for it."""
        return self.key_guard is not None and self.key_guard.stopped

    async def _suspend(self) -> None:
        async with self._busy:
            await self._stop_all()
            self._root = None
            for member in self.members.values():
                member.forget_key()

    async def _resume(self, root: RootKey) -> None:
        async with self._busy:
            self._root, self._had_writer, self._first_available_s = root, False, None
            for spec in self.state.members:
                self._add(spec)

    def _guard_ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("the key is watched no more: %s", error, exc_info=error)

    # -- stopping -----------------------------------------------------------------------------------------------

    async def _stop_member(self, member: Member) -> None:
        member.stopping = True
        process = member.process
        if process is None:
            return
        try:
            if member.control is None:
                raise ControlError("no control connection")
            await member.control.call("stop", timeout_s=5)
            await asyncio.wait_for(process.exited.wait(), self.config.drain_timeout_s + 30)
        except (ControlError, TimeoutError) as error:
            if not process.exited.is_set():
                log.warning("%s did not stop (%s); killing it", member.id, error or "timeout")
                process.kill()
                await process.exited.wait()

    async def _shut_down(self) -> None:
        """Readers first, then the writer: it is needed until the last."""
        self._stopping = True
        await self._stop_all()
        log.info("every instance has stopped")

    async def _stop_all(self) -> None:
        writer = self._writer()
        await asyncio.gather(*(self._stop_member(m) for m in self.members.values() if m is not writer))
        if writer is not None:
            await self._stop_member(writer)


def choose_ports(config: ClusterConfig, state: ClusterState) -> None:
    """Fix the endpoints' ports in `state`: the configured ones, or for 0 the one chosen before, or a free one."""
    state.port = config.port or state.port or free_port(config.host)
    state.reader_port = config.reader_port or state.reader_port or free_port(config.reader_host)
