"""What the supervisor sees of a process from outside."""

import asyncio
import os
import signal
import subprocess
import time

from aurora_mysql.cluster.instance_process import InstanceProcess


def wait_stopped(process: InstanceProcess, wanted: bool) -> None:
    deadline = time.monotonic() + 10
    while process.stopped() != wanted:
        assert time.monotonic() < deadline, f"stopped() never became {wanted}"
        os.sched_yield()


def test_a_stopped_process_is_told_from_one_that_runs() -> None:
    asyncio.run(stop_and_continue())


async def stop_and_continue() -> None:
    child = subprocess.Popen(["sleep", "60"])
    process = InstanceProcess(child.pid, child)
    try:
        assert not process.stopped()
        process.signal(signal.SIGSTOP)
        wait_stopped(process, True)
        process.signal(signal.SIGCONT)
        wait_stopped(process, False)
    finally:
        process.kill()
        await asyncio.wait_for(process.exited.wait(), 10)
    assert not process.stopped()
