"""Views in queries."""

from __future__ import annotations

from pathlib import Path

import pytest

from aurora_mysql.errors import MySQLError
from tests.support.query_session import QuerySession
from tests.support.schema_session import SchemaSession, with_session

pytest.importorskip("aurora_mysql.sql.parse")


def test_views_are_opened_and_report_what_is_gone(tmp_path: Path) -> None:
    async def work(schema: SchemaSession) -> None:
        await schema.run("CREATE TABLE t (id INT PRIMARY KEY, a VARCHAR(20))")
        await schema.rows("t", [(1, "Ann"), (2, "bob")])
        await schema.run("CREATE VIEW v AS SELECT id, upper(a) FROM t WHERE id < 9")
        await schema.run("CREATE VIEW w (x, y) AS SELECT v.id, count(*) FROM v GROUP BY v.id")
        q = QuerySession(schema)
        assert await q.select("SELECT * FROM v ORDER BY id") == [(1, "ANN"), (2, "BOB")]
        assert [c.name for c in q.columns] == ["id", "upper(a)"]
        assert await q.select("SELECT y, w.x FROM w WHERE x = 2") == [(1, 2)]
        await schema.run("DROP TABLE t")
        with pytest.raises(MySQLError) as caught:
            await q.select("SELECT * FROM w")
        assert caught.value.errno == 1356

    with_session(tmp_path, work)
