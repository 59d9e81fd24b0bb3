"""Which collation several strings have together: who says most decides, and who says equally much must agree.

A string made of several has the collation that they have together; where they don't agree its type says so
(`T.conflict`), and only a comparison or a set operation with it is an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from aurora_mysql.errors import mysql_error
from aurora_mysql.sql.query.builder import Builder
from aurora_mysql.sql.query.expression import CONNECTION_COLLATION, Ex
from aurora_mysql.sql.query.types import mixed

#: Coercibility: the lower, the more it says. COLLATE; strings that don't agree; columns; constants of the session;
#: literals and what is no string.
EXPLICIT, NONE, IMPLICIT, SYSCONST, COERCIBLE = range(5)
_NAMES = {EXPLICIT: "EXPLICIT", NONE: "NONE", IMPLICIT: "IMPLICIT", SYSCONST: "SYSCONST", COERCIBLE: "COERCIBLE"}


def connection_collation(b: Builder) -> str:
    return str(b.pc.ctx.variables.get("collation_connection", CONNECTION_COLLATION))


def strength(e: Ex) -> int:
    if e.t.kind != "string" or e.is_literal or not e.t.collation:
        return EXPLICIT if e.explicit else COERCIBLE
    if e.explicit:
        return EXPLICIT
    return NONE if e.t.conflict else SYSCONST if e.system else IMPLICIT


def together(operands: Sequence[Ex], connection: str) -> tuple[str, int]:
    """The collation of `operands` and its strength, NONE when they don't agree."""
    found: tuple[str, int] | None = None
    for e in operands:
        own = ((e.t.collation if e.t.kind == "string" else None) or connection, strength(e))
        found = own if found is None else mixed(found, own)
    return found or (connection, COERCIBLE)


def common_collation(a: Ex, c: Ex, operation: str, connection: str) -> str:
    """The collation in which two strings are compared.

    Raises:
        MySQLError: 1267 when both have one of their own, of equal strength, and neither gives way.
    """
    return compared([a, c], operation, connection)


def compared(operands: Sequence[Ex], operation: str, connection: str) -> str:
    """The collation in which strings are compared with each other. Raises 1267, 1270 (three) or 1271 (more)."""
    collation, found = together(operands, connection)
    if found != NONE:
        return connection if found == COERCIBLE else collation
    if len(operands) > 3:
        raise mysql_error(1271, operation)
    named = [x for e in operands for x in (e.t.collation or connection, _NAMES[strength(e)])]
    raise mysql_error(1267 if len(operands) == 2 else 1270, *named, operation)


def check_mix(b: Builder, operands: Sequence[Ex], operation: str) -> None:
    """Raise what :func:`compared` raises if all `operands` are strings."""
    if len(operands) > 1 and all(e.t.kind == "string" for e in operands):
        compared(operands, operation, connection_collation(b))


#: Functions that compare strings: the places of the arguments that are compared, None for all.
_COMPARING: dict[str, slice] = {
    "replace": slice(None), "strcmp": slice(None), "locate": slice(0, 2), "instr": slice(0, 2), "field": slice(None),
    "find_in_set": slice(None), "substring_index": slice(0, 2), "regexp_like": slice(0, 2),
}  # fmt: skip
#: Functions that make a string of others: the places of the arguments that become part of it.
_JOINING: dict[str, slice] = {
    "concat": slice(None), "concat_ws": slice(None), "elt": slice(1, None), "make_set": slice(1, None),
    "export_set": slice(1, 4), "lpad": slice(0, None, 2), "rpad": slice(0, None, 2), "insert": slice(0, None, 3),
    "replace": slice(None), "greatest": slice(None), "least": slice(None),
}  # fmt: skip


def check_call(b: Builder, name: str, arguments: Sequence[Ex]) -> None:
    """Raise for strings that the function `name` can't compare."""
    places = _COMPARING.get(name)
    if places is None:
        return
    operands = arguments[places]
    if name == "replace" and not any(e.t.kind in ("binary", "json") for e in operands):
        # Numbers and dates are texts of the connection here, which give way.
        compared(operands, name, connection_collation(b))
    else:
        check_mix(b, operands, name)


def of_call(b: Builder, name: str, arguments: Sequence[Ex], made: Ex) -> Ex:
    """`made`, the result of the function `name`, with the collation of what it was made of."""
    if made.t.kind != "string" or made.explicit:
        return made
    places = _JOINING.get(name)
    if places is not None:
        return joined(b, arguments[places], made)
    if made.t.collation and any(e.t.conflict for e in arguments):
        made.t = replace(made.t, conflict=True)
    return made


def joined(b: Builder, parts: Sequence[Ex], made: Ex) -> Ex:
    """`made` with the collation that its `parts` have together."""
    collation, found = together(parts, connection_collation(b))
    if found == COERCIBLE:
        return made
    made.t = replace(made.t, collation=collation, conflict=found == NONE)
    made.explicit = found == EXPLICIT
    made.system = found == SYSCONST
    return made
