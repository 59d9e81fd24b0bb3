"""Lock manager: strict two-phase locks with waits, timeouts and deadlock detection, InnoDB's behaviour.

It belongs to the event loop: no method may be called from another thread. Resources are opaque hashable tuples
(row, unique value, table, metadata, named lock); modes are S, X and, for tables, IS and IX. Besides these there are
gaps (G), which never conflict with each other but hold up whoever wants to insert into one (:meth:`pass_gaps`).
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from aurora_mysql.errors import mysql_error

Resource = Hashable

_COMPATIBLE: dict[str, frozenset[str]] = {
    "G": frozenset({"G", "I"}),
    "I": frozenset({"I"}),
    "IS": frozenset({"IS", "IX", "S"}),
    "IX": frozenset({"IS", "IX"}),
    "S": frozenset({"IS", "S"}),
    "X": frozenset(),
}

#: The weakest mode that covers both of a pair.
_JOIN: dict[frozenset[str], str] = {
    frozenset({"IS", "IX"}): "IX",
    frozenset({"IS", "S"}): "S",
    frozenset({"IS", "X"}): "X",
    frozenset({"IX", "S"}): "X",
    frozenset({"IX", "X"}): "X",
    frozenset({"S", "X"}): "X",
}


def join_modes(held: str, wanted: str) -> str:
    """The mode that grants both `held` and `wanted`."""
    return held if held == wanted else _JOIN[frozenset({held, wanted})]


class Interruptible(Protocol):
    """What a waiter watches: a session that KILL may interrupt."""

    kill_query: bool
    on_kill: list[Callable[[], None]]


class Gap(Protocol):
    """A range of one table's rows that don't exist; equal ones are kept once."""

    def covers(self, row: Any) -> bool:
        """Inserting `row` would make it exist."""
        ...


def _weightless() -> int:
    return 0


class LockOwner:
    """Whoever holds locks: one per transaction (or per session for LOCK TABLES and GET_LOCK).

    `weigh` gives what a rollback would lose (rows written): a deadlock ends the lightest. `gaps`: by resource, the
    tests that tell whether something to be inserted falls into a gap of this owner.
    """

    __slots__ = ("gaps", "held", "id", "session", "waiting_for", "weigh")

    def __init__(self, owner_id: int, session: Interruptible, weigh: Callable[[], int] = _weightless) -> None:
        self.id = owner_id
        self.session = session
        self.weigh = weigh
        self.held: dict[Resource, str] = {}
        self.gaps: dict[Resource, dict[Gap, None]] = {}
        self.waiting_for: Waiter | None = None

    @property
    def weight(self) -> int:
        return self.weigh() + len(self.held)


@dataclass(slots=True, eq=False)
class Waiter:
    """`owner` waits for `resource`. `into`: what it wants to insert into the gaps of `resource` (mode I only)."""

    owner: LockOwner
    resource: Resource
    mode: str
    future: asyncio.Future[None]
    since_s: float = field(default_factory=time.time)
    into: Any = None
    deadlock_errno: int = 1213


@dataclass(frozen=True, slots=True)
class Deadlock:
    """A cycle that was broken: who waited for what (resource, mode), and whose wait was ended."""

    at_s: float
    cycle: list[tuple[int, Resource, str]]
    victim_id: int


class _Lock:
    """One resource: who holds it in which mode, who waits. `modes` counts the holders of each mode, so that the many
    that share a table need not be looked at one by one."""

    __slots__ = ("holders", "modes", "queue")

    def __init__(self) -> None:
        self.holders: dict[LockOwner, str] = {}
        self.modes: dict[str, int] = {}
        #: Nearly always empty, and there is one for each locked row: a deque is made when somebody must wait.
        self.queue: deque[Waiter] | tuple[()] = ()

    def give(self, owner: LockOwner, mode: str) -> None:
        before = self.holders.get(owner)
        if before is not None:
            self._uncount(before)
        self.holders[owner] = mode
        self.modes[mode] = self.modes.get(mode, 0) + 1

    def take(self, owner: LockOwner) -> None:
        mode = self.holders.pop(owner, None)
        if mode is not None:
            self._uncount(mode)

    def _uncount(self, mode: str) -> None:
        left = self.modes[mode] - 1
        if left:
            self.modes[mode] = left
        else:
            del self.modes[mode]

    def line_up(self, waiter: Waiter, *, first: bool = False) -> None:
        if isinstance(self.queue, tuple):
            self.queue = deque((waiter,))
        elif first:
            self.queue.appendleft(waiter)
        else:
            self.queue.append(waiter)

    def leave(self, waiter: Waiter) -> None:
        if not isinstance(self.queue, tuple):
            self.queue.remove(waiter)


class LockManager:
    """All locks of one instance. Invariant: modes held on a resource by different owners are compatible, and a
    waiter is granted as soon as it is compatible with the holders and nobody incompatible waits before it."""

    def __init__(self) -> None:
        self._locks: dict[Resource, _Lock] = {}
        self.deadlocks = 0
        self.timeouts = 0
        self.waits = 0
        #: What the latest deadlock was about, for SHOW ENGINE INNODB STATUS.
        self.latest_deadlock: Deadlock | None = None

    def try_acquire(self, owner: LockOwner, resource: Resource, mode: str) -> bool:
        """Grant at once if possible; True when `owner` now holds `resource` in a mode that covers `mode`."""
        lock = self._locks.get(resource)
        if lock is None:
            lock = self._locks[resource] = _Lock()
            lock.holders[owner] = owner.held[resource] = mode
            lock.modes[mode] = 1
            return True
        held = lock.holders.get(owner)
        if held is None:
            wanted = mode
            if not lock.queue and lock.modes.keys() <= _COMPATIBLE[mode]:
                lock.holders[owner] = owner.held[resource] = mode
                lock.modes[mode] = lock.modes.get(mode, 0) + 1
                return True
        else:
            wanted = join_modes(held, mode)
            if held == wanted:
                return True
        if self._grantable(resource, lock, owner, wanted, upgrade=held is not None):
            lock.give(owner, wanted)
            owner.held[resource] = wanted
            return True
        return False

    def is_free(self, resource: Resource, mode: str) -> bool:
        """Whether somebody new would get `resource` in `mode` at once."""
        lock = self._locks.get(resource)
        if lock is None:
            return True
        fits = _COMPATIBLE[mode]
        return lock.modes.keys() <= fits and all(waiter.mode in fits or waiter.future.done() for waiter in lock.queue)

    async def acquire(
        self, owner: LockOwner, resource: Resource, mode: str, timeout_s: float, *, deadlock_errno: int = 1213
    ) -> bool:
        """Wait for the lock. True when it had to wait (so data read before may be stale).

        Raises:
            MySQLError: 1205 after `timeout_s`, 1317 when killed, `deadlock_errno` when waiting closes a cycle and
                this owner is the lightest in it (the others then go on).
        """
        if self.try_acquire(owner, resource, mode):
            return False
        lock = self._locks[resource]
        held = lock.holders.get(owner)
        wanted = mode if held is None else join_modes(held, mode)
        waiter = Waiter(
            owner, resource, wanted, asyncio.get_running_loop().create_future(), deadlock_errno=deadlock_errno
        )
        lock.line_up(waiter, first=held is not None)
        try:
            await self._wait(lock, waiter, timeout_s)
        except BaseException:
            # It may have been granted in the very turn that ended the wait.
            if owner.held.get(resource) != held:
                if held is None:
                    self.release(owner, resource)
                else:
                    self.downgrade(owner, resource, held)
            raise
        return True

    def add_gap(self, owner: LockOwner, resource: Resource, gap: Gap) -> None:
        """`owner` keeps others from inserting what `gap` covers. Never waits: gaps don't conflict with each other."""
        gaps = owner.gaps.setdefault(resource, {})
        if gap in gaps:
            return
        gaps[gap] = None
        lock = self._locks.setdefault(resource, _Lock())
        lock.give(owner, "G")
        owner.held[resource] = "G"

    def passes_gaps(self, owner: LockOwner, resource: Resource, into: Any) -> bool:
        """No other owner has a gap on `resource` that covers `into`."""
        lock = self._locks.get(resource)
        if lock is None:
            return True
        for holder, held in lock.holders.items():
            if self._in_the_way(resource, holder, held, owner, "I", into):
                return False
        return True

    async def pass_gaps(self, owner: LockOwner, resource: Resource, into: Any, timeout_s: float) -> bool:
        """Wait until no other owner has a gap on `resource` that covers `into`. True when it had to wait.

        Nothing is held afterwards: whoever takes a gap later meets the inserted row's own lock.

        Raises:
            MySQLError: as :meth:`acquire`.
        """
        if self.passes_gaps(owner, resource, into):
            return False
        lock = self._locks[resource]
        waiter = Waiter(owner, resource, "I", asyncio.get_running_loop().create_future(), into=into)
        lock.line_up(waiter)
        await self._wait(lock, waiter, timeout_s)
        return True

    async def _wait(self, lock: _Lock, waiter: Waiter, timeout_s: float) -> None:
        owner = waiter.owner
        owner.waiting_for = waiter
        self.waits += 1

        def interrupt() -> None:
            if not waiter.future.done():
                waiter.future.set_exception(mysql_error(1317))

        def expire() -> None:
            if not waiter.future.done():
                self.timeouts += 1
                waiter.future.set_exception(mysql_error(1205))

        owner.session.on_kill.append(interrupt)
        try:
            self._break_cycles(waiter)
            if owner.session.kill_query:
                raise mysql_error(1317)
            timer = waiter.future.get_loop().call_later(timeout_s, expire)
            try:
                await waiter.future
            finally:
                timer.cancel()
        finally:
            owner.session.on_kill.remove(interrupt)
            if owner.waiting_for is waiter:
                owner.waiting_for = None
            if waiter in lock.queue:
                lock.leave(waiter)
                self._wake(waiter.resource, lock)

    def release(self, owner: LockOwner, resource: Resource) -> None:
        """Give one lock back before the end (statement-scoped locks only)."""
        if owner.held.pop(resource, None) is not None:
            owner.gaps.pop(resource, None)
            self._drop(owner, resource)

    def downgrade(self, owner: LockOwner, resource: Resource, mode: str) -> None:
        """Hold `resource`, which `owner` has, in the weaker `mode` from now on."""
        lock = self._locks[resource]
        lock.give(owner, mode)
        owner.held[resource] = mode
        self._wake(resource, lock)

    def release_all(self, owner: LockOwner) -> None:
        held, owner.held = owner.held, {}
        owner.gaps.clear()
        locks = self._locks
        for resource in held:
            lock = locks.get(resource)
            if lock is None:
                continue
            if lock.queue:
                self._drop(owner, resource)
            elif len(lock.holders) == 1 and owner in lock.holders:
                del locks[resource]  # a row that nobody else wants: nearly all of them
            else:
                lock.take(owner)  # a table that others write to as well

    def is_held(self, resource: Resource) -> bool:
        """Whether anybody holds `resource` or waits for it."""
        return resource in self._locks

    def holders(self, resource: Resource) -> list[LockOwner]:
        lock = self._locks.get(resource)
        return [] if lock is None else list(lock.holders)

    def __len__(self) -> int:
        return len(self._locks)

    def listed(self) -> Iterator[tuple[Resource, LockOwner, str, Waiter | None]]:
        """Every lock held (no waiter) and wanted: (resource, owner, mode, waiter)."""
        for resource, lock in self._locks.items():
            for owner, mode in lock.holders.items():
                yield resource, owner, mode, None
            for waiter in lock.queue:
                yield resource, waiter.owner, waiter.mode, waiter

    def waits_for(self) -> Iterator[tuple[Waiter, LockOwner]]:
        """Each waiter with each owner it waits for."""
        for lock in self._locks.values():
            for waiter in lock.queue:
                if not waiter.future.done():
                    for blocker in self._blockers(waiter):
                        yield waiter, blocker

    def _drop(self, owner: LockOwner, resource: Resource) -> None:
        lock = self._locks.get(resource)
        if lock is None:
            return
        lock.take(owner)
        if lock.queue:
            self._wake(resource, lock)
        elif not lock.holders:
            del self._locks[resource]

    def _wake(self, resource: Resource, lock: _Lock) -> None:
        """Grant whoever can be granted, in order; one that can't keeps back those it conflicts with, no others."""
        still: deque[Waiter] = deque()
        for waiter in lock.queue:
            if waiter.future.done():
                continue
            if any(self._keeps_back(holder, mode, waiter) for holder, mode in lock.holders.items()) or any(
                self._keeps_back(w.owner, w.mode, waiter) for w in still
            ):
                still.append(waiter)
                continue
            if waiter.mode != "I":
                lock.give(waiter.owner, waiter.mode)
                waiter.owner.held[resource] = waiter.mode
            # It waits no more, also before its task runs again: else a cycle would be seen where there is none.
            waiter.owner.waiting_for = None
            waiter.future.set_result(None)
        lock.queue = still or ()
        if not lock.holders and not lock.queue:
            self._locks.pop(resource, None)

    def _grantable(self, resource: Resource, lock: _Lock, owner: LockOwner, mode: str, *, upgrade: bool) -> bool:
        if any(self._in_the_way(resource, h, m, owner, mode) for h, m in lock.holders.items()):
            return False
        # A newcomer queues behind whoever waits for something it conflicts with; an upgrade may pass.
        return upgrade or not any(
            self._in_the_way(resource, w.owner, w.mode, owner, mode) for w in lock.queue if not w.future.done()
        )

    @staticmethod
    def _in_the_way(
        resource: Resource, holder: LockOwner, held: str, owner: LockOwner, mode: str, into: Any = None
    ) -> bool:
        """`holder`, who has or wants `held` on `resource`, keeps `owner` from having `mode` there. What a
        session holds beside its transaction (LOCK TABLES, a schema change) is never in its own way."""
        if holder.session is owner.session or held in _COMPATIBLE[mode]:
            return False
        return mode != "I" or any(gap.covers(into) for gap in holder.gaps.get(resource, ()))

    def _keeps_back(self, holder: LockOwner, held: str, waiter: Waiter) -> bool:
        return self._in_the_way(waiter.resource, holder, held, waiter.owner, waiter.mode, waiter.into)

    def _blockers(self, waiter: Waiter) -> Iterator[LockOwner]:
        lock = self._locks[waiter.resource]
        for holder, mode in lock.holders.items():
            if self._keeps_back(holder, mode, waiter):
                yield holder
        for other in lock.queue:
            if other is waiter:
                break
            if not other.future.done() and self._keeps_back(other.owner, other.mode, waiter):
                yield other.owner

    def _break_cycles(self, waiter: Waiter) -> None:
        """End the lightest owner of each cycle that `waiter` closes: itself (raises), or another one's wait."""
        while True:
            cycle = self._cycle(waiter.owner)
            if cycle is None:
                return
            self.deadlocks += 1
            # On a tie the newcomer goes, as in InnoDB.
            victim = min(cycle, key=lambda o: (o.weight, o is not waiter.owner))
            self.latest_deadlock = Deadlock(
                time.time(),
                [(o.id, o.waiting_for.resource, o.waiting_for.mode) for o in cycle if o.waiting_for is not None],
                victim.id,
            )
            if victim is waiter.owner or victim.waiting_for is None:
                raise mysql_error(waiter.deadlock_errno)
            victim.waiting_for.future.set_exception(mysql_error(victim.waiting_for.deadlock_errno))
            victim.waiting_for = None

    def _cycle(self, start: LockOwner) -> list[LockOwner] | None:
        """A cycle of owners that wait for each other through `start`, if there is one."""
        parent: dict[LockOwner, LockOwner] = {}
        stack = [start]
        while stack:
            owner = stack.pop()
            waiting = owner.waiting_for
            if waiting is None or waiting.future.done():
                continue
            for blocker in self._blockers(waiting):
                if blocker is start:
                    cycle = [owner]
                    while cycle[-1] is not start:
                        cycle.append(parent[cycle[-1]])
                    return cycle[::-1]
                if blocker not in parent:
                    parent[blocker] = owner
                    stack.append(blocker)
        return None
