"""Lock manager: strict two-phase locks with waits, timeouts and deadlock detection, InnoDB's behaviour.

It belongs to the event loop: no method may be called from another thread. Resources are opaque hashable tuples
(row, unique value, table, metadata); modes are S, X and, for tables, IS and IX.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from aurora_mysql.errors import mysql_error

Resource = Hashable

_COMPATIBLE: dict[str, frozenset[str]] = {
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


class LockOwner:
    """Whoever holds locks: one per transaction (or per session for LOCK TABLES)."""

    __slots__ = ("held", "id", "session", "waiting_for")

    def __init__(self, owner_id: int, session: Interruptible) -> None:
        self.id = owner_id
        self.session = session
        self.held: dict[Resource, str] = {}
        self.waiting_for: Waiter | None = None


@dataclass(slots=True, eq=False)
class Waiter:
    owner: LockOwner
    resource: Resource
    mode: str
    future: asyncio.Future[None]


@dataclass(slots=True)
class _Lock:
    holders: dict[LockOwner, str] = field(default_factory=dict)
    queue: deque[Waiter] = field(default_factory=deque)


class LockManager:
    """All locks of one instance. Invariant: modes held on a resource by different owners are compatible, and a
    waiter is granted as soon as it is compatible with the holders and nobody incompatible waits before it."""

    def __init__(self) -> None:
        self._locks: dict[Resource, _Lock] = {}
        self.deadlocks = 0
        self.timeouts = 0
        self.waits = 0

    def try_acquire(self, owner: LockOwner, resource: Resource, mode: str) -> bool:
        """Grant at once if possible; True when `owner` now holds `resource` in a mode that covers `mode`."""
        lock = self._locks.get(resource)
        if lock is None:
            lock = self._locks[resource] = _Lock()
            lock.holders[owner] = mode
            owner.held[resource] = mode
            return True
        held = lock.holders.get(owner)
        wanted = mode if held is None else join_modes(held, mode)
        if held == wanted:
            return True
        if self._grantable(lock, owner, wanted, upgrade=held is not None):
            lock.holders[owner] = wanted
            owner.held[resource] = wanted
            return True
        return False

    async def acquire(self, owner: LockOwner, resource: Resource, mode: str, timeout_s: float) -> bool:
        """Wait for the lock. True when it had to wait (so data read before may be stale).

        Raises:
            MySQLError: 1205 after `timeout_s`, 1213 when waiting would close a cycle, 1317 when killed.
        """
        if self.try_acquire(owner, resource, mode):
            return False
        lock = self._locks[resource]
        held = lock.holders.get(owner)
        wanted = mode if held is None else join_modes(held, mode)
        waiter = Waiter(owner, resource, wanted, asyncio.get_running_loop().create_future())
        if held is not None:
            lock.queue.appendleft(waiter)
        else:
            lock.queue.append(waiter)
        owner.waiting_for = waiter
        self.waits += 1

        def interrupt() -> None:
            if not waiter.future.done():
                waiter.future.set_exception(mysql_error(1317))

        owner.session.on_kill.append(interrupt)
        try:
            if self._closes_cycle(owner):
                self.deadlocks += 1
                raise mysql_error(1213)
            if owner.session.kill_query:
                raise mysql_error(1317)
            async with asyncio.timeout(timeout_s):
                await waiter.future
        except TimeoutError:
            self.timeouts += 1
            raise mysql_error(1205) from None
        finally:
            owner.session.on_kill.remove(interrupt)
            owner.waiting_for = None
            granted = waiter.future.done() and not waiter.future.cancelled() and waiter.future.exception() is None
            if not granted and waiter in lock.queue:
                lock.queue.remove(waiter)
                self._wake(resource, lock)
        return True

    def release(self, owner: LockOwner, resource: Resource) -> None:
        """Give one lock back before the end (statement-scoped locks only)."""
        if owner.held.pop(resource, None) is not None:
            self._drop(owner, resource)

    def release_all(self, owner: LockOwner) -> None:
        held, owner.held = owner.held, {}
        for resource in held:
            self._drop(owner, resource)

    def holders(self, resource: Resource) -> list[LockOwner]:
        lock = self._locks.get(resource)
        return [] if lock is None else list(lock.holders)

    def __len__(self) -> int:
        return len(self._locks)

    def _drop(self, owner: LockOwner, resource: Resource) -> None:
        lock = self._locks.get(resource)
        if lock is None:
            return
        lock.holders.pop(owner, None)
        if lock.queue:
            self._wake(resource, lock)
        elif not lock.holders:
            del self._locks[resource]

    def _wake(self, resource: Resource, lock: _Lock) -> None:
        while lock.queue:
            waiter = lock.queue[0]
            if waiter.future.done():
                lock.queue.popleft()
                continue
            others = (mode for holder, mode in lock.holders.items() if holder is not waiter.owner)
            if not all(mode in _COMPATIBLE[waiter.mode] for mode in others):
                break
            lock.queue.popleft()
            lock.holders[waiter.owner] = waiter.mode
            waiter.owner.held[resource] = waiter.mode
            waiter.future.set_result(None)
        if not lock.holders and not lock.queue:
            self._locks.pop(resource, None)

    @staticmethod
    def _grantable(lock: _Lock, owner: LockOwner, mode: str, *, upgrade: bool) -> bool:
        if any(h is not owner and m not in _COMPATIBLE[mode] for h, m in lock.holders.items()):
            return False
        # A newcomer queues behind whoever waits for something it conflicts with; an upgrade may pass.
        return upgrade or not any(
            w.mode not in _COMPATIBLE[mode] for w in lock.queue if w.owner is not owner and not w.future.done()
        )

    def _blockers(self, waiter: Waiter) -> Iterator[LockOwner]:
        lock = self._locks[waiter.resource]
        for holder, mode in lock.holders.items():
            if holder is not waiter.owner and mode not in _COMPATIBLE[waiter.mode]:
                yield holder
        for other in lock.queue:
            if other is waiter:
                break
            if other.owner is not waiter.owner and other.mode not in _COMPATIBLE[waiter.mode]:
                yield other.owner

    def _closes_cycle(self, start: LockOwner) -> bool:
        seen: set[LockOwner] = set()
        stack = [start]
        while stack:
            owner = stack.pop()
            if owner.waiting_for is None:
                continue
            for blocker in self._blockers(owner.waiting_for):
                if blocker is start:
                    return True
                if blocker not in seen:
                    seen.add(blocker)
                    stack.append(blocker)
        return False
