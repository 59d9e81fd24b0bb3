"""What is scanned as columns is what the tokeniser finds; what is not that plain is left to it."""

from __future__ import annotations

import random

import pytest

from aurora_mysql.sql.dml.scanned_values import scan
from aurora_mysql.sql.fingerprint import lift, split


def tokenised(sql: str, width: int) -> list[list[str | None]]:
    """The literals of each row, as texts."""
    params = [None if value is None else str(value) for value in lift(split(sql)[0]).params]
    return [params[at : at + width] for at in range(0, len(params), width)]


def scanned(sql: str) -> list[list[str | None]] | None:
    found = scan(sql)
    return None if found is None else [list(r) for r in zip(*(c.to_pylist() for c in found.columns), strict=True)]


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO `t` VALUES (1,'a',NULL),(2,'b\\'c',2.50),(3,'',null);",
        "insert into d.t (`a`, b) values ('x,y','(z)'), ('it\\\\','\\n\\0\\Z\\%\\_'),\n('é 漢','😀')",
        "REPLACE INTO t VALUES ( 1 , 'a' ),( 22 , 'b' )",
        "INSERT IGNORE INTO t VALUES ('1'),('NULL'),('2')",
    ],
)
def test_plain_rows(sql: str) -> None:
    found = scan(sql)
    assert found is not None
    assert scanned(sql) == tokenised(sql, len(found.columns))
    assert [list(c) for c in tokenised(found.first, len(found.columns))] == [tokenised(sql, len(found.columns))[0]]


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO t VALUES (1,'a''b')",
        "INSERT INTO t VALUES (1,'a'),(2)",
        "INSERT INTO t VALUES (1,'a'),(2,'b','c')",
        "INSERT INTO t VALUES (1,'a'),(2,DEFAULT)",
        "INSERT INTO t VALUES (1,'a'),(2,NOW())",
        "INSERT INTO t VALUES (1,'a'),(1+1,'b')",
        "INSERT INTO t VALUES (1,'a'),(-1-1,'b')",
        "INSERT INTO t VALUES (1,'a'),(2,'b') ON DUPLICATE KEY UPDATE a = 1",
        "INSERT INTO t VALUES (1,'a'); INSERT INTO t VALUES (2,'b')",
        "INSERT INTO t VALUES (1,'a'),(2,_binary 'b')",
        "INSERT INTO t VALUES (1,'a'),(2,0x41)",
        "INSERT INTO t VALUES (1,'a'),(2e3,'b')",
        "INSERT INTO t VALUES (1,'a'),(2,\"b\")",
        "INSERT INTO t VALUES (1,'a'),(2,'b' 'c')",
        "INSERT INTO t VALUES (1,'a'),(2,'b' /* c */)",
        "INSERT INTO t VALUES (1,'a'),,(2,'b')",
        "INSERT INTO t VALUES (1,'a'),()",
        "INSERT INTO t VALUES (1,'a'),(2,)",
        "INSERT INTO t VALUES (1,'a'),(2,'b",
        "INSERT INTO t VALUES (1,'a'),(2,'b\\')",
        "INSERT INTO t SELECT 1",
        "INSERT INTO t VALUES ",
        "UPDATE t SET a = 1",
    ],
)
def test_anything_else_is_left_alone(sql: str) -> None:
    assert scan(sql) is None


def test_random_statements_agree() -> None:
    chosen = random.Random(3)
    pieces = ["a", "\\'", "\\\\", "\\n", "''", ",", "(", ")", "é", " ", '"', "-- ", "NULL", ";"]
    weights = [8, 2, 2, 1, 0.1, 2, 1, 1, 2, 2, 1, 0.5, 1, 0.5]
    read = 0
    for _ in range(3000):
        rows = []
        for _ in range(chosen.randint(1, 4)):
            text = "".join(chosen.choices(pieces, weights, k=chosen.randint(0, 5)))
            number = chosen.choice(["1", "-25", "0.50", "NULL", "12345678901234567890"])
            rows.append(f"({number},'{text}')")
        sql = "INSERT INTO t VALUES " + chosen.choice([",", ", ", ",\n"]).join(rows)
        found = scanned(sql)
        if found is not None:
            read += 1
            assert found == tokenised(sql, 2), sql
    assert read > 2000
