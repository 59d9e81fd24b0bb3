"""Tables of the golden queries: the same definition and rows for the reference server and for us."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal as D

TABLES: dict[str, str] = {
    "emp": (
        "CREATE TABLE emp (id INT PRIMARY KEY, name VARCHAR(30), dept INT, salary DECIMAL(10,2), hired DATE, "
        "boss INT, active TINYINT(1) NOT NULL)"
    ),
    "dept": "CREATE TABLE dept (id INT PRIMARY KEY, name VARCHAR(30) NOT NULL, city VARCHAR(30))",
    "num": (
        "CREATE TABLE num (id INT PRIMARY KEY, i INT, u BIGINT UNSIGNED, b BIGINT, d DECIMAL(12,4), f DOUBLE, "
        "s VARCHAR(20))"
    ),
    "tm": "CREATE TABLE tm (id INT PRIMARY KEY, d DATE, t TIME, dt DATETIME, df DATETIME(3), y YEAR)",
    "str": (
        "CREATE TABLE str (id INT PRIMARY KEY, v VARCHAR(40), c CHAR(5), bn VARBINARY(10), "
        "e ENUM('small','medium','large'), st SET('a','b','c'), cs VARCHAR(20) COLLATE utf8mb4_bin, t TEXT)"
    ),
    "nul": "CREATE TABLE nul (a INT, b INT)",
}

ROWS: dict[str, list[tuple[object, ...]]] = {
    "emp": [
        (1, "Alice", 1, D("5000.00"), dt.date(2020, 1, 15), None, 1),
        (2, "bob", 1, D("4000.50"), dt.date(2021, 3, 1), 1, 1),
        (3, "Carol", 2, D("4500.00"), dt.date(2019, 7, 30), 1, 0),
        (4, "dave", 2, None, dt.date(2022, 12, 31), 3, 1),
        (5, "Eve", None, D("3000.25"), None, 3, 1),
        (6, "alice", 3, D("5000.00"), dt.date(2020, 2, 29), 1, 0),
    ],
    "dept": [(1, "Sales", "Paris"), (2, "R&D", "paris"), (3, "Ops", None), (4, "Empty", "Rome")],
    "num": [
        (1, 0, 0, 0, D("0.0000"), 0.0, "0"),
        (2, 7, 18446744073709551615, -9223372036854775808, D("3.1416"), 2.5, "12abc"),
        (3, -7, 1, 9223372036854775807, D("-2.5000"), -0.1, "abc"),
        (4, None, None, None, None, None, None),
        (5, 2147483647, 4294967296, 10, D("99999999.9999"), 1e20, " 3.5 "),
    ],
    "tm": [
        (1, dt.date(2024, 2, 29), dt.timedelta(hours=12, minutes=34, seconds=56), dt.datetime(2024, 2, 29, 12, 34, 56),
         dt.datetime(2024, 2, 29, 12, 34, 56, 789000), 2024),
        (2, dt.date(1999, 12, 31), dt.timedelta(hours=-30), dt.datetime(1999, 12, 31, 23, 59, 59),
         dt.datetime(1999, 12, 31, 23, 59, 59, 1000), 1999),
        (3, None, None, None, None, None),
        (4, dt.date(2024, 3, 1), dt.timedelta(hours=100), dt.datetime(2024, 3, 1), dt.datetime(2024, 3, 1), 2000),
    ],
    "str": [
        (1, "Hello World", "abc", b"abc", "small", "a,b", "Hello", "some text"),
        (2, "héllo", "ABC", b"\x00\xff", "large", "c", "hello", "SOME TEXT"),
        (3, "", "", b"", "medium", "", "", ""),
        (4, None, None, None, None, None, None, None),
        (5, "100%", "a_b", b"A", "large", "a,c", "HELLO", "it's"),
    ],
    "nul": [(1, None), (None, 2), (3, 3), (None, None)],
}  # fmt: skip
