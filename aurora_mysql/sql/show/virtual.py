"""Relations that are made from the catalog and the instance's state: information_schema, performance_schema, mysql."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from aurora_mysql.catalog.model import Catalog, ColumnType
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.instance_services import InstanceServices

Rows = Callable[[SessionContext, InstanceServices], list[tuple[Any, ...]]]


@dataclass(frozen=True)
class VirtualRelation:
    """`rows` gives tuples in the order of `columns`, values as the columns' storage values."""

    columns: list[tuple[str, ColumnType]]
    rows: Rows


def text(length: int = 64) -> ColumnType:
    return ColumnType("varchar", length, charset="utf8mb3", collation="utf8mb3_general_ci")


def longtext() -> ColumnType:
    return ColumnType("longtext", charset="utf8mb3", collation="utf8mb3_general_ci")


def big(unsigned: bool = True) -> ColumnType:
    return ColumnType("bigint", unsigned=unsigned)


def integer() -> ColumnType:
    return ColumnType("int")


def double() -> ColumnType:
    return ColumnType("double")


def moment(scale: int = 0) -> ColumnType:
    return ColumnType("datetime", scale=scale)


def columns_of(*columns: str | tuple[str, ColumnType]) -> list[tuple[str, ColumnType]]:
    """Columns by name; a bare name is a text of 64 characters."""
    return [(c, text()) if isinstance(c, str) else c for c in columns]


def nothing(ctx: SessionContext, services: InstanceServices) -> list[tuple[Any, ...]]:
    return []


def empty(*columns: str | tuple[str, ColumnType]) -> VirtualRelation:
    return VirtualRelation(columns_of(*columns), nothing)


def sees_everything(catalog: Catalog, ctx: SessionContext) -> bool:
    """True when the user has a privilege on all databases (any global privilege but USAGE)."""
    from aurora_mysql.sql.admin.privileges import accounts_of

    grants = (catalog.grants.get((*account, "", "")) for account in accounts_of(catalog, ctx))
    return any(g is not None and g.privileges - {"USAGE", "PROCESS", "RELOAD", "REPLICATION CLIENT"} for g in grants)


class Visibility:
    """What one user may see. `database(name)`, `table(database, name)`."""

    def __init__(self, catalog: Catalog, ctx: SessionContext) -> None:
        self._everything = sees_everything(catalog, ctx)
        from aurora_mysql.sql.admin.privileges import accounts_of

        accounts = accounts_of(catalog, ctx)
        own = [key for key in catalog.grants if key[:2] in accounts]
        patterns = [k[2] for k in own if k[2] and not k[3] and catalog.grants[k].privileges]
        self._patterns = [
            re.compile(fnmatch.translate(p.replace("\\_", "\0").replace("%", "*").replace("_", "?").replace("\0", "_")))
            for p in patterns
        ]
        self._tables = {(k[2], k[3]) for k in own if k[3]}

    def whole_database(self, name: str) -> bool:
        return self._everything or any(p.match(name) for p in self._patterns)

    def database(self, name: str) -> bool:
        if name in ("information_schema", "performance_schema") or self.whole_database(name):
            return True
        return any(d == name for d, _ in self._tables)

    def table(self, database: str, name: str) -> bool:
        if database in ("information_schema", "performance_schema") or self.whole_database(database):
            return True
        return (database, name) in self._tables


def virtual_relation(database: str, name: str) -> VirtualRelation | None:
    """The relation ``database.name`` (any case), None when there is no such one."""
    from aurora_mysql.sql.show.information_schema import RELATIONS

    found = RELATIONS.get(database.lower())
    return None if found is None else found.get(name.lower())


def virtual_names(database: str) -> Sequence[str]:
    """Names of the relations of a virtual database, as MySQL shows them."""
    from aurora_mysql.sql.show.information_schema import RELATIONS

    names = sorted(RELATIONS.get(database.lower(), {}))
    return [n.upper() for n in names] if database.lower() == "information_schema" else names
