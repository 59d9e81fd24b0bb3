"""Gaps: ranges of keys that a transaction keeps free of new rows, so that its locking reads meet no phantoms.

InnoDB locks the records of an index range and the gaps between them, up to the next record. Here a gap ends where the
condition does: it holds up exactly what the condition would find, and nothing beside it. (A condition that no index
serves makes InnoDB lock every row and every gap; that is a lock on the table here.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from aurora_mysql.catalog.model import Table
from aurora_mysql.engine.keys import Key, normaliser
from aurora_mysql.redo.record import Row


def gap_resource(table: Table) -> tuple[str, int]:
    """The lock manager's name for the gaps of a table."""
    return ("g", table.id)


class Entering(NamedTuple):
    """A row that is about to be there; `before` is the image it replaces, None for a new one."""

    row: Row
    before: Row | None = None


@dataclass(frozen=True, slots=True)
class KeyRange:
    """Rows whose leading `columns` of some index lie between `low` and `high` (both included unless open; None is no
    bound)."""

    columns: tuple[str, ...]
    low: Key | None
    high: Key | None
    low_open: bool
    high_open: bool
    key_of: Callable[[Row], Key] = field(compare=False, repr=False)

    @property
    def is_point(self) -> bool:
        return self.low is not None and self.low == self.high

    def covers(self, into: Entering) -> bool:
        """The row comes into the range. One that was there before is a matter of its own lock."""
        return self.has(into.row) and (into.before is None or not self.has(into.before))

    def has(self, row: Row) -> bool:
        key = self.key_of(row)
        low, high = self.low, self.high
        try:
            if low is not None and not (_above(key, low) or (not self.low_open and key[: len(low)] == low)):
                return False
            return high is None or _above(high, key) or (not self.high_open and key[: len(high)] == high)
        except TypeError:
            return True  # values of different types have no order here: rather hold one row too many


class Leading:
    """The leading `columns` of an index, over which there are ranges."""

    def __init__(self, table: Table, columns: Sequence[str]) -> None:
        self._columns = tuple(columns)
        self._positions = [table.position[c.lower()] for c in columns]
        self._normalise = [normaliser(table, columns[:count]) for count in range(len(columns) + 1)]

    def _key_of(self, row: Row) -> Key:
        return self._normalise[-1]([row[p] for p in self._positions])

    def between(
        self,
        low: Sequence[Any] | None,
        high: Sequence[Any] | None,
        *,
        low_open: bool = False,
        high_open: bool = False,
    ) -> KeyRange:
        """Bounds are storage values and may be shorter than the columns."""
        least = None if low is None else self._normalise[len(low)](low)
        most = least if high is low else None if high is None else self._normalise[len(high)](high)
        return KeyRange(self._columns, least, most, low_open, high_open, self._key_of)


def key_range(
    table: Table,
    columns: Sequence[str],
    low: Sequence[Any] | None,
    high: Sequence[Any] | None,
    *,
    low_open: bool = False,
    high_open: bool = False,
) -> KeyRange:
    """A range over the leading `columns` of an index; bounds are storage values and may be shorter than `columns`."""
    return Leading(table, columns).between(low, high, low_open=low_open, high_open=high_open)


def _above(a: Key, b: Key) -> bool:
    """`a` sorts behind `b` in their common length; NULL sorts first."""
    for x, y in zip(a, b, strict=False):
        if x is None or y is None:
            if x is y:
                continue
            return y is None
        if x != y:
            return bool(x > y)
    return False
