"""Writes that nobody waits for: what the kernel says is durable is there, whatever happens beside it."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from aurora_mysql.storage.disk import File, LocalDisk
from aurora_mysql.storage.write_ring import WriteRing

FILE_BYTES = 1 << 20


def with_file(tmp_path: Path, use: Callable[[WriteRing, File], Awaitable[None]]) -> None:
    """Run `use` with a ring and a file of zeros that is written through it."""

    async def main() -> None:
        ring = WriteRing.of(asyncio.get_running_loop())
        if ring is None:
            pytest.skip("this kernel has no io_uring for us")
        file = LocalDisk(ring).open(tmp_path / "file", "create")
        file.allocate(FILE_BYTES)
        try:
            if not await append(file, b"probe", 0):
                pytest.skip("this file system has no direct writes")
            await asyncio.wait_for(use(ring, file), 30)
        finally:
            file.close()
            ring.close()

    asyncio.run(main())


async def append(file: File, data: bytes, at: int) -> bool:
    """Whether `data` became durable."""
    loop = asyncio.get_running_loop()
    told: asyncio.Future[bool] = loop.create_future()
    begun = file.begin_synced((data[:3], data[3:]), at, lambda durable: loop.call_soon(told.set_result, durable))
    return begun and await told


@pytest.mark.parametrize("size", [1, 100, 4091, 4096, 5000, 70_000])
def test_pieces_of_any_size_follow_each_other(tmp_path: Path, size: int) -> None:
    async def use(ring: WriteRing, file: File) -> None:
        expected, at = bytearray(b"probe"), 5
        while at + size < FILE_BYTES and at < 20 * size:
            data = os.urandom(size)
            assert await append(file, data, at)
            expected += data
            at += size
            assert file.read_at(at, 0) == bytes(expected)
        assert file.read_at(FILE_BYTES, at).strip(b"\0") == b""

    with_file(tmp_path, use)


def test_what_was_written_through_the_cache_stays(tmp_path: Path) -> None:
    async def use(ring: WriteRing, file: File) -> None:
        assert await append(file, b"one", 5)
        assert file.write_synced((b"two", b"!"), 8) == 4
        assert await append(file, b"three", 12)
        assert file.read_at(17, 0) == b"probeonetwo!three"

    with_file(tmp_path, use)


def test_one_at_a_time_and_no_more_than_fits(tmp_path: Path) -> None:
    async def use(ring: WriteRing, file: File) -> None:
        done: asyncio.Queue[bool] = asyncio.Queue()
        assert file.begin_synced((b"a",), 5, done.put_nowait)
        assert not file.begin_synced((b"b",), 6, done.put_nowait)
        assert await done.get()
        assert not file.begin_synced((bytes(FILE_BYTES),), 6, done.put_nowait)
        assert await append(file, b"b", 6) and done.empty()

    with_file(tmp_path, use)


def test_a_failure_is_told_and_the_file_goes_the_slow_way(tmp_path: Path) -> None:
    async def use(ring: WriteRing, file: File) -> None:
        os.truncate(tmp_path / "file", 0)
        limit = 1 << 62  # beyond what any file system takes
        assert not await append(file, b"far", limit)
        assert not file.begin_synced((b"near",), 0, lambda durable: None)

    with_file(tmp_path, use)


def test_other_threads_may_begin(tmp_path: Path) -> None:
    async def use(ring: WriteRing, file: File) -> None:
        done: asyncio.Queue[bool] = asyncio.Queue()
        thread = threading.Thread(target=lambda: file.begin_synced((b"aside",), 5, done.put_nowait))
        thread.start()
        assert await done.get() and file.read_at(10, 0) == b"probeaside"
        await asyncio.to_thread(thread.join)

    with_file(tmp_path, use)


def test_a_file_that_is_closed_meanwhile_is_the_one_that_is_written(tmp_path: Path) -> None:
    """Its number must not come to mean another file before the kernel has the write."""

    async def use(ring: WriteRing, file: File) -> None:
        disk, done = LocalDisk(ring), asyncio.Queue[bool]()
        mine = disk.open(tmp_path / "mine", "create")
        mine.allocate(8192)
        assert mine.begin_synced((b"mine",), 0, done.put_nowait)
        mine.close()
        others = [disk.open(tmp_path / f"other-{number}", "create") for number in range(8)]
        assert await done.get()
        assert (tmp_path / "mine").read_bytes()[:4] == b"mine"
        assert all(other.size() == 0 for other in others)
        for other in others:
            other.close()

    with_file(tmp_path, use)


def test_more_than_the_kernel_takes_at_once(tmp_path: Path) -> None:
    async def use(ring: WriteRing, file: File) -> None:
        disk, done = LocalDisk(ring), asyncio.Queue[bool]()
        files = [disk.open(tmp_path / f"many-{number}", "create") for number in range(200)]
        for each in files:
            each.allocate(4096)
            assert each.begin_synced((b"x",), 0, done.put_nowait)
        assert all([await done.get() for _ in files])
        assert all(each.read_at(2, 0) == b"x\0" for each in files)
        for each in files:
            each.close()

    with_file(tmp_path, use)


def test_a_closed_ring_takes_nothing(tmp_path: Path) -> None:
    async def use(ring: WriteRing, file: File) -> None:
        ring.close()
        ring.close()
        assert not file.begin_synced((b"late",), 5, lambda durable: None)

    with_file(tmp_path, use)


def test_what_another_thread_began_before_the_ring_was_closed_is_told(tmp_path: Path) -> None:
    async def use(ring: WriteRing, file: File) -> None:
        done: asyncio.Queue[bool] = asyncio.Queue()
        thread = threading.Thread(target=lambda: file.begin_synced((b"aside",), 5, done.put_nowait))
        thread.start()
        thread.join()  # the loop has not had its turn yet
        ring.close()
        assert not await done.get()

    with_file(tmp_path, use)
