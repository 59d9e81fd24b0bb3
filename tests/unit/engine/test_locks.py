"""The lock manager alone: who gets what, when, and who is sent away."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from aurora_mysql.engine.locks import LockManager, LockOwner, join_modes
from aurora_mysql.errors import MySQLError
from tests.support.engine_world import owner, until, waiting


def run(work: Callable[[LockManager], Awaitable[None]]) -> None:
    async def main() -> None:
        async with asyncio.timeout(20):
            await work(LockManager())

    asyncio.run(main())


def waits(locks: LockManager, who: LockOwner, resource: str, mode: str, timeout_s: float = 10.0) -> asyncio.Task[bool]:
    return asyncio.create_task(locks.acquire(who, resource, mode, timeout_s))


async def errno(task: Awaitable[Any]) -> int:
    with pytest.raises(MySQLError) as caught:
        await task
    return caught.value.errno


@pytest.mark.parametrize("held", ["IS", "IX", "S", "X"])
@pytest.mark.parametrize("wanted", ["IS", "IX", "S", "X"])
def test_modes(held: str, wanted: str) -> None:
    together = {("IS", "IS"), ("IS", "IX"), ("IX", "IS"), ("IX", "IX"), ("IS", "S"), ("S", "IS"), ("S", "S")}

    async def work(locks: LockManager) -> None:
        assert locks.is_free("r", wanted)
        assert locks.try_acquire(owner(locks, 1), "r", held)
        assert locks.is_free("r", wanted) == ((held, wanted) in together)
        assert locks.try_acquire(owner(locks, 2), "r", wanted) == ((held, wanted) in together)

    run(work)


@pytest.mark.parametrize(
    ("held", "wanted", "both"), [("IS", "IX", "IX"), ("IX", "S", "X"), ("S", "IS", "S"), ("X", "IS", "X")]
)
def test_a_mode_that_covers_both(held: str, wanted: str, both: str) -> None:
    assert join_modes(held, wanted) == join_modes(wanted, held) == both


def test_a_lock_is_held_once_and_ends_with_its_owner() -> None:
    async def work(locks: LockManager) -> None:
        one, two = owner(locks, 1), owner(locks, 2)
        assert not await locks.acquire(one, "r", "X", 1)
        assert not await locks.acquire(one, "r", "S", 1), "X covers S"
        assert one.held == {"r": "X"}
        task = waits(locks, two, "r", "X")
        await until(lambda: waiting(locks) == {2})
        locks.release_all(one)
        assert await task, "it had to wait"
        locks.release_all(two)
        assert len(locks) == 0

    run(work)


def test_first_come_first_served() -> None:
    async def work(locks: LockManager) -> None:
        reader, writer, late = owner(locks, 1), owner(locks, 2), owner(locks, 3)
        await locks.acquire(reader, "r", "S", 1)
        first = waits(locks, writer, "r", "X")
        await until(lambda: waiting(locks) == {2})
        second = waits(locks, late, "r", "S")
        await until(lambda: waiting(locks) == {2, 3})
        locks.release_all(reader)
        assert await first
        assert not second.done(), "a writer is not overtaken by a reader that came later"
        locks.release_all(writer)
        assert await second

    run(work)


def test_who_conflicts_with_nobody_passes_a_queue() -> None:
    async def work(locks: LockManager) -> None:
        await locks.acquire(owner(locks, 1), "t", "IX", 1)
        task = waits(locks, owner(locks, 2), "t", "S")
        await until(lambda: waiting(locks) == {2})
        assert locks.try_acquire(owner(locks, 3), "t", "IS"), "IS conflicts neither with IX nor with S"
        task.cancel()

    run(work)


def test_a_waiter_that_gives_up_frees_those_behind_it() -> None:
    """Holder IX; S, X and IS wait. When X gives up, IS conflicts with nobody, though S still waits before it."""

    async def work(locks: LockManager) -> None:
        holder = owner(locks, 1)
        await locks.acquire(holder, "t", "IX", 1)
        shared = waits(locks, owner(locks, 2), "t", "S")
        await until(lambda: waiting(locks) == {2})
        exclusive = waits(locks, owner(locks, 3), "t", "X")
        await until(lambda: waiting(locks) == {2, 3})
        intention = waits(locks, owner(locks, 4), "t", "IS")
        await until(lambda: waiting(locks) == {2, 3, 4})
        exclusive.cancel()
        assert await intention
        assert not shared.done()
        locks.release_all(holder)
        assert await shared

    run(work)


def test_an_upgrade_goes_first() -> None:
    async def work(locks: LockManager) -> None:
        one, two, late = owner(locks, 1), owner(locks, 2), owner(locks, 3)
        await locks.acquire(one, "r", "S", 1)
        await locks.acquire(two, "r", "S", 1)
        newcomer = waits(locks, late, "r", "X")
        await until(lambda: waiting(locks) == {3})
        upgrade = waits(locks, one, "r", "X")
        await until(lambda: waiting(locks) == {1, 3})
        locks.release_all(two)
        assert await upgrade
        assert one.held["r"] == "X"
        assert not newcomer.done()
        locks.release_all(one)
        assert await newcomer

    run(work)


def test_two_upgrades_are_a_deadlock() -> None:
    async def work(locks: LockManager) -> None:
        one, two = owner(locks, 1), owner(locks, 2)
        await locks.acquire(one, "r", "S", 1)
        await locks.acquire(two, "r", "S", 1)
        first = waits(locks, one, "r", "X")
        await until(lambda: waiting(locks) == {1})
        assert await errno(locks.acquire(two, "r", "X", 5)) == 1213
        locks.release_all(two)
        assert await first

    run(work)


def test_timeout() -> None:
    async def work(locks: LockManager) -> None:
        one, two, three = (owner(locks, n) for n in (1, 2, 3))
        await locks.acquire(one, "r", "S", 1)
        behind = None
        task = waits(locks, two, "r", "X", 0.05)
        await until(lambda: waiting(locks) == {2})
        behind = waits(locks, three, "r", "S")
        assert await errno(task) == 1205
        assert await behind, "whom the one that timed out kept back goes on"
        assert locks.timeouts == 1
        assert two.held == {} and two.waiting_for is None

    run(work)


def test_kill_while_waiting() -> None:
    async def work(locks: LockManager) -> None:
        one, two = owner(locks, 1), owner(locks, 2)
        await locks.acquire(one, "r", "X", 1)
        task = waits(locks, two, "r", "X")
        await until(lambda: waiting(locks) == {2})
        two.session.interrupt(whole_connection=False)  # type: ignore[attr-defined]
        assert await errno(task) == 1317
        assert two.session.on_kill == []
        locks.release_all(one)
        assert len(locks) == 0

    run(work)


def test_who_is_killed_already_does_not_wait() -> None:
    async def work(locks: LockManager) -> None:
        one, two = owner(locks, 1), owner(locks, 2)
        await locks.acquire(one, "r", "X", 1)
        two.session.kill_query = True
        assert await errno(locks.acquire(two, "r", "X", 5)) == 1317

    run(work)


def test_a_cancelled_waiter_leaves_nothing() -> None:
    async def work(locks: LockManager) -> None:
        one, two = owner(locks, 1), owner(locks, 2)
        await locks.acquire(one, "r", "X", 1)
        task = waits(locks, two, "r", "X")
        await until(lambda: waiting(locks) == {2})
        # Granted and cancelled in the same turn: nobody would ever give it back.
        locks.release_all(one)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert two.held == {} and len(locks) == 0

    run(work)


def test_the_lightest_of_a_deadlock_goes() -> None:
    async def work(locks: LockManager) -> None:
        light, heavy = owner(locks, 1, weight=1), owner(locks, 2, weight=50)
        await locks.acquire(light, "a", "X", 1)
        await locks.acquire(heavy, "b", "X", 1)
        task = waits(locks, light, "b", "X")
        await until(lambda: waiting(locks) == {1})
        closing = waits(locks, heavy, "a", "X")
        assert await errno(task) == 1213, "not the one that closed the cycle, but the lighter one"
        assert not closing.done()
        locks.release_all(light)
        assert await closing
        assert locks.deadlocks == 1
        deadlock = locks.latest_deadlock
        assert deadlock is not None and deadlock.victim_id == 1
        assert {(i, r) for i, r, _ in deadlock.cycle} == {(1, "b"), (2, "a")}

    run(work)


def test_of_equals_the_one_that_closes_the_cycle_goes() -> None:
    async def work(locks: LockManager) -> None:
        owners = [owner(locks, n) for n in range(4)]
        for number, who in enumerate(owners):
            await locks.acquire(who, number, "X", 1)
        tasks = [asyncio.create_task(locks.acquire(owners[n], n + 1, "X", 5)) for n in range(3)]
        await until(lambda: waiting(locks) == {0, 1, 2})
        assert await errno(locks.acquire(owners[3], 0, "X", 5)) == 1213
        for who, task in reversed(list(zip(owners, [*tasks, None], strict=True))):
            if task is not None:
                await task
            locks.release_all(who)
        assert len(locks) == 0

    run(work)


def test_both_cycles_that_a_wait_closes_are_broken() -> None:
    async def work(locks: LockManager) -> None:
        heavy = owner(locks, 1, weight=9)
        one, two = owner(locks, 2), owner(locks, 3)
        await locks.acquire(heavy, "h", "X", 1)
        await locks.acquire(one, "s", "S", 1)
        await locks.acquire(two, "s", "S", 1)
        tasks = [waits(locks, one, "h", "S"), waits(locks, two, "h", "S")]
        await until(lambda: waiting(locks) == {2, 3})
        closing = waits(locks, heavy, "s", "X")
        assert [await errno(t) for t in tasks] == [1213, 1213]
        locks.release_all(one)
        locks.release_all(two)
        assert await closing

    run(work)


def test_a_granted_waiter_waits_no_more() -> None:
    """Between the grant and the waiter's next turn it must not count as waiting: that made deadlocks out of nothing."""

    async def work(locks: LockManager) -> None:
        holder, one, two, three = (owner(locks, n) for n in range(1, 5))
        await locks.acquire(holder, "r", "X", 1)
        await locks.acquire(one, "q", "X", 1)
        granted = waits(locks, one, "r", "S")
        await until(lambda: waiting(locks) == {2})
        also = waits(locks, three, "r", "S")
        await until(lambda: waiting(locks) == {2, 4})
        behind = waits(locks, two, "r", "X")
        await until(lambda: waiting(locks) == {2, 3, 4})
        locks.release_all(holder)  # one and three have S now; two waits for both; no task has run yet
        closing = asyncio.ensure_future(locks.acquire(three, "q", "S", 5))
        assert not three.waiting_for
        await granted
        await also
        await until(lambda: waiting(locks) == {3, 4})
        locks.release_all(one)
        assert await closing
        locks.release_all(three)
        assert await behind

    run(work)


@dataclass(frozen=True)
class Between:
    low: int
    high: int

    def covers(self, row: int) -> bool:
        return self.low <= row <= self.high


def test_gaps_live_together_and_hold_up_insertions() -> None:
    async def work(locks: LockManager) -> None:
        one, two, three = (owner(locks, n) for n in (1, 2, 3))
        locks.add_gap(one, "g", Between(1, 10))
        locks.add_gap(one, "g", Between(1, 10))
        locks.add_gap(two, "g", Between(5, 20))
        assert not await locks.pass_gaps(three, "g", 30, 1), "outside"
        assert not await locks.pass_gaps(one, "g", 3, 1), "one's own gap does not count"
        task = asyncio.create_task(locks.pass_gaps(three, "g", 7, 5))
        await until(lambda: waiting(locks) == {3})
        locks.add_gap(owner(locks, 4), "g", Between(100, 200))  # gaps never wait
        locks.release_all(one)
        await asyncio.sleep(0)
        assert not task.done(), "two covers 7 as well"
        locks.release_all(two)
        assert await task
        assert "g" not in three.held

    run(work)


def test_two_gaps_and_two_insertions_are_a_deadlock() -> None:
    async def work(locks: LockManager) -> None:
        one, two = owner(locks, 1), owner(locks, 2)
        locks.add_gap(one, "g", Between(1, 10))
        locks.add_gap(two, "g", Between(1, 10))
        task = asyncio.create_task(locks.pass_gaps(one, "g", 5, 5))
        await until(lambda: waiting(locks) == {1})
        assert await errno(locks.pass_gaps(two, "g", 5, 5)) == 1213
        locks.release_all(two)
        assert await task

    run(work)


def test_downgrade_lets_others_in() -> None:
    async def work(locks: LockManager) -> None:
        one, two = owner(locks, 1), owner(locks, 2)
        await locks.acquire(one, "r", "X", 1)
        task = waits(locks, two, "r", "S")
        await until(lambda: waiting(locks) == {2})
        locks.downgrade(one, "r", "S")
        assert await task
        assert not locks.try_acquire(two, "r", "X")

    run(work)


def test_release_of_one_lock() -> None:
    async def work(locks: LockManager) -> None:
        one, two = owner(locks, 1), owner(locks, 2)
        await locks.acquire(one, "a", "X", 1)
        await locks.acquire(one, "b", "X", 1)
        locks.release(one, "a")
        assert locks.try_acquire(two, "a", "X")
        assert not locks.try_acquire(two, "b", "X")
        locks.release(two, "b")
        assert locks.holders("b") == [one]

    run(work)
