"""Bytes straight into a socket, past its transport."""

from __future__ import annotations

import asyncio
import os


def write_through(transport: asyncio.WriteTransport, descriptor: int, data: bytes | bytearray) -> None:
    """As ``transport.write(data)``, whose `descriptor` this is (-1: none). Nothing is written once the transport is
    closing: another connection may have the descriptor by then.

    uvloop's write calls the kernel at once, too, but holds Python's lock meanwhile: whoever the packet wakes may push
    this thread off its core, and then every thread of the process stands still.
    """
    if transport.is_closing():
        return
    if descriptor >= 0 and not transport.get_write_buffer_size():
        try:
            sent = os.write(descriptor, data)
        except OSError:
            sent = 0  # full, or broken: the transport knows what to do
        if sent == len(data):
            return
        data = data[sent:]
    transport.write(data)
