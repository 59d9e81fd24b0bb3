"""Which planner plans a statement."""

from __future__ import annotations

from aurora_mysql.errors import mysql_error, unsupported
from aurora_mysql.sql.dml.export import is_export, plan_export
from aurora_mysql.sql.fingerprint import SHAPED, Shape, Statement
from aurora_mysql.sql.parse import ParsedShape, parse_shape
from aurora_mysql.sql.plan import Plan, PlanContext

_QUERIES = frozenset(("SELECT", "WITH", "(", "VALUES", "TABLE"))
_SCHEMA_OBJECTS = frozenset(("DATABASE", "SCHEMA", "TABLE", "INDEX", "VIEW", "TABLES"))
_OTHER_OBJECTS = frozenset(
    ("USER", "ROLE", "TRIGGER", "PROCEDURE", "FUNCTION", "EVENT", "SERVER", "TABLESPACE", "INSTANCE", "LOGFILE")
)
_PROGRAMS = frozenset(("TRIGGER", "PROCEDURE", "FUNCTION", "EVENT"))
#: OR REPLACE ALGORITHM = x DEFINER = u @h SQL SECURITY x: the longest way to the object's kind.
_OPTION_PIECES = 14


def plan_shaped(shape: Shape, statement: Statement, pc: PlanContext, parsed: ParsedShape | None = None) -> Plan:
    """Plan a statement whose literals were lifted; `pc.baked` tells afterwards on which values the plan depends.
    `parsed`: what parse_shape made of it, if that was done already."""
    if statement.verb in _QUERIES and is_export(statement):
        return plan_export(statement, pc)
    tree, fixed = parsed or parse_shape(shape, statement.text)
    pc.baked |= fixed
    name = tree.key
    if tree.args.get("returning") is not None:
        # sqlglot knows it from other databases.
        at = statement.text.upper().rfind("RETURNING")
        raise mysql_error(1064, statement.text[at : at + 80], 1)
    if name in ("insert", "update", "delete"):
        from aurora_mysql.sql.dml import note_reads, plan_delete, plan_insert, plan_update, through_view

        if name != "insert":
            note_reads(tree, pc)
        write = through_view(tree, pc)
        planner = {"insert": plan_insert, "update": plan_update, "delete": plan_delete}[name]
        plan = planner(tree, pc)
        return plan if write is None else write.finish(plan, pc)
    if statement.verb not in _QUERIES:
        raise mysql_error(1064, statement.text[:80], 1)
    from aurora_mysql.sql.query import plan_select

    return plan_select(tree, pc)


def plan_text(statement: Statement, pc: PlanContext) -> Plan:
    """Plan a statement that is parsed by hand.

    Raises:
        MySQLError: 1064 for an unknown verb, 1235 for a known one that isn't supported.
    """
    verb = statement.verb
    words = [piece.upper() for piece in statement.pieces[:8]]
    text = statement.text
    if verb in ("SHOW", "DESCRIBE", "DESC", "EXPLAIN"):
        return _plan_show(words, statement, pc)
    if words[:2] == ["ALTER", "SYSTEM"]:
        from aurora_mysql.sql.admin.fault_injection import plan_alter_system

        return plan_alter_system(text, pc)
    if verb in ("CREATE", "ALTER", "DROP", "TRUNCATE", "RENAME"):
        kind = _object_kind(statement.pieces)
        if verb == "TRUNCATE" or kind in _SCHEMA_OBJECTS:
            from aurora_mysql.sql.ddl import plan_ddl

            return plan_ddl(text, pc)
        if kind in _PROGRAMS:
            from aurora_mysql.sql.routines.statements import plan_routine

            return plan_routine(text, pc)
        if kind not in ("USER", "ROLE"):
            raise unsupported(" ".join(words[:2]))
    if words[:2] == ["LOAD", "INDEX"]:
        raise unsupported("LOAD INDEX")
    if verb == "LOAD":
        from aurora_mysql.sql.dml import plan_load_data

        return plan_load_data(text, pc)
    from aurora_mysql.sql.admin import elsewhere, plan_admin

    if verb in elsewhere.VERBS:
        return elsewhere.plan_elsewhere(verb, text, pc)
    return plan_admin(text, pc)


def _object_kind(pieces: list[str]) -> str:
    """What a CREATE, ALTER, DROP or RENAME is about, behind options like DEFINER; '' when that is not known."""
    for piece in pieces[1:_OPTION_PIECES]:
        word = piece.upper()
        if word in _SCHEMA_OBJECTS or word in _OTHER_OBJECTS:
            return word
    return ""


def _plan_show(words: list[str], statement: Statement, pc: PlanContext) -> Plan:
    from aurora_mysql.sql.fingerprint import lift, split
    from aurora_mysql.sql.query import plan_explain, plan_explain_write
    from aurora_mysql.sql.show import plan_show

    if statement.verb == "SHOW":
        return plan_show(statement.text, pc)
    if words[1:3] == ["FOR", "CONNECTION"]:
        raise unsupported("EXPLAIN FOR CONNECTION")
    at, form, analyze = 1, "TRADITIONAL", False
    if len(words) > at and words[at] == "ANALYZE":
        at, analyze, form = at + 1, True, "TREE"
    if len(words) > at + 2 and words[at] == "FORMAT" and words[at + 1] == "=":
        form, at = words[at + 2].strip("'\""), at + 3
    if len(words) <= at or words[at] not in SHAPED:
        return plan_show(statement.text, pc)
    if form not in ("TRADITIONAL", "TREE", "JSON"):
        raise mysql_error(1791, form)
    inner = split(" ".join(statement.pieces[at:]))[0]
    shape = lift(inner)
    pc.params = shape.params
    if words[at] not in _QUERIES:
        if analyze:
            raise unsupported(f"EXPLAIN ANALYZE {words[at]}")
        plan_shaped(shape, inner, pc)
        return plan_explain_write(parse_shape(shape, inner.text)[0], inner.verb, pc, form=form)
    tree, _ = parse_shape(shape, inner.text)
    return plan_explain(tree, pc, form=form, analyze=analyze)


__all__ = ["SHAPED", "plan_shaped", "plan_text"]
