"""One instance: the composition root that wires engine, redo, SQL and sessions, and changes its role on request."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import time
from pathlib import Path
from typing import Any

from aurora_mysql.catalog.model import CatalogDelta, Grant, User
from aurora_mysql.catalog.passwords import make_auth_string
from aurora_mysql.cluster.backtracking import Backtracking
from aurora_mysql.cluster.config import ClusterConfig
from aurora_mysql.cluster.control import ControlError, ControlServer
from aurora_mysql.cluster.data_dir import DataDir
from aurora_mysql.cluster.handed_reads import HandedReads, ReadServer
from aurora_mysql.cluster.heartbeat import HeartbeatSender
from aurora_mysql.cluster.view import CpuMeter, InstanceView
from aurora_mysql.encryption.redo_cipher import redo_cipher
from aurora_mysql.encryption.root_key import RootKey
from aurora_mysql.engine.commit_log import InFlight
from aurora_mysql.engine.engine import Engine
from aurora_mysql.engine.options import EngineOptions
from aurora_mysql.errors import AuroraError, ConfigError, KeyUnavailableError, StorageError, mysql_error
from aurora_mysql.redaction import redacted
from aurora_mysql.redo.stream import RedoStreamServer
from aurora_mysql.session.server import SqlServer
from aurora_mysql.session.settings import SessionSettings
from aurora_mysql.sql.admin.variables import SystemVariables
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.events.scheduler import EventScheduler
from aurora_mysql.sql.executor import Executor
from aurora_mysql.sql.functions import bootstrap
from aurora_mysql.sql.instance_services import InstanceServices
from aurora_mysql.sql.processes import ProcessList
from aurora_mysql.storage.checkpoint import CheckpointStore
from aurora_mysql.storage.chunk_scrubber import ChunkScrubber
from aurora_mysql.storage.copy_health import SlowRules
from aurora_mysql.storage.disk import LocalDisk
from aurora_mysql.storage.faults import FaultBoard, FaultyDisk
from aurora_mysql.storage.layout import VolumeOptions, default_layout
from aurora_mysql.storage.reader import VolumeReader
from aurora_mysql.storage.retention import Retention, floor_of_log
from aurora_mysql.storage.volume import Volume
from aurora_mysql.storage.volume_size import VolumeLimits
from aurora_mysql.storage.write_ring import WriteRing
from replicas import topology
from replicas.checkpointer import Checkpointer
from replicas.lag import LagMeter
from replicas.promotion import promote
from replicas.receiver import Receiver
from replicas.seeding import mark_unusable, open_engine

log = logging.getLogger(__name__)

_TURN_S = 0.05
#: How long `status` waits to hear of the disks how full they are.
_DISKS_PATIENCE_S = 0.2
#: Python looks for cycles among its youngest objects after so many new ones (700 by itself), among older ones after so
#: many such looks. A commit is a dozen objects that live until the applier has reached it: looking often finds them all
#: alive, for a tenth of the loop's time. What is there at the end of the start stays, and is passed over.
_COLLECT_AFTER = (10_000, 10, 10)
_EXIT_FENCED = 3
_EXIT_FAILED = 4


class Instance:
    """Starts as a reader; `promote`, `demote`, `assign` and `stop` come from the supervisor."""

    def __init__(
        self, directory: DataDir, config: ClusterConfig, instance_id: str, root: RootKey | None = None
    ) -> None:
        self.directory = directory
        self.config = config
        self.root = root
        self.state = directory.load()
        if bool(self.state.root_key_id) != (root is not None):
            raise KeyUnavailableError("this instance was started without the cluster's key")
        found = next((spec for spec in self.state.members if spec.id == instance_id), None)
        if found is None:
            raise ConfigError(f"{instance_id} is no member of this cluster")
        self.spec = found
        self.members: list[str] = [spec.id for spec in self.state.members]
        self.cpu = CpuMeter()
        self.lag = LagMeter()
        self.volume: Volume | None = None
        self._ring: WriteRing | None = None
        self.chunk_scrubber: ChunkScrubber | None = None
        self.disk_faults = FaultBoard()
        self.stream: RedoStreamServer | None = None
        self.stream_port = 0
        self.receiver: Receiver | None = None
        self._layout = default_layout(directory.root)
        self._cipher = redo_cipher(root, self.state.cluster_id)
        self._reader = VolumeReader(directory.root, self._layout, self.state.cluster_id, cipher=self._cipher)
        self.checkpoints = CheckpointStore(
            directory.root / "volume",
            self.state.cluster_id,
            medium=self.state.medium,
            retention=Retention(max(config.backup_retention_s, config.backtrack_window_s), config.redo_limit_bytes),
            log_floor=self._log_floor,
            root=root,
        )
        self._checkpointer: Checkpointer | None = None
        self._read_server: ReadServer | None = None
        self.backtracking = Backtracking(self)
        self._status = "starting"
        self._engine: Engine | None = None
        self._server: SqlServer | None = None
        self._scheduler: EventScheduler | None = None
        self._cluster_listener = self._reader_listener = False
        self._stopping = asyncio.Event()
        self._role_lock = asyncio.Lock()
        token = directory.token()
        self._control = ControlServer(self._handle, token)
        self._heartbeat = HeartbeatSender(instance_id, token, self._report)

    @property
    def is_writer(self) -> bool:
        return self._engine is not None and self._engine.is_writer

    @property
    def engine(self) -> Engine:
        if self._engine is None:
            raise ControlError(f"{self.spec.id} is starting")
        return self._engine

    @property
    def server(self) -> SqlServer:
        if self._server is None:
            raise ControlError(f"{self.spec.id} is starting")
        return self._server

    # -- life ---------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Serve until told to stop."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._stopping.set)
        loop.add_signal_handler(signal.SIGINT, self._stopping.set)
        self.directory.announce(self.spec.id, await self._control.start())
        self._heartbeat.start()
        turning = asyncio.create_task(self._turn())
        try:
            await self._start()
            gc.collect()
            gc.freeze()
            gc.set_threshold(*_COLLECT_AFTER)
            await self._stopping.wait()
            await self._stop()
        finally:
            turning.cancel()
            self._heartbeat.stop()
            await self._control.stop()
            (self.directory.run / f"{self.spec.id}.json").unlink(missing_ok=True)

    async def _turn(self) -> None:
        while True:
            self._heartbeat.turn()
            await asyncio.sleep(_TURN_S)

    async def _start(self) -> None:
        config = self.config
        reader = self._reader
        first_lsn, vdl = await asyncio.to_thread(_extent, reader)
        options = EngineOptions(
            duckdb_threads=config.duckdb_threads,
            memory_limit_bytes=config.memory_limit_bytes,
            row_store_bytes=config.row_store_bytes,
            query_threads=config.query_threads,
            long_queries=config.long_queries,
            commit_timeout_s=config.commit_timeout_s,
            root_key=self.root,
        )
        engine = await open_engine(
            self.directory.instance(self.spec.id),
            instance_id=self.spec.id,
            options=options,
            bootstrap=bootstrap,
            checkpoints=self.checkpoints,
            first_lsn=first_lsn,
        )
        engine.on_failure = self._engine_failed
        self._engine = engine
        self._checkpointer = Checkpointer(engine, self.checkpoints)
        self.receiver = Receiver(
            engine, reader, token=self.directory.token(), lag=self.lag, cpu_percent=self.cpu.percent, on_lost=self._lost
        )
        self._read_server = ReadServer(engine, self.directory.token())
        self.receiver.read_port = await self._read_server.start()
        if engine.visible_lsn > vdl:
            log.info("ahead of the last known VDL %d, at %d", vdl, engine.visible_lsn)
        else:
            await self.receiver.catch_up(vdl)
        view = InstanceView(self)
        processes = ProcessList()
        variables = SystemVariables(view, engine, config.to_json())
        services = InstanceServices(engine, view, processes, variables)
        services.elsewhere = HandedReads(self.directory.token(), self._read_ports)
        executor = Executor(services)
        self._scheduler = EventScheduler(executor)
        self._server = SqlServer(executor, services, self._session_settings())
        await self._server.add_listener(self.spec.host, self.spec.port)
        self._status = "available"
        log.info("available at LSN %d on %s:%d", engine.visible_lsn, self.spec.host, self.spec.port)

    def _read_ports(self) -> dict[str, int]:
        """Where the readers that follow this writer answer reads, by their ids."""
        followers = [] if self.stream is None else self.stream.followers.values()
        return {follower.id: follower.read_port for follower in followers if follower.read_port}

    def _log_floor(self) -> int:
        """The LSN below which redo is more than may be kept; 0: none is."""
        floor_lsn = floor_of_log(self._reader.segment_sizes(), self.config.redo_limit_bytes)
        if floor_lsn:
            log.warning("the redo limit is reached: what lies before LSN %d is not kept", floor_lsn)
        return floor_lsn

    def _session_settings(self) -> SessionSettings:
        config = self.config
        return SessionSettings(
            data_dir=self.directory.root,
            tls=config.tls,
            secrets_key=None if self.root is None else self.root.derive("key files", b"").hex().encode(),
            tls_cert=Path(config.tls_cert) if config.tls_cert else None,
            tls_key=Path(config.tls_key) if config.tls_key else None,
            tls_ca=Path(config.tls_ca) if config.tls_ca else None,
            require_secure_transport=config.require_secure_transport,
            default_authentication_plugin=config.default_authentication_plugin,
            max_connections=config.max_connections,
            max_allowed_packet_bytes=config.max_allowed_packet_bytes,
            connect_timeout_s=config.connect_timeout_s,
        )

    def _engine_failed(self, error: Exception) -> None:
        """The applier can't go on: end here. The next start begins from a checkpoint and the log."""
        log.error("the engine failed: %s", error)
        reason = str(error) if self.root is None else str(redacted(error))
        mark_unusable(self.directory.instance(self.spec.id), reason)
        self._leave(_EXIT_FAILED)

    def _lost(self, reason: str) -> None:
        """The log no longer leads on from here: the next start begins from a checkpoint."""
        mark_unusable(self.directory.instance(self.spec.id), reason)
        self._leave(_EXIT_FAILED)

    def _fenced(self, reason: str) -> None:
        log.warning("a newer writer has taken over: %s", reason)
        self._leave(_EXIT_FENCED)

    def _leave(self, code: int) -> None:
        """End at once: every socket closes, nothing is acknowledged any more."""
        logging.shutdown()
        os._exit(code)

    async def _stop(self) -> None:
        """Drain, close sessions, checkpoint, close the volume."""
        self._status = "stopping"
        async with self._role_lock:
            if self._server is not None:
                await self._server.drain(self.config.drain_timeout_s)
                await self._server.stop(1.0)
            if self.receiver is not None:
                await self.receiver.stop()
            if self._read_server is not None:
                await self._read_server.stop()
            if self._engine is not None:
                await self._engine.checkpoint()
            await self._let_go()
            if self._engine is not None:
                await self._engine.close()
        log.info("stopped")

    async def _let_go(self) -> None:
        """Stop being the writer: nothing is accepted, everything accepted is decided, the volume is closed."""
        if self._scheduler is not None:
            await self._scheduler.stop()
        if self._engine is not None:
            self._engine.become_reader()
            self._engine.on_durable = None
        stream, self.stream, self.stream_port = self.stream, None, 0
        volume, self.volume = self.volume, None
        if volume is not None:
            await asyncio.to_thread(volume.close)
        self._close_ring()
        scrubber, self.chunk_scrubber = self.chunk_scrubber, None
        if scrubber is not None:
            await asyncio.to_thread(scrubber.stop)
        if stream is not None:
            await stream.stop()

    def _close_ring(self) -> None:
        ring, self._ring = self._ring, None
        if ring is not None:
            ring.close()

    # -- requests -----------------------------------------------------------------------------------------------

    def _report(self) -> dict[str, Any]:
        engine = self._engine
        volume = self.volume
        return {
            "pid": os.getpid(),
            "state": self._status,
            "role": "writer" if self.is_writer else "reader",
            "visible_lsn": engine.visible_lsn if engine is not None else 0,
            "applied_lsn": engine.applied_lsn if engine is not None else 0,
            "lag_ms": self._lag_ms(),
            "epoch": volume.epoch if volume is not None else 0,
            "stream_port": self.stream_port,
            "checkpoint_wanted": volume is not None and volume.wants_checkpoint,
        }

    def _lag_ms(self) -> float | None:
        lag_ms = 0.0 if self.is_writer else self.lag.lag_ms(time.time_ns() // 1000)
        return None if lag_ms is None else round(lag_ms, 3)

    async def _handle(self, op: str, args: dict[str, Any]) -> Any:
        if op == "hello":
            self._heartbeat.aim(int(args["heartbeat_port"]))
            return self._report()
        if op == "status":
            return self._report()
        if op == "stop":
            self._stopping.set()
            return True
        if op == "volume_status":
            return await asyncio.to_thread(InstanceView(self).volume_status, _DISKS_PATIENCE_S)
        if op == "checkpoint":
            return await self._checkpoint()
        if op == "collect":  # not under the lock: slow disks must not hold up a change of roles
            return await self._collect(int(args["below_lsn"]), int(args["data_bytes"]))
        if op == "backtrack":
            self.backtracking.start(str(args["to"]))
            return True
        if op == "backtrack_state":
            return self.backtracking.state()
        if op in ("copy_replace", "copy_cancel"):
            volume = self.volume
            if volume is None:
                raise ControlError(f"{self.spec.id} is not the writer")
            if op == "copy_cancel":
                return {"copy": await asyncio.to_thread(volume.cancel_replacement)}
            leaving = int(args["copy"])
            old = [str(w.path) for w in (await asyncio.to_thread(volume.status)).copies if w.id == leaving]
            new = await asyncio.to_thread(volume.replace_copy, leaving, Path(args["path"]), args.get("az"))
            return {"copy": new, "old_path": "".join(old)}
        async with self._role_lock:
            if op == "promote":
                return await self._promote(int(args["min_epoch"]))
            if op == "demote":
                return await self._demote()
            if op == "assign":
                return await self._assign(**args)
        raise ControlError(f"unknown request {op!r}")

    async def _promote(self, min_epoch: int) -> dict[str, Any]:
        engine, receiver = self.engine, self.receiver
        if receiver is None or self._stopping.is_set():
            raise ControlError("not ready")
        if not engine.is_writer:
            self._status = "promoting"
            self._ring = WriteRing.of(asyncio.get_running_loop())
            try:
                self.volume = await promote(
                    engine,
                    receiver,
                    self._layout,
                    self.state.cluster_id,
                    data_dir=str(self.directory.root),
                    min_epoch=min_epoch,
                    options=VolumeOptions(
                        segment_bytes=self.config.segment_bytes,
                        scrub_interval_s=self.config.scrub_interval_s,
                        scrub_bytes_per_s=self.config.scrub_bytes_per_s,
                        slow=SlowRules(after_s=self.config.slow_copy_after_s),
                        limits=VolumeLimits(self.config.group_bytes, self.config.max_volume_bytes),
                    ),
                    disk=FaultyDisk(LocalDisk(self._ring), self.disk_faults),
                    cipher=self._cipher,
                    on_fenced=self._fenced,
                )
                self.stream = RedoStreamServer(
                    self.directory.token(), epoch=self.volume.epoch, vdl=engine.visible_lsn, topology=self._topology
                )
                await self._measure(self.volume, await self._data_bytes())
                engine.on_durable = self._publish
                self.stream_port = await self.stream.start()
                await self._create_administrator()
            except AuroraError:
                self._status = "available"
                self._close_ring()
                raise
            self._status = "available"
            self.chunk_scrubber = ChunkScrubber(
                self.checkpoints,
                interval_s=self.config.scrub_interval_s,
                bytes_per_s=self.config.scrub_bytes_per_s,
            )
            self.chunk_scrubber.start()
            if self._scheduler is not None:
                self._scheduler.start()
            log.info("writer of epoch %d from LSN %d", self.volume.epoch, engine.visible_lsn)
        return self._report()

    def _publish(self, items: list[InFlight]) -> None:
        if self.stream is not None:
            for item in items:
                self.stream.publish(item.commit.lsn, item.parts)

    def _topology(self) -> list[list[Any]]:
        return topology.to_wire(InstanceView(self).replica_host_status())

    async def _create_administrator(self) -> None:
        """A new cluster gets its first account."""
        engine = self.engine
        if engine.catalog.users:
            return
        password = self.directory.password(self.root)
        plugin = self.config.default_authentication_plugin
        user = User(self.config.admin_user, "%", plugin, make_auth_string(plugin, password))
        grant = Grant(user.user, user.host, "", "", frozenset({"ALL PRIVILEGES"}), True)
        delta = CatalogDelta(users={(user.user, user.host): user}, grants={(user.user, user.host, "", ""): grant})
        await engine.commit_schema(SessionContext(0, user), delta, ())

    async def _demote(self) -> dict[str, Any]:
        """An ordered step down: open transactions may end, then every socket closes and the process leaves, to come
        back as a reader."""
        if not self.is_writer or self.volume is None:
            raise ControlError(f"{self.spec.id} is not the writer")
        self._status = "stopping"
        epoch = self.volume.epoch
        await self.server.drain(min(self.config.drain_timeout_s, 2.0))
        self.server.close_sessions(None, mysql_error(1053))
        await self._let_go()
        self._stopping.set()
        return {"epoch": epoch, "lsn": self.engine.visible_lsn}

    async def _assign(
        self,
        writer: dict[str, Any] | None,
        cluster_endpoint: bool,
        reader_endpoint: bool,
        instances: list[str],
    ) -> bool:
        """Where to listen and whom to follow."""
        self.members = instances
        config, state, server = self.config, self.state, self.server
        if cluster_endpoint != self._cluster_listener:
            if cluster_endpoint:
                await _retrying(lambda: server.add_listener(config.host, state.port))
            else:
                await server.remove_listener(config.host, state.port)
            self._cluster_listener = cluster_endpoint
        if reader_endpoint != self._reader_listener:
            if reader_endpoint:
                await _retrying(lambda: server.add_listener(config.reader_host, state.reader_port, reuse_port=True))
            else:
                await server.remove_listener(config.reader_host, state.reader_port)
            self._reader_listener = reader_endpoint
        if self.receiver is not None and not self.is_writer:
            port = 0 if writer is None else int(writer["stream_port"])
            self.receiver.follow(port, 0 if writer is None else int(writer["epoch"]))
        return True

    async def _checkpoint(self) -> dict[str, int]:
        """Publish this instance's file as a checkpoint; tells above which LSN redo must be kept, and what the file's
        content takes."""
        if self._checkpointer is None:
            raise ControlError(f"{self.spec.id} is starting")
        kept_lsn = await self._checkpointer.take()
        return {"kept_lsn": kept_lsn, "data_bytes": await self._data_bytes()}

    async def _data_bytes(self) -> int:
        engine = self.engine
        return await asyncio.get_running_loop().run_in_executor(engine.executor, engine.duck.used_bytes)

    async def _collect(self, below_lsn: int, data_bytes: int) -> bool:
        volume, stream = self.volume, self.stream
        if volume is None or stream is None:
            raise ControlError("not the writer")
        # A connected reader may have to go back to the log from where it is.
        below_lsn = min([below_lsn, *(f.visible_lsn + 1 for f in stream.followers.values())])
        await asyncio.to_thread(volume.collect, below_lsn)
        await self._measure(volume, data_bytes)
        return True

    async def _measure(self, volume: Volume, data_bytes: int) -> None:
        """Tell the volume how large the database was at the newest checkpoint."""
        newest_lsn = await asyncio.to_thread(self.checkpoints.newest_lsn)
        await asyncio.to_thread(volume.measure, data_bytes, newest_lsn)


def _extent(reader: VolumeReader) -> tuple[int, int]:
    try:
        return reader.first_lsn(), reader.last_known_vdl()
    except StorageError as error:
        log.warning("the volume can't be read yet: %s", error)
        return 1, 0


async def _retrying(listen: Any, *, timeout_s: float = 2.0) -> None:
    """Take an address whose last owner may be closing it right now. Raises ControlError after `timeout_s`."""
    deadline_s = asyncio.get_running_loop().time() + timeout_s
    while True:
        try:
            await listen()
            return
        except OSError as error:
            if asyncio.get_running_loop().time() > deadline_s:
                raise ControlError(f"cannot listen: {error}") from None
            await asyncio.sleep(0.01)
