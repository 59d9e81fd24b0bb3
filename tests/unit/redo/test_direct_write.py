"""Bytes past the transport: all of them, in order, and never into a socket that is another's by now."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable

import pytest
import uvloop

from aurora_mysql.redo.direct_write import write_through
from tests.support.engine_world import until


async def pair() -> tuple[asyncio.StreamWriter, socket.socket]:
    ours, theirs = socket.socketpair()
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 20_000)
    _, writer = await asyncio.open_connection(sock=ours)
    return writer, theirs


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_all_bytes_arrive_in_order_when_the_socket_is_full_at_times(run: Callable[..., None]) -> None:
    async def main() -> None:
        writer, theirs = await pair()
        theirs.setblocking(False)
        descriptor = writer.get_extra_info("socket").fileno()
        sent, got = b"", b""
        for number in range(400):
            data = bytes([number % 256]) * (number * 37 % 5000 + 1)
            write_through(writer.transport, descriptor, data)
            sent += data
            if number % 40 == 39:
                while len(got) < len(sent):
                    try:
                        got += theirs.recv(1 << 20)
                    except BlockingIOError:
                        await asyncio.sleep(0.001)
        assert got == sent
        writer.close()
        theirs.close()

    run(main())


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
@pytest.mark.parametrize("how", ["abort", "close"])
def test_a_closed_connection_writes_nowhere(run: Callable[..., None], how: str) -> None:
    async def main() -> None:
        writer, theirs = await pair()
        descriptor = writer.get_extra_info("socket").fileno()
        getattr(writer.transport, how)()
        others: list[tuple[int, int]] = []

        def is_anothers() -> bool:
            others.append(os.pipe())
            return any(descriptor in ends for ends in others)

        await until(is_anothers)
        write_through(writer.transport, descriptor, b"redo")
        for read_end, _ in others:
            os.set_blocking(read_end, False)
            with pytest.raises(BlockingIOError):
                os.read(read_end, 10)
        for ends in others:
            for end in ends:
                os.close(end)
        theirs.close()

    run(main())
