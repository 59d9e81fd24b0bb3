"""SET PERSIST: kept by the cluster, on every instance, over a restart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pymysql
import pytest

from tests.support.cluster import Cluster, wait_for

pytestmark = pytest.mark.cluster


def value(connection: Any, name: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT @@GLOBAL.{name}")
        return cursor.fetchone()[0]


def test_a_persisted_variable_is_everywhere_and_stays(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path, readers=1)
    try:
        cluster.start()
        writer = cluster.connect(autocommit=True)
        with writer.cursor() as cursor:
            cursor.execute("SET PERSIST group_concat_max_len = 4321")
            cursor.execute("SET PERSIST_ONLY max_execution_time = 98765")
            cursor.execute("SET PERSIST sql_mode = 'PIPES_AS_CONCAT'")
            cursor.execute("SET GLOBAL lock_wait_timeout = 77")
            with pytest.raises(pymysql.MySQLError) as refused:
                cursor.execute("SET PERSIST version = 'x'")
            assert refused.value.args[0] == 1238
        assert value(writer, "group_concat_max_len") == 4321
        reader = cluster.connect("reader", autocommit=True)
        wait_for(lambda: value(reader, "group_concat_max_len") == 4321, 20, "the reader to know")
        assert value(reader, "lock_wait_timeout") != 77
        writer.close()
        reader.close()
        cluster.stop()
        cluster.start()
        again = cluster.connect(autocommit=True)
        assert value(again, "group_concat_max_len") == 4321 and value(again, "max_execution_time") == 98765
        assert value(again, "lock_wait_timeout") != 77
        with again.cursor() as cursor:
            cursor.execute("SELECT 'a' || 'b', @@group_concat_max_len")
            assert cursor.fetchone() == ("ab", 4321)
            cursor.execute("RESET PERSIST group_concat_max_len")
            cursor.execute("RESET PERSIST IF EXISTS group_concat_max_len")
            with pytest.raises(pymysql.MySQLError) as unknown:
                cursor.execute("RESET PERSIST group_concat_max_len")
            assert unknown.value.args[0] == 3615
        again.close()
    finally:
        cluster.close()
