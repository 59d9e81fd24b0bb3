"""TLS and RSA key material, and a TLS channel that works on bytes in memory.

The channel is not asyncio's start_tls: a client sends its ClientHello right behind the TLS request, often in the same
segment, and bytes that the plain protocol has already received can't be given back to a transport.
"""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import os
import secrets
import socket
import ssl
from collections.abc import Callable
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

from aurora_mysql.errors import ConfigError
from aurora_mysql.session.settings import SessionSettings

CERTIFICATE_FILE = "server.pem"
LOGIN_KEY_FILE = "login-key.pem"
_VALIDITY = datetime.timedelta(days=3650)
_READ_BYTES = 256 * 1024


def server_context(settings: SessionSettings) -> ssl.SSLContext | None:
    """The TLS context of the server, with the user's certificate or the generated one; None when TLS is off.

    Raises:
        ConfigError: the files can't be used.
    """
    if not settings.tls:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols([])
    password = settings.secrets_key if settings.tls_cert is None else None
    certificate = settings.tls_cert or kept_secret(settings.data_dir / CERTIFICATE_FILE, lambda: _self_signed(password))
    try:
        context.load_cert_chain(certificate, settings.tls_key, password)
        if settings.tls_ca is not None:
            context.load_verify_locations(settings.tls_ca)
            context.verify_mode = ssl.CERT_OPTIONAL
    except (OSError, ssl.SSLError) as exc:
        raise ConfigError(f"TLS certificate or key can't be used ({certificate}): {exc}") from exc
    return context


def kept_secret(path: Path, make: Callable[[], bytes]) -> Path:
    """`path`, made with mode 0600 on first use. Instances that start together end up with the same file.

    Raises:
        ConfigError: the directory can't be written.
    """
    if path.exists():
        return path
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(6)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(make())
            with contextlib.suppress(FileExistsError):  # another instance was faster: its file counts
                os.link(temporary, path)
        finally:
            temporary.unlink()
    except OSError as exc:
        raise ConfigError(f"key file can't be written: {path}: {exc}") from exc
    return path


def _private_pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, password: bytes | None) -> bytes:
    protection: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if password is not None:
        protection = serialization.BestAvailableEncryption(password)
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection)


def _self_signed(password: bytes | None) -> bytes:
    """Key and certificate, PEM. Elliptic curve: a handshake costs a tenth of RSA's, on the event loop."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "aurora-mysql auto-generated certificate")])
    now = datetime.datetime.now(datetime.UTC)
    alternatives: list[x509.GeneralName] = [
        x509.DNSName("localhost"),
        x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
        x509.IPAddress(ipaddress.ip_address("::1")),
    ]
    hostname = socket.gethostname()
    if hostname and hostname.isascii() and hostname != "localhost":
        alternatives.append(x509.DNSName(hostname))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + _VALIDITY)
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return _private_pem(key, password) + certificate.public_bytes(serialization.Encoding.PEM)


class LoginKey:
    """The RSA key with which clients without TLS encrypt their password for caching_sha2_password."""

    def __init__(self, data_dir: Path, password: bytes | None = None) -> None:
        path = kept_secret(
            data_dir / LOGIN_KEY_FILE,
            lambda: _private_pem(rsa.generate_private_key(public_exponent=65537, key_size=2048), password),
        )
        try:
            key = serialization.load_pem_private_key(path.read_bytes(), password)
        except (OSError, ValueError, TypeError) as exc:
            raise ConfigError(f"login key can't be read: {path}: {exc}") from exc
        if not isinstance(key, rsa.RSAPrivateKey):
            raise ConfigError(f"login key is not an RSA key: {path}")
        self._key = key
        self.public_pem = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def decrypt(self, data: bytes) -> bytes | None:
        """The plain bytes, or None when `data` was not encrypted for this key."""
        try:
            return self._key.decrypt(data, padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None))
        except ValueError:
            return None


class TlsChannel:
    """One connection's TLS, from and to bytes."""

    __slots__ = ("_incoming", "_object", "_outgoing", "established")

    def __init__(self, context: ssl.SSLContext) -> None:
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._object = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self.established = False

    def feed(self, data: bytes) -> bytes:
        """Take bytes of the socket; returns what they decrypt to. :meth:`pending` may have bytes to send afterwards.

        Raises:
            ssl.SSLError: the client's TLS is broken, or it ended the TLS session.
        """
        self._incoming.write(data)
        plain: list[bytes] = []
        try:
            if not self.established:
                self._object.do_handshake()
                self.established = True
            while piece := self._object.read(_READ_BYTES):
                plain.append(piece)
        except ssl.SSLWantReadError:
            pass
        return b"".join(plain)

    def encrypt(self, data: bytes | bytearray) -> bytes:
        """Records for `data`, ready for the socket."""
        self._object.write(data)
        return self._outgoing.read()

    def pending(self) -> bytes:
        """Handshake and alert bytes that wait to be sent."""
        return self._outgoing.read()

    def close_notify(self) -> bytes:
        """The goodbye record, as far as it can be made."""
        with contextlib.suppress(ssl.SSLError, ValueError):
            self._object.unwrap()
        return self._outgoing.read()

    @property
    def cipher(self) -> tuple[str, str, int] | None:
        return self._object.cipher()

    @property
    def version(self) -> str | None:
        return self._object.version()
