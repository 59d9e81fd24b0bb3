"""Local variables in SQL statements: which names they are, and their values in their places."""

from __future__ import annotations

from collections.abc import Callable

from aurora_mysql.sql.fingerprint import Statement, bound
from aurora_mysql.sql.result import Value

#: A word after one of these names a table, a column or an alias, never a variable.
_BEFORE_NAMES = frozenset(("AS", "FROM", "JOIN", "INTO", "UPDATE", "TABLE", "DATABASE"))
_ROWS = ("new", "old")
_HEADED = frozenset(("SELECT", "WITH", "(", "VALUES", "TABLE", "INSERT", "REPLACE", "UPDATE", "DELETE"))

#: Gives (found, value) of a name, and of (row, column).
Lookup = Callable[[str], tuple[bool, Value]]
RowLookup = Callable[[str, str], Value]


def with_values(statement: Statement, variable: Lookup, row_column: RowLookup | None) -> Statement:
    """`statement` with the values of variables and of NEW's and OLD's columns where they are named.

    As in MySQL a variable hides a column of its name, except where only a column can stand: the column list of an
    INSERT, and left of an assignment.
    """
    pieces = statement.pieces
    texts = list(pieces)
    literals = dict(statement.literals)
    gone: set[int] = set()
    names = _column_places(statement)
    for at, piece in enumerate(pieces):
        if at in statement.literals or at in names or not (piece[0].isalpha() or piece[0] in "`_"):
            continue
        name = piece.strip("`").lower()
        following = pieces[at + 1] if at + 1 < len(pieces) else ""
        before = pieces[at - 1].upper() if at else ""
        if following == "." and name in _ROWS and row_column is not None and before != ".":
            value = row_column(name, pieces[at + 2].strip("`"))
            gone |= {at + 1, at + 2}
        elif following in ("(", ".") or before == "." or before in _BEFORE_NAMES:
            continue
        else:
            found, value = variable(name)
            if not found:
                continue
        kind, bound_value, texts[at] = bound(value)
        if kind:
            literals[at] = (kind, bound_value)
    kept = [i for i in range(len(texts)) if i not in gone]
    if gone:
        literals = {new: literals[old] for new, old in enumerate(kept) if old in literals}
        texts = [texts[i] for i in kept]
    # Statements whose literals are lifted keep their text, for headings; the others are parsed from it.
    text = statement.text if statement.verb in _HEADED or texts == pieces else " ".join(texts)
    return Statement(text, texts, literals, statement.verb, statement.param_count)


def _column_places(statement: Statement) -> set[int]:
    """Pieces that name the columns a statement writes."""
    pieces = statement.pieces
    upper = [piece.upper() for piece in pieces]
    found: set[int] = set()
    if statement.verb in ("INSERT", "REPLACE"):
        at = 1
        while at < len(upper) and upper[at] not in ("(", "VALUES", "VALUE", "SELECT", "SET", "WITH", "TABLE"):
            found.add(at)
            at += 1
        if at < len(upper) and upper[at] == "(" and upper[at + 1] not in ("SELECT", "WITH"):
            while at < len(upper) and upper[at] != ")":
                found.add(at)
                at += 1
        start = upper.index("UPDATE") if "UPDATE" in upper else upper.index("SET") if "SET" in upper else len(upper)
        found |= _assigned(upper, start)
    elif statement.verb in ("UPDATE", "WITH") and "SET" in upper:
        found |= _assigned(upper, upper.index("SET"))
    elif statement.verb == "SET":
        found |= _assigned(upper, 0)
    return found


def _assigned(upper: list[str], start: int) -> set[int]:
    """Names left of ``=`` in an assignment list that begins behind `start`."""
    found: set[int] = set()
    depth, begins = 0, True
    for at in range(start + 1, len(upper)):
        piece = upper[at]
        if depth == 0 and piece in ("WHERE", "ORDER", "LIMIT"):
            break
        if begins:
            if piece in ("=", ":="):
                begins = False
            else:
                found.add(at)
            continue
        depth += (piece == "(") - (piece == ")")
        begins = depth == 0 and piece == ","
    return found
