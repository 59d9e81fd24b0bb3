"""Every golden case answers as recorded: rows, order, columns, affected rows, insert id, warnings, errors."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rig import golden
from tests.rig.observation import Observation
from tests.rig.servers import Session
from tests.support.cluster import PASSWORD, Cluster

CASES = {path: golden.cases(path) for path in golden.themes()}
ITEMS = [(path, i) for path, found in CASES.items() for i, c in enumerate(found) if c.statement.case]


class Answers:
    """A cluster of one instance; each file of cases runs once, as a whole."""

    def __init__(self, directory: Path) -> None:
        self.cluster = Cluster(directory, readers=0)
        self.cluster.start()
        self._known: dict[Path, list[Observation | None]] = {}

    def of(self, path: Path) -> list[Observation | None]:
        if path not in self._known:
            host, port = self.cluster.endpoints["cluster"]
            session = Session(f"{host}:{port}", "admin", PASSWORD)
            try:
                self._known[path] = golden.answers(session, path, [c.statement for c in CASES[path]])
            finally:
                session.close()
        return self._known[path]


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answers]:
    found = Answers(tmp_path_factory.mktemp("cases"))
    yield found
    found.cluster.close()


@pytest.mark.parametrize(
    ("path", "index"), ITEMS, ids=[f"{golden.theme_name(p)}:{CASES[p][i].statement.number}" for p, i in ITEMS]
)
def test_as_recorded(answers: Answers, path: Path, index: int) -> None:
    case = CASES[path][index]
    found = golden.wrong(case, answers.of(path)[index])
    if case.known:
        assert found, f"fixed: take it out of open.json\n{case.statement.sql}"
        pytest.xfail(case.known)
    assert not found, "\n".join([case.statement.sql, *map(str, found)])
