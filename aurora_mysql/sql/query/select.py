"""SELECT, set operations and subqueries: from sqlglot nodes to DuckDB text."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlglot import exp

from aurora_mysql.catalog.model import HIDDEN_KEY, Table, View
from aurora_mysql.catalog.physical import quote
from aurora_mysql.errors import MySQLError, mysql_error, unsupported
from aurora_mysql.sql.plan import PlanContext
from aurora_mysql.sql.query import operators, types
from aurora_mysql.sql.query.aggregates import contains_aggregate, position_of
from aurora_mysql.sql.query.builder import Builder, SessionCall, VirtualUse
from aurora_mysql.sql.query.common_tables import with_clause
from aurora_mysql.sql.query.expression import Ex, group_key, may_be_padded, sort_key
from aurora_mysql.sql.query.from_clause import FromClause
from aurora_mysql.sql.query.grouping import Item, group_by, only_full_group_by
from aurora_mysql.sql.query.headings import Headings
from aurora_mysql.sql.query.output import OutputColumn, Query, converted, item_of, unified
from aurora_mysql.sql.query.scope import Grouping, Relation, RelationColumn, Scope, note_read
from aurora_mysql.sql.query.sources import Converted, ParamSource, limit_value
from aurora_mysql.sql.query.stored_functions import StoredCall
from aurora_mysql.sql.query.translator import Translator, row_items, unwrap
from aurora_mysql.sql.result import ResultColumn

#: Recursive CTEs stop here unless cte_max_recursion_depth says otherwise.
MAX_RECURSION = 1000


@dataclass(slots=True)
class SelectSql:
    """A translated query: DuckDB text with $1..$n, where their values come from, what it reads, what it gives."""

    sql: str
    sources: list[ParamSource]
    tables: list[Table]
    columns: list[ResultColumn]
    relations: list[VirtualUse] = field(default_factory=list)
    cacheable: bool = True
    sleep_s: float = 0.0
    outputs: list[OutputColumn] = field(default_factory=list)
    calls: list[SessionCall] = field(default_factory=list)
    stored: list[StoredCall] = field(default_factory=list)
    recursive: bool = False
    #: Ids of its tables whose dates are compared by a key of their own.
    unordered: frozenset[int] = frozenset()
    #: It fails where a number that is summed needs more than 64 bits.
    narrowed: bool = False


class SelectTranslator:
    """Translates the queries of one statement. `views` are those being expanded, innermost last."""

    def __init__(self, b: Builder, headings: Headings) -> None:
        self.b = b
        self.tr = Translator(b, self)
        self.headings = headings
        self.database = b.pc.database
        self.views: list[View] = []
        #: The query whose rows are the statement's.
        self.top: exp.Expression | None = None
        #: How many aggregations consume all rows of the query that is being translated.
        self._consumers = 0

    # --- queries ---------------------------------------------------------------------------------------------

    def query(self, node: exp.Expression, parent: Scope | None) -> Query:
        """Translate a query whose outer names are those of `parent`. Raises as MySQL would."""
        node = unwrap(node)
        with_ = node.args.get("with_")
        prefix = ""
        if with_ is not None:
            self.b.recursive = self.b.recursive or bool(with_.args.get("recursive"))
            parent, texts = with_clause(self, with_, parent)
            prefix = f"WITH {'RECURSIVE ' if with_.args.get('recursive') else ''}{', '.join(texts)} "
        if isinstance(node, exp.Select):
            query = self.select(node, parent)
        elif isinstance(node, exp.SetOperation):
            query = self.set_operation(node, parent)
        elif isinstance(node, exp.Values):
            query = self.values(node, parent)
        elif isinstance(node, exp.Subquery) and isinstance(unwrap(node.this), exp.Query):
            query = self.ordered(self.query(node.this, parent), node, parent)
        elif isinstance(node, exp.Subquery | exp.Paren):
            query = self.query(node.this, parent)
        elif isinstance(node, exp.Table):
            query = self.select(exp.Select(expressions=[exp.Star()], from_=exp.From(this=node)), parent)
        else:
            raise unsupported(type(node).__name__)
        query.sql = prefix + query.sql
        return query

    def select(self, node: exp.Select, parent: Scope | None) -> Query:
        for part in ("laterals", "cluster", "distribute", "sort", "connect", "prewhere", "qualify", "sample", "match"):
            if node.args.get(part):
                raise unsupported(part.upper())
        if not node.expressions:
            raise mysql_error(1064, "FROM", 1)
        scope = Scope(parent=parent, database=self.database)
        tr = self.tr
        source = node.args.get("from_")
        joins = [j for j in node.args.get("joins") or [] if not isinstance(j.this.this, exp.Parameter)]
        aggregating = node.args.get("group") is not None or any(contains_aggregate(n) for n in node.expressions)
        self._consumers += aggregating
        from_sql = FromClause(self, scope).translate(None if source is None else source.this, joins)
        self._consumers -= aggregating
        for window in node.args.get("windows") or []:
            scope.windows[window.name.lower()] = window
        conditions = []
        where = node.args.get("where")
        if where is not None:
            scope.clause = "where clause"
            conditions.append(tr.condition(where.this, scope))
        entries = self._entries(node, scope)
        if self.b.pc.found_names is not None:
            self.b.pc.found_names.entries[id(node)] = entries
        having, order = node.args.get("having"), node.args.get("order")
        groups: list[str] = []
        rollup = False
        tail_nodes = [n for n in (having, order) if n is not None]
        if node.args.get("group") is not None:
            items: list[Item] = [(e, n) for e, n, _ in entries if e is not None]
            scope.group, groups, rollup = group_by(tr, node, scope, items)
        elif any(contains_aggregate(n) for n in [*node.expressions, *tail_nodes]):
            scope.group = Grouping([], implicit=True, strict=only_full_group_by(self.b.pc))
        scope.aggregates_allowed = True
        texts, columns, exes = self._items(node, entries, scope)
        having_sql = ""
        if having is not None:
            scope.clause, scope.alias_first = "having clause", True
            having_sql = tr.condition(having.this, scope)
            scope.alias_first = False
            if scope.group is None:
                conditions.append(having_sql)
                having_sql = ""
        level = next((r.level_sql for r in scope.relations if r.level_sql), "")
        if level:
            limit = int(self.b.pc.ctx.variables.get("cte_max_recursion_depth", MAX_RECURSION))
            failed = f"CASE WHEN {level} >= {limit} THEN error('AURORA:3636:{limit + 1}') ELSE 0 END"
            texts.append(f"CAST({level} + 1 + CAST({failed} AS BIGINT) AS BIGINT) AS lvl")
        distinct = node.args.get("distinct") is not None
        padded = distinct and any(may_be_padded(e) for e, _ in exes)
        word = "DISTINCT " if distinct else ""
        if padded:
            word = f"DISTINCT ON ({', '.join(group_key(e) for e, _ in exes)}) "
        sql = f"SELECT {word}{', '.join(texts)}"
        if from_sql:
            sql += f" FROM {from_sql}"
        if conditions:
            sql += f" WHERE {' AND '.join(conditions)}"
        if groups:
            sql += f" GROUP BY {'ROLLUP (' if rollup else ''}{', '.join(groups)}{')' if rollup else ''}"
        elif scope.group is not None and not any(_aggregates(t) for t in texts):
            sql += " GROUP BY ()"
        if having_sql:
            sql += f" HAVING {having_sql}"
        query = Query(sql, columns, bool(level))
        terms: list[str] = []
        if order is not None:
            scope.clause = "order clause"
            terms = self.order_terms(order, scope, exes, distinct)
        elif rollup:
            terms = [f"{part} NULLS FIRST" for g in groups for part in (f"GROUPING({g})", g)]
            if distinct:
                terms = []
        elif scope.window_order and not distinct and scope.group is None:
            terms = scope.window_order
        elif scope.relevance and not distinct and scope.group is None:
            terms = scope.relevance
        elif scope.group is None and not distinct and (node is self.top or node.args.get("limit") is not None):
            terms = self.key_order(scope)
        if terms and distinct and (padded or not all(t.split(" ")[0].isdigit() for t in terms)):
            query.sql = f"SELECT * FROM ({sql}) AS distinct_rows"
        if terms:
            query.sql += f" ORDER BY {', '.join(terms)}"
        query.sql += self.limit(node)
        return query

    def _entries(
        self, node: exp.Select, scope: Scope
    ) -> list[tuple[exp.Expression | None, str, RelationColumn | None]]:
        """Select items with stars opened: (expression, name, None) or (None, name, column)."""
        found: list[tuple[exp.Expression | None, str, RelationColumn | None]] = []
        for position, item in enumerate(node.expressions):
            if isinstance(item, exp.Star):
                if not scope.relations:
                    raise mysql_error(1096)
                found += [(None, c.name, c) for c in scope.star]
            elif isinstance(item, exp.Column) and isinstance(item.this, exp.Star):
                table, db = item.table, item.db
                owners = [
                    r for r in scope.relations if r.alias.lower() == table.lower() and (not db or r.database == db)
                ]
                if not owners:
                    raise mysql_error(1051, f"{db}.{table}" if db else table)
                found += [(None, c.name, c) for c in owners[0].columns if not c.invisible]
            elif isinstance(item, exp.Alias):
                found.append((item.this, item.alias, None))
            else:
                heading = self.headings.of(node, position, item)
                if not isinstance(item, exp.Column):
                    self.b.bake(item)
                found.append((item, heading, None))
        return found

    def _items(
        self,
        node: exp.Select,
        entries: list[tuple[exp.Expression | None, str, RelationColumn | None]],
        scope: Scope,
    ) -> tuple[list[str], list[OutputColumn], list[tuple[Ex, str]]]:
        tr = self.tr
        texts, columns, exes = [], [], []
        aliases: dict[str, Ex] = {}
        scope.clause = "field list"
        for number, (item, name, column) in enumerate(entries, 1):
            scope.item_number = number
            if column is not None:
                note_read(self.b.pc, column)
                e = tr.checked(tr.column_ex(column), scope, exp.column(column.name))
            else:
                assert item is not None
                e = tr.expr(item, scope)
                origin = e.origin.relation if isinstance(item, exp.Column) and e.origin is not None else None
                if origin is not None and origin.database == "information_schema" and name == item.name:
                    # Its columns keep their own spelling, as views do.
                    name = e.name
            text, out = item_of(name, e)
            if self._consumers and text == e.sql:
                text = self.b.summed(e)
            texts.append(f"{text} AS c{number}")
            columns.append(out)
            exes.append((e, name))
            if item is not None:
                aliases.setdefault(name.lower(), e)
        scope.item_number = 0
        scope.aliases = aliases
        return texts, columns, exes

    def key_order(self, scope: Scope) -> list[str]:
        """The order in which InnoDB comes to the rows of one table: that of its key. (A sort costs DuckDB a third of
        what reading the rows costs, and a LIMIT keeps only its rows.)"""
        if len(scope.relations) != 1 or scope.relations[0].table is None:
            return []
        relation = scope.relations[0]
        table = relation.table
        assert table is not None
        if table.key_index is None:
            return [f"{relation.sql_alias}.{quote(HIDDEN_KEY)}"]
        terms = []
        for part in table.key_index.parts:
            column = relation.find(part.column)
            assert column is not None, "a key has columns of its table"
            terms.append(f"{sort_key(self.tr.column_ex(column))}{' DESC' if part.descending else ''}")
        return terms

    def order_terms(
        self, order: exp.Expression, scope: Scope, items: list[tuple[Ex, str]], distinct: bool
    ) -> list[str]:
        tr = self.tr
        terms: list[str] = []
        for ordered in order.expressions:
            node = ordered.this if isinstance(ordered, exp.Ordered) else ordered
            position = position_of(tr, node, len(items), "order clause")
            if position is None and isinstance(node, exp.Column) and not node.table:
                named = [i for i, (_, n) in enumerate(items) if n.lower() == node.name.lower()]
                if len({items[i][0].sql for i in named}) > 1:
                    raise mysql_error(1052, node.name, "order clause")
                position = named[0] if named else None
            if position is None:
                e = tr.expr(node, scope)
                if e.is_literal:
                    continue
                same = [i for i, (x, _) in enumerate(items) if x.sql == e.sql]
                position = same[0] if same else None
            else:
                e = items[position][0]
            if e.is_literal:
                continue
            key = sort_key(e)
            if distinct:
                if position is None:
                    key = self._distinct_key(node, items, len(terms) + 1)
                    terms.append(f"{key} {'DESC NULLS LAST' if ordered.args.get('desc') else 'ASC NULLS FIRST'}")
                    continue
                inner = Ex(f"distinct_rows.c{position + 1}", e.t, collated=e.collated)
                key = str(position + 1) if key == e.sql else sort_key(inner)
            elif position is not None and key == e.sql:
                key = str(position + 1)
            terms.append(f"{key} {'DESC NULLS LAST' if ordered.args.get('desc') else 'ASC NULLS FIRST'}")
        return terms

    def _distinct_key(self, node: exp.Expression, items: list[tuple[Ex, str]], number: int) -> str:
        """A sort key over the select items of a DISTINCT query. Raises 3065 when it needs other columns."""
        columns = [
            RelationColumn(name, f"distinct_rows.c{i}", e.t, collated=e.collated)
            for i, (e, name) in enumerate(items, 1)
        ]
        scope = Scope(database=self.database, relations=[Relation("", "", "distinct_rows", columns)])
        plain = node.transform(lambda n: exp.column(n.this.copy()) if isinstance(n, exp.Column) and n.table else n)
        try:
            return sort_key(self.tr.expr(plain, scope))
        except MySQLError as error:
            if error.errno != 1054:
                raise
            raise mysql_error(3065, number, node.sql(dialect="mysql")) from None

    def limit(self, node: exp.Expression) -> str:
        text = ""
        for key, word in (("limit", "LIMIT"), ("offset", "OFFSET")):
            part = node.args.get(key)
            if part is None:
                continue
            value = part.args.get("expression")
            if isinstance(part, exp.Fetch) or part.args.get("expressions"):
                raise mysql_error(1064, "LIMIT", 1)
            if not isinstance(value, exp.Literal) or value.is_string or not str(value.this).isdigit():
                raise mysql_error(1064, "" if value is None else value.sql(dialect="mysql"), 1)
            index = value.meta.get("param")
            if index is None or self.b.baking:
                self.b.bake(value)
                text += f" {word} {limit_value(value.this)}"
            else:
                text += f" {word} CAST({self.b.param(Converted(index, limit_value))} AS BIGINT)"
        return text

    def set_operation(self, node: exp.SetOperation, parent: Scope | None) -> Query:
        self.b.branches = True
        # Long UNIONs come as deep left-leaning trees: the left spine is walked without recursion.
        spine = [node]
        while True:
            left = unwrap(spine[-1].this)
            if not isinstance(left, exp.SetOperation) or left is not spine[-1].this or left.args.get("with_"):
                break
            spine.append(left)
        query = self.query(spine[-1].this, parent)
        sides = [(level, self.query(level.expression, parent)) for level in reversed(spine)]
        # Every branch goes to the common type at once: through that of its neighbours it would lose digits.
        if all(len(q.columns) == len(query.columns) for _, q in sides):
            everything = [query, *(q for _, q in sides)]
            columns = [unified(c.name, [q.columns[i] for q in everything]) for i, c in enumerate(query.columns)]
            query = Query(converted(query, columns, self.b.alias("u")), columns, query.level)
        for level, side in sides:
            query = self.ordered(self._combine(level, query, side), level, parent)
        return query

    def _combine(self, node: exp.SetOperation, left: Query, right: Query) -> Query:
        if len(left.columns) != len(right.columns):
            raise mysql_error(1222)
        columns = [unified(a.name, [a, c]) for a, c in zip(left.columns, right.columns, strict=True)]
        word = {exp.Union: "UNION", exp.Except: "EXCEPT", exp.Intersect: "INTERSECT"}[type(node)]
        everything = not node.args.get("distinct")
        sides = [converted(q, columns, self.b.alias("u")) for q in (left, right)]
        if word == "UNION" and not everything and any(may_be_padded(_as_ex("", c)) for c in columns):
            alias = self.b.alias("u")
            keys = [group_key(_as_ex(f"{alias}.c{i}", c)) for i, c in enumerate(columns, 1)]
            united = f"({sides[0]}) UNION ALL ({sides[1]})"
            return Query(f"SELECT DISTINCT ON ({', '.join(keys)}) * FROM ({united}) AS {alias}", columns)
        if word == "UNION" or everything or not any(c.collated for c in columns):
            sql = f"({sides[0]}) {word}{' ALL' if everything else ''} ({sides[1]})"
            return Query(sql, columns)
        first, second = self.b.alias("u"), self.b.alias("u")
        same = " AND ".join(f"{first}.c{i} IS NOT DISTINCT FROM {second}.c{i}" for i in range(1, len(columns) + 1))
        sql = (
            f"SELECT DISTINCT * FROM ({sides[0]}) AS {first} WHERE {'NOT ' if word == 'EXCEPT' else ''}EXISTS "
            f"(SELECT 1 FROM ({sides[1]}) AS {second} WHERE {same})"
        )
        return Query(sql, columns)

    def ordered(self, query: Query, node: exp.Expression, parent: Scope | None) -> Query:
        """`query` with ORDER BY and LIMIT of `node` around it."""
        order = node.args.get("order")
        limit = self.limit(node)
        if order is None and not limit:
            return query
        alias = self.b.alias("u")
        relation = query.relation("", alias)
        scope = Scope(parent=parent, database=self.database, clause="order clause")
        scope.add(relation)
        items = [(self.tr.column_ex(c), c.name) for c in relation.columns]
        terms = [] if order is None else self.order_terms(order, scope, items, False)
        sql = f"SELECT * FROM ({query.sql}) AS {alias}"
        if terms:
            sql += f" ORDER BY {', '.join(terms)}"
        return Query(sql + limit, query.columns)

    def values(self, node: exp.Values, parent: Scope | None) -> Query:
        scope = Scope(parent=parent, database=self.database)
        rows = []
        for row in node.expressions:
            cells = row_items(row)
            if cells and len(cells) == 1 and row_items(cells[0]) is not None:
                cells = row_items(cells[0])
            if cells is None:
                raise mysql_error(1064, "VALUES", 1)
            rows.append([item_of(f"column_{i}", self.tr.expr(c, scope)) for i, c in enumerate(cells)])
        if any(len(r) != len(rows[0]) for r in rows):
            raise mysql_error(1136, 2)
        columns = [unified(f"column_{i}", [r[i][1] for r in rows]) for i in range(len(rows[0]))]
        parts = []
        for cells_ in rows:
            sql = "SELECT " + ", ".join(f"{text} AS c{i}" for i, (text, _) in enumerate(cells_, 1))
            parts.append(converted(Query(sql, [c for _, c in cells_]), columns, self.b.alias("u")))
        return self.ordered(Query(" UNION ALL ".join(f"({p})" for p in parts), columns), node, parent)

    # --- subqueries in expressions ---------------------------------------------------------------------------

    def scalar(self, node: exp.Expression, scope: Scope) -> Ex:
        query = self.query(node, scope)
        if len(query.columns) != 1:
            raise mysql_error(1241, 1)
        column = query.columns[0]
        return Ex(f"({query.sql})", column.t, collated=column.collated)

    def exists(self, node: exp.Expression, scope: Scope) -> Ex:
        return Ex(f"EXISTS ({self.query(node, scope).sql})", types.BOOL)

    def quantified(self, op: str, node: exp.Binary, scope: Scope) -> Ex:
        """`a op ANY (query)`, `a op ALL (query)`."""
        side = node.expression
        inner = unwrap(side.this)
        left = row_items(node.this)
        if left is not None:
            if op == "=" and isinstance(side, exp.Any):
                return self.row_in(left, inner, scope)
            raise mysql_error(1241, 1)
        query = self._operand(inner, scope, 1)
        alias = self.b.alias("v")
        a = self.tr.expr(node.this, scope)
        c = Ex(f"{alias}.c1", query.columns[0].t, collated=query.columns[0].collated)
        first, second = operators.comparable(self.b, a, c)
        word = "ANY" if isinstance(side, exp.Any) else "ALL"
        return Ex(f"({first} {op} {word} (SELECT {second} FROM ({query.sql}) AS {alias}))", types.BOOL)

    def row_in(self, left: list[exp.Expression], node: exp.Expression, scope: Scope) -> Ex:
        """`left IN (query)`; also a row `= (query)`."""
        query = self._operand(node, scope, len(left))
        alias = self.b.alias("v")
        pairs = []
        for i, (item, column) in enumerate(zip(left, query.columns, strict=True), 1):
            right = Ex(f"{alias}.c{i}", column.t, collated=column.collated)
            pairs.append((self.tr.expr(item, scope), right))
        if len(pairs) == 1:
            first, second = operators.comparable(self.b, *pairs[0])
            return Ex(f"({first} IN (SELECT {second} FROM ({query.sql}) AS {alias}))", types.BOOL)
        same = " AND ".join(operators.compare(self.b, "=", a, c).sql for a, c in pairs)
        rows = f"EXISTS (SELECT 1 FROM ({query.sql}) AS {alias} WHERE"
        return Ex(
            f"CASE WHEN {rows} {same}) THEN TRUE WHEN {rows} ({same}) IS NULL) THEN NULL ELSE FALSE END", types.BOOL
        )

    def _operand(self, node: exp.Expression, scope: Scope, width: int) -> Query:
        if isinstance(node, exp.Select | exp.SetOperation) and node.args.get("limit") is not None:
            raise unsupported("LIMIT & IN/ALL/ANY/SOME subquery")
        query = self.query(node, scope)
        if len(query.columns) != width:
            raise mysql_error(1241, width)
        return query


def _aggregates(text: str) -> bool:
    """A cheap test for an aggregate call in DuckDB text (without one, a group needs GROUP BY ())."""
    lowered = text.lower()
    words = ("count(", "sum(", "avg(", "min(", "max(", "any_value(", "first(", "list(", "string_agg(", "bit_")
    return any(w in lowered for w in (*words, "stddev", "var_"))


def _as_ex(sql: str, column: OutputColumn) -> Ex:
    return Ex(sql, column.t, collated=column.collated)


def new_translator(ast: exp.Expression, pc: PlanContext, *, narrow: bool = False) -> SelectTranslator:
    return SelectTranslator(Builder(pc, narrow=narrow), Headings(ast, pc.sql_text))


def translate_select(ast: exp.Expression, pc: PlanContext, *, raw: bool = False, narrow: bool = False) -> SelectSql:
    """Translate a query. `raw` is for callers that store the values: they come as they do for clients, since display
    is the protocol's work; a TIMESTAMP is session-local time in both cases. `narrow`: what is summed may be computed in
    64 bits; the query then fails before its first row where they don't do (:attr:`SelectSql.narrowed`).

    Raises:
        MySQLError: what MySQL reports for the query; 1235 for what is not supported.
    """
    del raw
    selects = new_translator(ast, pc, narrow=narrow)
    selects.top = unwrap(ast)
    query = selects.query(ast, None)
    if selects.b.narrowed and selects.b.branches:
        # The first branch of a set operation may give rows before the second one fails.
        return translate_select(ast, pc)
    return finished(selects, query)


def finished(selects: SelectTranslator, query: Query) -> SelectSql:
    b = selects.b
    sql, sources = b.finish(query.sql)
    columns = [c.definition() for c in query.columns]
    unordered = frozenset(t.id for t in b.tables) & b.pc.engine.date_facts.tables
    return SelectSql(
        sql, sources, b.tables, columns, b.relations, b.cacheable, sum(b.sleeps), query.columns, b.calls, b.stored,
        b.recursive, unordered, b.narrowed,
    )  # fmt: skip


__all__ = ["SelectSql", "SelectTranslator", "finished", "new_translator", "translate_select"]
