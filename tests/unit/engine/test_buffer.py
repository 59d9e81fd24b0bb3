"""The transaction's redo buffer: images, marks, unique values."""

from __future__ import annotations

import random

from aurora_mysql.engine.buffer import RedoBuffer
from aurora_mysql.engine.keys import TableKeys
from tests.support.engine_world import ITEMS

KEYS = TableKeys(ITEMS)


def test_the_net_effect() -> None:
    buffer = RedoBuffer()
    buffer.put(KEYS, (1, "a", 1))
    buffer.put(KEYS, (1, "a", 2))
    buffer.put(KEYS, (2, "b", 1))
    buffer.delete(KEYS, (2, "b", 1))
    buffer.delete(KEYS, (3, "c", 1))
    (change,) = buffer.changes()
    assert change.upserts == [(1, "a", 2)]
    assert sorted(change.deletes) == [(2,), (3,)]


def test_nothing_written_is_nothing_to_log() -> None:
    buffer = RedoBuffer()
    mark = buffer.mark()
    buffer.put(KEYS, (1, "a", 1))
    assert buffer
    buffer.rollback_to(mark)
    assert not buffer and buffer.changes() == []


def test_find() -> None:
    buffer = RedoBuffer()
    assert buffer.find(1, (1,)) == (False, None)
    buffer.put(KEYS, (1, "a", 1))
    assert buffer.find(1, (1,)) == (True, (1, "a", 1))
    buffer.delete(KEYS, (1, "a", 1))
    assert buffer.find(1, (1,)) == (True, None)


def test_a_version_for_every_change() -> None:
    buffer = RedoBuffer()
    buffer.put(KEYS, (1, "a", 1))
    mark, version = buffer.mark(), buffer.tables[1].version
    buffer.put(KEYS, (1, "a", 2))
    after = buffer.tables[1].version
    buffer.rollback_to(mark)
    assert version < after < buffer.tables[1].version, "an overlay built in between is out of date"


def test_unique_values_of_own_rows() -> None:
    buffer = RedoBuffer()
    buffer.put(KEYS, (1, "A", 1))
    assert buffer.find_unique(KEYS, "code", ("a",)) == (1, "A", 1)
    buffer.put(KEYS, (1, "B", 1))
    assert buffer.find_unique(KEYS, "code", ("a",)) is None
    buffer.put(KEYS, (2, "A", 1))
    assert buffer.find_unique(KEYS, "code", ("a",)) == (2, "A", 1)
    buffer.put(KEYS, (3, None, 1))
    assert buffer.find_unique(KEYS, "code", ("b",)) == (1, "B", 1)


def test_unique_values_come_back_with_the_mark() -> None:
    """Row 1 has the value, gives it to row 2, and all that is undone: row 1 must be found again."""
    buffer = RedoBuffer()
    buffer.put(KEYS, (1, "A", 1))
    mark = buffer.mark()
    buffer.put(KEYS, (1, "B", 1))
    buffer.put(KEYS, (2, "A", 1))
    buffer.rollback_to(mark)
    assert buffer.find_unique(KEYS, "code", ("a",)) == (1, "A", 1)
    assert buffer.find_unique(KEYS, "code", ("b",)) is None


def test_marks_against_a_model() -> None:
    """Random writes with nested marks: the buffer is what a dictionary with copies is."""
    for seed in range(20):
        dice = random.Random(seed)
        buffer = RedoBuffer()
        model: dict[int, tuple[int, str, int] | None] = {}
        marks: list[tuple[int, dict[int, tuple[int, str, int] | None]]] = []
        for step in range(200):
            choice = dice.random()
            key = dice.randrange(8)
            if choice < 0.5:
                taken = {r[1] for k, r in model.items() if r is not None and k != key}
                code = dice.choice([c for c in "abcdefghij" if c not in taken])
                row = (key, code, step)
                buffer.put(KEYS, row)
                model[key] = row
            elif choice < 0.7:
                buffer.delete(KEYS, (key, "x", 0))
                model[key] = None
            elif choice < 0.85:
                marks.append((buffer.mark(), dict(model)))
            elif marks:
                mark, model = marks.pop(dice.randrange(len(marks)))
                model = dict(model)
                buffer.rollback_to(mark)
                marks = [m for m in marks if m[0] <= mark]
            assert dict(buffer.rows(1)) == {(k,): r for k, r in model.items()}, (seed, step)
            for code in "abcdefghij":
                expected = next((r for r in model.values() if r is not None and r[1] == code), None)
                assert buffer.find_unique(KEYS, "code", (code,)) == expected, (seed, step, code)
