"""The cluster's configuration: a TOML file, overridden by flags and environment, checked before anything starts."""

from __future__ import annotations

import dataclasses
import difflib
import ipaddress
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aurora_mysql.errors import ConfigError
from aurora_mysql.storage.medium import ChunkMedium

MAX_READERS = 15


@dataclass(frozen=True, slots=True)
class InstanceSpec:
    """One instance as configured. `port` 0: chosen at first start and kept. `tier`: promotion tier, 0 first."""

    id: str
    host: str = "127.0.0.1"
    port: int = 0
    tier: int = 1


@dataclass(frozen=True, slots=True)
class ClusterConfig:
    """Every setting, with its default. Names are those of the file, prefixed by their section's idea.

    `host`/`port` is the cluster endpoint, `reader_host`/`reader_port` the reader endpoint; port 0 picks a free one.
    """

    name: str = "aurora"
    data_dir: Path = Path("data")
    host: str = "127.0.0.1"
    port: int = 3306
    reader_host: str = "127.0.0.1"
    reader_port: int = 3307
    readers: int = 2
    instance_host: str = "127.0.0.1"
    instance_port: int = 0
    instances: tuple[InstanceSpec, ...] = ()
    admin_user: str = "admin"
    admin_password: str = field(default="", repr=False)
    tls: bool = True
    tls_cert: str = ""
    tls_key: str = ""
    tls_ca: str = ""
    require_secure_transport: bool = False
    default_authentication_plugin: str = "caching_sha2_password"
    max_connections: int = 1000
    max_allowed_packet_bytes: int = 64 << 20
    connect_timeout_s: float = 10.0
    secure_file_dir: str = ""
    segment_bytes: int = 16 << 20
    group_bytes: int = 10 << 30
    max_volume_bytes: int = 128 << 40
    commit_timeout_s: float = 10.0
    checkpoint_interval_s: float = 300.0
    scrub_interval_s: float = 600.0
    scrub_bytes_per_s: int = 16 << 20
    slow_copy_after_s: float = 5.0
    backup_retention_s: float = 86_400.0
    backtrack_window_s: float = 86_400.0
    redo_limit_bytes: int = 4 << 30
    chunk_store_url: str = ""
    chunk_store_endpoint: str = ""
    chunk_store_region: str = ""
    chunk_store_allow_http: bool = False
    encrypted: bool = False
    encryption_key: str = ""
    key_check_interval_s: float = 60.0
    key_grace_s: float = 3600.0
    duckdb_threads: int = 2
    memory_limit_bytes: int = 1 << 30
    row_store_bytes: int = 128 << 20
    query_threads: int = 4
    long_queries: int = 2
    hang_timeout_s: float = 0.5
    silence_timeout_s: float = 5.0
    stall_timeout_s: float = 10.0
    drain_timeout_s: float = 5.0
    log_level: str = "INFO"

    @property
    def medium(self) -> ChunkMedium:
        """Where a new cluster keeps its chunks."""
        return ChunkMedium(
            self.chunk_store_url, self.chunk_store_endpoint, self.chunk_store_region, self.chunk_store_allow_http
        )

    def to_json(self) -> dict[str, Any]:
        """Everything an instance needs; the administrator's password stays out."""
        values = dataclasses.asdict(self)
        values["data_dir"] = str(self.data_dir)
        values.pop("admin_password")
        return values

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> ClusterConfig:
        plain = dict(values)
        plain["data_dir"] = Path(plain["data_dir"])
        plain["instances"] = tuple(InstanceSpec(**spec) for spec in plain["instances"])
        return cls(**plain)


#: section -> key in the file -> field of ClusterConfig.
SECTIONS: dict[str, dict[str, str]] = {
    "cluster": {"name": "name", "data_dir": "data_dir", "readers": "readers", "log_level": "log_level"},
    "endpoints": {"host": "host", "port": "port", "reader_host": "reader_host", "reader_port": "reader_port"},
    "instances": {"host": "instance_host", "port": "instance_port"},
    "admin": {"user": "admin_user", "password": "admin_password"},
    "tls": {
        "enabled": "tls",
        "cert": "tls_cert",
        "key": "tls_key",
        "ca": "tls_ca",
        "require_secure_transport": "require_secure_transport",
    },
    "sessions": {
        "max_connections": "max_connections",
        "max_allowed_packet_bytes": "max_allowed_packet_bytes",
        "connect_timeout_s": "connect_timeout_s",
        "default_authentication_plugin": "default_authentication_plugin",
        "secure_file_dir": "secure_file_dir",
    },
    "volume": {
        "segment_bytes": "segment_bytes",
        "group_bytes": "group_bytes",
        "max_bytes": "max_volume_bytes",
        "commit_timeout_s": "commit_timeout_s",
        "checkpoint_interval_s": "checkpoint_interval_s",
        "scrub_interval_s": "scrub_interval_s",
        "scrub_bytes_per_s": "scrub_bytes_per_s",
        "slow_copy_after_s": "slow_copy_after_s",
    },
    "backup": {
        "backup_retention_s": "backup_retention_s",
        "backtrack_window_s": "backtrack_window_s",
        "redo_limit_bytes": "redo_limit_bytes",
    },
    "chunk_store": {
        "url": "chunk_store_url",
        "endpoint": "chunk_store_endpoint",
        "region": "chunk_store_region",
        "allow_http": "chunk_store_allow_http",
    },
    "encryption": {
        "enabled": "encrypted",
        "key": "encryption_key",
        "check_interval_s": "key_check_interval_s",
        "grace_s": "key_grace_s",
    },
    "engine": {
        "duckdb_threads": "duckdb_threads",
        "memory_limit_bytes": "memory_limit_bytes",
        "row_store_bytes": "row_store_bytes",
        "query_threads": "query_threads",
        "long_queries": "long_queries",
    },
    "failover": {
        "hang_timeout_s": "hang_timeout_s",
        "silence_timeout_s": "silence_timeout_s",
        "stall_timeout_s": "stall_timeout_s",
        "drain_timeout_s": "drain_timeout_s",
    },
}

_INSTANCE_KEYS = {"id": str, "host": str, "port": int, "tier": int}

#: field -> inclusive range.
_RANGES: dict[str, tuple[float, float]] = {
    "port": (0, 65535),
    "reader_port": (0, 65535),
    "instance_port": (0, 65535),
    "readers": (0, MAX_READERS),
    "max_connections": (1, 100_000),
    "max_allowed_packet_bytes": (1024, 1 << 30),
    "connect_timeout_s": (1, 3600),
    "segment_bytes": (1 << 20, 1 << 30),
    "group_bytes": (1 << 20, 1 << 47),
    "max_volume_bytes": (16 << 20, 1 << 47),
    "commit_timeout_s": (0.1, 3600),
    "checkpoint_interval_s": (1, 86_400),
    "scrub_interval_s": (0.1, 30 * 86_400),
    "scrub_bytes_per_s": (0, 1 << 40),
    "slow_copy_after_s": (0, 3600),
    "backup_retention_s": (0, 35 * 86_400),
    "backtrack_window_s": (0, 72 * 3600),
    "redo_limit_bytes": (0, 1 << 47),
    "key_check_interval_s": (0.1, 86_400),
    "key_grace_s": (0, 30 * 86_400),
    "duckdb_threads": (1, 256),
    "memory_limit_bytes": (64 << 20, 1 << 46),
    "row_store_bytes": (1 << 20, 1 << 46),
    "query_threads": (1, 64),
    "long_queries": (1, 64),
    "hang_timeout_s": (0.3, 60),
    "silence_timeout_s": (0.3, 600),
    "stall_timeout_s": (1, 600),
    "drain_timeout_s": (0, 3600),
}


def load_config(path: Path | None, overrides: Mapping[str, Any] | None = None) -> ClusterConfig:
    """Read `path` (None: defaults only), apply `overrides` (fields of ClusterConfig; None values are ignored).

    Raises:
        ConfigError: an unreadable file, an unknown key (with the nearest known one), a value of the wrong type or
            out of range. The message names file, section and key.
    """
    values: dict[str, Any] = {}
    if path is not None:
        try:
            with path.open("rb") as file:
                document = tomllib.load(file)
        except FileNotFoundError:
            raise ConfigError(f"{path}: no such configuration file") from None
        except OSError as error:
            raise ConfigError(f"{path}: {error.strerror}") from None
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"{path}: {error}") from None
        values = _read(document, str(path))
    values.update({key: value for key, value in (overrides or {}).items() if value is not None})
    config = ClusterConfig(**values)
    check(config)
    return config


def _read(document: Mapping[str, Any], where: str) -> dict[str, Any]:
    fields = {f.name: f for f in dataclasses.fields(ClusterConfig)}
    defaults = ClusterConfig()
    values: dict[str, Any] = {}
    for section, content in document.items():
        if section == "instance":
            values["instances"] = _read_instances(content, where)
            continue
        if section not in SECTIONS:
            raise ConfigError(f"{where}: unknown section [{section}]{_suggest(section, [*SECTIONS, 'instance'])}")
        if not isinstance(content, Mapping):
            raise ConfigError(f"{where}: [{section}] must be a section, not a value")
        keys = SECTIONS[section]
        for key, value in content.items():
            if key not in keys:
                raise ConfigError(f"{where}: unknown setting {key!r} in [{section}]{_suggest(key, list(keys))}")
            name = keys[key]
            values[fields[name].name] = _typed(value, getattr(defaults, name), f"{where}: [{section}] {key}")
    return values


def _read_instances(content: Any, where: str) -> tuple[InstanceSpec, ...]:
    if not isinstance(content, list):
        raise ConfigError(f"{where}: write instances as [[instance]] tables")
    specs = []
    for number, table in enumerate(content, start=1):
        for key, value in table.items():
            if key not in _INSTANCE_KEYS:
                raise ConfigError(
                    f"{where}: unknown setting {key!r} in [[instance]] {number}{_suggest(key, list(_INSTANCE_KEYS))}"
                )
            if not isinstance(value, _INSTANCE_KEYS[key]) or isinstance(value, bool):
                raise ConfigError(f"{where}: [[instance]] {number} {key} must be {_INSTANCE_KEYS[key].__name__}")
        if "id" not in table:
            raise ConfigError(f"{where}: [[instance]] {number} has no id")
        specs.append(InstanceSpec(**table))
    return tuple(specs)


def _typed(value: Any, default: Any, where: str) -> Any:
    if isinstance(default, bool):
        if isinstance(value, bool):
            return value
        raise ConfigError(f"{where} must be true or false, not {value!r}")
    if isinstance(default, Path):
        if isinstance(value, str) and value:
            return Path(value)
        raise ConfigError(f"{where} must be a path, not {value!r}")
    if isinstance(default, float):
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        raise ConfigError(f"{where} must be a number, not {value!r}")
    if isinstance(default, int):
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        raise ConfigError(f"{where} must be a whole number, not {value!r}")
    if isinstance(value, str):
        return value
    raise ConfigError(f"{where} must be a string, not {value!r}")


def check(config: ClusterConfig) -> None:
    """Raise ConfigError for values that can't work together or on their own."""
    for name, (low, high) in _RANGES.items():
        value = getattr(config, name)
        if not low <= value <= high:
            raise ConfigError(f"{name} is {value}; it must be between {low:g} and {high:g}")
    for name in ("host", "reader_host", "instance_host"):
        _check_address(name, getattr(config, name))
    if config.log_level not in ("DEBUG", "INFO", "WARNING", "ERROR"):
        raise ConfigError(f"log_level is {config.log_level!r}; it must be DEBUG, INFO, WARNING or ERROR")
    if config.default_authentication_plugin not in ("caching_sha2_password", "mysql_native_password"):
        raise ConfigError(f"default_authentication_plugin {config.default_authentication_plugin!r} is not known")
    if bool(config.tls_cert) != bool(config.tls_key):
        raise ConfigError("tls cert and key go together: set both or neither")
    for name in ("tls_cert", "tls_key", "tls_ca"):
        if getattr(config, name) and not Path(getattr(config, name)).is_file():
            raise ConfigError(f"{name}: {getattr(config, name)}: no such file")
    if config.require_secure_transport and not config.tls:
        raise ConfigError("require_secure_transport needs tls enabled")
    if config.port and (config.host, config.port) == (config.reader_host, config.reader_port):
        raise ConfigError(f"the cluster and the reader endpoint are both {config.host}:{config.port}")
    if config.max_volume_bytes < config.group_bytes:
        raise ConfigError(f"max_bytes is {config.max_volume_bytes}, less than one group of {config.group_bytes} bytes")
    ids = [spec.id for spec in config.instances]
    for spec in config.instances:
        if not spec.id.replace("-", "").replace("_", "").isalnum() or len(spec.id) > 60:
            raise ConfigError(f"instance id {spec.id!r} must be letters, digits, '-' and '_', at most 60")
        if ids.count(spec.id) > 1:
            raise ConfigError(f"instance id {spec.id!r} is used twice")
        if not 0 <= spec.port <= 65535 or not 0 <= spec.tier <= 15:
            raise ConfigError(f"instance {spec.id}: port must be 0..65535 and tier 0..15")
        _check_address(f"instance {spec.id} host", spec.host)


def _check_address(name: str, address: str) -> None:
    try:
        ipaddress.ip_address(address)
    except ValueError:
        raise ConfigError(f"{name} is {address!r}; it must be an IP address of this machine") from None


def _suggest(word: str, known: list[str]) -> str:
    near = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(known)}"
