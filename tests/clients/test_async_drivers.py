"""Asyncio drivers: pools, transactions, large results, errors, and stored programs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiomysql
import asyncmy
import pytest

from tests.support.cluster import PASSWORD, Cluster

pytestmark = pytest.mark.client


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    found = Cluster(tmp_path_factory.mktemp("async"), readers=0)
    try:
        found.start()
        found.query("CREATE DATABASE app")
        yield found
        found.assert_clean_logs()
    finally:
        found.close()


async def use(driver: Any, host: str, port: int, table: str) -> None:
    pool = await driver.create_pool(
        host=host, port=port, user="admin", password=PASSWORD, db="app", minsize=1, maxsize=4
    )
    try:
        async with pool.acquire() as connection, connection.cursor() as cursor:
            await cursor.execute(f"CREATE TABLE {table} (id INT PRIMARY KEY, v VARCHAR(20), n DECIMAL(8,2))")
            await cursor.execute(
                f"CREATE FUNCTION double_{table}(x DECIMAL(8,2)) RETURNS DECIMAL(8,2) DETERMINISTIC RETURN x * 2"
            )
            await cursor.execute(
                f"CREATE PROCEDURE both_{table}(a INT) BEGIN SELECT a; SELECT COUNT(*) FROM {table}; END"
            )
            rows = [(n, f"v{n}", Decimal(n)) for n in range(3000)]
            await cursor.executemany(f"INSERT INTO {table} VALUES (%s, %s, %s)", rows)
            await connection.commit()

        async def one(number: int) -> Any:
            async with pool.acquire() as connection, connection.cursor() as cursor:
                await cursor.execute(f"SELECT v, double_{table}(n) FROM {table} WHERE id = %s", (number,))
                return await cursor.fetchone()

        assert await asyncio.gather(*[one(n) for n in range(20)]) == [(f"v{n}", Decimal(2 * n)) for n in range(20)]
        async with pool.acquire() as connection, connection.cursor() as cursor:
            await cursor.execute(f"SELECT * FROM {table} ORDER BY id")
            assert len(await cursor.fetchall()) == 3000
            await cursor.execute(f"CALL both_{table}(7)")
            assert await cursor.fetchall() == ((7,),)
            await cursor.nextset()
            assert await cursor.fetchall() == ((3000,),)
            while await cursor.nextset():
                pass
            with pytest.raises(driver.errors.IntegrityError if driver is asyncmy else driver.IntegrityError) as refused:
                await cursor.execute(f"INSERT INTO {table} VALUES (1, 'again', 0)")
            assert refused.value.args[0] == 1062
            await connection.begin()
            await cursor.execute(f"DELETE FROM {table}")
            await connection.rollback()
            await cursor.execute(f"SELECT COUNT(*) FROM {table}")
            assert await cursor.fetchone() == (3000,)
    finally:
        pool.close()
        await pool.wait_closed()


@pytest.mark.parametrize("driver", [aiomysql, asyncmy], ids=lambda driver: str(driver.__name__))
def test_asyncio_drivers(cluster: Cluster, driver: Any, tmp_path: Path) -> None:
    asyncio.run(use(driver, *cluster.endpoints["cluster"], f"t_{driver.__name__}"))
