"""Statements about what other servers have and this one has not: distributed transactions, HANDLER, replication and
binary logs of MySQL's own, help texts. They answer what MySQL answers where there is none of it, or say so (1235)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from aurora_mysql.catalog.model import ColumnType
from aurora_mysql.errors import mysql_error, unsupported
from aurora_mysql.sql.admin.action import ActionPlan
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.lexer import TokenCursor, tokenize
from aurora_mysql.sql.plan import Plan, PlanContext
from aurora_mysql.sql.result import Result, ResultSet
from aurora_mysql.sql.result_types import from_type

_NAME, _NUMBER = ColumnType("varchar", 64), ColumnType("int")


def _nothing(columns: Sequence[tuple[str, ColumnType]]) -> Plan:
    """No rows under these headings."""
    made = [from_type(name, column_type) for name, column_type in columns]

    async def run(_: SessionContext) -> Result:
        return ResultSet(made, [])

    return ActionPlan(run, columns=made)


def _help(cur: TokenCursor, pc: PlanContext) -> Plan:
    """As MySQL whose help tables are empty: clients then say that nothing was found."""
    if cur.accept_string() is None:
        cur.expect_ident()
    cur.expect_end()
    return _nothing([("name", _NAME), ("is_it_category", ColumnType("varchar", 1))])


def _xa(cur: TokenCursor, pc: PlanContext) -> Plan:
    """There never is a distributed transaction: none to recover, and none to end."""
    word = cur.accept_any("RECOVER", "COMMIT", "ROLLBACK", "END", "PREPARE", "START", "BEGIN")
    match word:
        case None:
            raise cur.syntax_error()
        case "RECOVER":
            cur.accept_word("CONVERT", "XID")
            cur.expect_end()
            numbers = [(name, _NUMBER) for name in ("formatID", "gtrid_length", "bqual_length")]
            return _nothing([*numbers, ("data", ColumnType("varchar", 128))])
        case "COMMIT" | "ROLLBACK":
            raise mysql_error(1397)
        case "END" | "PREPARE":
            raise mysql_error(1399, "NON-EXISTING")
    raise unsupported(f"XA {word}")


def _handler(cur: TokenCursor, pc: PlanContext) -> Plan:
    """No table can be opened so, as with storage engines that have no HANDLER."""
    database, name = cur.expect_name()
    if not cur.accept_any("OPEN"):
        raise mysql_error(1109, name, "HANDLER")
    from aurora_mysql.sql.query.from_clause import lookup

    lookup(name, database, pc.database, pc)
    raise mysql_error(1031, name)


def _shutdown(cur: TokenCursor, pc: PlanContext) -> Plan:
    cur.expect_end()
    pc.need("SHUTDOWN")

    async def run(_: SessionContext) -> None:
        raise unsupported("SHUTDOWN")

    return ActionPlan(run)


def _restart(cur: TokenCursor, pc: PlanContext) -> Plan:
    cur.expect_end()
    raise mysql_error(3707)


_PLANNERS: dict[str, Callable[[TokenCursor, PlanContext], Plan]] = {
    "HELP": _help, "XA": _xa, "HANDLER": _handler, "SHUTDOWN": _shutdown, "RESTART": _restart,
}  # fmt: skip
_REFUSED = frozenset(("IMPORT", "CHANGE", "CLONE", "INSTALL", "UNINSTALL", "BINLOG", "CACHE", "PURGE", "STOP"))
#: Verbs of this module.
VERBS = _REFUSED | _PLANNERS.keys()


def plan_elsewhere(verb: str, text: str, pc: PlanContext) -> Plan:
    """Plan a statement whose `verb` is one of :data:`VERBS`.

    Raises:
        MySQLError: 1235 for what can't be done here; 1031, 1109, 1397, 1399, 3707 as MySQL.
    """
    cur = TokenCursor(tokenize(text), text)
    cur.next()
    planner = _PLANNERS.get(verb)
    if planner is None:
        raise unsupported(" ".join(text.upper().split()[:2]))
    return planner(cur, pc)
