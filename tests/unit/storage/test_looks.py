"""Looks at the names of a copy's files, which its thread takes beside the kernel's writes."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from aurora_mysql.storage.disk import LocalDisk
from aurora_mysql.storage.layout import default_layout
from aurora_mysql.storage.runtime import Bell, ThreadRuntime
from aurora_mysql.storage.volume import Volume, create_volume
from aurora_mysql.storage.write_ring import WriteRing

COMMITS = 20


class CountingRuntime(ThreadRuntime):
    """Threads with a clock that stands still, and the number of rings."""

    def __init__(self) -> None:
        self.time_s, self.rings = 0.0, 0

    def now_s(self) -> float:
        return self.time_s

    def bell(self) -> Bell:
        runtime, bell = self, super().bell()

        class Counting:
            def ring(self) -> None:
                runtime.rings += 1
                bell.ring()

            def wait(self, timeout_s: float) -> bool:
                return bell.wait(timeout_s)

        return Counting()


class SlowNames(LocalDisk):
    """A disk on which names can be looked up only while `open_for_looks` is set."""

    def __init__(self, ring: WriteRing) -> None:
        super().__init__(ring)
        self.open_for_looks = threading.Event()
        self.open_for_looks.set()

    def identity(self, path: Path) -> int:
        assert self.open_for_looks.wait(20)
        return super().identity(path)


def test_a_look_that_takes_long_is_ordered_once(tmp_path: Path) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        ring = WriteRing.of(loop)
        if ring is None:
            pytest.skip("this kernel has no io_uring for us")
        disk, runtime, layout = SlowNames(ring), CountingRuntime(), default_layout(tmp_path)
        durable: asyncio.Queue[int] = asyncio.Queue()

        def open_volume() -> Volume:
            create_volume(tmp_path, layout, "c", disk=disk)
            return Volume.open_for_writing(
                tmp_path,
                layout,
                "c",
                on_vdl=lambda vdl: loop.call_soon_threadsafe(durable.put_nowait, vdl),
                on_state=lambda state: None,
                disk=disk,
                runtime=runtime,
            )

        async def commit() -> None:
            lsn = volume.append([b"x" * 100])
            while await durable.get() < lsn:
                continue

        volume = await asyncio.to_thread(open_volume)
        try:
            await commit()  # through the threads: the segments' first batch
            disk.open_for_looks.clear()
            runtime.time_s, runtime.rings = 0.06, 0
            for _ in range(COMMITS):
                await commit()
            assert runtime.rings <= 6, "one for each copy, not one for each batch"
            disk.open_for_looks.set()
            await commit()
        finally:
            disk.open_for_looks.set()
            await asyncio.to_thread(volume.close)
            ring.close()

    asyncio.run(asyncio.wait_for(main(), 60))
