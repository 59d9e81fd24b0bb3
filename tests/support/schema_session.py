"""An engine over a volume in memory, with the schema and SHOW statements on top."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from aurora_mysql.catalog.model import CatalogDelta, Grant, User
from aurora_mysql.engine.engine import Engine
from aurora_mysql.engine.options import EngineOptions
from aurora_mysql.sql.cluster_view import ReplicaStatus
from aurora_mysql.sql.context import SessionContext
from aurora_mysql.sql.ddl import plan_ddl
from aurora_mysql.sql.functions import bootstrap
from aurora_mysql.sql.plan import PlanContext
from aurora_mysql.sql.processes import ProcessList
from aurora_mysql.sql.show import plan_show
from tests.support.engine_world import MemoryVolume


class Cluster:
    server_id, cluster_id, hostname, port, started_s = "instance-1", "c", "localhost", 3306, 0.0

    def is_writer(self) -> bool:
        return True

    def replica_host_status(self) -> list[ReplicaStatus]:
        return [ReplicaStatus("instance-1", "MASTER_SESSION_ID", 1.0, 0.0, 1_700_000_000_000_000)]

    def status_counters(self) -> dict[str, Any]:
        return {}

    def reset_status(self) -> None:
        return None

    def volume_status(self) -> None:
        return None


class Variables:
    def all(self, scope: str) -> Iterator[tuple[str, Any]]:
        return iter([("autocommit", True), ("version_comment", "Aurora"), ("aurora_version", "3.0.0")])

    def get(self, name: str, ctx: SessionContext) -> Any:
        return dict(self.all("SESSION")).get(name)


class Services:
    def __init__(self, engine: Engine) -> None:
        self.engine, self.cluster, self.processes = engine, Cluster(), ProcessList()
        self.variables, self.status = Variables(), Counter()


class SchemaSession:
    """`run(sql)` gives the rows of a SHOW, None for a schema statement."""

    def __init__(self, engine: Engine, volume: MemoryVolume) -> None:
        self.engine, self.volume = engine, volume
        self.ctx = SessionContext(1, User("admin"), database="d")
        self.services: Any = Services(engine)
        self.headings: list[str] = []

    async def run(self, sql: str) -> list[tuple[Any, ...]] | None:
        self.ctx.warnings.clear() if not sql.startswith("SHOW WARN") else None
        pc = PlanContext(self.engine.catalog, self.ctx.database, self.ctx, self.engine, self.services, sql)
        show = sql.split()[0].upper() in ("SHOW", "DESC", "DESCRIBE", "EXPLAIN")
        plan = (plan_show if show else plan_ddl)(sql, pc)
        result: Any = await plan.run(self.ctx, None, ())
        if not show:
            return None
        self.headings = [c.name for c in result.columns]
        return [tuple(r) for r in result.rows]

    async def rows(self, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """Insert storage rows (hidden key included)."""
        definition = self.engine.catalog.tables["d", table]
        tx = self.engine.begin(self.ctx)
        await tx.lock_table(definition, "X")
        tx.insert_many(definition, rows)
        await tx.commit()

    async def read(self, table: str) -> list[tuple[Any, ...]]:
        definition = self.engine.catalog.tables["d", table]
        tx = self.engine.begin(self.ctx)
        result = await tx.query(f"SELECT * FROM {definition.physical_name} ORDER BY 1", tables=[definition])
        await tx.rollback()
        width = len(definition.columns)
        return [tuple(r[:width]) for r in result.rows]


def with_session(path: Path, work: Any) -> Any:
    """Run ``await work(session)`` on a fresh engine that has the database ``d``."""

    async def main() -> Any:
        options = EngineOptions(memory_limit_bytes=256 << 20)
        engine = await Engine.open(path, instance_id="instance-1", options=options, bootstrap=bootstrap)
        volume = MemoryVolume()
        volume.log = engine.become_writer(volume)
        session = SchemaSession(engine, volume)
        try:
            grant = Grant("admin", "%", "", "", frozenset({"ALL PRIVILEGES"}), True)
            delta = CatalogDelta(users={("admin", "%"): User("admin")}, grants={("admin", "%", "", ""): grant})
            await engine.commit_schema(session.ctx, delta, ())
            await session.run("CREATE DATABASE d")
            return await work(session)
        finally:
            await engine.close()

    return asyncio.run(main())
