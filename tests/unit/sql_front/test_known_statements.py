"""Texts that are found again without the tokeniser: what it makes of them is the same."""

from __future__ import annotations

from decimal import Decimal

import pytest

from aurora_mysql.sql.fingerprint import bind, lift, split
from aurora_mysql.sql.known_statements import KnownStatement, cut, nulls_of, trustworthy
from aurora_mysql.sql.parse import parse_shape


@pytest.mark.parametrize(
    ("sql", "other"),
    [
        ("SELECT a FROM t WHERE b = 5", "SELECT a FROM t WHERE b = 77"),
        ("UPDATE t SET a = a + 12.50 WHERE id = 7", "UPDATE t SET a = a + 1234567890.5 WHERE id = 8"),
        ("INSERT INTO t VALUES (1, NULL, 'x', 4.25)", "INSERT INTO t VALUES (2, NULL, 'yy', 0.5)"),
        ("INSERT INTO t VALUES (NULL, NOW(), NULL)", "INSERT INTO t VALUES (NULL, NOW(), NULL)"),
    ],
)
def test_other_values_are_cut_as_they_are_lifted(sql: str, other: str) -> None:
    made = cut(sql)
    lifted = lift(split(sql)[0]).params
    assert made is not None and trustworthy(*made, lifted)
    known = KnownStatement(None, "", "", None, nulls_of(lifted))
    again = cut(other)
    assert again is not None and again[0] == made[0]
    assert list(known.params(again[1])) == lift(split(other)[0]).params


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SELECT 1.5", "SELECT 12345678901.5"),
        ("SELECT 1", "SELECT 1.0"),
        ("SELECT 1", "SELECT '1'"),
        ("INSERT INTO t VALUES (1)", "INSERT INTO t VALUES (NULL)"),
        ("SELECT 1.5", "SELECT 1.123456789012"),
        ("SELECT 1.5", "SELECT 1.5e3"),
    ],
)
def test_different_kinds_have_different_keys(one: str, other: str) -> None:
    first, second = cut(one), cut(other)
    assert first is not None and second is not None and first[0] != second[0]


def test_a_bound_decimal_without_a_fraction_is_no_integer() -> None:
    statement = split("SELECT a + ? FROM t")[0]
    bound = bind(statement, [Decimal(5)])
    tree, _ = parse_shape(lift(bound), bound.text)
    (literal,) = [node for node in tree.walk() if node.meta.get("param") == 0]
    assert literal.this == "5."


@pytest.mark.parametrize(
    ("text", "literals"),
    [
        ("5", [5]),
        ("'a'", ["a"]),
        ("a1 = 1", [1]),
        ("1a = $2 + @3 + `4` + t.5", []),
        ("x'41' AND n'b'", []),
        ("(7,'',1.50)", [7, "", Decimal("1.50")]),
        ("-8", [8]),
        ("1234567890123456789", []),
        ("123456789012345678", [123456789012345678]),
        ("1.12345678901", []),
        ("1.5.2", []),
        ("1e5", []),
        ("'it''s'", []),
        ("'a\\'b' = 3", ["b", 3]),
        ("'two\nlines'", ["two\nlines"]),
        ("é9", []),
    ],
)
def test_what_is_cut_out(text: str, literals: list[object]) -> None:
    made = cut(text)
    assert made is not None and made[1] == literals
