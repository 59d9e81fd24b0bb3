"""EXPLAIN of queries: which key finds the rows, and DuckDB's plan as MySQL would tell it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from aurora_mysql.sql.admin.variables import SystemVariables
from aurora_mysql.sql.executor import Executor
from aurora_mysql.sql.query.explain_tree import Known, plan_tree
from tests.support.engine_world import until
from tests.support.schema_session import SchemaSession, with_session
from tests.support.scripts import answer

#: query -> (table, type, possible_keys, key, ref, rows) of each line
LINES: dict[str, list[tuple[Any, ...]]] = {
    "SELECT * FROM c WHERE email = 'a@x'": [("c", "const", "email", "email", "const", 1)],
    "SELECT * FROM o WHERE cid = 2": [("o", "ref", "cid", "cid", "const", 2)],
    "SELECT * FROM o WHERE 2 = cid AND total > 5": [("o", "ref", "cid", "cid", "const", 2)],
    "SELECT * FROM o WHERE id BETWEEN 2 AND 4": [("o", "range", "PRIMARY", "PRIMARY", None, 2)],
    "SELECT * FROM o WHERE cid IN (1, 2)": [("o", "range", "cid", "cid", None, 2)],
    "SELECT * FROM o WHERE id NOT IN (1, 2)": [("o", "ALL", None, None, None, 6)],
    "SELECT * FROM o WHERE total = 3": [("o", "ALL", None, None, None, 6)],
    "SELECT * FROM c JOIN o ON o.cid = c.id": [
        ("c", "eq_ref", "PRIMARY", "PRIMARY", None, 1),
        ("o", "ALL", "cid", None, None, 6),
    ],
}

TREES = {
    "SELECT * FROM o WHERE cid = 2": [
        "-> Sort: id ASC",
        "    -> Filter: (cid = 2)",
        "        -> Index lookup on o using cid",
    ],
    "SELECT * FROM o WHERE id > 2": [
        "-> Sort: id ASC",
        "    -> Filter: (id > 2)",
        "        -> Index range scan on o using PRIMARY",
    ],
    "SELECT email, COUNT(*) n FROM c JOIN o ON o.cid = c.id GROUP BY email HAVING n > 1 ORDER BY 2 DESC LIMIT 2": [
        "-> Limit: 2 row(s)",
        "    -> Sort: n DESC",
        "        -> Filter: (count(*) > 1)",
        "            -> Group aggregate: count(*) by email",
        "                -> Inner hash join (cid = id)",
        "                    -> Table scan on o",
        "                    -> Table scan on c",
    ],
    "SELECT COUNT(*), MAX(total) FROM o": ["-> Aggregate: count(*), max(total)", "    -> Table scan on o"],
    "SELECT 1": ["-> Rows fetched before execution"],
}  # fmt: skip


def test_explain_of_reads(tmp_path: Path) -> None:
    async def work(session: SchemaSession) -> None:
        session.services.variables = SystemVariables(session.services.cluster, session.engine, {})
        executor = Executor(session.services)
        for sql in (
            "CREATE TABLE c (id INT PRIMARY KEY, email VARCHAR(50) UNIQUE, name TEXT)",
            "CREATE TABLE o (id INT PRIMARY KEY, cid INT, total DECIMAL(8,2), KEY (cid))",
            "INSERT INTO c VALUES (1, 'a@x', 'A'), (2, 'b@x', 'B'), (3, 'c@x', 'C')",
            "INSERT INTO o VALUES (1, 1, 5), (2, 2, 5), (3, 3, 5), (4, 1, 5), (5, 2, 5), (6, 3, 5)",
        ):
            await answer(executor, session, sql)
        await until(lambda: session.engine.applied_lsn == session.engine.visible_lsn)
        for sql, lines in LINES.items():
            found = await answer(executor, session, f"EXPLAIN {sql}")
            assert [(r[2], r[4], r[5], r[6], r[8], r[9]) for r in found] == lines, sql
        for sql, expected in TREES.items():
            ((tree,),) = await answer(executor, session, f"EXPLAIN FORMAT=TREE {sql}")
            assert re.sub(r"  \(rows=\d+\)", "", tree).splitlines() == expected, sql
            ((measured,),) = await answer(executor, session, f"EXPLAIN ANALYZE {sql}")
            assert measured.count("->") == len(expected)
        ((tree,),) = await answer(executor, session, "EXPLAIN ANALYZE SELECT * FROM o WHERE total > 3")
        assert re.search(r"\(actual time=[\d.]+ rows=6 loops=1\)", tree)
        ((document,),) = await answer(executor, session, "EXPLAIN FORMAT=JSON SELECT * FROM o WHERE cid = 2")
        plan = json.loads(document)
        assert plan["query_block"]["table"]["access_type"] == "ref"
        assert '"Table": "o"' in document

    with_session(tmp_path, work)


@pytest.mark.parametrize(
    ("expression", "columns", "text"),
    [
        ("(__internal_decompress_string(#1) > 3)", ["a", "b"], "(b > 3)"),
        ("(lower(strip_accents(name)) = 'x')", [], "(name = 'x')"),
        ("(lower(name) = 'x')", [], "(lower(name) = 'x')"),
        ("(#7 > count_star())", ["a"], "(#7 > count(*))"),
        ("__internal_decompress_string(", [], "__internal_decompress_string("),
    ],
)
def test_an_expression_is_told_as_the_client_wrote_it(expression: str, columns: list[str], text: str) -> None:
    below = {"name": "SEQ_SCAN", "extra_info": {"Table": "vol.main.t1", "Projections": columns}}
    plan = [{"name": "FILTER", "extra_info": {"Expression": expression}, "children": [below]}]
    assert plan_tree(json.dumps(plan), Known({"t1": "c"})) == f"-> Filter: {text}\n    -> Table scan on c"
