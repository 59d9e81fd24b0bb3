"""Threads, waiting and time as the storage room uses them: real here, simulated in the tests."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Any, Generic, Protocol, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Worker(Protocol):
    """A thread that was started."""

    def join(self, timeout_s: float) -> None: ...
    def is_alive(self) -> bool: ...


class Signal(Protocol):
    """Once set, it stays so."""

    def set(self) -> None: ...
    def wait(self, timeout_s: float) -> bool: ...


class Bell(Protocol):
    """Wakes one waiting thread; rings that nobody waits for are kept."""

    def ring(self) -> None: ...
    def wait(self, timeout_s: float) -> bool:
        """Until it rings; False after `timeout_s`."""
        ...


class Runtime(Protocol):
    """Everything that makes one run differ from the next, but for disks."""

    def lock(self) -> AbstractContextManager[Any]:
        """A lock that its holder may take again."""
        ...

    def signal(self) -> Signal: ...
    def bell(self) -> Bell: ...
    def spawn(self, work: Callable[[], None], name: str) -> Worker: ...
    def each(self, work: Callable[[T], R | None], items: Iterable[T], enough: int, grace_s: float) -> list[R | None]:
        """`work` for every item, all at the same time; raises what the first of them raised.

        Returns when all have ended, or when `enough` have brought something and `grace_s` has passed. The others then
        count as None; they go on, unheeded.
        """
        ...

    def now_s(self) -> float:
        """Seconds from some start; never goes back."""
        ...

    def sleep(self, seconds: float) -> None: ...


class Gathering(Generic[R]):
    """The bookkeeping of `Runtime.each`: what has come in, and whether to wait for more."""

    def __init__(self, enough: int) -> None:
        self._enough, self._expected = enough, 0
        self._results: dict[int, R | None] = {}
        self._errors: dict[int, Exception] = {}

    def expect(self) -> None:
        self._expected += 1

    def add(self, number: int, result: R | None, error: Exception | None) -> None:
        self._results[number] = result
        if error is not None:
            self._errors[number] = error

    def has_enough(self) -> bool:
        return sum(result is not None for result in self._results.values()) >= self._enough

    def done(self, late: bool) -> bool:
        return bool(self._errors) or len(self._results) == self._expected or (late and self.has_enough())

    def results(self) -> list[R | None]:
        """In the order of the items. Raises the first error there is."""
        for number in sorted(self._errors):
            raise self._errors[number]
        return [self._results.get(number) for number in range(self._expected)]


class _TokenBell:
    """A queue of tokens in C: an Event costs several hand-overs of the interpreter lock per ring."""

    def __init__(self) -> None:
        self._tokens: queue.SimpleQueue[None] = queue.SimpleQueue()

    def ring(self) -> None:
        self._tokens.put(None)

    def wait(self, timeout_s: float) -> bool:
        with contextlib.suppress(queue.Empty):
            self._tokens.get(timeout=timeout_s)
            return True
        return False


class ThreadRuntime:
    """This process's threads and clock."""

    def lock(self) -> AbstractContextManager[Any]:
        return threading.RLock()

    def signal(self) -> Signal:
        return threading.Event()

    def bell(self) -> Bell:
        return _TokenBell()

    def spawn(self, work: Callable[[], None], name: str) -> Worker:
        thread = threading.Thread(target=work, name=name, daemon=True)
        thread.start()
        return thread

    def each(self, work: Callable[[T], R | None], items: Iterable[T], enough: int, grace_s: float) -> list[R | None]:
        gathering: Gathering[R] = Gathering(enough)
        change = threading.Condition()

        def one(number: int, item: T) -> None:
            result: R | None = None
            error: Exception | None = None
            try:
                result = work(item)
            except Exception as raised:
                error = raised
            with change:
                gathering.add(number, result, error)
                change.notify()

        deadline_s = time.monotonic() + grace_s
        with change:
            for number, item in enumerate(items):
                gathering.expect()
                threading.Thread(target=one, args=(number, item), name="volume-recovery", daemon=True).start()
            while not gathering.done(time.monotonic() >= deadline_s):
                change.wait(max(0.001, deadline_s - time.monotonic()) if gathering.has_enough() else None)
            return gathering.results()

    def now_s(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


THREADS = ThreadRuntime()
