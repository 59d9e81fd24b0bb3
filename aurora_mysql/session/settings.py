"""Limits and files of the session layer."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(slots=True)
class SessionSettings:
    """What the composition root decides; limits that MySQL users can SET come from the executor's variables.

    Attributes:
        data_dir: where generated key material is kept (files of mode 0600).
        tls: offer TLS; `tls_cert`, `tls_key` (and `tls_ca` to verify client certificates) replace the generated ones.
        secrets_key: the generated private keys are encrypted with it; None: they are not.
        max_half_open: connections before login; the oldest is dropped for a newer one. They are not counted in
            max_connections.
        max_login_packet_bytes: a longer packet before login closes the connection at its header.
        pipeline_bytes: how much a client may send ahead while its command runs before reading stops.
        sweep_s: how often timeouts are looked at.
    """

    data_dir: Path
    tls: bool = True
    secrets_key: bytes | None = field(default=None, repr=False)
    tls_cert: Path | None = None
    tls_key: Path | None = None
    tls_ca: Path | None = None
    require_secure_transport: bool = False
    default_authentication_plugin: str = "caching_sha2_password"
    max_connections: int = 1000
    max_half_open: int = 2000
    max_login_packet_bytes: int = 64 * 1024
    connect_timeout_s: float = 10.0
    net_write_timeout_s: float = 60.0
    max_allowed_packet_bytes: int = 64 * 1024 * 1024
    max_prepared_stmt_count: int = 16382
    pipeline_bytes: int = 1024 * 1024
    write_buffer_bytes: int = 256 * 1024
    sweep_s: float = 1.0
