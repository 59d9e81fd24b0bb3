"""The commit pipeline: order, timeouts, lost quorum, the fence."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from aurora_mysql.engine import commit_log
from aurora_mysql.engine.commit_log import ENOUGH_FOR_A_BATCH, CommitLog, InFlight
from aurora_mysql.errors import FencedError, MySQLError, QuorumLostError, StorageError
from aurora_mysql.redo.record import Commit, TableChange
from tests.support.engine_world import MemoryVolume, until


class Pipeline:
    def __init__(self, timeout_s: float) -> None:
        self.volume = MemoryVolume()
        self.visible: list[int] = []
        self.finished: list[str] = []
        self.log = CommitLog(self.volume, timeout_s=timeout_s, on_durable=self._durable)
        self.volume.log = self.log

    def _durable(self, items: list[InFlight]) -> None:
        self.visible += [i.commit.lsn for i in items]

    def commit(self, name: str = "") -> asyncio.Task[int]:
        change = TableChange(1, [(1, "a", 1)])
        return asyncio.create_task(
            self.log.commit(Commit(commit_time_us=1, changes=[change]), lambda: self.finished.append(name))
        )


def run(work: Callable[[Pipeline], Awaitable[None]], timeout_s: float = 5.0) -> None:
    async def main() -> None:
        async with asyncio.timeout(20):
            await work(Pipeline(timeout_s))

    asyncio.run(main())


async def errno(task: Awaitable[Any]) -> int:
    with pytest.raises(MySQLError) as caught:
        await task
    return caught.value.errno


def test_visible_when_durable_and_in_order() -> None:
    async def work(p: Pipeline) -> None:
        p.volume.holding = True
        tasks = [p.commit(str(n)) for n in range(3)]
        await until(lambda: p.volume.next == 3)
        assert p.visible == [] and p.finished == []
        p.volume.let_go(2)
        assert [await tasks[0], await tasks[1]] == [1, 2]
        assert p.visible == [1, 2] and p.finished == ["0", "1"] and not tasks[2].done()
        p.volume.let_go()
        assert await tasks[2] == 3

    run(work)


def test_a_large_commit_may_take_longer_and_so_may_those_behind_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commit_log, "SLOWEST_BYTES_PER_S", 0.1)

    async def work(p: Pipeline) -> None:
        p.volume.holding = True
        tasks = [p.commit("one")]
        await until(lambda: p.volume.next == 1)
        tasks.append(p.commit("behind"))
        await until(lambda: p.volume.next == 2)
        first, second = p.log._in_flight
        written_s = 10.0 * sum(map(len, first.parts))
        assert written_s > 100 and second.expires_s > first.expires_s + 100
        assert written_s < first.expires_s - asyncio.get_running_loop().time() <= 5.0 + written_s
        p.volume.let_go()
        assert [await task for task in tasks] == [1, 2]

    run(work)


def test_an_older_vdl_changes_nothing() -> None:
    async def work(p: Pipeline) -> None:
        p.volume.holding = True
        tasks = [p.commit(), p.commit()]
        await until(lambda: p.volume.next == 2)
        p.log.vdl_advanced(2)
        p.log.vdl_advanced(1)
        await asyncio.gather(*tasks)
        assert p.visible == [1, 2]

    run(work)


def test_a_commit_that_takes_too_long_is_still_decided() -> None:
    async def work(p: Pipeline) -> None:
        p.volume.holding = True
        assert await errno(p.commit("late")) == 1180
        assert p.finished == [], "its locks stay: it may yet commit"
        p.volume.let_go()
        await until(lambda: p.visible == [1])
        assert p.finished == ["late"]

    run(work, timeout_s=0.05)


def test_without_a_quorum_nothing_is_written() -> None:
    async def work(p: Pipeline) -> None:
        p.log.writable_changed(False)
        assert await errno(p.commit("no")) == 1180
        assert p.volume.next == 0 and p.finished == ["no"]
        p.log.writable_changed(True)
        assert await p.commit() == 1

    run(work, timeout_s=0.05)


def test_a_quorum_that_returns_in_time() -> None:
    async def work(p: Pipeline) -> None:
        p.log.writable_changed(False)
        task = p.commit()
        await asyncio.sleep(0.01)
        p.log.writable_changed(True)
        assert await task == 1

    run(work)


@pytest.mark.parametrize(
    ("refusal", "number"), [(FencedError("x"), 1836), (QuorumLostError("x"), 1180), (StorageError("full"), 1114)]
)
def test_a_refused_commit_is_over(refusal: Exception, number: int) -> None:
    async def work(p: Pipeline) -> None:
        p.volume.refuse = refusal
        assert await errno(p.commit("gone")) == number
        assert p.finished == ["gone"] and p.visible == []

    run(work)


def test_the_fence_ends_what_is_in_flight() -> None:
    """It tells every waiting client, gives back every lock, and lets nothing become visible any more."""

    async def work(p: Pipeline) -> None:
        p.volume.holding = True
        tasks = [p.commit("a"), p.commit("b")]
        await until(lambda: p.volume.next == 2)
        p.log.fenced()
        assert [await errno(t) for t in tasks] == [1836, 1836]
        assert p.finished == ["a", "b"]
        p.volume.let_go()
        await asyncio.sleep(0.01)
        assert p.visible == []
        assert await errno(p.commit("c")) == 1836
        assert p.finished == ["a", "b", "c"]

    run(work)


def test_the_fence_after_a_timeout_is_quiet() -> None:
    async def work(p: Pipeline) -> None:
        unseen: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: unseen.append(context))
        p.volume.holding = True
        assert await errno(p.commit("a")) == 1180
        p.log.fenced()
        await asyncio.sleep(0.01)
        assert p.finished == ["a"] and unseen == []

    run(work, timeout_s=0.02)


def test_a_client_that_leaves_does_not_undo_its_commit() -> None:
    async def work(p: Pipeline) -> None:
        p.volume.holding = True
        task = p.commit("gone")
        await until(lambda: p.volume.next == 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert p.finished == []
        p.volume.let_go()
        await until(lambda: p.finished == ["gone"])
        assert p.visible == [1]

    run(work)


def test_commits_of_one_turn_go_to_the_volume_together() -> None:
    async def work(p: Pipeline) -> None:
        groups: list[int] = []
        append_group = p.volume.append_group
        p.volume.append_group = lambda commits: groups.append(len(commits)) or append_group(commits)  # type: ignore
        assert await asyncio.gather(*(p.commit() for _ in range(5))) == [1, 2, 3, 4, 5]
        assert groups == [5]

    run(work)


def test_what_a_full_volume_has_no_room_for_is_refused_and_the_rest_is_committed() -> None:
    async def work(p: Pipeline) -> None:
        p.volume.holding, p.volume.room = True, 2
        append_group = p.volume.append_group

        def full_at_the_second_call(commits: Any) -> list[int]:
            p.volume.refuse = QuorumLostError("full") if p.volume.next else None
            return append_group(commits)

        p.volume.append_group = full_at_the_second_call  # type: ignore[method-assign]
        tasks = [p.commit(str(n)) for n in range(3)]
        assert await errno(tasks[2]) == 1180
        assert p.finished == ["2"]
        p.volume.let_go()
        assert [await tasks[0], await tasks[1]] == [1, 2]

    run(work)


def test_the_fence_ends_what_was_not_yet_handed_over() -> None:
    async def work(p: Pipeline) -> None:
        task = p.commit("a")
        await asyncio.sleep(0)
        p.log.fenced()
        assert await errno(task) == 1836
        assert p.finished == ["a"] and p.volume.next == 0

    run(work)


def test_commits_are_gathered_as_long_as_each_turn_brings_more() -> None:
    async def work(p: Pipeline) -> None:
        groups: list[int] = []
        append_group = p.volume.append_group
        p.volume.append_group = lambda commits: groups.append(len(commits)) or append_group(commits)  # type: ignore
        tasks = []
        for _ in range(ENOUGH_FOR_A_BATCH + 3):
            tasks.append(p.commit())
            await asyncio.sleep(0)
        await asyncio.gather(*tasks)
        assert groups[0] == ENOUGH_FOR_A_BATCH and sum(groups) == ENOUGH_FOR_A_BATCH + 3

    run(work)


def test_a_submitted_commit_tells_after_all_locks_are_free() -> None:
    async def work(p: Pipeline) -> None:
        p.volume.holding = True
        events: list[Any] = []

        def submit(name: str) -> None:
            commit = Commit(changes=[TableChange(1, [(1, "a", 1)])])
            p.log.submit(commit, lambda: events.append(f"free {name}"), lambda error: events.append((name, error)))

        def told_badly(error: Exception | None) -> None:
            raise ValueError("a client's fault")

        assert p.log.takes_at_once
        submit("a")
        p.log.submit(Commit(changes=[TableChange(1, [(1, "a", 1)])]), None, told_badly)
        submit("b")
        settled = asyncio.create_task(p.log.settled())
        await until(lambda: p.volume.next == 3)
        assert events == [] and not settled.done()
        p.volume.let_go()
        await settled
        assert events == ["free a", "free b", ("a", None), ("b", None)] and p.visible == [1, 2, 3]
        events.clear()
        submit("c")
        p.log.fenced()
        assert events[0] == "free c" and events[1][1].errno == 1836
        assert not p.log.takes_at_once

    run(work)


def test_a_submitted_commit_that_takes_too_long_is_told_once() -> None:
    async def work(p: Pipeline) -> None:
        p.volume.holding = True
        told: list[Any] = []
        p.log.submit(Commit(changes=[TableChange(1, [(1, "a", 1)])]), lambda: p.finished.append("late"), told.append)
        await until(lambda: bool(told))
        assert told[0].errno == 1180 and p.finished == []
        p.volume.let_go()
        await until(lambda: p.finished == ["late"])
        assert len(told) == 1

    run(work, timeout_s=0.05)
