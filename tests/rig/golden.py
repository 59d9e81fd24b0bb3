"""The golden cases: files of statements with the reference's answers beside them.

``<area>/<theme>.sql`` are the statements, ``<area>/<theme>.jsonl`` the recorded answers. ``mysql8.json`` holds answers
of MySQL 8.0 where its manual and the reference server disagree, ``open.json`` cases in which we still differ. Both tell
why, by theme and statement.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.rig.case_file import Statement, read
from tests.rig.differences import Difference, unexplained
from tests.rig.observation import LostConnection, Observation
from tests.rig.servers import Session

ROOT = Path(__file__).parents[1] / "golden" / "cases"


@dataclass(frozen=True, slots=True)
class Case:
    """One statement with its right answer; `known` is the reason why we still answer otherwise, '' if we don't."""

    statement: Statement
    expected: Observation
    known: str = ""


def themes(root: Path = ROOT) -> list[Path]:
    """All files of statements that have recorded answers."""
    return sorted(p for p in root.glob("*/*.sql") if p.with_suffix(".jsonl").exists())


def theme_name(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def notes(name: str, theme: str, root: Path = ROOT) -> dict[str, Any]:
    """What mysql8.json or open.json says about the statements of `theme`."""
    path = root / name
    return dict(json.loads(path.read_text()).get(theme, {})) if path.exists() else {}


def corrected(expected: Observation, note: dict[str, Any] | None) -> Observation:
    """`expected` with MySQL 8.0's answer in place of the reference's."""
    if note is None:
        return expected
    answer = dict(note["answer"])
    if answer.get("error"):
        return Observation(error=answer["error"])
    return replace(expected, error=0, **answer)


def cases(path: Path) -> list[Case]:
    """The recorded cases of one file. Raises ValueError when statements and answers don't belong together."""
    statements = read(path)
    lines = [json.loads(line) for line in path.with_suffix(".jsonl").read_text().splitlines()]
    if [s.sql for s in statements] != [sql for sql, _ in lines]:
        raise ValueError(f"{path.name}: record it again (scripts/compare --record)")
    theme = theme_name(path)
    mysql8, known = notes("mysql8.json", theme), notes("open.json", theme)
    return [
        Case(s, corrected(Observation.of(kept), mysql8.get(s.sql)), known.get(s.sql, ""))
        for s, (_, kept) in zip(statements, lines, strict=True)
    ]


def database_name(path: Path) -> str:
    return f"rig_{path.parent.name}_{path.stem}"


def answers(session: Session, path: Path, statements: list[Statement]) -> list[Observation | None]:
    """Run a whole file in a fresh database; None for statements on which the connection was lost."""
    session.prepare(database_name(path))
    found: list[Observation | None] = []
    for statement in statements:
        try:
            found.append(session.run(statement.sql))
        except LostConnection:
            found.append(None)
            found += [None] * (len(statements) - len(found))
            break
    return found


def record(session: Session, path: Path) -> int:
    """Write down what the reference answers. Raises ValueError when a statement of the setup fails there."""
    statements = read(path)
    lines = []
    for statement, answer in zip(statements, answers(session, path, statements), strict=True):
        if answer is None or (answer.error and not statement.case):
            raise ValueError(f"{path.name}: {statement.sql}: {answer}")
        lines.append(json.dumps([statement.sql, answer.kept()], ensure_ascii=False))
    path.with_suffix(".jsonl").write_text("\n".join(lines) + "\n")
    return len(lines)


def wrong(case: Case, answer: Observation | None) -> list[Difference]:
    if answer is None:
        return [Difference("connection", "lost", "alive")]
    return unexplained(answer, case.expected, case.statement.sql)
