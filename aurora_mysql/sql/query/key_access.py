"""Rows that a condition names by the first columns of a key or of an index, found in memory."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlglot import exp

from aurora_mysql.catalog.model import Table
from aurora_mysql.engine.engine import Engine
from aurora_mysql.engine.hash_index import HASHED_TYPES, Positions
from aurora_mysql.engine.key_leaves import after
from aurora_mysql.engine.key_pages import RowsFound
from aurora_mysql.engine.keys import INTEGER_TYPES, TableKeys, normaliser
from aurora_mysql.engine.memory_reads import rows_at_once
from aurora_mysql.engine.sought import IndexedValues, KeySpan, MemoryTable, Sought
from aurora_mysql.engine.transaction import Transaction
from aurora_mysql.redo.record import Row
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.plan import PlanContext
from aurora_mysql.sql.query.conjuncts import Conjunct, Source, conjuncts, told
from aurora_mysql.sql.query.key_sets import Bound
from aurora_mysql.sql.query.named_columns import NamedColumns
from aurora_mysql.sql.query.row_expression import RowFunction, compile_row_expression
from aurora_mysql.sql.result import Value

#: The rows of one execution without a wait; of many perhaps only the first (the third argument).
FindAtOnce = Callable[[SessionContext, Sequence[Value], int | None], RowsFound | None]

#: After so many executions in a row that memory could not answer, it is not asked for a while; at most for so many.
_PATIENCE = 5
_LONGEST_REST = 256


@dataclass(slots=True)
class Patience:
    """Whether it pays to look in memory, by what came of it before."""

    failures: int = 0
    rest: int = 0

    def tries(self) -> bool:
        if self.rest:
            self.rest -= 1
            return False
        return True

    def note(self, *, answered: bool) -> None:
        if answered:
            self.failures = 0
        else:
            self.failures += 1
            if self.failures >= _PATIENCE:
                self.rest = min(1 << self.failures, _LONGEST_REST)


class Access(ABC):
    """How the rows of a statement are found in memory."""

    def __init__(self) -> None:
        self._patience = Patience()

    async def rows(
        self,
        ctx: SessionContext,
        tx: Transaction,
        params: Sequence[Value],
        *,
        latest: bool = False,
        enough: int | None = None,
    ) -> list[Row] | None:
        """As a plain read of `tx` sees them (`latest`: the newest committed and own ones); None when memory can't
        answer, or could not of late. Of many perhaps only the first `enough`."""
        if not self._patience.tries():
            return None
        found = await self._rows(ctx, tx, params, latest, enough)
        self._patience.note(answered=found is not None)
        return found

    @abstractmethod
    async def _rows(
        self, ctx: SessionContext, tx: Transaction, params: Sequence[Value], latest: bool, enough: int | None
    ) -> list[Row] | None: ...

    def now(
        self, memory: MemoryTable, ctx: SessionContext, params: Sequence[Value], enough: int | None = None
    ) -> list[Row] | None:
        """The rows that a locking read or a write finds in `memory`; None when it can't tell."""
        return None

    @abstractmethod
    def at_once(self, engine: Engine) -> FindAtOnce:
        """What finds them for a plain read without waiting, inside a transaction or not."""


@dataclass(frozen=True, slots=True)
class Search:
    """What the condition says of the leading columns of one index: `bind` makes the search of one execution, `used` are
    the conjuncts that it needs no more, `exact` how many columns are given."""

    bind: Callable[[Sequence[Value]], Sought]
    used: Sequence[Conjunct]
    exact: int


class KeyAccess(Access):
    """By key, or by the columns of an index. `constant` are the columns (by position) in which all its rows are alike,
    `rest` is what else must be true of a row."""

    def __init__(
        self,
        table: Table,
        bind: Callable[[Sequence[Value]], Sought],
        constant: frozenset[int],
        rest: RowFunction | None = None,
    ) -> None:
        super().__init__()
        self.table, self.constant = table, constant
        self._bind, self._rest = bind, rest

    async def _rows(
        self, ctx: SessionContext, tx: Transaction, params: Sequence[Value], latest: bool, enough: int | None
    ) -> list[Row] | None:
        rest = self._rest
        found = await tx.rows_sought(
            self.table, self._bind(params), latest=latest, enough=None if rest is not None else enough
        )
        if rest is None or found is None:
            return found
        return [row for row in found if rest(row, params, ctx)]

    def now(
        self, memory: MemoryTable, ctx: SessionContext, params: Sequence[Value], enough: int | None = None
    ) -> list[Row] | None:
        rest = self._rest
        found = memory.rows(self._bind(params), None if rest is not None else enough)
        if not isinstance(found, RowsFound):
            return None
        return found.rows() if rest is None else [row for row in found.rows() if rest(row, params, ctx)]

    def at_once(self, engine: Engine) -> FindAtOnce:
        table, bind, rest = self.table, self._bind, self._rest
        if rest is None:
            return lambda ctx, params, enough: rows_at_once(engine, ctx, table, bind(params), enough)
        test = rest

        def find(ctx: SessionContext, params: Sequence[Value], enough: int | None) -> RowsFound | None:
            found = rows_at_once(engine, ctx, table, bind(params))
            return None if found is None else RowsFound.of([row for row in found.rows() if test(row, params, ctx)])

        return find


def key_access(where: exp.Expression | None, names: NamedColumns, pc: PlanContext) -> KeyAccess | None:
    """How to find the rows of the only table of `names` that `where` admits; None when memory can't."""
    table = names.tables[0][1]
    if table.temporary:
        return None
    parts = conjuncts(where)
    known = [said for part in parts if isinstance(said := told(part, names.found), Conjunct)]
    search = best_search(table, known, pc)
    if search is None:
        return None
    used = [said.node for said in search.used]
    rest = [part for part in parts if not any(part is node for node in used)]
    constant = frozenset(names.position(0, said.column) for said in search.used if _is_constant(said))
    if not rest:
        return KeyAccess(table, search.bind, constant)
    test = compile_row_expression(_all_of(rest, names), table, pc)
    return None if test is None else KeyAccess(table, search.bind, constant, test)


def _is_constant(said: Conjunct) -> bool:
    """The values of its column are all the same, not only equal in its collation."""
    return said.source is not None and said.column.type.name in INTEGER_TYPES


def best_search(table: Table, known: Sequence[Conjunct], pc: PlanContext) -> Search | None:
    """The index of whose leading columns most are given; the key's before others."""
    equal: dict[str, Conjunct] = {}
    for said in known:
        if said.source is not None:
            equal.setdefault(said.column.name.lower(), said)
    found = [_span(table, equal, known, pc.engine.keys_of(table))]
    for index in table.indexes:
        if index.visible and index.kind in ("BTREE", "HASH") and index is not table.key_index:
            names: list[str] = []
            for part in index.parts:
                column = table.column(part.column)
                if part.length is not None or column is None or part.column.lower() not in equal:
                    break
                if column.type.name not in HASHED_TYPES:
                    break
                names.append(part.column.lower())
            if names:
                found.append(_by_values(table, [equal[name] for name in names]))
    return max((search for search in found if search is not None), key=lambda search: search.exact, default=None)


def _by_values(table: Table, given: Sequence[Conjunct]) -> Search:
    positions: Positions = tuple(table.position[said.column.name.lower()] for said in given)
    sources = [said.source for said in given if said.source is not None]
    normal = normaliser(table, [said.column.name for said in given])

    def bind(params: Sequence[Value]) -> Sought:
        return IndexedValues(positions, normal([source(params) for source in sources]), normal)

    return Search(bind, given, len(given))


def _span(table: Table, equal: dict[str, Conjunct], known: Sequence[Conjunct], keys: TableKeys) -> Search | None:
    """Of a key of several integers."""
    if not keys.are_integers:
        return None
    columns = [name.lower() for name in table.key_columns]
    prefix: list[Conjunct] = []
    for name in columns:
        if name not in equal:
            break
        prefix.append(equal[name])
    if not prefix:
        return None
    sources = [said.source for said in prefix if said.source is not None]
    if len(prefix) == len(columns):
        bind = bound_span(keys, sources, None, None)
        return Search(bind, prefix, len(prefix))
    low = high = None
    used = list(prefix)
    for said in known:
        if said.column.name.lower() == columns[len(prefix)] and said.source is None:
            takes_low, takes_high = said.low is not None and low is None, said.high is not None and high is None
            if (said.low is not None) == takes_low and (said.high is not None) == takes_high:
                low, high = said.low or low, said.high or high
                used.append(said)
    return Search(bound_span(keys, sources, low, high), used, len(prefix))


def bound_span(
    keys: TableKeys, sources: Sequence[Source], low: Bound | None, high: Bound | None
) -> Callable[[Sequence[Value]], KeySpan]:
    """The span of keys that begin with the values of `sources`; of the next column `low` and `high`, if given."""
    last = len(sources) + 1 == len(keys.table.key_columns)
    whole = len(sources) == len(keys.table.key_columns)

    def bind(params: Sequence[Value]) -> KeySpan:
        prefix = tuple([source(params) for source in sources])
        if whole:
            return KeySpan(prefix, prefix)
        least = prefix if low is None else (*prefix, low(params))
        if high is None:
            return KeySpan(least, after(prefix))
        most = high(params)
        return KeySpan(least, (*prefix, most if last else most + 1))

    return bind


def _all_of(nodes: Sequence[exp.Expression], names: NamedColumns) -> exp.Expression:
    """The conjunction of `nodes`, whose columns are those of the only table."""
    alias = names.tables[0][0]
    made: exp.Expression | None = None
    for node in nodes:
        copy = node.copy()
        for column in copy.find_all(exp.Column):
            if column.table.lower() == alias and not column.args.get("db"):
                column.set("table", None)
        made = copy if made is None else exp.And(this=made, expression=copy)
    assert made is not None
    return made


__all__ = ["Access", "FindAtOnce", "KeyAccess", "Patience", "Search", "best_search", "bound_span", "key_access"]
