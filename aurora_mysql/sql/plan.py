"""What a planner gets, and what it makes: a :class:`Plan` that can run again and again with other parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable

from aurora_mysql.catalog.model import Catalog
from aurora_mysql.redo.record import Row
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.result import Ok, Result, ResultColumn, Value

if TYPE_CHECKING:
    from sqlglot import exp

    from aurora_mysql.engine.engine import Engine
    from aurora_mysql.engine.transaction import Transaction
    from aurora_mysql.sql.instance_services import InstanceServices
    from aurora_mysql.sql.query.scope import FoundNames

#: (privilege, database, table): what a statement needs; '' for a level that does not apply.
Privilege = tuple[str, str, str]


@dataclass
class PlanContext:
    """Planning input for one statement.

    Attributes:
        sql_text: the statement's source, as the client wrote it (for headings and error messages).
        params: values of the lifted literals; a literal node carries its index in ``node.meta["param"]``.
        baked: indexes whose values the plan depends on; they become part of the plan's cache key.
        found_names: what names turn out to mean is noted here.
        sized: indexes of integers on whose number of digits the plan depends, but not on their values.
    """

    catalog: Catalog
    database: str
    ctx: SessionContext
    engine: Engine
    services: InstanceServices
    sql_text: str
    params: Sequence[Value] = ()
    baked: set[int] = field(default_factory=set)
    sized: set[int] = field(default_factory=set)
    privileges: set[Privilege] = field(default_factory=set)
    columns: dict[Privilege, set[str]] = field(default_factory=dict)
    found_names: FoundNames | None = None

    def bake(self, node: exp.Expression) -> None:
        """Make the plan depend on the value of every lifted literal in `node`."""
        for child in node.walk():
            index = child.meta.get("param")
            if index is not None:
                self.baked.add(index)

    def need(self, privilege: str, database: str = "", table: str = "") -> None:
        """Record a privilege that the running user must hold."""
        self.privileges.add((privilege, database, table))

    def need_columns(self, privilege: str, database: str, table: str, names: Iterable[str]) -> None:
        """Record for which columns a privilege on their table is needed: one on the columns will do."""
        self.columns.setdefault((privilege, database, table), set()).update(names)

    def needed_columns(self) -> dict[Privilege, frozenset[str]]:
        return {need: frozenset(names) for need, names in self.columns.items()}


class Plan(Protocol):
    """An executable statement.

    `cacheable` is False for plans that hold state of one execution. `writes` tells whether a reader must refuse it
    (1836). `is_ddl` tells that it commits the open transaction first and after. `needs_transaction` is False for
    statements that touch no data (SET, SHOW STATUS ...); `tx` is then None.
    """

    columns: list[ResultColumn] | None
    writes: bool
    is_ddl: bool
    needs_transaction: bool
    cacheable: bool

    async def run(self, ctx: SessionContext, tx: Transaction | None, params: Sequence[Value]) -> Result: ...


@runtime_checkable
class ReadPlan(Plan, Protocol):
    """A plan whose many rows can come packed."""

    async def run_packed(self, ctx: SessionContext, tx: Transaction | None, params: Sequence[Value]) -> Result:
        """As :meth:`run`, for a client that takes packed rows (:class:`aurora_mysql.sql.result.PackedRows`)."""
        ...


#: Makes an encoder of rows' values at the given positions.
EncoderOf = Callable[[Sequence[int]], Callable[[Row], Any]]
#: The encoded rows of an answer, None when it takes the long way.
Read = Callable[[SessionContext, Sequence[Value]], Sequence[Any] | None]


class MemoryPlan(Plan, Protocol):
    """A plan that may be answered in the turn in which the statement arrives."""

    def reader(self, engine: Engine, encoder: EncoderOf) -> Read | None:
        """The read of this plan, its rows encoded; None when it has none. What it gives is what :meth:`run` would, in
        an open transaction as well as without one; the levels that lock or read dirty rows are excluded before."""
        ...


class Later(Enum):
    """The answer is not there yet."""

    LATER = 0


LATER: Final = Later.LATER

#: Gets the answer that was to come later, and why the client gets an error instead of it (None: it does not).
Told = Callable[[Ok, Exception | None], None]
#: A write, given its parameters and the session's isolation level: its answer; LATER when it is on its way (then `Told`
#: is called once, in a later turn of the loop); None when it takes the long way, and nothing has happened but locks of
#: an open transaction.
Write = Callable[[SessionContext, Sequence[Value], str, Told], Ok | Later | None]


class WritePlan(Plan, Protocol):
    """A plan that may be carried out in the turn in which the statement arrives."""

    @property
    def at_once(self) -> Write | None:
        """What does, and tells, what :meth:`run` would; None when nothing can."""
        ...
