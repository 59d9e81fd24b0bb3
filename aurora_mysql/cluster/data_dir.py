"""The data directory: which cluster it holds, who its members are, and the small files processes find each other by.

cluster.json        identity, format, members and chosen ports (written by the supervisor only)
admin-password      the administrator's first password, 0600; sealed in an encrypted cluster
run/                processes: supervisor.json, <instance>.json, config.json, the supervisor's lock; token 0600
instances/<id>/     an instance's own DuckDB file; disposable
volume/az-*/        redo copies and checkpoint chunks: the data
log/                one file per instance, and the supervisor's
"""

from __future__ import annotations

import base64
import dataclasses
import fcntl
import json
import os
import secrets
import string
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from aurora_mysql.cluster.config import ClusterConfig, InstanceSpec
from aurora_mysql.encryption.root_key import RootKey
from aurora_mysql.encryption.sealed_bytes import seal, unseal
from aurora_mysql.errors import ConfigError, VolumeFormatError
from aurora_mysql.storage.medium import ChunkMedium

#: 1 had no `medium`, 2 no `root_key_id`.
FORMAT_VERSION = 3

#: What a first start may have left that failed before there was a cluster.
_BEFORE_IDENTITY = ("run", "log", "admin-password")

#: Before the administrator's password, when it is sealed.
_SEALED = "sealed:"
_PASSWORD_PURPOSE = "administrator's password"


@dataclass(slots=True)
class ClusterState:
    """What cluster.json holds. `readers_configured` is the reader count that the configuration last asked for;
    `root_key_id` names the root key of an encrypted cluster and is empty for any other, for ever."""

    cluster_id: str
    name: str
    port: int = 0
    reader_port: int = 0
    readers_configured: int = -1
    members: list[InstanceSpec] = field(default_factory=list)
    last_writer: str = ""
    medium: ChunkMedium = field(default_factory=ChunkMedium)
    root_key_id: str = ""


class DataDir:
    """Paths and the files of one data directory."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self.run = self.root / "run"
        self.logs = self.root / "log"
        self.state_path = self.root / "cluster.json"
        self.password_path = self.root / "admin-password"

    def instance(self, instance_id: str) -> Path:
        return self.root / "instances" / instance_id

    def exists(self) -> bool:
        return self.state_path.exists()

    def initialise(self, config: ClusterConfig) -> ClusterState:
        """Make a new, empty cluster's directory, without volume and password.

        Raises:
            ConfigError: the directory has other content, or can't be written.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            foreign = sorted(entry.name for entry in self.root.iterdir() if entry.name not in _BEFORE_IDENTITY)
        except OSError as error:
            raise ConfigError(f"data directory {self.root}: {error.strerror}") from None
        if foreign:
            raise ConfigError(
                f"data directory {self.root} has no cluster.json but is not empty ({foreign[0]}): give another one"
            )
        self.prepare_run()
        return ClusterState(str(uuid.uuid4()), config.name, medium=config.medium)

    def keep_password(self, password: str, root: RootKey | None) -> None:
        """Keep the administrator's first password (empty: generate one), sealed in an encrypted cluster."""
        text = password or _password()
        if root is not None:
            sealed = seal(root, _PASSWORD_PURPOSE, text.encode(), b"")
            text = _SEALED + base64.b64encode(sealed).decode()
        write_private(self.password_path, text)

    def password(self, root: RootKey | None) -> str:
        """The administrator's first password.

        Raises:
            ConfigError: there is none, or it is sealed with another root key.
        """
        try:
            text = self.password_path.read_text()
        except OSError as error:
            raise ConfigError(f"{self.password_path}: {error.strerror}") from None
        if not text.startswith(_SEALED):
            return text
        sealed = base64.b64decode(text.removeprefix(_SEALED))
        plain = None if root is None else unseal(root, _PASSWORD_PURPOSE, sealed, b"")
        if plain is None:
            raise ConfigError(f"{self.password_path} can't be read without this cluster's key")
        return plain.decode()

    def prepare_run(self) -> None:
        """Directories and the token by which the cluster's own processes know each other."""
        self.run.mkdir(parents=True, exist_ok=True)
        self.run.chmod(0o700)
        self.logs.mkdir(exist_ok=True)
        if not self.token_path.exists():
            write_private(self.token_path, secrets.token_hex(24))

    @property
    def token_path(self) -> Path:
        return self.run / "token"

    def token(self) -> str:
        return self.token_path.read_text()

    def load(self, config: ClusterConfig | None = None) -> ClusterState:
        """Read cluster.json.

        Raises:
            ConfigError: unreadable, or of a cluster with another name or chunk store than `config` says.
            VolumeFormatError: written by a newer version.
        """
        try:
            document = json.loads(self.state_path.read_text())
            version = document["format_version"]
            if version > FORMAT_VERSION:
                raise VolumeFormatError(
                    f"{self.root} has format {version}, this version reads {FORMAT_VERSION}: use a newer one"
                )
            members = [InstanceSpec(**member) for member in document.pop("members")]
            document.pop("format_version")
            medium = ChunkMedium(**document.pop("medium", {}))
            state = ClusterState(**document, members=members, medium=medium)
        except FileNotFoundError:
            raise ConfigError(f"{self.root} is no data directory of a cluster (no cluster.json)") from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"{self.state_path} can't be read: {error}") from None
        if config is not None and config.name != state.name:
            raise ConfigError(
                f"{self.root} belongs to cluster {state.name!r}, the configuration is for {config.name!r}"
            )
        if config is not None and config.medium not in (ChunkMedium(), state.medium):
            raise ConfigError(
                f"the chunks of {self.root} are in {state.medium.url or 'its volume'}, chosen when it was made; the"
                f" configuration says {config.medium.url}"
            )
        return state

    def save(self, state: ClusterState) -> None:
        document = {"format_version": FORMAT_VERSION, **dataclasses.asdict(state)}
        write_atomically(self.state_path, json.dumps(document, indent=2))

    # -- processes ----------------------------------------------------------------------------------------------

    def lock_supervisor(self) -> IO[str]:
        """The supervisor's exclusive lock, held as long as the returned file is open.

        Raises:
            ConfigError: another supervisor runs on this directory.
        """
        file = (self.run / "supervisor.lock").open("a+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            raise ConfigError(f"a supervisor already runs on {self.root} (see `aurora-mysql status`)") from None
        return file

    def announce(self, name: str, control_port: int) -> None:
        """Tell where this process's control server is."""
        pid = os.getpid()
        document = {"pid": pid, "start_time": process_start_time(pid), "control_port": control_port}
        write_atomically(self.run / f"{name}.json", json.dumps(document))

    def announced(self, name: str) -> dict[str, Any] | None:
        """The live process behind `name`, or None when it has ended."""
        try:
            document: dict[str, Any] = json.loads((self.run / f"{name}.json").read_text())
        except (FileNotFoundError, ValueError):
            return None
        if process_start_time(document["pid"]) != document["start_time"]:
            return None
        return document


def _password() -> str:
    alphabet = string.ascii_letters + string.digits
    return "".join(secrets.choice(alphabet) for _ in range(16))


def process_start_time(pid: int) -> int | None:
    """When `pid` started, in clock ticks since boot: with the pid, it names a process for good. None: not running."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])


def write_atomically(path: Path, text: str) -> None:
    """Replace `path` so that a crash leaves the old or the new content."""
    temporary = path.with_name(path.name + f".{os.getpid()}.tmp")
    with temporary.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)


def write_private(path: Path, text: str) -> None:
    """Write a secret: mode 0600 from the first moment."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
