"""What statements may reach beside the engine: the cluster's view, the sessions, global variables, counters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from aurora_mysql.sql.cluster_view import ClusterView
from aurora_mysql.sql.processes import ProcessList

if TYPE_CHECKING:
    from aurora_mysql.catalog.model import Catalog
    from aurora_mysql.engine.engine import Engine
    from aurora_mysql.engine.transaction import Transaction
    from aurora_mysql.sql.admin.variables import SystemVariables
    from aurora_mysql.sql.context import SessionContext
    from aurora_mysql.sql.elsewhere import Elsewhere
    from aurora_mysql.sql.fingerprint import Statement
    from aurora_mysql.sql.plan import PlanContext
    from aurora_mysql.sql.result import Result, Value


class RunInner(Protocol):
    """Runs a statement of a stored program; with `tx` inside that transaction, which it leaves as it was on failure."""

    async def __call__(self, ctx: SessionContext, statement: Statement, tx: Transaction | None) -> Result: ...

    def catalog(self) -> Catalog:
        """The catalog in force."""
        ...

    def context(self, ctx: SessionContext, text: str, params: Sequence[Value]) -> PlanContext:
        """What a planner gets for the statement `text`."""
        ...


@dataclass
class InstanceServices:
    """One per instance, made by the composition root. The executor puts itself into `run_inner`; `event_runs` is when
    this instance has last run an event (Unix microseconds), by its key; `elsewhere` are readers that answer for the
    writer."""

    engine: Engine
    cluster: ClusterView
    processes: ProcessList
    variables: SystemVariables
    status: Counter[str] = field(default_factory=Counter)
    run_inner: RunInner | None = None
    elsewhere: Elsewhere | None = None
    event_runs: dict[tuple[str, str], int] = field(default_factory=dict)
