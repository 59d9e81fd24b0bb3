"""Files of statements: one script each, with templates that open into matrices.

    -- what the file is about
    -- each f: ABS({a}) | SIGN({a})
    -- each a: 1 | -1.5 | '2'
    SELECT {f};
    -- end

A statement ends with a semicolon at the end of a line. ``-- each name: x | y`` gives a name its values until
``-- end``; every statement with ``{name}`` stands for all combinations. ``-- setup`` starts statements that are run but
are no cases (they must succeed); ``-- cases`` ends them.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from pathlib import Path

_EACH = re.compile(r"--\s*each\s+(\w+):\s*(.*)")
_NAME = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Statement:
    """`number` counts statements from 1; `case` is False for setup."""

    number: int
    sql: str
    case: bool


def read(path: Path) -> list[Statement]:
    """The statements of a file, matrices opened. Raises ValueError for a template without values."""
    found: list[Statement] = []
    values: dict[str, list[str]] = {}
    lines: list[str] = []
    case = True
    for line in path.read_text().splitlines():
        bare = line.strip()
        each = _EACH.fullmatch(bare)
        if each is not None:
            values[each[1]] = [v.strip() for v in re.split(r"\s\|\s", each[2])]
        elif bare == "-- end":
            values = {}
        elif bare in ("-- setup", "-- cases"):
            case = bare == "-- cases"
        elif not lines and (not bare or bare.startswith("-- ")):
            continue
        else:
            lines.append(line)
            if bare.endswith(";"):
                template = "\n".join(lines).strip()[:-1]
                lines = []
                for sql in expand(template, values):
                    found.append(Statement(len(found) + 1, sql, case))
    if lines:
        raise ValueError(f"{path.name}: the last statement has no end: {lines[0]}")
    return found


def expand(template: str, values: dict[str, list[str]]) -> list[str]:
    """All combinations of the names in `template`, which values may themselves contain."""
    name = next((n for n in _NAME.findall(template) if n in values), None)
    if name is None:
        return [template]
    opened = (expand(template.replace("{" + name + "}", value), values) for value in values[name])
    return list(itertools.chain.from_iterable(opened))
