"""Heartbeats from the instances to the supervisor: one UDP datagram every 100 ms, sent by a thread of its own.

A thread, because a long pause of the event loop must not look like a dead process: the datagram carries the loop's
age, and the supervisor judges the two cases differently.
"""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

log = logging.getLogger(__name__)

INTERVAL_S = 0.1


class HeartbeatSender:
    """Sends `report()` plus identity and loop age until stopped. `turn()` is called by the event loop regularly."""

    def __init__(self, instance_id: str, token: str, report: Callable[[], dict[str, Any]]) -> None:
        self._instance_id = instance_id
        self._token = token
        self._report = report
        self._port = 0
        self._turned_s = time.monotonic()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def aim(self, port: int) -> None:
        """Send to this supervisor from now on."""
        self._port = port

    def turn(self) -> None:
        self._turned_s = time.monotonic()

    def stop(self) -> None:
        self._stop.set()

    def _run(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            while not self._stop.wait(INTERVAL_S):
                if not self._port:
                    continue
                beat = {
                    "id": self._instance_id,
                    "token": self._token,
                    "loop_age_s": time.monotonic() - self._turned_s,
                    **self._report(),
                }
                try:
                    sock.sendto(json.dumps(beat).encode(), ("127.0.0.1", self._port))
                except OSError as error:
                    log.debug("heartbeat not sent: %s", error)


class HeartbeatReceiver(asyncio.DatagramProtocol):
    """Hands valid heartbeats to `on_beat`."""

    def __init__(self, token: str, on_beat: Callable[[dict[str, Any]], None]) -> None:
        self._token = token
        self._on_beat = on_beat

    @classmethod
    async def listen(
        cls, token: str, on_beat: Callable[[dict[str, Any]], None]
    ) -> tuple[asyncio.DatagramTransport, int]:
        """Open a free loopback port; returns the transport and the port."""
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: cls(token, on_beat), local_addr=("127.0.0.1", 0))
        return transport, transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        try:
            beat = json.loads(data)
        except ValueError:
            return
        if isinstance(beat, dict) and beat.pop("token", None) == self._token:
            self._on_beat(beat)
