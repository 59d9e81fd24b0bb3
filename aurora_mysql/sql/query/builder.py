"""What the whole statement accumulates while it is translated: parameters, tables, virtual relations."""

from __future__ import annotations

import itertools
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aurora_mysql.catalog.model import Table
from aurora_mysql.catalog.zero_date import DateRules
from aurora_mysql.sql.plan import PlanContext
from aurora_mysql.sql.query.sources import Now, ParamSource, warning_token

if TYPE_CHECKING:
    from sqlglot import exp

    from aurora_mysql.engine.engine import Engine
    from aurora_mysql.sql.context import SessionContext
    from aurora_mysql.sql.query.expression import Ex
    from aurora_mysql.sql.query.stored_functions import StoredCall

_PLACEHOLDER = re.compile("\x01(\\d+|[WD])\x01")

#: What `expression.WARN` and `expression.TODAY` stand for.
_MARKERS: dict[str, ParamSource] = {"W": warning_token, "D": Now(0, False)}


def date_rules(b: Builder) -> DateRules:
    """What the session's sql_mode lets pass for a date."""
    mode = b.pc.ctx.variables.get("sql_mode", b.pc.catalog.globals.get("sql_mode"))
    return DateRules.of_mode(None if mode is None else str(mode))


def may_be_zero(rules: DateRules) -> int:
    """:attr:`aurora_mysql.sql.query.types.T.zero` of what is converted under `rules`."""
    return 2 if rules.partial or rules.invalid else 1 if rules.zero else 0


@dataclass(slots=True)
class VirtualUse:
    """A relation whose rows come from Python: registered as an Arrow table named `name` at run time."""

    name: str
    relation: Any


@dataclass(slots=True)
class SessionCall:
    """`run(engine, ctx, arguments)` is awaited before the query; the query then finds the result in the session's
    `call_results` under `number`. Each argument is a query of its own: (text, parameter sources)."""

    number: int
    run: Callable[[Engine, SessionContext, list[Any]], Awaitable[Any]]
    arguments: list[tuple[str, list[ParamSource]]]


@dataclass
class Builder:
    """One statement's translation state. `sleeps`: seconds that SLEEP() asks for, waited for before the query runs;
    `calls`: functions that may wait (GET_LOCK), called before it, in order; `stored`: calls of stored functions, by
    place; `recursive`: it has a recursive common table. `narrow`: sums may be computed of 64-bit products, which fail
    where those don't do; `narrowed`: some are; `branches`: it has a set operation."""

    pc: PlanContext
    sources: list[ParamSource] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    relations: list[VirtualUse] = field(default_factory=list)
    cacheable: bool = True
    baking: int = 0
    sleeps: list[float] = field(default_factory=list)
    calls: list[SessionCall] = field(default_factory=list)
    stored: list[StoredCall] = field(default_factory=list)
    recursive: bool = False
    narrow: bool = False
    narrowed: bool = False
    branches: bool = False

    def __post_init__(self) -> None:
        self._aliases = itertools.count(1)

    def alias(self, prefix: str = "r") -> str:
        return f"{prefix}{next(self._aliases)}"

    def param(self, source: ParamSource) -> str:
        """Text that stands for a bound value."""
        if not callable(source) and source in self.sources:
            return f"\x01{self.sources.index(source)}\x01"
        self.sources.append(source)
        return f"\x01{len(self.sources) - 1}\x01"

    def use(self, table: Table) -> None:
        if all(t.id != table.id for t in self.tables):
            self.tables.append(table)

    def summed(self, n: Ex) -> str:
        """The number `n` where it goes into a sum."""
        if not (self.narrow and n.narrow):
            return n.sql
        self.narrowed = True
        return n.narrow

    def bake(self, node: exp.Expression) -> None:
        self.pc.bake(node)

    def finish(self, sql: str) -> tuple[str, list[ParamSource]]:
        """The text with $1..$n in order of appearance, and the sources in that order."""
        order: list[str] = []

        def number(found: re.Match[str]) -> str:
            name = found.group(1)
            if name not in order:
                order.append(name)
            return f"${order.index(name) + 1}"

        text = _PLACEHOLDER.sub(number, sql)
        return text, [_MARKERS[n] if n in _MARKERS else self.sources[int(n)] for n in order]
