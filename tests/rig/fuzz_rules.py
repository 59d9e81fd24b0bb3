"""What the fuzzer finds and what is no mistake: by the smallest statement that differs, and how its values do."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path

from tests.rig.differences import Difference

RULES = Path(__file__).with_name("fuzz_explained.json")


def _number(value: str) -> Decimal | None:
    try:
        return Decimal(value)
    except InvalidOperation:
        return None


def _spaces(a: str, b: str) -> bool:
    """Equal but for case and for spaces at the end, of each part of a list."""
    return re.sub(r" +(?=$|[/,])", "", a).casefold() == re.sub(r" +(?=$|[/,])", "", b).casefold()


def _decimals(a: str, b: str) -> bool:
    """Equal but for zeros at the end of a fraction."""
    return _bare(a) == _bare(b)


def _bare(value: str) -> str:
    return re.sub(r"\.?0+$", "", value) if "." in value else value


def _zero(a: str, b: str) -> bool:
    """Zero, with and without a sign."""
    return _number(a) == _number(b) == 0


def _rounding(a: str, b: str) -> bool:
    """Numbers that differ by less than two of a fourth decimal."""
    one, other = _number(a), _number(b)
    return one is not None and other is not None and abs(one - other) <= Decimal("0.0002")


def _whole(a: str, b: str) -> bool:
    """Equal but for their fractions."""
    one, other = _number(a), _number(b)
    return one is not None and other is not None and int(one) == int(other)


def _last_digit(a: str, b: str) -> bool:
    """Numbers, or lists of them, that differ in the last of a DOUBLE's digits only."""
    first, second = (re.split(r"[ ,/-]", text) for text in (a, b))
    return len(first) == len(second) and all(map(_nearly, first, second))


def _nearly(a: str, b: str) -> bool:
    one, other = _number(a), _number(b)
    return a == b or (one is not None and other is not None and abs(one - other) <= abs(other) * Decimal("4e-16"))


def _micro(a: str, b: str) -> bool:
    """Times that differ by a microsecond."""
    return a[:-7] == b[:-7] and a[-7:-6] == "." and abs(int(a[-6:]) - int(b[-6:])) <= 1


def _cut(a: str, b: str) -> bool:
    """The other has fewer decimals, or only the first four characters."""
    return a.startswith(b) and ("." in b or len(b) == 4)


ALIKE: dict[str, Callable[[str, str], bool]] = {
    "spaces": _spaces, "decimals": _decimals, "zero": _zero, "rounding": _rounding, "whole": _whole,
    "last": _last_digit, "micro": _micro, "cut": _cut,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class FuzzRule:
    """`statement`: a regular expression over the small statement. `alike`: how each value that differs must differ, one
    or the other of :data:`ALIKE`; '' for any rows. `error`: an error of ours where the reference has none;
    `error_there`: one of the reference where we have none."""

    statement: str
    reason: str
    alike: str = ""
    error: int = 0
    error_there: int = 0

    def explains(self, sql: str, found: Sequence[Difference]) -> bool:
        if re.search(self.statement, sql, re.IGNORECASE) is None:
            return False
        if self.error or self.error_there:
            return all((d.what, d.ours, d.reference) == ("error", self.error, self.error_there) for d in found)
        if any(d.what != "rows" for d in found):
            return False
        kinds = [ALIKE[name] for name in self.alike.split()]
        return not kinds or all(_all_alike(d, kinds) for d in found)


def _all_alike(found: Difference, kinds: Sequence[Callable[[str, str], bool]]) -> bool:
    if len(found.ours) != len(found.reference):
        return False
    pairs = [
        (v, w)
        for a, b in zip(sorted(found.ours, key=_place), sorted(found.reference, key=_place), strict=True)
        for v, w in zip(a, b, strict=True)
        if v != w
    ]
    return all(v is not None and w is not None and any(alike(v, w) for alike in kinds) for v, w in pairs)


def _place(row: Sequence[str | None]) -> str:
    """Where a row stands among others: the same whether or not its numbers are rounded."""
    numbers = [None if value is None else _number(value) for value in row]
    return repr([v if n is None else round(float(n), 3) + 0.0 for v, n in zip(row, numbers, strict=True)])


def rules() -> list[FuzzRule]:
    return [FuzzRule(**r) for r in json.loads(RULES.read_text())]
