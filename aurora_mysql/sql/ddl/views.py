"""CREATE [OR REPLACE], ALTER and DROP VIEW: the definition's text is what is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlglot import exp

from aurora_mysql.catalog.model import CatalogDelta, View
from aurora_mysql.errors import mysql_error
from aurora_mysql.sql.ddl.build import check_identifier
from aurora_mysql.sql.ddl.plan import DdlPlan, Run, note
from aurora_mysql.sql.lexer import TokenCursor, tokenize
from aurora_mysql.sql.plan import Plan, PlanContext
from aurora_mysql.sql.result import Ok, Result


@dataclass
class ViewSpec:
    database: str
    name: str
    definition: str
    columns: list[str]
    replace: bool
    alter: bool
    definer: str
    security: str
    algorithm: str
    check_option: str


def plan_create_view(cur: TokenCursor, pc: PlanContext, *, alter: bool = False) -> Plan:
    """From after CREATE or ALTER."""
    replace = cur.accept_word("OR", "REPLACE")
    algorithm, security = "UNDEFINED", "DEFINER"
    definer = f"{pc.ctx.user.user}@{pc.ctx.user.host}"
    while not cur.accept_word("VIEW"):
        if cur.accept_word("ALGORITHM"):
            cur.expect_op("=")
            algorithm = cur.expect_ident().upper()
        elif cur.accept_word("DEFINER"):
            cur.expect_op("=")
            definer = parse_definer(cur, definer)
        else:
            cur.expect_word("SQL", "SECURITY")
            security = cur.expect_ident().upper()
    database, name = cur.expect_name()
    columns: list[str] = []
    if cur.accept_op("("):
        columns.append(cur.expect_ident())
        while cur.accept_op(","):
            columns.append(cur.expect_ident())
        cur.expect_op(")")
    cur.expect_word("AS")
    definition, option = _body(cur)
    spec = ViewSpec(
        database, name, definition, columns, replace, alter, definer, security, algorithm, option
    )  # fmt: skip
    pc.need("CREATE VIEW", database or pc.database, name)
    if replace or alter:
        pc.need("DROP", database or pc.database, name)
    return DdlPlan(pc, lambda run: _create(run, spec, pc))


def parse_definer(cur: TokenCursor, current: str) -> str:
    """An account behind ``DEFINER =``, as user@host."""
    if cur.accept_word("CURRENT_USER"):
        if cur.accept_op("("):
            cur.expect_op(")")
        return current
    user = cur.accept_string() or cur.expect_ident()
    host = "%"
    token = cur.peek()
    if token is not None and token.kind == "uservar":
        cur.next()
        host = str(token.value)
    elif cur.accept_op("@"):
        host = cur.accept_string() or cur.expect_ident()
    return f"{user}@{host}"


def _body(cur: TokenCursor) -> tuple[str, str]:
    """The SELECT's text, and the check option that follows it."""
    start = cur.position
    tokens = cur.tokens
    end = len(tokens)
    while end > start and tokens[end - 1].text == ";":
        end -= 1
    words = [t.upper for t in tokens[start:end]]
    option = "NONE"
    for tail, found in (
        (["WITH", "CASCADED", "CHECK", "OPTION"], "CASCADED"),
        (["WITH", "LOCAL", "CHECK", "OPTION"], "LOCAL"),
        (["WITH", "CHECK", "OPTION"], "CASCADED"),
    ):
        if words[-len(tail) :] == tail:
            option = found
            end -= len(tail)
            break
    if start >= end:
        raise cur.syntax_error()
    return cur.text_between(start, end), option


async def _create(run: Run, spec: ViewSpec, pc: PlanContext) -> Result:
    async with run.engine.with_table_exclusive(run.ctx, ()):
        database = run.writable_schema(spec.database)
        key = (database.name, check_identifier(spec.name))
        catalog = run.engine.catalog
        if key in catalog.tables:
            raise mysql_error(1347, *key, "VIEW") if spec.replace or spec.alter else mysql_error(1050, spec.name)
        if key in catalog.views and not (spec.replace or spec.alter):
            raise mysql_error(1050, spec.name)
        if spec.alter and key not in catalog.views:
            raise mysql_error(1146, *key)
        columns, definition = _columns(run, spec, pc)
        view = View(
            database.name,
            spec.name,
            definition,
            columns,
            spec.definer,
            spec.security,
            spec.algorithm,
            spec.check_option,
            str(run.services.variables.get("character_set_client", run.ctx)),
            str(run.services.variables.get("collation_connection", run.ctx)),
        )
        await run.commit(CatalogDelta(views={key: view}))
    return Ok()


def _columns(run: Run, spec: ViewSpec, pc: PlanContext) -> tuple[tuple[str, ...], str]:
    """The view's column names (those of its list, else the SELECT's headings), and the SELECT with its star opened; the
    SELECT must be valid."""
    from aurora_mysql.sql.parse import parse_one_mysql
    from aurora_mysql.sql.query import translate_select

    tree = parse_one_mysql(spec.definition, [])
    for node in tree.find_all(exp.Table):
        if (node.db or pc.database, node.name) in run.ctx.temporary.tables:
            raise mysql_error(1352, node.name)
    inner = PlanContext(run.engine.catalog, pc.database, run.ctx, run.engine, run.services, spec.definition)
    found = [c.name for c in translate_select(tree, inner).columns]
    pc.privileges |= inner.privileges
    if spec.columns and len(spec.columns) != len(found):
        raise mysql_error(1353)
    names = spec.columns or found
    seen: set[str] = set()
    for name in names:
        if name.lower() in seen:
            raise mysql_error(1060, name)
        seen.add(name.lower())
    return tuple(names), _without_star(spec.definition, tree, found)


def _without_star(definition: str, tree: exp.Expression, names: Sequence[str]) -> str:
    """`definition` with the columns that a star stands for now: a view keeps the columns it was made with."""
    if not isinstance(tree, exp.Select):
        return definition
    stars = [n for n, item in enumerate(tree.expressions) if item.is_star]
    if len(stars) != 1:
        return definition
    after = len(tree.expressions) - stars[0] - 1
    opened = names[stars[0] : len(names) - after]
    depth = 0
    tokens = tokenize(definition)
    for position, token in enumerate(tokens):
        depth += {"(": 1, ")": -1}.get(token.text, 0) if token.kind == "op" else 0
        following = tokens[position + 1] if position + 1 < len(tokens) else None
        if depth or token.text != "*" or (following is not None and following.upper not in (",", "FROM")):
            continue
        start = token.start
        before = position
        while before >= 2 and tokens[before - 1].text == ".":
            before -= 2
            start = tokens[before].start
        prefix = definition[start : token.start]
        columns = ", ".join(f"{prefix}`{name.replace('`', '``')}`" for name in opened)
        return definition[:start] + columns + definition[token.end :]
    return definition


def plan_drop_view(cur: TokenCursor, pc: PlanContext) -> Plan:
    """From after DROP VIEW."""
    if_exists = cur.accept_word("IF", "EXISTS")
    names = [cur.expect_name()]
    while cur.accept_op(","):
        names.append(cur.expect_name())
    cur.accept_any("RESTRICT", "CASCADE")
    cur.expect_end()
    for database, name in names:
        pc.need("DROP", database or pc.database, name)
    return DdlPlan(pc, lambda run: _drop(run, names, if_exists))


async def _drop(run: Run, names: Sequence[tuple[str, str]], if_exists: bool) -> Result:
    catalog = run.engine.catalog
    missing: list[str] = []
    views: dict[tuple[str, str], View | None] = {}
    for database, name in names:
        key = (run.schema_of(database), name)
        if key in catalog.views:
            views[key] = None
        elif key in catalog.tables:
            raise mysql_error(1347, *key, "VIEW")
        else:
            missing.append(".".join(key))
    if missing and not if_exists:
        raise mysql_error(1051, ",".join(missing))
    for shown in missing:
        await note(run, 1051, shown)
    if views:
        await run.commit(CatalogDelta(views=views))
    return Ok(warnings=len(missing))
