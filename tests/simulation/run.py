"""Running seeds: one with a report that replays, many on all processors."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from tests.simulation.world import World


@dataclass(frozen=True)
class Totals:
    seeds: int = 0
    steps: int = 0
    acknowledged: int = 0

    def plus(self, other: Totals) -> Totals:
        return Totals(self.seeds + other.seeds, self.steps + other.steps, self.acknowledged + other.acknowledged)


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
    return Totals(1, world.kernel.steps, world.truth.acknowledged)


def _run_some(first: int, count: int, only: tuple[str, ...]) -> tuple[Totals, list[str]]:
    totals, failures = Totals(), []
    for seed in range(first, first + count):
        try:
            totals = totals.plus(run_seed(seed, only))
        except AssertionError as error:
            failures.append(str(error))
    return totals, failures


def run_many(
    first: int, count: int, processes: int, only: tuple[str, ...], progress: Callable[[Totals, float], None]
) -> Iterator[str]:
    """Run seeds first..first+count-1; yields the story of each that failed."""
    began_s, totals, step = time.monotonic(), Totals(), 50
    with ProcessPoolExecutor(processes) as pool:
        waiting = [
            pool.submit(_run_some, at, min(step, first + count - at), only) for at in range(first, first + count, step)
        ]
        for future in waiting:
            some, failures = future.result()
            totals = totals.plus(some)
            progress(totals, time.monotonic() - began_s)
            yield from failures
