"""Joins of few rows by key, made in memory: table after table, each found by values that are known by then."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sqlglot import exp

from aurora_mysql.catalog.model import Table
from aurora_mysql.engine.engine import Engine
from aurora_mysql.engine.key_pages import RowsFound
from aurora_mysql.engine.keys import INTEGER_TYPES
from aurora_mysql.engine.memory_reads import memory_at_once
from aurora_mysql.engine.sought import MOST_ROWS, KeySpan, MemoryTable, Missing
from aurora_mysql.engine.transaction import Transaction
from aurora_mysql.redo.record import Row
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.plan import PlanContext
from aurora_mysql.sql.query.conjuncts import Conjunct, Pair, Source, conjuncts, told
from aurora_mysql.sql.query.key_access import Access, FindAtOnce, bound_span
from aurora_mysql.sql.query.key_sets import Bound
from aurora_mysql.sql.query.named_columns import NamedColumns
from aurora_mysql.sql.query.row_expression import RowFunction, compile_row_expression
from aurora_mysql.sql.result import Value

#: Loads of one execution, beyond which DuckDB does the join; the next execution finds what they brought.
_MOST_LOADS = 4

#: A column's value: of a literal, or from the rows found so far (by position).
Given = Source | int
#: A table (by its number in the statement) and its column (lower case).
_Column = tuple[int, str]


@dataclass(slots=True)
class Step:
    """One table: the values of the first columns of its key (all of them, if `whole`), bounds for the next one, and
    what else must be true of a row. `start`: where its columns stand in the joined rows; `equal`: pairs of positions
    there that must be equal from here on."""

    table: Table
    start: int
    given: list[Given]
    whole: bool
    low: Bound | None = None
    high: Bound | None = None
    rest: list[RowFunction] = field(default_factory=list)
    equal: list[tuple[int, int]] = field(default_factory=list)


class _Lacking(Exception):
    """A step needs rows that are not in memory."""

    def __init__(self, memory: MemoryTable, missing: Missing) -> None:
        self.memory, self.missing = memory, missing


class JoinAccess(Access):
    """Rows are those of the tables, one behind the other, as the statement names the tables; `steps` may be in another
    order."""

    def __init__(self, steps: Sequence[Step], width: int) -> None:
        super().__init__()
        self._steps, self._width = steps, width

    async def _rows(
        self, ctx: SessionContext, tx: Transaction, params: Sequence[Value], latest: bool, enough: int | None
    ) -> list[Row] | None:
        for load in range(_MOST_LOADS + 1):
            memories: list[MemoryTable] = []
            for step in self._steps:
                memory = await tx.memory_of(step.table, latest=latest)
                if memory is None:
                    return None
                memories.append(memory)
            try:
                return self._joined(ctx, memories, params)
            except _Lacking as lacking:
                first = Missing(lacking.missing.keys[:1])
                if load == _MOST_LOADS or not await tx.bring(lacking.memory.stored, first):
                    return None
        return None

    def at_once(self, engine: Engine) -> FindAtOnce:
        steps = self._steps

        def find(ctx: SessionContext, params: Sequence[Value], _: int | None) -> RowsFound | None:
            memories: list[MemoryTable] = []
            for step in steps:
                memory = memory_at_once(engine, ctx, step.table)
                if memory is None:
                    return None
                memories.append(memory)
            try:
                rows = self._joined(ctx, memories, params)
            except _Lacking:
                return None
            return None if rows is None else RowsFound.of(rows)

        return find

    def _joined(
        self, ctx: SessionContext, memories: Sequence[MemoryTable], params: Sequence[Value]
    ) -> list[Row] | None:
        """None when memory can't tell, or there are very many. Raises _Lacking."""
        joined: list[list[Value]] = [[None] * self._width]
        for step, memory in zip(self._steps, memories, strict=True):
            find = _finder(step, memory, ctx, params)
            start, stop = step.start, step.start + len(step.table.columns)
            longer: list[list[Value]] = []
            for before in joined:
                rows = find(before)
                if rows is None:
                    return None
                for row in rows:
                    made = before.copy()
                    made[start:stop] = row
                    if all(made[a] == made[b] and made[a] is not None for a, b in step.equal):
                        longer.append(made)
                if len(longer) > MOST_ROWS:
                    return None
            joined = longer
        return [tuple(row) for row in joined]


def _finder(
    step: Step, memory: MemoryTable, ctx: SessionContext, params: Sequence[Value]
) -> Callable[[Sequence[Value]], Sequence[Row] | None]:
    """What finds the rows of a step that go with a joined row; each search is made once."""
    known: dict[tuple[Value, ...], Sequence[Row] | None] = {}
    places = [given if isinstance(given, int) else None for given in step.given]
    fixed = [None if isinstance(given, int) else given(params) for given in step.given]
    rest = step.rest

    def find(before: Sequence[Value]) -> Sequence[Row] | None:
        values = tuple([f if p is None else before[p] for p, f in zip(places, fixed, strict=True)])
        if values in known:
            return known[values]
        if None in values:
            return ()
        rows = _rows(step, memory, values, params)
        if rest and rows:
            rows = [row for row in rows if all(test(row, params, ctx) for test in rest)]
        known[values] = rows
        return rows

    return find


def _rows(step: Step, memory: MemoryTable, values: Row, params: Sequence[Value]) -> Sequence[Row] | None:
    """Raises _Lacking."""
    if step.whole:
        known, row = memory.row(values)
        if known:
            return () if row is None else (row,)
        if memory.holds(values):
            return None  # but not so far back
        raise _Lacking(memory, Missing((values,)))
    span: KeySpan = bound_span(memory.stored.keys, [_always(value) for value in values], step.low, step.high)(params)
    found = memory.rows(span)
    if isinstance(found, Missing):
        raise _Lacking(memory, found)
    return None if found is None else found.rows()


def _always(value: Value) -> Source:
    return lambda params: value


def join_access(ast: exp.Select, names: NamedColumns, pc: PlanContext) -> JoinAccess | None:
    """How to make an inner join of tables with integer keys; None when it needs DuckDB."""
    parts = conjuncts(ast.args["where"])
    for join in ast.args.get("joins") or ():
        others = any(v for k, v in join.args.items() if k not in ("this", "on", "kind"))
        if others or join.kind not in ("", "CROSS", "INNER"):
            return None
        parts += conjuncts(join.args.get("on"))
    if any(table.temporary or not _has_integer_key(table) for _, table in names.tables):
        return None
    said = [told(part, names.found) for part in parts]
    values = _Values(names, said)
    left = list(range(len(names.tables)))
    steps: dict[int, Step] = {}
    while left:
        found = _next_step(left, names, values)
        if found is None:
            return None
        left.remove(found[0])
        steps[found[0]] = found[1]
        values.reached.append(found[0])
    for part, what in zip(parts, said, strict=True):
        if isinstance(what, Pair):
            later = max(what.left[0], what.right[0], key=values.reached.index)
            steps[later].equal.append((names.position(*what.left), names.position(*what.right)))
            continue
        if isinstance(what, Conjunct) and what in values.used:
            continue
        number = _table_of(part, names)
        test = None if number is None else compile_row_expression(_bare(part), names.tables[number][1], pc)
        if number is None or test is None:
            return None
        steps[number].rest.append(test)
    return JoinAccess(list(steps.values()), names.starts[-1] + len(names.tables[-1][1].columns))


def _has_integer_key(table: Table) -> bool:
    return table.key_index is not None and all(
        table.columns[position].type.name in INTEGER_TYPES for position in table.key_positions
    )


class _Values:
    """What is known of columns: literals, and rows of the tables that were `reached`. `used`: the conjuncts that
    searches need no more."""

    def __init__(self, names: NamedColumns, said: Sequence[Conjunct | Pair | None]) -> None:
        self._names = names
        self.reached: list[int] = []
        self.used: set[Conjunct] = set()
        self.bounds: list[Conjunct] = []
        self._literals: dict[_Column, Conjunct] = {}
        self._alike: dict[_Column, list[_Column]] = {}
        for what in said:
            if isinstance(what, Pair):
                left, right = ((number, column.name.lower()) for number, column in (what.left, what.right))
                both = list(dict.fromkeys([*self._alike.get(left, [left]), *self._alike.get(right, [right])]))
                self._alike.update(dict.fromkeys(both, both))
            elif what is not None and what.source is not None:
                self._literals.setdefault((what.table, what.column.name.lower()), what)
            elif what is not None:
                self.bounds.append(what)

    def given(self, number: int, name: str) -> Given | None:
        """Where the value of a column comes from; None when it is not known yet."""
        own = self._literals.get((number, name))
        if own is not None:
            return own.source
        alike = self._alike.get((number, name), [])
        for other in alike:
            literal = self._literals.get(other)
            if literal is not None:
                return literal.source
        for table, other_name in alike:
            if table in self.reached:
                column = self._names.tables[table][1].column(other_name)
                return None if column is None else self._names.position(table, column)
        return None

    def use(self, number: int, names: Sequence[str]) -> None:
        """A search takes care of what is said of these columns."""
        self.used.update(self._literals[number, name] for name in names if (number, name) in self._literals)


def _next_step(left: Sequence[int], names: NamedColumns, values: _Values) -> tuple[int, Step] | None:
    """The table that is found best by what is known: by its whole key, else by most of the first columns."""
    best: tuple[int, list[Given], bool] | None = None
    for number in left:
        table = names.tables[number][1]
        given: list[Given] = []
        for name in table.key_columns:
            value = values.given(number, name.lower())
            if value is None:
                break
            given.append(value)
        whole = len(given) == len(table.key_columns)
        if given and (best is None or (whole, len(given)) > (best[2], len(best[1]))):
            best = number, given, whole
    if best is None:
        return None
    number, given, whole = best
    table = names.tables[number][1]
    key = [name.lower() for name in table.key_columns]
    step = Step(table, names.starts[number], given, whole)
    values.use(number, key[: len(given)])
    for bound in values.bounds if not whole else ():
        if bound.table == number and bound.column.name.lower() == key[len(given)]:
            low, high = bound.low is not None, bound.high is not None
            if not (low and step.low is not None) and not (high and step.high is not None):
                step.low, step.high = bound.low or step.low, bound.high or step.high
                values.used.add(bound)
    return number, step


def _table_of(part: exp.Expression, names: NamedColumns) -> int | None:
    """The only table of whose columns a conjunct speaks."""
    found = [names.found(node) for node in part.find_all(exp.Column)]
    numbers = {place[0] for place in found if place is not None}
    return numbers.pop() if len(numbers) == 1 and None not in found else None


def _bare(part: exp.Expression) -> exp.Expression:
    """`part` with its columns' names alone."""
    copy = part.copy()
    for column in copy.find_all(exp.Column):
        column.set("table", None)
    return copy
