"""INSERT, UPDATE and DELETE through views that join, and through views over them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.scripts import Script, run_script

TABLES: Script = [
    ("CREATE TABLE maker (id INT PRIMARY KEY, name VARCHAR(20), rating INT)", 0),
    ("CREATE TABLE item (id INT PRIMARY KEY AUTO_INCREMENT, maker_id INT, name VARCHAR(20), price INT)", 0),
    ("INSERT INTO maker VALUES (1, 'ann', 5), (2, 'bob', 3)", 2),
    ("INSERT INTO item VALUES (10, 1, 'pen', 4), (11, 1, 'ink', 9), (12, 2, 'pad', 7), (13, NULL, 'odd', 1)", (4, 13)),
    (
        "CREATE VIEW v AS SELECT i.id, i.name AS item, i.price, m.name AS maker, m.rating, i.price * 2 AS dear "
        "FROM item i JOIN maker m ON m.id = i.maker_id WHERE i.price < 100",
        0,
    ),
]

SCRIPTS: dict[str, Script] = {
    "one table at a time": [
        ("UPDATE v SET price = price + rating WHERE maker = 'ann'", 2),
        ("SELECT id, price FROM item", [(10, 9), (11, 14), (12, 7), (13, 1)]),
        ("UPDATE v SET rating = rating + 1 WHERE price > 8", 1),
        ("SELECT id, rating FROM maker", [(1, 6), (2, 3)]),
        ("UPDATE v x SET x.item = CONCAT(x.maker, x.id) WHERE x.dear = 14", 1),
        ("SELECT name FROM item WHERE id = 12", [("bob12",)]),
        ("UPDATE v SET price = 1, rating = 1", "1393"),
        ("UPDATE v SET dear = 1", "1348"),
        ("UPDATE v SET nope = 1", "1054"),
        ("UPDATE v SET price = 1 ORDER BY id", "1221"),
        ("UPDATE v SET price = 1 LIMIT 1", "1221"),
        ("UPDATE v SET price = 500 WHERE id = 10", 1),
        ("SELECT id FROM v ORDER BY id", [(11,), (12,)]),
        ("DELETE FROM v", "1395"),
        ("DELETE FROM v WHERE id = 1", "1395"),
    ],
    "an insert names columns of one table": [
        ("INSERT INTO v VALUES (1, 'x', 1, 'y', 1, 1)", "1394"),
        ("INSERT INTO v (item, maker) VALUES ('x', 'y')", "1393"),
        ("INSERT INTO v (dear) VALUES (1)", "1348"),
        ("INSERT INTO v (item, price) VALUES ('cap', 3)", (1, 14)),
        ("SELECT id, maker_id, name, price FROM item WHERE id = 14", [(14, None, "cap", 3)]),
        ("CREATE VIEW l AS SELECT i.name, m.name AS maker FROM item i LEFT JOIN maker m ON m.id = i.maker_id", 0),
        ("INSERT INTO l (name) VALUES ('x')", "1471"),
        ("UPDATE l SET name = 'lonely' WHERE maker IS NULL", 2),
        ("UPDATE l SET maker = 'cid' WHERE name = 'lonely'", 0),
        ("SELECT name FROM item WHERE maker_id IS NULL ORDER BY id", [("lonely",), ("lonely",)]),
        ("SELECT table_name, is_updatable FROM information_schema.views WHERE table_schema = 'd' ORDER BY 1",
         [("l", "YES"), ("v", "YES")]),
    ],
    "views over views that join": [
        ("CREATE VIEW cheap AS SELECT id, item, price, maker FROM v WHERE price < 8", 0),
        ("UPDATE cheap SET price = price + 1", 2),
        ("SELECT id, price FROM item", [(10, 5), (11, 9), (12, 8), (13, 1)]),
        ("CREATE VIEW pairs (a, b, maker) AS SELECT x.item, i.name, x.maker FROM cheap x "
         "JOIN item i ON i.id = x.id + 1", 0),
        ("SELECT * FROM pairs ORDER BY a", [("pen", "ink", "ann")]),
        ("UPDATE pairs SET b = CONCAT(a, b)", 1),
        ("SELECT name FROM item WHERE id = 11", [("penink",)]),
        ("UPDATE pairs SET maker = UPPER(maker)", 1),
        ("SELECT name FROM maker ORDER BY id", [("ANN",), ("bob",)]),
        ("CREATE VIEW summed AS SELECT maker, SUM(price) AS s FROM v GROUP BY maker", 0),
        ("UPDATE summed SET maker = 'x'", "1288"),
        ("CREATE VIEW joined_sum AS SELECT v.id, s.s FROM v JOIN summed s ON s.maker = v.maker", 0),
        ("UPDATE joined_sum SET id = 1", "1288"),
    ],
    "with check option": [
        (
            "CREATE VIEW c AS SELECT i.id, i.maker_id, i.price, m.id AS mid, m.rating FROM item i "
            "JOIN maker m ON m.id = i.maker_id WHERE i.price < m.rating * 3 WITH CHECK OPTION",
            0,
        ),
        ("SELECT id FROM c ORDER BY id", [(10,), (11,), (12,)]),
        ("UPDATE c SET price = 14 WHERE id = 10", 1),
        ("UPDATE c SET price = 15 WHERE id = 10", "1369"),
        ("UPDATE c SET rating = 1 WHERE id = 12", "1369"),
        ("UPDATE c SET rating = 4 WHERE id = 12", 1),
        ("UPDATE c SET maker_id = 2 WHERE id = 11", "1369"),
        ("UPDATE c SET price = price + 1 WHERE id = 10", "1369"),
        ("SELECT id, price FROM item", [(10, 14), (11, 9), (12, 7), (13, 1)]),
        ("INSERT INTO c (maker_id, price) VALUES (1, 1)", "1235"),
        ("CREATE VIEW over_c AS SELECT id, price FROM c WHERE price > 2", 0),
        ("UPDATE over_c SET price = 99 WHERE id = 11", "1369"),
        ("UPDATE over_c SET price = 1 WHERE id = 11", 1),
        ("CREATE VIEW checked AS SELECT id, price FROM v WHERE price > 2 WITH LOCAL CHECK OPTION", 0),
        ("UPDATE checked SET price = 1 WHERE id = 12", "1369"),
        ("UPDATE checked SET price = 200 WHERE id = 12", 1),
        ("CREATE VIEW all_checked AS SELECT id, price FROM v WHERE price > 2 WITH CASCADED CHECK OPTION", 0),
        ("UPDATE all_checked SET price = 200 WHERE id = 10", "1369"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", list(SCRIPTS))
def test_script(tmp_path: Path, name: str) -> None:
    run_script(tmp_path, [*TABLES, *SCRIPTS[name]])
