"""MATCH ... AGAINST: InnoDB's relevance, computed from the rows.

A word weighs, for each time it is in a row, the square of log10(rows / rows that have it). There is no inverted index:
a search reads the table's text, with DuckDB's own functions over lists of words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from aurora_mysql.catalog.model import Table
from aurora_mysql.catalog.physical import quote
from aurora_mysql.errors import mysql_error, unsupported
from aurora_mysql.sql.query import types
from aurora_mysql.sql.query.expression import CONNECTION_COLLATION, Ex, is_ci, text_literal
from aurora_mysql.sql.query.fulltext_query import (
    MAX_LENGTH,
    MIN_LENGTH,
    STOP_WORDS,
    Group,
    Node,
    Phrase,
    Term,
    is_indexed,
    parse_boolean,
    words_of,
)
from aurora_mysql.sql.query.function_table import node
from aurora_mysql.sql.query.scope import RelationColumn, Scope

if TYPE_CHECKING:
    from aurora_mysql.sql.query.translator import Translator

#: Stands between the words of two columns, so that no phrase reaches across.
_EDGE = "\x01"
_STOP = ", ".join(text_literal(word) for word in sorted(STOP_WORDS))
#: What ``>`` and ``<`` (and ``~``) add to the relevance of what they mark.
_CHANGES = {">": 1.0, "<": -1.0, "~": -1.0}


@node("matchagainst")
def match_against(tr: Translator, found: exp.MatchAgainst, scope: Scope) -> Ex:
    """Raises 1191 without a full-text key on just these columns, 1210 for what is no column or no constant."""
    columns = [_column(tr, item, scope) for item in found.expressions]
    relation = columns[0].relation
    if relation is None or relation.table is None:
        raise mysql_error(1191)
    if any(column.relation is not relation for column in columns):
        raise mysql_error(1210, "MATCH")
    table = relation.table
    names = {column.name.lower() for column in columns}
    if not any(i.kind == "FULLTEXT" and {c.lower() for c in i.columns} == names for i in table.indexes):
        raise mysql_error(1191)
    query = _constant(tr, found.this, scope)
    if query is None:
        return Ex("CAST(0 AS DOUBLE)", types.DOUBLE)
    modifier = str(found.args.get("modifier") or "").upper()
    collation = columns[0].t.collation or CONNECTION_COLLATION
    search = _Search(table, [c.name for c in columns], folded=is_ci(collation))
    if "BOOLEAN" in modifier:
        relevance = search.boolean(parse_boolean(query))
    else:
        relevance = search.natural(words_of(query), expanded="EXPANSION" in modifier)
    if not relevance:
        return Ex("CAST(0 AS DOUBLE)", types.DOUBLE)
    words = search.words(relation.sql_alias)
    known = f"{{'w': {words}, 'v': {search.frequencies()}, 'n': {search.rows()}}}"
    sql = f"list_transform([{known}], lambda x: {relevance})[1]"
    sql = f"CAST(CAST({sql} AS FLOAT) AS DOUBLE)"
    if scope.clause == "where clause" and not scope.relevance:
        keys = [f"{relation.sql_alias}.{quote(name)}" for name in table.key_columns]
        scope.relevance = [f"{sql} DESC", *keys]
    return Ex(sql, types.DOUBLE)


def _column(tr: Translator, item: exp.Expression, scope: Scope) -> RelationColumn:
    if not isinstance(item, exp.Column):
        raise mysql_error(1210, "MATCH")
    origin = tr.column(item, scope).origin
    if not isinstance(origin, RelationColumn):
        raise mysql_error(1210, "MATCH")
    return origin


def _constant(tr: Translator, item: exp.Expression, scope: Scope) -> str | None:
    """The query's text, on which the plan then depends."""
    if isinstance(item, exp.Parameter):
        tr.b.cacheable = False
        value = tr.b.pc.ctx.user_variables.get(item.name.lower())
    else:
        if item.find(exp.Column) is not None:
            raise mysql_error(1210, "AGAINST")
        e = tr.expr(item, scope)
        if not e.is_literal:
            raise unsupported("AGAINST with an expression")
        value = tr.constant(e)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return None if value is None else str(value)


def _weight(frequency: str) -> str:
    return f"pow(CASE WHEN {frequency} = x.n THEN log10(1.0001) ELSE log10(x.n / {frequency}) END, 2)"


def _score(count: str, frequency: str) -> str:
    """As FLOAT, in which InnoDB adds up."""
    return f"COALESCE(CAST({count} * {_weight(frequency)} AS FLOAT), 0)"


class _Search:
    """One search of one table. In the texts made here `x.w` are a row's words, `x.v` how many rows have each word of
    the query, `x.n` is the number of rows."""

    def __init__(self, table: Table, columns: list[str], *, folded: bool) -> None:
        self._table, self._columns, self._folded = table, columns, folded
        self._wanted: list[str] = []

    def words(self, alias: str) -> str:
        """All words of a row, in order."""
        parts = []
        for name in self._columns:
            column = f"COALESCE({alias}.{quote(name)}, '')"
            parts.append(f"regexp_extract_all({self._fold(column)}, '[\\p{{L}}\\p{{M}}\\p{{N}}_]+')")
        made = parts[0]
        for part in parts[1:]:
            made = f"list_concat(list_append({made}, {text_literal(_EDGE)}), {part})"
        return made

    def _fold(self, sql: str) -> str:
        return f"lower(strip_accents(CAST({sql} AS VARCHAR)))" if self._folded else f"CAST({sql} AS VARCHAR)"

    def _literal(self, word: str) -> str:
        return self._fold(text_literal(word))

    def rows(self) -> str:
        """How many rows the table has."""
        return f"(SELECT count(*) FROM {self._table.physical_name})"

    def frequencies(self) -> str:
        """A map from each word that the query is about to the number of rows that have it."""
        each = f"SELECT unnest(list_distinct({self.words('ft')})) AS w FROM {self._table.physical_name} AS ft"
        return (
            f"(SELECT map_from_entries(list(row(w, n))) FROM (SELECT w, count(*) AS n FROM ({each}) AS words "
            f"WHERE ({' OR '.join(self._wanted)}) AND length(w) BETWEEN {MIN_LENGTH} AND {MAX_LENGTH} "
            f"AND lower(w) NOT IN ({_STOP}) GROUP BY w) AS counted)"
        )

    def natural(self, words: list[str], *, expanded: bool) -> str:
        """Relevance of a query in natural language: '' when it has no word to look for."""
        terms = [Term(word) for word in dict.fromkeys(words) if is_indexed(word)]
        if not terms:
            return ""
        scores = [self._term(term)[1] for term in terms]
        if not expanded:
            return " + ".join(scores)
        literals = ", ".join(self._literal(term.word) for term in terms)
        inner = self.words("fx")
        self._wanted.append(
            f"w IN (SELECT unnest({inner}) FROM {self._table.physical_name} AS fx "
            f"WHERE list_has_any({inner}, [{literals}]))"
        )
        return f"COALESCE(list_sum(list_transform(x.w, lambda w: COALESCE({_weight('x.v[w]')}, 0))), 0)"

    def boolean(self, group: Group) -> str:
        matched, score = self._group(group)
        return f"CASE WHEN {matched} THEN {score} ELSE 0 END" if self._wanted else ""

    def _node(self, item: Node) -> tuple[str, str]:
        """(condition, relevance where it holds)."""
        if isinstance(item, Group):
            return self._group(item)
        if isinstance(item, Phrase):
            return self._phrase(item)
        return self._term(item)

    def _term(self, term: Term) -> tuple[str, str]:
        word = self._literal(term.word)
        if term.prefix:
            self._wanted.append(f"starts_with(w, {word})")
            hits = f"list_sort(list_filter(x.w, lambda w: starts_with(w, {word}) AND x.v[w] IS NOT NULL))"
            # InnoDB weighs all words of the beginning as one, and counts the first of them that a row has.
            alike = f"list_filter(map_keys(x.v), lambda k: starts_with(k, {word}))"
            together = f"list_sum(list_transform({alike}, lambda k: x.v[k]))"
            return f"len({hits}) > 0", _score(f"len(list_filter({hits}, lambda w: w = {hits}[1]))", together)
        if not is_indexed(term.word):
            return "FALSE", "CAST(0 AS FLOAT)"
        self._wanted.append(f"w = {word}")
        count = f"len(list_filter(x.w, lambda w: w = {word}))"
        return f"list_contains(x.w, {word})", _score(count, f"x.v[{word}]")

    def _phrase(self, phrase: Phrase) -> tuple[str, str]:
        indexed = [word for word in dict.fromkeys(phrase.words) if is_indexed(word)]
        if not indexed:
            return "FALSE", "CAST(0 AS FLOAT)"
        score = " + ".join(self._term(Term(word))[1] for word in indexed)
        literals = ", ".join(self._literal(word) for word in phrase.words)
        if phrase.distance:
            near = f"list_has_all(x.w[i : i + {phrase.distance - 1}], [{literals}])"
            return f"len(list_filter(range(1, len(x.w) + 1), lambda i: {near})) > 0", score
        size = len(phrase.words)
        same = f"x.w[i : i + {size - 1}] = [{literals}]"
        return f"len(list_filter(range(1, len(x.w) - {size - 2}), lambda i: {same})) > 0", score

    def _group(self, group: Group) -> tuple[str, str]:
        required: list[str] = []
        optional: list[str] = []
        excluded: list[str] = []
        scores: list[str] = []
        for item in group.items:
            matched, score = self._node(item)
            if item.operator == "-":
                excluded.append(matched)
                continue
            if item.operator == "+":
                required.append(matched)
            elif item.operator != "~":
                optional.append(matched)
            change = _CHANGES.get(item.operator)
            if change is not None:
                score = f"CAST({change} AS FLOAT) + {score}"
            scores.append(f"CASE WHEN {matched} THEN {score} ELSE CAST(0 AS FLOAT) END")
        if not required and not optional:
            return "FALSE", "CAST(0 AS FLOAT)"
        condition = " AND ".join(f"({c})" for c in required) or " OR ".join(f"({c})" for c in optional)
        if excluded:
            condition = f"({condition}) AND NOT ({' OR '.join(f'({c})' for c in excluded)})"
        return condition, "(" + " + ".join(scores) + ")"
