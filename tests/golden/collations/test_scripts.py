"""The scripts beside this file (see tests/support/sessions_script.py), against our executor in one process."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.sessions_script import Case, Sessions, load

CASES = [
    pytest.param(case, id=f"{path.stem}-{case.name}")
    for path in sorted(Path(__file__).parent.glob("*.txt"))
    for case in load(path)
]

Place = tuple["asyncio.Runner", Sessions]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with asyncio.Runner() as runner:
        sessions = runner.run(Sessions(tmp_path_factory.mktemp("engine")).__aenter__())
        yield runner, sessions
        runner.run(sessions.__aexit__())


@pytest.mark.parametrize("case", CASES)
def test_script(place: Place, case: Case) -> None:
    runner, sessions = place

    async def work() -> None:
        wrong = []
        try:
            for step in case.steps:
                found = await sessions.step(step)
                if step.session == "setup":
                    assert found[0].startswith("ok"), f"{step.sql}: {found}"
                elif found != step.expected:
                    wrong.append(f"{step.sql}\n  {found} instead of {step.expected}")
        finally:
            await sessions.reset()
        assert not wrong, "\n".join(wrong)

    runner.run(work())
