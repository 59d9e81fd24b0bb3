"""The plan of a schema statement: parsed once, checked and carried out at run time against the catalog in force."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from aurora_mysql.catalog.model import CatalogDelta, Database, Table, View
from aurora_mysql.catalog.zero_date import DateRules
from aurora_mysql.engine.engine import Engine
from aurora_mysql.engine.transaction import Transaction
from aurora_mysql.errors import mysql_error
from aurora_mysql.redo.record import TableChange
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.instance_services import InstanceServices
from aurora_mysql.sql.plan import PlanContext
from aurora_mysql.sql.result import Ok, Result, ResultColumn, Value

SYSTEM_SCHEMAS = {"information_schema", "mysql", "performance_schema", "sys"}


@dataclass
class Run:
    """What a statement has while it runs."""

    ctx: SessionContext
    engine: Engine
    services: InstanceServices
    database: str

    def schema_of(self, name: str) -> str:
        """`name`, or the current database (1046 when there is none)."""
        if not name and not self.database:
            raise mysql_error(1046)
        return name or self.database

    def writable_schema(self, name: str) -> Database:
        """The database that a table is to be made or changed in; 1049, and 1044 or 3552 for the system's own."""
        found = self.schema_of(name)
        if found.lower() == "information_schema":
            raise mysql_error(1044, self.ctx.user.user, self.ctx.user.host, "information_schema")
        if found.lower() in SYSTEM_SCHEMAS:
            raise mysql_error(3552, found.lower())
        database = self.engine.catalog.databases.get(found)
        if database is None:
            raise mysql_error(1049, found)
        return database

    def table(self, database: str, name: str) -> Table:
        """The base table; 1046, 1049, 1146, and 1347 for a view."""
        schema = self.writable_schema(database).name
        found = self.engine.catalog.table(schema, name)
        if found is None:
            if (schema, name) in self.engine.catalog.views:
                raise mysql_error(1347, schema, name, "BASE TABLE")
            raise mysql_error(1146, schema, name)
        return found

    def view(self, database: str, name: str) -> View | None:
        return self.engine.catalog.views.get((self.schema_of(database), name))

    @property
    def foreign_key_checks(self) -> bool:
        value = self.ctx.variables.get("foreign_key_checks", 1)
        return str(value).upper() not in ("0", "OFF", "FALSE")

    @property
    def strict(self) -> bool:
        mode = self.ctx.variables.get("sql_mode")
        return mode is None or "STRICT_" in str(mode).upper() or "TRADITIONAL" in str(mode).upper()

    @property
    def dates(self) -> DateRules:
        """The zero dates that sql_mode allows."""
        return DateRules.of_mode(self.ctx.variables.get("sql_mode"))

    async def commit(
        self,
        delta: CatalogDelta,
        statements: Sequence[str] = (),
        lock: Sequence[Table] = (),
        changes: Sequence[TableChange] = (),
    ) -> None:
        await self.engine.commit_schema(self.ctx, delta, statements, lock=lock, changes=changes)


Action = Callable[[Run], Awaitable[Result]]


class DdlPlan:
    """See :class:`aurora_mysql.sql.plan.Plan`."""

    columns: list[ResultColumn] | None = None
    writes = True
    is_ddl = True
    needs_transaction = False
    cacheable = False

    def __init__(self, pc: PlanContext, action: Action, *, commits: bool = True) -> None:
        """`commits` False: it changes the session only, on a reader as well, and leaves its transaction open."""
        self.is_ddl = self.writes = commits
        self._engine, self._services, self._database = pc.engine, pc.services, pc.database
        self._action = action

    async def run(self, ctx: SessionContext, tx: Transaction | None, params: Sequence[Value]) -> Result:
        return await self._action(Run(ctx, self._engine, self._services, self._database))


async def note(run: Run, errno: int, *args: object) -> Ok:
    """An OK with a note instead of the error `errno`."""
    run.ctx.warn("Note", errno, mysql_error(errno, *args).message)
    return Ok(warnings=1)
