"""The fuzzer's rules explain what they say, and no more."""

from __future__ import annotations

import pytest

from tests.rig.differences import Difference
from tests.rig.fuzz_rules import ALIKE, FuzzRule, rules

CASES = [
    ("spaces", "A ", "a", True),
    ("spaces", "a /b", "A/b", True),
    ("spaces", " a", "a", False),
    ("decimals", "100.00", "100", True),
    ("decimals", "2020-01-01 00:00:00.000", "2020-01-01 00:00:00", True),
    ("decimals", "100", "1", False),
    ("decimals", "1.05", "1.5", False),
    ("zero", "-0.00", "0", True),
    ("zero", "-0.01", "0.01", False),
    ("rounding", "0.07692307", "0.0769", True),
    ("rounding", "0.0780", "0.0769", False),
    ("whole", "1", "1.500000", True),
    ("whole", "2", "1.5", False),
    ("rounding", "x", "0.0769", False),
    ("last", "1.584962500721156 ", "1.5849625007211563 ", True),
    ("last", "34.80424344959478,2.807354922057604", "34.804243449594786,2.807354922057604", True),
    ("last", "1.58496250072", "1.58496250073", False),
    ("micro", "00:00:01.046667", "00:00:01.046666", True),
    ("micro", "00:00:01.046668", "00:00:01.046666", False),
    ("cut", "0.001", "0.00", True),
    ("cut", "30000000000", "3000", True),
    ("cut", "10", "1", False),
]


@pytest.mark.parametrize(("kind", "ours", "reference", "alike"), CASES)
def test_kinds(kind: str, ours: str, reference: str, alike: bool) -> None:
    assert ALIKE[kind](ours, reference) is alike


def test_every_value_that_differs_must_differ_so() -> None:
    rule = FuzzRule("GROUP BY", "why", "spaces rounding")
    found = Difference("rows", [["a ", "1"], ["b", "0.33333"]], [["a", "1"], ["b", "0.3333"]])
    assert rule.explains("SELECT 1 GROUP BY g", [found])
    assert not rule.explains("SELECT 1", [found])
    assert not rule.explains("SELECT 1 GROUP BY g", [Difference("rows", [["a ", "1"]], [["a", "2"]])])
    assert not rule.explains("SELECT 1 GROUP BY g", [Difference("rows", [["a ", None]], [["a", "2"]])])
    assert not rule.explains("SELECT 1 GROUP BY g", [found, Difference("error", 0, 1267)])


def test_rows_without_an_order_are_compared_with_those_they_resemble() -> None:
    rule = FuzzRule("UNION", "why", "rounding")
    wide = "123456789012345678901234567890.12345678901234567890"
    found = Difference("rows", [["0.0000"], ["-1.5"], [wide]], [["-1.5"], ["0.0000001"], [wide]])
    assert rule.explains("SELECT 1 UNION SELECT 2", [found])
    other = Difference("rows", [["0.0000"], ["-1.5"]], [["-1.6"], ["0.0000001"]])
    assert not rule.explains("SELECT 1 UNION SELECT 2", [other])


def test_an_error_is_explained_by_its_number() -> None:
    rule = FuzzRule("CASE", "why", error=1690)
    assert rule.explains("SELECT CASE", [Difference("error", 1690, 0)])
    assert not rule.explains("SELECT CASE", [Difference("error", 1815, 0)])
    assert not rule.explains("SELECT CASE", [Difference("rows", [["1"]], [["2"]])])


def test_an_error_of_the_reference_alone_is_explained_by_its_number() -> None:
    rule = FuzzRule("BETWEEN", "why", error_there=1690)
    assert rule.explains("SELECT 1 BETWEEN 2 AND 3", [Difference("error", 0, 1690)])
    assert not rule.explains("SELECT 1 BETWEEN 2 AND 3", [Difference("error", 1690, 0)])


def test_rules_have_kinds_that_exist() -> None:
    assert all(name in ALIKE for rule in rules() for name in rule.alike.split())
