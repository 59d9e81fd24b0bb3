"""`aurora-mysql start`: prepare the data directory, run the supervisor, say when the cluster is ready."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable

from aurora_mysql.cluster.config import ClusterConfig
from aurora_mysql.cluster.data_dir import ClusterState, DataDir
from aurora_mysql.cluster.logs import set_up_logging
from aurora_mysql.cluster.membership import check_free, plan_members
from aurora_mysql.cluster.supervisor import INSTANCE_MODULE, Supervisor, choose_ports

log = logging.getLogger(__name__)

CreateVolume = Callable[[DataDir, ClusterState], None]


def _say(line: str) -> None:
    print(line, flush=True)


def create_volume(directory: DataDir, state: ClusterState) -> None:
    """Format the six copies of a new cluster."""
    from aurora_mysql.storage.layout import default_layout
    from aurora_mysql.storage.volume import create_volume as create

    create(directory.root, default_layout(directory.root), state.cluster_id)


def check_volume(directory: DataDir, state: ClusterState) -> None:
    """Look at the copies before anything starts: a wrong one is told to the operator, not to a log.

    Raises:
        VolumeFormatError: a copy belongs to another cluster or to a newer version.
        QuorumLostError: fewer than three copies are there.
    """
    from aurora_mysql.errors import CorruptRecordError, QuorumLostError
    from aurora_mysql.storage.copy import LocalCopy, MissingCopyError
    from aurora_mysql.storage.layout import default_layout
    from aurora_mysql.storage.quorum import READ_QUORUM

    readable = 0
    for place in default_layout(directory.root):
        try:
            LocalCopy(place, state.cluster_id).check_identity()
            readable += 1
        except (MissingCopyError, CorruptRecordError, OSError) as error:
            log.warning("copy %d can't be used, it will be made anew: %s", place.id, error)
    if readable < READ_QUORUM:
        raise QuorumLostError(
            f"only {readable} of the 6 copies in {directory.root / 'volume'} can be read, {READ_QUORUM} are needed:"
            " bring the others back (is a disk not mounted?)"
        )


async def start(
    config: ClusterConfig,
    *,
    readers: int | None,
    stop: asyncio.Event,
    make_volume: CreateVolume = create_volume,
    module: str = INSTANCE_MODULE,
    say: Callable[[str], None] = _say,
) -> None:
    """Run the cluster until `stop` is set. Prints one line per endpoint, then ``ready``.

    Raises:
        ConfigError, StorageError: the cluster can't be started; nothing was changed.
    """
    directory = DataDir(config.data_dir)
    fresh = not directory.exists()
    state = directory.initialise(config) if fresh else directory.load(config)
    directory.prepare_run()
    directory.lock_supervisor().close()
    choose_ports(config, state)
    plan_members(config, state, readers=readers)
    _check_ports(config, directory, state)
    set_up_logging("supervisor", config.log_level, (directory.logs / "supervisor.log").open("a", buffering=1))
    # What can't be helped by waiting must reach who sits at the terminal.
    errors = logging.StreamHandler(sys.stderr)
    errors.setLevel(logging.ERROR)
    logging.getLogger().addHandler(errors)
    state.medium.claim(state.cluster_id)
    if fresh:
        make_volume(directory, state)
    elif make_volume is create_volume and not any(directory.announced(spec.id) for spec in state.members):
        check_volume(directory, state)
    directory.save(state)
    if fresh and not config.admin_password:
        password = directory.password_path.read_text()
        say(f"administrator: {config.admin_user}, password: {password} (kept in {directory.password_path})")
    supervisor = Supervisor(config, directory, state, module=module)
    running = asyncio.create_task(supervisor.run(stop))
    ready = asyncio.create_task(supervisor.ready.wait())
    await asyncio.wait((running, ready), return_when=asyncio.FIRST_COMPLETED)
    if ready.done() and not stop.is_set():
        say(f"cluster endpoint: {config.host}:{state.port}")
        say(f"reader endpoint: {config.reader_host}:{state.reader_port}")
        for spec in state.members:
            say(f"instance {spec.id}: {spec.host}:{spec.port}")
        say("ready")
    ready.cancel()
    await running


def _check_ports(config: ClusterConfig, directory: DataDir, state: ClusterState) -> None:
    """A port in use is told before anything starts; running instances of this cluster hold theirs rightly."""
    alive = [spec for spec in state.members if directory.announced(spec.id) is not None]
    if not alive:
        check_free(config.host, state.port, "cluster endpoint")
        check_free(config.reader_host, state.reader_port, "reader endpoint")
    for spec in state.members:
        if spec not in alive:
            check_free(spec.host, spec.port, f"instance {spec.id}")
