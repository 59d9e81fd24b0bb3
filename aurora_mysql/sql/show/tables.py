"""SHOW of tables, columns, indexes, and SHOW CREATE."""

from __future__ import annotations

from typing import Any

from aurora_mysql.catalog.model import Column, ColumnType, Table, View
from aurora_mysql.errors import mysql_error
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.instance_services import InstanceServices
from aurora_mysql.sql.lexer import TokenCursor
from aurora_mysql.sql.plan import Plan, PlanContext
from aurora_mysql.sql.show.filters import like_pattern, parse_where
from aurora_mysql.sql.show.information_schema.objects import (
    VIRTUAL_DATABASES,
    local_moment,
    shown_columns,
    statistics_rows,
    table_size,
)
from aurora_mysql.sql.show.plan import Row, ShowPlan
from aurora_mysql.sql.show.programs import plan_show_create_program
from aurora_mysql.sql.show.type_text import (
    backtick,
    column_key,
    create_table_text,
    create_view_text,
    default_text,
    extra_text,
    type_text,
)
from aurora_mysql.sql.show.view_columns import view_columns
from aurora_mysql.sql.show.view_text import view_text
from aurora_mysql.sql.show.virtual import Visibility, big, longtext, moment, text, virtual_names, virtual_relation


def from_clause(cur: TokenCursor) -> str:
    """``FROM|IN name``, '' when absent."""
    return cur.expect_ident() if cur.accept_any("FROM", "IN") else ""


def account_name(cur: TokenCursor) -> tuple[str, str]:
    """``user[@host]``."""
    user = cur.accept_string() or cur.expect_ident()
    token = cur.peek()
    if token is not None and token.kind == "uservar":
        cur.next()
        return user, str(token.value)
    if cur.accept_op("@"):
        return user, cur.accept_string() or cur.expect_ident()
    return user, "%"


def _finish(cur: TokenCursor, plan: ShowPlan) -> ShowPlan:
    if cur.accept_word("LIKE"):
        pattern = like_pattern(cur.expect_string())
        plan.filtered(lambda row: pattern.fullmatch(str(row[0])) is not None)
    elif cur.accept_word("WHERE"):
        plan.filtered(parse_where(cur, plan.names))
    cur.expect_end()
    return plan


def _database(pc: PlanContext, name: str) -> str:
    found = name or pc.database
    if not found:
        raise mysql_error(1046)
    if found.lower() in VIRTUAL_DATABASES:
        return found.lower()
    if found not in pc.catalog.databases:
        raise mysql_error(1049, found)
    if not Visibility(pc.catalog, pc.ctx).database(found):
        raise mysql_error(1044, pc.ctx.user.user, pc.ctx.user.host, found)
    return found


#: Programs that go through all tables to dump or to check them. Those of `mysql` and `sys` are none that a dump could
#: restore.
_OF_TABLES = frozenset(("mysqldump", "mariadb-dump", "mysqlpump", "mysqlcheck", "mariadb-check"))


def _names(pc: PlanContext, database: str) -> list[tuple[str, str]]:
    catalog = pc.engine.catalog
    seen = Visibility(catalog, pc.ctx)
    if database == "information_schema":
        return [(n, "SYSTEM VIEW") for n in virtual_names(database)]
    hidden = database in ("mysql", "sys") and pc.ctx.program_name in _OF_TABLES
    found = [] if hidden else [(n, "BASE TABLE") for n in virtual_names(database)]
    found += [(t, "BASE TABLE") for d, t in catalog.tables if d == database and seen.table(d, t)]
    found += [(v, "VIEW") for d, v in catalog.views if d == database and seen.table(d, v)]
    return sorted(found)


def plan_show_tables(cur: TokenCursor, pc: PlanContext, *, full: bool) -> Plan:
    database = _database(pc, from_clause(cur))
    heading = f"Tables_in_{database}"
    following = cur.peek(1)
    if cur.peek_word("LIKE") and following is not None:
        heading += f" ({following.value})"
    columns: list[str | tuple[str, ColumnType]] = [heading, "Table_type"] if full else [heading]

    def rows(ctx: SessionContext, services: InstanceServices) -> list[Row]:
        return [row if full else row[:1] for row in _names(pc, database)]

    return _finish(cur, ShowPlan(pc.services, columns, rows))


def plan_table_status(cur: TokenCursor, pc: PlanContext) -> Plan:
    database = _database(pc, from_clause(cur))

    def rows(ctx: SessionContext, services: InstanceServices) -> list[Row]:
        engine = services.engine
        counts = engine.duck.table_rows()
        found: list[Row] = []
        for name, kind in _names(pc, database):
            table = engine.catalog.table(database, name)
            if table is None:
                found.append((name, *[None] * 16, "VIEW" if kind == "VIEW" else ""))
                continue
            counter = engine.auto_increment_value(table) if table.auto_increment_column is not None else None
            found.append(
                (name, table.engine, 10, "Dynamic", *table_size(table, counts), 0, 0, 0, counter,
                 local_moment(table.create_time_us), None, None, table.collation, None, "", table.comment)
            )  # fmt: skip
        return found

    columns: list[str | tuple[str, ColumnType]] = [
        "Name", "Engine", ("Version", ColumnType("int")), "Row_format", ("Rows", big()), ("Avg_row_length", big()),
        ("Data_length", big()), ("Max_data_length", big()), ("Index_length", big()), ("Data_free", big()),
        ("Auto_increment", big()), ("Create_time", moment()), ("Update_time", moment()), ("Check_time", moment()),
        "Collation", ("Checksum", big(False)), ("Create_options", text(256)), ("Comment", text(2048)),
    ]  # fmt: skip
    return _finish(cur, ShowPlan(pc.services, columns, rows))


def resolve(pc: PlanContext, name: tuple[str, str]) -> Table | View | list[Column]:
    """The table, the view, or the columns of a virtual relation; 1046, 1049, 1146."""
    own = pc.ctx.temporary.tables.get((name[0] or pc.database, name[1]))
    if own is not None:
        return own
    database = _database(pc, name[0])
    catalog = pc.engine.catalog
    relation = virtual_relation(database, name[1])
    if relation is not None:
        return [Column(n, t) for n, t in relation.columns]
    found = catalog.table(database, name[1]) or catalog.views.get((database, name[1]))
    if found is None:
        raise mysql_error(1146, database, name[1])
    if not Visibility(catalog, pc.ctx).table(database, name[1]):
        raise mysql_error(1142, "SELECT", pc.ctx.user.user, pc.ctx.user.host, name[1])
    return found


def _target(cur: TokenCursor) -> tuple[str, str]:
    if not cur.accept_any("FROM", "IN"):
        raise cur.syntax_error()
    database, name = cur.expect_name()
    return from_clause(cur) or database, name


def plan_columns(cur: TokenCursor, pc: PlanContext, *, full: bool) -> Plan:
    return _finish(cur, columns_plan(pc, _target(cur), full=full))


def columns_plan(pc: PlanContext, name: tuple[str, str], *, full: bool) -> ShowPlan:
    """DESCRIBE `name`, or SHOW FULL COLUMNS."""
    found = resolve(pc, name)

    def rows(ctx: SessionContext, services: InstanceServices) -> list[Row]:
        columns = (
            shown_columns(found)
            if isinstance(found, Table)
            else view_columns(found, ctx, services)
            if isinstance(found, View)
            else found
        )
        out: list[Row] = []
        for c in columns:
            key = column_key(found, c) if isinstance(found, Table) else ""
            null = "YES" if c.nullable else "NO"
            if full:
                out.append((c.name, type_text(c.type), c.type.collation, null, key, default_text(c), extra_text(c),
                            "select,insert,update,references", c.comment))  # fmt: skip
            else:
                out.append((c.name, type_text(c.type), null, key, default_text(c), extra_text(c)))
        return out

    columns: list[str | tuple[str, ColumnType]] = ["Field", ("Type", longtext())]
    if full:
        columns.append("Collation")
    columns += [("Null", text(3)), ("Key", text(3)), ("Default", longtext()), "Extra"]
    if full:
        columns += ["Privileges", ("Comment", text(1024))]
    return ShowPlan(pc.services, columns, rows)


def plan_index(cur: TokenCursor, pc: PlanContext) -> Plan:
    found = resolve(pc, _target(cur))

    def rows(ctx: SessionContext, services: InstanceServices) -> list[Row]:
        if not isinstance(found, Table):
            return []
        return [
            (found.name, non_unique, name, seq, column, order, 0, sub_part, None, nullable, kind, "", comment,
             shown, expression)
            for non_unique, name, seq, column, order, sub_part, nullable, kind, comment, shown, expression
            in statistics_rows(found)
        ]  # fmt: skip

    columns: list[Any] = [
        "Table", ("Non_unique", ColumnType("int")), "Key_name", ("Seq_in_index", big()), "Column_name", "Collation",
        ("Cardinality", big(False)), ("Sub_part", big(False)), "Packed", "Null", "Index_type", "Comment",
        ("Index_comment", text(1024)), "Visible", ("Expression", longtext()),
    ]  # fmt: skip
    return _finish(cur, ShowPlan(pc.services, columns, rows))


def mariadb_dump(ctx: SessionContext) -> bool:
    """Whether MariaDB's dump program asks: what it writes may go to a MariaDB."""
    return ctx.client_library == "libmariadb" and ctx.program_name in ("mysqldump", "mariadb-dump")


def plan_show_create(cur: TokenCursor, pc: PlanContext) -> Plan:
    """From after SHOW CREATE."""
    if cur.accept_any("DATABASE", "SCHEMA"):
        guard = " /*!32312 IF NOT EXISTS*/" if cur.accept_word("IF", "NOT", "EXISTS") else ""
        name = _database(pc, cur.expect_ident())
        cur.expect_end()
        database = pc.catalog.databases.get(name)
        charset = database.charset if database is not None else "utf8mb4"
        collation = database.collation if database is not None else "utf8mb4_0900_ai_ci"
        shown = (
            f"CREATE DATABASE{guard} {backtick(name)} /*!40100 DEFAULT CHARACTER SET {charset}"
            f"{f' COLLATE {collation}' if charset == 'utf8mb4' or not collation.endswith('_ci') else ''} */ "
            "/*!80016 DEFAULT ENCRYPTION='N' */"
        )
        return ShowPlan(pc.services, ["Database", ("Create Database", text(1024))], lambda ctx, s: [(name, shown)])
    if cur.accept_word("USER"):
        return _show_create_user(cur, pc)
    kind = cur.accept_any("TABLE", "VIEW")
    if kind is None:
        what = cur.accept_any("PROCEDURE", "FUNCTION", "TRIGGER", "EVENT")
        if what is None:
            raise cur.syntax_error()
        return plan_show_create_program(what, cur, pc)
    target = cur.expect_name()
    cur.expect_end()
    found = resolve(pc, target)
    if isinstance(found, Table):
        if kind == "VIEW":
            raise mysql_error(1347, found.database, found.name, "VIEW")
        table = found

        def rows(ctx: SessionContext, services: InstanceServices) -> list[Row]:
            counter = services.engine.auto_increment_value(table)
            return [(table.name, create_table_text(table, auto_increment=counter, for_mariadb=mariadb_dump(ctx)))]

        return ShowPlan(pc.services, ["Table", ("Create Table", text(1024))], rows)
    if isinstance(found, View):
        view = found
        columns: list[str | tuple[str, ColumnType]] = [
            "View", ("Create View", text(1024)), "character_set_client", "collation_connection",
        ]  # fmt: skip

        def view_row(ctx: SessionContext, services: InstanceServices) -> list[Row]:
            # MariaDB's dump program carries what came from a MariaDB, whose texts are not MySQL's, as it came.
            definition, named = (
                (view.definition, False) if mariadb_dump(ctx) else view_text(view, ctx, services, qualified=False)
            )
            return [(view.name, create_view_text(view, definition, listed=not named), view.charset, view.collation)]

        return ShowPlan(pc.services, columns, view_row)
    lines = ",\n".join(f"  {backtick(c.name)} {type_text(c.type)}" for c in found)
    # What clients expect of a system table, and of one of the information schema.
    system = (target[0] or pc.database).lower() == "mysql"
    kind, named = ("TABLE", target[1]) if system else ("TEMPORARY TABLE", target[1].upper())
    shown = f"CREATE {kind} {backtick(named)} (\n{lines}\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3"
    return ShowPlan(pc.services, ["Table", ("Create Table", text(1024))], lambda ctx, s: [(named, shown)])


def _show_create_user(cur: TokenCursor, pc: PlanContext) -> Plan:
    if cur.accept_word("CURRENT_USER"):
        if cur.accept_op("("):
            cur.expect_op(")")
        account = (pc.ctx.user.user, pc.ctx.user.host)
    else:
        account = account_name(cur)
    cur.expect_end()
    user = pc.catalog.users.get(account)
    if user is None:
        raise mysql_error(1396, "SHOW CREATE USER", f"'{account[0]}'@'{account[1]}'")
    if account != (pc.ctx.user.user, pc.ctx.user.host):
        pc.need("SELECT", "mysql", "user")
    secret = user.auth_string.replace("'", "''")
    shown = (
        f"CREATE USER {backtick(user.user)}@{backtick(user.host)} IDENTIFIED WITH '{user.plugin}'"
        f"{f' AS {chr(39)}{secret}{chr(39)}' if secret else ''} REQUIRE {'SSL' if user.require_ssl else 'NONE'} "
        f"PASSWORD EXPIRE{'' if user.password_expired else ' DEFAULT'} ACCOUNT {'LOCK' if user.locked else 'UNLOCK'} "
        "PASSWORD HISTORY DEFAULT PASSWORD REUSE INTERVAL DEFAULT PASSWORD REQUIRE CURRENT DEFAULT"
    )
    return ShowPlan(pc.services, [(f"CREATE USER for {user.user}@{user.host}", text(1024))], lambda ctx, s: [(shown,)])
