"""`aurora-mysql start`: prepare the data directory, run the supervisor, say when the cluster is ready."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable

from aurora_mysql.cluster.cluster_key import keyrings_of, make_key, unlock_cluster
from aurora_mysql.cluster.config import ClusterConfig
from aurora_mysql.cluster.data_dir import ClusterState, DataDir
from aurora_mysql.cluster.logs import set_up_logging
from aurora_mysql.cluster.membership import check_free, plan_members
from aurora_mysql.cluster.supervisor import INSTANCE_MODULE, Supervisor, choose_ports
from aurora_mysql.encryption.keyring import Keyring
from aurora_mysql.encryption.private_memory import keep_memory_private
from aurora_mysql.encryption.root_key import RootKey
from aurora_mysql.errors import ConfigError, KeyUnavailableError

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
    from aurora_mysql.errors import QuorumLostError
    from aurora_mysql.storage.reader import VolumeReader

    try:
        for place in VolumeReader(directory.root, cluster_id=state.cluster_id).unusable():
            log.warning("copy %d in %s can't be used, it will be made anew", place.id, place.path)
    except QuorumLostError as error:
        raise QuorumLostError(f"{error}: bring the others back (is a disk not mounted?)") from None


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
        KeyUnavailableError: it is encrypted, and its key can't be used.
    """
    directory = DataDir(config.data_dir)
    fresh = not directory.exists()
    state = directory.initialise(config) if fresh else directory.load(config)
    root, keyring = _key(config, directory, state, fresh=fresh)
    directory.prepare_run()
    directory.lock_supervisor().close()
    choose_ports(config, state)
    plan_members(config, state, readers=readers)
    _check_ports(config, directory, state)
    log_file = (directory.logs / "supervisor.log").open("a", buffering=1)
    set_up_logging("supervisor", config.log_level, log_file, confidential=root is not None)
    # What can't be helped by waiting must reach who sits at the terminal.
    errors = logging.StreamHandler(sys.stderr)
    errors.setLevel(logging.ERROR)
    logging.getLogger().addHandler(errors)
    if root is not None:
        keep_memory_private()
    state.medium.claim(state.cluster_id)
    if fresh:
        directory.keep_password(config.admin_password, root)
        if keyring is not None:
            keyrings_of(directory).write(keyring)
        make_volume(directory, state)
    elif make_volume is create_volume and not any(directory.announced(spec.id) for spec in state.members):
        check_volume(directory, state)
    directory.save(state)
    if fresh and not config.admin_password:
        where = "`aurora-mysql key admin-password` shows it again" if root else f"kept in {directory.password_path}"
        say(f"administrator: {config.admin_user}, password: {directory.password(root)} ({where})")
    supervisor = Supervisor(config, directory, state, root=root, module=module)
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
    if supervisor.suspended and supervisor.key_guard is not None:
        raise KeyUnavailableError(f"the cluster had stopped before: {supervisor.key_guard.reason}")


def _key(
    config: ClusterConfig, directory: DataDir, state: ClusterState, *, fresh: bool
) -> tuple[RootKey | None, Keyring | None]:
    """The root key, and its keyring if it is new: `state` then is of an encrypted cluster, for ever.

    Raises:
        KeyUnavailableError: the key can't be used. ConfigError: a cluster that is there was made without encryption.
    """
    if not fresh:
        if config.encrypted and not state.root_key_id:
            raise ConfigError(
                f"{directory.root} is not encrypted, and stays so: encryption is chosen when a cluster is made. Make an"
                " encrypted copy of a snapshot (`aurora-mysql snapshot copy NAME NEW --encrypted --key ...`), and"
                " restore it"
            )
        return unlock_cluster(directory, state, key=config.encryption_key), None
    if not config.encrypted:
        return None, None
    root, keyring = make_key(directory.root, config.encryption_key)
    state.root_key_id = root.id
    return root, keyring


def _check_ports(config: ClusterConfig, directory: DataDir, state: ClusterState) -> None:
    """A port in use is told before anything starts; running instances of this cluster hold theirs rightly."""
    alive = [spec for spec in state.members if directory.announced(spec.id) is not None]
    if not alive:
        check_free(config.host, state.port, "cluster endpoint")
        check_free(config.reader_host, state.reader_port, "reader endpoint")
    for spec in state.members:
        if spec not in alive:
            check_free(spec.host, spec.port, f"instance {spec.id}")
