"""The operators of BOOLEAN MODE."""

from __future__ import annotations

import pytest

from aurora_mysql.errors import MySQLError
from aurora_mysql.sql.query.fulltext_query import Group, Phrase, Term, is_indexed, parse_boolean

CASES = {
    "a1b +c_d -e* ~f": [Term("a1b"), Term("c_d", operator="+"), Term("e", True, "-"), Term("f", operator="~")],
    '"two words" @4 >x': [Phrase(["two", "words"], 4), Term("x", operator=">")],
    "+(<a b)": [Group([Term("a", operator="<"), Term("b")], "+")],
    'x, y! "z': [Term("x"), Term("y"), Term("z")],
    "": [],
}


@pytest.mark.parametrize("text", CASES)
def test_queries(text: str) -> None:
    assert parse_boolean(text) == Group(CASES[text])


@pytest.mark.parametrize("text", ["+", "++a", "a+", "a)", "(a", "*", "a @3", '"a b" @x'])
def test_what_is_refused(text: str) -> None:
    with pytest.raises(MySQLError) as refused:
        parse_boolean(text)
    assert refused.value.errno == 1064


def test_what_an_index_keeps() -> None:
    assert [w for w in ("ab", "abc", "THE", "The", "www", "x" * 84, "x" * 85) if is_indexed(w)] == ["abc", "x" * 84]
