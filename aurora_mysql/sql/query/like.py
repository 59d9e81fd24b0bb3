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


def folded_like(subject: str, pattern: str) -> str:
    """`subject` LIKE `pattern`, whatever the case and the accents. Texts of ASCII, nearly all, need no function.

    DuckDB would fold both sides of LIKE once more by the column's collation, so that is taken off.
    """
    plain, folded = f"({subject} COLLATE C)", text_literal(collation_key(pattern, CONNECTION_COLLATION))
    any_text = f"strip_accents(lower({plain})) LIKE {folded}"
    if _COLUMN.fullmatch(subject) is None:
        return f"({any_text})"
    is_ascii = f"strlen({subject}) = length({subject})"
    return f"CASE WHEN {is_ascii} THEN {plain} ILIKE {folded} ELSE {any_text} END"
