"""Record what a MariaDB server answers: ``python -m tests.golden.select.record HOST PORT``.

Statements in mysql8.json (where MySQL 8.0 and MariaDB differ) keep their hand-made answers.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pymysql

from tests.golden.select.data import ROWS, TABLES

HERE = Path(__file__).parent


def record(host: str, port: int) -> dict[str, Any]:
    connection = pymysql.connect(host=host, port=port, user="root", charset="utf8mb4", autocommit=True)
    answers: dict[str, Any] = {}
    with connection.cursor() as cursor:
        cursor.execute("DROP DATABASE IF EXISTS d")
        cursor.execute("CREATE DATABASE d")
        cursor.execute("USE d")
        cursor.execute("SET time_zone = '+00:00', character_set_connection = utf8mb4")
        for name, definition in TABLES.items():
            cursor.execute(definition)
            rows = ROWS[name]
            cursor.executemany(f"INSERT INTO {name} VALUES ({', '.join(['%s'] * len(rows[0]))})", rows)
    connection.decoders = {}
    for sql in (HERE / "statements.sql").read_text().splitlines():
        with connection.cursor() as cursor:
            try:
                cursor.execute(sql)
                answers[sql] = [[_text(v) for v in row] for row in cursor.fetchall()]
            except pymysql.MySQLError as error:
                answers[sql] = error.args[0]
    connection.close()
    return answers


def _text(value: Any) -> str | None:
    return value.decode("latin-1") if isinstance(value, bytes) else value


if __name__ == "__main__":
    lines = [json.dumps([k, v], ensure_ascii=False) for k, v in record(sys.argv[1], int(sys.argv[2])).items()]
    (HERE / "expected.jsonl").write_text("\n".join(lines) + "\n")
