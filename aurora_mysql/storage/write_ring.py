"""Synced writes that nobody waits for: the kernel's io_uring, driven by the event loop.

Six threads that each write and sync cost more processor time than the commit itself, most of it for handing the
interpreter from thread to thread. Here the loop hands six direct writes to the kernel in one system call and is woken
when they are durable. It never blocks: what the kernel can't begin at once goes to workers of its own.

Where io_uring is not to be had (an old kernel, a container that forbids it) there is no ring, and threads write.
See io_uring(7), io_uring_setup(2), io_uring_enter(2). Only the loop's thread touches the ring, and the kernel only
within that thread's calls, so the shared memory needs no barriers.
"""

from __future__ import annotations

import asyncio
import ctypes
import errno
import logging
import mmap
import os
import struct
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

log = logging.getLogger(__name__)

_SETUP, _ENTER = 425, 426  # system call numbers: the same on every architecture
_OFFSET_SQES = 0x1000_0000
_OP_WRITE = 23
_RWF_DSYNC = 2
_SQE = struct.Struct("<BBHiQQIIQQQQ")
_SQE_BYTES = 64
_CQE = struct.Struct("<QiI")
_CQE_BYTES = 16
_PARAMS_BYTES = 120
_ENTRIES = 64
_RETRY_S = 0.001

#: Told whether all bytes are durable.
Done = Callable[[bool], None]


class Handle:
    """A file descriptor that is closed when nobody needs it any more: neither the file's user nor a write of it that
    the kernel has not been given yet. Until then its number can't come to mean another file."""

    __slots__ = ("fd",)

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def __del__(self) -> None:
        os.close(self.fd)


@dataclass(slots=True)
class _Write:
    handle: Handle
    buffer: mmap.mmap  # kept until the kernel is through with it
    address: int
    size: int
    at: int
    done: Done


class WriteRing:
    """Invariant: every write that `begin` took is told to its `done` exactly once, on the loop, until `close`.

    At most `_ENTRIES` are with the kernel; what is more waits here (callers have one write per copy at a time).
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Raises OSError where the kernel has no io_uring for us."""
        self._loop, self._thread = loop, threading.get_ident()
        # PyDLL keeps the interpreter lock: these calls take microseconds, and to get the lock back takes longer.
        self._call = ctypes.PyDLL(None, use_errno=True).syscall
        params = ctypes.create_string_buffer(_PARAMS_BYTES)
        fd = self._call(_SETUP, _ENTRIES, params)
        if fd < 0:
            raise OSError(ctypes.get_errno(), "io_uring_setup")
        self._fd = fd
        try:
            sq_entries, cq_entries = struct.unpack_from("<2I", params, 0)
            sq = struct.unpack_from("<7I", params, 40)  # offsets: head, tail, mask, entries, flags, dropped, array
            cq = struct.unpack_from("<7I", params, 80)  # head, tail, mask, entries, overflow, cqes, flags
            self._rings = mmap.mmap(fd, max(sq[6] + 4 * sq_entries, cq[5] + _CQE_BYTES * cq_entries))
            self._sqes = mmap.mmap(fd, sq_entries * _SQE_BYTES, offset=_OFFSET_SQES)
        except OSError:
            os.close(fd)
            raise
        self._words = memoryview(self._rings).cast("I")
        self._sq_tail, self._sq_mask, self._array = sq[1] // 4, self._words[sq[2] // 4], sq[6] // 4
        self._cq_head, self._cq_tail, self._cq_mask, self._cqes = cq[0] // 4, cq[1] // 4, self._words[cq[2] // 4], cq[5]
        self._tail = self._head = 0
        self._number = 0
        self._waiting: deque[_Write] = deque()
        self._with_kernel: dict[int, _Write] = {}
        self._unsubmitted = 0
        self._scheduled = False
        self._closed = False
        loop.add_reader(fd, self._reap)

    @classmethod
    def of(cls, loop: asyncio.AbstractEventLoop) -> WriteRing | None:
        """A ring driven by `loop` (the running one), or None where there can't be one."""
        try:
            return cls(loop)
        except OSError as error:
            log.info("copies are written by threads: %s", error)
            return None

    def begin(self, handle: Handle, buffer: mmap.mmap, address: int, size: int, at: int, done: Done) -> bool:
        """Write the first `size` bytes of `buffer`, which lie at `address`, to a file at offset `at`, and sync them.

        For any thread. False when the ring is closed. `buffer` must stay as it is until `done` was called.
        """
        if self._closed:
            return False
        write = _Write(handle, buffer, address, size, at, done)
        if threading.get_ident() == self._thread:
            self._add(write)
        else:
            self._loop.call_soon_threadsafe(self._add, write)
        return True

    def close(self) -> None:
        """What is under way is durable or not; nobody is told any more."""
        if self._closed:
            return
        self._closed = True
        self._loop.remove_reader(self._fd)
        self._words.release()
        self._rings.close()
        self._sqes.close()
        os.close(self._fd)
        self._waiting.clear()

    def _add(self, write: _Write) -> None:
        if self._closed:  # after another thread had begun it
            write.done(False)
            return
        self._waiting.append(write)
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._submit)

    def _submit(self) -> None:
        """Everything that waits, in one call."""
        self._scheduled = False
        if self._closed:
            return
        while self._waiting and len(self._with_kernel) < _ENTRIES:
            write = self._waiting.popleft()
            self._number += 1
            self._with_kernel[self._number] = write
            index = self._tail & self._sq_mask
            entry = (write.at, write.address, write.size, _RWF_DSYNC, self._number, 0, 0, 0)
            _SQE.pack_into(self._sqes, index * _SQE_BYTES, _OP_WRITE, 0, 0, write.handle.fd, *entry)
            self._words[self._array + index] = index
            self._tail = (self._tail + 1) & 0xFFFFFFFF
            self._unsubmitted += 1
        if not self._unsubmitted:
            return
        self._words[self._sq_tail] = self._tail
        taken = self._call(_ENTER, self._fd, self._unsubmitted, 0, 0, None, 0)
        if taken < 0 and ctypes.get_errno() not in (errno.EAGAIN, errno.EBUSY, errno.EINTR):
            log.error("copies are written by threads from now on: io_uring_enter: %s", os.strerror(ctypes.get_errno()))
            lost = [*self._with_kernel.values(), *self._waiting]
            self.close()
            for write in lost:
                write.done(False)
            return
        self._unsubmitted -= max(0, taken)
        if self._unsubmitted and not self._scheduled:
            self._scheduled = True
            self._loop.call_later(_RETRY_S, self._submit)
        self._reap()

    def _reap(self) -> None:
        """Tell what has become durable."""
        words = self._words
        while not self._closed and self._head != words[self._cq_tail]:
            number, result, _ = _CQE.unpack_from(self._rings, self._cqes + (self._head & self._cq_mask) * _CQE_BYTES)
            self._head = words[self._cq_head] = (self._head + 1) & 0xFFFFFFFF
            write = self._with_kernel.pop(number)
            write.done(result == write.size)
        if self._waiting and not self._scheduled and not self._closed:
            self._scheduled = True
            self._loop.call_soon(self._submit)
