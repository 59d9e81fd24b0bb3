"""How tests are spread over processes: those that start clusters run one after the other, beside all the rest."""

from __future__ import annotations

from typing import Any

import pytest

#: Folders whose tests start clusters. Two at a time would disturb each other: they wait for things with deadlines.
LIVE = ("tests/clients/", "tests/cluster/", "tests/faults/")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Live tests take longer than all others, so that a run ends soonest if they begin at once."""
    items.sort(key=lambda item: not item.nodeid.startswith(LIVE))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With ``--dist loadfile``: all live tests for one process, every other file for whichever is free."""
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]

    class Lanes(LoadFileScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return "live" if nodeid.startswith(LIVE) else str(super()._split_scope(nodeid))

    return Lanes(config, log)
