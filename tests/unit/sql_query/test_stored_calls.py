"""What is noted of unknown calls: only what no unknown value can have led to."""

from __future__ import annotations

import pytest

from aurora_mysql.errors import MySQLError
from aurora_mysql.sql.functions import stored_calls
from aurora_mysql.sql.functions.stored_calls import CallResults


def test_known_calls_are_answered_and_unknown_ones_noted_once() -> None:
    calls = CallResults([False], one_by_one=False)
    assert [calls.find(0, (n,)) for n in (1, 2, 1)] == [None, None, None]
    assert calls.missed
    assert calls.wanted() == (0, [((1,), (1,)), ((2,), (2,))])
    calls.answer(0, (1,), "one")
    calls.answer(0, (2,), None)
    calls.begin_round()
    assert [calls.find(0, (n,)) for n in (1, 2)] == ["one", None]
    assert not calls.missed


def test_after_another_place_missed_nothing_more_is_noted() -> None:
    calls = CallResults([False, False], one_by_one=False)
    calls.find(0, (1,))
    calls.find(1, (None,))  # perhaps f(NULL) because g(1) is not known yet
    calls.find(0, (2,))  # perhaps reached because of it
    assert calls.wanted() == (0, [((1,), (1,))])


def test_each_call_of_a_volatile_function_counts() -> None:
    calls = CallResults([True], one_by_one=False)
    for _ in range(2):
        calls.begin_round()
        found = [calls.find(0, ("x",)) for _ in range(2)]
        place, wanted = calls.wanted()
        for number, (key, arguments) in enumerate(wanted):
            assert arguments == ("x",)
            calls.answer(place, key, number)
    assert found == [0, 1]


def test_in_recursion_one_call_at_a_time() -> None:
    calls = CallResults([False], one_by_one=True)
    calls.find(0, (1,))
    calls.find(0, (None,))
    assert calls.wanted() == (0, [((1,), (1,))])


def test_calls_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored_calls, "MAX_CALLS", 2)
    calls = CallResults([False], one_by_one=False)
    calls.find(0, (1,))
    calls.find(0, (2,))
    with pytest.raises(MySQLError) as refused:
        calls.find(0, (3,))
    assert refused.value.errno == 1041
