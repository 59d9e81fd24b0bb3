"""A prepared statement of a session, with what is known of it."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace

from aurora_mysql.sql.dispatch import SHAPED
from aurora_mysql.sql.fingerprint import Statement
from aurora_mysql.sql.known_statements import KnownStatement
from aurora_mysql.sql.result import ResultColumn, Value

#: What PREPARE takes beside queries and changes of rows; anything else is no statement.
_PREPARABLE = frozenset(
    (
        "ALTER", "ANALYZE", "BEGIN", "CALL", "CHECK", "CHECKSUM", "COMMIT", "CREATE", "DELETE", "DESC", "DESCRIBE",
        "DO", "DROP", "EXPLAIN", "FLUSH", "GRANT", "KILL", "OPTIMIZE", "RENAME", "REPAIR", "RESET", "REVOKE",
        "ROLLBACK", "SAVEPOINT", "RELEASE", "SET", "SHOW", "START", "TRUNCATE", "UNLOCK", "XA", "SIGNAL",
    )
)  # fmt: skip
_KNOWN_VARIANTS = 16


def can_be_prepared(verb: str) -> bool:
    """Whether a statement that begins with `verb` is one that PREPARE takes."""
    return verb in _PREPARABLE or verb in SHAPED


@dataclass(slots=True)
class Prepared:
    """A prepared statement; planned again at each execution, through the plan cache."""

    sql: str
    statement: Statement
    param_count: int
    columns: list[ResultColumn] | None = None
    #: Plans by kinds of the values and what else they depend on.
    known: dict[Hashable, KnownStatement] = field(default_factory=dict)

    def values(self, params: Sequence[Value]) -> Sequence[Value]:
        """All the statement's literals in order, `params` for the ``?``."""
        literals = self.statement.literals
        if len(literals) == len(params):
            return params
        given = iter(params)
        return [next(given) if kind == "p" else value for kind, value in literals.values()]

    def learn(self, key: Hashable, known: KnownStatement) -> None:
        """Remember how it was run with values of a kind and all else that a plan depends on."""
        if len(self.known) >= _KNOWN_VARIANTS:
            self.known.clear()
        self.known[key] = replace(known, counter="Com_" + known.verb.lower())
