"""Who belongs to the cluster: instance ids and addresses, from configuration and what was chosen before."""

from __future__ import annotations

import dataclasses
import socket

from aurora_mysql.cluster.config import MAX_READERS, ClusterConfig, InstanceSpec
from aurora_mysql.cluster.data_dir import ClusterState
from aurora_mysql.errors import ConfigError


def free_port(host: str) -> int:
    """A TCP port that nobody listens on. Raises ConfigError when `host` is no address of this machine."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        try:
            sock.bind((host, 0))
        except OSError as error:
            raise ConfigError(f"cannot listen on {host}: {error.strerror}") from None
        port: int = sock.getsockname()[1]
        return port


def check_free(host: str, port: int, what: str) -> None:
    """Raise ConfigError when nobody could listen on `host`:`port`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((host, port))
            sock.listen(1)
        except OSError as error:
            raise ConfigError(f"cannot listen on {host}:{port} ({what}): {error.strerror}") from None


def next_instance(config: ClusterConfig, members: list[InstanceSpec]) -> InstanceSpec:
    """The next instance: the first configured one that isn't a member, else the lowest free number."""
    taken = {spec.id for spec in members}
    for spec in config.instances:
        if spec.id not in taken:
            return _with_port(spec)
    number = 1
    while f"instance-{number}" in taken:
        number += 1
    return _with_port(InstanceSpec(f"instance-{number}", config.instance_host, config.instance_port))


def plan_members(config: ClusterConfig, state: ClusterState, *, readers: int | None = None) -> None:
    """Bring `state.members` to the wanted number of readers.

    `readers` (from the command line) wins; else the configured number counts when it changed since the last start,
    so that `reader add` and `reader remove` last. Surplus members go from the end, never the last writer.

    Raises:
        ConfigError: too many.
    """
    wanted = readers
    if wanted is None:
        changed = state.readers_configured != config.readers
        wanted = config.readers if changed or not state.members else len(state.members) - 1
    if not 0 <= wanted <= MAX_READERS:
        raise ConfigError(f"{wanted} readers: a cluster has 0 to {MAX_READERS}")
    state.readers_configured = config.readers
    configured = {spec.id: spec for spec in config.instances}
    for at, spec in enumerate(state.members):
        if spec.id in configured:
            port = configured[spec.id].port or spec.port
            state.members[at] = dataclasses.replace(configured[spec.id], port=port)
    while len(state.members) > wanted + 1:
        surplus = [spec for spec in state.members if spec.id != state.last_writer]
        state.members.remove(surplus[-1])
    while len(state.members) < wanted + 1:
        state.members.append(next_instance(config, state.members))


def _with_port(spec: InstanceSpec) -> InstanceSpec:
    return spec if spec.port else dataclasses.replace(spec, port=free_port(spec.host))
