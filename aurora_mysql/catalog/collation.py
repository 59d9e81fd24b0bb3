"""Collation keys: the byte-comparable form under which two strings are equal in a MySQL collation.

Row identity, unique checks, lock names and the hidden DuckDB key columns all use these keys, so they must
never change for data on disk (a change is a format change).
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

#: Collations whose comparison ignores trailing spaces (all but the 0900 family and binary).
NO_PAD_PREFIX = "utf8mb4_0900"


def is_binary_collation(collation: str | None) -> bool:
    """True when equal strings have equal code points (trailing spaces aside)."""
    return collation is None or collation == "binary" or collation.endswith("_bin")


def pads_space(collation: str | None) -> bool:
    """True for PAD SPACE collations, where 'a' = 'a  '."""
    return collation is not None and collation != "binary" and not collation.startswith(NO_PAD_PREFIX)


def minds_accents(collation: str | None) -> bool:
    """True when letters that differ in an accent differ. Esperanto's own letters are such pairs; that collation then
    minds all accents, which MySQL's doesn't."""
    return collation is not None and ("_as_" in collation or collation == "utf8mb4_esperanto_ci")


@lru_cache(maxsize=65536)
def _folded(text: str, accents: bool) -> str:
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text)
    if not accents:
        decomposed = "".join(c for c in decomposed if not unicodedata.combining(c))
    return decomposed.casefold()


def collation_key(text: str, collation: str | None) -> str:
    """The key of `text` in `collation`: equal keys <=> equal strings in MySQL's sense."""
    if pads_space(collation):
        text = text.rstrip(" ")
    if is_binary_collation(collation):
        return text
    accents = minds_accents(collation)
    if collation is not None and collation.endswith("_as_cs"):
        return unicodedata.normalize("NFKC", text)
    return _folded(text, accents)
