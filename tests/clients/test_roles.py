"""Roles and privileges on columns and routines, as clients meet them: scripts of (who, statement, answer)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pymysql
import pytest

from tests.support.cluster import PASSWORD, Cluster

pytestmark = pytest.mark.client

#: An answer is the rows, an error's number, or None for success. `NEW` makes the session of a user anew.
NEW = "connect"
Script = list[tuple[str, str, Any]]

SETUP = [
    "CREATE DATABASE shop",
    "CREATE TABLE shop.item (id INT PRIMARY KEY, name VARCHAR(20), price INT, secret INT DEFAULT 7)",
    "CREATE TABLE shop.sale (id INT PRIMARY KEY, item INT)",
    "INSERT INTO shop.item VALUES (1, 'tea', 3, 9), (2, 'milk', 2, 8)",
    "CREATE PROCEDURE shop.total() SQL SECURITY DEFINER SELECT SUM(price) FROM shop.item",
    "CREATE FUNCTION shop.twice(n INT) RETURNS INT DETERMINISTIC RETURN 2 * n",
    "CREATE VIEW shop.priced AS SELECT id, name, price FROM shop.item",
]
USERS = [
    "DROP USER IF EXISTS ann, bob",
    "CREATE USER ann IDENTIFIED BY 'a'",
    "CREATE USER bob IDENTIFIED BY 'b'",
]

SCRIPTS: dict[str, Script] = {
    "a role is active when it is chosen": [
        ("admin", "CREATE ROLE reader, 'writer'@'%'", None),
        ("admin", "CREATE ROLE reader", 1396),
        ("admin", "CREATE ROLE IF NOT EXISTS reader", None),
        ("admin", "GRANT SELECT ON shop.* TO reader", None),
        ("admin", "GRANT INSERT, UPDATE, DELETE ON shop.item TO writer", None),
        ("admin", "GRANT reader, writer TO ann", None),
        ("admin", "GRANT nobody TO ann", 3523),
        ("admin", "GRANT reader TO nobody", 3523),
        ("ann", NEW, None),
        ("ann", "SELECT CURRENT_ROLE()", [("NONE",)]),
        ("ann", "SELECT COUNT(*) FROM shop.item", 1142),
        ("ann", "SET ROLE reader", None),
        ("ann", "SELECT CURRENT_ROLE()", [("`reader`@`%`",)]),
        ("ann", "SELECT COUNT(*) FROM shop.item", [(2,)]),
        ("ann", "SELECT name FROM shop.item WHERE id = 1", [("tea",)]),
        ("ann", "INSERT INTO shop.item VALUES (3, 'x', 1, 1)", 1142),
        ("ann", "SET ROLE ALL EXCEPT reader", None),
        ("ann", "SELECT CURRENT_ROLE()", [("`writer`@`%`",)]),
        ("ann", "SELECT name FROM shop.item WHERE id = 1", 1142),
        ("ann", "INSERT INTO shop.item VALUES (3, 'x', 1, 1)", None),
        ("ann", "SET ROLE ALL", None),
        ("ann", "SELECT CURRENT_ROLE()", [("`reader`@`%`,`writer`@`%`",)]),
        ("ann", "DELETE FROM shop.item WHERE id = 3", None),
        ("ann", "SET ROLE NONE", None),
        ("ann", "SELECT name FROM shop.item WHERE id = 1", 1142),
        ("ann", "SET ROLE other", 3530),
        ("ann", "USE shop", 1044),
        ("ann", "SET ROLE reader", None),
        ("ann", "USE shop", None),
        ("ann", "SHOW TABLES", [("item",), ("priced",), ("sale",)]),
        ("ann", "SHOW GRANTS",
         [("GRANT USAGE ON *.* TO `ann`@`%`",), ("GRANT SELECT ON `shop`.* TO `ann`@`%`",),
          ("GRANT `reader`@`%`,`writer`@`%` TO `ann`@`%`",)]),
        ("ann", "SHOW GRANTS FOR ann USING writer",
         [("GRANT USAGE ON *.* TO `ann`@`%`",), ("GRANT INSERT, UPDATE, DELETE ON `shop`.`item` TO `ann`@`%`",),
          ("GRANT `reader`@`%`,`writer`@`%` TO `ann`@`%`",)]),
        ("admin", "SHOW GRANTS FOR ann",
         [("GRANT USAGE ON *.* TO `ann`@`%`",), ("GRANT `reader`@`%`,`writer`@`%` TO `ann`@`%`",)]),
        ("admin", "SHOW GRANTS FOR ann USING nobody", 3530),
        ("ann", "SELECT ROLE_NAME, IS_DEFAULT FROM information_schema.ENABLED_ROLES", [("reader", "NO")]),
        ("ann", "SELECT GRANTEE, ROLE_NAME FROM information_schema.APPLICABLE_ROLES ORDER BY 2",
         [("ann", "reader"), ("ann", "writer")]),
        ("admin", "REVOKE reader FROM ann", None),
        ("ann", "SELECT name FROM shop.item WHERE id = 1", 1142),
        ("ann", "SELECT CURRENT_ROLE()", [("NONE",)]),
        ("admin", "DROP ROLE reader, writer", None),
        ("admin", "DROP ROLE reader", 1396),
        ("admin", "SHOW GRANTS FOR ann", [("GRANT USAGE ON *.* TO `ann`@`%`",)]),
    ],
    "default roles are active after a login": [
        ("admin", "CREATE ROLE reader, writer", None),
        ("admin", "GRANT SELECT ON shop.* TO reader", None),
        ("admin", "GRANT reader, writer TO ann", None),
        ("admin", "SET DEFAULT ROLE other TO ann", 3530),
        ("admin", "SET DEFAULT ROLE reader TO ann", None),
        ("admin", "SELECT USER, DEFAULT_ROLE_USER FROM mysql.default_roles", [("ann", "reader")]),
        ("admin", "SELECT FROM_USER, TO_USER, WITH_ADMIN_OPTION FROM mysql.role_edges ORDER BY 1",
         [("reader", "ann", "N"), ("writer", "ann", "N")]),
        ("ann", NEW, None),
        ("ann", "SELECT CURRENT_ROLE()", [("`reader`@`%`",)]),
        ("ann", "SELECT COUNT(*) FROM shop.sale", [(0,)]),
        ("ann", "SET ROLE NONE", None),
        ("ann", "SET ROLE DEFAULT", None),
        ("ann", "SELECT CURRENT_ROLE()", [("`reader`@`%`",)]),
        ("ann", "SET DEFAULT ROLE ALL TO ann", None),
        ("ann", NEW, None),
        ("ann", "SELECT CURRENT_ROLE()", [("`reader`@`%`,`writer`@`%`",)]),
        ("ann", "SET DEFAULT ROLE NONE TO bob", 1227),
        ("admin", "ALTER USER ann DEFAULT ROLE NONE", None),
        ("ann", NEW, None),
        ("ann", "SELECT CURRENT_ROLE()", [("NONE",)]),
        ("admin", "SET GLOBAL activate_all_roles_on_login = ON", None),
        ("ann", NEW, None),
        ("ann", "SELECT CURRENT_ROLE()", [("`reader`@`%`,`writer`@`%`",)]),
        ("admin", "SET GLOBAL activate_all_roles_on_login = OFF", None),
        ("admin", "CREATE USER eve IDENTIFIED BY 'e' DEFAULT ROLE reader", None),
        ("eve", NEW, None),
        ("eve", "SELECT COUNT(*) FROM shop.sale", [(0,)]),
        ("admin", "RENAME USER reader TO looker", None),
        ("eve", NEW, None),
        ("eve", "SELECT CURRENT_ROLE()", [("`looker`@`%`",)]),
        ("eve", "SELECT COUNT(*) FROM shop.sale", [(0,)]),
        ("admin", "DROP USER eve", None),
        ("admin", "DROP ROLE looker, writer", None),
    ],
    "roles of roles, mandatory roles, the ADMIN option": [
        ("admin", "CREATE ROLE inner_role, outer_role", None),
        ("admin", "GRANT SELECT ON shop.sale TO inner_role", None),
        ("admin", "GRANT inner_role TO outer_role", None),
        ("admin", "GRANT outer_role TO inner_role", 4027),
        ("admin", "GRANT outer_role TO outer_role", 4027),
        ("admin", "GRANT outer_role TO ann WITH ADMIN OPTION", None),
        ("ann", NEW, None),
        ("ann", "SET ROLE outer_role", None),
        ("ann", "SELECT COUNT(*) FROM shop.sale", [(0,)]),
        ("ann", "SET ROLE inner_role", 3530),
        ("ann", "GRANT outer_role TO bob", None),
        ("ann", "GRANT inner_role TO bob", 1227),
        ("ann", "SHOW GRANTS FOR ann",
         [("GRANT USAGE ON *.* TO `ann`@`%`",), ("GRANT SELECT ON `shop`.`sale` TO `ann`@`%`",),
          ("GRANT `outer_role`@`%` TO `ann`@`%` WITH ADMIN OPTION",)]),
        ("ann", "SELECT ROLE_NAME, IS_GRANTABLE FROM information_schema.ADMINISTRABLE_ROLE_AUTHORIZATIONS",
         [("outer_role", "YES")]),
        ("bob", NEW, None),
        ("bob", "SET ROLE outer_role", None),
        ("bob", "GRANT outer_role TO ann", 1227),
        ("bob", "SELECT GRANTEE, ROLE_NAME FROM information_schema.APPLICABLE_ROLES",
         [("bob", "outer_role"), ("outer_role", "inner_role")]),
        ("bob", "SELECT TABLE_NAME, PRIVILEGE_TYPE FROM information_schema.ROLE_TABLE_GRANTS", [("sale", "Select")]),
        ("ann", "REVOKE outer_role FROM bob", None),
        ("admin", "SET GLOBAL mandatory_roles = 'inner_role, `x`@`h`'", None),
        ("bob", "SET ROLE inner_role", None),
        ("bob", "SELECT COUNT(*) FROM shop.sale", [(0,)]),
        ("bob", "SHOW GRANTS FOR bob",
         [("GRANT USAGE ON *.* TO `bob`@`%`",), ("GRANT SELECT ON `shop`.`sale` TO `bob`@`%`",),
          ("GRANT `inner_role`@`%` TO `bob`@`%`",)]),
        ("admin", "DROP ROLE inner_role", 3628),
        ("admin", "REVOKE inner_role FROM outer_role", 3628),
        ("admin", "SET GLOBAL mandatory_roles = ''", None),
        ("admin", "DROP ROLE inner_role, outer_role", None),
        ("bob", "CREATE ROLE mine", 1227),
        ("bob", "DROP ROLE mine", 1227),
        ("admin", "GRANT CREATE ROLE ON *.* TO bob", None),
        ("bob", "CREATE ROLE mine", None),
        ("bob", "DROP ROLE mine", 1227),
        ("admin", "REVOKE CREATE ROLE ON *.* FROM bob", None),
        ("admin", "DROP ROLE mine", None),
    ],
    "privileges on columns": [
        ("admin", "GRANT SELECT (id, name), INSERT (id, name), UPDATE (name) ON shop.item TO ann", None),
        ("admin", "GRANT SELECT (nope) ON shop.item TO ann", 1054),
        ("admin", "GRANT DELETE (id) ON shop.item TO ann", 1221),
        ("admin", "GRANT SELECT (id) ON shop.* TO ann", 1221),
        ("ann", NEW, None),
        ("ann", "SELECT name FROM shop.item WHERE id = 1", [("tea",)]),
        ("ann", "SELECT COUNT(*) FROM shop.item", [(2,)]),
        ("ann", "SELECT UPPER(name) FROM shop.item ORDER BY id", [("TEA",), ("MILK",)]),
        ("ann", "SELECT * FROM shop.item", 1143),
        ("ann", "SELECT * FROM shop.item WHERE id = 1", 1143),
        ("ann", "SELECT secret FROM shop.item WHERE id = 1", 1143),
        ("ann", "SELECT name FROM shop.item WHERE secret = 9", 1143),
        ("ann", "SELECT name FROM shop.item ORDER BY price", 1143),
        ("ann", "SELECT a.name FROM shop.item a JOIN shop.item b USING (secret)", 1143),
        ("ann", "SELECT name FROM (SELECT name, price FROM shop.item) t", 1143),
        ("ann", "INSERT INTO shop.item (id, name) VALUES (5, 'new')", None),
        ("ann", "INSERT INTO shop.item (id, name, price) VALUES (6, 'new', 1)", 1143),
        ("ann", "INSERT INTO shop.item VALUES (6, 'new', 1, 1)", 1143),
        ("ann", "UPDATE shop.item SET name = 'old' WHERE id = 5", None),
        ("ann", "UPDATE shop.item SET price = 1 WHERE id = 5", 1143),
        ("ann", "DELETE FROM shop.item WHERE id = 5", 1142),
        ("ann", "SHOW GRANTS",
         [("GRANT USAGE ON *.* TO `ann`@`%`",),
          ("GRANT SELECT (`id`, `name`), INSERT (`id`, `name`), UPDATE (`name`) ON `shop`.`item` TO `ann`@`%`",)]),
        ("admin", "SELECT COLUMN_NAME, PRIVILEGE_TYPE FROM information_schema.COLUMN_PRIVILEGES ORDER BY 1, 2",
         [("id", "INSERT"), ("id", "SELECT"), ("name", "INSERT"), ("name", "SELECT"), ("name", "UPDATE")]),
        ("admin", "SELECT Column_name, Column_priv FROM mysql.columns_priv ORDER BY 1",
         [("id", "Insert,Select"), ("name", "Insert,Select,Update")]),
        ("admin", "GRANT SELECT (price) ON shop.priced TO ann", None),
        ("ann", "SELECT price FROM shop.priced LIMIT 1", [(3,)]),
        ("ann", "SELECT name FROM shop.priced", 1143),
        ("admin", "REVOKE SELECT (name) ON shop.item FROM ann", None),
        ("ann", "SELECT name FROM shop.item WHERE id = 1", 1143),
        ("ann", "SELECT id FROM shop.item WHERE id = 1", [(1,)]),
        ("admin", "REVOKE ALL ON shop.item FROM ann", None),
        ("ann", "SELECT id FROM shop.item WHERE id = 1", 1142),
        ("admin", "REVOKE SELECT ON shop.item FROM ann", 1147),
        ("admin", "REVOKE IF EXISTS SELECT ON shop.item FROM ann", None),
        ("admin", "REVOKE ALL PRIVILEGES, GRANT OPTION FROM ann", None),
        ("admin", "DELETE FROM shop.item WHERE id > 2", None),
    ],
    "what a write reads": [
        ("admin", "GRANT UPDATE, DELETE ON shop.item TO ann", None),
        ("admin", "INSERT INTO shop.item (id, name, price) VALUES (7, 'x', 1), (8, 'y', 2), (9, 'z', 3)", None),
        ("ann", NEW, None),
        ("ann", "UPDATE shop.item SET name = 'n' LIMIT 0", None),
        ("ann", "UPDATE shop.item SET name = 'n' WHERE id = 7", 1143),
        ("ann", "UPDATE shop.item SET name = 'n' WHERE price > 2", 1143),
        ("ann", "UPDATE shop.item SET price = price + 1", 1143),
        ("ann", "UPDATE shop.item SET name = 'n' ORDER BY id LIMIT 1", 1143),
        ("ann", "UPDATE shop.item SET name = (SELECT MAX(id) FROM shop.sale) LIMIT 0", 1142),
        ("ann", "DELETE FROM shop.item WHERE id = 8", 1143),
        ("ann", "DELETE FROM shop.item WHERE name LIKE 'y%'", 1143),
        ("ann", "DELETE FROM shop.item ORDER BY price LIMIT 1", 1143),
        ("ann", "INSERT INTO shop.item (id, name) VALUES (7, 'q')", 1142),
        ("admin", "GRANT SELECT (id) ON shop.item TO ann", None),
        ("ann", "UPDATE shop.item SET name = 'n' WHERE id = 7", None),
        ("ann", "UPDATE shop.item SET price = price + 1 WHERE id = 7", 1143),
        ("ann", "DELETE FROM shop.item WHERE id = 8", None),
        ("ann", "DELETE FROM shop.item WHERE id = 8 AND price = 2", 1143),
        ("ann", "UPDATE shop.item a JOIN shop.sale b ON a.id = b.id SET a.name = 'n'", 1142),
        ("admin", "GRANT SELECT ON shop.sale TO ann", None),
        ("ann", "UPDATE shop.item a JOIN shop.sale b ON a.id = b.id SET a.name = 'n'", None),
        ("admin", "REVOKE SELECT ON shop.sale FROM ann", None),
        ("admin", "GRANT SELECT, INSERT ON shop.item TO ann", None),
        ("ann", "UPDATE shop.item SET price = price + 1 WHERE id = 7", None),
        ("admin", "REVOKE SELECT ON shop.item FROM ann", None),
        ("ann", "INSERT INTO shop.item (id, price) VALUES (7, 1) ON DUPLICATE KEY UPDATE price = VALUES(price)", None),
        ("ann", "INSERT INTO shop.item (id, price) VALUES (7, 1) ON DUPLICATE KEY UPDATE price = price + 1", 1143),
        ("admin", "CREATE VIEW shop.cheap AS SELECT id AS number, name, price FROM shop.item WHERE price < 5", None),
        ("admin", "GRANT UPDATE, DELETE ON shop.cheap TO ann", None),
        ("ann", "UPDATE shop.cheap SET name = 'v' LIMIT 0", None),
        ("ann", "UPDATE shop.cheap SET name = 'v' WHERE number = 9", 1143),
        ("admin", "GRANT SELECT (number) ON shop.cheap TO ann", None),
        ("ann", "UPDATE shop.cheap SET name = 'v' WHERE number = 9", None),
        ("ann", "DELETE FROM shop.cheap WHERE number = 9", None),
        ("admin", "DROP VIEW shop.cheap", None),
        ("admin", "REVOKE ALL PRIVILEGES, GRANT OPTION FROM ann", None),
        ("admin", "DELETE FROM shop.item WHERE id > 2", None),
    ],
    "privileges on routines": [
        ("ann", NEW, None),
        ("ann", "CALL shop.total()", 1370),
        ("ann", "SELECT shop.twice(2)", 1370),
        ("admin", "GRANT EXECUTE ON PROCEDURE shop.total TO ann", None),
        ("admin", "GRANT EXECUTE ON FUNCTION shop.nope TO ann", 1305),
        ("admin", "GRANT SELECT ON FUNCTION shop.twice TO ann", 1144),
        ("ann", "CALL shop.total()", [(5,)]),
        ("ann", "SELECT shop.twice(2)", 1370),
        ("admin", "GRANT EXECUTE, ALTER ROUTINE ON FUNCTION shop.twice TO ann", None),
        ("ann", "SELECT shop.twice(2)", [(4,)]),
        ("ann", "SHOW GRANTS",
         [("GRANT USAGE ON *.* TO `ann`@`%`",),
          ("GRANT EXECUTE, ALTER ROUTINE ON FUNCTION `shop`.`twice` TO `ann`@`%`",),
          ("GRANT EXECUTE ON PROCEDURE `shop`.`total` TO `ann`@`%`",)]),
        ("admin", "SELECT Routine_name, Proc_priv FROM mysql.procs_priv ORDER BY 1",
         [("total", "Execute"), ("twice", "Alter Routine,Execute")]),
        ("ann", "DROP PROCEDURE shop.total", 1370),
        ("ann", "DROP FUNCTION shop.twice", None),
        ("admin", "GRANT CREATE ROUTINE ON shop.* TO ann", None),
        ("ann", "CREATE FUNCTION shop.mine() RETURNS INT DETERMINISTIC RETURN 1", None),
        ("ann", "SELECT shop.mine()", [(1,)]),
        ("ann", "DROP FUNCTION shop.mine", None),
        ("admin", "REVOKE EXECUTE ON PROCEDURE shop.total FROM ann", None),
        ("admin", "REVOKE EXECUTE ON PROCEDURE shop.total FROM ann", 1403),
        ("ann", "CALL shop.total()", 1370),
        ("admin", "CREATE FUNCTION shop.twice(n INT) RETURNS INT DETERMINISTIC RETURN 2 * n", None),
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    found = Cluster(tmp_path_factory.mktemp("roles"), readers=0)
    try:
        found.start()
        for sql in SETUP:
            found.query(sql)
        yield found
        found.assert_clean_logs()
    finally:
        found.close()


@pytest.mark.parametrize("name", list(SCRIPTS))
def test_script(cluster: Cluster, name: str) -> None:
    host, port = cluster.endpoints["cluster"]
    sessions: dict[str, Any] = {}
    for sql in USERS:
        cluster.query(sql)

    def connect(who: str) -> Any:
        password = PASSWORD if who == "admin" else who[0]
        return pymysql.connect(host=host, port=port, user=who, password=password, autocommit=True)

    try:
        for who, sql, expected in SCRIPTS[name]:
            if who not in sessions or sql == NEW:
                if who in sessions:
                    sessions[who].close()
                sessions[who] = connect(who)
            # Twice: the second time a statement may take a shorter way.
            for _ in range(2 if isinstance(expected, list) else 1):
                found = expected if sql == NEW else _answer(sessions[who], sql)
                if expected is None:
                    assert not isinstance(found, int), (who, sql, found)
                else:
                    assert found == expected, (who, sql, found)
    finally:
        for session in sessions.values():
            session.close()


def _answer(session: Any, sql: str) -> Any:
    with session.cursor() as cursor:
        try:
            cursor.execute(sql)
        except pymysql.MySQLError as error:
            return error.args[0]
        return list(cursor.fetchall()) if cursor.description else None
