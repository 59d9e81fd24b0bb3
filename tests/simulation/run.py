"""Running seeds: one with a report that replays, many on all processors."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import astuple, dataclass
from pathlib import Path

from tests.simulation.world import World


@dataclass(frozen=True)
class Totals:
    seeds: int = 0
    steps: int = 0
    acknowledged: int = 0
    writers: int = 0
    replaced: int = 0

    def plus(self, other: Totals) -> Totals:
        return Totals(*(mine + more for mine, more in zip(astuple(self), astuple(other), strict=True)))


def run_seed(seed: int, only: tuple[str, ...] = ()) -> Totals:
    """Run one schedule.

    Raises:
        AssertionError: a promise was broken, or the production code failed; with the seed and what happened until then.
    """
    world = World(seed, only=only)
    try:
        world.run()
    except Exception as error:
        faults = f" --faults {','.join(only)}" if only else ""
        story = "\n".join(world.events)
        raise AssertionError(
            f"seed {seed}: {type(error).__name__}: {error}\n{story}\nreplay: scripts/simulate --seed {seed}{faults}"
        ) from error
    return Totals(1, world.kernel.steps, world.truth.acknowledged, world.number, world.truth.replacements())


def _run_some(first: int, count: int, only: tuple[str, ...]) -> tuple[Totals, list[str]]:
    totals, failures = Totals(), []
    for seed in range(first, first + count):
        try:
            totals = totals.plus(run_seed(seed, only))
        except AssertionError as error:
            failures.append(str(error))
            totals = totals.plus(Totals(1))
    return totals, failures


class Journal:
    """What was run already, one line per stretch of seeds, so that a long run can be broken off and taken up again."""

    def __init__(self, path: Path, only: tuple[str, ...]) -> None:
        self._path, self._only = path, list(only)
        self.totals = Totals()
        self.failures: list[str] = []
        self._done: set[int] = set()
        if path.exists():
            for line in path.read_text().splitlines():
                entry = json.loads(line)
                if entry["faults"] == self._only:
                    self._done.update(range(entry["first"], entry["first"] + entry["totals"][0]))
                    self.totals = self.totals.plus(Totals(*entry["totals"]))
                    self.failures += entry["failures"]

    def missing(self, first: int, count: int) -> Iterator[tuple[int, int]]:
        """Stretches (first, count) of at most 50 seeds that were not run yet."""
        wanted = [seed for seed in range(first, first + count) if seed not in self._done]
        while wanted:
            stretch = [seed for number, seed in enumerate(wanted[:50]) if seed == wanted[0] + number]
            yield stretch[0], len(stretch)
            wanted = wanted[len(stretch) :]

    def add(self, first: int, totals: Totals, failures: list[str]) -> None:
        self.totals = self.totals.plus(totals)
        self.failures += failures
        entry = {"first": first, "faults": self._only, "totals": astuple(totals), "failures": failures}
        with self._path.open("a") as file:
            file.write(json.dumps(entry) + "\n")


def run_many(
    first: int,
    count: int,
    processes: int,
    only: tuple[str, ...],
    progress: Callable[[Totals, float], None],
    journal: Journal | None = None,
) -> Iterator[str]:
    """Run seeds first..first+count-1 but for those in the journal; yields the story of each that failed."""
    began_s, totals = time.monotonic(), Totals()
    stretches = (
        [(at, min(50, first + count - at)) for at in range(first, first + count, 50)]
        if journal is None
        else list(journal.missing(first, count))
    )
    with ProcessPoolExecutor(processes) as pool:
        waiting = deque((at, pool.submit(_run_some, at, number, only)) for at, number in stretches)
        while waiting:
            at, future = waiting.popleft()
            some, failures = future.result()
            totals = totals.plus(some)
            if journal is not None:
                journal.add(at, some, failures)
            progress(totals, time.monotonic() - began_s)
            yield from failures
