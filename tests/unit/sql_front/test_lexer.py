from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from aurora_mysql.errors import MySQLError
from aurora_mysql.sql.lexer import TokenCursor, tokenize

CASES: list[tuple[str, list[tuple[str, Any]]]] = [
    ("SELECT 1", [("word", "SELECT"), ("number", 1)]),
    ("'a''b'", [("string", "a'b")]),
    (r"'a\'b\n\%\x'", [("string", "a'b\n\\%x")]),
    (r"'\\''x'", [("string", "\\'x")]),
    ("'a' 'b'\n'c'", [("string", "abc")]),
    ('"a""b\'"', [("string", "a\"b'")]),
    ("`a``b`", [("ident", "a`b")]),
    ("_utf8mb4'x'", [("string", "x")]),
    ("_binary 'x'", [("string", b"x")]),
    ("_utf8mb4 x'41'", [("string", "A")]),
    ("N'é'", [("string", "é")]),
    ("0x4d X'4D'", [("hex", b"M"), ("hex", b"M")]),
    ("b'101' 0b11", [("bit", 5), ("bit", 3)]),
    ("1.5 .5 1e3 1.", [("number", Decimal("1.5")), ("number", Decimal(".5")), ("number", 1000.0),
                       ("number", Decimal("1"))]),
    ("1abc 2e", [("word", "1abc"), ("word", "2e")]),
    ("@a @`b c` @'d' @", [("uservar", "a"), ("uservar", "b c"), ("uservar", "d"), ("op", "@")]),
    ("@@x @@GLOBAL.Max_x @@session.`y`", [("sysvar", "x"), ("sysvar", "global.max_x"), ("sysvar", "session.y")]),
    ("a<=>b->>c:=?", [("word", "a"), ("op", "<=>"), ("word", "b"), ("op", "->>"), ("word", "c"), ("op", ":="),
                      ("param", "?")]),
    ("a -- b\n# c\n/* d */ e/*+ f */", [("word", "a"), ("word", "e")]),
    ("1--2", [("number", 1), ("op", "-"), ("op", "-"), ("number", 2)]),
    ("\\N", [("word", "NULL")]),
    ("'u'@'%'", [("string", "u"), ("uservar", "%")]),
]  # fmt: skip


@pytest.mark.parametrize(("sql", "expected"), CASES)
def test_tokens(sql: str, expected: list[tuple[str, Any]]) -> None:
    assert [(t.kind, t.value) for t in tokenize(sql)] == expected


def test_modes() -> None:
    assert [(t.kind, t.value) for t in tokenize('"a"', ansi_quotes=True)] == [("ident", "a")]
    assert [t.value for t in tokenize(r"'a\' 'b'", backslash_escapes=False)] == ["a\\b"]


@pytest.mark.parametrize("sql", ["'abc", '"x', "`x", "SELECT /* x", "a ` b", "'a\\'"])
def test_unfinished(sql: str) -> None:
    with pytest.raises(MySQLError) as error:
        tokenize(sql)
    assert error.value.errno == 1064


def test_cursor_and_near_text() -> None:
    cursor = TokenCursor.of("CREATE TABLE\n t (a INT DEFAULT (1+(2)), b) x")
    assert cursor.accept_word("CREATE", "TABLE")
    assert cursor.expect_name() == ("", "t")
    cursor.expect_op("(")
    assert cursor.expect_ident() == "a"
    assert cursor.accept_any("INT", "BIGINT") == "INT"
    cursor.expect_word("DEFAULT")
    assert cursor.skip_parentheses() == "1+(2)"
    with pytest.raises(MySQLError) as error:
        cursor.expect_word("COMMENT")
    assert error.value.message.endswith("near ', b) x' at line 2")
