"""Statements written for MariaDB: only what the two servers understand differently is worded otherwise."""

from __future__ import annotations

import pytest

from tests.rig.as_mysql import as_mysql, kind_of
from tests.rig.generator import Generator, Node

WHOLE, DATE, TEXT, REAL = (
    Node(kind, name) for kind, name in (("int", "i"), ("date", "dt"), ("str", "s"), ("dbl", "f"))
)


def node(kind: str, template: str, *children: Node) -> Node:
    return Node(kind, template.replace("{}", "\0"), list(children))


CASES = [
    (node("bool", "({} < {})", DATE, WHOLE), "((dt + 0) < i)"),
    (node("bool", "({} < {})", DATE, DATE), "(dt < dt)"),
    (node("bool", "({} < {})", TEXT, DATE), "(s < dt)"),
    (node("dbl", "({} * {})", TEXT, REAL), "(CAST(s AS DOUBLE) * f)"),
    (node("int", "MONTH({})", WHOLE), "MONTH(IF(i >= 0 AND (i < 1 OR i BETWEEN 101 AND 99991231235959), i, NULL))"),
    (node("int", "MONTH({})", DATE), "MONTH(dt)"),
    (node("int", "INSTR({}, {})", TEXT, TEXT), "INSTR(REPLACE(s, 'é', 'e'), REPLACE(s, 'é', 'e'))"),
    (node("str", "GREATEST({}, {})", TEXT, WHOLE), "CONCAT(GREATEST(s, CONCAT(i)))"),
    (node("dec", "({} / {})", WHOLE, WHOLE), "(i / i)"),
    (node("bool", "({} = {})", WHOLE, node("dec", "({} / {})", WHOLE, WHOLE)), "(i = (CAST(i AS DECIMAL(60,20)) / i))"),
]


@pytest.mark.parametrize(("ours", "text"), CASES)
def test_wording(ours: Node, text: str) -> None:
    written = as_mysql(ours)
    assert written.text == text
    assert bool(written.reasons) == (text != ours.text())


def test_the_reason_is_told_for_a_part_deep_inside() -> None:
    inner = node("int", "MONTH({})", WHOLE)
    assert as_mysql(node("int", "({} + {})", inner, WHOLE)).reasons == as_mysql(inner).reasons != set()


@pytest.mark.parametrize(
    ("found", "kind"),
    [
        (node("str", "IF({}, {}, {})", WHOLE, DATE, DATE), "date"),
        (node("str", "COALESCE({}, {})", DATE, WHOLE), "str"),
        (node("str", "GREATEST({}, {})", DATE, WHOLE), "dated"),
        (node("str", "CASE {} WHEN {} THEN {} END", WHOLE, WHOLE, REAL), "dbl"),
        (node("int", "IFNULL({}, {})", Node("int", "NULL"), WHOLE), "int"),
    ],
)
def test_kinds_of_mixtures(found: Node, kind: str) -> None:
    assert kind_of(found) == kind


def test_most_generated_statements_are_asked_as_they_are() -> None:
    generator = Generator(1)
    statements = [generator.statement() for _ in range(300)]
    same = [s for s in statements if not as_mysql(s).reasons]
    assert len(same) > 150
    assert all(as_mysql(s).text == s.text() for s in same)
