"""Shapes: what is lifted, what counts as the same statement, what the tree knows afterwards."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from sqlglot import exp

from aurora_mysql.errors import MySQLError
from aurora_mysql.sql.fingerprint import bind, lift, split
from aurora_mysql.sql.parse import parse_shape


@pytest.mark.parametrize(
    ("sql", "params"),
    [
        ("SELECT 1", [1]),
        ("SELECT 'a''b', \"c\\n\"", ["a'b", "c\n"]),
        ("SELECT 1.5, .5, 1e3, 12345678901234567890", [Decimal("1.5"), Decimal(".5"), 1000.0, 12345678901234567890]),
        ("SELECT a1, t.b2 FROM t1 -- 7\n WHERE x = 3 /* 4 */ # 5", [3]),
        ("SELECT x'41', 0x41, b'1', `a'1`", []),
        ("SELECT /*!40100 7 */ + /*!99999 8 */ 1", [7, 1]),
    ],
)
def test_lifted(sql: str, params: list[Any]) -> None:
    assert lift(split(sql)[0]).params == params


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("SELECT 1", "select  1", False),
        ("SELECT  1", "SELECT 2 -- x", True),
        ("SELECT 1", "SELECT '1'", False),
        ("SELECT 1", "SELECT 99999999999999999999", False),
        ("INSERT INTO t VALUES (1,'a')", "INSERT INTO t VALUES (2,NULL),(-3,'b'),(4.5,'c')", True),
        ("INSERT INTO t VALUES (1,'a')", "INSERT INTO t VALUES (1,now())", False),
        ("SELECT 1.5", "SELECT 1234567890.0123456789", True),
        ("SELECT 1.5", "SELECT 12345678901.5", False),
        ("SELECT 1.5", "SELECT 1.50000000000", False),
        ("INSERT INTO d.t (a) VALUES (1)", "INSERT INTO d.t(a) VALUES (2), (3)", True),
    ],
)
def test_same_shape(one: str, other: str, same: bool) -> None:
    assert (lift(split(one)[0]).key == lift(split(other)[0]).key) is same


def test_rows_collapse() -> None:
    statement = split("INSERT INTO t (a, b) VALUES (1, 'x'), (-2, NULL) ON DUPLICATE KEY UPDATE a = VALUES(a)")[0]
    shape = lift(statement)
    assert (shape.rows, shape.row_params, shape.params) == (2, 2, [1, "x", -2, None])
    tree, fixed = parse_shape(shape, statement.text)
    assert tree.meta["row_count"] == 2 and tree.meta["params_per_row"] == 2
    literals = [node.meta["param"] for node in tree.find_all(exp.Literal)]
    assert literals == [0, 1] and not fixed


@pytest.mark.parametrize(
    ("sql", "fixed"),
    [
        ("SELECT a + 1 FROM t WHERE b = 'x' LIMIT 3", set()),
        ("SELECT CAST(1 AS DECIMAL(10,2))", {1, 2}),
        ("SELECT 1 AS 'one'", {1}),
    ],
)
def test_nodes_know_their_parameter(sql: str, fixed: set[int]) -> None:
    statement = split(sql)[0]
    shape = lift(statement)
    tree, found = parse_shape(shape, statement.text)
    assert found == fixed
    for node in tree.find_all(exp.Literal):
        assert node.this == str(shape.params[node.meta["param"]])


def test_split_and_unfinished_text() -> None:
    assert [s.text for s in split("SELECT ';' ; ; BEGIN;COMMIT")] == ["SELECT ';'", "BEGIN", "COMMIT"]
    for text in ("SELECT 'a", "SELECT `a", "SELECT /* a"):
        with pytest.raises(MySQLError) as caught:
            split(text)
        assert caught.value.errno == 1064


def test_bound_values_become_literals() -> None:
    statement = split("SELECT ?, ?, ?, ? FROM t")[0]
    assert statement.param_count == 4
    bound = bind(statement, [5, "it's", None, b"\x00"])
    assert lift(bound).params == [5, "it's"]
    assert bound.pieces[5] == "NULL" and bound.pieces[7] == "x'00'"
    with pytest.raises(MySQLError):
        bind(statement, [1])


def test_select_into_is_cut_out() -> None:
    statement = split("SELECT a, b FROM t INTO @x, @Y")[0]
    tree, _ = parse_shape(lift(statement), statement.text)
    assert tree.meta["into"] == ["x", "y"]


@pytest.mark.parametrize("sql", ["SELECT FROM WHERE", "SELECT 1 +", "UPDATE t SET", "DELETE t t t t FROM"])
def test_syntax_errors(sql: str) -> None:
    statement = split(sql)[0]
    with pytest.raises(MySQLError) as caught:
        parse_shape(lift(statement), statement.text)
    assert caught.value.errno in (1064, 1235)
