"""Plans by statement shape: bounded, least recently used out first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from aurora_mysql.sql.plan import Plan, Privilege
from aurora_mysql.sql.result import Value


@dataclass(slots=True)
class CachedPlan:
    plan: Plan
    privileges: frozenset[Privilege]
    #: The plan depends on no literal's value or size.
    universal: bool = False
    #: (user, host, active roles, catalog version) for which the privileges were found sufficient.
    allowed_for: set[tuple[str, str, tuple[tuple[str, str], ...], int]] = field(default_factory=set)
    #: The columns for which a privilege is needed, where columns may have privileges of their own.
    columns: Mapping[Privilege, frozenset[str]] = field(default_factory=dict)


@dataclass(slots=True)
class _Shape:
    baked: tuple[int, ...] = ()
    sized: tuple[int, ...] = ()
    plans: dict[tuple[Any, ...], CachedPlan] = field(default_factory=dict)


class PlanCache:
    """`key` is everything but literal values that a plan depends on; of these, the baked ones choose the variant, and
    the number of digits of the sized ones."""

    def __init__(self, *, shapes: int = 2000, variants: int = 64) -> None:
        self._limit, self._variants = shapes, variants
        self._shapes: OrderedDict[tuple[Any, ...], _Shape] = OrderedDict()
        self.hits = self.misses = 0

    def get(self, key: tuple[Any, ...], params: Sequence[Value]) -> CachedPlan | None:
        shape = self._shapes.get(key)
        if shape is not None:
            found = shape.plans.get(_variant(shape, params))
            if found is not None:
                self._shapes.move_to_end(key)
                self.hits += 1
                return found
        self.misses += 1
        return None

    def put(
        self,
        key: tuple[Any, ...],
        params: Sequence[Value],
        baked: set[int],
        plan: CachedPlan,
        sized: Collection[int] = (),
    ) -> None:
        shape = self._shapes.setdefault(key, _Shape())
        every = tuple(sorted(baked.union(shape.baked)))
        every_sized = tuple(sorted({*sized, *shape.sized}.difference(every)))
        if (every, every_sized) != (shape.baked, shape.sized):
            # Variants found so far may depend on values that were not part of their key.
            shape.baked, shape.sized = every, every_sized
            shape.plans.clear()
        if len(shape.plans) >= self._variants:
            shape.plans.pop(next(iter(shape.plans)))
        shape.plans[_variant(shape, params)] = plan
        self._shapes.move_to_end(key)
        if len(self._shapes) > self._limit:
            self._shapes.popitem(last=False)


def _variant(shape: _Shape, params: Sequence[Value]) -> tuple[Any, ...]:
    values = tuple(_exact(params[i]) for i in shape.baked)
    return (*values, *(digits(params[i]) for i in shape.sized)) if shape.sized else values


def _exact(value: Value) -> tuple[type, Any]:
    """Equal only for equal literals: 1.50 is not 1.5 (it has more decimals), nor -0e0 0e0."""
    return type(value), str(value) if isinstance(value, Decimal | float) else value


def digits(value: Value) -> int:
    """Decimal digits of an integer literal."""
    return len(str(value).lstrip("-"))
