"""LIKE with a written pattern, where DuckDB's own operators mean the same."""

from __future__ import annotations

import re

from aurora_mysql.catalog.collation import collation_key
from aurora_mysql.sql.query.expression import CONNECTION_COLLATION, text_literal

#: What costs nothing to write twice.
_COLUMN = re.compile(r'\w+\.(?:\w+|"[^"]*")')


def native_pattern(pattern: str) -> str | None:
    """The pattern when DuckDB's LIKE means the same: no escapes, ASCII only."""
    return pattern if "\\" not in pattern and pattern.isascii() else None


def folded_like(subject: str, pattern: str, *, negated: bool = False) -> str:
    """`subject` [NOT] LIKE `pattern`, whatever the case and the accents. Texts of ASCII, nearly all, need no function.

    DuckDB would fold both sides of LIKE once more by the column's collation, so that is taken off. It takes NOT LIKE
    for true of most rows, and a negation of anything else for true of few, so joins want to see NOT LIKE itself.
    """
    plain, folded = f"({subject} COLLATE C)", text_literal(collation_key(pattern, CONNECTION_COLLATION))
    any_case = f"strip_accents(lower({plain}))"
    any_text = f"{any_case} {'NOT ' * negated}LIKE {folded}"
    if _COLUMN.fullmatch(subject) is None:
        return f"({any_text})"
    is_ascii = f"strlen({subject}) = length({subject})"
    if negated:
        return f"(CASE WHEN {is_ascii} THEN lower({plain}) ELSE {any_case} END NOT LIKE {folded})"
    return f"CASE WHEN {is_ascii} THEN {plain} ILIKE {folded} ELSE {any_text} END"
