"""A simulated machine room: processes and their threads on a virtual clock, one step at a time, in an order that a seed
decides.

The threads are greenlets running the production code. They change over only where real threads wait or could be
interrupted with an effect: at every disk call, at locks, and at waits. Time passes only by waiting, so a schedule of
minutes takes milliseconds, and the same seed gives the same run to the last step.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterable
from random import Random
from types import TracebackType
from typing import Any, TypeVar

import greenlet

from aurora_mysql.storage.runtime import Gathering

T = TypeVar("T")
R = TypeVar("R")


class ProcessDied(BaseException):
    """Unwinds the threads of a killed process; nothing that they do on the way has an effect."""


class Deadlock(Exception):
    """No thread can go on, and the main one isn't done."""


class Actor:
    """One thread. `token` makes wake-ups that came too late harmless."""

    __slots__ = ("done", "greenlet", "joiners", "process", "started", "token", "woken", "work")

    def __init__(self, process: Process, work: Callable[[], None]) -> None:
        self.process, self.work = process, work
        self.token = 0
        self.started = self.done = self.woken = False
        self.joiners: deque[Actor] = deque()
        self.greenlet: Any = None


class Process:
    """What dies and stands still as one."""

    def __init__(self, kernel: Kernel, name: str) -> None:
        self.kernel, self.name = kernel, name
        self.alive, self.paused = True, False
        self.actors: list[Actor] = []
        self.parked: list[tuple[Actor, int]] = []


class Kernel:
    def __init__(self, seed: int | str) -> None:
        self.random = Random(seed)
        self.now_s = 0.0
        self.steps = 0
        self.failure: BaseException | None = None
        self._processes: list[Process] = []
        self._heap: list[tuple[float, int, Actor, int]] = []
        self._sequence = 0
        self._current: Actor | None = None
        self._hub: Any = None

    # -- running ------------------------------------------------------------------------------------------------

    def run(self, process: Process, work: Callable[[], None]) -> None:
        """Run `work` as the main thread to its end; raises the first failure of any thread."""
        self._hub = greenlet.getcurrent()
        main = self.spawn(process, work)
        try:
            while not main.done and self.failure is None:
                if not self._heap:
                    raise Deadlock("every thread waits for another")
                at_s, _, actor, token = heapq.heappop(self._heap)
                if actor.token != token or actor.done or not actor.process.alive:
                    continue
                if actor.process.paused:
                    actor.process.parked.append((actor, token))
                    continue
                self.now_s = max(self.now_s, at_s)
                self._switch(actor)
            if self.failure is not None:
                raise self.failure
        finally:
            for other in self._processes:
                self.kill(other)

    def _switch(self, actor: Actor) -> None:
        self.steps += 1
        self._current = actor
        actor.started = True
        actor.greenlet.parent = greenlet.getcurrent()
        actor.greenlet.switch()
        self._current = None

    def process(self, name: str) -> Process:
        process = Process(self, name)
        self._processes.append(process)
        return process

    def spawn(self, process: Process, work: Callable[[], None]) -> Actor:
        actor = Actor(process, work)
        actor.greenlet = greenlet.greenlet(lambda: self._body(actor))
        process.actors.append(actor)
        self._push(actor, self.random.random() * 1e-5)
        return actor

    def _body(self, actor: Actor) -> None:
        try:
            actor.work()
        except ProcessDied:
            pass
        except BaseException as error:
            if self.failure is None:
                self.failure = error
        actor.done = True
        actor.token += 1
        for other in actor.joiners:
            self.wake(other)

    def _push(self, actor: Actor, delay_s: float) -> None:
        self._sequence += 1
        heapq.heappush(self._heap, (self.now_s + delay_s, self._sequence, actor, actor.token))

    # -- what threads call --------------------------------------------------------------------------------------

    @property
    def current(self) -> Actor:
        assert self._current is not None
        return self._current

    def pause(self, seconds: float) -> None:
        """Let `seconds` pass for the calling thread."""
        actor = self.current
        if not actor.process.alive:
            raise ProcessDied
        if not actor.process.paused and (not self._heap or self._heap[0][0] > self.now_s + seconds):
            self.now_s += seconds  # nobody else is due before
            self.steps += 1
            return
        self._push(actor, seconds)
        self._leave(actor)

    def _leave(self, actor: Actor) -> None:
        self._hub.switch()
        self._current = actor
        if not actor.process.alive:
            raise ProcessDied

    def block(self, waiters: deque[Actor], timeout_s: float | None = None) -> bool:
        """Wait until somebody takes the thread from `waiters` and wakes it; False after `timeout_s`."""
        actor = self.current
        if not actor.process.alive:
            raise ProcessDied
        actor.woken = False
        waiters.append(actor)
        if timeout_s is not None:
            self._push(actor, timeout_s)
        self._leave(actor)
        if not actor.woken:
            waiters.remove(actor)
        return actor.woken

    def wake(self, actor: Actor) -> None:
        if not actor.done:
            actor.woken = True
            actor.token += 1
            self._push(actor, self.random.random() * 2e-5)

    def join(self, actor: Actor) -> None:
        while not actor.done and actor.process.alive:
            self.block(actor.joiners)

    # -- processes ----------------------------------------------------------------------------------------------

    def kill(self, process: Process) -> None:
        """kill -9: no thread of it does anything any more. A thread may kill its own process; it then ends here."""
        process.alive = False
        mine = self._current
        for actor in process.actors:
            if actor is mine or actor.done:
                continue
            actor.token += 1
            if actor.started:
                actor.greenlet.parent = greenlet.getcurrent()
                self._current = actor
                actor.greenlet.throw(ProcessDied)
                self._current = mine
        if mine is not None and mine.process is process:
            raise ProcessDied

    def stop(self, process: Process) -> None:
        """SIGSTOP."""
        process.paused = True

    def resume(self, process: Process) -> None:
        """SIGCONT: everything that came due meanwhile comes due now."""
        process.paused = False
        parked, process.parked = process.parked, []
        for actor, token in parked:
            if actor.token == token:
                self._push(actor, self.random.random() * 1e-5)


class SimLock:
    """Reentrant, as the runtime promises. A thread may lose the processor before and after."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._owner: Actor | None = None
        self._count = 0
        self._waiters: deque[Actor] = deque()

    def __enter__(self) -> None:
        kernel = self._kernel
        if self._owner is not kernel.current:
            if kernel.random.random() < 0.3:
                kernel.pause(kernel.random.random() * 5e-5)
            while self._owner is not None:
                kernel.block(self._waiters)
            self._owner = kernel.current
        self._count += 1

    def __exit__(self, kind: type[BaseException] | None, value: object, trace: TracebackType | None) -> None:
        self._count -= 1
        if self._count:
            return
        self._owner = None
        if self._waiters:
            self._kernel.wake(self._waiters.popleft())
        if kind is None and self._kernel.random.random() < 0.3:
            self._kernel.pause(self._kernel.random.random() * 5e-5)


class SimSignal:
    def __init__(self, kernel: Kernel) -> None:
        self._kernel, self._set = kernel, False
        self._waiters: deque[Actor] = deque()

    def set(self) -> None:
        self._set = True
        while self._waiters:
            self._kernel.wake(self._waiters.popleft())

    def wait(self, timeout_s: float) -> bool:
        return self._set or self._kernel.block(self._waiters, timeout_s) or self._set


class SimBell:
    def __init__(self, kernel: Kernel) -> None:
        self._kernel, self._rings = kernel, 0
        self._waiters: deque[Actor] = deque()

    def ring(self) -> None:
        self._rings += 1
        if self._waiters:
            self._kernel.wake(self._waiters.popleft())

    def wait(self, timeout_s: float) -> bool:
        if not self._rings:
            self._kernel.block(self._waiters, timeout_s)
        if self._rings:
            self._rings -= 1
            return True
        return False


class SimWorker:
    def __init__(self, kernel: Kernel, actor: Actor) -> None:
        self._kernel, self._actor = kernel, actor

    def join(self, timeout_s: float) -> None:
        if not self._actor.done:
            self._kernel.block(self._actor.joiners, timeout_s)

    def is_alive(self) -> bool:
        return not self._actor.done


class SimRuntime:
    """The runtime of one simulated process."""

    def __init__(self, process: Process) -> None:
        self._process, self._kernel = process, process.kernel

    def lock(self) -> SimLock:
        return SimLock(self._kernel)

    def signal(self) -> SimSignal:
        return SimSignal(self._kernel)

    def bell(self) -> SimBell:
        return SimBell(self._kernel)

    def spawn(self, work: Callable[[], None], name: str) -> SimWorker:
        return SimWorker(self._kernel, self._kernel.spawn(self._process, work))

    def each(self, work: Callable[[T], R | None], items: Iterable[T], enough: int, grace_s: float) -> list[R | None]:
        gathering: Gathering[R] = Gathering(enough)
        waiters: deque[Actor] = deque()

        def one(number: int, item: T) -> None:
            result: R | None = None
            error: Exception | None = None
            try:
                result = work(item)
            except Exception as raised:
                error = raised
            gathering.add(number, result, error)
            if waiters:
                self._kernel.wake(waiters.popleft())

        deadline_s = self._kernel.now_s + grace_s
        for number, item in enumerate(items):
            gathering.expect()
            self._kernel.spawn(self._process, lambda n=number, i=item: one(n, i))  # type: ignore[misc]
        while not gathering.done(self._kernel.now_s >= deadline_s):
            late = max(1e-6, deadline_s - self._kernel.now_s) if gathering.has_enough() else None
            self._kernel.block(waiters, late)
        return gathering.results()

    def now_s(self) -> float:
        return self._kernel.now_s

    def sleep(self, seconds: float) -> None:
        self._kernel.pause(seconds)
