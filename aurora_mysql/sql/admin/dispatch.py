"""Which of the administrative statements it is."""

from __future__ import annotations

from aurora_mysql.errors import mysql_error, unsupported
from aurora_mysql.sql.admin import grants, roles, server_statements, users
from aurora_mysql.sql.admin.checksum import plan_checksum
from aurora_mysql.sql.admin.set_statement import plan_reset_persist, plan_set
from aurora_mysql.sql.lexer import TokenCursor, tokenize
from aurora_mysql.sql.plan import Plan, PlanContext

_ROLE_VERBS = {"CREATE": roles.plan_create_role, "DROP": roles.plan_drop_role}
_ACCOUNT_VERBS = {
    "CREATE": users.plan_create_user,
    "ALTER": users.plan_alter_user,
    "DROP": users.plan_drop_user,
    "RENAME": users.plan_rename_user,
}
_VERBS = {
    "GRANT": grants.plan_grant,
    "REVOKE": grants.plan_revoke,
    "CHECKSUM": plan_checksum,
    "KILL": server_statements.plan_kill,
    "FLUSH": server_statements.plan_flush,
    "CALL": server_statements.plan_call,
    "DO": server_statements.plan_do,
    "USE": server_statements.plan_use,
}


def plan_admin(text: str, pc: PlanContext) -> Plan:
    """Plan one administrative statement.

    Raises:
        MySQLError: 1064 for an unknown verb or wrong syntax, 1235 for what isn't supported.
    """
    cur = TokenCursor(tokenize(text), text)
    verb = cur.accept_any(*_VERBS, *_ACCOUNT_VERBS, "SET", "RESET", "ANALYZE", "OPTIMIZE", "CHECK", "REPAIR")
    if verb is None:
        raise cur.syntax_error()
    if verb == "RESET":
        if not cur.accept_word("PERSIST"):
            raise unsupported("RESET")
        return plan_reset_persist(cur, pc)
    if verb == "SET":
        if cur.accept_word("PASSWORD"):
            return users.plan_set_password(cur, pc)
        if cur.accept_word("DEFAULT", "ROLE"):
            return roles.plan_set_default_role(cur, pc)
        if cur.accept_word("ROLE"):
            return roles.plan_set_role(cur, pc)
        if cur.accept_word("RESOURCE"):
            raise unsupported("resource groups")
        return plan_set(cur, pc)
    if verb in _ROLE_VERBS and cur.accept_word("ROLE"):
        return _ROLE_VERBS[verb](cur, pc)
    if verb in _ACCOUNT_VERBS:
        if not cur.accept_word("USER"):
            raise mysql_error(1064, text[:80], 1)
        return _ACCOUNT_VERBS[verb](cur, pc)
    if verb in _VERBS:
        return _VERBS[verb](cur, pc)
    return server_statements.plan_maintenance(verb, cur, pc)
