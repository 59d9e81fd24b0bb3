"""Logins: mysql_native_password and caching_sha2_password, server side.

An unknown user goes through the same exchange as a known one and is refused at the same point; all comparisons of
secrets take constant time.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Protocol

from aurora_mysql.catalog.model import User
from aurora_mysql.catalog.passwords import CACHING_SHA2, NATIVE, verify_sha2
from aurora_mysql.errors import MySQLError, mysql_error
from aurora_mysql.session import packets
from aurora_mysql.session.client_packets import LoginRequest
from aurora_mysql.session.constants import CLIENT_PLUGIN_AUTH
from aurora_mysql.session.tls import LoginKey

SCRAMBLE_LENGTH = 20
#: Accounts whose fast-path digest is remembered.
CACHE_SIZE = 10_000
FAST_OK = b"\x03"
FULL_NEEDED = b"\x04"
REQUEST_PUBLIC_KEY = b"\x02"
_SCRAMBLE_ALPHABET = bytes(c for c in range(1, 128) if c != ord("$"))


def new_scramble() -> bytes:
    """20 random bytes without NUL and '$' (clients treat it as text)."""
    return bytes(secrets.choice(_SCRAMBLE_ALPHABET) for _ in range(SCRAMBLE_LENGTH))


def xor(a: bytes, b: bytes) -> bytes:
    """`a` xor `b`, `b` repeated to the length of `a`."""
    n = len(a)
    repeated = (b * (n // len(b) + 1))[:n]
    return (int.from_bytes(a, "big") ^ int.from_bytes(repeated, "big")).to_bytes(n, "big")


def verify_native(response: bytes, scramble: bytes, auth_string: str) -> bool:
    """Does the client's answer prove the password of a stored ``*HEX`` string?"""
    if not auth_string:
        return not response
    try:
        stored = bytes.fromhex(auth_string.removeprefix("*"))
    except ValueError:
        return False
    if len(response) != 20 or len(stored) != 20:
        return False
    candidate = xor(response, hashlib.sha1(scramble + stored).digest())
    return hmac.compare_digest(hashlib.sha1(candidate).digest(), stored)


def verify_fast_sha2(response: bytes, scramble: bytes, cached: bytes) -> bool:
    """Does the answer prove the password whose SHA256(SHA256(password)) is `cached`?"""
    if len(response) != 32:
        return False
    candidate = xor(response, hashlib.sha256(cached + scramble).digest())
    return hmac.compare_digest(hashlib.sha256(candidate).digest(), cached)


class LoginIO(Protocol):
    """The packets of one login."""

    @property
    def secure(self) -> bool:
        """Is the connection encrypted?"""
        ...

    def send(self, payload: bytes) -> None: ...

    async def receive(self) -> bytes:
        """The client's next packet; raises ConnectionError when it is gone."""
        ...


class Authenticator:
    """Checks logins of one instance and remembers who proved a sha2 password (invariant: a remembered digest is only
    used while the account's stored string is the one it was proved against)."""

    def __init__(
        self, find_account: Callable[[str, str], User | None], key: LoginKey, default_plugin: str, pool: Executor
    ) -> None:
        self._find_account = find_account
        self._key = key
        self._pool = pool
        self.default_plugin = default_plugin
        self._cache: OrderedDict[tuple[str, str], tuple[str, bytes]] = OrderedDict()
        self._decoy_secret = secrets.token_bytes(32)

    async def login(
        self,
        io: LoginIO,
        request: LoginRequest,
        scramble: bytes,
        host: str,
        shown_host: str,
        *,
        new_exchange: bool = False,
    ) -> User:
        """Run the exchange to its end.

        `scramble` is the greeting's; `host` the client's address, `shown_host` what error messages call it.
        `new_exchange` asks for a proof over a new scramble (COM_CHANGE_USER: clients differ in which old one they use).

        Raises:
            MySQLError: 1045, 1251, 3118 or 3159; nothing may be read from the client afterwards.
        """
        account = self._account(request.user, host, shown_host)
        real = account if account is not None and account.plugin in (NATIVE, CACHING_SHA2) else None
        target = real if real is not None else self._decoy(request.user)
        response = request.auth_response
        client_plugin = request.plugin
        has_plugins = bool(request.capabilities & CLIENT_PLUGIN_AUTH)
        if not has_plugins:
            client_plugin = NATIVE
            if target.plugin != NATIVE:
                raise mysql_error(1251)
        if client_plugin != target.plugin or (new_exchange and has_plugins):
            scramble = new_scramble()
            io.send(packets.auth_switch(target.plugin, scramble))
            response = await io.receive()
        given = bool(response.rstrip(b"\0"))
        if target.plugin == NATIVE:
            proved = verify_native(response, scramble, target.auth_string)
        else:
            proved = await self._sha2(io, response, scramble, target, given=given)
        if not proved or real is None or (real.require_ssl and not io.secure):
            raise self._denied(request.user, shown_host, given)
        if real.locked:
            raise mysql_error(3118, request.user, shown_host)
        return real

    def _account(self, user: str, host: str, shown_host: str) -> User | None:
        """The account; a loopback client is also 'localhost', unless an account names its address."""
        account = self._find_account(user, host)
        if shown_host == host or (account is not None and account.host == host):
            return account
        named = self._find_account(user, shown_host)
        return named if account is None or (named is not None and named.host == shown_host) else account

    def _decoy(self, user: str) -> User:
        """A stand-in for an account that is not there: the same exchange, and no password fits."""
        digest = hmac.new(self._decoy_secret, user.encode("utf-8", "replace"), "sha256").hexdigest()
        if self.default_plugin == NATIVE:
            return User(user, "%", NATIVE, "*" + digest[:40].upper())
        return User(user, "%", CACHING_SHA2, f"$A$005${digest[:20]}{digest[:43]}")

    @staticmethod
    def _denied(user: str, host: str, given: bool) -> MySQLError:
        return mysql_error(1045, user, host, "YES" if given else "NO")

    async def _sha2(self, io: LoginIO, response: bytes, scramble: bytes, account: User, *, given: bool) -> bool:
        if not given or not account.auth_string:
            return not given and not account.auth_string
        key = (account.user, account.host)
        cached = self._cache.get(key)
        if cached is not None and cached[0] == account.auth_string and verify_fast_sha2(response, scramble, cached[1]):
            io.send(packets.auth_more_data(FAST_OK))
            return True
        # A wrong answer to a cached digest leads here too, as in MySQL: only the full exchange refuses.
        io.send(packets.auth_more_data(FULL_NEEDED))
        answer = await io.receive()
        encrypted = not io.secure
        if encrypted and answer == REQUEST_PUBLIC_KEY:
            io.send(packets.auth_more_data(self._key.public_pem))
            answer = await io.receive()
        loop = asyncio.get_running_loop()
        digest = await loop.run_in_executor(self._pool, self._check_full, answer, encrypted, scramble, account)
        if digest is None:
            return False
        self._cache[key] = (account.auth_string, digest)
        self._cache.move_to_end(key)
        if len(self._cache) > CACHE_SIZE:
            self._cache.popitem(last=False)
        return True

    def _check_full(self, answer: bytes, encrypted: bool, scramble: bytes, account: User) -> bytes | None:
        """The digest to remember when the password fits. Milliseconds of CPU: runs on a worker thread."""
        if encrypted:
            plain = self._key.decrypt(answer)
            if plain is None:
                return None
            answer = xor(plain, scramble)
        password = answer.removesuffix(b"\0")
        if not verify_sha2(password, account.auth_string):
            return None
        return hashlib.sha256(hashlib.sha256(password).digest()).digest()
