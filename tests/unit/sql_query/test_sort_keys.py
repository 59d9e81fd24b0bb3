"""Sort keys of a few texts and of many are the same."""

from __future__ import annotations

import pytest

from aurora_mysql.sql.functions.collations import sort_keys

TEXTS = [None, "", *map(chr, range(128)), "a b", "Abc", "É", "ß", "æon", "日本", "😀", "e\u0301", "a  ", "x\x00y"]


@pytest.mark.parametrize(
    "collation",
    ["utf8mb4_0900_ai_ci", "utf8mb4_general_ci", "utf8mb4_unicode_ci", "latin1_swedish_ci", "utf8mb4_bin", "binary",
     "utf8mb4_0900_as_cs", "utf8mb4_0900_as_ci"],
)  # fmt: skip
def test_few_and_many(collation: str) -> None:
    many = list(sort_keys(TEXTS, collation))
    assert many == [key for text in TEXTS for key in sort_keys([text], collation)]
    assert many[:3] == list(sort_keys(TEXTS[:3], collation))
