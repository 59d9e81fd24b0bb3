"""The volume under seeded schedules of failures. `scripts/simulate` runs many more."""

from __future__ import annotations

import pytest

from tests.simulation.mutations import MUTATIONS, Mutation
from tests.simulation.run import run_seed
from tests.simulation.world import World


@pytest.mark.parametrize("first", range(0, 100, 20))
def test_no_schedule_breaks_a_promise(first: int) -> None:
    for seed in range(first, first + 20):
        run_seed(seed)


def test_a_seed_replays_to_the_last_step() -> None:
    def trace(seed: int) -> tuple[list[str], int, dict[int, tuple[bytes, bool]]]:
        world = World(seed)
        world.run()
        return world.events, world.kernel.steps, world.truth.log

    for seed in (3, 11):
        assert trace(seed) == trace(seed)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_a_broken_rule_is_noticed(mutation: Mutation, monkeypatch: pytest.MonkeyPatch) -> None:
    """The seeds that found it before come first; when the code has changed, others do."""
    mutation.apply(monkeypatch.setattr)
    with pytest.raises(AssertionError, match=f"seed .*{mutation.says}"):
        for seed in (*mutation.seeds, *range(400)):
            run_seed(seed, only=mutation.faults)
