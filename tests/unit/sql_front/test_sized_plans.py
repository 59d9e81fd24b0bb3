"""Plans that hang on how many digits an integer literal has."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, cast

from aurora_mysql.sql.plan import Plan
from aurora_mysql.sql.plan_cache import CachedPlan, PlanCache


def plan() -> CachedPlan:
    return CachedPlan(cast(Plan, object()), frozenset())


def test_a_sized_literal_chooses_by_its_digits() -> None:
    plans, one, two = PlanCache(), plan(), plan()
    key: tuple[Any, ...] = ("SELECT price * ?",)
    plans.put(key, [7], set(), one, {0})
    plans.put(key, [42], set(), two, {0})
    assert plans.get(key, [9]) is one
    assert plans.get(key, [-9]) is one
    assert plans.get(key, [10]) is two
    assert plans.get(key, [100]) is None


def test_a_baked_literal_needs_no_size() -> None:
    plans, one = PlanCache(), plan()
    key: tuple[Any, ...] = ("SELECT price * ? FROM t LIMIT ?",)
    plans.put(key, [7, 1], {1}, one, {0, 1})
    assert plans.get(key, [8, 1]) is one
    assert plans.get(key, [8, 2]) is None
    assert plans.get(key, [88, 1]) is None


def test_what_was_found_before_a_literal_was_known_to_matter_is_forgotten() -> None:
    plans, one, two = PlanCache(), plan(), plan()
    key: tuple[Any, ...] = ("SELECT price * ?",)
    plans.put(key, [7], set(), one)
    plans.put(key, [42], set(), two, {0})
    assert plans.get(key, [7]) is None
    assert plans.get(key, [41]) is two


def test_a_literal_is_its_digits() -> None:
    """1.50 has two decimals and 1.5 one, though they are equal."""
    plans, one, two = PlanCache(), plan(), plan()
    key: tuple[Any, ...] = ("SELECT ?",)
    plans.put(key, [Decimal("1.50")], {0}, one)
    assert plans.get(key, [Decimal("1.5")]) is None
    plans.put(key, [Decimal("1.5")], {0}, two)
    assert plans.get(key, [Decimal("1.50")]) is one
    assert plans.get(key, [Decimal("1.5")]) is two
    plans.put(key, [0.0], {0}, one)
    assert plans.get(key, [-0.0]) is None
